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
	// firstClaim is how many are read before it is known how large they are, since they may
	// be as large as a message can be.
	firstClaim = 16
	// claimPause is the wait after a claim that found less than was announced.
	claimPause = 10 * time.Millisecond
	// askedBatch is how many of what people asked for are read at once.
	askedBatch = 16
)

// behind notes that a lane has due rows in the store.
func (d *Dispatcher) behind(l *lane) {
	l.isBehind = true
	l.drain.more = !l.drain.until.IsZero() // it may have waited, too
	d.wantClaim(l)
}

// wantClaim puts a lane in line for a claimer when it has rows to claim and has worked
// off most of what it holds, so that rows come in batches and not one by one.
func (d *Dispatcher) wantClaim(l *lane) {
	if l.claiming || d.stopping {
		return
	}
	if !l.isAskedFor {
		isDraining := l.wantsDrain()
		if l.isHeld || !l.isBehind && !isDraining {
			return
		}
		if !isDraining && !d.isShort(l) {
			d.letGo(l)
			d.waitForRoom(l)
			return
		}
		if d.claimed.full() && len(l.held) > 0 && !l.wantsRest {
			d.waitForRoom(l)
			return // the next outcome of this lane asks again
		}
	}
	d.wanting.push(l)
	signal(d.claimable)
}

// waitForRoom notes a lane that reads nothing because memory is full, and all of which
// stands behind heads that rest: no outcome of its own would ask again for hours.
func (d *Dispatcher) waitForRoom(l *lane) {
	if !l.isCrowdedOut && l.inFlight == 0 && l.waiting() == l.stuck && d.isCrowded() {
		l.isCrowdedOut = true
		d.crowdedOut = append(d.crowdedOut, l)
	}
}

// isCrowded reports whether what one lane may read depends on what others have in memory.
func (d *Dispatcher) isCrowded() bool {
	return 2*d.claimed.count >= d.claimed.maxCount || 2*d.claimed.bytes >= d.claimed.maxBytes
}

// madeRoom lets the lanes read that waited for room in memory, where there is some again.
func (d *Dispatcher) madeRoom() {
	if len(d.crowdedOut) == 0 || d.isCrowded() {
		return
	}
	lanes := d.crowdedOut
	d.crowdedOut = nil
	for _, l := range lanes {
		l.isCrowdedOut = false
		d.wantClaim(l)
	}
}

// isShort reports whether a lane has worked off most of what it may hold. What stands in
// line behind a head that cannot be tried now gives it nothing to do.
func (d *Dispatcher) isShort(l *lane) bool {
	if l.lined == 0 && !l.isLined {
		return l.current() <= d.window(l)/4
	}
	n := d.lineWindow(l)
	return l.wantsRest || l.lined < n && l.waiting()-l.stuck <= n/8 && (l.lined == 0 || d.linedBytesFree(l) > 0)
}

// room is how many more deliveries a lane may hold.
func (d *Dispatcher) roomOf(l *lane) int {
	if l.lined == 0 && !l.isLined {
		return d.window(l) - l.current()
	}
	if l.wantsRest {
		return max(d.lineWindow(l)-l.waiting(), claimBatch)
	}
	return min(d.lineWindow(l)-l.waiting(), max(1, d.linedBytesFree(l)/max(1, l.meanBytes)))
}

// claim reads due rows for lanes that want them until ctx ends.
func (d *Dispatcher) claim(ctx context.Context) {
	for {
		c := d.nextClaim()
		if c.lane == nil {
			select {
			case <-ctx.Done():
				return
			case <-d.claimable:
				continue
			}
		}
		err := d.readRows(ctx, &c)
		if err != nil && ctx.Err() == nil {
			d.log.Error("claim due deliveries", telemetry.KeyError, err)
		}
		d.claimedRows(&c, err)
		if ctx.Err() != nil {
			return
		}
	}
}

// claiming is one look into the store.
type claiming struct {
	lane     *lane
	part     store.Part
	isNew    bool      // the lane does not know yet whether its endpoint is on hold
	drain    time.Time // what was due before it waited for the end of a hold; zero for nothing apart
	room     int       // for what waited
	due      []store.Due
	next     time.Time
	hasMore  bool // what waited is left
	isLooked bool // the rows were read
	isBehind bool // the lane was, before the look
}

// readRows does a look.
func (d *Dispatcher) readRows(ctx context.Context, c *claiming) (err error) {
	l := c.lane
	if c.isNew {
		if err := d.look(ctx, l); err != nil {
			return err
		}
		d.mu.Lock()
		if d.aim(c); c.part.IsManual && !l.isHeld {
			l.isBehind = true // there was something else to be read
		}
		d.mu.Unlock()
	}
	c.part.Now = time.Now()
	d.mu.Lock()
	isLined := l.isLined
	d.mu.Unlock()
	if isLined {
		// Places in line are times of keys, which run ahead of a clock that was set back.
		if at := d.catalog.NewKey().Time(); at.After(c.part.Now) {
			c.part.Now = at
		}
	}
	switch p := &c.part; {
	case p.Limit <= 0 && c.room <= 0:
		return nil
	case !c.drain.IsZero():
		c.due, c.next, c.hasMore, err = d.claimDrain(ctx, *p, c.drain, c.room)
	case p.IsManual:
		c.due, c.next, err = d.queue.ClaimPart(ctx, *p)
	default:
		c.due, c.next, err = d.queue.Claim(ctx, p.Application, p.Endpoint, p.Now, p.Limit, p.Taken)
	}
	c.isLooked = err == nil
	return err
}

// aim says what a look is for. The caller holds mu.
func (d *Dispatcher) aim(c *claiming) {
	l := c.lane
	c.isNew, c.part.IsManual, c.drain, c.room = !l.isLooked, false, time.Time{}, 0
	bound := min(claimBatch, max(1, d.claimed.maxCount-d.claimed.count))
	if l.meanBytes == 0 {
		bound = min(bound, firstClaim)
	} else {
		bound = min(bound, max(1, (d.claimed.maxBytes-d.claimed.bytes)/2/l.meanBytes))
	}
	c.part.Limit = min(d.roomOf(l), bound)
	switch {
	case c.isNew:
	case l.isAskedFor: // a person does not wait behind what waits
		c.part.IsManual, c.part.Limit, l.isAskedFor = true, askedBatch, false
	case l.isHeld:
		c.part.Limit = 0
	case !l.drain.until.IsZero() && !l.drain.isLine:
		c.drain, c.room = l.drain.until, min(l.drainRoom(), bound)
		if !l.drain.more {
			c.room = 0
		}
		if !l.isBehind {
			c.part.Limit = 0
		}
	}
}

// nextClaim takes the lane whose turn it is to claim, none when none wants to.
func (d *Dispatcher) nextClaim() (c claiming) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.wanting.len() > 0 {
		if d.stopping || d.held {
			return claiming{}
		}
		t := d.wanting.next(firstClass(d.wanting.tenants[sparse].n))
		lanes := &t.turns[wantingRotation].lanes
		if lanes[sparse].n+lanes[busy].n == 0 {
			continue // it stood in both rounds, and the other turn took its last lane
		}
		l := d.wanting.nextLane(t, firstClass(lanes[sparse].n))
		d.wanting.giveBack(t)
		if l.claiming || !l.isAskedFor && !l.isBehind && !l.wantsDrain() {
			continue
		}
		c = claiming{lane: l}
		if d.aim(&c); c.part.Limit <= 0 && c.room <= 0 {
			d.waitForRoom(l)
			continue
		}
		taken := make(map[store.DueKey]bool, len(l.held))
		for _, it := range l.held {
			it.takenRows(taken)
		}
		c.part.Application, c.part.Endpoint, c.part.Taken = t.id, l.endpoint, taken
		l.claiming, c.isBehind = true, l.isBehind
		if !c.part.IsManual {
			l.isBehind, l.isUnread = false, false
		}
		if d.wanting.len() > 0 {
			signal(d.claimable) // for the other claimer
		}
		return c
	}
	return claiming{}
}

// firstClass is whose turn it is where n sparse ones wait.
func firstClass(n int) int {
	if n > 0 {
		return sparse
	}
	return busy
}

// claimedRows takes what was claimed into memory.
func (d *Dispatcher) claimedRows(c *claiming, err error) {
	l, due, next, asked := c.lane, c.due, c.next, c.part.Now
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l.claiming, l.wantsRest = false, false
	if err != nil {
		l.isStale, l.isUnread = false, l.isUnread || !c.part.IsManual
		l.isAskedFor = l.isAskedFor || c.part.IsManual
		d.dueApps[l.endpoint] = l.tenant.id
		d.due.lower(l.endpoint, now.Add(retryStore))
		d.before(now.Add(retryStore))
		return
	}
	if d.stopping {
		return
	}
	if l.isHeld && !c.part.IsManual {
		due, next = nil, time.Time{} // the gate was shut meanwhile, and remembers that there are rows
	}
	if l.isStale { // some of these may be gone by now: read again
		l.isStale, l.isBehind, l.isAskedFor = false, !l.isHeld, l.isAskedFor || c.part.IsManual
		d.wantClaim(l)
		d.idle(l, now)
		return
	}
	took := 0
	for i := range due {
		size := footprint(due[i].Message)
		it := newItem(l, due[i], size, now)
		d.claimed.add(size) // and back, if it does not stay
		if l.isLined = it.isLined(); l.isLined {
			if next := &it.due.Delivery; next.NotBefore.Before(due[i].Message.DeliverAt) {
				next.NotBefore = due[i].Message.DeliverAt // its place may have come before its time
			}
			if d.linedBytesFree(l) < size {
				l.layDown(it)
			}
			if at := it.due.Delivery.Place(); at.Compare(l.claimedTo) > 0 {
				l.claimedTo = at
			}
			if l.joinBehind(it, now) {
				took++
				continue
			}
		}
		if l.held[due[i].Message.ID] != nil && !l.shadow(it, now) {
			l.skipped = true
			d.claimed.sub(it.size)
			continue
		}
		took++
		if l.meanBytes == 0 {
			l.meanBytes = size
		}
		l.meanBytes = max(1, (7*l.meanBytes+size)/8)
		l.held[it.due.Message.ID] = it
		l.enqueue(it, now)
	}
	l.claimedDrain(c)
	if c.isBehind && c.part.Limit <= 0 && !l.isHeld {
		l.isBehind = true // there was no room, so what is due was not read
	}
	if took == 0 && len(due) > 0 && !c.part.IsManual {
		l.drain.more = false // of pairs in memory, like all below: not to be read again at once
	}
	switch {
	case next.IsZero():
	case c.part.IsManual && !next.After(asked):
		l.isAskedFor = l.isAskedFor || took > 0 // a pair that is being tried asks again when it has ended
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
	d.checkDrained(l)
	d.idle(l, now)
	d.launch(now)
}

// footprint is about how many bytes a message holds in memory.
func footprint(m *hook.Message) int {
	return 512 + m.Size()
}
