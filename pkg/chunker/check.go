package chunker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"bulkdelete/pkg/who"
)

// maxID is the length of the longest ID that is sent, in bytes. It bounds a call's size and the second pass's memory.
const maxID = 1024

// checker checks IDs of one type. It allocates nothing for an ID that is in order: garbage would add as much again to
// what the duplicate check takes.
type checker struct {
	idType
	noValidate bool
	digits     int             // that all numbers have, zeros in front among them; 0: as many as they like
	protected  map[string]bool // spellings of protected IDs
	seed       uint64          // of the hashed keys
	lower      []byte          // room for an e-mail address, or a phone
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

// check says why an ID is rejected, with a code; "": it is accepted. id is trimmed.
func (c *checker) check(id []byte) (code, reason string) {
	code, reason = c.judge(id)
	protects := func(spelling string) bool { return c.protected[spelling] }
	if code == "" && len(c.protected) > 0 && slices.ContainsFunc(who.Spellings(c.name, string(id)), protects) {
		return codeProtected, "the ID is protected: it is never deleted"
	}
	return code, reason
}

// key hashes an ID for the duplicate check, with a seed that nobody knows beforehand. Of the hash 96 bits are compared:
// the chance that any two of ten million different IDs have the same ones is 1 in 10^15. The IDs themselves would not
// fit into 48 bytes each.
func (c *checker) key(id []byte) xxh3.Uint128 {
	if c.name == Phone {
		id = c.dialled(id)
	}
	if c.name == Email {
		c.lower = c.lower[:0]
		for len(id) > 0 {
			r, n := utf8.DecodeRune(id)
			c.lower = utf8.AppendRune(c.lower, unicode.ToLower(r))
			id = id[n:]
		}
		id = c.lower
	}
	return xxh3.Hash128Seed(id, c.seed)
}

// dialled is what the formats of one phone have in common. Without a + a number can be of any country, but for a
// Chinese mobile and for one that is too long to lack its country.
func (c *checker) dialled(id []byte) []byte {
	digits := bytes.TrimPrefix(bytes.TrimPrefix(id, []byte("+")), []byte("00"))
	national, country := bytes.CutPrefix(digits, []byte("86"))
	switch {
	case isChineseMobile(national) && (country || len(national) == len(id)):
		return national
	case len(digits) < len(id) || len(digits) >= 12:
		c.lower = append(append(c.lower[:0], '+'), digits...)
		return c.lower
	}
	return id
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
	case c.fits != nil && c.fits(id):
		return c.judgeFitting(id)
	}
	if code, reason := c.noID(id); code != "" {
		return code, reason
	}
	if c.fits == nil {
		return "", ""
	}
	if other := looksLike(id); other != "" && other != c.name {
		return codeType, fmt.Sprintf("not %s but, as it looks, %s: --id-type %s?",
			article(c.name), article(other), other)
	}
	return codeType, c.reason(string(id))
}

// judgeFitting says what is wrong with an ID of the right form.
func (c *checker) judgeFitting(id []byte) (code, reason string) {
	switch left, right, pair := bytes.Cut(id, []byte(":")); {
	case c.name == Phone && isLostPlus(id):
		return codeSpreadsheet, fmt.Sprintf("a program that took it for a number dropped the + in front: write +%s", id)
	case c.name == Phone && bytes.HasPrefix(id, []byte("00")):
		return codeType, phoneReason(string(id))
	case !c.distinct && pair:
		for _, text := range [][]byte{id, trim(left), trim(right)} {
			if code == "" {
				code, reason = c.noID(text)
			}
		}
	}
	return code, reason
}

// noID says why a text is no ID of any type, such as a word for nothing.
func (c *checker) noID(id []byte) (code, reason string) {
	if isNothing(id) {
		return codeEmpty, fmt.Sprintf("%q is a word for nothing: "+
			"fill in the ID or delete the row (--no-validate if it is an ID)", id)
	}
	if reason := c.damaged(id); reason != "" {
		return codeSpreadsheet, reason
	}
	if reason := noUser(id); reason != "" {
		return codeNoUser, reason
	}
	return "", ""
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
	cell = bytes.TrimSpace(cell)
	if n := len(cell); n == 0 || cell[0] < utf8.RuneSelf && cell[n-1] < utf8.RuneSelf {
		return cell // as nearly all are
	}
	return bytes.TrimFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) || r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Z)
	})
}
