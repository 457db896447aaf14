package main

import (
	"math"
	"os"
	"sync"
	"time"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

const (
	tick = 250 * time.Millisecond
	beat = 4 // ticks
)

// heart beats while a run works on its folder: it writes status.json every second, and does what bulkdelete pace asks.
type heart struct {
	o      *operation
	job    *job.Job
	folder *job.Folder
	stop   func() // nil: it has not started
	shown  func() // ends what is shown of it on the screen; nil: nothing is

	mu     sync.Mutex
	stage  func() string      // what is done besides calling, "" for nothing
	rate   client.Rate        // but for a pause
	pause  *report.PaceChange // nil: it is not paused
	seen   time.Time          // when the last change was asked for
	obeyed *report.PaceChange // which is not noted yet
	ticks  int
	status report.Status
}

// newHeart makes the heart of a run. It beats from start on.
func (o *operation) newHeart(j *job.Job, folder *job.Folder) *heart {
	h := &heart{o: o, job: j, folder: folder, rate: o.config.Rate, stage: onlyCalls}
	_, h.pause = j.Session.Kept()
	h.status = report.Status{PID: os.Getpid(), By: j.Session.By, StartedAt: now(),
		Users: folder.Run.Asked.Plan.Accepted}
	h.status.Host, _ = os.Hostname()
	h.seen = o.seen
	return h
}

// start writes the first heartbeat. The folder says by now that calls may be under way.
func (h *heart) start() {
	if h.pause != nil && h.o.client != nil {
		h.o.client.SetRate(client.PerSecond(0))
		h.o.console.say("paused by %s: bulkdelete pace %s resume ends that", h.pause.By, h.folder.Path)
	}
	h.o.console.pulse.start()
	h.beat()
	h.o.console.waiting.Store(false)
	h.stop = every(tick, tick, h.tick)
	if h.folder.Remaining() > 0 {
		h.hide()
		h.shown = h.o.console.showProgress(h)
	}
}

// hide ends what is shown on the screen.
func (h *heart) hide() {
	h.now(onlyCalls)
	if h.shown != nil {
		h.shown()
	}
	h.shown = nil
}

// now says what is done besides calling.
func (h *heart) now(stage func() string) {
	h.mu.Lock()
	h.stage = stage
	h.mu.Unlock()
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

// tick hears what was asked, and beats every second and when something was obeyed.
func (h *heart) tick() {
	h.mu.Lock()
	h.ticks++
	due := h.ticks%beat == 0 || h.obeyed != nil
	h.mu.Unlock()
	h.acknowledge()
	h.hear()
	if due {
		h.beat()
	}
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
	if h.pause != nil {
		rate = client.PerSecond(0)
	} else {
		rate = h.rate
	}
	h.o.client.SetRate(rate)
	h.o.console.pulse.start()
	return true
}

// acknowledge notes a change a tick after it was obeyed: calls that had their slot by then have begun.
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
func (h *heart) beat() { h.folder.Beat(h.look()) } //nolint:errcheck // see above

// look is how the run stands.
func (h *heart) look() *report.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, p := h.status, h.o.console.pulse
	s.UpdatedAt, s.Ceiling = now(), h.rate.At(time.Now())
	if s.State != report.Over {
		s.State, s.ExitCode = report.Running, int(job.Interrupted)
	}
	if h.pause != nil && s.State != report.Over {
		s.State, s.Ceiling = report.Paused, 0
	}
	s.Left = h.job.Remaining()
	s.Done = s.Users - s.Left
	did, of := p.lately()
	last := p.within(minute - 1)
	s.Pace = math.Round(float64(did.calls)/of*10) / 10
	s.Retries, s.Throttled, s.LastError, s.HeldBy = last.retries, last.throttled, p.trouble(), h.heldBy()
	if d, ok := p.timeLeft(s.Left); ok && s.Ceiling > 0 && p.ails() == "" {
		seconds := int(d.Seconds())
		s.Seconds = &seconds
	}
	return &s
}

// heldBy says what keeps the run from being faster. The caller holds the lock.
func (h *heart) heldBy() string {
	held := holding{stage: h.stage(), stopping: h.o.console.stopping.Load(), rate: h.rate, pause: h.pause,
		workers: h.o.config.Workers}
	if h.o.client != nil {
		held.inFlight, held.limit = h.o.client.InFlight(), h.o.client.Limit()
	}
	return h.o.console.pulse.heldBy(held)
}

// doing is what is done besides calling, for who waits.
func (h *heart) doing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stage()
}

// onlyCalls is the stage in which nothing is done besides.
func onlyCalls() string { return "" }

func now() time.Time { return time.Now().UTC() }
