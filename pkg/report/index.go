package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"bulkdelete/pkg/journal"
)

// Index finds an audit's rows by chunk: they stand in the order in which they were written, the input's in the order of
// chunks.
type Index struct {
	*Coverage
	Rows     int
	LastHash string // of the last row; the seed if there is none
	Torn     int    // rows at the end that a crash has torn

	file  *os.File      // nil: there are no rows
	buf   *bufio.Reader // of file, from somewhere on
	at    [][]int64     // offsets of each chunk's rows
	chunk int           // whose rows are at hand
	rows  []Row
}

// ReadIndex reads the whole audit of a folder, which also checks its chain, and calls visit with each row. The
// error is a *DamageError if the audit is not what was written.
func ReadIndex(dir *journal.Dir, run *Run, visit func(*Row)) (*Index, error) {
	plan := run.Asked.Plan
	x := &Index{Coverage: NewCoverage(plan), LastHash: run.Seed(), at: make([][]int64, plan.Chunks),
		buf: bufio.NewReader(nil)}
	f, err := openOwn(dir, run, AuditName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	x.file = f
	r := journal.NewReader(f, auditFormat{}, run.Seed())
	x.Torn, err = readRows(r, run, func(row Row) error {
		if err := x.Add(row); err != nil {
			return err
		}
		x.at[row.Chunk-1] = append(x.at[row.Chunk-1], r.Offset)
		visit(&row)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x.Rows, x.LastHash = r.Count, r.Sum
	return x, nil
}

// Close closes the audit.
func (x *Index) Close() error {
	if x.file == nil {
		return nil
	}
	return x.file.Close()
}

// find gives the row about a place of a chunk, nil if there is none. It is valid until another chunk is asked about.
func (x *Index) find(chunk, place int) (*Row, error) {
	rows, err := x.Chunk(chunk)
	for i := range rows {
		if r := &rows[i]; r.From <= place && place <= r.To {
			return r, nil
		}
	}
	return nil, err
}

// Chunk gives the rows about a chunk, valid until another one is asked about.
func (x *Index) Chunk(n int) ([]Row, error) {
	if n < 1 || n > len(x.at) {
		return nil, fmt.Errorf("the input has a chunk %d that the run does not have", n)
	}
	if n == x.chunk {
		return x.rows, nil
	}
	x.chunk, x.rows = n, x.rows[:0]
	for _, at := range x.at[n-1] {
		row, err := x.read(at)
		if err != nil {
			x.chunk = 0
			return nil, fmt.Errorf("%s, byte %d: %w", AuditName, at, err)
		}
		x.rows = append(x.rows, row)
	}
	return x.rows, nil
}

func (x *Index) read(at int64) (Row, error) {
	x.buf.Reset(io.NewSectionReader(x.file, at, maxLine))
	line, err := auditFormat{}.Read(x.buf)
	if err != nil {
		return Row{}, err
	}
	fields, hash, err := cutHash(line)
	if err != nil {
		return Row{}, err
	}
	return parseRow(fields, hash)
}
