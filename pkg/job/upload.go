package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

// Upload is where a run's folder is copied to, under its own name, once the run has ended.
type Upload struct {
	Dir string // the run's folder
	To  *objects.Folder
}

// NewUpload gives the copy of dir in a store's folder, as cp -r dir to/ would make it.
func NewUpload(dir string, to *objects.Folder) (*Upload, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &Upload{dir, to.In(filepath.Base(abs))}, nil
}

// Begin finds out, before anybody is deleted, whether the copy can be written: it writes run.json, and takes the
// seal of an earlier copy away, because it is not true any more. A copy of another run is refused with Guard, other
// errors are fit for exit code 2.
func (u *Upload) Begin(ctx context.Context, run *report.Run) error {
	if err := u.refuseOther(ctx, run); err != nil {
		return err
	}
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	if err := u.To.Remove(ctx, report.SealName); err != nil {
		return Fail(Usage, "give credentials that may replace what is there, or another --upload; nothing was sent",
			"--upload: %w", err)
	}
	text = append(text, '\n')
	if err := u.To.Put(ctx, report.RunName, bytes.NewReader(text), int64(len(text))); err != nil {
		return Fail(Usage, "check the URL, the credentials and the network; nothing was sent", "--upload: %w", err)
	}
	return nil
}

// refuseOther keeps the proof of one run from being written over by another's. Credentials that may not read are
// trusted.
func (u *Upload) refuseOther(ctx context.Context, run *report.Run) error {
	text, err := u.To.Read(ctx, report.RunName, 16<<20)
	if err != nil {
		return nil
	}
	var there report.Run
	if err := json.Unmarshal(text, &there); err == nil && there.Asked.Plan.Digest == run.Asked.Plan.Digest {
		_, err := u.To.Read(ctx, report.SealName, 16<<20)
		neverEnded := errors.Is(err, fs.ErrNotExist) // such as a run that died before its first call
		if neverEnded || there.Asked.At == run.Asked.At && there.Asked.By == run.Asked.By {
			return nil
		}
	}
	return Fail(Guard, "choose another --upload, or another folder's name with --out; nothing was written over",
		"%s holds the copy of another run", u.To)
}

// Finish copies the folder's files and gives their number. The seal comes last, so that its presence says that the copy
// is whole. Not copied are lock, and the spooled input, which lies where it came from.
func (u *Upload) Finish(ctx context.Context) (int, error) {
	dir, err := journal.OpenDir(u.Dir)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	run, err := report.LoadRun(dir)
	if err != nil {
		return 0, err
	}
	if err := u.Begin(ctx, run); err != nil {
		return 0, err
	}
	names, err := u.names()
	for _, name := range names {
		if err == nil {
			err = u.put(ctx, name)
		}
	}
	return len(names), err
}

// Done says whether the copy is there already: whether its seal, and what vouches for that, is the folder's own.
func (u *Upload) Done(ctx context.Context) bool {
	for _, name := range report.SealNames() {
		own, err := os.ReadFile(filepath.Join(u.Dir, name))
		if errors.Is(err, fs.ErrNotExist) && name != report.SealName {
			continue
		}
		there, failed := u.To.Read(ctx, name, int64(len(own)))
		if err != nil || failed != nil || !bytes.Equal(own, there) {
			return false
		}
	}
	return true
}

// names gives the files to copy, relative to the folder and with slashes, the seal last.
func (u *Upload) names() (names []string, err error) {
	var seal []string
	err = fs.WalkDir(os.DirFS(u.Dir), ".", func(name string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && name != "." // files that are being written
		switch {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || !d.Type().IsRegular() || report.IsPassing(name):
		case name == report.SealName:
			seal = []string{name}
		default:
			names = append(names, name)
		}
		return nil
	})
	return append(names, seal...), err
}

func (u *Upload) put(ctx context.Context, name string) error {
	f, err := os.Open(filepath.Join(u.Dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return u.To.Put(ctx, name, f, info.Size())
}
