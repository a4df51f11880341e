package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testLines: deliveries in line are claimed in the order of commits, whatever they went through.
func testLines(t *testing.T, open Open) {
	inLine := func(f *fixture, line hook.Line, at time.Time) hook.MessageID {
		t.Helper()
		p := f.publication(f.endpoints[0])
		p.Deliveries[0].Line, p.Deliveries[0].DueAt = line, at
		_, err := f.Append(f.Context(), p)
		f.must(err)
		return p.Message.ID
	}
	claimAll := func(f *fixture) (due []store.Due) {
		t.Helper()
		due, _, err := f.Claim(f.Context(), f.app, f.endpoints[0], time.Now().Add(time.Hour), 1000, nil)
		f.must(err)
		return due
	}
	wantOrder := func(due []store.Due, want ...hook.MessageID) {
		t.Helper()
		if len(due) != len(want) {
			t.Fatalf("%d claimed, want %d", len(due), len(want))
		}
		for i, d := range due {
			if d.Delivery.Message != want[i] {
				t.Fatalf("at %d stands message %d, want %d", i, d.Delivery.Message, want[i])
			}
		}
	}

	t.Run("NoneIsHandedOver", func(t *testing.T) {
		f := newFixture(t, open)
		id := inLine(f, 7, time.Time{})
		if fresh := f.handoff.take(); len(fresh) != 0 {
			t.Fatalf("handed over in memory: %+v", fresh)
		}
		if made := f.handoff.takeMadeDue(); len(made) != 1 || made[0].Endpoint != f.endpoints[0] {
			t.Fatalf("made due: %+v", made)
		}
		due := f.claim(f.endpoints[0])
		wantOrder(due, id)
		if d := due[0].Delivery; d.Line != 7 || !d.DueAt.Equal(hook.Key(id).Time()) || !d.NotBefore.IsZero() {
			t.Fatalf("claimed %+v", d)
		}
	})

	t.Run("OrderIsThatOfCommits", func(t *testing.T) {
		f := newFixture(t, open)
		var mu sync.Mutex
		var last hook.MessageID
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 25 {
					mu.Lock()
					before := last
					mu.Unlock()
					p := f.publication(f.endpoints[0])
					p.Deliveries[0].Line = 7
					if _, err := f.Append(f.Context(), p); err != nil {
						t.Error(err)
						return
					}
					if p.Message.ID <= before {
						t.Errorf("message %d was appended after %d was answered", p.Message.ID, before)
					}
					mu.Lock()
					last = max(last, p.Message.ID)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		f.crash()
		due := claimAll(f)
		if len(due) != 200 {
			t.Fatalf("%d claimed, want 200", len(due))
		}
		for i := 1; i < len(due); i++ {
			if due[i-1].Delivery.Message >= due[i].Delivery.Message || due[i-1].Delivery.Place().Compare(due[i].Delivery.Place()) >= 0 {
				t.Fatalf("message %d stands before %d", due[i-1].Delivery.Message, due[i].Delivery.Message)
			}
		}
	})

	t.Run("HeadKeepsItsPlace", func(t *testing.T) {
		f := newFixture(t, open)
		a, b := inLine(f, 7, time.Time{}), inLine(f, 7, time.Time{})
		due := claimAll(f)
		wantOrder(due, a, b)
		for n := 1; n <= 3; n++ {
			attempt := f.attempt(due[0], hook.Failed)
			next := due[0].Delivery.After(attempt, []time.Duration{time.Minute, time.Minute, time.Minute}, time.Now(), 0.5)
			next.BatchEnd = due[1].Delivery.Place()
			if next.NotBefore.IsZero() || !next.DueAt.Equal(due[0].Delivery.DueAt) || !next.NextAt().Equal(next.NotBefore) {
				t.Fatalf("after attempt %d: %+v", n, next)
			}
			f.must(f.finish(&store.Finished{Delivery: next, Row: due[0].Row, Attempt: attempt, Urgent: true}))
			f.crash()
			due = claimAll(f)
			wantOrder(due, a, b)
			if d := due[0].Delivery; d.NotBefore.UnixMilli() != next.NotBefore.UnixMilli() || d.Attempts != n || d.Step != n || d.BatchEnd != next.BatchEnd {
				t.Fatalf("after attempt %d: %+v, want %+v", n, d, next)
			}
		}
		f.try(due[0], hook.Success)
		wantOrder(claimAll(f), b)
	})

	t.Run("BatchIsOneOutcome", func(t *testing.T) {
		f := newFixture(t, open)
		var all []*store.Publication
		for range 3 { // in one commit, and so in one group
			p := f.publication(f.endpoints[0])
			p.Message.EventID, p.Deliveries[0].Line = "", 7
			all = append(all, p)
		}
		_, err := f.AppendAll(f.Context(), all)
		f.must(err)
		due := claimAll(f)
		batch := hook.Batch{First: due[0].Message.ID, Last: due[2].Message.ID, Count: 3}
		var ends []*store.Finished
		for i, d := range due {
			if d.Group != due[0].Group || d.Group == 0 {
				t.Fatalf("groups %d and %d", due[0].Group, d.Group)
			}
			a := f.attempt(d, hook.Success)
			a.ID = hook.AttemptID(f.NewKey())
			if i == 0 {
				batch.Of = a.ID
			}
			a.Batch = &batch
			ends = append(ends, &store.Finished{Delivery: d.Delivery.After(a, nil, time.Now(), 0), Row: d.Row, Attempt: a})
		}
		ends[0].With, ends[0].Urgent = ends[1:], true
		f.must(f.finish(ends[0]))
		f.crash()
		if left := claimAll(f); len(left) != 0 {
			t.Fatalf("left: %+v", left)
		}
		for _, d := range due {
			f.wantState(d.Message.ID, f.endpoints[0], hook.Delivered, 1)
		}
		for _, c := range []struct {
			requests bool
			want     int
		}{{false, 3}, {true, 1}} {
			list, err := f.Attempts(f.Context(), store.AttemptQuery{Application: f.app, Endpoint: f.endpoints[0], Window: store.Window{Limit: 10}, Requests: c.requests})
			f.must(err)
			if len(list.Rows) != c.want || *list.Rows[len(list.Rows)-1].Attempt.Batch != batch {
				t.Fatalf("attempts with Requests %v: %d, want %d", c.requests, len(list.Rows), c.want)
			}
		}
	})

	t.Run("SkipEndsWhatLiesBetween", func(t *testing.T) {
		f := newFixture(t, open)
		a, b, other, c := inLine(f, 7, time.Time{}), inLine(f, 7, time.Time{}), inLine(f, 8, time.Time{}), inLine(f, 7, time.Time{})
		n, err := f.Cancel(f.Context(), store.Cancellation{Application: f.app, Endpoint: f.endpoints[0], From: hook.Key(b), Until: hook.Key(other), Line: 7, Reason: hook.ReasonSkipped})
		f.must(err)
		if n != 1 {
			t.Fatalf("%d ended, want 1", n)
		}
		wantOrder(claimAll(f), a, other, c)
		if d := f.delivery(b, f.endpoints[0]); d.State != hook.Cancelled || d.Reason != hook.ReasonSkipped {
			t.Fatalf("skipped: %+v", d)
		}
	})

	t.Run("DelayedJoinsAtItsTime", func(t *testing.T) {
		f := newFixture(t, open)
		late := inLine(f, 7, time.Now().Add(2*time.Minute))
		past := inLine(f, 7, time.Now().Add(-time.Hour))
		after := inLine(f, 7, time.Time{})
		wantOrder(claimAll(f), past, after, late)
	})

	t.Run("ReplayJoinsItsLineAnew", func(t *testing.T) {
		f := newFixture(t, open)
		a := inLine(f, 7, time.Time{})
		due := claimAll(f)
		f.must(f.finish(&store.Finished{Delivery: due[0].Delivery.End(hook.Exhausted, hook.ReasonSkipped), Row: due[0].Row, Urgent: true}))
		b := inLine(f, 7, time.Time{})
		time.Sleep(2 * time.Millisecond) // the next millisecond, which is the unit of places
		_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: f.endpoints[0], Messages: []hook.MessageID{a}, Trigger: hook.Scheduled})
		f.must(err)
		due = claimAll(f)
		wantOrder(due, b, a)
		if due[1].Delivery.Line != 7 {
			t.Fatalf("replayed: %+v", due[1].Delivery)
		}
	})
}
