package who

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// Field is a part of a profile that a row's cell can be compared with.
type Field = string

// The fields. Those that are IDs too are called as the API calls that kind of ID.
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
func Fields() []Field {
	return []Field{Email, Name, Phone, Username, ExternalID, UserID, Nickname, GivenName, FamilyName}
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
func (p Person) Values(f Field) []string {
	all := []string{map[Field]string{UserID: p.UserID, ExternalID: p.ExternalID, Email: p.Email, Phone: p.phone(),
		Username: p.Username, Name: p.Name, Nickname: p.Nickname, GivenName: p.GivenName, FamilyName: p.FamilyName}[f]}
	if g, n := p.GivenName, p.FamilyName; f == Name && g != "" && n != "" {
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

// The headers of columns that hold a person's names, as fold writes them.
var headers = map[Field]string{
	Name: "name fullname displayname realname 姓名 名字 真实姓名 员工姓名 显示名称 显示名 " +
		"commonname cn employeename personname",
	Nickname:   "nickname 昵称",
	GivenName:  "givenname firstname forename 名",
	FamilyName: "familyname lastname surname 姓 姓氏",
}

// NameField says which of a person's names a column of that header holds; "": none.
func NameField(header string) Field {
	bare := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, fold(header))
	for f, words := range headers {
		if slices.Contains(strings.Fields(words), bare) {
			return f
		}
	}
	return ""
}
