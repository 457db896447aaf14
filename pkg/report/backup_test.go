package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

func testUsers(chunk int) []Saved {
	return []Saved{
		{Chunk: chunk, Place: 1, Line: 2 * chunk, ID: "a<b>", User: json.RawMessage(fmt.Sprintf(`{"userId":"%d","name":"A <&> \u2028"}`, chunk))},
		{Chunk: chunk, Place: 2, Line: 2*chunk + 1, ID: "gone", User: json.RawMessage("null")},
	}
}

// backup makes a file of chunks 1 to n.
func backup(t testing.TB, d *disk, n int) {
	t.Helper()
	b, err := OpenBackup(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := 1; i <= n; i++ {
		if err := b.Append(testUsers(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// chunksOf reads a file's chunks.
func chunksOf(data []byte, tail int) (chunks []int, err error) {
	for f, err := range ReadBackup(bytes.NewReader(data), tail) {
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, f.Users[0].Chunk)
	}
	return chunks, nil
}

// Anyone can read it with zstd and a JSON parser, and each frame by itself.
func TestBackupIsZstdAndJSONLines(t *testing.T) {
	d := newDisk(nil)
	backup(t, d, 2)
	z, err := zstd.NewReader(bytes.NewReader(d.synced))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	text, err := io.ReadAll(z)
	if err != nil || strings.Count(string(text), "\n") != 4 || !strings.HasPrefix(string(text), `{"chunk":1,"place":1,"line":2,"id":"a<b>","user":{"userId":"1"`) {
		t.Errorf("%s (%v)", text, err)
	}
	for f, err := range ReadBackup(bytes.NewReader(d.synced), 1) {
		if err != nil {
			t.Fatal(err)
		}
		users, err := ReadFrame(bytes.NewReader(d.synced), f.Offset)
		if err != nil || fmt.Sprint(users) != fmt.Sprint(f.Users) || len(users) != 2 || string(users[1].User) != "null" {
			t.Errorf("at %d: %v (%v), not %v", f.Offset, users, err, f.Users)
		}
	}
}

// Cut at any byte, it is what it was up to the last frame that is whole, and goes on there.
func TestBackupCutAtEveryByte(t *testing.T) {
	whole := newDisk(nil)
	backup(t, whole, 3)
	for n := range whole.synced {
		cut := newDisk(whole.synced[:n])
		before, err := chunksOf(cut.data, 1)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		b, err := OpenBackup(cut, 1)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if err := errors.Join(b.Append(testUsers(9)), b.Close()); err != nil {
			t.Fatal(err)
		}
		after, err := chunksOf(cut.synced, 1)
		if err != nil || fmt.Sprint(after) != fmt.Sprint(append(before, 9)) {
			t.Fatalf("%d bytes: %v, and after going on %v (%v)", n, before, after, err)
		}
	}
}

// What no crash leaves is refused, and not touched: each frame behind the damage is more than tail allows.
func TestBackupThatIsDamagedIsRefused(t *testing.T) {
	whole := newDisk(nil)
	backup(t, whole, 5)
	for n := 0; n < len(whole.synced)*3/5; n++ {
		d := newDisk(whole.synced)
		d.data[n] ^= 1
		before := bytes.Clone(d.data)
		if _, err := OpenBackup(d, 1); err == nil || !bytes.Equal(before, d.data) {
			t.Fatalf("byte %d changed: %v", n, err)
		}
		if _, err := chunksOf(d.data, 1); err == nil {
			t.Fatalf("byte %d changed: it can be read", n)
		}
	}
}

// When Append has returned, the users are there whatever happens to the machine, and what was under way does no harm.
func TestBackupSurvivesPowerLoss(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		workers := rapid.IntRange(1, 6).Draw(rt, "workers")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		d := newDisk(nil)
		b, err := OpenBackup(d, workers)
		if err != nil {
			rt.Fatal(err)
		}
		var mu sync.Mutex
		safe := map[int]bool{}
		failing := rapid.IntRange(0, 20).Draw(rt, "syncs until the power goes")
		d.slow = func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.syncs == failing {
				d.noSync = errFull
			}
		}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range 5 {
					chunk := 1 + w*5 + i
					if b.Append(testUsers(chunk)) != nil {
						return
					}
					mu.Lock()
					safe[chunk] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		left := bytes.Clone(d.synced) // and of the rest some part, some of it zeros
		if more := d.data[len(left):]; len(more) > 0 {
			more = bytes.Clone(more[:random.IntN(len(more)+1)])
			if random.IntN(2) == 0 {
				clear(more[random.IntN(len(more)+1):])
			}
			left = append(left, more...)
		}
		after := newDisk(left)
		again, err := OpenBackup(after, workers)
		if err != nil {
			rt.Fatal(err)
		}
		if err := again.Append(testUsers(99)); err != nil {
			rt.Fatal(err)
		}
		chunks, err := chunksOf(after.synced, workers)
		if err != nil {
			rt.Fatal(err)
		}
		for _, c := range chunks {
			delete(safe, c)
		}
		if len(safe) > 0 || chunks[len(chunks)-1] != 99 {
			rt.Errorf("lost are %v; there are %v", safe, chunks)
		}
	})
}
