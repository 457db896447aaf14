package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"bulkdelete/internal/text"
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
func (k *console) whileSlow(what func() string) (stop func()) {
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

// showProgress shows how far the run is until stop is called.
func (k *console) showProgress(h *heart) (stop func()) {
	switch k.progress {
	case "none":
		return func() {}
	case "bar":
		draw := func() string { return k.bar(max(1, width(k.err)-1), h.look()) }
		end := every(0, redraw, func() { k.err.draw(draw()) })
		return func() { end(); k.say("%s", draw()) }
	}
	say := func() { k.logProgress(h.look()) }
	end := every(plainEvery, plainEvery, say)
	return func() { end(); say() }
}

func (k *console) logProgress(s *report.Status) {
	all, failed := k.pulse.count()
	k.log.Info().Int("done", s.Done).Int("of", s.Users).Float64("calls_per_second", s.Pace).
		Str("eta", eta(s)).Int("failed", failed).Int("retries", all.retries).Int("throttled", all.throttled).
		Str("held_by", s.HeldBy).Msg("progress")
}

// bar is how far a run is, in so many columns.
func (k *console) bar(wide int, s *report.Status) string {
	left := fmt.Sprintf("%s/%s [", text.Count(s.Done), text.Count(s.Users))
	right := k.besideBar(wide-len(left)-len("]")-barLeast, s)
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

// besideBar is what stands to the right of the bar, as much as there is room for: what holds the run up, or else how
// long it takes and what went wrong.
func (k *console) besideBar(room int, s *report.Status) string {
	all, failed := k.pulse.count()
	wrong := fmt.Sprintf(" failed %d", failed)
	if !usual.MatchString(s.HeldBy) {
		held := " " + s.HeldBy
		return fitting(room, held+wrong, held, fit(held, max(room, 1)))
	}
	pace := fmt.Sprintf(" %.0f calls/s", s.Pace)
	left := " ETA " + eta(s)
	return fitting(room, fmt.Sprintf("%s%s throttled %d retries %d%s", pace, left, all.throttled, all.retries, wrong),
		pace+left+wrong, left+wrong, wrong)
}

// fitting gives the first of some texts that is at most as wide as what is left of the line, the longest first.
func fitting(width int, texts ...string) string {
	for _, text := range texts {
		if columns(text) <= width {
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
