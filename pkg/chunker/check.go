package chunker

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// maxID is the length of the longest ID that is sent, in bytes. It bounds a call's size and the second pass's memory.
const maxID = 1024

// What every row is held against is written out below, in isPhone and isEmail, and the rest is looked for only where
// some character says so: a regular expression for each row took ten times as long as reading it.
var (
	scientificForm = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$`)
	floatForm      = regexp.MustCompile(`^\+?[0-9]+\.0+$`)
	formulaForm    = regexp.MustCompile(`^="?([^"]*)"?$`)
	digitsForm     = regexp.MustCompile(`^[0-9]+$`)
	// An error value of a spreadsheet, such as #N/A, #REF! and #NAME?.
	errorForm = regexp.MustCompile(`^#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!)$`)
)

// checker checks IDs of one type. It allocates nothing for an ID that is in order: garbage would add as much again to
// what the duplicate check takes.
type checker struct {
	idType     string
	noValidate bool
	seed       uint64 // of the hashed keys
	lower      []byte // room for an e-mail address
}

func newChecker(o Options) *checker {
	return &checker{idType: o.IDType, noValidate: o.NoValidate, seed: rand.Uint64()}
}

// check gives the ID's key for the duplicate check, or the code and reason of its rejection. id is trimmed.
func (c *checker) check(id []byte) (k key, code, reason string) {
	if c.idType == UserID {
		if k, ok := hexKey(id); ok {
			return k, "", ""
		}
	}
	if code, reason = c.judge(id); code != "" {
		return key{}, code, reason
	}
	return c.key(id), "", ""
}

// key makes the 96 bits by which IDs are compared. A user ID has that many of its own, so that two user IDs are never
// confused at all. Any other ID is hashed, with a seed that nobody knows beforehand: the chance that any two of ten
// million different IDs have the same key is 1 in 10^15. The IDs themselves would not fit into 48 bytes each.
func (c *checker) key(id []byte) key {
	switch c.idType {
	case UserID:
		if k, ok := hexKey(id); ok {
			return k
		}
	case Email:
		c.lower = appendLower(c.lower[:0], id)
		id = c.lower
	}
	h := xxh3.Hash128Seed(id, c.seed)
	return key{h.Hi, uint32(h.Lo)}
}

// appendLower is what bytes.ToLower gives, without allocating.
func appendLower(to, id []byte) []byte {
	for i, c := range id {
		switch {
		case c >= utf8.RuneSelf:
			return append(to, bytes.ToLower(id[i:])...)
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// judge says what is wrong with an ID.
func (c *checker) judge(id []byte) (code, reason string) {
	switch r, bad := findInvisible(id); {
	case len(id) == 0:
		return CodeEmpty, "the ID is empty: fill it in or delete the row"
	case bad:
		return CodeControl, fmt.Sprintf("the ID holds the invisible character %U: delete it", r)
	case len(id) > maxID:
		return CodeType, fmt.Sprintf("the ID is %d bytes long, %d are the most: "+
			"is this the right column?", len(id), maxID)
	case c.noValidate:
		return "", ""
	}
	if reason := damaged(id, c.idType); reason != "" {
		return CodeSpreadsheet, reason
	}
	if (!checkable(c.idType) || c.idType == Identity || c.idType == SyncRelation) && null(id) {
		return CodeEmpty, fmt.Sprintf("%q is what a database writes for an empty value: "+
			"fill in the ID or delete the row (--no-validate if it is an ID)", id)
	}
	if reason := c.mistyped(id); reason != "" {
		return CodeType, reason
	}
	return "", ""
}

// mistyped says why an ID is not of its type, and "" if it is.
func (c *checker) mistyped(id []byte) string {
	var reason string
	switch {
	case c.idType == UserID && !isUserID(id):
		reason = userIDReason(string(id))
	case c.idType == Phone && !isPhone(id):
		reason = phoneReason(string(id))
	case c.idType == Email && !isEmail(id):
		reason = emailReason(string(id))
	case c.idType == Identity && !isPair(id):
		reason = "not of the form <extIdpId>:<userIdInIdp>: put both parts in, with a colon between"
	case c.idType == SyncRelation && !isPair(id):
		reason = "not of the form <provider>:<userIdInIdp>: put both parts in, with a colon between"
	default:
		return ""
	}
	if other := looksLike(id); other != "" && other != c.idType {
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
func looksLike(id []byte) string {
	switch {
	case isUserID(id):
		return UserID
	case isEmail(id):
		return Email
	case len(id) >= 8 && isPhone(id) && (id[0] == '+' || len(id) == 11 && id[0] == '1'):
		return Phone
	}
	return ""
}

// isUserID says whether an ID has 24 hexadecimal digits, in either case.
func isUserID(id []byte) bool {
	var b [keySize]byte
	if len(id) != 2*keySize {
		return false
	}
	_, err := hex.Decode(b[:], id)
	return err == nil
}

// isPhone says whether an ID has 5 to 15 digits, with or without a + in front.
func isPhone(id []byte) bool {
	id = bytes.TrimPrefix(id, []byte("+"))
	for _, c := range id {
		if c < '0' || c > '9' {
			return false
		}
	}
	return 5 <= len(id) && len(id) <= 15
}

// isEmail says whether an ID is an e-mail address alone: up to 64 characters, an @, and a domain.
func isEmail(id []byte) bool {
	at := bytes.IndexByte(id, '@')
	if at < 1 || utf8.RuneCount(id[:at]) > 64 {
		return false
	}
	for _, c := range id[:at] {
		switch c {
		case '\t', '\n', '\f', '\r', ' ', '<', '>', '(', ')', '"', ',', ';', ':', '\\':
			return false
		}
	}
	return isDomain(id[at+1:])
}

// isDomain says whether text is two names or more with dots between. A hyphen stands inside of a name only.
func isDomain(text []byte) bool {
	names, before := 1, '.'
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == '.':
			if before == '.' || before == '-' {
				return false
			}
			names++
		case r == '-':
			if before == '.' {
				return false
			}
		case !unicode.IsLetter(r) && !unicode.IsNumber(r):
			return false
		}
		before, text = r, text[n:]
	}
	return names > 1 && before != '.' && before != '-'
}

func userIDReason(id string) string {
	const want = "a user_id has 24 hexadecimal digits"
	bare := strings.Trim(id, `'"<>()[]{},;`)
	if isUserID([]byte(bare)) {
		return fmt.Sprintf("%s: write %s without the characters around it", want, bare)
	}
	for i, r := range id {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return fmt.Sprintf("%s, this has %q as character %d: correct it from its source",
				want, r, utf8.RuneCountInString(id[:i])+1)
		}
	}
	return fmt.Sprintf("%s, this has %d: correct it from its source", want, len(id))
}

func phoneReason(id string) string {
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
	if isPhone([]byte(mended)) {
		return fmt.Sprintf("a phone has digits alone, with or without a + in front: write %s", mended)
	}
	return "not a phone (5 to 15 digits, with or without a + in front): correct it from its source"
}

func emailReason(id string) string {
	bare := strings.TrimPrefix(id, "mailto:")
	if i, j := strings.LastIndexByte(bare, '<'), strings.LastIndexByte(bare, '>'); i >= 0 && j > i {
		bare = bare[i+1 : j]
	}
	bare = strings.Trim(bare, " ;,.<>'")
	if isEmail([]byte(bare)) {
		return "not an e-mail address alone: write " + bare
	}
	return "not an e-mail address (name@example.com): correct it from its source"
}

// isPair says whether an ID has two parts with a colon between.
func isPair(id []byte) bool {
	left, right, ok := bytes.Cut(id, []byte(":"))
	return ok && len(bytes.TrimSpace(left)) > 0 && len(bytes.TrimSpace(right)) > 0
}

// damaged says what a spreadsheet did to an ID, and "" if nothing can be told.
func damaged(id []byte, idType string) string {
	const text = "format the column as text in the spreadsheet, fill it again from its source and export it anew"
	switch {
	case bytes.IndexByte(id, '+') > 0 && scientificForm.Match(id):
		return string(id) + " is a number that a spreadsheet rounded, its last digits are lost: " + text
	case id[0] == '#' && errorForm.Match(id):
		return string(id) + " is a spreadsheet's error value: repair the formula and export again"
	case id[0] == '=':
		if m := formulaForm.FindSubmatch(id); m != nil && len(m[1]) > 0 {
			return fmt.Sprintf("%s is a spreadsheet's formula for text: write %s", id, m[1])
		}
		return string(id) + " is a spreadsheet's formula: export its value"
	case id[0] == '\'' && len(id) > 1:
		return fmt.Sprintf("the leading apostrophe is a spreadsheet's mark for text: write %s", id[1:])
	case idType != Phone && idType != UserID:
		return ""
	case bytes.IndexByte(id, '.') > 0 && floatForm.Match(id):
		return fmt.Sprintf("a program took it for a number and added a decimal part: write %s",
			id[:bytes.IndexByte(id, '.')])
	case idType == UserID && len(id) < 24 && digitsForm.Match(id) && looksLike(id) == "":
		return fmt.Sprintf("%d digits where a user_id has 24: "+
			"a spreadsheet that takes it for a number drops leading zeros; %s", len(id), text)
	}
	return ""
}

// null says whether an ID is the word that databases and programs write for an empty value.
func null(id []byte) bool {
	for _, word := range [...]string{"null", "(null)", `\n`, "undefined", "nan", "<nil>", "none", "n/a"} {
		if len(id) == len(word) && bytes.EqualFold(id, []byte(word)) {
			return true
		}
	}
	return false
}

// findInvisible gives the first invisible character of an ID.
func findInvisible(id []byte) (r rune, found bool) {
	for i, c := range id {
		if c >= ' ' && c < 0x7f {
			continue
		}
		at := bytes.IndexFunc(id[i:], invisible)
		if at < 0 {
			return 0, false
		}
		r, _ := utf8.DecodeRune(id[i+at:])
		return r, true
	}
	return 0, false
}

// invisible says whether nobody can see a character, such as a line end or a zero-width space: no ID holds it. The two
// joiners are spelling in some scripts.
func invisible(r rune) bool {
	if r == '\u200c' || r == '\u200d' {
		return false
	}
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
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
