package chunker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/zeebo/xxh3"
)

// spread makes a key of a number; two neighbours differ in one bit alone.
func spread(n uint64) xxh3.Uint128 {
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], n/2)
	return xxh3.Uint128{Lo: xxh3.Hash(text[:]), Hi: n % 2}
}

// Promise 8: at most 48 bytes an ID, at every number of them, though the garbage collector may not have taken anything
// yet.
func TestSeenTakesAtMost48BytesAnID(t *testing.T) {
	s, before := new(seen), allocated()
	most, at := 0.0, 0
	for n := 1; n <= 3_000_000; n++ {
		s.add(spread(uint64(n)), uint32(n))
		if n%100_000 != 0 {
			continue
		}
		if each := float64(allocated()-before) / float64(n); each > most {
			most, at = each, n
		}
	}
	t.Logf("at most %.2f bytes an ID, at %d IDs", most, at)
	if most > 48 {
		t.Errorf("%.2f bytes an ID at %d IDs, at most 48 are promised", most, at)
	}
}

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestSeenGivesTheFirstLine compares with a map.
func TestSeenGivesTheFirstLine(t *testing.T) {
	s, want := new(seen), map[xxh3.Uint128]uint32{}
	r := rand.New(rand.NewPCG(1, 2))
	for line := uint32(1); line <= 300_000; line++ {
		k := spread(r.Uint64N(100_000))
		if first := s.add(k, line); first != want[k] {
			t.Fatalf("line %d: first %d, want %d", line, first, want[k])
		}
		if want[k] == 0 {
			want[k] = line
		}
	}
}

// Keys that begin alike, and so have one slot and tag, are told apart all the same.
func TestSeenComparesWholeKeys(t *testing.T) {
	s := new(seen)
	for n := range uint32(300) {
		k := xxh3.Uint128{Lo: uint64(n) << 32, Hi: uint64(n) << 16}
		if first := s.add(k, n+1); first != 0 {
			t.Fatalf("key %d is taken for that of line %d", n, first)
		}
		if first := s.add(k, n+2); first != n+1 {
			t.Fatalf("key %d of line %d is found in line %d", n, n+1, first)
		}
	}
}

func BenchmarkSeen(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("%dM", n/1_000_000), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := new(seen)
				for i := range n {
					s.add(spread(uint64(i)), uint32(i+1))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/ID")
		})
	}
}
