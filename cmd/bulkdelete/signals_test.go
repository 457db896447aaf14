package main

import (
	"context"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A second signal of the same kind within two seconds is the first one again; any later one, or of another kind,
// leaves.
func TestWhichSignalsLeave(t *testing.T) {
	type sent struct {
		after time.Duration
		s     os.Signal
	}
	for name, c := range map[string]struct {
		sent   []sent
		leaves int
	}{
		"one":                  {[]sent{{0, syscall.SIGTERM}}, 0},
		"two as timeout sends": {[]sent{{0, syscall.SIGTERM}, {time.Millisecond, syscall.SIGTERM}}, 0},
		"two within two":       {[]sent{{0, syscall.SIGINT}, {1900 * time.Millisecond, syscall.SIGINT}}, 0},
		"a later one":          {[]sent{{0, syscall.SIGINT}, {2100 * time.Millisecond, syscall.SIGINT}}, 1},
		"another kind":         {[]sent{{0, syscall.SIGHUP}, {time.Millisecond, syscall.SIGTERM}}, 1},
		"three, the third late": {[]sent{{0, syscall.SIGINT}, {time.Second, syscall.SIGINT},
			{1500 * time.Millisecond, syscall.SIGINT}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				signals, done := make(chan os.Signal), make(chan struct{})
				var left []os.Signal
				go (&process{}).heed(signals, done, cancel, func(s os.Signal) { left = append(left, s) })
				for _, each := range c.sent {
					time.Sleep(each.after) // the bubble's clock
					signals <- each.s
					synctest.Wait()
					if ctx.Err() == nil {
						t.Error("the first signal does not stop")
					}
				}
				close(done)
				if len(left) != c.leaves || c.leaves > 0 && !slices.Contains(left, c.sent[len(c.sent)-1].s) {
					t.Errorf("left because of %v", left)
				}
			})
		})
	}
}
