package client

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is an API that allows so many calls in any second, and refuses everything for a penalty after a breach.
type server struct {
	allowed func(time.Time) int
	penalty time.Duration
	latency time.Duration

	mu       sync.Mutex
	accepted []time.Time
	arrived  []time.Time
	refused  []time.Time
	locked   time.Time
}

func (s *server) call() (ok bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = append(s.arrived, now)
	n := 0
	for i := len(s.accepted) - 1; i >= 0 && now.Sub(s.accepted[i]) < time.Second; i-- {
		n++
	}
	if now.Before(s.locked) || n >= s.allowed(now) {
		if s.penalty > 0 && !now.Before(s.locked) {
			s.locked = now.Add(s.penalty)
		}
		s.refused = append(s.refused, now)
		return false
	}
	s.accepted = append(s.accepted, now)
	return true
}

// between counts the times from a second on to another, since start.
func between(times []time.Time, start time.Time, from, to time.Duration) (n int) {
	for _, t := range times {
		if d := t.Sub(start); d >= from && d < to {
			n++
		}
	}
	return n
}

// drive keeps workers busy with calls to s for a while.
func drive(t *testing.T, p *pacer, s *server, workers int, d time.Duration) (start time.Time) {
	start = time.Now()
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for time.Since(start) < d {
				if err := p.take(t.Context()); err != nil {
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

func constant(n int) func(time.Time) int { return func(time.Time) int { return n } }

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
			s := &server{allowed: constant(1 << 30), latency: c.latency}
			start := drive(t, newPacer(c.rate), s, c.workers, 40*time.Second)
			for i, at := range s.arrived {
				n := 0
				for j := i; j < len(s.arrived) && s.arrived[j].Sub(at) < time.Second; j++ {
					n++
				}
				if n > int(math.Ceil(c.rate)) {
					t.Fatalf("rate %v: %d calls in the second from %s on", c.rate, n, at.Sub(start))
				}
			}
			if got := float64(between(s.arrived, start, 0, 40*time.Second)) / 40; got < 0.97*c.rate {
				t.Errorf("rate %v, latency %s: only %.2f calls a second", c.rate, c.latency, got)
			}
		})
	}
}

// Timers wake up late and in bunches: whatever the limiter lets through, the last second's attempts are counted.
func TestPaceCountsTheLastSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(20)
		var left []time.Time
		for range 100 {
			if err := p.fullSecond(t.Context()); err != nil {
				t.Fatal(err)
			}
			left = append(left, time.Now())
		}
		for i := range left[20:] {
			if d := left[i+20].Sub(left[i]); d < time.Second {
				t.Fatalf("attempts %d and %d are %s apart", i, i+20, d)
			}
		}
	})
}

func TestPaceSettlesJustUnderTheAllowance(t *testing.T) {
	for _, c := range []struct {
		name    string
		penalty time.Duration
		latency time.Duration
		goodput float64
	}{
		{"sliding second", 0, 20 * time.Millisecond, 0.90},
		{"sliding second, slow", 0, 300 * time.Millisecond, 0.90},
		{"penalty of 3 seconds", 3 * time.Second, 20 * time.Millisecond, 0.80},
		{"penalty of 3 seconds, slow", 3 * time.Second, 300 * time.Millisecond, 0.80},
	} {
		for _, allowed := range []int{5, 20, 80} {
			synctest.Test(t, func(t *testing.T) {
				s := &server{allowed: constant(allowed), penalty: c.penalty, latency: c.latency}
				const long = 5 * time.Minute
				start := drive(t, newPacer(100), s, 32, long)
				seconds := (long - 10*time.Second).Seconds()
				good := float64(between(s.accepted, start, 10*time.Second, long)) / seconds / float64(allowed)
				bad := float64(between(s.refused, start, 10*time.Second, long)) /
					float64(between(s.arrived, start, 10*time.Second, long))
				t.Logf("%s, %d allowed: goodput %.3f, refused %.4f", c.name, allowed, good, bad)
				if good < c.goodput {
					t.Errorf("%s, %d allowed: goodput is %.3f of the allowance", c.name, allowed, good)
				}
				if bad > 0.05 {
					t.Errorf("%s, %d allowed: %.1f%% of the calls are refused", c.name, allowed, 100*bad)
				}
			})
		}
	}
}

func TestPaceClimbsBackWhenTheAllowanceDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := &server{latency: 20 * time.Millisecond, allowed: func(now time.Time) int {
			if now.Sub(begin) < time.Minute {
				return 20
			}
			return 80
		}}
		start := drive(t, newPacer(100), s, 32, 5*time.Minute)
		if got := between(s.accepted, start, 4*time.Minute, 5*time.Minute); got < 60*70 {
			t.Errorf("three minutes after the allowance rose to 80 a second, %d calls passed in a minute", got)
		}
	})
}
