package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"math/bits"
	"os"
	"path/filepath"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

const (
	// RestoreName is the folder inside a run's folder that a restore works on, with an audit of its own.
	RestoreName = "restore"
	// CreatedName is the file in it that has the users as they are now, in the form of the backup.
	CreatedName = "created.jsonl.zst"
)

// Restore creates users again whom a run deleted, from its backup. It works on a run's folder as a Job does, in the same
// chunks and places, so that the rows of both audits can be laid side by side.
type Restore struct {
	Folder  *Folder     // of the restore itself
	Run     *report.Run // whose users come back
	Users   int         // that can come back
	Unsaved int         // deleted users who are not in the backup

	of     *Folder
	backup *os.File
	chunks []savedChunk
}

// savedChunk is what the backup has of one chunk.
type savedChunk struct {
	offsets []int64 // of its frames, in the order they were written
	known   uint64  // bit p-1: the API was asked about place p
	places  uint64  // bit p-1: and there was a user, who is to come back
}

// OpenRestore reads what a run and earlier restores left in dir, and holds dir against other commands. Nothing is sent
// or written.
func OpenRestore(dir, program string) (_ *Restore, err error) {
	r := &Restore{of: &Folder{Dir: dir}}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if r.Run, err = report.LoadRun(dir); err != nil {
		return nil, Fail(Usage, "give the folder that a run made, such as users.bulkdelete", "%s is not a run's folder: %w", dir, err)
	}
	r.of.Run = r.Run
	if err := r.of.lock(); err != nil {
		return nil, err
	}
	if r.backup, err = os.Open(r.of.path(report.BackupName)); err != nil {
		return nil, Fail(Usage, "only a run with --backup can be restored", "there is nothing to restore: %w", err)
	}
	info, err := r.backup.Stat()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if r.chunks, err = indexSaved(io.TeeReader(r.backup, sum), r.Run); err != nil {
		return nil, Fail(Guard, "compare it with a copy; zstd -dc shows what can be read", "%s cannot be believed: %w", r.backup.Name(), err)
	}
	if err := r.readAudit(); err != nil {
		return nil, err
	}
	return r, r.adopt(program, report.Input{Name: report.BackupName, Path: absolute(r.backup.Name()), Bytes: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil))})
}

// absolute gives a path from the root, or as it is where the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// indexSaved reads a file of saved users to its end and finds what it has of each chunk of a run. The first element is for no
// chunk.
func indexSaved(file io.Reader, run *report.Run) ([]savedChunk, error) {
	chunks := make([]savedChunk, run.Chunks+1)
	for frame, err := range report.ReadBackup(file, max(1, run.Workers)) {
		if err != nil {
			return nil, err
		}
		for i, u := range frame.Users {
			if u.Chunk < 1 || u.Chunk > run.Chunks || u.Place < 1 || u.Place > run.ChunkSize {
				return nil, fmt.Errorf("chunk %d place %d is not part of the plan", u.Chunk, u.Place)
			}
			c := &chunks[u.Chunk]
			if i == 0 {
				c.offsets = append(c.offsets, frame.Offset)
			}
			if c.known |= placesMask(u.Place, u.Place); !isNull(u.User) {
				c.places |= placesMask(u.Place, u.Place)
			}
		}
	}
	_, err := io.Copy(io.Discard, file) // what a crash tore is part of the file too
	return chunks, err
}

func isNull(user json.RawMessage) bool { return len(user) == 0 || string(user) == "null" }

// readAudit leaves out whom the run did not delete, and counts whom it deleted without having saved them.
func (r *Restore) readAudit() error {
	tally, err := (&Record{Folder: r.of}).readAudit()
	if err != nil {
		return Fail(Incomplete, "the audit cannot be believed: compare it with a copy", "%s: %w", r.of.path(auditName), err)
	}
	for _, e := range tally.entries {
		c := &r.chunks[e.chunk]
		mask := placesMask(e.from, e.to)
		switch e.outcome {
		case report.Deleted:
			r.Unsaved += bits.OnesCount64(mask &^ c.known) // where nobody was found, nobody is missing
		case report.Absent, report.Failed:
			c.places &^= mask
		}
	}
	for _, c := range r.chunks {
		r.Users += bits.OnesCount64(c.places)
	}
	return nil
}

// adopt opens the restore's own folder, which is about this very backup.
func (r *Restore) adopt(program string, backup report.Input) (err error) {
	want := *r.Run
	want.Program, want.CreatedAt, want.By = program, time.Now().UTC(), operator()
	want.Input = backup
	want.Rows, want.Invalid, want.Duplicates, want.Protected = want.Accepted, r.Unsaved, 0, 0
	want.Workers, want.Open, want.InDoubt, want.Ended = 0, false, nil, nil
	want.Options = maps.Clone(r.Run.Options)
	delete(want.Options, optionBackup)
	if r.Folder, err = OpenFolder(filepath.Join(r.of.Dir, RestoreName)); err != nil {
		return err
	}
	if run := r.Folder.Run; run != nil && run.Input.SHA256 != backup.SHA256 {
		return Fail(Guard, "move "+r.Folder.Dir+" away to begin again: users who exist are left as they are",
			"%s has been written to since %s began", r.backup.Name(), r.Folder.Dir)
	}
	r.Folder.keep, r.Folder.savesTo = func(chunk int) uint64 { return r.chunks[chunk].places }, CreatedName
	return r.Folder.Adopt(&want)
}

// Close lets go of both folders.
func (r *Restore) Close() error {
	var errs []error
	if r.Folder != nil {
		errs = append(errs, r.Folder.Close())
	}
	if r.backup != nil {
		errs = append(errs, r.backup.Close())
	}
	return errors.Join(append(errs, r.of.Close())...)
}

// All gives every user that can come back, by chunk and place, and of several that one ID named the first.
func (r *Restore) All() iter.Seq2[report.Saved, error] {
	return func(yield func(report.Saved, error) bool) {
		for n := 1; n <= r.Run.Chunks; n++ {
			users, err := r.load(n)
			if err != nil {
				yield(report.Saved{}, err)
				return
			}
			for place := 1; place <= r.Run.ChunkSize; place++ {
				if r.chunks[n].places&placesMask(place, place) != 0 && !yield(users[place][0], nil) {
					return
				}
			}
		}
	}
}

// load reads a chunk's users by place. A user who was read again has the newer profile, but for one who was gone by then.
func (r *Restore) load(chunk int) (map[int][]report.Saved, error) {
	return loadSaved(r.backup, r.chunks[chunk])
}

func loadSaved(file *os.File, chunk savedChunk) (map[int][]report.Saved, error) {
	users := map[int][]report.Saved{}
	for _, at := range chunk.offsets {
		frame, err := report.ReadFrame(file, at)
		if err != nil {
			return nil, fmt.Errorf("%s, byte %d: %w", file.Name(), at, err)
		}
		again := map[int][]report.Saved{}
		for _, u := range frame {
			if !isNull(u.User) {
				again[u.Place] = append(again[u.Place], u)
			}
		}
		maps.Copy(users, again)
	}
	return users, nil
}

// WriteFiles makes restored.csv, failed.csv, remaining.csv and summary.json in the restore's folder. resume is the command that
// goes on with it.
func (r *Restore) WriteFiles(resume string) (*report.RestoreSummary, error) {
	s, err := r.writeFiles(resume)
	if err != nil {
		return nil, Fail(Halted, "mend that, then run the same command again", "the files in %s cannot be made: %w", r.Folder.Dir, err)
	}
	return s, nil
}

func (r *Restore) writeFiles(resume string) (*report.RestoreSummary, error) {
	created := make([]savedChunk, r.Run.Chunks+1) // if nobody was created yet
	file, err := os.Open(r.Folder.path(CreatedName))
	if err == nil {
		defer file.Close()
		created, err = indexSaved(file, r.Folder.Run)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return report.WriteRestore(r.Folder.Dir, r.Folder.Run, r.returns(file, created), resume)
}

// returns gives everybody who can come back with the new user_id, if there is one.
func (r *Restore) returns(file *os.File, created []savedChunk) iter.Seq2[report.Return, error] {
	return func(yield func(report.Return, error) bool) {
		chunk, news := 0, map[int][]report.Saved(nil)
		for u, err := range r.All() {
			if err == nil && u.Chunk != chunk {
				chunk = u.Chunk
				news, err = loadSaved(file, created[chunk])
			}
			back := report.Return{Chunk: u.Chunk, Place: u.Place, Line: u.Line, ID: u.ID, OldUserID: client.UserIDOf(u.User)}
			if n := news[u.Place]; len(n) > 0 {
				back.NewUserID = client.UserIDOf(n[len(n)-1].User)
			}
			if !yield(back, err) || err != nil {
				return
			}
		}
	}
}

// CarryOut creates everybody who can come back and is not there, as j says: its client, its workers and its limits. It ends
// as Job.Run does.
func (r *Restore) CarryOut(ctx context.Context, j *Job) error {
	j.Folder = r.Folder
	j.chunks = func(yield func(chunker.Chunk, error) bool) {
		for n := 1; n <= r.Run.Chunks && yield(chunker.Chunk{Number: n}, nil); n++ {
		}
	}
	j.settle = func(w *work) error {
		users, err := r.load(w.chunk.Number)
		if err != nil {
			return Fail(Halted, "compare it with a copy", "the backup cannot be read any more: %w", err)
		}
		return newReturn(w, users).settle(w.places, trail{inDoubt: w.suspect}, 0)
	}
	return j.carryOut(ctx)
}
