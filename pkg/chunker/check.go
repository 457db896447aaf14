package chunker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"bulkdelete/pkg/who"
)

// maxID is the length of the longest ID that is sent, in bytes. It bounds a call's size and the second pass's memory.
const maxID = 1024

var (
	scientificForm = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$`)
	floatForm      = regexp.MustCompile(`^\+?[0-9]+\.0+$`)
	formulaForm    = regexp.MustCompile(`^="?([^"]*)"?$`)
	// An error value of a spreadsheet, such as #N/A, #REF! and #NAME?.
	errorForm = regexp.MustCompile(`^#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!)$`)
)

// checker checks IDs of one type. It allocates nothing for an ID that is in order: garbage would add as much again to
// what the duplicate check takes.
type checker struct {
	idType
	noValidate bool
	protected  map[string]bool // spellings of protected IDs
	seed       uint64          // of the hashed keys
	lower      []byte          // room for an e-mail address
}

func newChecker(o Options) *checker {
	c := &checker{idType: typeOf(o.IDType), noValidate: o.NoValidate, seed: rand.Uint64(), protected: map[string]bool{}}
	for _, id := range o.Protect {
		for _, spelling := range who.Spellings(c.name, string(trim([]byte(id)))) {
			c.protected[spelling] = true
		}
	}
	return c
}

// check gives the ID's key for the duplicate check, or the code and reason of its rejection. id is trimmed.
func (c *checker) check(id []byte) (k key, code, reason string) {
	if code, reason = c.judge(id); code != "" {
		return key{}, code, reason
	}
	k = c.key(id)
	if len(c.protected) > 0 && slices.ContainsFunc(who.Spellings(c.name, string(id)), c.isProtected) {
		return k, codeProtected, "the ID is protected: it is never deleted"
	}
	return k, "", ""
}

func (c *checker) isProtected(spelling string) bool { return c.protected[spelling] }

// key makes the 96 bits by which IDs are compared: they are hashed with a seed that nobody knows beforehand. The chance
// that any two of ten million different IDs have the same key is 1 in 10^15. The IDs themselves would not fit into 48
// bytes each.
func (c *checker) key(id []byte) key {
	if c.name == Email {
		c.lower = c.lower[:0]
		for len(id) > 0 {
			r, n := utf8.DecodeRune(id)
			c.lower = utf8.AppendRune(c.lower, unicode.ToLower(r))
			id = id[n:]
		}
		id = c.lower
	}
	hash := xxh3.Hash128Seed(id, c.seed).Bytes()
	return key(hash[:len(key{})])
}

// judge says what is wrong with an ID.
func (c *checker) judge(id []byte) (code, reason string) {
	if c.name == UserID && isUserID(id) {
		return "", "" // as nearly all are
	}
	invisibleAt := bytes.IndexFunc(id, invisible)
	switch {
	case len(id) == 0:
		return codeEmpty, "the ID is empty: fill it in or delete the row"
	case invisibleAt >= 0:
		r, _ := utf8.DecodeRune(id[invisibleAt:])
		return codeControl, fmt.Sprintf("the ID holds the invisible character %U: delete it", r)
	case len(id) > maxID:
		return codeType, fmt.Sprintf("the ID is %d bytes long, %d are the most: "+
			"is this the right column?", len(id), maxID)
	case c.noValidate:
		return "", ""
	}
	if reason := damaged(id, c.name); reason != "" {
		return codeSpreadsheet, reason
	}
	if !c.distinct && null(id) {
		return codeEmpty, fmt.Sprintf("%q is what a database writes for an empty value: "+
			"fill in the ID or delete the row (--no-validate if it is an ID)", id)
	}
	if reason := c.mistyped(id); reason != "" {
		return codeType, reason
	}
	return "", ""
}

// mistyped says why an ID is not of its type, and "" if it is.
func (c *checker) mistyped(id []byte) string {
	if c.fits == nil || c.fits(id) {
		return ""
	}
	if other := looksLike(id); other != "" && other != c.name {
		return fmt.Sprintf("not a %s but, as it looks, a %s: --id-type %s?", c.name, other, other)
	}
	return c.reason(string(id))
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
	case idType == UserID && len(id) < 24 && isNumber(id) && looksLike(id) == "":
		return fmt.Sprintf("%d digits where a user_id has 24: "+
			"a spreadsheet that takes it for a number drops leading zeros; %s", len(id), text)
	}
	return ""
}

// nulls are the words that databases and programs write for an empty value.
var nulls = strings.Fields(`null (null) \n undefined nan <nil> none n/a`)

func null(id []byte) bool {
	return slices.ContainsFunc(nulls, func(word string) bool { return bytes.EqualFold(id, []byte(word)) })
}

// invisible says whether nobody can see a character, such as a line end or a zero-width space: no ID holds it. The two
// joiners are spelling in some scripts.
func invisible(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	case r == '\u200c', r == '\u200d':
		return false
	}
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// trim cuts white space and what looks like it (no-break and full-width spaces, zero-width marks) from around an ID.
func trim(cell []byte) []byte {
	return bytes.TrimFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) || r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Z)
	})
}
