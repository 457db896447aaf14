package chunker

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"unicode/utf8"
)

const (
	maxField   = 1 << 20 // bytes in one cell
	maxRecord  = 4 << 20 // bytes in one row
	maxColumns = 16_384  // cells in one row: as many as a spreadsheet takes
)

var (
	quoteMark   = []byte{'"'}
	formulaMark = []byte(`="`)
	replacement = []byte("\uFFFD")
)

// texts gives the cells without the spaces around them.
func (r *reader) texts() (cells []string) {
	for _, cell := range r.cells {
		cells = append(cells, string(trim(cell)))
	}
	return cells
}

// next goes to the next record, which ends with the first line up to which its quotes are even in number; blank lines
// are none. It gives io.EOF at the end, or why the input cannot be read.
func (r *reader) next() error {
	for blank := true; blank; blank = len(bytes.TrimLeft(r.raw, " \r")) == 0 {
		r.buffer, r.line = r.buffer[:0], r.lines+1
		if err := r.readLine(); err != nil {
			return err
		}
	}
	quotes := bytes.Count(r.raw, quoteMark)
	for open := quotes%2 == 1 && r.openQuote() > 0; open; open = quotes%2 == 1 {
		from := len(r.buffer)
		err := r.readLine()
		switch {
		case err == io.EOF && r.openQuote() > 0:
			return fail(r.openQuote(), "a quoted field is never closed: "+
				"close it with a quote, or double a quote that belongs to the text")
		case err == io.EOF:
			return r.cut()
		case err != nil:
			return err
		}
		quotes += bytes.Count(r.buffer[from:], quoteMark)
	}
	return r.cut()
}

// readLine adds a line to the record.
func (r *reader) readLine() error {
	from, err := len(r.buffer), bufio.ErrBufferFull
	for err == bufio.ErrBufferFull && len(r.buffer) <= maxRecord {
		var part []byte
		part, err = r.text.ReadSlice(r.eol)
		r.buffer = append(r.buffer, part...)
	}
	r.raw = bytes.TrimSuffix(bytes.TrimSuffix(r.buffer, []byte{r.eol}), []byte{'\r'})
	switch {
	case len(r.buffer) > maxRecord:
		return r.tooLong()
	case err == io.EOF && len(r.buffer) == from:
		return io.EOF
	case err != nil && err != io.EOF:
		return r.readError(r.lines+1, err)
	}
	r.lines++
	line := r.buffer[from:]
	if bytes.IndexByte(line, 0) >= 0 {
		return fail(r.lines, "a NUL byte: this is binary, or UTF-16 without its mark (then give --encoding utf-16)")
	}
	if !utf8.Valid(line) || r.encoding != "utf-8" && bytes.Contains(line, replacement) {
		return r.encodingError()
	}
	return nil
}

// tooLong says why a record has more bytes than a row of users.
func (r *reader) tooLong() error {
	if bytes.Contains(r.raw, quoteMark) {
		return fail(max(r.line, r.openQuote()),
			"a quoted field goes on for megabytes: its closing quote is probably missing")
	}
	return fail(r.line, "a line of more than %d MiB: "+
		"this is no list of users; give a file with one user a line", maxRecord>>20)
}

// encodingError says that the current line is not of its encoding, of which no byte stands for U+FFFD.
func (r *reader) encodingError() error {
	ahead, _ := r.text.Peek(r.text.Buffered())
	hint, text := "", slices.Concat(r.buffer, ahead[:1+bytes.LastIndexByte(ahead, r.eol)])
	switch {
	case r.encoding != "utf-8" || r.bom:
	case isGBK(text):
		hint = ": is it --encoding gbk?"
	default:
		hint = ": save the file as UTF-8 with the program that wrote it"
	}
	return fail(r.lines, "bytes that are not %s%s", r.encoding, hint)
}

// cut takes the record apart. In the standard dialect, that of encoding/csv, a cell is quoted as a whole or has no
// quote. Beside it cells such as ="00123", which people write to keep a spreadsheet from dropping zeros, are read as if
// they were quoted, and in others such as 6" a quote is a character like any other. One that is opened and not closed
// in its line is refused.
func (r *reader) cut() error {
	r.cells, r.odd = fields(r.cells[:0], r.raw, r.comma), false
	if columns := len(r.cells); columns > maxColumns {
		return fail(r.line, "a row of %d columns, %d are the most: is the delimiter another one (--delimiter), "+
			"or a line end missing?", columns+bytes.Count(r.cells[maxColumns], []byte{r.comma}), maxColumns)
	}
	for i, cell := range r.cells {
		switch n := len(cell); {
		case bytes.IndexByte(cell, '"') < 0:
		case isQuoted(cell, r.comma):
			if cell = cell[1 : n-1]; bytes.ContainsAny(cell, "\"\r") {
				cell = bytes.ReplaceAll(bytes.ReplaceAll(cell, []byte(`""`), quoteMark), []byte("\r\n"), []byte("\n"))
			}
			r.cells[i] = cell
		case bytes.HasPrefix(cell, formulaMark) && closing(cell, 2, r.comma) == n:
		default:
			r.odd = true
			if r.line != r.lines || bytes.HasPrefix(cell, quoteMark) && bytes.Count(cell, quoteMark) == 1 {
				return r.misplacedQuote()
			}
		}
		if len(cell) > maxField {
			return fail(r.line, "a field of more than 1 MiB: "+
				"this is no list of users; give a file with the IDs in a column of their own")
		}
	}
	return nil
}

// isQuoted says whether a cell is quoted as a whole.
func isQuoted(cell []byte, comma byte) bool {
	return bytes.HasPrefix(cell, quoteMark) && closing(cell, 1, comma) == len(cell)
}

// fields adds a record's cells as they stand, with their quotes. Of more than maxColumns the last one has the rest.
func fields(cells [][]byte, raw []byte, comma byte) [][]byte {
	for {
		end := -1
		switch {
		case bytes.HasPrefix(raw, quoteMark):
			end = closing(raw, 1, comma)
		case bytes.HasPrefix(raw, formulaMark):
			end = closing(raw, 2, comma)
		}
		if end < 0 {
			end = bytes.IndexByte(raw, comma)
		}
		if end < 0 || end == len(raw) || len(cells) == maxColumns {
			return append(cells, raw)
		}
		cells, raw = append(cells, raw[:end]), raw[end+1:]
	}
}

// closing gives the end of a cell whose quote was opened before the text at from, and -1 if no quote closes the cell.
func closing(text []byte, from int, comma byte) (end int) {
	for i := from; i < len(text); i++ {
		switch {
		case text[i] != '"':
		case i+1 == len(text) || text[i+1] == comma:
			return i + 1
		case text[i+1] != '"':
			return -1
		default:
			i++
		}
	}
	return -1
}

func (r *reader) misplacedQuote() error {
	return fail(r.line, `a quote in the middle of a field: `+
		`put the whole field in quotes and double the quotes inside it, as in "say ""hi"""`)
}

// openQuote gives the line of the cell whose quote is still open at the record's end, so that one more would close it,
// and 0 if there is none.
func (r *reader) openQuote() (line int) {
	closed := slices.Concat(r.raw, quoteMark)
	cells := fields(nil, closed, r.comma)
	for _, cell := range cells {
		if bytes.Contains(cell, quoteMark) && !isQuoted(cell, r.comma) {
			return 0
		}
	}
	before := len(closed) - len(cells[len(cells)-1])
	return r.line + bytes.Count(closed[:before], []byte("\n"))
}
