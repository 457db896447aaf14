package job

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// looks says whether users are read before they are deleted.
func (r *Record) looks(j *Job) bool {
	rules := r.rules
	return j.backup != nil || len(rules.Match)+len(rules.Only)+len(rules.Protected) > 0
}

// lookFirst reads the users at places and deletes or suspends those who were found and are whom the run is about, once
// their profiles are on disk where that was asked for. Nobody else is named in a call.
func (r *Record) lookFirst(w *work, places []int, t trail) error {
	profiles, t, err := w.lookUp(places, t)
	if profiles == nil {
		return err
	}
	send, missing, spared := r.decide(w, places, profiles)
	var already []int
	if r.Run.Asked.Deed == report.Suspend {
		if send, already, err = w.suspend(send, profiles, t); err != nil {
			return err
		}
	}
	if w.job.backup != nil {
		users := w.saved(slices.Concat(send, already), profiles)
		if err := w.job.backup.Append(users); err != nil {
			return w.leave(t, Fail(Halted, roomHint, "the backup cannot be written, so nobody more is %s: %w",
				r.Run.Asked.Deed.Past(), err))
		}
		w.job.lookForSealed(users)
	}
	if err := w.recordEach(spared, report.Spared, t); err != nil {
		return err
	}
	if err := w.record(already, report.Suspended, t, "suspended already; nothing was sent"); err != nil {
		return err
	}
	if err := w.missing(missing, t); err != nil || len(send) == 0 {
		return err
	}
	t.InDoubt, t.seen = false, true // they are there now
	return w.send(send, t)
}

// decide says who of those at places is deleted, who is not there, and who is spared for which reason.
func (r *Record) decide(w *work, places []int, profiles map[int][]json.RawMessage) (
	send, missing []int, spared map[string][]int,
) {
	spared = map[string][]int{}
	for _, place := range places {
		var cells []string
		if len(r.rules.Match) > 0 {
			cells = r.Plan.Cells(w.chunk.Raw[place-1])
		}
		var found []who.Person
		for _, profile := range profiles[place] {
			p, _ := who.ParsePerson(profile) // what it does not say fulfils nothing
			found = append(found, p)
		}
		switch d, reason := r.rules.Decide(cells, found); d {
		case who.Send:
			send = append(send, place)
		case who.Spare:
			spared[reason] = append(spared[reason], place)
		default:
			missing = append(missing, place)
		}
	}
	return send, missing, spared
}

// recordEach records users who are there and are named in no call, by the reason, which begins the row's message.
func (w *work) recordEach(by map[string][]int, o report.Outcome, t trail) error {
	t.Receipt = client.Receipt{StartedAt: t.StartedAt, RequestIDs: t.RequestIDs}
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		if err := w.record(by[reason], o, t, reason); err != nil {
			return err
		}
	}
	return nil
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

// missing records users who were not found when they were looked for. Those whom an earlier run may have named in a
// call are deleted; where it saved whom it named, no others are.
func (w *work) missing(places []int, t trail) error {
	const sentNothing = "not found when read; nothing was sent"
	switch {
	case w.change.outcome == report.Suspended: // which makes nobody absent
		return w.record(places, report.Absent, t, sentNothing)
	case w.job.backup == nil:
		return w.gone(places, t, sentNothing)
	}
	before := w.job.backup.Places(w.chunk.Number)
	deleted, absent := split(places, func(place int) bool {
		return t.InDoubt && before&report.PlacesMask(place, place) != 0
	})
	const why = "saved by an earlier run and not found now: taken for deleted by it"
	if err := w.record(deleted, report.Deleted, t, why); err != nil {
		return err
	}
	return w.record(absent, report.Absent, t, sentNothing)
}

// lookUp reads, whole, the users at places. nil: that cannot be had, and what there is to do is done.
func (w *work) lookUp(places []int, t trail) (found map[int][]json.RawMessage, _ trail, err error) {
	byType, ids := map[string][]int{}, map[string][]string{}
	for _, place := range places {
		idType, id := w.key(place)
		byType[idType], ids[idType] = append(byType[idType], place), append(ids[idType], id)
	}
	found = map[int][]json.RawMessage{}
	for idType, some := range byType {
		profiles, receipt, err := w.job.Client.Profiles(w.ctx(), idType, ids[idType])
		w.job.heard(err)
		if err != nil {
			return nil, t, w.unread(places, t, receipt, err)
		}
		t = t.addRead(receipt)
		maps.Copy(found, byPlace(some, profiles))
	}
	return found, t, nil
}

// key finds the user of a place. One who was deleted is back under an ID that lasts; who has none is never created, and
// is found by the old user_id if never gone.
func (w *work) key(place int) (idType, id string) {
	users := w.users[place]
	if users == nil {
		return w.idType(), w.chunk.IDs[place-1]
	}
	if idType, id = client.KeyOf(users[0].User); id != "" && w.job.folder.Run.Asked.Deed == report.Restore {
		return idType, id
	}
	return chunker.UserID, client.UserIDOf(users[0].User)
}

// unread isolates users who cannot be read, and records them: nothing is done to them, but maybe an earlier call has. A
// failure for a reason that is about more than them leaves the chunk to the next run.
func (w *work) unread(places []int, t trail, receipt client.Receipt, err error) error {
	receipt.InDoubt = false // reading does nothing that could be done unseen
	t = t.add(receipt)
	rule, hint, failed := w.unseen()
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case errors.Is(err, client.Blind):
		return w.leave(t, Fail(Halted, "check that the access key may read users, then run the same command again",
			"the API shows none of these users, nor anybody else, and %s: %w", rule, err))
	case hopeless(err):
		return w.leave(t, refused(err, hint, "the API refuses to show users, and "+rule))
	case errors.Is(err, client.Unavailable) && !w.job.answersSince(receipt.StartedAt):
		return w.leave(t, outOfReach(err))
	case len(places) > 1 && !errors.Is(err, client.Unavailable):
		return w.divide(places, t, func(half []int, t trail) error { return w.job.Deed.do(w, half, t) })
	case t.InDoubt:
		return w.record(places, report.Unknown, t, "an earlier call may have been carried out, and they cannot be read")
	}
	return w.record(places, report.Failed, t, failed)
}

// unseen are, for users who cannot be read: the rule by which nothing is done to them, what to do next where the API
// refuses to show anybody, and what to say of them alone.
func (w *work) unseen() (rule, hint, failed string) {
	const allow = "allow the access key to read users"
	switch a := w.job.folder.Run.Asked; {
	case a.Deed.Undoes():
		return "nobody is restored unseen", allow, "left alone: it could not be seen how the user is now"
	case a.Deed == report.Suspend:
		return "nobody is suspended whose status was not saved", allow, "could not be saved, so not suspended"
	case a.Backup != "":
		return "--backup deletes nobody who was not saved",
			allow + ", or run without --backup into another folder (--out)", "could not be saved, so not deleted"
	}
	return "nobody is deleted who was not looked at, as --match, --only and --protect by another kind of ID ask",
		allow + ", or run without them into another folder (--out)", "could not be looked at, so not deleted"
}

// refused is why a job stops whose calls will not be answered any better, and how that is mended.
func refused(err error, mend, what string) *Error {
	if errors.Is(err, client.Postponed) {
		return Fail(Halted, "wait until then; "+againHint, "the API postpones this job: %w", err)
	}
	return Fail(Halted, mend, "%s: %w", what, err)
}

// hopeless says whether no call of this kind will be answered any better.
func hopeless(err error) bool {
	return isAny(err, client.Credentials, client.Payment, client.Unsupported, client.WrongPool, client.Postponed)
}
