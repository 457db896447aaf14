package client

import (
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// under is how far below the allowance the pace rests: timers and networks shift calls by some milliseconds.
	under = 0.99
	// gentle is the pace of which nothing has to be known; from there on, at most so many times as much as passed in a
	// second is tried in the next.
	gentle, startGrowth, searchGrowth = 20.0, 4, 2
	// documented is the API's limit in calls a second: who lets so many pass has another one, or none to be found gently.
	documented = 300
	// firstStep and stepDoubles shape the search for more than the allowance: a fiftieth, and twice as much every half
	// second.
	firstStep   = 0.02
	stepDoubles = 500 * time.Millisecond
	// tolerated is the share of refusals that is taken for noise before any was measured.
	tolerated = 0.04
	// chance is how improbable a row of refusals has to be, had it come from noise, to mean that nothing passes.
	chance, leastNoise = 1e-6, 0.03
	// shortPause and longPause bound a pause, after which calls leave one by one until one passes. A release after 3
	// seconds is quoted: the first two together are longer.
	shortPause, longPause = 1050 * time.Millisecond, 3200 * time.Millisecond
	trickle               = 5.0
	// evident is how long refusals may take to become too many.
	evident = 3 * time.Second
	// tenths is for how many tenths of a second it matters what passed.
	tenths = 100
)

// allowance is a model of what the API allows, learned from what passed and what was refused: arithmetic over times,
// without a clock of its own.
//
// As BBR (draft-ietf-ccwg-bbr) does for a path, it takes the largest rate that passed for what can pass, tries from
// time to time whether more does, and takes a share of losses for noise. A refusal by itself says nothing about the
// pace. Refusals are evidence of a limit as far as there are more of them than noise explains: as a sum over many
// calls (Page, "Continuous Inspection Schemes", 1954), or at once where so many follow each other that noise cannot be
// the cause. After those nothing leaves for a while, which is no evidence either.
type allowance struct {
	known  float64   // attempts a second, as the last breach showed it; 0: none yet
	at     time.Time // since when the pace rests there
	again  int       // how often the same was found
	costly bool      // whether a breach is followed by a time in which nothing passes

	until time.Time     // nothing leaves before, and one by one afterwards until one passes; zero: there is no pause
	pause time.Duration // the next one

	breach   time.Time // what left before it was refused because of that one
	evidence float64   // refusals that noise does not explain
	row      int       // refusals without a pass of what left after the first of them
	first    time.Time // when that one left

	passes map[int64]int // attempts that passed, by the tenth of a second in which they left

	noise          float64 // the share of calls that is refused whatever the pace
	calls, refused int     // of the present block
	blocks         []float64
}

// rate gives the pace in attempts a second, of which no more than most are wanted.
func (a *allowance) rate(now time.Time, most float64) float64 {
	if !a.until.IsZero() {
		return min(most, trickle, max(1, a.known))
	}
	r := most
	switch searched := now.Sub(a.at) - a.rest(); {
	case a.known == 0 && a.lately(now) < documented:
		r = max(gentle, startGrowth*a.lately(now))
	case a.known == 0:
	case searched <= 0:
		r = a.known * under
	default:
		r = a.known * (under + firstStep*math.Exp2(searched.Seconds()/stepDoubles.Seconds()))
		r = min(r, max(a.known*(1+firstStep), searchGrowth*a.lately(now)))
	}
	return min(most, max(1, r))
}

// lately is what passed in the best of the last seconds.
func (a *allowance) lately(now time.Time) float64 { return a.largest(time.Time{}, now) }

// rest is how long the pace stays at the allowance before more is tried: longer each time that the same was found
// again. Where a breach costs no more than the calls that are refused, it is counted in calls.
func (a *allowance) rest() time.Duration {
	first, longest, growth := min(40/a.known, 4), max(4, min(500/a.known, 30)), 1.5
	if a.costly {
		first, longest, growth = 30, 180, 3
	}
	return time.Duration(min(longest, first*math.Pow(growth, float64(a.again))) * float64(time.Second))
}

// searching says whether an attempt left while more than the allowance was tried.
func (a *allowance) searching(left time.Time) bool {
	return a.known > 0 && left.After(a.at.Add(a.rest()))
}

// passed learns that an attempt that left at a time was not refused for being too many.
func (a *allowance) passed(left, now time.Time, most float64) {
	if a.lately(now) == 0 {
		a.at = now // after a time in which nothing was sent, what was learned is relied on before more is tried
	}
	a.add(left)
	a.count(left, false)
	a.evidence = max(0, a.evidence-tolerated-2*a.noise)
	if left.After(a.first) {
		if a.row = 0; a.evidence >= a.surplus(left) {
			a.tooMany(left, now, a.rate(now, most))
		}
	}
	if !a.until.IsZero() && !left.Before(a.until) {
		a.released(now)
	}
}

// released ends a pause. Where the shortest was enough, the next breach will cost little again.
func (a *allowance) released(now time.Time) {
	if costly := a.pause > 2*shortPause; costly != a.costly {
		a.costly, a.again = costly, 0
	}
	a.until, a.pause, a.at = time.Time{}, shortPause, now
}

// throttled learns that an attempt that left at a time was refused for being too many, and for how long the API asked
// to wait.
func (a *allowance) throttled(left, now time.Time, retryAfter time.Duration) {
	switch {
	case !left.After(a.breach), left.Before(a.until):
		return // the breach is known
	case !a.until.IsZero():
		a.hold(now, retryAfter)
		return
	}
	if a.row++; a.row == 1 {
		a.first = left
	}
	a.evidence++
	a.count(left, true)
	if float64(a.row) >= math.Log(chance)/math.Log(max(a.noise, leastNoise)) {
		a.nothingPasses(now)
		a.hold(now, retryAfter)
	}
}

// count measures the noise: what is refused while the pace rests below the allowance. It is the smallest share in one
// of the last blocks of calls, as noise does not fall when the pace does, and a limit does.
func (a *allowance) count(left time.Time, refused bool) {
	if a.known > 0 && (left.Before(a.at) || a.searching(left)) {
		return
	}
	const block, remembered = 150, 3 // fewer calls cannot tell 3% from nothing, 99 times in 100
	if a.calls++; refused {
		a.refused++
	}
	if a.calls == block {
		a.blocks = append(a.blocks, float64(a.refused)/block)
		a.blocks = a.blocks[max(0, len(a.blocks)-remembered):]
		a.noise, a.calls, a.refused = slices.Min(a.blocks), 0, 0
	}
}

// surplus is how many refusals more than noise explains show a limit. Where one is looked for, it takes fewer.
func (a *allowance) surplus(left time.Time) float64 {
	if a.searching(left) {
		return 1 + min(1, 100*a.noise) + 20*a.noise
	}
	return 4 + 20*a.noise
}

// tooMany takes what passed in the best of the last seconds, in which refusals became too many, for the allowance. A
// search that failed does not lower it.
func (a *allowance) tooMany(left, now time.Time, pace float64) {
	seen := min(pace, a.largest(left.Add(-evident), left))
	if a.searching(left) {
		a.learn(now, max(seen, a.known))
		return
	}
	a.learn(now, min(max(seen, 0.7*pace), 0.97*pace))
}

// nothingPasses takes what passed in the second before the first of many refusals for the allowance. If the pace was
// resting at it, it was too high; a single such case does not halve it.
func (a *allowance) nothingPasses(now time.Time) {
	seen := a.largest(a.first.Add(-time.Second), a.first)
	if a.known > 0 && !a.searching(a.first) {
		seen = min(seen, 0.93*a.known)
	}
	a.learn(now, max(seen, a.known/2))
}

func (a *allowance) learn(now time.Time, allowed float64) {
	if a.again++; math.Abs(allowed-a.known) > 0.1*a.known {
		a.again = 0
	}
	a.known, a.at, a.breach = max(1, allowed), now, now
	a.evidence, a.row, a.first = 0, 0, time.Time{}
}

// hold lets nothing leave for a while.
func (a *allowance) hold(now time.Time, retryAfter time.Duration) {
	a.until, a.breach = now.Add(max(a.pause, retryAfter)), now
	a.pause = min(2*a.pause, longPause)
}

func tenth(t time.Time) int64 { return t.UnixMilli() / 100 }

// add counts an attempt that passed.
func (a *allowance) add(left time.Time) {
	if a.passes == nil {
		a.passes = map[int64]int{}
	}
	if a.passes[tenth(left)]++; len(a.passes) > 2*tenths {
		maps.DeleteFunc(a.passes, func(at int64, _ int) bool { return at <= tenth(left)-tenths })
	}
}

// largest is how many passed in the best second of a span.
func (a *allowance) largest(from, to time.Time) float64 {
	first := max(tenth(from), tenth(to)-tenths+1)
	most, second := 0, 0
	for i := first; i <= tenth(to); i++ {
		second += a.passes[i]
		if i-10 >= first {
			second -= a.passes[i-10]
		}
		most = max(most, second)
	}
	return float64(most)
}
