package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// do creates everybody at places who is not there and can be created, or sets back the status of those who were
// suspended. Where an ID named several users, which of them to create is for a person to say.
func (r *Restore) do(w *work, places []int, t trail) error {
	users, err := r.backup.Chunk(w.chunk.Number)
	if w.users = users; err != nil {
		return Fail(Halted, "compare it with a copy", "the backup cannot be read any more: %w", err)
	}
	size := r.Of.Asked.Plan.ChunkSize
	w.chunk.IDs, w.chunk.Lines = make([]string, size), make([]int, size)
	for place, u := range users {
		w.chunk.IDs[place-1], w.chunk.Lines[place-1] = u[0].ID, u[0].Line
	}
	if r.SetsBack() {
		return r.setBack(w, places, t)
	}
	single, several := split(places, func(place int) bool { return len(users[place]) == 1 })
	if err := w.never(several, trail{Receipt: client.Receipt{StartedAt: time.Now()}}); err != nil {
		return err
	}
	return w.recreate(single, t)
}

// cells are what the profiles of a chunk's users say.
func (r *Restore) cells(w *work) (cells []string) {
	for _, users := range w.users {
		for _, u := range users {
			cells = append(cells, u.ID)
			var profile map[string]any
			_ = json.Unmarshal(u.User, &profile) // of what is no profile nothing is said
			for _, value := range profile {
				if text, ok := value.(string); ok {
					cells = append(cells, text)
				}
			}
		}
	}
	return cells
}

// Obstacle says why the API creates nobody like the users that an ID named, "" for nothing.
func Obstacle(users []report.Saved) string {
	if len(users) > 1 {
		return fmt.Sprintf("the ID named %d users: create those by hand", len(users))
	}
	return client.Foresee(users[0].User).Never
}

// never records those who are named in no call, each with the reason.
func (w *work) never(places []int, t trail) error {
	for _, place := range places {
		if err := w.record([]int{place}, report.Failed, t, Obstacle(w.users[place])); err != nil {
			return err
		}
	}
	return nil
}

// recreate finds out who of places exists, creates the others in one call, and records what became of them.
// Creating is never repeated without looking: a creation whose answer was lost may have been carried out.
func (w *work) recreate(places []int, t trail) error {
	if len(places) == 0 {
		return nil
	}
	found, t, err := w.lookUp(places, t)
	if found == nil {
		return err
	}
	existing, missing := split(places, func(place int) bool { return len(found[place]) > 0 })
	maybe, others := split(existing, func(place int) bool { return t.InDoubt && Obstacle(w.users[place]) == "" })
	missing, never := split(missing, func(place int) bool { return Obstacle(w.users[place]) == "" })
	is := func(place int) json.RawMessage { return found[place][0] }
	err = w.back(maybe, is, t, "there after an earlier attempt without an answer: taken for created by it")
	if err == nil {
		err = w.record(others, report.Exists, t, "a user with the same ID is there")
	}
	if err == nil {
		err = w.never(never, t)
	}
	switch {
	case err != nil || len(missing) == 0:
		return err
	case t.tries == mostTries:
		return w.record(missing, report.Failed, t, "not there after several attempts")
	}
	return w.create(missing, t)
}

// create sends one call for users who are not there.
func (w *work) create(places []int, t trail) error {
	profiles := make([]json.RawMessage, len(places))
	for i, place := range places {
		profiles[i] = w.users[place][0].User
	}
	created, receipt, err := w.job.Client.CreateUsers(w.ctx(), profiles)
	w.job.heard(err)
	t = t.add(receipt)
	switch {
	case err == nil:
		return w.created(places, byPlace(places, created), t)
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case hopeless(err):
		return w.leave(t, refused(err, "mend that, then "+againHint, "the API refuses this restore"))
	case len(places) > 1:
		return w.divide(places, t, w.recreate)
	case t.InDoubt:
		t.tries++
		return w.recreate(places, t)
	}
	return w.record(places, report.Failed, t, "")
}

// created records those whom the answer shows. Of the others it says nothing, so they are looked for.
func (w *work) created(places []int, users map[int]json.RawMessage, t trail) error {
	shown, others := split(places, func(place int) bool { return users[place] != nil })
	if err := w.back(shown, func(place int) json.RawMessage { return users[place] }, t, ""); err != nil {
		return err
	}
	t.InDoubt = true
	t.tries++
	return w.recreate(others, t)
}

// back records users who are there again, as is gives them. Their new user_ids are on disk before.
func (w *work) back(places []int, is func(place int) json.RawMessage, t trail, note string) error {
	var saved []report.Saved
	for _, place := range places {
		u := w.users[place][0]
		u.User = is(place)
		saved = append(saved, u)
	}
	if err := w.job.backup.Append(saved); err != nil {
		t.InDoubt = true
		return w.leave(t, Fail(Halted, roomHint, "who was created cannot be written down, so nobody more is: %w", err))
	}
	return w.record(places, report.Restored, t, note)
}
