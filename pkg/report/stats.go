package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"bulkdelete/internal/text"
)

// stats are what the page shows besides the summary. They take 32 bytes a row of the audit.
type stats struct {
	whole    int // users of a chunk at the most
	timings  []timing
	Redacted bool // nobody is shown

	said     map[string]string // the first reason of each kind
	troubles map[string]int    // attempts in vain, by what they met
	told     map[told]int      // troubles of chunks that were taken apart, which each part's row tells of

	Attention                            []Row // one of each chunk that needed attention most
	FailedRows, RejectedRows, SparedRows []sample
}

// timing is of one row of the audit.
type timing struct {
	did
	ended int64 // Unix time in nanoseconds
	took  time.Duration
}

// did is what was done in some time.
type did struct{ users, vain int } // vain: attempts

func (d *did) add(more did) { d.users, d.vain = d.users+more.users, d.vain+more.vain }

type told struct {
	chunk   int
	trouble string
}

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
	if t.said == nil {
		t.said, t.troubles, t.told = map[string]string{}, map[string]int{}, map[told]int{}
	}
	t.timings = append(t.timings, timing{did{r.Users, t.inVain(r)}, r.endedAt().UnixNano(), r.Duration})
	if kind := r.kind(); kind != "" && t.said[kind] == "" && len(t.said) < maxKinds {
		t.said[kind] = r.Reason()
	}
	if r.attention() > 0 {
		t.Attention = addWorst(t.Attention, r)
	}
}

// inVain counts the attempts in vain that no other part of the chunk has told of.
func (t *stats) inVain(r *Row) (sum int) {
	all := r.troubles()
	delete(all, Split) // which answered attempts lead to
	for _, trouble := range slices.Sorted(maps.Keys(all)) {
		n := all[trouble]
		if r.Users < t.whole {
			part := told{r.Chunk, trouble}
			before := t.told[part]
			t.told[part] = max(before, n)
			n = max(0, n-before)
		}
		countKind(t.troubles, trouble, n)
		sum += n
	}
	return sum
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

// addWorst keeps a row of each of the chunks that needed attention most: those with users who failed or are unknown,
// then those with the most attempts.
func addWorst(rows []Row, r *Row) []Row {
	order := func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.attention(), a.attention()), cmp.Compare(b.Attempts, a.Attempts),
			cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.Chunk, b.Chunk))
	}
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
