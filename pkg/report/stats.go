package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"bulkdelete/internal/text"
)

// stats are what the page draws, gathered in bounded memory whatever the audit's length.
type stats struct {
	series  series
	buckets [latencyBuckets]int // chunks by latency
	max     time.Duration
	n       int
	Slowest []Row
	Retried []Row

	FailedRows, RejectedRows []sample
}

// sample is a row shown for many.
type sample struct {
	Line   int
	ID     string // cut when it is very long
	Reason string
	Kind   string
}

const (
	latencyBuckets = 160
	latencyStep    = 1.1 // a bucket's width: percentiles are right to 10%
	topRows        = 10
	topSamples     = 60 // in all
	samplesOfKind  = 5
	maxShownID     = 100 // runes
)

func (t *stats) add(r *Row) {
	t.n++
	t.max = max(t.max, r.Duration)
	t.buckets[latencyBucket(r.Duration)]++
	t.series.add(r)
	t.Slowest = top(t.Slowest, r, func(a, b Row) int { return cmp.Compare(b.Duration, a.Duration) })
	if r.Attempts > 1 {
		t.Retried = top(t.Retried, r, func(a, b Row) int { return cmp.Compare(b.Attempts, a.Attempts) })
	}
}

// addSample keeps the first few rows of each kind, which is a rejection's class or a failure's reason, side by side.
func addSample(to *[]sample, l Line, reason string) {
	kind, same, at := cmp.Or(l.Code, reason), 0, len(*to)
	for i, s := range *to {
		if s.Kind == kind {
			same, at = same+1, i+1
		}
	}
	if same < samplesOfKind && len(*to) < topSamples {
		id, reason := text.Shorten(string(l.ID), maxShownID), text.Shorten(reason, maxMessage)
		*to = slices.Insert(*to, at, sample{l.Line, id, reason, kind})
	}
}

// top keeps the first few rows in an order, the earlier of equals first, and of a chunk that was split one row.
func top(rows []Row, r *Row, order func(a, b Row) int) []Row {
	if i := slices.IndexFunc(rows, func(have Row) bool { return have.Chunk == r.Chunk }); i >= 0 {
		if order(rows[i], *r) <= 0 {
			return rows
		}
		rows = slices.Delete(rows, i, i+1)
	}
	rows = append(rows, *r)
	slices.SortStableFunc(rows, order)
	return rows[:min(len(rows), topRows)]
}

func latencyBucket(d time.Duration) int {
	ms := float64(max(d, time.Millisecond)) / float64(time.Millisecond)
	return min(int(math.Log(ms)/math.Log(latencyStep)), latencyBuckets-1)
}

// latencyOf is the middle of a bucket, in milliseconds.
func latencyOf(bucket int) float64 { return math.Pow(latencyStep, float64(bucket)+0.5) }

func (t *stats) latency() Latency {
	most := float64(t.max.Milliseconds())
	return Latency{P50: t.percentile(0.5), P90: t.percentile(0.9), P99: t.percentile(0.99), Max: most}
}

func (t *stats) percentile(p float64) float64 {
	need, seen := int(math.Ceil(p*float64(t.n))), 0
	for i, n := range t.buckets {
		if seen += n; n > 0 && seen >= need {
			return min(math.Round(latencyOf(i)), float64(t.max.Milliseconds()))
		}
	}
	return 0
}

// series are users and repeated calls over working time, in at most seriesLen steps: when time outgrows them,
// neighbours are joined. Working time leaves out the pauses between runs, which can be a thousand times longer than
// the runs.
type series struct {
	start  time.Time // of working time, moved on by every pause
	latest time.Time // answer so far
	step   time.Duration
	did    [seriesLen]did
	last   int     // of these that is not empty
	pauses []pause // the first few
	paused int
}

// pause is a time in which nobody worked on the folder.
type pause struct {
	at       time.Duration // working time
	From, To time.Time
}

// did is what was done in a stretch of time.
type did struct{ users, again int } // again: attempts after the first

func (d *did) add(more did) { d.users, d.again = d.users+more.users, d.again+more.again }

// step is one stretch of a series.
type step struct {
	did
	from, to time.Duration // working time
}

const (
	seriesLen  = 240
	firstStep  = 250 * time.Millisecond
	pauseAfter = time.Minute // no chunk waits so long for its turn while a run works
	maxPauses  = 20
	maxWorking = 100 * 365 * 24 * time.Hour // beyond it only an edited audit can reach
)

func (s *series) add(r *Row) {
	if s.step == 0 {
		s.start, s.latest, s.step = r.StartedAt, r.StartedAt, firstStep
	}
	if gap := r.StartedAt.Sub(s.latest); gap > pauseAfter {
		s.pause(gap, r.StartedAt)
	}
	if end := r.endedAt(); end.After(s.latest) {
		s.latest = end
	}
	at := min(r.endedAt().Sub(s.start), maxWorking)
	for at >= seriesLen*s.step {
		s.join()
	}
	i := max(0, int(at/s.step)) // rows stand in the order they were done, not begun
	s.did[i].add(did{r.Users, max(0, r.Attempts-1)})
	s.last = max(s.last, i)
}

func (s *series) pause(gap time.Duration, until time.Time) {
	if s.paused++; len(s.pauses) < maxPauses {
		s.pauses = append(s.pauses, pause{s.latest.Sub(s.start), s.latest, until})
	}
	s.start = s.start.Add(gap)
}

func (s *series) join() {
	for i := range seriesLen / 2 {
		s.did[i] = s.did[2*i]
		s.did[i].add(s.did[2*i+1])
	}
	clear(s.did[seriesLen/2:])
	s.step *= 2
	s.last /= 2
}

// working is the time between the first call and the last answer without the pauses.
func (s *series) working() time.Duration { return min(s.latest.Sub(s.start), maxWorking) }

// repeated is how many attempts followed a first one.
func (s *series) repeated() (n int) {
	for _, d := range s.did {
		n += d.again
	}
	return n
}

// steps gives the series from its beginning to the last answer. The last stretch ends there; one too short to have
// a pace of its own is part of the one before.
func (s *series) steps() []step {
	if s.step == 0 {
		return nil
	}
	var all []step
	for i := range s.last + 1 {
		from := time.Duration(i) * s.step
		to := from + s.step
		if i == s.last {
			to = max(min(to, s.working()), from+s.step/100)
		}
		if n := len(all); n > 0 && to-from < s.step/2 {
			all[n-1].to = to
			all[n-1].add(s.did[i])
			continue
		}
		all = append(all, step{s.did[i], from, to})
	}
	return all
}
