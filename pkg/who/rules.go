package who

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Match says that a row's cell and the profile have to agree about a field.
type Match struct {
	Field  string
	Header string // of the column as it was asked for; "": to be found
	Column int    // among a row's cells, from 0; whoever reads the file fills it in
}

// ParseMatch reads "email,name=Full name": fields, each with the column where it does not go without saying. An empty
// text is no rule.
func ParseMatch(text string) (all []Match, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, header, _ := strings.Cut(part, "=")
		f := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
		if !slices.Contains(Fields(), f) {
			return nil, fmt.Errorf("there is no field %q to match: give some of %s, such as email or email=Work mail",
				strings.TrimSpace(name), strings.Join(Fields(), ", "))
		}
		all = append(all, Match{Field: f, Header: strings.TrimSpace(header)})
	}
	return all, nil
}

// Only is a condition that a profile has to fulfil. A profile without a value fulfils none.
type Only struct {
	text   string
	what   string
	status string    // that it has to be; "": it is about a time
	before bool      // else after
	day    time.Time // 00:00 UTC
}

var statuses = []string{"Suspended", "Resigned", "Activated", "Archived", "Deactivated"}

// ParseOnly reads a condition: status=Suspended, last-login<2025-11-01 (before that day, UTC), created>2025-11-01
// (after it), status-changed<30d-ago. Ages count from 00:00 UTC of today.
func ParseOnly(text string, today time.Time) (o Only, err error) {
	at := strings.IndexAny(text, "=<>")
	if at < 0 {
		return o, fmt.Errorf("%q is no condition: give one such as status=Suspended, last-login<2025-11-01 "+
			"or created<90d-ago", text)
	}
	o = Only{text: text, what: strings.TrimSpace(text[:at]), before: text[at] == '<'}
	value, sign := strings.TrimSpace(text[at+1:]), text[at]
	switch {
	case o.what == "status" && sign == '=':
		i := slices.IndexFunc(statuses, func(s string) bool { return strings.EqualFold(s, value) })
		if i < 0 {
			return o, fmt.Errorf("%q: there is no status %q: give one of %s", text, value, strings.Join(statuses, ", "))
		}
		o.status = statuses[i]
	case o.what == "status":
		return o, fmt.Errorf("%q: a status is compared with =, as in status=Suspended", text)
	case o.what != "last-login" && o.what != "created" && o.what != "status-changed":
		return o, fmt.Errorf("%q: there is no %q: give status, last-login, created or status-changed", text, o.what)
	case sign == '=':
		return o, fmt.Errorf("%q: a time is compared with < (before) or > (after)", text)
	default:
		if o.day, err = parseDay(value, today); err != nil {
			return o, fmt.Errorf("%q: %w", text, err)
		}
	}
	return o, nil
}

// parseDay reads 2025-11-01, or an age such as 90d-ago.
func parseDay(s string, today time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d-ago"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil {
			return today.UTC().Truncate(24*time.Hour).AddDate(0, 0, -int(n)), nil
		}
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day, nil
	}
	return time.Time{}, fmt.Errorf("%q is no day: give one such as 2025-11-01, or an age such as 90d-ago", s)
}

// unmet says why a profile does not fulfil the condition; "": it does.
func (o Only) unmet(p Person) string {
	value := map[string]string{"status": p.Status, "last-login": p.LastLogin, "created": p.CreatedAt,
		"status-changed": p.StatusChangedAt}[o.what]
	at, err := time.Parse(time.RFC3339, value)
	why := "the time is another"
	switch {
	case o.status != "" && value == "":
		why = "the profile has no status"
	case o.status != "" && strings.EqualFold(value, o.status):
		return ""
	case o.status != "":
		why = "the status is " + value
	case value == "":
		why = "the profile does not say when"
	case err != nil:
		why = "the profile's time cannot be read"
	case o.before && at.Before(o.day), !o.before && !at.Before(o.day.AddDate(0, 0, 1)):
		return ""
	}
	return "only: " + o.text + ", and " + why
}

// Rules are what is asked of a user before anything is done. The zero value asks for nothing but that the user exists.
type Rules struct {
	Match     []Match
	Only      []Only
	Protected map[string]string // the list that protects a user, by the user_id's spelling
}

// Decision is what becomes of a row.
type Decision int

// The decisions.
const (
	Absent Decision = iota // nobody has the row's ID
	Send
	Spare // the reason says why
)

// Decide says what becomes of a row with those cells, whose ID names the people found. Where that are several, the call
// could reach each of them, so all have to pass. The reason names no person: it is one of few for a whole file.
func (r Rules) Decide(cells []string, found []Person) (d Decision, reason string) {
	if len(found) == 0 {
		return Absent, ""
	}
	for _, why := range []func([]string, Person) string{r.protected, r.mismatch, r.unmet} {
		for _, p := range found {
			if reason := why(cells, p); reason != "" {
				return Spare, reason
			}
		}
	}
	return Send, ""
}

func (r Rules) protected(_ []string, p Person) string {
	if name, ok := r.Protected[fold(p.UserID)]; ok {
		return "protected: the user is on the list " + name
	}
	return ""
}

// mismatch says which cells are not the profile's. An empty cell says nothing; a row in which all are empty does not
// describe anybody.
func (r Rules) mismatch(cells []string, p Person) string {
	if len(r.Match) == 0 {
		return ""
	}
	var differ []string
	compared := 0
	for _, m := range r.Match {
		if m.Column >= len(cells) || fold(cells[m.Column]) == "" {
			continue
		}
		if compared++; !Agree(m.Field, cells[m.Column], p) {
			differ = append(differ, m.Field)
		}
	}
	switch {
	case compared == 0:
		return "match: the row has nothing to compare"
	case len(differ) > 0:
		return "match: the row and the profile differ in " + strings.Join(differ, ", ")
	}
	return ""
}

func (r Rules) unmet(_ []string, p Person) string {
	for _, o := range r.Only {
		if reason := o.unmet(p); reason != "" {
			return reason
		}
	}
	return ""
}
