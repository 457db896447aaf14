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
	plan  *Plan // what is known of it so far
	src   *source
	rec   *records
	check *checker

	ahead    []record // the first rows, which were read ahead
	aheadErr error    // what came after them, if they are not headRows
	at       int      // how many of them were given
	named    bool     // the column was found by the header's name
	idNames  [][]byte // of the ID's column, by which a header that is repeated is known
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
		return nil, fail(1, "%w", err)
	}
	p := &pass{plan: &Plan{Options: o, Delimiter: comma, Encoding: src.encoding, BOM: src.bom},
		src: src, rec: &records{src: src, eol: eol, comma: byte(comma)}, check: newChecker(o)}
	if sep != 0 {
		if err := p.rec.readLine(); err != nil {
			return nil, err
		}
	}
	h, err := p.readHead()
	if err != nil {
		return nil, err
	}
	if err := h.find(); err != nil {
		return nil, err
	}
	p.begin(h)
	return p, nil
}

// readHead reads the first rows ahead.
func (p *pass) readHead() (*head, error) {
	for size := 0; len(p.ahead) < headRows && size < sniffBytes && p.aheadErr == nil; {
		if p.aheadErr = p.rec.next(); p.aheadErr == nil && !isMark(p.rec.raw) {
			p.ahead = append(p.ahead, p.rec.clone())
			size += len(p.rec.raw)
		}
	}
	switch {
	case len(p.ahead) == 0 && p.aheadErr == io.EOF:
		return nil, fail(0, "the input is empty: give a file with one user a row")
	case len(p.ahead) == 0:
		return nil, p.aheadErr
	}
	h := &head{opts: p.plan.Options, idType: p.check.idType, header: -1}
	for _, rec := range p.ahead {
		h.rows, h.lines = append(h.rows, rec.texts()), append(h.lines, rec.line)
	}
	return h, nil
}

// begin takes over what was found in the first rows.
func (p *pass) begin(h *head) {
	plan := p.plan
	if h.note != "" {
		plan.Notes = append(plan.Notes, h.note)
	}
	if h.garbled() > 1 { // a single one may be a name
		plan.Notes = append(plan.Notes, garbledNote)
	}
	p.at, p.named, p.check.digits = h.data, h.named, h.digits()
	plan.Column = h.column + 1
	if h.header < 0 {
		plan.Columns = len(h.rows[h.data])
		return
	}
	header := h.rows[h.header]
	plan.Columns = len(header)
	plan.ColumnName, plan.own, plan.HeaderRaw = header[h.column], pick(header, isOwn), p.ahead[h.header].raw
	if p.idNames = [][]byte{[]byte(plan.ColumnName)}; p.check.fits == nil {
		p.idNames = append(p.idNames, bytes.Fields([]byte(p.check.exact))...)
	}
}

// isMark says whether a line is one that a program puts in front of a table: PowerShell's #TYPE, Entra's version:v1.0.
func isMark(line []byte) bool {
	line = bytes.TrimPrefix(line, quoteMark)
	return bytes.HasPrefix(line, []byte("#TYPE ")) || bytes.HasPrefix(line, []byte("version:v"))
}

// next gives the next row, without its chunk and place. It gives io.EOF at the end, or why the input cannot be read.
func (p *pass) next() (row Row, err error) {
	rec := &p.rec.record
	if p.at < len(p.ahead) {
		rec = &p.ahead[p.at]
		p.at++
	} else if p.aheadErr != nil {
		return row, p.aheadErr
	} else if err := p.rec.next(); err != nil {
		return row, err
	}
	row.Line, row.Raw = rec.line, rec.raw
	if row.Line > math.MaxUint32 {
		return row, fail(row.Line, "more than %d lines: split the file", math.MaxUint32)
	}
	if column := p.plan.Column - 1; column < len(rec.cells) {
		row.ID = trim(rec.cells[column])
	}
	if rec.odd && len(rec.cells) == p.plan.Columns && bytes.Contains(row.ID, quoteMark) {
		return row, p.rec.misplacedQuote(rec.line)
	}
	if row.Code, row.Reason = p.judge(rec, row.ID); row.Code == "" {
		row.Code, row.Reason = p.check.check(row.ID)
	}
	return row, nil
}

// judge says what is wrong with a row as a whole, whatever its ID is.
func (p *pass) judge(rec *record, id []byte) (code, reason string) {
	const remedy = ": delete the row (--no-validate if it is an ID)"
	switch n := len(rec.cells); {
	case n != p.plan.Columns:
		if what := noUser(id); n == 1 && p.plan.Column == 1 && what != "" {
			return codeNoUser, what
		}
		return codeColumns, fmt.Sprintf("the row has %d columns and the first has %d: "+
			"put a cell that holds the delimiter in quotes, and write a delimiter for each empty cell", n, p.plan.Columns)
	case p.check.noValidate:
	case len(id) > 0 && p.repeatsHeader(id):
		return codeNoUser, "the header is repeated here" + remedy
	case p.plan.Column > 1 && isNumber(id) && !isUserID(id) && isAmong(sums, trim(rec.cells[0])):
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
	if p.plan.Columns == 1 {
		return 0
	}
	for i, text := range bytes.Split(rec.raw, []byte{p.rec.eol}) {
		cells := bytes.Split(bytes.TrimSuffix(text, []byte{'\r'}), []byte{p.rec.comma})
		if len(cells) != p.plan.Columns {
			continue
		}
		id := bytes.Trim(trim(cells[p.plan.Column-1]), `"`)
		if !bytes.Equal(id, own) && (p.check.fits == nil && i > 0 || p.check.fits != nil && p.check.fits(id)) {
			return rec.line + i
		}
	}
	return 0
}
