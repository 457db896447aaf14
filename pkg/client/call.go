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
	maxRetryAfter = 10 * time.Minute // the longest that is waited for
	mostRenewed   = 8                // tokens that ran out while a call waited for its turn
	serverRetries = 3                // of an answer 500: some plain bad arguments are answered so
	thirdRetries  = 1                // of 602 and 603
	surelyBare    = 5                // attempts after which an answer without data is believed to mean nobody
	mostBytes     = 16 << 20         // of an answer: 50 whole users are far less
)

// Attempt is one attempt of one call and what came of it, for progress, metrics and logs.
type Attempt struct {
	Call       string // such as delete-users-batch
	Number     int    // of the attempt at this call, from 1
	Duration   time.Duration
	HTTPStatus int // 0: no answer
	StatusCode int // of the body; 0: none
	RequestID  string
	Throttled  bool
	Err        error         // nil: success. It may quote the API's words: not for logs at info
	Limit      float64       // the pace afterwards, in attempts a second
	Again      bool          // another attempt follows
	Most       int           // attempts there will be if it goes on like that; 0: as many as it takes
	Wait       time.Duration // until that, and then for a slot of the pace

	started    time.Time // zero: nothing was sent
	apiCode    int
	code       int // of all three, the one that says what it means
	message    string
	retryAfter time.Duration
	date       time.Time // the server's clock
	kind       Kind      // of Err; 0: success
	inDoubt    bool      // it may have been carried out all the same
	untrusted  bool      // the server's certificate is not accepted
	timedOut   bool      // no answer came in time
	hopeless   bool      // no answer came, and none will
	bare       bool      // statusCode 200 and no data
}

// call is one call with all its attempts. It is the http.RoundTripper beneath go-retryablehttp's loop and supplies that
// loop's hooks, so that what an attempt needs and what it brings back stand in one place.
type call struct {
	client    *Client
	auth      authorizer // nil: it is a login, whose answers are not to be quoted
	name      string
	method    string
	params    params
	succeeded func(data []byte) bool
	once      bool // carrying it out twice does harm: an attempt in doubt is the last one
	reads     bool // it changes nothing, so that repeating it does no harm
	asks      bool // a refusal is as good an answer as a success

	ctx     context.Context // ends: no new attempt, no wait
	token   string          // that the last attempt carried or, of a login, brought
	receipt Receipt
	last    Attempt
	noAuth  error // why the last attempt could not be made
	passing int   // failures for a passing reason
	server  int   // answers 500, 602, 603 and successes that are none
	renewed int   // how often authorization was mended
}

// do carries the call out. Its error is of a Kind.
func (a *call) do(ctx context.Context) error {
	a.ctx, a.receipt.StartedAt = ctx, time.Now()
	target := *a.client.root
	target.Path = a.path()
	var body any
	if a.method == http.MethodPost {
		body = []byte(stringify(a.params))
	} else {
		target.RawQuery = a.params.query().Encode()
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, a.method, target.String(), body)
	if err != nil {
		return fmt.Errorf("%w: %v", Refused, err)
	}
	loop := retryablehttp.Client{
		// The call has no CloseIdleConnections, so that a loop that gives up closes nobody's connection.
		HTTPClient:   &http.Client{Transport: a, CheckRedirect: neverFollow},
		RetryMax:     math.MaxInt32, // decide counts, because being throttled does not
		CheckRetry:   a.checkRetry,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return a.last.Wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	// Its error is what RoundTrip or the context gave: the call remembers that in a form that is fit to be shown.
	if response, err := loop.Do(request); err == nil {
		response.Body.Close()
	}
	return a.failure()
}

func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// failure is what became of the call: nil if its last attempt succeeded.
func (a *call) failure() error {
	l := &a.last
	switch {
	case a.noAuth != nil:
		return a.noAuth
	case l.started.IsZero():
		return fmt.Errorf("%w: no attempt settled it", Stopped)
	case l.kind == 0:
		return nil
	case a.ctx.Err() != nil && l.passes():
		return fmt.Errorf("%w: %v", Stopped, l.Err)
	}
	kind := l.kind
	if a.auth == nil && (kind == Refused || kind == NotFound) {
		kind = Credentials // a login that is refused for good, in whatever way
	}
	if hint := a.hint(); hint != "" {
		return fmt.Errorf("%w: %v (%s)", kind, l.Err, hint)
	}
	return fmt.Errorf("%w: %v", kind, l.Err)
}

// path is what the URL and the signature name.
func (a *call) path() string { return a.client.root.Path + "/api/v3/" + a.name }

// RoundTrip is one attempt, in this order: authorization at hand, a slot of the pace, signed, sent, the whole answer
// read and understood. A token is fetched before the slot is taken, lest calls pile up behind it and leave in one
// instant.
func (a *call) RoundTrip(r *http.Request) (*http.Response, error) {
	a.last = Attempt{Call: a.name, Number: a.receipt.Attempts + 1}
	if err := a.ready(); err != nil {
		return nil, err
	}
	a.client.inFlight.Add(1)
	defer a.client.inFlight.Add(-1)
	a.last.started = time.Now()
	response, body, err := a.send(r)
	a.last.Duration = time.Since(a.last.started)
	if err != nil {
		a.lost(err)
	} else {
		a.parse(response, body)
	}
	return response, err
}

// ready waits for authorization and a slot. Authorization that runs out while the slot is waited for is had anew: the
// slot stays for whoever needs it.
func (a *call) ready() error {
	for a.auth != nil {
		if err := a.auth.ready(a); errors.Is(err, Stopped) {
			return err
		} else if err != nil {
			a.noAuth = fmt.Errorf("cannot log in: %w", err)
			return err
		}
		if err := a.client.pace.take(a.ctx, a.auth.fresh); !errors.Is(err, errStale) {
			return err
		}
	}
	return a.client.pace.take(a.ctx, nil)
}

// send sends one attempt and takes the whole body, up to a bound, while the attempt's time runs. A started attempt is
// finished whatever happens to the job: it may be a deletion.
func (a *call) send(r *http.Request) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), a.client.cfg.Timeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header = maps.Clone(a.client.header)
	if a.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.auth != nil {
		a.auth.authorize(a, r.Header)
	}
	response, err := a.client.transport.RoundTrip(r)
	var body []byte
	if err == nil {
		defer response.Body.Close()
		body, err = io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	}
	switch {
	case err != nil && ctx.Err() != nil:
		a.last.timedOut = true
		return nil, nil, fmt.Errorf("none within %s", a.client.cfg.Timeout)
	case err != nil:
		return nil, nil, err
	case len(body) > mostBytes:
		return nil, nil, fmt.Errorf("more than %d bytes came", mostBytes)
	}
	response.Body = http.NoBody
	return response, body, nil
}

// checkRetry is asked once for each RoundTrip, which has left what came of it in last.
func (a *call) checkRetry(context.Context, *http.Response, error) (bool, error) {
	if a.last.started.IsZero() {
		return false, nil // stopped, or without authorization
	}
	a.note()
	l := &a.last
	if l.Again = a.decide(); l.Again {
		l.Wait = a.backoff()
	}
	if a.client.cfg.Observe != nil {
		l.Limit = a.client.Limit()
		a.client.cfg.Observe(a.ctx, *l)
	}
	return l.Again, nil
}

// note adds the attempt to the receipt, and lets the pace learn from it.
func (a *call) note() {
	l, r := &a.last, &a.receipt
	if r.Attempts++; r.Attempts == 1 {
		r.StartedAt = l.started // not when it began to wait for the pace
	}
	r.HTTPStatus, r.StatusCode, r.APICode, r.Message = l.HTTPStatus, l.StatusCode, l.apiCode, l.message
	switch {
	case l.HTTPStatus == 0:
		r.Message = "no answer: " + l.Err.Error()
	case l.Err != nil && l.message == "":
		r.Message = l.Err.Error()
	}
	r.InDoubt, r.Unanswered = r.InDoubt || l.inDoubt, l.unanswered()
	if l.RequestID != "" {
		r.RequestIDs = append(r.RequestIDs, l.RequestID)
	}
	if words := l.trouble(); words != "" {
		r.Join(Receipt{Troubles: map[string]int{words: 1}})
	}
	if a.auth != nil && l.StatusCode != 0 && l.code != http.StatusUnauthorized {
		a.client.worked.Store(a.token)
	}
	if l.Throttled {
		a.client.pace.throttled(l.started, min(l.retryAfter, maxRetryAfter))
	} else if l.HTTPStatus != 0 {
		a.client.pace.passed(l.started)
	}
}

// decide says whether another attempt makes sense, and counts.
func (a *call) decide() bool {
	l, most := &a.last, a.client.cfg.Retries
	switch {
	case l.kind == 0 || l.kind == Postponed || a.ctx.Err() != nil:
		return false
	case l.Throttled:
		return true
	case a.auth != nil && a.auth.refused(a):
		a.renewed++
		ranOut := a.token != "" && a.client.worked.Load() == a.token // it was good before
		return a.renewed == 1 || ranOut && a.renewed <= mostRenewed
	case !l.passes() || a.once && l.inDoubt:
		return false
	case l.kind == Unavailable:
		a.passing++
		return a.within(a.passing, most)
	}
	a.server++
	switch {
	case a.asks:
		most = 0
	case a.reads: // it answers what nothing else can
	case l.code == 602 || l.code == 603:
		most = min(most, thirdRetries)
	default:
		most = min(most, serverRetries)
	}
	return a.within(a.server, most)
}

// within says whether so many failures may be followed by another attempt.
func (a *call) within(failures, most int) bool {
	a.last.Most = a.last.Number + 1 + most - failures
	return failures <= most
}

// backoff waits exponentially longer with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), or as long as
// the API asked. A throttled attempt takes the next slot of the pace, which does the waiting if it was no lone refusal.
func (a *call) backoff() time.Duration {
	if a.last.Throttled || a.last.kind == Credentials {
		return a.last.retryAfter
	}
	failures := a.passing + a.server
	most := min(backoffMost, backoffBase<<min(failures-1, 10))
	return max(a.last.retryAfter, rand.N(most))
}
