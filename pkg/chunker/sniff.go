package chunker

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const (
	sniffBytes   = 64 << 10
	sniffRecords = 20
)

// findEOL gives the line end of a text: a carriage return only when there is no line feed at all, as old Macs and some
// exports write it.
func findEOL(text []byte) byte {
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') >= 0 {
		return '\r'
	}
	return '\n'
}

// sepLine recognizes Excel's first line sep=; and gives its delimiter, or 0.
func sepLine(text []byte, eol byte) (delimiter rune) {
	line, _, _ := bytes.Cut(text, []byte{eol})
	s := strings.Trim(strings.TrimRight(string(line), "\r"), `"`)
	if len(s) < 5 || !strings.EqualFold(s[:4], "sep=") {
		return 0
	}
	d, n := utf8.DecodeRuneInString(s[4:])
	// Excel itself pads the line when it saves it again: sep=;;;
	if rest := s[4+n:]; strings.Trim(rest, string(d)) != "" {
		return 0
	}
	return d
}

// findDelimiter gives the delimiter that cuts the first records into the same number of columns, the larger number if
// several do, and else the one that is most frequent in the first record. With none in the first record there is one
// column, and the comma is as good as any. text is the beginning of the input; whole says that it is all of it.
func findDelimiter(text []byte, whole bool, eol byte) byte {
	best, bestCount, bestEven := byte(','), 0, false
	counts := countDelimiters(text, whole, eol)
	for i, d := range []byte(delimiters) {
		first := counts[0][i]
		if first == 0 {
			continue
		}
		even := true
		for _, c := range counts {
			even = even && c[i] == first
		}
		if even && !bestEven || even == bestEven && first > bestCount {
			best, bestCount, bestEven = d, first, even
		}
	}
	return best
}

// countDelimiters counts each of the delimiters in each of the first records, outside quotes. The last record counts
// only if it is complete, or the only one.
func countDelimiters(text []byte, whole bool, eol byte) [][len(delimiters)]int {
	var counts [][len(delimiters)]int
	var now [len(delimiters)]int
	quoted, empty := false, true
	for _, b := range text {
		switch {
		case b == '"':
			quoted, empty = !quoted, false
		case quoted || b == '\r' && eol != '\r':
		case b == eol:
			if !empty {
				counts = append(counts, now)
			}
			now, empty = [len(delimiters)]int{}, true
		default:
			empty = false
			if i := strings.IndexByte(delimiters, b); i >= 0 {
				now[i]++
			}
		}
		if len(counts) == sniffRecords {
			return counts
		}
	}
	if whole && !empty || len(counts) == 0 {
		counts = append(counts, now)
	}
	return counts
}
