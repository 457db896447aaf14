package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// Format is how records stand in a file and how they follow each other. A sum is what chains a record to the next;
// it is opaque to this package.
type Format interface {
	// Preamble is what the file begins with, in front of the first record.
	Preamble() []byte
	// Encode appends a record that follows the one with sum before, as it is to stand in the file.
	Encode(dst, record []byte, before string) (text []byte, sum string)
	// Read takes the next record: as it stands, and what was encoded. It is io.EOF where nothing is left, and
	// io.ErrUnexpectedEOF where the file ends within a record.
	Read(r *bufio.Reader) (text, record []byte, err error)
	// Mark is a text that every record has in the file once, at its end or at its beginning: records that do not hold
	// are counted by it. Its first byte stands nowhere else in it. Records that end with "\n" are lines.
	Mark() (text string, atEnd bool)
}

// ReadAt reads the record that begins at offset, without what it follows.
func ReadAt(r io.ReaderAt, format Format, offset int64) (record []byte, err error) {
	_, record, err = format.Read(bufio.NewReader(io.NewSectionReader(r, offset, math.MaxInt64-offset)))
	return record, err
}

// DamageError is a file that is not what was written: it was edited or cut, or is another's. No command believes it.
type DamageError struct {
	File string
	Line int // of a file of lines, from 1; 0: of another file, or unknown
	Err  error
}

// Error names the file and, where it is known, the line.
func (e *DamageError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s, line %d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// Reader reads a journal record by record, in memory bounded by one record.
type Reader struct {
	Record []byte // the last one that Next found
	Sum    string // of it; the seed in front of the first
	Count  int    // of the records found so far
	Offset int64  // where Record begins

	name   string
	file   *remembering
	r      *bufio.Reader // of file
	format Format
	end    int64 // behind the last record that holds
	rest   []byte
	err    error // why there is no next record; io.EOF: the file ends
	alien  bool  // the file does not even begin as one of this format
}

// NewReader reads a file from its first byte. name is what errors call it, and seed what the first record follows.
func NewReader(name string, r io.Reader, format Format, seed string) *Reader {
	file := &remembering{r: r}
	return &Reader{Sum: seed, name: name, file: file, r: bufio.NewReaderSize(file, 64<<10), format: format}
}

// remembering gives an error of reading again and again, where a file may give it once.
type remembering struct {
	r   io.Reader
	err error // other than io.EOF
}

func (r *remembering) Read(p []byte) (n int, err error) {
	if r.err != nil {
		return 0, r.err
	}
	if n, err = r.r.Read(p); err != io.EOF {
		r.err = err
	}
	return n, err
}

// Next goes to the next record. It is false behind the last one that holds; End says why.
func (r *Reader) Next() bool {
	if r.err != nil || r.end == 0 && !r.readPreamble() {
		return false
	}
	text, record, err := r.format.Read(r.r)
	if err != nil {
		r.fail(text, err)
		return false
	}
	follows, sum := r.format.Encode(nil, record, r.Sum)
	if !bytes.Equal(text, follows) {
		r.fail(text, errors.New("it does not follow from the one before, or is not written as it was"))
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
	case err == nil && bytes.Equal(text, want):
		r.end = int64(n)
		return true
	case err == io.EOF:
		r.err = io.EOF
	case !canBegin(text[:n], want):
		r.err, r.alien = errors.New("this is not how such a file begins"), true
	default:
		r.fail(text[:n], io.ErrUnexpectedEOF)
	}
	return false
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
	if r.err = err; errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF && len(text) > 0 {
		r.err = errCutOff
	}
}

var errCutOff = errors.New("the file ends within it")

// End says what stands behind the last record that Next found. torn is the number of records there that a crash can
// have left, which is never above tail: the number of writers that were at work on the file, 0 if none was.
// Everything else is a *DamageError, but for an error of reading, which is given as it is: then nothing is known of
// the end.
func (r *Reader) End(tail int) (torn int, err error) {
	rest := 0
	if r.err != nil && r.err != io.EOF {
		rest = r.countRest()
	}
	if r.file.err != nil {
		return 0, fmt.Errorf("cannot be read behind byte %d: %w", r.end, r.file.err)
	}
	if rest <= tail && !r.alien {
		return rest, nil
	}
	first := r.Count + 1
	if r.end == 0 && len(r.format.Preamble()) > 0 {
		first = 0
	}
	return 0, r.damage(first, r.end, r.err)
}

// Damage says that the last record that Next found follows from the one before and yet cannot have been written.
func (r *Reader) Damage(why error) *DamageError { return r.damage(r.Count, r.Offset, why) }

func (r *Reader) damage(record int, offset int64, why error) *DamageError {
	if mark, _ := r.format.Mark(); mark == "\n" {
		return &DamageError{r.name, record + bytes.Count(r.format.Preamble(), []byte(mark)), why}
	}
	return &DamageError{File: r.name, Err: fmt.Errorf("record %d, at byte %d: %w", record, offset, why)}
}

// countRest counts the records that begin in what does not hold and behind it, at least 1.
func (r *Reader) countRest() (n int) {
	mark, atEnd := r.format.Mark()
	rest := bufio.NewReader(io.MultiReader(bytes.NewReader(r.rest), r.r))
	at, partial := 0, false // bytes of the mark that were met; behind the last mark there is more
	for {
		c, err := rest.ReadByte()
		if err != nil {
			break // io.EOF, or what the file remembers
		}
		switch partial = true; c {
		case mark[at]:
			at++
		case mark[0]:
			at = 1
		default:
			at = 0
		}
		if at == len(mark) {
			n, at, partial = n+1, 0, false
		}
	}
	if atEnd && partial {
		n++
	}
	return max(1, n)
}
