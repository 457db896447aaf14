package job

import (
	"errors"
	"iter"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// Restore creates users again whom a run deleted, from its backup. It works on a folder inside the run's as a Job
// does, in the same chunks and places, so that the rows of both audits can be laid side by side.
type Restore struct {
	Folder  *Adopted    // of the restore itself
	Run     *report.Run // whose users come back
	Users   int         // that can come back
	Unsaved int         // deleted users who are not in the backup

	backup  *report.Profiles
	keep    []uint64 // places of each chunk; the first is for no chunk
	closers []func() error
}

// OpenRestore reads what a run and earlier restores left in dir, and holds dir against other commands. Nothing is sent.
func OpenRestore(dir string) (_ *Restore, err error) {
	r := &Restore{}
	defer onError(&err, r.Close)
	of, err := reclaim(dir)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, of.Close)
	if r.Run = of.Run; r.Run.Asked.Backup == "" {
		return nil, Fail(Usage, "only a run with --backup can be restored",
			"there is nothing to restore: the run in %s had no --backup", dir)
	}
	if err := r.read(of); err != nil {
		return nil, err
	}
	if r.Folder, err = r.adopt(of); err != nil {
		return nil, err
	}
	return r, nil
}

// read finds out who can come back: who is in the backup, but for those whom the run did not delete.
func (r *Restore) read(of *Folder) (err error) {
	var closer func() error
	if r.backup, closer, err = report.ReadProfiles(of.dir, of.Run, report.BackupName); err != nil {
		return auditError(of.dir, err)
	}
	r.closers = append(r.closers, closer)
	r.keep = make([]uint64, of.Run.Asked.Plan.Chunks+1)
	for n := range r.keep {
		r.keep[n] = r.backup.Places(n)
	}
	index, err := report.ReadIndex(of.dir, of.Run, func(row *report.Row) {
		mask := report.PlacesMask(row.From, row.To)
		switch row.Outcome {
		case report.Deleted:
			r.Unsaved += bits.OnesCount64(mask &^ r.keep[row.Chunk])
		case report.Absent, report.Failed:
			r.keep[row.Chunk] &^= mask
		}
	})
	if err != nil {
		return auditError(of.dir, err)
	}
	for _, places := range r.keep {
		r.Users += bits.OnesCount64(places)
	}
	return index.Close()
}

// adopt opens the restore's own folder, which is about this very backup.
func (r *Restore) adopt(of *Folder) (*Adopted, error) {
	want, err := describeRestore(of, r.Users, r.Unsaved)
	if err != nil {
		return nil, err
	}
	folder, err := Claim(filepath.Join(of.Path, report.RestoreName))
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, folder.Close)
	if run := folder.Run; run != nil && run.Begun() && run.Asked.Input.SHA256 != want.Asked.Input.SHA256 {
		return nil, Fail(Guard,
			"move "+text.ShellWord(folder.Path)+" away to begin again: users who exist are left as they are",
			"%s has been written to since %s began", of.dir.Name(report.BackupName), folder.Path)
	}
	a, err := folder.Adopt(want, nil, nil)
	if err != nil {
		return nil, err
	}
	a.keep, a.saves = r.places, report.CreatedName
	a.cover.LeaveOut(a.keep)
	return a, nil
}

// places are those of a chunk whose users come back, bit p-1 for place p.
func (r *Restore) places(chunk int) uint64 { return r.keep[chunk] }

// describeRestore writes down what is asked of a restore: the run's own chunks, from its backup as it is now.
func describeRestore(of *Folder, users, unsaved int) (*report.Run, error) {
	backup, err := report.Sum(of.dir, report.BackupName)
	if err != nil {
		return nil, auditError(of.dir, err)
	}
	asked := of.Run.Asked.Copy()
	asked.Deed, asked.Backup, asked.Protect = report.Restore, "", ""
	asked.Input = report.Input{Name: report.BackupName, Path: absolute(of.dir.Name(report.BackupName)),
		Bytes: backup.Bytes, SHA256: backup.SHA256}
	asked.Plan.Rows, asked.Plan.Invalid, asked.Plan.Duplicates, asked.Plan.Protected = users, unsaved, 0, 0
	asked.By, asked.At = Operator(), time.Now().UTC().Format(time.RFC3339)
	asked.Options = maps.Clone(asked.Options)
	return &report.Run{Format: report.RunFormat, Asked: asked}, nil
}

// absolute gives a path from the root, or as it is where the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Close unlocks both folders.
func (r *Restore) Close() error { return closeAll(r.closers) }

// closeAll closes what was opened last first.
func closeAll(closers []func() error) (err error) {
	for _, f := range slices.Backward(closers) {
		err = errors.Join(err, f())
	}
	return err
}

// All gives every user that can come back, by chunk and place, and of several that one ID named the first.
func (r *Restore) All() iter.Seq2[report.Saved, error] {
	return func(yield func(report.Saved, error) bool) {
		for n := 1; n < len(r.keep); n++ {
			users, err := r.backup.Chunk(n)
			if err != nil {
				yield(report.Saved{}, err)
				return
			}
			for place := 1; place <= r.Run.Asked.Plan.ChunkSize; place++ {
				if r.keep[n]&report.PlacesMask(place, place) != 0 && !yield(users[place][0], nil) {
					return
				}
			}
		}
	}
}

// files are what the restore's files are made from.
func (r *Restore) files() (made, error) {
	created, closer, err := report.ReadProfiles(r.Folder.dir, r.Folder.Run, report.CreatedName)
	if err != nil {
		return made{}, auditError(r.Folder.dir, err)
	}
	layout := report.Layout{Header: []byte("id,old_user_id,new_user_id"), Columns: 3, Column: 1, Delimiter: ','}
	return made{r.Folder.Folder, layout, r.lines(created), closer}, nil
}

// lines gives everybody who can come back with the new user_id, if there is one.
func (r *Restore) lines(created *report.Profiles) iter.Seq2[report.Line, error] {
	return func(yield func(report.Line, error) bool) {
		chunk, news := 0, map[int][]report.Saved(nil)
		for u, err := range r.All() {
			if err == nil && u.Chunk != chunk {
				chunk = u.Chunk
				news, err = created.Chunk(chunk)
			}
			is := ""
			if n := news[u.Place]; len(n) > 0 {
				is = client.UserIDOf(n[len(n)-1].User)
			}
			raw := report.CSVRow(u.ID, client.UserIDOf(u.User), is)
			if !yield(report.Line{Line: u.Line, Raw: raw, ID: []byte(u.ID), Chunk: u.Chunk, Place: u.Place}, err) || err != nil {
				return
			}
		}
	}
}

func (r *Restore) adopted() *Adopted { return r.Folder }

func (r *Restore) changed() error { return nil }

// chunks gives the numbers of the run's chunks: who is in them is read from the backup.
func (r *Restore) chunks() iter.Seq2[chunker.Chunk, error] {
	return func(yield func(chunker.Chunk, error) bool) {
		for n := 1; n < len(r.keep) && yield(chunker.Chunk{Number: n}, nil); n++ {
		}
	}
}

// do creates everybody at a chunk's places who is not there.
func (r *Restore) do(w *work) error {
	users, err := r.backup.Chunk(w.chunk.Number)
	if err != nil {
		return Fail(Halted, "compare it with a copy", "the backup cannot be read any more: %w", err)
	}
	return newReturn(w, users).recreate(w.places, trail{inDoubt: w.suspect}, 0)
}
