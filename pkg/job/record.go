package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// Record is a run that deletes or suspends: its folder, its input and the plan made from that.
type Record struct {
	*Folder    // nil: nobody holds it
	Input      *Input
	Plan       *chunker.Plan
	Protection Protection // LookUp has been called before a run
	rules      who.Rules
}

// Reopen holds the folder that a run or a restore left in dir, so that its files can be made. A run's input is planned
// again: input says where it is now; empty, it is where it was.
func Reopen(ctx context.Context, dir, input string) (Deed, error) {
	if run, err := Asked(dir); err == nil && run != nil && run.Asked.Deed.Undoes() {
		return OpenRestore(ctx, filepath.Dir(filepath.Clean(dir)))
	}
	return reopen(ctx, dir, input)
}

func reopen(ctx context.Context, dir, input string) (_ *Record, err error) {
	f, err := reclaim(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer onError(&err, f.Close)
	if err := f.readAudit(); err != nil { // what does not hold is said first
		return nil, err
	}
	r, err := planAgain(ctx, f.dir, f.Run, input, nil)
	if err != nil {
		return nil, err
	}
	defer onError(&err, r.Input.Close)
	return r, f.become(r)
}

// planAgain plans a run's input once more. lists may stand for protect.csv. The error is an *Error with the code Guard
// if it is not what was planned.
func planAgain(ctx context.Context, dir *journal.Dir, run *report.Run, input string, lists Protection) (
	_ *Record, err error,
) {
	a := run.Asked
	in, err := OpenInput(findInput(dir, run, input))
	if err != nil {
		return nil, Fail(Usage, "say where the input is now with --input FILE", "%w", err)
	}
	defer onError(&err, in.Close)
	in.Name = a.Input.Name
	options := planned(a.Options)
	protection, err := lists.first(run)
	if lists == nil {
		protection, err = readProtection(dir, run)
	}
	if err != nil {
		return nil, auditError(dir, err)
	}
	options.Protect = protection.Planned(options.IDType)
	plan, err := chunker.Scan(ctx, in.Reader(), options, nil)
	if err != nil {
		return nil, Fail(Usage, "", "%s: %w", in.Path, err)
	}
	if diff := differences(run, Describe(in, plan, a)); diff != "" {
		return nil, Fail(Guard, "say where the planned input is with --input FILE",
			"%s is not the input of this run:%s", in.Path, diff)
	}
	return &Record{Input: in, Plan: plan, Protection: protection}, nil
}

// findInput says where a run's input is: where it was told, where it was, or (a copy) in a folder that moved.
func findInput(dir *journal.Dir, run *report.Run, told string) string {
	was := run.Asked.Input.Path
	if _, err := os.Stat(was); told != "" || err == nil || filepath.Base(was) != report.InputName {
		return cmp.Or(told, was)
	}
	return dir.Name(report.InputName)
}

// Close unlocks the folder and closes the input.
func (r *Record) Close() error { return errors.Join(r.Folder.Close(), r.Input.Close()) }

// prepare reads what is asked of users, and writes down who is protected.
func (r *Record) prepare() (err error) {
	if r.rules, err = Rules(r.Run.Asked, r.Plan); err != nil {
		return err
	}
	r.rules.Protected = r.Protection.users(r.Plan.Options.IDType)
	text := r.Protection.text()
	if text == nil {
		return nil
	}
	if err := r.dir.WriteFile(report.ProtectName, text); err != nil {
		return refuse(r.Path, err)
	}
	return nil
}

func (r *Record) changed() error { return r.Input.changed() }

// chunks streams the input again; a chunk that is not what was planned is an error.
func (r *Record) chunks() iter.Seq2[chunker.Chunk, error] { return r.Plan.Split(r.Input.Reader()) }

// cells are those of all rows of a chunk: a call that was refused may have named any of them.
func (r *Record) cells(w *work) (cells []string) {
	for _, raw := range w.chunk.Raw {
		cells = append(cells, r.Plan.Cells(raw)...)
	}
	return append(cells, w.chunk.IDs...)
}

// do deletes or suspends the users at a chunk's places, after a look at who they are where that was asked for.
func (r *Record) do(w *work, places []int, t trail) error {
	w.change = w.deletion()
	if r.looks(w.job) {
		return r.lookFirst(w, places, t)
	}
	return w.send(places, t)
}

func (r *Record) layout() report.Layout {
	p := r.Plan
	return report.Layout{Header: p.HeaderRaw, Columns: p.Columns, Column: p.Column, IDName: p.Options.IDType,
		Delimiter: p.Delimiter, Bare: p.Bare, BOM: p.BOM || p.Encoding != "utf-8"}
}

// lines gives every row of the input.
func (r *Record) lines(*journal.Dir, *report.Run) iter.Seq2[report.Line, error] {
	return func(yield func(report.Line, error) bool) {
		for row, err := range r.Plan.All(r.Input.Reader()) {
			line := report.Line{Line: row.Line, Raw: row.Raw, ID: row.ID, Chunk: row.Chunk, Place: row.Place,
				Reason: row.Reason, Code: row.Code, Invalid: row.Invalid()}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// contradictions are the rows of an audit that are not about the users planned in their places, each a
// *journal.DamageError, or another error that ends them.
func (r *Record) contradictions(audit *report.Audit) iter.Seq[error] {
	return func(yield func(error) bool) {
		for chunk, err := range r.chunks() {
			var rows []report.Row
			if err == nil {
				rows, err = audit.Chunk(chunk.Number)
			}
			if err != nil {
				yield(err)
				return
			}
			for _, row := range rows {
				is := row.IDsSHA256 == report.IDsSHA256(chunk.IDs[row.From-1:row.To]) &&
					row.FirstLine == chunk.Lines[row.From-1] && row.LastLine == chunk.Lines[row.To-1]
				if !is && !yield(&journal.DamageError{File: report.AuditName, Err: fmt.Errorf(
					"chunk %d part %d-%d is not about the users that were planned there", row.Chunk, row.From, row.To)}) {
					return
				}
			}
		}
	}
}

// Asked reads what a run's folder is about; nil: it is none's. Nothing in it is touched.
func Asked(path string) (*report.Run, error) {
	run, _, err := asked(path)
	return run, err
}

// IsUnfinished says whether a run may have sent something from the folder at path and has not come to its end,
// which is the seal.
func IsUnfinished(path string) (bool, error) {
	run, seal, err := asked(path)
	return err == nil && run != nil && run.Begun() &&
		(run.Open || Code(run.Last().Ended.ExitCode) > Incomplete || seal == nil), err
}

// IsRedacted says whether the lists of people in the folder at path were erased.
func IsRedacted(path string) bool {
	_, seal, err := asked(path)
	return err == nil && seal.IsRedacted()
}

func asked(path string) (run *report.Run, seal *report.Seal, err error) {
	dir, err := journal.OpenDir(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the folder %s cannot be read: %w", path, err)
	}
	defer dir.Close() //nolint:errcheck // it was only read
	if run, err = loadRun(dir); err != nil || run == nil {
		return nil, nil, err
	}
	return run, sealOf(dir, run), nil
}
