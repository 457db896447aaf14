package journal_test

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// Records that come in while others wait share one write and one sync.
func TestRecordsShareASync(t *testing.T) {
	const writers, each = 32, 20
	synctest.Test(t, func(t *testing.T) {
		d := journaltest.New(nil)
		j, _, err := resume(d, lines{}, writers)
		if err != nil {
			t.Fatal(err)
		}
		before := d.Syncs()
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() { add(t, j, w*each+1, (w+1)*each) })
		}
		all.Wait()
		if n := d.Syncs() - before; n > 2*each {
			t.Errorf("%d records took %d syncs", writers*each, n)
		}
		if _, held, _, err := scan(bytes.NewReader(d.Synced()), lines{}, 0); err != nil || len(held) != writers*each {
			t.Errorf("%d records are in the file (%v)", len(held), err)
		}
	})
}

// A record that shares another's sync is not called safe before that has ended, nor if it fails.
func TestNoRecordIsSafeBeforeItsSync(t *testing.T) {
	const writers, each = 16, 10
	d := journaltest.New(nil)
	j, _, err := resume(d, lines{}, writers)
	if err != nil {
		t.Fatal(err)
	}
	appendAll := func(from int) (safe int32) {
		var all sync.WaitGroup
		var said atomic.Int32
		for w := range writers {
			all.Go(func() {
				for n := from + w*each; n < from+(w+1)*each; n++ {
					if j.Append(record(n)) != nil {
						continue
					}
					said.Add(1)
					if !bytes.Contains(d.Synced(), append(record(n), '\n')) {
						t.Errorf("record %d is called safe and is not on disk", n)
					}
				}
			})
		}
		all.Wait()
		return said.Load()
	}
	d.OnSync = func(int) { runtime.Gosched() } // while one syncs the others come
	if n := appendAll(1); n != writers*each {
		t.Errorf("%d of %d records are safe", n, writers*each)
	}
	d.FailSync(syscall.EIO)
	if n := appendAll(1 + writers*each); n > 0 {
		t.Errorf("%d records are called safe although no sync succeeds", n)
	}
}

// Once a write or a sync has failed nothing is taken any more, and what was said to be safe is.
func TestNothingIsTakenAfterAFailure(t *testing.T) {
	for name, spoil := range map[string]func(*journaltest.Disk){
		"full":        func(d *journaltest.Disk) { d.Fill(40) },
		"quite full":  func(d *journaltest.Disk) { d.Fill(0) },
		"sync failed": func(d *journaltest.Disk) { d.FailSync(syscall.EIO) },
	} {
		t.Run(name, func(t *testing.T) {
			d := journaltest.New(nil)
			j, _, err := resume(d, lines{}, 4)
			if err != nil {
				t.Fatal(err)
			}
			add(t, j, 1, 3)
			safe, sum, size := 3, j.Sum(), j.Size()
			spoil(d)
			var failed error
			for i := 4; i <= 9; i++ {
				switch err := j.Append(record(i)); {
				case err == nil && failed != nil:
					t.Error("a record is taken after a failure")
				case err == nil:
					safe, sum, size = safe+1, j.Sum(), j.Size()
				default:
					failed = err
					d.Fill(-1)
					d.FailSync(nil) // it would work again: too late
				}
			}
			if failed == nil || j.Sum() != sum || j.Size() != size {
				t.Errorf("%v; sum and size are %s, %d and were %s, %d", failed, j.Sum(), j.Size(), sum, size)
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
			if _, held, _, err := scan(bytes.NewReader(d.Synced()), lines{}, 4); err != nil || len(held) != safe {
				t.Errorf("%d records are on disk, %d were said to be (%v)", len(held), safe, err)
			}
		})
	}
}

// A record that came in while another's sync was failing is not taken either, though the disk works again by then.
func TestNothingThatWaitedForAFailingSyncIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := journaltest.New(nil)
		j, _, err := resume(d, lines{}, 2)
		if err != nil {
			t.Fatal(err)
		}
		waited := make(chan error, 1)
		first := d.Syncs() + 1
		d.OnSync = func(n int) {
			d.FailSync(nil)
			if n == first {
				go func() { waited <- j.Append(record(2)) }()
				synctest.Wait() // until it is among those that wait for the next sync
				d.FailSync(syscall.EIO)
			}
		}
		if err := j.Append(record(1)); err == nil {
			t.Error("the sync fails, and the record is called safe")
		}
		if err := <-waited; err == nil || d.Syncs() > first {
			t.Errorf("the record behind is called safe: %v", err)
		}
	})
}

// A file that cannot be begun gives no journal: the first line is on disk before Continue returns.
func TestFileBeginsOnDiskOrNotAtAll(t *testing.T) {
	d := journaltest.New(nil)
	if _, _, err := resume(d, lines{}, 0); err != nil || string(d.Synced()) != "sum,record\n" {
		t.Errorf("%q is on disk (%v)", d.Synced(), err)
	}
	for name, spoil := range map[string]func(*journaltest.Disk){
		"full":        func(d *journaltest.Disk) { d.Fill(5) },
		"sync failed": func(d *journaltest.Disk) { d.FailSync(syscall.EIO) },
	} {
		for _, tail := range []int{0, 1} {
			d := journaltest.New(nil)
			spoil(d)
			if _, _, err := resume(d, lines{}, tail); err == nil {
				t.Errorf("%s: the file is called begun", name)
			}
		}
	}
}

// Continue gives no journal if it cannot make durable what it has read.
func TestContinueFailsWhereItCannotRenew(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 3)
		for name, spoil := range map[string]func(*journaltest.Disk){
			"full":          func(d *journaltest.Disk) { d.Fill(at[2]) },
			"sync fails":    func(d *journaltest.Disk) { d.FailSync(syscall.EIO) },
			"reading fails": func(d *journaltest.Disk) { d.FailRead(int64(at[1]), -1) },
		} {
			d := journaltest.New(text)
			r, _, _, err := scan(d, format, 1)
			if err != nil {
				t.Fatal(err)
			}
			spoil(d)
			if _, err := journal.Continue(d, r, 1); err == nil {
				t.Errorf("%s: the journal goes on", name)
			}
			if !bytes.Equal(d.Bytes(), text) {
				t.Errorf("%s: the file was changed", name)
			}
		}
	})
}

// Reading alone changes nothing, and where nobody was writing going on changes nothing either.
func TestNothingIsWrittenWhereNobodyWas(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, _ := written(t, format, 3)
		d := journaltest.New(text)
		d.Fill(0)
		_, held, err := resume(d, format, 0)
		if err != nil || len(held) != 3 || d.Syncs() > 0 || !bytes.Equal(d.Bytes(), text) {
			t.Errorf("%d records, %d syncs, %v", len(held), d.Syncs(), err)
		}
	})
}

// Sum and Size are of what is on disk, from the beginning on.
func TestSumAndSizeAreOfWhatIsOnDisk(t *testing.T) {
	text, _ := written(t, lines{}, 3)
	j, _, err := resume(journaltest.New(text), lines{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, _, _, err := scan(bytes.NewReader(text), lines{}, 0)
	if err != nil || j.Sum() != r.Sum || j.Size() != int64(len(text)) {
		t.Errorf("%s, %d; read %s, %d (%v)", j.Sum(), j.Size(), r.Sum, len(text), err)
	}
	if empty := journal.NewReader("file", bytes.NewReader(nil), lines{}, seed); empty.Next() || empty.Sum != seed {
		t.Errorf("an empty file has the sum %s", empty.Sum)
	}
}
