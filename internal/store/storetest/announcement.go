package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// subscribe makes an endpoint of the operational application.
func (f *fixture) subscribe(types ...string) *hook.Endpoint {
	f.Helper()
	e := &hook.Endpoint{
		Application: f.env.Operational(), URL: "https://example.com/ops", EventTypes: types,
		Secrets: []hook.Secret{{Text: "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0"}},
	}
	f.must(f.CreateEndpoint(f.Context(), e, nil))
	return e
}

// announced returns what is to be told.
func (f *fixture) announced() []*hook.Announcement {
	f.Helper()
	rows, err := f.Announcements(f.Context(), 1000)
	f.must(err)
	return rows
}

// wantAnnounced checks the types of what is to be told, in order, and removes the rows.
func (f *fixture) wantAnnounced(what string, want ...string) []*hook.Announcement {
	f.Helper()
	rows := f.announced()
	var got []string
	for i, a := range rows {
		got = append(got, a.Type)
		if a.ID == 0 || a.Environment != f.env || i > 0 && a.ID <= rows[i-1].ID {
			f.Errorf("%s: row %d is %+v", what, i, a)
		}
	}
	if !slices.Equal(got, want) {
		f.Fatalf("%s: to be told are %v, want %v", what, got, want)
	}
	f.must(f.Announced(f.Context(), rows))
	if left := f.announced(); len(left) != 0 {
		f.Fatalf("%s: %d rows are left after they were removed", what, len(left))
	}
	return rows
}

func (f *fixture) update(ep hook.EndpointID, change func(e *hook.Endpoint)) {
	f.Helper()
	_, err := f.UpdateEndpoint(f.Context(), f.app, ep, nil, func(e *hook.Endpoint) error { change(e); return nil })
	f.must(err)
}

func testAnnouncements(t *testing.T, open Open) {
	t.Run("OperationalApplicationIsMadeWithItsFirstEndpoint", func(t *testing.T) {
		f := newFixture(t, open)
		op := f.env.Operational()
		for made := range 2 {
			p, err := f.PlanOf(f.Context(), op)
			f.must(err)
			if !p.Application.IsOperational() || p.Application.Source != 0 || p.Environment.ID != f.env || len(p.Endpoints) != made {
				t.Fatalf("plan %+v of %+v", p, p.Application)
			}
			list, err := f.ListEndpoints(f.Context(), op, store.Page[hook.EndpointID]{Limit: 9})
			f.must(err)
			if len(list.Rows) != made {
				t.Errorf("%d endpoints, want %d", len(list.Rows), made)
			}
			ref := f.Codec().Application(f.env, op)
			_, err = f.Application(f.Context(), f.env, ref)
			f.wantKind(err, hook.NotFound)
			_, err = f.Plan(f.Context(), f.env, ref)
			f.wantKind(err, hook.NotFound)
			apps, err := f.ListApplications(f.Context(), f.env, store.AppFilter{}, store.Page[hook.ApplicationID]{Limit: 9})
			f.must(err)
			if len(apps.Rows) != 1 || apps.Rows[0].ID != f.app {
				t.Errorf("the list of applications has %d", len(apps.Rows))
			}
			_, err = f.UpdateApplication(f.Context(), op, func(*hook.Application) error { return nil })
			f.wantKind(err, hook.NotFound)
			f.wantKind(f.DeleteApplication(f.Context(), op), hook.NotFound)
			if made == 0 {
				f.subscribe()
			}
		}
		// An application that does not exist is not made.
		f.wantKind(f.CreateEndpoint(f.Context(), &hook.Endpoint{Application: none, URL: "https://example.com/"}, nil), hook.NotFound)
		_, err := f.PlanOf(f.Context(), none)
		f.wantKind(err, hook.NotFound)
		// It goes with its environment.
		f.must(f.DeleteEnvironment(f.Context(), f.env))
		_, err = f.PlanOf(f.Context(), op)
		f.wantKind(err, hook.NotFound)
		f.wantKind(f.CreateEndpoint(f.Context(), &hook.Endpoint{Application: op, URL: "https://example.com/"}, nil), hook.NotFound)
	})

	t.Run("NoneWithoutASubscriber", func(t *testing.T) {
		f := newFixture(t, open)
		everything := func() {
			ep := f.newEndpoint(f.app)
			f.update(ep, func(e *hook.Endpoint) { e.Disabled = true })
			f.update(ep, func(e *hook.Endpoint) { e.Disabled = false })
			f.must(f.SetFailing(f.Context(), f.app, ep, time.Now(), 1))
			f.must(f.DeleteEndpoint(f.Context(), f.app, ep))
		}
		everything()
		sub := f.subscribe(hook.BackgroundTaskFinished)
		everything()
		f.wantAnnounced("another type is wanted")
		_, err := f.UpdateEndpoint(f.Context(), sub.Application, sub.ID, nil, func(e *hook.Endpoint) error { e.EventTypes, e.Disabled = nil, true; return nil })
		f.must(err)
		everything()
		f.wantAnnounced("the subscriber is disabled")
		_, err = f.UpdateEndpoint(f.Context(), sub.Application, sub.ID, nil, func(e *hook.Endpoint) error { e.Disabled = false; return nil })
		f.must(err)
		everything()
		f.wantAnnounced("all are wanted", hook.EndpointCreated, hook.EndpointUpdated, hook.EndpointDisabled, hook.EndpointUpdated, hook.EndpointEnabled,
			hook.EndpointFailing, hook.EndpointDeleted)
		f.must(f.DeleteEndpoint(f.Context(), sub.Application, sub.ID))
		everything()
		f.wantAnnounced("the subscriber is gone")
	})

	t.Run("ChangeAndRowAreOneCommit", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe()
		refusal := errors.New("no")
		_, err := f.UpdateEndpoint(f.Context(), f.app, f.endpoints[0], nil, func(e *hook.Endpoint) error { e.URL = "https://b.example/"; return refusal })
		if !errors.Is(err, refusal) {
			t.Fatal(err)
		}
		f.wantKind(f.CreateEndpoint(f.Context(), &hook.Endpoint{ID: 9, Application: none, URL: "https://example.com/"}, nil), hook.NotFound)
		f.wantAnnounced("refused changes")
		for n := range 3 {
			f.update(f.endpoints[n], func(e *hook.Endpoint) { e.UID = fmt.Sprint("ep", n) })
			f.crash()
			rows := f.announced()
			if len(rows) != n+1 || rows[n].Endpoint != f.endpoints[n] || rows[n].EndpointUID != fmt.Sprint("ep", n) || rows[n].Application != f.app {
				t.Fatalf("after crash %d: %+v", n, rows)
			}
		}
		first := f.announced()[:1]
		for range 2 { // twice does no harm
			f.must(f.Announced(f.Context(), first))
		}
		f.crash()
		if rows := f.announced(); len(rows) != 2 || rows[0].ID == first[0].ID {
			t.Errorf("a row that was removed is back: %+v", rows)
		}
		one, err := f.Announcements(f.Context(), 1)
		f.must(err)
		if len(one) != 1 || one[0].Endpoint != f.endpoints[1] {
			t.Errorf("the oldest is %+v", one)
		}
		// The next key is none that was used before, also when nothing else has kept it.
		last := f.wantAnnounced("all", hook.EndpointUpdated, hook.EndpointUpdated)[1].ID
		f.crash()
		if k := f.NewKey(); k <= last {
			t.Errorf("the key %d comes after %d", k, last)
		}
	})

	t.Run("OutcomeAndRowAreOneCommit", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe()
		msg := f.publish(f.endpoints[0])
		var woken atomic.Int64
		f.OnAnnounce(func() { woken.Add(1) })
		end := f.ended(f.handoff.take()[0], hook.Failed)
		at := time.UnixMilli(1_800_000_000_123).UTC()
		end.Announce = &hook.Announcement{
			Environment: f.env, Type: hook.AttemptFailing, Application: f.app, ApplicationUID: "acme", Endpoint: f.endpoints[0], Message: msg, EventID: "evt",
			LastAttempt: hook.AnnouncedAttempt{ID: 77, Status: 500, At: at},
		}
		end.Urgent = true
		f.must(f.finish(end))
		if woken.Load() != 1 {
			t.Errorf("told %d times of one commit", woken.Load())
		}
		f.crash()
		f.OnAnnounce(func() { woken.Add(1) })
		f.update(f.endpoints[1], func(e *hook.Endpoint) { e.Description = "later" })
		if woken.Load() != 2 {
			t.Errorf("told %d times of two commits", woken.Load())
		}
		want := *end.Announce
		rows := f.wantAnnounced("both places, oldest first", hook.AttemptFailing, hook.EndpointUpdated)
		if *rows[0] != want {
			t.Errorf("read %+v\nwant %+v", *rows[0], want)
		}
		f.crash()
		f.wantAnnounced("after they were removed")
	})

	t.Run("OutcomeThatDoesNotCountIsNotTold", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe()
		row := func(msg hook.MessageID, typ string) *hook.Announcement {
			return &hook.Announcement{Environment: f.env, Type: typ, Application: f.app, Endpoint: f.endpoints[0], Message: msg}
		}
		resend := func(msg hook.MessageID) store.Due {
			_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: f.endpoints[0], Messages: []hook.MessageID{msg}, Trigger: hook.Manual})
			f.must(err)
			due := f.claim(f.endpoints[0])
			i := slices.IndexFunc(due, func(d store.Due) bool { return d.Delivery.Message == msg && d.Delivery.Trigger == hook.Manual })
			if i < 0 {
				t.Fatalf("no resend among %+v", due)
			}
			return due[i]
		}
		msg := f.publish(f.endpoints[0])
		fresh := f.handoff.take()[0]
		// A resend delivers it while its own attempt is under way.
		manual := f.ended(resend(msg), hook.Success)
		manual.Announce = row(msg, hook.AttemptRecovered)
		f.must(f.finish(manual))
		late := f.ended(fresh, hook.Failed)
		late.Announce = row(msg, hook.AttemptExhausted)
		f.must(f.finish(late))
		f.wantAnnounced("the failure came too late", hook.AttemptRecovered)
		again := f.ended(resend(msg), hook.Success)
		again.Announce = row(msg, hook.AttemptRecovered)
		f.must(f.finish(again))
		f.wantAnnounced("delivered already")
	})

	t.Run("ReplayKeepsHowTheRoundBeforeEnded", func(t *testing.T) {
		f := newFixture(t, open)
		msg := f.publish(f.endpoints[0])
		end := f.ended(f.handoff.take()[0], hook.Failed)
		end.Delivery.State = hook.Exhausted
		f.must(f.finish(end))
		_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: f.endpoints[0], Messages: []hook.MessageID{msg}})
		f.must(err)
		d := f.claim(f.endpoints[0])[0].Delivery
		if d.Reason != hook.ReasonServer || d.Step != 0 || d.Attempts != 1 {
			t.Errorf("the new round begins with %+v", d)
		}
	})

	t.Run("WarningsAreToldOnce", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe(hook.EndpointFailing)
		ep := f.endpoints[0]
		since := time.Now().Add(-60 * time.Hour).UTC().Truncate(time.Millisecond)
		for _, step := range []struct {
			since  time.Time
			warned int
			told   bool
		}{{since, 1, true}, {since, 1, false}, {since, 2, true}, {time.Time{}, 3, false}, {since, 3, true}} {
			f.must(f.SetFailing(f.Context(), f.app, ep, step.since, step.warned))
			f.crash()
			if !step.told {
				f.wantAnnounced(fmt.Sprintf("%+v", step))
				continue
			}
			a := f.wantAnnounced(fmt.Sprintf("%+v", step), hook.EndpointFailing)[0]
			if a.Endpoint != ep || !a.FailSince.Equal(since) || !a.DisableAt.Equal(since.Add(hook.DisableAfter)) {
				t.Errorf("%+v: %+v", step, a)
			}
		}
		// Enabling and disabling forgives: the next streak begins anew.
		f.update(ep, func(e *hook.Endpoint) { e.Disabled, e.FailingSince = true, time.Time{} })
		f.update(ep, func(e *hook.Endpoint) { e.Disabled = false })
		f.must(f.SetFailing(f.Context(), f.app, ep, since, 1))
		_, err := f.UpdateEnvironment(f.Context(), f.env, func(e *hook.Environment) error { e.Settings.DisableEndpointOnFailure = false; return nil })
		f.must(err)
		f.must(f.SetFailing(f.Context(), f.app, ep, since, 2))
		if rows := f.wantAnnounced("a new streak", hook.EndpointFailing, hook.EndpointFailing); !rows[1].DisableAt.IsZero() {
			t.Errorf("nothing is disabled here: %+v", rows[1])
		}
	})

	t.Run("EndOfATaskIsToldOnce", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe()
		task := &hook.Task{Environment: f.env, Application: f.app, Type: hook.TaskRecover, Status: hook.TaskRunning}
		f.must(f.CreateTask(f.Context(), task, nil))
		task.Done = 7
		f.must(f.SaveTask(f.Context(), task))
		task.Status = hook.TaskPaused
		f.must(f.SaveTask(f.Context(), task))
		f.wantAnnounced("a task that goes on")
		task.Status = hook.TaskFinished
		for range 2 {
			f.must(f.SaveTask(f.Context(), task))
		}
		f.crash()
		a := f.wantAnnounced("a task that has ended", hook.BackgroundTaskFinished)[0]
		if a.TaskID != task.ID || a.Task == nil || a.Task.ID != task.ID || a.Task.Done != 7 || a.Task.Status != hook.TaskFinished {
			t.Errorf("says %+v of %+v", a, a.Task)
		}
	})

	t.Run("OperationalApplicationAnnouncesNothing", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe()
		second := f.subscribe()
		_, err := f.UpdateEndpoint(f.Context(), second.Application, second.ID, nil, func(e *hook.Endpoint) error { e.Disabled = true; return nil })
		f.must(err)
		f.must(f.SetFailing(f.Context(), second.Application, second.ID, time.Now(), 3))
		f.must(f.DeleteEndpoint(f.Context(), second.Application, second.ID))
		f.wantAnnounced("changes of subscribers")
	})

	t.Run("EnvironmentTakesItsRowsAlong", func(t *testing.T) {
		f := newFixture(t, open)
		f.subscribe()
		f.newEndpoint(f.app)
		f.must(f.DeleteEnvironment(f.Context(), f.env))
		if rows := f.announced(); len(rows) != 0 {
			t.Errorf("%d rows are left", len(rows))
		}
	})

	t.Run("SubscribersOfAnotherEnvironmentHearNothing", func(t *testing.T) {
		f := newFixture(t, open)
		other := &hook.Environment{Name: "other", Settings: hook.DefaultSettings()}
		f.must(f.CreateEnvironment(f.Context(), other))
		f.must(f.CreateEndpoint(f.Context(), &hook.Endpoint{Application: other.ID.Operational(), URL: "https://example.com/"}, nil))
		f.newEndpoint(f.app)
		f.wantAnnounced("changes next door")
	})
}
