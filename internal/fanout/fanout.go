// Package fanout decides who gets a message. It is a pure function of a snapshot of
// the catalogue and the message: no clock, no store, no state, so the same message
// and plan always give the same deliveries.
package fanout

import (
	"github.com/hookloft/hookloft/internal/filter"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Plan returns the deliveries of m to the endpoints of plan that subscribed to it, by
// rising endpoint. It does not fill in Delivery.Message, which the store draws.
//
//   - An endpoint whose event types or channels leave m out gets no delivery and leaves no
//     record: that is computed when somebody asks.
//   - An endpoint whose Filter does not want m has a delivery that is Cancelled with
//     ReasonSkippedFilter and the clause that decided in its Note.
//   - A disabled endpoint that would have got m has a delivery that is Exhausted with
//     ReasonDisabled, so that what was skipped can be listed and replayed.
//   - A delayed message (DeliverAt) is due then, at every endpoint.
//   - A delivery to an ordered endpoint knows its line; what changes about the endpoint
//     later leaves it there.
func Plan(plan *store.Plan, m *hook.Message) []hook.Delivery {
	n := 0
	for _, e := range plan.Endpoints {
		if e.Wants(m.EventType, m.Channels) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	// The filters are cheaper to ask twice than a growing slice is to copy.
	out := make([]hook.Delivery, 0, n)
	var asked *filter.Message
	for _, e := range plan.Endpoints {
		if !e.Wants(m.EventType, m.Channels) {
			continue
		}
		if e.Filter != nil {
			if asked == nil { // its payload is parsed once for all endpoints
				asked = Asked(plan.Application, m)
			}
			if decision := Decide(e.Filter, asked); !decision.Match {
				out = append(out, skipped(plan, e, decision))
				continue
			}
		}
		d := delivery(plan, e, m)
		if e.Latest != nil {
			d.Latest = latestOf(e, m)
		}
		out = append(out, d)
	}
	return out
}

// To returns the delivery of m to one endpoint of plan, whatever its filters say.
func To(plan *store.Plan, e *hook.Endpoint, m *hook.Message) []hook.Delivery {
	return []hook.Delivery{delivery(plan, e, m)}
}

// skipped is the delivery of a message that the endpoint's filter does not want.
func skipped(plan *store.Plan, e *hook.Endpoint, why filter.Decision) hook.Delivery {
	d := hook.Delivery{Application: plan.Application.ID, Endpoint: e.ID, Trigger: hook.Scheduled}.End(hook.Cancelled, hook.ReasonSkippedFilter)
	d.Note = why.Clause.Note()
	return d
}

func delivery(plan *store.Plan, e *hook.Endpoint, m *hook.Message) hook.Delivery {
	d := hook.Delivery{Application: plan.Application.ID, Endpoint: e.ID, Trigger: hook.Scheduled, DueAt: m.DeliverAt}
	if e.Disabled {
		return d.End(hook.Exhausted, hook.ReasonDisabled)
	}
	d.Line = LineOf(e, m)
	return d
}
