package client

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// headroom keeps timers that wake up late from squeezing one attempt too many into a second.
	headroom = 0.985
	// beta is what a breach leaves of the rate that was allowed just before it.
	beta = 0.93
	// recovery is how long the pace takes to come back to where the API refused it.
	recovery = 30 * time.Second
	// pauseFirst and pauseMost bound how long nothing is sent after a breach: a release after 3 seconds is quoted.
	pauseFirst, pauseMost = time.Second, 3 * time.Second
	// ringMost is up to which rate the last second's attempts are counted one by one. Above, headroom is wider than any
	// timer's error.
	ringMost = 2000
	// memory is how many attempts that passed are remembered, to know the allowance when it is breached.
	memory = 1024
)

// climb is the pace as a function of time since the API last throttled: the cubic of CUBIC (RFC 9438, 4.2), which comes
// back to the allowance quickly, stays just under it for long, and only then feels for more. Plain AIMD would spend
// half its time far below the allowance or breach it every few seconds.
type climb struct {
	most float64   // never above
	peak float64   // the allowance as the last breach showed it
	at   time.Time // of the last breach; zero: none yet
}

// rate gives the pace in attempts a second at a time.
func (c climb) rate(now time.Time) float64 {
	if c.at.IsZero() {
		return c.most
	}
	k := recovery.Seconds()
	t := now.Sub(c.at).Seconds() - k
	steep := (1 - beta) * c.peak
	if t > 0 {
		steep = max(steep, c.most/100) // a tiny allowance must not climb for hours
	}
	floor := min(c.most, 0.5)
	return min(c.most, max(floor, c.peak+steep*t*t*t/(k*k*k)))
}

// pacer lets attempts leave one by one. Its turnstile lets a single caller at a time into the limiter, so that a lower
// pace takes effect for all the others at once.
type pacer struct {
	turn    chan struct{} // the turnstile
	limiter *rate.Limiter
	ring    []time.Time   // when the last attempts left, the oldest at next; nil: not counted
	next    int           //
	span    time.Duration // in which no more attempts leave than ring has room for

	mu     sync.Mutex
	climb  climb
	until  time.Time         // nothing leaves before
	pause  time.Duration     // after the next breach
	passes [memory]time.Time // when the last attempts that were not throttled left
	count  int               // of all of these
}

func newPacer(perSecond float64) *pacer {
	p := &pacer{turn: make(chan struct{}, 1), limiter: rate.NewLimiter(rate.Limit(perSecond*headroom), 1),
		climb: climb{most: perSecond}, pause: pauseFirst}
	if perSecond <= ringMost {
		n := math.Ceil(perSecond)
		p.ring, p.span = make([]time.Time, int(n)), time.Duration(n/perSecond*float64(time.Second))
	}
	return p
}

// limit is the present pace.
func (p *pacer) limit() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.climb.rate(time.Now())
}

// take waits for a slot. It fails only when ctx ends, and then takes none.
func (p *pacer) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}: // without a look at ctx, whose lock all workers share
	default:
		select {
		case p.turn <- struct{}{}:
		case <-ctx.Done():
			return Stopped
		}
	}
	defer func() { <-p.turn }()
	for {
		now := time.Now()
		wait := p.hold(now)
		if wait <= 0 {
			break
		}
		if !sleep(ctx, wait) {
			return Stopped
		}
	}
	if p.limiter.Wait(ctx) != nil {
		return Stopped
	}
	return p.fullSecond(ctx)
}

// hold sets the limiter to the present pace and says how long a pause still lasts.
func (p *pacer) hold(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limiter.SetLimitAt(now, rate.Limit(p.climb.rate(now)*headroom))
	return p.until.Sub(now)
}

// fullSecond holds the promise to the letter: the attempt that is as many back as the rate allows in a second left a
// second ago or earlier. (For a rate of 7.5: 8 attempts take at least 1.07 seconds.)
func (p *pacer) fullSecond(ctx context.Context) error {
	if p.ring == nil {
		return ctxStopped(ctx)
	}
	if wait := p.span - time.Since(p.ring[p.next]); wait > 0 && !sleep(ctx, wait) {
		return Stopped
	}
	p.ring[p.next] = time.Now()
	p.next = (p.next + 1) % len(p.ring)
	return ctxStopped(ctx)
}

func ctxStopped(ctx context.Context) error {
	if ctx.Err() != nil {
		return Stopped
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// passed learns that an attempt that left at a time was not throttled.
func (p *pacer) passed(left time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passes[p.count%memory] = left
	p.count++
	if left.After(p.until) {
		p.pause = pauseFirst
	}
}

// throttled learns that an attempt that left at a time was refused for being too many. Attempts that had left before
// the last breach was known belong to that one and are not counted again.
func (p *pacer) throttled(left time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if retryAfter > 0 && now.Add(retryAfter).After(p.until) {
		p.until = now.Add(retryAfter)
	}
	if !left.After(p.climb.at) && !p.climb.at.IsZero() {
		return
	}
	if left.Sub(p.until) < time.Second/2 && !p.climb.at.IsZero() && p.pause > pauseFirst {
		p.climb.at = now // refused straight after a pause: it was too short
	} else {
		p.climb = climb{most: p.climb.most, peak: p.allowance(left), at: now}
	}
	if retryAfter <= 0 {
		p.until = now.Add(p.pause)
	}
	p.pause = min(p.pause*2, pauseMost)
}

// allowance estimates what the API allows a second: what it let pass in the second before an attempt that it refused.
func (p *pacer) allowance(left time.Time) float64 {
	n, oldest := 0, left
	for _, t := range p.passes[:min(p.count, memory)] {
		if d := left.Sub(t); d >= 0 && d < time.Second {
			n++
			oldest = minTime(oldest, t)
		}
	}
	seen := float64(n)
	if n == memory { // more than is remembered: take their rate
		seen /= max(left.Sub(oldest).Seconds(), 1e-3)
	}
	return math.Min(seen, p.climb.rate(left))
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
