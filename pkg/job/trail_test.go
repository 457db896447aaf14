package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// recorded passes a request on to the fixture's API and gives the answer's text.
func (b *fixture) recorded(w http.ResponseWriter, r *http.Request) string {
	rec := httptest.NewRecorder()
	b.api.ServeHTTP(rec, r)
	w.Write(rec.Body.Bytes()) //nolint:errcheck // the test sees what is missing
	return rec.Body.String()
}

// removed deletes users 'from' to 'to' behind the job's back, as a call of a run that died has done, or somebody else.
func (b *fixture) removed(from, to int) {
	b.t.Helper()
	for n := from; n <= to; n++ {
		body := fmt.Sprintf(`{"userIds":[%q],"options":{"userIdType":"user_id"}}`, id(n))
		r := httptest.NewRequest(http.MethodPost, "/api/v3/delete-users-batch", strings.NewReader(body))
		for name, value := range b.authorized {
			r.Header[name] = value
		}
		b.api.ServeHTTP(&discardAnswer{}, r)
		if b.api.Has("user_id", id(n)) {
			b.t.Fatalf("user %d is still there", n)
		}
	}
}

// runJSON reads what the folder's run.json says.
func (b *fixture) runJSON() *report.Run {
	b.t.Helper()
	dir, err := journal.OpenDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer dir.Close()
	run, err := report.LoadRun(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return run
}

// A row tells of all calls on the way to it: it begins with the first, counts every attempt at a deletion, and quotes
// the request IDs of readings too.
func TestARowTellsOfAllItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 30, 50)
		var asked []string // request IDs of every answer but a login's
		var began time.Time
		deletions := 0
		b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.HasSuffix(r.URL.Path, "get-management-token") {
				return false
			}
			if began.IsZero() {
				began = time.Now()
			}
			time.Sleep(500 * time.Millisecond) // the bubble's clock
			if isDeletion(r) {
				deletions++
			}
			if deletions == 1 && isDeletion(r) {
				io.WriteString(w, `{"statusCode":503,"requestId":"unavailable"}`)
				asked = append(asked, "unavailable")
				return true
			}
			var answer struct{ RequestID string }
			if err := json.Unmarshal([]byte(b.recorded(w, r)), &answer); err != nil {
				t.Error(err)
			}
			asked = append(asked, answer.RequestID)
			return true
		})
		// An answer of 503 says nothing of those who are gone.
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 50 {
			t.Fatalf("%d deleted, %d absent, %v", s.Deleted, s.Absent, err)
		}
		rows := b.rows("audit.csv")
		if len(rows) != 2 || deletions != 3 {
			t.Fatalf("%d rows after %d deletions", len(rows), deletions)
		}
		for i, want := range []struct{ part, first, last, attempts, ids string }{
			{"31-50", "32", "51", "2", strings.Join(asked[:len(asked)-1], " ")},
			{"1-30", "2", "31", "3", strings.Join(asked, " ")},
		} {
			row := rows[i]
			if row["part"] != want.part || row["first_line"] != want.first || row["last_line"] != want.last ||
				row["attempts"] != want.attempts || row["request_ids"] != want.ids ||
				!strings.HasSuffix(row["message"], "on the way: 1x server failed (503)") {
				t.Errorf("the row is %v, want %v", row, want)
			}
			at, err := time.Parse(time.RFC3339, row["started_at"])
			if err != nil || !at.Equal(began.Truncate(time.Millisecond)) {
				t.Errorf("it began at %s, and is said to have at %s", began, row["started_at"])
			}
		}
	})
}

// Where reading shows nobody, not even a user who exists, it says nothing about users of whom the API said 404 and no
// more.
func TestABlindReadingSettlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 60, 1)
		b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			switch {
			case isDeletion(r):
				io.WriteString(w, `{"statusCode":404,"message":"Not Found"}`)
			case strings.HasSuffix(r.URL.Path, "get-user-batch"):
				io.WriteString(w, `{"statusCode":200,"message":"","data":[]}`)
			default:
				return false
			}
			return true
		})
		s, err := b.run(t.Context())
		if err != nil || s.Unknown != 1 || s.ExitCode != 1 {
			t.Errorf("%d unknown, %d absent, %d failed, %v", s.Unknown, s.Absent, s.Failed, err)
		}
	})
}

// Who was found and saved, and is gone when the API is asked to delete them, is deleted, and comes back.
func TestWhoGoesBetweenSavingAndDeleting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 60, 50)
		b.backup = true
		b.before(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isDeletion(r) && b.api.Has("user_id", id(9)) {
				b.authorized = r.Header.Clone()
				b.removed(9, 9)
			}
			return false
		})
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 50 || s.Absent != 0 {
			t.Errorf("%d deleted, %d absent, %v", s.Deleted, s.Absent, err)
		}
	})
}

// Calls that never arrived, while others are answered, leave users unknown: nobody refused them.
func TestWhoCannotBeReachedAtAllIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 5000, 5000)
		b.cfg.Rate, b.cfg.Workers, b.cfg.Retries = client.PerSecond(5), 4, 2 // others are answered for 20 seconds
		b.cfg.Transport = unreachable{b.cfg.Transport, id(75)}
		if s, err := b.run(t.Context()); err != nil || s.Unknown != 50 || s.Failed > 0 || s.Deleted != 4950 {
			t.Errorf("%d unknown, %d failed, %d deleted, %v", s.Unknown, s.Failed, s.Deleted, err)
		}
	})
}

// Users whose outcome is unknown count against --max-failures as those do who failed.
func TestTooManyWhoAreUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{ReadDenied: true}, 1000, 1000)
		b.cfg.Auth, b.cfg.Workers = "signature", 1
		b.adjust = func(j *Job) { j.MaxFailures, _ = ParseLimit("100") }
		b.before(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isDeletion(r) {
				panic(http.ErrAbortHandler)
			}
			return false
		})
		s, err := b.run(t.Context())
		if codeOf(err) != Halted || s.Unknown != 100 ||
			!strings.Contains(err.Error(), "100 of 100 users failed in this run: stopped by --max-failures 100") {
			t.Errorf("%d unknown, %v", s.Unknown, err)
		}
	})
}

// unreachable cannot connect for calls that name a user.
type unreachable struct {
	http.RoundTripper
	id string
}

func (u unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if bytes.Contains(body, []byte(u.id)) || strings.Contains(r.URL.RawQuery, u.id) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	return u.RoundTripper.RoundTrip(r)
}

// What was deleted and has no row when a mistake in the program stops the run is in doubt, and the next run does not
// call it absent.
func TestAPanicBetweenTwoRowsOfAChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 100, 100)
		b.cfg.Workers = 1
		alive := func(w http.ResponseWriter, r *http.Request, body []byte) bool { // user 25 is called deleted and stays
			if !isDeletion(r) {
				return false
			}
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), `"`+id(25)+`",`, "", 1)))
			return false
		}
		b.before(alive)
		b.adjust = func(j *Job) {
			j.Verify, j.Observe = true, func(report.Row) { panic("a mistake") }
		}
		if _, err := b.run(t.Context()); codeOf(err) != Halted {
			t.Fatal(err)
		}
		if end := b.runJSON().LastEnd(); end == nil || !slices.Equal(end.InDoubt, []int{1}) {
			t.Errorf("in doubt are %+v", end)
		}
		b.adjust = nil
		b.cfg.Transport = wire{b.api}
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 100 {
			t.Errorf("%d deleted, %d absent, %v", s.Deleted, s.Absent, err)
		}
	})
}

// overheard is a job on eight chunks whose credentials a test may use.
func overheard(t *testing.T) *fixture {
	b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 400, 400)
	b.before(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		b.authorized = r.Header.Clone()
		return false
	})
	return b
}

// everybodyIsDeleted lets the last run go through: nobody is called absent.
func (b *fixture) everybodyIsDeleted() {
	b.t.Helper()
	b.adjust = nil
	if s, err := b.run(b.t.Context()); err != nil || s.Deleted != 400 {
		b.t.Errorf("%d deleted, %d absent, %v", s.Deleted, s.Absent, err)
	}
}

// A crash is one of the largest run so far: a resume with fewer workers that dies too does not make chunks of the first
// unsuspected.
func TestTheLargestWorkerCountIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := overheard(t)
		for _, workers := range []int{4, 1} {
			b.cfg.Workers = workers
			b.adjust = func(j *Job) { j.StopAfter = 50 }
			if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
				t.Fatal(err)
			}
			if b.runJSON().Workers != 4 {
				t.Errorf("after a run with %d workers the largest is %d", workers, b.runJSON().Workers)
			}
			if kill(t, b.dir); workers == 4 {
				b.removed(51, 250) // what the four had in flight
			}
		}
		b.everybodyIsDeleted()
	})
}

// What a run left in doubt stays so through one that ends in order before it comes to those chunks.
func TestDoubtIsCarriedOnByAnOrderlyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := overheard(t)
		stop := func(j *Job) { j.StopAfter = 50 }
		b.adjust = stop
		for i, want := range [][]int{nil, {3, 4, 5}, {4, 5}} {
			if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
				t.Fatal(err)
			}
			if got := b.runJSON().LastEnd().InDoubt; !slices.Equal(got, want) {
				t.Errorf("run %d leaves %v in doubt, want %v", i+1, got, want)
			}
			if i == 0 {
				kill(t, b.dir)
				b.removed(51, 250)
			}
		}
		b.everybodyIsDeleted()
	})
}

// Who was saved by a run that sent nothing, and is gone when the next one looks, was deleted by somebody else; and who
// may have been deleted by a run that died, and cannot be read now, is unknown.
func TestWhoWasSavedBefore(t *testing.T) {
	for _, died := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("died %v", died), func(t *testing.T) {
			b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 60, 50)
			b.backup = true
			b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				b.authorized = r.Header.Clone()
				if isDeletion(r) {
					io.WriteString(w, `{"statusCode":402,"message":"pay first"}`)
				}
				return isDeletion(r)
			})
			if s, err := b.run(t.Context()); codeOf(err) != Halted || len(b.savedIDs()) != 50 || s.Remaining != 50 {
				t.Fatalf("%v, %+v", err, s)
			}
			b.removed(1, 20)
			if died {
				kill(t, b.dir)
			}
			b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				refused := strings.HasSuffix(r.URL.Path, "get-user-batch") && strings.Contains(r.URL.RawQuery, id(30))
				if refused {
					io.WriteString(w, `{"statusCode":400,"message":"oops"}`)
				}
				return refused
			})
			s, err := b.run(t.Context())
			deleted, absent, failed, unknown := 29, 20, 1, 0
			if died {
				deleted, absent, failed, unknown = 49, 0, 0, 1
			}
			if err != nil || s.Deleted != deleted || s.Absent != absent || s.Failed != failed || s.Unknown != unknown {
				t.Errorf("%d deleted, %d absent, %d failed, %d unknown, %v", s.Deleted, s.Absent, s.Failed, s.Unknown, err)
			}
		})
	}
}

// run.json says how a run ended: with 1 where rows were invalid, though every user is gone.
func TestTheEndOfARunWithInvalidRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 60, 60)
		appendTo(t, b.input, "not an ID\n")
		s, err := b.run(t.Context())
		end := b.runJSON().LastEnd()
		if err != nil || s.ExitCode != int(Incomplete) || end == nil || end.ExitCode != int(Incomplete) {
			t.Errorf("exit code %d, %+v, %v", s.ExitCode, end, err)
		}
	})
}
