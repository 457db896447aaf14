package chunker

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
)

// pass reads an input once and decides what becomes of each row. The first pass makes the plan; a later one makes it
// again, and compares.
type pass struct {
	*reader
	check   *checker
	plan    *Plan // what is known of it so far
	planned *Plan // by the first pass; nil: this is it
	err     error // that ended the pass; io.EOF: nothing did

	from    int      // the line from which on rows are data
	named   bool     // the column was found by the header's name
	idNames [][]byte // of the ID's column, by which a header that is repeated is known

	seen  seen           // of the first pass
	again int            // duplicates that a later pass has met
	row   Row            // the present one
	ours  bool           // it is one of the shard's
	first int            // line of the present block's first row
	block []byte         // the rows of the present block, as they are digested
	all   hash.Hash      // of all decisions
	looks map[string]int // IDs that look like another type
}

// openPass finds out all about an input that holds for every row.
func openPass(in io.Reader, o Options, planned *Plan) *pass {
	o = o.filled()
	p := &pass{check: newChecker(o), plan: &Plan{Options: o}, planned: planned, all: sha256.New(), looks: map[string]int{}}
	if p.err = o.Validate(); p.err == nil {
		p.err = p.open(in)
	}
	return p
}

func (p *pass) open(in io.Reader) (err error) {
	if p.reader, err = openReader(in, p.plan.Options.Encoding); err != nil {
		return err
	}
	text, err := p.text.Peek(sniffBytes)
	p.eol = findEOL(text)
	sep := sepLine(text, p.eol)
	comma := cmp.Or(p.plan.Options.Delimiter, sep, findDelimiter(text, err != nil, p.eol))
	if err := (Options{Delimiter: comma}).Validate(); err != nil {
		return fail(1, "%w", err)
	}
	p.comma, p.plan.Delimiter, p.plan.Encoding, p.plan.BOM = byte(comma), comma, p.encoding, p.bom
	if sep != 0 {
		if err := p.readLine(); err != nil {
			return err
		}
	}
	h, err := p.readHead()
	if err != nil {
		return err
	}
	if err := h.find(); err != nil {
		return err
	}
	p.begin(h)
	return nil
}

// readHead reads the first rows, and goes back to where they begin.
func (p *pass) readHead() (*head, error) {
	h := &head{opts: p.plan.Options, idType: p.check.idType, header: -1}
	defer p.bookmark()()
	var err error
	for size := 0; len(h.rows) < headRows && size < sniffBytes && err == nil; {
		if err = p.reader.next(); err == nil && !isMark(p.raw) {
			h.rows, h.raws, h.lines = append(h.rows, p.texts()), append(h.raws, bytes.Clone(p.raw)), append(h.lines, p.line)
			size += len(p.raw)
		}
	}
	switch {
	case len(h.rows) > 0: // an error behind them comes again
		return h, nil
	case err == io.EOF:
		return nil, fail(0, "the input is empty: give a file with one user a row")
	}
	return nil, err
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
	p.named, p.check.digits = h.named, h.digits()
	plan.Column = h.column + 1
	if h.header < 0 {
		p.from, plan.Columns = h.lines[h.data], len(h.rows[h.data])
		return
	}
	header := h.rows[h.header]
	p.from, plan.Columns = h.lines[h.header]+1, len(header)
	plan.ColumnName, plan.own, plan.HeaderRaw = header[h.column], pick(header, isOwn), h.raws[h.header]
	if p.idNames = [][]byte{[]byte(plan.ColumnName)}; p.check.fits == nil {
		p.idNames = append(p.idNames, bytes.Fields([]byte(p.check.exact))...)
	}
}

// isMark says whether a line is one that a program puts in front of a table: PowerShell's #TYPE, Entra's version:v1.0.
func isMark(line []byte) bool {
	line = bytes.TrimPrefix(line, quoteMark)
	return bytes.HasPrefix(line, []byte("#TYPE ")) || bytes.HasPrefix(line, []byte("version:v"))
}

// rows gives every row with what becomes of it, and as the last element why the pass ended before the input did.
func (p *pass) rows(yield func(Row, error) bool) {
	for p.err == nil {
		if p.err = p.next(); p.err == nil && !yield(p.row, nil) {
			return
		}
	}
	switch {
	case p.err == io.EOF:
	case p.planned == nil || errors.Is(p.err, errRead) || errors.Is(p.err, ErrChanged):
		yield(Row{}, p.err)
	default: // it could be understood when it was planned
		yield(Row{}, fmt.Errorf("%w: %w", ErrChanged, p.err))
	}
}

// next goes to the next row, and decides what becomes of it. At the end it gives io.EOF, and the plan is complete.
func (p *pass) next() error {
	err := p.reader.next()
	for err == nil && p.line < p.from {
		err = p.reader.next()
	}
	switch {
	case err == io.EOF:
		return p.finish()
	case err != nil:
		return err
	case p.line > math.MaxUint32:
		return fail(p.line, "more than %d lines: split the file", math.MaxUint32)
	}
	p.row = Row{Line: p.line, Raw: p.raw}
	if column := p.plan.Column - 1; column < len(p.cells) {
		p.row.ID = trim(p.cells[column])
	}
	if p.odd && len(p.cells) == p.plan.Columns && bytes.Contains(p.row.ID, quoteMark) {
		return p.misplacedQuote()
	}
	return p.decide()
}

// decide says what becomes of the present row, and accounts for it.
func (p *pass) decide() (err error) {
	row := &p.row
	if row.Code, row.Reason = p.judge(row.ID); row.Code == "" {
		row.Code, row.Reason = p.check.check(row.ID)
	}
	if row.Code == "" {
		row.Code, row.Reason = p.repeated()
	}
	if row.Code != "" || p.check.fits == nil {
		if t := looksLike(row.ID); t != "" && t != p.check.name {
			p.looks[t]++
		}
	}
	if row.Code == "" {
		err = p.accept()
	} else {
		p.ours = p.plan.Options.Shard == 0
		p.all.Write(binary.LittleEndian.AppendUint32([]byte("rejected "+row.Code+" "), uint32(row.Line)))
	}
	p.plan.count(row, p.ours)
	return err
}

// judge says what is wrong with a row as a whole, whatever its ID is.
func (p *pass) judge(id []byte) (code, reason string) {
	const remedy = ": delete the row (--no-validate if it is an ID)"
	switch n := len(p.cells); {
	case n != p.plan.Columns:
		if what := noUser(id); n == 1 && p.plan.Column == 1 && what != "" {
			return codeNoUser, what
		}
		return codeColumns, fmt.Sprintf("the row has %d columns and the first has %d: "+
			"put a cell that holds the delimiter in quotes, and write a delimiter for each empty cell", n, p.plan.Columns)
	case p.check.noValidate:
	case len(id) > 0 && p.repeatsHeader(id):
		return codeNoUser, "the header is repeated here" + remedy
	case p.plan.Column > 1 && isNumber(id) && !isUserID(id) && isAmong(sums, trim(p.cells[0])):
		return codeNoUser, "a sum, not a user" + remedy
	case p.line != p.lines:
		if line := p.swallowed(id); line > 0 {
			return codeColumns, fmt.Sprintf("a quote goes on from line %d to %d, and line %d looks like "+
				"a row of its own: take the quote away, or close it where its cell ends", p.line, p.lines, line)
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
func (p *pass) swallowed(own []byte) (line int) {
	if p.plan.Columns == 1 {
		return 0
	}
	for i, text := range bytes.Split(p.raw, []byte{p.eol}) {
		cells := bytes.Split(bytes.TrimSuffix(text, []byte{'\r'}), []byte{p.comma})
		if len(cells) != p.plan.Columns {
			continue
		}
		id := bytes.Trim(trim(cells[p.plan.Column-1]), `"`)
		if !bytes.Equal(id, own) && (p.check.fits == nil && i > 0 || p.check.fits != nil && p.check.fits(id)) {
			return p.line + i
		}
	}
	return 0
}

// repeated says whether an earlier row has the same ID.
func (p *pass) repeated() (code, reason string) {
	first, line := uint32(0), uint32(p.row.Line)
	if p.planned == nil {
		if first = p.seen.add(p.check.key(p.row.ID), line); first != 0 {
			p.plan.duplicates = append(p.plan.duplicates, [2]uint32{line, first})
		}
	} else if d := p.planned.duplicates; p.again < len(d) && d[p.again][0] == line {
		first = d[p.again][1]
		p.again++
	}
	if first == 0 {
		return "", ""
	}
	return codeDuplicate, fmt.Sprintf("the same ID as in line %d", first)
}

// accept gives the row its chunk and its place there, and ends the block if it is complete. Chunks are dealt out to the
// shards in turn.
func (p *pass) accept() error {
	row, o := &p.row, &p.plan.Options
	chunk, place := p.plan.AllAccepted/o.ChunkSize, p.plan.AllAccepted%o.ChunkSize
	row.Chunk, row.Place, p.ours = chunk/o.Shards+1, place+1, chunk%o.Shards == o.Shard
	p.plan.AllAccepted++
	if p.proven() {
		p.first = row.Line
	}
	p.block = append(append(p.block, row.ID...), '\n')
	if o.WholeRows {
		p.block = append(append(p.block, row.Raw...), '\n')
	}
	p.block = binary.LittleEndian.AppendUint32(p.block, uint32(row.Line)) // a block holds only where it stood
	if row.Place == o.ChunkSize && p.plan.AllAccepted%o.blockSize() == 0 {
		return p.endBlock(row.Line)
	}
	return nil
}

// proven says whether all rows so far stand in blocks that are complete, and in a later pass as they were planned.
func (p *pass) proven() bool { return len(p.block) == 0 }

// endBlock makes the block's digest or, in a later pass, compares it.
func (p *pass) endBlock(last int) error {
	full := sha256.Sum256(p.block)
	d := [16]byte(full[:])
	p.all.Write(d[:])
	p.block = p.block[:0]
	if p.planned == nil {
		p.plan.blocks = append(p.plan.blocks, d)
		return nil
	}
	n := (p.plan.AllAccepted - 1) / p.plan.Options.blockSize()
	if b := p.planned.blocks; n >= len(b) || b[n] != d {
		return fmt.Errorf("lines %d to %d: %w: plan it again", p.first, last, ErrChanged)
	}
	return nil
}

// finish completes the plan at the input's end, and gives io.EOF if a later pass met what was planned.
func (p *pass) finish() error {
	plan := p.plan
	if !p.proven() {
		if err := p.endBlock(p.lines); err != nil {
			return err
		}
	}
	if err := p.drain(); err != nil {
		return err
	}
	plan.SHA256, plan.Bytes = [32]byte(p.in.sum.Sum(nil)), p.in.n
	if was := p.planned; was != nil && was.SHA256 != plan.SHA256 {
		return fmt.Errorf("%w: it has %d bytes and %d rows, had %d and %d: plan it again",
			ErrChanged, plan.Bytes, plan.AllRows, was.Bytes, was.AllRows)
	}
	fmt.Fprintf(p.all, "%s %d %d", plan.Options.IDType, plan.Options.ChunkSize, plan.AllRows)
	plan.Digest = [32]byte(p.all.Sum(nil))
	for _, t := range []string{UserID, Email, Phone} {
		if n := p.looks[t]; n > plan.AllRows/2 {
			plan.Notes = append(plan.Notes,
				fmt.Sprintf("%d of %d IDs look like %s: --id-type %s?", n, plan.AllRows, article(t), t))
		}
	}
	if plan.AllRows == 0 {
		plan.Notes = append(plan.Notes, "the input has a header and no rows: there is nobody to delete")
	}
	return io.EOF
}
