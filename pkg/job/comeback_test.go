package job

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/report"
)

// comeback is a random API and a history of runs and restores that are stopped and killed.
type comeback struct {
	rows, workers  int
	faults         string
	duplicates     bool
	stops, returns []time.Duration
}

// Whatever goes wrong on the way: who was deleted is in the backup, and in the end everybody is there exactly once or
// stands in failed.csv.
func TestEverybodyComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := comeback{
			rows: rapid.IntRange(1, 200).Draw(rt, "rows"), workers: rapid.IntRange(1, 6).Draw(rt, "workers"),
			duplicates: rapid.Bool().Draw(rt, "duplicates"),
			faults: fmt.Sprintf("all=%d%%,latency=%dms,seed=%d", rapid.IntRange(0, 25).Draw(rt, "share"),
				rapid.IntRange(0, 80).Draw(rt, "latency"), rapid.Uint64Range(0, 1<<20).Draw(rt, "seed")),
		}
		some := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 2000).Draw(rt, "ms")) * time.Millisecond
		}), 0, 4)
		c.stops, c.returns = some.Draw(rt, "runs before"), some.Draw(rt, "restores before")
		synctest.Test(t, func(t *testing.T) { c.try(t) })
	})
}

func (c comeback) try(t *testing.T) {
	b := newFixture(t, sandbox.Config{Faults: seeded(t, c.faults), Unknown: sandbox.UnknownNotFound,
		Duplicates: c.duplicates}, c.rows, c.rows)
	b.cfg.Workers, b.backup = c.workers, true
	again := func(dir string, stops []time.Duration, run func() error) {
		for _, stop := range stops {
			b.adjust = func(j *Job) { j.MaxDuration = stop }
			if run() == nil {
				break
			}
			kill(t, dir)
		}
		b.adjust = nil
		err := run()
		for tries := 0; codeOf(err) == Halted && tries < 20; tries++ {
			err = run()
		}
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	}
	again(b.dir, c.stops, func() error { _, err := b.run(t.Context()); return err })
	saved := b.savedIDs()
	for n := range b.named {
		if !saved[n] {
			t.Errorf("%+v: %s was named in a deletion and is not in the backup", c, n)
		}
	}
	var s *report.Summary
	again(filepath.Join(b.dir, report.RestoreName), c.returns, func() (err error) {
		s, err = b.restore(t.Context())
		if s == nil {
			t.Fatal(err)
		}
		return err
	})
	b.countReturns(c, s)
}

// countReturns holds what a restore says against who is there.
func (b *fixture) countReturns(c comeback, s *report.Summary) {
	b.t.Helper()
	there, missing := 0, 0
	for i := range c.rows {
		if b.api.Has("external_id", fmt.Sprintf("external-%d", i)) {
			there++
		}
	}
	if there != b.api.Len() {
		b.t.Errorf("%+v: %d of %d users are there, and %d in all", c, there, c.rows, b.api.Len())
	}
	for _, row := range b.returns("failed.csv") {
		missing++
		var n int
		fmt.Sscanf(row["id"], "%x", &n) //nolint:errcheck // this test's own
		if row["outcome"] == "failed" && b.api.Has("external_id", fmt.Sprintf("external-%d", n-1)) {
			b.t.Errorf("%+v: %s is called failed and is there: %s", c, row["id"], row["bulkdelete_reason"])
		}
	}
	if there < c.rows-missing || s.Remaining != 0 || s.NotSaved != 0 {
		b.t.Errorf("%+v: %d of %d users are there; %+v", c, there, c.rows, s)
	}
}

// A restore that dies between a creation and its row looks for whom it may have created: nobody is created twice,
// and the found are called restored.
func TestARestoreThatDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Duplicates: true}, 120, 120)
		b.backup, b.cfg.Workers = true, 1
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.adjust = func(j *Job) { j.StopAfter = 50 }
		if _, err := b.restore(t.Context()); codeOf(err) != Interrupted {
			t.Fatal(err)
		}
		b.adjust = nil
		dir := filepath.Join(b.dir, report.RestoreName)
		kill(t, dir)
		if err := os.Truncate(filepath.Join(dir, report.AuditName), 0); err != nil {
			t.Fatal(err)
		}
		s, err := b.restore(t.Context())
		if err != nil || s.Restored != 120 || s.Exists != 0 || b.api.Len() != 120 {
			t.Errorf("%+v, %v, %d users", s, err, b.api.Len())
		}
	})
}

// Whom the API refused to delete, and who never was, is no business of a restore's.
func TestOnlyTheDeletedComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Refused: map[string]int{id(3): 400}, Unknown: sandbox.UnknownNotFound}, 60, 70)
		b.backup = true
		if s, err := b.run(t.Context()); err != nil || s.Failed != 1 || s.Absent != 10 {
			t.Fatalf("%+v, %v", s, err)
		}
		s, err := b.restore(t.Context())
		if err != nil || s.Accepted != 59 || s.Restored != 59 || b.api.Len() != 60 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// An API that calls users deleted who never were: there was nobody to save, so nobody is missing. Where the backup
// lacks somebody who was deleted, that is said.
func TestWhoIsMissingFromTheBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownSucceeds}, 100, 150)
		b.backup = true
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 100 || s.Absent != 50 {
			t.Fatalf("%+v, %v", s, err)
		}
		s, err := b.restore(t.Context())
		if err != nil || s.Restored != 100 || s.NotSaved != 0 || s.ExitCode != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if err := os.RemoveAll(filepath.Join(b.dir, report.RestoreName)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(b.dir, report.BackupName), 0); err != nil {
			t.Fatal(err)
		}
		r, err := OpenRestore(b.t.Context(), b.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.Users != 0 || r.Unsaved != 100 {
			t.Errorf("%d users can come back, %d are missing", r.Users, r.Unsaved)
		}
	})
}

// A creation that never succeeds and never leaves anybody is tried some times, and then has failed.
func TestACreationThatIsAlwaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 70, 60)
		b.backup = true
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		creations := map[int]int{} // by the number of users named
		b.before(func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
			if !strings.HasSuffix(r.URL.Path, "create-users-batch") || !strings.Contains(string(body), `"external-30"`) {
				return false
			}
			if creations[strings.Count(string(body), `"external-`)]++; creations[1] > 100 {
				return false
			}
			panic(http.ErrAbortHandler)
		})
		s, err := b.restore(t.Context())
		if err != nil || s.Restored != 59 || s.Failed != 1 || creations[1] != mostTries {
			t.Errorf("%d restored, %d failed, %v; calls by size: %v", s.Restored, s.Failed, err, creations)
		}
	})
}

// Where reading shows nobody, not even a user who exists, nobody is created: they may all be there.
func TestARestoreThatCannotSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 70, 60)
		b.backup = true
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			blind := strings.HasSuffix(r.URL.Path, "get-user-batch")
			if blind {
				io.WriteString(w, `{"statusCode":200,"message":"","data":[]}`)
			}
			return blind
		})
		if s, err := b.restore(t.Context()); codeOf(err) != Halted || s.Remaining != 60 || b.api.Len() != 10 {
			t.Errorf("%d remain, %d users are there, %v", s.Remaining, b.api.Len(), err)
		}
	})
}

// An ID that named two users is for a person to sort out: neither is created.
func TestAnIDThatNamedTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 70, 60)
		b.backup = true
		b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !strings.HasSuffix(r.URL.Path, "get-user-batch") || !strings.Contains(r.URL.RawQuery, id(7)) {
				return false
			}
			rec := httptest.NewRecorder()
			b.api.ServeHTTP(rec, r)
			var answer struct {
				StatusCode int              `json:"statusCode"`
				Data       []map[string]any `json:"data"`
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
				t.Error(err)
			}
			for _, u := range answer.Data {
				if u["userId"] == id(7) {
					twin := maps.Clone(u)
					twin["externalId"], twin["email"] = "external-twin", "twin@example.com"
					answer.Data = append(answer.Data, twin)
					break
				}
			}
			text, err := json.Marshal(answer)
			if err != nil {
				t.Error(err)
			}
			w.Write(text) //nolint:errcheck // the test sees what is missing
			return true
		})
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 60 {
			t.Fatalf("%d deleted, %v", s.Deleted, err)
		}
		b.cfg.Transport = wire{b.api}
		s, err := b.restore(t.Context())
		rows := b.returns("failed.csv")
		if err != nil || s.Restored != 59 || s.Failed != 1 || b.api.Len() != 69 || len(rows) != 1 ||
			!strings.Contains(rows[0]["bulkdelete_reason"], "the ID named 2 users") {
			t.Errorf("%d restored, %d failed, %v: %v", s.Restored, s.Failed, err, rows)
		}
	})
}
