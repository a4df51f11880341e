package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testQueue(t *testing.T, open Open) {
	t.Run("CrashMakesDueWhatWasInMemory", func(t *testing.T) {
		f := newFixture(t, open)
		for range 20 {
			f.publish(f.endpoints...)
		}
		fresh := f.handoff.take()
		resolved := make(map[hook.MessageID]map[hook.EndpointID]bool)
		var ended []*store.Finished
		for i, d := range fresh {
			if i%3 == 1 {
				continue // in memory
			}
			if resolved[d.Delivery.Message] == nil {
				resolved[d.Delivery.Message] = make(map[hook.EndpointID]bool)
			}
			resolved[d.Delivery.Message][d.Delivery.Endpoint] = true
			ended = append(ended, f.ended(d, []hook.Outcome{hook.Success, 0, hook.Failed}[i%3]))
		}
		f.must(f.finish(ended...)) // none urgent: they share a commit
		for crash := range 2 {     // a second crash finds the same
			f.crash()
			found := 0
			for _, ep := range f.endpoints {
				for _, d := range f.claim(ep) {
					found++
					if resolved[d.Delivery.Message][ep] {
						t.Fatalf("crash %d: message %d at %d was done and is due", crash, d.Delivery.Message, ep)
					}
					if d.Delivery.Crashes != 0 || d.Delivery.State != hook.Pending || d.Delivery.Attempts != 0 {
						t.Fatalf("crash %d: rescued %+v", crash, d.Delivery)
					}
				}
			}
			if found != 20 {
				t.Fatalf("crash %d: %d deliveries are due, want 20", crash, found)
			}
		}
	})

	t.Run("SlowDeliveryIsRescuedBehindFastOnes", func(t *testing.T) {
		f := newFixture(t, open)
		slow := f.publish(f.endpoints[0])
		f.handoff.take()
		for i := range 50 {
			f.publish(f.endpoints[1])
			if end := f.ended(f.handoff.take()[0], hook.Success); i%10 == 0 {
				f.must(f.finish(end)) // as it comes, after a while
			} else {
				end.Urgent = true
				f.must(f.finish(end))
			}
		}
		f.crash()
		if due := f.claim(f.endpoints[0]); len(due) != 1 || due[0].Delivery.Message != slow {
			t.Fatalf("rescued %+v, want message %d", due, slow)
		}
		if due := f.claim(f.endpoints[1]); len(due) != 0 {
			t.Fatalf("%d delivered ones are due again", len(due))
		}
	})

	t.Run("CleanRestartRepeatsNothing", func(t *testing.T) {
		f := newFixture(t, open)
		id := f.publish(f.endpoints[0])
		f.try(f.handoff.take()[0], hook.Success)
		f.restart()
		f.wantState(id, f.endpoints[0], hook.Delivered, 1)
		times, err := f.DueTimes(f.Context())
		f.must(err)
		if len(times) != 0 {
			t.Fatalf("due: %+v", times)
		}
	})

	t.Run("FailureIsDueAgainUntilItEnds", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		policy := []time.Duration{time.Second, time.Minute / 2}
		d := f.handoff.take()[0]
		for n := 1; n <= 3; n++ {
			a := f.attempt(d, hook.Failed)
			next := d.Delivery.After(a, policy, time.Now(), 0.5)
			a.NextAt = next.DueAt
			f.must(f.finish(&store.Finished{Delivery: next, Row: d.Row, Attempt: a, Urgent: n == 3}))
			f.crash()
			due := f.claim(ep)
			if n == 3 {
				if len(due) != 0 {
					t.Fatalf("exhausted and due: %+v", due)
				}
				break
			}
			if len(due) != 1 {
				t.Fatalf("after attempt %d: %d due, want 1", n, len(due))
			}
			d = due[0]
			if d.Delivery.Attempts != n || d.Delivery.Step != n || d.Delivery.Reason != hook.ReasonServer ||
				d.Delivery.DueAt.UnixMilli() != next.DueAt.UnixMilli() {
				t.Fatalf("after attempt %d: %+v, want due at %v", n, d.Delivery, next.DueAt)
			}
			f.wantState(id, ep, hook.Pending, n)
		}
		f.wantState(id, ep, hook.Exhausted, 3)
		got, err := f.Attempts(f.Context(), store.AttemptQuery{Application: f.app, Message: id, Window: store.Window{Limit: 10}})
		f.must(err)
		if len(got.Rows) != 3 || got.Rows[0].Attempt.N != 3 || got.Rows[2].Attempt.N != 1 {
			t.Fatalf("attempts %+v", got.Rows)
		}
	})

	t.Run("LateOutcomeDoesNotUndo", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		d := f.handoff.take()[0]
		f.try(d, hook.Success)
		f.try(d, hook.Failed) // the same delivery, told twice
		f.wantState(id, ep, hook.Delivered, 2)
		if due := f.claim(ep); len(due) != 0 {
			t.Fatalf("delivered and due: %+v", due)
		}

		id = f.publish(ep)
		d = f.handoff.take()[0]
		f.try(d, hook.Failed)
		f.try(d, hook.Failed)
		f.wantState(id, ep, hook.Pending, 2)
		due, _, err := f.Claim(f.Context(), f.app, ep, time.Now().Add(2*time.Hour), 10, nil)
		f.must(err)
		if len(due) != 1 || due[0].Delivery.Step != 1 {
			t.Fatalf("a failure told twice is due %+v", due)
		}
		f.must(f.finish(&store.Finished{Delivery: due[0].Delivery.End(hook.Exhausted, hook.ReasonDisabled), Row: due[0].Row}))

		id = f.publish(ep)
		d = f.handoff.take()[0]
		f.must(f.Spill(f.Context(), []hook.Delivery{d.Delivery}))
		row := f.claim(ep)[0]
		f.must(f.finish(&store.Finished{Delivery: row.Delivery.End(hook.Cancelled, hook.ReasonCanceled), Row: row.Row}))
		f.try(row, hook.Failed) // in flight while it was cancelled
		f.wantState(id, ep, hook.Cancelled, 1)
		if due := f.claim(ep); len(due) != 0 {
			t.Fatalf("cancelled and due: %+v", due)
		}
		f.try(row, hook.Success)
		f.wantState(id, ep, hook.Delivered, 2)
	})

	t.Run("SpilledIsDueOnce", func(t *testing.T) {
		f := newFixture(t, open)
		a, b := f.publish(f.endpoints[0]), f.publish(f.endpoints[0])
		fresh := f.handoff.take()
		f.try(fresh[0], hook.Success)
		f.handoff.takeMadeDue()
		list := []hook.Delivery{fresh[0].Delivery, fresh[1].Delivery}
		f.must(f.Spill(f.Context(), list))
		f.must(f.Spill(f.Context(), list))
		if n := len(f.handoff.takeMadeDue()); n != 1 {
			t.Fatalf("%d made due, want 1", n)
		}
		f.crash()
		due := f.claim(f.endpoints[0])
		if len(due) != 1 || due[0].Delivery.Message != b || due[0].Delivery.Crashes != 0 {
			t.Fatalf("claimed %+v, want message %d", due, b)
		}
		f.wantState(a, f.endpoints[0], hook.Delivered, 1)
	})

	t.Run("ClaimIsInOrderAndLeavesOutTheTaken", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[1]
		now := time.UnixMilli(time.Now().UnixMilli())
		want := make([]hook.MessageID, 6)
		for i := range want {
			p := f.publication(ep)
			p.Deliveries[0].DueAt = now.Add(time.Duration(6-i) * time.Second)
			_, err := f.Append(f.Context(), p)
			f.must(err)
			want[5-i] = p.Message.ID
		}
		claim := func(at time.Time, limit int, taken map[store.DueKey]bool) ([]store.Due, []hook.MessageID, time.Time) {
			t.Helper()
			due, next, err := f.Claim(f.Context(), f.app, ep, at, limit, taken)
			f.must(err)
			var ids []hook.MessageID
			for _, d := range due {
				ids = append(ids, d.Delivery.Message)
			}
			return due, ids, next
		}
		due, ids, next := claim(now.Add(4*time.Second), 3, nil)
		if !slices.Equal(ids, want[:3]) || !next.Equal(now.Add(4*time.Second)) {
			t.Fatalf("claimed %v, next %v; want %v and the fourth", ids, next, want[:3])
		}
		taken := map[store.DueKey]bool{due[0].Row: true, due[2].Row: true}
		_, ids, next = claim(now.Add(4*time.Second), 10, taken)
		if !slices.Equal(ids, []hook.MessageID{want[1], want[3]}) || !next.Equal(now.Add(5*time.Second)) {
			t.Fatalf("claimed %v, next %v", ids, next)
		}
		for _, d := range due {
			taken[d.Row] = true
		}
		if _, ids, next = claim(now.Add(3*time.Second), 10, taken); len(ids) != 0 || !next.Equal(now.Add(4*time.Second)) {
			t.Fatalf("claimed %v, next %v", ids, next)
		}
		if _, ids, next = claim(now.Add(time.Hour), 10, nil); !slices.Equal(ids, want) || !next.IsZero() {
			t.Fatalf("claimed %v, next %v; want all and none", ids, next)
		}
		times, err := f.DueTimes(f.Context())
		f.must(err)
		if len(times) != 1 || times[0] != (store.DueTime{Application: f.app, Endpoint: ep, At: now.Add(time.Second).UTC()}) {
			t.Fatalf("due times %+v", times)
		}
	})

	t.Run("ReplayLeavesOutWhatIsTooLate", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		replay := func(id hook.MessageID, trigger hook.Trigger) int {
			t.Helper()
			n, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{id}, Trigger: trigger})
			f.must(err)
			return n
		}
		for _, late := range []bool{true, false} {
			p := f.publication(ep)
			if p.Message.Deadline = time.Now().Add(time.Hour); late {
				p.Message.Deadline = time.Now().Add(-time.Second)
			}
			got, err := f.Append(f.Context(), p)
			f.must(err)
			f.try(f.handoff.take()[0], hook.Success)
			if n := replay(got.ID, hook.Scheduled); (n == 0) != late {
				t.Errorf("late %v: a new round made %d due", late, n)
			}
			if late {
				f.wantState(got.ID, ep, hook.Delivered, 1)
				if n := replay(got.ID, hook.Manual); n != 1 {
					t.Errorf("a resend of what is late made %d due", n)
				}
			}
		}
	})

	t.Run("ResendLeavesTheScheduleAlone", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		resend := func(id hook.MessageID) store.Due {
			t.Helper()
			f.handoff.takeMadeDue()
			n, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{id}, Trigger: hook.Manual})
			f.must(err)
			due := slices.DeleteFunc(f.claim(ep), func(d store.Due) bool { return d.Delivery.Trigger != hook.Manual || d.Delivery.Message != id })
			if n != 1 || len(due) != 1 || len(f.handoff.takeMadeDue()) != 1 {
				t.Fatalf("resend made %d due, claimed %+v", n, due)
			}
			return due[0]
		}
		hourAway := func(id hook.MessageID) (n int) {
			due, _, err := f.Claim(f.Context(), f.app, ep, time.Now().Add(2*time.Hour), 100, nil)
			f.must(err)
			for _, d := range due {
				if d.Delivery.Message == id {
					n++
				}
			}
			return n
		}

		id := f.publish(ep) // delivered: a failed resend changes nothing
		f.try(f.handoff.take()[0], hook.Success)
		f.try(resend(id), hook.Failed)
		f.wantState(id, ep, hook.Delivered, 2)

		id = f.publish(ep) // retrying: a failed resend leaves the retry, a success ends it
		f.try(f.handoff.take()[0], hook.Failed)
		step := f.delivery(id, ep).Step
		f.try(resend(id), hook.Failed)
		f.wantState(id, ep, hook.Pending, 2)
		if f.delivery(id, ep).Step != step || hourAway(id) != 1 {
			t.Fatal("a failed resend moved the schedule")
		}
		scheduled, _, err := f.Claim(f.Context(), f.app, ep, time.Now().Add(2*time.Hour), 100, nil)
		f.must(err)
		f.try(resend(id), hook.Success)
		f.wantState(id, ep, hook.Delivered, 3)
		if hourAway(id) != 0 {
			t.Fatal("delivered by a resend, and still due")
		}
		f.try(scheduled[slices.IndexFunc(scheduled, func(d store.Due) bool { return d.Delivery.Message == id })], hook.Failed)
		f.wantState(id, ep, hook.Delivered, 4) // its retry was in flight
		if hourAway(id) != 0 {
			t.Fatal("a late failure made a delivered pair due")
		}

		id = f.publish(ep) // fresh: it stays in memory, and is rescued after a crash
		f.handoff.take()
		f.try(resend(id), hook.Failed)
		f.wantState(id, ep, hook.Pending, 1)
		f.crash()
		due := slices.DeleteFunc(f.claim(ep), func(d store.Due) bool { return d.Delivery.Message != id })
		if len(due) != 1 || due[0].Delivery.Attempts != 1 || due[0].Delivery.Trigger != hook.Scheduled {
			t.Fatalf("rescued %+v", due)
		}
		f.try(due[0], hook.Success)

		id = f.publish(ep) // fresh: a successful resend ends it
		f.handoff.take()
		f.try(resend(id), hook.Success)
		f.crash()
		f.wantState(id, ep, hook.Delivered, 1)
		if hourAway(id) != 0 {
			t.Fatal("delivered by a resend, and rescued")
		}

		id = f.publish(f.endpoints[1]) // never planned for the endpoint
		f.handoff.take()
		d := resend(id)
		f.wantState(id, ep, hook.Pending, 0)
		f.try(d, hook.Failed)
		f.wantState(id, ep, hook.Exhausted, 1)
		f.try(resend(id), hook.Success)
		f.wantState(id, ep, hook.Delivered, 2)
	})

	t.Run("TwoResendsAreTwoAttempts", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		f.try(f.handoff.take()[0], hook.Success)
		for range 2 {
			_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{id, id}, Trigger: hook.Manual})
			f.must(err)
		}
		if due := f.claim(ep); len(due) != 4 {
			t.Fatalf("%d resends are due, want 4", len(due))
		}
	})

	t.Run("ReplayBeginsANewRound", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		var ids []hook.MessageID
		for i := range 4 {
			ids = append(ids, f.publish(ep))
			d := f.handoff.take()[0]
			switch i {
			case 0:
				f.try(d, hook.Success)
			case 1:
				f.must(f.finish(&store.Finished{Delivery: d.Delivery.End(hook.Exhausted, hook.ReasonDisabled)}))
			case 2:
				f.try(d, hook.Failed) // pending: waits for its retry
			}
		}
		ids = append(ids, f.publish(f.endpoints[1])) // never planned for ep
		f.handoff.takeMadeDue()
		r := &store.Replay{
			Application: f.app, Endpoint: ep, Messages: ids, Trigger: hook.Scheduled,
			Receipt: &store.Receipt{Key: store.IdempotencyKey{Hash: [16]byte{7}, Body: [16]byte{8}, Life: time.Hour}, Status: 202, Body: []byte(`{"id":"x"}`)},
		}
		n, err := f.Replay(f.Context(), r)
		f.must(err)
		if n != 3 || len(f.handoff.takeMadeDue()) != 3 {
			t.Fatalf("made %d due, want 3: the two that were final and the one never planned", n)
		}
		f.crash()
		for i, want := range []bool{true, true, false, true, true} { // the fourth was in memory
			due := slices.DeleteFunc(f.claim(ep), func(d store.Due) bool { return d.Delivery.Message != ids[i] })
			if (len(due) == 1) != want {
				t.Fatalf("message %d: %+v", i, due)
			}
			if want && (due[0].Delivery.Step != 0 || due[0].Delivery.Trigger != hook.Scheduled || (due[0].Delivery.Reason == hook.ReasonReplay) != (i != 3)) {
				t.Fatalf("message %d: %+v", i, due[0].Delivery)
			}
		}
		f.wantState(ids[0], ep, hook.Pending, 1)
		got, err := f.Receipt(f.Context(), r.Receipt.Key)
		f.must(err)
		if got == nil || got.Status != 202 || string(got.Body) != `{"id":"x"}` {
			t.Fatalf("receipt %+v", got)
		}
		_, err = f.Receipt(f.Context(), store.IdempotencyKey{Hash: [16]byte{7}, Body: [16]byte{9}})
		f.wantKind(err, hook.KeyReused)
		r.Receipt = nil
		if n, err = f.Replay(f.Context(), r); err != nil || n != 0 {
			t.Fatalf("repeating the replay made %d due, %v", n, err)
		}
	})

	t.Run("NothingIsReplayedWithoutContent", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		gone, kept := f.publish(ep), f.publish(ep)
		for _, d := range f.handoff.take() {
			f.try(d, hook.Success)
		}
		f.must(f.ExpungeMessage(f.Context(), f.app, gone))
		r := &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{gone}, Trigger: hook.Manual}
		_, err := f.Replay(f.Context(), r)
		f.wantKind(err, hook.MissingPayload)
		r.Messages = []hook.MessageID{gone, kept}
		n, err := f.Replay(f.Context(), r)
		f.must(err)
		if n != 1 {
			t.Fatalf("made %d due, want 1", n)
		}
		r.Messages = []hook.MessageID{kept + 1<<40}
		_, err = f.Replay(f.Context(), r)
		f.wantKind(err, hook.NotFound)
		r.Messages, r.Application = []hook.MessageID{kept}, f.newApplication("other")
		_, err = f.Replay(f.Context(), r)
		f.wantKind(err, hook.NotFound)
	})

	t.Run("HoldStopsSendingDurably", func(t *testing.T) {
		f := newFixture(t, open)
		f.handoff.setRefuse(true)
		f.publish(f.endpoints[0])
		f.handoff.setRefuse(false)
		f.must(f.SetHold(f.Context(), true))
		f.publish(f.endpoints[0], f.endpoints[1])
		check := func() {
			t.Helper()
			if n := len(f.handoff.take()); n != 0 {
				t.Fatalf("%d deliveries were handed over while held", n)
			}
			if due := f.claim(f.endpoints[0]); len(due) != 0 {
				t.Fatalf("claimed %d while held", len(due))
			}
			h, err := f.Held(f.Context())
			f.must(err)
			if h != (store.Hold{Held: true, Pending: 3, Endpoints: 2}) {
				t.Fatalf("hold %+v", h)
			}
		}
		check()
		f.crash()
		check()
		f.must(f.SetHold(f.Context(), false))
		if n := len(f.handoff.takeMadeDue()); n != 2 {
			t.Fatalf("%d endpoints were made due at the release, want 2", n)
		}
		if due := f.claim(f.endpoints[0]); len(due) != 2 {
			t.Fatalf("%d due after the release, want 2", len(due))
		}
		f.restart()
		h, err := f.Held(f.Context())
		f.must(err)
		if h.Held {
			t.Fatal("held again after a restart")
		}
	})

	t.Run("BackupHoldsWhatWasAcknowledged", func(t *testing.T) {
		f := newFixture(t, open)
		pending, done := f.publish(f.endpoints[0]), f.publish(f.endpoints[1])
		f.try(f.handoff.take()[1], hook.Success)
		dir := t.TempDir()
		f.must(f.Backup(f.Context(), dir))
		f.dir = dir
		f.start()
		f.wantState(pending, f.endpoints[0], hook.Pending, 0)
		f.wantState(done, f.endpoints[1], hook.Delivered, 1)
		h, err := f.Held(f.Context())
		f.must(err)
		if h != (store.Hold{Held: true, Pending: 1, Endpoints: 1}) {
			t.Fatalf("the restored store has %+v", h)
		}
		f.must(f.Check(f.Context()))
	})
}
