package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// returning is one chunk of users on their way back.
type returning struct {
	*work
	users map[int][]report.Saved
	keys  map[int]key
}

// key finds a user who is back. Where a profile has none that lasts it is the old user_id, by which only one who
// was never gone is found.
type key struct {
	idType, id string
	lasts      bool
}

func newReturn(w *work, users map[int][]report.Saved) *returning {
	size := w.job.folder.Run.Asked.Plan.ChunkSize
	w.chunk.IDs, w.chunk.Lines = make([]string, size), make([]int, size)
	keys := map[int]key{}
	for place, u := range users {
		w.chunk.IDs[place-1], w.chunk.Lines[place-1] = u[0].ID, u[0].Line
		idType, id := client.KeyOf(u[0].User)
		k := key{idType, id, id != ""}
		if !k.lasts {
			k.idType, k.id = chunker.UserID, client.UserIDOf(u[0].User)
		}
		keys[place] = k
	}
	return &returning{w, users, keys}
}

// recreate finds out who of places exists, creates the others in one call, and records what became of them.
// Creating is never repeated without looking: a creation whose answer was lost may have been carried out.
func (b *returning) recreate(places []int, t trail, tries int) error {
	places, err := b.several(places, t)
	if err != nil || len(places) == 0 {
		return err
	}
	found, t, err := b.lookUp(places, t)
	if err != nil || found == nil {
		return err
	}
	missing, err := b.there(places, found, t)
	if err != nil {
		return err
	}
	missing, err = b.untraceable(missing, t)
	if err != nil || len(missing) == 0 {
		return err
	}
	if tries == mostTries {
		return b.record(missing, report.Failed, t, "not there after several attempts")
	}
	return b.create(missing, t, tries)
}

// several records the places whose ID named several users at once: which of them to create is for a person to say.
func (b *returning) several(places []int, t trail) (single []int, err error) {
	for _, place := range places {
		n := len(b.users[place])
		if n == 1 {
			single = append(single, place)
			continue
		}
		t.receipt.StartedAt = time.Now()
		why := fmt.Sprintf("the ID named %d users: create those by hand", n)
		if err := b.record([]int{place}, report.Failed, t, why); err != nil {
			return nil, err
		}
	}
	return single, nil
}

// lookUp finds those who exist. found is nil if that could not be had and the places are recorded.
func (b *returning) lookUp(places []int, t trail) (found map[int]json.RawMessage, _ trail, err error) {
	found = map[int]json.RawMessage{}
	began := time.Now()
	for idType, some := range b.byKey(places) {
		ids := make([]string, len(some))
		for i, place := range some {
			ids[i] = b.keys[place].id
		}
		profiles, receipt, err := b.job.Client.Profiles(b.ctx(), idType, ids)
		b.job.heard(err)
		t = t.addRead(receipt)
		if err != nil {
			return nil, t, b.blind(places, t, began, err)
		}
		for i, place := range some {
			if len(profiles[i]) > 0 {
				found[place] = profiles[i][0]
			}
		}
	}
	return found, t, nil
}

func (b *returning) byKey(places []int) map[string][]int {
	by := map[string][]int{}
	for _, place := range places {
		by[b.keys[place].idType] = append(by[b.keys[place].idType], place)
	}
	return by
}

// blind records those who could not be looked up, and so were not created.
func (b *returning) blind(places []int, t trail, began time.Time, err error) error {
	switch {
	case errors.Is(err, client.Stopped):
		return b.leave(t, nil)
	case hopeless(err), errors.Is(err, client.Blind):
		return b.leave(t, Fail(Halted, "allow the access key to read users",
			"the API refuses to show users, and nobody is created who may exist: %w", err))
	case errors.Is(err, client.Unavailable) && !b.job.answeredSince(middle(began)):
		return b.leave(t, outOfReach(err))
	case t.inDoubt:
		return b.record(places, report.Unknown, t, "looking did not settle it: "+err.Error())
	}
	const why = "not created, because it could not be seen whether the user exists: "
	return b.record(places, report.Failed, t, why+err.Error())
}

// there records those who exist, and gives the others.
func (b *returning) there(places []int, found map[int]json.RawMessage, t trail) (missing []int, err error) {
	existing, missing := split(places, func(place int) bool { return found[place] != nil })
	if len(existing) == 0 {
		return missing, nil
	}
	if t.inDoubt {
		const why = "there after an earlier attempt without an answer: taken for created by it"
		return missing, b.back(existing, found, t, why)
	}
	return missing, b.record(existing, report.Exists, t, "a user with the same ID is there")
}

// untraceable records those who may have been created and cannot be found, and gives the others.
func (b *returning) untraceable(places []int, t trail) (rest []int, err error) {
	if !t.inDoubt {
		return places, nil
	}
	rest, lost := split(places, func(place int) bool { return b.keys[place].lasts })
	return rest, b.record(lost, report.Unknown, t, "may have been created, and has no ID to look for")
}

// create sends one call for users who are not there.
func (b *returning) create(places []int, t trail, tries int) error {
	profiles := make([]json.RawMessage, len(places))
	for i, place := range places {
		profiles[i] = b.users[place][0].User
	}
	created, receipt, err := b.job.Client.CreateUsers(b.ctx(), profiles)
	b.job.heard(err)
	t = t.add(receipt)
	switch {
	case err == nil:
		return b.created(places, created, t, tries)
	case errors.Is(err, client.Stopped):
		return b.leave(t, nil)
	case hopeless(err):
		return b.leave(t, Fail(Halted, "mend that, then "+againHint, "the API refuses this restore: %w", err))
	case len(places) > 1:
		return b.divide(places, t, func(half []int) error { return b.recreate(half, t, tries) })
	case t.inDoubt:
		return b.recreate(places, t, tries+1)
	}
	return b.record(places, report.Failed, t, "")
}

// created records those whom the answer shows. Of the others it says nothing, so they are looked for.
func (b *returning) created(places []int, users []json.RawMessage, t trail, tries int) error {
	shown := map[int]json.RawMessage{}
	var in, out []int
	for i, place := range places {
		if users[i] == nil {
			out = append(out, place)
			continue
		}
		in, shown[place] = append(in, place), users[i]
	}
	if err := b.back(in, shown, t, ""); err != nil || len(out) == 0 {
		return err
	}
	t.inDoubt = true
	return b.recreate(out, t, tries+1)
}

// back records users who are there again. Their new user_ids are on disk before.
func (b *returning) back(places []int, users map[int]json.RawMessage, t trail, note string) error {
	if len(places) == 0 {
		return nil
	}
	var saved []report.Saved
	for _, place := range places {
		u := b.users[place][0]
		u.User = users[place]
		saved = append(saved, u)
	}
	if err := b.job.folder.backup.Append(saved); err != nil {
		t.inDoubt = true
		return b.leave(t, Fail(Halted, roomHint, "who was created cannot be written down, so nobody more is: %w", err))
	}
	return b.record(places, report.Restored, t, note)
}
