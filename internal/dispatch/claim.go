package dispatch

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

const (
	// claimBatch is how many rows are read at once: enough to make the read cheap, few
	// enough that the claims of others do not wait for long.
	claimBatch = 256
	// firstMeanBytes is the size that deliveries are taken for before one was seen.
	firstMeanBytes = 16 << 10
	// claimPause is the wait after a claim that found less than was announced.
	claimPause = 10 * time.Millisecond
)

// behind notes that a lane has due rows in the store.
func (d *Dispatcher) behind(l *lane) {
	l.isBehind = true
	d.wantClaim(l)
}

// wantClaim puts a lane in line for a claimer when it has rows to claim and has worked
// off most of what it holds, so that rows come in batches and not one by one.
func (d *Dispatcher) wantClaim(l *lane) {
	if !l.isBehind || l.claiming || d.stopping || !d.isShort(l) {
		return
	}
	if d.claimed.full() && len(l.held) > 0 && !l.wantsRest {
		return // the next outcome of this lane asks again
	}
	d.wanting.push(l)
	signal(d.claimable)
}

// isShort reports whether a lane has worked off most of what it may hold. What stands in
// line behind a head that cannot be tried now gives it nothing to do.
func (d *Dispatcher) isShort(l *lane) bool {
	if l.lined == 0 {
		return l.waiting() <= d.window(l)/4
	}
	n := d.lineWindow()
	return l.wantsRest || l.lined < n && l.waiting()-l.stuck <= n/8
}

// room is how many more deliveries a lane may hold.
func (d *Dispatcher) roomOf(l *lane) int {
	if l.lined == 0 {
		return d.window(l) - l.waiting()
	}
	if room := d.lineWindow() - l.waiting(); room > 0 || !l.wantsRest {
		return room
	}
	return claimBatch
}

// claim reads due rows for lanes that want them until ctx ends.
func (d *Dispatcher) claim(ctx context.Context) {
	for {
		l, limit, taken := d.nextClaim()
		if l == nil {
			select {
			case <-ctx.Done():
				return
			case <-d.claimable:
				continue
			}
		}
		now := time.Now()
		due, next, err := d.queue.Claim(ctx, l.tenant.id, l.endpoint, now, limit, taken)
		if err != nil && ctx.Err() == nil {
			d.log.Error("claim due deliveries", telemetry.KeyError, err)
		}
		d.claimedRows(l, due, next, now, err)
		if ctx.Err() != nil {
			return
		}
	}
}

// nextClaim takes the lane whose turn it is to claim, nil when none wants to.
func (d *Dispatcher) nextClaim() (l *lane, limit int, taken map[store.DueKey]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.wanting.len() > 0 {
		if d.stopping || d.held {
			return nil, 0, nil
		}
		t := d.wanting.next(firstClass(d.wanting.tenants[sparse].n))
		lanes := &t.turns[wantingRotation].lanes
		if lanes[sparse].n+lanes[busy].n == 0 {
			continue // it stood in both rounds, and the other turn took its last lane
		}
		l := d.wanting.nextLane(t, firstClass(lanes[sparse].n))
		d.wanting.giveBack(t)
		room := d.roomOf(l)
		if !l.isBehind || l.claiming || room <= 0 {
			continue
		}
		limit := min(room, claimBatch, max(1, (d.claimed.maxBytes-d.claimed.bytes)/2/l.meanBytes), max(1, d.claimed.maxCount-d.claimed.count))
		taken := make(map[store.DueKey]bool, len(l.held))
		for _, it := range l.held {
			it.takenRows(taken)
		}
		l.claiming, l.isBehind = true, false
		if d.wanting.len() > 0 {
			signal(d.claimable) // for the other claimer
		}
		return l, limit, taken
	}
	return nil, 0, nil
}

// firstClass is whose turn it is where n sparse ones wait.
func firstClass(n int) int {
	if n > 0 {
		return sparse
	}
	return busy
}

// claimedRows takes what was claimed into memory.
func (d *Dispatcher) claimedRows(l *lane, due []store.Due, next, asked time.Time, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l.claiming, l.wantsRest = false, false
	if err != nil {
		l.isStale = false
		d.dueApps[l.endpoint] = l.tenant.id
		d.due.lower(l.endpoint, now.Add(retryStore))
		d.before(now.Add(retryStore))
		return
	}
	if d.stopping {
		return
	}
	if l.isStale { // some of these may be cancelled by now: read again
		l.isStale, l.isBehind = false, true
		d.wantClaim(l)
		return
	}
	took := 0
	for i := range due {
		size := footprint(due[i].Message)
		it := newItem(l, due[i], size, now)
		if it.isLined() {
			if at := it.due.Delivery.Place(); at.Compare(l.claimedTo) > 0 {
				l.claimedTo = at
			}
			if l.joinBehind(it, now) {
				took++
				d.claimed.add(size)
				continue
			}
		}
		if l.held[due[i].Message.ID] != nil && !l.shadow(it, now) {
			l.skipped = true
			continue
		}
		took++
		l.meanBytes = max(1, (7*l.meanBytes+size)/8)
		d.claimed.add(size)
		l.held[it.due.Message.ID] = it
		l.enqueue(it, now)
	}
	switch {
	case next.IsZero():
	case next.After(asked):
		d.dueApps[l.endpoint] = l.tenant.id
		d.due.lower(l.endpoint, next)
		d.before(next)
	case took > 0:
		l.isBehind = true
	case len(due) == 0:
		// There are rows, but not for us yet: come back, without spinning.
		d.dueApps[l.endpoint] = l.tenant.id
		d.due.lower(l.endpoint, now.Add(claimPause))
		d.before(now.Add(claimPause))
	default:
		// All that was read belongs to pairs in memory; the outcome of one asks again.
	}
	d.makeReady(l)
	d.wantClaim(l)
	d.idle(l, now)
	d.launch(now)
}

// footprint is about how many bytes a message holds in memory.
func footprint(m *hook.Message) int {
	return 512 + m.Size()
}
