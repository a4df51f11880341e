package storetest

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testRollups is the suite of store.Rollups.
func testRollups(t *testing.T, open Open) {
	at := time.Date(2026, 3, 1, 10, 58, 0, 0, time.UTC)
	key := func(d time.Duration) hook.Key { return hook.KeyAt(at.Add(d)) }
	// sums are three minutes of two endpoints, over the turn of an hour.
	sums := func(env hook.EnvironmentID) (list []hook.Rollup) {
		for minute := range 3 {
			for ep := range 2 {
				r := hook.Rollup{RollupKey: hook.RollupKey{
					At: at.Add(time.Duration(minute) * time.Minute).UnixMilli(), Environment: env,
					Application: hook.ApplicationID(100 + ep), Endpoint: hook.EndpointID(200 + ep), EventType: "a.b",
				}}
				r.Count(&hook.EndedAttempt{Outcome: hook.Success, Status: 200, Took: 7 * time.Millisecond})
				for range minute {
					r.Count(&hook.EndedAttempt{Outcome: hook.Failed, Reason: hook.ReasonServer, Status: 500, Took: time.Second, HasNext: true})
				}
				list = append(list, r)
			}
		}
		return list
	}
	read := func(f *fixture, q store.RollupQuery) (out []hook.Rollup) {
		f.Helper()
		if q.Environment == 0 {
			q.Environment = f.env
		}
		if q.Since.IsZero() {
			q.Since, q.Until = at.Add(-24*time.Hour), at.Add(24*time.Hour)
		}
		f.must(f.EachRollup(f.Context(), q, func(r *hook.Rollup) error {
			if !q.Wants(&r.RollupKey) {
				f.Errorf("got %+v, which the query does not want", r.RollupKey)
			}
			row := *r
			row.Reasons = slices.Clone(r.Reasons)
			out = append(out, row)
			return nil
		}))
		return out
	}

	t.Run("SumsAreKeptByMinuteAndHour", func(t *testing.T) {
		f := newFixture(t, open)
		list := sums(f.env)
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: key(0), High: key(time.Minute)}, list))
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: key(time.Minute), High: key(time.Hour)}, list))
		f.restart()
		got := read(f, store.RollupQuery{AllApplications: true, Period: hook.RollupMinute})
		if len(got) != 6 {
			t.Fatalf("%d sums by the minute: %+v", len(got), got)
		}
		slices.SortFunc(list, func(a, b hook.Rollup) int {
			return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.At, b.At))
		})
		for i := range list {
			want := list[i].Clone()
			want.Add(&list[i].RollupCounts)
			if got[i].RollupKey != list[i].RollupKey || !reflect.DeepEqual(got[i].RollupCounts, want) {
				t.Errorf("sum %d: %+v, want %+v %+v", i, got[i], list[i].RollupKey, want)
			}
		}
		hours := read(f, store.RollupQuery{Application: 100, Period: hook.RollupHour})
		if len(hours) != 2 || hours[0].At != at.Truncate(time.Hour).UnixMilli() || hours[0].Success != 4 || hours[0].Failed != 2 || hours[1].Success != 2 || hours[1].Failed != 4 {
			t.Errorf("by the hour: %+v", hours)
		}
		total := read(f, store.RollupQuery{Period: hook.RollupHour})
		if len(total) != 2 || total[0].Application != 0 || total[0].Endpoint != 0 || total[0].Success != 8 || total[1].Failed != 8 || total[1].Slowest != time.Second {
			t.Errorf("of the environment: %+v", total)
		}
	})

	t.Run("OnlyFailures", func(t *testing.T) {
		f := newFixture(t, open)
		other := f.env + 1
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, append(sums(f.env), sums(other)...)))
		// More failures of a minute that had some, and the first of one that had none.
		more := sums(f.env)[:4]
		for i := range more {
			more[i].RollupCounts = hook.RollupCounts{}
			more[i].Count(&hook.EndedAttempt{Outcome: hook.Failed, Reason: hook.ReasonTimeoutBody, Took: time.Second, HasNext: true})
		}
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 2, High: 3}, more[1:]))
		f.restart()
		for _, c := range []struct {
			name string
			q    store.RollupQuery
			want map[hook.Reason]int64
			rows int
		}{
			{"all applications", store.RollupQuery{AllApplications: true}, map[hook.Reason]int64{hook.ReasonServer: 6, hook.ReasonTimeoutBody: 3}, 5},
			{"an application", store.RollupQuery{Application: 100}, map[hook.Reason]int64{hook.ReasonServer: 3, hook.ReasonTimeoutBody: 1}, 2},
			{"an endpoint", store.RollupQuery{Application: 101, Endpoint: 201}, map[hook.Reason]int64{hook.ReasonServer: 3, hook.ReasonTimeoutBody: 2}, 3},
			{"another's endpoint", store.RollupQuery{Application: 101, Endpoint: 200}, map[hook.Reason]int64{}, 0},
			{"an event type that has none", store.RollupQuery{AllApplications: true, EventTypes: []string{"x"}}, map[hook.Reason]int64{}, 0},
			{"an event type", store.RollupQuery{AllApplications: true, EventTypes: []string{"a.b"}}, map[hook.Reason]int64{hook.ReasonServer: 6, hook.ReasonTimeoutBody: 3}, 5},
			{"since is in, until is not", store.RollupQuery{AllApplications: true, Since: at.Add(time.Minute), Until: at.Add(2 * time.Minute)}, map[hook.Reason]int64{hook.ReasonServer: 2, hook.ReasonTimeoutBody: 2}, 2},
			{"by the hour", store.RollupQuery{AllApplications: true, Period: hook.RollupHour}, map[hook.Reason]int64{hook.ReasonServer: 6, hook.ReasonTimeoutBody: 3}, 4},
			{"the environment", store.RollupQuery{}, map[hook.Reason]int64{hook.ReasonServer: 6, hook.ReasonTimeoutBody: 3}, 3},
			{"an environment that has none", store.RollupQuery{Environment: other + 1, AllApplications: true}, map[hook.Reason]int64{}, 0},
		} {
			if c.q.Period == 0 {
				c.q.Period = hook.RollupMinute
			}
			c.q.OnlyFailures = true
			got := map[hook.Reason]int64{}
			list := read(f, c.q)
			for _, r := range list {
				for _, n := range r.Reasons {
					got[n.Reason] += n.Count
				}
				if r.Reasons = nil; !reflect.DeepEqual(r.RollupCounts, hook.RollupCounts{}) {
					t.Errorf("%s: more than reasons: %+v", c.name, r.RollupCounts)
				}
			}
			if len(list) != c.rows || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %d sums with %v, want %d with %v", c.name, len(list), got, c.rows, c.want)
			}
		}
	})

	t.Run("AViewIsOfOneMoment", func(t *testing.T) {
		f := newFixture(t, open)
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 10, High: 20}, sums(f.env)))
		q := store.RollupQuery{Environment: f.env, Period: hook.RollupHour, Since: at.Add(-time.Hour), Until: at.Add(2 * time.Hour)}
		counts := store.RollupCountQuery{Environment: f.env, Applications: []hook.ApplicationID{100, 101}, Period: hook.RollupHour, Since: q.Since.Truncate(time.Hour), Until: q.Until.Truncate(time.Hour)}
		f.must(f.ReadRollups(f.Context(), func(v store.RollupView) error {
			for _, when := range []string{"before", "after"} {
				var series, counted int64
				f.must(v.EachRollup(q, func(r *hook.Rollup) error { series += r.Success; return nil }))
				f.must(v.EachRollupCount(counts, func(c store.RollupCount) error { counted += c.Success; return nil }))
				if series != 6 || counted != 6 {
					t.Errorf("%s more was added: %d in the series, %d counted, want 6", when, series, counted)
				}
				for key, want := range map[hook.Key]bool{9: false, 10: true, 19: true, 20: false, 25: false} {
					if got, err := v.IsCounted(key); err != nil || got != want {
						t.Errorf("%s more was added: key %d is counted: %v, %v", when, key, got, err)
					}
				}
				if when == "before" {
					f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 20, High: 30}, sums(f.env)))
				}
			}
			return nil
		}))
		f.must(f.ReadRollups(f.Context(), func(v store.RollupView) error {
			for key, want := range map[hook.Key]bool{9: false, 25: true, 30: false} {
				if got, err := v.IsCounted(key); err != nil || got != want {
					t.Errorf("key %d is counted: %v, %v", key, got, err)
				}
			}
			return nil
		}))
	})

	t.Run("QueriesAreNarrow", func(t *testing.T) {
		f := newFixture(t, open)
		other := f.env + 1
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, append(sums(f.env), sums(other)...)))
		for _, c := range []struct {
			name string
			q    store.RollupQuery
			want int
		}{
			{"application", store.RollupQuery{Application: 101}, 3},
			{"endpoint", store.RollupQuery{Application: 101, Endpoint: 201}, 3},
			{"another's endpoint", store.RollupQuery{Application: 101, Endpoint: 200}, 0},
			{"event type", store.RollupQuery{Application: 101, EventTypes: []string{"x", "a.b"}}, 3},
			{"another event type", store.RollupQuery{Application: 101, EventTypes: []string{"x"}}, 0},
			{"since is in, until is not", store.RollupQuery{Application: 101, Since: at.Add(time.Minute), Until: at.Add(2 * time.Minute)}, 1},
			{"the environment", store.RollupQuery{}, 3},
			{"all applications", store.RollupQuery{AllApplications: true}, 6},
			{"an environment that has none", store.RollupQuery{Environment: other + 1}, 0},
		} {
			c.q.Period = hook.RollupMinute
			if got := read(f, c.q); len(got) != c.want {
				t.Errorf("%s: %d sums, want %d", c.name, len(got), c.want)
			}
		}
	})

	t.Run("CountsOfMany", func(t *testing.T) {
		f := newFixture(t, open)
		other := f.env + 1
		more := sums(f.env) // the same minutes, of another event type
		for i := range more {
			more[i].EventType = "c"
		}
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, slices.Concat(sums(f.env), more, sums(other))))
		const minute, hour = hook.RollupMinute, hook.RollupHour
		for _, c := range []struct {
			name            string
			q               store.RollupCountQuery
			rows            int
			success, failed int64
		}{
			{"two applications", store.RollupCountQuery{Applications: []hook.ApplicationID{100, 101}, Period: minute}, 6, 12, 12},
			{"by the hour", store.RollupCountQuery{Applications: []hook.ApplicationID{101}, Period: hour}, 2, 6, 6},
			{"one that has none", store.RollupCountQuery{Applications: []hook.ApplicationID{102}, Period: minute}, 0, 0, 0},
			{"an endpoint and another application's", store.RollupCountQuery{Applications: []hook.ApplicationID{100}, Endpoints: []hook.EndpointID{200, 201}, Period: minute}, 3, 6, 6},
			{"an endpoint by the hour", store.RollupCountQuery{Applications: []hook.ApplicationID{100}, Endpoints: []hook.EndpointID{200}, Period: hour}, 2, 6, 6},
			{"since is in, until is not", store.RollupCountQuery{Applications: []hook.ApplicationID{100}, Period: minute, Since: at.Add(time.Minute), Until: at.Add(2 * time.Minute)}, 1, 2, 2},
			{"and of an endpoint", store.RollupCountQuery{Applications: []hook.ApplicationID{100}, Endpoints: []hook.EndpointID{200}, Period: minute, Since: at.Add(time.Minute), Until: at.Add(2 * time.Minute)}, 1, 2, 2},
			{"an environment that has none", store.RollupCountQuery{Environment: other + 1, Applications: []hook.ApplicationID{100}, Period: minute}, 0, 0, 0},
		} {
			if c.q.Environment == 0 {
				c.q.Environment = f.env
			}
			if c.q.Since.IsZero() {
				c.q.Since, c.q.Until = at.Truncate(time.Hour), at.Add(2*time.Hour).Truncate(time.Hour)
			}
			var sum store.RollupCount
			rows := 0
			f.must(f.EachRollupCount(f.Context(), c.q, func(n store.RollupCount) error {
				rows++
				sum.Success += n.Success
				sum.Failed += n.Failed
				if !slices.Contains(c.q.Applications, n.Application) || (n.Endpoint != 0) != (len(c.q.Endpoints) > 0) {
					t.Errorf("%s: got %+v", c.name, n)
				}
				return nil
			}))
			if rows != c.rows || sum.Success != c.success || sum.Failed != c.failed {
				t.Errorf("%s: %d rows, %d and %d; want %d, %d and %d", c.name, rows, sum.Success, sum.Failed, c.rows, c.success, c.failed)
			}
		}
	})

	t.Run("IssuesAreMadeWithTheSums", func(t *testing.T) {
		f := newFixture(t, open)
		list := sums(f.env) // no failure, one, two, of two applications
		operational := list[5]
		operational.Application = f.env.Operational()
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, append(list, operational)))
		// A repeat after an unclear error counts once.
		f.wantKind(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, list), hook.Conflict)
		f.must(f.UpdateIssueNote(f.Context(), hook.IssueKey{Environment: f.env, Application: 100, Endpoint: 200, Reason: hook.ReasonServer}, func(n *hook.IssueNote) error {
			n.Assignee = "jo"
			return nil
		}))
		f.restart()
		each := func(q store.IssueQuery) (out []hook.Issue) {
			q.Environment = f.env
			f.must(f.EachIssue(f.Context(), q, func(is *hook.Issue) (bool, error) {
				out = append(out, *is)
				return true, nil
			}))
			return out
		}
		got := each(store.IssueQuery{})
		if len(got) != 2 || got[0].Endpoint != 201 || got[1].Endpoint != 200 || got[1].Note.Assignee != "jo" || got[0].Note.Assignee != "" {
			t.Fatalf("issues %+v", got)
		}
		want := at.Add(2 * time.Minute)
		if is := got[1]; is.Failures != 3 || !is.FirstAt.Equal(at.Add(time.Minute)) || !is.LastAt.Equal(want) || !is.SucceededAt.Equal(want) || is.State(at) != hook.IssueOpen {
			t.Errorf("issue %+v", is)
		}
		if got := each(store.IssueQuery{Application: 101}); len(got) != 1 || got[0].Application != 101 {
			t.Errorf("of one application: %+v", got)
		}
		if got := each(store.IssueQuery{After: &store.IssuePlace{LastAt: want.UnixMilli(), Endpoint: 201, Reason: hook.ReasonServer}}); len(got) != 1 || got[0].Endpoint != 200 {
			t.Errorf("behind the first: %+v", got)
		}
		_, err := f.Issue(f.Context(), hook.IssueKey{Environment: f.env, Application: 100, Endpoint: 200, Reason: hook.ReasonReset})
		f.wantKind(err, hook.NotFound)
		_, err = f.Issue(f.Context(), hook.IssueKey{Environment: f.env + 1, Application: 100, Endpoint: 200, Reason: hook.ReasonServer})
		f.wantKind(err, hook.NotFound)

		// They go with their time.
		later := want.Add(hook.KeepIssues).Add(time.Minute)
		f.must(f.PruneRollups(f.Context(), later.Add(-hook.KeepMinutes), later.Add(-90*24*time.Hour)))
		if got := each(store.IssueQuery{}); got != nil {
			t.Errorf("old ones are there: %+v", got)
		}
	})

	t.Run("OperationalWebhooksAreNotOfTheEnvironment", func(t *testing.T) {
		f := newFixture(t, open)
		list := sums(f.env)
		for i := range list {
			if list[i].Application == 101 {
				list[i].Application = f.env.Operational()
			}
		}
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, list))
		if got := read(f, store.RollupQuery{Application: f.env.Operational(), Period: hook.RollupMinute}); len(got) != 3 {
			t.Errorf("of their own: %+v", got)
		}
		total := read(f, store.RollupQuery{Period: hook.RollupMinute})
		if len(total) != 3 {
			t.Errorf("of the environment: %+v", total)
		}
		for _, sum := range total {
			if sum.Success != 1 { // of application 100 alone
				t.Errorf("of the environment: %+v", sum)
			}
		}
	})

	t.Run("SpanIsCountedOnce", func(t *testing.T) {
		f := newFixture(t, open)
		add := func(low, high hook.Key) error {
			return f.AddRollups(f.Context(), hook.KeySpan{Low: low, High: high}, sums(f.env))
		}
		f.must(add(10, 20))
		f.must(add(40, 50))
		f.must(add(30, 40))
		for _, again := range []hook.KeySpan{{Low: 10, High: 20}, {Low: 5, High: 11}, {Low: 19, High: 25}, {Low: 12, High: 13}, {Low: 1, High: 100}} {
			f.wantKind(add(again.Low, again.High), hook.Conflict)
		}
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 7, High: 7}, nil))
		check := func(want ...hook.KeySpan) {
			t.Helper()
			got, err := f.CountedSpans(f.Context())
			f.must(err)
			if !slices.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
		}
		check(hook.KeySpan{Low: 10, High: 20}, hook.KeySpan{Low: 30, High: 50})
		f.restart()
		f.must(add(20, 30))
		check(hook.KeySpan{Low: 10, High: 50})
		if got := read(f, store.RollupQuery{Application: 100, Period: hook.RollupMinute}); got[0].Success != 4 {
			t.Errorf("%d of 4 spans are counted", got[0].Success)
		}
	})

	t.Run("OldSumsGo", func(t *testing.T) {
		f := newFixture(t, open)
		f.must(f.AddRollups(f.Context(), hook.KeySpan{Low: 1, High: 2}, append(sums(f.env), sums(f.env+7)...)))
		f.must(f.PruneRollups(f.Context(), at.Add(2*time.Minute), at.Add(-time.Hour)))
		for _, env := range []hook.EnvironmentID{f.env, f.env + 7} {
			minutes := read(f, store.RollupQuery{Environment: env, AllApplications: true, Period: hook.RollupMinute})
			hours := read(f, store.RollupQuery{Environment: env, AllApplications: true, Period: hook.RollupHour})
			if len(minutes) != 2 || len(hours) != 4 {
				t.Errorf("%d minutes and %d hours are left, want 2 and 4", len(minutes), len(hours))
			}
		}
		f.must(f.PruneRollups(f.Context(), at.Add(time.Hour), at.Add(time.Hour)))
		if left := read(f, store.RollupQuery{Period: hook.RollupHour}); len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	})

	t.Run("EndedAttemptsAreReadBySpan", func(t *testing.T) {
		f := newFixture(t, open)
		var want []hook.EndedAttempt
		for range 3 {
			f.publish(f.endpoints...)
			for i, d := range f.handoff.take() {
				outcome, reason, status := hook.Success, hook.ReasonNone, 200
				if i == 1 {
					outcome, reason, status = hook.Failed, hook.ReasonServer, 503
				}
				a := &hook.Attempt{
					ID: hook.AttemptID(f.NewKey()), Message: d.Message.ID, Application: f.app, Endpoint: d.Delivery.Endpoint, N: 1,
					StartedAt: time.Now(), Took: 1500 * time.Microsecond, Outcome: outcome, Reason: reason, Status: status,
				}
				next := d.Delivery.After(a, hook.DefaultRetryPolicy(), time.Now(), 0.5)
				if next.State == hook.Pending {
					a.NextAt = next.DueAt
				}
				done := make(chan error, 1)
				f.Finish(&store.Finished{Delivery: next, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
				f.must(<-done)
				want = append(want, hook.EndedAttempt{
					ID: a.ID, Environment: f.env, Application: f.app, Endpoint: a.Endpoint, EventType: d.Message.EventType,
					Outcome: outcome, Reason: reason, Status: status, Took: a.Took, HasNext: outcome != hook.Success,
				})
			}
		}
		byID := func(a, b hook.EndedAttempt) int { return cmp.Compare(a.ID, b.ID) }
		slices.SortFunc(want, byID)
		for _, c := range []struct{ from, to int }{{0, 9}, {0, 0}, {2, 7}, {8, 9}} {
			span := hook.KeySpan{Low: hook.Key(want[min(c.from, 8)].ID), High: hook.MaxKey}
			if c.to < 9 {
				span.High = hook.Key(want[c.to].ID)
			}
			var got []hook.EndedAttempt
			f.must(f.EachEndedAttempt(f.Context(), span, func(e *hook.EndedAttempt) error {
				got = append(got, *e)
				return nil
			}))
			slices.SortFunc(got, byID)
			if !slices.Equal(got, want[c.from:c.to]) {
				t.Errorf("attempts %d to %d: %+v, want %+v", c.from, c.to, got, want[c.from:c.to])
			}
		}
	})
}
