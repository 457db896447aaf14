package job

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire carries requests to a handler without sockets, which testing/synctest could not wait for. A handler that aborts
// is a connection that is cut.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody // as a server has it
	}
	rec := httptest.NewRecorder()
	aborted := make(chan bool, 1)
	go func() {
		defer func() { aborted <- recover() != nil }()
		w.ServeHTTP(rec, r)
	}()
	select {
	case cut := <-aborted:
		switch {
		case cut && !rec.Flushed:
			return nil, errors.New("connection reset by peer")
		case cut:
			response := rec.Result()
			response.Body = io.NopCloser(io.MultiReader(response.Body, cutOff{}))
			return response, nil
		}
		return rec.Result(), nil
	case <-r.Context().Done():
		<-aborted // the handler sees it too
		return nil, r.Context().Err()
	}
}

type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func id(n int) string { return fmt.Sprintf("%024x", n) }

// fixture is a job over a sandbox.
type fixture struct {
	t          *testing.T
	api        *sandbox.Server
	input      string
	dir        string
	cfg        client.Config
	chunk      int // users a chunk; 0: 50
	backup     bool
	suspend    bool
	match      string     // of --match
	only       []string   // of --only
	protect    Protection // of --protect
	adjust     func(*Job)
	named      map[string]int // how often a deletion named an ID
	authorized http.Header    // of a request that a test has seen
}

// newFixture makes a pool of users 1 to pool and an input of users 1 to rows.
func newFixture(t *testing.T, cfg sandbox.Config, pool, rows int) *fixture {
	t.Helper()
	b := &fixture{t: t, dir: filepath.Join(t.TempDir(), "job"), input: filepath.Join(t.TempDir(), "users.csv"),
		named: map[string]int{}}
	cfg.IDs = func(yield func(string) bool) {
		for i := 1; i <= pool && yield(id(i)); i++ {
		}
	}
	cfg.Observe = func(c sandbox.Call) {
		if c.Name != "delete-users-batch" && c.Name != "update-user-batch" {
			return
		}
		if len(c.IDs) > 50 {
			t.Errorf("a call names %d users", len(c.IDs))
		}
		for _, id := range c.IDs {
			b.named[id]++
		}
	}
	var err error
	if b.api, err = sandbox.New(cfg); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString("user_id\n")
	for i := 1; i <= rows; i++ {
		fmt.Fprintln(&text, id(i))
	}
	if err := os.WriteFile(b.input, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cfg = client.Config{Host: "http://127.0.0.1", AccessKeyID: sandbox.AccessKeyID,
		AccessKeySecret: sandbox.AccessKeySecret, Rate: client.PerSecond(200), Workers: 4,
		Retries: 8, Timeout: time.Second, Version: "test", Transport: wire{b.api}}
	return b
}

// run runs the job once and makes its files.
func (b *fixture) run(ctx context.Context) (*report.Summary, error) {
	b.t.Helper()
	in, err := OpenInput(b.input)
	if err != nil {
		b.t.Fatal(err)
	}
	folder, err := Claim(b.t.Context(), b.dir, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	protection, err := folder.Protect(b.protect)
	if err != nil {
		return nil, errors.Join(err, folder.Close(), in.Close())
	}
	plan, err := chunker.Scan(context.Background(), in.Reader(), chunker.Options{ChunkSize: b.chunk,
		WholeRows: b.match != "", Protect: protection.Planned(chunker.UserID)}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	target := report.Asked{Host: "test", Options: AskWho(b.match, b.only), Protect: protection.Digest()}
	if b.backup {
		target.Backup = "true"
	}
	if b.suspend {
		target.Deed = report.Suspend
	}
	record, err := folder.Adopt(Describe(in, plan, target), plan, in, protection)
	if err != nil {
		return nil, errors.Join(err, folder.Close(), in.Close())
	}
	defer record.Close()
	j := &Job{Deed: record, Workers: b.cfg.Workers, Session: report.Session{Dir: b.dir}}
	if j.Client, err = client.New(b.cfg); err != nil {
		b.t.Fatal(err)
	}
	if err := protection.LookUp(ctx, j.Client, chunker.UserID); err != nil {
		b.t.Fatal(err)
	}
	if b.adjust != nil {
		b.adjust(j)
	}
	ended := j.Run(ctx)
	summary, err := WriteFiles(record)
	if err != nil {
		b.t.Fatal(err)
	}
	b.check(summary)
	return summary, ended
}

// check holds the promises that hold after every run: every row is in one file, what is said to be deleted or absent is
// gone, what is said to have failed is there, and the chain holds.
func (b *fixture) check(s *report.Summary) {
	b.t.Helper()
	if s.Rows != s.Accepted+s.Rejected ||
		s.Accepted != s.Deleted+s.Suspended+s.Absent+s.Spared+s.Failed+s.Unknown+s.Remaining {
		b.t.Errorf("the summary does not add up: %+v", s)
	}
	seen, total, done := map[string]int{}, 0, "deleted.csv"
	if b.suspend {
		done = "suspended.csv"
	}
	for _, name := range []string{done, "failed.csv", "rejected.csv", "spared.csv", "remaining.csv"} {
		for _, row := range b.rows(name) {
			if total++; name == "rejected.csv" {
				continue
			}
			seen[row["user_id"]]++
			profile := b.api.Profile("user_id", row["user_id"])
			is := profile != nil && profile["status"] == "Suspended"
			switch exists := profile != nil; {
			case name == "suspended.csv" && (row["outcome"] == "suspended") != is, name == "failed.csv" && b.suspend && is:
				b.t.Fatalf("%s is %v: %v", row["user_id"], profile, row)
			case name == "deleted.csv" && exists:
				b.t.Fatalf("%s is called %s and lives; the audit says %v", row["user_id"], row["outcome"], b.rows("audit.csv")[0])
			case name == "spared.csv" && (!exists || b.named[row["user_id"]] > 0):
				b.t.Fatalf("%s is called spared, was named %d times and lives: %v", row["user_id"],
					b.named[row["user_id"]], exists)
			case name == "failed.csv" && row["bulkdelete_outcome"] == "failed" && !exists:
				b.t.Fatalf("%s is called failed and is gone: %s", row["user_id"], row["bulkdelete_reason"])
			}
		}
	}
	if total != s.Rows || len(seen) != s.Accepted {
		b.t.Errorf("%d rows and %d accepted ones are in the files, want %d and %d", total, len(seen), s.Rows, s.Accepted)
	}
	for id, n := range seen {
		if n != 1 {
			b.t.Errorf("%s is in the files %d times", id, n)
		}
	}
}

// rows reads a CSV of the folder, a map of column to cell for each row.
func (b *fixture) rows(name string) (rows []map[string]string) {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.dir, name))
	if errors.Is(err, os.ErrNotExist) && name == "remaining.csv" {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, h := range all[0] {
			row[h] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func codeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return OK
}

// inBubble runs f with a clock that jumps.
func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}
