package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
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

	started    time.Time
	apiCode    int
	code       int // of all three, the one that says what it means
	message    string
	retryAfter time.Duration
	date       time.Time // the server's clock
	kind       Kind      // of Err; "": success
	inDoubt    bool      // it may have been carried out all the same
	untrusted  bool      // the server's certificate is not accepted
	timedOut   bool      // no answer came in time
	hopeless   bool      // no answer came, and none will
	bare       bool      // statusCode 200 and no data
}

// call is one call with all its attempts.
type call struct {
	client    *Client
	name      string
	get       bool           // the parameters are a query, and else a JSON body
	params    map[string]any // of strings, bools, ints and []string, or what encoding/json makes of any JSON
	succeeded func(data []byte) bool
	login     bool      // it carries no authority, and its answers are not to be quoted
	once      bool      // carrying it out twice does harm: an attempt in doubt is the last one
	reads     bool      // it changes nothing, so that repeating it does no harm
	question  *Question // what it is to learn, so that a refusal is as good an answer as a success; nil: nothing

	ctx     context.Context // ends: no new attempt, no wait
	token   string          // that the last attempt carried or, of a login, brought
	receipt Receipt
	last    Attempt
	passing int // failures for a passing reason
	server  int // answers 500, 602, 603 and successes that are none
	renewed int // how often authorization was mended
}

// post is a call whose parameters are a JSON body.
func (c *Client) post(name string, params map[string]any, succeeded func(data []byte) bool) *call {
	return &call{client: c, name: name, params: params, succeeded: succeeded}
}

// do carries the call out: each attempt has authorization at hand, a slot of the pace, and is sent. Its error is of a
// Kind.
func (a *call) do(ctx context.Context) error {
	a.ctx, a.receipt.StartedAt = ctx, time.Now()
	for {
		a.last = Attempt{Call: a.name, Number: a.receipt.Attempts + 1}
		if err := a.ready(); err != nil {
			return err
		}
		a.attempt()
		a.note()
		l := &a.last
		if l.Again = a.decide(); l.Again {
			l.Wait = a.backoff()
		}
		if a.client.cfg.Observe != nil {
			l.Limit = a.client.Limit()
			a.client.cfg.Observe(ctx, *l)
		}
		if !l.Again || !sleep(ctx, l.Wait) {
			return a.failure()
		}
	}
}

// ready waits for authorization and a slot. A token is fetched before the slot is taken, lest calls pile up behind it
// and leave in one instant. One that runs out while the slot is waited for is had anew: the slot stays for whoever
// needs it.
func (a *call) ready() error {
	c := a.client
	for c.tokens != nil && !a.login {
		if err := c.tokens.ready(a); errors.Is(err, Stopped) {
			return err
		} else if err != nil {
			return fmt.Errorf("cannot log in: %w", err)
		}
		if err := c.pace.take(a.ctx, func() bool { return c.tokens.use(a) }); !errors.Is(err, errStale) {
			return err
		}
	}
	return c.pace.take(a.ctx, nil)
}

// attempt sends once, and leaves what came of it in last.
func (a *call) attempt() {
	a.client.inFlight.Add(1)
	defer a.client.inFlight.Add(-1)
	l := &a.last
	l.started = time.Now()
	response, body, err := a.send()
	if l.Duration = time.Since(l.started); err != nil {
		a.lost(err)
	} else {
		a.parse(response, body)
	}
}

// send sends one attempt and takes the whole body, up to a bound, while the attempt's time runs. A started attempt is
// finished whatever happens to the job: it may be a deletion. The transport is asked directly, since an http.Client
// would follow redirects.
func (a *call) send() (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), a.client.cfg.Timeout)
	defer cancel()
	r, err := a.request(ctx)
	if err != nil {
		return nil, nil, err
	}
	response, err := a.client.cfg.Transport.RoundTrip(r)
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
	return response, body, nil
}

// request makes an attempt's request, authorized afresh.
func (a *call) request(ctx context.Context) (*http.Request, error) {
	target := *a.client.root
	target.Path = a.path()
	var body io.Reader
	if a.get {
		target.RawQuery = query(a.params).Encode()
	} else {
		body = strings.NewReader(stringify(a.params))
	}
	r, err := http.NewRequestWithContext(ctx, a.method(), target.String(), body)
	if err != nil {
		return nil, err
	}
	r.Header = maps.Clone(a.client.header)
	if !a.get {
		r.Header.Set("Content-Type", "application/json")
	}
	a.authorize(r.Header)
	return r, nil
}

func (a *call) method() string {
	if a.get {
		return http.MethodGet
	}
	return http.MethodPost
}

// path is what the URL and the signature name.
func (a *call) path() string { return a.client.root.Path + "/api/v3/" + a.name }

// query writes an array as name[]=a&name[]=b, which Node's parsers read as an array even when it has one element.
func query(params map[string]any) url.Values {
	q := url.Values{}
	for name, value := range params {
		if list, ok := value.([]string); ok {
			q[name+"[]"] = list
		} else {
			q.Set(name, plain(value))
		}
	}
	return q
}

// failure is what became of the call: nil if its last attempt succeeded.
func (a *call) failure() error {
	l := &a.last
	kind := l.kind
	switch {
	case kind == "":
		return nil
	case a.ctx.Err() != nil && l.passes():
		return fmt.Errorf("%w: %v", Stopped, l.Err)
	case a.login && (kind == Refused || kind == NotFound): // for good, in whatever way
		kind = Credentials
	}
	if hint := a.hint(); hint != "" {
		return fmt.Errorf("%w: %v (%s)", kind, l.Err, hint)
	}
	return fmt.Errorf("%w: %v", kind, l.Err)
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
	if a.token != "" && !a.login && l.StatusCode != 0 && l.code != http.StatusUnauthorized {
		a.client.worked.Store(a.token, true)
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
	case l.kind == "" || l.kind == Postponed || a.ctx.Err() != nil:
		return false
	case l.Throttled:
		return true
	case a.refused():
		a.renewed++
		_, ranOut := a.client.worked.Load(a.token)
		return a.renewed == 1 || ranOut && a.renewed <= mostRenewed
	case !l.passes() || a.once && l.inDoubt:
		return false
	case l.kind == Unavailable:
		a.passing++
		return a.within(a.passing, most)
	}
	a.server++
	switch {
	case a.question != nil:
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
