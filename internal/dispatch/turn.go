package dispatch

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/telemetry"
)

// holdPause is how often at most the store is asked whether sending is still stopped.
const holdPause = time.Second

// tick is the clock: one timer for the next due endpoint, waiting lane, or chore.
func (d *Dispatcher) tick(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		next, recheck := d.turn(time.Now())
		if recheck {
			if err := d.load(ctx); err != nil && ctx.Err() == nil {
				d.log.Error("release", telemetry.KeyError, err)
				d.loadAgain()
			}
			continue
		}
		var c <-chan time.Time // nil, which waits for ever, when nothing is due
		if !next.IsZero() {
			timer.Reset(max(0, time.Until(next)))
			c = timer.C
		}
		select {
		case <-ctx.Done():
		case <-c:
		case <-d.nudge:
		}
	}
}

// turn does all that is due at now and returns when to come again.
func (d *Dispatcher) turn(now time.Time) (next time.Time, recheck bool) {
	d.mu.Lock()
	if !d.spillAt.IsZero() && !d.spillAt.After(now) {
		d.startSpill(now)
	}
	if !d.retryAt.IsZero() && !d.retryAt.After(now) {
		d.offerAgain()
	}
	if d.held {
		if d.checkHold {
			if next = d.heldAt.Add(holdPause); !next.After(now) {
				recheck, d.checkHold = true, false
			}
		}
		next = earliest(next, earliest(d.spillAt, d.retryAt))
		d.armed = next
		d.mu.Unlock()
		return next, recheck
	}
	for {
		ep, at, ok := d.due.first()
		if !ok || at.After(now) || d.wanting.lanes >= maxWanting {
			break
		}
		app := d.dueApps[ep]
		d.due.remove(ep)
		delete(d.dueApps, ep)
		l := d.lane(app, ep)
		if d.gated.has(app, ep) { // all that can come up is what a person has asked for
			l.isHeld, l.isLooked, l.isAskedFor = true, true, true
			d.wantClaim(l)
			continue
		}
		d.behind(l)
	}
	for {
		l, at, ok := d.wakes.first()
		if !ok || at.After(now) {
			break
		}
		d.wakes.remove(l)
		d.woken(l, now)
	}
	d.launch(now)
	next = earliest(d.spillAt, d.retryAt)
	if _, at, ok := d.due.first(); ok {
		if !at.After(now) {
			at = now.Add(claimPause) // the claimers have enough to do
		}
		next = earliest(next, at)
	}
	if _, at, ok := d.wakes.first(); ok {
		next = earliest(next, at)
	}
	d.armed = next
	d.gauge()
	d.mu.Unlock()
	return next, false
}

// before makes sure that Run looks again at t. The caller holds mu.
func (d *Dispatcher) before(t time.Time) {
	if d.armed.IsZero() || t.Before(d.armed) {
		d.armed = t
		d.wake()
	}
}

func (d *Dispatcher) wake() { signal(d.nudge) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// earliest returns the earlier of two times of which zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
