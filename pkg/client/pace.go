package client

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

const (
	// headroom keeps timers that wake up late from squeezing one attempt too many into a second.
	headroom = 0.985
	// countedMost is up to which rate the last second's attempts are counted one by one. Above, headroom is wider than
	// any timer's error.
	countedMost = 2000
	// late is by how much a timer may wake up late on a busy machine.
	late = 20 * time.Millisecond
	// nap is how long a wait lasts before the pace is looked at again: it may have changed.
	nap = time.Second / 2
)

// pacer lets attempts leave one by one, never more of them than the rate says, and no more than the API allows. Its
// turnstile lets a single caller at a time wait for the next slot, so that a lower pace takes effect for all the others
// at once.
type pacer struct {
	turn chan struct{} // the turnstile
	slot time.Time     // the last one: when an attempt was to leave. Timers wake up late, and it left later
	left []time.Time   // when the last attempts left, as many as are counted

	mu        sync.Mutex
	most      Rate
	allowance allowance
}

func newPacer(most Rate) *pacer {
	return &pacer{turn: make(chan struct{}, 1), most: most, allowance: allowance{pause: shortPause}}
}

// change sets another rate: nothing that waits for a slot leaves by the old one.
func (p *pacer) change(most Rate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = most
}

// limit is the present pace.
func (p *pacer) limit() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	return p.allowance.rate(now, p.most.At(now))
}

// errStale says that a slot was not taken, because what was to be sent in it had run out.
var errStale = errors.New("not fresh any more")

// take waits for a slot. It fails only when ctx ends or when, at the slot's time, fresh is not true (nil: it always
// is), and then takes none.
func (p *pacer) take(ctx context.Context, fresh func() bool) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return Stopped
	}
	defer func() { <-p.turn }()
	for {
		now := time.Now()
		slot, wait := p.next(now)
		if ctx.Err() != nil {
			return Stopped
		}
		if wait <= 0 && fresh != nil && !fresh() {
			return errStale
		}
		if wait <= 0 {
			p.slot, p.left = slot, append(p.left[max(0, len(p.left)+1-countedMost):], now)
			return nil
		}
		if !sleep(ctx, min(wait, nap)) {
			return Stopped
		}
	}
}

// next is the next slot, and how long it is until then. A late timer does not shift the slots that follow.
func (p *pacer) next(now time.Time) (slot time.Time, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := p.most.At(now)
	pace := min(p.allowance.rate(now, most), most*headroom)
	if pace <= 0 {
		return now, nap
	}
	gap := time.Duration(float64(time.Second) / pace)
	if slot = p.slot.Add(gap); now.Sub(slot) > min(gap, late) {
		slot = now
	}
	wait = max(slot.Sub(now), p.allowance.until.Sub(now))
	return slot, max(wait, p.fullSecond(now, most))
}

// fullSecond holds the promise to the letter: the attempt that is as many back as the rate allows in a second left a
// second ago or earlier. (For a rate of 7.5: 8 attempts take at least 1.07 seconds.)
func (p *pacer) fullSecond(now time.Time, most float64) time.Duration {
	n := int(math.Ceil(most))
	if most > countedMost || len(p.left) < n {
		return 0
	}
	span := time.Duration(float64(n) / most * float64(time.Second))
	return span - now.Sub(p.left[len(p.left)-n])
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
	now := time.Now()
	p.allowance.passed(left, now, p.most.At(now))
}

// throttled learns that an attempt that left at a time was refused for being too many.
func (p *pacer) throttled(left time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowance.throttled(left, time.Now(), retryAfter)
}
