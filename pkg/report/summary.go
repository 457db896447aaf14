package report

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Summary is summary.json, schema 2. Fields are only ever added.
type Summary struct {
	Schema  int    `json:"schema"` // 2
	Program string `json:"program"`
	Deed    Deed   `json:"deed"`
	Input   Input  `json:"input"`

	Host     string `json:"host"`
	UserPool string `json:"user_pool"`
	TenantID string `json:"tenant_id,omitempty"`
	IDType   string `json:"id_type"`
	Asked    string `json:"asked_reason,omitempty"` // the ticket or ground

	State    string `json:"state"` // finished or unfinished
	ExitCode int    `json:"exit_code"`
	Reason   string `json:"reason,omitempty"` // why it is unfinished
	Resume   string `json:"resume,omitempty"` // the command that goes on

	Rows       int `json:"rows"`     // accepted + rejected
	Accepted   int `json:"accepted"` // the sum of all outcomes and remaining
	Rejected   int `json:"rejected"` // invalid + duplicates + protected
	Invalid    int `json:"invalid"`
	Duplicates int `json:"duplicates"`
	Protected  int `json:"protected"`
	Deleted    int `json:"deleted"`
	Suspended  int `json:"suspended"`
	Absent     int `json:"absent"`
	Spared     int `json:"spared"`
	Mismatched int `json:"mismatched"` // of the spared: --match found somebody else under the ID
	Restored   int `json:"restored"`
	Exists     int `json:"exists"`
	Failed     int `json:"failed"`
	Unknown    int `json:"unknown"`
	Remaining  int `json:"remaining"`
	NotSaved   int `json:"not_saved"` // of a restore: users of the run who are not in the backup

	PoolBefore *int `json:"pool_before,omitempty"` // users in the pool, where they could be counted
	PoolAfter  *int `json:"pool_after,omitempty"`

	Chunks    int `json:"chunks"`
	AuditRows int `json:"audit_rows"`

	StartedAt      *time.Time `json:"started_at,omitempty"` // of the first call
	EndedAt        *time.Time `json:"ended_at,omitempty"`   // of the last one
	Seconds        float64    `json:"seconds"`              // between these, pauses between runs included
	UsersPerSecond float64    `json:"users_per_second"`
	LatencyMS      struct {   // milliseconds that a share of the chunks took, from first attempt to last answer
		P50 float64 `json:"p50"`
		P90 float64 `json:"p90"`
		P99 float64 `json:"p99"`
		Max float64 `json:"max"`
	} `json:"latency_ms"`

	RejectedBy map[string]int `json:"rejected_by"` // rows by class of reason
	SparedBy   map[string]int `json:"spared_by"`   // users by the reason
	FailedBy   map[string]int `json:"failed_by"`   // users by the API's answer

	LastRowHash string `json:"last_row_hash"` // "" where shards were joined, each of which has a chain of its own

	Shards []Shard `json:"shards,omitempty"` // that were joined

	stats stats
}

// The states of a summary.
const (
	finished   = "finished"
	unfinished = "unfinished"
)

// Finished says whether every accepted row has an outcome and the run that wrote the last one ended in order.
func (s *Summary) Finished() bool { return s.State == finished }

// deedWords are how a deed is called in files.
type deedWords struct {
	file         string // of those it was done to
	past         string
	done, undone string // of users
	Noun, List   string // what has one for each of them
	Again        string // what to do about those who failed
	Harmless     string // why doing it to those who are unknown does no harm
}

func (d Deed) words() deedWords {
	again := "bulkdelete run takes that file as it is"
	switch d {
	case Suspend:
		return deedWords{file: SuspendedName, past: "suspended", done: "suspended", undone: "log in", Noun: "row",
			List: "input", Again: again, Harmless: "suspending twice does no harm"}
	case Restore:
		return deedWords{file: RestoredName, past: "restored", done: "there again", undone: "be missing", Noun: "user",
			List: "backup", Again: "move this folder away and restore anew",
			Harmless: "who is there by now is left as is"}
	case Reinstate:
		return deedWords{file: RestoredName, past: "restored", done: "no longer suspended by the run",
			undone: "be suspended", Noun: "user", List: "backup", Again: "move this folder away and restore anew",
			Harmless: "who was set back by now is left as is"}
	}
	return deedWords{file: DeletedName, past: "deleted", done: "gone", undone: "exist", Noun: "row", List: "input",
		Again: again, Harmless: "naming a user who is gone does no harm"}
}

func newSummary(run *Run) *Summary {
	a := run.Asked
	s := &Summary{Schema: 2, Program: run.Program, Deed: a.Deed, Input: a.Input, Host: a.Host, UserPool: a.UserPool,
		TenantID: a.TenantID, IDType: a.Options["id_type"], Asked: a.Reason, Chunks: a.Plan.Chunks,
		RejectedBy: map[string]int{}, SparedBy: map[string]int{}, FailedBy: map[string]int{}}
	s.stats.whole = a.Plan.ChunkSize
	if a.Deed.Undoes() {
		s.NotSaved = a.Plan.Invalid
	}
	if len(run.Runs) > 0 {
		s.PoolBefore = run.Runs[0].PoolBefore
	}
	if e := run.LastEnd(); e != nil {
		s.PoolAfter = e.PoolAfter
	}
	return s
}

// of gives the count of an outcome.
func (s *Summary) of(o Outcome) *int {
	return map[Outcome]*int{Deleted: &s.Deleted, Suspended: &s.Suspended, Absent: &s.Absent, Spared: &s.Spared,
		Restored: &s.Restored, Exists: &s.Exists, Failed: &s.Failed, Unknown: &s.Unknown}[o]
}

// count counts an audit row.
func (s *Summary) count(r *Row) {
	*s.of(r.Outcome) += r.Users
	end := r.endedAt()
	if s.StartedAt == nil || r.StartedAt.Before(*s.StartedAt) {
		at := r.StartedAt
		s.StartedAt = &at
	}
	if s.EndedAt == nil || end.After(*s.EndedAt) {
		s.EndedAt = &end
	}
	switch r.Outcome {
	case Failed, Unknown:
		countKind(s.FailedBy, r.kind(), r.Users)
	case Spared:
		countKind(s.SparedBy, r.Reason(), r.Users)
	}
	if r.isMismatch() {
		s.Mismatched += r.Users
	}
	s.stats.add(r)
}

// maxKinds bounds what the API's answers can make grow.
const maxKinds = 50

// kind is under what users who failed or are unknown are counted, "" for others.
func (r *Row) kind() string {
	switch {
	case r.Outcome != Failed && r.Outcome != Unknown:
		return ""
	case r.APICode != 0:
		return fmt.Sprintf("%s: statusCode %d, apiCode %d", r.Outcome, r.StatusCode, r.APICode)
	case r.StatusCode != 0:
		return fmt.Sprintf("%s: statusCode %d", r.Outcome, r.StatusCode)
	case r.HTTPStatus != 0:
		return fmt.Sprintf("%s: HTTP %d", r.Outcome, r.HTTPStatus)
	}
	return fmt.Sprintf("%s: no answer", r.Outcome)
}

func countKind(by map[string]int, kind string, users int) {
	if _, known := by[kind]; !known && len(by) >= maxKinds {
		kind = "other"
	}
	by[kind] += users
}

func (s *Summary) reject(l Line) {
	s.Rejected++
	s.RejectedBy[l.Code]++
	switch {
	case l.Invalid:
		s.Invalid++
	case l.Code == "protected":
		s.Protected++
	default:
		s.Duplicates++
	}
	s.stats.addSample(&s.stats.RejectedRows, l)
}

// finish adds up. Counts that do not are a mistake that nobody may overlook.
func (s *Summary) finish(run *Run) error {
	plan := run.Asked.Plan
	done := s.Deleted + s.Suspended + s.Absent + s.Spared + s.Restored + s.Exists + s.Failed + s.Unknown
	accepted, invalid := plan.Accepted, plan.Invalid
	if s.Deed.Undoes() {
		accepted, invalid = plan.Rows, 0
	}
	if s.Rows != plan.Rows || s.Accepted != accepted || s.Invalid != invalid || s.Accepted != done+s.Remaining {
		return errors.New("the rows of the input and of the audit do not add up to the plan: " +
			"the audit is another run's, or was edited")
	}
	if s.StartedAt != nil {
		s.Seconds = round(s.EndedAt.Sub(*s.StartedAt).Seconds())
		s.UsersPerSecond = round(float64(done) / max(s.Seconds, 0.001))
	}
	share, ms := s.stats.latency(), &s.LatencyMS
	ms.P50, ms.P90, ms.P99, ms.Max = share(0.5), share(0.9), share(0.99), share(1)
	s.conclude(run)
	return nil
}

// conclude says whether the run is finished, and its exit code.
func (s *Summary) conclude(run *Run) {
	if s.Remaining == 0 && !run.Open {
		s.State = finished
		if s.Failed+s.Unknown+s.Invalid+s.Mismatched+s.NotSaved > 0 {
			s.ExitCode = 1
		}
		return
	}
	s.State, s.ExitCode, s.Reason = unfinished, 4, "the run died"
	last := run.Last()
	switch {
	case last == nil:
		s.Reason = "no run has begun"
		return
	case last.Ended != nil:
		s.ExitCode, s.Reason = last.Ended.ExitCode, last.Ended.Reason
	}
	if s.ExitCode < 2 { // an edited run.json
		s.ExitCode = 4
	}
	s.Resume = last.Resume
}

func round(f float64) float64 { return math.Round(f*1000) / 1000 }
