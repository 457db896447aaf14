package chunker

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
)

// headRows is among how many of the first rows the header is looked for.
const headRows = 20

// pass reads an input once, row by row, and checks each row for what can be told from the row alone.
type pass struct {
	src     *source
	rec     *records
	head    []record // the first rows, which were read ahead
	headErr error    // what came after them, if they are not headRows
	at      int      // how many of them were given
	lay     layout
	check   *checker
	columns int
	own     []int // columns that an earlier run added

	notes      []string
	headerRaw  []byte // as it stands; nil: the input has none
	columnName string
	idNames    [][]byte // of the ID's column, by which a header that is repeated is known
}

// openPass finds out all about the input that holds for every row. o is filled and valid.
func openPass(r io.Reader, o Options) (*pass, error) {
	src, err := openSource(r, o.Encoding)
	if err != nil {
		return nil, err
	}
	text, err := src.text.Peek(sniffBytes)
	whole, eol := err != nil, findEOL(text)
	sep := sepLine(text, eol)
	comma := cmp.Or(o.Delimiter, sep, findDelimiter(text, whole, eol))
	if err := (Options{Delimiter: comma}).Validate(); err != nil {
		return nil, &inputError{1, err}
	}
	p := &pass{src: src, rec: &records{src: src, eol: eol, comma: byte(comma)}, check: newChecker(o)}
	if sep != 0 {
		if err := p.rec.readLine(); err != nil {
			return nil, err
		}
	}
	return p, p.begin(o)
}

// begin finds the header and the column of the IDs.
func (p *pass) begin(o Options) error {
	h, err := p.readHead(o)
	if err != nil {
		return err
	}
	if p.lay, err = h.find(); err != nil {
		return err
	}
	if p.at = p.lay.data; p.lay.note != "" {
		p.notes = append(p.notes, p.lay.note)
	}
	p.check.digits = h.digits(p.lay)
	if h.garbled() > 1 { // a single one may be a name
		p.notes = append(p.notes, garbledNote)
	}
	if p.lay.header < 0 {
		p.columns = len(h.rows[p.at])
		return nil
	}
	header := h.rows[p.lay.header]
	p.columns, p.columnName, p.own = len(header), header[p.lay.column], pick(header, isOwn)
	if p.idNames = [][]byte{[]byte(p.columnName)}; p.check.fits == nil {
		p.idNames = append(p.idNames, bytes.Fields([]byte(p.check.exact))...)
	}
	p.headerRaw = p.head[p.lay.header].raw
	return nil
}

// readHead reads the first rows ahead.
func (p *pass) readHead(o Options) (*head, error) {
	for size := 0; len(p.head) < headRows && size < sniffBytes && p.headErr == nil; {
		if p.headErr = p.rec.next(); p.headErr == nil && !isMark(p.rec.raw) {
			p.head = append(p.head, p.rec.clone())
			size += len(p.rec.raw)
		}
	}
	switch {
	case len(p.head) == 0 && p.headErr == io.EOF:
		return nil, fail(0, "the input is empty: give a file with one user a row")
	case len(p.head) == 0:
		return nil, p.headErr
	}
	h := &head{opts: o, idType: p.check.idType}
	for _, rec := range p.head {
		cells := make([]string, len(rec.cells))
		for i, cell := range rec.cells {
			cells[i] = string(trim(cell))
		}
		h.rows, h.lines = append(h.rows, cells), append(h.lines, rec.line)
	}
	return h, nil
}

// isMark says whether a line is one that a program puts in front of a table: PowerShell's #TYPE, Entra's version:v1.0.
func isMark(line []byte) bool {
	line = bytes.TrimPrefix(line, quoteMark)
	return bytes.HasPrefix(line, []byte("#TYPE ")) || bytes.HasPrefix(line, []byte("version:v"))
}

// next gives the next row, without its chunk and place. It gives io.EOF at the end, or an *inputError.
func (p *pass) next() (row Row, err error) {
	rec := &p.rec.record
	if p.at < len(p.head) {
		rec = &p.head[p.at]
		p.at++
	} else if p.headErr != nil {
		return row, p.headErr
	} else if err := p.rec.next(); err != nil {
		return row, err
	}
	row.Line, row.Raw = rec.line, rec.raw
	if row.Line > math.MaxUint32 {
		return row, fail(row.Line, "more than %d lines: split the file", math.MaxUint32)
	}
	if p.lay.column < len(rec.cells) {
		row.ID = trim(rec.cells[p.lay.column])
	}
	if rec.odd && len(rec.cells) == p.columns && bytes.Contains(row.ID, quoteMark) {
		return row, p.rec.misplacedQuote(rec.line)
	}
	code, reason := p.judge(rec, row.ID)
	if code == "" {
		code, reason = p.check.check(row.ID)
	}
	if code != "" {
		row.Reject = &RejectError{row.Line, code, reason}
	}
	return row, nil
}

// judge says what is wrong with a row as a whole, whatever its ID is.
func (p *pass) judge(rec *record, id []byte) (code, reason string) {
	const remedy = ": delete the row (--no-validate if it is an ID)"
	switch n := len(rec.cells); {
	case n != p.columns:
		if what := noUser(id); n == 1 && p.lay.column == 0 && what != "" {
			return codeNoUser, what
		}
		return codeColumns, fmt.Sprintf("the row has %d columns and the first has %d: "+
			"put a cell that holds the delimiter in quotes, and write a delimiter for each empty cell", n, p.columns)
	case p.check.noValidate:
	case len(id) > 0 && p.repeatsHeader(id):
		return codeNoUser, "the header is repeated here" + remedy
	case p.lay.column > 0 && isNumber(id) && !isUserID(id) && sums.has(trim(rec.cells[0])):
		return codeNoUser, "a sum, not a user" + remedy
	case rec.last != rec.line:
		if line := p.swallowed(rec, id); line > 0 {
			return codeColumns, fmt.Sprintf("a quote goes on from line %d to %d, and line %d looks like "+
				"a row of its own: take the quote away, or close it where its cell ends", rec.line, rec.last, line)
		}
	}
	return "", ""
}

// repeatsHeader says whether an ID is a name for IDs that a header has.
func (p *pass) repeatsHeader(id []byte) bool {
	return slices.ContainsFunc(p.idNames, func(name []byte) bool {
		return len(id) == len(name) && bytes.EqualFold(id, name)
	})
}

// swallowed gives the line inside a quoted cell that looks like a row of its own, and 0 if there is none.
func (p *pass) swallowed(rec *record, own []byte) (line int) {
	if p.columns == 1 {
		return 0
	}
	for i, text := range bytes.Split(rec.raw, []byte{p.rec.eol}) {
		cells := bytes.Split(bytes.TrimSuffix(text, []byte{'\r'}), []byte{p.rec.comma})
		if len(cells) != p.columns {
			continue
		}
		id := bytes.Trim(trim(cells[p.lay.column]), `"`)
		if !bytes.Equal(id, own) && (p.check.fits == nil && i > 0 || p.check.fits != nil && p.check.fits(id)) {
			return rec.line + i
		}
	}
	return 0
}
