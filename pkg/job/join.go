package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/report"
)

// Whole describes the job of which run is one shard's part: what a plan that was approved is compared with.
func Whole(run *report.Run, plan *chunker.Plan) *report.Run {
	whole := *run
	whole.Rows, whole.Accepted = plan.Whole()
	whole.Chunks = (whole.Accepted + whole.ChunkSize - 1) / whole.ChunkSize
	whole.Options = maps.Clone(run.Options)
	delete(whole.Options, "shard")
	return &whole
}

// Join makes the files in the folders of a job's shards again and, in out, those of the whole job; out "" makes no files of the
// whole. The summary is the whole's. It is an error if the folders do not belong to one job, or if together they do not account
// for every row of the input.
func Join(dirs []string, out, input string, protected func([]string, chunker.Options) ([]string, error)) (_ *report.Summary, err error) {
	var all shards
	defer func() { err = errors.Join(err, all.close()) }()
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			return nil, Fail(Guard, "give each shard's folder once", "%s is given twice", dir)
		}
		if err := all.add(dir, input, protected); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	ordered, err := all.inOrder()
	if err != nil {
		return nil, err
	}
	if out != "" {
		if err := report.MakeDir(out); err != nil {
			return nil, Fail(Halted, "give a folder that can be made with --out", "the folder of the joined report cannot be made: %w", err)
		}
	}
	return all.records[0].joinFiles(out, all.whole, ordered)
}

// shards are the folders of one job.
type shards struct {
	whole   *report.Run
	records []*Record
}

// add verifies a shard's folder, makes its files again, and counts it into the whole.
func (s *shards) add(dir, input string, protected func([]string, chunker.Options) ([]string, error)) error {
	r, err := Reopen(dir, input, true, protected)
	if err != nil {
		return err
	}
	s.records = append(s.records, r)
	if _, err := r.Verify(); err != nil {
		return err
	}
	if _, err := r.WriteFiles(""); err != nil {
		return err
	}
	run := r.Folder.Run
	whole := Whole(run, r.Plan)
	if s.whole == nil {
		s.whole = whole
		return nil
	}
	if diff := differences(s.whole, whole); len(diff) > 0 {
		return Fail(Guard, "give the folders of one job's shards", "it is of another job than %s:%s", s.records[0].Folder.Dir, list(diff))
	}
	s.whole.Invalid, s.whole.Duplicates, s.whole.Protected = s.whole.Invalid+run.Invalid, s.whole.Duplicates+run.Duplicates, s.whole.Protected+run.Protected
	s.whole.Workers += run.Workers
	s.whole.Ended = worse(s.whole.Ended, run.Ended)
	return nil
}

// worse is the end of two that has more to tell. No end means that a run died or was never begun.
func worse(a, b *report.Ended) *report.Ended {
	if a == nil || b != nil && a.ExitCode >= b.ExitCode {
		return a
	}
	return b
}

// inOrder gives the shards from the first to the last, if all are there.
func (s *shards) inOrder() ([]*report.Shard, error) {
	n := max(1, s.records[0].Plan.Options.Shards)
	ordered := make([]*report.Shard, n)
	rows := 0
	for _, r := range s.records {
		o, name := r.Plan.Options, r.Folder.Run.Options["shard"]
		switch {
		case max(1, o.Shards) != n:
			return nil, Fail(Guard, "give the folders of one job's shards", "%s is one of %d shards, and %s one of %d", s.records[0].Folder.Dir, n, r.Folder.Dir, o.Shards)
		case ordered[o.Shard] != nil:
			return nil, Fail(Guard, "give each shard's folder once", "%s and %s are both of shard %s", ordered[o.Shard].Dir, r.Folder.Dir, orNone(name))
		}
		ordered[o.Shard] = &report.Shard{Name: name, Dir: r.Folder.Dir, Run: r.Folder.Run}
		rows += r.Folder.Run.Rows
	}
	if len(s.records) < n || rows != s.whole.Rows {
		var dirs []string
		for _, r := range s.records {
			dirs = append(dirs, r.Folder.Dir)
		}
		return nil, Fail(Incomplete, "give the folders of all shards; those given are "+strings.Join(dirs, ", "),
			"the folders account for %d of %d rows", rows, s.whole.Rows)
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
func (r *Record) joinFiles(dir string, run *report.Run, all []*report.Shard) (*report.Summary, error) {
	o := r.Plan.Options
	o.Shard, o.Shards = 0, 1
	plan, err := chunker.Scan(context.Background(), r.Input.Reader(), o, nil)
	if err != nil {
		return nil, Fail(Usage, "", "%s: %w", r.Input.Path, err)
	}
	whole := &Record{Folder: &Folder{Dir: dir, Run: run}, Input: r.Input, Plan: plan}
	summary, err := report.WriteJoined(dir, run, all, whole.layout(), whole.lines())
	return summary, filesError(dir, err)
}
