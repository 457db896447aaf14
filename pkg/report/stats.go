package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"bulkdelete/internal/text"
)

// stats are what the page draws. They take 32 bytes a row of the audit.
type stats struct {
	timings  []timing
	Redacted bool // nobody is shown

	Slowest, Retried                     []Row
	FailedRows, RejectedRows, SparedRows []sample
}

// timing is of one row of the audit.
type timing struct {
	did
	ended int64 // Unix time in nanoseconds
	took  time.Duration
}

// did is what was done in some time.
type did struct{ users, again int } // again: attempts after the first

func (d *did) add(more did) { d.users, d.again = d.users+more.users, d.again+more.again }

// sample is a row shown for many.
type sample struct {
	Line   int
	ID     string // cut when it is very long
	Reason string
	Kind   string
}

const (
	topRows       = 10
	topSamples    = 60 // in all
	samplesOfKind = 5
	maxShownID    = 100 // runes
)

func (t *stats) add(r *Row) {
	done := did{r.Users, max(0, r.Attempts-1)}
	t.timings = append(t.timings, timing{done, r.endedAt().UnixNano(), r.Duration})
	t.Slowest = top(t.Slowest, r, func(a, b Row) int { return cmp.Compare(b.Duration, a.Duration) })
	if r.Attempts > 1 {
		t.Retried = top(t.Retried, r, func(a, b Row) int { return cmp.Compare(b.Attempts, a.Attempts) })
	}
}

// addSample keeps the first few rows of each kind, which is a rejection's class or a failure's reason, side by side.
func (t *stats) addSample(to *[]sample, l Line, reason string) {
	kind, same, at := cmp.Or(l.Code, reason), 0, len(*to)
	for i, s := range *to {
		if s.Kind == kind {
			same, at = same+1, i+1
		}
	}
	if !t.Redacted && same < samplesOfKind && len(*to) < topSamples {
		id, reason := text.Shorten(string(l.ID), maxShownID), text.Shorten(reason, maxMessage)
		*to = slices.Insert(*to, at, sample{l.Line, id, reason, kind})
	}
}

// top keeps the first few rows in an order, equals by chunk, and of a chunk that was split one row.
func top(rows []Row, r *Row, by func(a, b Row) int) []Row {
	order := func(a, b Row) int { return cmp.Or(by(a, b), cmp.Compare(a.Chunk, b.Chunk)) }
	if i := slices.IndexFunc(rows, func(have Row) bool { return have.Chunk == r.Chunk }); i >= 0 {
		if order(rows[i], *r) <= 0 {
			return rows
		}
		rows = slices.Delete(rows, i, i+1)
	}
	rows = append(rows, *r)
	slices.SortFunc(rows, order)
	return rows[:min(len(rows), topRows)]
}

// latency gives what share of the rows took no longer than what.
func (t *stats) latency() Latency {
	n := len(t.timings)
	if n == 0 {
		return Latency{}
	}
	sorted := make([]float64, n)
	for i, c := range t.timings {
		sorted[i] = float64(c.took.Milliseconds())
	}
	slices.Sort(sorted)
	share := func(p float64) float64 { return sorted[int(math.Ceil(p*float64(n)))-1] }
	return Latency{P50: share(0.5), P90: share(0.9), P99: share(0.99), Max: sorted[n-1]}
}

// series are users and repeated calls over working time, in at most seriesLen steps. Working time leaves out the
// pauses between runs, which can be a thousand times longer than the runs.
type series struct {
	Steps    []step
	Pauses   []pause
	Working  time.Duration // between the first call and the last answer without the pauses
	Repeated int           // attempts that followed a first one
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
			start, latest = begun, begun
		}
		if gap := begun - latest; gap > int64(pauseAfter) {
			s.Pauses = append(s.Pauses, pause{time.Duration(latest - start), time.Unix(0, latest), time.Unix(0, begun)})
			start += gap
		}
		latest = max(latest, c.ended)
		at[i] = max(0, min(time.Duration(c.ended-start), maxWorking))
		s.Working = max(s.Working, at[i])
		s.Repeated += c.again
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
		if n := len(s.Steps); n > 0 && to-from < width/2 {
			s.Steps[n-1].to = to
			s.Steps[n-1].add(d)
			continue
		}
		s.Steps = append(s.Steps, step{d, from, to})
	}
}
