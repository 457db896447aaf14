package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"bulkdelete/pkg/journal"
)

func openDir(t *testing.T, path string) *journal.Dir {
	t.Helper()
	d, err := journal.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func names(t *testing.T, d *journal.Dir) []string {
	t.Helper()
	all, err := d.Names()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// isMode compares a mode, where there are any.
func isMode(info fs.FileInfo, mode fs.FileMode) bool {
	return runtime.GOOS == "windows" || info.Mode() == mode
}

// link makes a symbolic link, or skips the test where nobody may, as on Windows.
func link(t *testing.T, target, path string) {
	t.Helper()
	err := os.Symlink(target, path)
	if info, failed := os.Lstat(path); runtime.GOOS == "windows" &&
		(err != nil || failed != nil || info.Mode().IsRegular()) {
		t.Skip("links cannot be made here")
	}
	must(t, err)
}

// movable skips the test on Windows, which keeps an open folder where it is.
func movable(t *testing.T, path string) string {
	if runtime.GOOS == "windows" {
		t.Skip("a folder that is open cannot be moved here")
	}
	return path
}

func move(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.Rename(movable(t, from), to))
}

// A file is the old one until the new one is whole, and then only its owner's.
func TestFilesAreWrittenWhole(t *testing.T) {
	d := openDir(t, t.TempDir())
	must(t, os.WriteFile(d.Name("a"), []byte("old"), 0o644))
	p, err := d.Create("a")
	must(t, err)
	p.WriteString("new")
	must(t, p.Flush())
	if text, err := d.ReadFile("a", 10); err != nil || string(text) != "old" {
		t.Errorf("before it is whole the file is %q (%v)", text, err)
	}
	if got := names(t, d); len(got) != 2 || !journal.IsTemporary(got[0]) || journal.IsTemporary("a") {
		t.Errorf("while it is written there are %v", got)
	}
	must(t, p.Commit())
	info, err := os.Stat(d.Name("a"))
	must(t, err)
	if text, err := d.ReadFile("a", 3); err != nil || string(text) != "new" || !isMode(info, 0o600) {
		t.Errorf("the file is %q, mode %v (%v)", text, info.Mode(), err)
	}
	must(t, d.WriteFile("a", nil))
	if text, err := d.ReadFile("a", 0); err != nil || len(text) > 0 || len(names(t, d)) != 1 {
		t.Errorf("the file is %q, and there are %v (%v)", text, names(t, d), err)
	}
}

func TestDiscardLeavesNothingBehind(t *testing.T) {
	d := openDir(t, t.TempDir())
	p, err := d.Create("a")
	must(t, err)
	p.Write(bytes.Repeat([]byte("x"), 100_000))
	p.Discard()
	p.Discard()
	if got := names(t, d); len(got) > 0 {
		t.Errorf("left are %v", got)
	}
	must(t, os.Mkdir(d.Name("folder"), 0o700))
	if err := d.WriteFile("folder", []byte("x")); err == nil {
		t.Error("a file takes the place of a folder")
	}
	p, err = d.Create("folder")
	must(t, err)
	if err := p.Commit(); err == nil {
		t.Error("a file takes the place of a folder")
	}
	if err := d.WriteFile("../outside", []byte("x")); err == nil {
		t.Error("a file is written outside of the folder")
	}
	if got := names(t, d); !slices.Equal(got, []string{"folder"}) {
		t.Errorf("left are %v", got)
	}
}

// What a process that died was writing goes, and nothing else.
func TestTemporaryFilesAreRemoved(t *testing.T) {
	d := openDir(t, t.TempDir())
	must(t, os.WriteFile(d.Name(".hidden"), nil, 0o600))
	must(t, os.WriteFile(d.Name("a.tmp"), nil, 0o600))
	for _, name := range []string{".a.tmp", ".b.tmp"} { // as processes that died left them
		must(t, os.WriteFile(d.Name(name), []byte("x"), 0o600))
	}
	p, err := d.Create("a") // one that goes on is not held up
	must(t, err)
	must(t, p.Commit())
	must(t, d.RemoveTemporary())
	if got := names(t, d); !slices.Equal(got, []string{".hidden", "a", "a.tmp"}) {
		t.Errorf("left are %v", got)
	}
}

// Links, folders and the like in the place of a file are refused, and what a link leads to stays as it is.
func TestLinksAreRefused(t *testing.T) {
	d := openDir(t, t.TempDir())
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte("mine"), 0o600))
	must(t, d.WriteFile("inside", []byte("mine")))
	must(t, os.Mkdir(d.Name("folder"), 0o700))
	for name, target := range map[string]string{"out": outside, "in": "inside", "nowhere": "missing"} {
		link(t, target, d.Name(name))
	}
	for _, name := range []string{"out", "in", "nowhere", "folder"} {
		_, err1 := d.Open(name)
		_, err2 := d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
		_, err3 := d.ReadFile(name, 10)
		_, err4 := d.Lock(name)
		for _, err := range []error{err1, err2, err3, err4, d.Regular(name)} {
			if !errors.Is(err, journal.ErrNotRegular) {
				t.Errorf("%s is taken for a file: %v", name, err)
			}
		}
	}
	must(t, d.Regular("inside"))
	must(t, d.Regular("missing"))
	for _, name := range []string{"out", "in"} { // written whole, a file takes the place of the link itself
		must(t, d.WriteFile(name, []byte("new")))
		must(t, d.Regular(name))
	}
	link(t, outside, d.Name(".a.tmp"))
	must(t, d.WriteFile("a", []byte("new")))
	for _, path := range []string{outside, d.Name("inside")} {
		if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
			t.Errorf("%s is %q (%v)", path, text, err)
		}
	}
}

// One process at a time holds a file. Removing it and making it again lets nobody in who also asks for another file
// that is held, as the audit is.
func TestLockIsForOne(t *testing.T) {
	path := t.TempDir()
	a, b := openDir(t, path), openDir(t, path)
	must(t, a.WriteFile("audit", []byte("rows")))
	unlock, err := a.Lock("lock")
	must(t, err)
	unlockAudit, err := a.Lock("audit")
	must(t, err)
	for _, name := range []string{"lock", "audit"} {
		if _, err := b.Lock(name); !errors.Is(err, journal.ErrInUse) {
			t.Errorf("%s is held twice: %v", name, err)
		}
	}
	if text, err := b.ReadFile("audit", 10); err != nil || string(text) != "rows" {
		t.Errorf("what is held cannot be read: %q (%v)", text, err)
	}
	if runtime.GOOS == "windows" { // where not every file system removes what is open
		must(t, errors.Join(unlock(), unlockAudit()))
		return
	}
	must(t, b.Remove("lock"))
	must(t, b.Remove("lock"))
	again, err := b.Lock("lock")
	must(t, err)
	if _, err := b.Lock("audit"); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("with a new lock the audit is held twice: %v", err)
	}
	must(t, errors.Join(again(), unlock(), unlockAudit()))
	for _, name := range []string{"lock", "audit"} {
		unlock, err := b.Lock(name)
		must(t, err)
		must(t, unlock())
	}
	if text, err := a.ReadFile("audit", 10); err != nil || string(text) != "rows" {
		t.Errorf("locking changed the file: %q (%v)", text, err)
	}
}

// The file behind a path is compared with the one that is being written.
func TestLeadsSeesWhatBecameOfAFile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, d *journal.Dir)
		same   bool
	}{
		"nothing":            {func(*testing.T, *journal.Dir) {}, true},
		"grown":              {func(t *testing.T, d *journal.Dir) { must(t, os.Truncate(d.Name("a"), 99)) }, true},
		"removed":            {func(t *testing.T, d *journal.Dir) { must(t, d.Remove("a")) }, false},
		"replaced":           {func(t *testing.T, d *journal.Dir) { must(t, d.WriteFile("a", []byte("12345"))) }, false},
		"cut":                {func(t *testing.T, d *journal.Dir) { must(t, os.Truncate(d.Name("a"), 4)) }, false},
		"the folder moved":   {func(t *testing.T, d *journal.Dir) { move(t, d.Path, d.Path+"2") }, false},
		"the folder removed": {func(t *testing.T, d *journal.Dir) { must(t, os.RemoveAll(movable(t, d.Path))) }, false},
		"a link to it": {func(t *testing.T, d *journal.Dir) {
			must(t, os.Rename(d.Name("a"), d.Name("b")))
			link(t, "b", d.Name("a"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "folder")
			must(t, os.Mkdir(path, 0o700))
			d := openDir(t, path)
			must(t, d.WriteFile("a", []byte("12345")))
			f, err := d.Open("a")
			must(t, err)
			info, err := f.Stat() // which says what a run has open, also where a path is looked up late
			must(t, errors.Join(err, f.Close()))
			c.change(t, d)
			if err := d.Leads("a", info, 5); c.same != (err == nil) {
				t.Error(err)
			}
		})
	}
}

// A folder stays the one that was opened, wherever its path leads.
func TestDirStaysTheFolderThatWasOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder")
	must(t, os.Mkdir(path, 0o700))
	d := openDir(t, path)
	move(t, path, path+"2")
	must(t, os.Mkdir(path, 0o700))
	must(t, d.WriteFile("a", []byte("x")))
	if got := names(t, openDir(t, path)); len(got) > 0 {
		t.Errorf("the folder that took the path has %v", got)
	}
	if got := names(t, openDir(t, path+"2")); !slices.Equal(got, []string{"a"}) || !d.Has("a") {
		t.Errorf("the folder has %v", got)
	}
}

func TestMakeDirSaysWhatItMade(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "a", "b", "c")
	made, err := journal.MakeDir(path + "/")
	want := []string{filepath.Join(top, "a"), filepath.Join(top, "a", "b"), path}
	if err != nil || !slices.Equal(made, want) {
		t.Errorf("made are %v (%v)", made, err)
	}
	for _, p := range made {
		if info, err := os.Stat(p); err != nil || !isMode(info, fs.ModeDir|0o700) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if made, err := journal.MakeDir(path); err != nil || len(made) > 0 {
		t.Errorf("made again are %v (%v)", made, err)
	}
	must(t, os.WriteFile(filepath.Join(top, "file"), nil, 0o600))
	if made, err := journal.MakeDir(filepath.Join(top, "file", "d")); err == nil || len(made) > 0 {
		t.Errorf("under a file %v is made", made)
	}
}

func TestReadingAFolder(t *testing.T) {
	d := openDir(t, t.TempDir())
	must(t, d.WriteFile("b", []byte("12345")))
	must(t, d.WriteFile("a", nil))
	must(t, os.Mkdir(d.Name("c"), 0o700))
	files, err := d.Files()
	if fmt.Sprint(files, names(t, d)) != "[a b] [a b c]" {
		t.Errorf("files %v, names %v (%v)", files, names(t, d), err)
	}
	if _, err := d.ReadFile("b", 4); err == nil {
		t.Error("more is read than was allowed")
	}
	if _, err := d.ReadFile("missing", 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there gives %v", err)
	}
	if _, err := journal.OpenDir(d.Name("missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there gives %v", err)
	}
}
