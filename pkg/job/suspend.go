package job

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// suspended is the status that --suspend gives.
const suspended = "Suspended"

// setting is the change that gives users at places the status that to says. before is how their profiles were found.
// Those who are not there any more are missing.
func (w *work) setting(outcome, missing report.Outcome, is, isNot string, before map[int]who.Person,
	to func(place int) string) change {
	now := map[int]who.Person{} // as they were shown last; without an entry: not at all
	has := func(place int) bool { return now[place].Status == to(place) }
	return change{outcome: outcome, is: is, isNot: isNot,
		send: func(places []int) (said []int, r client.Receipt, err error) {
			shown, r, err := w.job.Client.SetStatuses(w.ctx(), statuses(places, before, to))
			clear(now)
			for _, place := range places {
				now[place] = profileOf(shown[before[place].UserID])
			}
			done, _ := split(places, has)
			return done, r, err
		},
		look: func(places []int) (as, after []int, r client.Receipt, err error) {
			var ids []string
			for _, place := range places {
				ids = append(ids, before[place].UserID)
			}
			list, r, err := w.job.Client.Profiles(w.ctx(), chunker.UserID, ids)
			clear(now)
			for place, users := range byPlace(places[:len(list)], list) {
				if len(users) > 0 {
					now[place] = profileOf(users[0])
				}
			}
			as, after = split(places, func(place int) bool { return now[place].UserID != "" && !has(place) })
			return as, after, r, err
		},
		settle: func(places []int, t trail, how string) error {
			done, gone := split(places, has)
			if err := w.record(gone, missing, t, "no such user any more"); err != nil {
				return err
			}
			if outcome == report.Suspended {
				how = join(how, since(done, before, now))
			}
			return w.record(done, outcome, t, how)
		},
	}
}

// statuses are what SetStatuses is to give the users at places.
func statuses(places []int, before map[int]who.Person, to func(place int) string) (list []client.UserStatus) {
	for _, place := range places {
		u := client.UserStatus{UserID: before[place].UserID, Status: to(place)}
		if !slices.Contains(list, u) { // two IDs may name one user
			list = append(list, u)
		}
	}
	return list
}

// profileOf gives what of a profile is decided on; what is none says nothing.
func profileOf(profile json.RawMessage) who.Person {
	p, _ := who.ParsePerson(profile)
	return p
}

// StatusOf gives the status in a profile.
func StatusOf(profile json.RawMessage) string { return profileOf(profile).Status }

// sinceWords stand in a row's message before the time at which the API says that it changed the users' status: a
// restore knows by that whether somebody has changed it since.
const sinceWords = "status changed at "

// since says when users were suspended, as far as their profiles have moved.
func since(places []int, before, now map[int]who.Person) string {
	var last time.Time
	for _, place := range places {
		at, err := time.Parse(time.RFC3339, now[place].StatusChangedAt)
		moved := now[place].StatusChangedAt != before[place].StatusChangedAt
		if err == nil && moved && at.After(last) {
			last = at
		}
	}
	if last.IsZero() {
		return ""
	}
	return sinceWords + last.UTC().Format(time.RFC3339Nano)
}

// sinceOf reads that again; zero: it is not said.
func sinceOf(message string) time.Time {
	_, text, _ := strings.Cut(message, sinceWords)
	text, _, _ = strings.Cut(text, ";")
	at, _ := time.Parse(time.RFC3339, text) // zero for what is no time
	return at
}

// suspend makes suspending the change, and records those whom it is not for: who cannot be set back, and those whom an
// earlier run may have suspended, saved as they were before. Of the others, to be saved now, already are suspended.
func (w *work) suspend(places []int, profiles map[int][]json.RawMessage, t trail) (send, already []int, err error) {
	var ours []int
	before, now, unfit := map[int]who.Person{}, map[int]who.Person{}, map[string][]int{}
	var saved map[int][]report.Saved
	if t.InDoubt {
		if saved, err = w.job.backup.Chunk(w.chunk.Number); err != nil {
			return nil, nil, Fail(Halted, "compare it with a copy", "the backup cannot be read any more: %w", err)
		}
	}
	for _, place := range places {
		p := profileOf(profiles[place][0])
		now[place], before[place] = p, p
		earlier := saved[place]
		switch {
		case len(profiles[place]) > 1:
			why := fmt.Sprintf("the ID names %d users: suspend those by hand", len(profiles[place]))
			unfit[why] = append(unfit[why], place)
		case p.Status == "" || p.UserID == "":
			why := "the profile has no status that could be set back: suspend the user by hand"
			unfit[why] = append(unfit[why], place)
		case p.Status != suspended:
			send = append(send, place)
		case len(earlier) == 1 && StatusOf(earlier[0].User) != suspended:
			ours, before[place] = append(ours, place), profileOf(earlier[0].User)
		default:
			already = append(already, place)
		}
	}
	w.change = w.setting(report.Suspended, report.Absent, "suspended", "not suspended", before,
		func(int) string { return suspended })
	if err = w.recordEach(unfit, report.Failed, t); err == nil {
		const why = "saved by an earlier run, and suspended now: taken for suspended by it"
		err = w.record(ours, report.Suspended, t, join(why, since(ours, before, now)))
	}
	return send, already, err
}

// slack is by how much the times may differ that the API shows of the same change.
const slack = time.Minute

// isOurs says whether a user at a place still has the status that the run gave, as far as the profile tells.
func (r *Restore) isOurs(chunk, place int, is who.Person) bool {
	moved, err := time.Parse(time.RFC3339, is.StatusChangedAt)
	for _, row := range r.since[chunk] {
		about := row.From <= place && place <= row.To
		if about && err == nil && moved.After(sinceOf(row.Message).Add(slack)) {
			return false
		}
	}
	return is.Status == suspended
}

// setBack gives users at places the status that they had, if their status is still the run's. All others are left
// alone.
func (r *Restore) setBack(w *work, places []int, t trail) error {
	found, t, err := w.lookUp(places, t)
	if found == nil {
		return err
	}
	var send, done, gone []int
	before, others := map[int]who.Person{}, map[string][]int{}
	was := func(place int) string { return StatusOf(w.users[place][0].User) }
	for _, place := range places {
		if len(found[place]) == 0 {
			gone = append(gone, place)
			continue
		}
		switch is := profileOf(found[place][0]); {
		case r.isOurs(w.chunk.Number, place, is):
			send, before[place] = append(send, place), is
		case is.Status == was(place) && t.InDoubt:
			done = append(done, place)
		default:
			why := "changed meanwhile: the status is " + is.Status
			if is.Status == suspended {
				why = "changed meanwhile: suspended anew by somebody else"
			}
			others[why] = append(others[why], place)
		}
	}
	err = w.record(gone, report.Failed, t, "no such user any more")
	if err == nil {
		err = w.record(done, report.Restored, t, "set back after an earlier attempt: taken for set back by it")
	}
	if err == nil {
		err = w.recordEach(others, report.Exists, t)
	}
	if err != nil || len(send) == 0 {
		return err
	}
	t.InDoubt, t.seen = false, true // they are suspended now
	w.change = w.setting(report.Restored, report.Failed, "set back", "suspended", before, was)
	return w.send(send, t)
}

// living are those of ids that a deed has left as they were.
func (v *View) living(ctx context.Context, api *client.Client, ids []string) (living []string, err error) {
	if v.Deed != report.Suspend {
		living, _, err = api.Existing(ctx, v.Plan.Options.IDType, ids)
		return living, err
	}
	profiles, _, err := api.Profiles(ctx, v.Plan.Options.IDType, ids)
	for i, users := range profiles {
		if slices.ContainsFunc(users, func(u json.RawMessage) bool { return StatusOf(u) != suspended }) {
			living = append(living, ids[i])
		}
	}
	return living, err
}
