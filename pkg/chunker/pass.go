package chunker

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

// pass reads an input once, row by row, and checks each row for what can be told from the row alone.
type pass struct {
	src     *source
	rec     *records
	lay     layout
	check   *checker
	columns int
	first   bool // the first record is data and has yet to be given

	headerRaw  []byte // as it stands; nil: the input has none
	columnName string
}

// openPass finds out all about the input that holds for every row. o is filled and valid.
func openPass(r io.Reader, o Options) (*pass, error) {
	src, err := openSource(r, o.Encoding)
	if err != nil {
		return nil, err
	}
	text, err := src.text.Peek(sniffBytes)
	whole, eol := err != nil, findEOL(text)
	p := &pass{src: src, check: newChecker(o)}
	sep := sepLine(text, eol)
	switch {
	case o.Delimiter != 0:
		p.rec = newRecords(src, eol, byte(o.Delimiter))
	case sep == 0:
		p.rec = newRecords(src, eol, findDelimiter(text, whole, eol))
	default:
		if err := (Options{Delimiter: sep}).Validate(); err != nil {
			return nil, &inputError{1, err}
		}
		p.rec = newRecords(src, eol, byte(sep))
	}
	if sep != 0 {
		if err := p.rec.readLine(); err != nil {
			return nil, err
		}
	}
	return p, p.begin(o)
}

// begin reads the first record and finds the column of the IDs.
func (p *pass) begin(o Options) error {
	switch err := p.rec.next(); {
	case err == io.EOF:
		return fail(0, "the input is empty: give a file with one user a row")
	case err != nil:
		return err
	}
	p.columns = len(p.rec.cells)
	cells := make([]string, p.columns)
	for i, cell := range p.rec.cells {
		cells[i] = string(trim(cell))
	}
	var err error
	if p.lay, err = findColumn(cells, o); err != nil {
		return &inputError{p.rec.line, err}
	}
	p.first = !p.lay.header
	if p.lay.header {
		p.headerRaw, p.columnName = bytes.Clone(p.rec.raw), cells[p.lay.column]
	}
	return nil
}

// next gives the next row, without its chunk and place, and if it is not rejected its key. It gives io.EOF at the end,
// or an *inputError.
func (p *pass) next() (row Row, k key, err error) {
	if !p.first {
		if err := p.rec.next(); err != nil {
			return row, k, err
		}
	}
	p.first = false
	row.Line, row.Raw = p.rec.line, p.rec.raw
	if row.Line > math.MaxUint32 {
		return row, k, fail(row.Line, "more than %d lines: split the file", math.MaxUint32)
	}
	n, code, reason := len(p.rec.cells), "", ""
	if p.lay.column < n {
		row.ID = trim(p.rec.cells[p.lay.column])
	}
	if n != p.columns {
		code, reason = codeColumns, fmt.Sprintf("the row has %d columns and the first has %d: "+
			"put a cell that holds the delimiter in quotes, and write a delimiter for each empty cell", n, p.columns)
	} else {
		k, code, reason = p.check.check(row.ID)
	}
	if code != "" {
		row.Reject = &RejectError{row.Line, code, reason}
	}
	return row, k, nil
}
