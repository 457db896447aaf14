package chunker

import (
	"fmt"
	"io"
	"math/rand/v2"
)

// Row is one record of the input, but for the header.
type Row struct {
	Line   int          // input line on which the record starts, from 1
	ID     []byte       // as it will be sent, without the spaces around it; valid until the next row
	Raw    []byte       // the record as it stands in the text (as UTF-8), without its line end; valid until the next row
	Chunk  int          // from 1; 0: rejected
	Place  int          // inside the chunk, from 1; 0: rejected
	Reject *RejectError // nil: accepted
}

// Plan is what came of an input's first pass. Where the input is divided among several shards (Options.Shards), each takes
// every Shards-th chunk: the counts, and the rows that Scan, All and Split give, are then the shard's own, its chunks are
// numbered from 1, and rejected rows are the first shard's. Digest is the same for all of them, and together they account
// for every row once. A plan is a pure function of the input's bytes and the options. Its fields
// are to be read only; it may then be used by several goroutines at once.
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
	seed       uint64
	blocks     []digest
	duplicates []uint64 // one bit a row
	firsts     []uint32 // for each duplicate, the line of its first
}

// Scan reads the whole input, checks every row and gives the plan. It calls visit, unless nil, with every row in order,
// and stops with visit's error as it is. What cannot be read gives an *Error. Memory grows by at most 24 bytes for each
// accepted ID, and Scan lets go of most of it (all but half a byte) when it ends.
func Scan(r io.Reader, o Options, visit func(Row) error) (*Plan, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	seed := rand.Uint64()
	in, err := openPass(r, o.filled(), seed)
	if err != nil {
		return nil, err
	}
	defer in.src.close()
	s := &scan{in: in, size: sizeOf(r), ledger: newLedger(in.opts.ChunkSize), visit: visit,
		plan: &Plan{Reasons: map[string]int{}, Options: in.opts, seed: seed}, looks: map[string]int{}}
	if err := s.readAll(); err != nil {
		return nil, err
	}
	return s.finish()
}

// sizeOf gives the size of a reader that knows it, as an io.SectionReader does, and else 0.
func sizeOf(r io.Reader) int64 {
	if s, ok := r.(interface{ Size() int64 }); ok {
		return s.Size()
	}
	return 0
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

type scan struct {
	in     *pass
	plan   *Plan
	size   int64 // of the input, in bytes; 0: not known
	ledger *ledger
	visit  func(Row) error
	looks  map[string]int // IDs that look like another type
}

// readAll goes through the rows. When it returns the input is no longer read.
func (s *scan) readAll() error {
	a := readAhead(s.in, newSeen(), s.size, s.visit != nil)
	defer a.close()
	for b := a.next(nil); ; b = a.next(b) {
		if err := s.settle(b); err != nil {
			return err
		}
		switch b.err {
		case nil:
		case io.EOF:
			return nil
		default:
			return b.err
		}
	}
}

// settle decides what becomes of a batch's rows.
func (s *scan) settle(b *batch) error {
	checked := 0
	for row := range b.all() {
		if row.Reject == nil {
			if first := b.firsts[checked]; first != 0 {
				row.Reject = duplicateOf(row.Line, first)
				s.plan.markDuplicate(first)
			}
			checked++
		}
		s.plan.Rows++
		if s.visit != nil && s.in.opts.ours(row.Reject, s.ledger.accepted) {
			if err := s.visit(row.placed(s.ledger.accepted, &s.in.opts)); err != nil {
				return err
			}
		}
		s.count(row)
	}
	return nil
}

func (s *scan) count(row Row) {
	if row.Reject != nil || !checkable(s.in.opts.IDType) {
		if t := looksLike(string(row.ID)); t != "" && t != s.in.opts.IDType {
			s.looks[t]++
		}
	}
	if e := row.Reject; e != nil {
		s.plan.Reasons[e.Code]++
		s.ledger.reject(e)
		return
	}
	if s.ledger.accept(row.ID, row.Line) {
		s.plan.blocks = append(s.plan.blocks, s.ledger.sum())
	}
}

// finish completes the plan at the input's end.
func (s *scan) finish() (*Plan, error) {
	if err := s.in.src.drain(); err != nil {
		return nil, err
	}
	if s.ledger.open() {
		s.plan.blocks = append(s.plan.blocks, s.ledger.sum())
	}
	p, in := s.plan, s.in
	p.SHA256, p.Bytes = [32]byte(in.src.raw.sum.Sum(nil)), in.src.raw.n
	p.all = counts{p.Rows, s.ledger.accepted}
	p.Header, p.HeaderRaw = in.header, in.rawHead
	p.Column, p.Columns = in.lay.column+1, in.columns
	if p.Header != nil {
		p.ColumnName = p.Header[in.lay.column]
	}
	p.Delimiter, p.Encoding = rune(in.rec.comma), in.src.encoding
	p.BOM, p.Compression = in.src.bom, in.src.compression
	fmt.Fprintf(s.ledger.all, "%s %d %d", p.Options.IDType, p.Options.ChunkSize, p.Rows)
	p.Digest = [32]byte(s.ledger.all.Sum(nil))
	s.notes()
	p.share()
	return p, nil
}

// notes tells people what was guessed and what looks odd.
func (s *scan) notes() {
	p := s.plan
	if s.in.lay.note != "" {
		p.Notes = append(p.Notes, s.in.lay.note)
	}
	for _, t := range []string{UserID, Email, Phone} {
		if n := s.looks[t]; n > p.Rows/2 {
			p.Notes = append(p.Notes, fmt.Sprintf("%d of %d IDs look like a %s: --id-type %s?", n, p.Rows, t, t))
		}
	}
	if p.Rows == 0 {
		p.Notes = append(p.Notes, "the input has a header and no rows: there is nobody to delete")
	}
}

// markDuplicate notes that the next row is the copy of an earlier one.
func (p *Plan) markDuplicate(first uint32) {
	for len(p.duplicates) <= p.Rows/64 {
		p.duplicates = append(p.duplicates, 0)
	}
	p.duplicates[p.Rows/64] |= 1 << (p.Rows % 64)
	p.firsts = append(p.firsts, first)
}

// duplicate says whether row i, from 0, was rejected as a duplicate.
func (p *Plan) duplicate(i int) bool {
	return i/64 < len(p.duplicates) && p.duplicates[i/64]>>(i%64)&1 == 1
}
