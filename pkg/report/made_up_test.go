package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// madeUp is a run that never was: chunks of 50 at 20 a second and throttled twice, with a pause after the first chunk
// as a trial leaves it. The last left users have not had their turn.
func madeUp(t *testing.T, users, left int, clean bool) (*Run, *Summary) {
	t.Helper()
	dice := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	run := &Run{Format: RunFormat, Program: "v1.0.0", Workers: 16, Asked: Asked{
		Deed: Delete, Host: "https://api.genauth.ai", UserPool: "6319a1504f30d1f1f214dd5b",
		Options: map[string]string{"id_type": "user_id", "chunk_size": "50", "column": "userId"},
		Plan:    Plan{Accepted: users, Rows: users, ChunkSize: 50, Chunks: (users + 49) / 50},
		Input: Input{Name: "leavers-2026-11.csv", Path: "/data/leavers-2026-11.csv", Bytes: int64(users) * 34,
			SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}}
	run.Asked.By, run.Asked.At, run.Asked.Reason = "ana@ops-1", "2026-11-02T08:57:12Z", "CHG-20817"
	run.Runs = madeUpRuns(users, left, at)
	s := newSummary(run)
	s.Accepted, s.Rows, s.Remaining = users, users, left
	s.LastRowHash = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
	for chunk := 1; chunk <= (users-left+49)/50; chunk++ {
		settleMadeUp(s, dice, chunk, run.Asked.Plan.Chunks, at, clean)
		pace := 50 * time.Millisecond
		switch where := float64(chunk) / float64(run.Asked.Plan.Chunks); {
		case chunk == 1:
			pace = 40 * time.Minute
		case clean:
		case where > 0.3 && where < 0.45:
			pace = time.Duration(200-1000*(where-0.3)) * time.Millisecond
		case where > 0.7 && where < 0.76:
			pace = time.Duration(150-1600*(where-0.7)) * time.Millisecond
		}
		at = at.Add(pace)
	}
	if !clean {
		rejectMadeUp(run, s)
	}
	must(t, s.finish(run))
	if s.EndedAt != nil {
		run.Last().Ended.At = *s.EndedAt
	}
	return run, s
}

// madeUpRuns are the trial and the run that went on with it.
func madeUpRuns(users, left int, at time.Time) []Session {
	pool, after := users+1_612_408, users+1_612_358
	trial := Session{StartedAt: at, By: "ana@ops-1", Approved: "typed", Dir: "leavers-2026-11.bulkdelete", Workers: 16,
		Rate: "20", Reason: "CHG-20817", PoolBefore: &pool, Sample: &Sample{Rows: 100, Exist: 100},
		Guards: map[string]string{"max_failures": "10%", "max_rejected": "20%", "stop_after": "50"},
		Ended:  &Ended{At: at.Add(time.Second), ExitCode: 5, Reason: "stopped by --stop-after 50", PoolAfter: &after}}
	rest := trial
	rest.StartedAt, rest.PoolBefore, rest.Sample = at.Add(40*time.Minute), &after, &Sample{Rows: 100, Exist: 99}
	rest.WorkDir, rest.Resume = "/data", "bulkdelete run leavers-2026-11.csv --max-deletes 40%"
	rest.Guards = map[string]string{"max_deletes": "40%", "max_failures": "10%", "max_rejected": "20%"}
	rest.Ended = &Ended{}
	if left > 0 {
		rest.Ended.ExitCode, rest.Ended.Reason = 5, "stopped by --max-duration"
	}
	return []Session{trial, rest}
}

func settleMadeUp(s *Summary, dice *rand.Rand, chunk, of int, at time.Time, clean bool) {
	r := Row{Chunk: chunk, From: 1, To: 50, FirstLine: chunk*50 - 48, LastLine: chunk*50 + 1, Users: 50,
		Outcome: Deleted, Attempts: 1, HTTPStatus: 200, StatusCode: 200, StartedAt: at,
		Duration:   time.Duration(80*math.Exp(dice.NormFloat64()*0.45)) * time.Millisecond,
		RequestIDs: []string{fmt.Sprintf("d1c7e7e2-%04x-4a56-9f0e-%012x", chunk&0xffff, chunk)}}
	where := float64(chunk) / float64(of)
	if !clean && (where > 0.3 && where < 0.31 || where > 0.7 && where < 0.705 || dice.Float64() < 0.002) {
		r.Attempts += 1 + dice.IntN(3)
		r.Duration += time.Duration(3000*r.Attempts) * time.Millisecond
		r.Message = OnTheWay(map[string]int{"throttled (429)": r.Attempts - 1})
		for range r.Attempts - 1 {
			r.RequestIDs = append(r.RequestIDs, fmt.Sprintf("77aa90c1-%04x-4bd2-8a11-%012x", chunk&0xffff, dice.IntN(1e9)))
		}
	}
	if clean || chunk%100 != 7 {
		settle(s, &r)
		return
	}
	r.To, r.Users = 48, 48
	settle(s, &r)
	r.From, r.To, r.Users, r.Outcome = 49, 49, 1, Failed
	r.StatusCode, r.APICode, r.Message = 403, 2209, "No permission to delete this user"
	settle(s, &r)
	fail(s, Line{Line: r.LastLine - 1, ID: fmt.Appendf(nil, "6319a1504f3%013x", chunk)}, &r)
	r.From, r.To, r.Outcome, r.StatusCode, r.APICode, r.Message = 50, 50, Absent, 404, 2004, ""
	settle(s, &r)
}

func rejectMadeUp(run *Run, s *Summary) {
	for i := range 20 {
		l := Line{Line: 100 + i, ID: []byte("anna@example.com"), Code: "type", Invalid: true,
			Reason: "not a user_id; is it --id-type email?"}
		if i%3 > 0 {
			l = Line{Line: 100 + i, ID: fmt.Appendf(nil, "6319a1504f3%013x", i), Code: "duplicate",
				Reason: "the same ID stands in line 7"}
		}
		s.reject(l)
		s.Rows++
	}
	run.Asked.Plan.Rows, run.Asked.Plan.Invalid = s.Rows, s.Invalid
}

// fail takes a user into account whose row failed.
func fail(s *Summary, l Line, r *Row) {
	l.Code, l.Reason = r.kind(), r.Reason()
	s.stats.addSample(&s.stats.FailedRows, l)
}

// settle takes an audit row into account.
func settle(s *Summary, r *Row) {
	s.AuditRows++
	s.count(r)
}
