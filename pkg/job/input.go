package job

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Input is the file that a job deletes from. It is opened once: every pass reads the same bytes of the same open
// file, up to the size it had then, so a file that is replaced or grows meanwhile cannot bring in another user.
type Input struct {
	report.Input // but for what planning finds out: its size and SHA-256
	file         *os.File
	info         os.FileInfo
	last         atomic.Pointer[Meter] // the last Reader
}

// OpenInput opens a regular file. Errors are fit for exit code 2.
func OpenInput(path string) (*Input, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.Open(abs)
	if errors.Is(err, fs.ErrPermission) {
		said, mend := whose(abs)
		return nil, Fail(Usage, mend+"; nothing was sent", "cannot open the input: %w; %s", err, said)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the input: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: give a file, or - to read standard input", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Input{Input: report.Input{Name: path, Path: abs}, file: f, info: info}, nil
}

// Spool copies standard input into a folder and opens the copy: a job reads its input several times, and a run that
// goes on tomorrow needs it again. A copy that is there already is kept if it is the same, and is never replaced once
// the folder belongs to a run. Without a folder, nil, the copy has no name, and is gone when the process ends, however
// it ends.
func (f *Folder) Spool(r io.Reader) (*Input, error) { return f.spool(r, report.Input{Name: "-"}) }

// spool copies what is described so.
func (f *Folder) spool(r io.Reader, is report.Input) (in *Input, err error) {
	if f == nil {
		in, err = keepNameless(r)
	} else {
		in, err = f.keep(r, cmp.Or(is.URL, "standard input"))
	}
	if err != nil {
		return nil, err
	}
	in.Name, in.URL, in.ETag = is.Name, is.URL, is.ETag
	return in, nil
}

// keep copies what is called name into the folder. Where a run has used the folder, only what that was planned with
// may enter.
func (f *Folder) keep(r io.Reader, name string) (*Input, error) {
	t, err := f.dir.Create(report.InputName)
	if err != nil {
		return nil, refuse(f.Path, err)
	}
	defer t.Discard()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(t, hash), r); err != nil {
		return nil, fmt.Errorf("cannot keep %s in %s: %w", name, f.Path, err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	there, err := report.Sum(f.dir, report.InputName)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err == nil && there.SHA256 == sum:
	case !f.unused() && f.Run.Asked.Input.SHA256 != sum:
		return nil, Fail(Guard, keptHint(f.Path), "%s is not what the run in %s was planned with", name, f.Path)
	default:
		if err := t.Commit(); err != nil {
			return nil, fmt.Errorf("cannot keep %s in %s: %w", name, f.Path, err)
		}
	}
	return OpenInput(f.dir.Name(report.InputName))
}

func keepNameless(r io.Reader) (*Input, error) {
	file, err := journal.Nameless()
	if err != nil {
		return nil, Fail(Usage, "set TMPDIR to a folder that can be written; nothing was sent",
			"the input cannot be kept: %w", err)
	}
	_, err = io.Copy(file, r)
	info, failed := file.Stat()
	if err := errors.Join(err, failed); err != nil {
		return nil, errors.Join(fmt.Errorf("the input cannot be kept: %w", err), file.Close())
	}
	return &Input{file: file, info: info}, nil
}

// keptHint says how a run whose input is another one by now goes on.
func keptHint(dir string) string {
	return fmt.Sprintf("to go on with that run: bulkdelete run %s --out %s; "+
		"for another input choose another folder with --out",
		text.ShellWord(filepath.Join(dir, report.InputName)), text.ShellWord(dir))
}

// Percent is how much of the input has been read through the last Reader, for who waits.
func (in *Input) Percent() int {
	m := in.last.Load()
	if m == nil {
		return 0
	}
	return int(100 * m.Count() / max(1, in.info.Size()))
}

// Reader reads the input from its first byte. Readers are independent of each other.
func (in *Input) Reader() io.Reader {
	m := &Meter{Reader: io.NewSectionReader(in.file, 0, in.info.Size())}
	in.last.Store(m)
	return m
}

// Meter is a reader that counts for who waits.
type Meter struct {
	io.Reader
	n atomic.Int64
}

func (m *Meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// Count is how many bytes were read so far.
func (m *Meter) Count() int64 { return m.n.Load() }

// changed says whether the file at the input's path is still the one that was opened, as long as it was. A rewrite in
// place that keeps the length is not seen here: the chunks' digests see it.
func (in *Input) changed() error {
	if in.Path == "" { // nobody else can get at it
		return nil
	}
	now, err := os.Stat(in.Path)
	switch {
	case err != nil:
		return fmt.Errorf("%s cannot be found any more: %w", in.Path, err)
	case !os.SameFile(now, in.info):
		return fmt.Errorf("%s has been replaced by another file since it was read", in.Path)
	case now.Size() != in.info.Size():
		return fmt.Errorf("%s had %d bytes when it was read and has %d now", in.Path, in.info.Size(), now.Size())
	}
	return nil
}

// Close closes the file.
func (in *Input) Close() error { return in.file.Close() }
