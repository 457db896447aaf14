package chart

import (
	"math"
	"time"
)

// Scale lays a stretch of values on a stretch of the picture.
type Scale struct{ Min, Max, From, To float64 }

// At is where a value lies, to a tenth of a unit, which no eye can tell from its place. What is not on the scale lies
// at its nearer end, so that nothing leaves the picture.
func (s Scale) At(value float64) float64 {
	share := (value - s.Min) / (s.Max - s.Min)
	if math.IsNaN(share) { // a scale without length, or no number
		share = 0
	}
	return math.Round(10*(s.From+min(max(share, 0), 1)*(s.To-s.From))) / 10
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
	counts := []float64{0}
	for i := 1; i <= limit && float64(i)*step <= last; i++ {
		counts = append(counts, float64(i)*step)
	}
	return counts
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
	times := []time.Duration{0}
	for i := time.Duration(1); i <= time.Duration(limit) && i*step <= last; i++ {
		times = append(times, i*step)
	}
	return times
}

// LogTimes are round times between two, up to some hours, for a logarithmic scale: two or three for each power of ten,
// or one where more than limit would stand there, or every other one of these, and so on.
func LogTimes(first, last time.Duration, limit int) []time.Duration {
	var fine, coarse []time.Duration
	for _, unit := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
		time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour} {
		round := []time.Duration{1, 2, 5}
		if unit == 10*time.Second || unit == 10*time.Minute {
			round = []time.Duration{1, 3} // 50 is too near to 60
		}
		for i, n := range round {
			at := n * unit
			if at < first || at > last {
				continue
			}
			fine = append(fine, at)
			if i == 0 {
				coarse = append(coarse, at)
			}
		}
	}
	if len(fine) <= limit {
		return fine
	}
	for len(coarse) > limit {
		coarse = everyOther(coarse)
	}
	return coarse
}

func everyOther(times []time.Duration) (left []time.Duration) {
	for i := 0; i < len(times); i += 2 {
		left = append(left, times[i])
	}
	return left
}
