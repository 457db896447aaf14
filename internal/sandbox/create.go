package sandbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The members of CreateUserInfoDto in the vendor's Node SDK, by what they hold.
var (
	stringMembers = []string{
		"email", "phone", "phoneCountryCode", "username", "externalId", "name", "nickname", "photo", "birthdate",
		"country", "province", "city", "address", "streetAddress", "postalCode", "company", "browser", "device",
		"givenName", "familyName", "middleName", "profile",
		"preferredUsername", "website", "zoneinfo", "locale", "formatted", "region", "password", "salt", "identityNumber",
	}
	otherMembers    = strings.Fields("status gender customData metadataSource otp departmentIds tenantIds identities")
	identityMembers = strings.Fields("identityId extIdpId provider type userIdInIdp userInfoInIdp originConnIds " +
		"accessToken refreshToken")
	boolMembers = []string{"emailVerified", "phoneVerified"}
	statuses    = []any{"Suspended", "Resigned", "Activated", "Archived", "Deactivated"}
	genders     = []any{"M", "F", "U"}
)

// The forms of what is checked for form.
var forms = map[string]*regexp.Regexp{
	"email": regexp.MustCompile(`^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$`),
	"phone": regexp.MustCompile(`^\+?[0-9]{5,15}$`),
}

// mostCustom is how many characters custom data may have, as JSON, and one more.
const mostCustom = 1024

// wrong says what create-users-batch has against a user, "" for nothing. custom are the keys of custom data that the
// pool defines. Members that the API does not know are refused.
func (c person) wrong(custom map[string]bool) string {
	for name, value := range c {
		if !fits(name, value) {
			return fmt.Sprintf("list.%s is not what it should be", name)
		}
		if text, _ := value.(string); text != "" && forms[name] != nil && !forms[name].MatchString(text) {
			return fmt.Sprintf("%s is not a valid %[1]s", name)
		}
	}
	data, _ := c["customData"].(map[string]any)
	length, _ := json.Marshal(data)
	for key := range data {
		if len(custom) > 0 && !custom[key] {
			return fmt.Sprintf("customData: the pool has no field %q", key)
		}
	}
	switch {
	case c.text("email") == "" && c.text("phone") == "" && c.text("username") == "":
		return "email, phone and username are empty: one is needed"
	case c.text("phoneCountryCode") != "" && c.text("phone") == "":
		return "phone cannot be empty"
	case utf8.RuneCount(length) >= mostCustom:
		return "customData is too long"
	}
	return ""
}

func (c person) text(name string) string {
	text, _ := c[name].(string)
	return text
}

func fits(name string, value any) (ok bool) {
	switch {
	case value == nil:
		ok = slices.Contains(slices.Concat(stringMembers, boolMembers, otherMembers), name)
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
		ok = allOf(value, isText)
	case name == "identities":
		ok = allOf(value, fitsIdentity)
	}
	return ok
}

func isText(v any) bool { _, ok := v.(string); return ok }

func allOf(value any, fits func(any) bool) bool {
	list, ok := value.([]any)
	return ok && !slices.ContainsFunc(list, func(v any) bool { return !fits(v) })
}

func fitsIdentity(value any) bool {
	m, _ := value.(map[string]any)
	for _, name := range []string{"extIdpId", "provider", "type", "userIdInIdp"} {
		if s, _ := m[name].(string); s == "" {
			return false
		}
	}
	for name := range m {
		if !slices.Contains(identityMembers, name) {
			return false
		}
	}
	_, ok := m["userInfoInIdp"].(map[string]any)
	return ok && allOf(m["originConnIds"], isText)
}

// list reads the 1 to 50 users that a body has.
func (q *request) list() ([]person, *answer) {
	var in struct{ List []person }
	no := q.read(&in)
	if no == nil && (len(in.List) < 1 || len(in.List) > 50) {
		no = refuse(400, 0, fmt.Sprintf("list has %d entries and must have 1 to 50", len(in.List)))
	}
	return in.List, no
}

// createUsers creates 1 to 50 users: all of a batch or, when one is refused, none.
func (s *Server) createUsers(q *request) *answer {
	list, no := q.list()
	if no != nil {
		return no
	}
	if s.cfg.Faults.Quirks["part-created"] { // those who are refused are left out of the answer
		list = slices.DeleteFunc(list, func(c person) bool { return s.refuseCreation([]person{c}) != nil })
	} else if no := s.refuseCreation(list); no != nil {
		return no
	}
	if q.half {
		list = list[:len(list)/2]
	}
	shown := []map[string]any{}
	for _, c := range list {
		shown = append(shown, s.users.show(s.users.add(c)))
	}
	return succeed(shown)
}

func (s *Server) refuseCreation(list []person) *answer {
	seen := map[string]bool{}
	for _, c := range list {
		if id := c["externalId"]; id != nil && s.cfg.Refused[fmt.Sprint(id)] != 0 {
			return refuse(s.cfg.Refused[fmt.Sprint(id)], 0, "the batch is refused because of one of its users")
		}
		if why := c.wrong(s.users.custom); why != "" {
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
