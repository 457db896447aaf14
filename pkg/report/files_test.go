package report

import (
	"encoding/json"
	"errors"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
)

func fiveLines() []Line {
	return []Line{
		{Line: 2, Raw: []byte(`a,"x;y` + "\r\n" + `z"`), Chunk: 1, Place: 1},
		{Line: 4, Raw: []byte(`=b,1`), Chunk: 1, Place: 2},
		{Line: 5, Raw: []byte(`,`), Reason: "=1+1 is a formula", Code: "spreadsheet", Invalid: true},
		{Line: 6, Raw: []byte(`c, 3 `), Chunk: 2, Place: 1},
		{Line: 7, Raw: []byte(`d,4`), Chunk: 2, Place: 2},
		{Line: 8, Raw: []byte(`e,5`), Chunk: 3, Place: 1},
	}
}

func fiveRows() (*Run, []Row) {
	run := planned(Delete, 3)
	run.Asked.Plan = Plan{Digest: "d1", Rows: 6, Accepted: 5, Invalid: 1, Chunks: 3, ChunkSize: 2}
	return run, []Row{
		{Chunk: 2, From: 2, To: 2, Outcome: Failed, Message: `=1+1 "no", not that one`, RequestIDs: []string{"r-3", "r-4"}},
		{Chunk: 1, From: 1, To: 2, Outcome: Deleted, RequestIDs: []string{"r-1"}},
		{Chunk: 2, From: 1, To: 1, Outcome: Absent},
	}
}

// Every row stands in exactly one file; original columns stay as they are, byte by byte; own cells are harmless.
func TestFilesOfAnUnfinishedRun(t *testing.T) {
	run, rows := fiveRows()
	dir := folder(t, run, rows...)
	s, err := Write(dir, run, fiveLayout, sequence(fiveLines(), nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		DeletedName: "line,chunk,outcome,request_id,deleted_at,userId,n\n" +
			"2,1,deleted,r-1,2026-11-23T08:00:02Z,a,\"x;y\r\nz\"\n" +
			"4,1,deleted,r-1,2026-11-23T08:00:02Z,=b,1\n" +
			"6,2,absent,,2026-11-23T08:00:03Z,c, 3 \n",
		FailedName: "userId,n,bulkdelete_line,bulkdelete_outcome,bulkdelete_reason,bulkdelete_request_id\n" +
			"d,4,7,failed,\"'=1+1 \"\"no\"\", not that one\",r-4\n",
		RejectedName:  "userId,n,bulkdelete_line,bulkdelete_reason\n,,5,'=1+1 is a formula\n",
		RemainingName: "userId,n\ne,5\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
	counts := []int{s.Remaining, s.Deleted, s.Absent, s.Failed, s.Invalid}
	if s.State != unfinished || s.ExitCode != 4 || !slices.Equal(counts, []int{1, 2, 1, 1, 1}) || s.Resume != "again" {
		t.Errorf("%+v", s)
	}
	var back Summary
	must(t, json.Unmarshal([]byte(read(t, dir, SummaryName)), &back))
	if back.LastRowHash != s.LastRowHash || back.Rows != 6 {
		t.Errorf("%+v", back)
	}
}

// What stands beside a user is of the audit row about that user, also where a chunk was split.
func TestUsersOfASplitChunkHaveTheirOwnRow(t *testing.T) {
	run := planned(Delete, 2)
	dir := folder(t, run, Row{Chunk: 1, From: 1, To: 1, Outcome: Deleted, RequestIDs: []string{"r-1"}},
		Row{Chunk: 1, From: 2, To: 2, Outcome: Absent, RequestIDs: []string{"r,2"}},
		Row{Chunk: 2, From: 1, To: 1, Outcome: Deleted}, Row{Chunk: 2, From: 2, To: 2, Outcome: Absent})
	var lines []Line
	for i := range 4 {
		lines = append(lines, Line{Line: 2 + i, Raw: []byte("a"), Chunk: 1 + i/2, Place: 1 + i%2})
	}
	_, err := Write(dir, run, Layout{Header: []byte("userId"), Delimiter: ','}, sequence(lines, nil))
	must(t, err)
	want := "line,chunk,outcome,request_id,deleted_at,userId\n" +
		"2,1,deleted,r-1,2026-11-23T08:00:02Z,a\n3,1,absent,\"r,2\",2026-11-23T08:00:02Z,a\n" +
		"4,2,deleted,,2026-11-23T08:00:03Z,a\n5,2,absent,,2026-11-23T08:00:03Z,a\n"
	if got := read(t, dir, DeletedName); got != want {
		t.Errorf("deleted.csv is\n%s, want\n%s", got, want)
	}
}

func TestFilesOfAFinishedRun(t *testing.T) {
	run, rows := fiveRows()
	dir := ended(t, folder(t, run, append(rows, Row{Chunk: 3, From: 1, To: 1, Outcome: Deleted})...), run, 1)
	write(t, dir, RemainingName, "old")
	layout := Layout{Columns: 2, Column: 1, IDName: "user_id", Delimiter: ';', BOM: true}
	s, err := Write(dir, run, layout, sequence(fiveLines(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir.Name(RemainingName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("remaining.csv is still there")
	}
	if got := read(t, dir, FailedName); !strings.HasPrefix(got, "\ufeffuser_id;column_2;bulkdelete_line;") {
		t.Errorf("without a header failed.csv begins %q", got)
	}
	if s.State != finished || s.ExitCode != 1 || s.Resume != "" {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{DeletedName, FailedName, RejectedName, SummaryName} {
		if info, err := os.Stat(dir.Name(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// If the input is not the planned one any more, nothing is replaced.
func TestFilesAreWrittenWholeOrNotAtAll(t *testing.T) {
	run, rows := fiveRows()
	dir := folder(t, run, rows...)
	write(t, dir, DeletedName, "old")
	changed := errors.New("changed")
	wrong := Line{Line: 8, Raw: []byte("e,5"), Code: "type", Invalid: true}
	for name, lines := range map[string]iter.Seq2[Line, error]{
		"changed":           sequence(fiveLines(), changed),
		"a row is missing":  sequence(fiveLines()[1:], nil),
		"a row too many":    sequence(append(fiveLines(), Line{Line: 9, Raw: []byte("f"), Chunk: 3, Place: 2}), nil),
		"a chunk too many":  sequence(append(fiveLines(), Line{Line: 9, Raw: []byte("f"), Chunk: 4, Place: 1}), nil),
		"another rejection": sequence(append(fiveLines()[:5:5], wrong), nil),
	} {
		if _, err := Write(dir, run, fiveLayout, lines); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := read(t, dir, DeletedName); got != "old" {
			t.Errorf("%s: deleted.csv was replaced", name)
		}
	}
	left, err := dir.Names()
	if err != nil || len(left) != 3 { // and run.json
		t.Errorf("%v are left (%v)", left, err)
	}
}

// Where the input has no header, remaining.csv has none either: it is the rest of that very input.
func TestRemainingRowsOfAnInputWithoutHeaderHaveNone(t *testing.T) {
	run, rows := fiveRows()
	dir := folder(t, run, rows...)
	layout := Layout{Columns: 2, Column: 1, IDName: "user_id", Delimiter: ','}
	if _, err := Write(dir, run, layout, sequence(fiveLines(), nil)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		RemainingName: "e,5\n",
		RejectedName:  "user_id,column_2,bulkdelete_line,bulkdelete_reason\n,,5,'=1+1 is a formula\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
}
