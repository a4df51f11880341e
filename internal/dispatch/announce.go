package dispatch

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// announcement is what there is to tell receivers of operational webhooks about an outcome,
// nil for nothing. Nearly always that shows from the delivery alone; else who subscribed
// shows from a plan in memory. Deliveries to such receivers are not told of, or one that
// fails would be told of its own failures for ever.
func (d *Dispatcher) announcement(it *item, plan *store.Plan, ep *hook.Endpoint, next *hook.Delivery, a *hook.Attempt) *hook.Announcement {
	typ := hook.AttemptAnnouncement(&it.due.Delivery, next, a)
	if typ == "" || plan.Application.IsOperational() {
		return nil
	}
	// The attempt may have been the last before the end: sending is over then, reading is not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.sending), storeTimeout)
	defer cancel()
	n := hook.AboutAttempt(typ, plan.Application, ep, it.due.Message, a)
	to, err := d.catalog.PlanOf(ctx, plan.Environment.ID.Operational())
	if err != nil {
		if hook.KindOf(err) == hook.NotFound {
			return nil // the environment was deleted
		}
		// Somebody may have subscribed. If nobody has, a message without deliveries comes of it.
		d.log.Error("look for receivers of an operational webhook", telemetry.KeyEventType, n.Type, telemetry.KeyError, err)
		return n
	}
	for _, e := range to.Endpoints {
		if !e.Disabled && e.Wants(n.Type, nil) {
			return n
		}
	}
	return nil
}
