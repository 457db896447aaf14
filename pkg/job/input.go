package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"bulkdelete/pkg/report"
)

// Input is the file that a job deletes from. It is opened once: every pass reads the same bytes of the same open
// file, up to the size it had then, so a file that is replaced or grows meanwhile cannot bring in another user.
type Input struct {
	Name string // as it was asked for, "-" for standard input, an object's URL without its query
	Path string // absolute
	URL  string // of the object that Path is a copy of, without its query; "": none
	ETag string // what the object had when it was copied; "": the server gives none
	file *os.File
	info os.FileInfo
}

// OpenInput opens a regular file. Errors are fit for exit code 2.
func OpenInput(path string) (*Input, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.Open(abs)
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
	return &Input{Name: path, Path: abs, file: f, info: info}, nil
}

// SpoolName is the name that the copy of standard input or of an object has in the run's folder.
const SpoolName = "input"

// Spool copies a stream into dir, which must exist, and opens the copy: a job reads its input several times, and a run
// that goes on tomorrow needs it again. A copy that is there already is kept if it is the same, and is never replaced
// once the folder belongs to a run.
func Spool(r io.Reader, dir string) (*Input, error) {
	in, err := spool(r, dir, "standard input", exists(filepath.Join(dir, report.RunName)))
	if err != nil {
		return nil, err
	}
	in.Name = "-"
	return in, nil
}

// spool copies what is called name into dir. Where the folder is taken, only what its run was planned with may enter.
func spool(r io.Reader, dir, name string, taken bool) (*Input, error) {
	path := filepath.Join(dir, SpoolName)
	t, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o600))
	if err != nil {
		return nil, fmt.Errorf("cannot keep %s: %w", name, err)
	}
	defer t.Cleanup()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(t, sum), r); err != nil {
		return nil, fmt.Errorf("cannot keep %s in %s: %w", name, dir, err)
	}
	switch same, err := hasSum(path, sum.Sum(nil)); {
	case err != nil:
		return nil, err
	case !same && taken && !planned(dir, sum.Sum(nil)):
		return nil, Fail(Guard, keptHint(dir), "%s is not what the run in %s was planned with", name, dir)
	case !same:
		if err := t.CloseAtomicallyReplace(); err != nil {
			return nil, fmt.Errorf("cannot keep %s in %s: %w", name, dir, err)
		}
	}
	return OpenInput(path)
}

// keptHint says how a run whose input is another one by now goes on.
func keptHint(dir string) string {
	return fmt.Sprintf("to go on with that run: bulkdelete run %s --out %s; for another input choose another folder with --out",
		filepath.Join(dir, SpoolName), dir)
}

// planned says whether the run in dir was planned with what has that SHA-256: its copy was lost and may come back.
func planned(dir string, sum []byte) bool {
	run, err := report.LoadRun(dir)
	return err == nil && run.Input.SHA256 == hex.EncodeToString(sum)
}

// hasSum says whether the file at path exists and has that SHA-256.
func hasSum(path string, want []byte) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return bytes.Equal(sum.Sum(nil), want), err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Reader reads the input from its first byte. Readers are independent of each other.
func (in *Input) Reader() io.Reader { return io.NewSectionReader(in.file, 0, in.info.Size()) }

// Size is the input's size in bytes when it was opened.
func (in *Input) Size() int64 { return in.info.Size() }

// Changed says whether the file at the input's path is still the one that was opened, as long as it was. A rewrite in
// place that keeps the length is not seen here: the chunks' digests see it.
func (in *Input) Changed() error {
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
