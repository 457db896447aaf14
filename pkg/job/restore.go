package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
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
	input := &hashed{r: r.backup, sum: sha256.New()}
	if r.chunks, err = indexSaved(input, r.Run); err != nil {
		return nil, Fail(Guard, "compare it with a copy; zstd -dc shows what can be read", "%s cannot be believed: %w", r.backup.Name(), err)
	}
	if err := r.readAudit(); err != nil {
		return nil, err
	}
	return r, r.adopt(program, report.Input{Name: report.BackupName, Path: absolute(r.backup.Name()), Bytes: input.n, SHA256: hex.EncodeToString(input.sum.Sum(nil))})
}

// absolute gives a path from the root, or as it is where the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// hashed is a reader that keeps account of what was read.
type hashed struct {
	r   io.Reader
	n   int64
	sum hash.Hash
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.n += int64(n)
	h.sum.Write(p[:n])
	return n, err
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

// returning is one chunk of users on their way back.
type returning struct {
	*work
	users map[int][]report.Saved
	keys  map[int]key
}

// key finds a user who is back. Where a profile has none that lasts it is the old user_id, by which only one who was never
// gone is found.
type key struct {
	idType, id string
	lasts      bool
}

func newReturn(w *work, users map[int][]report.Saved) *returning {
	size := w.job.Folder.Run.ChunkSize
	w.chunk.IDs, w.chunk.Lines = make([]string, size), make([]int, size)
	keys := map[int]key{}
	for place, u := range users {
		w.chunk.IDs[place-1], w.chunk.Lines[place-1] = u[0].ID, u[0].Line
		idType, id := client.KeyOf(u[0].User)
		k := key{idType, id, id != ""}
		if !k.lasts {
			k.idType, k.id = chunker.UserID, client.UserIDOf(u[0].User)
		}
		keys[place] = k
	}
	return &returning{w, users, keys}
}

// mostTries is how often a lone user is created whose creation remains in doubt.
const mostTries = 3

// settle finds out who of places exists, creates the others in one call, and records what became of them. Creating is never
// repeated without looking: a creation whose answer was lost may have been carried out.
func (b *returning) settle(places []int, t trail, tries int) error {
	places, err := b.several(places, t)
	if err != nil || len(places) == 0 {
		return err
	}
	found, t, err := b.lookUp(places, t)
	if err != nil || found == nil {
		return err
	}
	missing, err := b.there(places, found, t)
	if err != nil {
		return err
	}
	missing, err = b.untraceable(missing, t)
	if err != nil || len(missing) == 0 {
		return err
	}
	if tries == mostTries {
		return b.record(missing, report.Failed, t, "not there after several attempts")
	}
	return b.create(missing, t, tries)
}

// several records the places whose ID named several users at once: which of them to create is for a person to say.
func (b *returning) several(places []int, t trail) (single []int, err error) {
	for _, place := range places {
		n := len(b.users[place])
		if n == 1 {
			single = append(single, place)
			continue
		}
		t.receipt.StartedAt = time.Now()
		if err := b.record([]int{place}, report.Failed, t, fmt.Sprintf("the ID named %d users: create those by hand", n)); err != nil {
			return nil, err
		}
	}
	return single, nil
}

// lookUp finds those who exist. found is nil if that could not be had and the places are recorded.
func (b *returning) lookUp(places []int, t trail) (found map[int]json.RawMessage, _ trail, err error) {
	found = map[int]json.RawMessage{}
	began := time.Now()
	for idType, some := range b.byKey(places) {
		ids := make([]string, len(some))
		for i, place := range some {
			ids[i] = b.keys[place].id
		}
		profiles, receipt, err := b.job.Client.Profiles(b.ctx(), idType, ids)
		b.job.heard(err)
		t = t.addRead(receipt)
		if err != nil {
			return nil, t, b.blind(places, t, began, err)
		}
		for i, place := range some {
			if len(profiles[i]) > 0 {
				found[place] = profiles[i][0]
			}
		}
	}
	return found, t, nil
}

func (b *returning) byKey(places []int) map[string][]int {
	by := map[string][]int{}
	for _, place := range places {
		by[b.keys[place].idType] = append(by[b.keys[place].idType], place)
	}
	return by
}

// blind records those who could not be looked up, and so were not created.
func (b *returning) blind(places []int, t trail, began time.Time, err error) error {
	switch {
	case errors.Is(err, client.Stopped):
		return b.leave(t, nil)
	case hopeless(err):
		return b.leave(t, Fail(Halted, "allow the access key to read users", "the API refuses to show users, and nobody is created who may exist: %w", err))
	case errors.Is(err, client.Exhausted) && !b.job.answeredSince(began):
		return b.leave(t, outOfReach(err))
	case t.inDoubt:
		return b.record(places, report.Unknown, t, "looking did not settle it: "+err.Error())
	}
	return b.record(places, report.Failed, t, "not created, because it could not be seen whether the user exists: "+err.Error())
}

// there records those who exist, and gives the others.
func (b *returning) there(places []int, found map[int]json.RawMessage, t trail) (missing []int, err error) {
	var existing []int
	for _, place := range places {
		if found[place] == nil {
			missing = append(missing, place)
		} else {
			existing = append(existing, place)
		}
	}
	if len(existing) == 0 {
		return missing, nil
	}
	if t.inDoubt {
		return missing, b.back(existing, found, t, "there after an earlier attempt without an answer: taken for created by it")
	}
	return missing, b.record(existing, report.Exists, t, "a user with the same ID is there")
}

// untraceable records those who may have been created and cannot be found, and gives the others.
func (b *returning) untraceable(places []int, t trail) (rest []int, err error) {
	if !t.inDoubt {
		return places, nil
	}
	var lost []int
	for _, place := range places {
		if b.keys[place].lasts {
			rest = append(rest, place)
		} else {
			lost = append(lost, place)
		}
	}
	return rest, b.record(lost, report.Unknown, t, "may have been created, and has no ID to look for")
}

// create sends one call for users who are not there.
func (b *returning) create(places []int, t trail, tries int) error {
	profiles := make([]json.RawMessage, len(places))
	for i, place := range places {
		profiles[i] = b.users[place][0].User
	}
	created, receipt, err := b.job.Client.CreateUsers(b.ctx(), profiles)
	b.job.heard(err)
	t = t.add(receipt)
	switch {
	case err == nil:
		return b.created(places, created, t, tries)
	case errors.Is(err, client.Stopped):
		return b.leave(t, nil)
	case hopeless(err):
		return b.leave(t, Fail(Halted, "mend that, then run the same command again: it goes on where it stopped", "the API refuses this restore: %w", err))
	case len(places) > 1:
		return b.halves(places, t, tries)
	case t.inDoubt:
		return b.settle(places, t, tries+1)
	}
	return b.record(places, report.Failed, t, "")
}

func (b *returning) halves(places []int, t trail, tries int) error {
	half := len(places) / 2
	if err := b.settle(places[:half], t, tries); err != nil {
		return err
	}
	if b.job.feed.Err() != nil {
		return b.leave(t, nil)
	}
	return b.settle(places[half:], t, tries)
}

// created records those whom the answer shows. Of the others it says nothing, so they are looked for.
func (b *returning) created(places []int, users []json.RawMessage, t trail, tries int) error {
	shown := map[int]json.RawMessage{}
	var in, out []int
	for i, place := range places {
		if users[i] == nil {
			out = append(out, place)
			continue
		}
		in, shown[place] = append(in, place), users[i]
	}
	if err := b.back(in, shown, t, ""); err != nil || len(out) == 0 {
		return err
	}
	t.inDoubt = true
	return b.settle(out, t, tries+1)
}

// back records users who are there again. Their new user_ids are on disk before.
func (b *returning) back(places []int, users map[int]json.RawMessage, t trail, note string) error {
	if len(places) == 0 {
		return nil
	}
	var saved []report.Saved
	for _, place := range places {
		u := b.users[place][0]
		u.User = users[place]
		saved = append(saved, u)
	}
	if err := b.job.Folder.backup.Append(saved); err != nil {
		t.inDoubt = true
		return b.leave(t, Fail(Halted, roomHint, "who was created cannot be written down, so nobody more is: %w", err))
	}
	return b.record(places, report.Restored, t, note)
}
