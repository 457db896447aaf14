package job

import (
	"fmt"
	"maps"
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

// Join makes the files in the folders of a job's shards again, and gives one summary for all. It is an error if the
// folders do not belong to one job, or if together they do not account for every row of the input.
func Join(dirs []string, input string, protected func([]string, chunker.Options) ([]string, error)) (*report.Summary, error) {
	var first *report.Run
	var all []*report.Summary
	var whole [2]int
	seen := map[string]string{} // shard to folder
	for _, dir := range dirs {
		run, plan, summary, err := rewrite(dir, input, protected)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		if first == nil {
			first = Whole(run, plan)
		}
		whole[0], whole[1] = plan.Whole()
		if diff := differences(first, Whole(run, plan)); len(diff) > 0 {
			return nil, Fail(Guard, "give the folders of one job's shards", "%s is of another job than %s:%s", dir, dirs[0], list(diff))
		}
		shard := run.Options["shard"]
		if other := seen[shard]; other != "" {
			return nil, Fail(Guard, "give each shard's folder once", "%s and %s are both of shard %s", other, dir, orNone(shard))
		}
		seen[shard] = dir
		all = append(all, summary)
	}
	sum := report.Join(all)
	if sum.Rows != whole[0] || sum.Accepted != whole[1] {
		return nil, Fail(Incomplete, "give the folders of all shards; those given are "+strings.Join(dirs, ", "),
			"the folders account for %d of %d rows", sum.Rows, whole[0])
	}
	return sum, nil
}

// rewrite makes one folder's files again.
func rewrite(dir, input string, protected func([]string, chunker.Options) ([]string, error)) (run *report.Run, plan *chunker.Plan, s *report.Summary, err error) {
	r, err := Reopen(dir, input, true, protected)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	if _, err := r.Verify(); err != nil {
		return nil, nil, nil, err
	}
	s, err = r.WriteFiles("")
	return r.Folder.Run, r.Plan, s, err
}
