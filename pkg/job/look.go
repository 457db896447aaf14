package job

import (
	"encoding/json"
	"errors"
	"time"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// saveFirst reads the users at places and deletes those who were found, once their profiles are on disk. Nobody else is
// named in a call.
func (w *work) saveFirst(places []int, t trail) error {
	list, receipt, err := w.job.Client.Profiles(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	if err != nil {
		return w.notSaved(places, t, receipt, err)
	}
	t = t.addRead(receipt)
	profiles := byPlace(places, list)
	found, missing := split(places, func(place int) bool { return len(profiles[place]) > 0 })
	users := w.saved(found, profiles)
	if err := w.job.backup.Append(users); err != nil {
		return w.leave(t, Fail(Halted, roomHint, "the backup cannot be written, so nobody more is deleted: %w", err))
	}
	w.job.lookForSealed(users)
	if err := w.missing(missing, t); err != nil || len(found) == 0 {
		return err
	}
	t.InDoubt, t.saved = false, true // they are there now
	return w.erase(found, t)
}

func (w *work) saved(places []int, profiles map[int][]json.RawMessage) (users []report.Saved) {
	for _, place := range places {
		for _, user := range profiles[place] {
			users = append(users, report.Saved{Chunk: w.chunk.Number, Place: place,
				Line: w.chunk.Lines[place-1], ID: w.chunk.IDs[place-1], User: user})
		}
	}
	return users
}

// lookForSealed tells once that the pool encrypts or masks what it shows: then that is what the backup holds.
func (j *Job) lookForSealed(users []report.Saved) {
	for _, u := range users {
		if sealed := client.Foresee(u.User).Sealed; j.Sealed != nil && len(sealed) > 0 {
			j.sealed.Do(func() { j.Sealed(sealed) })
			return
		}
	}
}

// missing records users who were not found when they were looked for. Those whom an earlier run found, and may have
// named in a call, are deleted.
func (w *work) missing(places []int, t trail) error {
	before := w.job.backup.Places(w.chunk.Number)
	deleted, absent := split(places, func(place int) bool {
		return t.InDoubt && before&report.PlacesMask(place, place) != 0
	})
	const why = "saved by an earlier run and not found now: taken for deleted by it"
	if err := w.record(deleted, report.Deleted, t, why); err != nil {
		return err
	}
	return w.record(absent, report.Absent, t, "not found when read; nothing was sent")
}

// notSaved goes on without the profiles of users at places: it isolates those who cannot be read, who are not
// deleted, unless an earlier run did that.
func (w *work) notSaved(places []int, t trail, receipt client.Receipt, err error) error {
	receipt.InDoubt = false // reading does nothing that could be done unseen
	t = t.add(receipt)
	if errors.Is(err, client.Blind) {
		return w.leave(t, Fail(Halted, "check that the access key may read users, then run the same command again",
			"the API shows none of these users, nor anybody else, and --backup deletes nobody who was not saved: %w", err))
	}
	left := w.unreadable(t, receipt.StartedAt, err, "--backup deletes nobody who was not saved",
		"allow the access key to read users, or run without --backup into another folder (--out)")
	switch {
	case left != nil:
		return left
	case len(places) > 1 && !errors.Is(err, client.Unavailable):
		return w.divide(places, t, w.saveFirst)
	case t.InDoubt:
		return w.record(places, report.Unknown, t, "an earlier run may have deleted them; they cannot be read")
	}
	return w.record(places, report.Failed, t, "could not be saved, so not deleted")
}

// unreadable leaves the chunk to the next run where a reading failed for a reason that is about more than its users;
// else it gives nil.
func (w *work) unreadable(t trail, began time.Time, err error, rule, hint string) error {
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case errors.Is(err, client.Blind), hopeless(err):
		return w.leave(t, Fail(Halted, hint, "the API refuses to show users, and %s: %w", rule, err))
	case errors.Is(err, client.Unavailable) && !w.job.answersSince(began):
		return w.leave(t, outOfReach(err))
	}
	return nil
}

// hopeless says whether no call of this kind will be answered any better.
func hopeless(err error) bool {
	return isAny(err, client.Credentials, client.Payment, client.Unsupported, client.WrongPool, client.Postponed)
}
