package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bulkdelete/pkg/journal"
)

// Audit is audit.csv: its rows, which are found by chunk, and which of the plan's users they are about. Append may be
// called by any number of goroutines, everything else by one at a time.
type Audit struct {
	Rows int // that it held when it was opened
	Torn int // rows at its end that a crash had torn then

	Users      map[Outcome]int // by outcome
	Mismatched int             // of those spared, whom the list describes as somebody else

	dir     *journal.Dir
	file    journal.File     // nil: there is none yet
	info    fs.FileInfo      // of it
	journal *journal.Journal // nil: it is only read
	last    string           // hash of the last row that was read, or the seed

	// What is known by chunk takes memory with the rows: a plan whose first row has not been read may be made up.
	plan    Plan
	done    int             // users who have a row, and those left out
	covered map[int]uint64  // bit p-1 for place p
	at      map[int][]int64 // where the rows stand that were read
	chunk   int             // whose rows are at hand
	rows    []Row
}

// newAudit is of an audit without rows.
func newAudit(run *Run) *Audit {
	return &Audit{Users: map[Outcome]int{}, last: run.Seed(), plan: run.Asked.Plan, covered: map[int]uint64{},
		at: map[int][]int64{}}
}

// OpenAudit reads what the audit in a folder holds and is then ready to append; one that is not there is made, if no
// run has begun yet. What may stand at its end is said by run.json; torn rows there are cut off. The error is a
// *journal.DamageError if the audit is not what was written, and then it is not touched.
func OpenAudit(dir *journal.Dir, run *Run) (*Audit, error) {
	a := newAudit(run)
	a.dir = dir
	return a, openOwn(dir, run, AuditName, os.O_RDWR|os.O_CREATE, func(f *os.File) (err error) {
		if a.info, err = f.Stat(); err == nil {
			err = a.readOn(f, run)
		}
		return err
	})
}

// ReadAudit reads the whole audit of a folder, which also checks its chain, and calls visit, which may be nil, with
// each row. The error is a *journal.DamageError if the audit is not what was written.
func ReadAudit(dir *journal.Dir, run *Run, visit func(*Row)) (*Audit, error) {
	a := newAudit(run)
	return a, openOwn(dir, run, AuditName, os.O_RDONLY, func(f *os.File) error {
		_, err := a.read(f, run, visit)
		return err
	})
}

// openOwn opens a file that every run keeps from its beginning on, and calls read with it: once one has begun, it has
// to be there, and before that nobody misses it. It is closed after an error.
func openOwn(dir *journal.Dir, run *Run, name string, flag int, read func(*os.File) error) error {
	if run.Begun() {
		flag &^= os.O_CREATE
	}
	f, err := dir.OpenFile(name, flag)
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case missing && run.Begun():
		return &journal.DamageError{File: name, Err: errors.New("it is not there any more, and calls have been sent")}
	case missing:
		return nil
	case err != nil:
		return err
	}
	if err := read(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// readOn reads a file to its end and is then ready to append.
func (a *Audit) readOn(f journal.File, run *Run) error {
	r, err := a.read(f, run, nil)
	if err == nil {
		a.journal, err = journal.Continue(f, r, run.tail())
	}
	return err
}

// read takes each row of a file into account. It is damage if the file lacks the row that was the last when a run
// ended, or has rows behind that one which no run can have written.
func (a *Audit) read(f journal.File, run *Run, visit func(*Row)) (r *journal.Reader, err error) {
	a.file = f
	r = journal.NewReader(AuditName, f, auditFormat{}, a.last)
	last := run.lastHash()
	met := last == "" || last == r.Sum
	for r.Next() {
		met = met || last == r.Sum
		row, err := parseRow(r.Record)
		if err == nil && !run.Asked.Deed.has(row.Outcome) {
			err = fmt.Errorf("the outcome %q is none of a run that is to %s", row.Outcome, run.Asked.Deed)
		}
		if err == nil {
			err = a.Add(row)
		}
		if err != nil {
			return nil, r.Damage(err)
		}
		a.at[row.Chunk] = append(a.at[row.Chunk], r.Offset)
		if visit != nil {
			visit(&row)
		}
	}
	a.Rows, a.last = r.Count, r.Sum
	if a.Torn, err = r.End(run.tail()); err != nil {
		return nil, err
	}
	var why error
	switch {
	case !met:
		why = fmt.Errorf("the row with the hash %s, which was the last when a run ended, is not in it", last)
	case last != "" && !run.Open && last != r.Sum:
		why = fmt.Errorf("rows stand behind the one with the hash %s, which was the last when the last run ended", last)
	}
	if why != nil { // the first line is the header
		return nil, &journal.DamageError{File: AuditName, Line: r.Count + 2, Err: why}
	}
	return r, nil
}

// rowRoom is more than a row takes, but for one that was throttled for long.
const rowRoom = 4 << 10

// Reserve takes disk space for so many rows more, so that what is sent next can also be recorded. It fails when
// there is no room; nothing should be sent then.
func (a *Audit) Reserve(rows int) error { return a.journal.Reserve(int64(rows) * rowRoom) }

// Append puts a row on disk: when it returns nil, the row is there whatever happens to the machine. After an error
// every later call fails too. It is for Add to take the row into account.
func (a *Audit) Append(r Row) error { return a.journal.Append(r.fields()) }

// Check says whether the audit's path still leads to the file that is being written.
func (a *Audit) Check() error { return a.dir.Leads(AuditName, a.info, a.journal.Size()) }

// Hash is the hash of the last row that is on disk, or the seed.
func (a *Audit) Hash() string {
	if a.journal == nil {
		return a.last
	}
	return a.journal.Sum()
}

// Close closes the file. Every row that Append has taken is on disk already, and what the rows are about is still
// known.
func (a *Audit) Close() error {
	switch {
	case a.journal != nil:
		return a.journal.Close()
	case a.file != nil:
		return a.file.Close()
	}
	return nil
}

// Chunk gives the rows about a chunk that the file held when it was opened, valid until another one is asked about.
func (a *Audit) Chunk(n int) ([]Row, error) {
	if n < 1 || n > a.plan.Chunks {
		return nil, fmt.Errorf("the input has a chunk %d that the run does not have", n)
	}
	if n == a.chunk {
		return a.rows, nil
	}
	a.chunk, a.rows = n, a.rows[:0]
	for _, at := range a.at[n] {
		fields, err := journal.ReadAt(a.file, auditFormat{}, at)
		var row Row
		if err == nil {
			row, err = parseRow(fields)
		}
		if err != nil {
			a.chunk = 0
			return nil, fmt.Errorf("%s, byte %d: %w", AuditName, at, err)
		}
		a.rows = append(a.rows, row)
	}
	return a.rows, nil
}

// find gives the row about a place of a chunk, nil if there is none. It is valid until another chunk is asked about.
func (a *Audit) find(chunk, place int) (*Row, error) {
	rows, err := a.Chunk(chunk)
	for i := range rows {
		if r := &rows[i]; r.From <= place && place <= r.To {
			return r, nil
		}
	}
	return nil, err
}
