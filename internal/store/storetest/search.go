package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testSearch is the suite of store.Search.
func testSearch(t *testing.T, open Open) {
	t.Run("MessageIsFoundByItsKeyAlone", func(t *testing.T) {
		f := newFixture(t, open)
		id := f.publish(f.endpoints...)
		m, err := f.MessageOwner(f.Context(), id)
		f.must(err)
		if m.ID != id || m.Application != f.app || m.Environment != f.env || m.Payload != nil {
			t.Errorf("found %+v", m)
		}
		for _, none := range []hook.MessageID{id + 1, 1, hook.MessageID(hook.MaxKey)} {
			_, err := f.MessageOwner(f.Context(), none)
			f.wantKind(err, hook.NotFound)
		}
	})

	t.Run("ApplicationsOfAnEnvironment", func(t *testing.T) {
		f := newFixture(t, open)
		other := f.newApplication("second")
		list := func(env hook.EnvironmentID, most int) (out []hook.ApplicationID) {
			f.must(f.EachApplication(f.Context(), env, func(a hook.ApplicationID) bool {
				out = append(out, a)
				return len(out) < most
			}))
			return out
		}
		if got := list(f.env, 10); !slices.Equal(got, []hook.ApplicationID{f.app, other}) {
			t.Errorf("applications %v", got)
		}
		if got := list(f.env, 1); len(got) != 1 {
			t.Errorf("went on: %v", got)
		}
		if got := list(f.env+1, 10); got != nil {
			t.Errorf("another environment's: %v", got)
		}
	})

	t.Run("EndpointsWithCredentials", func(t *testing.T) {
		f := newFixture(t, open)
		second := f.newApplication("second")
		for app, c := range map[hook.ApplicationID]*hook.Credentials{f.app: {Bearer: "t"}, second: nil} {
			e := &hook.Endpoint{ID: hook.EndpointID(f.NewKey()), Application: app, URL: "https://example.com/", Secrets: []hook.Secret{{Text: "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0"}}}
			e.Credentials = c
			if c == nil {
				e.Order = &hook.Order{} // another feature
			}
			f.must(f.CreateEndpoint(f.Context(), e, nil))
		}
		for env, want := range map[hook.EnvironmentID]int{f.env: 1, 0: 1, f.env + 1: 0} {
			n := 0
			f.must(f.EachCredentialed(f.Context(), env, func(of hook.EnvironmentID, ofSource bool, e *hook.Endpoint) bool {
				if n++; of != f.env || ofSource || e.Application != f.app || e.Credentials.Bearer != "t" {
					t.Errorf("environment %d: %d %v %v", env, of, ofSource, e.Application)
				}
				return true
			}))
			if n != want {
				t.Errorf("environment %d: %d endpoints, want %d", env, n, want)
			}
		}
	})

	t.Run("EndpointsByUIDAndTheirNumbers", func(t *testing.T) {
		f := newFixture(t, open)
		apps := []hook.ApplicationID{f.app, f.newApplication("second"), f.newApplication("third")}
		for i, app := range apps[:2] {
			f.must(f.CreateEndpoint(f.Context(), &hook.Endpoint{
				ID: hook.EndpointID(f.NewKey()), Application: app, URL: "https://example.com/", UID: "same", Disabled: i == 1,
				Secrets: []hook.Secret{{Text: "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0"}}, Headers: map[string]string{"a": "b"},
			}, nil))
		}
		got, err := f.EndpointsByUID(f.Context(), f.env, "same", 5)
		f.must(err)
		slices.SortFunc(got, func(a, b *hook.Endpoint) int { return cmp.Compare(a.Application, b.Application) })
		if len(got) != 2 || got[0].Application != apps[0] || got[1].Application != apps[1] || got[0].Secrets != nil || got[0].Headers != nil || got[0].UID != "same" {
			t.Errorf("found %+v", got)
		}
		for _, c := range []struct {
			env   hook.EnvironmentID
			uid   string
			limit int
			want  int
		}{{f.env, "same", 1, 1}, {f.env, "other", 5, 0}, {f.env + 1, "same", 5, 0}} {
			got, err := f.EndpointsByUID(f.Context(), c.env, c.uid, c.limit)
			f.must(err)
			if len(got) != c.want {
				t.Errorf("%+v: %d", c, len(got))
			}
		}
		n, err := f.CountEndpoints(f.Context(), f.env)
		f.must(err)
		if want := (store.EndpointCount{Active: 4, Disabled: 1, WithEndpoints: 2, WithActive: 1}); n != want {
			t.Errorf("counts %+v, want %+v", n, want)
		}
		n, err = f.CountEndpoints(f.Context(), f.env+1)
		f.must(err)
		if n != (store.EndpointCount{}) {
			t.Errorf("another environment counts %+v", n)
		}
	})

	t.Run("AttemptIsFoundInItsApplication", func(t *testing.T) {
		f := newFixture(t, open)
		f.publish(f.endpoints...)
		var all []*hook.Attempt
		for i, d := range f.handoff.take() {
			a := &hook.Attempt{ID: hook.AttemptID(f.NewKey()), Message: d.Message.ID, Application: f.app, Endpoint: d.Delivery.Endpoint, N: 1, StartedAt: time.Now(), Status: 200 + i, Outcome: hook.Success, Body: []byte("b")}
			done := make(chan error, 1)
			f.Finish(&store.Finished{Delivery: d.Delivery.After(a, nil, time.Now(), 0), Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
			f.must(<-done)
			all = append(all, a)
		}
		f.must(f.DeleteEndpoint(f.Context(), f.app, f.endpoints[1]))
		for _, want := range all {
			got, err := f.FindAttempt(f.Context(), f.app, want.ID)
			f.must(err)
			if got.ID != want.ID || got.Endpoint != want.Endpoint || got.Message != want.Message || got.Status != want.Status || got.Application != f.app || got.Body != nil {
				t.Errorf("found %+v", got)
			}
		}
		_, err := f.FindAttempt(f.Context(), f.app, all[2].ID+1)
		f.wantKind(err, hook.NotFound)
		_, err = f.FindAttempt(f.Context(), f.newApplication("second"), all[0].ID)
		f.wantKind(err, hook.NotFound)
		for _, c := range []struct {
			most int
			n    int
			more bool
		}{{5, 1, false}, {1, 1, false}} {
			n, more, err := f.CountAttempts(f.Context(), store.AttemptQuery{Application: f.app, Endpoint: f.endpoints[1]}, c.most)
			f.must(err)
			if n != c.n || more != c.more {
				t.Errorf("most %d: %d, %v", c.most, n, more)
			}
		}
	})

	t.Run("AttemptsAreCountedUpToALimit", func(t *testing.T) {
		f := newFixture(t, open)
		for range 3 {
			f.publish(f.endpoints[0])
			f.begin(f.handoff.take()[0], hook.Failed)
		}
		for most, want := range map[int]int{2: 2, 3: 3, 4: 3} {
			n, more, err := f.CountAttempts(f.Context(), store.AttemptQuery{Application: f.app, Endpoint: f.endpoints[0]}, most)
			f.must(err)
			if n != want || more != (most < 3) {
				t.Errorf("most %d: %d, %v", most, n, more)
			}
		}
	})

	t.Run("DueIsCountedByTime", func(t *testing.T) {
		f := newFixture(t, open)
		now := time.Now().Truncate(time.Millisecond)
		for _, in := range []time.Duration{-time.Minute, 0, 30 * time.Second, time.Minute, time.Hour} {
			f.publish(f.endpoints[0])
			d := f.handoff.take()[0].Delivery
			d.DueAt = now.Add(in)
			f.must(f.Spill(f.Context(), []hook.Delivery{d}))
		}
		bounds := []time.Time{now.Add(time.Millisecond), now.Add(time.Minute)}
		byBound := func(most int) (got [3]int64, more bool) {
			list, more, err := f.CountDue(f.Context(), bounds, most)
			f.must(err)
			for _, c := range list {
				if c.Application != f.app || c.Environment != f.env {
					t.Errorf("counted %+v", c)
				}
				got[c.Bound] += c.Count
			}
			return got, more
		}
		if got, more := byBound(5); got != [3]int64{2, 1, 2} || more {
			t.Errorf("counted %v, more %v", got, more)
		}
		if got, more := byBound(4); got[0]+got[1]+got[2] != 4 || !more {
			t.Errorf("counted %v, more %v", got, more)
		}
		f.must(f.DeleteApplication(f.Context(), f.app))
		list, _, err := f.CountDue(f.Context(), bounds, 10)
		f.must(err)
		for _, c := range list {
			if c.Environment != 0 {
				t.Errorf("of an application that is gone: %+v", c)
			}
		}
	})
}
