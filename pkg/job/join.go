package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Whole describes the job of which run is one shard's part: what a plan that was approved is compared with.
func Whole(run *report.Run, plan *chunker.Plan) *report.Run {
	whole := *run
	whole.Asked = run.Asked.Copy()
	p := &whole.Asked.Plan
	p.Rows, p.Accepted = plan.AllRows, plan.AllAccepted
	p.Chunks = (p.Accepted + p.ChunkSize - 1) / p.ChunkSize
	whole.Asked.Options = maps.Clone(run.Asked.Options)
	delete(whole.Asked.Options, "shard")
	return &whole
}

// Join makes the files in the folders of a job's shards again and, in out, those of the whole job; out "" makes no
// files of the whole. The summary is the whole's. It is an error if the folders do not belong to one job, or if
// together they do not account for every row of the input.
func Join(ctx context.Context, dirs []string, out, input string) (_ *report.Summary, err error) {
	var all shards
	defer func() { err = errors.Join(err, all.close()) }()
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			return nil, Fail(Guard, "give each shard's folder once", "%s is given twice", dir)
		}
		if err := all.add(ctx, dir, input); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	ordered, err := all.inOrder()
	if err != nil {
		return nil, err
	}
	return all.records[0].joinFiles(ctx, out, all.whole, ordered)
}

// shards are the folders of one job.
type shards struct {
	whole   *report.Run
	records []*Record
}

// add makes a shard's files again, and counts it into the whole.
func (s *shards) add(ctx context.Context, dir, input string) error {
	r, err := Reopen(ctx, dir, input)
	if err != nil {
		return err
	}
	s.records = append(s.records, r)
	if _, _, err := Refresh(r); err != nil {
		return err
	}
	run := r.Folder.Run
	whole := Whole(run, r.Plan)
	if s.whole == nil {
		s.whole = whole
		return nil
	}
	if diff := differences(s.whole, whole); len(diff) > 0 {
		return Fail(Guard, "give the folders of one job's shards",
			"it is of another job than %s:%s", s.records[0].Folder.Path, list(diff))
	}
	p, own := &s.whole.Asked.Plan, run.Asked.Plan
	p.Invalid, p.Duplicates, p.Protected = p.Invalid+own.Invalid, p.Duplicates+own.Duplicates, p.Protected+own.Protected
	s.whole.Workers += run.Workers
	s.whole.Open = s.whole.Open || run.Open
	s.whole.Runs = worse(s.whole.Runs, run.Runs)
	return nil
}

// worse are the runs of two shards that end with more to tell. No end means that a run died or was never begun.
func worse(a, b []report.Session) []report.Session {
	end := func(s []report.Session) *report.Ended { return (&report.Run{Runs: s}).LastEnd() }
	if len(a) == 0 || end(a) == nil {
		return a
	}
	if len(b) == 0 || end(b) == nil || end(b).ExitCode > end(a).ExitCode {
		return b
	}
	return a
}

// inOrder gives the shards from the first to the last, if all are there.
func (s *shards) inOrder() ([]*report.Shard, error) {
	n := max(1, s.records[0].Plan.Options.Shards)
	ordered := make([]*report.Shard, n)
	rows := 0
	for _, r := range s.records {
		o, name := r.Plan.Options, r.Folder.Run.Asked.Options["shard"]
		switch {
		case max(1, o.Shards) != n:
			return nil, Fail(Guard, "give the folders of one job's shards", "%s is one of %d shards, and %s one of %d",
				s.records[0].Folder.Path, n, r.Folder.Path, o.Shards)
		case ordered[o.Shard] != nil:
			return nil, Fail(Guard, "give each shard's folder once", "%s and %s are both of shard %s",
				ordered[o.Shard].Dir, r.Folder.Path, orNone(name))
		}
		ordered[o.Shard] = &report.Shard{Name: name, Dir: r.Folder.Path, Run: r.Folder.Run, Folder: r.Folder.dir}
		rows += r.Folder.Run.Asked.Plan.Rows
	}
	if len(s.records) < n || rows != s.whole.Asked.Plan.Rows {
		var dirs []string
		for _, r := range s.records {
			dirs = append(dirs, r.Folder.Path)
		}
		return nil, Fail(Incomplete, "give the folders of all shards; those given are "+strings.Join(dirs, ", "),
			"the folders account for %d of %d rows", rows, s.whole.Asked.Plan.Rows)
	}
	return ordered, nil
}

func (s *shards) close() error {
	var errs []error
	for _, r := range s.records {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// joinFiles makes the files of the whole from a shard's input.
func (r *Record) joinFiles(ctx context.Context, out string, run *report.Run,
	all []*report.Shard) (*report.Summary, error) {
	o := r.Plan.Options
	o.Shard, o.Shards = 0, 1
	plan, err := chunker.Scan(ctx, r.Input.Reader(), o, nil)
	if err != nil {
		return nil, Fail(Usage, "", "%s: %w", r.Input.Path, err)
	}
	if out == "" {
		s, err := report.WriteJoined(nil, run, all, layoutOf(plan), linesOf(plan, r.Input))
		return s, filesError(r.Folder.Folder, err)
	}
	dir, err := claimJoined(out)
	if err != nil {
		return nil, err
	}
	s, err := report.WriteJoined(dir, run, all, layoutOf(plan), linesOf(plan, r.Input))
	return s, errors.Join(filesError(&Folder{Path: out, dir: dir}, err), dir.Close())
}

// claimJoined opens the folder for the files of a whole job, which holds nothing else.
func claimJoined(out string) (*journal.Dir, error) {
	f := &Folder{Path: out}
	if _, err := journal.MakeDir(out); err != nil {
		return nil, f.refuse(err)
	}
	dir, err := journal.OpenDir(out)
	if err != nil {
		return nil, f.refuse(err)
	}
	f.dir = dir
	names, err := dir.Names()
	for _, name := range names {
		if !report.IsMade(name) {
			err = errors.Join(err, Fail(Guard, anotherHint,
				"the folder %s holds %s: the files of the whole get a folder of their own", out, name))
		}
	}
	if err = errors.Join(err, f.trusted()); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}
