package storetest

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testEventTypeRules: what an event type says about payloads is kept, also when it is archived, and is
// in the plans of its environment, and of no other, as soon as the change has returned.
func testEventTypeRules(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	app, foreign := r.application(env.ID, "app"), r.application(other.ID, "app")
	r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "a"}, nil))
	plan := func(app hook.ApplicationID) *store.Plan {
		p, err := r.PlanOf(r.ctx, app)
		r.must(err)
		return p
	}
	r.same("rules of a catalogue without any", plan(app.ID).Checked, map[string]int64(nil))
	change := func(f func(*hook.EventType)) *hook.EventType {
		got, err := r.UpdateEventType(r.ctx, env.ID, "a", nil, func(t *hook.EventType) error { f(t); return nil })
		r.must(err)
		again, err := r.EventType(r.ctx, env.ID, "a")
		r.must(err)
		r.same("read again", again, got)
		return got
	}
	last := int64(0)
	for range 3 {
		got := change(func(t *hook.EventType) { t.IsChecked = true })
		r.same("the revision in the plan", plan(app.ID).Checked, map[string]int64{"a": got.Revision})
		r.same("a new revision with each change", got.Revision > last, true)
		last = got.Revision
	}
	change(func(t *hook.EventType) { t.IsChecked, t.Redact = false, []string{"x", "y[*].z"} })
	r.same("no longer checked", plan(app.ID).Checked, map[string]int64(nil))
	r.same("redacted", string(plan(app.ID).Redactions["a"].Apply([]byte(`{"x":1}`))), `{"x":"[redacted]"}`)
	change(func(t *hook.EventType) { t.Archived = true })
	r.same("redacted though archived", plan(app.ID).Redactions["a"] != nil, true)
	r.same("another environment", plan(foreign.ID).Redactions, map[string]*hook.Redaction(nil))
	r.must(r.DeleteEventType(r.ctx, env.ID, "a"))
	r.same("deleted", plan(app.ID).Redactions, map[string]*hook.Redaction(nil))
}

// testConsents: endpoints are listed when their receivers are to be asked, and not once
// they agreed, are waived or deleted.
func testConsents(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	now := time.Now().UTC().Truncate(time.Millisecond)
	first, second := r.endpoint(app.ID, "first"), r.endpoint(app.ID, "second")
	set := func(e *hook.Endpoint, c *hook.Consent) {
		got, err := r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(e *hook.Endpoint) error { e.Consent = c; return nil })
		r.must(err)
		again, err := r.Endpoint(r.ctx, app.ID, r.Codec().Endpoint(app.ID, e.ID))
		r.must(err)
		r.same("consent", again.Consent, got.Consent)
	}
	due := func(at time.Time, limit int) (ids []hook.EndpointID, next time.Time) {
		list, next, err := r.DueConsents(r.ctx, at, limit)
		r.must(err)
		for _, d := range list {
			if d.Application == app.ID {
				ids = append(ids, d.Endpoint)
			}
		}
		return ids, next
	}
	set(first, hook.NewConsent(hook.ConsentChallenge, now.Add(time.Minute)))
	set(second, hook.NewConsent(hook.ConsentTest, now))
	ids, next := due(now, 5)
	r.same("due now", ids, []hook.EndpointID{second.ID})
	r.same("and next", next.UTC(), now.Add(time.Minute))
	ids, _ = due(now.Add(time.Hour), 5)
	r.same("due later, the oldest first", ids, []hook.EndpointID{second.ID, first.ID})
	ids, _ = due(now.Add(time.Hour), 1)
	r.same("limited", ids, []hook.EndpointID{second.ID})
	other := r.application(env.ID, "other")
	third := r.endpoint(other.ID, "third")
	_, err := r.UpdateEndpoint(r.ctx, other.ID, third.ID, nil, func(e *hook.Endpoint) error {
		e.Consent = hook.NewConsent(hook.ConsentTest, now.Add(2*time.Minute))
		return nil
	})
	r.must(err)
	list, _, err := r.DueConsents(r.ctx, now.Add(time.Hour), 5)
	r.must(err)
	r.same("applications by turns", list[:2], []store.DueConsent{{Application: app.ID, Endpoint: second.ID}, {Application: other.ID, Endpoint: third.ID}})
	disable := func(is bool) {
		_, err := r.UpdateEndpoint(r.ctx, app.ID, second.ID, nil, func(e *hook.Endpoint) error { e.Disabled = is; return nil })
		r.must(err)
	}
	disable(true)
	ids, _ = due(now.Add(time.Hour), 5)
	r.same("while one is disabled", ids, []hook.EndpointID{first.ID})
	disable(false)
	ids, _ = due(now.Add(time.Hour), 5)
	r.same("enabled again", ids, []hook.EndpointID{second.ID, first.ID})
	set(second, hook.NewConsent(hook.ConsentTest, now).Answered(second.URL, "", 90, now))
	ids, _ = due(now.Add(time.Hour), 5)
	r.same("after one agreed", ids, []hook.EndpointID{first.ID})
	r.must(r.DeleteEndpoint(r.ctx, app.ID, first.ID))
	ids, _ = due(now.Add(time.Hour), 5)
	r.same("after the other was deleted", ids, []hook.EndpointID(nil))
}

// testPollStates: what a source saw is kept until the source is deleted.
func testPollStates(r *catalogRoom) {
	env := r.environment()
	s := &hook.Source{Environment: env.ID, Name: "poll", Type: hook.PollSource}
	r.must(r.CreateSource(r.ctx, s, nil))
	got, err := r.PollState(r.ctx, s.ID)
	r.must(err)
	r.same("before the first look", got, &hook.PollState{})
	for _, want := range []*hook.PollState{
		{Of: "x", Hash: "h", ETag: `"1"`, Pending: &hook.PollChange{Hash: "i", Body: []byte("\x00\xff")}},
		{Of: "x", Number: 1, Hash: "i"},
	} {
		r.must(r.SavePollState(r.ctx, s.ID, want))
		got, err := r.PollState(r.ctx, s.ID)
		r.must(err)
		r.same("what was seen", got, want)
	}
	r.must(r.DeleteSource(r.ctx, s.ID))
	r.wants(hook.NotFound, r.SavePollState(r.ctx, s.ID, got))
	got, err = r.PollState(r.ctx, s.ID)
	r.must(err)
	r.same("after the deletion", got, &hook.PollState{})
}
