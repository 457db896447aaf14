package client

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bulkdelete/internal/text"
)

// answer is one attempt's answer, or what came instead.
type answer struct {
	started    time.Time // zero: nothing was sent
	took       time.Duration
	http       int // 0: none
	statusCode int
	apiCode    int
	code       int // of all three, the one that says what it means
	message    string
	requestID  string
	retryAfter time.Duration
	date       time.Time // the server's clock
	kind       Kind      // 0: success
	err        error
	inDoubt    bool // it may have been carried out all the same
	untrusted  bool // the server's certificate is not accepted
}

func (l answer) throttled() bool { return l.code == http.StatusTooManyRequests }

// unanswered says whether it tells nothing of the users it was for: nothing came, or a gateway spoke, or the API of
// whatever stands behind it.
func (l answer) unanswered() bool {
	switch l.code {
	case 0, 408, 502, 503, 504:
		return l.kind != 0
	}
	return false
}

// passes says whether another attempt could help.
func (l answer) passes() bool {
	return l.kind == Unavailable && !l.untrusted || l.kind == ServerError
}

func (l answer) text() string {
	if l.kind == 0 || l.message != "" {
		return l.message
	}
	return l.err.Error()
}

// flexInt is a whole number that may be written as a string. Whatever else stands there is no number, not an error.
type flexInt int

func (f *flexInt) UnmarshalJSON(b []byte) error {
	if n, err := strconv.Atoi(string(b)); err == nil && n >= 0 && n <= math.MaxInt32 { // as nearly always
		*f = flexInt(n)
		return nil
	}
	s := strings.Trim(string(b), `"`)
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return nil //nolint:nilerr // a field that is no number says nothing
	}
	*f = flexInt(n)
	return nil
}

// flexString is a string, and "" for whatever else stands there.
type flexString string

func (f *flexString) UnmarshalJSON(b []byte) error {
	n := len(b)
	asIs := n >= 2 && b[0] == '"' && text.IsOneLine(string(b[1:n-1]), mostText) && bytes.IndexByte(b, '\\') < 0
	if asIs { // nothing to decode
		*f = flexString(b[1 : n-1])
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) == nil {
		*f = flexString(s)
	}
	return nil
}

// envelope is what every answer of the API is wrapped in (docs/genauth-api.md, "Answers").
type envelope struct {
	StatusCode flexInt         `json:"statusCode"`
	APICode    flexInt         `json:"apiCode"`
	Message    flexString      `json:"message"`
	RequestID  flexString      `json:"requestId"`
	Data       json.RawMessage `json:"data"`
}

var plainID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// parse says what an answer means. Of what it quotes nothing leaves uncleaned, and of a login's answer no text is kept:
// it holds a token, or should.
func (a *call) parse(response *http.Response, body []byte) answer {
	l := answer{http: response.StatusCode, retryAfter: retryAfter(response.Header)}
	var e envelope
	isJSON := json.Unmarshal(body, &e) == nil
	success := isJSON && l.http == http.StatusOK && e.StatusCode == 200 && a.succeeded(e.Data)
	if isJSON {
		l.statusCode, l.apiCode = int(e.StatusCode), int(e.APICode)
	}
	if !a.login {
		l.message = a.clean(string(e.Message))
	}
	l.requestID = a.clean(cmp.Or(string(e.RequestID), response.Header.Get("X-Request-Id")))
	if a.login && !plainID.MatchString(l.requestID) {
		l.requestID = ""
	}
	if success {
		return l
	}
	l.date, _ = http.ParseTime(response.Header.Get("Date"))
	l.classify(isJSON)
	l.err = a.failure(l, response, body, isJSON)
	return l
}

// classify is the table of docs/genauth-api.md, "Answers".
func (l *answer) classify(isJSON bool) {
	l.code = l.statusCode
	switch {
	case l.http == http.StatusTooManyRequests || l.http >= 300 && l.http < 400:
		l.code = l.http
	case !isJSON || l.code == 0 || l.code == 200 && l.http != http.StatusOK:
		if l.code = l.http; l.code == http.StatusNotFound {
			l.code = http.StatusBadRequest // some page that is not there says nothing about a user
		}
	}
	switch l.apiCode {
	case 2004, 2210: // no such user
		l.code = http.StatusNotFound
	case 2005, 2209, 2212: // locked, not to be deleted by this key, root
		l.code = http.StatusBadRequest
	case 2020, 2206, 2207: // beside whatever statusCode
		l.code = http.StatusUnauthorized
	case 1300, 1301, 1302, 1303, 1304, 1305: // the signature or its date is not accepted
		l.code = http.StatusForbidden
	case 1306: // the nonce was used: an earlier copy of this attempt arrived
		l.code = l.apiCode
	}
	l.kind, l.inDoubt = kindOf(l.code)
}

func kindOf(code int) (k Kind, inDoubt bool) {
	switch code {
	case 400, 409, 422, 499:
		return Refused, false
	case 401, 403:
		return Credentials, false
	case 402:
		return Payment, false
	case 404:
		return NotFound, false
	case 413:
		return TooLarge, false
	case 425, 429:
		return Unavailable, false
	case 500, 602, 603:
		return ServerError, true
	case 501:
		return Unsupported, false
	case 408, 601, 1306:
		return Unavailable, true
	}
	switch {
	case code >= 200 && code < 400: // not a success, but it may be one all the same; a redirect is never followed
		return ServerError, true
	case code >= 500 && code < 600:
		return Unavailable, true
	}
	return Refused, code < 400
}

// failure puts the answer into words.
func (a *call) failure(l answer, response *http.Response, body []byte, isJSON bool) error {
	where := fmt.Sprintf("HTTP %d", l.http)
	switch {
	case l.http >= 300 && l.http < 400:
		to := "elsewhere"
		if u, err := url.Parse(response.Header.Get("Location")); err == nil && u.Host != "" {
			to = "to " + u.Host
		}
		return fmt.Errorf("%s: the API root redirects %s, which is never followed", where, a.clean(to))
	case !isJSON && len(bytes.TrimSpace(body)) == 0:
		return fmt.Errorf("%s with an empty answer", where)
	case (!isJSON || l.statusCode == 0) && a.login:
		return fmt.Errorf("%s with an answer of %d bytes that is not the API's", where, len(body))
	case !isJSON || l.statusCode == 0:
		text := a.clean(string(body))
		return fmt.Errorf("%s with an answer that is not the API's: %q", where, text[:min(len(text), 80)])
	case l.statusCode == 200:
		return errors.New("the answer has statusCode 200 without data that says success")
	}
	text := fmt.Sprintf("statusCode %d", l.statusCode)
	if l.apiCode != 0 {
		text += fmt.Sprintf(", apiCode %d", l.apiCode)
	}
	if l.message != "" {
		text += ": " + l.message
	}
	return errors.New(text)
}

// explain adds what a person can do.
func (a *call) explain() error {
	l := a.last
	hint := ""
	switch {
	case l.apiCode == 2224:
		hint = "there is no such user pool: is the access key of this deployment?"
	case l.apiCode == 1305 && !l.date.IsZero():
		hint = fmt.Sprintf("this machine's clock is off by %s", time.Since(l.date).Abs().Round(time.Second))
	case l.apiCode >= 1300 && l.apiCode <= 1304:
		hint = "the signature is not accepted: check the access key's secret and --signature-dialect"
	case l.code == http.StatusUnauthorized:
		hint = "check the access key"
	case l.kind == Credentials:
		hint = "the access key may not do that"
	case l.kind == Payment:
		hint = "the user pool's plan does not include this call"
	case l.untrusted:
		hint = "if it is your own deployment, name its root with --ca-cert"
	}
	if hint == "" {
		return l.err
	}
	return fmt.Errorf("%w (%s)", l.err, hint)
}

// lost makes an answer of one that did not come. What never left this machine cannot have been carried out. The error
// is given in words alone, for those it wraps could quote anything.
func (a *call) lost(err error) answer {
	var op *net.OpError
	var dns *net.DNSError
	untrusted := isCertificate(err)
	unsent := untrusted || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
	text := err.Error()
	if a.login {
		text = withoutQuotes(err)
	}
	err = errors.New("no answer: " + a.clean(text))
	return answer{kind: Unavailable, err: err, inDoubt: !unsent, untrusted: untrusted}
}

// withoutQuotes takes away what net/http quotes of an answer that it cannot read.
func withoutQuotes(err error) string {
	var protocol textproto.ProtocolError
	if errors.As(err, &protocol) {
		return "the answer is not HTTP"
	}
	text, _, _ := strings.Cut(err.Error(), `"`)
	return text
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid)
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3), up to a bound.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if s, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && s >= 0 {
		return min(time.Duration(min(s, 1<<20))*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // both are the server's clock
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}
