package who

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// masked stands for what names somebody.
const masked = "***"

// named are e-mail addresses, and numbers as long as those of phones, whoever has them.
var named = regexp.MustCompile(`[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[\pL\pN-]+|\+\d[\d -]{5,18}\d\b|\b\d{8,15}\b`)

// Mask takes out of a text what names somebody: e-mail addresses and phone numbers, and those cells of a row that are
// long enough to tell, in any case of letters.
func Mask(text string, cells []string) string {
	folded := strings.ToLower(text)
	var found []string
	for _, cell := range cells {
		cell = strings.TrimSpace(cell)
		n, least := utf8.RuneCountInString(cell), 5 // shorter ones, such as "yes", are words of any text
		if n < len(cell) {
			least = 2 // in Chinese and other scripts names are shorter
		}
		if n >= least && strings.Contains(folded, strings.ToLower(cell)) {
			found = append(found, cell)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may be part of another
	for _, cell := range found {
		text = regexp.MustCompile("(?i)"+regexp.QuoteMeta(cell)).ReplaceAllLiteralString(text, masked)
	}
	return named.ReplaceAllLiteralString(text, masked)
}
