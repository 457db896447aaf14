package job

import (
	"cmp"
	"context"
	"errors"
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

	change change
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
	said           bool // the API has said that it is done
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

// sleep waits; false: ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
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

// row makes a row. What note quotes of the API is masked already.
func (w *work) row(places []int, o report.Outcome, t trail, note string) report.Row {
	first, last := places[0], places[len(places)-1]
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
