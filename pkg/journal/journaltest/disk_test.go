package journaltest

import (
	"errors"
	"io"
	"syscall"
	"testing"
)

func put(t *testing.T, d *Disk, at int64, text string) {
	t.Helper()
	if _, err := d.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
}

func TestWriteOverwritesInPlace(t *testing.T) {
	d := New([]byte("abcdef"))
	put(t, d, 2, "XY")
	if got := string(d.Bytes()); got != "abXYef" {
		t.Errorf("the file is %q", got)
	}
	if got := string(d.Synced()); got != "abcdef" {
		t.Errorf("%q is on disk before Sync", got)
	}
}

// What a failed Sync lost comes to the disk only by being written again.
func TestSyncAfterAFailedOneLeavesAHole(t *testing.T) {
	d := New([]byte("ab"))
	put(t, d, 2, "lost")
	d.FailSync(syscall.EIO)
	if err := d.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	d.FailSync(nil)
	put(t, d, 6, "more")
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Synced()), "ab\x00\x00\x00\x00more"; got != want {
		t.Errorf("%q is on disk, want %q", got, want)
	}
	if got := string(d.Bytes()); got != "ablostmore" {
		t.Errorf("%q is read", got)
	}
	put(t, d, 2, "lost")
	if err := d.Sync(); err != nil || string(d.Synced()) != "ablostmore" {
		t.Errorf("written again, %q is on disk (%v)", d.Synced(), err)
	}
}

func TestPowerLossKeepsWhatIsOnDisk(t *testing.T) {
	d := New([]byte("ab"))
	put(t, d, 2, "cdef")
	for _, c := range []struct {
		kept, zeros int
		want        string
	}{{0, 0, "ab"}, {3, 0, "abcde"}, {4, 2, "abcd\x00\x00"}, {2, 2, "ab\x00\x00"}} {
		if got := string(d.PowerLoss(c.kept, c.zeros).Bytes()); got != c.want {
			t.Errorf("%d kept, %d of them zeros: %q", c.kept, c.zeros, got)
		}
	}
}

func TestReadFailsFromAnOffsetOn(t *testing.T) {
	d := New([]byte("abcd"))
	d.FailRead(3, 2)
	if text, err := io.ReadAll(d); string(text) != "abc" || !errors.Is(err, syscall.EIO) {
		t.Errorf("%q, %v", text, err)
	}
	p := make([]byte, 2)
	if n, err := d.ReadAt(p, 2); n != 1 || !errors.Is(err, syscall.EIO) {
		t.Errorf("%d bytes at 2, %v", n, err)
	}
	for _, at := range []int64{1, 2} { // the second time it has failed often enough
		if n, err := d.ReadAt(p, at); n != 2 || err != nil {
			t.Errorf("%d bytes at %d, %v", n, at, err)
		}
	}
}

func TestFullDiskTakesWhatFits(t *testing.T) {
	d := New(nil)
	d.Fill(3)
	if n, err := d.WriteAt([]byte("abcd"), 0); n != 3 || !errors.Is(err, syscall.ENOSPC) || string(d.Bytes()) != "abc" {
		t.Errorf("%d bytes, %v: %q", n, err, d.Bytes())
	}
}
