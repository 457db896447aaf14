package client

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is how many attempts a second are sent at the most: always the same, or by the time of day. The zero value is
// none. A Rate may be copied.
type Rate struct {
	turns []turn // in the order of the day; the first begins at midnight or, a day earlier, is the last one
}

// turn is a time of day from which on a rate holds.
type turn struct {
	minute    int // of the day
	perSecond float64
}

// slowest keeps the time between two attempts within what a clock can count.
const slowest = 1e-6

// PerSecond is the same rate at any time. At 0 nothing is sent.
func PerSecond(n float64) Rate { return Rate{[]turn{{0, n}}} }

// ParseRate reads attempts a second, such as 20 or 0.5, or a timetable such as "08:00,5 20:00,100": from each time of
// day on, as the clock on the wall shows it, its rate holds until the next, and the last one past midnight. A rate of 0
// in a timetable pauses.
func ParseRate(s string) (Rate, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return PerSecond(n), PerSecond(n).check()
	}
	var r Rate
	for _, word := range strings.Fields(s) {
		clock, value, _ := strings.Cut(word, ",")
		at, err := time.Parse("15:04", clock)
		if err != nil {
			return r, fmt.Errorf("%q: give a number, or times of day with their numbers such as \"08:00,5 20:00,100\"", s)
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return r, fmt.Errorf("%q: give a number behind the comma, such as %s,5", word, clock)
		}
		r.turns = append(r.turns, turn{at.Hour()*60 + at.Minute(), n})
	}
	slices.SortStableFunc(r.turns, func(a, b turn) int { return a.minute - b.minute })
	return r, r.check()
}

// check refuses what is no rate.
func (r Rate) check() error {
	most := 0.0
	for i, t := range r.turns {
		switch {
		case !(t.perSecond >= 0) || math.IsInf(t.perSecond, 0) || t.perSecond > 0 && t.perSecond < slowest:
			return fmt.Errorf("a rate of %v: give attempts a second above 0", t.perSecond)
		case i > 0 && t.minute == r.turns[i-1].minute:
			return fmt.Errorf("two rates from %s on: give one", t.clock())
		}
		most = max(most, t.perSecond)
	}
	if most == 0 {
		return errors.New("a rate of 0: give attempts a second above 0")
	}
	return nil
}

// At is the rate at a time, on that time's own clock.
func (r Rate) At(t time.Time) float64 {
	minute := t.Hour()*60 + t.Minute()
	n := 0.0
	if len(r.turns) > 0 {
		n = r.turns[len(r.turns)-1].perSecond // from yesterday
	}
	for _, turn := range r.turns {
		if turn.minute <= minute {
			n = turn.perSecond
		}
	}
	return n
}

// Next is when the rate changes next, a day later at the most.
func (r Rate) Next(t time.Time) time.Time {
	at := t.Truncate(time.Minute)
	for at.Before(t.Add(24*time.Hour)) && r.At(at) == r.At(t) {
		at = at.Add(time.Minute)
	}
	return at
}

// Over is a part of the rate, for one of n clients that share it.
func (r Rate) Over(n int) Rate {
	part := Rate{slices.Clone(r.turns)}
	for i := range part.turns {
		part.turns[i].perSecond /= float64(n)
	}
	return part
}

// Takes is how long so many attempts take from a time on, to the minute where the rate changes; a year at the most.
func (r Rate) Takes(attempts int, from time.Time) time.Duration {
	left := float64(attempts)
	for at := from; at.Before(from.AddDate(1, 0, 0)); at = at.Add(time.Minute) {
		n := r.At(at)
		if left <= n*60 {
			return at.Sub(from) + time.Duration(left/n*float64(time.Second))
		}
		left -= n * 60
	}
	return from.AddDate(1, 0, 0).Sub(from)
}

// String is what ParseRate reads.
func (r Rate) String() string {
	if len(r.turns) == 1 {
		return strconv.FormatFloat(r.turns[0].perSecond, 'f', -1, 64)
	}
	var words []string
	for _, t := range r.turns {
		words = append(words, t.clock()+","+strconv.FormatFloat(t.perSecond, 'f', -1, 64))
	}
	return strings.Join(words, " ")
}

func (t turn) clock() string { return fmt.Sprintf("%02d:%02d", t.minute/60, t.minute%60) }
