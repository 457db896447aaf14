package report

import (
	"fmt"
	"math/bits"
)

// Coverage is which places of which chunk have a row in an audit.
type Coverage struct {
	Users      map[Outcome]int // by outcome
	Mismatched int             // of those spared, whom the list describes as somebody else
	Done       int             // users who have a row, and those left out

	accepted, chunkSize int
	covered             []uint64 // of each chunk: bit p-1 for place p
}

// NewCoverage is of an audit without rows.
func NewCoverage(plan Plan) *Coverage {
	return &Coverage{accepted: plan.Accepted, chunkSize: plan.ChunkSize, covered: make([]uint64, plan.Chunks),
		Users: map[Outcome]int{}}
}

// size is how many users chunk n holds.
func (c *Coverage) size(n int) int { return min(c.chunkSize, c.accepted-(n-1)*c.chunkSize) }

// open are the places of chunk n that have no row.
func (c *Coverage) open(n int) uint64 { return PlacesMask(1, c.size(n)) &^ c.covered[n-1] }

// IsDone says whether every place of chunk n has a row.
func (c *Coverage) IsDone(n int) bool { return c.open(n) == 0 }

// Complete says whether every place of every chunk has a row.
func (c *Coverage) Complete() bool { return c.Left() == 0 }

// Left is the number of users without a row.
func (c *Coverage) Left() int { return c.accepted - c.Done }

// Open gives the places (from 1) of chunk n that have no row.
func (c *Coverage) Open(n int) []int {
	var places []int
	for open := c.open(n); open != 0; open &= open - 1 {
		places = append(places, bits.TrailingZeros64(open)+1)
	}
	return places
}

// FirstOpen gives the first n chunks that have places without a row.
func (c *Coverage) FirstOpen(n int) (open []int) {
	for chunk := 1; chunk <= len(c.covered) && len(open) < n; chunk++ {
		if !c.IsDone(chunk) {
			open = append(open, chunk)
		}
	}
	return open
}

// Add takes a row into account. A row outside the plan, or about a place that another row is about, means that the
// audit and the plan do not belong together.
func (c *Coverage) Add(r Row) error {
	if r.Chunk < 1 || r.Chunk > len(c.covered) || r.From < 1 || r.To < r.From || r.To > c.size(r.Chunk) {
		return fmt.Errorf("chunk %d part %d-%d is not part of the plan", r.Chunk, r.From, r.To)
	}
	mask := PlacesMask(r.From, r.To)
	if c.covered[r.Chunk-1]&mask != 0 {
		return fmt.Errorf("chunk %d part %d-%d is recorded twice", r.Chunk, r.From, r.To)
	}
	c.Users[r.Outcome] += r.To - r.From + 1
	if r.isMismatch() {
		c.Mismatched += r.To - r.From + 1
	}
	c.mark(r.Chunk, mask)
	return nil
}

func (c *Coverage) mark(chunk int, places uint64) {
	c.Done += bits.OnesCount64(places)
	c.covered[chunk-1] |= places
}

// LeaveOut counts all users as done that keep does not name. keep gives the places of a chunk as a mask.
func (c *Coverage) LeaveOut(keep func(chunk int) uint64) {
	for n := range len(c.covered) {
		c.mark(n+1, c.open(n+1)&^keep(n+1))
	}
}

// PlacesMask has bit p-1 set for each place p of a range.
func PlacesMask(from, to int) uint64 { return (uint64(1)<<(to-from+1) - 1) << (from - 1) }
