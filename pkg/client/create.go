package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// creatable are the members of a profile that create-users-batch takes (docs/genauth-api.md, "Creating users again"),
// but for identities.
var creatable = []string{
	"status", "email", "phone", "phoneCountryCode", "username", "externalId", "name", "nickname", "photo", "gender",
	"emailVerified", "phoneVerified", "birthdate", "country", "province", "city", "address", "streetAddress",
	"postalCode", "company", "browser", "device", "givenName", "familyName", "middleName", "profile",
	"preferredUsername", "website", "zoneinfo", "locale", "formatted", "region", "identityNumber",
	"tenantIds", "departmentIds", "customData", "metadataSource",
}

// notGiven are members that nobody expects back: what the API makes itself, logins, and where an account came from.
var notGiven = []string{
	"userId", "createdAt", "updatedAt", "statusChangedAt", "loginsCount", "lastLogin", "lastIp", "lastLoginApp",
	"lastMfaTime", "passwordLastSetAt", "passwordSecurityLevel", "userSourceType", "userSourceId", "registerSource",
	"tenantId", "identities",
}

// identityNeeds are the members that an identity has to have; userInfoInIdp and originConnIds are needed too, and may
// be empty.
var identityNeeds = []string{"extIdpId", "provider", "type", "userIdInIdp"}

// mostCustom is from how many characters on the API refuses custom data.
const mostCustom = 1024

// Creation is what creating a user like a profile would come to, as far as that can be told beforehand.
type Creation struct {
	Never  string   // why the API creates nobody like that; "": it does
	Lost   []string // the members that say something and cannot be given back
	Sealed []string // the members that look encrypted or masked: what they hold would be created as it stands

	user map[string]any
}

// Foresee says what creating a user like a profile would come to.
func Foresee(profile json.RawMessage) (c Creation) {
	var all map[string]any
	if err := json.Unmarshal(profile, &all); err != nil {
		return Creation{Never: "the profile cannot be read: " + err.Error()}
	}
	c.user = pick(all, creatable)
	for name, value := range all {
		known := slices.Contains(creatable, name) || slices.Contains(notGiven, name)
		if !known && saysSomething(value) && value != false && value != "Active" {
			c.Lost = append(c.Lost, name)
		}
	}
	c.identities(all["identities"])
	custom, _ := c.user["customData"].(map[string]any)
	maps.DeleteFunc(custom, func(_ string, value any) bool { return value == nil })
	if c.user["phone"] == nil && c.user["phoneCountryCode"] != nil {
		delete(c.user, "phoneCountryCode")
		c.Lost = append(c.Lost, "phoneCountryCode")
	}
	for _, name := range []string{"email", "phone", "name", "nickname", "givenName", "familyName", "identityNumber",
		"address", "streetAddress"} {
		if text, _ := c.user[name].(string); looksSealed(name, text) {
			c.Sealed = append(c.Sealed, name)
		}
	}
	slices.Sort(c.Lost)
	c.Lost = slices.Compact(c.Lost)
	c.Never = never(c.user, custom)
	return c
}

func never(user, custom map[string]any) string {
	email, _ := user["email"].(string)
	phone, _ := user["phone"].(string)
	switch {
	case email == "" && phone == "" && user["username"] == nil:
		return "no e-mail address, phone or username: the API creates nobody without one of them"
	case email != "" && (!strings.Contains(email, "@") || strings.Contains(email, "**")):
		return "an e-mail address that is none, maybe encrypted or masked: the API refuses it"
	case strings.ContainsFunc(phone, func(r rune) bool { return !strings.ContainsRune("0123456789+-() ", r) }):
		return "a phone that is none, maybe encrypted or masked: the API refuses it"
	case utf8.RuneCountInString(stringify(custom)) >= mostCustom:
		return fmt.Sprintf("custom data of %d characters or more: the API refuses it", mostCustom)
	}
	return ""
}

// identities takes those that are whole.
func (c *Creation) identities(value any) {
	list, _ := value.([]any)
	kept := []any{}
	for _, each := range list {
		m, _ := each.(map[string]any)
		if len(pick(m, identityNeeds)) < len(identityNeeds) {
			c.Lost = append(c.Lost, "identities that are not whole")
			continue
		}
		identity := map[string]any{"userInfoInIdp": map[string]any{}, "originConnIds": []any{}}
		maps.Copy(identity, pick(m, identityNeeds))
		maps.Copy(identity, pick(m, []string{"identityId", "userInfoInIdp", "originConnIds"}))
		for name := range pick(m, []string{"accessToken", "refreshToken"}) {
			c.Lost = append(c.Lost, "identities."+name)
		}
		kept = append(kept, identity)
	}
	if len(kept) > 0 {
		c.user["identities"] = kept
	}
}

// sealedText is what encrypted text looks like: a long word of base64 or hexadecimal digits, some of them decimal.
var sealedText = regexp.MustCompile(`^([0-9a-f]{32,}|[0-9A-Za-z+/_-]{24,}={0,2})$`)

// looksSealed says whether a value looks encrypted, or masked as in 138****8000.
func looksSealed(name, value string) bool {
	switch {
	case value == "":
		return false
	case strings.Contains(value, "**"), name == "email" && !strings.Contains(value, "@"),
		name == "phone" && strings.ContainsFunc(value, unicode.IsLetter):
		return true
	}
	return sealedText.MatchString(value) && strings.ContainsAny(value, "0123456789")
}

// CreateUsers creates 1 to 50 users like profiles, which are users as Profiles gives them, in one call. What the API
// does not take of a profile is left out. created has, for each profile, the new user as the API wrote it, and nil
// where the answer does not show one. An attempt that may have been carried out is not repeated, since that could make
// two users of one: the receipt is in doubt then, and Profiles says who exists.
func (c *Client) CreateUsers(ctx context.Context, profiles []json.RawMessage) (
	created []json.RawMessage, r Receipt, err error,
) {
	list := make([]any, len(profiles))
	for i, raw := range profiles {
		c := Foresee(raw)
		if list[i] = c.user; c.Never != "" {
			return nil, r, fmt.Errorf("%w: profile %d: %s", Refused, i+1, c.Never)
		}
	}
	var users []user
	a := c.post("create-users-batch", map[string]any{"list": list}, parseInto(&users))
	a.once = true
	if err := a.do(ctx); err != nil {
		return nil, a.receipt, err
	}
	return matchCreated(profiles, users), a.receipt, nil
}

// pick takes the members of those names that say something.
func pick(from map[string]any, names []string) map[string]any {
	picked := map[string]any{}
	for _, name := range names {
		if value := from[name]; saysSomething(value) {
			picked[name] = value
		}
	}
	return picked
}

func saysSomething(value any) bool {
	list, isList := value.([]any)
	object, isObject := value.(map[string]any)
	return value != nil && value != "" && !(isList && len(list) == 0) && !(isObject && len(object) == 0)
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
