package chunker

import (
	"context"
	"fmt"
	"io"
)

// Scan reads the whole input, checks every row and gives the plan. It calls visit, unless nil, with every row in order,
// and stops with visit's error as it is, or between two rows with ctx's cause. Any other error says why the input
// cannot be read, with the line. Memory grows by at most 38 bytes for each accepted ID, and Scan frees most of it (all
// but half a byte) when it ends.
func Scan(ctx context.Context, r io.Reader, o Options, visit func(Row) error) (*Plan, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	in, err := openPass(r, o.filled())
	if err != nil {
		return nil, err
	}
	s := &scan{in, &Plan{Options: o.filled()}, new(seen), newLedger(o.filled()), map[string]int{}}
	for ctx.Err() == nil {
		row, err := in.next()
		if err == io.EOF {
			return s.finish()
		}
		if err == nil && s.decide(&row) && visit != nil {
			err = visit(row)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, context.Cause(ctx)
}

// scan is what the first pass gathers.
type scan struct {
	in     *pass
	plan   *Plan
	seen   *seen
	ledger *ledger
	looks  map[string]int // IDs that look like another type
}

// decide says what becomes of a row, accounts for it, and says whether it is one of the shard's.
func (s *scan) decide(row *Row) (ours bool) {
	p := s.plan
	if row.Reject == nil {
		if first := s.seen.add(s.in.check.key(row.ID), uint32(row.Line)); first != 0 {
			row.Reject = duplicateOf(row.Line, first)
			p.duplicates = append(p.duplicates, duplicate{uint32(row.Line), first})
		}
	}
	if row.Reject != nil || s.in.check.fits == nil {
		if t := looksLike(row.ID); t != "" && t != p.Options.IDType {
			s.looks[t]++
		}
	}
	if row.Reject != nil && row.Reject.Code != codeProtected {
		p.AllRejected++
	}
	ours, complete := s.ledger.add(row)
	if complete {
		p.blocks = append(p.blocks, s.ledger.closeBlock())
	}
	if ours {
		p.count(row)
	}
	return ours
}

// count counts a row of the shard's.
func (p *Plan) count(row *Row) {
	p.Rows++
	switch {
	case row.Reject == nil:
		p.Accepted++
		p.Chunks = row.Chunk
	case row.Reject.Code == codeDuplicate:
		p.Duplicates++
	case row.Reject.Code == codeProtected:
		p.Protected++
	default:
		p.Invalid++
	}
}

// finish completes the plan at the input's end.
func (s *scan) finish() (*Plan, error) {
	in, p, l := s.in, s.plan, s.ledger
	if err := in.src.drain(); err != nil {
		return nil, err
	}
	if l.begun() {
		p.blocks = append(p.blocks, l.closeBlock())
	}
	p.SHA256, p.Bytes = in.src.raw.hash(), in.src.raw.n
	p.AllRows, p.AllAccepted = l.rows, l.accepted
	p.HeaderRaw, p.ColumnName, p.Column, p.Columns = in.headerRaw, in.columnName, in.lay.column+1, in.columns
	p.own, p.Delimiter, p.Encoding, p.BOM = in.own, rune(in.rec.comma), in.src.encoding, in.src.bom
	fmt.Fprintf(l.all, "%s %d %d", p.Options.IDType, p.Options.ChunkSize, l.rows)
	p.Digest = [32]byte(l.all.Sum(nil))
	s.addNotes()
	return p, nil
}

// addNotes tells people what was guessed and what looks odd.
func (s *scan) addNotes() {
	p, rows := s.plan, s.ledger.rows
	p.Notes = append(p.Notes, s.in.notes...)
	for _, t := range []string{UserID, Email, Phone} {
		if n := s.looks[t]; n > rows/2 {
			p.Notes = append(p.Notes, fmt.Sprintf("%d of %d IDs look like %s: --id-type %s?", n, rows, article(t), t))
		}
	}
	if rows == 0 {
		p.Notes = append(p.Notes, "the input has a header and no rows: there is nobody to delete")
	}
}
