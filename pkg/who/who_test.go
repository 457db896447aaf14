package who

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)

// One decision for each thing that can be asked of a user.
func TestDecide(t *testing.T) {
	ada := Person{UserID: "6319A1", Email: "Ada@Example.com", Name: "Ada Löve",
		Phone: "13800138000", PhoneCountryCode: "+86",
		Status: "Suspended", CreatedAt: "2025-11-01T08:00:00.000Z", LastLogin: "2026-03-09T23:59:59Z"}
	bob := Person{UserID: "6319b2", Email: "bob@example.com", GivenName: "Bob", FamilyName: "Ba", Status: "Activated"}
	for name, c := range map[string]struct {
		match  string
		only   []string
		list   string // the user_id that a list protects
		cells  []string
		found  []Person
		want   Decision
		reason string
	}{
		"nothing asked": {found: []Person{ada}, want: Send},
		"nobody there":  {match: "email", cells: []string{"x@y.z"}, want: Absent},
		"the same in another writing": {match: "email,name", cells: []string{" ADA@example.COM ", "ada  lo\u0308ve"},
			found: []Person{ada}, want: Send},
		"full width letters": {match: "name", cells: []string{"Ａｄａ Löve"}, found: []Person{ada}, want: Send},
		"phone without the code": {match: "phone", cells: []string{"138-0013-8000"},
			found: []Person{ada}, want: Send},
		"phone with the code": {match: "phone", cells: []string{"0086 13800138000"},
			found: []Person{ada}, want: Send},
		"phone of another country": {match: "phone", cells: []string{"+1 13800138000"},
			found: []Person{ada}, want: Spare, reason: "match: the row and the profile differ in phone"},
		"somebody else": {match: "email", cells: []string{"bob@example.com"},
			found: []Person{ada}, want: Spare, reason: "match: the row and the profile differ in email"},
		"one of two differs": {match: "email,name", cells: []string{"ada@example.com", "Bob"},
			found: []Person{ada}, want: Spare, reason: "match: the row and the profile differ in name"},
		"an empty cell says nothing": {match: "email,name", cells: []string{"", "Ada Löve"},
			found: []Person{ada}, want: Send},
		"nothing to compare": {match: "email,name", cells: []string{"", " "},
			found: []Person{ada}, want: Spare, reason: "match: the row has nothing to compare"},
		"a row that is too short": {match: "email",
			found: []Person{ada}, want: Spare, reason: "match: the row has nothing to compare"},
		"the profile has no value": {match: "phone", cells: []string{"13800138000"},
			found: []Person{bob}, want: Spare, reason: "match: the row and the profile differ in phone"},
		"given and family name": {match: "name", cells: []string{"Ba, Bob"},
			found: []Person{bob}, want: Send},
		"two people, one of them not": {match: "email", cells: []string{"ada@example.com"},
			found: []Person{ada, bob}, want: Spare, reason: "match: the row and the profile differ in email"},
		"protected": {list: "6319a1",
			found: []Person{ada}, want: Spare, reason: "protected: the user is on the list admins.csv"},
		"protected beside another": {list: "6319b2",
			found: []Person{ada, bob}, want: Spare, reason: "protected: the user is on the list admins.csv"},
		"the status": {only: []string{"status=suspended"}, found: []Person{ada}, want: Send},
		"another status": {only: []string{"status=Suspended"},
			found: []Person{bob}, want: Spare, reason: "only: status=Suspended, and the status is Activated"},
		"created before that day": {only: []string{"created<2025-11-02"}, found: []Person{ada}, want: Send},
		"created on that day": {only: []string{"created<2025-11-01"},
			found: []Person{ada}, want: Spare, reason: "only: created<2025-11-01, and the time is another"},
		"not after that day": {only: []string{"created>2025-11-01"},
			found: []Person{ada}, want: Spare, reason: "only: created>2025-11-01, and the time is another"},
		"after that day": {only: []string{"created>2025-10-31"}, found: []Person{ada}, want: Send},
		"an age counts from midnight": {only: []string{"last-login<0d-ago"},
			found: []Person{ada}, want: Send},
		"too young": {only: []string{"last-login<1d-ago"},
			found: []Person{ada}, want: Spare, reason: "only: last-login<1d-ago, and the time is another"},
		"null fulfils nothing": {only: []string{"last-login<2030-01-01"},
			found: []Person{bob}, want: Spare, reason: "only: last-login<2030-01-01, and the profile does not say when"},
		"null is not after either": {only: []string{"status-changed>2000-01-01"},
			found: []Person{ada}, want: Spare, reason: "only: status-changed>2000-01-01, and the profile does not say when"},
		"all have to hold": {only: []string{"status=Suspended", "created>2026-01-01"},
			found: []Person{ada}, want: Spare, reason: "only: created>2026-01-01, and the time is another"},
		"a mismatch is said first": {match: "email", only: []string{"status=Activated"}, cells: []string{"x@y.z"},
			found: []Person{ada}, want: Spare, reason: "match: the row and the profile differ in email"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Rules{Protected: map[string]string{}}
			var err error
			if r.Match, err = ParseMatch(c.match); err != nil {
				t.Fatal(err)
			}
			for i := range r.Match {
				r.Match[i].Column = i
			}
			for _, text := range c.only {
				o, err := ParseOnly(text, today)
				if err != nil {
					t.Fatal(err)
				}
				r.Only = append(r.Only, o)
			}
			if c.list != "" {
				r.Protected[c.list] = "admins.csv"
			}
			if got, reason := r.Decide(c.cells, c.found); got != c.want || reason != c.reason {
				t.Errorf("%d %q, want %d %q", got, reason, c.want, c.reason)
			}
		})
	}
}

// What cannot be understood is said, with what to write.
func TestWhatCannotBeUnderstood(t *testing.T) {
	for _, text := range []string{"mail", "email,", "email,password", "=Name"} {
		if _, err := ParseMatch(text); err == nil || !strings.Contains(err.Error(), "give") {
			t.Errorf("match %q: %v", text, err)
		}
	}
	for _, text := range []string{"", "status", "status<Suspended", "status=Gone", "name=Bob", "created=2025-01-01",
		"created<2025-13-01", "created<yesterday", "created<90d", "created<-3d-ago", "last-login<01/02/2025"} {
		if _, err := ParseOnly(text, today); err == nil || !strings.Contains(err.Error(), ":") {
			t.Errorf("only %q: %v", text, err)
		}
	}
}

// A protected person is recognised however the ID is written, and nobody else is.
func TestSpellings(t *testing.T) {
	for _, c := range []struct {
		kind, a, b string
		same       bool
	}{
		{"user_id", "6319A150F38B2FFC80A4DF5A", "6319a150f38b2ffc80a4df5a", true},
		{"user_id", "6319a150f38b2ffc80a4df5a", "6319a150f38b2ffc80a4df5b", false},
		{"username", "Admin", "admin", true},
		{"username", "Renée", "rene\u0301e", true},
		{"username", "STRASSE", "straße", true},
		{"username", "admin", "admin2", false},
		{"username", "00123", "123", true},
		{"username", "0", "00", false}, // nothing is left of them
		{"external_id", "A0123", "A123", false},
		{"custom_field", "employeeNo:007", "employeeno:7", true},
		{"identity", "5b00:Idp-1", "5B00:idp-1", true},
		{"email", "Admin@BÜCHER.example", "admin@xn--bcher-kva.example", true},
		{"email", "admin@corp.com", "admin@corp.co", false},
		{"phone", "+86 138 0013 8000", "13800138000", true},
		{"phone", "8613800138000", "138-0013-8000", true},
		{"phone", "008613800138000", "+8613800138000", true},
		{"phone", "+44 (0)20 7946 0958", "020 7946 0958", true},
		{"phone", "+1 650 253 0000", "6502530000", true},
		{"phone", "＋８６１３８００１３８０００", "13800138000", true},
		{"phone", "13800138000", "13800138001", false},
	} {
		b := Spellings(c.kind, c.b)
		same := slices.ContainsFunc(Spellings(c.kind, c.a), func(s string) bool { return slices.Contains(b, s) })
		if same != c.same {
			t.Errorf("%s %q %v and %q %v: same is %v", c.kind, c.a, Spellings(c.kind, c.a), c.b, b, same)
		}
	}
}

// A profile as the API really gives it, with nulls.
func TestParsePerson(t *testing.T) {
	p, err := ParsePerson([]byte(`{"userId":"6319","email":null,"name":"Ada","phone":"138","phoneCountryCode":null,` +
		`"lastLogin":null,"customData":{"a":1},"status":"Activated"}`))
	if err != nil || p.UserID != "6319" || p.Email != "" || p.Values(Phone)[0] != "138" || len(p.Values(Email)) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := ParsePerson([]byte(`{"userId":7}`)); err == nil {
		t.Error("a number was taken for a user_id")
	}
}

func Example() {
	match, _ := ParseMatch("email")
	rules := Rules{Match: match} // the first cell holds the e-mail address
	ada, _ := ParsePerson([]byte(`{"userId":"6319a150f38b2ffc80a4df5a","email":"ada@example.com"}`))
	decision, _ := rules.Decide([]string{"ADA@example.com"}, []Person{ada})
	fmt.Println(decision == Send)
	_, reason := rules.Decide([]string{"bob@example.com"}, []Person{ada})
	fmt.Println(reason)
	// Output:
	// true
	// match: the row and the profile differ in email
}
