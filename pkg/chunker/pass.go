package chunker

import (
	"bytes"
	"context"
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
	opts    Options
	check   *checker
	protect map[key]struct{}
	pending bool // the first record is data and has yet to be given

	line   int
	id     []byte // trimmed; valid until the next row
	key    key
	reject *RejectError
}

// openPass finds out all about the input that holds for every row. o is filled and valid. The caller closes the source.
func openPass(r io.Reader, o Options) (*pass, error) {
	src, err := openSource(r, o.Encoding)
	if err != nil {
		return nil, err
	}
	p := &pass{src: src, rec: newRecords(src), opts: o, check: newChecker(o),
		protect: make(map[key]struct{}, len(o.Protect))}
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
	text, whole := p.rec.lines.peek(sniffBytes)
	eol := findEOL(text)
	p.rec.lines.eol = eol
	comma, err := p.readDelimiter(text, whole, eol)
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

// readDelimiter takes the delimiter from the options, a line sep= (which it reads), or the text, in this order.
func (p *pass) readDelimiter(text []byte, whole bool, eol byte) (byte, error) {
	sep := sepLine(text, eol)
	if sep != 0 {
		line, err := p.rec.lines.next()
		if err != nil {
			return 0, p.rec.failure(err)
		}
		text = text[len(line):]
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
		return CodeColumns, fmt.Sprintf("the row has %d columns and the first has %d: "+
			"put a cell that holds the delimiter in quotes, and write a delimiter for each empty cell", n, p.columns)
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

const (
	batchCount = 4         // one in each hand, the others waiting
	batchRows  = 1024      // a handover wakes the other goroutine, which costs as much as hundreds of rows
	batchBytes = 256 << 10 // about; one row may be longer
)

// batch is a run of rows, without their chunks and places, with copies of what they point to.
type batch struct {
	rows []Row
	keys []key // of the rows that are not rejected; of the others, anything
	text []byte
	err  error // why no batch follows this one; io.EOF at the input's end
}

// batches gives the rows to the input's end. A batch is valid until the next one. Another goroutine reads ahead while
// the caller works, and has ended when the sequence has. It hears ctx between rows; its cause is the error then.
func (p *pass) batches(ctx context.Context) iter.Seq2[*batch, error] {
	return func(yield func(*batch, error) bool) {
		full, empty := make(chan *batch, batchCount), make(chan *batch, batchCount) // so that sending never waits
		for range batchCount {
			empty <- new(batch)
		}
		go func() {
			defer close(full)
			for b := range empty {
				b.fill(ctx, p)
				full <- b
				if b.err != nil {
					return
				}
			}
		}()
		defer func() {
			close(empty)
			for range empty { // so that nothing more is read
			}
			for range full { // until the goroutine has ended
			}
		}()
		for b := range full {
			if !yield(b, nil) {
				return
			}
			if b.err != nil && b.err != io.EOF {
				yield(nil, b.err)
			}
			if b.err != nil {
				return
			}
			empty <- b
		}
	}
}

// fill reads the batch's rows.
func (b *batch) fill(ctx context.Context, p *pass) {
	b.rows, b.keys, b.text = b.rows[:0], b.keys[:0], b.text[:0]
	if cap(b.text) > 4*batchBytes { // one enormous row made it large
		b.text = nil
	}
	for len(b.rows) < batchRows && len(b.text) < batchBytes {
		if ctx.Err() != nil {
			b.err = context.Cause(ctx)
			return
		}
		if b.err = p.next(); b.err != nil {
			return
		}
		// Where the buffer grows, the rows before go on pointing into the old one.
		from := len(b.text)
		b.text = append(b.text, p.id...)
		to := len(b.text)
		b.text = append(b.text, p.rec.raw...)
		b.rows = append(b.rows, Row{Line: p.line, ID: b.text[from:to:to], Raw: b.text[to:len(b.text):len(b.text)],
			Reject: p.reject})
		b.keys = append(b.keys, p.key)
	}
}
