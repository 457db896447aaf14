package chunker

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxColumns is the most cells that one row may have: as many as a spreadsheet takes.
const maxColumns = 16_384

// records reads CSV records, each with its line and its bytes as they stand.
//
// A record without a quote is its line, cut at the delimiters: that is what encoding/csv makes of it too, but it costs
// a string for every record, which for single-column files was most of the time. Only records with a quote go through
// encoding/csv, which then pulls exactly the lines it needs, so that the dialect is the standard one.
type records struct {
	src   *source
	lines *lines
	comma byte
	csv   *csv.Reader
	feed  feeder

	line    int      // where the current record starts
	raw     []byte   // the current record without its line end
	quoted  []string // its cells, if it has a quote
	scratch []byte
}

func newRecords(src *source) *records {
	return &records{src: src, lines: &lines{r: src, eol: '\n', decoded: src.decoded}}
}

// start begins to read records, once the line end and the delimiter are known.
func (r *records) start(eol, comma byte) {
	r.lines.eol, r.comma = eol, comma
	r.feed = feeder{lines: r.lines}
	r.csv = newCSV(&r.feed, comma)
}

func newCSV(from io.Reader, comma byte) *csv.Reader {
	c := csv.NewReader(from)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = rune(comma), -1, true
	return c
}

// next goes to the next record; empty lines are none. It gives io.EOF at the end, or an *Error.
func (r *records) next() error {
	for {
		r.lines.mark = r.lines.pos
		line, err := r.lines.next()
		if err != nil {
			return r.failure(err)
		}
		r.line = r.lines.n
		r.raw = r.trimEnd(line)
		if !blank(r.raw) {
			return r.cut(line)
		}
	}
}

// cut takes the record that starts with line apart.
func (r *records) cut(line []byte) error {
	r.quoted = nil
	if !r.lines.plain() && bytes.IndexByte(line, '"') >= 0 {
		r.feed.rest = line
		cells, err := r.csv.Read()
		r.raw = r.trimEnd(r.lines.buf[r.lines.mark:r.lines.pos])
		if errors.Is(err, csv.ErrBareQuote) {
			cells, err = r.formulas()
		}
		if err != nil {
			return r.failure(err)
		}
		r.quoted = cells
	}
	return r.checkSizes()
}

// checkSizes refuses what no list of users holds.
func (r *records) checkSizes() error {
	if n := r.columns(); n > maxColumns {
		return fail(r.line, "a row of %d columns, %d are the most: "+
			"is the delimiter another one (--delimiter), or a line end missing?", n, maxColumns)
	}
	if len(r.raw) <= maxField {
		return nil
	}
	for _, c := range r.cells() {
		if len(c) > maxField {
			return fail(r.line, "a field of more than 1 MiB: "+
				"this is no list of users; give a file with the IDs in a column of their own")
		}
	}
	return nil
}

// formulas reads the record again when it holds cells such as ="00123", which people write to keep a spreadsheet from
// dropping zeros.
func (r *records) formulas() ([]string, error) {
	return newCSV(bytes.NewReader(quoteFormulas(r.raw, r.comma)), r.comma).Read()
}

// quoteFormulas puts cells such as ="00123" into quotes: the standard dialect knows no quote inside an unquoted cell.
func quoteFormulas(text []byte, comma byte) []byte {
	var quoted []byte
	starts := true // a cell does, here
	for len(text) > 0 {
		n := 0
		if starts {
			n = formulaLen(text, comma)
		}
		if n > 0 {
			quoted = fmt.Appendf(quoted, `"=""%s"""`, text[len(`="`):n-1])
		} else {
			n = 1
			quoted = append(quoted, text[0])
		}
		starts = text[n-1] == comma
		text = text[n:]
	}
	return quoted
}

// formulaLen gives the length of the cell ="..." that text begins with, or 0.
func formulaLen(text []byte, comma byte) int {
	inside, ok := bytes.CutPrefix(text, []byte(`="`))
	if !ok {
		return 0
	}
	end := bytes.IndexAny(inside, "\"\n")
	if end < 0 || inside[end] == '\n' {
		return 0
	}
	n := len(`="`) + end + len(`"`)
	if n < len(text) && text[n] != comma {
		return 0
	}
	return n
}

// columns counts the current record's cells.
func (r *records) columns() int {
	if r.quoted != nil {
		return len(r.quoted)
	}
	return bytes.Count(r.raw, []byte{r.comma}) + 1
}

// cell gives the current record's cell i, from 0, which must exist. It is valid until the next record.
func (r *records) cell(i int) []byte {
	if r.quoted != nil {
		r.scratch = append(r.scratch[:0], r.quoted[i]...)
		return r.scratch
	}
	rest := r.raw
	for ; i > 0; i-- {
		rest = rest[bytes.IndexByte(rest, r.comma)+1:]
	}
	if end := bytes.IndexByte(rest, r.comma); end >= 0 {
		return rest[:end]
	}
	return rest
}

// cells gives all cells of the current record, in strings of their own.
func (r *records) cells() []string {
	if r.quoted != nil {
		return slices.Clone(r.quoted)
	}
	return strings.Split(string(r.raw), string(r.comma))
}

// trimEnd cuts the line end. It is written out because bytes.TrimSuffix took a tenth of the reading.
func (r *records) trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == r.lines.eol {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}

// blank says whether a line holds nothing, or spaces alone.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\r' {
			return false
		}
	}
	return true
}

// failure puts line and remedy to an error that ends the reading.
func (r *records) failure(err error) error {
	var own *Error
	switch {
	case err == io.EOF, errors.As(err, &own):
		return err
	case errors.Is(err, errEncoding):
		return r.encodingError()
	case errors.Is(err, errLongRecord):
		return r.longRecord()
	case errors.Is(err, csv.ErrQuote) && r.unclosed():
		return fail(r.quoteLine(), "a quoted field is never closed: "+
			"close it with a quote, or double a quote that belongs to the text")
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		return fail(r.line, `a quote in the middle of a field: `+
			`put the whole field in quotes and double the quotes inside it, as in "say ""hi"""`)
	}
	return r.src.readError(r.lines.n+1, err)
}

func (r *records) longRecord() *Error {
	r.raw = r.lines.buf[r.lines.mark:r.lines.end]
	if bytes.IndexByte(r.raw, '"') >= 0 {
		return fail(r.quoteLine(), "a quoted field goes on for megabytes: its closing quote is probably missing")
	}
	return fail(r.lines.n+1, "a line of more than %d MiB: "+
		"this is no list of users; give a file with one user a line", maxRecord>>20)
}

func (r *records) encodingError() *Error {
	hint := ""
	if r.src.encoding == "utf-8" && !r.src.bom {
		hint = ": is it --encoding gbk?"
		if _, err := openDecoded(r.lines.buf[r.lines.mark:r.lines.pos]); err != nil {
			hint = ": export the file as UTF-8, or name its encoding with --encoding"
		}
	}
	return fail(r.lines.n, "bytes that are not %s%s", r.src.encoding, hint)
}

// openDecoded reads text as GB18030, of which GBK is a part, and fails if it is not.
func openDecoded(text []byte) ([]byte, error) {
	out, err := decoderFor("gb18030", nil).Bytes(text)
	if err == nil && bytes.Contains(out, []byte("\uFFFD")) {
		err = errEncoding
	}
	return out, err
}

// unclosed says whether one more quote would have ended the current record.
func (r *records) unclosed() bool {
	_, err := newCSV(io.MultiReader(bytes.NewReader(r.raw), bytes.NewReader([]byte(`"`))), r.comma).Read()
	return err == nil
}

// quoteLine gives the line on which the last field of the current record opens its quote.
func (r *records) quoteLine() int {
	c := newCSV(bytes.NewReader(r.raw), r.comma)
	c.LazyQuotes = true
	cells, err := c.Read()
	if err != nil || len(cells) == 0 {
		return r.line
	}
	line, _ := c.FieldPos(len(cells) - 1)
	return r.line + line - 1
}

// feeder hands encoding/csv one line a call, and so never more than the record it is reading: its buffer asks again
// only while it has seen no line end.
type feeder struct {
	lines *lines
	rest  []byte
}

func (f *feeder) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		line, err := f.lines.next()
		if err != nil {
			return 0, err
		}
		if f.lines.pos-f.lines.mark > maxRecord {
			return 0, errLongRecord
		}
		f.rest = line
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	if len(f.rest) == 0 && p[n-1] == f.lines.eol {
		p[n-1] = '\n'
	}
	return n, nil
}
