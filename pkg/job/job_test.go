package job

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// Whatever the API answers and however the network lies, everybody is deleted in the end and nothing false is said.
func TestAnswersThatLieOrVanish(t *testing.T) {
	for _, fault := range []string{"429", "500", "502", "503", "body500", "html502", "html200", "redirect", "cut-before",
		"cut-after", "truncate",
		"empty", "hang", "success-false", "no-data", "string-numbers", "half"} {
		for _, unknown := range []string{sandbox.UnknownSucceeds, sandbox.UnknownNotFound, sandbox.UnknownPartial} {
			inBubble(t, fault+" "+unknown, func(t *testing.T) {
				faults, err := sandbox.ParseFaults(fault + "=25%,seed=1")
				if err != nil {
					t.Fatal(err)
				}
				everybodyGoes(t, sandbox.Config{Faults: faults, Unknown: unknown})
			})
		}
	}
	inBubble(t, "all", func(t *testing.T) {
		faults, err := sandbox.ParseFaults("all=25%,seed=2,latency=20ms")
		if err != nil {
			t.Fatal(err)
		}
		everybodyGoes(t,
			sandbox.Config{Faults: faults, Unknown: sandbox.UnknownNotFound, RateLimit: 50, Penalty: 3 * time.Second})
	})
}

func everybodyGoes(t *testing.T, cfg sandbox.Config) {
	b := newFixture(t, cfg, 1100, 1000)
	s, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Deleted+s.Absent != 1000 || s.ExitCode != 0 {
		t.Errorf("%d deleted, %d absent, %d failed, %d unknown", s.Deleted, s.Absent, s.Failed, s.Unknown)
	}
	if b.api.Len() != 100 {
		t.Errorf("%d users are left, want 100", b.api.Len())
	}
	for n := 1001; n <= 1100; n++ {
		if b.named[id(n)] > 0 {
			t.Errorf("user %d was not planned and is named", n)
		}
	}
	if cfg.Unknown != sandbox.UnknownPartial && s.Absent > 0 { // everybody was there
		t.Errorf("%d users are called absent", s.Absent)
	}
}

// A chunk that is refused because of one user is taken apart until the culprit stands alone: 49 of 50 go.
func TestOneBadUserInFifty(t *testing.T) {
	for _, status := range []int{400, 403, 409, 422, 499, 500} {
		for _, place := range []int{1, 17, 50} {
			inBubble(t, fmt.Sprintf("%d at place %d", status, place), func(t *testing.T) {
				b := newFixture(t, sandbox.Config{Refused: map[string]int{id(50 + place): status}}, 150, 150)
				s, err := b.run(t.Context())
				if status == 403 { // says that nothing is permitted, not that one user is bad
					if codeOf(err) != Halted {
						t.Errorf("ended with %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if s.Deleted != 149 || s.Failed != 1 || s.ExitCode != 1 {
					t.Errorf("%d deleted, %d failed", s.Deleted, s.Failed)
				}
				if failed := b.rows("failed.csv"); failed[0]["user_id"] != id(50+place) ||
					failed[0]["bulkdelete_line"] != fmt.Sprint(51+place) {
					t.Errorf("failed is %v", failed[0])
				} else if strings.Contains(failed[0]["bulkdelete_reason"], report.Split) { // which is no reason
					t.Errorf("it failed because of %s", failed[0]["bulkdelete_reason"])
				}
				if audit := fmt.Sprint(b.rows("audit.csv")); !strings.Contains(audit, "x "+report.Split) {
					t.Errorf("no row says that the chunk was split: %s", audit)
				}
			})
		}
	}
}

// For "not found" one look says who exists and the others go in one call; where reading is not permitted, halving
// does it.
func TestUnknownUserInFifty(t *testing.T) {
	for _, denied := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("reading denied %v", denied), func(t *testing.T) {
			b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound, ReadDenied: denied}, 149, 150)
			s, err := b.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if s.Deleted != 149 || s.Absent != 1 || s.ExitCode != 0 {
				t.Errorf("%d deleted, %d absent, %d failed", s.Deleted, s.Absent, s.Failed)
			}
			if !denied && b.named[id(149)] != 2 {
				t.Errorf("a user beside the unknown one was named %d times, want 2", b.named[id(149)])
			}
		})
	}
}

// A host that answers 404 to everything says nothing about users: nobody is called gone.
func TestBare404IsNotBelieved(t *testing.T) {
	for _, reads := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("reading works %v", reads), func(t *testing.T) {
			pool := 60
			if reads {
				pool = 40
			}
			b := newFixture(t, sandbox.Config{}, pool, 60)
			b.cfg.Auth = "signature"
			b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if reads && r.Method == http.MethodGet {
					b.api.ServeHTTP(w, r)
					return
				}
				w.WriteHeader(http.StatusNotFound)
				io.WriteString(w, `{"statusCode":404,"message":"Cannot POST","error":"Not Found"}`)
			})}
			s, err := b.run(t.Context())
			if want := 60 - pool; err != nil || s.Absent != want || s.Failed != pool || s.Deleted != 0 {
				t.Errorf("%d absent, %d failed, %d deleted (%v)", s.Absent, s.Failed, s.Deleted, err)
			}
		})
	}
}

// Credentials that are refused stop the job within one round of workers.
func TestCredentialsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 1000, 1000)
		b.cfg.AccessKeySecret = "wrong"
		s, err := b.run(t.Context())
		if codeOf(err) != Halted || s.Remaining != 1000 || s.ExitCode != 4 || len(b.named) > 0 {
			t.Errorf("ended with %v, %d remaining, %d named", err, s.Remaining, len(b.named))
		}
	})
}

// An API that answers nobody stops the job after the retries of the chunks in flight, and nobody is called failed.
func TestAPIOutOfReach(t *testing.T) {
	for _, fault := range []string{"cut-before", "502", "503", "500", "hang", "html502"} {
		inBubble(t, fault, func(t *testing.T) {
			faults, err := sandbox.ParseFaults(fault + "=100%")
			if err != nil {
				t.Fatal(err)
			}
			b := newFixture(t, sandbox.Config{Faults: faults}, 1000, 1000)
			b.cfg.Auth = "signature" // no login, which would fail first
			s, err := b.run(t.Context())
			if codeOf(err) != Halted || s.Failed+s.Unknown > 0 {
				t.Errorf("ended with %v; %d failed, %d unknown", err, s.Failed, s.Unknown)
			}
			if len(b.named) > 50*b.cfg.Workers {
				t.Errorf("%d users were named before giving up", len(b.named))
			}
			b.api = healthy(t, b)
			b.cfg.Transport = wire{b.api}
			if s, err := b.run(t.Context()); err != nil || s.Deleted != 1000 {
				t.Errorf("when the API is back: %v, %d deleted", err, s.Deleted)
			}
		})
	}
}

// healthy is the same pool, without those who are gone, behind an API that works.
func healthy(t *testing.T, b *fixture) *sandbox.Server {
	s, err := sandbox.New(sandbox.Config{Unknown: sandbox.UnknownNotFound, IDs: func(yield func(string) bool) {
		for i := 1; i <= 1000; i++ {
			if b.api.Has("user_id", id(i)) && !yield(id(i)) {
				return
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// When no answer comes and reading is not permitted either, the outcome is unknown: nothing is claimed.
func TestNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults, err := sandbox.ParseFaults("cut-after=100%")
		if err != nil {
			t.Fatal(err)
		}
		b := newFixture(t, sandbox.Config{}, 100, 100)
		cut, err := sandbox.New(sandbox.Config{Faults: faults})
		if err != nil {
			t.Fatal(err)
		}
		denied, err := sandbox.New(sandbox.Config{ReadDenied: true})
		if err != nil {
			t.Fatal(err)
		}
		b.cfg.Auth = "signature"
		b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				denied.ServeHTTP(w, r)
			} else {
				cut.ServeHTTP(w, r)
			}
		})}
		s, err := b.run(t.Context())
		if err != nil || s.Unknown != 100 || s.ExitCode != 1 {
			t.Errorf("%d unknown, exit code %d, %v", s.Unknown, s.ExitCode, err)
		}
	})
}

// --max-failures stops the job, and the next run goes on.
func TestTooManyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := map[string]int{}
		for n := 1; n <= 2000; n += 2 {
			refused[id(n)] = 400
		}
		b := newFixture(t, sandbox.Config{Refused: refused}, 2000, 2000)
		b.adjust = func(j *Job) { j.MaxFailures, _ = ParseLimit("100") }
		s, err := b.run(t.Context())
		if codeOf(err) != Halted || s.Failed < 100 || s.Failed > 100+25*b.cfg.Workers || s.Remaining == 0 {
			t.Errorf("ended with %v; %d failed, %d remaining", err, s.Failed, s.Remaining)
		}
	})
}

// Stopping at any time leaves a folder from which the next run goes on, and what was never sent is never doubted.
func TestStopAndGoOn(t *testing.T) {
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond,
		700 * time.Millisecond, 3 * time.Second} {
		inBubble(t, after.String(), func(t *testing.T) {
			faults, err := sandbox.ParseFaults("latency=50ms,429=10%,seed=5")
			if err != nil {
				t.Fatal(err)
			}
			b := newFixture(t, sandbox.Config{Faults: faults, Unknown: sandbox.UnknownNotFound}, 950, 1000)
			b.adjust = func(j *Job) { j.MaxDuration = after }
			if after == 0 {
				b.adjust = func(j *Job) { j.StopAfter = 1 }
			}
			rounds := 1
			for s, err := b.run(t.Context()); err != nil; s, err = b.run(t.Context()) {
				if codeOf(err) != Interrupted || s.ExitCode != 5 {
					t.Fatalf("ended with %v, exit code %d", err, s.ExitCode)
				}
				if rounds++; rounds > 20 {
					b.adjust = nil
				}
			}
			s, err := b.run(t.Context())
			if err != nil || s.Deleted != 950 || s.Absent != 50 {
				t.Errorf("after %d runs: %d deleted, %d absent, want 950 and 50 (%v)", rounds, s.Deleted, s.Absent, err)
			}
		})
	}
}

// --stop-after stops at exactly that many users, inside a chunk too.
func TestStopAfterIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 120, 120)
		done := 0
		for _, n := range []int{1, 48, 1, 60, 10} {
			b.adjust = func(j *Job) { j.StopAfter = n }
			s, err := b.run(t.Context())
			done += n
			if s.Deleted != done || b.api.Len() != 120-done || (codeOf(err) == Interrupted) != (done < 120) {
				t.Fatalf("%d deleted, %d left, after %d were asked for (%v)", s.Deleted, b.api.Len(), done, err)
			}
		}
	})
}

// --verify reads back: nobody is called deleted who lives.
func TestVerifyCatchesALie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 100, 100)
		b.adjust = func(j *Job) { j.Verify = true }
		b.cfg.Auth = "signature"
		b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost { // says yes and does nothing
				io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
				return
			}
			b.api.ServeHTTP(w, r)
		})}
		s, err := b.run(t.Context())
		if err != nil || s.Deleted != 0 || s.Failed != 100 {
			t.Errorf("%d deleted, %d failed, %v", s.Deleted, s.Failed, err)
		}
	})
}

// With the defaults for retries and workers, an API that is cut off for 20 seconds is waited for. Waits are random, and
// now and then the attempts of a call are all used up before.
func TestAnOutageIsWaitedOut(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{}, 2000, 2000)
			b.cfg.Workers, b.cfg.Rate = 16, client.PerSecond(20)
			cut := time.Now().Add(time.Second)
			b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if since := time.Since(cut); since > 0 && since < 20*time.Second {
					panic(http.ErrAbortHandler)
				}
				b.api.ServeHTTP(w, r)
			})}
			s, err := b.run(t.Context())
			if err != nil || s.Deleted != 2000 {
				t.Errorf("%d deleted, %d failed, %v", s.Deleted, s.Failed, err)
			}
		})
	}
}

// A token that runs out in the middle of a run costs no chunk: it is renewed in time, or renewed when it is refused.
func TestTokensThatRunOutCostNoChunk(t *testing.T) {
	// The server's clock, and a server that says more than is true.
	for _, said := range []string{`"expires_in":2`, `"expires_in":7200`} {
		inBubble(t, said, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{TokenLifetime: 2 * time.Second, Faults: seeded(t, "latency=50ms")}, 10_000, 10_000)
			b.cfg.Rate, b.cfg.Workers = client.PerSecond(20), 4
			logins := 0
			b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "get-management-token") {
					b.api.ServeHTTP(w, r)
					return
				}
				logins++
				rec := httptest.NewRecorder()
				b.api.ServeHTTP(rec, r)
				io.WriteString(w, strings.Replace(rec.Body.String(), `"expires_in":2`, said, 1))
			})}
			s, err := b.run(t.Context())
			if err != nil || s.Deleted != 10_000 || s.AuditRows != 200 {
				t.Fatalf("%d deleted, %d failed, %d rows: %v", s.Deleted, s.Failed, s.AuditRows, err)
			}
			if logins < 5 || logins > 8 { // ten seconds of work: one login for all workers each time
				t.Errorf("%d logins", logins)
			}
		})
	}
}
