package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

var _ store.Handoff = (*Dispatcher)(nil)

// budget bounds deliveries in memory by number and bytes.
type budget struct {
	count, bytes       int
	maxCount, maxBytes int
}

func (b *budget) full() bool { return b.count >= b.maxCount || b.bytes >= b.maxBytes }

func (b *budget) add(size int) { b.count++; b.bytes += size }

func (b *budget) sub(size int) { b.count--; b.bytes -= size }

// Admit implements store.Handoff.
func (d *Dispatcher) Admit(app hook.ApplicationID, endpoint hook.EndpointID, size int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping || d.held || d.fresh.full() || d.fresh.bytes+size > d.fresh.maxBytes {
		return false
	}
	// As for attempts (see room): an application may fill as much as it leaves free.
	if t := d.tenants[app]; t != nil && (t.fresh >= d.fresh.maxCount-d.fresh.count || t.freshBytes+size > d.fresh.maxBytes-d.fresh.bytes) {
		return false
	}
	if d.gated.has(app, endpoint) {
		return false
	}
	l := d.lane(app, endpoint)
	// Replays do not count: however many wait, what is new goes before them.
	if l.breaker.open || l.current()+l.lined-l.queue[replayQueue].n+l.reserved >= d.window(l) || l.isFeed && l.mustQueue() {
		l.turnedAway = true
		return false
	}
	l.reserved++
	l.reservedBytes += size
	l.tenant.fresh++
	l.tenant.freshBytes += size
	d.fresh.add(size)
	return true
}

// mustQueue reports whether older deliveries of a feed wait in the store, or are about to
// since the last one was turned away. What is new then stands behind them, so that it does not come into
// the feed before them.
func (l *lane) mustQueue() bool {
	return l.isBehind || l.isUnread || l.claiming || l.skipped || l.turnedAway
}

// unreserve ends one reservation of a lane and returns its size. Sizes of a lane's
// reservations may be swapped, their sum is kept.
func (l *lane) unreserve() int {
	size := l.reservedBytes / l.reserved
	l.reserved--
	l.reservedBytes -= size
	return size
}

// Committed implements store.Handoff.
func (d *Dispatcher) Committed(fresh []store.Due) {
	if len(fresh) == 0 {
		return
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range fresh {
		l := d.lane(fresh[i].Delivery.Application, fresh[i].Delivery.Endpoint)
		if l.reserved == 0 {
			// Not admitted, but only we have it now: better over the bound than left behind.
			size := footprint(fresh[i].Message)
			l.reserved, l.reservedBytes = 1, size
			l.tenant.fresh++
			l.tenant.freshBytes += size
			d.fresh.add(size)
		}
		it := newItem(l, fresh[i], l.unreserve(), now)
		l.held[it.due.Message.ID] = it
		l.queue[queueOf[it.kind]].push(it) // what stands in line is never fresh
		d.makeReady(l)
	}
	if d.spillAt.IsZero() {
		d.spillAt = now.Add(d.o.SpillAfter)
		d.before(d.spillAt)
	}
	d.launch(now)
}

// Withdraw implements store.Handoff.
func (d *Dispatcher) Withdraw(fresh []store.Due) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range fresh {
		if l := d.lanes[fresh[i].Delivery.Endpoint]; l != nil && l.reserved > 0 {
			size := l.unreserve()
			d.fresh.sub(size)
			l.tenant.fresh--
			l.tenant.freshBytes -= size
			d.idle(l, time.Now())
		}
	}
}

// MadeDue implements store.Handoff.
func (d *Dispatcher) MadeDue(app hook.ApplicationID, endpoint hook.EndpointID, at time.Time) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held {
		// What is due is read as a whole after the release; this may be the release.
		if at := d.heldAt.Add(holdPause); !d.checkHold {
			d.checkHold = true
			d.before(at)
		}
		return
	}
	d.dueAt(app, endpoint, at, now)
}

// dueAt notes that an endpoint has a row in the store that is due at `at`.
func (d *Dispatcher) dueAt(app hook.ApplicationID, endpoint hook.EndpointID, at, now time.Time) {
	if d.gated.has(app, endpoint) {
		if l := d.lanes[endpoint]; l != nil {
			l.turnedAway = false
		}
		return
	}
	if l := d.lanes[endpoint]; l != nil && !at.After(now) {
		l.turnedAway = false
		d.behind(l)
		return
	}
	d.dueApps[endpoint] = app
	d.due.lower(endpoint, at)
	d.before(at)
}

// spillBatch is how many deliveries are given back in one call.
const spillBatch = 1024

// startSpill gives back the fresh deliveries that have waited too long: the store finds
// the fresh ones of a crash by reading all messages since the oldest of them.
func (d *Dispatcher) startSpill(now time.Time) {
	d.spillAt = time.Time{}
	if d.stopping || d.spilling {
		return
	}
	var old []*item
	var oldest time.Time // of those that stay
	for _, l := range d.lanes {
		l.queue[liveQueue].removeIf(func(it *item) bool {
			switch {
			case !it.isFresh():
			case len(old) < spillBatch && (l.isHeld || now.Sub(it.since) >= d.o.SpillAfter):
				old = append(old, it)
				return true
			default:
				oldest = earliest(oldest, it.since)
			}
			return false
		})
	}
	if !oldest.IsZero() {
		d.spillAt = oldest.Add(d.o.SpillAfter)
		if !d.spillAt.After(now) { // the batch was full
			d.spillAt = now.Add(time.Millisecond)
		}
	}
	if len(old) == 0 {
		return
	}
	d.spilling = true
	d.workers.Go(func() { d.spill(old) })
}

// spill gives deliveries back to the store. They are in no queue meanwhile, and stay in
// held, so that a claim that already sees their rows leaves them alone.
func (d *Dispatcher) spill(old []*item) {
	back := make([]hook.Delivery, len(old))
	for i, it := range old {
		back[i] = it.spilled()
	}
	err := d.queue.Spill(d.sending, back)
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spilling = false
	if err != nil {
		// They may have rows now, or not. Giving them back again is the same rows again,
		// and sending them from memory could be twice: so they keep waiting.
		d.log.Error("give back waiting deliveries", telemetry.KeyCount, len(old), telemetry.KeyError, err)
		if !d.stopping {
			d.spilling = true
			d.workers.Go(func() {
				select {
				case <-time.After(retryStore):
					d.spill(old)
				case <-d.sending.Done():
				}
			})
		}
		return
	}
	for _, it := range old {
		d.forget(it)
		if l := it.lane; !l.isHeld {
			d.behind(l)
		} else {
			if l.skipped {
				d.unskip(l)
			}
			d.wantClaim(l)
			d.idle(l, now)
		}
	}
	if d.spillAt.IsZero() && d.fresh.count > 0 {
		d.spillAt = now.Add(d.o.SpillAfter)
		d.before(d.spillAt)
	}
	d.launch(now)
}
