package main

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

const (
	minute = 60              // seconds that the pulse remembers
	recent = 15              // seconds that the pace and the time left are told from
	silent = 5 * time.Second // without a good answer, after which the API is called silent
)

// pulse is how a run goes: its attempts and rows, all together and second by second for the last minute. It may be used
// by any number of goroutines.
type pulse struct {
	mu      sync.Mutex
	began   time.Time // or when the pace was changed last
	all     second
	failed  int
	ring    [minute]second
	heard   time.Time       // when the API last gave an answer that is not its own failure
	failing *client.Attempt // the last one that failed since
	failAt  time.Time
	last    *report.Trouble
}

// second is what happened in a second, or in several.
type second struct {
	at                               int64 // Unix
	users, calls, retries, throttled int
	busy                             time.Duration // that calls took, together
}

// start begins the time that the pace is told from, at first and after a change.
func (p *pulse) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = time.Now()
	p.heard = p.began
}

// add counts something into the present second and into the whole. The caller holds the lock.
func (p *pulse) add(count func(*second)) {
	now := time.Now().Unix()
	s := &p.ring[now%minute]
	if s.at != now {
		*s = second{at: now}
	}
	count(s)
	count(&p.all)
}

func (p *pulse) row(r report.Row) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(func(s *second) { s.users += r.Users })
	if r.Outcome == report.Failed || r.Outcome == report.Unknown {
		p.failed += r.Users
	}
}

func (p *pulse) attempt(a client.Attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(func(s *second) {
		s.calls++
		s.busy += a.Duration
		switch {
		case a.Throttled:
			s.throttled++
		case a.Number > 1:
			s.retries++
		}
	})
	now := time.Now()
	if a.Err != nil {
		p.last = &report.Trouble{Message: troubleOf(a), RequestID: a.RequestID, At: now.UTC()}
	}
	if a.HTTPStatus != 0 && a.HTTPStatus < 500 && a.StatusCode < 500 || a.Throttled {
		p.heard, p.failing = now, nil
	} else {
		p.failing, p.failAt = &a, now
	}
}

// troubleOf says what became of an attempt without the API's words, which may name somebody.
func troubleOf(a client.Attempt) string {
	switch {
	case a.HTTPStatus == 0:
		words := a.Err.Error()
		return strings.TrimSpace(words[strings.LastIndex(words, ": ")+1:])
	case a.StatusCode != 0 && a.StatusCode != a.HTTPStatus:
		return fmt.Sprintf("statusCode %d", a.StatusCode)
	}
	return fmt.Sprintf("HTTP %d", a.HTTPStatus)
}

// nextOf says which attempt follows one that failed.
func nextOf(a client.Attempt) string {
	if a.Most == 0 {
		return fmt.Sprintf("attempt %d", a.Number+1)
	}
	return fmt.Sprintf("attempt %d of %d", a.Number+1, a.Most)
}

// count gives what happened so far, and how many users failed.
func (p *pulse) count() (all second, failed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all, p.failed
}

// lately gives what happened in the last full seconds, as many as tell the present pace, and how many these are.
func (p *pulse) lately() (sum second, seconds float64) {
	p.mu.Lock()
	since := int(time.Since(p.began).Seconds())
	p.mu.Unlock()
	n := max(1, min(recent, since))
	return p.within(n), float64(n)
}

// wasThrottled says whether the API has refused an attempt for being too many.
func (p *pulse) wasThrottled() bool {
	all, _ := p.count()
	return all.throttled > 0
}

// within gives what happened in the last so many full seconds.
func (p *pulse) within(seconds int) (sum second) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, s := range p.ring {
		if age := now.Unix() - s.at; age >= 1 && age <= int64(seconds) {
			sum.users, sum.calls, sum.busy = sum.users+s.users, sum.calls+s.calls, sum.busy+s.busy
			sum.retries, sum.throttled = sum.retries+s.retries, sum.throttled+s.throttled
		}
	}
	return sum
}

// silence says for how long the API has given no good answer, and with what; 0: it has.
func (p *pulse) silence() (d time.Duration, words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d = time.Since(p.heard); p.failing == nil || d < silent {
		return 0, ""
	}
	return d.Round(time.Second), troubleOf(*p.failing)
}

// ails is silence in words, "" while the API answers.
func (p *pulse) ails() string {
	d, words := p.silence()
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("the API has been silent for %s (%s)", d, words)
}

// next says which attempt follows the last one that failed, and when.
func (p *pulse) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing == nil || !p.failing.Again {
		return ""
	}
	in := max(0, p.failing.Wait-time.Since(p.failAt)).Round(time.Second)
	return fmt.Sprintf(", %s in %s", nextOf(*p.failing), in)
}

// trouble is the last attempt that failed, nil if none has.
func (p *pulse) trouble() *report.Trouble {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// timeLeft is how long so many users take at the pace of the last seconds; ok: somebody can say.
func (p *pulse) timeLeft(users int) (d time.Duration, ok bool) {
	did, of := p.lately()
	if did.users == 0 {
		return 0, users == 0
	}
	return time.Duration(float64(users) / float64(did.users) * of * float64(time.Second)).Round(time.Second), true
}

// holding is what a run's pace hangs on.
type holding struct {
	stage    string // what it does besides calling; "": nothing
	stopping bool
	inFlight int
	rate     client.Rate
	pause    *report.PaceChange // nil: it is not paused
	limit    float64            // calls a second that the client allows itself
	workers  int
}

// heldBy says in one sentence what keeps a run from being faster.
func (p *pulse) heldBy(h holding) string {
	now := time.Now()
	did, of := p.lately()
	most := h.rate.At(now)
	ails := p.ails()
	each, reach := time.Duration(0), math.Inf(1)
	if did.calls > 0 {
		each = did.busy / time.Duration(did.calls)
		reach = float64(h.workers) / max(each.Seconds(), 1e-6)
	}
	switch {
	case h.stage != "":
		return h.stage
	case h.stopping:
		return fmt.Sprintf("stopping: %s in flight", text.Things(h.inFlight, "call"))
	case h.pause != nil:
		return fmt.Sprintf("paused by %s %s ago", h.pause.By, roughly(now.Sub(h.pause.At)))
	case most == 0:
		return "--rate pauses until " + h.rate.Next(now).Format("15:04 MST")
	case ails != "":
		return ails + p.next()
	case h.limit < 0.95*most && !p.wasThrottled():
		return fmt.Sprintf("starting gently: %.3g calls a second so far", h.limit)
	case h.limit < 0.95*most:
		return fmt.Sprintf("throttled: the API allows about %.3g calls a second", h.limit)
	case reach < 0.97*most && float64(did.calls)/of < 0.97*most:
		return fmt.Sprintf("%s reach %.0f calls a second at %s", text.Things(h.workers, "worker"), reach,
			each.Round(time.Millisecond))
	}
	if float64(did.calls)/of < most/2 && p.within(minute-1).retries > 0 {
		return "calls that failed wait for their next attempt"
	}
	return "--rate " + h.rate.String()
}

// roughly is a time for people: seconds up to two minutes, minutes up to two hours.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0fh", d.Hours())
}
