package job

import (
	"errors"
	"fmt"
	"iter"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/report"
)

// made is what a folder's files are made from, besides its audit.
type made struct {
	folder *Folder
	layout report.Layout
	lines  iter.Seq2[report.Line, error]
	close  func() error
}

// writeFiles makes a folder's files from what a run left, and seals them if it ended in order. If the input is not what was
// planned any more, nothing is replaced.
func writeFiles(m made, err error) (*report.Summary, error) {
	if err != nil {
		return nil, err
	}
	f := m.folder
	s, err := report.Write(f.dir, f.Run, m.layout, m.lines)
	if err == nil && f.Run.Begun() && !f.Run.Open {
		err = report.WriteSeal(f.dir, f.Run, s)
	}
	if err = errors.Join(err, m.close()); err != nil {
		return nil, filesError(f, err)
	}
	return s, nil
}

// refresh makes those files of a folder again that are not what they should be, seals them anew if need be, and says which
// these were.
func refresh(m made, err error) (s *report.Summary, differ []string, _ error) {
	if err != nil {
		return nil, nil, err
	}
	f := m.folder
	if s, differ, err = report.Compare(f.dir, f.Run, m.layout, m.lines); err != nil {
		return nil, nil, filesError(f, errors.Join(err, m.close()))
	}
	if len(differ) == 0 && sealed(f, s) {
		return s, nil, m.close()
	}
	s, err = writeFiles(m, nil)
	return s, differ, err
}

// sealed says whether the folder's seal is in order, or none is called for.
func sealed(f *Folder, s *report.Summary) bool {
	if f.Run.Open || !f.Run.Begun() {
		return true
	}
	seal, err := report.LoadSeal(f.dir)
	if err != nil || seal == nil || !seal.Tells(f.Run, s) {
		return false
	}
	wrong, err := seal.Check(f.dir)
	return err == nil && len(wrong) == 0
}

// filesError says why the files in a folder could not be made, if they could not.
func filesError(f *Folder, err error) error {
	again := fmt.Sprintf("then: bulkdelete report %s", report.ShellWord(f.Path))
	switch _, damaged := errors.AsType[*report.DamageError](err); {
	case err == nil:
		return nil
	case damaged:
		return auditError(f.dir, err)
	case errors.Is(err, chunker.ErrChanged):
		return Fail(Halted, "put the planned input back, "+again,
			"the input is not what was planned any more, so the files in %s cannot be made: %w", f.Path, err)
	}
	return Fail(Halted, "audit.csv is whole; mend that, "+again, "the files in %s cannot be made: %w", f.Path, err)
}
