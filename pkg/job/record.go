package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// Record is a run as it lies on disk: its folder, its input and the plan made from that input again.
type Record struct {
	Folder *Folder
	Input  *Input
	Plan   *chunker.Plan
}

// Reopen opens what a run left in dir, and plans its input again. input says where the input is now; empty, it is where
// it was. protected reads files of protected IDs. With lock the folder is held against other runs, so that its files
// can be written; without, nothing in it is touched.
func Reopen(dir, input string, lock bool, protected func(files []string, o chunker.Options) ([]string, error)) (_ *Record, err error) {
	r := &Record{Folder: &Folder{Dir: dir}}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if lock {
		if err := r.Folder.lock(); err != nil {
			return nil, err
		}
	}
	run, err := report.LoadRun(dir)
	if err != nil {
		return nil, Fail(Usage, "give the folder that a run made, such as users.bulkdelete", "%s is not a run's folder: %w", dir, err)
	}
	r.Folder.Run = run
	if r.Input, err = OpenInput(r.find(input)); err != nil {
		return nil, Fail(Usage, "say where the input is now with --input FILE", "%w", err)
	}
	r.Input.Name = run.Input.Name
	options, files := Planned(run)
	if options.Protect, err = protected(files, options); err != nil {
		return nil, err
	}
	if r.Plan, err = chunker.Scan(context.Background(), r.Input.Reader(), options, nil); err != nil {
		return nil, Fail(Usage, "", "%s: %w", r.Input.Path, err)
	}
	want := Describe(r.Input, r.Plan, Target{Host: run.Host, UserPool: run.UserPool, TenantID: run.Options["tenant_id"], Backup: run.Options[optionBackup] != ""}, files)
	if diff := differences(run, want); len(diff) > 0 {
		return nil, Fail(Guard, "say where the planned input is with --input FILE", "%s is not the input of this run:%s", r.Input.Path, list(diff))
	}
	return r, nil
}

// find says where the run's input is: where it was told, where it was, or (standard input's copy) in a folder that moved.
func (r *Record) find(told string) string {
	was := r.Folder.Run.Input.Path
	if told != "" || exists(was) || filepath.Base(was) != SpoolName {
		return cmp.Or(told, was)
	}
	return r.Folder.path(SpoolName)
}

// Close lets go of folder and input.
func (r *Record) Close() error {
	err := r.Folder.Close()
	if r.Input != nil {
		err = errors.Join(err, r.Input.Close())
	}
	return err
}

// WriteFiles makes deleted.csv, failed.csv, rejected.csv, remaining.csv, summary.json and report.html from the input
// and the audit. resume is the command that goes on with an unfinished run. If the input is not what was planned any
// more, nothing is replaced.
func (r *Record) WriteFiles(resume string) (*report.Summary, error) {
	summary, err := report.Write(r.Folder.Dir, r.Folder.Run, r.layout(), r.lines(), resume)
	if err != nil {
		return nil, filesError(r.Folder.Dir, err)
	}
	return summary, nil
}

func (r *Record) layout() report.Layout {
	p := r.Plan
	return report.Layout{Header: p.HeaderRaw, Columns: p.Columns, Column: p.Column, IDName: p.Options.IDType, Delimiter: p.Delimiter,
		BOM: p.BOM || p.Encoding != "utf-8"}
}

// filesError says why the files in a folder could not be made, if they could not.
func filesError(dir string, err error) error {
	switch {
	case errors.Is(err, chunker.ErrChanged):
		return Fail(Halted, fmt.Sprintf("put the planned input back, then: bulkdelete report %s", dir),
			"the input is not what was planned any more, so the files in %s cannot be made: %w", dir, err)
	case err != nil:
		return Fail(Halted, fmt.Sprintf("audit.csv is whole; mend that, then: bulkdelete report %s", dir),
			"the files in %s cannot be made: %w", dir, err)
	}
	return nil
}

// lines gives every row of the input as the report wants it.
func (r *Record) lines() iter.Seq2[report.Line, error] {
	return func(yield func(report.Line, error) bool) {
		for row, err := range r.Plan.All(r.Input.Reader()) {
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

// Tally is what an audit adds up to.
type Tally struct {
	Rows        int    // of the audit
	LastRowHash string // of the last one
	Users       map[report.Outcome]int
	Remaining   int // accepted users without a row
	entries     []entry
}

// entry is what verifying keeps of an audit row.
type entry struct {
	chunk, from, to, firstLine, lastLine int
	outcome                              report.Outcome
	sum                                  string
}

// Verify checks the audit's hash chain, that it accounts for no planned row twice, and that each of its rows speaks of
// exactly the users whom the plan has there. Where something is wrong the error says what and in which row.
func (r *Record) Verify() (*Tally, error) {
	t, err := r.readAudit()
	if err != nil {
		return nil, Fail(Incomplete, "the audit cannot be believed: compare it with a copy", "%s: %w", r.Folder.path(auditName), err)
	}
	for chunk, err := range r.Plan.Split(r.Input.Reader()) {
		if err != nil {
			return nil, Fail(Incomplete, "", "%w", err)
		}
		for _, e := range t.of(chunk.Number) {
			ids := chunk.IDs[e.from-1 : e.to]
			if e.sum != report.IDsSHA256(ids) || e.firstLine != chunk.Lines[e.from-1] || e.lastLine != chunk.Lines[e.to-1] {
				return nil, Fail(Incomplete, "the audit cannot be believed: compare it with a copy",
					"%s: chunk %d part %d-%d does not speak of the users that were planned there", r.Folder.path(auditName), e.chunk, e.from, e.to)
			}
		}
	}
	return t, nil
}

func (r *Record) readAudit() (*Tally, error) {
	run := r.Folder.Run
	p := newProgress(run.Accepted, run.ChunkSize, run.Chunks)
	t := &Tally{LastRowHash: run.Input.SHA256, Users: p.users}
	f, err := os.Open(r.Folder.path(auditName))
	if errors.Is(err, fs.ErrNotExist) && !run.Open {
		t.Remaining = run.Accepted
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for row, err := range report.ReadAudit(f, run.Input.SHA256) {
		if err != nil {
			return nil, err
		}
		if err := p.add(row); err != nil {
			return nil, err
		}
		t.Rows, t.LastRowHash = t.Rows+1, row.Hash
		t.entries = append(t.entries, entry{row.Chunk, row.From, row.To, row.FirstLine, row.LastLine, row.Outcome, row.IDsSHA256})
	}
	slices.SortStableFunc(t.entries, func(a, b entry) int { return a.chunk - b.chunk })
	t.Remaining = run.Accepted - p.usersDone
	return t, nil
}

// of gives the entries about one chunk.
func (t *Tally) of(chunk int) []entry {
	from, _ := slices.BinarySearchFunc(t.entries, chunk, func(e entry, n int) int { return e.chunk - n })
	to := from
	for to < len(t.entries) && t.entries[to].chunk == chunk {
		to++
	}
	return t.entries[from:to]
}

// Living is a user who exists.
type Living struct {
	Line    int
	ID      string
	Outcome report.Outcome // what the audit says, "" where it says nothing yet
}

// FindLiving asks the API for every accepted user, workers calls at a time, and calls found, one at a time, for each
// who exists.
func (r *Record) FindLiving(ctx context.Context, api *client.Client, workers int, t *Tally, found func(Living)) error {
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
	err := r.ask(ctx, pool, api, t, results)
	err = errors.Join(err, pool.Wait())
	close(results)
	<-ended
	return err
}

func (r *Record) ask(ctx context.Context, pool *errgroup.Group, api *client.Client, t *Tally, results chan<- Living) error {
	for chunk, err := range r.Plan.Split(r.Input.Reader()) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil // the pool knows why
		}
		pool.Go(func() error {
			living, _, err := api.Existing(ctx, r.Plan.Options.IDType, chunk.IDs)
			if err != nil {
				return fmt.Errorf("chunk %d: %w", chunk.Number, err)
			}
			for i, id := range chunk.IDs {
				if slices.Contains(living, id) {
					results <- Living{chunk.Lines[i], id, t.outcome(chunk.Number, i+1)}
				}
			}
			return nil
		})
	}
	return nil
}

func (t *Tally) outcome(chunk, place int) report.Outcome {
	for _, e := range t.of(chunk) {
		if e.from <= place && place <= e.to {
			return e.outcome
		}
	}
	return ""
}
