package report

import (
	"cmp"
	"slices"
	"time"
)

// pause is a time in which nobody worked on the folder.
type pause struct{ From, To time.Time }

const (
	mostSteps  = 240
	firstStep  = 250 * time.Millisecond
	pauseAfter = time.Minute                // no chunk waits so long for its turn while a run works
	maxWorking = 100 * 365 * 24 * time.Hour // beyond it only an edited audit can reach
)

// overTime makes of the audit's rows what was done over working time, in at most mostSteps steps. Working time leaves
// out the pauses between runs, which can be a thousand times longer than the runs.
func (p *page) overTime() {
	slices.SortStableFunc(p.rows, func(a, b stretch) int { return cmp.Compare(a.to, b.to) })
	unix := func(at time.Duration) time.Time { return time.Unix(0, int64(at)) }
	at := make([]time.Duration, len(p.rows))
	var start, latest time.Duration // the first of working time, moved on by every pause
	for i, r := range p.rows {
		if i == 0 {
			start, latest, p.start = r.from, r.from, unix(r.from)
		}
		if gap := r.from - latest; gap > pauseAfter {
			p.pauses = append(p.pauses, pause{unix(latest), unix(r.from)})
			start += gap
		}
		latest = max(latest, r.to)
		at[i] = max(0, min(r.to-start, maxWorking))
		p.Working = max(p.Working, at[i])
		p.vain += r.vain
	}
	p.divide(at)
}

// divide makes the steps; each row belongs to the one that its end is in, by working time. The last step ends with the
// last answer; if it is too short to have a pace of its own it is part of the one before.
func (p *page) divide(at []time.Duration) {
	width := firstStep
	for p.Working >= mostSteps*width {
		width *= 2
	}
	steps := make([]stretch, p.Working/width+1)
	for i := range steps {
		steps[i].from, steps[i].to = time.Duration(i)*width, time.Duration(i+1)*width
	}
	for i, r := range p.rows {
		s := &steps[at[i]/width]
		s.users, s.vain = s.users+r.users, s.vain+r.vain
	}
	n := len(steps) - 1
	last := &steps[n]
	last.to = max(p.Working, last.from+width/100)
	if n > 0 && last.to-last.from < width/2 {
		before := &steps[n-1]
		before.to, before.users, before.vain = last.to, before.users+last.users, before.vain+last.vain
		steps = steps[:n]
	}
	p.steps = steps
}

// working is the working time at a moment.
func (p *page) working(at time.Time) time.Duration {
	d := at.Sub(p.start)
	for _, gap := range p.pauses {
		d -= max(0, min(at.Sub(gap.From), gap.To.Sub(gap.From)))
	}
	return max(0, min(d, p.Working))
}
