package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// View is a run's folder as a stranger reads it: nothing in it is touched, and nobody else is kept out.
type View struct {
	Run  *report.Run
	Plan *chunker.Plan // nil: the input is not at hand, see Findings.Unchecked

	dir   *journal.Dir
	input *Input
	index *report.Index
	sum   *report.Summary // nil: it could not be made
	files report.Layout
	lines iter.Seq2[report.Line, error]
	close []func() error
}

// Findings are what verifying a folder came to.
type Findings struct {
	Finished  bool     `json:"finished"`  // every accepted row has an outcome, and the last run ended in order
	Whole     bool     `json:"whole"`     // there is no problem
	Unchecked []string `json:"unchecked"` // what could not be checked, and why
	Problems  []string `json:"problems"`  // what does not hold

	AuditRows   int                    `json:"audit_rows"`
	LastRowHash string                 `json:"last_row_hash"`
	Users       map[report.Outcome]int `json:"-"`
	Deleted     int                    `json:"deleted"`
	Absent      int                    `json:"absent"`
	Failed      int                    `json:"failed"`
	Unknown     int                    `json:"unknown"`
	Invalid     int                    `json:"invalid"`            // rows
	Remaining   int                    `json:"remaining"`          // accepted users without an outcome
	Torn        int                    `json:"torn"`               // half written rows at the audit's end
	Saved       *int                   `json:"saved,omitempty"`    // users in the backup
	Restored    *int                   `json:"restored,omitempty"` // and created again
	Living      *int                   `json:"living,omitempty"`   // with --live: who still exists
}

func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}
func (f *Findings) unchecked(format string, args ...any) {
	f.Unchecked = append(f.Unchecked, fmt.Sprintf(format, args...))
}

// Expect is what a folder is held to besides itself.
type Expect struct {
	Input   string // where the input is now; "": where it was
	Hash    string // that the audit's last row has to have; "": not known
	Program string // the version of bulkdelete that verifies
}

// Verify holds the folder in dir to everything that can be checked. An error means that there is no run's folder,
// or that it cannot be read; what does not hold is in the findings. Close the view after use.
func Verify(ctx context.Context, dir string, want Expect) (v *View, f *Findings, err error) {
	v, f = &View{}, &Findings{Unchecked: []string{}, Problems: []string{}, Users: map[report.Outcome]int{}}
	if v.dir, err = journal.OpenDir(dir); err != nil {
		return nil, nil, Fail(Usage, folderHint, "%s is not a run's folder: %w", dir, err)
	}
	v.close = append(v.close, v.dir.Close)
	if v.Run, err = loadRun(v.dir); err == nil && v.Run == nil {
		err = Fail(Usage, folderHint, "%s is not a run's folder: it has no %s", dir, report.RunName)
	}
	if err == nil {
		err = v.check(ctx, want, f)
	}
	if err != nil {
		return nil, nil, errors.Join(err, v.Close())
	}
	f.Whole = len(f.Problems) == 0
	f.Finished = v.index != nil && v.index.Complete() && v.Run.Begun() && !v.Run.Open
	return v, f, nil
}

// Close closes what Verify opened.
func (v *View) Close() error { return closeAll(v.close) }

// check goes from what all else rests on to what is made from it. An audit that does not hold ends it.
func (v *View) check(ctx context.Context, want Expect, f *Findings) error {
	if ok, err := v.checkAudit(want, f); !ok || err != nil {
		return errors.Join(err, v.checkSeal(f))
	}
	if v.Run.Asked.Deed == report.Restore {
		if err := v.openRestore(want, f); err != nil {
			return err
		}
	} else if err := v.checkPlan(ctx, want, f); err != nil {
		return err
	}
	if err := v.checkFiles(want, f); err != nil {
		return err
	}
	if err := v.checkBackup(ctx, f); err != nil {
		return err
	}
	return v.checkSeal(f)
}

// checkAudit reads the chain; ok: it holds.
func (v *View) checkAudit(want Expect, f *Findings) (ok bool, err error) {
	index, err := report.ReadIndex(v.dir, v.Run, func(*report.Row) {})
	if damage, ok := errors.AsType[*report.DamageError](err); ok || errors.Is(err, journal.ErrNotRegular) {
		if damage != nil {
			err = damage
		}
		f.problem("the audit cannot be believed: %v", err)
		f.unchecked("whatever rests on the audit: it does not hold")
		return false, nil
	}
	if err != nil {
		return false, Fail(Halted, diskHint, "the audit cannot be read: %w", err)
	}
	v.index, v.close = index, append(v.close, index.Close)
	f.AuditRows, f.LastRowHash, f.Torn = index.Rows, index.LastHash, index.Torn
	f.Users, f.Remaining, f.Invalid = index.Users, index.Left(), v.Run.Asked.Plan.Invalid
	f.Deleted, f.Absent = f.Users[report.Deleted], f.Users[report.Absent]
	f.Failed, f.Unknown = f.Users[report.Failed], f.Users[report.Unknown]
	if want.Hash != "" && want.Hash != index.LastHash {
		f.problem("the audit's last row has the hash %s, not %s", index.LastHash, want.Hash)
	}
	return true, nil
}

// checkPlan holds the audit's rows to the users that were planned.
func (v *View) checkPlan(ctx context.Context, want Expect, f *Findings) error {
	in, plan, err := planAgain(ctx, v.dir, v.Run, want.Input)
	if damage, ok := errors.AsType[*report.DamageError](err); ok {
		f.problem("%v", damage)
	}
	if err != nil {
		f.unchecked("the users behind the audit's rows, and the files made from them: %v", err)
		return nil
	}
	v.input, v.Plan, v.close = in, plan, append(v.close, in.Close)
	v.files, v.lines = layoutOf(plan), linesOf(plan, in)
	for err := range contradictions(plan, in, v.index) {
		if _, ok := errors.AsType[*report.DamageError](err); !ok {
			return Fail(Halted, rerunHint, "the audit cannot be held to the plan: %w", err)
		}
		f.problem("%v", err)
	}
	return nil
}

// contradictions are the rows of an audit that are not about the users planned in their places, each a
// *report.DamageError, or another error that ends them.
func contradictions(plan *chunker.Plan, in *Input, index *report.Index) iter.Seq[error] {
	return func(yield func(error) bool) {
		for chunk, err := range plan.Split(in.Reader()) {
			var rows []report.Row
			if err == nil {
				rows, err = index.Chunk(chunk.Number)
			}
			if err != nil {
				yield(err)
				return
			}
			for _, r := range rows {
				if err := contradiction(chunk, r); err != nil && !yield(err) {
					return
				}
			}
		}
	}
}

// contradiction says how a row is not about the users planned in its places; nil: it is.
func contradiction(chunk chunker.Chunk, r report.Row) error {
	sameIDs := r.IDsSHA256 == report.IDsSHA256(chunk.IDs[r.From-1:r.To])
	if sameIDs && r.FirstLine == chunk.Lines[r.From-1] && r.LastLine == chunk.Lines[r.To-1] {
		return nil
	}
	return &report.DamageError{File: report.AuditName, Err: fmt.Errorf(
		"chunk %d part %d-%d is not about the users that were planned there", r.Chunk, r.From, r.To)}
}

// openRestore finds what the files of a restore are made from: the backup in the folder around it.
func (v *View) openRestore(want Expect, f *Findings) error {
	r, closer, err := viewRestore(v.dir, v.Run)
	if err != nil {
		f.unchecked("the users behind the audit's rows, and the files made from them: %v", err)
		return nil
	}
	v.close = append(v.close, closer)
	m, err := r.files()
	if damage, ok := errors.AsType[*report.DamageError](err); ok {
		f.problem("%v", damage)
		return nil
	}
	if err != nil {
		return err
	}
	v.close = append(v.close, m.close)
	v.files, v.lines = m.layout, m.lines
	v.index.LeaveOut(r.Folder.keep)
	f.Remaining = v.index.Left()
	return nil
}

// viewRestore is a Restore that touches nothing and holds nobody out.
func viewRestore(dir *journal.Dir, run *report.Run) (_ *Restore, closer func() error, err error) {
	around, err := journal.OpenDir(filepath.Dir(filepath.Clean(dir.Path)))
	if err != nil {
		return nil, nil, err
	}
	r := &Restore{closers: []func() error{around.Close}}
	defer onError(&err, r.Close)
	of, err := loadRun(around)
	if err == nil && of == nil {
		err = fmt.Errorf("%s has no %s: %w", around.Path, report.RunName, fs.ErrNotExist)
	}
	if err != nil {
		return nil, nil, err
	}
	r.Run = of
	if err := r.read(&Folder{Path: around.Path, Run: of, dir: around}); err != nil {
		return nil, nil, err
	}
	if sum, err := report.Sum(around, report.BackupName); err != nil || sum.SHA256 != run.Asked.Input.SHA256 {
		name := around.Name(report.BackupName)
		return nil, nil, errors.Join(err, fmt.Errorf("%s is not the backup that was restored", name))
	}
	r.Folder = &Adopted{Folder: &Folder{Path: dir.Path, Run: run, dir: dir}, keep: r.places}
	return r, r.Close, nil
}

// checkFiles compares what was made from the audit with what would be made now.
func (v *View) checkFiles(want Expect, f *Findings) error {
	switch {
	case v.lines == nil: // said already
		return nil
	case v.Run.Open:
		f.unchecked("the files made from the audit: a run is open, or died; bulkdelete report makes them again")
		return nil
	case !v.Run.Begun():
		return nil
	}
	sum, differ, err := report.Compare(v.dir, v.Run, v.files, v.lines)
	if err != nil {
		f.problem("the files made from the audit cannot be made again: %v", err)
		return nil
	}
	v.sum = sum
	for _, d := range differ {
		if name, _, _ := strings.Cut(d, " "); v.sealDecides(name, want) {
			f.unchecked("%s: version %s made it, and this is %s; it is what was sealed", name, v.Run.Program, want.Program)
		} else {
			f.problem("%s", d)
		}
	}
	return nil
}

// sealDecides says whether another version made a page or a summary, as far as is known, and it is what was sealed
// then.
func (v *View) sealDecides(name string, want Expect) bool {
	other := v.Run.Program != want.Program || want.Program == Unversioned
	if !other || name != report.PageName && name != report.SummaryName {
		return false
	}
	seal, err := report.LoadSeal(v.dir)
	is, failed := report.Sum(v.dir, name)
	return err == nil && failed == nil && seal != nil && slices.Contains(seal.Files, is)
}

// Unversioned is the version of a build that does not know its own.
const Unversioned = "devel"

// checkBackup holds the backup to the audit: everybody deleted is in it.
func (v *View) checkBackup(ctx context.Context, f *Findings) error {
	if v.Run.Asked.Backup == "" {
		return nil
	}
	backup, closer, err := report.ReadProfiles(v.dir, v.Run, report.BackupName)
	if damage, ok := errors.AsType[*report.DamageError](err); ok {
		f.problem("the backup cannot be believed: %v", damage)
		return nil
	}
	if err != nil {
		return Fail(Halted, diskHint, "the backup cannot be read: %w", err)
	}
	v.close = append(v.close, closer)
	f.Saved = &backup.Users
	lost := 0
	for n := 1; n <= v.Run.Asked.Plan.Chunks; n++ {
		rows, err := v.index.Chunk(n)
		if err != nil {
			return Fail(Halted, rerunHint, "the audit cannot be read: %w", err)
		}
		for _, r := range rows {
			if r.Outcome == report.Deleted {
				lost += bits.OnesCount64(report.PlacesMask(r.From, r.To) &^ backup.Places(n))
			}
		}
	}
	if lost > 0 {
		f.problem("%d users were deleted and are not in the backup", lost)
	}
	return v.checkRestored(ctx, f)
}

// checkRestored reads the chain of the restore that a folder holds.
func (v *View) checkRestored(ctx context.Context, f *Findings) error {
	none := 0
	if f.Restored = &none; !v.dir.Has(report.RestoreName) {
		return nil
	}
	path := v.dir.Name(report.RestoreName)
	sub, found, err := Verify(ctx, path, Expect{Program: v.Run.Program})
	if err != nil {
		f.unchecked("%s: %v", path, err)
		return nil //nolint:nilerr // said in the findings
	}
	n := found.Users[report.Restored]
	f.Restored = &n
	for _, p := range found.Problems {
		f.problem("%s: %s", report.RestoreName, p)
	}
	for _, u := range found.Unchecked {
		f.unchecked("%s: %s", report.RestoreName, u)
	}
	return sub.Close()
}

// checkSeal holds the folder's files to the seal. While a run is open its last seal is about what was before.
func (v *View) checkSeal(f *Findings) error {
	seal, err := report.LoadSeal(v.dir)
	switch {
	case err != nil:
		f.problem("the seal cannot be believed: %v", err)
		return nil
	case v.Run.Open:
		f.unchecked("the seal: a run is open, or died, and seals when it ends")
		return nil
	case seal == nil && v.Run.Begun():
		f.problem("%s is missing: the run did not come to its end; run the same command again, or bulkdelete report",
			report.SealName)
		return nil
	case seal == nil:
		return nil
	}
	x := v.index
	if x != nil && (seal.LastHash != x.LastHash || seal.FirstHash != v.Run.Seed() || seal.Rows != x.Rows) {
		f.problem("%s is about another audit: its last row has the hash %s", report.SealName, seal.LastHash)
	}
	if v.sum != nil && !seal.Tells(v.Run, v.sum) {
		f.problem("%s does not tell what the run and its audit do", report.SealName)
	}
	wrong, err := seal.Check(v.dir)
	if err != nil {
		return Fail(Halted, rerunHint, "the folder cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		f.problem("%s %s", name, wrong[name])
	}
	return nil
}
