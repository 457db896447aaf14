package client

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// ReadBatch is how many users one get-user-batch may ask for: the API documents 50, but servers that parse queries as
// Node does turn more than 20 array values into something else (docs/genauth-api.md, "Answers").
const ReadBatch = 20

// user is what of a user tells who it is.
type user struct {
	raw json.RawMessage // the whole of it, as the API gave it

	UserID, ExternalID, Email, Phone, PhoneCountryCode, Username string

	Identities []struct{ ExtIdpID, Provider, UserIDInIdp string }
	CustomData map[string]any
}

// Existing says which of ids belong to users that exist, in the order given, with as many calls as that takes. Without
// an error, every ID that is not among them belongs to nobody: where a reading found nobody at all, a user who exists
// was found by the same means, or the error is [Blind].
func (c *Client) Existing(ctx context.Context, idType string, ids []string) (living []string, all Receipt, err error) {
	found, all, err := c.lookUp(ctx, idType, ids, needed[idType])
	for i, users := range found {
		if len(users) > 0 {
			living = append(living, ids[i])
		}
	}
	return living, all, err
}

// Profiles gives what the API knows of each of ids, in the order given: the JSON of every user that the ID names, as
// the API wrote it, with custom data, identities, departments and tenants; none for an ID that belongs to nobody, which
// is believed as by Existing. It takes as many calls as that needs.
func (c *Client) Profiles(ctx context.Context, idType string, ids []string) (
	profiles [][]json.RawMessage, all Receipt, err error,
) {
	full := map[string]any{"withCustomData": true, "withIdentities": true, "withDepartmentIds": true,
		"withTenantIds": true}
	found, all, err := c.lookUp(ctx, idType, ids, full)
	for _, users := range found {
		var raw []json.RawMessage
		for _, u := range users {
			raw = append(raw, u.raw)
		}
		profiles = append(profiles, raw)
	}
	return profiles, all, err
}

// reading is one look at users, with all its calls.
type reading struct {
	client *Client
	ctx    context.Context
	idType string
	with   map[string]any // what of each user to ask for
	all    Receipt
	seen   user // who was found by an earlier call
	blind  bool // the last call that found nobody has not been followed by one that found somebody
}

// lookUp gives the users that each of ids names.
func (c *Client) lookUp(ctx context.Context, idType string, ids []string, with map[string]any) (
	[][]user, Receipt, error,
) {
	r := &reading{client: c, ctx: ctx, idType: idType, with: with}
	found, err := r.batches(ids, ReadBatch)
	if err == nil && r.blind {
		err = r.control(ids)
	}
	if err != nil {
		return nil, r.all, err
	}
	return found, r.all, nil
}

func (r *reading) batches(ids []string, size int) (found [][]user, err error) {
	for batch := range slices.Chunk(ids, size) {
		some, err := r.batch(batch)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// needed is what an answer must contain beside the plain members to tell whom an ID names.
var needed = map[string]map[string]any{
	"identity": {"withIdentities": true}, "sync_relation": {"withIdentities": true},
	"custom_field": {"withCustomData": true},
}

func (r *reading) batch(ids []string) ([][]user, error) {
	users, nobody, err := r.users(r.idType, ids)
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 1:
		return [][]user{users}, nil
	case nobody: // of them all, or only one of them
		return r.batches(ids, 1)
	}
	found := make([][]user, len(ids))
	for _, u := range users {
		known := false
		for i, id := range ids {
			if u.is(r.idType, id) {
				found[i], known, r.seen = append(found[i], u), true, u
			}
		}
		if !known { // nobody alive is ever called gone: ask for each ID alone
			return r.batches(ids, 1)
		}
	}
	return found, nil
}

// users asks once. nobody: the API said that there is no such user, in place of an empty list.
func (r *reading) users(idType string, ids []string) (users []user, nobody bool, err error) {
	a := r.client.getUsers(idType, ids, r.with, &users)
	err = a.do(r.ctx)
	r.all.Join(a.receipt)
	if errors.Is(err, NotFound) && a.receipt.SaysNoUser() {
		return nil, true, nil
	}
	if errors.Is(err, ServerError) && a.last.bare && a.receipt.Attempts >= surelyBare {
		err = nil // an API that has no data where it has no users: believed as an empty list is
	}
	r.blind = len(users) == 0
	return users, false, err
}

// getUsers is a call that reads users, and with what more of each.
func (c *Client) getUsers(idType string, ids []string, with map[string]any, users *[]user) *call {
	params := map[string]any{"userIds": ids, "userIdType": idType}
	maps.Copy(params, with)
	return &call{client: c, name: "get-user-batch", get: true, reads: true, params: params, succeeded: parseInto(users)}
}

// parseInto reads a list of users, keeping the whole of each, and says whether it was one.
func parseInto(users *[]user) func(data []byte) bool {
	return func(data []byte) bool {
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil || list == nil {
			return false
		}
		*users = make([]user, len(list))
		for i, raw := range list {
			if json.Unmarshal(raw, &(*users)[i]) != nil {
				return false
			}
			(*users)[i].raw = raw
		}
		return true
	}
}

// is says whether the user is the one that an ID of a type names.
func (u user) is(idType, id string) bool {
	switch idType {
	case "phone":
		return samePhone(u, id)
	case "user_id", "email":
		return slices.ContainsFunc(u.ids(idType, id), func(own string) bool { return strings.EqualFold(own, id) })
	}
	return slices.Contains(u.ids(idType, id), id)
}

// ids gives the user's own IDs of a type. like is any ID of that type: it says which custom field.
func (u user) ids(idType, like string) (ids []string) {
	members := map[string]string{"user_id": u.UserID, "external_id": u.ExternalID, "email": u.Email, "phone": u.Phone,
		"username": u.Username}
	if id := members[idType]; id != "" {
		return []string{id}
	}
	key, _, _ := strings.Cut(like, ":")
	if value := u.CustomData[key]; value != nil && idType == "custom_field" {
		return []string{key + ":" + plain(value)}
	}
	for _, i := range u.Identities {
		place := map[string]string{"identity": i.ExtIdpID, "sync_relation": i.Provider}[idType]
		if place != "" && i.UserIDInIdp != "" {
			ids = append(ids, place+":"+i.UserIDInIdp)
		}
	}
	return ids
}

// samePhone compares with and without the country's code, which the API keeps in a field of its own.
func samePhone(u user, id string) bool {
	country := u.PhoneCountryCode
	bare := strings.TrimPrefix(u.Phone, country)
	spellings := []string{u.Phone, bare, country + bare, strings.TrimPrefix(country, "+") + bare}
	return id != "" && slices.Contains(spellings, id)
}
