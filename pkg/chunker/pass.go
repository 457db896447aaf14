package chunker

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"math"
)

// pass reads an input once, row by row, and checks each row for what can be told from the row alone.
type pass struct {
	src     *source
	rec     *records
	lay     layout
	header  []string
	rawHead []byte // the header as it stands
	columns int
	sep     bool // the input starts with a line sep=
	opts    Options
	check   checker
	protect map[key]struct{}
	pending bool // the first record is data and has yet to be given

	line   int
	id     []byte // trimmed; valid until the next row
	key    key
	reject *RejectError
}

// openPass finds out all about the input that holds for every row. o is filled and valid. The caller closes the source.
func openPass(r io.Reader, o Options, seed uint64) (*pass, error) {
	src, err := openSource(r, o.Encoding)
	if err != nil {
		return nil, err
	}
	p := &pass{src: src, rec: newRecords(src), opts: o, check: checker{idType: o.IDType, noValidate: o.NoValidate, seed: seed}}
	p.protect = make(map[key]struct{}, len(o.Protect))
	for _, id := range o.Protect {
		p.protect[p.check.key(trim([]byte(id)))] = struct{}{}
	}
	if err := p.begin(); err != nil {
		src.close()
		return nil, err
	}
	return p, nil
}

// begin finds line end, delimiter and columns, and reads the first record.
func (p *pass) begin() error {
	text, whole := p.rec.lines.window(sniffBytes)
	eol := findEOL(text)
	p.rec.lines.eol = eol
	comma, err := p.delimiter(text, whole, eol)
	if err != nil {
		return err
	}
	p.rec.start(eol, comma)
	switch err := p.rec.next(); {
	case err == io.EOF:
		return fail(0, "the input is empty: give a file with one user a row")
	case err != nil:
		return err
	}
	cells := p.rec.cells()
	p.columns = len(cells)
	if p.lay, err = findColumn(cells, p.opts); err != nil {
		return &Error{Line: p.rec.line, Err: err}
	}
	p.pending = !p.lay.header
	if p.lay.header {
		p.header, p.rawHead = cells, bytes.Clone(p.rec.raw)
	}
	return nil
}

// delimiter takes the delimiter from the options, a line sep= (which it reads), or the text, in this order.
func (p *pass) delimiter(text []byte, whole bool, eol byte) (byte, error) {
	sep := sepLine(text, eol)
	if sep != 0 {
		line, err := p.rec.lines.next()
		if err != nil {
			return 0, p.rec.failure(err)
		}
		text, p.sep = text[len(line):], true
	}
	switch {
	case p.opts.Delimiter != 0:
		return byte(p.opts.Delimiter), nil
	case sep == 0:
		return findDelimiter(text, whole, eol), nil
	}
	if err := (Options{Delimiter: sep}).Validate(); err != nil {
		return 0, &Error{Line: 1, Err: err}
	}
	return byte(sep), nil
}

// next goes to the next row. It gives io.EOF at the end, or an *Error.
func (p *pass) next() error {
	if !p.pending {
		if err := p.rec.next(); err != nil {
			return err
		}
	}
	p.pending = false
	p.line = p.rec.line
	if p.line > math.MaxUint32 {
		return fail(p.line, "more than %d lines: split the file", math.MaxUint32)
	}
	code, reason := p.judge()
	p.reject = nil
	if code != "" {
		p.reject = &RejectError{Line: p.line, Code: code, Reason: reason}
	}
	return nil
}

// judge checks the current row, but for duplicates.
func (p *pass) judge() (code, reason string) {
	p.id = nil
	if n := p.rec.columns(); n != p.columns {
		if p.lay.column < n {
			p.id = trim(p.rec.cell(p.lay.column))
		}
		return CodeColumns, fmt.Sprintf("the row has %d columns and the first has %d: put a cell that holds the delimiter in quotes, and write a delimiter for each empty cell", n, p.columns)
	}
	p.id = trim(p.rec.cell(p.lay.column))
	if p.key, code, reason = p.check.check(p.id); code != "" {
		return code, reason
	}
	if len(p.protect) > 0 {
		if _, ok := p.protect[p.key]; ok {
			return CodeProtected, "the ID is protected: it is never deleted"
		}
	}
	return "", ""
}

// duplicateOf is the rejection of a row whose ID stands in an earlier one.
func duplicateOf(line int, first uint32) *RejectError {
	return &RejectError{Line: line, Code: CodeDuplicate, Reason: fmt.Sprintf("the same ID as in line %d", first)}
}

// rows gives the rows one by one, without a place; each is valid until the next one.
func (p *pass) rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for {
			switch err := p.next(); {
			case err == io.EOF:
				return
			case err != nil:
				yield(Row{}, err)
				return
			}
			if !yield(Row{Line: p.line, ID: p.id, Raw: p.rec.raw, Reject: p.reject}, nil) {
				return
			}
		}
	}
}

// placed gives an accepted row its chunk and place; accepted counts those before it.
func (r Row) placed(accepted int, o *Options) Row {
	if r.Reject == nil {
		r.Chunk, r.Place = accepted/o.ChunkSize/o.Shards+1, accepted%o.ChunkSize+1
	}
	return r
}
