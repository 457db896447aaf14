package report

import (
	"fmt"
	"math/bits"
)

// size is how many users chunk n holds.
func (a *Audit) size(n int) int { return min(a.plan.ChunkSize, a.plan.Accepted-(n-1)*a.plan.ChunkSize) }

// open are the places of chunk n that have no row.
func (a *Audit) open(n int) uint64 { return PlacesMask(1, a.size(n)) &^ a.covered[n] }

// IsDone says whether every place of chunk n has a row.
func (a *Audit) IsDone(n int) bool { return a.open(n) == 0 }

// Complete says whether every place of every chunk has a row.
func (a *Audit) Complete() bool { return a.Left() == 0 }

// Left is the number of users without a row.
func (a *Audit) Left() int { return a.plan.Accepted - a.done }

// Open gives the places (from 1) of chunk n that have no row.
func (a *Audit) Open(n int) []int {
	var places []int
	for open := a.open(n); open != 0; open &= open - 1 {
		places = append(places, bits.TrailingZeros64(open)+1)
	}
	return places
}

// FirstOpen gives the first n chunks that have places without a row.
func (a *Audit) FirstOpen(n int) (open []int) {
	for chunk := 1; chunk <= a.plan.Chunks && len(open) < n; chunk++ {
		if !a.IsDone(chunk) {
			open = append(open, chunk)
		}
	}
	return open
}

// Add takes a row into account. A row outside the plan, or about a place that another row is about, means that the
// audit and the plan do not belong together.
func (a *Audit) Add(r Row) error {
	if r.Chunk < 1 || r.Chunk > a.plan.Chunks || r.From < 1 || r.To < r.From || r.To > a.size(r.Chunk) {
		return fmt.Errorf("chunk %d part %d-%d is not part of the plan", r.Chunk, r.From, r.To)
	}
	mask := PlacesMask(r.From, r.To)
	if a.covered[r.Chunk]&mask != 0 {
		return fmt.Errorf("chunk %d part %d-%d is recorded twice", r.Chunk, r.From, r.To)
	}
	a.Users[r.Outcome] += r.Users
	if r.isMismatch() {
		a.Mismatched += r.Users
	}
	a.mark(r.Chunk, mask)
	return nil
}

func (a *Audit) mark(chunk int, places uint64) {
	a.done += bits.OnesCount64(places)
	a.covered[chunk] |= places
}

// LeaveOut counts all users as done that keep does not name. keep gives the places of a chunk as a mask.
func (a *Audit) LeaveOut(keep func(chunk int) uint64) {
	for n := 1; n <= a.plan.Chunks; n++ {
		a.mark(n, a.open(n)&^keep(n))
	}
}

// PlacesMask has bit p-1 set for each place p of a range.
func PlacesMask(from, to int) uint64 { return (uint64(1)<<(to-from+1) - 1) << (from - 1) }
