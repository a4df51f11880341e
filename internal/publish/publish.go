// Package publish is the door through which the user's own events come in: a message
// is checked, its deliveries are planned, and both are stored in one commit. When
// Publish returns without error, they are on disk (store.Ledger).
//
// A repeat of a request under the same idempotency key finds the first one's message,
// whether that is stored already or still under way in another goroutine.
package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Catalog is what a Publisher asks of the catalogue.
type Catalog interface {
	Plan(ctx context.Context, env hook.EnvironmentID, ref string) (*store.Plan, error)
	PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error)
	CreateApplication(ctx context.Context, a *hook.Application, r *store.Receipt) error
	NewKey() hook.Key
	Types
}

// Ledger is where a Publisher stores.
type Ledger interface {
	Append(ctx context.Context, p *store.Publication) (store.Appended, error)
	Published(ctx context.Context, key store.IdempotencyKey) (hook.MessageID, bool, error)
}

// History is where the message of a repeated request is read.
type History interface {
	Message(ctx context.Context, app hook.ApplicationID, id hook.MessageID) (*hook.Message, error)
}

// Options are the knobs of a Publisher. The zero value is a good start.
type Options struct {
	// MaxPayloadBytes bounds Payload and RawBody each; more is hook.TooLarge, nothing
	// is ever cut. Zero means 1 MiB (CONTRACT section 0), negative means no limit.
	MaxPayloadBytes int
	// Metrics counts accepted messages; nil for none.
	Metrics *telemetry.Metrics
}

// Publisher accepts messages. Its methods may be called at the same time.
type Publisher struct {
	catalog Catalog
	ledger  Ledger
	history History
	max     int
	metrics *telemetry.Metrics
	flights flights
	checks  checks
}

// New returns a Publisher that plans with c and stores with l.
func New(c Catalog, l Ledger, h History, o Options) *Publisher {
	p := &Publisher{catalog: c, ledger: l, history: h, max: o.MaxPayloadBytes, metrics: o.Metrics, checks: checks{types: c}}
	if p.max == 0 {
		p.max = 1 << 20
	}
	if p.metrics == nil {
		p.metrics = telemetry.NewMetrics(nil)
	}
	return p
}

// Request asks for one message to be published.
type Request struct {
	Environment *hook.Environment
	// AppRef names the application by public id or uid.
	AppRef string
	// Application, where it is not 0, names the application by its key instead, and no
	// other way leads to an operational one.
	Application hook.ApplicationID
	// CreateApplication is made when AppRef names none; nil to answer hook.NotFound
	// instead. Its UID is AppRef. It is ignored when the application exists.
	CreateApplication *hook.Application
	// Message is the draft: what the client sets. ID, Environment and Application are
	// filled in, and ContentExpiresAt where it is zero. Its slices must not change any more.
	Message hook.Message
	// Only narrows who gets it to one endpoint, whatever that has subscribed to; nil for
	// those that subscribed.
	Only *Target
	// StoreOnly keeps the message without any delivery: it is history that was moved here,
	// and was delivered elsewhere. Its event type may be archived.
	StoreOnly bool
	// IsChecked: the payload was compared with the schema of its type (CheckPayload) when it
	// was asked for, and is published whatever the schema says by now.
	IsChecked bool
	// Key makes a repeat of the request find the first; nil for none.
	Key *store.IdempotencyKey
}

// Target is the one endpoint of a message that was asked for by hand.
type Target struct {
	// Endpoint must be one of the application's; else hook.NotFound.
	Endpoint hook.EndpointID
	// StoreOnly keeps the message without any delivery: whoever asked makes one later.
	StoreOnly bool
}

// Result is what became of a Request.
type Result struct {
	Application *hook.Application
	Message     *hook.Message // shared with the dispatcher: not to be changed
	// Replayed: an earlier request with the same key published this message.
	Replayed bool
	// Redaction is what people do not see of the message's payload; nil for nothing.
	Redaction *hook.Redaction
}

// maxPlans bounds how often a publish plans anew because the application changed
// in between. Each round loses only to a change that was acknowledged meanwhile.
const maxPlans = 16

// Publish stores the message with its deliveries and returns when they are durable.
//
// Errors: hook.FieldError for a broken rule, hook.TooLarge, hook.NotFound, and those of
// store.Ledger.Append. After an error with a kind no message was stored; after any
// other the message may be stored, and the caller must repeat with the same key. An
// application that was created on the way stays: the repeat finds it.
func (p *Publisher) Publish(ctx context.Context, r Request) (Result, error) {
	now := time.Now()
	if err := p.check(&r.Message, now); err != nil {
		return p.late(ctx, &r, err)
	}
	if r.Key == nil {
		return p.publish(ctx, &r, now)
	}
	return p.flights.do(ctx, *r.Key, func() (Result, error) { return p.publish(ctx, &r, now) })
}

// late answers a request that breaks a rule. A repeat of one that was accepted gets
// that one's answer: its deliverAt was far enough ahead when it came first.
func (p *Publisher) late(ctx context.Context, r *Request, broken error) (Result, error) {
	if r.Key == nil {
		return Result{}, broken
	}
	id, found, err := p.ledger.Published(ctx, *r.Key)
	if err != nil {
		return Result{}, err
	}
	if !found {
		return Result{}, broken
	}
	r.CreateApplication = nil
	plan, err := p.plan(ctx, r)
	if err != nil {
		return Result{}, err
	}
	return p.replayed(ctx, plan, id)
}

func (p *Publisher) check(m *hook.Message, now time.Time) error {
	if err := m.Validate(now); err != nil {
		return err
	}
	if p.max > 0 && max(len(m.Payload), len(m.RawBody)) > p.max {
		return hook.Errorf(hook.TooLarge, "the payload has %d bytes, at most %d are allowed", max(len(m.Payload), len(m.RawBody)), p.max)
	}
	if len(m.Payload) == 0 || m.Payload[0] != '{' {
		return hook.Fieldf("payload", "must be a JSON object")
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, r *Request, now time.Time) (Result, error) {
	for range maxPlans {
		plan, err := p.plan(ctx, r)
		if err != nil {
			return Result{}, err
		}
		if plan.Archived[r.Message.EventType] && !r.StoreOnly && plan.Application.ID != plan.Environment.ID.Operational() {
			// The types of operational webhooks are not those of the catalogue.
			broken := hook.Fieldf("eventType", "The event type %s is archived; nothing is published of it", r.Message.EventType)
			return p.late(ctx, r, broken)
		}
		if err := p.follows(ctx, plan, r); err != nil {
			return p.late(ctx, r, err)
		}
		// A fresh copy each round: the store may have written into the one before.
		m := r.Message
		m.ID, m.Environment, m.Application = 0, r.Environment.ID, plan.Application.ID
		if m.ContentExpiresAt.IsZero() {
			m.ContentExpiresAt = now.Add(plan.KeptFor(m.EventType))
			if err := m.CheckKept(); err != nil {
				return Result{}, err
			}
		}
		deliveries, err := recipients(plan, &m, r)
		if err != nil {
			return Result{}, err
		}
		done, err := p.ledger.Append(ctx, &store.Publication{
			Message:     &m,
			Deliveries:  deliveries,
			PlanVersion: plan.Version,
			Key:         r.Key,
		})
		switch {
		case err == nil && done.Replayed:
			return p.replayed(ctx, plan, done.ID)
		case err == nil:
			p.metrics.MessagesCreated.Inc()
			return Result{Application: plan.Application, Message: withID(&m, done.ID), Redaction: plan.Redactions[m.EventType]}, nil
		case hook.KindOf(err) == hook.Stale:
			// The application changed after it was planned: an endpoint that was
			// acknowledged before us must get this message, so plan again.
		case hook.KindOf(err) == hook.NotFound && r.CreateApplication != nil:
			// It was deleted in between; the request asks for it to exist.
		default:
			return Result{}, err
		}
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
	}
	return Result{}, hook.Errorf(hook.Overloaded, "the application changes faster than a message can be planned; try again")
}

// follows compares the payload with the schema of its type where that is checked.
// Operational webhooks have types of their own, and what was moved here was sent already.
func (p *Publisher) follows(ctx context.Context, plan *store.Plan, r *Request) error {
	if plan.Checked == nil || r.IsChecked || r.StoreOnly || plan.Application.ID == plan.Environment.ID.Operational() {
		return nil
	}
	revision := plan.Checked[r.Message.EventType]
	if revision == 0 {
		return nil
	}
	return p.checks.judge(ctx, plan.Environment.ID, r.Message.EventType, revision, r.Message.Payload)
}

// recipients returns the deliveries of a message.
func recipients(plan *store.Plan, m *hook.Message, r *Request) ([]hook.Delivery, error) {
	only := r.Only
	if r.StoreOnly {
		return nil, nil
	}
	if only == nil {
		return fanout.Plan(plan, m), nil
	}
	e := plan.Endpoint(only.Endpoint)
	switch {
	case e == nil:
		return nil, hook.Errorf(hook.NotFound, "the endpoint was deleted")
	case only.StoreOnly:
		return nil, nil
	}
	return fanout.To(plan, e, m), nil
}

// plan returns the application's plan and creates the application where that is asked for.
func (p *Publisher) plan(ctx context.Context, r *Request) (*store.Plan, error) {
	if r.Application != 0 {
		return p.catalog.PlanOf(ctx, r.Application)
	}
	plan, err := p.catalog.Plan(ctx, r.Environment.ID, r.AppRef)
	if hook.KindOf(err) != hook.NotFound || r.CreateApplication == nil {
		return plan, err
	}
	if !r.IsChecked && !r.StoreOnly {
		// Before anything is made: a refused payload leaves no application behind.
		if err := p.CheckPayload(ctx, r.Environment.ID, r.Message.EventType, r.Message.Payload); err != nil {
			return nil, err
		}
	}
	a := *r.CreateApplication
	if err := a.Validate(); err != nil {
		return nil, err
	}
	a.ID, a.Environment = hook.ApplicationID(p.catalog.NewKey()), r.Environment.ID
	if a.CreatedAt.IsZero() {
		a.CreatedAt = hook.Key(a.ID).Time()
		a.UpdatedAt = a.CreatedAt
	}
	// Conflict: somebody else has just created it, which is as good.
	if err := p.catalog.CreateApplication(ctx, &a, nil); err != nil && hook.KindOf(err) != hook.Conflict {
		return nil, fmt.Errorf("create application on the way: %w", err)
	}
	return p.catalog.Plan(ctx, r.Environment.ID, r.AppRef)
}

// withID returns m with its id. The store has usually set it, and then lanes read m
// already: it must not be written again.
func withID(m *hook.Message, id hook.MessageID) *hook.Message {
	if m.ID == id {
		return m
	}
	c := *m
	c.ID = id
	return &c
}

// replayed answers a repeat with the message as it was stored the first time.
func (p *Publisher) replayed(ctx context.Context, plan *store.Plan, id hook.MessageID) (Result, error) {
	m, err := p.history.Message(ctx, plan.Application.ID, id)
	if err != nil {
		return Result{}, fmt.Errorf("load the message of a repeated request: %w", err)
	}
	return Result{Application: plan.Application, Message: m, Replayed: true, Redaction: plan.Redactions[m.EventType]}, nil
}
