package chunker

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"strings"
)

// Row is one record of the input, but for the header. Without a code it is accepted, else it is never sent, and the
// other rows are not concerned.
type Row struct {
	Line   int    // input line on which the record starts, from 1
	ID     []byte // as it will be sent, without the spaces around it; valid until the next row
	Raw    []byte // the record as it stands (in UTF-8), without its line end; valid until the next row
	Chunk  int    // from 1; 0: rejected
	Place  int    // inside the chunk, from 1; 0: rejected
	Code   string // of what is wrong: empty, type, spreadsheet, control, columns, no_user, duplicate or protected
	Reason string // for people: what is wrong and how to mend it; never the ID of another row
}

// Invalid says whether the row itself is wrong. Duplicates and protected rows are set aside as asked: they are not
// invalid and do not make a run fail.
func (r *Row) Invalid() bool {
	return r.Code != "" && r.Code != codeDuplicate && r.Code != codeProtected
}

// Chunk is what one call names: 1 to Options.ChunkSize accepted IDs. Its slices belong to the receiver.
type Chunk struct {
	Number int      // from 1
	IDs    []string // in the input's order
	Lines  []int    // the input line of each ID
	Raw    []string // the row of each ID, for Plan.Cells; only with Options.WholeRows they are surely as planned
}

// Plan is what came of an input's first pass. Where the input is divided among several shards (Options.Shards), each
// takes every Shards-th chunk: the counts, and the rows that Scan, All and Split give, are then the shard's own, its
// chunks are numbered from 1, and rejected rows are the first shard's. Digest is the same for all of them, and together
// they account for every row once. A plan is a pure function of the input's bytes and the options. Its fields are to be
// read only; it may then be used by several goroutines at once.
type Plan struct {
	SHA256 [32]byte // of the input's bytes as they are, compressed or not
	Bytes  int64    // of the input

	Rows       int // all rows: Accepted + Invalid + Duplicates + Protected
	Accepted   int
	Invalid    int
	Duplicates int
	Protected  int
	Chunks     int

	AllRows     int // of all shards together
	AllAccepted int
	AllRejected int // invalid or duplicates, not those set aside because they are protected

	HeaderRaw  []byte // as it stands in the text (as UTF-8), without its line end; nil: the input has none
	Column     int    // of the IDs, from 1
	ColumnName string // "": the input has no header
	Columns    int
	Delimiter  rune
	Encoding   string // utf-8, utf-16, gbk or gb18030
	BOM        bool   // the input starts with a byte order mark

	Options Options  // with their defaults filled in
	Notes   []string // for people, before they say yes: what was guessed and what looks odd

	// Digest is over every decision in its order: two plans have the same one if and only if they would send the same
	// IDs from the same lines in the same chunks and reject the same lines for the same codes.
	Digest [32]byte

	own        []int       // columns that an earlier run added, from 0
	blocks     [][16]byte  // a digest for each block of accepted rows
	duplicates [][2]uint32 // the line of each, and that of the first with its ID
}

// count counts a row, which is the shard's or not.
func (p *Plan) count(row *Row, ours bool) {
	p.AllRows++
	if row.Code != "" && row.Code != codeProtected {
		p.AllRejected++
	}
	if !ours {
		return
	}
	p.Rows++
	switch row.Code {
	case "":
		p.Accepted++
		p.Chunks = row.Chunk
	case codeDuplicate:
		p.Duplicates++
	case codeProtected:
		p.Protected++
	default:
		p.Invalid++
	}
}

// Scan reads the whole input, checks every row and gives the plan. It calls visit, unless nil, with every row in order,
// and stops with visit's error as it is, or between two rows with ctx's cause. Any other error says why the input
// cannot be read, with the line. Memory grows by at most 38 bytes for each accepted ID, and Scan frees most of it (all
// but half a byte) when it ends.
func Scan(ctx context.Context, r io.Reader, o Options, visit func(Row) error) (*Plan, error) {
	p := openPass(r, o, nil)
	for row, err := range p.rows {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err == nil && visit != nil && p.ours {
			err = visit(row)
		}
		if err != nil {
			return nil, err
		}
	}
	return p.plan, nil
}

// All gives every row again, rejected ones with the reasons they had. r starts at the input's first byte. Memory is
// bounded. The rows are checked against the plan as they go by, and the whole input at the end: after a change comes an
// error that wraps ErrChanged, as the last element, and what was made from the rows is to be thrown away.
func (p *Plan) All(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in := openPass(r, p.Options, p)
		for row, err := range in.rows {
			if (err != nil || in.ours) && !yield(row, err) {
				return
			}
		}
	}
}

// Split gives the accepted rows again, in chunks. r starts at the input's first byte. Memory is bounded. A chunk is
// given only after its IDs and lines were found as planned, and the last ones only after the whole input was. After a
// change comes an error that wraps ErrChanged, as the last element.
func (p *Plan) Split(r io.Reader) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		var held []Chunk
		in := openPass(r, p.Options, p)
		for row, err := range in.rows {
			if err != nil {
				yield(Chunk{}, err)
				return
			}
			if row.Code == "" && in.ours {
				if row.Place == 1 {
					n := p.Options.ChunkSize
					held = append(held, Chunk{row.Chunk, make([]string, 0, n), make([]int, 0, n), make([]string, 0, n)})
				}
				c := &held[len(held)-1]
				c.IDs, c.Lines = append(c.IDs, string(row.ID)), append(c.Lines, row.Line)
				c.Raw = append(c.Raw, string(row.Raw))
			}
			for in.proven() && len(held) > 0 {
				if !yield(held[0], nil) {
					return
				}
				held = held[1:]
			}
		}
		for _, c := range held {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Cells takes a row apart, or the header: raw is Row.Raw, Chunk.Raw or HeaderRaw. A row that was accepted has Columns
// cells; what cannot be taken apart has none.
func (p *Plan) Cells(raw string) (cells []string) {
	r := &reader{comma: byte(p.Delimiter), raw: []byte(strings.TrimSuffix(raw, "\r"))}
	if r.cut() != nil {
		return nil
	}
	return r.texts()
}

// Bare gives a record, or the header, as it stands but for the columns that an earlier run added to it: who writes such
// columns replaces them.
func (p *Plan) Bare(raw []byte) []byte {
	if len(p.own) == 0 {
		return raw
	}
	cells := fields(nil, raw, byte(p.Delimiter))
	theirs := p.Columns - len(p.own)
	if p.own[0] == theirs { // they stand last, however many cells a row has
		return bytes.Join(cells[:max(0, len(cells)-len(p.own))], []byte(string(p.Delimiter)))
	}
	for _, i := range slices.Backward(p.own) {
		if i < len(cells) {
			cells = slices.Delete(cells, i, i+1)
		}
	}
	return bytes.Join(cells, []byte(string(p.Delimiter)))
}
