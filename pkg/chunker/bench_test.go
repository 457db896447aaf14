package chunker

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"
)

const benchRows = 1_000_000

// column makes a file of n different user IDs in one column.
func column(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	out := append(make([]byte, 0, 25*n+7), "userId\n"...)
	for i := range n {
		id := [12]byte{0x63, 0x19, 0xa1, byte(i >> 16), byte(i >> 8), byte(i)}
		for j := 6; j < 12; j++ {
			id[j] = byte(r.Uint32())
		}
		out = hex.AppendEncode(out, id[:])
		out = append(out, '\n')
	}
	return out
}

func BenchmarkBareCSV(b *testing.B) {
	data := column(benchRows)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(data))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			}
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkScan(b *testing.B) {
	data := column(benchRows)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Scan(b.Context(), bytes.NewReader(data), Options{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
