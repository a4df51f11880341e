// Package consent asks receivers whether they agree to be sent to, before anything is
// sent: at once when somebody wants to know, and by itself for some days until they do.
// What is asked and when is durable with the endpoint (hook.Consent), so that a restart
// goes on where it was. Nothing is sent to an endpoint that awaits consent, see
// hook.Endpoint.IsHeld; this package opens that gate and holds none.
package consent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

const (
	// askTimeout bounds one question, from the look-up to the end of the answer.
	askTimeout = 15 * time.Second
	// maxAsking is how many receivers are asked at once by the server, and as many again by
	// people; maxAskingOfOne is how many of them may be of one application, whose receivers
	// may all hang.
	maxAsking      = 8
	maxAskingOfOne = 2
	// askPause is how soon the same receiver may be asked again: the question goes to a URL
	// that anybody may have written down.
	askPause = 2 * time.Second
	// maxSleep bounds a sleep, because the monotonic clock of timers does not see that the
	// wall clock was set or the machine slept.
	maxSleep = time.Minute
	// failPause is the wait after the store failed.
	failPause = 2 * time.Second
	dueBatch  = 32
)

// Catalog is what a Keeper asks of the catalogue.
type Catalog interface {
	store.Consents
	PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error)
	UpdateEndpoint(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, r *store.Receipt, update func(*hook.Endpoint) error) (*hook.Endpoint, error)
	NewKey() hook.Key
	Codec() *hook.Codec
}

// Deps are what a Keeper works with. All are needed but Log.
type Deps struct {
	Catalog Catalog
	// Send makes one attempt of a message at an endpoint, signed and with the endpoint's
	// headers and credentials, and writes what came of it into a.
	Send func(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt)
	// Do makes a request over connections whose addresses were judged. It follows no redirects.
	Do func(*http.Request) (*http.Response, error)
	// Origin is the DNS name by which this server calls itself (CloudEvents, HTTP 1.1 Web
	// Hooks, section 4.1.1).
	Origin func() string
	Log    *slog.Logger
}

// Keeper asks for consent. Its methods may be called at the same time.
type Keeper struct {
	Deps
	wake chan struct{} // sent to by Wake, never closed; one waiting word is enough

	mu     sync.Mutex // guards what follows
	asking map[hook.EndpointID]bool
	byHand places
	itself places
}

// places are the questions under way, by application.
type places struct {
	taken int
	of    map[hook.ApplicationID]int
}

// take takes a place; false where there is none.
func (p *places) take(app hook.ApplicationID) bool {
	if p.taken >= maxAsking || p.of[app] >= maxAskingOfOne {
		return false
	}
	p.taken++
	p.of[app]++
	return true
}

func (p *places) give(app hook.ApplicationID) {
	p.taken--
	if p.of[app]--; p.of[app] == 0 {
		delete(p.of, app)
	}
}

// New returns a Keeper that asks by itself once it Runs.
func New(d Deps) *Keeper {
	if d.Log == nil {
		d.Log = telemetry.Discard()
	}
	return &Keeper{
		Deps: d, wake: make(chan struct{}, 1), asking: map[hook.EndpointID]bool{},
		byHand: places{of: map[hook.ApplicationID]int{}}, itself: places{of: map[hook.ApplicationID]int{}},
	}
}

// Wake makes Run look for receivers to ask, after an endpoint was made or changed.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run asks receivers when that is due until ctx ends. It sleeps while there are none.
func (k *Keeper) Run(ctx context.Context) error {
	var asked sync.WaitGroup
	defer asked.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-k.wake:
		}
		now := time.Now()
		due, next, err := k.Catalog.DueConsents(ctx, now, dueBatch)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			k.Log.Error("look for receivers to ask", telemetry.KeyError, err)
			timer.Reset(failPause)
			continue
		case !next.IsZero():
			timer.Reset(min(max(next.Sub(now), 0), maxSleep))
		}
		for _, d := range due {
			if k.begin(&k.itself, d.Application, d.Endpoint) != nil {
				continue // it is being asked, or others are, whose end wakes us
			}
			asked.Go(func() {
				defer k.end(d.Endpoint)
				_, err := k.ask(ctx, d.Application, d.Endpoint, false)
				k.give(&k.itself, d.Application)
				if err != nil && ctx.Err() == nil && hook.KindOf(err) != hook.NotFound && hook.KindOf(err) != hook.Conflict {
					k.Log.Error("ask for consent", telemetry.KeyEndpoint, k.Catalog.Codec().Endpoint(d.Application, d.Endpoint), telemetry.KeyError, err)
					select { // so that a store that fails is not asked all the time
					case <-ctx.Done():
					case <-time.After(failPause):
					}
				}
			})
		}
	}
}

// begin claims an endpoint and a place for one question.
func (k *Keeper) begin(p *places, app hook.ApplicationID, ep hook.EndpointID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asking[ep] {
		return hook.Errorf(hook.Conflict, "the receiver is being asked right now")
	}
	if !p.take(app) {
		return hook.Errorf(hook.Overloaded, "too many receivers are being asked right now")
	}
	k.asking[ep] = true
	return nil
}

func (k *Keeper) give(p *places, app hook.ApplicationID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p.give(app)
}

// end lets an endpoint be asked again, and Run look whether one is to be.
func (k *Keeper) end(ep hook.EndpointID) {
	k.mu.Lock()
	delete(k.asking, ep)
	k.mu.Unlock()
	k.Wake()
}

// Ask asks the receiver of an endpoint now and returns the endpoint with what came of it:
// a refusal is no error. It must have a Consent. hook.Conflict: it is being asked, was
// asked right before, or changed meanwhile; hook.Overloaded: too many are being asked,
// of its application or of all.
func (k *Keeper) Ask(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID) (*hook.Endpoint, error) {
	if err := k.begin(&k.byHand, app, ep); err != nil {
		return nil, err
	}
	defer k.end(ep)
	defer k.give(&k.byHand, app)
	return k.ask(ctx, app, ep, true)
}

var errSettled = errors.New("settled")

func (k *Keeper) ask(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, byHand bool) (*hook.Endpoint, error) {
	plan, err := k.Catalog.PlanOf(ctx, app)
	if err != nil {
		return nil, err
	}
	ep := plan.Endpoint(id)
	now := time.Now().UTC().Truncate(time.Millisecond)
	switch {
	case ep == nil:
		return nil, hook.Errorf(hook.NotFound, "the endpoint was deleted")
	case ep.Consent == nil, !byHand && (!ep.AwaitsConsent() || ep.Consent.NextAt.IsZero() || ep.Consent.NextAt.After(now)):
		return ep, nil
	case byHand && now.Sub(ep.Consent.AskedAt) < askPause && !now.Before(ep.Consent.AskedAt):
		return nil, hook.Errorf(hook.Conflict, "the receiver was asked a moment ago; ask again in two seconds")
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	answer := k.question(asking, ep, plan.Environment)
	cancel()
	if err := ctx.Err(); err != nil {
		return nil, err // nobody knows what it would have said
	}
	// What it said is kept, whoever waits for it.
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	now = time.Now().UTC().Truncate(time.Millisecond)
	next, err := k.Catalog.UpdateEndpoint(saving, app, id, nil, func(e *hook.Endpoint) error {
		if e.Consent == nil || e.Consent.Method != ep.Consent.Method || e.URL != ep.URL {
			return errSettled // its owner changed what was asked
		}
		e.Consent = e.Consent.Answered(ep.URL, answer.refused, answer.perMinute, now)
		return nil
	})
	if errors.Is(err, errSettled) {
		return nil, hook.Errorf(hook.Conflict, "the endpoint was changed while its receiver was asked")
	}
	if err != nil {
		return nil, err
	}
	outcome := "refused"
	if answer.refused == "" {
		outcome = "agreed"
	}
	k.Log.Info("asked for consent", telemetry.KeyEndpoint, k.Catalog.Codec().Endpoint(app, id), "method", ep.Consent.Method, "outcome", outcome)
	return next, nil
}
