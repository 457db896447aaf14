package chunker

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
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
	errLongRecord = errors.New("record too long")
	quoteMark     = []byte{'"'}
	formulaMark   = []byte(`="`)
	replacement   = []byte("\uFFFD")
)

// records reads CSV records, each with its line and its bytes as they stand.
//
// A record ends with the first line up to which its quotes are even in number. One without a quote is cut at the
// delimiters: that is what encoding/csv makes of it too, but it costs a string for every record. One with quotes goes
// through encoding/csv, so that the dialect is the standard one.
type records struct {
	src   *source
	eol   byte
	comma byte
	one   *bytes.Reader // the record that csv reads
	csv   *csv.Reader

	record        // the current one, valid until the next
	lines  int    // read so far
	text   []byte // the current record, with its line end
	quoted []byte // room for cells out of encoding/csv
}

// record is a row with its cells.
type record struct {
	line, last int    // where it starts and ends
	raw        []byte // as it stands, without its line end
	cells      [][]byte
	odd        bool // a quote stands in an unquoted cell, so that it could be cut in another way
}

func (r *record) clone() record {
	c := *r
	c.raw, c.cells = bytes.Clone(r.raw), make([][]byte, len(r.cells))
	for i, cell := range r.cells {
		c.cells[i] = bytes.Clone(cell)
	}
	return c
}

// newRecords begins to read records; eol and comma are their line end and delimiter.
func newRecords(src *source, eol, comma byte) *records {
	r := &records{src: src, eol: eol, comma: comma, one: bytes.NewReader(nil)}
	r.csv = r.newCSV(r.one)
	return r
}

func (r *records) newCSV(from io.Reader) *csv.Reader {
	c := csv.NewReader(from)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = rune(r.comma), -1, true
	return c
}

// next goes to the next record; empty lines are none. It gives io.EOF at the end, or an *inputError.
func (r *records) next() error {
	quotes, err := r.readLines()
	if err != nil {
		return err
	}
	return r.take(quotes)
}

// take takes the current record apart, which has so many quotes.
func (r *records) take(quotes int) error {
	r.cells, r.quoted, r.last, r.odd = r.cells[:0], r.quoted[:0], r.lines, false
	if quotes == 0 {
		return r.cut()
	}
	r.one.Reset(r.text)
	cells, err := r.csv.Read()
	if err != nil {
		if line := r.openQuote(); line > 0 {
			return fail(line, "a quoted field is never closed: "+
				"close it with a quote, or double a quote that belongs to the text")
		}
		r.csv = r.newCSV(r.one)
		return r.cutOddly()
	}
	for _, cell := range cells {
		from := len(r.quoted)
		r.quoted = append(r.quoted, cell...)
		r.cells = append(r.cells, r.quoted[from:])
	}
	return r.checkSizes(len(cells))
}

// readLines reads the lines of the next record, and counts the quotes in it.
func (r *records) readLines() (quotes int, err error) {
	for first := true; ; first = quotes%2 == 0 {
		if first {
			r.text, r.line = r.text[:0], r.lines+1
		}
		from := len(r.text)
		err := r.readLine()
		quotes += bytes.Count(r.text[from:], quoteMark)
		r.raw = bytes.TrimSuffix(bytes.TrimSuffix(r.text, []byte{r.eol}), []byte{'\r'})
		switch {
		case err == io.EOF && !first:
			return quotes, nil // a quote is not closed
		case err == errLongRecord && quotes > 0:
			return 0, fail(max(r.line, r.openQuote()),
				"a quoted field goes on for megabytes: its closing quote is probably missing")
		case err == errLongRecord:
			return 0, fail(r.line, "a line of more than %d MiB: "+
				"this is no list of users; give a file with one user a line", maxRecord>>20)
		case err != nil:
			return 0, err
		case quotes%2 == 0 && len(bytes.TrimLeft(r.raw, " \r")) > 0:
			return quotes, nil
		case quotes%2 == 1 && first && r.openQuote() == 0:
			return quotes, nil // the quote opens no cell
		}
	}
}

// readLine adds a line to the record.
func (r *records) readLine() error {
	from := len(r.text)
	for {
		part, err := r.src.text.ReadSlice(r.eol)
		r.text = append(r.text, part...)
		switch {
		case len(r.text) > maxRecord:
			return errLongRecord
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(r.text) == from:
			return io.EOF
		case err != nil && err != io.EOF:
			return r.src.readError(r.lines+1, err)
		}
		break
	}
	r.lines++
	line := r.text[from:]
	if bytes.IndexByte(line, 0) >= 0 {
		return fail(r.lines, "a NUL byte: this is binary, or UTF-16 without its mark (then give --encoding utf-16)")
	}
	if !utf8.Valid(line) || r.src.encoding != "utf-8" && bytes.Contains(line, replacement) {
		return r.encodingError()
	}
	return nil
}

// encodingError says that the current line is not of its encoding, of which no byte stands for U+FFFD.
func (r *records) encodingError() error {
	ahead, _ := r.src.text.Peek(r.src.text.Buffered())
	hint, text := "", slices.Concat(r.text, ahead[:1+bytes.LastIndexByte(ahead, r.eol)])
	switch {
	case r.src.encoding != "utf-8" || r.src.bom:
	case isGBK(text):
		hint = ": is it --encoding gbk?"
	default:
		hint = ": save the file as UTF-8 with the program that wrote it"
	}
	return fail(r.lines, "bytes that are not %s%s", r.src.encoding, hint)
}

// cut takes the record apart, which has no quotes.
func (r *records) cut() error {
	columns := bytes.Count(r.raw, []byte{r.comma}) + 1
	if columns <= maxColumns {
		r.cells = slices.AppendSeq(r.cells, bytes.SplitSeq(r.raw, []byte{r.comma}))
	}
	return r.checkSizes(columns)
}

// cutOddly cuts a record that is not in the standard dialect, which knows no quote inside an unquoted cell. Cells such
// as ="00123", which people write to keep a spreadsheet from dropping zeros, are read as if they were quoted, and in
// others such as 6" a quote is a character like any other. One that is opened and not closed in its line is refused.
func (r *records) cutOddly() error {
	r.cells = fields(r.raw, r.comma)
	for i, cell := range r.cells {
		switch n := len(cell); {
		case bytes.HasPrefix(cell, quoteMark) && closing(cell, 1, r.comma) == n:
			r.cells[i] = bytes.ReplaceAll(cell[1:n-1], []byte(`""`), quoteMark)
		case bytes.HasPrefix(cell, formulaMark) && closing(cell, 2, r.comma) == n:
		case bytes.Contains(cell, quoteMark):
			r.odd = true
			if r.line != r.last || bytes.HasPrefix(cell, quoteMark) && bytes.Count(cell, quoteMark) == 1 {
				return r.misplacedQuote(r.line)
			}
		}
	}
	return r.checkSizes(len(r.cells))
}

// fields cuts a record into its cells as they stand, with their quotes.
func fields(raw []byte, comma byte) (cells [][]byte) {
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
		if end < 0 || end == len(raw) || len(cells) > maxColumns {
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

// checkSizes refuses what no list of users holds.
func (r *records) checkSizes(columns int) error {
	if columns > maxColumns {
		return fail(r.line, "a row of %d columns, %d are the most: "+
			"is the delimiter another one (--delimiter), or a line end missing?", columns, maxColumns)
	}
	for _, cell := range r.cells {
		if len(cell) > maxField {
			return fail(r.line, "a field of more than 1 MiB: "+
				"this is no list of users; give a file with the IDs in a column of their own")
		}
	}
	return nil
}

func (r *records) misplacedQuote(line int) error {
	return fail(line, `a quote in the middle of a field: `+
		`put the whole field in quotes and double the quotes inside it, as in "say ""hi"""`)
}

// openQuote gives the line of the field whose quote is still open at the record's end, so that one more would close it,
// and 0 if there is none.
func (r *records) openQuote() (line int) {
	c := r.newCSV(io.MultiReader(bytes.NewReader(r.raw), bytes.NewReader(quoteMark)))
	cells, err := c.Read()
	if err != nil {
		return 0
	}
	line, _ = c.FieldPos(len(cells) - 1)
	return r.line + line - 1
}
