package sandbox

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far a signed date may be from this clock.
const tolerance = 5 * time.Minute

// auth knows which tokens are good and which nonces have been used. The server's lock guards it.
type auth struct {
	tokens          map[string]time.Time // until when
	nonces          map[string]bool
	issued, refused int
}

// issue makes a token: a JWT that names the user pool. Nobody checks its signature, which only the real API could make:
// a token is good because it was issued.
func (a *auth) issue(cfg Config) string {
	now := time.Now()
	until := now.Add(cfg.TokenLifetime)
	a.issued++
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	claims := map[string]any{
		"scoped_userpool_id": cfg.UserPool, "iat": now.Unix(), "exp": until.Unix(), "jti": a.issued}
	if cfg.Faults.Quirks["no-claim"] {
		delete(claims, "scoped_userpool_id")
	} else if cfg.Faults.Quirks["other-pool"] && a.issued > 1 {
		claims["scoped_userpool_id"] = "74b0d1c2e3f4051627384950"
	}
	token := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(claims) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "signature-%022d", a.issued))
	a.tokens[token] = until
	return token
}

// check gives what a call is answered that is not authorized; nil: it is.
func (a *auth) check(q *request, cfg Config) *answer {
	if q.name == "get-management-token" {
		return nil
	}
	scheme, rest, more := strings.Cut(q.Header.Get("Authorization"), " ")
	switch {
	case !more && scheme != "": // as the vendor's Java SDK has it
		return a.checkToken(q, cfg, scheme)
	case scheme == "Bearer":
		return a.checkToken(q, cfg, rest)
	case scheme == "authing":
		return a.checkSignature(q, cfg, "x-authing-", rest)
	case scheme == "GenAuth":
		return a.checkSignature(q, cfg, "x-genauth-", rest)
	}
	return refuse(401, 2020, "no authorization")
}

func (a *auth) checkToken(q *request, cfg Config, token string) *answer {
	if !time.Now().Before(a.tokens[token]) {
		no := refuse(401, 2020, "the token is not valid or has expired")
		if a.refused++; cfg.Faults.Quirks["code-2020"] {
			no.status = []int{200, 403, 404, 500}[a.refused%4]
		}
		return no
	}
	for _, name := range []string{"x-authing-userpool-id", "x-genauth-userpool-id"} {
		if q.Header.Get(name) == cfg.UserPool {
			return nil
		}
	}
	return refuse(403, 2224, "there is no such user pool")
}

// checkSignature follows docs/genauth-api.md, "Authorization, two ways".
func (a *auth) checkSignature(q *request, cfg Config, prefix, credentials string) *answer {
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
	case h.Get(prefix+"userpool-id") != "" && h.Get(prefix+"userpool-id") != cfg.UserPool:
		return refuse(403, 2224, "there is no such user pool")
	case time.Since(at).Abs() > tolerance:
		return refuse(403, 1305, "the date differs too much from this server's")
	}
	text, err := stringToSign(q, prefix)
	if err != nil {
		return refuse(403, 1300, err.Error())
	}
	mac := hmac.New(sha1.New, []byte(cfg.AccessKeySecret))
	mac.Write([]byte(text))
	want := cfg.AccessKeyID + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(want), []byte(credentials)) {
		return refuse(403, 1300, "the signature is wrong")
	}
	nonce := h.Get(prefix + "signature-nonce")
	if nonce == "" || a.nonces[nonce] {
		return refuse(403, 1306, "the nonce has been used")
	}
	a.nonces[nonce] = true
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
	value, err := ordered(d)
	object, ok := value.(object)
	if err != nil || !ok {
		return nil, errors.New("the body is no JSON object")
	}
	for _, m := range object {
		fields = append(fields, m.name+"="+text(m.value))
	}
	return fields, nil
}

// object is a JSON object whose members keep their order, as JavaScript's do.
type object []member

type member struct {
	name  string
	value any
}

func ordered(d *json.Decoder) (any, error) {
	token, err := d.Token()
	delim, nested := token.(json.Delim)
	if err != nil || !nested {
		return token, err
	}
	members, list := object{}, []any{}
	for d.More() {
		var m member
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			m.name = name.(string)
		}
		if m.value, err = ordered(d); err != nil {
			return nil, err
		}
		members, list = append(members, m), append(list, m.value)
	}
	if _, err = d.Token(); delim == '{' {
		return members, err
	}
	return list, err
}

func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return stringify(value)
}

// notEscaped puts back what encoding/json escapes and JSON.stringify does not. An escaped backslash in front would make
// the six letters text, so it is taken first.
var notEscaped = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

// stringify writes a value as JavaScript's JSON.stringify does.
func stringify(value any) string {
	var parts []string
	switch v := value.(type) {
	case object:
		for _, m := range v.enumerate() {
			parts = append(parts, stringify(m.name)+":"+stringify(m.value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, e := range v {
			parts = append(parts, stringify(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case json.Number:
		return number(v)
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(value) //nolint:errcheck // a string, a list of them, a bool or nil always can
	return notEscaped.Replace(strings.TrimSuffix(b.String(), "\n"))
}

// enumerate gives the members as JavaScript lists them after parsing: a repeated name has its last value at its first
// place, and array indices come first, in order.
func (o object) enumerate() object {
	var out object
	for _, m := range o {
		if at := slices.IndexFunc(out, func(e member) bool { return e.name == m.name }); at >= 0 {
			out[at].value = m.value
		} else {
			out = append(out, m)
		}
	}
	index := func(name string) (n int64) {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil || n < 0 || n > 1<<32-2 || strconv.FormatInt(n, 10) != name {
			return 1 << 32 // behind them all
		}
		return n
	}
	slices.SortStableFunc(out, func(a, b member) int { return cmp.Compare(index(a.name), index(b.name)) })
	return out
}

// number writes a number as JavaScript does. encoding/json has the same rules for a float64 (ECMA-262,
// Number::toString), but for the sign of zero.
func number(n json.Number) string {
	f, err := n.Float64()
	switch {
	case err != nil: // Infinity, which JSON.stringify writes as null
		return "null"
	case f == 0:
		return "0"
	}
	text, _ := json.Marshal(f)
	return string(text)
}
