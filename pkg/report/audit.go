package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bulkdelete/pkg/journal"
)

// DamageError is an audit or a backup that is not what was written, or is another run's. No command believes it.
type DamageError struct {
	File string
	Line int // of a CSV file, from 1; 0: unknown
	Err  error
}

// Error names the file and the line.
func (e *DamageError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s, line %d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// Audit appends rows to audit.csv. It may be used by any number of goroutines.
type Audit struct {
	journal *journal.Journal
	dir     *journal.Dir
	file    fs.FileInfo
}

// rowRoom is more than a row takes, but for one that was throttled for long.
const rowRoom = 4 << 10

// OpenAudit reads what the audit in a folder holds, calls visit with each row, and is then ready to append; one
// that is not there is made, if no run has begun yet. What may stand at its end is said by run.json; torn is the
// number of rows that were cut off there. The error is a *DamageError if the audit is not what was written, and
// then it is not touched.
func OpenAudit(dir *journal.Dir, run *Run, visit func(Row) error) (a *Audit, torn int, err error) {
	file, err := openOwn(dir, run, AuditName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, 0, err
	}
	a = &Audit{dir: dir}
	if a.file, err = file.Stat(); err == nil {
		a.journal, torn, err = continueRows(file, run, visit)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return a, torn, nil
}

// openOwn opens a file that every run keeps from its beginning on: once one has begun, it has to be there.
func openOwn(dir *journal.Dir, run *Run, name string, flag int) (*os.File, error) {
	if run.Begun() {
		flag &^= os.O_CREATE
	}
	f, err := dir.OpenFile(name, flag)
	if run.Begun() && errors.Is(err, fs.ErrNotExist) {
		err = &DamageError{File: name, Err: errors.New("it is not there any more, and calls have been sent")}
	}
	return f, err
}

// continueRows reads a file of rows to its end and is then ready to append.
func continueRows(f journal.File, run *Run, visit func(Row) error) (j *journal.Journal, torn int, err error) {
	r := journal.NewReader(f, auditFormat{}, run.Seed())
	if torn, err = readRows(r, run, visit); err == nil {
		j, err = journal.Continue(f, r, run.tail())
	}
	return j, torn, err
}

// readRows calls visit with each row of an audit and says how many rows at its end a crash has torn. The error is a
// *DamageError if the audit is not what was written, or lacks the row that was the last when a run ended, or has rows
// behind that one which no run can have written.
func readRows(r *journal.Reader, run *Run, visit func(Row) error) (torn int, err error) {
	damage := func(line int, err error) error { return &DamageError{File: AuditName, Line: line, Err: err} }
	last := run.lastHash()
	met := last == "" || last == r.Sum
	for r.Next() {
		met = met || last == r.Sum
		row, err := parseRow(r.Record, r.Sum)
		if err == nil && !run.Asked.Deed.has(row.Outcome) {
			err = fmt.Errorf("the outcome %q is none of a run that is to %s", row.Outcome, run.Asked.Deed)
		}
		if err == nil {
			err = visit(row)
		}
		if err != nil {
			return 0, damage(r.Count+1, err) // the first line is the header
		}
	}
	torn, err = r.End(run.tail())
	if d, ok := errors.AsType[*journal.DamageError](err); ok {
		err = damage(d.Record+1, d.Err)
	}
	switch {
	case err != nil:
		return 0, err
	case !met:
		return 0, damage(r.Count+2, fmt.Errorf(
			"the row with the hash %s, which was the last when a run ended, is not in it", last))
	case last != "" && !run.Open && last != r.Sum:
		return 0, damage(r.Count+2, fmt.Errorf(
			"rows stand behind the one with the hash %s, which was the last when the last run ended", last))
	}
	return torn, nil
}

// Append puts a row on disk: when it returns nil, the row is there whatever happens to the machine. After an error
// every later call fails too.
func (a *Audit) Append(r Row) error { return a.journal.Append(r.fields()) }

// Reserve takes disk space for so many rows more, so that what is sent next can also be recorded. It fails when
// there is no room; nothing should be sent then.
func (a *Audit) Reserve(rows int) error { return a.journal.Reserve(int64(rows) * rowRoom) }

// Check says whether the audit's path still leads to the file that is being written.
func (a *Audit) Check() error { return a.dir.Leads(AuditName, a.file, a.journal.Size()) }

// Hash is the hash of the last row that is on disk, or the seed.
func (a *Audit) Hash() string { return a.journal.Sum() }

// Close closes the file. Every row that Append has taken is on disk already.
func (a *Audit) Close() error { return a.journal.Close() }
