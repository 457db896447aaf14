package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/report"
)

// arrivals are the times at which deletions arrived.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

func (a *arrivals) note(c sandbox.Call) {
	if c.Name != "delete-users-batch" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
}

// within counts the deletions from one time on and before another.
func (a *arrivals) within(from, to time.Time) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.at {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// intervention is a run that somebody else steers from a second terminal.
type intervention struct {
	*testing.T
	pool *pool
	dir  string
	seen *arrivals
	run  *exec.Cmd
	out  *bytes.Buffer
}

func (v *intervention) start() {
	v.run, v.out = v.pool.command(v.dir, "run", "all.csv", "--yes", "--workers", "4", "--chunk-size", "1"), &bytes.Buffer{}
	v.run.Stdout, v.run.Stderr = v.out, v.out
	if err := v.run.Start(); err != nil {
		v.stop("%v", err)
	}
	for s := v.status(); s.PID != v.run.Process.Pid || s.Ceiling == 0 && s.State != report.Paused; s = v.status() {
	}
}

// status is what bulkdelete status says; without a state while no run has begun.
func (v *intervention) status() (s report.Status) {
	out, _ := v.pool.command(v.dir, "status", "all.bulkdelete", "--json").Output()
	if len(out) > 0 {
		if err := json.Unmarshal(out, &s); err != nil {
			v.stop("%v:\n%s", err, out)
		}
	}
	return s
}

// ask changes the pace, and returns once the run obeys.
func (v *intervention) ask(rate string) {
	began := time.Now()
	if code, printed := exit(v.T, v.pool.command(v.dir, "pace", "all.bulkdelete", rate)); code != 0 {
		v.stop("pace %s ends with %d:\n%s\nthe run says\n%s", rate, code, printed, v.out)
	}
	if d := time.Since(began); d > 5*time.Second { // it is to be one; the machine may be busy
		v.Errorf("pace %s took %s", rate, d)
	}
}

// kill ends the run as a crash does, and starts it again.
func (v *intervention) kill() {
	v.run.Process.Kill()
	v.run.Wait() //nolint:errcheck // it was killed
	if s := v.status(); s.State != report.Died || s.ExitCode != 4 {
		v.Errorf("a run that was killed is %s, exit code %d", s.State, s.ExitCode)
	}
	v.start()
}

// Whoever steers a run from elsewhere is obeyed: after a pause was acknowledged no call starts until it is ended, no
// rate is exceeded, and both survive a crash. All is well in the end.
func TestSteeringARun(t *testing.T) {
	runs, each := 16, 13
	if testing.Short() {
		runs, each = 4, 4
	}
	t.Parallel() // it waits most of the time
	var all sync.WaitGroup
	for seed := range runs {
		v := newIntervention(t)
		all.Go(func() { v.steer(rand.New(rand.NewPCG(uint64(seed), 16)), each) })
	}
	all.Wait()
}

const steered = 3_000 // users, one a call: more than are done meanwhile

func newIntervention(t *testing.T) *intervention {
	v := &intervention{T: t, dir: t.TempDir(), seen: &arrivals{}}
	v.pool = newPool(t, steered, "", func(c *sandbox.Config) {
		before := c.Observe
		c.Observe = func(call sandbox.Call) { before(call); v.seen.note(call) }
	})
	writeUsers(t, filepath.Join(v.dir, "all.csv"), 1, steered)
	return v
}

// stop ends the intervention, which a goroutine other than the test's has to do so.
func (v *intervention) stop(format string, args ...any) {
	v.Errorf(format, args...)
	runtime.Goexit()
}

func (v *intervention) steer(dice *rand.Rand, interventions int) {
	v.start()
	defer func() { v.run.Process.Kill(); v.run.Wait() }() //nolint:errcheck // it ends somehow
	rate, paused, since := 20, false, time.Now()
	for range interventions {
		before, wasPaused := since, paused
		switch dice.IntN(5) {
		case 0:
			v.kill()
		case 1:
			v.ask(report.Resume)
			paused, since = false, time.Now()
		case 2:
			v.ask(report.Pause)
			paused, since = true, time.Now()
		default:
			rate = 2 + dice.IntN(18)
			v.ask(fmt.Sprint(rate))
			paused, since = false, time.Now()
		}
		if n := v.seen.within(before, since); wasPaused && paused && n > 0 {
			v.Errorf("%d calls while the run was paused", n)
		}
		if s := v.status(); paused != (s.State == report.Paused) || !paused && s.Ceiling != float64(rate) {
			v.Errorf("paused %v, rate %d: the status is %s, %v calls a second", paused, rate, s.State, s.Ceiling)
		}
		most := rate
		if paused {
			most = 0
		}
		if n := v.seen.within(since, time.Now()); float64(n) > float64(most)*time.Since(since).Seconds()+float64(most) {
			v.Errorf("%d calls within %s at a rate of %d", n, time.Since(since), most)
		}
	}
	v.ask("2000")
	if err := v.run.Wait(); err != nil || v.pool.Len() > 0 {
		v.Errorf("the run ended with %v, %d users are left:\n%s", err, v.pool.Len(), v.out)
	}
	if s := v.status(); s.State != report.Over || s.ExitCode != 0 || s.Done != steered {
		v.Errorf("a finished run is %+v", s)
	}
	if text, _ := os.ReadFile(filepath.Join(v.dir, "all.bulkdelete", "run.json")); !strings.Contains(string(text), `"paces"`) {
		v.Error("run.json does not say who changed the pace")
	}
}
