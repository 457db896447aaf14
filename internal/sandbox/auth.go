package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tolerance is how far a signed date may be from this clock.
const tolerance = 5 * time.Minute

// issue makes a token: a JWT that names the user pool. Nobody checks its signature, which only the real API could make:
// a token is good because it was issued.
func (s *Server) issue() string {
	now := time.Now()
	until := now.Add(s.cfg.TokenLifetime)
	s.issued++
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	claims := map[string]any{
		"scoped_userpool_id": s.cfg.UserPool, "iat": now.Unix(), "exp": until.Unix(), "jti": s.issued}
	if s.cfg.Faults.Quirks["no-claim"] {
		delete(claims, "scoped_userpool_id")
	} else if s.cfg.Faults.Quirks["other-pool"] && s.issued > 1 {
		claims["scoped_userpool_id"] = "74b0d1c2e3f4051627384950"
	}
	token := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(claims) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "signature-%022d", s.issued))
	s.tokens[token] = until
	return token
}

// check gives what a call is answered that is not authorized; nil: it is.
func (s *Server) check(q *request) *answer {
	if q.name == "get-management-token" {
		return nil
	}
	scheme, rest, more := strings.Cut(q.Header.Get("Authorization"), " ")
	switch {
	case !more && scheme != "": // as the vendor's Java SDK has it
		return s.checkToken(q, scheme)
	case scheme == "Bearer":
		return s.checkToken(q, rest)
	case scheme == "authing":
		return s.checkSignature(q, "x-authing-", rest)
	case scheme == "GenAuth":
		return s.checkSignature(q, "x-genauth-", rest)
	}
	return refuse(401, 2020, "no authorization")
}

func (s *Server) checkToken(q *request, token string) *answer {
	if !time.Now().Before(s.tokens[token]) {
		no := refuse(401, 2020, "the token is not valid or has expired")
		if s.refused++; s.cfg.Faults.Quirks["code-2020"] {
			no.status = []int{200, 403, 404, 500}[s.refused%4]
		}
		return no
	}
	for _, name := range []string{"x-authing-userpool-id", "x-genauth-userpool-id"} {
		if q.Header.Get(name) == s.cfg.UserPool {
			return nil
		}
	}
	return refuse(403, 2224, "there is no such user pool")
}

// checkSignature follows docs/genauth-api.md, "Authorization, two ways".
func (s *Server) checkSignature(q *request, prefix, credentials string) *answer {
	h := q.Header
	date := h.Get("Date")
	at, err := http.ParseTime(date)
	switch {
	case h.Get(prefix+"signature-method") != "HMAC-SHA1":
		return refuse(403, 1301, "the signature method must be HMAC-SHA1")
	case h.Get(prefix+"signature-version") != "1.0":
		return refuse(403, 1302, "the signature version must be 1.0")
	case date == "":
		return refuse(403, 1304, "there is no date")
	case err != nil:
		return refuse(403, 1303, "the date must be an HTTP date")
	case h.Get(prefix+"userpool-id") != "" && h.Get(prefix+"userpool-id") != s.cfg.UserPool:
		return refuse(403, 2224, "there is no such user pool")
	case time.Since(at).Abs() > tolerance:
		return refuse(403, 1305, "the date differs too much from this server's")
	}
	text, err := stringToSign(q, prefix)
	if err != nil {
		return refuse(403, 1300, err.Error())
	}
	mac := hmac.New(sha1.New, []byte(s.cfg.AccessKeySecret))
	mac.Write([]byte(text))
	want := s.cfg.AccessKeyID + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(want), []byte(credentials)) {
		return refuse(403, 1300, "the signature is wrong")
	}
	nonce := h.Get(prefix + "signature-nonce")
	if nonce == "" || s.nonces[nonce] {
		return refuse(403, 1306, "the nonce has been used")
	}
	s.nonces[nonce] = true
	return nil
}

// stringToSign rebuilds the text from what was parsed, as the server does.
func stringToSign(q *request, prefix string) (string, error) {
	lines := []string{q.Method}
	var signed []string
	for name := range q.Header {
		if lower := strings.ToLower(name); lower == "date" || strings.HasPrefix(lower, prefix) {
			value := strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(q.Header.Get(name))
			signed = append(signed, lower+":"+strings.TrimSpace(value))
		}
	}
	slices.Sort(signed)
	fields, err := q.fields()
	if err != nil {
		return "", err
	}
	target := q.URL.Path
	if len(fields) > 0 {
		slices.Sort(fields)
		target += "?" + strings.Join(fields, "&")
	}
	return strings.Join(append(append(lines, signed...), target), "\n"), nil
}

// fields gives name=value for each top-level parameter: strings as they are, anything else as JSON.stringify has it.
func (q *request) fields() (fields []string, err error) {
	if q.Method == http.MethodGet {
		for name, value := range q.query {
			fields = append(fields, name+"="+text(value))
		}
		return fields, nil
	}
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.UseNumber()
	var body object
	if json.Valid(q.body) {
		body, _ = ordered(d).(object)
	}
	if body == nil {
		return nil, errors.New("the body is no JSON object")
	}
	for _, m := range body {
		fields = append(fields, m.name+"="+text(m.value))
	}
	return fields, nil
}
