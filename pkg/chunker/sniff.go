package chunker

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	sniffBytes   = 64 << 10
	sniffRecords = 20
)

var quotedText = regexp.MustCompile(`"[^"]*"?`)

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

// findDelimiter gives the delimiter that cuts most of the first records into the same number of columns, the larger
// number if several do: titles above a table have fewer. With none there is one column, and the comma is as good as
// any. text is the beginning of the input; whole says that it is all of it.
func findDelimiter(text []byte, whole bool, eol byte) rune {
	best, bestColumns, bestRecords := ',', 0, 0
	first := firstRecords(text, whole, eol)
	for _, d := range delimiters {
		records := map[int]int{} // by the number of delimiters in them
		for _, record := range first {
			records[bytes.Count(record, []byte{byte(d)})]++
		}
		delete(records, 0)
		for columns, n := range records {
			if n > bestRecords || n == bestRecords && columns > bestColumns {
				best, bestColumns, bestRecords = d, columns, n
			}
		}
	}
	return best
}

// firstRecords gives the first records, at least one, without what stands in quotes. The last record counts only if it
// is complete, or the only one.
func firstRecords(text []byte, whole bool, eol byte) [][]byte {
	lines := bytes.Split(quotedText.ReplaceAll(text, quoteMark), []byte{eol})
	if last := len(lines) - 1; last > 0 && !whole {
		lines = lines[:last]
	}
	lines = slices.DeleteFunc(lines, func(line []byte) bool { return len(bytes.Trim(line, "\r")) == 0 })
	if len(lines) == 0 {
		return [][]byte{nil}
	}
	return lines[:min(sniffRecords, len(lines))]
}
