package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Faults say how often what goes wrong. Which call meets which fault is drawn from Seed.
type Faults struct {
	Seed    uint64
	Latency time.Duration
	Jitter  time.Duration      // more latency, up to that
	Shares  map[string]float64 // of each fault, by name: 0 to 1 of all calls

	Quirks   map[string]bool // ways in which it is another API all the time, by name
	Readable time.Duration   // how long users can be read who are deleted
	Others   float64         // calls a second that others make, who share RateLimit

	Outage     time.Duration // for how long nobody is answered
	OutageFrom float64       // once that share of the users that the pool began with is gone
	Revoke     *float64      // once that share is gone all tokens are taken back; nil: never
}

// quirks are the ways in which the real API may differ from what its documents say.
var quirks = []string{
	"code-2020",    // a token is refused with apiCode 2020 beside 200, 403, 404 or 500
	"bare-404",     // a deletion that names an unknown user is answered with 404 and no apiCode
	"absent-404",   // get-user-batch answers 404/2004 where nobody of those asked for exists
	"absent-null",  // it answers without data then
	"no-brackets",  // it finds nobody whom userIds[] names
	"no-claim",     // tokens do not say whose user pool they are for
	"other-pool",   // every token but the first says another one
	"part-created", // create-users-batch leaves out whom it refuses, and succeeds
	"part-shown",   // update-user-batch shows every other one of those it changed
	"none-shown",   // it shows none
	"resets",       // it loses some of what is not given
	"encrypted",    // e-mail, phone, name and identity number are shown encrypted
	"small-413",    // a body above 100 kB is answered with 413
}

// Whether a fault strikes before the call was carried out or after that. Of either both happen.
const (
	never = iota
	either
	always
)

// fault is one way in which a call goes wrong.
type fault struct {
	name   string
	done   int                                    // never, either or always
	strike func(s *Server, q *request, a *answer) // a: what the call would be answered, if it was carried out
}

const (
	wrong   = "something went wrong"
	hangFor = 2 * time.Second
)

var tooMany = answer{http: 429, status: 429, message: "too many requests"}

// faults are all there are, in the order in which they are drawn.
var faults = []fault{
	{"429", never, says(tooMany)},
	{"500", either, says(answer{http: 500, status: 500, message: wrong})},
	{"502", either, says(answer{http: 502, status: 502, message: wrong})},
	{"503", either, says(answer{http: 503, status: 503, message: wrong})},
	{"body500", either, says(answer{status: 500, message: wrong})},
	{"html502", either, shows(502, "<html><body><h1>502 Bad Gateway</h1></body></html>")},
	{"html200", never, shows(200, "<html><body>Welcome to the portal. Success.</body></html>")},
	{"redirect", never, func(_ *Server, q *request, _ *answer) { // to a page that looks like success
		http.Redirect(q.w, q.Request, landingPage, http.StatusFound)
	}},
	{"cut-before", never, cut},
	{"cut-after", always, cut},
	{"truncate", always, truncate},
	{"empty", always, func(_ *Server, q *request, _ *answer) { q.w.WriteHeader(http.StatusOK) }},
	{"hang", either, func(s *Server, q *request, a *answer) { // no answer until the client goes, or two seconds
		pause(q.Request, hangFor)
		cut(s, q, a)
	}},
	{"success-false", never, says(answer{status: 200, data: map[string]any{"success": false}})},
	{"no-data", always, func(s *Server, q *request, a *answer) {
		a.data = nil
		s.write(q, a)
	}},
	{"string-numbers", always, stringNumbers}, // all is well, but for that
	{"half", always, says(answer{status: 500, message: wrong + " on the way"})},
}

func says(a answer) func(*Server, *request, *answer) {
	return func(s *Server, q *request, _ *answer) { s.write(q, &a) }
}

func shows(code int, page string) func(*Server, *request, *answer) {
	return func(_ *Server, q *request, _ *answer) {
		q.w.Header().Set("Content-Type", "text/html")
		q.w.WriteHeader(code)
		io.WriteString(q.w, page)
	}
}

// cut ends the connection without an answer.
func cut(*Server, *request, *answer) { panic(http.ErrAbortHandler) }

func truncate(s *Server, q *request, a *answer) {
	body := s.envelope(q, a)
	q.w.Write(body[:len(body)/2])
	if f, ok := q.w.(http.Flusher); ok {
		f.Flush()
	}
	cut(s, q, a)
}

func stringNumbers(s *Server, q *request, a *answer) {
	body, status := string(s.envelope(q, a)), strconv.Itoa(a.status)
	io.WriteString(q.w, strings.Replace(body, `"statusCode":`+status, `"statusCode":"`+status+`"`, 1))
}

// ParseFaults reads a list such as "latency=20ms,jitter=10ms,429=5%,cut-after=2%,seed=7". all=25% shares 25% out
// evenly. outage=20s@30% answers nobody for 20 seconds once 30% of the users are gone, and revoke=30% takes back all
// tokens then. A word without a value is a quirk, such as no-claim.
func ParseFaults(s string) (Faults, error) {
	f := Faults{Shares: map[string]float64{}, Quirks: map[string]bool{}}
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		name, value, _ := strings.Cut(word, "=")
		if err := f.set(name, value); err != nil {
			return f, fmt.Errorf("--faults: %q: %w", word, err)
		}
	}
	sum := 0.0
	for _, share := range f.Shares {
		sum += share
	}
	if sum > 1+1e-9 {
		return f, fmt.Errorf("--faults: the shares add up to %.0f%%", 100*sum)
	}
	return f, nil
}

func (f *Faults) set(name, value string) (err error) {
	spans := map[string]*time.Duration{"latency": &f.Latency, "jitter": &f.Jitter, "readable": &f.Readable}
	switch {
	case name == "seed":
		f.Seed, err = strconv.ParseUint(value, 10, 64)
		return err
	case spans[name] != nil:
		*spans[name], err = time.ParseDuration(value)
		return err
	case name == "others":
		if f.Others, err = strconv.ParseFloat(value, 64); err == nil && !(f.Others >= 0) {
			err = errors.New("give a number of calls a second")
		}
		return err
	case name == "outage":
		return f.setOutage(value)
	case name == "revoke":
		share, err := parseShare(value)
		f.Revoke = &share
		return err
	case value == "" && slices.Contains(quirks, name):
		f.Quirks[name] = true
		return nil
	}
	return f.share(name, value)
}

// setOutage reads "20s@30%"; "20s" alone begins at once.
func (f *Faults) setOutage(value string) (err error) {
	length, from, _ := strings.Cut(value, "@")
	if f.Outage, err = time.ParseDuration(length); err == nil && from != "" {
		f.OutageFrom, err = parseShare(from)
	}
	if err != nil || f.Outage <= 0 {
		return errors.New("give a time and when it begins, such as 20s@30%")
	}
	return nil
}

// parseShare reads 30% or 0.3.
func parseShare(value string) (share float64, err error) {
	number, isPercent := strings.CutSuffix(value, "%")
	share, err = strconv.ParseFloat(number, 64)
	if isPercent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, errors.New("give a share such as 5%")
	}
	return share, nil
}

// Examples are all words that ParseFaults takes, each with a value.
func Examples() []string {
	words := []string{"all=25%", "outage=20s@30%", "revoke=30%", "latency=20ms", "jitter=10ms", "readable=3s", "others=5",
		"seed=7"}
	for _, each := range faults {
		words = append(words, each.name+"=5%")
	}
	return append(words, quirks...)
}

// share sets how often a fault strikes, or all of them.
func (f *Faults) share(name, value string) error {
	share, err := parseShare(value)
	if err != nil {
		return err
	}
	var names []string
	for _, each := range faults {
		names = append(names, each.name)
	}
	switch {
	case slices.Contains(names, name):
		f.Shares[name] = share
	case name == "all":
		for _, each := range names {
			f.Shares[each] = share / float64(len(names))
		}
	default:
		return fmt.Errorf("there is no such fault: give latency, jitter, readable, others, outage, revoke, seed, all, "+
			"a share of one of %v, or one of %v", names, quirks)
	}
	return nil
}

// draw chooses the next call's fault, nil for none, whether it strikes after the call was carried out, and the latency.
func (s *Server) draw() (f *fault, late bool, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.random.Float64()
	late = s.random.Uint64()&1 == 1
	delay = s.cfg.Faults.Latency
	if j := s.cfg.Faults.Jitter; j > 0 {
		delay += time.Duration(s.random.Int64N(int64(j)))
	}
	for i := range faults {
		if u -= s.cfg.Faults.Shares[faults[i].name]; u < 0 {
			return &faults[i], late, delay
		}
	}
	return nil, late, delay
}

// isOut says whether nobody answers at present. What happens once in a night happens here: the outage begins, and all
// tokens that were given are taken back.
func (s *Server) isOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, now := s.cfg.Faults, time.Now()
	gone := 1 - float64(s.users.living)/float64(max(1, len(s.users.ids)))
	if f.Revoke != nil && gone >= *f.Revoke && !s.revoked {
		clear(s.tokens)
		s.revoked = true
	}
	if f.Outage > 0 && gone >= f.OutageFrom && s.outage.IsZero() {
		s.outage = now.Add(f.Outage)
	}
	return now.Before(s.outage)
}

// pause waits, and is false if the client went meanwhile.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}
