package report

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"
)

// Summary is summary.json, schema 1. Fields are only ever added.
type Summary struct {
	Schema  int    `json:"schema"` // 1
	Program string `json:"program"`
	Input   Input  `json:"input"`

	Host     string `json:"host"`
	UserPool string `json:"user_pool"`
	IDType   string `json:"id_type"`

	State    string `json:"state"` // finished or unfinished
	ExitCode int    `json:"exit_code"`
	Reason   string `json:"reason,omitempty"` // why it is unfinished
	Resume   string `json:"resume,omitempty"` // the command that goes on

	Rows       int `json:"rows"`     // accepted + rejected
	Accepted   int `json:"accepted"` // deleted + absent + failed + unknown + remaining
	Rejected   int `json:"rejected"` // invalid + duplicates + protected
	Invalid    int `json:"invalid"`
	Duplicates int `json:"duplicates"`
	Protected  int `json:"protected"`
	Deleted    int `json:"deleted"`
	Absent     int `json:"absent"`
	Failed     int `json:"failed"`
	Unknown    int `json:"unknown"`
	Remaining  int `json:"remaining"`

	Chunks    int `json:"chunks"`
	AuditRows int `json:"audit_rows"`

	StartedAt      *time.Time `json:"started_at,omitempty"` // of the first call
	EndedAt        *time.Time `json:"ended_at,omitempty"`   // of the last one
	Seconds        float64    `json:"seconds"`              // between these, pauses between runs included
	UsersPerSecond float64    `json:"users_per_second"`
	LatencyMS      Latency    `json:"latency_ms"` // of chunks, from their first attempt to their last answer

	RejectedBy map[string]int `json:"rejected_by"` // rows by class of reason
	FailedBy   map[string]int `json:"failed_by"`   // users by the API's answer

	LastRowHash string `json:"last_row_hash"` // "" where shards were joined, each of which has a chain of its own

	Shards []Shard `json:"shards,omitempty"` // that were joined

	stats stats
}

// Latency is in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// The states of a summary.
const (
	Finished   = "finished"
	Unfinished = "unfinished"
)

// LoadSummary reads summary.json.
func LoadSummary(dir string) (*Summary, error) {
	var s Summary
	if err := load(filepath.Join(dir, SummaryName), &s); err != nil {
		return nil, err
	}
	if s.Schema != 1 {
		return nil, fmt.Errorf("%s has schema %d: it was made by another version of bulkdelete", filepath.Join(dir, SummaryName), s.Schema)
	}
	return &s, nil
}

func newSummary(run *Run, resume string) *Summary {
	return &Summary{Schema: 1, Program: run.Program, Input: run.Input, Host: run.Host, UserPool: run.UserPool, IDType: run.Options["id_type"],
		Resume: resume, Chunks: run.Chunks, RejectedBy: map[string]int{}, FailedBy: map[string]int{}}
}

// settle counts an audit row.
func (s *Summary) settle(r *Row) {
	s.AuditRows++
	switch r.Outcome {
	case Deleted:
		s.Deleted += r.Users
	case Absent:
		s.Absent += r.Users
	case Failed:
		s.Failed += r.Users
	case Unknown:
		s.Unknown += r.Users
	}
	end := r.StartedAt.Add(r.Duration)
	if s.StartedAt == nil || r.StartedAt.Before(*s.StartedAt) {
		at := r.StartedAt
		s.StartedAt = &at
	}
	if s.EndedAt == nil || end.After(*s.EndedAt) {
		s.EndedAt = &end
	}
	if r.Outcome == Failed || r.Outcome == Unknown {
		s.failedBy(r)
	}
	s.stats.add(r)
}

// maxKinds bounds what the API's answers can make grow.
const maxKinds = 50

func (s *Summary) failedBy(r *Row) {
	key := fmt.Sprintf("%s: no answer", r.Outcome)
	switch {
	case r.APICode != 0:
		key = fmt.Sprintf("%s: statusCode %d, apiCode %d", r.Outcome, r.StatusCode, r.APICode)
	case r.StatusCode != 0:
		key = fmt.Sprintf("%s: statusCode %d", r.Outcome, r.StatusCode)
	case r.HTTPStatus != 0:
		key = fmt.Sprintf("%s: HTTP %d", r.Outcome, r.HTTPStatus)
	}
	if _, known := s.FailedBy[key]; !known && len(s.FailedBy) >= maxKinds {
		key = "other"
	}
	s.FailedBy[key] += r.Users
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
	s.stats.sample(&s.stats.rejected, l, l.Reason)
}

func (s *Summary) fail(l Line, r *Row) { s.stats.sample(&s.stats.failed, l, r.reason()) }

// finish adds up. Counts that do not are a mistake that nobody may overlook.
func (s *Summary) finish(run *Run) error {
	settled := s.Deleted + s.Absent + s.Failed + s.Unknown
	if s.Accepted != settled+s.Remaining || s.Rows != run.Rows || s.Accepted != run.Accepted || s.Invalid != run.Invalid {
		return errors.New("the rows of the input and of the audit do not add up to the plan: the audit is another run's, or was edited")
	}
	if s.StartedAt != nil {
		s.Seconds = round(s.EndedAt.Sub(*s.StartedAt).Seconds())
		s.UsersPerSecond = round(float64(settled) / max(s.Seconds, 0.001))
	}
	s.LatencyMS = s.stats.latency()
	s.State = Finished
	if s.Remaining == 0 {
		if s.Failed+s.Unknown+s.Invalid > 0 {
			s.ExitCode = 1
		}
		s.Resume = ""
		return nil
	}
	s.State, s.ExitCode, s.Reason = Unfinished, 4, "the run died"
	if run.Ended != nil {
		s.ExitCode, s.Reason = run.Ended.ExitCode, run.Ended.Reason
	}
	return nil
}

func round(f float64) float64 { return math.Round(f*1000) / 1000 }
