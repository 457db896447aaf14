package deploy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const shards = 4

// Four containers share a file, as the pods of kubernetes/indexed-job.yaml do. One of them is killed and started again.
// Together they account for every row, and not before.
func TestFourShardsOfWhichOneIsKilled(t *testing.T) {
	t.Parallel()
	const rows = 4030 // the last chunk is not a full one
	s := newStage(t, rows+500, rows)
	var jobs []*job
	var folders []string
	for i := range shards {
		jobs = append(jobs, s.start(fmt.Sprint("shard-", i), []string{"--env", fmt.Sprint("JOB_COMPLETION_INDEX=", i)},
			"run", "/in/users.csv", "--yes", "--shard=/4", "--out=/data/users/shard-{shard}", "--rate=12", "--workers=2"))
		folders = append(folders, fmt.Sprint("/data/users/shard-", i))
	}
	victim := jobs[2]
	victim.recorded(folders[2], 1)
	docker(t, "kill", "--signal", "KILL", victim.name)
	victim.ended(137)
	for i, j := range jobs {
		if j != victim {
			j.ended(0)
			j.onlyItsOwn(i, folders[i])
		}
	}
	if code, printed := s.again(append([]string{"report"}, folders...)...); code == 0 {
		t.Errorf("with a shard unfinished the joined report ends with 0:\n%s", printed)
	}
	docker(t, "start", victim.name)
	victim.ended(0)
	victim.onlyItsOwn(2, folders[2])
	s.joined(rows, folders)
	s.left("500 of 4,530")
}

// onlyItsOwn checks that a shard deleted every fourth chunk of the input and no other. It numbers its chunks from 1;
// which of the whole they are, their lines say: the first one begins in line 2.
func (j *job) onlyItsOwn(shard int, folder string) {
	j.t.Helper()
	lines := column(j.t, j.files(folder)["audit.csv"].text, "first_line")
	if len(lines) == 0 {
		j.t.Errorf("shard %d recorded nothing", shard)
	}
	for _, text := range lines {
		var line int
		if _, err := fmt.Sscan(text, &line); err != nil || (line-2)%50 != 0 || (line-2)/50%shards != shard {
			j.t.Errorf("shard %d of %d took the chunk of line %s (%v)", shard, shards, text, err)
		}
	}
}

// joined checks that the shards' files add up to the input, and that the joined report says so.
func (s *stage) joined(rows int, folders []string) {
	s.t.Helper()
	var all []map[string]file
	for i, folder := range folders {
		all = append(all, (&job{s, fmt.Sprint(s.name, "-shard-", i)}).files(folder))
	}
	if sums := addUp(s.t, rows, all...); sums["deleted.csv"] != rows {
		s.t.Errorf("in the end the rows are in %v", sums)
	}
	if code, printed := s.again(append([]string{"report"}, folders[1:]...)...); code == 0 {
		s.t.Errorf("without a shard the joined report ends with 0:\n%s", printed)
	}
	code, printed := s.again(append([]string{"report", "--json"}, folders...)...)
	var sum struct{ Rows, Deleted, Remaining int }
	_, object, _ := strings.Cut(printed, "{")
	err := json.NewDecoder(strings.NewReader("{" + object)).Decode(&sum)
	if code != 0 || err != nil || sum.Rows != rows || sum.Deleted != rows || sum.Remaining != 0 {
		s.t.Errorf("the joined report ends with %d and says %+v (%v):\n%s", code, sum, err, printed)
	}
}
