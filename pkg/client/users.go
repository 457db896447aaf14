package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// readBatch is how many users one get-user-batch may ask for: the API documents 50, but servers that parse queries as
// Node does turn more than 20 array values into something else (docs/genauth-api.md, "Answers").
const readBatch = 20

// user is what of a user tells who it is.
type user struct {
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
	for batch := range slices.Chunk(ids, readBatch) {
		some, err := c.existing(ctx, idType, batch, &all)
		if err != nil {
			return nil, all, err
		}
		living = append(living, some...)
	}
	return living, all, nil
}

func (c *Client) existing(ctx context.Context, idType string, ids []string, all *Receipt) ([]string, error) {
	users, err := c.users(ctx, idType, ids, all)
	if err != nil {
		return nil, err
	}
	if len(ids) == 1 {
		return ids[:min(1, len(users))], nil
	}
	found := make([]bool, len(ids))
	for _, u := range users {
		known := false
		for i, id := range ids {
			if u.is(idType, id) {
				found[i], known = true, true
			}
		}
		if !known { // nobody alive is ever called gone: ask for each ID alone
			return c.oneByOne(ctx, idType, ids, all)
		}
	}
	var living []string
	for i, id := range ids {
		if found[i] {
			living = append(living, id)
		}
	}
	return living, nil
}

func (c *Client) oneByOne(ctx context.Context, idType string, ids []string, all *Receipt) (living []string, err error) {
	for i := range ids {
		some, err := c.existing(ctx, idType, ids[i:i+1], all)
		if err != nil {
			return nil, err
		}
		living = append(living, some...)
	}
	return living, nil
}

func (c *Client) users(ctx context.Context, idType string, ids []string, all *Receipt) ([]user, error) {
	var users []user
	p := params{{"userIds", ids}, {"userIdType", idType}}
	switch idType {
	case "identity", "sync_relation":
		p = append(p, param{"withIdentities", true})
	case "custom_field":
		p = append(p, param{"withCustomData", true})
	}
	a := &call{client: c, auth: c.auth, name: "get-user-batch", method: http.MethodGet, bound: readBound, params: p,
		succeeded: func(d []byte) bool {
			users = nil
			return json.Unmarshal(d, &users) == nil && users != nil
		}}
	err := a.do(ctx)
	all.join(a.receipt)
	return users, err
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
