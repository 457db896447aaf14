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
	newline       = []byte{'\n'}
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

	lines  int      // read so far
	line   int      // where the current record starts
	text   []byte   // the current record
	raw    []byte   // it without its line end
	cells  [][]byte // valid until the next record
	quoted []byte   // room for cells out of encoding/csv
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
	r.cells, r.quoted = r.cells[:0], r.quoted[:0]
	if quotes == 0 {
		return r.cut()
	}
	cells, err := r.parse()
	if err != nil && r.openQuote() > 0 {
		return fail(r.openQuote(), "a quoted field is never closed: "+
			"close it with a quote, or double a quote that belongs to the text")
	}
	if err != nil {
		return r.misplacedQuote()
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
			return 0, r.misplacedQuote()
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
	hint := ""
	if r.src.encoding == "utf-8" && !r.src.bom {
		hint = ": is it --encoding gbk?"
		// GBK is a part of GB18030.
		if text, err := decoderFor("gb18030", nil).Bytes(r.text); err != nil || bytes.Contains(text, replacement) {
			hint = ": export the file as UTF-8, or name its encoding with --encoding"
		}
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

// parse cuts the record, which has quotes. The standard dialect knows no quote inside an unquoted cell; cells such as
// ="00123", which people write to keep a spreadsheet from dropping zeros, are read as if they were quoted.
func (r *records) parse() ([]string, error) {
	r.one.Reset(r.text)
	cells, err := r.csv.Read()
	if errors.Is(err, csv.ErrBareQuote) {
		r.one.Reset(r.quoteFormulas(r.raw))
		r.csv = r.newCSV(r.one)
		return r.csv.Read()
	}
	return cells, err
}

// quoteFormulas puts cells such as ="00123" into quotes.
func (r *records) quoteFormulas(text []byte) []byte {
	quoted := make([]byte, 0, len(text)+16)
	for {
		if value, rest, ok := bytes.Cut(bytes.TrimPrefix(text, formulaMark), quoteMark); ok &&
			bytes.HasPrefix(text, formulaMark) && !bytes.Contains(value, newline) &&
			(len(rest) == 0 || rest[0] == r.comma) {
			quoted, text = append(append(append(quoted, `"=""`...), value...), `"""`...), rest
		}
		end := bytes.IndexByte(text, r.comma)
		if end < 0 {
			return append(quoted, text...)
		}
		quoted, text = append(quoted, text[:end+1]...), text[end+1:]
	}
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

func (r *records) misplacedQuote() error {
	return fail(r.line, `a quote in the middle of a field: `+
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
