package chunker

import (
	"bytes"
	"runtime"
	"testing"
)

// Promise 8: after the first pass memory does not grow with the file. What is measured is what lives: the plan and all
// that the second pass holds.
func TestSecondPassStaysWithin64MiB(t *testing.T) {
	rows := 2_000_000
	if testing.Short() {
		rows = 200_000
	}
	text := column(rows)
	before := live()
	p, err := Scan(t.Context(), bytes.NewReader(text), Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	most := uint64(0)
	for c, err := range p.Split(bytes.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Number%(p.Chunks/8) == 0 {
			most = max(most, live()-before)
		}
	}
	t.Logf("%d KiB for %d rows", most>>10, rows)
	if most > 64<<20 {
		t.Errorf("%d bytes live during the second pass over %d rows, at most 64 MiB are promised", most, rows)
	}
	if each := float64(most-min(most, 4<<20)) / float64(rows); each > 0.5 {
		t.Errorf("the second pass holds %.2f bytes a row: it must not grow with the file", each)
	}
	runtime.KeepAlive(text)
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
