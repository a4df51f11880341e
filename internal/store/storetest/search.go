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

	t.Run("MessagesWithinBounds", func(t *testing.T) {
		f := newFixture(t, open)
		second := f.newApplication("second")
		other := &hook.Environment{ID: hook.EnvironmentID(f.NewKey()), Name: "other", Settings: hook.DefaultSettings()}
		f.must(f.CreateEnvironment(f.Context(), other))
		foreign := &hook.Application{ID: hook.ApplicationID(f.NewKey()), Environment: other.ID, Name: "n"}
		f.must(f.CreateApplication(f.Context(), foreign, nil))
		publish := func(app hook.ApplicationID) hook.MessageID {
			p := f.publicationOf(app)
			if app == foreign.ID {
				p.Message.Environment = other.ID
			}
			done, err := f.AppendAll(f.Context(), []*store.Publication{p})
			f.must(err)
			return done[0].ID
		}
		var all []hook.MessageID // newest first
		for i := range 30 {
			switch i % 3 {
			case 0:
				all = append([]hook.MessageID{f.publish(f.endpoints...)}, all...)
			case 1:
				all = append([]hook.MessageID{publish(second)}, all...)
			default:
				publish(foreign.ID)
			}
		}
		// walk goes on until the scan is done, and wants the messages that were looked at.
		walk := func(q store.MessageScan, most int) (rows []store.ScannedMessage, examined, calls int) {
			for q.From = 0; calls < 200; calls++ {
				got, err := f.ScanMessages(f.Context(), q)
				f.must(err)
				if len(got.Rows) > q.Limit || got.Examined > most {
					t.Errorf("%d rows of %d examined in one call", len(got.Rows), got.Examined)
				}
				rows, examined = append(rows, got.Rows...), examined+got.Examined
				if got.Done {
					return rows, examined, calls + 1
				}
				if got.Next == 0 || q.From != 0 && got.Next >= q.From {
					t.Fatalf("no progress: from %d to %d", q.From, got.Next)
				}
				q.From = got.Next
			}
			t.Fatal("the scan does not end")
			return nil, 0, 0
		}
		ids := func(rows []store.ScannedMessage) (out []hook.MessageID) {
			for _, r := range rows {
				out = append(out, r.Message.ID)
			}
			return out
		}
		base := store.MessageScan{Environment: f.env, Limit: 100, MaxRows: 1000, MaxTime: time.Minute}
		rows, examined, _ := walk(base, 20)
		if !slices.Equal(ids(rows), all) || examined != 20 {
			t.Errorf("found %v, want %v; %d examined", ids(rows), all, examined)
		}
		if n := rows[1].Deliveries; n == nil || n.Pending != int64(len(f.endpoints)) || rows[0].Deliveries == nil || *rows[0].Deliveries != (store.Stats{}) || rows[0].Message.Payload != nil {
			t.Errorf("deliveries %+v and %+v", n, rows[0].Deliveries)
		}
		for _, limit := range []int{1, 3, 7} {
			q := base
			q.Limit, q.WithContent = limit, true
			rows, _, _ := walk(q, 20)
			if !slices.Equal(ids(rows), all) || rows[0].Message.Payload == nil {
				t.Errorf("by %d: found %v, want %v", limit, ids(rows), all)
			}
		}
		q := base
		q.Application = second
		if rows, examined, _ := walk(q, 10); len(rows) != 10 || examined != 10 {
			t.Errorf("of one application: %v, %d examined", ids(rows), examined)
		}
		q = base
		q.Endpoint, q.Statuses = f.endpoints[0], []store.AttemptStatus{store.StatusPending}
		if rows, _, _ := walk(q, 20); len(rows) != 10 {
			t.Errorf("what waits: %v", ids(rows))
		}
		q.Statuses = []store.AttemptStatus{store.StatusFail}
		if rows, examined, _ := walk(q, 20); len(rows) != 0 || examined != 20 {
			t.Errorf("what failed: %v", ids(rows))
		}
		// A call looks at no more than it may; what was wanted by nobody is not looked at again,
		// but for what shares a millisecond with somebody else's.
		q = base
		q.MaxRows, q.WithContent = 4, true
		q.Wants = func(m *hook.Message) (bool, error) { return m.ID == all[len(all)-1], nil }
		if rows, _, calls := walk(q, 4); len(rows) != 1 || calls < 5 {
			t.Errorf("found %v in %d calls", ids(rows), calls)
		}
		q.MaxTime, q.MaxRows = 0, 1000
		if got, err := f.ScanMessages(f.Context(), q); err != nil || got.Done || got.Examined != 0 {
			t.Errorf("without any time: %+v %v", got, err)
		}
		q = base
		q.Environment = f.env + 1
		if rows, examined, _ := walk(q, 0); rows != nil || examined != 0 {
			t.Errorf("another environment's: %v", ids(rows))
		}
		q = base
		q.After, q.Before = hook.Key(all[3]).Time(), hook.Key(all[1]).Time().Add(time.Millisecond)
		rows, _, _ = walk(q, 20)
		for _, r := range rows {
			if at := hook.Key(r.Message.ID).Time(); at.Before(q.After) || !at.Before(q.Before) {
				t.Errorf("%v is not in the time", at)
			}
		}
		if len(rows) < 3 {
			t.Errorf("in a time: %v", ids(rows))
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
			list, more, err := f.CountDue(f.Context(), bounds, most, 0)
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
		list, _, err := f.CountDue(f.Context(), bounds, 10, time.Hour)
		f.must(err)
		for _, c := range list {
			if c.Environment != 0 {
				t.Errorf("of an application that is gone: %+v", c)
			}
		}
	})
}
