package job

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

const (
	// silence is how long a heartbeat may stay as it is before the run is taken for dead.
	silence = 10 * time.Second
	look    = 50 * time.Millisecond
)

// Status says how the run on the folder at path stands: by its heartbeat while it works, else by its audit. It changes
// nothing. A run whose heartbeat does not change for ten seconds, or whose process is gone from this machine, has died.
func Status(ctx context.Context, path string) (*report.Status, error) {
	dir, err := journal.OpenDir(path)
	if err != nil {
		return nil, Fail(Usage, folderHint, "%s is not a run's folder: %w", path, err)
	}
	defer dir.Close() //nolint:errcheck // it was only read
	run, err := loadRun(dir)
	if err != nil {
		return nil, err
	}
	if run == nil || !run.Begun() {
		return nil, Fail(Usage, "a run's folder has a run.json once it begins to delete: "+folderHint,
			"no run has begun on %s", path)
	}
	beat, err := beating(ctx, dir, run)
	if err != nil || beat != nil {
		return beat, err
	}
	if run, err = loadRun(dir); err != nil { // it may have ended meanwhile
		return nil, err
	}
	return standing(dir, run)
}

// beating gives the next heartbeat of the run that works on a folder, nil if none does.
func beating(ctx context.Context, dir *journal.Dir, run *report.Run) (*report.Status, error) {
	first, err := report.LoadStatus(dir)
	if err != nil || first == nil && !run.Open || first != nil && first.State == report.Over {
		return nil, err
	}
	for until := time.Now().Add(silence); time.Now().Before(until); {
		now, err := report.LoadStatus(dir)
		switch {
		case err != nil:
			return nil, err
		case now != nil && now.State == report.Over:
			return nil, nil
		case now != nil && (first == nil || !now.UpdatedAt.Equal(first.UpdatedAt)):
			return now, nil
		case gone(cmp.Or(now, lastKnown(run))) && gone(holder(dir)):
			return nil, nil
		}
		if !sleep(ctx, look) {
			return nil, context.Cause(ctx)
		}
	}
	if h := holder(dir); h.PID > 0 && !gone(h) { // what reads a long input, or waits for an answer
		s, err := standing(dir, run)
		if err == nil {
			s.State, s.ExitCode, s.PID = report.Running, int(Interrupted), h.PID
			s.HeldBy = "nothing is sent yet: the input is checked, or a person is asked"
		}
		return s, err
	}
	return nil, nil
}

// holder is who else holds a folder, by its lock, on this machine; without a PID: nobody here.
func holder(dir *journal.Dir) *report.Status {
	text, _ := dir.ReadFile(report.LockName, 1<<10) // without one nobody holds it
	s := &report.Status{}
	own, err := os.Hostname()
	n, _ := fmt.Sscanf(string(text), "%d on %s", &s.PID, &s.Host)
	if n < 2 || err != nil || s.Host != own || s.PID == os.Getpid() {
		return &report.Status{Host: own}
	}
	return s
}

// lastKnown is who ran last, for a run without a heartbeat.
func lastKnown(run *report.Run) *report.Status {
	s := run.Last()
	_, host, _ := strings.Cut(s.By, "@")
	return &report.Status{PID: s.PID, Host: host}
}

// gone says whether a process was of this machine, and is there no more.
func gone(s *report.Status) bool {
	host, err := os.Hostname()
	return err == nil && s.Host == host && (s.PID <= 0 || !isProcess(s.PID))
}

// standing is how a run on which nobody works stands.
func standing(dir *journal.Dir, run *report.Run) (*report.Status, error) {
	audit, err := report.ReadAudit(dir, run, nil)
	if err != nil {
		return nil, auditError(dir, err)
	}
	defer audit.Close() //nolint:errcheck // it was only read
	s, last := lastKnown(run), run.Last()
	s.State, s.ExitCode, s.By, s.StartedAt, s.UpdatedAt = report.Died, int(Halted), last.By, last.StartedAt, last.StartedAt
	s.Users, s.Left = run.Asked.Plan.Accepted, audit.Left()
	s.Done = s.Users - s.Left
	s.HeldBy = "it died; to go on: " + last.Resume
	before, err := report.LoadStatus(dir) // the last heartbeat
	if err != nil {
		return nil, err
	}
	if before != nil {
		s.UpdatedAt, s.LastError, s.Obeyed = before.UpdatedAt, before.LastError, before.Obeyed
	}
	if e := last.Ended; e != nil && !run.Open {
		s.State, s.ExitCode, s.UpdatedAt, s.HeldBy = report.Over, e.ExitCode, e.At, e.Reason
	}
	return s, nil
}

// Beat writes the heartbeat.
func (f *Folder) Beat(s *report.Status) error { return s.Save(f.dir) }

// Control is what was asked of the run on the folder last, nil if nothing was.
func (f *Folder) Control() (*report.PaceChange, error) { return report.LoadControl(f.dir) }

// elsewhere refuses a folder on which a run on another machine works: locks do not hold there on every file system.
func (f *Folder) elsewhere(ctx context.Context, say func(format string, args ...any)) error {
	s, err := report.LoadStatus(f.dir)
	host, _ := os.Hostname()
	if err != nil || s == nil || s.State == report.Over || s.Host == host || f.Run == nil || !f.Run.Open {
		return nil // a heartbeat that cannot be read is nobody's
	}
	if say != nil {
		say("the run on %s did not end in order: looking for %s whether it is still at work on %s", f.Path, silence, s.Host)
	}
	if s, err = beating(ctx, f.dir, f.Run); err != nil || s == nil {
		return err
	}
	return Fail(Guard, "wait for the other run to end; two runs never work on one folder",
		"the folder %s cannot be used: %w: process %d on %s", f.Path, ErrInUse, s.PID, s.Host)
}

// paceWaits is how long a run may take to obey.
const paceWaits = 10 * time.Second

// Repace asks the run that works on the folder at path for another pace, and waits until it obeys.
func Repace(ctx context.Context, path string, c report.PaceChange) (*report.Status, error) {
	s, err := Status(ctx, path)
	if err != nil {
		return nil, err
	}
	if s.State == report.Died || s.State == report.Over {
		return nil, Fail(Guard, "give --rate to the command that goes on with it", "no run works on %s: it %s", path,
			map[string]string{report.Died: "died", report.Over: "has ended"}[s.State])
	}
	dir, err := journal.OpenDir(path)
	if err != nil {
		return nil, refuse(path, err)
	}
	defer dir.Close() //nolint:errcheck // what was written is on disk
	if err := c.Save(dir); err != nil {
		return nil, refuse(path, err)
	}
	for until := time.Now().Add(paceWaits); time.Now().Before(until); {
		s, err := report.LoadStatus(dir)
		switch {
		case err != nil:
			return nil, refuse(path, err)
		case s != nil && s.Obeyed.Equal(c.At):
			return s, nil
		case s != nil && s.State == report.Over:
			return nil, Fail(Guard, "nothing is sent any more", "the run on %s has ended meanwhile", path)
		}
		if !sleep(ctx, look) {
			return nil, context.Cause(ctx)
		}
	}
	return nil, Fail(Halted, fmt.Sprintf("bulkdelete status %s says whether it is still at work", path),
		"the run on %s did not obey within %s", path, paceWaits)
}

// Repaced notes in run.json that the pace was changed, and the command that goes on from then on. After the end it is
// too late: nothing is noted.
func (j *Job) Repaced(c report.PaceChange, resume string) (noted bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.folder.Run.Last()
	if s.Ended != nil {
		return false, nil
	}
	s.Paces, s.Resume = append(s.Paces, c), resume
	return true, j.folder.save()
}
