package chunker

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSeenTakesAtMost24BytesAnID holds for every number of IDs from 100,000 on, growth included: what a shard leaves is
// counted until another one takes it.
func TestSeenTakesAtMost24BytesAnID(t *testing.T) {
	t.Run("unknown size", func(t *testing.T) { testSeenSize(t, 0) })
	t.Run("known size", func(t *testing.T) { testSeenSize(t, 3_000_000) })
}

func testSeenSize(t *testing.T, known int) {
	s := newSeen()
	most, at := 0.0, 0
	for n := 1; n <= 3_000_000; n++ {
		if known > 0 {
			s.progress = float64(n) / float64(known)
		}
		s.add(key{rand.Uint64(), rand.Uint32()}, uint32(n))
		if bytes := s.bytes(); n >= 100_000 {
			if each := float64(bytes) / float64(max(n, known)); each > most {
				most, at = each, n
			}
		} else if bytes > 3<<20 && known == 0 {
			t.Fatalf("%d IDs take %d bytes", n, bytes)
		}
	}
	t.Logf("at most %.2f bytes an ID, at %d IDs", most, at)
	if most > 24 {
		t.Errorf("%.2f bytes an ID at %d IDs, at most 24 are promised", most, at)
	}
}

// bytes is the memory of the table.
func (s *seen) bytes() int {
	const pointer = 8
	sum := s.blocks*blockSlots*16 + cap(s.spare)*pointer
	for i := range s.shards {
		sum += cap(s.shards[i].blocks) * pointer
	}
	return sum
}

// TestSeenGivesTheFirstLine compares with a map.
func TestSeenGivesTheFirstLine(t *testing.T) {
	s, want := newSeen(), map[key]uint32{}
	r := rand.New(rand.NewPCG(1, 2))
	var keys [100]key
	var lines, firsts [100]uint32
	for round := range 2_000 {
		for i := range keys {
			keys[i] = key{r.Uint64N(50_000), r.Uint32N(2)}
			lines[i] = uint32(round*len(keys) + i + 1)
		}
		s.addAll(keys[:], lines[:], firsts[:])
		for i, k := range keys {
			if firsts[i] != want[k] {
				t.Fatalf("line %d: first %d, want %d", lines[i], firsts[i], want[k])
			}
			if want[k] == 0 {
				want[k] = lines[i]
			}
		}
	}
}

func BenchmarkSeen(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("%dM", n/1_000_000), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := newSeen()
				var keys [batchRows]key
				var lines, firsts [batchRows]uint32
				for i := 0; i < n; i += len(keys) {
					for j := range keys {
						keys[j], lines[j] = key{rand.Uint64(), rand.Uint32()}, uint32(i+j+1)
					}
					s.addAll(keys[:], lines[:], firsts[:])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/ID")
		})
	}
}
