package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// saveFirst reads the users at places and deletes those whose profiles are on disk, and nobody else.
func (w *work) saveFirst(places []int, t trail) error {
	profiles, receipt, err := w.job.Client.Profiles(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	if err == nil {
		t = t.addRead(receipt)
		if err := w.job.Folder.backup.Append(w.saved(places, profiles)); err != nil {
			return w.leave(t, Fail(Halted, roomHint, "the backup cannot be written, so nobody more is deleted: %w", err))
		}
		return w.settle(places, t)
	}
	receipt.InDoubt = false // reading does nothing that could be done unseen
	t = t.add(receipt)
	alone := len(places) == 1
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case errors.Is(err, client.Unavailable) && !w.job.answeredSince(receipt.StartedAt):
		return w.leave(t, outOfReach(err))
	case errors.Is(err, client.Unavailable), alone && !hopeless(err):
		return w.unread(places, t)
	case hopeless(err):
		return w.leave(t, Fail(Halted, "allow the access key to read users, or run without --backup into another folder (--out)",
			"the API refuses to show users, and --backup deletes nobody who was not saved: %w", err))
	}
	return w.divide(places, t, func(half []int) error { return w.saveFirst(half, t) })
}

// hopeless says whether no call of this kind will be answered any better.
func hopeless(err error) bool {
	return errors.Is(err, client.Credentials) || errors.Is(err, client.Payment) || errors.Is(err, client.Unsupported)
}

// unread records users who could not be read and so were not deleted, unless an earlier run did.
func (w *work) unread(places []int, t trail) error {
	if t.inDoubt {
		return w.record(places, report.Unknown, t, "an earlier run may have deleted them; they cannot be read")
	}
	return w.record(places, report.Failed, t, "could not be saved, so not deleted")
}

func (w *work) saved(places []int, profiles [][]json.RawMessage) (users []report.Saved) {
	for i, place := range places {
		u := report.Saved{Chunk: w.chunk.Number, Place: place, Line: w.chunk.Lines[place-1], ID: w.chunk.IDs[place-1], User: json.RawMessage("null")}
		if len(profiles[i]) == 0 {
			users = append(users, u)
		}
		for _, u.User = range profiles[i] {
			users = append(users, u)
		}
	}
	return users
}

// openSaved opens a file of saved users to append to. workers is the largest number of any run that did.
func openSaved(path string, workers int) (*report.Backup, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, Fail(Halted, roomHint, "the users' profiles cannot be kept: %w", err)
	}
	b, err := report.OpenBackup(file, workers)
	if err != nil {
		return nil, errors.Join(Fail(Guard, "restore it from a copy, or start over in another folder with --out", "%s cannot be gone on with: %w", path, err), file.Close())
	}
	return b, nil
}

// Saved is what a folder's backup and restore add up to.
type Saved struct {
	Users    int // in the backup
	Restored int // by the restore, if there was one
}

// VerifyBackup checks that the backup is whole and has everybody whom the run deleted and, if users were restored, the chain
// of the restore's audit. It gives nil for a run without --backup and for a backup that has been removed.
func (r *Record) VerifyBackup(t *Tally) (*Saved, error) {
	f, err := os.Open(r.Folder.path(report.BackupName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	broken := func(err error) error {
		return Fail(Incomplete, "compare it with a copy", "%s: %w", f.Name(), err)
	}
	chunks, err := indexSaved(f, r.Folder.Run)
	if err != nil {
		return nil, broken(err)
	}
	s := &Saved{}
	for _, c := range chunks {
		s.Users += bits.OnesCount64(c.places)
	}
	for _, e := range t.entries {
		if e.outcome == report.Deleted && placesMask(e.from, e.to)&^chunks[e.chunk].known != 0 {
			return nil, broken(fmt.Errorf("chunk %d part %d-%d was deleted and is not there", e.chunk, e.from, e.to))
		}
	}
	return s, r.verifyRestore(s)
}

func (r *Record) verifyRestore(s *Saved) error {
	of := &Record{Folder: &Folder{Dir: r.Folder.path(RestoreName)}}
	var err error
	if of.Folder.Run, err = report.LoadRun(of.Folder.Dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	t, err := of.readAudit()
	if err != nil {
		return Fail(Incomplete, "the audit cannot be believed: compare it with a copy", "%s: %w", of.Folder.path(auditName), err)
	}
	s.Restored = t.Users[report.Restored]
	return nil
}
