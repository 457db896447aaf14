package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Folder is a run's folder that this process holds: nobody else writes into it until Close.
type Folder struct {
	Path string
	Run  *report.Run // what was asked; nil while nothing has been

	audit   *report.Audit // what was done; nil until it is known which run the folder is for
	dropped int           // people whom earlier runs protected, and who are not given any more

	dir     *journal.Dir
	made    []string       // folders that Claim made, the topmost first
	closers []func() error // of what is held, and read
}

const (
	againHint   = "run the same command again: it goes on where it stopped"
	roomHint    = "make room or mend the disk, then " + againHint
	diskHint    = "mend the disk, then run the same command again"
	rerunHint   = "run the same command again"
	folderHint  = "give the folder that a run made, such as users.bulkdelete"
	anotherHint = "choose another folder with --out"
	copyHint    = "restore it from a copy, or start over in another folder with --out"
)

// Claim holds the folder at path against all other processes, and makes it if it is not there. What it holds is
// read only now. A folder that is not a run's, or that others may change, is refused, and so is one on which a run on
// another machine works, or whose lists of people were erased: say, which may be nil, tells of looking for the former,
// which takes seconds.
func Claim(ctx context.Context, path string, say func(format string, args ...any)) (_ *Folder, err error) {
	f, err := claim(ctx, path, say)
	if err != nil {
		return nil, err
	}
	if seal, err := report.LoadSeal(f.dir); err == nil && seal.IsRedacted() {
		return nil, errors.Join(Fail(Guard, anotherHint+"; bulkdelete verify checks what is left",
			"the run in %s is finished, and its lists of people were erased", path), f.Close())
	}
	return f, nil
}

func claim(ctx context.Context, path string, say func(format string, args ...any)) (_ *Folder, err error) {
	f, err := hold(path, (*Folder).ours)
	if err != nil {
		return nil, err
	}
	defer onError(&err, f.Close)
	if f.Run, err = loadRun(f.dir); err != nil {
		return nil, err
	}
	if f.Run == nil {
		return f, f.ours()
	}
	if err := f.elsewhere(ctx, say); err != nil {
		return nil, err
	}
	if f.dir.Has(report.AuditName) { // removing the lock file lets no second run in
		return f, f.lock(report.AuditName)
	}
	return f, nil
}

// hold locks a folder that others may not change, and whose files are fit, and makes it if it is not there.
func hold(path string, fit func(*Folder) error) (_ *Folder, err error) {
	f := &Folder{Path: path}
	defer onError(&err, f.Close)
	if err := f.open(); err != nil {
		return nil, err
	}
	if err := fit(f); err != nil { // before anything is written into it
		return nil, err
	}
	if err := f.lock(report.LockName); err != nil {
		return nil, err
	}
	if err := errors.Join(f.signLock(), f.dir.RemoveTemporary()); err != nil {
		return nil, refuse(path, err)
	}
	return f, nil
}

// open opens a folder that others may not change, and makes it, and those above, if it is not there.
func (f *Folder) open() (err error) {
	if f.made, err = journal.MakeDir(f.Path); err != nil {
		return refuse(f.Path, err)
	}
	if info, err := os.Stat(f.Path); err == nil && !info.IsDir() {
		return refuse(f.Path, syscall.ENOTDIR)
	}
	if f.dir, err = journal.OpenDir(f.Path); err != nil {
		return refuse(f.Path, err)
	}
	return trusted(f.dir)
}

// reclaim is Claim for a folder that is there and holds a run.
func reclaim(ctx context.Context, path string) (*Folder, error) {
	if err := isFolder(path); err != nil {
		return nil, err
	}
	return Claim(ctx, path, nil)
}

func isFolder(path string) error {
	if _, err := os.Stat(filepath.Join(path, report.RunName)); err != nil {
		return Fail(Usage, folderHint, "%s is not a run's folder: %w", path, err)
	}
	return nil
}

// loadRun reads what was asked; nil: nothing was.
func loadRun(dir *journal.Dir) (*report.Run, error) {
	run, err := report.LoadRun(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, report.ErrFormat):
		return nil, Fail(Guard, anotherHint, "the folder %s cannot be used: %w", dir.Path, err)
	case isDamage(err):
		return nil, Fail(Guard, copyHint, "the folder %s cannot be used: %w", dir.Path, err)
	case err != nil:
		return nil, Fail(Halted, diskHint, "the folder %s cannot be read: %w", dir.Path, err)
	}
	return run, nil
}

// ours refuses a folder with foreign files: links in the place of a run's own, or no run.json and more than a run
// leaves that never began.
func (f *Folder) ours() error {
	for _, name := range []string{report.LockName, report.RunName, report.AuditName, report.BackupName} {
		if err := f.dir.Regular(name); err != nil {
			return refuse(f.Path, err)
		}
	}
	names, err := f.dir.Names()
	if err != nil {
		return refuse(f.Path, err)
	}
	if slices.Contains(names, report.RunName) {
		return nil
	}
	foreign := slices.DeleteFunc(names, func(name string) bool {
		return name == report.LockName || name == report.InputName || journal.IsTemporary(name)
	})
	if len(foreign) == 0 {
		return nil
	}
	if slices.Contains(foreign, report.AuditName) {
		return Fail(Guard, "restore run.json, or choose another folder with --out",
			"the folder %s holds an audit but no run.json to say what it is about", f.Path)
	}
	return Fail(Guard, anotherHint,
		"the folder %s holds %s and no run.json: it is not a run's, and nothing is written into it",
		f.Path, strings.Join(foreign[:min(len(foreign), 3)], ", "))
}

func (f *Folder) lock(name string) error {
	unlock, err := f.dir.Lock(name)
	switch {
	case errors.Is(err, journal.ErrInUse):
		text, _ := f.dir.ReadFile(report.LockName, 1<<10) // it may not be written yet
		holder := cmp.Or(strings.TrimSpace(string(text)), "unknown")
		return Fail(Guard, "wait for the other run to end; two runs never work on one folder",
			"the folder %s cannot be used: %w: process %s", f.Path, ErrInUse, holder)
	case err != nil:
		return refuse(f.Path, err)
	}
	f.closers = append(f.closers, unlock)
	return nil
}

// signLock says in the lock who holds the folder.
func (f *Folder) signLock() error {
	file, err := f.dir.OpenFile(report.LockName, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	_, err = fmt.Fprintf(file, "%d on %s\n", os.Getpid(), host)
	return errors.Join(err, file.Close())
}

// refuse explains why the folder at path cannot be used.
func refuse(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		said, mend := whose(path)
		return Fail(Usage, mend+", or "+anotherHint+"; nothing was sent",
			"the folder %s cannot be written: %w; %s", path, err, said)
	case errors.Is(err, syscall.EROFS):
		return Fail(Halted, "mount it so that it can be written, then "+againHint,
			"the folder %s cannot be written: %w", path, err)
	case errors.Is(err, journal.ErrNotRegular):
		return Fail(Guard, "a run's own files are plain files: "+anotherHint,
			"the folder %s cannot be trusted: %w", path, err)
	case errors.Is(err, journal.ErrOpen):
		return Fail(Guard, "then "+againHint, "the folder %s cannot be used: %w", path, err)
	case errors.Is(err, syscall.ENOTDIR):
		return Fail(Usage, anotherHint, "%s is not a folder", path)
	}
	return Fail(Halted, roomHint, "the folder %s cannot be used: %w", path, err)
}

// Adopt says which run the folder is for, and reads what earlier runs on it did. A folder that holds another run is
// refused with what differs, unless that run can never have sent anything; so is one whose audit is not what was
// written, or contradicts the plan of in, which is what want describes. protection is what Protect gave.
func (f *Folder) Adopt(want *report.Run, plan *chunker.Plan, in *Input, protection Protection) (*Record, error) {
	if err := f.take(want); err != nil {
		return nil, err
	}
	if f.dropped > 0 {
		return nil, Fail(Guard, "give the lists of before; people may be added to them",
			"the run in %s protects %d people who are not on the lists of --protect any more", f.Path, f.dropped)
	}
	r := &Record{Input: in, Plan: plan, Protection: protection}
	return r, f.become(r)
}

// take says which run the folder is for and reads its audit.
func (f *Folder) take(want *report.Run) error {
	if f.unused() {
		f.Run = want
	} else if err := f.same(want); err != nil {
		return err
	}
	return f.readAudit()
}

// same refuses a run that is not the folder's.
func (f *Folder) same(want *report.Run) error {
	if diff := differences(f.Run, want); diff != "" {
		return Fail(Guard, "choose another folder with --out, or give the input and options of before",
			"the folder %s belongs to another run:%s", f.Path, diff)
	}
	return nil
}

// unused says that no run on this folder, if there is one, can have sent anything: it is safe to plan anew.
func (f *Folder) unused() bool {
	return f == nil || f.Run == nil || !f.Run.Begun() || f.Run.Asked.Plan.Accepted == 0
}

func (f *Folder) readAudit() error {
	audit, err := report.ReadAudit(f.dir, f.Run, nil)
	if err != nil {
		return auditError(f.dir, err)
	}
	f.audit, f.closers = audit, append(f.closers, audit.Close)
	return nil
}

// become makes a record the folder's, unless the folder's audit contradicts its plan.
func (f *Folder) become(r *Record) error {
	if f.audit.Rows > 0 {
		for err := range r.contradictions(f.audit) {
			return auditError(f.dir, err)
		}
	}
	r.Folder = f
	return nil
}

// isDamage says whether a file is not what a run wrote.
func isDamage(err error) bool {
	_, damaged := errors.AsType[*journal.DamageError](err)
	return damaged || errors.Is(err, journal.ErrNotRegular)
}

// auditError explains why an audit or a backup cannot be gone on with.
func auditError(dir *journal.Dir, err error) error {
	if isDamage(err) {
		return Fail(Guard, copyHint, "the folder %s cannot be believed, and nothing in it was touched: %w", dir.Path, err)
	}
	return Fail(Halted, roomHint, "what earlier runs wrote in %s cannot be read: %w", dir.Path, err)
}

// Close unlocks the folder. One that Claim made and that nothing was written into is removed again.
func (f *Folder) Close() (err error) {
	if f.dir != nil {
		if names, _ := f.dir.Names(); len(f.made) > 0 && slices.Equal(names, []string{report.LockName}) {
			err = f.dir.Remove(report.LockName)
		}
		err = errors.Join(err, closeAll(f.closers), f.dir.Close())
	}
	for _, path := range slices.Backward(f.made) {
		if os.Remove(path) != nil { // it holds something
			break
		}
	}
	return err
}

// held is the folder of a deed that is done in it.
func (f *Folder) held() *Folder { return f }

// AdoptTarget completes what the run is for once the API has said whose user pool it is.
func (f *Folder) AdoptTarget(want *report.Run) error {
	if !f.Run.Begun() {
		f.Run.Asked.UserPool = want.Asked.UserPool
	}
	return f.same(want)
}

// Finished says whether every accepted row has an outcome and the run that wrote the last one ended in order.
func (f *Folder) Finished() bool { return f.audit.Complete() && f.Run.Begun() && !f.Run.Open }

// Remaining is the number of users without a row in the audit.
func (f *Folder) Remaining() int { return f.audit.Left() }

// Settled says whether earlier runs have recorded the user at a place of a chunk.
func (f *Folder) Settled(chunk, place int) bool {
	return !slices.Contains(f.audit.Open(chunk), place)
}

// NotePool writes down how many users the pool has after a run that ended in order.
func (f *Folder) NotePool(users int) error {
	if f.Run.Open || !f.Run.Begun() {
		return nil
	}
	f.Run.Last().Ended.PoolAfter = &users
	return f.save()
}

// Users is the number of users whom earlier runs on this folder have recorded with an outcome.
func (f *Folder) Users(o report.Outcome) int { return f.audit.Users[o] }

func (f *Folder) save() error {
	if err := f.Run.Save(f.dir); err != nil {
		return refuse(f.Path, err)
	}
	return nil
}
