package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
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
	reads     bool // it changes nothing, so that repeating it does no harm
	login     bool // its answers are not to be quoted

	ctx     context.Context // ends: no new attempt, no wait
	body    []byte
	token   string // that the last attempt carried or, of a login, brought
	receipt Receipt
	last    answer
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
	// The call has no CloseIdleConnections, so that a loop that gives up closes nobody's connection.
	once := &http.Client{Transport: a, CheckRedirect: neverFollow}
	loop := retryablehttp.Client{
		HTTPClient:   once,
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
	case a.last.kind == 0 && !a.last.started.IsZero():
		return nil
	case a.last.kind == 0:
		return &Error{Kind: Stopped, Receipt: a.receipt, Err: errors.New("no attempt settled it")}
	case a.ctx.Err() != nil && a.last.passes():
		return &Error{Kind: Stopped, Receipt: a.receipt, Err: a.last.err}
	}
	return &Error{Kind: a.last.kind, Receipt: a.receipt, Err: a.explain()}
}

func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// path is what the URL and the signature name.
func (a *call) path() string { return a.client.root.Path + "/api/v3/" + a.name }

// RoundTrip is one attempt, in this order: authorization at hand, a slot of the pace, signed, sent, the whole answer
// read and understood. A token is fetched before the slot is taken, lest calls pile up behind it and leave in one
// instant.
func (a *call) RoundTrip(r *http.Request) (*http.Response, error) {
	a.last, a.wait = answer{}, 0
	if a.auth != nil {
		if err := a.auth.ready(a.ctx); err != nil {
			return nil, a.noAuthorization(err)
		}
	}
	if err := a.client.pace.take(a.ctx); err != nil {
		return nil, err
	}
	a.client.inFlight.Add(1)
	defer a.client.inFlight.Add(-1)
	started := time.Now()
	response, body, err := a.send(r)
	took := time.Since(started)
	if err != nil {
		a.last = a.lost(err)
	} else {
		a.last = a.parse(response, body)
	}
	a.last.started, a.last.took = started, took
	return response, err
}

// send sends one attempt and takes the whole body, up to a bound, while the attempt's time runs. A started attempt is
// finished whatever happens to the job: it may be a deletion.
func (a *call) send(r *http.Request) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), a.client.cfg.Timeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header = a.header()
	response, err := a.client.transport.RoundTrip(r)
	var body []byte
	if err == nil {
		defer response.Body.Close()
		body, err = io.ReadAll(io.LimitReader(response.Body, a.bound+1))
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, fmt.Errorf("none within %s", a.client.cfg.Timeout)
	case err != nil:
		return nil, nil, err
	case int64(len(body)) > a.bound:
		return nil, nil, fmt.Errorf("more than %d bytes came", a.bound)
	}
	response.Body = http.NoBody
	return response, body, nil
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

// checkRetry is asked once for each RoundTrip, which has left what came of it in last.
func (a *call) checkRetry(context.Context, *http.Response, error) (bool, error) {
	if a.last.started.IsZero() {
		return false, nil // stopped, or without authorization
	}
	retry := a.decide()
	a.note(retry)
	return retry, nil
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
	case !a.last.passes() || a.once && a.last.inDoubt || a.ctx.Err() != nil:
		return false
	}
	a.wait = a.last.retryAfter
	if a.last.kind == Unavailable {
		a.passing++
		return a.passing <= a.client.cfg.Retries
	}
	a.server++
	most := serverRetries
	switch {
	case a.reads:
		most = a.client.cfg.Retries // it answers what nothing else can
	case a.last.code == 602 || a.last.code == 603:
		most = thirdRetries
	}
	return a.server <= min(most, a.client.cfg.Retries)
}

// note adds the attempt to the receipt, lets the pace learn from it, and tells the observer.
func (a *call) note(retry bool) {
	l, r := a.last, &a.receipt
	if r.Attempts++; r.Attempts == 1 {
		r.StartedAt = l.started // not when it began to wait for the pace
	}
	r.LastAt, r.Unanswered = l.started, l.unanswered()
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
	a.client.cfg.Observe(a.ctx, Attempt{
		Call: a.name, Number: r.Attempts, StartedAt: l.started, Duration: l.took,
		HTTPStatus: l.http, StatusCode: l.statusCode, APICode: l.apiCode, RequestID: l.requestID,
		Throttled: l.throttled(), Kind: l.kind, Err: l.err, Retry: retry, Limit: a.client.Limit(),
	})
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
		a.last.kind, a.last.err = e.Kind, fmt.Errorf("cannot log in: %w", e.Err)
		a.receipt.RequestIDs = append(a.receipt.RequestIDs, e.Receipt.RequestIDs...)
		return e
	}
	return Stopped
}
