package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
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
// files of the whole. lang is as in Refresh. The summary is the whole's. It is an error if the folders do not belong to
// one job, or if together they do not account for every row of the input.
func Join(ctx context.Context, dirs []string, out, input, lang string) (_ *report.Summary, err error) {
	var records []*Record
	defer func() {
		for _, r := range records {
			err = errors.Join(err, r.Close())
		}
	}()
	var whole *report.Run
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			return nil, Fail(Guard, "give each shard's folder once", "%s is given twice", dir)
		}
		r, err := reopen(ctx, dir, input)
		if err == nil {
			records = append(records, r)
			_, _, err = Refresh(r, lang)
		}
		if err == nil {
			whole, err = addShard(whole, r, dirs[0])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	shards, err := inOrder(records, whole.Asked.Plan.Rows)
	if err != nil {
		return nil, err
	}
	return joinFiles(ctx, records[0], out, whole, shards)
}

// addShard counts a shard into the whole.
func addShard(whole *report.Run, r *Record, first string) (*report.Run, error) {
	its := Whole(r.Run, r.Plan)
	if whole == nil {
		return its, nil
	}
	if diff := differences(whole, its); diff != "" {
		return nil, Fail(Guard, "give the folders of one job's shards",
			"it is of another job than %s:%s", first, diff)
	}
	p, own := &whole.Asked.Plan, r.Run.Asked.Plan
	p.Invalid, p.Duplicates, p.Protected = p.Invalid+own.Invalid, p.Duplicates+own.Duplicates, p.Protected+own.Protected
	whole.Workers += r.Run.Workers
	whole.Open = whole.Open || r.Run.Open
	if badness(whole) < badness(r.Run) {
		whole.Runs = r.Run.Runs
	}
	return whole, nil
}

// badness orders runs by how much their end tells: most where one died or was never begun.
func badness(run *report.Run) int {
	if end := run.LastEnd(); end != nil {
		return end.ExitCode
	}
	return math.MaxInt
}

// inOrder gives the shards from the first to the last, if all are there.
func inOrder(records []*Record, rows int) ([]*report.Shard, error) {
	n := max(1, records[0].Plan.Options.Shards)
	ordered := make([]*report.Shard, n)
	var dirs []string
	held := 0
	for _, r := range records {
		o, name := r.Plan.Options, r.Run.Asked.Options["shard"]
		switch {
		case max(1, o.Shards) != n:
			return nil, Fail(Guard, "give the folders of one job's shards", "%s is one of %d shards, and %s one of %d",
				records[0].Path, n, r.Path, o.Shards)
		case ordered[o.Shard] != nil:
			return nil, Fail(Guard, "give each shard's folder once", "%s and %s are both of shard %s",
				ordered[o.Shard].Dir, r.Path, orNone(name))
		}
		ordered[o.Shard] = &report.Shard{Name: name, Dir: r.Path, Run: r.Run, Folder: r.dir}
		held += r.Run.Asked.Plan.Rows
		dirs = append(dirs, r.Path)
	}
	if len(records) < n || held != rows {
		return nil, Fail(Incomplete, "give the folders of all shards; those given are "+strings.Join(dirs, ", "),
			"the folders account for %d of %d rows", held, rows)
	}
	return ordered, nil
}

// joinFiles makes the files of the whole from a shard's input.
func joinFiles(ctx context.Context, r *Record, out string, whole *report.Run, shards []*report.Shard) (
	s *report.Summary, err error,
) {
	o := r.Plan.Options
	o.Shard, o.Shards = 0, 1
	plan, err := chunker.Scan(ctx, r.Input.Reader(), o, nil)
	if err != nil {
		return nil, Fail(Usage, "", "%s: %w", r.Input.Path, err)
	}
	all := &Record{Input: r.Input, Plan: plan}
	var dir *journal.Dir
	if out != "" {
		var f *Folder
		if f, err = hold(out, (*Folder).joined); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		dir = f.dir
	}
	if s, err = report.WriteJoined(dir, whole, shards, all.layout(), all.lines(nil, nil)); err != nil {
		return nil, filesError(cmp.Or(dir, r.dir), err)
	}
	return s, nil
}

// joined refuses a folder with other files than those of a whole job.
func (f *Folder) joined() error {
	names, err := f.dir.Names()
	if err != nil {
		return refuse(f.Path, err)
	}
	for _, name := range names {
		if !report.IsMade(name) && name != report.LockName {
			return Fail(Guard, anotherHint,
				"the folder %s holds %s: the files of the whole get a folder of their own", f.Path, name)
		}
	}
	return nil
}
