package client

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is an API that refuses calls for being too many.
type server struct {
	refuses func(now time.Time) bool // asked under the lock
	latency time.Duration

	mu       sync.Mutex
	accepted []time.Time
	arrived  []time.Time
}

func (s *server) call() bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = append(s.arrived, now)
	if s.refuses(now) {
		return false
	}
	s.accepted = append(s.accepted, now)
	return true
}

// within counts the times from one on and before another, the last ones of a list that grows.
func within(times []time.Time, from, to time.Time) (n int) {
	for _, t := range slices.Backward(times) {
		if t.Before(from) {
			break
		}
		if t.Before(to) {
			n++
		}
	}
	return n
}

// free allows all.
func (s *server) free(time.Time) bool { return false }

// sliding allows so many calls in any second.
func (s *server) sliding(allowed func(now time.Time) float64) func(time.Time) bool {
	return func(now time.Time) bool {
		return float64(within(s.accepted, now.Add(-time.Second+1), now.Add(1))) >= math.Floor(allowed(now))
	}
}

// window allows so many calls in each span of time, by the clock.
func (s *server) window(allowed int, span time.Duration) func(time.Time) bool {
	return func(now time.Time) bool { return within(s.accepted, now.Truncate(span), now.Add(1)) >= allowed }
}

// penalty refuses everything for a while after a breach.
func (s *server) penalty(d time.Duration, refuses func(time.Time) bool) func(time.Time) bool {
	var until time.Time
	return func(now time.Time) bool {
		if now.Before(until) {
			return true
		}
		if refuses(now) {
			until = now.Add(d)
			return true
		}
		return false
	}
}

// random refuses a share of the calls whatever the pace.
func random(share float64, seed uint64, refuses func(time.Time) bool) func(time.Time) bool {
	dice := rand.New(rand.NewPCG(seed, 9))
	return func(now time.Time) bool { return dice.Float64() < share || refuses(now) }
}

// constant allows so many calls in any second, always.
func (s *server) constant(n float64) func(time.Time) bool { return s.sliding(constant(n)) }

func constant(n float64) func(time.Time) float64 { return func(time.Time) float64 { return n } }

// others is what other users leave of an allowance: every 5 to 30 seconds another share of it, or a burst that leaves a
// fifth for a second.
func others(n float64, seed uint64) func(time.Time) float64 {
	dice := rand.New(rand.NewPCG(seed, 1))
	var next, burst time.Time
	share := 1.0
	return func(now time.Time) float64 {
		if !now.Before(next) {
			next = now.Add(5*time.Second + time.Duration(dice.Int64N(int64(25*time.Second))))
			if dice.IntN(2) == 0 {
				share = 0.2 + 0.8*dice.Float64()
			} else {
				burst = now.Add(time.Second)
			}
		}
		if now.Before(burst) {
			return 0.2 * n
		}
		return share * n
	}
}

// drive keeps workers busy with calls to s for a while.
func drive(t *testing.T, p *pacer, s *server, workers int, d time.Duration) (start time.Time) {
	start = time.Now()
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for time.Since(start) < d {
				if err := p.take(t.Context(), nil); err != nil {
					t.Error(err)
					return
				}
				left := time.Now()
				ok := s.call()
				time.Sleep(s.latency)
				if ok {
					p.passed(left)
				} else {
					p.throttled(left, 0)
				}
			}
		})
	}
	pool.Wait()
	return start
}

// Promise 7: never more than the rate in any second, and at least 97% of it while there is work.
func TestPaceNeverExceedsTheRateInAnySecond(t *testing.T) {
	for _, c := range []struct {
		rate    float64
		workers int
		latency time.Duration
	}{
		{20, 16, 20 * time.Millisecond}, {20, 16, 500 * time.Millisecond}, {300, 32, 20 * time.Millisecond},
		{1, 4, time.Millisecond}, {0.5, 1, time.Millisecond}, {7.5, 9, time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{latency: c.latency}
			s.refuses = s.free
			start := drive(t, newPacer(PerSecond(c.rate)), s, c.workers, 2*time.Minute)
			for i, at := range s.arrived {
				n := 0
				for j := i; j < len(s.arrived) && s.arrived[j].Sub(at) < time.Second; j++ {
					n++
				}
				if n > int(math.Ceil(c.rate)) {
					t.Fatalf("rate %v: %d calls in the second from %s on", c.rate, n, at.Sub(start))
				}
			}
			if got := float64(within(s.arrived, start, start.Add(2*time.Minute))) / 120; got < 0.97*c.rate {
				t.Errorf("rate %v, latency %s: only %.2f calls a second", c.rate, c.latency, got)
			}
		})
	}
}

// Timers wake up late: whatever the schedule says, the last second's attempts are counted, and lateness does not add up.
func TestPaceWithTimersThatAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := newPacer(PerSecond(20)), time.Now()
		var left []time.Time
		for i := range 1000 {
			if err := p.take(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			left = append(left, time.Now())
			time.Sleep(time.Duration(31+i%20) * time.Millisecond) // until the next one asks
		}
		for i := range left[20:] {
			if d := left[i+20].Sub(left[i]); d < time.Second {
				t.Fatalf("attempts %d and %d are %s apart", i, i+20, d)
			}
		}
		if n := 1000 / time.Since(start).Seconds(); n < 19.5 {
			t.Errorf("%.1f attempts a second", n)
		}
	})
}

// Promise 7: the pace finds what the API allows, and refusals that have nothing to do with it cost little more than
// themselves. What is asked of each server stands in the table: the share of what it allowed that passed, and the share
// of calls that it may refuse. At 300 ms more calls are under way when a breach shows, so twice as many may be refused.
func TestPaceLearnsTheAllowance(t *testing.T) {
	const penalty = 3 * time.Second
	for _, c := range []struct {
		name          string
		server        func(s *server, allowed float64) func(time.Time) bool
		noise         float64
		good, refused float64
	}{
		{"sliding second", (*server).constant, 0, 0.96, 0.01},
		{"1% at random", (*server).constant, 0.01, 0.97, 0.02},
		{"3% at random", (*server).constant, 0.03, 0.92, 0.045},
		{"10% at random", (*server).constant, 0.10, 0.70, 0.13},
		{"penalty", func(s *server, n float64) func(time.Time) bool {
			return s.penalty(penalty, s.constant(n))
		}, 0, 0.93, 0.015},
		{"penalty, 1% at random", func(s *server, n float64) func(time.Time) bool {
			return s.penalty(penalty, s.constant(n))
		}, 0.01, 0.85, 0.03},
		{"ten seconds", func(s *server, n float64) func(time.Time) bool {
			return s.window(int(10*n), 10*time.Second)
		}, 0, 0.85, 0.05},
	} {
		for _, allowed := range []float64{20, 100, 300} {
			for slow, latency := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond} {
				for _, rate := range []float64{allowed / 2, allowed * 3} {
					name := fmt.Sprintf("%s, %g allowed, --rate %g, %s", c.name, allowed, rate, latency)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						var all tally
						for seed := range uint64(1 + min(3, int(1000*c.noise))) {
							synctest.Test(t, func(t *testing.T) {
								s := &server{latency: latency}
								s.refuses = random(c.noise, seed, c.server(s, allowed))
								all.add(s, sum(constant(min(rate, allowed)), drive(t, newPacer(PerSecond(rate)), s, 128, trial)))
							})
						}
						all.check(t, c.good-0.03*float64(slow), c.refused*float64(1+slow))
					})
				}
			}
		}
	}
}

// Where few calls pass, each change of what others leave costs a larger share of them: four refusals show a limit.
func TestPaceFollowsWhatOtherUsersLeave(t *testing.T) {
	for _, allowed := range []float64{20, 100, 300} {
		t.Run(fmt.Sprintf("%g allowed", allowed), func(t *testing.T) {
			t.Parallel()
			var all tally
			for seed := range uint64(10) {
				synctest.Test(t, func(t *testing.T) {
					s := &server{latency: 20 * time.Millisecond}
					s.refuses = s.sliding(others(allowed, seed))
					all.add(s, sum(others(allowed, seed), drive(t, newPacer(PerSecond(3*allowed)), s, 128, trial)))
				})
			}
			all.check(t, 0.80, 0.05)
		})
	}
}

func TestPaceFallsAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		allowed := func(now time.Time) float64 {
			if d := now.Sub(begin); d >= time.Minute && d < 2*time.Minute {
				return 30
			}
			return 150
		}
		s := &server{latency: 20 * time.Millisecond}
		s.refuses = s.sliding(allowed)
		var all tally
		all.add(s, sum(allowed, drive(t, newPacer(PerSecond(300)), s, 128, trial)))
		all.check(t, 0.8, 0.05)
		if n := within(s.accepted, begin.Add(165*time.Second), begin.Add(175*time.Second)); n < 0.9*10*150 {
			t.Errorf("%d calls in the ten seconds from 45 after the return", n)
		}
	})
}

// A short job does not burn its start: 50 calls at --rate 300 to an API that allows 10.
func TestPaceBeginsGently(t *testing.T) {
	for _, penalty := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{latency: 20 * time.Millisecond}
			s.refuses = s.penalty(penalty, s.constant(10))
			start := drive(t, newPacer(PerSecond(300)), s, 16, 9*time.Second)
			if refused := len(s.arrived) - len(s.accepted); len(s.accepted) < 50 || refused > 8 {
				t.Errorf("%d passed and %d were refused in %s", len(s.accepted), refused, time.Since(start))
			}
		})
	}
}

// Who lets the documented limit pass has another one, or none: from there on the pace is not raised in steps.
func TestPaceBeginsGentlyUpToTheDocumentedLimit(t *testing.T) {
	const most = 1e6
	a, start := allowance{pause: shortPause}, time.Unix(1_800_000_000, 0)
	for i := range 300 {
		now := start.Add(time.Duration(i) * time.Second / 310)
		if r := a.rate(now, most); r > 4*300 {
			t.Fatalf("after %d calls the pace is %g", i, r)
		}
		a.passed(now, now, most)
	}
	if r := a.rate(start.Add(time.Second), most); r != most {
		t.Errorf("after 300 calls in a second the pace is %g", r)
	}
}

// What is learned outlasts a time in which nothing is sent.
func TestPaceRemembersTheAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := &server{latency: 20 * time.Millisecond}, newPacer(PerSecond(300))
		s.refuses = s.penalty(3*time.Second, s.constant(50))
		drive(t, p, s, 32, 20*time.Second)
		time.Sleep(5 * time.Minute)
		before := len(s.arrived) - len(s.accepted)
		drive(t, p, s, 32, 500*time.Millisecond)
		if after := len(s.arrived) - len(s.accepted); after > before+3 {
			t.Errorf("%d of the first calls after a pause were refused", after-before)
		}
	})
}

// trial is how long each server is held against the pace.
const trial = 5 * time.Minute

// sum is how many calls are allowed in a trial.
func sum(allowed func(time.Time) float64, start time.Time) (n float64) {
	const step = 10 * time.Millisecond
	for at := start; at.Before(start.Add(trial)); at = at.Add(step) {
		n += allowed(at) * step.Seconds()
	}
	return n
}

// tally adds up what became of calls in trials.
type tally struct{ accepted, arrived, allowed float64 }

func (a *tally) add(s *server, allowed float64) {
	a.accepted += float64(len(s.accepted))
	a.arrived += float64(len(s.arrived))
	a.allowed += allowed
}

// check holds what passed to what was allowed, and what was refused to a share of the calls.
func (a *tally) check(t *testing.T, good, refused float64) {
	t.Helper()
	goodput, share := a.accepted/a.allowed, 1-a.accepted/a.arrived
	t.Logf("goodput %.3f, refused %.4f", goodput, share)
	if goodput < good || share > refused {
		t.Errorf("goodput is %.3f of what was allowed, not %.3f; %.4f are refused, not %.4f", goodput, good, share, refused)
	}
}
