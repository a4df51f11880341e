package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testHistory is the suite of store.History. open opens the store in dir.
func testHistory(t *testing.T, open func(t testing.TB, dir string) store.Store) {
	for _, c := range []struct {
		name string
		test func(r *historyRoom)
	}{
		{"MessagesPageBothWays", testMessagePages},
		{"MessagesAreFiltered", testMessageFilters},
		{"MessageOfAnotherTenantIsNotFound", testMessageTenant},
		{"MessageIsFoundByItsEventID", testMessageByEventID},
		{"TimeWindows", testMessageWindows},
		{"AttemptsPageBothWays", testAttemptPages},
		{"AttemptsAreFiltered", testAttemptFilters},
		{"AttemptComesBackWhole", testAttemptWhole},
		{"DeliveriesShowTheirState", testDeliveries},
		{"AttemptedMessagesShowStateAndMessage", testAttemptedMessages},
		{"StatsCountWhatTheWireShows", testStats},
		{"ExpungeRemovesContentOnly", testExpunge},
		{"PagesEndWhereTheyMayLookNoFurther", testLook},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error("close:", err)
				}
			})
			r := &historyRoom{T: t, Store: s, ctx: t.Context()}
			s.Attach(r)
			r.app, r.endpoint = r.tenant("a")
			c.test(r)
		})
	}
}

// historyRoom is one store with an application and an endpoint. It is the store's
// Handoff: it admits everything and remembers nothing, so deliveries stay fresh until
// the test finishes them.
type historyRoom struct {
	*testing.T
	store.Store
	ctx      context.Context
	app      *hook.Application
	endpoint *hook.Endpoint
}

func (r *historyRoom) Admit(hook.ApplicationID, hook.EndpointID, int) bool    { return true }
func (r *historyRoom) Committed([]store.Due)                                  {}
func (r *historyRoom) Withdraw([]store.Due)                                   {}
func (r *historyRoom) MadeDue(hook.ApplicationID, hook.EndpointID, time.Time) {}

func (r *historyRoom) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// tenant makes an environment with one application and one endpoint.
func (r *historyRoom) tenant(name string) (*hook.Application, *hook.Endpoint) {
	r.Helper()
	now := time.Now().UTC()
	env := &hook.Environment{ID: hook.EnvironmentID(r.NewKey()), Name: name, Settings: hook.DefaultSettings(), CreatedAt: now, UpdatedAt: now}
	r.must(r.CreateEnvironment(r.ctx, env))
	app := &hook.Application{ID: hook.ApplicationID(r.NewKey()), Environment: env.ID, Name: name, CreatedAt: now, UpdatedAt: now}
	r.must(r.CreateApplication(r.ctx, app, nil))
	return app, r.newEndpoint(app)
}

func (r *historyRoom) newEndpoint(app *hook.Application) *hook.Endpoint {
	r.Helper()
	ep := &hook.Endpoint{ID: hook.EndpointID(r.NewKey()), Application: app.ID, URL: "https://example.com/",
		Secrets: []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	r.must(r.CreateEndpoint(r.ctx, ep, nil))
	return ep
}

// publish appends a message to these endpoints (r.endpoint when none is given).
func (r *historyRoom) publish(change func(*hook.Message), endpoints ...*hook.Endpoint) *hook.Message {
	r.Helper()
	if len(endpoints) == 0 {
		endpoints = []*hook.Endpoint{r.endpoint}
	}
	plan, err := r.PlanOf(r.ctx, r.app.ID)
	r.must(err)
	m := &hook.Message{Environment: r.app.Environment, Application: r.app.ID, EventType: "a.b", Payload: []byte(`{"n":1.10}`)}
	if change != nil {
		change(m)
	}
	p := &store.Publication{Message: m, PlanVersion: plan.Version}
	for _, ep := range endpoints {
		p.Deliveries = append(p.Deliveries, hook.Delivery{Application: r.app.ID, Endpoint: ep.ID})
	}
	_, err = r.Append(r.ctx, p)
	r.must(err)
	return m
}

// attempt finishes one attempt of a fresh delivery and waits until it is recorded.
func (r *historyRoom) attempt(m *hook.Message, ep *hook.Endpoint, change func(*hook.Attempt)) *hook.Attempt {
	r.Helper()
	now := time.Now().UTC()
	a := &hook.Attempt{ID: hook.AttemptID(r.NewKey()), Message: m.ID, Application: r.app.ID, Endpoint: ep.ID, N: 1,
		StartedAt: now.Truncate(time.Microsecond), Took: 1234 * time.Microsecond, URL: ep.URL, Outcome: hook.Success, Status: 200, Body: []byte("ok")}
	if change != nil {
		change(a)
	}
	d := hook.Delivery{Message: m.ID, Application: r.app.ID, Endpoint: ep.ID, Fresh: true}.After(a, hook.DefaultRetryPolicy(), now, 0.5)
	if d.State == hook.Pending {
		a.NextAt = d.DueAt
	}
	done := make(chan error, 1)
	r.Finish(&store.Finished{Delivery: d, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
	select {
	case err := <-done:
		r.must(err)
	case <-time.After(10 * time.Second):
		r.Fatal("Finish was not recorded within 10 s")
	}
	return a
}

func messageIDs(list []*hook.Message) []hook.Key {
	var out []hook.Key
	for _, m := range list {
		out = append(out, hook.Key(m.ID))
	}
	return out
}

func attemptIDs(list []store.Attempted) []hook.Key {
	var out []hook.Key
	for _, a := range list {
		out = append(out, hook.Key(a.Attempt.ID))
	}
	return out
}

// walkWindows pages through a list with limit 2, to the end and back again, and checks
// each page against newestFirst.
func walkWindows(r *historyRoom, newestFirst []hook.Key, list func(store.Window) (ids []hook.Key, more bool)) {
	r.Helper()
	var seen []hook.Key
	w := store.Window{Limit: 2}
	for range len(newestFirst) + 1 {
		ids, more := list(w)
		seen = append(seen, ids...)
		if !more {
			break
		}
		w.From = ids[len(ids)-1]
	}
	if !slices.Equal(seen, newestFirst) {
		r.Errorf("walking forward gave %v, want %v", seen, newestFirst)
	}
	last := newestFirst[len(newestFirst)-1]
	ids, more := list(store.Window{Limit: 2, From: last, Backward: true})
	want := newestFirst[len(newestFirst)-3 : len(newestFirst)-1]
	if !slices.Equal(ids, want) {
		r.Errorf("walking back from the last gave %v, want %v", ids, want)
	}
	if wantMore := len(newestFirst) > 3; more != wantMore {
		r.Errorf("walking back: more = %v, want %v", more, wantMore)
	}
	if ids, more = list(store.Window{Limit: 5, From: newestFirst[0], Backward: true}); len(ids) != 0 || more {
		r.Errorf("before the newest there is %v, more %v", ids, more)
	}
}

func testDeliveries(r *historyRoom) {
	second := r.newEndpoint(r.app)
	m := r.publish(nil, r.endpoint, second)
	r.attempt(m, second, nil)
	got, err := r.Deliveries(r.ctx, r.app.ID, m.ID)
	r.must(err)
	if len(got) != 2 || got[0].Endpoint != r.endpoint.ID || got[1].Endpoint != second.ID {
		r.Fatalf("deliveries = %+v, want one for each endpoint, by rising id", got)
	}
	if got[0].State != hook.Pending || got[0].Attempts != 0 || !got[0].Fresh {
		r.Errorf("delivery without an ended attempt = %+v, want fresh and pending", got[0])
	}
	if got[1].State != hook.Delivered || got[1].Attempts != 1 || got[1].Message != m.ID || got[1].Application != r.app.ID {
		r.Errorf("delivered = %+v", got[1])
	}
}

func testAttemptedMessages(r *historyRoom) {
	ok := r.publish(nil)
	r.attempt(ok, r.endpoint, nil)
	retrying := r.publish(func(m *hook.Message) { m.Tags = []string{"x"} })
	r.attempt(retrying, r.endpoint, func(a *hook.Attempt) { a.Outcome, a.Reason, a.Status = hook.Failed, hook.ReasonServer, 500 })
	q := store.DeliveryQuery{Application: r.app.ID, Endpoint: r.endpoint.ID, Window: store.Window{Limit: 10}, WithContent: true}
	out, err := r.AttemptedMessages(r.ctx, q)
	r.must(err)
	if len(out.Rows) != 2 || out.Rows[0].Message.ID != retrying.ID || out.Rows[1].Message.ID != ok.ID {
		r.Fatalf("attempted messages = %+v", out.Rows)
	}
	if d := out.Rows[0].Delivery; d.State != hook.Pending || d.DueAt.IsZero() || store.StatusOfDelivery(&d) != store.StatusSending {
		r.Errorf("retrying delivery = %+v, want pending with a due time", d)
	}
	q.Statuses = []store.AttemptStatus{store.StatusSuccess}
	out, err = r.AttemptedMessages(r.ctx, q)
	r.must(err)
	if len(out.Rows) != 1 || out.Rows[0].Message.ID != ok.ID {
		r.Errorf("filtered by success: %+v", out.Rows)
	}
	q.Statuses, q.Tag = nil, "x"
	out, err = r.AttemptedMessages(r.ctx, q)
	r.must(err)
	if len(out.Rows) != 1 || out.Rows[0].Message.ID != retrying.ID {
		r.Errorf("filtered by tag: %+v", out.Rows)
	}
	// Of the two, the newest does not match: a look at one alone finds nothing.
	q = store.DeliveryQuery{Application: r.app.ID, Endpoint: r.endpoint.ID, Window: store.Window{Limit: 10}, Statuses: []store.AttemptStatus{store.StatusSuccess}}
	for most, want := range map[int]int{1: 0, 2: 1} {
		q.Most = most
		out, err = r.AttemptedMessages(r.ctx, q)
		r.must(err)
		if len(out.Rows) != want || out.More {
			r.Errorf("a look at %d: %+v", most, out)
		}
	}
}

func testStats(r *historyRoom) {
	before := time.Now()
	r.attempt(r.publish(nil), r.endpoint, nil)
	r.attempt(r.publish(nil), r.endpoint, nil)
	r.attempt(r.publish(nil), r.endpoint, func(a *hook.Attempt) { a.Outcome, a.Status = hook.Failed, 500 })
	r.attempt(r.publish(nil), r.endpoint, func(a *hook.Attempt) { a.Outcome, a.Status = hook.Gone, 410 })
	got, err := r.Stats(r.ctx, r.app.ID, r.endpoint.ID, before.Add(-time.Second), time.Now().Add(time.Second))
	r.must(err)
	if want := (store.Stats{Success: 2, Sending: 1, Fail: 1}); got != want {
		r.Errorf("stats = %+v, want %+v", got, want)
	}
	got, err = r.Stats(r.ctx, r.app.ID, r.endpoint.ID, before.Add(-time.Hour), before.Add(-time.Second))
	r.must(err)
	if got != (store.Stats{}) {
		r.Errorf("stats of an hour without messages = %+v", got)
	}
}

func testExpunge(r *historyRoom) {
	m := r.publish(func(m *hook.Message) {
		m.RawBody, m.ContentType, m.TransformationsParams = []byte("raw"), "text/plain", []byte(`{"rawPayload":"raw"}`)
	})
	a := r.attempt(m, r.endpoint, func(a *hook.Attempt) {
		a.Header, a.Notes = []byte("X-A: b"), &hook.AttemptNotes{Console: []string{"x"}}
	})
	r.must(r.ExpungeMessage(r.ctx, r.app.ID, m.ID))
	got, err := r.Message(r.ctx, r.app.ID, m.ID)
	r.must(err)
	if !got.Expunged || got.Payload != nil || got.RawBody != nil || got.TransformationsParams != nil || got.EventType != "a.b" {
		r.Errorf("expunged message = %+v", got)
	}
	r.must(r.ExpungeAttempt(r.ctx, r.app.ID, m.ID, a.ID))
	back, err := r.Attempt(r.ctx, r.app.ID, m.ID, a.ID)
	r.must(err)
	if !back.Expunged || back.Body != nil || back.Header != nil || back.Notes != nil || back.Status != 200 {
		r.Errorf("expunged attempt = %+v", back)
	}
	if err := r.ExpungeAttempt(r.ctx, r.app.ID, m.ID, a.ID+1); hook.KindOf(err) != hook.NotFound {
		r.Errorf("expunge an attempt that never was: %v, want NotFound", err)
	}
}

// testLook walks lists whose pages may look at three rows only, which often match nothing: what
// is found must be the same as without a bound, in whatever direction.
func testLook(r *historyRoom) {
	var messages []*hook.Message
	for i := range 14 {
		messages = append(messages, r.publish(func(m *hook.Message) {
			if i%5 == 1 {
				m.Tags = []string{"t"}
			}
		}))
	}
	var tagged, attempts []hook.Key
	for i, m := range slices.Backward(messages) { // the newest attempts are of the oldest messages
		a := r.attempt(m, r.endpoint, nil)
		if i%5 == 1 {
			tagged, attempts = append(tagged, hook.Key(m.ID)), append(attempts, hook.Key(a.ID))
		}
	}
	slices.Reverse(attempts)
	type page struct {
		ids  []hook.Key
		more bool
		next hook.Key
	}
	for _, c := range []struct {
		name string
		want []hook.Key // newest first
		list func(store.Window) page
	}{
		{"messages", tagged, func(w store.Window) page {
			out, err := r.Messages(r.ctx, store.MessageQuery{Application: r.app.ID, Tag: "t", Window: w})
			r.must(err)
			return page{messageIDs(out.Rows), out.More, out.Next}
		}},
		{"attempts", attempts, func(w store.Window) page {
			out, err := r.Attempts(r.ctx, store.AttemptQuery{Application: r.app.ID, Endpoint: r.endpoint.ID, Tag: "t", Window: w})
			r.must(err)
			return page{attemptIDs(out.Rows), out.More, out.Next}
		}},
		{"attempted messages", tagged, func(w store.Window) page {
			out, err := r.AttemptedMessages(r.ctx, store.DeliveryQuery{Application: r.app.ID, Endpoint: r.endpoint.ID, Tag: "t", Window: w})
			r.must(err)
			p := page{nil, out.More, out.Next}
			for _, d := range out.Rows {
				p.ids = append(p.ids, hook.Key(d.Message.ID))
			}
			return p
		}},
	} {
		for _, how := range []struct {
			name  string
			first store.Window
		}{
			{"from the newest", store.Window{}},
			{"from the oldest", store.Window{From: 1, Backward: true}},
			{"after a moment", store.Window{After: time.UnixMilli(1), Ascending: true}},
		} {
			w := how.first
			w.Limit, w.Look = 2, store.Look{MaxRows: 3}
			towardsNow := w.Backward || w.Ascending
			var seen []hook.Key
			short := 0
			for pages := 0; ; pages++ {
				if pages > 2*len(messages) {
					r.Fatalf("%s, %s: no end", c.name, how.name)
				}
				p := c.list(w)
				if towardsNow {
					slices.Reverse(p.ids)
				}
				seen = append(seen, p.ids...)
				if !p.more {
					break
				}
				w = store.Window{Limit: 2, Look: w.Look, From: p.next, Backward: towardsNow}
				if p.next != 0 {
					short++
				} else if len(p.ids) > 0 {
					w.From = p.ids[len(p.ids)-1]
				} else {
					r.Fatalf("%s, %s: an empty page that does not say where to go on", c.name, how.name)
				}
			}
			if towardsNow {
				slices.Reverse(seen)
			}
			if !slices.Equal(seen, c.want) || short == 0 {
				r.Errorf("%s, %s: %v with %d pages that ended early, want %v", c.name, how.name, seen, short, c.want)
			}
		}
		if p := c.list(store.Window{Limit: 10, Look: store.Look{MaxTime: time.Nanosecond}}); p.more || !slices.Equal(p.ids, c.want) {
			r.Errorf("%s without any time: %v, more %v; some rows are always looked at", c.name, p.ids, p.more)
		}
	}
}
