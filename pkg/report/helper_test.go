package report

import (
	"fmt"
	"iter"
	"os"
	"testing"
	"time"

	"bulkdelete/pkg/journal"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// planned is a run that has not begun, of so many chunks of two users.
func planned(deed Deed, chunks int) *Run {
	return &Run{Format: RunFormat, Program: "v1.0.0", Asked: Asked{
		Deed:    deed,
		Options: map[string]string{"id_type": "user_id"},
		Input:   Input{Name: "leavers.csv", Path: "/data/leavers.csv", Bytes: 99, SHA256: "5eed"},
		Plan:    Plan{Digest: "d1", Rows: 2 * chunks, Accepted: 2 * chunks, Chunks: chunks, ChunkSize: 2},
	}}
}

// begin opens a run, as if one had begun and died since.
func (r *Run) begin(workers int) *Run {
	r.Workers = max(r.Workers, workers)
	r.Runs = append(r.Runs, Session{Dir: "a.bulkdelete", Resume: "again", Workers: workers})
	r.Open = true
	return r
}

// end is how it ended instead.
func (r *Run) end(code int, lastHash string) *Run {
	r.Last().Ended, r.Open = &Ended{ExitCode: code, LastHash: lastHash}, false
	return r
}

func openDir(t testing.TB, path string) *journal.Dir {
	t.Helper()
	d, err := journal.OpenDir(path)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// folder makes a folder with run.json and an audit of these rows, of a run that died behind the last one.
func folder(t testing.TB, run *Run, rows ...Row) *journal.Dir {
	t.Helper()
	dir := openDir(t, t.TempDir())
	a, err := OpenAudit(dir, run)
	must(t, err)
	for _, r := range rows {
		r.Users = r.To - r.From + 1
		r.StartedAt = time.Date(2026, 11, 23, 8, 0, r.Chunk, 0, time.UTC)
		r.Duration = time.Second
		must(t, a.Append(r))
	}
	must(t, a.Close())
	must(t, run.begin(1).Save(dir))
	return dir
}

// ended ends the run of a folder that folder made.
func ended(t testing.TB, dir *journal.Dir, run *Run, code int) *journal.Dir {
	t.Helper()
	x, err := ReadAudit(dir, run, nil)
	must(t, err)
	must(t, x.Close())
	must(t, run.end(code, x.Hash()).Save(dir))
	return dir
}

func testRow(n int) Row {
	return Row{Chunk: n, From: 1, To: 2, FirstLine: 2 * n, LastLine: 2*n + 1, Users: 2, Outcome: Deleted, Attempts: 1,
		HTTPStatus: 200, StatusCode: 200, Message: fmt.Sprintf(`=cmd|"%d", "a\nb"`, n), RequestIDs: []string{"r-1", "r-2"},
		StartedAt: time.Date(2026, 11, 23, 8, 0, n, 0, time.UTC), Duration: 250 * time.Millisecond,
		IDsSHA256: IDsSHA256([]string{"a", "b"})}
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

func read(t testing.TB, dir *journal.Dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(dir.Name(name))
	must(t, err)
	return string(text)
}

func write(t testing.TB, dir *journal.Dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(dir.Name(name), []byte(text), 0o600))
}
