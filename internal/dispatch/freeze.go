package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

var _ store.Freezer = (*Dispatcher)(nil)

// Freeze implements store.Freezer. The lane is made where there is none, so that a claim
// that is about to make one stands still, too.
func (d *Dispatcher) Freeze(app hook.ApplicationID, endpoint hook.EndpointID) []hook.MessageID {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lane(app, endpoint)
	l.frozen++
	waiting := make(map[*item]bool, l.waiting())
	for q := range l.queue {
		for it := l.queue[q].head; it != nil; it = it.next {
			waiting[it] = true
		}
	}
	for _, ln := range l.lines {
		for it := ln.head; it != nil; it = it.next {
			waiting[it] = true
		}
	}
	var flying []hook.MessageID
	for id, it := range l.held {
		if !waiting[it] {
			flying = append(flying, id)
		}
	}
	return flying
}

// Thaw implements store.Freezer.
func (d *Dispatcher) Thaw(endpoint hook.EndpointID, gone func(*store.Due) bool) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[endpoint] // it is not idle while it is frozen, so it is still there
	l.frozen--
	if gone != nil {
		for q := range l.queue {
			l.queue[q].removeIf(func(it *item) bool {
				if !gone(&it.due) {
					return false
				}
				d.forget(it)
				return true
			})
		}
		for _, ln := range l.lines {
			d.leave(ln, func(it *item) bool { return gone(&it.due) })
			l.settle(ln, now)
		}
		for _, it := range l.held {
			// Its place is lost, so it must not be tried again from memory.
			it.isGone = it.isGone || it.isLined() && !it.waits && gone(&it.due)
		}
		l.isStale = l.claiming
		if l.skipped {
			d.unskip(l) // what it was left for may be what is gone
		}
	}
	d.makeReady(l)
	d.wantClaim(l)
	d.madeRoom()
	d.idle(l, now)
	d.launch(now)
}
