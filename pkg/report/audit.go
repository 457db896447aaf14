package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"
)

// File is what an audit needs of an *os.File.
type File interface {
	io.Reader
	io.Writer
	io.Seeker
	Sync() error
	Truncate(size int64) error
	Close() error
}

// DamageError is an audit that cannot be gone on with: it was edited, or is another run's.
type DamageError struct {
	Line int // of audit.csv, from 1
	Err  error
}

// Error names the line.
func (e *DamageError) Error() string { return fmt.Sprintf("audit.csv, line %d: %v", e.Line, e.Err) }

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// Audit appends rows to audit.csv. It may be used by any number of goroutines.
type Audit struct {
	commit sync.Mutex    // held by the one that writes and syncs for a whole batch
	gather time.Duration // a row waits for others

	mu   sync.Mutex // guards what follows
	file File
	next *batch // rows that wait for the next commit
	hash string // of the last row in next
	safe string // of the last row that is on disk
	err  error  // of the write or sync that failed: there is no going on after it
	end  int64  // length of what has been written
	room int64  // up to where disk space is taken
}

// gather is how long a row waits for others before they share a sync. Beside a call that is nothing, and at thousands of
// calls a second it halves the syncs and the wakings that go with them: a tenth of a run's CPU time.
const gather = time.Millisecond

const (
	rowRoom  = 4 << 10  // more than a row takes, but for one that was throttled for long
	roomStep = 64 << 10 // taken at once where there is enough
)

// batch is rows that one write and one sync put on disk together. The first row's goroutine does that; the others wait
// for it together. When each had to take the lock to learn that its row was on disk, they woke one another in a row, and
// the next sync waited for the last of them.
type batch struct {
	text []byte
	hash string
	done chan struct{} // closed when err is known
	err  error
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// OpenAudit reads what an audit holds already, calls visit with each row, and is then ready to append. seed is what the
// first row's hash follows: the input's SHA-256 in hexadecimal.
//
// A crash can leave rows behind that were written and not synced, at most one for each slot of the run: up to tail
// lines behind the last row whose hash holds are cut off. More than that, or anything else that a crash cannot leave, is
// a *DamageError, and the file is not touched.
func OpenAudit(f File, seed string, tail int, visit func(Row) error) (*Audit, error) {
	s := newScan(f, seed)
	for s.next() {
		if err := visit(s.row); err != nil {
			return nil, &DamageError{Line: s.line, Err: err}
		}
	}
	end := s.good
	if s.err != nil {
		rest, err := s.countRest()
		if err != nil {
			return nil, fmt.Errorf("the audit cannot be read: %w", err)
		}
		if rest > tail || end == 0 && rest > 1 {
			return nil, &DamageError{Line: s.line, Err: fmt.Errorf("%w, and %d lines stand there where a crash leaves %d at the most", s.err, rest, tail)}
		}
		if err := f.Truncate(end); err != nil {
			return nil, fmt.Errorf("the torn end of the audit cannot be cut off: %w", err)
		}
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return nil, fmt.Errorf("the audit cannot be positioned: %w", err)
	}
	a := &Audit{file: f, gather: gather, next: newBatch(), hash: s.hash, safe: s.hash, end: end}
	if end == 0 {
		a.next.text, a.next.hash = append(a.next.text, header...), s.hash
		return a, a.write(a.take())
	}
	return a, nil
}

// Reserve takes disk space for rows more rows, so that what is sent next can also be recorded. It fails when there is no
// room; nothing should be sent then. Files other than *os.File, and systems that cannot do that, have nothing reserved.
func (a *Audit) Reserve(rows int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.file.(*os.File)
	need := a.end + int64(len(a.next.text)) + int64(rows)*rowRoom
	if !ok || need <= a.room {
		return nil
	}
	from := max(a.end, a.room)
	for _, to := range []int64{need + roomStep, need} {
		err := reserve(f, from, to-from)
		if err == nil {
			a.room = to
			return nil
		}
		if to == need {
			return fmt.Errorf("there is no room for more rows: %w", err)
		}
	}
	return nil
}

// Append puts a row on disk: when it returns nil, the row is there whatever happens to the machine. Rows that come in
// while a sync is under way share the next one. After an error every later call fails too: what a failed sync left on
// disk cannot be known.
func (a *Audit) Append(r Row) error {
	b, first, err := a.enqueue(r)
	if err != nil {
		return err
	}
	if !first {
		<-b.done
		return b.err
	}
	time.Sleep(a.gather)
	a.commit.Lock() // while the batch before is on its way to the disk, this one grows
	defer a.commit.Unlock()
	return a.write(a.take())
}

func (a *Audit) enqueue(r Row) (b *batch, first bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return nil, false, a.err
	}
	b = a.next
	first = len(b.text) == 0
	b.text, a.hash = appendRow(b.text, r, a.hash)
	b.hash = a.hash
	return b, first, nil
}

// take closes the batch that collects rows. Its rows are all behind those of batches before, because only the holder of
// commit takes one.
func (a *Audit) take() *batch {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.next
	a.next = newBatch()
	return b
}

func (a *Audit) write(b *batch) error {
	defer close(b.done)
	if b.err = a.failed(); b.err != nil {
		return b.err
	}
	if _, err := a.file.Write(b.text); err != nil {
		b.err = fmt.Errorf("cannot write: %w", err)
	} else if err := a.file.Sync(); err != nil {
		b.err = fmt.Errorf("cannot sync: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err = b.err; a.err == nil {
		a.safe = b.hash
		a.end += int64(len(b.text))
	}
	return b.err
}

func (a *Audit) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// Hash is the hash of the last row that is on disk, or the seed.
func (a *Audit) Hash() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.safe
}

// Close closes the file. Every row that Append has taken is on disk already.
func (a *Audit) Close() error {
	a.commit.Lock()
	defer a.commit.Unlock()
	if a.room > a.end && a.failed() == nil { // give back what was reserved
		if err := a.file.Truncate(a.end); err != nil {
			return errors.Join(err, a.file.Close())
		}
	}
	return a.file.Close()
}

// ReadAudit gives the rows of a whole audit, in the order they were written, and checks the chain. The last element is
// an error if a line is not what it has to be. Memory is bounded.
func ReadAudit(r io.Reader, seed string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s := newScan(r, seed)
		for s.next() {
			if !yield(s.row, nil) {
				return
			}
		}
		if s.err != nil {
			yield(Row{}, &DamageError{Line: s.line, Err: s.err})
		}
	}
}

// maxLine bounds a line of the audit. Only the request IDs of a call that was throttled for hours come near it.
const maxLine = 1 << 20

// scan reads an audit line by line.
type scan struct {
	r    *bufio.Reader
	row  Row
	hash string // of the last row that holds
	line int    // being read, from 1
	good int64  // offset behind the last line that holds
	at   int64  // offset of row
	text []byte // the line as it stands
	err  error  // what is wrong with line; nil at the end

	midLine bool // the line that is wrong has not been read to its end
}

func newScan(r io.Reader, seed string) *scan {
	return &scan{r: bufio.NewReaderSize(r, 64<<10), hash: seed}
}

// next goes to the next row. It is false at the end and at a line that does not hold, which err then says.
func (s *scan) next() bool {
	if s.line == 0 && !s.readHeader() {
		return false
	}
	text, ok := s.readLine()
	if !ok {
		return false
	}
	if s.row, s.err = parseRow(bytes.TrimSuffix(text, []byte{'\n'}), s.hash); s.err != nil {
		return false
	}
	s.at, s.hash = s.good, s.row.Hash
	s.good += int64(len(text))
	return true
}

func (s *scan) readHeader() bool {
	text, ok := s.readLine()
	if !ok {
		return false
	}
	if !bytes.Equal(text, header) {
		s.err = errors.New("this is not the first line of an audit")
		return false
	}
	s.good = int64(len(text))
	return true
}

// readLine gives a whole line, valid until the next one. A last line without its end is torn, whatever it says: its row was never synced.
func (s *scan) readLine() ([]byte, bool) {
	s.line++
	text := s.text[:0]
	for {
		part, err := s.r.ReadSlice('\n')
		text = append(text, part...)
		s.text = text
		switch {
		case err == nil:
			return text, true
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil, false
		case errors.Is(err, io.EOF):
			s.err = errors.New("the line is cut off")
			return nil, false
		case !errors.Is(err, bufio.ErrBufferFull):
			s.err = err
			return nil, false
		case len(text) > maxLine:
			s.err, s.midLine = errors.New("the line is too long"), true
			return nil, false
		}
	}
}

// countRest counts the line that does not hold and those behind it, a torn one included.
func (s *scan) countRest() (lines int, err error) {
	lines = 1
	inLine := s.midLine
	for {
		part, err := s.r.ReadSlice('\n')
		if len(part) > 0 && !inLine {
			lines++
		}
		inLine = len(part) > 0 && part[len(part)-1] != '\n'
		switch {
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
}
