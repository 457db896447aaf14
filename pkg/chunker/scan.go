package chunker

import (
	"context"
	"fmt"
	"io"
)

// Row is one record of the input, but for the header.
type Row struct {
	Line   int          // input line on which the record starts, from 1
	ID     []byte       // as it will be sent, without the spaces around it; valid until the next row
	Raw    []byte       // the record as it stands (in UTF-8), without its line end; valid until the next row
	Chunk  int          // from 1; 0: rejected
	Place  int          // inside the chunk, from 1; 0: rejected
	Reject *RejectError // nil: accepted
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
	Reasons    map[string]int // rejected rows by RejectError.Code
	Chunks     int

	Header      []string // nil: the input has none
	HeaderRaw   []byte   // as it stands in the text (as UTF-8), without its line end; nil: none
	Column      int      // of the IDs, from 1
	ColumnName  string   // "": the input has no header
	Columns     int
	Delimiter   rune
	Encoding    string // utf-8, utf-16, gbk or gb18030
	BOM         bool   // the input starts with a byte order mark
	Compression string // "", gzip or zstd

	Options Options  // with their defaults filled in
	Notes   []string // for people, before they say yes: what was guessed and what looks odd

	// Digest is over every decision in its order: two plans have the same one if and only if they would send the same
	// IDs from the same lines in the same chunks and reject the same lines for the same codes.
	Digest [32]byte

	all        counts // of all shards together
	blocks     []digest
	duplicates []uint64 // one bit a row
	firsts     []uint32 // for each duplicate, the line of its first
}

// Scan reads the whole input, checks every row and gives the plan. It calls visit, unless nil, with every row in order,
// and stops with visit's error as it is, or between two rows with ctx's cause. What cannot be read gives an *Error.
// Memory grows by at most 38 bytes for each accepted ID, and Scan frees most of it (all but half a byte) when it
// ends. r is read by another goroutine, which has ended when Scan returns.
func Scan(ctx context.Context, r io.Reader, o Options, visit func(Row) error) (*Plan, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	in, err := openPass(r, o.filled())
	if err != nil {
		return nil, err
	}
	defer in.src.close()
	s := &scan{plan: &Plan{Reasons: map[string]int{}, Options: in.opts}, seen: newSeen(),
		ledger: newLedger(in.opts.ChunkSize), looks: map[string]int{}}
	for b, err := range in.batches(ctx) {
		if err != nil {
			return nil, err
		}
		s.seen.touch(b.keys)
		for i, row := range b.rows {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if !s.decide(&row, b.keys[i]) || visit == nil {
				continue
			}
			if err := visit(row); err != nil {
				return nil, err
			}
		}
	}
	return s.finish(in)
}

// counts are of a whole input.
type counts struct{ rows, accepted int }

// share fills in the counts of the plan's shard.
func (p *Plan) share() {
	o := p.Options
	chunks := (p.all.accepted + o.ChunkSize - 1) / o.ChunkSize
	p.Chunks = max(0, (chunks-o.Shard+o.Shards-1)/o.Shards)
	p.Accepted = p.Chunks * o.ChunkSize
	if chunks > 0 && (chunks-1)%o.Shards == o.Shard { // the last chunk may be short
		p.Accepted -= chunks*o.ChunkSize - p.all.accepted
	}
	p.Rows, p.Duplicates, p.Protected, p.Invalid = p.Accepted, 0, 0, 0
	if o.Shard > 0 {
		p.Reasons = map[string]int{}
		return
	}
	p.Duplicates, p.Protected = p.Reasons[CodeDuplicate], p.Reasons[CodeProtected]
	p.Invalid = p.all.rows - p.all.accepted - p.Duplicates - p.Protected
	p.Rows += p.all.rows - p.all.accepted
}

// Whole counts the rows of the input and the accepted ones among them, for all shards together.
func (p *Plan) Whole() (rows, accepted int) { return p.all.rows, p.all.accepted }

// scan is what the first pass gathers.
type scan struct {
	plan   *Plan
	seen   *seen
	ledger *ledger
	looks  map[string]int // IDs that look like another type
}

// decide says what becomes of a row, accounts for it, and says whether it is one of the shard's.
func (s *scan) decide(row *Row, k key) (ours bool) {
	if row.Reject == nil {
		if first := s.seen.add(k, uint32(row.Line)); first != 0 {
			row.Reject = duplicateOf(row.Line, first)
			s.plan.markDuplicate(s.ledger.rows, first)
		}
	}
	ours = s.plan.Options.place(row, s.ledger.accepted)
	if row.Reject != nil || !checkable(s.plan.Options.IDType) {
		if t := looksLike(row.ID); t != "" && t != s.plan.Options.IDType {
			s.looks[t]++
		}
	}
	if row.Reject != nil {
		s.plan.Reasons[row.Reject.Code]++
	}
	if s.ledger.add(*row) {
		s.plan.blocks = append(s.plan.blocks, s.ledger.closeBlock())
	}
	return ours
}

// finish completes the plan at the input's end.
func (s *scan) finish(in *pass) (*Plan, error) {
	if err := in.src.drain(); err != nil {
		return nil, err
	}
	if s.ledger.begun() {
		s.plan.blocks = append(s.plan.blocks, s.ledger.closeBlock())
	}
	p := s.plan
	p.SHA256, p.Bytes = [32]byte(in.src.raw.sum.Sum(nil)), in.src.raw.n
	p.all = counts{s.ledger.rows, s.ledger.accepted}
	p.Header, p.HeaderRaw = in.header, in.rawHead
	p.Column, p.Columns = in.lay.column+1, in.columns
	if p.Header != nil {
		p.ColumnName = p.Header[in.lay.column]
	}
	p.Delimiter, p.Encoding = rune(in.rec.comma), in.src.encoding
	p.BOM, p.Compression = in.src.bom, in.src.compression
	fmt.Fprintf(s.ledger.all, "%s %d %d", p.Options.IDType, p.Options.ChunkSize, p.all.rows)
	p.Digest = [32]byte(s.ledger.all.Sum(nil))
	s.addNotes(in.lay.note)
	p.share()
	return p, nil
}

// addNotes tells people what was guessed and what looks odd.
func (s *scan) addNotes(layout string) {
	p, rows := s.plan, s.ledger.rows
	if layout != "" {
		p.Notes = append(p.Notes, layout)
	}
	for _, t := range []string{UserID, Email, Phone} {
		if n := s.looks[t]; n > rows/2 {
			p.Notes = append(p.Notes, fmt.Sprintf("%d of %d IDs look like a %s: --id-type %s?", n, rows, t, t))
		}
	}
	if rows == 0 {
		p.Notes = append(p.Notes, "the input has a header and no rows: there is nobody to delete")
	}
}

// markDuplicate notes that row i, from 0, is the copy of an earlier one.
func (p *Plan) markDuplicate(i int, first uint32) {
	for len(p.duplicates) <= i/64 {
		p.duplicates = append(p.duplicates, 0)
	}
	p.duplicates[i/64] |= 1 << (i % 64)
	p.firsts = append(p.firsts, first)
}

// isDuplicate says whether row i, from 0, was rejected as a duplicate.
func (p *Plan) isDuplicate(i int) bool {
	return i/64 < len(p.duplicates) && p.duplicates[i/64]>>(i%64)&1 == 1
}
