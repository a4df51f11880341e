package receive

import (
	"context"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// maxPlans bounds how often events are planned anew because an application changed in
// between. Each round loses only to a change that was acknowledged meanwhile.
const maxPlans = 16

// keep stores events and answers, unless it returns why not.
func (v *visit) keep(ctx context.Context, events []event) *refusal {
	var w *waiter
	if v.source.Settings.Pass.Enabled {
		w = v.waiters.add()
		defer v.waiters.remove(w)
	}
	stored, err := v.store(ctx, v.source, events, w)
	if err != nil {
		return v.notStored(err)
	}
	// At this point the webhook is durable: whatever happens to the answer, it is delivered.
	if stored.fresh == 0 {
		v.count(hook.Duplicate)
		v.writeSetAnswer(v.w)
		return nil
	}
	v.count(hook.Accepted)
	if w == nil || stored.firstReplayed || !v.pass(ctx, w) {
		v.writeSetAnswer(v.w)
	}
	return nil
}

// notStored answers a webhook that was not stored, or maybe was: the provider comes again.
func (v *visit) notStored(err error) *refusal {
	switch hook.KindOf(err) {
	case hook.NotFound: // deleted while the request was under way
		return &refusal{status: http.StatusNotFound, code: "not_found", detail: "There is no such URL.", kind: "deleted"}
	case hook.StorageFull:
		return unavailable("the disk has no room for new messages", "storage full")
	case hook.Overloaded, hook.Stale:
		return unavailable("too many messages wait to be stored", "overloaded")
	case hook.Closed:
		return unavailable("the server is shutting down", "shutting down")
	}
	if v.req.Context().Err() != nil {
		return unavailable("the provider hung up before the webhook was stored", "hung up")
	}
	v.log.Error("store webhook", "source", v.publicID(), telemetry.KeyError, err)
	return unavailable("the store failed", "store failed")
}

// stored says what became of events.
type stored struct {
	fresh         int  // events that are new
	firstReplayed bool // the first event was stored by an earlier request
}

// maxTogether is how many events are committed at once: with those of an application, no
// more than store.MaxPublications. No provider is known to send larger batches.
const maxTogether = store.MaxPublications / 2

// store stores events in one commit, or in several when there are very many. When a later
// one fails the provider comes again, and the keys find what the earlier ones stored. w
// waits for the first event's answer; nil for nobody.
//
// Errors are those of store.Ledger.AppendAll; NotFound says that the source is gone.
func (r *Receiver) store(ctx context.Context, s *hook.Source, events []event, w *waiter) (all stored, err error) {
	for i := 0; i < len(events); i += maxTogether {
		some, err := r.commit(ctx, s, events[i:min(i+maxTogether, len(events))], w)
		if err != nil {
			return stored{}, err
		}
		if i == 0 {
			all.firstReplayed = some.firstReplayed
		}
		all.fresh += some.fresh
		w = nil
	}
	return all, nil
}

// commit plans events for the source's endpoints, and for the application that the source
// publishes into, and appends all of it at once.
func (r *Receiver) commit(ctx context.Context, s *hook.Source, events []event, w *waiter) (stored, error) {
	for range maxPlans {
		plan, err := r.Plans.PlanOf(ctx, s.ID.Application())
		if err != nil {
			return stored{}, err
		}
		also, err := r.application(ctx, s)
		if err != nil {
			return stored{}, err
		}
		all := publications(r.now(), events, plan, also)
		r.waiters.expect(w, all[0])
		var done []store.Appended
		if len(all) == 1 {
			var one store.Appended
			if one, err = r.Ledger.Append(ctx, all[0]); err == nil {
				done = []store.Appended{one}
			}
		} else {
			done, err = r.Ledger.AppendAll(ctx, all)
		}
		switch {
		case err == nil:
			r.waiters.settle(w, all[0])
			return r.settle(events, done), nil
		case hook.KindOf(err) == hook.Stale:
			// The application changed after it was planned: an endpoint that was
			// acknowledged before us must get this message, so plan again.
		case hook.KindOf(err) == hook.NotFound && also != nil:
			// One of the two was deleted in between; the next round sees which.
		default:
			return stored{}, err
		}
		if err := ctx.Err(); err != nil {
			return stored{}, err
		}
	}
	return stored{}, hook.Errorf(hook.Overloaded, "the application changes faster than a message can be planned; try again")
}

// publications plans events: all of the source's, then all of the application's. They
// are copies, because the store may have written into those of the round before.
func publications(now time.Time, events []event, plan, also *store.Plan) []*store.Publication {
	n := len(events)
	if also != nil {
		n *= 2
	}
	all := make([]*store.Publication, 0, n)
	for i := range events {
		m := events[i].message
		m.Application = plan.Application.ID
		m.ContentExpiresAt = now.Add(plan.KeptFor(m.EventType))
		all = append(all, &store.Publication{Message: &m, Deliveries: fanout.Plan(plan, &m), PlanVersion: plan.Version, Key: events[i].key})
	}
	if also == nil {
		return all
	}
	for i := range events {
		m := events[i].message
		m.Application = also.Application.ID
		m.ContentExpiresAt = now.Add(also.KeptFor(m.EventType))
		m.Payload, m.RawBody = payloadOf(m.RawBody)
		if m.RawBody == nil {
			m.ContentType = ""
		}
		m.Inbound = nil // it is a message like every other there
		all = append(all, &store.Publication{
			Message: &m, Deliveries: fanout.Plan(also, &m), PlanVersion: also.Version,
			Key: inApplication(events[i].key, also.Application.ID),
		})
	}
	return all
}

// settle counts what a commit made.
func (r *Receiver) settle(events []event, done []store.Appended) stored {
	out := stored{firstReplayed: done[0].Replayed}
	for i := range done {
		if done[i].Replayed {
			continue
		}
		r.Metrics.MessagesCreated.Inc()
		if i < len(events) {
			out.fresh++
		}
	}
	return out
}

// application returns the plan of the application that a source publishes into; nil for
// none. That one is gone must not cost the provider's webhook: it is said in the log.
func (r *Receiver) application(ctx context.Context, s *hook.Source) (*store.Plan, error) {
	if s.Settings.PublishTo == 0 {
		return nil, nil
	}
	plan, err := r.Plans.PlanOf(ctx, s.Settings.PublishTo)
	switch {
	case err == nil && plan.Application.Environment == s.Environment && plan.Application.Source == 0:
		return plan, nil
	case err == nil, hook.KindOf(err) == hook.NotFound:
		if missed, due := r.gone.note(s.ID, r.now()); due {
			r.log.Warn("the application that a source publishes into is gone",
				"source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyCount, missed)
		}
		return nil, nil
	}
	return nil, err
}

// noticeEvery is how often the same thing is said in the log.
const noticeEvery = time.Minute
