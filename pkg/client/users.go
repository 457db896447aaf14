package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ReadBatch is how many users one get-user-batch may ask for: the API documents 50, but servers that parse queries as
// Node does turn more than 20 array values into something else (docs/genauth-api.md, "Answers").
const ReadBatch = 20

// user is what of a user tells who it is.
type user struct {
	raw json.RawMessage // the whole of it, as the API gave it

	UserID     string `json:"userId"`
	ExternalID string `json:"externalId"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
	Country    string `json:"phoneCountryCode"`
	Username   string `json:"username"`
	Identities []struct {
		ExtIdpID    string `json:"extIdpId"`
		Provider    string `json:"provider"`
		UserIDInIdp string `json:"userIdInIdp"`
	} `json:"identities"`
	CustomData map[string]any `json:"customData"`
}

// Existing says which of ids belong to users that exist, in the order given, with as many calls as that takes. Without
// an error, every ID that is not among them belongs to nobody: where a reading found nobody at all, a user who exists
// was found by the same means, or the error is [Blind].
func (c *Client) Existing(ctx context.Context, idType string, ids []string) (living []string, all Receipt, err error) {
	found, all, err := c.lookUp(ctx, idType, ids, needed(idType))
	for i, users := range found {
		if len(users) > 0 {
			living = append(living, ids[i])
		}
	}
	return living, all, err
}

// Profiles gives what the API knows of each of ids, in the order given: the JSON of every user that the ID names, as
// the API wrote it, with custom data, identities and departments; none for an ID that belongs to nobody, which is
// believed as by Existing. It takes as many calls as that needs.
func (c *Client) Profiles(ctx context.Context, idType string, ids []string) (
	profiles [][]json.RawMessage, all Receipt, err error,
) {
	full := params{{"withCustomData", true}, {"withIdentities", true}, {"withDepartmentIds", true}}
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
	with   params // what of each user to ask for
	all    Receipt
	seen   control // who was found by an earlier call
	blind  bool    // the last call that found nobody has not been followed by one that found somebody
}

// lookUp gives the users that each of ids names.
func (c *Client) lookUp(ctx context.Context, idType string, ids []string, with params) ([][]user, Receipt, error) {
	var found [][]user
	r := &reading{client: c, ctx: ctx, idType: idType, with: with}
	for batch := range slices.Chunk(ids, ReadBatch) {
		some, err := r.batch(batch)
		if err != nil {
			return nil, r.all, err
		}
		found = append(found, some...)
	}
	if r.blind {
		if err := r.control(ids); err != nil {
			return nil, r.all, err
		}
	}
	return found, r.all, nil
}

// needed is what an answer must contain to tell whom an ID names.
func needed(idType string) params {
	switch idType {
	case "identity", "sync_relation":
		return params{{"withIdentities", true}}
	case "custom_field":
		return params{{"withCustomData", true}}
	}
	return params{}
}

func (r *reading) batch(ids []string) ([][]user, error) {
	users, nobody, err := r.users(r.idType, ids)
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 1:
		return [][]user{users}, nil
	case nobody: // of them all, or only one of them
		return r.oneByOne(ids)
	}
	found := make([][]user, len(ids))
	for _, u := range users {
		known := false
		for i, id := range ids {
			if u.is(r.idType, id) {
				found[i], known = append(found[i], u), true
				r.seen = control{u, r.idType, id}
			}
		}
		if !known { // nobody alive is ever called gone: ask for each ID alone
			return r.oneByOne(ids)
		}
	}
	return found, nil
}

func (r *reading) oneByOne(ids []string) (found [][]user, err error) {
	for i := range ids {
		some, err := r.batch(ids[i : i+1])
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// users asks once. nobody: the API said that there is no such user, in place of an empty list.
func (r *reading) users(idType string, ids []string) (users []user, nobody bool, err error) {
	a := &call{client: r.client, auth: r.client.auth, name: "get-user-batch", method: http.MethodGet, reads: true,
		bound: readBound, params: slices.Concat(params{{"userIds", ids}, {"userIdType", idType}}, r.with),
		succeeded: func(d []byte) bool {
			users, err = parseUsers(d)
			return err == nil
		}}
	err = a.do(r.ctx)
	r.all.Join(a.receipt)
	if errors.Is(err, NotFound) && a.receipt.SaysNoUser() {
		return nil, true, nil
	}
	r.blind = len(users) == 0
	return users, false, err
}

var errNoList = errors.New("data is no list of users")

// parseUsers reads a list of users, keeping the whole of each.
func parseUsers(data []byte) ([]user, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	if list == nil {
		return nil, errNoList
	}
	users := make([]user, len(list))
	for i, raw := range list {
		if err := json.Unmarshal(raw, &users[i]); err != nil {
			return nil, err
		}
		users[i].raw = raw
	}
	return users, nil
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
	switch idType {
	case "user_id":
		ids = []string{u.UserID}
	case "external_id":
		ids = []string{u.ExternalID}
	case "email":
		ids = []string{u.Email}
	case "phone":
		ids = []string{u.Phone}
	case "username":
		ids = []string{u.Username}
	case "custom_field":
		key, _, _ := strings.Cut(like, ":")
		if value := u.CustomData[key]; value != nil {
			ids = []string{fmt.Sprintf("%s:%v", key, value)}
		}
	}
	for _, i := range u.Identities {
		switch {
		case i.UserIDInIdp == "":
		case idType == "identity" && i.ExtIdpID != "":
			ids = append(ids, i.ExtIdpID+":"+i.UserIDInIdp)
		case idType == "sync_relation" && i.Provider != "":
			ids = append(ids, i.Provider+":"+i.UserIDInIdp)
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// samePhone compares with and without the country's code, which the API keeps in a field of its own.
func samePhone(u user, id string) bool {
	bare := strings.TrimPrefix(u.Phone, u.Country)
	spellings := []string{u.Phone, bare, u.Country + bare, strings.TrimPrefix(u.Country, "+") + bare}
	return id != "" && slices.Contains(spellings, id)
}
