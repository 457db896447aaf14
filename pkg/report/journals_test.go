package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// kept is one of the four files that are journals.
type kept struct {
	name string
	deed Deed
	open func(d *journaltest.Disk, run *Run) (*opened, error)
}

// opened is such a file, ready to append.
type opened struct {
	torn int
	held []int // the chunks that it has, in order
	add  func(chunk int) error
}

func journals() []kept {
	return []kept{
		{"audit.csv of a run", Delete, rowsAs(Deleted)},
		{"audit.csv of a restore", Restore, rowsAs(Restored)},
		{BackupName, Delete, usersIn(BackupName)},
		{CreatedName, Restore, usersIn(CreatedName)},
	}
}

func rowsAs(o Outcome) func(*journaltest.Disk, *Run) (*opened, error) {
	return func(d *journaltest.Disk, run *Run) (*opened, error) {
		a := newAudit(run)
		if err := a.readOn(d, run); err != nil {
			return nil, err
		}
		f := &opened{torn: a.Torn, add: func(chunk int) error {
			r := testRow(chunk)
			r.Outcome = o
			return a.Append(r)
		}}
		for n := range run.Asked.Plan.Chunks {
			if a.IsDone(n + 1) {
				f.held = append(f.held, n+1)
			}
		}
		return f, nil
	}
}

func testUsers(chunk int) []Saved {
	user := fmt.Appendf(nil, `{"userId":"%d","name":"A <&> \u2028"}`, chunk)
	return []Saved{
		{Chunk: chunk, Place: 1, Line: 2 * chunk, ID: "a<b>", User: user},
		{Chunk: chunk, Place: 2, Line: 2*chunk + 1, ID: "gone", User: json.RawMessage("null")},
	}
}

func usersIn(name string) func(*journaltest.Disk, *Run) (*opened, error) {
	return func(d *journaltest.Disk, run *Run) (*opened, error) {
		b := newBackup(run, name)
		if err := b.readOn(d, run); err != nil {
			return nil, err
		}
		f := &opened{torn: b.Torn, add: func(chunk int) error { return b.Append(testUsers(chunk)) }}
		for n := range run.Asked.Plan.Chunks {
			if b.Places(n+1) != 0 {
				f.held = append(f.held, n+1)
			}
		}
		return f, nil
	}
}

func eachJournal(t *testing.T, test func(t *testing.T, k kept)) {
	for _, k := range journals() {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

// written is a file of chunks 1 to n, and where each begins and the last one ends.
func (k kept) written(t *testing.T, run *Run, n int) (text []byte, at []int) {
	t.Helper()
	d := journaltest.New(nil)
	f, err := k.open(d, run)
	must(t, err)
	at = append(at, len(d.Synced()))
	for chunk := 1; chunk <= n; chunk++ {
		must(t, f.add(chunk))
		at = append(at, len(d.Synced()))
	}
	return d.Synced(), at
}

// refused opens a file and gives the error, which has to be a *journal.DamageError that leaves the file as it is.
func (k kept) refused(t *testing.T, run *Run, text []byte) *journal.DamageError {
	t.Helper()
	d := journaltest.New(text)
	_, err := k.open(d, run)
	if err == nil {
		return nil
	}
	damage, ok := errors.AsType[*journal.DamageError](err)
	if !ok || !bytes.Equal(d.Bytes(), text) || d.Syncs() > 0 {
		t.Fatalf("%v, and the file is %.300q", err, d.Bytes())
	}
	return damage
}

// lastHash is the one in the last row of an audit, and something for other files.
func lastHash(text []byte) string {
	return string(text[bytes.LastIndexByte(text, ',')+1 : len(text)-1])
}

// Promise 4: a file that is cut anywhere in its last records goes on, and loses only those that were not whole.
func TestJournalsCutAtEveryByteGoOn(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		synctest.Test(t, func(t *testing.T) { k.cutAtEveryByte(t) }) // there a record waits for no others
	})
}

func (k kept) cutAtEveryByte(t *testing.T) {
	run := planned(k.deed, 9).begin(2)
	text, at := k.written(t, run, 3)
	for cut := range len(text) + 1 {
		whole := 0
		for whole+1 < len(at) && at[whole+1] <= cut {
			whole++
		}
		d := journaltest.New(text[:cut])
		f, err := k.open(d, run)
		if err != nil || len(f.held) != whole {
			t.Fatalf("cut at %d: %+v, %v; want %d records", cut, f, err, whole)
		}
		for chunk := whole + 1; chunk <= 3; chunk++ {
			must(t, f.add(chunk))
		}
		if !bytes.Equal(d.Synced(), text) {
			t.Fatalf("cut at %d and gone on, the file is\n%q", cut, d.Synced())
		}
	}
}

// Promise 4: what was said to be on disk is there after the power went, and what was under way does no harm.
func TestJournalsSurvivePowerLoss(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		rapid.Check(t, func(rt *rapid.T) {
			workers := rapid.IntRange(1, 5).Draw(rt, "workers")
			run := planned(k.deed, 100).begin(workers)
			d := journaltest.New(nil)
			last := rapid.IntRange(0, 15).Draw(rt, "syncs until the power goes")
			d.OnSync = func(n int) {
				if n > last {
					d.FailSync(syscall.EIO)
				}
			}
			safe := k.work(d, run, workers)
			behind := rapid.IntRange(0, d.Behind()).Draw(rt, "kept")
			left := d.PowerLoss(behind, rapid.IntRange(0, behind).Draw(rt, "zeros"))
			f, err := k.open(left, run)
			if err != nil {
				rt.Fatal(err)
			}
			if err := f.add(99); err != nil {
				rt.Fatal(err)
			}
			for _, chunk := range safe {
				if !slices.Contains(f.held, chunk) {
					rt.Fatalf("chunk %d is lost", chunk)
				}
			}
			after, err := k.open(journaltest.New(left.Synced()), run)
			if err != nil || after.torn > 0 || !slices.Equal(after.held, append(f.held, 99)) {
				rt.Fatalf("%v were there, and then %+v, %v", f.held, after, err)
			}
		})
	})
}

// work lets workers append until the file fails, and gives the chunks that they were told are safe.
func (k kept) work(d *journaltest.Disk, run *Run, workers int) (safe []int) {
	f, err := k.open(d, run)
	if err != nil {
		return nil
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for chunk := 1 + w*5; chunk <= 5+w*5 && f.add(chunk) == nil; chunk++ {
				mu.Lock()
				safe = append(safe, chunk)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return safe
}

// Promise 4: a sync fails, the same command is run again, and then the power goes. What the second run has seen is
// there.
func TestJournalsLoseNothingThatWasSeenAfterAFailedSync(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		run := planned(k.deed, 9).begin(1)
		d := journaltest.New(nil)
		f, err := k.open(d, run)
		must(t, err)
		must(t, f.add(1))
		d.FailSync(syscall.EIO)
		if f.add(2) == nil {
			t.Fatal("the sync fails, and the record is called safe")
		}
		again, err := k.open(d.Reopen(), run)
		must(t, err)
		left, err := k.open(d.PowerLoss(0, 0), run)
		if err != nil || !slices.Equal(left.held, again.held) || len(left.held) != 2 {
			t.Errorf("%v were seen, %+v are left: %v", again.held, left, err)
		}
		must(t, again.add(3))
		if left, err := k.open(d.PowerLoss(0, 0), run); err != nil || len(left.held) != 3 || left.torn > 0 {
			t.Errorf("after a third, %+v are left: %v", left, err)
		}
	})
}

// Attack 2: an error of reading is never taken for the end, not even one that does not come again.
func TestJournalsThatCannotBeReadAreNotCut(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		run := planned(k.deed, 9).begin(4)
		text, at := k.written(t, run, 3)
		torn := bytes.Clone(text)
		torn[at[2]+20] ^= 1
		for _, text := range [][]byte{text, torn} {
			for _, run := range []*Run{run, planned(k.deed, 9).begin(4).end(5, lastHash(text))} {
				for offset := range len(text) + 1 {
					k.unread(t, run, text, int64(offset), 1)
					k.unread(t, run, text, int64(offset), -1)
				}
			}
		}
	})
}

// unread opens a file that cannot be read from offset on.
func (k kept) unread(t *testing.T, run *Run, text []byte, offset int64, times int) {
	t.Helper()
	d := journaltest.New(text)
	d.FailRead(offset, times)
	_, err := k.open(d, run)
	if _, damage := errors.AsType[*journal.DamageError](err); damage || !errors.Is(err, syscall.EIO) {
		t.Fatalf("reading fails at %d: %v", offset, err)
	}
	if !bytes.Equal(d.Bytes(), text) || d.Syncs() > 0 {
		t.Fatalf("reading fails at %d: the file was touched", offset)
	}
}

// Attack 1: where no run is open, every bit of every record counts, the last one's too, and nothing is cut off.
func TestJournalsOfAClosedRunAreWhole(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		text, _ := k.written(t, planned(k.deed, 9), 2)
		run := planned(k.deed, 9).begin(16).end(0, lastHash(text))
		if damage := k.refused(t, run, text); damage != nil {
			t.Fatal(damage)
		}
		for i := range len(text) * 8 {
			edited := bytes.Clone(text)
			edited[i/8] ^= 1 << (i % 8)
			damage := k.refused(t, run, edited)
			if damage == nil {
				t.Fatalf("bit %d of byte %d flipped, and nobody sees it", i%8, i/8)
			}
			if line := bytes.Count(text[:i/8], []byte("\n")) + 1; damage.File == AuditName && damage.Line != line {
				t.Fatalf("line %d was edited: %v", line, damage)
			}
		}
		for _, cut := range []int{1, 5, 100} {
			if k.refused(t, run, text[:len(text)-cut]) == nil {
				t.Errorf("%d bytes were cut off, and nobody sees it", cut)
			}
		}
		if k.refused(t, run, append(bytes.Clone(text), make([]byte, 512)...)) == nil {
			t.Error("zeros stand behind, and nobody sees it")
		}
	})
}

// Promise 4: a crash tears at most one record for each worker, and only while a run is open.
func TestJournalsTornRecordsAreAtMostTheWorkers(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		text, at := k.written(t, planned(k.deed, 9), 8)
		for workers := 1; workers <= 7; workers++ {
			run := planned(k.deed, 9).begin(workers)
			for torn := 1; torn <= 8; torn++ {
				edited := bytes.Clone(text)
				edited[at[8-torn]+60] ^= 1
				if torn > workers {
					if k.refused(t, run, edited) == nil {
						t.Errorf("%d torn of %d workers are taken for a crash", torn, workers)
					}
					continue
				}
				d := journaltest.New(edited)
				if f, err := k.open(d, run); err != nil || f.torn != torn || len(f.held) != 8-torn {
					t.Errorf("%d torn of %d workers: %+v, %v", torn, workers, f, err)
				}
				if got := d.PowerLoss(0, 0).Bytes(); !bytes.Equal(got, text[:at[8-torn]]) {
					t.Errorf("%d torn of %d workers, and on disk is %d bytes", torn, workers, len(got))
				}
			}
		}
	})
}

// A file of another run, of another kind, or of somebody else's is refused and never touched.
func TestJournalsOfOthersAreNotTouched(t *testing.T) {
	eachJournal(t, func(t *testing.T, k kept) {
		text, _ := k.written(t, planned(k.deed, 9), 8)
		another := planned(k.deed, 9)
		another.Asked.Host = "https://another.example.com"
		for _, other := range []string{string(text), "name,age\na,1\nb,2\n", "PK\x03\x04", strings.Repeat("x\n", 99)} {
			for _, run := range []*Run{planned(k.deed, 9), another.begin(4), another.begin(4).end(0, "")} {
				same := run.Asked.Host == "" && other == string(text)
				if damage := k.refused(t, run, []byte(other)); same != (damage == nil) {
					t.Errorf("%.20q: %v", other, damage)
				}
			}
		}
	})
}
