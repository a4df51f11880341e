package dispatch

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// maxParked is how many idle workers are kept for the next burst, while any endpoint has
// a lane.
const maxParked = 32

// launch starts one worker when there is something to try. Each worker that starts
// does the same again, so a batch spreads over many without holding up whoever
// brought it, which may be the store's writer. The caller holds mu.
func (d *Dispatcher) launch(now time.Time) {
	it := d.pick(now)
	if it == nil {
		return
	}
	if n := len(d.parked); n > 0 {
		w := d.parked[n-1]
		d.parked = d.parked[:n-1]
		w <- it
		return
	}
	d.workers.Go(func() { d.work(it) })
}

// work tries one delivery after the other. A worker that has ended one takes the next
// itself, so that under load none is handed from one goroutine to another.
func (d *Dispatcher) work(it *item) {
	// Sent to by launch, closed by dismiss; room for one, so that neither waits.
	next := make(chan *item, 1)
	for {
		d.mu.Lock()
		d.launch(time.Now())
		d.mu.Unlock()
		for it != nil {
			d.try(it)
			it = d.done(it)
		}
		d.mu.Lock()
		if d.stopping || len(d.parked) >= maxParked {
			d.mu.Unlock()
			return
		}
		d.parked = append(d.parked, next)
		d.mu.Unlock()
		if it = <-next; it == nil {
			return
		}
	}
}

// dismiss ends the workers that wait for something to try. The caller holds mu.
func (d *Dispatcher) dismiss() {
	for _, w := range d.parked {
		close(w)
	}
	d.parked = nil
}

// done frees the place of an item that was tried and takes the next for the same worker.
func (d *Dispatcher) done(it *item) *item {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l := it.lane
	l.inFlight--
	l.tenant.inFlight--
	d.inFlight--
	if l.inFlight == 0 {
		l.isAlone = false
	}
	d.makeReady(l)
	d.wantClaim(l)
	if l.isIdle() {
		d.idle(l, now)
	}
	next := d.pick(now)
	if next != nil {
		d.launch(now) // the outcome may have made room for more than one
	} else {
		d.counts.inFlight.Set(float64(d.inFlight))
	}
	return next
}

// crashesAlone is after how many crashes of the process a delivery is tried alone.
const crashesAlone = 3

// try makes one attempt and hands its outcome to the store, or ends the delivery
// without one.
func (d *Dispatcher) try(it *item) {
	l := it.lane
	plan, err := d.catalog.PlanOf(d.sending, l.tenant.id)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		d.skip(it, hook.Cancelled, hook.ReasonCanceled)
		return
	}
	if err != nil {
		if d.sending.Err() == nil {
			d.log.Error("load the plan of an application", telemetry.KeyError, err)
		}
		d.putBack(it)
		return
	}
	ep := plan.Endpoint(l.endpoint)
	switch {
	case ep == nil:
		d.skip(it, hook.Exhausted, hook.ReasonEndpointDeleted)
		return
	case it.due.Delivery.Trigger == hook.Scheduled && ep.IsHeld(plan.Application.Hold):
		// A person who asks for an attempt gets it all the same.
		d.keep(it)
		return
	case ep.Disabled:
		d.skip(it, hook.Exhausted, hook.ReasonDisabled)
		return
	case it.due.Delivery.Trigger == hook.Scheduled && it.due.Message.IsLate(time.Now()):
		// Who asks for a resend knows how late it is.
		d.skip(it, hook.Exhausted, hook.ReasonExpired)
		return
	case it.due.Delivery.Crashes >= crashesAlone && it.due.Delivery.Reason != hook.ReasonSenderCrashed:
		// The reason says that it was put off since its last crash: now is its time.
		d.postpone(it)
		return
	}
	if !d.readAgain(it) {
		d.putBack(it)
		return
	}
	d.learn(it, plan, ep)
	if ep.Kind == hook.PollingEndpoint {
		d.feed(it, plan, ep)
		return
	}

	if it.goesInBatch(ep, time.Now()) {
		d.tryBatch(it, plan, ep)
		return
	}
	it.begun = d.o.Observer.Begin()
	a := d.attempt(it)
	it.slot = d.queue.Begin(&it.due.Delivery)
	d.trace(it, plan, ep, a)
	// What the attempt is of is not for the Sender to say.
	a.Message, a.Application, a.Endpoint = it.due.Message.ID, l.tenant.id, l.endpoint
	if a.Reason == hook.ReasonCanceled && d.sending.Err() != nil {
		// Cut by the shutdown: it did not happen, and drain gives it back. An answer that
		// came first is an answer, whatever it says.
		d.o.Observer.End(it.begun, it.due.Message, &it.due.Delivery, nil)
		return
	}
	if d.o.Answered != nil && it.due.Message.Inbound != nil {
		d.o.Answered(it.due.Message, a)
	}
	d.record(it, plan, ep, a)
}

// attempt returns the next attempt of an item, which is about to begin.
func (d *Dispatcher) attempt(it *item) *hook.Attempt {
	return &hook.Attempt{
		ID: hook.AttemptID(d.catalog.NewKey()), Message: it.due.Message.ID, Application: it.lane.tenant.id, Endpoint: it.lane.endpoint,
		N: it.due.Delivery.Attempts + 1, Trigger: it.due.Delivery.Trigger, StartedAt: time.Now(),
	}
}

// trace sends, within a span when tracing is on.
func (d *Dispatcher) trace(it *item, plan *store.Plan, ep *hook.Endpoint, a *hook.Attempt) {
	t := d.o.Tracer
	if t == nil {
		d.send(d.sending, it, plan, ep, a)
		return
	}
	m, app := it.due.Message, plan.Application
	ctx, span := t.Attempt(d.sending, m.TransformationsParams)
	if span.IsRecording() {
		span.Describe(telemetry.AttemptOf{
			Environment: d.codec.Environment(app.Environment), Application: d.codec.Application(app.Environment, app.ID), ApplicationUID: app.UID,
			Endpoint: d.codec.Endpoint(app.ID, ep.ID), Message: d.codec.Message(app.ID, m.ID), EventID: m.EventID, EventType: m.EventType,
			N: a.N, Trigger: kindNames[it.kind], Metadata: app.Metadata, Params: m.TransformationsParams,
		})
	}
	d.send(ctx, it, plan, ep, a)
	span.Attempted(a.Outcome == hook.Success, a.Reason.String())
}

// send calls the Sender. A bug in it that panics fails one attempt, not the process.
func (d *Dispatcher) send(ctx context.Context, it *item, plan *store.Plan, ep *hook.Endpoint, a *hook.Attempt) {
	defer func() {
		if r := recover(); r != nil {
			d.log.Error("sender panicked", telemetry.KeyMessage, d.codec.Message(a.Application, a.Message), telemetry.KeyError, fmt.Sprint(r), "stack", string(debug.Stack()))
			a.Outcome, a.Reason, a.Error, a.Took = hook.Failed, hook.ReasonInternal, "internal error of the sender", time.Since(a.StartedAt)
		}
	}()
	m := it.due.Message
	if it.whole != nil {
		m = it.whole
	}
	d.sender.Send(ctx, m, ep, plan.Environment, a)
}

// learn takes the rate from the endpoint's present state; a new lane can widen now.
func (d *Dispatcher) learn(it *item, plan *store.Plan, ep *hook.Endpoint) {
	r := ep.Pace(plan.Application.ThrottleRate)
	until, pace := ep.Draining(plan.Application.Hold)
	if !until.IsZero() && ep.IsOrdered() && (&rate{perSecond: pace}).interval() > (&rate{perSecond: r}).interval() {
		r = pace // what came later stands behind it
	}
	if it.isPlanned && it.perSecond == r && it.updatedAt.Equal(ep.UpdatedAt) && it.drains.Equal(until) {
		return
	}
	l, now := it.lane, time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	isNew := !l.isPlanned
	l.setRate(r, now)
	l.isFeed = ep.Kind == hook.PollingEndpoint
	l.setDrain(plan, ep, now)
	if !l.updatedAt.Equal(ep.UpdatedAt) || isNew {
		// The owner may have forgiven earlier failures.
		l.updatedAt = ep.UpdatedAt
		l.streak.start(ep)
	}
	if isNew {
		d.makeReady(l)
		d.launch(now)
	}
}

// retryStore is the wait before something is asked of the store again that failed.
const retryStore = time.Second

// putBack returns a delivery to its queue, for trouble that is ours.
func (d *Dispatcher) putBack(it *item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := it.lane
	l.landed(it)
	l.putFront(it, time.Now())
	l.pausedUntil = time.Now().Add(retryStore)
	l.refund()
}

// skip ends a delivery that is not to be tried. A manual attempt that cannot be made
// leaves its pair as it was.
func (d *Dispatcher) skip(it *item, s hook.State, why hook.Reason) {
	next := it.due.Delivery
	if next.Trigger == hook.Manual {
		next.Fresh, next.Reason = false, why
	} else {
		next = next.End(s, why)
	}
	d.mu.Lock()
	it.lane.refund()
	d.mu.Unlock()
	d.counts.ended(it.kind, skippedOutcome, why)
	if ctx := context.Background(); d.log.Enabled(ctx, levelDelivery) {
		app := it.lane.tenant.id
		d.log.LogAttrs(ctx, levelDelivery, "delivery ended without an attempt", d.ids(app, it, next.State, why)...)
	}
	d.finish(it, next, nil, nil, true)
}

// postpone puts off a delivery that was in flight when the process died three times:
// by a minute, and longer after each further crash. It is tried alone then. A resend has
// no schedule: it is given up, and may be asked for again.
func (d *Dispatcher) postpone(it *item) {
	next := it.due.Delivery
	d.log.Error("a delivery was in flight in several crashes and is put off", telemetry.KeyMessage, d.codec.Message(it.lane.tenant.id, it.due.Message.ID),
		telemetry.KeyEndpoint, d.codec.Endpoint(it.lane.tenant.id, it.lane.endpoint), telemetry.KeyTrigger, kindNames[it.kind], telemetry.KeyCount, next.Crashes)
	if next.Trigger == hook.Manual {
		d.skip(it, hook.Exhausted, hook.ReasonSenderCrashed)
		return
	}
	next.Fresh, next.State, next.Reason = false, hook.Pending, hook.ReasonSenderCrashed
	wait := min(time.Hour, time.Minute<<min(6, next.Crashes-crashesAlone))
	// Up to half as long again, so that those that were in flight together come apart, and
	// only the culprit is in flight at the next crash.
	if at := time.Now().Add(wait + time.Duration(d.o.Chance()*float64(wait/2))); next.Line != 0 {
		next.NotBefore = at
	} else {
		next.DueAt = at
	}
	d.mu.Lock()
	it.lane.refund()
	d.mu.Unlock()
	d.finish(it, next, nil, nil, true)
}
