package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Record is a run as it lies on disk: its folder, its input and the plan made from that input again.
type Record struct {
	Folder *Adopted
	Input  *Input
	Plan   *chunker.Plan
}

// Reopen holds the folder that a run left in dir and plans its input again, so that its files can be made. input
// says where the input is now; empty, it is where it was.
func Reopen(ctx context.Context, dir, input string) (*Record, error) {
	f, err := reclaim(dir)
	if err != nil {
		return nil, err
	}
	index, err := f.readAudit() // what does not hold is said first
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	in, plan, err := planAgain(ctx, f.dir, f.Run, input)
	if err != nil {
		return nil, errors.Join(err, index.Close(), f.Close())
	}
	a, err := f.holdTo(index, plan, in)
	if err != nil {
		return nil, errors.Join(err, in.Close(), f.Close())
	}
	return &Record{Folder: a, Input: in, Plan: plan}, nil
}

// planAgain plans a run's input once more. The error is an *Error with the code Guard if it is not what was planned.
func planAgain(ctx context.Context, dir *journal.Dir, run *report.Run, input string) (*Input, *chunker.Plan, error) {
	in, err := OpenInput(findInput(dir, run, input))
	if err != nil {
		return nil, nil, Fail(Usage, "say where the input is now with --input FILE", "%w", err)
	}
	in.Name = run.Asked.Input.Name
	plan, err := planWith(ctx, dir, run, in)
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return in, plan, nil
}

func planWith(ctx context.Context, dir *journal.Dir, run *report.Run, in *Input) (*chunker.Plan, error) {
	options, err := planned(run.Asked.Options)
	if err != nil {
		return nil, err
	}
	if options.Protect, err = readProtectList(dir, run); err != nil {
		return nil, auditError(dir, err)
	}
	plan, err := chunker.Scan(ctx, in.Reader(), options, nil)
	if err != nil {
		return nil, Fail(Usage, "", "%s: %w", in.Path, err)
	}
	a := run.Asked
	want := Describe(in, plan, Target{Host: a.Host, UserPool: a.UserPool, TenantID: a.TenantID, Backup: a.Backup != ""})
	if diff := differences(run, want); len(diff) > 0 {
		return nil, Fail(Guard, "say where the planned input is with --input FILE",
			"%s is not the input of this run:%s", in.Path, list(diff))
	}
	return plan, nil
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
func (r *Record) Close() error {
	err := r.Folder.Close()
	if r.Input != nil {
		err = errors.Join(err, r.Input.Close())
	}
	return err
}

// files are what the folder's files are made from.
func (r *Record) files() (made, error) {
	return made{r.Folder.Folder, layoutOf(r.Plan), linesOf(r.Plan, r.Input), func() error { return nil }}, nil
}

func (r *Record) adopted() *Adopted { return r.Folder }

func (r *Record) changed() error { return r.Input.changed() }

// chunks streams the input again; a chunk that is not what was planned is an error.
func (r *Record) chunks() iter.Seq2[chunker.Chunk, error] { return r.Plan.Split(r.Input.Reader()) }

// do deletes the users at a chunk's places, after saving them where that was asked for.
func (r *Record) do(w *work) error {
	if w.job.folder.backup != nil {
		return w.saveFirst(w.places, trail{})
	}
	return w.erase(w.places, trail{inDoubt: w.suspect})
}

func layoutOf(p *chunker.Plan) report.Layout {
	return report.Layout{Header: p.HeaderRaw, Columns: p.Columns, Column: p.Column, IDName: p.Options.IDType,
		Delimiter: p.Delimiter, BOM: p.BOM || p.Encoding != "utf-8"}
}

// linesOf gives every row of the input as the report wants it.
func linesOf(plan *chunker.Plan, in *Input) iter.Seq2[report.Line, error] {
	return func(yield func(report.Line, error) bool) {
		for row, err := range plan.All(in.Reader()) {
			line := report.Line{Line: row.Line, Raw: row.Raw, ID: row.ID, Chunk: row.Chunk, Place: row.Place}
			if row.Reject != nil {
				line.Reason, line.Code, line.Invalid = row.Reject.Reason, row.Reject.Code, row.Reject.Invalid()
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// Living is a user who exists.
type Living struct {
	Line    int
	ID      string
	Outcome report.Outcome // what the audit says, "" where it says nothing yet
}

// FindLiving asks the API for every accepted user, workers calls at a time, and calls found, one at a time, for each
// who exists. Nothing in the folder is touched.
func (v *View) FindLiving(ctx context.Context, api *client.Client, workers int, found func(Living)) error {
	pool, ctx := errgroup.WithContext(ctx)
	pool.SetLimit(workers)
	results := make(chan Living)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for l := range results {
			found(l)
		}
	}()
	err := v.ask(ctx, pool, api, results)
	err = errors.Join(err, pool.Wait())
	close(results)
	<-ended
	return err
}

func (v *View) ask(ctx context.Context, pool *errgroup.Group, api *client.Client, results chan<- Living) error {
	for chunk, err := range v.Plan.Split(v.input.Reader()) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil // the pool knows why
		}
		rows, err := v.index.Chunk(chunk.Number)
		if err != nil {
			return err
		}
		rows = slices.Clone(rows)
		pool.Go(func() error {
			living, _, err := api.Existing(ctx, v.Plan.Options.IDType, chunk.IDs)
			if err != nil {
				return fmt.Errorf("chunk %d: %w", chunk.Number, err)
			}
			for i, id := range chunk.IDs {
				if slices.Contains(living, id) {
					results <- Living{chunk.Lines[i], id, outcomeOf(rows, i+1)}
				}
			}
			return nil
		})
	}
	return nil
}

func outcomeOf(rows []report.Row, place int) report.Outcome {
	for _, r := range rows {
		if r.From <= place && place <= r.To {
			return r.Outcome
		}
	}
	return ""
}

// Asked reads what a run's folder is about. Nothing in it is touched.
func Asked(path string) (*report.Run, error) {
	dir, err := journal.OpenDir(path)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %w", path, err)
	}
	run, err := loadRun(dir)
	return run, errors.Join(err, dir.Close())
}

// IsUnfinished says whether a run may have sent something from the folder at path and has not come to its end,
// which is the seal.
func IsUnfinished(path string) (bool, error) {
	dir, err := journal.OpenDir(path)
	if err != nil {
		return false, fmt.Errorf("the folder %s cannot be read: %w", path, err)
	}
	defer dir.Close()
	run, err := loadRun(dir)
	if err != nil || run == nil || !run.Begun() {
		return false, err
	}
	if run.Open || Code(run.Last().Ended.ExitCode) > Incomplete {
		return true, nil
	}
	return sealOf(dir, run) == nil, nil
}
