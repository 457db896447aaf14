package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// listed is how many users list-users shows on a page: as many as it may, since those asked about are of no use.
const listed = 50

// control is a user who was found when a reading needed proof that it can find anybody.
type control struct {
	user   user
	idType string
	id     string
}

// control believes that nobody of ids exists only if the same means find somebody who does: an API with a lagging copy,
// of another pool, or that understands these IDs in another way finds nobody either. The user found last is asked for
// first; when that one is gone too, list-users says who else there is. It reads an index that lags, so a second page is
// tried, the last one: who is deleted meanwhile often stands on the first.
func (r *reading) control(ids []string) error {
	var known [][]control
	if r.seen.id != "" {
		known = append(known, []control{r.seen})
	}
	if last, ok := r.client.controls.Load(r.idType); ok && !isAmong(last.(control).user, r.idType, ids) {
		known = append(known, []control{last.(control)})
	}
	for _, some := range known {
		if found, err := r.finds(some); found || err != nil {
			return err
		}
	}
	tried := 0
	for page, round := 1, 0; round < 2; round++ {
		users, total, err := r.list(page, listed)
		if err != nil {
			return noControl(err)
		}
		if total == 0 && len(users) == 0 {
			return nil // an emptied pool
		}
		some := r.candidates(users, ids)
		tried += len(some)
		if found, err := r.finds(some); found || err != nil {
			return err
		}
		page = max(1, (total+listed-1)/listed)
	}
	return fmt.Errorf("%w: reading finds nobody, not even a user who exists: "+
		"of %d others that list-users shows it finds none", Blind, tried)
}

// list gives a page of users, and how many there are in all.
func (r *reading) list(page, limit int) (users []user, total int, err error) {
	var data struct {
		TotalCount any
		List       json.RawMessage
	}
	pages := params{{"pagination", params{{"page", page}, {"limit", limit}}}}
	a := &call{client: r.client, auth: r.client.auth, name: "list-users", method: http.MethodPost, reads: true,
		params: params{{"options", slices.Concat(pages, needed[r.idType])}}}
	a.succeeded = func(d []byte) bool {
		data.TotalCount, data.List = nil, nil
		return json.Unmarshal(d, &data) == nil && data.TotalCount != nil &&
			(data.List == nil || parseInto(&users)(data.List))
	}
	err = a.do(r.ctx)
	r.all.Join(a.receipt)
	return users, number(data.TotalCount), err
}

// candidates are those who were not asked about anyway, by an ID of the type that is on trial or, where nobody shows
// one, by the user_id.
func (r *reading) candidates(users []user, ids []string) (some []control) {
	var byUserID []control
	for _, u := range users {
		if u.UserID == "" || isAmong(u, r.idType, ids) {
			continue
		}
		byUserID = append(byUserID, control{u, "user_id", u.UserID})
		if own := u.ids(r.idType, ids[0]); len(own) > 0 {
			some = append(some, control{u, r.idType, own[0]})
		}
	}
	if len(some) == 0 {
		some = byUserID
	}
	return some[:min(len(some), ReadBatch)]
}

// finds says whether one of some is found, and remembers that one.
func (r *reading) finds(some []control) (bool, error) {
	if len(some) == 0 {
		return false, nil
	}
	ids := make([]string, len(some))
	for i, c := range some {
		ids[i] = c.id
	}
	users, _, err := r.users(some[0].idType, ids)
	if err != nil {
		return false, noControl(err)
	}
	for _, c := range some {
		if slices.ContainsFunc(users, func(u user) bool { return u.UserID == c.user.UserID }) {
			r.client.controls.Store(r.idType, c)
			return true, nil
		}
	}
	return false, nil
}

// noControl: who may not ask for a user to try is blind. A failure that passes, a stop and a wrong pool stay what they
// are.
func noControl(err error) error {
	for _, stays := range []Kind{Stopped, Unavailable, ServerError, WrongPool} {
		if errors.Is(err, stays) {
			return err
		}
	}
	return fmt.Errorf("%w: reading finds nobody, and no user who exists can be had to try it on: %v", Blind, err)
}

func isAmong(u user, idType string, ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return u.is(idType, id) })
}
