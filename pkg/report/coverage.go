package report

import (
	"fmt"
	"math/bits"
)

// Coverage is which places of which chunk have a row in an audit. It takes one bit a chunk, and a word for each
// chunk of which only some places have a row.
type Coverage struct {
	Users map[Outcome]int // by outcome
	Done  int             // users who have a row, and those left out

	accepted, chunkSize, chunks int
	done                        []uint64       // bit n-1: every place of chunk n has a row
	parts                       map[int]uint64 // chunk of which some places have one: bit p-1 for place p
	chunksDone                  int
}

// NewCoverage is of an audit without rows.
func NewCoverage(plan Plan) *Coverage {
	return &Coverage{accepted: plan.Accepted, chunkSize: plan.ChunkSize, chunks: plan.Chunks,
		done: make([]uint64, (plan.Chunks+63)/64), parts: map[int]uint64{}, Users: map[Outcome]int{}}
}

// size is how many users chunk n holds.
func (c *Coverage) size(n int) int {
	if n == c.chunks {
		return c.accepted - (c.chunks-1)*c.chunkSize
	}
	return c.chunkSize
}

// IsDone says whether every place of chunk n has a row.
func (c *Coverage) IsDone(n int) bool { return c.done[(n-1)/64]&(1<<((n-1)%64)) != 0 }

// Complete says whether every place of every chunk has a row.
func (c *Coverage) Complete() bool { return c.chunksDone == c.chunks }

// Left is the number of users without a row.
func (c *Coverage) Left() int { return c.accepted - c.Done }

// Open gives the places (from 1) of chunk n that have no row.
func (c *Coverage) Open(n int) []int {
	covered := c.parts[n]
	places := make([]int, 0, c.size(n))
	for place := 1; place <= c.size(n); place++ {
		if covered&PlacesMask(place, place) == 0 {
			places = append(places, place)
		}
	}
	return places
}

// FirstOpen gives the first n chunks that have places without a row.
func (c *Coverage) FirstOpen(n int) (open []int) {
	for chunk := 1; chunk <= c.chunks && len(open) < n; chunk++ {
		if !c.IsDone(chunk) {
			open = append(open, chunk)
		}
	}
	return open
}

// Add takes a row into account. A row outside the plan, or about a place that another row is about, means that the
// audit and the plan do not belong together.
func (c *Coverage) Add(r Row) error {
	if r.Chunk < 1 || r.Chunk > c.chunks || r.From < 1 || r.To < r.From || r.To > c.size(r.Chunk) {
		return fmt.Errorf("chunk %d part %d-%d is not part of the plan", r.Chunk, r.From, r.To)
	}
	mask := PlacesMask(r.From, r.To)
	if c.IsDone(r.Chunk) || c.parts[r.Chunk]&mask != 0 {
		return fmt.Errorf("chunk %d part %d-%d is recorded twice", r.Chunk, r.From, r.To)
	}
	c.Users[r.Outcome] += r.To - r.From + 1
	c.mark(r.Chunk, mask)
	return nil
}

func (c *Coverage) mark(chunk int, places uint64) {
	c.Done += bits.OnesCount64(places)
	covered := c.parts[chunk] | places
	if bits.OnesCount64(covered) < c.size(chunk) {
		c.parts[chunk] = covered
		return
	}
	delete(c.parts, chunk)
	c.done[(chunk-1)/64] |= 1 << ((chunk - 1) % 64)
	c.chunksDone++
}

// LeaveOut counts all users as done that keep does not name. keep gives the places of a chunk as a mask.
func (c *Coverage) LeaveOut(keep func(chunk int) uint64) {
	for n := 1; n <= c.chunks; n++ {
		if others := PlacesMask(1, c.size(n)) &^ keep(n); others != 0 {
			c.mark(n, others)
		}
	}
}

// PlacesMask has bit p-1 set for each place p of a range.
func PlacesMask(from, to int) uint64 { return (uint64(1)<<(to-from+1) - 1) << (from - 1) }
