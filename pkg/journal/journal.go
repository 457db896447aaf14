package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// File is what a journal needs of an *os.File.
type File interface {
	io.Reader
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Journal appends records to a file. It may be used by any number of goroutines.
type Journal struct {
	format Format
	commit sync.Mutex // held by the one that writes and syncs for a whole batch

	mu   sync.Mutex // guards what follows
	file File
	next *batch // records that wait for the next commit
	sum  string // of the last record in next
	safe string // of the last record that is on disk
	err  error  // of the write or sync that failed: there is no going on after it
	end  int64  // length of what has been written
	room int64  // up to where disk space is taken
}

// gather is how long a record waits for others before they share a sync. Beside a call that is nothing, and at
// thousands of calls a second it halves the syncs (BenchmarkAppend).
const gather = time.Millisecond

// batch is records that one write and one sync put on disk together. The first record's goroutine does that; the others
// wait for it together.
type batch struct {
	text []byte
	sum  string
	done chan struct{} // closed when err is known
	err  error
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// Continue appends to a file behind the last record that a reader of it found; the reader's End has to have been
// asked, with the same tail. What stands behind that record is cut off. Where tail is not 0, so that a process may
// have died while writing, all that is left is written once more and synced before Continue returns: no record is
// trusted that an earlier process wrote and could not sync.
func Continue(f File, r *Reader, tail int) (*Journal, error) {
	if r.err != nil && r.err != io.EOF {
		if err := f.Truncate(r.end); err != nil {
			return nil, fmt.Errorf("the torn end cannot be cut off: %w", err)
		}
	}
	if tail > 0 {
		if err := renew(f, r.end); err != nil {
			return nil, fmt.Errorf("what is there cannot be made durable: %w", err)
		}
	}
	j := &Journal{format: r.format, file: f, next: newBatch(), sum: r.Sum, safe: r.Sum, end: r.end}
	if preamble := r.format.Preamble(); r.end == 0 && len(preamble) > 0 {
		j.next.text, j.next.sum = preamble, r.Sum
		return j, j.write()
	}
	return j, nil
}

// renew writes the first size bytes of a file in their own place and syncs them. A sync that failed can leave bytes in
// memory which every later read finds and no later sync writes, because the system takes them for written: writing the
// same once more makes it try again. A machine that dies meanwhile has the old bytes or the new, which are the same.
func renew(f File, size int64) error {
	buf := make([]byte, 64<<10)
	for at := int64(0); at < size; {
		part := buf[:min(int64(len(buf)), size-at)]
		if _, err := f.ReadAt(part, at); err != nil {
			return err
		}
		if _, err := f.WriteAt(part, at); err != nil {
			return err
		}
		at += int64(len(part))
	}
	return f.Sync()
}

// Reserve takes disk space for so many bytes more, so that what is done next can also be recorded. It fails when
// there is no room. Files other than *os.File, and systems that cannot do that, have nothing reserved.
func (j *Journal) Reserve(size int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	f, ok := j.file.(*os.File)
	need := j.end + int64(len(j.next.text)) + size
	if !ok || need <= j.room {
		return nil
	}
	from := max(j.end, j.room)
	if err := reserve(f, from, need-from); err != nil {
		return fmt.Errorf("there is no room for more records: %w", err)
	}
	j.room = need
	return nil
}

// Append puts a record on disk: when it returns nil, the record is there whatever happens to the machine. Records that
// come in while a sync is under way share the next one. After an error every later call fails too: what a failed sync
// left on disk cannot be known.
func (j *Journal) Append(record []byte) error {
	j.mu.Lock()
	b := j.next
	first := len(b.text) == 0
	b.text, j.sum = j.format.Encode(b.text, record, j.sum)
	b.sum = j.sum
	j.mu.Unlock()
	if !first {
		<-b.done
		return b.err
	}
	time.Sleep(gather)
	j.commit.Lock()
	defer j.commit.Unlock()
	return j.write()
}

// write puts the records that wait on disk. They are all behind those of batches before, because only the holder of
// commit calls it.
func (j *Journal) write() error {
	j.mu.Lock()
	b, err := j.next, j.err
	j.next = newBatch()
	j.mu.Unlock()
	if err == nil {
		err = j.put(b.text)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err = err; err == nil {
		j.safe = b.sum
		j.end += int64(len(b.text))
	}
	b.err = err
	close(b.done)
	return err
}

func (j *Journal) put(text []byte) error {
	if err := j.grown(); err != nil {
		return err
	}
	if _, err := j.file.WriteAt(text, j.Size()); err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("cannot sync: %w", err)
	}
	return nil
}

// grown is an error if the file is not as long as what was written: another process has emptied it or appended to
// it, and what is written now would stand in the wrong place.
func (j *Journal) grown() error {
	f, ok := j.file.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if size := j.Size(); err == nil && info.Size() != size {
		err = fmt.Errorf("%s has %d bytes and had %d: somebody else writes to it", f.Name(), info.Size(), size)
	}
	return err
}

// Sum is the sum of the last record that is on disk, or the seed.
func (j *Journal) Sum() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.safe
}

// Size is the length of what is on disk, in bytes.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end
}

// Close gives back the space that was reserved and closes the file. Every record that Append has taken is on disk
// already.
func (j *Journal) Close() error {
	j.commit.Lock()
	defer j.commit.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if j.room > j.end && j.err == nil {
		err = j.file.Truncate(j.end)
	}
	return errors.Join(err, j.file.Close())
}
