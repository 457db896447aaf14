package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"bulkdelete/internal/text"
)

// stats are what the page shows besides the summary. They take 32 bytes a row of the audit.
type stats struct {
	whole    int       // users of a chunk at the most
	rows     []stretch // of the audit, in Unix time
	Redacted bool      // nobody is shown

	said     map[string]string // the first reason of each kind
	troubles map[string]int    // attempts in vain, by what they met
	told     map[string]int    // troubles of a chunk that was taken apart, which each part's row tells of

	Attention                            []Row  // one of each chunk that needed attention most
	FailedRows, RejectedRows, SparedRows []Line // some for many; with an ID that is theirs, cut when it is very long
}

// stretch is some time, and what was done in it.
type stretch struct {
	from, to    time.Duration
	users, vain int // vain: attempts
}

const (
	topRows       = 10
	topSamples    = 60 // in all
	samplesOfKind = 5
	maxShownID    = 100 // runes
)

func (t *stats) add(r *Row) {
	if t.said == nil {
		t.said, t.troubles, t.told = map[string]string{}, map[string]int{}, map[string]int{}
	}
	ended := time.Duration(r.endedAt().UnixNano())
	t.rows = append(t.rows, stretch{ended - r.Duration, ended, r.Users, t.inVain(r)})
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
			part := fmt.Sprint(r.Chunk, " ", trouble)
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
func (t *stats) addSample(to *[]Line, l Line) {
	l.Reason = text.Shorten(l.Reason, maxMessage)
	kind := func(l Line) string { return cmp.Or(l.Code, l.Reason) }
	same, at := 0, len(*to)
	for i, s := range *to {
		if kind(s) == kind(l) {
			same, at = same+1, i+1
		}
	}
	if !t.Redacted && same < samplesOfKind && len(*to) < topSamples {
		l.Raw, l.ID = nil, []byte(text.Shorten(string(l.ID), maxShownID))
		*to = slices.Insert(*to, at, l)
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

// latency gives what share of the rows took no longer than what, in milliseconds.
func (t *stats) latency() (share func(p float64) float64) {
	sorted := make([]float64, len(t.rows))
	for i, r := range t.rows {
		sorted[i] = float64((r.to - r.from).Milliseconds())
	}
	slices.Sort(sorted)
	return func(p float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		return sorted[int(math.Ceil(p*float64(len(sorted))))-1]
	}
}
