package chunker

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// A number as a spreadsheet shows one of many digits. Without a + behind the e it needs a fraction: 1E5 may be a name.
	scientificForm = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$|^[+-]?[0-9][.,][0-9]+[eE][0-9]+$`)
	floatForm      = regexp.MustCompile(`^\+?[0-9]+(\.0+|,0)$`)
	textFormula    = regexp.MustCompile(`^="([^"]+)"?$`)
	// Error values of spreadsheets: #REF!, #NAME?, #NV, Err:502, and cells that are too narrow.
	errorForm = regexp.MustCompile(`^(#[\pL0-9/¡¿]+[!?]|#N/A|#NV|#N/D|#S/O|#I/T|#+|(?i:err:[0-9]{3}))$`)
	countForm = regexp.MustCompile(`^[(（]?(共 ?)?[0-9,]+( (rows?|records?|lines?|entries|users?)| ?[行条條筆人])` +
		`([ (行记記录錄数].{0,40})?[.)）。]*$`)
)

// nothing are words that people and programs write for an empty value, without spaces and in lower case.
var nothing = wordSet(`null (null) [null] <null> "null" 'null' nul dbnull \n \\n undefined [undefined] nan -nan
	<nan> nat <nat>
	na <na> n/a n.a. n.a none <none> (none) nil <nil> (nil) empty (empty) <empty> blank (blank) <blank> missing unset
	<unset> notset (notset) notavailable unknown (unknown) n/v k.a. keine leer vide aucun néant vacío ninguno nessuno vuoto
	[objectobject] [objectundefined] [objectnull] nonetype system.object system.object[]
	无 無 空 空值 空白 没有 沒有 暂无 暫無 未知 未填 未填写 不详 なし 없음 нет пусто ø ∅`)

// sums are words that stand in front of a sum, or above one.
var sums = wordSet(`total totals subtotal grandtotal totalcount totalusers sum sumtotal summe gesamt gesamtsumme
	zwischensumme totale totalgénéral suma totalgeneral итого всего 合计 合計 总计 總計 小计 小計 共计 共計 总和 總和 总数 總數`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// isAmong says whether a text is one of the words, without its spaces and in lower case. It allocates nothing.
func isAmong(words map[string]bool, id []byte) bool {
	var room [64]byte
	text := room[:0]
	if len(id) > 40 {
		return false
	}
	for _, r := range string(id) {
		if r != ' ' {
			text = utf8.AppendRune(text, unicode.ToLower(r))
		}
	}
	return words[string(text)]
}

// isNothing says whether a text is a word for an empty value, or has neither a letter nor a number.
func isNothing(id []byte) bool {
	return isAmong(nothing, id) || isPunctuation(id) && !isLine(id) && !bytes.HasPrefix(id, []byte("#"))
}

func isPunctuation(id []byte) bool {
	return !bytes.ContainsFunc(id, func(r rune) bool {
		return !unicode.IsPunct(r) && !strings.ContainsRune("+|=<>~^$` ", r)
	})
}

// isLine says whether a text is a line drawn under a header: ---, ----+----.
func isLine(id []byte) bool {
	const marks = "-=_*+|~: "
	return len(id) >= 3 && strings.IndexByte(marks, id[0]) >= 0 && bytes.Trim(id, marks) == nil
}

// noUser says why a row with such a text for its ID is about nobody, "" if it may be about somebody.
func noUser(id []byte) string {
	const remedy = "delete the row (--no-validate if it is an ID)"
	switch {
	case len(id) == 0, isNumber(id):
		return ""
	case isLine(id):
		return "a line that was drawn, not a user: " + remedy
	case isSum(id):
		return fmt.Sprintf("%q is a sum, not a user: %s", id, remedy)
	case strings.IndexByte("#/-<\xe5\xe6", id[0]) < 0:
		return ""
	}
	for _, mark := range []string{"#", "//", "--", "/*", "<!--", "注：", "注:", "备注：", "备注:", "備註："} {
		if bytes.HasPrefix(id, []byte(mark)) {
			return "a comment, not a user: " + remedy
		}
	}
	return ""
}

// isSum says whether a text is a sum or a count, such as Total: 300 and (2 rows).
func isSum(id []byte) bool {
	counts := strings.IndexByte("(,0123456789\xef\xe5", id[0]) >= 0 // as few texts do
	return counts && countForm.Match(id) || isAmong(sums, bytes.TrimRightFunc(id, func(r rune) bool {
		return unicode.IsNumber(r) || strings.ContainsRune(" :：=,.人条條行个個筆名", r)
	}))
}

// damaged says what a program that takes IDs for numbers or formulas did to one, and "" if nothing can be told. It
// names the ID only if that is beyond doubt.
func (c *checker) damaged(id []byte) string {
	const text = "format the column as text in the spreadsheet, fill it again from its source and export it anew"
	write := func(what string, inner []byte) string {
		switch named := string(inner); {
		case c.name == Phone && isLostPlus(inner):
			return what + ": write +" + named
		case c.fits == nil && len(inner) > 0 || c.fits != nil && c.fits(inner):
			return what + ": write " + named
		}
		return what + ": " + text
	}
	switch {
	case len(id) == 0, isLine(id):
		return ""
	case id[0] <= '9' && bytes.ContainsAny(id, "eE") && scientificForm.Match(id), isRounded(id):
		return string(id) + " is a number that a spreadsheet rounded, its last digits are lost: " + text
	case (id[0] == '#' || len(id) == 7 && id[3] == ':') && errorForm.Match(id):
		return string(id) + " is a spreadsheet's error value: repair the formula and export again"
	case id[0] == '=':
		if m := textFormula.FindSubmatch(id); m != nil {
			return write(string(id)+" is a spreadsheet's formula for text", m[1])
		}
		return string(id) + " is a spreadsheet's formula: export its value"
	case id[0] == '\'' && len(id) > 2 && id[len(id)-1] == '\'':
		if c.fits == nil {
			return write("the ID stands in quotes, as SQL writes it", id[1:len(id)-1])
		}
	case id[0] == '\'' && len(id) > 1 && (id[1] <= '9' || c.distinct && c.fits(id[1:]) && c.name != Email):
		return write("the leading apostrophe is a spreadsheet's mark for text", id[1:])
	case id[len(id)-1] == '0' && bytes.ContainsAny(id, ".,") && floatForm.Match(id):
		return write("a program took it for a number and added a decimal part", id[:bytes.IndexAny(id, ".,")])
	case len(id) < c.digits && isNumber(id):
		return fmt.Sprintf("%d digits where others have %d: a spreadsheet drops leading zeros; %s", len(id), c.digits, text)
	case c.name == UserID && len(id) >= 12 && len(id) < 24 && isNumber(id) && looksLike(id) == "":
		return fmt.Sprintf("%d digits where a user_id has 24: "+
			"a spreadsheet that takes it for a number drops leading zeros; %s", len(id), text)
	}
	return ""
}

// isRounded says whether an ID is a number of which a spreadsheet kept 15 digits, the most that it can.
func isRounded(id []byte) bool {
	if len(id) < 17 || id[0] > '9' {
		return false
	}
	id = bytes.TrimLeft(id, "+-")
	return len(id) >= 17 && isNumber(id) && len(bytes.TrimRight(id[15:], "0")) == 0
}
