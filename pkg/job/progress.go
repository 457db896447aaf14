package job

import (
	"fmt"
	"math/bits"

	"bulkdelete/pkg/report"
)

// progress is what the audit says of each chunk: which are done, and of those begun which places are settled. It takes
// one bit a chunk, and a word for each chunk that is partly done.
type progress struct {
	accepted, chunkSize, chunks int
	done                        []uint64       // bit n-1: chunk n is settled whole
	parts                       map[int]uint64 // chunk partly settled: bit p-1 for place p
	chunksDone, usersDone       int
	users                       map[report.Outcome]int
}

func newProgress(accepted, chunkSize, chunks int) *progress {
	return &progress{accepted: accepted, chunkSize: chunkSize, chunks: chunks,
		done: make([]uint64, (chunks+63)/64), parts: map[int]uint64{}, users: map[report.Outcome]int{}}
}

// size is how many users chunk n holds.
func (p *progress) size(n int) int {
	if n == p.chunks {
		return p.accepted - (p.chunks-1)*p.chunkSize
	}
	return p.chunkSize
}

func (p *progress) isDone(n int) bool { return p.done[(n-1)/64]&(1<<((n-1)%64)) != 0 }

func (p *progress) finished() bool { return p.chunksDone == p.chunks }

// open gives the places (from 1) of chunk n that no audit row speaks of.
func (p *progress) open(n int) []int {
	settled := p.parts[n]
	places := make([]int, 0, p.size(n))
	for place := 1; place <= p.size(n); place++ {
		if settled&(1<<(place-1)) == 0 {
			places = append(places, place)
		}
	}
	return places
}

// add takes one audit row into account. A row outside the plan, or about a place that another row spoke of, means that
// the audit and the plan do not belong together.
func (p *progress) add(r report.Row) error {
	if r.Chunk < 1 || r.Chunk > p.chunks || r.From < 1 || r.To < r.From || r.To > p.size(r.Chunk) {
		return fmt.Errorf("audit: chunk %d part %d-%d is not part of the plan", r.Chunk, r.From, r.To)
	}
	mask := placesMask(r.From, r.To)
	if p.isDone(r.Chunk) || p.parts[r.Chunk]&mask != 0 {
		return fmt.Errorf("audit: chunk %d part %d-%d is recorded twice", r.Chunk, r.From, r.To)
	}
	p.users[r.Outcome] += r.To - r.From + 1
	p.mark(r.Chunk, mask)
	return nil
}

// mark notes places of a chunk as settled that were not.
func (p *progress) mark(chunk int, places uint64) {
	p.usersDone += bits.OnesCount64(places)
	settled := p.parts[chunk] | places
	if bits.OnesCount64(settled) < p.size(chunk) {
		p.parts[chunk] = settled
		return
	}
	delete(p.parts, chunk)
	p.done[(chunk-1)/64] |= 1 << ((chunk - 1) % 64)
	p.chunksDone++
}

// leaveOut takes everybody for settled whom keep does not name.
func (p *progress) leaveOut(keep func(chunk int) uint64) {
	for n := 1; n <= p.chunks; n++ {
		if others := placesMask(1, p.size(n)) &^ keep(n); others != 0 {
			p.mark(n, others)
		}
	}
}

// placesMask has bit p-1 set for each place p in a range.
func placesMask(from, to int) uint64 { return (uint64(1)<<(to-from+1) - 1) << (from - 1) }
