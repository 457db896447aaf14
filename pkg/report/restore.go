package report

import (
	"iter"
	"path/filepath"
	"strconv"
	"time"
)

// RestoredName is the file in a restore's folder that lists who is back.
const RestoredName = "restored.csv"

// Return is a user that a restore is about.
type Return struct {
	Chunk, Place, Line int    // of the run that deleted the user
	ID                 string // as that run's input has it
	OldUserID          string
	NewUserID          string // "" while nobody is back
}

// RestoreSummary is a restore's summary.json, schema 1. Fields are only ever added.
type RestoreSummary struct {
	Schema   int    `json:"schema"` // 1
	Program  string `json:"program"`
	Backup   Input  `json:"backup"`
	Host     string `json:"host"`
	UserPool string `json:"user_pool"`

	State    string `json:"state"` // finished or unfinished
	ExitCode int    `json:"exit_code"`
	Reason   string `json:"reason,omitempty"`
	Resume   string `json:"resume,omitempty"`

	Users     int `json:"users"` // restored + exists + failed + unknown + remaining
	Restored  int `json:"restored"`
	Exists    int `json:"exists"` // a user with the same ID was there
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
	Remaining int `json:"remaining"`
	NotSaved  int `json:"not_saved"` // deleted users who are not in the backup

	AuditRows   int            `json:"audit_rows"`
	StartedAt   *time.Time     `json:"started_at,omitempty"`
	EndedAt     *time.Time     `json:"ended_at,omitempty"`
	FailedBy    map[string]int `json:"failed_by"` // users by the API's answer
	LastRowHash string         `json:"last_row_hash"`
}

// WriteRestore makes restored.csv, failed.csv, remaining.csv (only while users remain) and summary.json in a restore's folder,
// from its audit and the users that it is about. Each file is written whole.
func WriteRestore(dir string, run *Run, users iter.Seq2[Return, error], resume string) (*RestoreSummary, error) {
	audit := newSummary(run, resume)
	index, err := openIndex(filepath.Join(dir, AuditName), run, Layout{Delimiter: ','}, audit)
	if err != nil {
		return nil, err
	}
	defer index.close()
	out, err := createReturnFiles(dir)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	s := &RestoreSummary{Schema: 1, Program: run.Program, Backup: run.Input, Host: run.Host, UserPool: run.UserPool, Resume: resume,
		NotSaved: run.Invalid, AuditRows: audit.AuditRows, StartedAt: audit.StartedAt, EndedAt: audit.EndedAt, FailedBy: audit.FailedBy,
		LastRowHash: audit.LastRowHash}
	for u, err := range users {
		if err != nil {
			return nil, err
		}
		row, err := index.find(u.Chunk, u.Place)
		if err != nil {
			return nil, err
		}
		if err := out.put(u, row, s); err != nil {
			return nil, err
		}
	}
	s.finish(run)
	if err := out.replace(s.Remaining > 0); err != nil {
		return nil, err
	}
	return s, save(filepath.Join(dir, SummaryName), s)
}

func (s *RestoreSummary) finish(run *Run) {
	s.Users = s.Restored + s.Exists + s.Failed + s.Unknown + s.Remaining
	s.State = Finished
	if s.Remaining == 0 {
		if s.Failed+s.Unknown+s.NotSaved > 0 {
			s.ExitCode = 1
		}
		s.Resume = ""
		return
	}
	s.State, s.ExitCode, s.Reason = Unfinished, 4, "the restore died"
	if run.Ended != nil {
		s.ExitCode, s.Reason = run.Ended.ExitCode, run.Ended.Reason
	}
}

// returnFiles are the CSV files being made.
type returnFiles struct {
	dir                         string
	restored, failed, remaining *file
}

func createReturnFiles(dir string) (_ *returnFiles, err error) {
	out := &returnFiles{dir: dir}
	defer func() {
		if err != nil {
			out.discard()
		}
	}()
	for _, f := range []struct {
		at      **file
		name    string
		columns []string
	}{
		{&out.restored, RestoredName, []string{"line", "chunk", "outcome", "request_id", "restored_at", "id", "old_user_id", "new_user_id"}},
		{&out.failed, FailedName, []string{"line", "chunk", "outcome", "reason", "request_id", "id", "old_user_id"}},
		{&out.remaining, RemainingName, []string{"line", "chunk", "id", "old_user_id"}},
	} {
		if *f.at, err = newFile(dir, f.name); err != nil {
			return nil, err
		}
		if err := (*f.at).cells(f.columns...); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// put writes a user where the user belongs.
func (out *returnFiles) put(u Return, row *settled, s *RestoreSummary) error {
	line, chunk := strconv.Itoa(u.Line), strconv.Itoa(u.Chunk)
	if row == nil {
		s.Remaining++
		return out.remaining.cells(line, chunk, u.ID, u.OldUserID)
	}
	at := row.StartedAt.Add(row.Duration).UTC().Format(time.RFC3339)
	switch row.Outcome {
	case Restored:
		s.Restored++
		return out.restored.cells(line, chunk, string(row.Outcome), row.requestID(), at, u.ID, u.OldUserID, u.NewUserID)
	case Exists:
		s.Exists++
		return out.restored.cells(line, chunk, string(row.Outcome), row.requestID(), at, u.ID, u.OldUserID, "")
	case Unknown:
		s.Unknown++
	default:
		s.Failed++
	}
	return out.failed.cells(line, chunk, string(row.Outcome), row.reason(), row.requestID(), u.ID, u.OldUserID)
}

// cells writes a row of own cells, with commas.
func (f *file) cells(cells ...string) error {
	for i, c := range cells {
		if i > 0 {
			f.WriteString(",")
		}
		f.WriteString(quoted(c, ","))
	}
	_, err := f.WriteString("\n")
	return err
}

func (out *returnFiles) replace(remaining bool) error {
	return replaceAll(out.dir, []*file{out.restored, out.failed}, out.remaining, remaining)
}

func (out *returnFiles) discard() { discardAll(out.restored, out.failed, out.remaining) }
