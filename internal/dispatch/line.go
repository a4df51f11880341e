package dispatch

import (
	"math"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// line is what a lane has in memory of one hook.Line, by rising hook.PlaceInLine. Only its head
// is tried, and nothing while an attempt of it is under way or not yet on disk.
//
// The order holds because of three things. A delivery in line always has a due row (see
// store.Publication), and claims are made by rising position, so that what is in the store
// stands behind what is in memory. A head that is to be tried again keeps its row's
// position and stays in memory. And nothing that is claimed leaves memory before it has
// ended, whatever trim does to other deliveries.
type line struct {
	fifo
	id   hook.Line
	busy bool // its head is tried, or the outcome being recorded
	// until is how long it waits for want deliveries that leave together; zero for not at all.
	until time.Time
	want  int
	bytes int // of the content of what stands in it
	whole int // how much of it has its content in memory
	// gathers: it waits for what is not there yet, unless isFull, since no more comes.
	gathers, isFull bool
	isUp            bool // stands in lane.open
	rests           bool // stands in lane.resting: its head waits for its time
	stuck           int  // what lane.stuck counts for it
}

// maxLined is how many deliveries in line a lane holds in memory: what stands behind them
// waits in the store, also for lines whose head could be tried. maxLinedCrowd is that number
// while ordered lanes fill half of what may be claimed, and maxLinedShare while the lanes of
// one application fill as much as all leave free, so that others have the rest.
const (
	maxLined      = 4096
	maxLinedCrowd = 64
	maxLinedShare = 16
)

// linedPart is the part of the bytes that may be claimed which one lane's lines may fill.
const linedPart = 8

// isLined reports whether an item is tried in the order of its line. A resend is not: who
// asks for it wants it now.
func (it *item) isLined() bool {
	return it.due.Delivery.Line != 0 && it.due.Delivery.Trigger == hook.Scheduled
}

// lineOf returns an item's line, and makes it where there is none.
func (l *lane) lineOf(it *item) *line {
	id := it.due.Delivery.Line
	ln := l.lines[id]
	if ln == nil {
		ln = &line{id: id}
		if l.lines == nil {
			l.lines = make(map[hook.Line]*line)
		}
		l.lines[id] = ln
	}
	return ln
}

// join puts an item at its place in its line.
func (l *lane) join(it *item, now time.Time) {
	ln := l.lineOf(it)
	if ln.head != nil && !ln.busy && ln.head.due.Delivery.NotBefore.Sub(now) > layDownAfter {
		l.layDown(it)
	}
	l.enters(ln, it)
	at := it.due.Delivery.Place()
	if ln.tail == nil || ln.tail.due.Delivery.Place().Compare(at) < 0 {
		ln.push(it)
	} else {
		var before *item
		for next := ln.head; next != nil && next.due.Delivery.Place().Compare(at) < 0; next = next.next {
			before = next
		}
		ln.insert(before, it)
	}
	l.settle(ln, now)
}

// enters and exits count what waits in lines.
func (l *lane) enters(ln *line, it *item) {
	it.waits = true
	l.lined++
	l.linedBytes += it.size
	l.tenant.lined++
	l.tenant.linedBytes += it.size
	ln.bytes += it.contentBytes()
	if !it.isBare {
		ln.whole++
	}
}

func (l *lane) exits(ln *line, it *item) {
	it.waits = false
	l.lined--
	l.linedBytes -= it.size
	l.tenant.lined--
	l.tenant.linedBytes -= it.size
	ln.bytes -= it.contentBytes()
	if !it.isBare {
		ln.whole--
	}
}

// insert puts an item behind another one, nil for the front.
func (f *fifo) insert(before, it *item) {
	switch {
	case before == nil:
		f.pushFront(it)
	case before == f.tail:
		f.push(it)
	default:
		it.next = before.next
		before.next = it
		f.n++
	}
}

// settle finds out what a line waits for, after anything about it has changed.
func (l *lane) settle(ln *line, now time.Time) {
	l.stuck -= ln.stuck
	ln.stuck = 0
	if ln.rests {
		l.resting.remove(ln)
		ln.rests = false
	}
	if ln.gathers {
		l.gathering--
		ln.gathers = false
	}
	switch head := ln.head; {
	case head == nil:
		if !ln.busy {
			delete(l.lines, ln.id)
		}
	case ln.busy:
	case head.shadowed:
		ln.stuck = ln.n // until the resend of the same pair has ended
	case head.due.Delivery.NotBefore.After(now):
		l.resting.lower(ln, head.due.Delivery.NotBefore)
		ln.rests, ln.stuck = true, ln.n
		if head.due.Delivery.NotBefore.Sub(now) > layDownAfter {
			l.layDownLine(ln)
		}
	case ln.until.After(now) && !ln.hasEnough():
		l.resting.lower(ln, ln.until)
		ln.rests, ln.stuck = true, ln.n
		if ln.gathers = ln.want < math.MaxInt; ln.gathers {
			l.gathering++
		}
	case !ln.isUp:
		ln.isUp = true
		l.open.pushBack(ln)
	}
	l.stuck += ln.stuck
}

// hasEnough reports whether a line has what it waits for, or cannot get more of it.
func (ln *line) hasEnough() bool {
	return ln.n >= ln.want || ln.want < math.MaxInt && (ln.isFull || ln.bytes > maxBatchBytes)
}

// letGo lets the batches of a lane leave as they are when all that it may hold waits for
// more, which therefore cannot come.
func (d *Dispatcher) letGo(l *lane) {
	if l.gathering == 0 || l.waiting() > l.stuck {
		return
	}
	now := time.Now()
	for _, ln := range l.lines {
		if ln.gathers {
			ln.isFull = true
			l.settle(ln, now)
		}
	}
	d.makeReady(l)
}

// wakeLines lets lines go on whose head's time has come.
func (l *lane) wakeLines(now time.Time) {
	// As resting compares. Where the clock was set forward, a time would else be both reached
	// and in the future.
	now = now.Round(0)
	for {
		ln, at, ok := l.resting.first()
		if !ok || at.After(now) {
			return
		}
		l.settle(ln, now)
	}
}

// canGo reports whether a line's head may be tried.
func (ln *line) canGo() bool {
	return ln.head != nil && !ln.busy && !ln.rests && !ln.head.shadowed
}

// nextLine returns the line whose turn it is, nil for none.
func (l *lane) nextLine() *line {
	for l.open.n > 0 {
		ln := l.open.ring[l.open.head]
		if ln.canGo() {
			return ln
		}
		l.open.popFront()
		ln.isUp = false
	}
	return nil
}

// popLine takes the head of the line whose turn it is.
func (l *lane) popLine(ln *line) *item {
	l.open.popFront()
	ln.isUp = false
	it := ln.pop()
	l.exits(ln, it)
	ln.busy, ln.until = true, time.Time{}
	return it
}

// rejoin puts back an item that was taken and not tried.
func (l *lane) rejoin(it *item, now time.Time) {
	l.lineOf(it).busy = false
	l.join(it, now)
}

// over ends an item's turn at the head of its line, once its outcome is on disk. What is to
// be tried again stays in memory and keeps its place; what has ended is forgotten.
func (d *Dispatcher) over(it *item, err error, now time.Time) {
	l := it.lane
	ln := l.lineOf(it)
	ln.busy = false
	if next := it.finished.Delivery; err == nil && next.State == hook.Pending && !it.isGone {
		// A new item, because the store may still look at what the old one finished with.
		again := newItem(l, it.due, it.size, it.since)
		again.due.Delivery = next
		again.isBare, again.bareBytes = it.isBare, it.bareBytes
		if next.Step > 0 {
			again.kind = retry
		}
		l.held[next.Message] = again
		l.join(again, now)
	} else {
		d.forget(it)
		l.settle(ln, now)
	}
	d.makeReady(l)
}

// window of a lane's deliveries in line. The caller holds mu.
func (d *Dispatcher) lineWindow(l *lane) int {
	n := min(d.o.LaneWindow, maxLined)
	switch {
	case l.tenant.lined > d.claimed.maxCount-d.claimed.count:
		return min(n, maxLinedShare)
	case d.claimed.count > d.claimed.maxCount/2:
		return min(n, maxLinedCrowd)
	}
	return n
}

// linedBytesFree is how many bytes more a lane's lines may fill, below zero when they fill
// too many. As for fresh deliveries, an application may fill as much as it leaves free.
func (d *Dispatcher) linedBytesFree(l *lane) int {
	return min(d.claimed.maxBytes/linedPart-l.linedBytes, d.claimed.maxBytes-d.claimed.bytes-l.tenant.linedBytes)
}

// shadow lets a resend go before the delivery in line of the same pair, which waits until
// the resend has ended: so no pair is tried twice at once, and a person does not wait for a
// line to move. It reports false where that is not possible now.
func (l *lane) shadow(it *item, now time.Time) bool {
	old := l.held[it.due.Message.ID]
	if it.kind != manual || old == nil || !old.waits || old.shadowed {
		return false
	}
	old.shadowed, it.shadows = true, old
	l.settle(l.lineOf(old), now)
	return true
}

// joinBehind puts an item into its line while a resend of its pair is in memory, which goes
// first. It reports false where something else of the pair is.
func (l *lane) joinBehind(it *item, now time.Time) bool {
	other := l.held[it.due.Message.ID]
	if !it.isLined() || other == nil || other.kind != manual || other.shadows != nil {
		return false
	}
	it.shadowed, other.shadows = true, it
	l.join(it, now)
	return true
}

// unshadow is called when a resend leaves memory. Its success has ended its pair.
func (d *Dispatcher) unshadow(it *item, now time.Time) {
	old, l := it.shadows, it.lane
	it.shadows = nil
	old.shadowed = false
	l.held[old.due.Message.ID] = old
	ln := l.lineOf(old)
	if it.ended && it.finished.Delivery.State == hook.Delivered {
		d.leave(ln, func(other *item) bool { return other == old })
	}
	l.settle(ln, now)
	d.makeReady(l)
}

// leave takes items out of a line, and of memory, for which gone is true.
func (d *Dispatcher) leave(ln *line, gone func(*item) bool) {
	ln.removeIf(func(it *item) bool {
		if !gone(it) {
			return false
		}
		it.lane.exits(ln, it)
		d.forget(it)
		return true
	})
}

// takenRow is what a claim must leave out beside the rows of held.
func (it *item) takenRows(taken map[store.DueKey]bool) {
	if !it.isFresh() {
		taken[it.due.Row] = true
	}
	if it.shadows != nil {
		taken[it.shadows.due.Row] = true
	}
}

// Hurry lets all heads of an endpoint's lines be tried at once that wait for their next
// attempt, and an endpoint that rests be probed: somebody knows that it answers again.
func (d *Dispatcher) Hurry(endpoint hook.EndpointID) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[endpoint]
	if l == nil {
		return
	}
	for {
		ln, _, ok := l.resting.first()
		if !ok {
			break
		}
		ln.head.due.Delivery.NotBefore, ln.until = time.Time{}, time.Time{}
		l.settle(ln, now)
	}
	l.pausedUntil = time.Time{}
	if l.breaker.open {
		l.breaker.probeAt = now
	}
	d.makeReady(l)
	d.launch(now)
}
