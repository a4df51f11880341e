package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// lane is what one endpoint has in memory and how it is doing. It is made when the
// endpoint has something to send and dropped when it has been idle for a while, so
// memory follows the busy endpoints, not all of them. The Dispatcher's mu guards it.
type lane struct {
	tenant   *tenant
	endpoint hook.EndpointID
	claimed  *budget // of all lanes

	queue [queues]fifo
	// lines are what waits or is tried in order, see line.go; nil for most lanes. open has
	// those whose head may be tried, by turn, and some that no longer may; resting those
	// whose head waits for its time. lined counts what waits in all of them, and stuck how
	// many of these stand behind a head that cannot be tried now.
	lines        map[hook.Line]*line
	open         deque[*line]
	resting      clock[*line]
	lined, stuck int
	linedBytes   int  // what lined counts for in claimed
	gathering    int  // lines that wait for more of a batch
	isLined      bool // what was claimed last stands in line
	// claimedTo is the last place that was claimed: what stands before it is in memory, or has
	// ended. wantsRest asks for the rest of a batch, whatever else is in memory.
	claimedTo hook.PlaceInLine
	wantsRest bool
	// held has every delivery of this lane that is in memory, waiting or not, by message:
	// the same pair is never tried twice at once, whatever its trigger.
	held map[hook.MessageID]*item
	// reserved counts what was admitted and is not committed yet.
	reserved, reservedBytes int
	inFlight                int
	// Items taken since one from that queue.
	sinceRetry, sinceReplay, sinceDrain int

	width       width
	breaker     breaker
	rate        rate
	throttledAt time.Time // since when the rate has held back what waits; zero while it does not
	isPlanned   bool      // rate is known, and isFeed
	isFeed      bool      // of a polling endpoint
	turnedAway  bool      // a fresh delivery was not admitted, and is not known to be due yet
	updatedAt   time.Time // of the endpoint's state that streak goes on from
	pausedUntil time.Time // the receiver, or our own trouble, asked for a pause
	isAlone     bool      // a delivery that crashed the process is tried: nothing beside it
	isDisabling bool      // the endpoint is being disabled
	frozen      int       // cancellations that want it to stand still, see Freeze
	proven      int       // successes since the last trouble, up to startWidth

	isBehind bool // there are due rows in the store
	isUnread bool // there may be: the last read of them failed, and is tried again soon
	isLooked bool // the plan was asked whether the endpoint is on hold
	isHeld   bool // it is: see gate.go
	// isAskedFor: a person has asked for an attempt whose row is in the store.
	isAskedFor bool
	// drainFlying counts what waited for the end of a hold and is being tried or recorded.
	drainFlying int
	drain       drain
	claiming    bool // a claimer reads them
	// isCrowdedOut: it waits for others to leave room in memory.
	isCrowdedOut bool
	skipped      bool // a row was left there because its pair is in memory
	isStale      bool // rows were cancelled, or ended by a resend, while a claimer read them
	meanBytes    int  // of a claimed delivery; zero before one was seen

	queued [rotations][classes]bool // stands in that round

	streak    streak
	idleSince time.Time
}

// idleFor is how long a lane without work keeps what it has learned, and openIdleFor
// how long one whose breaker is open does.
const (
	idleFor     = 10 * time.Second
	openIdleFor = 5 * time.Minute
)

// lane returns the endpoint's lane and makes it where there is none.
func (d *Dispatcher) lane(app hook.ApplicationID, ep hook.EndpointID) *lane {
	l := d.lanes[ep]
	if l == nil {
		t := d.tenants[app]
		if t == nil {
			t = &tenant{id: app}
			d.tenants[app] = t
		}
		t.laneCount++
		l = &lane{tenant: t, endpoint: ep, claimed: &d.claimed, held: make(map[hook.MessageID]*item), width: width{limit: startWidth}}
		d.lanes[ep] = l
		d.idle(l, time.Now())
	}
	return l
}

// waiting is how many deliveries wait to be tried.
func (l *lane) waiting() int { return l.unordered() + l.lined }

// unordered is how many of them stand in no line.
func (l *lane) unordered() int { return l.current() + l.queue[drainQueue].n }

// current is unordered without what goes at a pace of its own.
func (l *lane) current() int {
	return l.queue[liveQueue].n + l.queue[retryQueue].n + l.queue[replayQueue].n
}

// window is how many deliveries may wait in memory: many for a receiver that is known
// to take them, and little more than are tried at once for one that is slow, so that
// hung endpoints do not fill the memory.
func (d *Dispatcher) window(l *lane) int {
	n := d.o.LaneWindow
	switch {
	case l.breaker.open:
		return 1
	case l.width.limit < startWidth/2:
		n = 2 * l.width.limit
	case l.proven < startWidth:
		n = min(n, 256)
	}
	if every := l.rate.interval(); every > 0 { // no more than leave before they would be spilled
		n = min(n, max(2, int(d.o.SpillAfter/every)))
	}
	return n
}

// take removes the next delivery to try from the lane's queues and counts it as under
// way. Without one, at is when to ask again; zero means when something changes.
func (l *lane) take(now time.Time) (it *item, at time.Time) {
	limit := l.width.limit
	if l.breaker.open || !l.isPlanned || l.isFeed {
		limit = 1 // the first item of a new lane learns the rate for all others; a feed keeps their order
	}
	if l.lined > 0 {
		l.wakeLines(now)
	}
	switch {
	case l.unordered() == 0 && l.nextLine() == nil:
		if _, next, ok := l.resting.first(); ok {
			return nil, next
		}
		return nil, at
	case l.isAlone, l.isDisabling, l.frozen > 0, l.inFlight >= limit:
		return nil, at
	case l.isHeld && !l.isAsked():
		return nil, at
	case now.Before(l.pausedUntil):
		return nil, l.pausedUntil
	case l.breaker.open && now.Before(l.breaker.probeAt) && !l.isAsked():
		return nil, l.breaker.probeAt
	}
	if wait := l.rate.wait(now); wait > 0 {
		if l.throttledAt.IsZero() {
			l.throttledAt = now
		}
		return nil, now.Add(wait)
	}
	drainWait := l.drainWait(now)
	if drainWait > 0 && l.current() == 0 && l.nextLine() == nil {
		return nil, now.Add(drainWait)
	}
	isEarly := l.breaker.open && now.Before(l.breaker.probeAt)
	if isEarly || l.isHeld {
		it = l.queue[replayQueue].pop()
	} else {
		it = l.pop(drainWait == 0)
	}
	if l.waiting() == 0 && !l.isBehind {
		l.throttledAt = time.Time{}
	}
	if it.due.Delivery.Crashes >= crashesAlone {
		if l.inFlight > 0 {
			l.putFront(it, now)
			return nil, at
		}
		l.isAlone = true
	}
	if it.isDraining = l.waited(it) && !l.drain.isLine && !it.isLined(); it.isDraining {
		l.drain.pace.spend(now)
		l.drainFlying++
	}
	it.probe, it.isPlanned, it.perSecond, it.updatedAt = l.breaker.open && !isEarly, l.isPlanned, l.rate.perSecond, l.updatedAt
	it.drains = l.drain.until
	l.rate.spend(now)
	l.inFlight++
	return it, at
}

// isAsked reports whether a person has asked for the attempt at the head of the replays. It
// does not wait for the next probe of an endpoint that rests.
func (l *lane) isAsked() bool {
	head := l.queue[replayQueue].head
	return head != nil && head.kind == manual
}

// enqueue puts an item at the end of its queue; what a person has asked for goes before replays.
func (l *lane) enqueue(it *item, now time.Time) {
	if it.isLined() {
		l.join(it, now)
		return
	}
	if it.kind == manual {
		l.queue[replayQueue].pushFront(it)
		return
	}
	l.queue[l.queueFor(it)].push(it)
}

// queueFor is the queue that an item belongs to.
func (l *lane) queueFor(it *item) int {
	if l.waited(it) && !l.drain.isLine {
		return drainQueue
	}
	return queueOf[it.kind]
}

// putFront puts back an item that was taken and not tried.
func (l *lane) putFront(it *item, now time.Time) {
	if it.isLined() {
		l.rejoin(it, now)
		return
	}
	l.queue[l.queueFor(it)].pushFront(it)
}

// pop chooses: live messages first, then retries, then replays, but a retry at least
// each fifth and a replay at least each tenth time, so that none waits for ever. What
// waited for the end of a hold, where its pace allows it, is as good as a retry.
func (l *lane) pop(drains bool) *item {
	l.sinceRetry++
	l.sinceReplay++
	if drains && l.queue[drainQueue].n > 0 {
		if l.sinceDrain++; l.sinceDrain >= 3 || l.current() == 0 && l.nextLine() == nil {
			l.sinceDrain = 0
			return l.queue[drainQueue].pop()
		}
	}
	from := replayQueue
	inLine := l.nextLine()
	switch live, retries, replays := l.queue[liveQueue].n > 0 || inLine != nil, l.queue[retryQueue].n > 0, l.queue[replayQueue].n > 0; {
	case replays && l.sinceReplay >= 10:
	case retries && l.sinceRetry >= 5:
		from = retryQueue
	case live:
		from = liveQueue
	case retries:
		from = retryQueue
	}
	switch from {
	case retryQueue:
		l.sinceRetry = 0
	case replayQueue:
		l.sinceReplay = 0
	}
	if from == liveQueue && inLine != nil {
		return l.popLine(inLine) // the oldest of a line, whatever it was tried before
	}
	return l.queue[from].pop()
}

// setRate learns the rate from the plan. The attempt that is about to begin was not
// counted if the rate was not known when it was taken.
func (l *lane) setRate(perSecond int, now time.Time) {
	wasPlanned := l.isPlanned
	l.isPlanned = true
	if perSecond != l.rate.perSecond {
		l.rate.perSecond = perSecond
		l.rate.next = now
		l.throttledAt = time.Time{}
	}
	if !wasPlanned {
		l.rate.spend(now)
	}
}

// refund gives back the turn of a delivery that ended without a request.
func (l *lane) refund() {
	l.rate.next = l.rate.next.Add(-l.rate.interval())
}

// trim drops claimed deliveries beyond the window: their rows are still in the store.
func (d *Dispatcher) trim(l *lane) {
	over := l.unordered() - d.window(l)
	for q := queues - 1; q >= 0 && over > 0; q-- {
		keep := -over // of the claimed ones, the oldest
		for it := l.queue[q].head; it != nil; it = it.next {
			if !it.isFresh() {
				keep++
			}
		}
		l.queue[q].removeIf(func(it *item) bool {
			if it.isFresh() {
				return false
			}
			if keep--; keep >= 0 {
				return false
			}
			over--
			d.forget(it)
			l.isBehind = true
			l.isAskedFor = l.isAskedFor || it.kind == manual
			l.drain.more = l.drain.more || l.waited(it)
			return true
		})
	}
}

// forget takes a delivery out of memory.
func (d *Dispatcher) forget(it *item) {
	l := it.lane
	if other := l.held[it.due.Message.ID]; other == it {
		delete(l.held, it.due.Message.ID)
	} else if other != nil && other.shadows == it {
		other.shadows = nil
	}
	if it.shadows != nil {
		d.unshadow(it, time.Now())
	}
	l.landed(it)
	if it.isFresh() {
		d.fresh.sub(it.size)
		l.tenant.fresh--
		l.tenant.freshBytes -= it.size
	} else {
		d.claimed.sub(it.size)
	}
}

// isIdle reports whether nothing would be lost with the lane but what it has learned.
func (l *lane) isIdle() bool {
	return len(l.held) == 0 && l.reserved == 0 && l.inFlight == 0 && !l.isBehind && !l.claiming && !l.isAskedFor && !l.drain.more && !l.isDisabling && l.frozen == 0
}

// idle notes that a lane may have run out of work, to look again when it can be dropped.
func (d *Dispatcher) idle(l *lane, now time.Time) {
	l.idleSince = now
	if !d.wakes.has(l) {
		at := now.Add(idleFor)
		d.wakes.lower(l, at)
		d.before(at)
	}
}

// woken looks at a lane whose time has come: it may send again, or be dropped.
func (d *Dispatcher) woken(l *lane, now time.Time) {
	if l.waiting() > 0 {
		d.makeReady(l)
		return
	}
	if !l.isIdle() {
		return // its next outcome brings it back
	}
	stay := idleFor
	if l.breaker.open {
		stay = openIdleFor
	}
	if left := l.idleSince.Add(stay).Sub(now); left > 0 {
		d.wakes.lower(l, now.Add(left))
		return
	}
	if l.streak.isUnsaved() && !d.stopping {
		// A slow trickle of failures would otherwise never add up to a streak.
		save := l.streak.save(now)
		d.workers.Go(func() { d.saveFailing(l.tenant.id, l.endpoint, *save) })
	}
	if l.breaker.open {
		d.counts.open.Dec()
	}
	delete(d.lanes, l.endpoint)
	if l.tenant.laneCount--; l.tenant.laneCount == 0 {
		delete(d.tenants, l.tenant.id)
	}
	if len(d.lanes) == 0 {
		d.dismiss() // nothing has been sent for a while: the workers need not wait for more
	}
}
