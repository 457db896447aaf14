package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// creatable are the members of a profile that create-users-batch takes (docs/genauth-api.md, "Creating users"). What it
// does not take cannot be given back: user_id, passwords, sessions, when and how often someone logged in.
var creatable = []string{
	"status", "email", "phone", "phoneCountryCode", "username", "externalId", "name", "nickname", "photo", "gender",
	"emailVerified", "phoneVerified", "birthdate", "country", "province", "city", "address", "streetAddress",
	"postalCode", "company", "browser", "device", "givenName", "familyName", "middleName", "profile",
	"preferredUsername", "website", "zoneinfo", "locale", "formatted", "region", "identityNumber",
	"departmentIds", "customData",
}

// creatableIdentity are those of an identity.
var creatableIdentity = []string{"extIdpId", "provider", "type", "userIdInIdp", "userInfoInIdp", "originConnIds"}

// CreateUsers creates 1 to 50 users like profiles, which are users as Profiles gives them, in one call. What the API
// does not take of a profile is left out. created has, for each profile, the new user as the API wrote it, and nil
// where the answer does not show one. An attempt that may have been carried out is not repeated, since that could make
// two users of one: the error is then an *Error whose receipt is in doubt, and Profiles says who exists.
func (c *Client) CreateUsers(ctx context.Context, profiles []json.RawMessage) (
	created []json.RawMessage, r Receipt, err error,
) {
	list := make([]any, len(profiles))
	for i, raw := range profiles {
		if list[i], err = newUser(raw); err != nil {
			return nil, r, fmt.Errorf("%w: profile %d: %v", Refused, i+1, err)
		}
	}
	var users []user
	a := &call{client: c, auth: c.auth, name: "create-users-batch", method: http.MethodPost, once: true,
		params: params{{"list", list}}, succeeded: parseInto(&users)}
	if err := a.do(ctx); err != nil {
		return nil, a.receipt, err
	}
	return matchCreated(profiles, users), a.receipt, nil
}

// newUser is what of a profile can be created again.
func newUser(profile json.RawMessage) (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(profile, &all); err != nil {
		return nil, err
	}
	user := pick(all, creatable)
	identities, _ := all["identities"].([]any)
	var kept []any
	for _, each := range identities {
		if identity, ok := each.(map[string]any); ok {
			kept = append(kept, pick(identity, creatableIdentity))
		}
	}
	if kept != nil {
		user["identities"] = kept
	}
	return user, nil
}

// pick takes the members of those names that say something.
func pick(from map[string]any, names []string) map[string]any {
	picked := map[string]any{}
	for _, name := range names {
		value := from[name]
		list, isList := value.([]any)
		if value != nil && value != "" && !(isList && len(list) == 0) {
			picked[name] = value
		}
	}
	return picked
}

// matchCreated finds each profile's new user in the answer: by what names it, or else by its place.
func matchCreated(profiles []json.RawMessage, users []user) []json.RawMessage {
	created := make([]json.RawMessage, len(profiles))
	for i, profile := range profiles {
		idType, id := KeyOf(profile)
		if id == "" && len(users) == len(profiles) {
			created[i] = users[i].raw
		}
		if at := slices.IndexFunc(users, func(u user) bool { return id != "" && u.is(idType, id) }); at >= 0 {
			created[i] = users[at].raw
		}
	}
	return created
}

// KeyOf gives an ID that names the user of a profile and will name the one created like it, with its type: not the
// user_id, which the API gives anew. A profile without one gives "".
func KeyOf(profile json.RawMessage) (idType, id string) {
	for _, idType := range []string{"external_id", "email", "phone", "username", "identity"} {
		if ids := userOf(profile).ids(idType, ""); len(ids) > 0 {
			return idType, ids[0]
		}
	}
	return "", ""
}

// UserIDOf gives the user_id in a profile.
func UserIDOf(profile json.RawMessage) string { return userOf(profile).UserID }

// IDsOf gives the user's own IDs of a type, in a profile; none of custom_field.
func IDsOf(profile json.RawMessage, idType string) []string { return userOf(profile).ids(idType, "") }

// userOf gives a user without any ID for what is no profile.
func userOf(profile json.RawMessage) (u user) {
	if json.Unmarshal(profile, &u) != nil {
		return user{}
	}
	return u
}
