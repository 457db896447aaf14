package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

const (
	patience   = 2 * time.Second        // that a person waits before a screen that says nothing
	plainEvery = 5 * time.Second        // how often it is said how a run goes, where there is no terminal
	slowEvery  = 10 * time.Second       // and what else takes long
	redraw     = 150 * time.Millisecond // on a terminal
	barLeast   = 10                     // columns that the bar itself has before texts beside it are shortened
)

// every calls f after some time, and then again and again until stop is called.
func every(first, then time.Duration, f func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for wait := first; ; wait = then {
			select {
			case <-time.After(wait):
				f()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// whileSlow says what the program is doing, and for how long, once that has taken too long to say nothing, and then
// again and again until stop is called.
func (k *console) whileSlow(what string) (stop func()) { return k.watch(func() string { return what }) }

// watch is whileSlow for what moves on.
func (k *console) watch(what func() string) (stop func()) {
	began := time.Now()
	line := func() string { return fmt.Sprintf("%s (%s)", what(), time.Since(began).Round(time.Second)) }
	switch k.progress {
	case "none":
		return func() {}
	case "bar":
		end := every(patience, redraw, func() { k.err.draw(fit(text.Clean(line()), max(1, width(k.err)-1))) })
		return func() { end(); k.err.draw("") }
	}
	return every(patience, slowEvery, func() { k.say("%s", line()) })
}

// show shows how far the run is until stop is called.
func (h *heart) show() (stop func()) {
	k := h.o.console
	switch k.progress {
	case "none":
		return func() {}
	case "bar":
		draw := func() string {
			s, all := h.look()
			return bar(max(1, width(k.err)-1), s, all)
		}
		end := every(0, redraw, func() { k.err.draw(draw()) })
		return func() { end(); k.say("%s", draw()) }
	}
	end := every(plainEvery, plainEvery, h.log)
	return func() { end(); h.log() }
}

func (h *heart) log() {
	s, all := h.look()
	h.o.console.log.Info().Int("done", s.Done).Int("of", s.Users).Float64("calls_per_second", s.Pace).
		Str("eta", eta(s)).Int("failed", all.failed).Int("retries", all.retries).Int("throttled", all.throttled).
		Str("held_by", s.HeldBy).Msg("progress")
}

// bar is how far a run is, in so many columns.
func bar(wide int, s *report.Status, all second) string {
	left := fmt.Sprintf("%s/%s [", text.Count(s.Done), text.Count(s.Users))
	right := besideBar(wide-len(left)-len("]")-barLeast, s, all)
	room := max(1, wide-len(left)-len("]")-columns(right))
	full := room * s.Done / max(1, s.Users)
	drawn := strings.Repeat("=", full)
	if full > 0 && full < room {
		drawn = drawn[1:] + ">"
	}
	return fit(fmt.Sprintf("%s%-*s]%s", left, room, drawn, right), wide)
}

// usual is what holds a run up when nothing is wrong.
var usual = regexp.MustCompile(`^(--rate [^p]|starting gently|\d+ workers)`)

// besideBar is what stands to the right of the bar, as much as there is room for, the longest first: what holds the run
// up, or else how long it takes and what went wrong.
func besideBar(room int, s *report.Status, all second) string {
	wrong := fmt.Sprintf(" failed %d", all.failed)
	held := " " + s.HeldBy
	texts := []string{held + wrong, held, fit(held, max(room, 1))}
	if usual.MatchString(s.HeldBy) {
		left := " ETA " + eta(s) + wrong
		pace := fmt.Sprintf(" %.0f calls/s", s.Pace)
		texts = []string{fmt.Sprintf("%s ETA %s throttled %d retries %d%s", pace, eta(s), all.throttled, all.retries, wrong),
			pace + left, left, wrong}
	}
	for _, text := range texts {
		if columns(text) <= room {
			return text
		}
	}
	return ""
}

// eta is how long a run still takes, as far as the last seconds tell.
func eta(s *report.Status) string {
	if s.Seconds == nil {
		return "?"
	}
	return (time.Duration(*s.Seconds) * time.Second).String()
}

// attempt counts a call on the wire, and says what does not work where nothing else shows it.
func (o *operation) attempt(ctx context.Context, a client.Attempt) {
	k := o.console
	shown := o.heart.attempt(a)
	o.metrics.attempt(a)
	if !shown && a.Again && k.progress != "none" {
		k.say("%s: %s; %s in %s", a.Call, troubleOf(a), nextOf(a), a.Wait.Round(time.Second))
	}
	if a.Err != nil {
		k.log.Debug().Str("call", a.Call).Int("chunk", job.ChunkOf(ctx)).Int("attempt", a.Number).
			Int("http_status", a.HTTPStatus).Int("status_code", a.StatusCode).Str("request_id", a.RequestID).
			Int64("ms", a.Duration.Milliseconds()).Err(a.Err).Msg("attempt failed")
	}
}

// row counts a row that is on disk. What the API said is masked in it, as in every file that outlives the lists.
func (o *operation) row(r report.Row) {
	o.heart.row(r)
	o.metrics.row(r)
	if r.Outcome != report.Failed && r.Outcome != report.Unknown {
		return
	}
	o.console.log.Warn().Int("chunk", r.Chunk).Str("part", fmt.Sprintf("%d-%d", r.From, r.To)).
		Str("outcome", string(r.Outcome)).Str("reason", r.Reason()).
		Int("http_status", r.HTTPStatus).Int("status_code", r.StatusCode).Int("api_code", r.APICode).
		Strs("request_ids", r.RequestIDs).Msg("chunk failed")
}

// draining says how a run is ending; signalled: because of a signal.
func (o *operation) draining(calls int, signalled bool) {
	o.heart.mu.Lock()
	o.heart.stopping = true
	o.heart.mu.Unlock()
	words := "stopping: no new call starts"
	if calls > 0 {
		words += fmt.Sprintf("; %d in flight will be finished and recorded", calls)
	}
	if signalled {
		words += "\n(a second signal leaves at once)"
	}
	o.console.say("%s", words)
}
