package chunker

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the input, its shards name each accepted row once, in the chunks of the whole plan, and share its digest.
func TestShardsTogetherAreTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 7).Draw(rt, "chunk size")
		shards := rapid.IntRange(1, 6).Draw(rt, "shards")
		rows := rapid.SliceOfN(rapid.IntRange(0, 60), 0, 100).Draw(rt, "rows") // 0: broken
		text := []byte("userId\n")
		for _, n := range rows {
			if n == 0 {
				text = append(text, "broken\n"...)
				continue
			}
			text = fmt.Appendf(text, "%s\n", hexID(n))
		}
		whole, _, err := read(t, text, Options{ChunkSize: size})
		if err != nil {
			rt.Fatal(err)
		}
		var want []Chunk
		for c := range whole.Split(bytes.NewReader(text)) {
			want = append(want, c)
		}
		sum, lines := [2]int{}, map[int]int{}
		for i := range shards {
			p, rows, err := read(t, text, Options{ChunkSize: size, Shard: i, Shards: shards})
			if err != nil {
				rt.Fatal(err)
			}
			if p.Digest != whole.Digest {
				rt.Fatal("the digests differ")
			}
			sum[0], sum[1] = sum[0]+p.Rows, sum[1]+p.Accepted
			if p.AllRows != whole.Rows || p.AllAccepted != whole.Accepted {
				rt.Fatalf("%d rows and %d accepted are counted for all shards", p.AllRows, p.AllAccepted)
			}
			for _, r := range rows {
				lines[r.Line]++
			}
			n := 0
			for c := range p.Split(bytes.NewReader(text)) {
				n++
				w := want[(n-1)*shards+i]
				if c.Number != n || fmt.Sprint(c.IDs, c.Lines) != fmt.Sprint(w.IDs, w.Lines) {
					rt.Fatalf("shard %d/%d: chunk %v, want %v as number %d", i, shards, c, w, n)
				}
			}
			if n != p.Chunks {
				rt.Fatalf("shard %d/%d: %d chunks, %d planned", i, shards, n, p.Chunks)
			}
		}
		if sum != [2]int{whole.Rows, whole.Accepted} || len(lines) != whole.Rows {
			rt.Fatalf("the shards hold %v of %d rows and %d accepted", sum, whole.Rows, whole.Accepted)
		}
		for line, n := range lines {
			if n != 1 {
				rt.Fatalf("line %d is in %d shards", line, n)
			}
		}
	})
}

func TestShardsThatDoNotExist(t *testing.T) {
	for _, o := range []Options{{Shard: 4, Shards: 4}, {Shard: -1, Shards: 4}, {Shard: 1}, {Shards: -1}} {
		if err := o.Validate(); err == nil {
			t.Errorf("%d/%d is accepted", o.Shard, o.Shards)
		}
	}
}
