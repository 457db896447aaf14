package job

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// work is one chunk in one slot of the pool.
type work struct {
	job     *Job
	chunk   chunker.Chunk
	places  []int // from 1, of the chunk that no row speaks of yet
	suspect bool  // an earlier run may have sent it without recording it
}

type chunkKey struct{}

// ctx is the context of the chunk's calls.
func (w *work) ctx() context.Context {
	return context.WithValue(w.job.feed, chunkKey{}, w.chunk.Number)
}

// ChunkOf gives the number of the chunk that a call with this context is for, and 0 for calls that are for none, such as
// a token's. It lets client.Config.Observe say where an attempt belongs.
func ChunkOf(ctx context.Context) int {
	n, _ := ctx.Value(chunkKey{}).(int)
	return n
}

// trail is what all calls on the way to a row brought back. It is passed by value: each half of a split chunk goes on
// with its own copy.
type trail struct {
	receipt client.Receipt
	inDoubt bool // some attempt may have deleted the users without saying so
	outage  bool // an outage has used up the attempts of one call already
}

func (t trail) add(r client.Receipt) trail {
	t = t.begin(r)
	r.StartedAt = t.receipt.StartedAt
	r.Attempts += t.receipt.Attempts
	r.RequestIDs = slices.Concat(t.receipt.RequestIDs, r.RequestIDs)
	t.inDoubt = t.inDoubt || r.InDoubt
	t.receipt = r
	return t
}

// addRead joins a reading call: its request IDs count, but the attempts and the answer that a row quotes stay the deletion's.
func (t trail) addRead(r client.Receipt) trail {
	t = t.begin(r)
	t.receipt.RequestIDs = slices.Concat(t.receipt.RequestIDs, r.RequestIDs)
	return t
}

// begin takes over when the first call began.
func (t trail) begin(r client.Receipt) trail {
	if t.receipt.StartedAt.IsZero() {
		t.receipt.StartedAt = r.StartedAt
	}
	return t
}

// do settles the chunk's places.
func (w *work) do() {
	if w.job.feed.Err() != nil {
		return // the slot came free because the job is ending
	}
	if stop, ok := errors.AsType[*Error](w.job.settle(w)); ok {
		w.job.stop(stop)
	}
}

// erase is how they are settled where users are to be deleted.
func (w *work) erase() error {
	t := trail{inDoubt: w.suspect}
	if w.job.Folder.backup != nil {
		return w.saveFirst(w.places, t)
	}
	return w.settle(w.places, t)
}

// errLeft says that a worker gave up some of its places because the job is ending.
var errLeft = errors.New("left for the next run")

// settle deletes the users at places in one call and records what became of them, whatever that takes. An error means
// that some of the places have no row: an *Error is why the whole job has to stop, any other that it is stopping.
func (w *work) settle(places []int, t trail) error {
	began := time.Now()
	receipt, err := w.job.Client.DeleteUsers(w.ctx(), w.idType(), w.ids(places))
	t = t.add(receipt)
	w.job.heard(err)
	switch {
	case err == nil:
		return w.deleted(places, t)
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case errors.Is(err, client.NotFound):
		return w.notFound(places, t)
	case errors.Is(err, client.Refused), errors.Is(err, client.TooLarge):
		return w.refused(places, t)
	case errors.Is(err, client.Unavailable), errors.Is(err, client.ServerError):
		return w.unanswered(places, t, began, err)
	default: // credentials, payment, unsupported: it will not get better
		return w.leave(t, Fail(Halted, "mend that, then run the same command again: it goes on where it stopped", "the API refuses this job: %w", err))
	}
}

// deleted records that the API said so, after reading back if that was asked for.
func (w *work) deleted(places []int, t trail) error {
	if !w.job.Verify {
		return w.record(places, report.Deleted, t, "")
	}
	living, r, err := w.job.Client.Existing(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	t = t.addRead(r)
	switch {
	case errors.Is(err, client.Stopped):
		return w.record(places, report.Deleted, t, "not read back: the run was stopped")
	case err != nil:
		return w.record(places, report.Deleted, t, "could not be read back: "+err.Error())
	}
	alive, gone := w.part(places, living)
	if err := w.record(gone, report.Deleted, t, "read back: gone"); err != nil {
		return err
	}
	return w.record(alive, report.Failed, t, "the API said deleted, but reading back finds the user")
}

// notFound isolates the users that the API does not know: reading tells which they are and the others go in one call. A
// 404 that does not speak of a user is not believed without reading back: a wrong host answers so to everything.
func (w *work) notFound(places []int, t trail) error {
	sure := t.receipt.SaysNoUser()
	if len(places) == 1 && sure {
		return w.gone(places, t, "")
	}
	living, r, err := w.job.Client.Existing(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	t = t.addRead(r)
	if errors.Is(err, client.Stopped) {
		return w.leave(t, nil)
	}
	alive, gone := w.part(places, living)
	if len(places) == 1 && (err != nil || len(gone) == 0) {
		return w.record(places, report.Failed, t, "404 without a word of a missing user, and reading back does not say that the user is gone")
	}
	if err != nil || len(gone) == 0 {
		return w.halves(places, t) // reading is not permitted, or does not agree: ask each user alone
	}
	if err := w.gone(gone, t, "not among the users that exist"); err != nil {
		return err
	}
	if len(alive) == 0 {
		return nil
	}
	return w.settle(alive, t)
}

// gone records users that the API does not know. After an attempt that may have deleted them, that is what success
// looks like; otherwise they were gone before.
func (w *work) gone(places []int, t trail, how string) error {
	if t.inDoubt {
		return w.record(places, report.Deleted, t, join("not found after an earlier attempt without an answer: taken for deleted by it", how))
	}
	return w.record(places, report.Absent, t, how)
}

// refused isolates the culprit by halving. A lone user has failed.
func (w *work) refused(places []int, t trail) error {
	if len(places) == 1 {
		return w.record(places, report.Failed, t, "")
	}
	return w.halves(places, t)
}

func (w *work) halves(places []int, t trail) error {
	return w.divide(places, t, func(half []int) error { return w.settle(half, t) })
}

// divide goes on with each half of places by itself, so that one culprit does not keep the others. A job that is ending
// leaves the second half.
func (w *work) divide(places []int, t trail, settle func(half []int) error) error {
	half := len(places) / 2
	if err := settle(places[:half]); err != nil {
		return err
	}
	if w.job.feed.Err() != nil {
		return w.leave(t, nil)
	}
	return settle(places[half:])
}

// unanswered settles users after the attempts ran out: reading back says who still exists. Where that cannot be had
// either, an API that answers nobody stops the job; one that answers others leaves these users unknown. Where nobody had an
// answer for the later half of the call it was an outage that used the attempts up: whoever is found alive behind it gets the
// attempts of one more call.
func (w *work) unanswered(places []int, t trail, began time.Time, cause error) error {
	outage := t.receipt.HTTPStatus == 0 && !w.job.answeredSince(began.Add(time.Since(began)/2))
	living, r, err := w.job.Client.Existing(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	t = t.addRead(r)
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case err != nil && !w.job.answeredSince(began):
		return w.leave(t, outOfReach(cause))
	case err != nil && t.inDoubt:
		return w.record(places, report.Unknown, t, "reading back did not settle it: "+err.Error())
	case err != nil:
		return w.record(places, report.Failed, t, "")
	}
	alive, gone := w.part(places, living)
	if err := w.gone(gone, t, "gone when read back"); err != nil {
		return err
	}
	if errors.Is(cause, client.ServerError) && len(alive) > 1 {
		return w.halves(alive, t) // some plain bad arguments are answered with 500
	}
	if outage && !t.outage && len(alive) > 0 {
		t.outage = true
		return w.settle(alive, t)
	}
	return w.record(alive, report.Failed, t, "still there when read back")
}

func outOfReach(cause error) *Error {
	return Fail(Halted, "check the network and --host, then run the same command again: it goes on where it stopped", "the API is out of reach: %w", cause)
}

// leave gives the slot back without a row: the chunk is unfinished and the next run takes it up.
func (w *work) leave(t trail, stop *Error) error {
	w.job.leave(w.chunk.Number, t.inDoubt)
	if stop == nil {
		return errLeft
	}
	return stop
}

// record writes one row for each unbroken range of places.
func (w *work) record(places []int, o report.Outcome, t trail, note string) error {
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n] == places[0]+n {
			n++
		}
		if err := w.job.record(w.row(places[:n], o, t, note)); err != nil {
			return err
		}
		places = places[n:]
	}
	return nil
}

func (w *work) row(places []int, o report.Outcome, t trail, note string) report.Row {
	first, last := places[0], places[len(places)-1]
	r := t.receipt
	return report.Row{
		Chunk: w.chunk.Number, From: first, To: last,
		FirstLine: w.chunk.Lines[first-1], LastLine: w.chunk.Lines[last-1], Users: len(places),
		Outcome: o, Attempts: r.Attempts, HTTPStatus: r.HTTPStatus, StatusCode: r.StatusCode, APICode: r.APICode,
		Message: join(r.Message, note), RequestIDs: r.RequestIDs, StartedAt: r.StartedAt, Duration: time.Since(r.StartedAt),
		IDsSHA256: report.IDsSHA256(w.ids(places)),
	}
}

func (w *work) idType() string { return w.job.Plan.Options.IDType }

func (w *work) ids(places []int) []string {
	if len(places) == len(w.chunk.IDs) { // all of them
		return w.chunk.IDs
	}
	ids := make([]string, len(places))
	for i, place := range places {
		ids[i] = w.chunk.IDs[place-1]
	}
	return ids
}

// part divides places into those whose user is among living and those whose user is not.
func (w *work) part(places []int, living []string) (alive, gone []int) {
	for _, place := range places {
		if slices.Contains(living, w.chunk.IDs[place-1]) {
			alive = append(alive, place)
		} else {
			gone = append(gone, place)
		}
	}
	return alive, gone
}

// answeredSince says whether the API has given anybody a definite answer since then.
func (j *Job) answeredSince(t time.Time) bool { return j.answered.Load() >= t.UnixNano() }

// heard notes when the API last gave a definite answer, good or bad.
func (j *Job) heard(err error) {
	for _, vague := range []error{client.Stopped, client.Unavailable, client.ServerError} {
		if errors.Is(err, vague) {
			return
		}
	}
	j.answered.Store(time.Now().UnixNano())
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}
