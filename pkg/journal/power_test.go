package journal_test

import (
	"bytes"
	"slices"
	"sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// Power can go at any instant: of what was not synced any beginning may be left, or zeros. What Append has returned for
// is there, and the file goes on.
func TestPowerLoss(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		rapid.Check(t, func(rt *rapid.T) {
			writers := rapid.IntRange(1, 6).Draw(rt, "writers")
			d := journaltest.New(nil)
			last := rapid.IntRange(0, 20).Draw(rt, "syncs until the power goes")
			d.OnSync = func(n int) {
				if n > last {
					d.FailSync(syscall.EIO) // nobody is there any more to hear it
				}
			}
			safe := appendConcurrently(d, format, writers)
			kept := rapid.IntRange(0, d.Behind()).Draw(rt, "kept")
			left := d.PowerLoss(kept, rapid.IntRange(0, kept).Draw(rt, "zeros"))
			j, held, err := resume(left, format, writers)
			if err != nil {
				rt.Fatal(err)
			}
			if err := j.Append([]byte("one more")); err != nil {
				rt.Fatal(err)
			}
			_, after, _, err := scan(bytes.NewReader(left.Synced()), format, 0)
			if err != nil || !slices.Equal(after, append(held, "one more")) {
				rt.Fatalf("%d records were seen, and then %d are there: %v", len(held), len(after), err)
			}
			for _, r := range safe {
				if !slices.Contains(held, r) {
					rt.Fatalf("%s is lost", r)
				}
			}
		})
	})
}

// appendConcurrently lets writers append until the file fails, and gives what they were told is safe.
func appendConcurrently(d *journaltest.Disk, format journal.Format, writers int) (safe []string) {
	j, _, err := resume(d, format, writers)
	if err != nil {
		return nil
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range 5 {
				r := record(w*5 + i)
				if j.Append(r) != nil {
					return
				}
				mu.Lock()
				safe = append(safe, string(r))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return safe
}

// A sync fails, and the process ends; the next one reads what memory has and goes on; then the power goes. No record
// that the next one has seen is lost, however often syncs fail meanwhile.
func TestNoRecordThatWasSeenIsLostAfterAFailedSync(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		rapid.Check(t, func(rt *rapid.T) {
			writers := rapid.IntRange(1, 4).Draw(rt, "writers")
			d := journaltest.New(nil)
			var seen []string
			for range rapid.IntRange(2, 4).Draw(rt, "processes") {
				first := d.Reopen().Syncs() + rapid.IntRange(1, 4).Draw(rt, "the sync that fails")
				d.OnSync = func(n int) {
					if n >= first {
						d.FailSync(syscall.EIO)
					}
				}
				j, held, err := resume(d, format, writers)
				if err != nil {
					continue // it could not make durable what it had read, and trusted nothing
				}
				seen = held
				for i := 0; j.Append(record(len(held)+i)) == nil; i++ {
					seen = append(seen, string(record(len(held)+i)))
				}
			}
			kept := rapid.IntRange(0, d.Behind()).Draw(rt, "kept")
			_, held, err := resume(d.PowerLoss(kept, 0), format, writers)
			if err != nil || len(held) < len(seen) || !slices.Equal(held[:len(seen)], seen) {
				rt.Fatalf("%q were seen, %q are left: %v", seen, held, err)
			}
		})
	})
}

// The same once more, without chance: one record whose sync failed.
func TestContinueRenewsWhatAFailedSyncLeft(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 2)
		d := journaltest.New(text[:at[1]])
		j, _, err := resume(d, format, 1)
		if err != nil {
			t.Fatal(err)
		}
		d.FailSync(syscall.EIO)
		if j.Append(record(2)) == nil {
			t.Fatal("the sync fails, and the record is called safe")
		}
		j, held, err := resume(d.Reopen(), format, 1)
		if err != nil || len(held) != 2 {
			t.Fatalf("%q, %v", held, err)
		}
		if left := d.PowerLoss(0, 0).Bytes(); !bytes.Equal(left, text) {
			t.Errorf("what was seen is not on disk: %q", left)
		}
		add(t, j, 3, 3)
		if _, held, _, err := scan(d.PowerLoss(0, 0), format, 0); err != nil || len(held) != 3 {
			t.Errorf("%q are left: %v", held, err)
		}
	})
}

// A torn end that was cut off does not come back.
func TestTornEndDoesNotComeBack(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 3)
		d := journaltest.New(text[:len(text)-1])
		if _, _, err := resume(d, format, 1); err != nil {
			t.Fatal(err)
		}
		if left := d.PowerLoss(0, 0).Bytes(); !bytes.Equal(left, text[:at[2]]) {
			t.Errorf("%q is left", left)
		}
	})
}
