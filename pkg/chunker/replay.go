package chunker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Chunk is what one call names: 1 to Options.ChunkSize accepted IDs. Its slices belong to the receiver.
type Chunk struct {
	Number int      // from 1
	IDs    []string // in the input's order
	Lines  []int    // the input line of each ID
}

// All gives every row again, rejected ones with the reasons they had. r starts at the input's first byte. Memory is
// bounded. The rows are checked against the plan as they go by, and the whole input at the end: after a change comes an
// error that wraps ErrChanged, as the last element, and what was made from the rows is to be thrown away. r is read
// by another goroutine, which has ended when the sequence has.
func (p *Plan) All(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		err := p.replay(r, func(row Row, ours, _ bool) bool { return !ours || yield(row, nil) })
		if err != nil {
			yield(Row{}, err)
		}
	}
}

// Split gives the accepted rows again, in chunks. r starts at the input's first byte, and is read as All reads it.
// Memory is bounded. A chunk is given only after its IDs and lines were found as planned, and the last ones only after
// the whole input was. After a change comes an error that wraps ErrChanged, as the last element.
func (p *Plan) Split(r io.Reader) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		var held []Chunk
		release := func() bool {
			proven := held
			held = nil
			for _, c := range proven {
				if !yield(c, nil) {
					return false
				}
			}
			return true
		}
		err := p.replay(r, func(row Row, ours, proven bool) bool {
			if ours && row.Reject == nil {
				if row.Place == 1 {
					held = append(held, Chunk{Number: row.Chunk})
				}
				c := &held[len(held)-1]
				c.IDs, c.Lines = append(c.IDs, string(row.ID)), append(c.Lines, row.Line)
			}
			return !proven || release()
		})
		if err != nil {
			yield(Chunk{}, err)
			return
		}
		release()
	}
}

// replay reads the input again and gives each row what the plan decided for it: one bit says whether it is a duplicate,
// all else follows from the row. It calls each with every row until that says false. ours says whether the row is one
// of the shard's, and proven that all accepted rows up to this one are what was planned: their digests are the plan's.
// The last rows are proven, and the rejected ones, when replay has come to the end of the input and gives no error.
func (p *Plan) replay(r io.Reader, each func(row Row, ours, proven bool) bool) error {
	in, err := openPass(r, p.Options)
	if err != nil {
		return changed(err)
	}
	defer in.src.close()
	l, duplicates := newLedger(p.Options.ChunkSize), 0
	for b, err := range in.batches(context.Background()) {
		if err != nil {
			return changed(err)
		}
		for _, row := range b.rows {
			if row.Reject == nil && p.isDuplicate(l.rows) {
				row.Reject = duplicateOf(row.Line, p.firsts[duplicates])
				duplicates++
			}
			ours := p.Options.place(&row, l.accepted)
			proven := l.add(row)
			if proven {
				if err := p.compareBlock(l); err != nil {
					return err
				}
			}
			if !each(row, ours, proven) {
				return nil
			}
		}
	}
	return p.compareEnd(l, in.src)
}

// compareBlock ends the ledger's block and compares it with what stood there.
func (p *Plan) compareBlock(l *ledger) error {
	i := l.blocks
	if d := l.closeBlock(); i >= len(p.blocks) || p.blocks[i] != d {
		return fmt.Errorf("lines %d to %d: %w: plan it again", l.first, l.last, ErrChanged)
	}
	return nil
}

// compareEnd compares what is left at the input's end: the last block, then the counts and the hash of everything.
func (p *Plan) compareEnd(l *ledger, src *source) error {
	if l.begun() {
		if err := p.compareBlock(l); err != nil {
			return err
		}
	}
	if err := src.drain(); err != nil {
		return err
	}
	if (counts{l.rows, l.accepted}) != p.all || src.raw.n != p.Bytes || [32]byte(src.raw.sum.Sum(nil)) != p.SHA256 {
		return fmt.Errorf("%w: it has %d bytes and %d rows, had %d and %d: plan it again",
			ErrChanged, src.raw.n, l.rows, p.Bytes, p.all.rows)
	}
	return nil
}

// changed says that what cannot be understood now could be when it was planned.
func changed(err error) error {
	if errors.Is(err, errRead) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}
