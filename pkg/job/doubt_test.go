package job

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// before puts a handler in front of the fixture's API, which sees each request with its body; true: it has answered.
func (b *fixture) before(first func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !first(w, r, body) {
			b.api.ServeHTTP(w, r)
		}
	})}
}

func isDeletion(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "delete-users-batch") }

// falselyAbsent are users who were deleted by a call of ours and are called absent.
func (b *fixture) falselyAbsent() (ids []string) {
	for _, row := range b.rows("deleted.csv") {
		if row["outcome"] == string(report.Absent) && b.api.Deletions(row["user_id"]) > 0 {
			ids = append(ids, row["user_id"])
		}
	}
	return ids
}

// Who is refused alone after a batch that may have been carried out in part is read back before being called failed:
// the fixture holds the run to that nobody who failed is gone.
func TestALoneRefusalIsReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownPartial422}, 120, 120)
		b.replaceInInput(id(30), id(9030))
		s, err := b.run(t.Context())
		if err != nil || s.Failed > 0 || b.api.Len() != 1 {
			t.Errorf("%d failed, %d users are left, %v", s.Failed, b.api.Len(), err)
		}
	})
}

// An API may delete a part of a batch and then refuse it: at the first user it does not know, or after half. Those are
// deleted, not absent, and come back from the backup.
func TestABatchThatIsDeletedInPart(t *testing.T) {
	half := func(b *fixture) {
		b.before(func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			var in struct{ UserIDs []string }
			if !isDeletion(r) || json.Unmarshal(body, &in) != nil || len(in.UserIDs) < 2 {
				return false
			}
			for _, id := range in.UserIDs[:len(in.UserIDs)/2] {
				one := r.Clone(r.Context())
				one.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"userIds":[%q],"options":{"userIdType":"user_id"}}`, id)))
				b.api.ServeHTTP(&discardAnswer{}, one)
			}
			io.WriteString(w, `{"statusCode":422,"message":"no","requestId":"half"}`)
			return true
		})
	}
	for name, c := range map[string]struct {
		unknown string
		adjust  func(*fixture)
		missing []int
	}{
		"404 at the first unknown":           {sandbox.UnknownPartial, func(*fixture) {}, []int{30, 77}},
		"422 after half":                     {sandbox.UnknownSucceeds, half, nil},
		"422 after half, 404 for the absent": {sandbox.UnknownNotFound, half, nil},
	} {
		for _, backup := range []bool{true, false} {
			inBubble(t, fmt.Sprintf("%s, backup %v", name, backup), func(t *testing.T) {
				b := newFixture(t, sandbox.Config{Unknown: c.unknown}, 150, 150)
				b.backup = backup
				for _, n := range c.missing { // somebody whom the pool does not have stands in the place of one of its users
					b.replaceInInput(id(n), id(9000+n))
				}
				c.adjust(b)
				s, err := b.run(t.Context())
				there := 150 - len(c.missing)
				if err != nil || s.Deleted+s.Absent != 150 || s.Failed+s.Unknown > 0 || backup && s.Deleted != there {
					t.Errorf("%d deleted, %d absent, %d failed, %v", s.Deleted, s.Absent, s.Failed, err)
				}
				if ids := b.falselyAbsent(); len(ids) > 0 {
					t.Errorf("called absent: %v", ids)
				}
				if !backup {
					return
				}
				b.cfg.Transport = wire{b.api}
				if r, err := b.restore(t.Context()); err != nil || r.Restored != there || r.NotSaved != 0 {
					t.Errorf("%d of %d are back, %d are missing, %v", r.Restored, there, r.NotSaved, err)
				}
			})
		}
	}
}

func (b *fixture) replaceInInput(old, new string) {
	b.t.Helper()
	text, err := os.ReadFile(b.input)
	if err == nil {
		err = os.WriteFile(b.input, bytes.Replace(text, []byte(old), []byte(new), 1), 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

type discardAnswer struct{ http.ResponseWriter }

func (*discardAnswer) Header() http.Header         { return http.Header{} }
func (*discardAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (*discardAnswer) WriteHeader(int)             {}

// An outage in the middle of a run calls nobody failed or unknown, however long it lasts and whenever chunks began:
// the run stops when it has waited long enough, and goes on later.
func TestAnOutageInTheMiddleFailsNobody(t *testing.T) {
	for _, workers := range []int{1, 4, 16} {
		for _, how := range []string{"cut", "503"} {
			inBubble(t, fmt.Sprintf("%d workers, %s", workers, how), func(t *testing.T) {
				b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound,
					Faults: seeded(t, "latency=200ms,seed=3")}, 5000, 5000)
				b.cfg.Workers, b.cfg.Rate = workers, client.PerSecond(20)
				down := time.Now().Add(2 * time.Second)
				b.before(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
					if since := time.Since(down); since < 0 || since > time.Hour {
						return false
					}
					if how == "cut" {
						panic(http.ErrAbortHandler)
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				})
				s, err := b.run(t.Context())
				if codeOf(err) != Halted || s.Failed+s.Unknown > 0 || s.Remaining == 0 {
					t.Fatalf("%d failed, %d unknown, %d remain: %v", s.Failed, s.Unknown, s.Remaining, err)
				}
				time.Sleep(2 * time.Hour) // the bubble's clock
				if s, err := b.run(t.Context()); err != nil || s.Deleted != 5000 {
					t.Errorf("when the API is back: %d deleted, %d absent, %v", s.Deleted, s.Absent, err)
				}
			})
		}
	}
}

// Users whom no attempt was answered for, and who are found alive, are tried again and then unknown: nobody refused
// them.
func TestWhoIsNeverAnsweredIsNotCalledFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 1000, 1000)
		b.cfg.Rate = client.PerSecond(20)
		calls := 0
		b.before(func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if !isDeletion(r) || !bytes.Contains(body, []byte(id(75))) {
				return false
			}
			if calls++; calls > 100 {
				return false
			}
			panic(http.ErrAbortHandler)
		})
		s, err := b.run(t.Context())
		if err != nil || s.Unknown != 50 || s.Failed > 0 || s.Deleted != 950 || calls < 2*9 {
			t.Errorf("%d unknown, %d failed, %d deleted after %d calls: %v", s.Unknown, s.Failed, s.Deleted, calls, err)
		}
	})
}

// lagging is a job with --verify for 100 users of a pool whose readings lag behind.
func lagging(t *testing.T, lag time.Duration) *fixture {
	b := newFixture(t, sandbox.Config{}, 150, 100)
	copied, err := sandbox.New(sandbox.Config{IDs: func(yield func(string) bool) {
		for i := 1; i <= 150 && yield(id(i)); i++ {
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.cfg.Auth = "signature"
	b.adjust = func(j *Job) { j.Verify = true }
	var deleted time.Time
	b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isDeletion(r) && deleted.IsZero() {
			deleted = time.Now()
		}
		if r.Method == http.MethodGet && time.Since(deleted) < lag {
			copied.ServeHTTP(w, r)
			return true
		}
		return false
	})
	return b
}

// With --verify a deletion may stay readable for some seconds before anybody is called failed.
func TestAReadingThatLagsIsAskedAgain(t *testing.T) {
	for lag, want := range map[time.Duration]int{4 * time.Second: 100, time.Hour: 0} {
		inBubble(t, lag.String(), func(t *testing.T) {
			b := lagging(t, lag)
			if lag == time.Hour { // nothing is deleted at all
				b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
					if isDeletion(r) {
						io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
					}
					return isDeletion(r)
				})
			}
			s, err := b.run(t.Context())
			if err != nil || s.Deleted != want || s.Failed != 100-want {
				t.Errorf("%d deleted, %d failed, %v", s.Deleted, s.Failed, err)
			}
		})
	}
}

// A run that is stopped while it waits for a reading to come true calls nobody failed: the next one finds out.
func TestASignalWhileAReadingLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := lagging(t, 6*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		if s, err := b.run(ctx); err == nil || s.Failed != 0 || s.Remaining != 100 {
			t.Errorf("%d failed, %d remain, %v", s.Failed, s.Remaining, err)
		}
		time.Sleep(10 * time.Second)
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 100 {
			t.Errorf("%d deleted, %d absent, %v", s.Deleted, s.Absent, err)
		}
	})
}

// A mistake in the program stops the run with 4: what was sent is recorded or in doubt.
func TestAPanicOfAWorkerStopsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 500, 500)
		b.adjust = func(j *Job) {
			n := 0
			j.Observe = func(report.Row) {
				if n++; n == 3 {
					panic("a mistake")
				}
			}
		}
		b.cfg.Workers = 1
		if s, err := b.run(t.Context()); codeOf(err) != Halted ||
			!strings.Contains(err.Error(), "internal error at chunk 3: a mistake") || s.ExitCode != 4 {
			t.Fatalf("%v", err)
		}
		b.adjust = nil
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 500 {
			t.Errorf("%d deleted, %d absent: %v", s.Deleted, s.Absent, err)
		}
	})
}
