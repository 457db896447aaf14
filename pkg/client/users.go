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

// Existing says which of ids belong to users that exist, in the order given, with as many calls as that takes. Without an
// error, every ID that is not among them belongs to nobody.
func (c *Client) Existing(ctx context.Context, idType string, ids []string) (living []string, all Receipt, err error) {
	found, all, err := c.lookUp(ctx, idType, ids, nil)
	for i, users := range found {
		if len(users) > 0 {
			living = append(living, ids[i])
		}
	}
	return living, all, err
}

// Profiles gives what the API knows of each of ids, in the order given: the JSON of every user that the ID names, as the API
// wrote it, with custom data, identities and departments; none for an ID that belongs to nobody. It takes as many calls as
// that needs.
func (c *Client) Profiles(ctx context.Context, idType string, ids []string) (profiles [][]json.RawMessage, all Receipt, err error) {
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

// lookUp gives the users that each of ids names. with asks for more of each than tells who it is.
func (c *Client) lookUp(ctx context.Context, idType string, ids []string, with params) (found [][]user, all Receipt, err error) {
	if with == nil {
		with = needed(idType)
	}
	for batch := range slices.Chunk(ids, ReadBatch) {
		some, err := c.lookUpBatch(ctx, idType, batch, with, &all)
		if err != nil {
			return nil, all, err
		}
		found = append(found, some...)
	}
	return found, all, nil
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

func (c *Client) lookUpBatch(ctx context.Context, idType string, ids []string, with params, all *Receipt) ([][]user, error) {
	users, err := c.users(ctx, idType, ids, with, all)
	nobody := errors.Is(err, NotFound) && all.SaysNoUser() // in place of an empty list
	switch {
	case err != nil && !nobody:
		return nil, err
	case len(ids) == 1:
		return [][]user{users}, nil
	case nobody:
		return c.oneByOne(ctx, idType, ids, with, all)
	}
	found := make([][]user, len(ids))
	for _, u := range users {
		known := false
		for i, id := range ids {
			if u.is(idType, id) {
				found[i], known = append(found[i], u), true
			}
		}
		if !known { // nobody alive is ever called gone: ask for each ID alone
			return c.oneByOne(ctx, idType, ids, with, all)
		}
	}
	return found, nil
}

func (c *Client) oneByOne(ctx context.Context, idType string, ids []string, with params, all *Receipt) (found [][]user, err error) {
	for i := range ids {
		some, err := c.lookUpBatch(ctx, idType, ids[i:i+1], with, all)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (c *Client) users(ctx context.Context, idType string, ids []string, with params, all *Receipt) (users []user, err error) {
	a := &call{client: c, auth: c.auth, name: "get-user-batch", method: http.MethodGet, bound: readBound,
		params: slices.Concat(params{{"userIds", ids}, {"userIdType", idType}}, with),
		succeeded: func(d []byte) bool {
			users, err = parseUsers(d)
			return err == nil
		}}
	err = a.do(ctx)
	all.join(a.receipt)
	return users, err
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

// join adds a further call's receipt.
func (r *Receipt) join(next Receipt) {
	if r.Attempts == 0 {
		r.StartedAt = next.StartedAt
	}
	next.StartedAt = r.StartedAt
	next.Attempts += r.Attempts
	next.Throttled += r.Throttled
	next.RequestIDs = slices.Concat(r.RequestIDs, next.RequestIDs)
	next.Duration += r.Duration
	next.InDoubt = next.InDoubt || r.InDoubt
	*r = next
}

// is says whether the user is the one that an ID of a type names.
func (u user) is(idType, id string) bool {
	switch idType {
	case "user_id":
		return strings.EqualFold(u.UserID, id)
	case "external_id":
		return u.ExternalID == id
	case "email":
		return strings.EqualFold(u.Email, id)
	case "phone":
		return samePhone(u, id)
	case "username":
		return u.Username == id
	case "custom_field":
		key, value, ok := strings.Cut(id, ":")
		return ok && fmt.Sprint(u.CustomData[key]) == value
	}
	for _, i := range u.Identities {
		if idType == "identity" && i.ExtIdpID+":"+i.UserIDInIdp == id || idType == "sync_relation" && i.Provider+":"+i.UserIDInIdp == id {
			return true
		}
	}
	return false
}

// samePhone compares with and without the country's code, which the API keeps in a field of its own.
func samePhone(u user, id string) bool {
	bare := strings.TrimPrefix(u.Phone, u.Country)
	return id != "" && (id == u.Phone || id == bare || id == u.Country+bare || id == strings.TrimPrefix(u.Country, "+")+bare)
}
