package chunker

import (
	"slices"
	"strings"
	"unicode"

	"bulkdelete/pkg/who"
)

// What people and consoles write around a column's name: how it is to be filled in, and the table it is from. A name
// inside or in front that is none of these may be another person's: Email (manager), manager.email.
const (
	nameMarks = "必填 必填项 必選 必选 选填 可选 可選 唯一 主键 只读 不可修改 主要 含国家码 含国家区号 含区号 带区号 文本 " +
		"required mandatory optional unique primary primarykey pk key readonly string text varchar char " +
		"withcountrycode e.164 e164 24hex"
	namePrefixes = "user users u t a profile profiles userprofile attributes account accounts member members person " +
		"authing genauth okta public dbo data 用户 用戶"
)

// personNames are the headers of columns that hold a person's names, as fold writes them.
var personNames = map[string]string{
	who.Name: "name fullname displayname realname 姓名 名字 真实姓名 员工姓名 显示名称 显示名 " +
		"commonname cn employeename personname",
	who.Nickname:   "nickname 昵称",
	who.GivenName:  "givenname firstname forename 名",
	who.FamilyName: "familyname lastname surname 姓 姓氏",
}

// FieldOf says which field of a profile a column of that header holds, a kind of ID or one of a person's names; "":
// none that is known.
func FieldOf(header string) string {
	for field, words := range personNames {
		if spelledAs(header, words) {
			return field
		}
	}
	for _, t := range idTypes {
		if t.level(header) > 0 {
			return t.name
		}
	}
	return ""
}

// spelledAs says whether a header is one of the words, as fold writes them: alone, with brackets or a star, or behind
// the name of its table.
func spelledAs(text, words string) bool {
	name := strings.Trim(fold(text), "*★#:：.'\"`")
	for _, mark := range []string{"required", "optional", "必填", "选填"} {
		name = strings.Trim(strings.TrimSuffix(name, mark), "*★:：,，")
	}
	if is(bare(name), words) {
		return true
	}
	outer, inner, ok := brackets(name)
	outer, inner = bare(outer), bare(inner)
	of := func(name string) func(idType) bool {
		return func(t idType) bool { return is(name, t.exact+" "+t.loose) }
	}
	switch {
	case !ok:
		return false
	case is(outer, words):
		return inner == "" || is(inner, nameMarks) || is(inner, words) ||
			slices.ContainsFunc(idTypes, func(t idType) bool { return of(outer)(t) && of(inner)(t) })
	}
	return is(inner, words) && slices.ContainsFunc(idTypes, of(outer))
}

// level says how plainly a header names the type: 2 means no other column, 1 this one if there is no better, 0 none.
func (t idType) level(name string) int {
	switch {
	case spelledAs(name, t.exact):
		return 2
	case spelledAs(name, t.loose):
		return 1
	}
	return 0
}

// brackets cuts off what stands in brackets at a name's end or beginning.
func brackets(name string) (outer, inner string, ok bool) {
	const opening, closing = "([{<（【［「", ")]}>）】］」"
	if i := strings.IndexAny(name, opening); i > 0 && strings.IndexAny(name, closing) > i {
		inner := strings.TrimFunc(name[i:], func(r rune) bool { return strings.ContainsRune(opening+closing+"*", r) })
		return name[:i], inner, !strings.ContainsAny(inner, opening+closing)
	}
	if i := strings.IndexAny(name, closing); i > 0 && strings.IndexAny(name, opening) == 0 {
		trim := func(s string) string { return strings.Trim(s, opening+closing+"*") }
		if outer = trim(name[i:]); outer == "" {
			return trim(name), "", true
		}
		return outer, trim(name[:i]), true
	}
	return "", "", false
}

// bare cuts off the names of tables in front of a name: users.id, profile.email.
func bare(name string) string {
	for {
		i := strings.IndexAny(name, "./:$>")
		if i < 0 || !is(strings.Trim(name[:i], "\"`["), namePrefixes) {
			return strings.Trim(name, "\"`]*")
		}
		name = name[i+1:]
	}
}

func is(name, words string) bool { return slices.Contains(strings.Fields(words), name) }

// fold makes spellings of a header comparable: lower case, half width, without spaces, hyphens and underscores.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xff01 && r <= 0xff5e { // full-width ASCII
			r -= 0xfee0
		}
		if r == '-' || r == '_' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// isData says whether a first row's cell is an ID itself, or one that was damaged on its way, so that no user is lost
// to a missing header.
func (h *head) isData(cell string) bool {
	return looksLike([]byte(cell)) != "" || h.mayBeID(cell)
}

// mayBeID says whether a cell is an ID of a type that can be checked, or was meant to be one: no header has an @, or
// digits and nothing else.
func (h *head) mayBeID(cell string) bool {
	if h.fits == nil || cell == "" {
		return false
	}
	if h.fits([]byte(cell)) {
		return h.distinct || !namesBothHalves(cell)
	}
	hex, digits, others := 0, 0, 0
	for _, r := range cell {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'f', r >= 'A' && r <= 'F':
			hex++
		case unicode.IsLetter(r):
			others++
		}
	}
	switch h.name {
	case Email:
		return strings.Contains(cell, "@") && !strings.HasPrefix(cell, "@")
	case Phone:
		code, _ := (&checker{idType: h.idType}).judge([]byte(cell))
		return others+hex == 0 && digits >= 5 || code == codeSpreadsheet
	case UserID:
		return others == 0 && digits > 0 && hex+digits >= 12 || strings.HasPrefix(cell, `="`)
	}
	return false
}

// digits is how many digits the numbers in the column have, if two at least begin with a zero, all of those are as
// long, and none is longer: then a shorter one has lost its zeros. 0: they have no common length.
func (h *head) digits() (n int) {
	zeros, longest := 0, 0
	for _, cells := range h.rows[h.data:] {
		if h.fits != nil || h.column >= len(cells) || !isNumber([]byte(cells[h.column])) {
			continue
		}
		id := cells[h.column]
		longest = max(longest, len(id))
		if strings.HasPrefix(id, "0") {
			if zeros++; zeros > 1 && len(id) != n {
				return 0
			}
			n = len(id)
		}
	}
	if zeros < 2 || longest > n {
		return 0
	}
	return n
}

// namesBothHalves tells a header such as extIdpId:userIdInIdp from an identity.
func namesBothHalves(cell string) bool {
	left, right, _ := strings.Cut(fold(cell), ":")
	const words = "extidpid idpid idp provider connection source userid useridinidp id openid unionid identity relation " +
		"身份源 用户id"
	return is(strings.TrimSpace(left), words) && is(strings.TrimSpace(right), words)
}
