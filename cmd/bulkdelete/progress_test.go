package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// What takes longer than two seconds says what it is doing, and for how long, and again every ten; what does not says
// nothing, and nothing does with --progress none. On a terminal it is a line that is drawn again and goes away.
func TestWhatIsSlowSaysWhatItIsDoing(t *testing.T) {
	const drawn = "\rreading (2s)\x1b[K"
	for _, c := range []struct {
		progress string
		after    time.Duration
		want     string // is printed, "": nothing
	}{
		{"plain", 1900 * time.Millisecond, ""}, {"bar", 1900 * time.Millisecond, ""}, {"none", time.Hour, ""},
		{"plain", 2100 * time.Millisecond, "reading (2s)\n"},
		{"plain", 13 * time.Second, "reading (2s)\nreading (12s)\n"},
		{"bar", 2100 * time.Millisecond, drawn + "\r\x1b[K"}, {"bar", 2200 * time.Millisecond, drawn + drawn + "\r\x1b[K"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var printed strings.Builder
			k := &console{err: &output{w: &printed}, progress: c.progress}
			stop := k.whileSlow("reading")
			time.Sleep(c.after) // the bubble's clock
			stop()
			if printed.String() != c.want {
				t.Errorf("--progress %s: after %s this was said: %q, want %q", c.progress, c.after, &printed, c.want)
			}
		})
	}
}

// What is said while a line is drawn stands above it, whole.
func TestLinesStandAboveTheOneThatIsDrawn(t *testing.T) {
	var printed strings.Builder
	k := &console{err: &output{w: &printed}, out: io.Discard}
	k.err.draw("making the files")
	k.say("it is slow")
	k.err.draw("making the files")
	k.find("nobody is left")
	if want := "\rmaking the files\x1b[K\r\x1b[Kit is slow\n\rmaking the files\x1b[K\r\x1b[K"; printed.String() != want {
		t.Errorf("the screen gets %q, want %q", &printed, want)
	}
}

// The bar is as wide as it may be, and never wider, however far the run is and whatever stands beside it.
func TestBarIsAsWideAsItMayBe(t *testing.T) {
	for wide := 1; wide <= 200; wide++ {
		for done := 0; done <= 1000; done += 50 {
			for _, held := range []string{"--rate 20", "the API has been silent for 1m50s (connection refused)"} {
				got := bar(wide, &report.Status{Users: 1000, Done: done, HeldBy: held}, second{})
				if n := columns(got); n > wide || wide > 20 && n < wide {
					t.Fatalf("%d columns for %d: %q", n, wide, got)
				}
				if full := strings.Count(got, "=") + strings.Count(got, ">"); wide > 20 && (full == 0) != (done == 0) && done > 200 {
					t.Fatalf("%d of 1000: %q", done, got)
				}
			}
		}
	}
}

// Whoever is waited for is named, and a signal ends the waiting within a second, whatever does not hear of it.
func TestWhoeverIsWaitedForIsNamed(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes calls, and answers none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	url := "http://" + mute.Addr().String()
	p, dir := newPool(t, 10, ""), t.TempDir()
	var lame atomic.Bool // no reading is answered any more
	p.proxied(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if lame.Load() && strings.HasSuffix(r.URL.Path, "/get-user-batch") {
			<-r.Context().Done()
		}
		return false
	})
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	writeUsers(t, filepath.Join(dir, "new.csv"), 1, 10)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--backup"), 0)
	lame.Store(true)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"logging in to " + url, []string{"run", "new.csv", "--yes"}},
		{"logging in to " + url, []string{"plan", "new.csv"}},
		{"logging in to " + url, []string{"verify", "all.bulkdelete", "--live"}},
		{"logging in to " + url, []string{"restore", "all.bulkdelete", "--yes"}},
		{"logging in to " + url, []string{"probe", "--yes"}},
		{"fetching " + url + "/users.csv: 0 bytes so far", []string{"run", url + "/users.csv", "--yes"}},
		{"fetching " + url + "/users.csv: 0 bytes so far", []string{"plan", url + "/users.csv"}},
		{"asking the pool who some of the users are", []string{"plan", "new.csv", "--host", p.url}},
		{"asking the pool who some of the users are", []string{"run", "new.csv", "--yes", "--host", p.url, "--out", "other"}},
		{"reading users back: 0 of 10", []string{"verify", "all.bulkdelete", "--live", "--host", p.url}},
	} {
		t.Run(c.args[0]+" "+c.says, func(t *testing.T) {
			t.Parallel()
			cmd := p.command(dir, c.args...)
			cmd.Env = append(cmd.Env, "GENAUTH_HOST="+url)
			log := filepath.Join(t.TempDir(), "stderr")
			if cmd.Stderr, err = os.Create(log); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := func() string { text, _ := os.ReadFile(log); return string(text) }
			waitFor(t, c.says, func() bool { return strings.Contains(said(), c.says) })
			began := time.Now()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			cmd.Wait() //nolint:errcheck // the exit code is looked at
			if took := time.Since(began); took > 3*time.Second || cmd.ProcessState.ExitCode() != int(job.Interrupted) {
				t.Errorf("after %s: exit code %d\n%s", took, cmd.ProcessState.ExitCode(), said())
			}
			if !strings.Contains(said(), "stopped by a signal (terminated)") {
				t.Errorf("it does not say why it ends:\n%s", said())
			}
		})
	}
}

// What does not hear of a signal is left within a second, but never while calls may be under way that change something.
func TestWhatDoesNotHearASignalIsLeft(t *testing.T) {
	for sent, want := range map[bool]time.Duration{false: time.Second, true: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			why := errors.New("stopped by a signal")
			ctx, stop := context.WithCancelCause(t.Context())
			p := &process{}
			time.AfterFunc(time.Minute, func() { stop(why) })
			err := p.await(ctx, func() error {
				time.Sleep(time.Minute - time.Millisecond)
				p.sent.Store(sent) // after the signal this is as good as before
				time.Sleep(time.Hour)
				return fmt.Errorf("in order")
			})
			took := time.Since(synctestEpoch) - time.Minute
			if sent == errors.Is(err, why) || took > want {
				t.Errorf("sent %v: ended with %v, %s after the signal", sent, err, took)
			}
			time.Sleep(2 * time.Hour) // the bubble wants all to end
		})
	}
}

// synctestEpoch is when a bubble's clock starts.
var synctestEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
