package report

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// folder makes a run's folder with an audit of these rows.
func folder(t *testing.T, run *Run, rows ...Row) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, AuditName))
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenAudit(f, run.Input.SHA256, 1, func(Row) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, r := range rows {
		r.Users = r.To - r.From + 1
		r.StartedAt = time.Date(2026, 11, 23, 8, 0, r.Chunk, 0, time.UTC)
		r.Duration = time.Second
		if err := a.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func sequence(lines []Line, err error) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
		if err != nil {
			yield(Line{}, err)
		}
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

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
	run := &Run{Version: 1, Rows: 6, Accepted: 5, Invalid: 1, Chunks: 3, ChunkSize: 2}
	run.Input.SHA256 = "5eed"
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
	s, err := Write(dir, run, Layout{Header: []byte("userId,n"), Columns: 2, Column: 1, Delimiter: ','}, sequence(fiveLines(), nil), "again")
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
		RejectedName:  "line,reason,userId,n\n5,'=1+1 is a formula,,\n",
		RemainingName: "userId,n\ne,5\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
	if s.State != Unfinished || s.ExitCode != 4 || s.Remaining != 1 || s.Deleted != 2 || s.Absent != 1 || s.Failed != 1 || s.Invalid != 1 || s.Resume != "again" {
		t.Errorf("%+v", s)
	}
	if back, err := LoadSummary(dir); err != nil || back.LastRowHash != s.LastRowHash || back.Rows != 6 {
		t.Errorf("%+v (%v)", back, err)
	}
}

func TestFilesOfAFinishedRun(t *testing.T) {
	run, rows := fiveRows()
	dir := folder(t, run, append(rows, Row{Chunk: 3, From: 1, To: 1, Outcome: Deleted})...)
	if err := os.WriteFile(filepath.Join(dir, RemainingName), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Write(dir, run, Layout{Columns: 2, Column: 1, IDName: "user_id", Delimiter: ';', BOM: true}, sequence(fiveLines(), nil), "again")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, RemainingName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("remaining.csv is still there")
	}
	if got := read(t, dir, FailedName); !strings.HasPrefix(got, "\ufeffuser_id;column_2;bulkdelete_line;") {
		t.Errorf("without a header failed.csv begins %q", got)
	}
	if s.State != Finished || s.ExitCode != 1 || s.Resume != "" {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{DeletedName, FailedName, RejectedName, SummaryName} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// If the input is not the planned one any more, nothing is replaced.
func TestFilesAreWrittenWholeOrNotAtAll(t *testing.T) {
	run, rows := fiveRows()
	dir := folder(t, run, rows...)
	layout := Layout{Header: []byte("userId,n"), Columns: 2, Column: 1, Delimiter: ','}
	if err := os.WriteFile(filepath.Join(dir, DeletedName), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := errors.New("changed")
	for name, lines := range map[string]iter.Seq2[Line, error]{
		"changed":           sequence(fiveLines(), changed),
		"a row is missing":  sequence(fiveLines()[1:], nil),
		"a row too many":    sequence(append(fiveLines(), Line{Line: 9, Raw: []byte("f"), Chunk: 3, Place: 2}), nil),
		"a chunk too many":  sequence(append(fiveLines(), Line{Line: 9, Raw: []byte("f"), Chunk: 4, Place: 1}), nil),
		"another rejection": sequence(append(fiveLines()[:5:5], Line{Line: 8, Raw: []byte("e,5"), Code: "type", Invalid: true}), nil),
	} {
		if _, err := Write(dir, run, layout, lines, ""); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := read(t, dir, DeletedName); got != "old" {
			t.Errorf("%s: deleted.csv was replaced", name)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v are left (%v)", left, err)
	}
}
