package job

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// change is what a call does to users, and how reading tells whether it did.
type change struct {
	outcome   report.Outcome // of those whom it was done to
	is, isNot string         // what reading says of those, and of the others

	// send makes the call for users at places. said are those whom its success is about.
	send func(places []int) (said []int, r client.Receipt, err error)
	// look reads which users at places are as they were, and which are not.
	look func(places []int) (before, after []int, r client.Receipt, err error)
	// settle records what became of users who are not as they were; how says how that is known.
	settle func(places []int, t trail, how string) error
}

// deletion is the change that deletes users.
func (w *work) deletion() change {
	return change{outcome: report.Deleted, is: "gone", isNot: "there", settle: w.gone,
		send: func(places []int) ([]int, client.Receipt, error) {
			r, err := w.job.Client.DeleteUsers(w.ctx(), w.idType(), w.ids(places))
			return places, r, err
		},
		look: func(places []int) (alive, gone []int, r client.Receipt, err error) {
			living, r, err := w.job.Client.Existing(w.ctx(), w.idType(), w.ids(places))
			alive, gone = split(places, func(place int) bool { return slices.Contains(living, w.chunk.IDs[place-1]) })
			return alive, gone, r, err
		},
	}
}

// send makes the change to the users at places in one call and records what became of them. An error means
// that some of the places have no row: an *Error is why the whole job has to stop, any other that it is stopping.
func (w *work) send(places []int, t trail) error {
	began := time.Now()
	said, receipt, err := w.change.send(places)
	t = t.add(receipt)
	w.job.heard(err)
	switch {
	case err == nil:
		return w.succeeded(places, said, t)
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case errors.Is(err, client.NotFound):
		return w.notFound(places, t)
	case errors.Is(err, client.Refused), errors.Is(err, client.TooLarge):
		return w.refused(places, t, began, err)
	case errors.Is(err, client.Unavailable), errors.Is(err, client.ServerError):
		return w.unanswered(places, t, began, err)
	default: // credentials, payment, unsupported, postponed: it will not get better
		return w.leave(t, refused(err, "mend that, then "+againHint, "the API refuses this job"))
	}
}

// lags are the waits between readings of users of whom the API said something that reading does not show yet.
var lags = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// succeeded records what the API said, after reading back if that was asked for. Of whom it said nothing are read
// anyway. What is done may not be readable for some seconds.
func (w *work) succeeded(places, said []int, t trail) error {
	t.Message, t.said = "", true // says no more than the outcome, and would have to be searched for names
	if !w.job.Verify {
		if err := w.change.settle(said, t, ""); err != nil {
			return err
		}
		_, places = split(places, func(place int) bool { return slices.Contains(said, place) })
	}
	for try := 0; len(places) > 0; try++ {
		before, after, read, err := w.look(places, t)
		if t = read; err != nil {
			return w.notReadBack(places, said, t, err)
		}
		if err := w.change.settle(after, t, report.ReadBack+w.change.is); err != nil || len(before) == 0 {
			return err
		}
		if places = before; try == len(lags) {
			return w.record(places, report.Failed, t,
				fmt.Sprintf("the API said %s, but reading back finds the user %s", w.change.outcome, w.change.isNot))
		}
		if !sleep(w.job.feed, lags[try]) {
			t.InDoubt = true
			return w.leave(t, nil)
		}
	}
	return nil
}

// notReadBack records users who could not be read back: the API's word is taken for those of whom it said that it is
// done.
func (w *work) notReadBack(places, said []int, t trail, err error) error {
	how := "could not be read back: " + w.mask(err.Error())
	if errors.Is(err, client.Stopped) {
		how = "not read back: the run was stopped"
	}
	said, silent := split(places, func(place int) bool { return slices.Contains(said, place) })
	if err := w.change.settle(said, t, how); err != nil || len(silent) == 0 {
		return err
	}
	if t.InDoubt = true; errors.Is(err, client.Stopped) {
		return w.leave(t, nil)
	}
	return w.record(silent, report.Unknown, t, "not named by the answer, and "+how)
}

// look reads which users at places are as they were before the change, and which are not.
func (w *work) look(places []int, t trail) (before, after []int, _ trail, err error) {
	before, after, r, err := w.change.look(places)
	w.job.heard(err)
	return before, after, t.addRead(r), err
}

// notFound isolates the users that the API does not know: reading tells which they are and the others go in one call. A
// 404 that does not name a missing user is not believed without reading back: a wrong host answers so to everything.
func (w *work) notFound(places []int, t trail) error {
	const bare404 = "404 without a word of a missing user, and "
	alone := len(places) == 1
	if alone && t.SaysNoUser() {
		return w.change.settle(places, t, "")
	}
	alive, gone, t, err := w.look(places, t)
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case alone && errors.Is(err, client.Blind):
		return w.record(places, report.Unknown, t, bare404+"reading did not settle it: "+w.mask(err.Error()))
	case alone && (err != nil || len(gone) == 0):
		return w.record(places, report.Failed, t, bare404+"reading back does not say that the user is "+w.change.is)
	case err != nil || len(gone) == 0:
		return w.divide(places, t, w.send) // reading is not permitted, or does not agree: ask each user alone
	}
	begun := 0 // an API that works through a list and stops at the first user it does not know has deleted those before
	for begun < len(gone) && gone[begun] == places[begun] {
		begun++
	}
	if begun < 2 || len(alive) == 0 {
		begun = 0
	}
	doubted := t
	doubted.InDoubt = true
	if err := w.change.settle(gone[:begun], doubted,
		"among the first that the refused call named, and "+w.change.is); err != nil {
		return err
	}
	if err := w.change.settle(gone[begun:], t, w.change.is+" when read back"); err != nil || len(alive) == 0 {
		return err
	}
	return w.send(alive, t)
}

// gone records users that the API does not know. Who was there when read, or may have been deleted by an earlier
// attempt, is deleted: that is what success looks like. Others were gone before.
func (w *work) gone(places []int, t trail, how string) error {
	switch {
	case t.said:
		return w.record(places, report.Deleted, t, how)
	case t.seen:
		return w.record(places, report.Deleted, t, join("there when read, and gone after this call", how))
	case t.InDoubt:
		const why = "not found after an earlier attempt without an answer: taken for deleted by it"
		return w.record(places, report.Deleted, t, join(why, how))
	}
	return w.record(places, report.Absent, t, how)
}

// refused isolates the culprit by halving. A lone user has failed. A call that named several may have been carried
// out in part before it was refused, so that reading says whether the user has.
func (w *work) refused(places []int, t trail, began time.Time, cause error) error {
	switch {
	case len(places) == 1 && t.InDoubt:
		return w.unanswered(places, t, began, cause)
	case len(places) == 1:
		return w.record(places, report.Failed, t, "")
	}
	const tooLarge = http.StatusRequestEntityTooLarge // nothing of it was read
	t.InDoubt = t.InDoubt || t.HTTPStatus != tooLarge && t.StatusCode != tooLarge
	return w.divide(places, t, w.send)
}

// mostTries is how many calls for the same users may go without an answer before their outcome is unknown.
const mostTries = 3

// unanswered finds out about users after the attempts at a call ran out: reading back says who still exists. Where
// that cannot be had either, an API that answers nobody stops the job; one that answers others leaves these users
// unknown. A user who is found alive after attempts without an answer was not refused, and is tried again.
func (w *work) unanswered(places []int, t trail, began time.Time, cause error) error {
	silent := t.Unanswered
	before, after, t, err := w.look(places, t)
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case err != nil && !w.job.answersSince(began):
		return w.leave(t, outOfReach(cause))
	case err != nil && (t.InDoubt || silent):
		return w.record(places, report.Unknown, t, "reading back did not settle it: "+w.mask(err.Error()))
	case err != nil:
		return w.record(places, report.Failed, t, "")
	}
	if err := w.change.settle(after, t, w.change.is+" when read back"); err != nil || len(before) == 0 {
		return err
	}
	if t.tries++; silent && t.tries < mostTries {
		return w.send(before, t)
	}
	if errors.Is(cause, client.ServerError) && len(before) > 1 {
		return w.divide(before, t, w.send) // some plain bad arguments are answered with 500
	}
	still := "still " + w.change.isNot + " when read back"
	if silent {
		return w.record(before, report.Unknown, t, still+", and no attempt was answered")
	}
	return w.record(before, report.Failed, t, still)
}
