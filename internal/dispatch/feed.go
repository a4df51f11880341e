package dispatch

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// feed hands a delivery over to its polling endpoint: instead of a request, the commit of
// its outcome puts it where consumers fetch. The lane of such an endpoint takes one
// delivery after the other (see lane.take), so that they come into the feed in the order in
// which they came into the lane. That is the order of their acceptance, but for what is tried
// again, was scheduled or stopped, or waits at the start of the process.
func (d *Dispatcher) feed(it *item) {
	next := it.due.Delivery.End(hook.Delivered, hook.ReasonNone)
	next.Crashes = 0
	it.fed = &store.Fed{}
	d.counts.ended(it.kind, fedOutcome, hook.ReasonNone)
	if ctx := context.Background(); d.log.Enabled(ctx, levelDelivery) {
		d.log.LogAttrs(ctx, levelDelivery, "message handed over to a polling endpoint", d.ids(it.lane.tenant.id, it, next.State, hook.ReasonNone)...)
	}
	d.finish(it, next, nil, nil, false)
}
