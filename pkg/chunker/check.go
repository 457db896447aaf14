package chunker

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// maxID is the length of the longest ID that is sent, in bytes. It bounds a call's size and the second pass's memory.
const maxID = 1024

var (
	emailForm      = regexp.MustCompile(`^[^\s@<>()",;:\\]{1,64}@[\pL\pN]([\pL\pN-]*[\pL\pN])?(\.[\pL\pN]([\pL\pN-]*[\pL\pN])?)+$`)
	phoneForm      = regexp.MustCompile(`^\+?[0-9]{5,15}$`)
	scientificForm = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$`)
	floatForm      = regexp.MustCompile(`^\+?[0-9]+\.0+$`)
	formulaForm    = regexp.MustCompile(`^="?([^"]*)"?$`)
	digitsForm     = regexp.MustCompile(`^[0-9]+$`)
	// An error value of a spreadsheet, such as #N/A, #REF! and #NAME?.
	errorForm = regexp.MustCompile(`^#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!)$`)
)

// checker checks IDs of one type.
type checker struct {
	idType     string
	noValidate bool
	seed       uint64 // of the hashed keys
}

// check gives the ID's key for the duplicate check, or the code and reason of its rejection. id is trimmed.
func (c *checker) check(id []byte) (k key, code, reason string) {
	if c.idType == UserID {
		if k, ok := hexKey(id); ok {
			return k, "", ""
		}
	}
	if code, reason = c.judge(string(id)); code != "" {
		return key{}, code, reason
	}
	return c.key(id), "", ""
}

// key makes the 96 bits by which IDs are compared: a user ID's own, a seeded hash of any other.
func (c *checker) key(id []byte) key {
	switch c.idType {
	case UserID:
		if k, ok := hexKey(id); ok {
			return k
		}
	case Email:
		id = bytes.ToLower(id)
	}
	h := xxh3.Hash128Seed(id, c.seed)
	return key{h.Hi, uint32(h.Lo)}
}

// judge says what is wrong with an ID.
func (c *checker) judge(id string) (code, reason string) {
	switch r, bad := invisible(id); {
	case id == "":
		return CodeEmpty, "the ID is empty: fill it in or delete the row"
	case bad:
		return CodeControl, fmt.Sprintf("the ID holds the invisible character %U: delete it", r)
	case len(id) > maxID:
		return CodeType, fmt.Sprintf("the ID is %d bytes long, %d are the most: is this the right column?", len(id), maxID)
	case c.noValidate:
		return "", ""
	}
	if reason := damaged(id, c.idType); reason != "" {
		return CodeSpreadsheet, reason
	}
	if !checkable(c.idType) || c.idType == Identity || c.idType == SyncRelation {
		if null(id) {
			return CodeEmpty, fmt.Sprintf("%q is what a database writes for an empty value: fill in the ID or delete the row (--no-validate if it is an ID)", id)
		}
	}
	if reason := c.mistyped(id); reason != "" {
		return CodeType, reason
	}
	return "", ""
}

// mistyped says why an ID is not of its type, and "" if it is.
func (c *checker) mistyped(id string) string {
	var reason string
	switch c.idType {
	case UserID:
		reason = userIDReason(id)
	case Phone:
		reason = phoneReason(id)
	case Email:
		reason = emailReason(id)
	case Identity:
		reason = pairReason(id, "<extIdpId>:<userIdInIdp>")
	case SyncRelation:
		reason = pairReason(id, "<provider>:<userIdInIdp>")
	default:
		return ""
	}
	if other := looksLike(id); reason != "" && other != "" && other != c.idType {
		return fmt.Sprintf("not a %s but, as it looks, a %s: --id-type %s?", c.idType, other, other)
	}
	return reason
}

// checkable says whether an ID of that type can be told from other text.
func checkable(idType string) bool {
	switch idType {
	case Username, ExternalID, CustomField:
		return false
	}
	return true
}

// looksLike names the type that an ID plainly is of, and "" when it could be of several or none.
func looksLike(id string) string {
	switch {
	case isUserID(id):
		return UserID
	case strings.IndexByte(id, '@') > 0 && emailForm.MatchString(id):
		return Email
	case len(id) >= 8 && phoneForm.MatchString(id) && (id[0] == '+' || len(id) == 11 && id[0] == '1'):
		return Phone
	}
	return ""
}

func userIDReason(id string) string {
	const want = "a user_id has 24 hexadecimal digits"
	if isUserID(id) {
		return ""
	}
	bare := strings.Trim(id, `'"<>()[]{},;`)
	if isUserID(bare) {
		return fmt.Sprintf("%s: write %s without the characters around it", want, bare)
	}
	for i, r := range id {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return fmt.Sprintf("%s, this has %q as character %d: correct it from its source", want, r, utf8.RuneCountInString(id[:i])+1)
		}
	}
	return fmt.Sprintf("%s, this has %d: correct it from its source", want, len(id))
}

func phoneReason(id string) string {
	if phoneForm.MatchString(id) {
		return ""
	}
	mended := strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == '＋':
			return '+'
		case strings.ContainsRune("-.()/ （）", r) || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r):
			return -1
		}
		return r
	}, strings.TrimPrefix(id, "tel:"))
	if phoneForm.MatchString(mended) {
		return fmt.Sprintf("a phone has digits alone, with or without a + in front: write %s", mended)
	}
	return "not a phone (5 to 15 digits, with or without a + in front): correct it from its source"
}

func emailReason(id string) string {
	if emailForm.MatchString(id) {
		return ""
	}
	bare := strings.TrimPrefix(id, "mailto:")
	if i, j := strings.LastIndexByte(bare, '<'), strings.LastIndexByte(bare, '>'); i >= 0 && j > i {
		bare = bare[i+1 : j]
	}
	bare = strings.Trim(bare, " ;,.<>'")
	if emailForm.MatchString(bare) {
		return "not an e-mail address alone: write " + bare
	}
	return "not an e-mail address (name@example.com): correct it from its source"
}

func pairReason(id, form string) string {
	left, right, ok := strings.Cut(id, ":")
	if !ok || strings.TrimSpace(left) == "" || strings.TrimSpace(right) == "" {
		return "not of the form " + form + ": put both parts in, with a colon between"
	}
	return ""
}

// damaged says what a spreadsheet did to an ID, and "" if nothing can be told.
func damaged(id, idType string) string {
	const text = "format the column as text in the spreadsheet, fill it again from its source and export it anew"
	switch {
	case scientificForm.MatchString(id):
		return id + " is a number that a spreadsheet rounded, its last digits are lost: " + text
	case errorForm.MatchString(id):
		return id + " is a spreadsheet's error value: repair the formula and export again"
	case id[0] == '=':
		if m := formulaForm.FindStringSubmatch(id); m != nil && m[1] != "" {
			return id + " is a spreadsheet's formula for text: write " + m[1]
		}
		return id + " is a spreadsheet's formula: export its value"
	case id[0] == '\'' && len(id) > 1:
		return "the leading apostrophe is a spreadsheet's mark for text: write " + id[1:]
	case idType != Phone && idType != UserID:
		return ""
	case floatForm.MatchString(id):
		return "a program took it for a number and added a decimal part: write " + id[:strings.IndexByte(id, '.')]
	case idType == UserID && len(id) < 24 && digitsForm.MatchString(id) && looksLike(id) == "":
		return fmt.Sprintf("%d digits where a user_id has 24: a spreadsheet that takes it for a number drops leading zeros; %s", len(id), text)
	}
	return ""
}

// null says whether an ID is the word that databases and programs write for an empty value.
func null(id string) bool {
	switch strings.ToLower(id) {
	case "null", "(null)", `\n`, "undefined", "nan", "<nil>", "none", "n/a":
		return true
	}
	return false
}

// invisible finds a character that nobody can see, such as a line end or a zero-width space, which no ID holds. The two
// joiners are spelling in some scripts.
func invisible(id string) (rune, bool) {
	for _, r := range id {
		switch {
		case r >= ' ' && r < 0x7f, r == '\u200c', r == '\u200d':
		case unicode.IsControl(r), r == utf8.RuneError, unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return r, true
		}
	}
	return 0, false
}

// trim cuts white space and what looks like it (no-break and full-width spaces, zero-width marks) from around an ID.
func trim(cell []byte) []byte {
	if n := len(cell); n > 0 && plain(cell[0]) && plain(cell[n-1]) {
		return cell
	}
	return bytes.TrimFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Z)
	})
}

func plain(b byte) bool { return b > ' ' && b < utf8.RuneSelf }
