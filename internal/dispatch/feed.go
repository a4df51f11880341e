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

// feed hands a delivery over to its polling endpoint: instead of a request, the commit of
// its outcome puts it where consumers fetch. The lane of such an endpoint takes one
// delivery after the other (see lane.take), so that they come into the feed in the order in
// which they came into the lane. That is the order of their acceptance, but for what is tried
// again, was scheduled or stopped, or waits at the start of the process.
func (d *Dispatcher) feed(it *item, plan *store.Plan, ep *hook.Endpoint) {
	it.fed = &store.Fed{}
	if ep.Script() != nil && !d.transform(it, plan, ep) {
		return
	}
	next := it.due.Delivery.End(hook.Delivered, hook.ReasonNone)
	next.Crashes = 0
	d.counts.ended(it.kind, fedOutcome, hook.ReasonNone)
	if ctx := context.Background(); d.log.Enabled(ctx, levelDelivery) {
		d.log.LogAttrs(ctx, levelDelivery, "message handed over to a polling endpoint", d.ids(it.lane.tenant.id, it, next.State, hook.ReasonNone)...)
	}
	d.finish(it, next, nil, nil, false)
}

// transform has the endpoint's script make what is handed over. Where it fails, or cancels
// the message, that is an attempt with its outcome, as where a request would have been made;
// the answer is then false.
func (d *Dispatcher) transform(it *item, plan *store.Plan, ep *hook.Endpoint) bool {
	taker, ok := d.sender.(Taker)
	if !ok {
		return true
	}
	m, l := it.due.Message, it.lane
	it.begun = d.o.Observer.Begin()
	a := d.attempt(it)
	*it.fed = d.taken(taker, it, plan, ep, a)
	a.Message, a.Application, a.Endpoint = m.ID, l.tenant.id, l.endpoint
	isCut := a.Reason == hook.ReasonCanceled && d.sending.Err() != nil // it did not happen, and drain gives it back
	if isCut {
		it.fed = nil
	}
	if a.Outcome == hook.Success || isCut {
		d.o.Observer.End(it.begun, m, &it.due.Delivery, nil)
		return !isCut
	}
	it.fed = nil
	d.record(it, plan, ep, a)
	return false
}

// taken calls the Taker. A bug in it that panics fails one attempt, not the process.
func (d *Dispatcher) taken(t Taker, it *item, plan *store.Plan, ep *hook.Endpoint, a *hook.Attempt) store.Fed {
	defer func() {
		if r := recover(); r != nil {
			d.log.Error("sender panicked", telemetry.KeyMessage, d.codec.Message(a.Application, a.Message), telemetry.KeyError, fmt.Sprint(r), "stack", string(debug.Stack()))
			a.Outcome, a.Reason, a.Error, a.Took = hook.Failed, hook.ReasonInternal, "internal error of the sender", time.Since(a.StartedAt)
		}
	}()
	return t.Take(d.sending, it.due.Message, ep, plan.Environment, a)
}
