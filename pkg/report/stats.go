package report

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// stats are what the page draws, gathered in bounded memory whatever the audit's length.
type stats struct {
	series   series
	buckets  [latencyBuckets]int // chunks by latency
	max      time.Duration
	n        int
	slowest  []Row
	retried  []Row
	failed   []Sample
	rejected []Sample
}

// Sample is a row shown for many.
type Sample struct {
	Line   int
	ID     string
	Reason string
}

const (
	latencyBuckets = 160
	latencyStep    = 1.1 // a bucket's width: percentiles are right to 10%
	topRows        = 10
	topSamples     = 20
)

func (t *stats) add(r *Row) {
	t.n++
	t.max = max(t.max, r.Duration)
	t.buckets[latencyBucket(r.Duration)]++
	t.series.add(r)
	t.slowest = top(t.slowest, r, func(a, b Row) int { return cmp.Compare(b.Duration, a.Duration) })
	if r.Attempts > 1 {
		t.retried = top(t.retried, r, func(a, b Row) int { return cmp.Compare(b.Attempts, a.Attempts) })
	}
}

func (t *stats) sample(to *[]Sample, l Line, reason string) {
	if len(*to) < topSamples {
		*to = append(*to, Sample{l.Line, l.ID, reason})
	}
}

// top keeps the first few rows in an order.
func top(rows []Row, r *Row, order func(a, b Row) int) []Row {
	i, _ := slices.BinarySearchFunc(rows, *r, order)
	if i >= topRows {
		return rows
	}
	rows = slices.Insert(rows, i, *r)
	return rows[:min(len(rows), topRows)]
}

func latencyBucket(d time.Duration) int {
	ms := float64(max(d, time.Millisecond)) / float64(time.Millisecond)
	return min(int(math.Log(ms)/math.Log(latencyStep)), latencyBuckets-1)
}

// latencyOf is the middle of a bucket, in milliseconds.
func latencyOf(bucket int) float64 { return math.Pow(latencyStep, float64(bucket)+0.5) }

func (t *stats) latency() Latency {
	return Latency{P50: t.percentile(0.5), P90: t.percentile(0.9), P99: t.percentile(0.99), Max: float64(t.max.Milliseconds())}
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

// series are users and repeated calls over time, in at most seriesLen steps: when time outgrows them, neighbours are joined.
type series struct {
	start time.Time
	step  time.Duration
	users [seriesLen]int
	again [seriesLen]int // attempts after the first
	last  int
}

const seriesLen = 240

func (s *series) add(r *Row) {
	at := r.StartedAt.Add(r.Duration)
	if s.step == 0 {
		s.start, s.step = r.StartedAt, time.Second
	}
	for at.Sub(s.start) >= seriesLen*s.step {
		s.join()
	}
	i := max(0, int(at.Sub(s.start)/s.step)) // rows stand in the order they were settled, not begun
	s.users[i] += r.Users
	s.again[i] += r.Attempts - 1
	s.last = max(s.last, i)
}

func (s *series) join() {
	for i := range seriesLen / 2 {
		s.users[i] = s.users[2*i] + s.users[2*i+1]
		s.again[i] = s.again[2*i] + s.again[2*i+1]
	}
	clear(s.users[seriesLen/2:])
	clear(s.again[seriesLen/2:])
	s.step *= 2
	s.last /= 2
}
