package chart

import (
	"math"
	"time"
)

// scale lays a stretch of values on a stretch of the picture.
type scale struct{ min, max, from, to float64 }

// at is where a value lies, to a tenth of a unit, which no eye can tell from its place. What is not on the scale lies
// at its nearer end, so that nothing leaves the picture.
func (s scale) at(value float64) float64 {
	share := (value - s.min) / (s.max - s.min)
	if math.IsNaN(share) { // a scale without length, or no number
		share = 0
	}
	return math.Round(10*(s.from+min(max(share, 0), 1)*(s.to-s.from))) / 10
}

// Counts are whole numbers from nought to last: multiples of 1, 2 or 5 and as many noughts as it takes for no more than
// limit of them beside nought.
func Counts(last float64, limit int) []float64 {
	step := 1.0
	if least := last / float64(limit); least > 1 {
		decade := math.Pow(10, math.Floor(math.Log10(least)))
		for _, n := range []float64{1, 2, 5, 10} {
			if step = n * decade; step >= least {
				break
			}
		}
	}
	return multiples(step, last, limit)
}

// multiples are those of a step from nought to last, no more than limit of them beside nought.
func multiples[T float64 | time.Duration](step, last T, limit int) []T {
	all := []T{0}
	for i := T(1); i <= T(limit) && i*step <= last; i++ {
		all = append(all, i*step)
	}
	return all
}

// Times are round times from nought to last, no more than limit of them beside nought.
func Times(last time.Duration, limit int) []time.Duration {
	const day = 24 * time.Hour
	step := (last/time.Duration(limit) + day - 1) / day * day // beyond the list: whole days
	for _, s := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond,
		1 * time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		1 * time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		1 * time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day} {
		if last <= s*time.Duration(limit) {
			step = s
			break
		}
	}
	return multiples(step, last, limit)
}
