package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	backoffBase   = time.Second
	backoffMost   = 30 * time.Second
	maxRetryAfter = 2 * time.Minute
	serverRetries = 3 // of an answer 500: some plain bad arguments are answered so
	thirdRetries  = 1 // of 602 and 603
)

// Attempt is one attempt of one call, for progress, metrics and logs.
type Attempt struct {
	Call       string // such as delete-users-batch
	Number     int    // of the attempt at this call, from 1
	StartedAt  time.Time
	Duration   time.Duration
	HTTPStatus int // 0: no answer
	StatusCode int // of the body; 0: none
	APICode    int
	RequestID  string
	Throttled  bool
	Kind       Kind    // of the failure; 0: success
	Err        error   // nil: success. It may quote the API's words: not for logs at info
	Retry      bool    // another attempt follows
	Limit      float64 // the pace afterwards, in attempts a second
}

// call is one call with all its attempts. It is the http.RoundTripper beneath go-retryablehttp's loop and supplies that
// loop's hooks, so that what an attempt needs and what it brings back stand in one place.
type call struct {
	client    *Client
	auth      authorizer // nil: none
	name      string
	method    string
	params    params
	bound     int64
	succeeded func(data []byte) bool
	once      bool // carrying it out twice does harm: an attempt in doubt is the last one
	login     bool // its answers are not to be quoted

	ctx     context.Context // ends: no new attempt, no wait
	body    []byte
	token   string // that the last attempt carried or, of a login, brought
	receipt Receipt
	text    []byte        // of the last answer
	last    answer        // what it means
	handled bool          // last has been read
	passing int           // failures for a passing reason
	server  int           // answers 500, 602, 603 and successes that are none
	again   bool          // authorization was mended once
	wait    time.Duration // what the API asked for
}

// do carries the call out. It gives nil or an *Error.
func (a *call) do(ctx context.Context) error {
	a.ctx = ctx
	a.receipt.StartedAt = time.Now()
	if a.method == http.MethodPost {
		a.body = a.params.appendJSON(make([]byte, 0, 2<<10)) // 50 user IDs take 1.4 KiB
	}
	err := a.loop()
	a.receipt.Duration = time.Since(a.receipt.StartedAt)
	return err
}

func (a *call) loop() error {
	var body any
	if a.body != nil {
		body = a.body
	}
	target := *a.client.root
	target.Path = a.path()
	if a.method == http.MethodGet {
		target.RawQuery = a.params.query().Encode()
	}
	request, err := retryablehttp.NewRequestWithContext(a.ctx, a.method, "", body)
	if err != nil {
		return &Error{Kind: Refused, Receipt: a.receipt, Err: err}
	}
	request.URL, request.Host = &target, target.Host // as they are: no text to be parsed again
	request.SetResponseHandler(a.handle)
	loop := retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: a, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		RetryMax:     math.MaxInt32, // decide counts, because being throttled does not
		CheckRetry:   a.checkRetry,
		Backoff:      a.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	// Its error is what RoundTrip or the context gave: the call remembers that in a form that is fit to be shown.
	if response, err := loop.Do(request); err == nil {
		response.Body.Close()
	}
	switch {
	case a.last.kind == 0 && a.last.err == nil && a.handled:
		return nil
	case a.last.kind == 0 || a.ctx.Err() != nil && a.last.passes():
		return &Error{Kind: Stopped, Receipt: a.receipt, Err: errors.Join(errStopped, a.last.err)}
	}
	return &Error{Kind: a.last.kind, Receipt: a.receipt, Err: a.explain()}
}

// path is what the URL and the signature name.
func (a *call) path() string { return a.client.root.Path + "/api/v3/" + a.name }

// RoundTrip is one attempt, in this order: authorization at hand, a slot of the pace, signed, sent, the whole answer
// read. A token is fetched before the slot is taken, lest calls pile up behind it and leave in one instant.
func (a *call) RoundTrip(r *http.Request) (*http.Response, error) {
	a.last, a.handled, a.wait = answer{}, false, 0
	if a.auth != nil {
		if err := a.auth.ready(a.ctx); err != nil {
			return nil, a.noAuthorization(err)
		}
	}
	if err := a.client.pace.take(a.ctx); err != nil {
		return nil, err
	}
	// A started attempt is finished whatever happens to the job: it may be a deletion.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(r.Context()), a.client.cfg.Timeout, errTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header = a.header()
	a.client.inFlight.Add(1)
	defer a.client.inFlight.Add(-1)
	started := time.Now()
	response, err := a.client.transport.RoundTrip(r)
	if err == nil {
		err = a.read(response)
	}
	a.last.started, a.last.took = started, time.Since(started)
	if err != nil {
		if context.Cause(ctx) == errTimeout {
			err = fmt.Errorf("no answer within %s", a.client.cfg.Timeout)
		}
		a.last.http = 0
		return nil, err
	}
	return response, nil
}

var errTimeout = errors.New("timeout")

// read takes the whole body, up to a bound, while the attempt's time runs.
func (a *call) read(response *http.Response) error {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, a.bound+1))
	if err != nil {
		return err
	}
	if int64(len(body)) > a.bound {
		return fmt.Errorf("the answer is longer than %d bytes", a.bound)
	}
	a.text, response.Body = body, http.NoBody
	return nil
}

// header makes one attempt's headers. Those that are the same for all are shared, names in canonical form and values:
// to make them anew was a fifth of what a call costs beside net/http.
func (a *call) header() http.Header {
	h := maps.Clone(a.client.header)
	if a.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if a.auth != nil {
		a.auth.authorize(a, h)
	}
	return h
}

// handle reads an answer. Refusals are values: an error given to the loop would make it close idle connections.
func (a *call) handle(response *http.Response) error {
	took := a.last
	a.last = a.parse(response, a.text)
	a.last.started, a.last.took = took.started, took.took
	a.handled = true
	return nil
}

// checkRetry is asked before an answer is read, when nil means read it, and after.
func (a *call) checkRetry(_ context.Context, _ *http.Response, err error) (bool, error) {
	switch {
	case errors.Is(err, errStopped): // before anything was sent
		a.last.kind = 0
		return false, nil
	case err != nil && a.last.kind != 0: // authorization cannot be had
		return false, nil
	case err != nil:
		a.unanswered(err)
	case !a.handled:
		return false, nil
	}
	retry := a.decide()
	a.note(retry)
	return retry, nil
}

// unanswered makes an answer of a lost one. What never left this machine cannot have been carried out. The error is
// given in words alone, for those it wraps could quote anything.
func (a *call) unanswered(err error) {
	var op *net.OpError
	var dns *net.DNSError
	l := &a.last
	l.kind, l.unanswered, l.untrusted = Unavailable, true, isCertificate(err)
	l.final = l.untrusted
	l.inDoubt = !(l.untrusted || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns))
	text := plainError(err).Error()
	if a.login {
		text = withoutQuotes(err, text)
	}
	l.err = errors.New("no answer: " + a.clean(text))
}

// withoutQuotes takes away what net/http quotes of an answer that it cannot read.
func withoutQuotes(err error, text string) string {
	var protocol textproto.ProtocolError
	if errors.As(err, &protocol) {
		return "the answer is not HTTP"
	}
	text, _, _ = strings.Cut(text, `"`)
	return strings.TrimSpace(text)
}

// decide says whether another attempt makes sense, and counts.
func (a *call) decide() (retry bool) {
	switch {
	case a.last.kind == 0:
		return false
	case a.last.throttled():
		a.wait = a.last.retryAfter
		return a.ctx.Err() == nil
	case a.auth != nil && a.auth.refused(a, a.last):
		if a.again || a.ctx.Err() != nil {
			return false
		}
		a.again = true
		return true
	case a.last.final || a.once && a.last.inDoubt || a.ctx.Err() != nil:
		return false
	}
	a.wait = a.last.retryAfter
	switch a.last.kind {
	case ServerError:
		a.server++
		most := serverRetries
		switch {
		case a.method == http.MethodGet:
			most = a.client.cfg.Retries // reading settles what nothing else can, and does no harm
		case a.last.statusCode == 602 || a.last.statusCode == 603:
			most = thirdRetries
		}
		return a.server <= min(most, a.client.cfg.Retries)
	case Unavailable:
		a.passing++
		return a.passing <= a.client.cfg.Retries
	}
	return false
}

// note adds the attempt to the receipt, lets the pace learn from it, and tells the observer.
func (a *call) note(retry bool) {
	l, r := a.last, &a.receipt
	if r.Attempts++; r.Attempts == 1 {
		r.StartedAt = l.started // not when it began to wait for the pace
	}
	r.LastAt, r.Unanswered = l.started, l.unanswered
	r.HTTPStatus, r.StatusCode, r.APICode, r.Message = l.http, l.statusCode, l.apiCode, l.text()
	r.InDoubt = r.InDoubt || l.inDoubt
	if l.requestID != "" {
		r.RequestIDs = append(r.RequestIDs, l.requestID)
	}
	if l.throttled() {
		r.Throttled++
		a.client.pace.throttled(l.started, l.retryAfter)
	} else if l.http != 0 {
		a.client.pace.passed(l.started)
	}
	if a.client.cfg.Observe == nil {
		return
	}
	a.client.cfg.Observe(a.ctx, Attempt{Call: a.name, Number: r.Attempts, StartedAt: l.started, Duration: l.took, HTTPStatus: l.http, StatusCode: l.statusCode,
		APICode: l.apiCode, RequestID: l.requestID, Throttled: l.throttled(), Kind: l.kind, Err: l.err, Retry: retry, Limit: a.client.Limit()})
}

// backoff waits exponentially longer with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), or as long as
// the API asked. After a throttled attempt the pace itself does the waiting.
func (a *call) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
	if a.last.throttled() || a.last.kind == Credentials {
		return 0
	}
	failures := a.passing + a.server
	most := min(backoffMost, backoffBase<<min(failures-1, 10))
	return max(a.wait, rand.N(most))
}

// noAuthorization makes the failed login the call's own failure.
func (a *call) noAuthorization(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind != Stopped {
		a.last.kind, a.last.err, a.last.final = e.Kind, fmt.Errorf("cannot log in: %w", e.Err), true
		a.receipt.RequestIDs = append(a.receipt.RequestIDs, e.Receipt.RequestIDs...)
		return e
	}
	return errStopped
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// plainError takes the URL away that net/http puts in front: a query names users.
func plainError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
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
