package job

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// WriteFiles makes the files in a deed's folder from what a run left, and seals them if it ended in order. If the
// input is not what was planned any more, nothing is replaced.
func WriteFiles(d Deed) (*report.Summary, error) { return makeFiles(d, true) }

func makeFiles(d Deed, seal bool) (*report.Summary, error) {
	f := d.held()
	s, err := report.Write(f.dir, f.Run, d.layout(), d.lines(f.dir, f.Run))
	if err == nil && seal && f.Run.Begun() && !f.Run.Open {
		err = report.WriteSeal(f.dir, f.Run, s)
	}
	if err != nil {
		return nil, filesError(f.dir, err)
	}
	return s, nil
}

// Refresh makes those files again that are not what they should be. notes say which these were, and what else in
// the folder is not what was sealed: that is neither made again nor sealed anew. A backup that is damaged is
// refused. The page stays in its language unless lang is another one.
func Refresh(d Deed, lang string) (s *report.Summary, notes []string, _ error) {
	f := d.held()
	if f.Run.Asked.Backup != "" {
		backup, err := report.ReadBackup(f.dir, f.Run, report.BackupName)
		if err != nil {
			return nil, nil, auditError(f.dir, err)
		}
		defer backup.Close() //nolint:errcheck // it was only read
	}
	s, differ, err := report.Compare(f.dir, f.Run, d.layout(), d.lines(f.dir, f.Run))
	if err != nil {
		return nil, nil, filesError(f.dir, err)
	}
	for _, how := range differ {
		notes = append(notes, "made again from the audit: "+how)
	}
	strange, sealed, err := sealState(f.dir, f.Run, s)
	switch other := lang != "" && lang != f.Run.Lang() && f.Run.Begun(); {
	case other && len(strange) > 0:
		notes = append(notes, "the page stays in its language, "+f.Run.Lang())
	case other && err == nil:
		sealed, err = false, f.translate(lang)
	}
	switch {
	case err != nil:
		return nil, nil, filesError(f.dir, err)
	case len(differ) > 0 || !sealed && len(strange) == 0:
		s, err = makeFiles(d, len(strange) == 0)
	}
	return s, append(notes, strange...), err
}

// translate notes the page's language in run.json. The seal goes first: a folder without one is sealed by whatever
// makes its files next, even if this dies here.
func (f *Folder) translate(lang string) error {
	if !f.Run.Open {
		if err := report.Unseal(f.dir); err != nil {
			return err
		}
	}
	f.Run.Last().Lang = lang
	return f.Run.Save(f.dir)
}

// sealState says whether a folder's seal is in order, and names what is not what was sealed and cannot be made
// again. A run that was not sealed at its end has no such files.
func sealState(dir *journal.Dir, run *report.Run, s *report.Summary) (strange []string, sealed bool, err error) {
	if run.Open || !run.Begun() {
		return nil, true, nil
	}
	seal := sealOf(dir, run)
	if seal == nil {
		return nil, false, nil
	}
	wrong, err := seal.Check(dir)
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if !report.IsMade(name) {
			strange = append(strange, fmt.Sprintf("not sealed anew: %s %s", name, wrong[name]))
		}
	}
	return strange, len(wrong) == 0 && seal.Tells(run, s), err
}

// sealOf is the seal of the last run on a folder, nil if that was not sealed. One that cannot be read is none: it is
// set aside when the folder is sealed.
func sealOf(dir *journal.Dir, run *report.Run) *report.Seal {
	seal, err := report.LoadSeal(dir)
	if err != nil || seal == nil || seal.Runs != len(run.Runs) {
		return nil
	}
	return seal
}

// filesError says why the files in a folder could not be made.
func filesError(dir *journal.Dir, err error) error {
	again := fmt.Sprintf("then: bulkdelete report %s", text.ShellWord(dir.Path))
	switch _, damaged := errors.AsType[*journal.DamageError](err); {
	case damaged:
		return auditError(dir, err)
	case errors.Is(err, chunker.ErrChanged):
		return Fail(Halted, "put the planned input back, "+again,
			"the input is not what was planned any more, so the files in %s cannot be made: %w", dir.Path, err)
	}
	return Fail(Halted, "audit.csv is whole; mend that, "+again, "the files in %s cannot be made: %w", dir.Path, err)
}
