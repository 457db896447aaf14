package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

const (
	minute = 60              // seconds that a heart remembers
	recent = 15              // seconds that the pace and the time left are told from
	silent = 5 * time.Second // without a good answer, after which the API is called silent
)

// second is what happened in a second, or in several.
type second struct {
	at                                       int64 // Unix
	users, failed, calls, retries, throttled int
	busy                                     time.Duration // that calls took, together
}

func (s *second) add(more second) {
	s.users, s.failed, s.calls = s.users+more.users, s.failed+more.failed, s.calls+more.calls
	s.retries, s.throttled, s.busy = s.retries+more.retries, s.throttled+more.throttled, s.busy+more.busy
}

// restart begins the time that the pace is told from, at first and after a change. The caller holds the lock.
func (h *heart) restart() {
	h.began = time.Now()
	h.heard = h.began
}

// count counts something into the present second and into the whole. The caller holds the lock.
func (h *heart) count(more second) {
	now := time.Now().Unix()
	s := &h.ring[now%minute]
	if s.at != now {
		*s = second{at: now}
	}
	s.add(more)
	h.all.add(more)
}

// row counts a row that is on disk.
func (h *heart) row(r report.Row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	did := second{users: r.Users}
	if r.Outcome == report.Failed || r.Outcome == report.Unknown {
		did.failed = r.Users
	}
	h.count(did)
}

// attempt counts a call on the wire. It says whether anything shows already how the run goes.
func (h *heart) attempt(a client.Attempt) (shown bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	did := second{calls: 1, busy: a.Duration}
	switch {
	case a.Throttled:
		did.throttled = 1
	case a.Number > 1:
		did.retries = 1
	}
	h.count(did)
	now := time.Now()
	if a.Err != nil {
		h.last = &report.Trouble{Message: troubleOf(a), RequestID: a.RequestID, At: now.UTC()}
	}
	if a.HTTPStatus != 0 && a.HTTPStatus < 500 && a.StatusCode < 500 || a.Throttled {
		h.heard, h.failing = now, nil
	} else {
		h.failing, h.failAt = &a, now
	}
	return !h.began.IsZero()
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

// total gives what happened so far.
func (h *heart) total() second {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// within gives what happened in the last so many full seconds. The caller holds the lock.
func (h *heart) within(seconds int) (sum second) {
	now := time.Now().Unix()
	for _, s := range h.ring {
		if age := now - s.at; age >= 1 && age <= int64(seconds) {
			sum.add(s)
		}
	}
	return sum
}

// lately gives what happened in the last full seconds, as many as tell the present pace, and how many these are. The
// caller holds the lock.
func (h *heart) lately() (sum second, seconds float64) {
	n := max(1, min(recent, int(time.Since(h.began).Seconds())))
	return h.within(n), float64(n)
}

// ails says what is wrong with the API, "" while it answers.
func (h *heart) ails() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.silence()
}

// silence says for how long the API has given no good answer, and with what; "": it has. The caller holds the lock.
func (h *heart) silence() string {
	d := time.Since(h.heard)
	if h.failing == nil || d < silent {
		return ""
	}
	return fmt.Sprintf("the API has been silent for %s (%s)", d.Round(time.Second), troubleOf(*h.failing))
}

// look is how the run stands, and what happened so far.
func (h *heart) look() (*report.Status, second) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, inFlight, limit := h.status, 0, 0.0
	if h.o.client != nil {
		inFlight, limit = h.o.client.InFlight(), h.o.client.Limit()
	}
	s.UpdatedAt, s.Ceiling = time.Now().UTC(), h.rate.At(time.Now())
	if h.pause != nil && s.State != report.Over {
		s.State, s.Ceiling = report.Paused, 0
	}
	s.Left = h.job.Remaining()
	s.Done = s.Users - s.Left
	did, of := h.lately()
	s.Pace = math.Round(float64(did.calls)/of*10) / 10
	last := h.within(minute - 1)
	s.Retries, s.Throttled, s.LastError, s.HeldBy = last.retries, last.throttled, h.last, h.heldBy(inFlight, limit)
	if s.Ceiling > 0 && h.silence() == "" {
		s.Seconds = h.secondsLeft(s.Left)
	}
	return &s, h.all
}

// secondsLeft is how long so many users take at the pace of the last seconds; nil: nobody can say. The caller holds the
// lock.
func (h *heart) secondsLeft(users int) *int {
	did, of := h.lately()
	if did.users == 0 && users > 0 {
		return nil
	}
	seconds := int(math.Round(float64(users) / float64(max(1, did.users)) * of))
	return &seconds
}

// heldBy says in one sentence what keeps the run from being faster: so many calls are in flight, and the client allows
// itself so many a second. The caller holds the lock.
func (h *heart) heldBy(inFlight int, limit float64) string {
	now, workers := time.Now(), h.o.config.Workers
	did, of := h.lately()
	most, pace, ails := h.rate.At(now), float64(did.calls)/of, h.silence()
	each, reach := did.reach(workers)
	switch {
	case h.stage != nil:
		return h.stage()
	case h.stopping:
		return fmt.Sprintf("stopping: %s in flight", text.Things(inFlight, "call"))
	case h.pause != nil:
		return fmt.Sprintf("paused by %s %s ago", h.pause.By, roughly(now.Sub(h.pause.At)))
	case most == 0:
		return "--rate pauses until " + h.rate.Next(now).Format("15:04 MST")
	case ails != "" && h.failing.Again:
		in := max(0, h.failing.Wait-time.Since(h.failAt)).Round(time.Second)
		return fmt.Sprintf("%s, %s in %s", ails, nextOf(*h.failing), in)
	case ails != "":
		return ails
	case limit < 0.95*most && h.all.throttled == 0:
		return fmt.Sprintf("starting gently: %.3g calls a second so far", limit)
	case limit < 0.95*most:
		return fmt.Sprintf("throttled: the API allows about %.3g calls a second", limit)
	case reach < 0.97*most && pace < 0.97*most:
		return fmt.Sprintf("%s reach %.0f calls a second at %s", text.Things(workers, "worker"), reach, each)
	case pace < most/2 && h.within(minute-1).retries > 0:
		return "calls that failed wait for their next attempt"
	}
	return "--rate " + h.rate.String()
}

// reach is how long a call takes, and how many a second so many workers can make at that.
func (s second) reach(workers int) (each time.Duration, calls float64) {
	if s.calls == 0 {
		return 0, math.Inf(1)
	}
	each = s.busy / time.Duration(s.calls)
	return each.Round(time.Millisecond), float64(workers) / max(each.Seconds(), 1e-6)
}

// fewWorkers says how many workers the pace would have needed, and "" if those that there were did.
func (h *heart) fewWorkers() string {
	all, workers := h.total(), h.o.config.Workers
	each, reach := all.reach(workers)
	rate := h.o.config.Rate.At(time.Now())
	if all.calls < 10*workers || all.throttled > 0 || reach >= 0.97*rate {
		return ""
	}
	hint := fmt.Sprintf("hint: --workers %d reach %.0f calls a second at %s a call", workers, reach, each)
	if enough := math.Ceil(1.1 * rate * float64(workers) / reach); enough <= mostWorkers {
		hint += fmt.Sprintf("\nhint: --workers %.0f would reach the %v that --rate allows", enough, rate)
	}
	return hint
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
