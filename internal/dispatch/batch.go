package dispatch

import (
	"math"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// A batch is one request for several deliveries of one line that stand one behind the
// other. Which they are is on disk before the request leaves (Delivery.BatchEnd of the
// first), so a repetition takes the same ones, also after a crash, and has the same
// webhook-id; a receiver that drops repeated ids then drops nothing that it has not seen.
// Their outcomes are one commit, for which all of them lie in one Due.Group.

// maxBatchBytes bounds the payloads of one batch. A message alone may be larger.
const maxBatchBytes = 4 << 20

// restPause is the wait for what belongs to a batch and is not in memory yet.
const restPause = 20 * time.Millisecond

// goesInBatch reports whether an item leaves as the first of a batch, be it of one.
func (it *item) goesInBatch(ep *hook.Endpoint, now time.Time) bool {
	return it.isLined() && ep.Order != nil && ep.Order.BatchSize > 0 && it.fits(now)
}

// fits reports whether a message can be part of a batch.
func (it *item) fits(now time.Time) bool {
	return it.due.Message.Inbound == nil && it.due.Message.HasContent(now)
}

// tryBatch sends the head of a line with what goes along with it.
func (d *Dispatcher) tryBatch(it *item, plan *store.Plan, ep *hook.Endpoint) {
	if !d.fill(it, ep.Order) || !d.readBatchAgain(it) || !d.fixBatch(it) {
		return
	}
	whole := *it.due.Message
	whole.Batch = []*hook.Message{it.due.Message}
	it.begun = d.o.Observer.Begin()
	it.slot = d.queue.Begin(&it.due.Delivery)
	for _, m := range it.batch {
		whole.Batch = append(whole.Batch, m.due.Message)
		m.begun = d.o.Observer.Begin()
		m.slot = d.queue.Begin(&m.due.Delivery)
	}
	it.whole = &whole
	a := d.attempt(it)
	if n := len(it.batch); n > 0 {
		a.Batch = &hook.Batch{First: it.due.Message.ID, Last: it.batch[n-1].due.Message.ID, Count: n + 1, Of: a.ID}
	}
	batch := a.Batch
	d.trace(it, plan, ep, a)
	a.Message, a.Application, a.Endpoint, a.Batch = it.due.Message.ID, it.lane.tenant.id, it.lane.endpoint, batch
	if a.Reason == hook.ReasonCanceled && d.sending.Err() != nil {
		for _, m := range it.members() {
			d.o.Observer.End(m.begun, m.due.Message, &m.due.Delivery, nil)
		}
		return
	}
	d.record(it, plan, ep, a)
}

// members are the deliveries of an item's request: itself, and what goes along.
func (it *item) members() []*item {
	return append([]*item{it}, it.batch...)
}

// fill takes what goes along with the head of a line, and reports false when it has put
// all back because more is to come.
func (d *Dispatcher) fill(it *item, o *hook.Order) bool {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l := it.lane
	ln := l.lineOf(it)
	end := it.due.Delivery.BatchEnd
	if l.frozen > 0 {
		// Somebody was told which deliveries are not under way, and may be ending them.
		d.waitForMore(it, now.Add(restPause), math.MaxInt, now)
		return false
	}
	if end != (hook.PlaceInLine{}) {
		if !l.hasUpTo(end) {
			l.wantsRest = true
			d.wantClaim(l)
			d.waitForMore(it, now.Add(restPause), math.MaxInt, now)
			return false
		}
		late := false
		for ln.head != nil && ln.head.due.Delivery.Place().Compare(end) <= 0 {
			if ln.head.shadowed { // until its resend has ended
				d.waitForMore(it, now.Add(restPause), math.MaxInt, now)
				return false
			}
			if m := ln.head; !m.fits(now) || m.due.Message.IsLate(now) {
				late = true
				break
			}
			d.takeAlong(it, ln)
		}
		if late {
			// What no longer goes ends by itself, at the head of the line, and what stands behind
			// it makes another batch: so this one ends before it.
			it.due.Delivery.BatchEnd = hook.PlaceInLine{}
		}
		return true
	}
	for bytes := it.contentBytes(); len(it.batch)+1 < o.BatchSize; {
		m := ln.head
		if m == nil {
			if full := earliest(it.due.Delivery.DueAt, it.since).Add(o.MaxWait); it.due.Delivery.Attempts == 0 && full.After(now) && !ln.isFull {
				d.waitForMore(it, full, o.BatchSize, now)
				return false
			}
			break
		}
		if bytes += m.contentBytes(); bytes > maxBatchBytes || m.shadowed || m.due.Group != it.due.Group ||
			m.due.Delivery.NotBefore.After(now) || !m.fits(now) || m.due.Message.IsLate(now) {
			break
		}
		d.takeAlong(it, ln)
	}
	ln.isFull = false
	return true
}

// takeAlong takes the next of a line into the batch of it.
func (d *Dispatcher) takeAlong(it *item, ln *line) {
	m := ln.pop()
	it.lane.exits(ln, m)
	it.batch = append(it.batch, m)
}

// waitForMore puts a batch back into its line, which waits until a time or for a number of
// deliveries.
func (d *Dispatcher) waitForMore(it *item, until time.Time, want int, now time.Time) {
	l := it.lane
	ln := l.lineOf(it)
	ln.until, ln.want = until, want
	d.putBackBatch(it, now)
	d.makeReady(l)
}

// putBackBatch gives a batch that was not sent back to its line.
func (d *Dispatcher) putBackBatch(it *item, now time.Time) {
	l := it.lane
	for _, m := range it.batch {
		l.join(m, now)
	}
	it.batch = nil
	l.rejoin(it, now)
	l.refund()
}

// hasUpTo reports whether all deliveries in line up to a place are in memory, or have ended.
func (l *lane) hasUpTo(end hook.PlaceInLine) bool {
	return l.claimedTo.Compare(end) >= 0 || !l.isBehind && !l.isUnread && !l.claiming
}

// fixBatch makes it durable which deliveries a batch has, and reports false when the batch
// cannot be sent now.
func (d *Dispatcher) fixBatch(it *item) bool {
	if it.due.Delivery.BatchEnd != (hook.PlaceInLine{}) {
		return true
	}
	next := it.due.Delivery
	next.BatchEnd = next.Place()
	if n := len(it.batch); n > 0 {
		next.BatchEnd = it.batch[n-1].due.Delivery.Place()
	}
	done := make(chan error, 1)
	d.queue.Finish(&store.Finished{Delivery: next, Row: it.due.Row, Urgent: true, Done: func(err error) { done <- err }})
	err := <-done
	if err == nil {
		d.mu.Lock() // whoever cancels looks at what is under way
		it.due.Delivery = next
		d.mu.Unlock()
		return true
	}
	if hook.KindOf(err) == hook.Closed {
		return false // the process ends; all have their rows
	}
	d.log.Error("note what a batch has", telemetry.KeyMessage, d.codec.Message(it.lane.tenant.id, it.due.Message.ID), telemetry.KeyError, err)
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !isPassing(err) { // its segment is gone, and so is the delivery
		for _, m := range it.members() {
			d.forget(m)
		}
		ln := it.lane.lineOf(it)
		ln.busy = false
		it.lane.settle(ln, now)
		return false
	}
	d.putBackBatch(it, now)
	it.lane.pausedUntil = now.Add(retryStore)
	return false
}

// recordAlong makes the outcome of a batch's first delivery that of the others, each with
// an attempt of its own. The answer is kept once.
func (d *Dispatcher) recordAlong(it *item, plan *store.Plan, ep *hook.Endpoint, next *hook.Delivery, a *hook.Attempt) {
	for _, m := range it.batch {
		at := *a
		at.ID, at.Message, at.N, at.Header, at.Body = hook.AttemptID(d.catalog.NewKey()), m.due.Message.ID, m.due.Delivery.Attempts+1, nil, nil
		its := m.due.Delivery
		its.Attempts, its.Crashes = at.N, 0
		its.State, its.Reason, its.Step, its.NotBefore = next.State, next.Reason, next.Step, next.NotBefore
		if its.State.IsFinal() {
			its = its.End(its.State, its.Reason)
		}
		d.report(m, its, &at)
		announce := d.announcement(m, plan, ep, &its, &at)
		m.finished = store.Finished{Delivery: its, Row: m.due.Row, Attempt: &at, Slot: m.slot, Urgent: true, Announce: announce, Wipe: it.wipe}
	}
}
