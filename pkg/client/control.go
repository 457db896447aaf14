package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// listed is how many users list-users shows on a page: as many as it may, since those asked about are of no use.
const listed = 50

// control believes that nobody of ids exists only if the same means find somebody who does: an API with a lagging copy,
// of another pool, or that understands these IDs in another way finds nobody either. The user found last is asked for
// first; when that one is gone too, list-users says who else there is. It reads an index that lags, so a second page is
// tried, the last one: who is deleted meanwhile often stands on the first.
func (r *reading) control(ids []string) error {
	known := []user{r.seen}
	if last, ok := r.client.controls.Load(r.idType); ok {
		known = append(known, r.others([]user{last.(user)}, ids)...)
	}
	if found, err := r.finds(known, ids[0]); found || err != nil {
		return err
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
		others := r.others(users, ids)
		tried += min(len(others), ReadBatch)
		if found, err := r.finds(others, ids[0]); found || err != nil {
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
	options := map[string]any{"pagination": map[string]any{"page": page, "limit": limit}}
	maps.Copy(options, needed[r.idType])
	a := r.client.post("list-users", map[string]any{"options": options}, func(d []byte) bool {
		data.TotalCount, data.List = nil, nil
		return json.Unmarshal(d, &data) == nil && data.TotalCount != nil &&
			(data.List == nil || parseInto(&users)(data.List))
	})
	a.reads = true
	err = a.do(r.ctx)
	r.all.Join(a.receipt)
	return users, number(data.TotalCount), err
}

// others are those users who were not asked about anyway.
func (r *reading) others(users []user, ids []string) []user {
	return slices.DeleteFunc(users, func(u user) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return u.is(r.idType, id) })
	})
}

// finds says whether some of these users are found, by an ID of the type that is on trial or, where nobody shows one,
// by the user_id, and remembers one who is. like is any ID of that type.
func (r *reading) finds(some []user, like string) (bool, error) {
	var ids, userIDs []string
	for _, u := range some {
		if u.UserID == "" {
			continue
		}
		userIDs = append(userIDs, u.UserID)
		if own := u.ids(r.idType, like); len(own) > 0 {
			ids = append(ids, own[0])
		}
	}
	idType := r.idType
	if len(ids) == 0 {
		idType, ids = "user_id", userIDs
	}
	if len(ids) == 0 {
		return false, nil
	}
	users, _, err := r.users(idType, ids[:min(len(ids), ReadBatch)])
	if err != nil {
		return false, noControl(err)
	}
	for _, u := range users {
		if slices.Contains(userIDs, u.UserID) {
			r.client.controls.Store(r.idType, u)
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
