package sandbox

import (
	"fmt"
	"slices"
)

// The members of CreateUserInfoDto in the vendor's Node SDK, by what they hold.
var (
	stringMembers = []string{
		"email", "phone", "phoneCountryCode", "username", "externalId", "name", "nickname", "photo", "birthdate", "country", "province",
		"city", "address", "streetAddress", "postalCode", "company", "browser", "device", "givenName", "familyName", "middleName", "profile",
		"preferredUsername", "website", "zoneinfo", "locale", "formatted", "region", "password", "salt", "identityNumber",
	}
	boolMembers = []string{"emailVerified", "phoneVerified"}
	statuses    = []any{"Suspended", "Resigned", "Activated", "Archived", "Deactivated"}
	genders     = []any{"M", "F", "U"}
)

// wrong says what create-users-batch has against a user, "" for nothing. Members that it does not know are refused, as a
// server that checks strictly does.
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
