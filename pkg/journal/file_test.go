package journal_test

import (
	"bytes"
	"os"
	"testing"

	"bulkdelete/pkg/journal"
)

// realFile makes a journal of one record in a folder.
func realFile(t *testing.T) (*journal.Dir, *os.File, *journal.Journal) {
	t.Helper()
	d := openDir(t, t.TempDir())
	f, err := d.OpenFile("a", os.O_RDWR|os.O_CREATE)
	must(t, err)
	j, _, err := resume(f, lines{}, 1)
	must(t, err)
	add(t, j, 1, 1)
	return d, f, j
}

// Space is taken without making the file longer, and given back at the end.
func TestReservedSpaceIsNoPartOfTheFile(t *testing.T) {
	d, f, j := realFile(t)
	size := j.Size()
	must(t, j.Reserve(1<<20))
	must(t, j.Reserve(1<<10))
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("the file has %d bytes, %d are written (%v)", info.Size(), size, err)
	}
	add(t, j, 2, 9)
	must(t, j.Close())
	text, err := d.ReadFile("a", 1<<20)
	must(t, err)
	if _, held, _, err := scan(bytes.NewReader(text), lines{}, 0); err != nil || len(held) != 9 {
		t.Errorf("%d records, %v", len(held), err)
	}
}

// Where somebody else empties the file or appends to it, nothing is written in the wrong place.
func TestFileThatSomebodyElseChangesStopsTheJournal(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"cut":     func(path string) error { return os.Truncate(path, 15) },
		"grown": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("x")
				f.Close()
			}
			return err
		},
	} {
		d, _, j := realFile(t)
		must(t, change(d.Name("a")))
		before, err := os.ReadFile(d.Name("a"))
		must(t, err)
		for range 2 {
			if j.Append(record(2)) == nil {
				t.Errorf("%s: a record is called safe", name)
			}
		}
		must(t, j.Close())
		if after, err := os.ReadFile(d.Name("a")); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file was %q and is %q (%v)", name, before, after, err)
		}
	}
}
