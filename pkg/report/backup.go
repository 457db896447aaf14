package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Saved is one line of backup.jsonl.zst: what the API knew of a user when it was read. An ID that names several users has
// a line for each.
type Saved struct {
	Chunk int             `json:"chunk"`
	Place int             `json:"place"` // inside the chunk, from 1
	Line  int             `json:"line"`  // of the input
	ID    string          `json:"id"`    // as the input has it
	User  json.RawMessage `json:"user"`  // as the API wrote it; null: no such user
}

// Backup appends users to a file like backup.jsonl.zst. It may be used by any number of goroutines.
//
// The file is one zstd frame after another, so that `zstd -dc` prints its lines, and each Append is one frame. In front of it
// stands a skippable frame (RFC 8878, 3.1.2), which zstd passes over: the length of the frame that follows, as 4 bytes,
// little endian, and the SHA-256 of the sum before and of that frame, which chains the frames. What a crash tore is known by
// that and cut off, as the audit's end is.
type Backup struct {
	commit sync.Mutex // held by the one that syncs for all
	synced int        // how many frames are on disk

	mu     sync.Mutex // guards what follows
	file   File
	zstd   *zstd.Encoder
	sum    [32]byte // of the last frame
	frames int      // written
	err    error    // of the write or sync that failed: there is no going on after it
}

const (
	frameMagic = 0x184D2A5B // one of zstd's 16 for skippable frames
	headerSize = 8 + sumsSize
	sumsSize   = 4 + sha256.Size
	// maxFrame bounds a frame, packed and unpacked: a chunk's users come in answers of 16 MiB at most, three of them.
	maxFrame = 64 << 20
)

// OpenBackup finds the end of what a file holds and is then ready to append. Up to tail frames behind the last one that
// holds, which a crash can leave, are cut off; more than that is an error, and the file is not touched.
func OpenBackup(f File, tail int) (*Backup, error) {
	s := newFrames(f)
	for s.next() {
	}
	if s.err != nil {
		if err := s.damage(tail); err != nil {
			return nil, err
		}
		if err := f.Truncate(s.good); err != nil {
			return nil, fmt.Errorf("its torn end cannot be cut off: %w", err)
		}
	}
	if _, err := f.Seek(s.good, io.SeekStart); err != nil {
		return nil, err
	}
	// A frame is small and many workers pack at once: a window of its own size is enough.
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	return &Backup{file: f, zstd: encoder, sum: s.sum}, nil
}

// Append puts users on disk: when it returns nil, they are there whatever happens to the machine. Those that come in while a
// sync is under way share the next one. After an error every later call fails too.
func (b *Backup) Append(users []Saved) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for _, u := range users {
		if err := enc.Encode(u); err != nil {
			return fmt.Errorf("line %d: %w", u.Line, err)
		}
	}
	if lines.Len() > maxFrame {
		return fmt.Errorf("chunk %d has %d bytes of profiles, more than fit", users[0].Chunk, lines.Len())
	}
	n, err := b.write(b.zstd.EncodeAll(lines.Bytes(), nil))
	if err != nil {
		return err
	}
	return b.sync(n)
}

// write appends a frame and gives its number.
func (b *Backup) write(frame []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	sum := chain(b.sum, frame)
	out := make([]byte, 0, headerSize+len(frame))
	out = binary.LittleEndian.AppendUint32(out, frameMagic)
	out = binary.LittleEndian.AppendUint32(out, sumsSize)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(frame)))
	out = append(append(out, sum[:]...), frame...)
	if _, err := b.file.Write(out); err != nil {
		b.err = fmt.Errorf("cannot write: %w", err)
		return 0, b.err
	}
	b.sum = sum
	b.frames++
	return b.frames, nil
}

// sync returns when the first n frames are on disk.
func (b *Backup) sync(n int) error {
	b.commit.Lock()
	defer b.commit.Unlock()
	if b.synced >= n {
		return nil
	}
	written, err := b.state()
	if err != nil {
		return err
	}
	if err := b.file.Sync(); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.err = fmt.Errorf("cannot sync: %w", err)
		return b.err
	}
	b.synced = written
	return nil
}

func (b *Backup) state() (written int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.frames, b.err
}

// Close closes the file. Everything that Append has taken is on disk already.
func (b *Backup) Close() error { return errors.Join(b.zstd.Close(), b.file.Close()) }

func chain(before [32]byte, frame []byte) (sum [32]byte) {
	h := sha256.New()
	h.Write(before[:])
	h.Write(frame)
	h.Sum(sum[:0])
	return sum
}

// Frame is what one Append wrote, and where it stands in the file.
type Frame struct {
	Offset int64
	Users  []Saved
}

// ReadBackup gives the frames of a file like backup.jsonl.zst, in the order they were written, and checks that they are
// whole and follow each other. Up to tail frames that a crash tore at the end are left out: nobody was deleted for them. Only
// the last element can be an error. Memory is bounded by a frame.
func ReadBackup(r io.Reader, tail int) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		s := newFrames(r)
		decoder, err := newDecoder()
		if err != nil {
			yield(Frame{}, err)
			return
		}
		defer decoder.Close()
		for at := int64(0); s.next(); at = s.good {
			users, err := unpack(decoder, s.frame)
			if !yield(Frame{at, users}, err) || err != nil {
				return
			}
		}
		if s.err != nil {
			if err := s.damage(tail); err != nil {
				yield(Frame{}, err)
			}
		}
	}
}

// ReadFrame reads the frame at an offset that ReadBackup gave.
func ReadFrame(r io.ReaderAt, offset int64) ([]Saved, error) {
	s := newFrames(io.NewSectionReader(r, offset, headerSize+maxFrame))
	frame, _, err := s.read()
	if err != nil {
		return nil, err
	}
	decoder, err := newDecoder()
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	return unpack(decoder, frame)
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
}

func unpack(decoder *zstd.Decoder, frame []byte) (users []Saved, err error) {
	lines, err := decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(lines)); d.More(); {
		var u Saved
		if err := d.Decode(&u); err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, nil
}

// frames reads a file frame by frame.
type frames struct {
	r     *bufio.Reader
	frame []byte
	sum   [32]byte // of the last frame that holds
	good  int64    // offset behind it
	err   error    // what is wrong behind it; nil at the end
	rest  []byte   // read already of what is wrong
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, 64<<10)} }

// next goes to the next frame. It is false at the end and at one that does not hold, which err then says.
func (s *frames) next() bool {
	frame, sum, err := s.read()
	if err == io.EOF {
		return false
	}
	if err == nil && chain(s.sum, frame) != sum {
		err = errors.New("a part does not follow from the one before")
	}
	if s.err = err; err != nil {
		s.err = fmt.Errorf("byte %d: %w", s.good, err)
		return false
	}
	s.frame, s.sum = frame, sum
	s.good += headerSize + int64(len(frame))
	return true
}

// read takes one frame as it stands. It is io.EOF if there is nothing.
func (s *frames) read() (frame []byte, sum [32]byte, err error) {
	header := make([]byte, headerSize)
	n, err := io.ReadFull(s.r, header)
	s.rest = header[:n]
	if err == io.ErrUnexpectedEOF {
		err = errors.New("it is cut off")
	}
	if err != nil {
		return nil, sum, err
	}
	size := binary.LittleEndian.Uint32(header[8:])
	if !bytes.HasPrefix(header, frameStart()) || size > maxFrame {
		return nil, sum, errors.New("this is not the beginning of a part")
	}
	copy(sum[:], header[12:])
	frame = make([]byte, size)
	n, err = io.ReadFull(s.r, frame)
	s.rest = append(s.rest, frame[:n]...)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("it is cut off")
	}
	return frame, sum, err
}

// damage says why what is wrong cannot be what a crash left of tail frames, nil if it can.
func (s *frames) damage(tail int) error {
	rest, err := s.countRest()
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if rest > tail {
		return fmt.Errorf("%w, and %d parts stand there where a crash leaves %d at the most", s.err, rest, tail)
	}
	return nil
}

func frameStart() []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, frameMagic), sumsSize)
}

// countRest counts the beginnings of frames in what is wrong and all behind it, at least 1.
func (s *frames) countRest() (int, error) {
	start, text := frameStart(), s.rest
	count := 0
	for {
		count += bytes.Count(text, start)
		text = append([]byte(nil), text[max(0, len(text)-len(start)+1):]...)
		more := make([]byte, 64<<10)
		n, err := s.r.Read(more)
		text = append(text, more[:n]...)
		switch {
		case err == io.EOF:
			return max(1, count+bytes.Count(text, start)), nil
		case err != nil:
			return 0, err
		}
	}
}
