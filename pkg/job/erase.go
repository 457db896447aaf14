package job

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// work is one chunk in one slot of the pool. Its places count from 1.
type work struct {
	job   *Job
	chunk chunker.Chunk
	users map[int][]report.Saved // of a restore: who come back, by place
}

type chunkKey struct{}

// ctx is the context of the chunk's calls.
func (w *work) ctx() context.Context {
	return context.WithValue(w.job.feed, chunkKey{}, w.chunk.Number)
}

// ChunkOf gives the number of the chunk that a call with this context is for, and 0 for calls that are for none,
// such as a token's. It lets client.Config.Observe say where an attempt belongs.
func ChunkOf(ctx context.Context) int {
	n, _ := ctx.Value(chunkKey{}).(int)
	return n
}

// trail is what all calls on the way to a row brought back. It is passed by value: each half of a split chunk goes on
// with its own copy.
type trail struct {
	client.Receipt      // InDoubt: some call may have been carried out without saying so
	tries          int  // calls whose attempts were used up without an answer
	seen           bool // each of the users was found right before
}

func (t trail) add(r client.Receipt) trail {
	t.Join(r)
	return t
}

// addRead joins a reading call: its request IDs count, but the attempts and the answer that a row quotes stay the
// deletion's.
func (t trail) addRead(r client.Receipt) trail {
	t.StartedAt = cmp.Or(t.StartedAt, r.StartedAt)
	t.RequestIDs = slices.Concat(t.RequestIDs, r.RequestIDs)
	return t
}

// do does the job's deed to places of the chunk. A mistake in the program stops the job as any other reason does:
// what was sent is recorded or in doubt, and run.json says so.
func (w *work) do(places []int) {
	defer func() {
		if mistake := recover(); mistake != nil {
			w.job.doubt(w.chunk.Number)
			w.job.stop(Fail(Halted, "please report this, with the lines below\n"+string(debug.Stack()),
				"internal error at chunk %d: %v", w.chunk.Number, mistake))
		}
	}()
	if w.job.feed.Err() != nil {
		return // the slot came free because the job is ending
	}
	var t trail
	t.InDoubt = slices.Contains(w.job.suspects, w.chunk.Number) // an earlier run may have sent it
	if stop, ok := errors.AsType[*Error](w.job.Deed.do(w, places, t)); ok {
		w.job.stop(stop)
	}
}

// errLeft says that a worker gave up some of its places because the job is ending.
var errLeft = errors.New("left for the next run")

// erase deletes the users at places in one call and records what became of them. An error means
// that some of the places have no row: an *Error is why the whole job has to stop, any other that it is stopping.
func (w *work) erase(places []int, t trail) error {
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
	default: // credentials, payment, unsupported, postponed: it will not get better
		return w.leave(t, refused(err, "mend that, then "+againHint, "the API refuses this job"))
	}
}

// lags are the waits between readings of users who are said to be deleted and can be read.
var lags = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// deleted records that the API said so, after reading back if that was asked for. What is deleted may be readable
// for some seconds.
func (w *work) deleted(places []int, t trail) error {
	t.Message = "" // says no more than the outcome, and would have to be searched for names
	if !w.job.Verify {
		return w.record(places, report.Deleted, t, "")
	}
	for try := 0; ; try++ {
		alive, gone, after, err := w.look(places, t)
		t = after
		switch {
		case errors.Is(err, client.Stopped):
			return w.record(places, report.Deleted, t, "not read back: the run was stopped")
		case err != nil:
			return w.record(places, report.Deleted, t, "could not be read back: "+err.Error())
		}
		if err := w.record(gone, report.Deleted, t, report.ReadBack); err != nil || len(alive) == 0 {
			return err
		}
		if places = alive; try == len(lags) {
			return w.record(alive, report.Failed, t, "the API said deleted, but reading back finds the user")
		}
		if !w.sleep(lags[try]) {
			t.InDoubt = true
			return w.leave(t, nil)
		}
	}
}

// sleep waits; false: the job is ending.
func (w *work) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-w.job.feed.Done():
		return false
	}
}

// look reads which users at places exist now.
func (w *work) look(places []int, t trail) (alive, gone []int, _ trail, err error) {
	living, r, err := w.job.Client.Existing(w.ctx(), w.idType(), w.ids(places))
	w.job.heard(err)
	t = t.addRead(r)
	if err != nil {
		return nil, nil, t, err
	}
	alive, gone = split(places, func(place int) bool { return slices.Contains(living, w.chunk.IDs[place-1]) })
	return alive, gone, t, nil
}

// notFound isolates the users that the API does not know: reading tells which they are and the others go in one call. A
// 404 that does not name a missing user is not believed without reading back: a wrong host answers so to everything.
func (w *work) notFound(places []int, t trail) error {
	const bare404 = "404 without a word of a missing user, and "
	alone := len(places) == 1
	if alone && t.SaysNoUser() {
		return w.gone(places, t, "")
	}
	alive, gone, t, err := w.look(places, t)
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case alone && errors.Is(err, client.Blind):
		return w.record(places, report.Unknown, t, bare404+"reading did not settle it: "+err.Error())
	case alone && (err != nil || len(gone) == 0):
		return w.record(places, report.Failed, t, bare404+"reading back does not say that the user is gone")
	case err != nil || len(gone) == 0:
		return w.divide(places, t, w.erase) // reading is not permitted, or does not agree: ask each user alone
	}
	begun := 0 // an API that works through a list and stops at the first user it does not know has deleted those before
	for begun < len(gone) && gone[begun] == places[begun] {
		begun++
	}
	if begun < 2 || len(alive) == 0 {
		begun = 0
	}
	doubted := t
	doubted.InDoubt = true
	if err := w.gone(gone[:begun], doubted, "among the first that the refused call named, and gone"); err != nil {
		return err
	}
	if err := w.gone(gone[begun:], t, "not among the users that exist"); err != nil || len(alive) == 0 {
		return err
	}
	return w.erase(alive, t)
}

// gone records users that the API does not know. Who was there when read, or may have been deleted by an earlier
// attempt, is deleted: that is what success looks like. Others were gone before.
func (w *work) gone(places []int, t trail, how string) error {
	switch {
	case t.seen:
		return w.record(places, report.Deleted, t, join("there when read, and gone after this call", how))
	case t.InDoubt:
		const why = "not found after an earlier attempt without an answer: taken for deleted by it"
		return w.record(places, report.Deleted, t, join(why, how))
	}
	return w.record(places, report.Absent, t, how)
}

// refused isolates the culprit by halving. A lone user has failed. A call that named several may have been carried
// out in part before it was refused.
func (w *work) refused(places []int, t trail) error {
	if len(places) == 1 {
		return w.record(places, report.Failed, t, "")
	}
	const tooLarge = http.StatusRequestEntityTooLarge // nothing of it was read
	t.InDoubt = t.InDoubt || t.HTTPStatus != tooLarge && t.StatusCode != tooLarge
	return w.divide(places, t, w.erase)
}

// divide goes on with each half of places by itself, so that one culprit does not keep the others. A job that is ending
// leaves the second half.
func (w *work) divide(places []int, t trail, each func(half []int, t trail) error) error {
	half := len(places) / 2
	t.Join(client.Receipt{Troubles: map[string]int{report.Split: 1}})
	if err := each(places[:half], t); err != nil {
		return err
	}
	if w.job.feed.Err() != nil {
		return w.leave(t, nil)
	}
	return each(places[half:], t)
}

// mostTries is how many calls for the same users may go without an answer before their outcome is unknown.
const mostTries = 3

// unanswered finds out about users after the attempts at a call ran out: reading back says who still exists. Where
// that cannot be had either, an API that answers nobody stops the job; one that answers others leaves these users
// unknown. A user who is found alive after attempts without an answer was not refused, and is tried again.
func (w *work) unanswered(places []int, t trail, began time.Time, cause error) error {
	silent := t.Unanswered
	alive, gone, t, err := w.look(places, t)
	switch {
	case errors.Is(err, client.Stopped):
		return w.leave(t, nil)
	case err != nil && !w.job.answersSince(began):
		return w.leave(t, outOfReach(cause))
	case err != nil && (t.InDoubt || silent):
		return w.record(places, report.Unknown, t, "reading back did not settle it: "+err.Error())
	case err != nil:
		return w.record(places, report.Failed, t, "")
	}
	if err := w.gone(gone, t, "gone when read back"); err != nil || len(alive) == 0 {
		return err
	}
	if t.tries++; silent && t.tries < mostTries {
		return w.erase(alive, t)
	}
	if errors.Is(cause, client.ServerError) && len(alive) > 1 {
		return w.divide(alive, t, w.erase) // some plain bad arguments are answered with 500
	}
	if silent {
		return w.record(alive, report.Unknown, t, "still there when read back, and no attempt was answered")
	}
	return w.record(alive, report.Failed, t, "still there when read back")
}

func outOfReach(cause error) *Error {
	if errors.Is(cause, client.ServerError) {
		return Fail(Halted, "the API itself fails, for everybody: ask those who run it, then "+againHint,
			"the API answers nobody: %w", cause)
	}
	return Fail(Halted, "check the network and --host, then "+againHint, "the API is out of reach: %w", cause)
}

// leave gives the slot back without a row: the chunk is unfinished and the next run takes it up.
func (w *work) leave(t trail, stop *Error) error {
	if t.InDoubt {
		w.job.doubt(w.chunk.Number)
	}
	if stop == nil {
		return errLeft
	}
	if said := stop.Error(); w.mask(said) != said {
		stop.Err = errors.New(w.mask(said))
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

// mask takes out of what the API said what names somebody: the audit outlives the lists of people, and summaries and
// run.json quote it.
func (w *work) mask(text string) string {
	if text == "" {
		return ""
	}
	return who.Mask(text, w.job.Deed.cells(w))
}

func (w *work) row(places []int, o report.Outcome, t trail, note string) report.Row {
	first, last := places[0], places[len(places)-1]
	if o != report.Spared { // whose reason is ours, and names nobody
		note = w.mask(note)
	}
	note = join(note, report.OnTheWay(t.Troubles))
	return report.Row{
		Chunk: w.chunk.Number, From: first, To: last,
		FirstLine: w.chunk.Lines[first-1], LastLine: w.chunk.Lines[last-1], Users: len(places),
		Outcome: o, Attempts: t.Attempts, HTTPStatus: t.HTTPStatus, StatusCode: t.StatusCode, APICode: t.APICode,
		Message: join(w.mask(t.Message), note), RequestIDs: t.RequestIDs, StartedAt: t.StartedAt,
		Duration: time.Since(t.StartedAt), IDsSHA256: report.IDsSHA256(w.ids(places)),
	}
}

func (w *work) idType() string { return w.job.folder.Run.Asked.Options["id_type"] }

func (w *work) ids(places []int) []string {
	ids := make([]string, len(places))
	for i, place := range places {
		ids[i] = w.chunk.IDs[place-1]
	}
	return ids
}

// byPlace gives what was answered for places, in their order.
func byPlace[T any](places []int, answers []T) map[int]T {
	m := map[int]T{}
	for i, place := range places {
		m[place] = answers[i]
	}
	return m
}

// split divides places into those that something holds for and the others.
func split(places []int, holds func(place int) bool) (yes, no []int) {
	for _, place := range places {
		if holds(place) {
			yes = append(yes, place)
		} else {
			no = append(no, place)
		}
	}
	return yes, no
}

// answersSince says whether the API has given anybody a definite answer in the latter half of the time since then: one
// that did before may be out of reach by now.
func (j *Job) answersSince(t time.Time) bool {
	return j.answered.Load() >= t.Add(time.Since(t)/2).UnixNano()
}

// heard notes when the API last gave a definite answer, good or bad.
func (j *Job) heard(err error) {
	if !isAny(err, client.Stopped, client.Unavailable, client.ServerError, client.Blind) {
		j.answered.Store(time.Now().UnixNano())
	}
}

func isAny(err error, kinds ...client.Kind) bool {
	return slices.ContainsFunc(kinds, func(kind client.Kind) bool { return errors.Is(err, kind) })
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}
