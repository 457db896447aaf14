package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
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

// setProgress reads --progress, which not every command has.
func (k *console) setProgress(mode string) error {
	switch mode {
	case "auto":
		k.progress = "plain"
		if k.cursor {
			k.progress = "bar"
		}
	case "bar", "plain", "none", "":
		k.progress = mode
	default:
		return fmt.Errorf("--progress %q: give auto, bar, plain or none", mode)
	}
	return nil
}

// showProgress shows how far the run is until stop is called.
func (k *console) showProgress(users int, api *client.Client) (stop func()) {
	switch k.progress {
	case "bar":
		return k.bar(users, api.InFlight)
	case "plain":
		return k.plain(users, api.Limit)
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
func (k *console) plain(users int, limit func() float64) (stop func()) {
	began := time.Now()
	return every(plainEvery, func() {
		n := k.users.Load()
		k.log.Info().Int64("done", n).Int("of", users).Float64("users_per_second", pace(n, began)).
			Str("eta", k.eta(users, began)).Int64("failed", k.failed.Load()).
			Int64("throttled", k.throttled.Load()).Float64("pace_limit", limit()).Msg("progress")
	})
}

// bar draws it, with log lines above.
func (k *console) bar(users int, inFlight func() int) (stop func()) {
	began := time.Now()
	terminal := k.err.to(io.Discard)
	p := mpb.New(mpb.WithOutput(terminal), mpb.ForceTTY(), mpb.WithAutoRefresh(),
		mpb.WithRefreshRate(150*time.Millisecond))
	bar := p.New(int64(users), mpb.BarStyle().Lbound(" [").Filler("=").Tip(">").Padding(" ").Rbound("]"),
		mpb.BarFillerTrim(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return fmt.Sprintf("%s/%s", text.Count(int(k.users.Load())), text.Count(users))
		})),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
			room := s.AvailableWidth - barLeast
			if k.stopping.Load() {
				return fitting(room, fmt.Sprintf(" stopping, %d calls left", inFlight()), " stopping")
			}
			eta := fmt.Sprintf(" %.0f/s ETA %s", pace(k.users.Load(), began), k.eta(users, began))
			failed := fmt.Sprintf(" failed %d", k.failed.Load())
			return fitting(room, fmt.Sprintf("%s throttled %d%s", eta, k.throttled.Load(), failed), eta+failed, failed)
		})),
	)
	k.err.to(p)
	stopTicks := every(100*time.Millisecond, func() { bar.SetCurrent(k.users.Load()) })
	return func() {
		stopTicks()
		bar.Abort(false) // does nothing to a bar that is complete
		p.Wait()
		k.err.to(terminal)
	}
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

func pace(users int64, since time.Time) float64 {
	if s := time.Since(since).Seconds(); s > 0 {
		return float64(int64(float64(users)/s*10)) / 10
	}
	return 0
}

func (k *console) eta(users int, began time.Time) string {
	p := pace(k.users.Load(), began)
	if p <= 0 {
		return "?"
	}
	left := float64(users) - float64(k.users.Load())
	return (time.Duration(left/p) * time.Second).Round(time.Second).String()
}
