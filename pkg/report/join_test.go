package report

import (
	"testing"
)

// Shards' folders give the files that one run would have left, but for the chains of their audits.
func TestJoinedFiles(t *testing.T) {
	whole, _ := fiveRows()
	first, second := *whole, *whole
	first.Asked.Plan.Accepted, first.Asked.Plan.Chunks = 3, 2
	second.Asked.Plan.Accepted, second.Asked.Plan.Chunks = 2, 1
	half := Row{Chunk: 1, From: 1, To: 2, Outcome: Deleted, RequestIDs: []string{"r-1"}, Attempts: 3}
	shards := []*Shard{
		{Name: "0/2", Run: &first, Folder: folder(t, &first, half,
			Row{Chunk: 2, From: 1, To: 1, Outcome: Unknown, Message: "no answer"})},
		{Name: "1/2", Run: &second, Folder: folder(t, &second, Row{Chunk: 1, From: 1, To: 1, Outcome: Absent})},
	}
	dir := openDir(t, t.TempDir())
	s, err := WriteJoined(dir, whole, shards, fiveLayout, sequence(fiveLines(), nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		DeletedName: "line,chunk,outcome,request_id,deleted_at,userId,n\n" +
			"2,1,deleted,r-1,2026-11-23T08:00:02Z,a,\"x;y\r\nz\"\n" +
			"4,1,deleted,r-1,2026-11-23T08:00:02Z,=b,1\n" +
			"6,2,absent,,2026-11-23T08:00:02Z,c, 3 \n",
		FailedName: "userId,n,bulkdelete_line,bulkdelete_outcome,bulkdelete_reason,bulkdelete_request_id\n" +
			"e,5,8,unknown,no answer,\n",
		RejectedName:  "userId,n,bulkdelete_line,bulkdelete_reason\n,,5,'=1+1 is a formula\n",
		RemainingName: "userId,n\nd,4\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
	if s.Deleted != 2 || s.Absent != 1 || s.Unknown != 1 || s.Remaining != 1 || s.AuditRows != 3 {
		t.Errorf("%+v", s)
	}
	if s.LastRowHash != "" || s.LatencyMS.Max != 1000 || s.State != unfinished {
		t.Errorf("%+v", s)
	}
	if rows := s.stats.FailedRows; len(rows) != 1 || rows[0].Code != "unknown: no answer" {
		t.Errorf("rows that failed: %+v", rows)
	}
	if a := s.stats.Attention; len(a) != 1 || a[0].Chunk != 3 {
		t.Errorf("chunks that needed attention: %+v", a)
	}
	if len(s.Shards) != 2 || s.Shards[0].AuditRows != 2 || s.Shards[1].LastRowHash == "" {
		t.Errorf("%+v", s.Shards)
	}
	nothing, err := WriteJoined(nil, whole, shards, fiveLayout, sequence(fiveLines(), nil))
	if err != nil || nothing.Deleted != 2 || nothing.Remaining != 1 {
		t.Errorf("%+v, %v", nothing, err)
	}
}
