package chunker

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Chunk is what one call names: 1 to Options.ChunkSize accepted IDs. Its slices belong to whoever receives it.
type Chunk struct {
	Number int      // from 1
	IDs    []string // in the input's order
	Lines  []int    // the input line of each ID
}

// All gives every row again, rejected ones with the reasons they had. r starts at the input's first byte. Memory is
// bounded. The rows are checked against the plan as they go by, and the whole input at the end: after a change comes an
// error that wraps ErrChanged, as the last element, and whatever was made from the rows is to be thrown away. r is read by
// another goroutine, which has ended when the sequence has.
func (p *Plan) All(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := func(row Row, accepted int) bool {
			return !p.Options.ours(row.Reject, accepted) || yield(row.placed(accepted, &p.Options), nil)
		}
		err := p.replay(r, (*pass).rowsAhead, row, func() bool { return true })
		if err != nil {
			yield(Row{}, err)
		}
	}
}

// Split gives the accepted rows again, in chunks. r starts at the input's first byte. Memory is bounded. A chunk is
// given only after its IDs and lines were found as planned; at the end the whole input's hash is compared too. After a
// change comes an error that wraps ErrChanged, as the last element.
func (p *Plan) Split(r io.Reader) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		var held []Chunk
		var text []byte // the IDs of all held chunks, one after another
		var ends []int  // where each one ends
		hold := func(row Row, accepted int) bool {
			if row.Reject != nil || !p.Options.ours(nil, accepted) {
				return true
			}
			if accepted%p.Options.ChunkSize == 0 {
				held = append(held, p.newChunk(accepted))
			}
			c := &held[len(held)-1]
			text, c.Lines = append(text, row.ID...), append(c.Lines, row.Line)
			ends = append(ends, len(text))
			return true
		}
		release := func() bool {
			ids := string(text) // a string for each ID was a tenth of all that a run allocates
			from, n := 0, 0
			for _, c := range held {
				for range c.Lines {
					c.IDs = append(c.IDs, ids[from:ends[n]])
					from, n = ends[n], n+1
				}
				if !yield(c, nil) {
					return false
				}
			}
			held, text, ends = held[:0], text[:0], ends[:0]
			return true
		}
		if err := p.replay(r, (*pass).rows, hold, release); err != nil {
			yield(Chunk{}, err)
		}
	}
}

// newChunk makes the chunk of which so many accepted rows stand before.
func (p *Plan) newChunk(accepted int) Chunk {
	n := min(p.Options.ChunkSize, max(0, p.all.accepted-accepted))
	return Chunk{Number: accepted/p.Options.ChunkSize/p.Options.Shards + 1, IDs: make([]string, 0, n), Lines: make([]int, 0, n)}
}

// replay reads the input again with the plan's decisions. It calls row with every row that rows gives of the pass, and
// checked whenever all rows so far are found unchanged, until one says false.
func (p *Plan) replay(r io.Reader, rows func(*pass) iter.Seq2[Row, error], row func(row Row, accepted int) bool, checked func() bool) error {
	in, err := openPass(r, p.Options, p.seed)
	if err != nil {
		return changed(err)
	}
	defer in.src.close()
	m := &match{plan: p, in: in, ledger: newLedger(p.Options.ChunkSize)}
	for each, err := range rows(in) {
		if err != nil {
			return changed(err)
		}
		m.decide(&each)
		if !row(each, m.ledger.accepted) {
			return nil
		}
		full, err := m.add(each)
		if err != nil {
			return err
		}
		if full && !checked() {
			return nil
		}
	}
	return m.end(checked)
}

// match compares a pass with the plan.
type match struct {
	plan       *Plan
	in         *pass
	ledger     *ledger
	rows       int
	duplicates int
	blocks     int
}

// decide gives a row the decision it had.
func (m *match) decide(row *Row) {
	if row.Reject == nil && m.plan.duplicate(m.rows) {
		row.Reject = duplicateOf(row.Line, m.plan.firsts[m.duplicates])
		m.duplicates++
	}
	m.rows++
}

// add accounts for a row and compares a block when it is full.
func (m *match) add(row Row) (full bool, err error) {
	if row.Reject != nil {
		m.ledger.reject(row.Reject)
		return false, nil
	}
	if full = m.ledger.accept(row.ID, row.Line); full {
		err = m.compare()
	}
	return full, err
}

func (m *match) compare() error {
	d := m.ledger.sum()
	if m.blocks >= len(m.plan.blocks) || m.plan.blocks[m.blocks] != d {
		return fmt.Errorf("lines %d to %d: %w: plan it again", m.ledger.first, m.ledger.last, ErrChanged)
	}
	m.blocks++
	return nil
}

// end compares what is left at the input's end: the last block, then the counts and the hash of everything.
func (m *match) end(checked func() bool) error {
	if m.ledger.open() {
		if err := m.compare(); err != nil {
			return err
		}
		if !checked() {
			return nil
		}
	}
	if err := m.in.src.drain(); err != nil {
		return err
	}
	raw, p := m.in.src.raw, m.plan
	if m.rows != p.all.rows || m.ledger.accepted != p.all.accepted || raw.n != p.Bytes || [32]byte(raw.sum.Sum(nil)) != p.SHA256 {
		return fmt.Errorf("%w: it has %d bytes and %d rows, had %d and %d: plan it again", ErrChanged, raw.n, m.rows, p.Bytes, p.all.rows)
	}
	return nil
}

// changed says that what cannot be understood now could be when it was planned.
func changed(err error) error {
	if err == io.EOF || errors.Is(err, errRead) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}
