package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// Backup is a file like backup.jsonl.zst: a journal of zstd frames, each of which holds what was saved of one chunk in
// one go. It may be used by any number of goroutines.
type Backup struct {
	Users int // who were in it when it was opened
	Torn  int // frames at its end that a crash had torn then

	name    string
	file    journal.File     // nil: there is none yet
	journal *journal.Journal // nil: it is only read
	encoder *zstd.Encoder    // nil: it is only read
	decoder *zstd.Decoder
	plan    Plan
	places  map[int]uint64  // by chunk, bit p-1: place p has a saved user
	at      map[int][]int64 // by chunk, where its frames are, in the order they were written
}

func newBackup(run *Run, name string) *Backup {
	// These options are right, and for single frames a decoder needs no Close.
	decoder, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(journal.MaxFrame))
	return &Backup{name: name, decoder: decoder, plan: run.Asked.Plan, places: map[int]uint64{}, at: map[int][]int64{}}
}

// OpenBackup reads what the file holds already and is then ready to append. What may stand at its end is said by
// run.json; torn frames there are cut off.
func OpenBackup(dir *journal.Dir, run *Run, name string) (*Backup, error) {
	b := newBackup(run, name)
	return b, openOwn(dir, run, name, os.O_RDWR|os.O_CREATE, func(f *os.File) error { return b.readOn(f, run) })
}

// ReadBackup reads a file like backup.jsonl.zst to its end; before a run has begun one that is not there has nobody.
// The error is a *journal.DamageError if it is not what was written.
func ReadBackup(dir *journal.Dir, run *Run, name string) (*Backup, error) {
	b := newBackup(run, name)
	return b, openOwn(dir, run, name, os.O_RDONLY, func(f *os.File) error {
		_, err := b.read(f, run)
		return err
	})
}

// readOn reads a file to its end and is then ready to append.
func (b *Backup) readOn(f journal.File, run *Run) error {
	r, err := b.read(f, run)
	if err != nil {
		return err
	}
	if b.journal, err = journal.Continue(f, r, run.tail()); err != nil {
		return err
	}
	// A frame is small and many workers pack at once: a window of its own size is enough.
	b.encoder, err = zstd.NewWriter(nil, zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	return err
}

func (b *Backup) read(f journal.File, run *Run) (r *journal.Reader, err error) {
	b.file = f
	r = journal.NewReader(b.name, f, journal.Frames{}, run.Seed())
	for r.Next() {
		users, err := b.unpack(r.Record)
		if err == nil {
			err = b.add(users, r.Offset)
		}
		if err != nil {
			return nil, r.Damage(err)
		}
	}
	b.Torn, err = r.End(run.tail())
	return r, err
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
	return b.journal.Append(b.encoder.EncodeAll(lines, nil))
}

// Close closes the file. Everything that Append has taken is on disk already.
func (b *Backup) Close() error {
	switch {
	case b.journal != nil:
		return errors.Join(b.encoder.Close(), b.journal.Close())
	case b.file != nil:
		return b.file.Close()
	}
	return nil
}

func (b *Backup) add(users []Saved, offset int64) error {
	for i, u := range users {
		n := u.Chunk
		if n < 1 || n > b.plan.Chunks || u.Place < 1 || u.Place > b.plan.ChunkSize || n != users[0].Chunk {
			return fmt.Errorf("chunk %d place %d is not part of the plan", n, u.Place)
		}
		if i == 0 {
			b.at[n] = append(b.at[n], offset)
		}
		b.Users += bits.OnesCount64(PlacesMask(u.Place, u.Place) &^ b.places[n])
		b.places[n] |= PlacesMask(u.Place, u.Place)
	}
	return nil
}

// Places says which places of a chunk have a saved user, bit p-1 for place p.
func (b *Backup) Places(chunk int) uint64 { return b.places[chunk] }

// Chunk reads a chunk's users by place. A user who was read again has the newer profile.
func (b *Backup) Chunk(n int) (map[int][]Saved, error) {
	users := map[int][]Saved{}
	for _, at := range b.at[n] {
		frame, err := journal.ReadAt(b.file, journal.Frames{}, at)
		var saved []Saved
		if err == nil {
			saved, err = b.unpack(frame)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, byte %d: %w", b.name, at, err)
		}
		newer := map[int][]Saved{}
		for _, u := range saved {
			newer[u.Place] = append(newer[u.Place], u)
		}
		maps.Copy(users, newer)
	}
	return users, nil
}

func (b *Backup) unpack(frame []byte) (users []Saved, err error) {
	lines, err := b.decoder.DecodeAll(frame, nil)
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
