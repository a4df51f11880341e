package seed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/webhook"
)

const (
	// publishers publish at once: enough to fill a commit, few enough to leave room.
	publishers = 8
	// patience is how long the seeding waits for something that deliveries bring about. Where
	// it does not come, as in a store whose deliveries are held, the seeding goes on without.
	// It takes a second or two, and on a machine that is busy with other things many more.
	patience = 45 * time.Second
	// look is how often it looks.
	look = 50 * time.Millisecond
)

// growth is one seeding.
type growth struct {
	*Seed

	c      *client.Client
	o      Options
	done   atomic.Int64
	total  int64
	places Places
}

// Grow makes everything, and returns once the first messages are accepted and what comes
// of their failures is there. The order is that of a day: customers set up their
// endpoints, messages go out, a secret is changed, an outage ends, and somebody looks
// after the failures.
func (s *Seed) Grow(ctx context.Context, o Options) (Places, error) {
	c, err := newClient(o)
	if err != nil {
		return Places{}, err
	}
	g := &growth{Seed: s, c: c, o: o, total: burst + int64(len(eventTypes))}
	for _, a := range applications {
		g.total += int64(len(a.endpoints))
	}
	for i := range sources {
		g.total += int64(sources[i].requests())
	}
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"make the event types", g.eventTypes},
		{"make the applications", g.applications},
		{"make the sources", g.sources},
		{"send", g.send},
		{"look after the failures", g.lookAfter},
	} {
		if err := step.run(ctx); err != nil {
			return Places{}, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return g.places, nil
}

// step says that one more thing is done.
func (g *growth) step() {
	done := g.done.Add(1)
	if g.o.Progress != nil {
		g.o.Progress(done, g.total)
	}
}

// eventTypes keeps those that are there already.
func (g *growth) eventTypes(ctx context.Context) error {
	for _, t := range eventTypes {
		versions, err := t.versions()
		if err != nil {
			return err
		}
		group := t.group()
		in := api.EventTypeIn{Name: t.name, Description: &t.about, Schemas: versions, GroupName: &group, Deprecated: t.deprecated, Validation: &t.validated, Redact: t.redact}
		if err := g.c.Call(ctx, "POST", "/api/v1/event-type", in, nil); err != nil && client.StatusOf(err) != 409 {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		g.step()
	}
	return nil
}

func (g *growth) applications(ctx context.Context) error {
	for _, a := range applications {
		in := api.ApplicationIn{Name: a.name, UID: &a.uid, Metadata: a.metadata, ThrottleRate: positive(a.throttle)}
		if err := g.c.Call(ctx, "POST", "/api/v1/app", in, nil); err != nil {
			return fmt.Errorf("%s: %w", a.uid, err)
		}
		for _, e := range a.endpoints {
			if err := g.endpoint(ctx, a.uid, &e); err != nil {
				return fmt.Errorf("%s/%s: %w", a.uid, e.uid, err)
			}
			g.step()
		}
	}
	return nil
}

// endpoint makes an endpoint and all that belongs to it.
func (g *growth) endpoint(ctx context.Context, app string, e *endpoint) error {
	secret := webhook.GenerateSymmetric().Reveal()
	url := g.receivers.url(e.is, e.path)
	if e.is == verifies {
		if err := g.receivers.knows(url, secret); err != nil {
			return err
		}
	}
	in := api.EndpointIn{
		URL: url, Description: e.about, UID: &e.uid, EventTypes: namesOf(below(e.types)), Channels: e.channels,
		ThrottleRate: positive(e.throttle), Secret: &secret, Headers: e.headers, Disabled: e.disabled,
	}
	var out api.EndpointOut
	if err := g.c.Call(ctx, "POST", client.Path("/api/v1/app/{}/endpoint", app), in, &out); err != nil {
		return err
	}
	if e.is == isBroken {
		g.places.Endpoint = "/apps/" + app + "/endpoints/" + out.ID
	}
	var shape api.EndpointRequestIn
	if e.once {
		shape.RetrySchedule = []int64{}
	}
	shape.TimeoutSeconds = positive(e.timeout)
	ours := func(method, what string, in any) error {
		return g.c.Call(ctx, method, client.Path("/x/v1/app/{}/endpoint/{}/", app, out.ID)+what, in, nil)
	}
	if e.once || e.timeout > 0 {
		if err := ours("PUT", "request", requestOf(shape, e.once)); err != nil {
			return err
		}
	}
	if e.filter != "" {
		if err := ours("PUT", "filter", api.EndpointFilter{Filter: json.RawMessage(e.filter)}); err != nil {
			return err
		}
	}
	if e.connector != "" {
		if err := ours("PUT", "connector", api.EndpointConnectorIn{Name: &e.connector, Variables: e.vars}); err != nil {
			return err
		}
	}
	if e.inOrder {
		if err := ours("PUT", "order", struct{}{}); err != nil {
			return err
		}
	}
	if e.paused != "" {
		if err := ours("POST", "pause", api.HoldIn{Note: &e.paused}); err != nil {
			return err
		}
	}
	if e.script == "" {
		return nil
	}
	return g.c.Call(ctx, "PATCH", client.Path("/api/v1/app/{}/endpoint/{}/transformation", app, out.ID), code(e.script, e.vars), nil)
}

// requestOf is a shape whose empty schedule stays one: it means a single attempt, where
// none means the default.
func requestOf(shape api.EndpointRequestIn, once bool) any {
	if !once {
		return shape
	}
	return struct {
		RetrySchedule  []int64 `json:"retrySchedule"`
		TimeoutSeconds *int64  `json:"timeoutSeconds,omitempty"`
	}{[]int64{}, shape.TimeoutSeconds}
}

// code is a transformation that runs.
func code(script string, vars map[string]string) map[string]any {
	in := map[string]any{"code": script, "enabled": true}
	if vars != nil {
		in["variables"] = vars
	}
	return in
}

func (g *growth) sources(ctx context.Context) error {
	for i := range sources {
		p, err := g.plantSource(ctx, g.c, g.o.Server, &sources[i])
		if err != nil {
			return fmt.Errorf("%s: %w", sources[i].uid, err)
		}
		g.planted = append(g.planted, p)
	}
	g.places.Source = "/sources/" + g.planted[0].id
	return nil
}

// send publishes, while the providers call.
func (g *growth) send(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	received := make(chan error, 1)
	go func() { received <- receive(ctx, g.planted, g.step) }()
	err := g.publish(ctx, 0, burst/2)
	if err == nil {
		err = g.turn(ctx)
	}
	if err == nil {
		err = g.publish(ctx, burst/2, burst)
	}
	if err != nil {
		cancel()
	}
	return errors.Join(err, <-received)
}

// publish sends the messages from one number up to another.
func (g *growth) publish(ctx context.Context, from, until int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	next.Store(int64(from))
	var wait sync.WaitGroup
	for range publishers {
		wait.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= until || ctx.Err() != nil {
					return
				}
				e := eventAt(n)
				out, err := g.c.Publish(ctx, e.app, e.in)
				if err != nil {
					cancel(fmt.Errorf("message %d of %s: %w", n, e.app, err))
					return
				}
				if n == largeAt {
					g.places.Message = "/apps/" + e.app + "/messages/" + out.ID
				}
				g.step()
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// turn is what happens half way: secrets are changed, and an outage ends that has been
// long enough to be seen.
func (g *growth) turn(ctx context.Context) error {
	for _, a := range applications {
		for _, e := range a.endpoints {
			if !e.newSecret {
				continue
			}
			never := int64(0)
			path := client.Path("/api/v1/app/{}/endpoint/{}/secret/rotate", a.uid, e.uid)
			if err := g.c.Call(ctx, "POST", path, api.EndpointSecretRotateIn{GracePeriodSeconds: &never}, nil); err != nil {
				return fmt.Errorf("%s/%s: %w", a.uid, e.uid, err)
			}
		}
	}
	_, err := g.until(ctx, func() (bool, error) { return g.receivers.failed.Load() >= 10, nil })
	g.receivers.isUp.Store(true)
	return err
}

// lookAfter does what somebody would who looks at the failures: says who sees to one, and
// that another is known, and sends again what a flaky endpoint missed.
func (g *growth) lookAfter(ctx context.Context) error {
	var issues api.IssueList
	of := func(reason string) *api.IssueOut {
		for i := range issues.Data {
			if issues.Data[i].Reason == reason {
				return &issues.Data[i]
			}
		}
		return nil
	}
	_, err := g.until(ctx, func() (bool, error) {
		issues = api.IssueList{}
		err := g.c.Call(ctx, "GET", "/x/v1/issue?limit=100", nil, &issues)
		return of("redirect") != nil && of("tls_expired") != nil && of("not_found") != nil, err
	})
	if err != nil {
		return err
	}
	if is := of("tls_expired"); is != nil {
		note := map[string]any{"assignee": "Dana", "note": "Asked them to renew the certificate."}
		if err := g.c.Call(ctx, "PATCH", client.Path("/x/v1/issue/{}", is.ID), note, nil); err != nil {
			return err
		}
	}
	if is := of("not_found"); is != nil {
		note := map[string]any{"mutedUntil": time.Now().Add(24 * time.Hour).UTC(), "note": "They know; a new path comes tomorrow."}
		if err := g.c.Call(ctx, "PATCH", client.Path("/x/v1/issue/{}", is.ID), note, nil); err != nil {
			return err
		}
	}
	if is := of("redirect"); is != nil {
		g.places.Issue = "/issues/" + is.ID
	}
	return g.replay(ctx, "acme-bakery", "stock")
}

// replay sends again what an endpoint has missed, and waits for the end of it.
func (g *growth) replay(ctx context.Context, app, endpoint string) error {
	in := api.EndpointReplayIn{BulkReplayIn: api.BulkReplayIn{Since: time.Now().Add(-time.Hour).UTC()}}
	var task api.TaskOut
	if err := g.c.Call(ctx, "POST", client.Path("/x/v1/app/{}/endpoint/{}/replay", app, endpoint), in, &task); err != nil {
		return err
	}
	_, err := g.until(ctx, func() (bool, error) {
		err := g.c.Call(ctx, "GET", client.Path("/x/v1/task/{}", task.ID), nil, &task)
		return task.Status == "finished" || task.Status == "failed", err
	})
	return err
}

// until asks until the answer is yes, or until it has been patient enough.
func (g *growth) until(ctx context.Context, ask func() (bool, error)) (bool, error) {
	for end := time.Now().Add(patience); ; {
		yes, err := ask()
		if yes || err != nil {
			return yes, err
		}
		if time.Now().After(end) {
			return false, nil
		}
		if !pause(ctx, look) {
			return false, ctx.Err()
		}
	}
}

// positive is nil for none.
func positive(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}
