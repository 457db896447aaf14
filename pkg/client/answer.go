package client

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unanswered says whether it tells nothing of the users it was for: nothing came, or a gateway spoke, or the API of
// whatever stands behind it.
func (l *Attempt) unanswered() bool {
	return l.kind != "" && slices.Contains([]int{0, 408, 502, 503, 504}, l.code)
}

// passes says whether another attempt could help.
func (l *Attempt) passes() bool {
	return l.kind == Unavailable && !l.hopeless || l.kind == ServerError
}

// trouble says in a few words why the attempt was in vain, "" if it was not or was refused for good.
func (l *Attempt) trouble() string {
	switch {
	case l.Throttled:
		return "throttled (429)"
	case l.timedOut:
		return "no answer in time (timeout)"
	case l.kind == Unavailable && l.HTTPStatus == 0:
		return "connection lost"
	case l.kind == Credentials:
		return "authorization refused"
	case l.passes() && l.code >= 500:
		return fmt.Sprintf("server failed (%d)", l.code)
	case l.passes():
		return fmt.Sprintf("no usable answer (%d)", l.code)
	}
	return ""
}

var plainID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// parse says what an answer means (docs/genauth-api.md, "Answers"). Of what it quotes nothing leaves uncleaned, and of
// a login's answer no text is kept: it holds a token, or should.
func (a *call) parse(response *http.Response, body []byte) {
	l := &a.last
	a.client.heard.Store(true)
	l.HTTPStatus = response.StatusCode
	l.date, _ = http.ParseTime(response.Header.Get("Date"))
	var e struct {
		StatusCode, APICode, Message, RequestID any
		Data                                    json.RawMessage
	}
	if json.Unmarshal(body, &e) == nil {
		l.StatusCode, l.apiCode = number(e.StatusCode), number(e.APICode)
	}
	success := l.HTTPStatus == http.StatusOK && l.StatusCode == 200 && a.succeeded(e.Data)
	l.bare = l.StatusCode == 200 && (len(e.Data) == 0 || string(e.Data) == "null")
	message, _ := e.Message.(string)
	requestID, _ := e.RequestID.(string)
	l.RequestID = a.clean(cmp.Or(requestID, response.Header.Get("X-Request-Id")))
	if !a.login {
		l.message = a.clean(message)
	} else if !plainID.MatchString(l.RequestID) {
		l.RequestID = ""
	}
	if success {
		return
	}
	l.retryAfter = retryAfter(response.Header)
	if l.classify(); l.passes() && l.retryAfter > maxRetryAfter {
		l.kind = Postponed
	}
	l.Err = errors.New(a.words(response, body))
}

// meant are the apiCodes that say more than the statusCode beside them, and what they mean.
var meant = map[int]int{
	2004: 404, 2210: 404, // no such user
	2005: 400, 2209: 400, 2212: 400, // locked, not to be deleted by this key, root
	2020: 401, 2206: 401, 2207: 401,
	1300: 403, 1301: 403, 1302: 403, 1303: 403, 1304: 403, 1305: 403, // the signature or its date is not accepted
	1306: 601, // the nonce was used: an earlier copy of this attempt arrived
}

// kinds are those of the codes that are not of their hundred's.
var kinds = map[int]Kind{
	401: Credentials, 403: Credentials, 402: Payment, 404: NotFound, 413: TooLarge, 501: Unsupported,
	408: Unavailable, 425: Unavailable, 429: Unavailable, 601: Unavailable,
	500: ServerError, 602: ServerError, 603: ServerError,
}

// classify is the table of docs/genauth-api.md, "Answers".
func (l *Attempt) classify() {
	l.code = l.StatusCode
	switch {
	case meant[l.apiCode] != 0:
		l.code = meant[l.apiCode]
	case l.HTTPStatus == http.StatusTooManyRequests || l.HTTPStatus >= 300 && l.HTTPStatus < 400:
		l.code = l.HTTPStatus
	case l.code == 0 || l.code == 200 && l.HTTPStatus != http.StatusOK:
		if l.code = l.HTTPStatus; l.code == http.StatusNotFound {
			l.code = http.StatusBadRequest // some page that is not there says nothing about a user
		}
	}
	switch kind, known := kinds[l.code]; {
	case known:
		l.kind = kind
	case l.code >= 200 && l.code < 400: // not a success, but it may be one all the same; a redirect is never followed
		l.kind = ServerError
	case l.code >= 500 && l.code < 600:
		l.kind = Unavailable
	default:
		l.kind = Refused
	}
	l.Throttled = l.code == http.StatusTooManyRequests
	notTaken := l.Throttled || l.code == http.StatusTooEarly
	l.inDoubt = l.kind == ServerError || l.kind == Unavailable && !notTaken || l.code < 200
}

// words puts an answer that is no success into words.
func (a *call) words(response *http.Response, body []byte) string {
	l := &a.last
	where := fmt.Sprintf("HTTP %d", l.HTTPStatus)
	switch {
	case l.HTTPStatus >= 300 && l.HTTPStatus < 400:
		to := "elsewhere"
		if u, err := url.Parse(response.Header.Get("Location")); err == nil && u.Host != "" {
			to = "to " + u.Host
		}
		return fmt.Sprintf("%s: the API root redirects %s, which is never followed", where, a.clean(to))
	case len(bytes.TrimSpace(body)) == 0:
		return where + " with an empty answer"
	case l.StatusCode == 0 && a.login:
		return fmt.Sprintf("%s with an answer of %d bytes that is not the API's", where, len(body))
	case l.StatusCode == 0:
		text := a.clean(string(body))
		return fmt.Sprintf("%s with an answer that is not the API's: %q", where, text[:min(len(text), 80)])
	case l.StatusCode == 200:
		return "the answer has statusCode 200 without data that says success"
	}
	text := fmt.Sprintf("statusCode %d", l.StatusCode)
	if l.apiCode != 0 {
		text += fmt.Sprintf(", apiCode %d", l.apiCode)
	}
	if l.message != "" {
		text += ": " + l.message
	}
	return text
}

// hint is what a person can do, "" for nothing.
func (a *call) hint() string {
	switch l := &a.last; {
	case l.apiCode == 2224:
		return "is the access key of this deployment, and of the pool that is named?"
	case l.apiCode == 1305 && !l.date.IsZero():
		return fmt.Sprintf("this machine's clock is off by %s", time.Since(l.date).Abs().Round(time.Second))
	case l.apiCode >= 1300 && l.apiCode <= 1304:
		return "the signature is not accepted: check the access key's secret and --signature-dialect"
	case l.code == http.StatusUnauthorized:
		return "check the access key"
	case l.kind == Credentials:
		return "the access key may not do that"
	case l.kind == Payment:
		return "the user pool's plan does not include this call"
	case l.kind == Postponed:
		return "it asks to wait until " + time.Now().Add(l.retryAfter).UTC().Format("2006-01-02 15:04 UTC")
	case l.untrusted && a.client.cfg.RootCAs != nil:
		return "the root that signed it is not in the file of --ca-cert"
	case l.untrusted:
		return "if it is your own deployment, name its root with --ca-cert"
	}
	return ""
}

// lost takes note of an answer that did not come. What never left this machine cannot have been carried out. The error
// is given in words alone, for those it wraps could quote anything.
func (a *call) lost(err error) {
	l := &a.last
	op, isOp := errors.AsType[*net.OpError](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err) // or http.Transport's words for it
	isPlain = isPlain || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
	certificate, isBad := errors.AsType[*tls.CertificateVerificationError](err)
	_, l.untrusted = errors.AsType[x509.UnknownAuthorityError](err)
	l.kind, l.inDoubt = Unavailable, !isBad && !isDNS && !isPlain && !(isOp && op.Op == "dial")
	// A name that is not there may come back, once it has been there.
	l.hopeless = isBad || isPlain || isDNS && dns.IsNotFound && !a.client.heard.Load()
	words := err.Error()
	switch {
	case isPlain:
		words = "it does not speak TLS: is the port right?"
	case isBad:
		words, _, _ = strings.Cut(certificate.Err.Error(), " (possibly")
		words = "its certificate is not accepted: " + words
	}
	if a.login { // net/http quotes of an answer what it cannot read
		words, _, _ = strings.Cut(words, `"`)
		if _, malformed := errors.AsType[textproto.ProtocolError](err); malformed {
			words = "the answer is not HTTP"
		}
	}
	l.Err = errors.New(a.clean(words))
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3), up to a year.
func retryAfter(h http.Header) time.Duration {
	const most = 365 * 24 * time.Hour
	value := h.Get("Retry-After")
	if s, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return time.Duration(max(0, min(s, int(most/time.Second)))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // both are the server's clock
	}
	return max(0, min(at.Sub(now), most))
}
