package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"bulkdelete/pkg/report"
)

// Folder is a run's folder while a command works on it: locked, its audit read, ready to go on.
type Folder struct {
	Dir string
	Run *report.Run // what was asked, nil while nothing has been

	keep     func(chunk int) (places uint64) // a restore: which places are to be settled, bit p-1 for place p; nil: all
	savesTo  string                          // the file that users are saved to; "": none
	unlock   func() error
	audit    *report.Audit
	backup   *report.Backup // nil: nobody is saved
	mu       sync.Mutex     // guards progress
	progress *progress
	suspects suspects
}

// suspects are the chunks that may have been sent without a row to show for it.
type suspects map[int]bool

// OpenFolder takes hold of dir if it exists. Where it does not, nothing is created before Run begins.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{Dir: dir}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err := f.lock(); err != nil {
		return nil, err
	}
	run, err := report.LoadRun(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(Fail(Guard, "restore run.json, or choose another folder with --out", "the folder cannot be used: %w", err), f.Close())
	}
	f.Run = run
	return f, nil
}

func (f *Folder) lock() error {
	unlock, err := report.Lock(f.Dir)
	if errors.Is(err, report.ErrInUse) {
		return Fail(Guard, "wait for the other run to end; two runs never work on one folder", "the folder %s cannot be used: %w", f.Dir, err)
	}
	if err != nil {
		return Fail(Halted, "make room or mend the disk, then run the same command again", "the folder %s cannot be used: %w", f.Dir, err)
	}
	f.unlock = unlock
	return nil
}

// Adopt says which run the folder is for. A folder that holds another run is refused with what differs, unless that
// run never sent anything.
func (f *Folder) Adopt(want *report.Run) error {
	if f.Run == nil {
		if _, err := os.Stat(f.path(auditName)); err == nil {
			return Fail(Guard, "restore run.json, or choose another folder with --out", "the folder %s holds an audit but no run.json to say what it is about", f.Dir)
		}
		f.Run = want
	} else if diff := differences(f.Run, want); len(diff) > 0 {
		if !f.unused() {
			return f.foreign(diff)
		}
		f.Run = want
	}
	f.progress = newProgress(f.Run.Accepted, f.Run.ChunkSize, f.Run.Chunks)
	if f.keep != nil {
		f.progress.leaveOut(f.keep)
	}
	if f.Run.Options[optionBackup] != "" {
		f.savesTo = report.BackupName
	}
	if f.unlock == nil {
		return nil
	}
	return f.openAudit(os.O_RDWR)
}

// unused says that no run on this folder can have sent anything: it is safe to plan anew.
func (f *Folder) unused() bool {
	info, err := os.Stat(f.path(auditName))
	return !f.Run.Open && len(f.Run.InDoubt) == 0 && (errors.Is(err, fs.ErrNotExist) || err == nil && f.Run.Accepted == 0 && info.Size() < 1<<10)
}

const auditName = "audit.csv"

func (f *Folder) path(name string) string { return filepath.Join(f.Dir, name) }

// openAudit reads what earlier runs settled. Without os.O_CREATE in flag a missing audit is an empty one.
func (f *Folder) openAudit(flag int) error {
	file, err := os.OpenFile(f.path(auditName), flag, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return Fail(Halted, "mend the disk, then run the same command again", "the audit cannot be opened: %w", err)
	}
	f.audit, err = report.OpenAudit(file, f.Run.Input.SHA256, max(1, f.Run.Workers), f.progress.add)
	if err != nil {
		return Fail(Guard, "restore audit.csv from a copy, or start over in another folder with --out", "the audit %s cannot be gone on with: %w", file.Name(), err)
	}
	return nil
}

// begin makes the folder ready for sending and gives the suspects. Whatever happens from here on, run.json says that
// calls may be under way.
func (f *Folder) begin(workers int) (_ suspects, err error) {
	if f.unlock == nil {
		if err := report.MakeDir(f.Dir); err != nil {
			return nil, Fail(Halted, "make room or mend the disk, or choose another folder with --out", "the run's folder cannot be made: %w", err)
		}
		if err := f.lock(); err != nil {
			return nil, err
		}
	}
	f.suspects = f.findSuspects()
	f.Run.Open, f.Run.Ended, f.Run.Workers = true, nil, max(f.Run.Workers, workers)
	if err := f.save(); err != nil {
		return nil, err
	}
	if f.audit == nil {
		if err := f.openAudit(os.O_RDWR | os.O_CREATE); err != nil {
			return nil, err
		}
	}
	if f.savesTo != "" {
		if f.backup, err = openSaved(f.path(f.savesTo), f.Run.Workers); err != nil {
			return nil, err
		}
	}
	if err := syncDir(f.Dir); err != nil {
		return nil, Fail(Halted, "", "the run's folder cannot be made durable: %w", err)
	}
	return f.suspects, nil
}

// findSuspects: chunks are fed in order and a slot is freed by a row on disk, so what a crash left in flight is among
// the first unfinished chunks, as many as the largest run had workers. A run that ended in order left a list.
func (f *Folder) findSuspects() suspects {
	s := suspects{}
	for _, n := range f.Run.InDoubt {
		s[n] = !f.progress.isDone(n)
	}
	if !f.Run.Open {
		return s
	}
	for n, found := 1, 0; n <= f.Run.Chunks && found < f.Run.Workers; n++ {
		if !f.progress.isDone(n) {
			s[n] = true
			found++
		}
	}
	return s
}

func (f *Folder) save() error {
	if err := f.Run.Save(f.Dir); err != nil {
		return Fail(Halted, "make room or mend the disk, then run the same command again", "run.json cannot be written: %w", err)
	}
	return nil
}

func (f *Folder) isDone(chunk int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.progress.isDone(chunk)
}

func (f *Folder) open(chunk int) []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.progress.open(chunk)
}

// append returns when the row is durable.
func (f *Folder) append(row report.Row) error {
	if err := f.audit.Append(row); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.progress.add(row)
}

// end notes in run.json how the run ended and which chunks it left in doubt. After a failure of the audit run.json
// stays open, as after a crash.
func (f *Folder) end(stopped *Error, left []int, unclean bool) error {
	ended := report.Ended{At: time.Now().UTC(), ExitCode: int(f.finishedCode())}
	if stopped != nil {
		ended.ExitCode, ended.Reason = int(stopped.Code), stopped.Error()
	}
	f.Run.Ended, f.Run.Open = &ended, unclean
	for n, suspect := range f.suspects {
		if suspect {
			left = append(left, n)
		}
	}
	left = slices.DeleteFunc(left, f.progress.isDone)
	slices.Sort(left)
	f.Run.InDoubt = slices.Compact(left)
	return f.save()
}

func (f *Folder) finishedCode() Code {
	if f.Run.Invalid > 0 || f.progress.users[report.Failed]+f.progress.users[report.Unknown] > 0 {
		return Incomplete
	}
	return OK
}

// Finished says whether every accepted row has been settled.
func (f *Folder) Finished() bool { return f.progress != nil && f.progress.finished() }

// Remaining is the number of users without a row in the audit.
func (f *Folder) Remaining() int { return f.Run.Accepted - f.progress.usersDone }

// Settled is the number of users that earlier runs on this folder settled with each outcome.
func (f *Folder) Settled(o report.Outcome) int { return f.progress.users[o] }

// HasFiles says whether the files of a finished run have been made.
func (f *Folder) HasFiles() bool {
	s, err := report.LoadSummary(f.Dir)
	return err == nil && s.State == "finished"
}

// AdoptTarget completes what the run is for once the API has said whose user pool it is.
func (f *Folder) AdoptTarget(want *report.Run) error {
	if f.Run.UserPool == "" {
		f.Run.UserPool = want.UserPool
	}
	if diff := differences(f.Run, want); len(diff) > 0 {
		return f.foreign(diff)
	}
	return nil
}

func (f *Folder) foreign(diff []string) error {
	return Fail(Guard, "choose another folder with --out, or give the input and options of before",
		"the folder %s belongs to another run:%s", f.Dir, list(diff))
}

// Close lets go of the folder.
func (f *Folder) Close() error {
	var errs []error
	if f.audit != nil {
		errs = append(errs, f.audit.Close())
	}
	if f.backup != nil {
		errs = append(errs, f.backup.Close())
	}
	if f.unlock != nil {
		errs = append(errs, f.unlock())
	}
	f.audit, f.backup, f.unlock = nil, nil, nil
	return errors.Join(errs...)
}

func syncDir(dir string) error {
	for _, name := range []string{dir, filepath.Dir(dir)} {
		d, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
