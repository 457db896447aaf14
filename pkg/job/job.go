package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Deed is what is done to users, chunk by chunk: deleting or suspending those of a [Record], or undoing that to those
// of a [Restore]. A [Job] carries out either.
type Deed interface {
	held() *Folder                           // where it is done
	prepare() error                          // called once, before the first call and with the audit at hand
	chunks() iter.Seq2[chunker.Chunk, error] // whom it is done to, in order
	do(w *work, places []int, t trail) error // does it to a chunk's places, and records what became of each
	cells(w *work) []string                  // of a chunk's rows: what may name somebody
	changed() error                          // why what was planned is not there any more

	// What the files in a run's folder are made from besides its audit.
	layout() report.Layout
	lines(dir *journal.Dir, run *report.Run) iter.Seq2[report.Line, error]

	Close() error // lets go of the folder, and of what the deed reads
}

// Job carries out one deed, through one client, in one folder. Its fields are not to be changed once Run has been
// called, and Run is called once.
type Job struct {
	Deed        Deed
	Client      *client.Client
	Session     report.Session   // who runs it, where, with what approval
	Workers     int              // calls in flight at the most, from 1
	StopAfter   int              // users to be done in this run, 0: all
	AfterTrial  string           // the command that goes on once StopAfter is reached
	MaxFailures Limit            // of failed and unknown users in this run
	MaxDuration time.Duration    // 0: none
	Verify      bool             // read each chunk back after deleting it
	Began       func(torn int)   // called once before the first call, with the torn rows that were cut off; may be nil
	Observe     func(report.Row) // called after a row is on disk, by several goroutines; may be nil
	Draining    func(calls int)  // called once when no new call starts any more, with the number in flight; may be nil
	Sealed      func([]string)   // called once, when members of a profile that was saved look encrypted; may be nil

	folder   *Folder
	backup   *report.Backup // nil: nobody is saved
	closers  []func() error
	suspects []int           // chunks that may have been sent without a row to show for it
	feed     context.Context // ends: no new chunk, no wait, no retry
	stop     context.CancelCauseFunc
	sealed   sync.Once
	answered atomic.Int64 // when the API last gave a definite answer, Unix nanoseconds

	mu      sync.Mutex // guards what follows, and what the audit is about
	users   int        // that this run has done
	failed  int        // of them
	inDoubt []int      // chunks left without a row although a call may have been carried out
	unclean bool       // the audit failed: run.json must go on saying that anything may have been sent
}

// Run does what is left to do and returns nil when every user has a row. Otherwise the error is an *Error whose
// Code says how the run ended; what was done by then is on disk, and the same job goes on from there. When ctx
// ends, calls in flight are finished and recorded.
func (j *Job) Run(ctx context.Context) (err error) {
	j.folder = j.Deed.held()
	defer func() {
		if closed := closeAll(j.closers); closed != nil {
			err = errors.Join(err, Fail(Halted, roomHint, "the audit cannot be closed: %w", closed))
		}
	}()
	if err := j.begin(); err != nil {
		return err
	}
	if j.Began != nil {
		j.Began(j.folder.audit.Torn)
	}
	j.feed, j.stop = context.WithCancelCause(ctx)
	defer j.stop(nil)
	if j.MaxDuration > 0 {
		defer time.AfterFunc(j.MaxDuration, func() {
			j.stop(Fail(Interrupted, "", "stopped by --max-duration %s", j.MaxDuration))
		}).Stop()
	}
	if j.Draining != nil && j.Client != nil {
		defer context.AfterFunc(j.feed, func() { j.Draining(j.Client.InFlight()) })()
	}
	stopped := j.why(j.feedChunks())
	ended := j.end(stopped)
	switch {
	case stopped == nil:
		return ended
	case ended == nil:
		return stopped
	}
	return Fail(Halted, stopped.Hint, "%w; %w", stopped, ended) // a full disk may be why of both
}

// why says how the run ended; nil: every chunk is done, and the folder and the input are what they were.
func (j *Job) why(stopped *Error) *Error {
	if cause := context.Cause(j.feed); cause != nil {
		stopped = asError(cause)
	}
	if j.folder.audit.Complete() && (stopped == nil || stopped.Code == Interrupted) {
		stopped = nil // the last call did the last chunk while the run was being stopped
	}
	return cmp.Or(j.lost(), stopped, changed(j.Deed.changed()))
}

// lost says whether the audit's path leads elsewhere. Rows that are written from then on are in a file that nobody
// finds.
func (j *Job) lost() *Error {
	err := j.folder.audit.Check()
	if err == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unclean = true
	return Fail(Halted, "put it back where it was, then "+againHint,
		"the audit was taken away, so nothing more is sent: %w", err)
}

// feedChunks streams the plan's chunks, in order, to Workers goroutines and waits for them. Each of these is a slot: a
// chunk waits here until one takes it.
func (j *Job) feedChunks() *Error {
	slots := make(chan func())
	var workers sync.WaitGroup
	for range j.Workers {
		workers.Go(func() {
			for do := range slots {
				do()
			}
		})
	}
	defer func() { close(slots); workers.Wait() }() // they report through j.stop
	fed := 0
	for chunk, err := range j.Deed.chunks() {
		if err != nil {
			return changed(err)
		}
		if j.feed.Err() != nil {
			return nil
		}
		places := j.open(chunk.Number)
		if len(places) == 0 {
			continue
		}
		if j.StopAfter > 0 {
			places = places[:min(len(places), j.StopAfter-fed)]
		}
		if len(places) == 0 {
			break
		}
		if err := j.ready(); err != nil {
			return err
		}
		fed += len(places)
		slots <- func() { (&work{job: j, chunk: chunk}).do(places) }
	}
	if j.StopAfter > 0 && fed >= j.StopAfter { // maybe within the last chunk, or at its very end, which why sees
		return Fail(Interrupted, "", "%w %d", ErrStopAfter, j.StopAfter)
	}
	return nil
}

// ready says whether a chunk may be sent: the input and the audit are where they were, and there is room for its row.
func (j *Job) ready() *Error {
	if err := cmp.Or(changed(j.Deed.changed()), j.lost()); err != nil {
		return err
	}
	// A slot may come free only when the row of the call in it is written: room for all slots is room for this one.
	if err := j.folder.audit.Reserve(2 * j.Workers); err != nil {
		return Fail(Halted, roomHint, "the disk is full, so nothing more is sent: %w", err)
	}
	return nil
}

// open gives the places of a chunk that have no row.
func (j *Job) open(chunk int) []int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.folder.audit.Open(chunk)
}

// record puts a row on disk, then counts it, and stops the job when too many users failed in this run. Nothing else
// may be sent once the audit has failed.
func (j *Job) record(row report.Row) error {
	err := j.folder.audit.Append(row)
	j.mu.Lock()
	if j.unclean = j.unclean || err != nil; err == nil {
		err = j.folder.audit.Add(row)
	}
	j.users += row.Users
	if row.Outcome == report.Failed || row.Outcome == report.Unknown {
		j.failed += row.Users
	}
	failed, users := j.failed, j.users
	j.mu.Unlock()
	if err != nil {
		j.stop(Fail(Halted, roomHint, "the audit cannot be written, so nothing more is sent: %w", err))
		return err
	}
	if j.Observe != nil {
		j.Observe(row)
	}
	if j.MaxFailures.Reached(failed, users, 1000) { // before, one bad chunk would be half of everything
		j.stop(Fail(Halted,
			"read the messages in audit.csv, mend the cause, then run the same command again; --max-failures sets the limit",
			"%d of %d users failed in this run: stopped by --max-failures %s", failed, users, j.MaxFailures))
	}
	return nil
}

// Remaining is the number of users without a row in the audit at present.
func (j *Job) Remaining() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.folder.Remaining()
}

// doubt notes a chunk that is left without a row although a call may have been carried out.
func (j *Job) doubt(chunk int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inDoubt = append(j.inDoubt, chunk)
}

// changed says that what was planned is not there any more; nil: it is.
func changed(err error) *Error {
	if err == nil {
		return nil
	}
	return Fail(Halted, "nobody outside the plan was named in a call. "+
		"Put the old file back to go on, or plan the new one into a folder of its own (--out)",
		"the input is not what was planned: %w", err)
}

func asError(cause error) *Error {
	if e, ok := errors.AsType[*Error](cause); ok {
		return e
	}
	return &Error{Code: Interrupted, Err: fmt.Errorf("stopped: %w", cause)}
}
