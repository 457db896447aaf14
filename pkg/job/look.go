package job

import (
	"encoding/json"
	"errors"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// saveFirst reads the users at places and deletes those who were found, once their profiles are on disk. Nobody else is
// named in a call.
func (w *work) saveFirst(places []int, t trail) error {
	t.inDoubt = w.suspect
	profiles, receipt, err := w.job.Client.Profiles(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	if err != nil {
		return w.unreadable(places, t, receipt, err)
	}
	t = t.addRead(receipt)
	var found, missing []int
	for i, place := range places {
		if len(profiles[i]) > 0 {
			found = append(found, place)
		} else {
			missing = append(missing, place)
		}
	}
	if err := w.job.folder.backup.Append(w.saved(places, profiles)); err != nil {
		return w.leave(t, Fail(Halted, roomHint, "the backup cannot be written, so nobody more is deleted: %w", err))
	}
	if err := w.missing(missing, t); err != nil || len(found) == 0 {
		return err
	}
	t.inDoubt, t.saved = false, true // they are there now
	return w.erase(found, t)
}

// missing records users who were not found when they were looked for. Those whom an earlier run found, and may have
// named in a call, are deleted.
func (w *work) missing(places []int, t trail) error {
	before := w.job.folder.backup.Places(w.chunk.Number)
	deleted, absent := split(places, func(place int) bool {
		return w.suspect && before&report.PlacesMask(place, place) != 0
	})
	const why = "saved by an earlier run and not found now: taken for deleted by it"
	if err := w.record(deleted, report.Deleted, t, why); err != nil {
		return err
	}
	return w.record(absent, report.Absent, t, "not found when read; nothing was sent")
}

// unreadable goes on without the profiles of users at places: it isolates those who cannot be read, who are not
// deleted.
func (w *work) unreadable(places []int, t trail, receipt client.Receipt, err error) error {
	receipt.InDoubt = false // reading does nothing that could be done unseen
	t = t.add(receipt)
	alone := len(places) == 1
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case errors.Is(err, client.Blind):
		return w.leave(t, Fail(Halted, "check that the access key may read users, then run the same command again",
			"the API shows none of these users, nor anybody else, and --backup deletes nobody who was not saved: %w", err))
	case errors.Is(err, client.Unavailable) && !w.job.answeredSince(middle(receipt.StartedAt)):
		return w.leave(t, outOfReach(err))
	case errors.Is(err, client.Unavailable), alone && !hopeless(err):
		return w.unread(places, t)
	case hopeless(err):
		return w.leave(t, Fail(Halted,
			"allow the access key to read users, or run without --backup into another folder (--out)",
			"the API refuses to show users, and --backup deletes nobody who was not saved: %w", err))
	}
	return w.divide(places, t, func(half []int) error { return w.saveFirst(half, t) })
}

// hopeless says whether no call of this kind will be answered any better.
func hopeless(err error) bool {
	for _, kind := range []client.Kind{client.Credentials, client.Payment, client.Unsupported, client.WrongPool} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
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
		for _, user := range profiles[i] {
			users = append(users, report.Saved{Chunk: w.chunk.Number, Place: place,
				Line: w.chunk.Lines[place-1], ID: w.chunk.IDs[place-1], User: user})
		}
	}
	return users
}
