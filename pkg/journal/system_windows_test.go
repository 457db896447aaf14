package journal_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/windows"

	"bulkdelete/pkg/journal"
)

// hold opens a file as programs do that want it for themselves.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	name, err := windows.UTF16PtrFromString(path)
	must(t, err)
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	must(t, err)
	return func() { must(t, windows.CloseHandle(h)) }
}

// A file that another program has open is neither replaced nor lost, and the error says why.
func TestAFileThatIsOpenElsewhereStays(t *testing.T) {
	d := openDir(t, t.TempDir())
	must(t, d.WriteFile("a.csv", []byte("old")))
	release := hold(t, d.Name("a.csv"))
	if err := d.WriteFile("a.csv", []byte("new")); !errors.Is(err, journal.ErrOpen) {
		t.Errorf("replacing it gives %v", err)
	}
	if _, err := d.Open("a.csv"); !errors.Is(err, journal.ErrOpen) {
		t.Errorf("opening it gives %v", err)
	}
	release()
	if text, err := d.ReadFile("a.csv", 9); err != nil || string(text) != "old" || len(names(t, d)) != 1 {
		t.Errorf("the file is %q among %v (%v)", text, names(t, d), err)
	}
	must(t, d.WriteFile("a.csv", []byte("new")))
}

// Who reads a file for a moment, as status does, does not stop it from being replaced.
func TestAFileThatIsReadIsReplaced(t *testing.T) {
	d := openDir(t, t.TempDir())
	must(t, d.WriteFile("status.json", []byte("old")))
	reader, err := d.Open("status.json")
	must(t, err)
	replaced := make(chan error)
	go func() { replaced <- d.WriteFile("status.json", []byte("new")) }()
	must(t, reader.Close())
	must(t, <-replaced)
}

// What is held is written through another opening, as the audit is.
func TestWhatIsHeldCanBeWritten(t *testing.T) {
	d := openDir(t, t.TempDir())
	release, err := d.Lock("audit.csv")
	must(t, err)
	f, err := d.OpenFile("audit.csv", os.O_RDWR)
	must(t, err)
	_, err = f.WriteString("rows")
	must(t, errors.Join(err, f.Sync(), f.Close(), release()))
}

func TestNamelessFilesAreGoneOnceTheyAreClosed(t *testing.T) {
	f, err := journal.Nameless()
	must(t, err)
	_, err = f.WriteString("x")
	must(t, errors.Join(err, f.Close()))
	if _, err := os.Stat(f.Name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there: %v", f.Name(), err)
	}
}
