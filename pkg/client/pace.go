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
	// ringMost is up to which rate the last second's attempts are counted one by one. Above, headroom is wider than any
	// timer's error.
	ringMost = 2000
)

// pacer lets attempts leave one by one. Its turnstile lets a single caller at a time into the limiter, so that a lower
// pace takes effect for all the others at once.
type pacer struct {
	turn    chan struct{} // the turnstile
	limiter *rate.Limiter
	ring    []time.Time   // when the last attempts left, the oldest at next; nil: not counted
	next    int           //
	span    time.Duration // in which no more attempts leave than ring has room for

	mu        sync.Mutex
	most      float64 // attempts a second
	allowance allowance
}

func newPacer(perSecond float64) *pacer {
	p := &pacer{turn: make(chan struct{}, 1), limiter: rate.NewLimiter(rate.Limit(perSecond*headroom), 1),
		most: perSecond, allowance: allowance{pause: shortPause}}
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
	return p.allowance.rate(time.Now(), p.most)
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
	p.limiter.SetLimitAt(now, rate.Limit(p.allowance.rate(now, p.most*headroom)))
	return p.allowance.until.Sub(now)
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
	p.allowance.passed(left, time.Now(), p.most)
}

// throttled learns that an attempt that left at a time was refused for being too many.
func (p *pacer) throttled(left time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowance.throttled(left, time.Now(), retryAfter)
}
