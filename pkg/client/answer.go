package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is one attempt's answer, or what came instead.
type answer struct {
	started    time.Time
	took       time.Duration
	http       int // 0: none
	statusCode int
	apiCode    int
	message    string
	requestID  string
	retryAfter time.Duration
	date       time.Time // the server's clock
	kind       Kind      // 0: success
	err        error
	inDoubt    bool // it may have been carried out all the same
	final      bool // another attempt cannot help
}

func (l answer) throttled() bool {
	return l.kind == Exhausted && (l.http == http.StatusTooManyRequests || l.statusCode == http.StatusTooManyRequests)
}

// passes says whether another attempt could have helped.
func (l answer) passes() bool { return l.kind == Exhausted || l.kind == ServerError }

func (l answer) text() string {
	if l.kind == 0 || l.message != "" {
		return oneLine(l.message)
	}
	return oneLine(l.err.Error())
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
	if n := len(b); n >= 2 && b[0] == '"' && isOneLine(string(b[1:n-1])) && bytes.IndexByte(b, '\\') < 0 { // nothing to decode
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

// parseAnswer says what an answer means. succeeded looks at data for what makes a success complete.
func parseAnswer(response *http.Response, body []byte, succeeded func(data []byte) bool) answer {
	l := answer{http: response.StatusCode, retryAfter: retryAfter(response.Header)}
	var e envelope
	isJSON := json.Unmarshal(body, &e) == nil
	if isJSON {
		l.statusCode, l.apiCode, l.message = int(e.StatusCode), int(e.APICode), string(e.Message)
		l.requestID = string(e.RequestID)
	}
	if l.requestID == "" {
		l.requestID = response.Header.Get("X-Request-Id")
	}
	l.requestID = oneLine(l.requestID)
	if l.http == http.StatusOK && l.statusCode == 200 && succeeded(e.Data) {
		return l
	}
	l.date, _ = http.ParseTime(response.Header.Get("Date"))
	l.classify(isJSON)
	l.err = l.failure(response, body, isJSON)
	return l
}

// classify is the table of docs/genauth-api.md, "Answers".
func (l *answer) classify(isJSON bool) {
	code := l.statusCode
	switch {
	case l.http == http.StatusTooManyRequests:
		code = http.StatusTooManyRequests
	case l.http >= 300 && l.http < 400:
		l.kind, l.inDoubt = ServerError, true // a redirect is never followed
		return
	case !isJSON || code == 0 || code == 200 && l.http != http.StatusOK:
		if code = l.http; code == http.StatusNotFound {
			code = http.StatusBadRequest // some page that is not there says nothing about a user
		}
	}
	switch l.apiCode {
	case 2004, 2210:
		l.kind = NotFound
		return
	case 2005, 2209, 2212:
		l.kind = Refused
		return
	case 1306: // an earlier copy of this attempt arrived
		l.kind, l.inDoubt = Exhausted, true
		return
	}
	l.kind, l.inDoubt = kindOf(code)
	l.final = l.kind != Exhausted && l.kind != ServerError
}

func kindOf(code int) (k Kind, inDoubt bool) {
	switch code {
	case 200: // but not a success: it may be one all the same
		return ServerError, true
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
		return Exhausted, false
	case 500, 602, 603:
		return ServerError, true
	case 501:
		return Unsupported, false
	case 408, 601:
		return Exhausted, true
	}
	if code >= 500 && code < 600 {
		return Exhausted, true
	}
	return Refused, code < 400
}

// failure puts the answer into words.
func (l *answer) failure(response *http.Response, body []byte, isJSON bool) error {
	where := fmt.Sprintf("HTTP %d", l.http)
	switch {
	case l.http >= 300 && l.http < 400:
		to := "elsewhere"
		if u, err := url.Parse(response.Header.Get("Location")); err == nil && u.Host != "" {
			to = "to " + u.Host
		}
		return fmt.Errorf("%s: the API root redirects %s, which is never followed", where, oneLine(to))
	case !isJSON && len(bytes.TrimSpace(body)) == 0:
		return fmt.Errorf("%s with an empty answer", where)
	case !isJSON || l.statusCode == 0:
		return fmt.Errorf("%s with an answer that is not the API's: %q", where, oneLine(string(body[:min(len(body), 80)])))
	case l.statusCode == 200:
		return errors.New("the answer has statusCode 200 without data that says success")
	}
	if l.apiCode != 0 {
		return fmt.Errorf("statusCode %d, apiCode %d: %s", l.statusCode, l.apiCode, oneLine(l.message))
	}
	return fmt.Errorf("statusCode %d: %s", l.statusCode, oneLine(l.message))
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
	case l.kind == Credentials && l.statusCode == 401:
		hint = "check the access key"
	case l.kind == Credentials:
		hint = "the access key may not do that"
	case l.kind == Payment:
		hint = "the user pool's plan does not include this call"
	case isCertificate(l.err):
		hint = "if it is your own deployment, name its root with --ca-cert"
	}
	if hint == "" {
		return l.err
	}
	return fmt.Errorf("%w (%s)", l.err, hint)
}

func isCertificate(err error) bool { return err != nil && isCertificateError(err) }
