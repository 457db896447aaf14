package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Format is how records stand in a file and how they follow each other. A sum is what chains a record to the next;
// it is opaque to this package.
type Format interface {
	// Preamble is what the file begins with, in front of the first record.
	Preamble() []byte
	// Encode appends a record that follows the one with sum before, as it is to stand in the file.
	Encode(dst, record []byte, before string) (text []byte, sum string)
	// Read takes the next record as it stands. It is io.EOF where nothing is left, and io.ErrUnexpectedEOF where the
	// file ends within a record. The bytes are valid until the next call.
	Read(r *bufio.Reader) (text []byte, err error)
	// Decode checks that a record as it stands follows the one with sum before, and gives what was encoded.
	Decode(text []byte, before string) (record []byte, sum string, err error)
	// Mark is a text that every record has in the file once, at its end or at its beginning: records that do not hold
	// are counted by it.
	Mark() (text string, atEnd bool)
}

// DamageError is a file that is not what was written: it was edited or cut, or is another's.
type DamageError struct {
	Record int   // the first that does not hold, from 1; 0: what the file begins with
	Offset int64 // where it begins
	Err    error
}

// Error says where and what.
func (e *DamageError) Error() string {
	return fmt.Sprintf("record %d, at byte %d: %v", e.Record, e.Offset, e.Err)
}

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// Reader reads a journal record by record, in memory bounded by one record.
type Reader struct {
	Record []byte // the last one that Next found; valid until the next call
	Sum    string // of it; the seed in front of the first
	Count  int    // of the records found so far
	Offset int64  // where Record begins

	r      *counter
	format Format
	end    int64 // behind the last record that holds
	rest   []byte
	err    error // why there is no next record; io.EOF: the file ends
	alien  bool  // the file does not even begin as one of this format
}

// NewReader reads a file from its first byte. seed is what the first record follows.
func NewReader(r io.Reader, format Format, seed string) *Reader {
	c := &counter{r: r}
	c.Reader = bufio.NewReaderSize(countReads{c}, 64<<10)
	return &Reader{Sum: seed, r: c, format: format}
}

// counter remembers an error of reading, which a bufio.Reader gives once.
type counter struct {
	*bufio.Reader
	r   io.Reader
	err error // other than io.EOF
}

type countReads struct{ c *counter }

func (r countReads) Read(p []byte) (int, error) {
	n, err := r.c.r.Read(p)
	if err != nil && err != io.EOF {
		r.c.err = err
	}
	return n, err
}

// Next goes to the next record. It is false behind the last one that holds; End says why.
func (r *Reader) Next() bool {
	if r.err != nil || r.end == 0 && !r.readPreamble() {
		return false
	}
	text, err := r.format.Read(r.r.Reader)
	if err != nil {
		r.fail(text, err)
		return false
	}
	record, sum, err := r.format.Decode(text, r.Sum)
	if err != nil {
		r.fail(text, err)
		return false
	}
	r.Record, r.Sum, r.Offset = record, sum, r.end
	r.Count++
	r.end += int64(len(text))
	return true
}

func (r *Reader) readPreamble() bool {
	want := r.format.Preamble()
	text := make([]byte, len(want))
	n, err := io.ReadFull(r.r, text)
	switch {
	case len(want) == 0:
	case n == 0 && err == io.EOF:
		r.err = io.EOF
		return false
	case !canBegin(text[:n], want):
		r.err, r.alien = errors.New("this is not how such a file begins"), true
		return false
	case err != nil || !bytes.Equal(text, want):
		r.fail(text[:n], io.ErrUnexpectedEOF)
		return false
	}
	r.end = int64(n)
	return true
}

// canBegin says whether a crash can have left a text of what was to begin in this way: a beginning of it, or zeros
// behind.
func canBegin(text, want []byte) bool {
	return bytes.HasPrefix(want, bytes.TrimRight(text[:min(len(text), len(want))], "\x00"))
}

// fail notes what stands behind the last record that holds.
func (r *Reader) fail(text []byte, err error) {
	r.rest = bytes.Clone(text)
	if mark, atEnd := r.format.Mark(); r.end == 0 && !atEnd {
		r.alien = !canBegin(text, []byte(mark))
	}
	if r.err = err; errors.Is(err, io.ErrUnexpectedEOF) {
		r.err = errCutOff
	}
}

var errCutOff = errors.New("the file ends within it")

// End says what stands behind the last record that Next found. torn is the number of records there that a crash can
// have left, which is never above tail: the number of writers that were at work on the file, 0 if none was.
// Everything else is a *DamageError, but for an error of reading, which is given as it is: then nothing is known of
// the end.
func (r *Reader) End(tail int) (torn int, err error) {
	if r.r.err != nil {
		return 0, fmt.Errorf("cannot be read behind byte %d: %w", r.end, r.r.err)
	}
	if r.err == nil || r.err == io.EOF {
		return 0, nil
	}
	rest, err := r.countRest()
	if err != nil {
		return 0, fmt.Errorf("cannot be read behind byte %d: %w", r.end, err)
	}
	if rest <= tail && !r.alien {
		return rest, nil
	}
	first := r.Count + 1
	if r.end == 0 && len(r.format.Preamble()) > 0 {
		first = 0
	}
	return 0, &DamageError{Record: first, Offset: r.end, Err: r.err}
}

// countRest counts the records that begin in what does not hold and behind it, at least 1.
func (r *Reader) countRest() (n int, err error) {
	text, atEnd := r.format.Mark()
	mark, window, fresh := []byte(text), r.rest, len(r.rest)
	partial := false // behind the last mark there is more
	for {
		n += bytes.Count(window, mark)
		if fresh > 0 {
			partial = !bytes.HasSuffix(window, mark)
		}
		keep := min(len(window), len(mark)-1)
		next := make([]byte, keep+64<<10)
		copy(next, window[len(window)-keep:])
		if fresh, err = r.r.Read(next[keep:]); err == io.EOF {
			if atEnd && partial {
				n++
			}
			return max(1, n), nil
		}
		if err != nil {
			return 0, err
		}
		window = next[:keep+fresh]
	}
}
