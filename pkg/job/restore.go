package job

import (
	"context"
	"iter"
	"math/bits"
	"path/filepath"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Restore creates users again whom a run deleted, from its backup, or gives those whom it suspended the status that
// they had. It works on a folder inside the run's as a Job does, in the same chunks and places, so that the rows of
// both audits can be laid side by side.
type Restore struct {
	*Folder             // its own; nil: nobody holds it
	Of      *report.Run // whose users come back
	Users   int         // in the backup whom the run deleted or suspended, or may have
	Unsaved int         // such users who are not in the backup

	backup  *report.Backup
	since   map[int][]report.Row // of each chunk, which say when its users' status was changed
	keep    []uint64             // places of each chunk; the first is for no chunk
	closers []func() error
}

// OpenRestore reads what a run and earlier restores left in dir, and holds dir against other commands. Nothing is sent.
func OpenRestore(ctx context.Context, dir string) (_ *Restore, err error) {
	r := &Restore{}
	defer onError(&err, r.Close)
	of, err := reclaim(ctx, dir)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, of.Close)
	if of.Run.Asked.Backup == "" {
		return nil, Fail(Usage, "only a run with --backup or --suspend can be restored",
			"there is nothing to restore: the run in %s had neither --backup nor --suspend", dir)
	}
	if err := r.read(of.dir, of.Run); err != nil {
		return nil, auditError(of.dir, err)
	}
	want, err := r.describe(of.dir)
	if err != nil {
		return nil, auditError(of.dir, err)
	}
	folder, err := Claim(ctx, filepath.Join(of.Path, report.RestoreName), nil)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, folder.Close)
	if run := folder.Run; run != nil && run.Begun() && run.Asked.Input.SHA256 != want.Asked.Input.SHA256 {
		return nil, Fail(Guard,
			"move "+text.ShellWord(folder.Path)+" away to begin again: users who exist are left as they are",
			"%s has been written to since %s began", of.dir.Name(report.BackupName), folder.Path)
	}
	if err := folder.take(want); err != nil {
		return nil, err
	}
	r.Folder = folder
	return r, r.prepare()
}

// read finds out who of a run can come back: who is in the backup, but for those whom the run did not delete or
// suspend.
func (r *Restore) read(dir *journal.Dir, of *report.Run) (err error) {
	r.Of = of
	if r.backup, err = report.ReadBackup(dir, of, report.BackupName); err != nil {
		return err
	}
	r.closers = append(r.closers, r.backup.Close)
	r.keep = make([]uint64, of.Asked.Plan.Chunks+1)
	r.since = map[int][]report.Row{}
	for n := range r.keep {
		if r.keep[n], err = r.toChange(n); err != nil {
			return err
		}
	}
	audit, err := report.ReadAudit(dir, of, func(row *report.Row) {
		mask := report.PlacesMask(row.From, row.To)
		switch row.Outcome {
		case report.Deleted, report.Suspended:
			r.Unsaved += bits.OnesCount64(mask &^ r.backup.Places(row.Chunk))
			if !sinceOf(row.Message).IsZero() {
				r.since[row.Chunk] = append(r.since[row.Chunk], *row)
			}
		case report.Absent, report.Failed, report.Spared:
			r.keep[row.Chunk] &^= mask
		}
	})
	if err != nil {
		return err
	}
	for _, places := range r.keep {
		r.Users += bits.OnesCount64(places)
	}
	return audit.Close()
}

// SetsBack says whether users get back a status, and are not created.
func (r *Restore) SetsBack() bool { return r.Of.Asked.Deed == report.Suspend }

// toChange gives the places of a chunk whose users were saved as a run to be undone found them: not suspended by
// others.
func (r *Restore) toChange(n int) (places uint64, err error) {
	if places = r.backup.Places(n); !r.SetsBack() {
		return places, nil
	}
	users, err := r.backup.Chunk(n)
	for place, u := range users {
		if StatusOf(u[0].User) == suspended {
			places &^= report.PlacesMask(place, place)
		}
	}
	return places, err
}

// places are those of a chunk whose users come back, bit p-1 for place p.
func (r *Restore) places(chunk int) uint64 { return r.keep[chunk] }

// describe writes down what is asked of a restore: the run's own chunks, from its backup as it is now.
func (r *Restore) describe(of *journal.Dir) (*report.Run, error) {
	backup, err := report.Sum(of, report.BackupName)
	if err != nil {
		return nil, err
	}
	path := of.Name(report.BackupName)
	if abs, err := filepath.Abs(path); err == nil { // else the working directory is gone
		path = abs
	}
	asked := r.Of.Asked.Copy()
	asked.Deed = report.Restore
	if r.SetsBack() {
		asked.Deed = report.Reinstate
	}
	asked.Backup, asked.Protect = "", ""
	asked.Input = report.Input{Name: report.BackupName, Path: path, Bytes: backup.Bytes, SHA256: backup.SHA256}
	p := &asked.Plan
	p.Rows, p.Invalid, p.Duplicates, p.Protected = r.Users, r.Unsaved, 0, 0
	asked.By, asked.At = Operator(), time.Now().UTC().Format(time.RFC3339)
	return &report.Run{Format: report.RunFormat, Asked: asked}, nil
}

// Close unlocks both folders.
func (r *Restore) Close() error { return closeAll(r.closers) }

// All gives everybody in the backup whom a restore is about, by chunk and place: the users that one ID named, nearly
// always one.
func (r *Restore) All() iter.Seq2[[]report.Saved, error] {
	return func(yield func([]report.Saved, error) bool) {
		for n := 1; n < len(r.keep); n++ {
			users, err := r.backup.Chunk(n)
			if err != nil {
				yield(nil, err)
				return
			}
			for place := 1; place <= r.Of.Asked.Plan.ChunkSize; place++ {
				if r.keep[n]&report.PlacesMask(place, place) != 0 && !yield(users[place], nil) {
					return
				}
			}
		}
	}
}

// Prospect is what a restore will come to, as far as that can be told from the backup.
type Prospect struct {
	Never  map[string]int // users whom the API does not create, by reason
	Lost   map[string]int // users who come back without something, by what it is called in the profile
	Sealed map[string]int // users with something that looks encrypted or masked, by the same
	Open   int            // of those who are never created: whom no earlier restore has settled
	Status map[string]int // users who get back that status; they are not created
}

// Foresee reads the backup through.
func (r *Restore) Foresee() (*Prospect, error) {
	p := &Prospect{Never: map[string]int{}, Lost: map[string]int{}, Sealed: map[string]int{}, Status: map[string]int{}}
	for users, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if r.SetsBack() {
			p.Status[StatusOf(users[0].User)]++
			continue
		}
		c := client.Foresee(users[0].User)
		for _, name := range c.Sealed {
			p.Sealed[name]++
		}
		if why := Obstacle(users); why != "" {
			if p.Never[why]++; !r.Settled(users[0].Chunk, users[0].Place) {
				p.Open++
			}
			continue
		}
		for _, name := range c.Lost {
			p.Lost[name]++
		}
	}
	return p, nil
}

func (r *Restore) layout() report.Layout {
	header := "id,old_user_id,new_user_id"
	if r.SetsBack() {
		header = "id,user_id,status"
	}
	return report.Layout{Header: []byte(header), Columns: 3, Column: 1, Delimiter: ','}
}

// lines gives everybody who can come back with the new user_id, if there is one, from what a restore wrote in dir;
// those who were suspended with the status that they had.
func (r *Restore) lines(dir *journal.Dir, run *report.Run) iter.Seq2[report.Line, error] {
	return func(yield func(report.Line, error) bool) {
		var created *report.Backup // nil: nobody is created
		if !r.SetsBack() {
			var err error
			if created, err = report.ReadBackup(dir, run, report.CreatedName); err != nil {
				yield(report.Line{}, err)
				return
			}
			defer created.Close() //nolint:errcheck // it was only read
		}
		chunk, news := 0, map[int][]report.Saved(nil)
		for users, err := range r.All() {
			if err == nil && created != nil && users[0].Chunk != chunk {
				chunk = users[0].Chunk
				news, err = created.Chunk(chunk)
			}
			if err != nil {
				yield(report.Line{}, err)
				return
			}
			u, is := users[0], ""
			if created == nil {
				is = StatusOf(u.User)
			} else if n := len(news[u.Place]); n > 0 {
				is = client.UserIDOf(news[u.Place][n-1].User)
			}
			raw := report.CSVRow(u.ID, client.UserIDOf(u.User), is)
			if !yield(report.Line{Line: u.Line, Raw: raw, ID: []byte(u.ID), Chunk: u.Chunk, Place: u.Place}, nil) {
				return
			}
		}
	}
}

func (r *Restore) changed() error { return nil }

// prepare leaves out whom the restore is not about.
func (r *Restore) prepare() error {
	r.audit.LeaveOut(r.places)
	return nil
}

// chunks gives the numbers of the run's chunks: who is in them is read from the backup.
func (r *Restore) chunks() iter.Seq2[chunker.Chunk, error] {
	return func(yield func(chunker.Chunk, error) bool) {
		for n := 1; n < len(r.keep) && yield(chunker.Chunk{Number: n}, nil); n++ {
		}
	}
}
