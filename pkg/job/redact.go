package job

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"bulkdelete/pkg/report"
)

// Redaction is the folder of a finished run, and of its restore, whose lists of people are to be erased, or were. It is
// held until Close.
type Redaction struct {
	*Folder
	Lists []string // files that are to be erased, of both

	restore *Redaction // nil: there is none
}

// OpenRedaction holds a folder, if its run is finished and it is what was sealed.
func OpenRedaction(ctx context.Context, path string) (_ *Redaction, err error) {
	if err := isFolder(path); err != nil {
		return nil, err
	}
	f, err := claim(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	r := &Redaction{Folder: f}
	defer onError(&err, r.Close)
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Lists, err = report.Lists(f.dir); err != nil {
		return nil, refuse(path, err)
	}
	if !f.dir.Has(report.RestoreName) {
		return r, nil
	}
	if r.restore, err = OpenRedaction(ctx, filepath.Join(path, report.RestoreName)); err != nil {
		return nil, err
	}
	for _, name := range r.restore.Lists {
		r.Lists = append(r.Lists, filepath.Join(report.RestoreName, name))
	}
	return r, nil
}

// check refuses a folder that somebody may still need as it is: an erased list cannot be looked at again.
func (r *Redaction) check() error {
	run := r.Run
	if !run.Begun() || run.Open || Code(run.Last().Ended.ExitCode) > Incomplete {
		return Fail(Guard, "go on with it first: the command of the run does that",
			"the run in %s is not finished: its lists say who is left", r.Path)
	}
	seal := sealOf(r.dir, run)
	if seal == nil {
		return Fail(Guard, "bulkdelete report seals it", "the run in %s is not sealed", r.Path)
	}
	if err := r.readAudit(); err != nil {
		return err
	}
	wrong, err := seal.Check(r.dir)
	if err != nil {
		return refuse(r.Path, err)
	}
	delete(wrong, report.PageName) // which is made again
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if seal.WasRedacted(name) == nil {
			return Fail(Guard, "bulkdelete verify says more",
				"the folder %s is not what was sealed, so nothing is erased: %s %s",
				r.Path, name, wrong[name])
		}
	}
	if seal.LastHash != r.audit.Hash() || seal.FirstHash != run.Seed() {
		return Fail(Guard, "bulkdelete verify says more", "the seal in %s is about another audit", r.Path)
	}
	return nil
}

// Erase erases the lists, and has what is left vouched for.
func (r *Redaction) Erase(ctx context.Context, a Attestor) (*report.Summary, error) {
	if r.restore != nil {
		if _, err := r.restore.Erase(ctx, a); err != nil {
			return nil, err
		}
	}
	s, err := report.Redact(r.dir, r.Run, Operator())
	if err != nil {
		return nil, filesError(r.dir, err)
	}
	return s, a.vouchFor(ctx, r.Folder)
}

// Close unlocks the folders.
func (r *Redaction) Close() error {
	if r.restore != nil {
		return errors.Join(r.restore.Close(), r.Folder.Close())
	}
	return r.Folder.Close()
}
