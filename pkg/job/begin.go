package job

import (
	"errors"
	"os"
	"slices"
	"time"

	"bulkdelete/pkg/report"
)

// begin makes the folder ready for sending. From then on run.json says that calls may be under way.
func (j *Job) begin() error {
	f, run := j.folder, j.folder.Run
	if !run.Begun() { // what the folder is for comes before anything else is in it
		if err := f.save(); err != nil {
			return err
		}
	}
	if err := j.openFiles(); err != nil {
		return err
	}
	if err := j.Deed.prepare(); err != nil {
		return err
	}
	// Chunks are fed in order and a slot is freed by a row on disk, so what a crash left in flight is among the first
	// unfinished chunks, as many as the largest run had workers. A run that ended in order left a list.
	if e := run.LastEnd(); e != nil {
		j.suspects = slices.Clone(e.InDoubt)
	}
	if run.Open {
		j.suspects = append(j.suspects, f.audit.FirstOpen(run.Workers)...)
	}
	s := j.Session
	s.StartedAt, s.Torn, s.Workers = time.Now().UTC(), f.audit.Torn, j.Workers
	s.WorkDir, _ = os.Getwd() // a page that lacks it is no reason not to run
	run.Program, run.Open, run.Workers = s.Program, true, max(run.Workers, s.Workers)
	run.Runs = append(run.Runs, s)
	return f.save()
}

// openFiles reads the audit and the backup to their ends and makes them ready to append.
func (j *Job) openFiles() error {
	f := j.folder
	held := f.dir.Has(report.AuditName)
	audit, err := report.OpenAudit(f.dir, f.Run)
	if err != nil {
		return auditError(f.dir, err)
	}
	f.audit, j.closers = audit, append(j.closers, audit.Close)
	if !held {
		if err := f.lock(report.AuditName); err != nil {
			return err
		}
	}
	if name := saves(f.Run); name != "" {
		if j.backup, err = report.OpenBackup(f.dir, f.Run, name); err != nil {
			return auditError(f.dir, err)
		}
		j.closers = append(j.closers, j.backup.Close)
	}
	if err := f.dir.Sync(); err != nil {
		return refuse(f.Path, err)
	}
	return nil
}

// saves is the file that users are saved to; "": none.
func saves(run *report.Run) string {
	switch {
	case run.Asked.Deed == report.Restore:
		return report.CreatedName
	case run.Asked.Backup != "":
		return report.BackupName
	}
	return ""
}

// end notes in run.json how the run ended and which chunks it left in doubt. After a failure of the audit run.json
// stays as it is, open, as after a crash.
func (j *Job) end(stopped *Error) error {
	if j.unclean {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	run, audit := j.folder.Run, j.folder.audit
	ended := report.Ended{At: time.Now().UTC(), LastHash: audit.Hash()}
	switch {
	case stopped != nil:
		ended.ExitCode, ended.Reason = int(stopped.Code), stopped.Error()
	case run.Asked.Plan.Invalid > 0 || audit.Users[report.Failed]+audit.Users[report.Unknown]+audit.Mismatched > 0:
		ended.ExitCode = int(Incomplete)
	}
	left := slices.DeleteFunc(slices.Concat(j.inDoubt, j.suspects), audit.IsDone)
	slices.Sort(left)
	ended.InDoubt = slices.Compact(left)
	if stopped != nil && errors.Is(stopped, ErrStopAfter) {
		run.Last().Resume = j.AfterTrial
	}
	run.Last().Ended, run.Open = &ended, false
	return j.folder.save()
}
