package chunker

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// blockRows is how many accepted rows at least share one digest. A later pass holds back that many until they are found
// unchanged; one digest takes 16 bytes of the plan.
const blockRows = 50

// Scan reads the whole input, checks every row and gives the plan. It calls visit, unless nil, with every row in order,
// and stops with visit's error as it is, or between two rows with ctx's cause. Any other error says why the input
// cannot be read, with the line. Memory grows by at most 38 bytes for each accepted ID, and Scan frees most of it (all
// but half a byte) when it ends.
func Scan(ctx context.Context, r io.Reader, o Options, visit func(Row) error) (*Plan, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s, err := openScan(r, o.filled(), nil)
	if err != nil {
		return nil, err
	}
	for ctx.Err() == nil {
		row, ours, err := s.next()
		if err == io.EOF {
			return s.plan, nil
		}
		if err == nil && ours && visit != nil {
			err = visit(row)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, context.Cause(ctx)
}

// scan makes a plan out of a pass, row by row. A later pass makes it again, and compares.
type scan struct {
	*pass
	planned *Plan // by the first pass; nil: this is it
	seen    seen  // of the first pass
	again   int   // duplicates that a later pass has met
	block   int   // number of the present block, from 0, which has whole chunks
	first   int   // line of its first row
	last    int   // line of its last row
	text    []byte
	all     hash.Hash      // of all decisions
	looks   map[string]int // IDs that look like another type
}

func openScan(r io.Reader, o Options, planned *Plan) (*scan, error) {
	in, err := openPass(r, o)
	return &scan{pass: in, planned: planned, all: sha256.New(), looks: map[string]int{}}, err
}

// next decides what becomes of the next row, accounts for it, and says whether it is one of the shard's: chunks are
// dealt out in turn, and rejected rows are the first shard's. At the end it gives io.EOF, and the plan is complete.
func (s *scan) next() (row Row, ours bool, err error) {
	row, err = s.pass.next()
	switch {
	case err == io.EOF:
		return row, false, s.finish()
	case err != nil:
		return row, false, err
	case row.Code == "":
		if first := s.firstLine(&row); first != 0 {
			row.Code, row.Reason = codeDuplicate, fmt.Sprintf("the same ID as in line %d", first)
		}
	}
	if row.Code != "" || s.check.fits == nil {
		if t := looksLike(row.ID); t != "" && t != s.check.name {
			s.looks[t]++
		}
	}
	s.plan.AllRows++
	if row.Code != "" {
		ours = s.reject(&row)
	} else {
		ours, err = s.accept(&row)
	}
	if ours {
		s.plan.count(&row)
	}
	return row, ours, err
}

// firstLine gives the line of an earlier row with the same ID, and 0 if there is none.
func (s *scan) firstLine(row *Row) uint32 {
	line := uint32(row.Line)
	if s.planned == nil {
		first := s.seen.add(s.check.key(row.ID), line)
		if first != 0 {
			s.plan.duplicates = append(s.plan.duplicates, [2]uint32{line, first})
		}
		return first
	}
	if d := s.planned.duplicates; s.again < len(d) && d[s.again][0] == line {
		s.again++
		return d[s.again-1][1]
	}
	return 0
}

func (s *scan) reject(row *Row) (ours bool) {
	s.all.Write(binary.LittleEndian.AppendUint32([]byte("rejected "+row.Code+" "), uint32(row.Line)))
	if row.Code != codeProtected {
		s.plan.AllRejected++
	}
	return s.plan.Options.Shard == 0
}

// accept gives a row its chunk and its place there, and ends the block if it is complete.
func (s *scan) accept(row *Row) (ours bool, err error) {
	p, o := s.plan, &s.plan.Options
	chunk := p.AllAccepted / o.ChunkSize
	row.Chunk, row.Place = chunk/o.Shards+1, p.AllAccepted%o.ChunkSize+1
	if s.proven() {
		s.first = row.Line
	}
	s.last = row.Line
	s.text = append(append(s.text, row.ID...), '\n')
	if o.WholeRows {
		s.text = append(append(s.text, row.Raw...), '\n')
	}
	s.text = binary.LittleEndian.AppendUint32(s.text, uint32(row.Line)) // a block holds only where it stood
	p.AllAccepted++
	if chunks := (blockRows + o.ChunkSize - 1) / o.ChunkSize; p.AllAccepted%(chunks*o.ChunkSize) == 0 {
		err = s.endBlock()
	}
	return chunk%o.Shards == o.Shard, err
}

// proven says whether all rows so far stand in blocks that are complete, and in a later pass as they were planned.
func (s *scan) proven() bool { return len(s.text) == 0 }

// endBlock makes the block's digest or, in a later pass, compares it.
func (s *scan) endBlock() error {
	full := sha256.Sum256(s.text)
	d := [16]byte(full[:])
	s.all.Write(d[:])
	s.text = s.text[:0]
	s.block++
	if s.planned == nil {
		s.plan.blocks = append(s.plan.blocks, d)
	} else if b := s.planned.blocks; s.block > len(b) || b[s.block-1] != d {
		return fmt.Errorf("lines %d to %d: %w: plan it again", s.first, s.last, ErrChanged)
	}
	return nil
}

// finish completes the plan at the input's end, and gives io.EOF if a later pass met what was planned.
func (s *scan) finish() error {
	p := s.plan
	if !s.proven() {
		if err := s.endBlock(); err != nil {
			return err
		}
	}
	if err := s.src.drain(); err != nil {
		return err
	}
	p.SHA256, p.Bytes = s.src.raw.hash(), s.src.raw.n
	if was := s.planned; was != nil && was.SHA256 != p.SHA256 {
		return fmt.Errorf("%w: it has %d bytes and %d rows, had %d and %d: plan it again",
			ErrChanged, p.Bytes, p.AllRows, was.Bytes, was.AllRows)
	}
	fmt.Fprintf(s.all, "%s %d %d", p.Options.IDType, p.Options.ChunkSize, p.AllRows)
	p.Digest = [32]byte(s.all.Sum(nil))
	for _, t := range []string{UserID, Email, Phone} {
		if n := s.looks[t]; n > p.AllRows/2 {
			p.Notes = append(p.Notes, fmt.Sprintf("%d of %d IDs look like %s: --id-type %s?", n, p.AllRows, article(t), t))
		}
	}
	if p.AllRows == 0 {
		p.Notes = append(p.Notes, "the input has a header and no rows: there is nobody to delete")
	}
	return io.EOF
}
