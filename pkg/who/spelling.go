package who

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold makes texts comparable that people take for the same: letters in any case and any Unicode form, with single
// spaces and without characters that nobody sees.
func fold(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x7f }) { // as with nearly all others
		return strings.Join(strings.Fields(strings.ToLower(s)), " ")
	}
	s = cases.Fold().String(norm.NFKC.String(s))
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))
	return strings.Join(strings.Fields(s), " ")
}

// email is a folded address with its domain in the spelling of the domain name system.
func email(s string) string {
	s = fold(s)
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	if domain, err := idna.Lookup.ToASCII(s[at+1:]); err == nil {
		return s[:at+1] + domain
	}
	return s
}

// Spellings gives the forms by which an ID of a kind is recognised: two IDs that have a form in common may name the
// same person. It is generous, which is right for people who must not be deleted: letters in any case and Unicode form,
// e-mail domains in either spelling, numbers without leading zeros, phones by their national number.
func Spellings(kind, id string) []string {
	switch kind {
	case UserID:
		return []string{fold(id)}
	case Email:
		return []string{email(id)}
	case Phone:
		return parsePhone(id).nationals()
	}
	id = fold(id)
	at := strings.LastIndexByte(id, ':') + 1 // of <provider>:<userIdInIdp> and <key>:<value>
	if number := strings.TrimLeft(id[at:], "0"); number != "" && digits(number) == number {
		return []string{id[:at] + number}
	}
	return []string{id}
}

// Agree says whether a cell is a spelling of what a profile has for a field.
func Agree(field, cell string, p Person) bool {
	return slices.ContainsFunc(p.Values(field), func(value string) bool {
		switch field {
		case Phone:
			return samePhone(parsePhone(cell), parsePhone(value))
		case Email:
			return email(cell) == email(value)
		}
		return fold(cell) == fold(value)
	})
}

// phone is a number's digits. Of an international one they begin with the country's code.
type phone struct {
	digits        string
	international bool
}

func parsePhone(s string) phone {
	s = strings.ReplaceAll(norm.NFKC.String(s), "(0)", "") // +44 (0)20: the zero is not dialled from abroad
	if before, _, plus := strings.Cut(s, "+"); plus && strings.Trim(before, "tel: ") == "" {
		return phone{digits(s), true}
	}
	number, abroad := strings.CutPrefix(digits(s), "00")
	return phone{number, abroad}
}

// digits gives the digits in a text.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// nationals are the numbers without the country's code that may be meant. One that does not say whether it begins with
// such a code may have it or not.
func (p phone) nationals() []string {
	bare := strings.TrimLeft(p.digits, "0")
	const shortest = 7 // digits of a number without a country's code
	n := codeLength(bare)
	if bare != p.digits || len(bare) < n+shortest {
		return []string{bare}
	}
	national := strings.TrimLeft(bare[n:], "0")
	if p.international {
		return []string{national}
	}
	return []string{bare, national}
}

// samePhone compares two numbers by what both say.
func samePhone(a, b phone) bool {
	if a.digits == "" || b.digits == "" {
		return false
	}
	code := func(p phone) string { return p.digits[:min(len(p.digits), codeLength(p.digits))] }
	if a.international && b.international && code(a) != code(b) {
		return false
	}
	return slices.ContainsFunc(a.nationals(), func(n string) bool { return slices.Contains(b.nationals(), n) })
}

// codeLength is how many digits the country's code has that a number begins with (ITU-T E.164: no code is the beginning
// of another).
func codeLength(digits string) int {
	const two = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " +
		"60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
	switch {
	case digits == "" || digits[0] == '1' || digits[0] == '7':
		return 1
	case len(digits) > 2 && slices.Contains(strings.Fields(two), digits[:2]):
		return 2
	}
	return 3
}
