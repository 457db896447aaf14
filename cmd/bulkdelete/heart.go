package main

import (
	"os"
	"sync"
	"time"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// tick is how often a heart beats and hears: a run obeys within a second.
const tick = 500 * time.Millisecond

// heart knows how a run goes: what it does, its attempts and rows, all together and second by second for the last
// minute. While the run works on its folder it beats, which is to write that to status.json, and does what bulkdelete
// pace asks. It may be used by any number of goroutines.
type heart struct {
	o      *operation
	job    *job.Job
	folder *job.Folder
	stop   func() // ends the beating; nil: it has not begun
	shown  func() // ends what is shown of it on the screen; nil: nothing is

	mu       sync.Mutex         // guards what follows
	status   report.Status      // what of it stays the same
	stage    func() string      // what is done besides calling; nil: nothing
	stopping bool               // no new call starts
	rate     client.Rate        // but for a pause
	pause    *report.PaceChange // nil: it is not paused
	seen     time.Time          // when the last change was asked for
	obeyed   *report.PaceChange // which is not noted yet

	began   time.Time // or when the pace was changed last; zero: nothing shows yet how the run goes
	all     second
	ring    [minute]second
	heard   time.Time       // when the API last gave an answer that is not its own failure
	failing *client.Attempt // the last one that failed since
	failAt  time.Time
	last    *report.Trouble
}

// work is what the heart beats for, from start on.
func (h *heart) work(j *job.Job, folder *job.Folder) {
	h.job, h.folder, h.rate = j, folder, h.o.config.Rate
	_, h.pause = j.Session.Kept()
	h.status = report.Status{State: report.Running, ExitCode: int(job.Interrupted), PID: os.Getpid(), By: j.Session.By,
		StartedAt: time.Now().UTC(), Users: folder.Run.Asked.Plan.Accepted}
	h.status.Host, _ = os.Hostname()
	h.now(h.o.through("reading what earlier runs wrote in " + folder.Path))
	h.shown = h.o.console.watch(h.doing)
}

// start writes the first heartbeat. The folder says by now that calls may be under way.
func (h *heart) start() {
	if h.pause != nil && h.o.client != nil {
		h.o.client.SetRate(client.PerSecond(0))
		h.o.console.say("paused by %s: bulkdelete pace %s resume ends that", h.pause.By, h.folder.Path)
	}
	h.mu.Lock()
	h.restart()
	h.mu.Unlock()
	h.beat()
	h.stop = every(tick, tick, h.tick)
	if h.folder.Remaining() > 0 {
		h.hide()
		h.shown = h.show()
	}
}

// hide ends what is shown on the screen.
func (h *heart) hide() {
	h.now(nil)
	if h.shown != nil {
		h.shown()
	}
	h.shown = nil
}

// now says what is done besides calling, nil for nothing.
func (h *heart) now(stage func() string) {
	h.mu.Lock()
	h.stage = stage
	h.mu.Unlock()
}

// doing is what is done besides calling, for who waits.
func (h *heart) doing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stage == nil {
		return ""
	}
	return h.stage()
}

// end writes the last heartbeat.
func (h *heart) end(code job.Code) {
	h.hide()
	if h.stop == nil {
		return
	}
	h.stop()
	h.tick() // for what was asked last
	h.mu.Lock()
	h.status.State, h.status.ExitCode, h.stage = report.Over, int(code), func() string { return "ended" }
	h.mu.Unlock()
	h.beat()
}

// tick hears what was asked. A change is noted a tick after it was obeyed: calls that had their slot by then have
// begun.
func (h *heart) tick() {
	h.acknowledge()
	h.hear()
	h.beat()
}

// hear does what control.json asks for the first time. What cannot be read is asked again, for it is written whole.
func (h *heart) hear() {
	c, err := h.folder.Control()
	if err != nil || c == nil || h.o.client == nil || !h.obey(c) {
		return
	}
	h.o.console.say("the pace was changed by %s: %s", c.By, c.Rate) // not under the lock, which the bar takes
}

// obey changes the pace; false: it was done before, or is none.
func (h *heart) obey(c *report.PaceChange) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	rate, err := client.ParseRate(c.Rate)
	switch {
	case !c.At.After(h.seen):
		return false
	case c.Rate == report.Pause:
		h.pause = c
	case c.Rate == report.Resume:
		h.pause = nil
	case err != nil:
		return false
	default:
		h.rate, h.pause = rate.Over(h.o.shards), nil
	}
	h.seen, h.obeyed = c.At, c
	if rate = h.rate; h.pause != nil {
		rate = client.PerSecond(0)
	}
	h.o.client.SetRate(rate)
	h.restart()
	return true
}

// acknowledge notes in run.json what was obeyed.
func (h *heart) acknowledge() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.obeyed == nil {
		return
	}
	noted, err := h.job.Repaced(*h.obeyed, withoutFlag(h.job.Session.Resume, "rate"))
	if err != nil {
		h.o.console.log.Warn().Err(err).Msg("the change of pace is not in run.json")
	}
	if noted {
		h.status.Obeyed = h.obeyed.At
	}
	h.obeyed = nil
}

// beat writes how the run stands. What cannot be written is left out: the next one follows, and whatever ails the disk
// ails the audit too.
func (h *heart) beat() { s, _ := h.look(); h.folder.Beat(s) } //nolint:errcheck // see above
