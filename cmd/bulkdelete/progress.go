package main

import (
	"fmt"
	"io"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/report"
)

// plainEvery is how often progress is said where there is no terminal.
const plainEvery = 5 * time.Second

// barLeast is how many columns the bar itself has before texts beside it are shortened.
const barLeast = 10

// redirect is a writer whose target can be changed: standard error, or the lines above the bar.
type redirect struct {
	mu sync.Mutex
	w  io.Writer
}

func (r *redirect) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.Write(p)
}

func (r *redirect) to(w io.Writer) (before io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.w = r.w, w
	return before
}

// showProgress shows how far the run is until stop is called.
func (k *console) showProgress(h *heart) (stop func()) {
	switch k.progress {
	case "bar":
		return k.bar(h)
	case "plain":
		return k.plain(h)
	}
	return func() {}
}

// every calls f again and again until stop is called, and once more then.
func every(d time.Duration, f func()) (stop func()) {
	ticker := time.NewTicker(d)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				f()
			case <-done:
				f()
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(done); <-ended }
}

// plain says it in a log line every few seconds.
func (k *console) plain(h *heart) (stop func()) {
	return every(plainEvery, func() {
		s := h.look()
		all, failed := k.pulse.count()
		k.log.Info().Int("done", s.Done).Int("of", s.Users).Float64("calls_per_second", s.Pace).
			Str("eta", eta(s)).Int("failed", failed).Int("retries", all.retries).Int("throttled", all.throttled).
			Str("held_by", s.HeldBy).Msg("progress")
	})
}

// bar draws it, with log lines above.
func (k *console) bar(h *heart) (stop func()) {
	var s atomic.Pointer[report.Status]
	s.Store(h.look())
	terminal := k.err.to(io.Discard)
	out := terminal
	if s, ok := out.(*stderr); ok {
		out = s.Writer // whose width the bar has to know
	}
	p := mpb.New(mpb.WithOutput(out), mpb.ForceTTY(), mpb.WithAutoRefresh(),
		mpb.WithRefreshRate(150*time.Millisecond))
	bar := p.New(int64(s.Load().Users), mpb.BarStyle().Lbound(" [").Filler("=").Tip(">").Padding(" ").Rbound("]"),
		mpb.BarFillerTrim(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return fmt.Sprintf("%s/%s", text.Count(s.Load().Done), text.Count(s.Load().Users))
		})),
		mpb.AppendDecorators(decor.Any(func(d decor.Statistics) string {
			return k.besideBar(d.AvailableWidth-barLeast, s.Load())
		})),
	)
	k.err.to(p)
	stopTicks := every(100*time.Millisecond, func() {
		s.Store(h.look())
		bar.SetCurrent(int64(s.Load().Done))
	})
	return func() {
		stopTicks()
		bar.Abort(false) // does nothing to a bar that is complete
		p.Wait()
		k.err.to(terminal)
	}
}

// usual is what holds a run up when nothing is wrong.
var usual = regexp.MustCompile(`^(--rate [^p]|starting gently|\d+ workers)`)

// besideBar is what stands to the right of the bar, as much as there is room for: what holds the run up, or else how
// long it takes and what went wrong.
func (k *console) besideBar(room int, s *report.Status) string {
	all, failed := k.pulse.count()
	wrong := fmt.Sprintf(" failed %d", failed)
	if !usual.MatchString(s.HeldBy) {
		return fitting(room, " "+s.HeldBy+wrong, " "+s.HeldBy, " "+s.State)
	}
	pace := fmt.Sprintf(" %.0f calls/s", s.Pace)
	left := " ETA " + eta(s)
	return fitting(room, fmt.Sprintf("%s%s throttled %d retries %d%s", pace, left, all.throttled, all.retries, wrong),
		pace+left+wrong, left+wrong, wrong)
}

// fitting gives the first of some texts that is at most as wide as what is left of the line, the longest first.
func fitting(width int, texts ...string) string {
	for _, text := range texts {
		if len(text) <= width {
			return text
		}
	}
	return ""
}

// eta is how long a run still takes, as far as the last seconds tell.
func eta(s *report.Status) string {
	if s.Seconds == nil {
		return "?"
	}
	return (time.Duration(*s.Seconds) * time.Second).String()
}
