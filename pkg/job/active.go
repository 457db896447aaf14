package job

import (
	"errors"
	"slices"
	"time"

	"bulkdelete/pkg/report"
)

// active is a folder while a run works on it.
type active struct {
	*Adopted
	audit    *report.Audit
	backup   *report.Backup // nil: nobody is saved
	suspects map[int]bool   // chunks that may have been sent without a row to show for it
	torn     int            // rows that a run which died had left half written
}

// begin makes the folder ready for sending. From then on run.json says that calls may be under way.
func (a *Adopted) begin(s report.Session) (_ *active, err error) {
	f := &active{Adopted: a}
	defer onError(&err, f.close)
	if err := a.describe(); err != nil {
		return nil, err
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	f.suspects = f.findSuspects()
	run := a.Run
	run.Format, run.Program, run.Open, run.Workers = report.RunFormat, s.Program, true, max(run.Workers, s.Workers)
	s.StartedAt, s.Torn = time.Now().UTC(), f.torn
	run.Runs = append(run.Runs, s)
	return f, a.save()
}

// describe writes down what a new folder is for, before anything else is in it.
func (a *Adopted) describe() error {
	if a.Run.Begun() {
		return nil
	}
	a.Run.Format = report.RunFormat
	if err := a.save(); err != nil {
		return err
	}
	if a.protect == nil {
		return nil
	}
	if err := a.dir.WriteFile(report.ProtectName, a.protect); err != nil {
		return a.refuse(err)
	}
	return nil
}

// open reads the audit and the backup to their ends and makes them ready to append.
func (f *active) open() (err error) {
	held := f.dir.Has(report.AuditName)
	cover := report.NewCoverage(f.Run.Asked.Plan)
	if f.audit, f.torn, err = report.OpenAudit(f.dir, f.Run, cover.Add); err != nil {
		return auditError(f.dir, err)
	}
	if !held {
		if err := f.lockAudit(); err != nil {
			return err
		}
	}
	if f.keep != nil {
		cover.LeaveOut(f.keep)
	}
	f.cover = cover
	if f.saves != "" {
		if f.backup, _, err = report.OpenBackup(f.dir, f.Run, f.saves); err != nil {
			return auditError(f.dir, err)
		}
	}
	if err := f.dir.Sync(); err != nil {
		return f.refuse(err)
	}
	return nil
}

// findSuspects: chunks are fed in order and a slot is freed by a row on disk, so what a crash left in flight is
// among the first unfinished chunks, as many as the largest run had workers. A run that ended in order left a list.
func (f *active) findSuspects() map[int]bool {
	s := map[int]bool{}
	if e := f.Run.LastEnd(); e != nil {
		for _, n := range e.InDoubt {
			s[n] = true
		}
	}
	if f.Run.Open {
		for _, n := range f.cover.FirstOpen(f.Run.Workers) {
			s[n] = true
		}
	}
	return s
}

// end notes in run.json how the run ended and which chunks it left in doubt. After a failure of the audit run.json
// stays as it is, open, as after a crash.
func (f *active) end(stopped *Error, left []int, unclean bool) error {
	if unclean {
		return nil
	}
	ended := report.Ended{At: time.Now().UTC(), ExitCode: int(f.finishedCode()), LastHash: f.audit.Hash()}
	if stopped != nil {
		ended.ExitCode, ended.Reason = int(stopped.Code), stopped.Error()
	}
	for n := range f.suspects {
		left = append(left, n)
	}
	left = slices.DeleteFunc(left, f.cover.IsDone)
	slices.Sort(left)
	ended.InDoubt = slices.Compact(left)
	f.Run.Last().Ended, f.Run.Open = &ended, false
	return f.save()
}

func (f *active) finishedCode() Code {
	if f.Run.Asked.Plan.Invalid > 0 || f.cover.Users[report.Failed]+f.cover.Users[report.Unknown] > 0 {
		return Incomplete
	}
	return OK
}

func (f *active) close() error {
	var err error
	if f.audit != nil {
		err = f.audit.Close()
	}
	if f.backup != nil {
		err = errors.Join(err, f.backup.Close())
	}
	return err
}
