package who

import (
	"encoding/json"
	"slices"
	"strings"
)

// The fields of a profile that a row's cell can be compared with. Those that are IDs too are called as the API calls
// that kind of ID.
const (
	UserID     = "user_id"
	ExternalID = "external_id"
	Email      = "email"
	Phone      = "phone"
	Username   = "username"
	Name       = "name"
	Nickname   = "nickname"
	GivenName  = "given_name"
	FamilyName = "family_name"
)

// Fields are all there are, those that tell most of a person first.
func Fields() []string {
	return []string{Email, Name, Phone, Username, ExternalID, UserID, Nickname, GivenName, FamilyName}
}

// Person is what of a profile is decided on, as the API wrote it. What it has no value for is empty.
type Person struct {
	UserID, ExternalID, Email, Phone, PhoneCountryCode, Username string
	Name, Nickname, GivenName, FamilyName                        string
	Status, CreatedAt, LastLogin, StatusChangedAt                string
}

// ParsePerson reads a profile. The error says that it is not what the API documents.
func ParsePerson(profile []byte) (p Person, err error) {
	err = json.Unmarshal(profile, &p)
	return p, err
}

// Values are what the profile says of a field: nothing, one value, or a name in each order in which it is written.
func (p Person) Values(field string) []string {
	all := []string{map[string]string{UserID: p.UserID, ExternalID: p.ExternalID, Email: p.Email, Phone: p.phone(),
		Username: p.Username, Name: p.Name, Nickname: p.Nickname, GivenName: p.GivenName, FamilyName: p.FamilyName}[field]}
	if g, n := p.GivenName, p.FamilyName; field == Name && g != "" && n != "" {
		all = append(all, g+" "+n, n+" "+g, n+g, n+", "+g)
	}
	return slices.DeleteFunc(all, func(s string) bool { return strings.TrimSpace(s) == "" })
}

// phone is the number with the country's code, which the API keeps in a field of its own.
func (p Person) phone() string {
	if p.Phone == "" || p.PhoneCountryCode == "" || strings.HasPrefix(p.Phone, "+") {
		return p.Phone
	}
	return "+" + strings.TrimPrefix(p.PhoneCountryCode, "+") + " " + p.Phone
}
