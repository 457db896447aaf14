package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/bits"
	"os"

	"github.com/klauspost/compress/zstd"

	"bulkdelete/pkg/journal"
)

// Saved is one line of backup.jsonl.zst: what the API knew of a user when it was read. An ID that names several
// users has a line for each.
type Saved struct {
	Chunk int             `json:"chunk"`
	Place int             `json:"place"` // inside the chunk, from 1
	Line  int             `json:"line"`  // of the input
	ID    string          `json:"id"`    // as the input has it
	User  json.RawMessage `json:"user"`  // as the API wrote it
}

// Backup is a file like backup.jsonl.zst: a journal of zstd frames, each of which holds what was saved of one chunk
// in one go. It may be used by any number of goroutines.
type Backup struct {
	*Profiles
	journal *journal.Journal
	zstd    *zstd.Encoder
}

// OpenBackup reads what the file holds already and is then ready to append. What may stand at its end is said by
// run.json; torn is the number of frames that were cut off there.
func OpenBackup(dir *journal.Dir, run *Run, name string) (b *Backup, torn int, err error) {
	file, err := openOwn(dir, run, name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, 0, err
	}
	if b, torn, err = continueBackup(file, run, name); err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return b, torn, nil
}

func continueBackup(f journal.File, run *Run, name string) (b *Backup, torn int, err error) {
	b = &Backup{Profiles: newProfiles(f, run, name)}
	r := journal.NewReader(f, journal.Frames{}, run.Seed())
	if torn, err = b.read(r, run.tail()); err != nil {
		return nil, 0, err
	}
	if b.journal, err = journal.Continue(f, r, run.tail()); err != nil {
		return nil, 0, err
	}
	// A frame is small and many workers pack at once: a window of its own size is enough.
	b.zstd, err = zstd.NewWriter(nil, zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	return b, torn, err
}

// Append puts users of one chunk on disk: when it returns nil, they are there whatever happens to the machine. After an
// error every later call fails too.
func (b *Backup) Append(users []Saved) error {
	if len(users) == 0 {
		return nil
	}
	var lines []byte
	for _, u := range users {
		line, err := marshal(u, "")
		if err != nil {
			return fmt.Errorf("line %d: %w", u.Line, err)
		}
		lines = append(lines, line...)
	}
	if len(lines) > journal.MaxFrame {
		return fmt.Errorf("chunk %d has %d bytes of profiles, more than fit", users[0].Chunk, len(lines))
	}
	return b.journal.Append(b.zstd.EncodeAll(lines, nil))
}

// Close closes the file. Everything that Append has taken is on disk already.
func (b *Backup) Close() error { return errors.Join(b.zstd.Close(), b.journal.Close()) }

// Profiles finds the users in a file like backup.jsonl.zst by chunk and place.
type Profiles struct {
	Users int // who are in it

	file    io.ReaderAt
	name    string
	size    int
	decoder *zstd.Decoder
	chunks  []savedChunk // the first is for no chunk
}

// savedChunk is what the file has of one chunk.
type savedChunk struct {
	offsets []int64 // of its frames, in the order they were written
	places  uint64  // bit p-1: place p has a saved user
}

func newProfiles(file io.ReaderAt, run *Run, name string) *Profiles {
	// These options are right, and for single frames a decoder needs no Close.
	decoder, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(journal.MaxFrame))
	plan := run.Asked.Plan
	return &Profiles{file: file, name: name, size: plan.ChunkSize, decoder: decoder,
		chunks: make([]savedChunk, plan.Chunks+1)}
}

// ReadProfiles reads a file like backup.jsonl.zst to its end; before a run has begun one that is not there has
// nobody. close closes it. The error is a *DamageError if it is not what was written.
func ReadProfiles(dir *journal.Dir, run *Run, name string) (p *Profiles, close func() error, err error) {
	f, err := openOwn(dir, run, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return newProfiles(nil, run, name), func() error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p = newProfiles(f, run, name)
	if _, err := p.read(journal.NewReader(f, journal.Frames{}, run.Seed()), run.tail()); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return p, f.Close, nil
}

func (p *Profiles) read(r *journal.Reader, tail int) (torn int, err error) {
	for r.Next() {
		users, err := p.unpack(r.Record)
		if err == nil {
			err = p.add(users, r.Offset)
		}
		if err != nil {
			return 0, &DamageError{File: p.name, Err: fmt.Errorf("byte %d: %w", r.Offset, err)}
		}
	}
	torn, err = r.End(tail)
	if d, ok := errors.AsType[*journal.DamageError](err); ok {
		err = &DamageError{File: p.name, Err: d}
	}
	return torn, err
}

func (p *Profiles) add(users []Saved, offset int64) error {
	for i, u := range users {
		if u.Chunk < 1 || u.Chunk >= len(p.chunks) || u.Place < 1 || u.Place > p.size || u.Chunk != users[0].Chunk {
			return fmt.Errorf("chunk %d place %d is not part of the plan", u.Chunk, u.Place)
		}
		c := &p.chunks[u.Chunk]
		if i == 0 {
			c.offsets = append(c.offsets, offset)
		}
		p.Users += bits.OnesCount64(PlacesMask(u.Place, u.Place) &^ c.places)
		c.places |= PlacesMask(u.Place, u.Place)
	}
	return nil
}

// Places says which places of a chunk have a saved user, bit p-1 for place p.
func (p *Profiles) Places(chunk int) uint64 { return p.chunks[chunk].places }

// Chunk reads a chunk's users by place. A user who was read again has the newer profile.
func (p *Profiles) Chunk(n int) (map[int][]Saved, error) {
	users := map[int][]Saved{}
	for _, at := range p.chunks[n].offsets {
		frame, err := journal.ReadFrame(p.file, at)
		var saved []Saved
		if err == nil {
			saved, err = p.unpack(frame)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, byte %d: %w", p.name, at, err)
		}
		newer := map[int][]Saved{}
		for _, u := range saved {
			newer[u.Place] = append(newer[u.Place], u)
		}
		maps.Copy(users, newer)
	}
	return users, nil
}

func (p *Profiles) unpack(frame []byte) (users []Saved, err error) {
	lines, err := p.decoder.DecodeAll(frame, nil)
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
