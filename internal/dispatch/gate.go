package dispatch

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

var _ store.Gatekeeper = (*Dispatcher)(nil)

// # Holds
//
// An endpoint on hold (hook.Endpoint.IsHeld) has a closed gate: its lane takes nothing but
// what a person asks for, and what it has in memory goes back to the store. Every attempt
// asks the plan, so a pause is in force once it is acknowledged. The dispatcher remembers of
// a gate only that it is closed (gated): a lane is not needed for it, and nothing is looked
// at until the catalogue says that the application changed (Changed). Then the rows of all
// its closed gates are looked at anew, and those that are still on hold close again.

// gates are the endpoints on hold that may have rows in the store, by application.
type gates map[hook.ApplicationID]map[hook.EndpointID]struct{}

func (g gates) has(app hook.ApplicationID, ep hook.EndpointID) bool {
	if len(g) == 0 {
		return false
	}
	_, ok := g[app][ep]
	return ok
}

func (g gates) add(app hook.ApplicationID, ep hook.EndpointID) {
	if g[app] == nil {
		g[app] = make(map[hook.EndpointID]struct{})
	}
	g[app][ep] = struct{}{}
}

// Changed implements store.Gatekeeper.
func (d *Dispatcher) Changed(apps []hook.ApplicationID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.gated) == 0 {
		return
	}
	now := time.Now()
	isAny := false
	for _, app := range apps {
		for ep := range d.gated[app] {
			isAny = true
			if l := d.lanes[ep]; l != nil {
				l.isHeld, l.isLooked, l.isBehind = false, false, true
				d.makeReady(l)
			}
			d.dueApps[ep] = app
			d.due.lower(ep, now)
		}
		delete(d.gated, app)
	}
	if isAny {
		d.before(now)
		d.launch(now)
	}
}

// Asked implements store.Gatekeeper.
func (d *Dispatcher) Asked(app hook.ApplicationID, endpoint hook.EndpointID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held || d.stopping {
		return // found with all that is due
	}
	l := d.lane(app, endpoint)
	l.isAskedFor = true
	d.wantClaim(l)
}

// look asks the plan whether an endpoint is on hold or makes up for one, before the first
// rows of its lane are read.
func (d *Dispatcher) look(ctx context.Context, l *lane) error {
	plan, err := d.catalog.PlanOf(ctx, l.tenant.id)
	if err != nil && hook.KindOf(err) != hook.NotFound {
		return err
	}
	var ep *hook.Endpoint
	if err == nil {
		ep = plan.Endpoint(l.endpoint)
	}
	if ep != nil && ep.IsHeld(plan.Application.Hold) {
		d.shut(ctx, l)
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l.isLooked = true
	if ep != nil {
		// Known before the first rows are read, so that nothing new goes before what they leave.
		l.isLined, l.isFeed = ep.IsLined(), ep.Kind == hook.PollingEndpoint
		l.setDrain(plan, ep, time.Now())
	}
	return nil
}

// keep puts back a delivery whose endpoint is on hold.
func (d *Dispatcher) keep(it *item) {
	d.mu.Lock()
	it.lane.refund()
	it.lane.landed(it)
	it.lane.putFront(it, time.Now())
	d.mu.Unlock()
	d.shut(d.sending, it.lane)
}

// shut closes the gate of a lane and takes out of memory what waits there.
func (d *Dispatcher) shut(ctx context.Context, l *lane) {
	now := time.Now()
	d.mu.Lock()
	if !l.isHeld {
		// A person's request may be among the rows of a lane that is new.
		l.isAskedFor = l.isAskedFor || !l.isLooked
	}
	l.isHeld, l.isLooked, l.isBehind = true, true, false
	l.drain, l.throttledAt, l.claimedTo, l.wantsRest = drain{}, time.Time{}, hook.PlaceInLine{}, false
	d.gated.add(l.tenant.id, l.endpoint)
	fresh, isBack := false, false
	for q := range l.queue {
		l.queue[q].removeIf(func(it *item) bool {
			if it.kind == manual {
				return false
			}
			if it.isFresh() {
				fresh = true // startSpill takes it
				return false
			}
			isBack = true
			d.forget(it)
			return true
		})
	}
	for _, ln := range l.lines {
		// All of them, so that what is claimed later does not stand before what stayed; an
		// attempt under way comes back to the head of its line.
		d.leave(ln, func(*item) bool { isBack = true; return true })
		l.settle(ln, now)
	}
	// A read that is under way has left out what goes back, and what it found stands behind that.
	l.isStale = l.isStale || isBack && l.claiming
	if fresh {
		d.spillAt = now
		d.before(now)
	}
	d.wantClaim(l)
	d.madeRoom()
	d.idle(l, now)
	d.mu.Unlock()
	// A change that came before the gate was noted has told nobody.
	plan, err := d.catalog.PlanOf(ctx, l.tenant.id)
	if err == nil {
		if ep := plan.Endpoint(l.endpoint); ep != nil && ep.IsHeld(plan.Application.Hold) {
			return
		}
	}
	d.Changed([]hook.ApplicationID{l.tenant.id})
}

// drain is the pace at which a lane sends what waited for the end of a hold.
type drain struct {
	until  time.Time // what was due before it waited; zero for nothing to make up for
	pace   rate
	isLine bool // the lane keeps an order: its rows are read in one line, and its rate is bounded
	more   bool // rows that waited are in the store
	ending bool // the catalogue is told that the end is reached
}

// setDrain learns from the plan what is to be made up for.
func (l *lane) setDrain(plan *store.Plan, ep *hook.Endpoint, now time.Time) {
	until, perSecond := ep.Draining(plan.Application.Hold)
	if l.drain.until.Equal(until) && l.drain.pace.perSecond == perSecond {
		return
	}
	l.drain = drain{until: until}
	if until.IsZero() {
		l.undrain()
		return
	}
	l.drain.pace = rate{perSecond: perSecond, next: now}
	l.drain.isLine = ep.IsOrdered()
	l.drain.more, l.isBehind = true, true
	if l.drain.isLine {
		return
	}
	for q := range drainQueue {
		l.queue[q].removeIf(func(it *item) bool {
			if !l.waited(it) {
				return false
			}
			l.queue[drainQueue].push(it)
			return true
		})
	}
}

// undrain lets what waits for the pace go with all else.
func (l *lane) undrain() {
	l.queue[drainQueue].removeIf(func(it *item) bool {
		l.queue[queueOf[it.kind]].push(it)
		return true
	})
}

// waited reports whether an item waited for the end of the hold.
func (l *lane) waited(it *item) bool {
	return !l.drain.until.IsZero() && it.kind != manual && !it.isFresh() && it.due.Row.DueAt < l.drain.until.UnixMilli()
}

// mayWait reports whether an item has waited, or may yet have a row in the store that did: one
// that is given back, or whose outcome is late.
func (l *lane) mayWait(it *item) bool {
	switch next := &it.finished.Delivery; {
	case it.kind == manual:
		return false
	case it.ended && next.State == hook.Pending && next.DueAt.Before(l.drain.until):
		return true
	case it.isFresh():
		return it.due.Message.Time().Before(l.drain.until)
	}
	return l.waited(it)
}

// landed ends the count of an item that waited for the end of a hold.
func (l *lane) landed(it *item) {
	if it.isDraining {
		it.isDraining = false
		l.drainFlying--
	}
}

// drainWait is how long what waited must wait for the pace.
func (l *lane) drainWait(now time.Time) time.Duration {
	if l.queue[drainQueue].n == 0 {
		return 0
	}
	return l.drain.pace.wait(now)
}

// drainRoom is how many more that waited may come into memory: what leaves in a few seconds.
func (l *lane) drainRoom() int {
	if l.breaker.open {
		return 1 - l.queue[drainQueue].n
	}
	return min(claimBatch, max(2, 4*l.drain.pace.perSecond)) - l.queue[drainQueue].n
}

// wantsDrain reports whether it is time to read more of what waited.
func (l *lane) wantsDrain() bool {
	return l.drain.more && !l.drain.isLine && l.drainRoom() > l.queue[drainQueue].n
}

// claimDrain reads what waited beside what is due since: a retry, or what was published
// meanwhile, does not stand behind a backlog that is sent slowly.
func (d *Dispatcher) claimDrain(ctx context.Context, p store.Part, until time.Time, room int) (due []store.Due, next time.Time, more bool, err error) {
	recent := p
	recent.From = until
	if recent.Limit > 0 {
		if due, next, err = d.queue.ClaimPart(ctx, recent); err != nil {
			return nil, time.Time{}, false, err
		}
	}
	if room <= 0 {
		return due, next, true, nil
	}
	old := p
	old.Now, old.Limit = until.Add(-time.Millisecond), room
	waited, left, err := d.queue.ClaimPart(ctx, old)
	if err != nil {
		return nil, time.Time{}, false, err
	}
	more = !left.IsZero() && left.Before(until)
	if recent.Limit <= 0 && !left.IsZero() && !more {
		next = left
	}
	return append(due, waited...), next, more, nil
}

// claimedDrain notes whether any of what waited is left in the store.
func (l *lane) claimedDrain(c *claiming) {
	switch {
	case l.drain.until.IsZero() || !c.isLooked || c.part.IsManual:
	case l.isBehind: // something has gone back, or was announced, since: they are read once more
	case l.drain.isLine:
		l.drain.more = !c.next.IsZero() && c.next.Before(l.drain.until) // held has the others
	case c.drain.Equal(l.drain.until) && c.room > 0:
		l.drain.more = c.hasMore
	}
}

// checkDrained tells the catalogue when nothing of what waited is left. The caller holds mu.
func (d *Dispatcher) checkDrained(l *lane) {
	if l.drain.until.IsZero() || l.drain.more || l.drain.ending || l.claiming || l.skipped || d.stopping {
		return
	}
	if l.queue[drainQueue].n > 0 || l.drainFlying > 0 {
		return
	}
	for _, it := range l.held {
		// A resend stands before the delivery of its pair.
		if l.mayWait(it) || it.shadows != nil && l.mayWait(it.shadows) {
			return
		}
	}
	l.drain.ending = true
	until := l.drain.until
	d.workers.Go(func() { d.endHold(l, until) })
}

// endHold removes what is left of a hold once what waited was sent. What cannot be removed
// now is harmless, and is tried again when the endpoint's lane is made anew.
func (d *Dispatcher) endHold(l *lane, until time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.sending), storeTimeout)
	defer cancel()
	err := d.catalog.EndHold(ctx, l.tenant.id, l.endpoint, until)
	if err != nil && hook.KindOf(err) != hook.NotFound {
		d.log.Error("end a hold", telemetry.KeyEndpoint, d.codec.Endpoint(l.tenant.id, l.endpoint), telemetry.KeyError, err)
	}
}

// unskip notes that rows which were left because their pairs were in memory may be read. The
// caller holds mu and asks wantClaim.
func (d *Dispatcher) unskip(l *lane) {
	l.skipped = false
	if l.isHeld {
		l.isAskedFor = true
	} else {
		l.isBehind = true
		l.drain.more = !l.drain.until.IsZero()
	}
}
