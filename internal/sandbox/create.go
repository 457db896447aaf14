package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// The members of CreateUserInfoDto in the vendor's Node SDK, by what they hold.
var (
	stringMembers = []string{
		"email", "phone", "phoneCountryCode", "username", "externalId", "name", "nickname", "photo", "birthdate",
		"country", "province", "city", "address", "streetAddress", "postalCode", "company", "browser", "device",
		"givenName", "familyName", "middleName", "profile",
		"preferredUsername", "website", "zoneinfo", "locale", "formatted", "region", "password", "salt", "identityNumber",
	}
	boolMembers = []string{"emailVerified", "phoneVerified"}
	statuses    = []any{"Suspended", "Resigned", "Activated", "Archived", "Deactivated"}
	genders     = []any{"M", "F", "U"}
)

// wrong says what create-users-batch has against a user, "" for nothing. Members that it does not know are refused,
// as a server that checks strictly does.
func (c created) wrong() string {
	for name, value := range c {
		if !fits(name, value) {
			return fmt.Sprintf("list.%s is not what it should be", name)
		}
	}
	return ""
}

func fits(name string, value any) (ok bool) {
	switch {
	case slices.Contains(stringMembers, name):
		_, ok = value.(string)
	case slices.Contains(boolMembers, name):
		_, ok = value.(bool)
	case name == "status":
		ok = slices.Contains(statuses, value)
	case name == "gender":
		ok = slices.Contains(genders, value)
	case name == "customData", name == "metadataSource", name == "otp":
		_, ok = value.(map[string]any)
	case name == "departmentIds", name == "tenantIds":
		ok = allOf(value, func(v any) bool { _, ok := v.(string); return ok })
	case name == "identities":
		ok = allOf(value, fitsIdentity)
	}
	return ok
}

func allOf(value any, fits func(any) bool) bool {
	list, ok := value.([]any)
	return ok && !slices.ContainsFunc(list, func(v any) bool { return !fits(v) })
}

func fitsIdentity(value any) bool {
	m, ok := value.(map[string]any)
	for _, name := range []string{"extIdpId", "provider", "type", "userIdInIdp"} {
		if s, _ := m[name].(string); s == "" {
			ok = false
		}
	}
	return ok
}

// createUsers creates 1 to 50 users: all of a batch or, when one is refused, none.
func (s *Server) createUsers(q *request) *answer {
	var in struct{ List []created }
	if no := q.read(&in); no != nil {
		return no
	}
	if len(in.List) < 1 || len(in.List) > 50 {
		return refuse(400, 0, fmt.Sprintf("list has %d entries and must have 1 to 50", len(in.List)))
	}
	if no := s.refuseCreation(in.List); no != nil {
		return no
	}
	if q.half {
		in.List = in.List[:len(in.List)/2]
	}
	list := []map[string]any{}
	for _, c := range in.List {
		list = append(list, s.users.show(s.users.add(c)))
	}
	return succeed(list)
}

func (s *Server) refuseCreation(list []created) *answer {
	seen := map[string]bool{}
	for _, c := range list {
		if id := c["externalId"]; id != nil && s.cfg.Refused[fmt.Sprint(id)] != 0 {
			return refuse(s.cfg.Refused[fmt.Sprint(id)], 0, "the batch is refused because of one of its users")
		}
		if why := c.wrong(); why != "" {
			return refuse(400, 0, why)
		}
		if s.cfg.Duplicates {
			continue
		}
		for _, key := range c.keys() {
			t, id, _ := strings.Cut(key, " ")
			if _, taken := s.users.find(t, id); taken && slices.Contains(unique, t) {
				return refuse(409, 2026, "another user has this "+t)
			}
			if seen[key] && slices.Contains(unique, t) {
				return refuse(409, 2026, "two of the users have the same "+t)
			}
			seen[key] = true
		}
	}
	return nil
}
