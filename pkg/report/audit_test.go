package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// disk is a file that remembers what has been synced, and fails on demand. When the power goes, what was not synced is
// gone, or torn.
type disk struct {
	mu      sync.Mutex
	data    []byte
	at      int
	synced  []byte
	syncs   int
	written int // bytes that a write may still take; negative: no bound
	noSync  error
	slow    func() // called in Sync
}

func newDisk(data []byte) *disk {
	return &disk{data: bytes.Clone(data), synced: bytes.Clone(data), written: -1}
}

var errFull = errors.New("no space left on device")

func (d *disk) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at >= len(d.data) {
		return 0, io.EOF
	}
	n := copy(p, d.data[d.at:])
	d.at += n
	return n, nil
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(p)
	if d.written >= 0 && n > d.written {
		n = d.written
	}
	d.data = append(d.data[:d.at], p[:n]...)
	d.at += n
	if d.written >= 0 {
		d.written -= n
	}
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func (d *disk) Seek(offset int64, whence int) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if whence != io.SeekStart {
		return 0, errors.New("not that way")
	}
	d.at = int(offset)
	return offset, nil
}

func (d *disk) Sync() error {
	if d.slow != nil {
		d.slow()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	if d.noSync != nil {
		return d.noSync
	}
	d.synced = bytes.Clone(d.data)
	return nil
}

func (d *disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data = d.data[:size]
	return nil
}

func (d *disk) Close() error { return nil }

const seed = "5eed"

func testRow(n int) Row {
	return Row{Chunk: n, From: 1, To: 2, FirstLine: 2 * n, LastLine: 2*n + 1, Users: 2, Outcome: Deleted, Attempts: 1, HTTPStatus: 200, StatusCode: 200,
		Message: fmt.Sprintf(`=cmd|"%d", "a\nb"`, n), RequestIDs: []string{"r-1", "r-2"}, StartedAt: time.Date(2026, 11, 23, 8, 0, n, 0, time.UTC),
		Duration: 250 * time.Millisecond, IDsSHA256: IDsSHA256([]string{"a", "b"})}
}

// open opens an audit and gives the chunks that it holds.
func open(t testing.TB, f File, tail int) (a *Audit, chunks []int, err error) {
	t.Helper()
	a, err = OpenAudit(f, seed, tail, func(r Row) error { chunks = append(chunks, r.Chunk); return nil })
	return a, chunks, err
}

// audit makes an audit of n rows.
func audit(t testing.TB, n int) []byte {
	t.Helper()
	d := newDisk(nil)
	a, _, err := open(t, d, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= n; i++ {
		if err := a.Append(testRow(i)); err != nil {
			t.Fatal(err)
		}
	}
	return d.synced
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	text := audit(t, 3)
	n := 0
	for row, err := range ReadAudit(bytes.NewReader(text), seed) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		want := testRow(n)
		want.Hash, want.Message = row.Hash, Harmless(oneLine(want.Message))
		if fmt.Sprint(row) != fmt.Sprint(want) {
			t.Errorf("row %d is\n%v, want\n%v", n, row, want)
		}
	}
	if n != 3 || bytes.Count(text, []byte("\n")) != 4 {
		t.Errorf("%d rows in\n%s", n, text)
	}
}

// Promise 4: an audit that is cut anywhere in its last rows goes on, and loses only rows that were not whole.
func TestAuditCutAtEveryByte(t *testing.T) {
	text := audit(t, 6)
	for cut := 0; cut <= len(text); cut++ {
		whole := max(0, bytes.Count(text[:cut], []byte("\n"))-1)
		d := newDisk(text[:cut])
		a, chunks, err := open(t, d, 4)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(chunks) != whole {
			t.Fatalf("cut at %d: %d rows are left, want %d", cut, len(chunks), whole)
		}
		for i := whole + 1; i <= 6; i++ {
			if err := a.Append(testRow(i)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(d.synced, text) {
			t.Fatalf("cut at %d and gone on, the audit is\n%s", cut, d.synced)
		}
	}
}

// What a crash cannot leave is damage, and the file is not touched.
func TestDamageIsRefused(t *testing.T) {
	text := audit(t, 12)
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := func(n int) int { return len(bytes.Join(lines[:n], nil)) } // offset of line n, from 0
	for name, c := range map[string]struct {
		text []byte
		ok   bool
	}{
		"the fourth-last row edited":    {bytes.Replace(text, []byte("9,1-2,"), []byte("9,1-1,"), 1), true}, // looks like a crash to a run; verify sees it
		"the first row edited":          {bytes.Replace(text, []byte("\n1,1-2,"), []byte("\n1,1-1,"), 1), false},
		"a row taken out":               {append(bytes.Clone(text[:at(2)]), text[at(3):]...), false},
		"two rows swapped":              {bytes.Join([][]byte{lines[0], lines[2], lines[1], bytes.Join(lines[3:], nil)}, nil), false},
		"five lines behind":             {append(bytes.Clone(text), "x\nx\nx\nx\nx\n"...), false},
		"four lines behind":             {append(bytes.Clone(text), "x\nx\nx\nx\n"...), true},
		"zeros behind, as power leaves": {append(bytes.Clone(text), make([]byte, 4096)...), true},
		"another file":                  {[]byte("name,age\na,1\nb,2\n"), false},
	} {
		d := newDisk(c.text)
		_, _, err := open(t, d, 4)
		var damage *DamageError
		if c.ok != (err == nil) || err != nil && !errors.As(err, &damage) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !bytes.Equal(d.data, c.text) {
			t.Errorf("%s: the file was touched", name)
		}
	}
}

// verify sees what a run that goes on takes for the end of a crash.
func TestReadAuditSeesEveryEdit(t *testing.T) {
	text := audit(t, 5)
	whole := func(text []byte) error {
		for _, err := range ReadAudit(bytes.NewReader(text), seed) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := whole(text); err != nil {
		t.Fatal(err)
	}
	for i := range text {
		edited := bytes.Clone(text)
		edited[i] ^= 1
		if err := whole(edited); err == nil {
			t.Fatalf("bit 0 of byte %d flipped, and nobody sees it", i)
		}
	}
	for row, err := range ReadAudit(bytes.NewReader(text), "another input") {
		if err == nil {
			t.Errorf("the audit is taken for another input's: %v", row)
		}
		break
	}
}

// Idea 4: rows that come in while a sync is under way share the next one.
func TestGroupCommit(t *testing.T) {
	const workers, each = 32, 20
	d := newDisk(nil)
	a, _, err := open(t, d, workers)
	if err != nil {
		t.Fatal(err)
	}
	d.syncs = 0
	var waiting atomic.Int32
	d.slow = func() { // a sync lasts until all the others are waiting for the next one, or have ended
		for end := time.Now().Add(10 * time.Millisecond); waiting.Load() < workers && time.Now().Before(end); {
		}
	}
	var pool sync.WaitGroup
	for w := range workers {
		pool.Go(func() {
			for i := range each {
				waiting.Add(1)
				if err := a.Append(testRow(w*each + i + 1)); err != nil {
					t.Error(err)
				}
				waiting.Add(-1)
			}
		})
	}
	pool.Wait()
	if d.syncs > workers*each/4 {
		t.Errorf("%d rows took %d syncs", workers*each, d.syncs)
	}
	if _, chunks, err := open(t, newDisk(d.synced), 0); err != nil || len(chunks) != workers*each {
		t.Errorf("%d rows are in the audit (%v)", len(chunks), err)
	}
}

// Promise 4: a row that shares another's sync is not called safe before that has ended, nor if it fails.
func TestNoRowIsSafeBeforeItsSync(t *testing.T) {
	const workers, each = 16, 20
	d := newDisk(nil)
	a, _, err := open(t, d, workers)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(chunk int) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return bytes.Contains(d.synced, fmt.Appendf(nil, "\n%d,1-2,", chunk))
	}
	appendAll := func(from int) (safe int) {
		var pool sync.WaitGroup
		var said atomic.Int32
		for w := range workers {
			pool.Go(func() {
				for i := range each {
					n := from + w*each + i
					if a.Append(testRow(n)) != nil {
						continue
					}
					said.Add(1)
					if !holds(n) {
						t.Errorf("row %d is called safe and is not on disk", n)
					}
				}
			})
		}
		pool.Wait()
		return int(said.Load())
	}
	d.slow = runtime.Gosched // while one syncs the others come
	if n := appendAll(1); n != workers*each {
		t.Errorf("%d of %d rows are safe", n, workers*each)
	}
	d.noSync = errors.New("input/output error")
	if n := appendAll(1 + workers*each); n > 0 {
		t.Errorf("%d rows are called safe although no sync succeeds", n)
	}
}

// Promise 5: once a write or a sync has failed nothing is taken any more, and what was said to be safe is.
func TestAuditThatCannotBeWritten(t *testing.T) {
	for name, spoil := range map[string]func(*disk){
		"full":        func(d *disk) { d.written = 300 },
		"quite full":  func(d *disk) { d.written = 0 },
		"sync failed": func(d *disk) { d.noSync = errors.New("input/output error") },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(nil)
			a, _, err := open(t, d, 4)
			if err != nil {
				t.Fatal(err)
			}
			safe := 0
			for i := 1; i <= 3; i++ {
				if err := a.Append(testRow(i)); err != nil {
					t.Fatal(err)
				}
				safe++
			}
			hash := a.Hash()
			spoil(d)
			failed := error(nil)
			for i := 4; i <= 9; i++ {
				err := a.Append(testRow(i))
				if failed != nil && err == nil {
					t.Error("a row is taken after a failure")
				}
				if err == nil {
					safe++
					hash = a.Hash()
				} else {
					failed = err
					d.written, d.noSync = -1, nil // it would work again: too late
				}
			}
			if failed == nil || a.Hash() != hash {
				t.Errorf("failed: %v; the last safe hash moved: %v", failed, a.Hash() != hash)
			}
			_, chunks, err := open(t, newDisk(d.synced), 4)
			if err != nil || len(chunks) != safe {
				t.Errorf("%d rows are on disk, %d were said to be (%v)", len(chunks), safe, err)
			}
		})
	}
}

// Power can go at any instant: of what was not synced any beginning may be left, or zeros in its place.
func TestPowerLoss(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		workers := rapid.IntRange(1, 8).Draw(rt, "workers")
		d := newDisk(audit(t, rapid.IntRange(0, 5).Draw(rt, "before")))
		a, held, err := open(t, d, workers)
		if err != nil {
			rt.Fatal(err)
		}
		safe := len(held)
		if rapid.Bool().Draw(rt, "synced once more") {
			if err := a.Append(testRow(100)); err != nil {
				rt.Fatal(err)
			}
			safe++
		}
		d.noSync = errors.New("power lost") // the rows below are written and never synced
		var pool sync.WaitGroup
		for i := range workers {
			pool.Go(func() { a.Append(testRow(200 + i)) }) //nolint:errcheck // nobody is there to hear it
		}
		pool.Wait()
		left := d.data[:rapid.IntRange(len(d.synced), len(d.data)).Draw(rt, "left")]
		if rapid.Bool().Draw(rt, "zeros") {
			left = append(bytes.Clone(d.synced), make([]byte, len(left)-len(d.synced))...)
		}
		_, chunks, err := open(t, newDisk(left), workers)
		if err != nil || len(chunks) < safe {
			rt.Fatalf("%d of %d safe rows are left: %v", len(chunks), safe, err)
		}
	})
}

func TestLockNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second lock gives %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestRunThatWasEdited(t *testing.T) {
	dir := t.TempDir()
	good := &Run{Version: 1, Accepted: 120, ChunkSize: 50, Chunks: 3}
	if err := good.Save(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, RunName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := LoadRun(dir); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"chunk_size":0}`, `{"version":1,"chunk_size":50,"accepted":120,"chunks":1000000000}`} {
		if err := os.WriteFile(filepath.Join(dir, RunName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadRun(dir); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
