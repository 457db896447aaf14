package report

import (
	"cmp"
	"slices"
	"time"
)

// series are users and attempts in vain over working time, in at most seriesLen steps. Working time leaves out the
// pauses between runs, which can be a thousand times longer than the runs.
type series struct {
	Working time.Duration // between the first call and the last answer without the pauses
	steps   []step
	pauses  []pause
	vain    int
	start   time.Time
}

// working is the working time at a moment.
func (s *series) working(at time.Time) time.Duration {
	d := at.Sub(s.start)
	for _, p := range s.pauses {
		d -= max(0, min(at.Sub(p.From), p.To.Sub(p.From)))
	}
	return max(0, min(d, s.Working))
}

// pause is a time in which nobody worked on the folder.
type pause struct {
	at       time.Duration // working time
	From, To time.Time
}

// step is one stretch of a series.
type step struct {
	did
	from, to time.Duration // working time
}

const (
	seriesLen  = 240
	firstStep  = 250 * time.Millisecond
	pauseAfter = time.Minute                // no chunk waits so long for its turn while a run works
	maxWorking = 100 * 365 * 24 * time.Hour // beyond it only an edited audit can reach
)

func (t *stats) series() (s series) {
	slices.SortStableFunc(t.timings, func(a, b timing) int { return cmp.Compare(a.ended, b.ended) })
	at := make([]time.Duration, len(t.timings))
	var start, latest int64 // the first of working time, moved on by every pause
	for i, c := range t.timings {
		begun := c.ended - int64(c.took)
		if i == 0 {
			start, latest, s.start = begun, begun, time.Unix(0, begun)
		}
		if gap := begun - latest; gap > int64(pauseAfter) {
			s.pauses = append(s.pauses, pause{time.Duration(latest - start), time.Unix(0, latest), time.Unix(0, begun)})
			start += gap
		}
		latest = max(latest, c.ended)
		at[i] = max(0, min(time.Duration(c.ended-start), maxWorking))
		s.Working = max(s.Working, at[i])
		s.vain += c.vain
	}
	s.divide(t.timings, at)
	return s
}

// divide makes the steps. The last one ends with the last answer; if it is too short to have a pace of its own it is
// part of the one before.
func (s *series) divide(timings []timing, at []time.Duration) {
	width := firstStep
	for s.Working >= seriesLen*width {
		width *= 2
	}
	done := make([]did, s.Working/width+1)
	for i, c := range timings {
		done[at[i]/width].add(c.did)
	}
	for i, d := range done {
		from := time.Duration(i) * width
		to := from + width
		if i == len(done)-1 {
			to = max(s.Working, from+width/100)
		}
		if n := len(s.steps); n > 0 && to-from < width/2 {
			s.steps[n-1].to = to
			s.steps[n-1].add(d)
			continue
		}
		s.steps = append(s.steps, step{d, from, to})
	}
}
