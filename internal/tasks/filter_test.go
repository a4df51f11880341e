package tasks

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// A replay of what is missing asks the filter that the endpoint has now: of what an earlier one
// skipped, and of what was published before there was the endpoint's filter.
func TestReplayOfMissingAsksTheFilter(t *testing.T) {
	p := newPlace(t)
	setFilter := func(text string) {
		t.Helper()
		_, err := p.UpdateEndpoint(t.Context(), p.app.ID, p.ep.ID, nil, func(e *hook.Endpoint) error {
			e.Filter = &hook.Filter{Text: text}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	publish := func(payload string) hook.MessageID {
		t.Helper()
		plan, err := p.PlanOf(t.Context(), p.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		m := &hook.Message{Environment: p.env.ID, Application: p.app.ID, EventType: "a", Payload: []byte(payload), ContentExpiresAt: time.Now().Add(time.Hour)}
		got, err := p.Append(context.Background(), &store.Publication{Message: m, Deliveries: fanout.Plan(plan, m), PlanVersion: plan.Version})
		if err != nil {
			t.Fatal(err)
		}
		return got.ID
	}
	state := func(id hook.MessageID) hook.Delivery {
		t.Helper()
		list, err := p.Deliveries(t.Context(), p.app.ID, id)
		if err != nil || len(list) != 1 {
			t.Fatalf("deliveries: %+v, %v", list, err)
		}
		return list[0]
	}
	setFilter(`{"payload":{"n":{"$gt":100}}}`)
	five, ten := publish(`{"n":5}`), publish(`{"n":10}`)
	for _, id := range []hook.MessageID{five, ten} {
		if d := state(id); d.Reason != hook.ReasonSkippedFilter || d.Note != "payload.n $gt: does not hold for a number" {
			t.Fatalf("%+v", d)
		}
	}
	replay := func(typ string) *hook.Task {
		t.Helper()
		now := time.Now()
		task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Application: p.app.ID, Endpoint: p.ep.ID, Type: typ,
			Status: hook.TaskRunning, Since: now.Add(-time.Hour), CreatedAt: now.Add(time.Second), UpdatedAt: now}
		if err := p.CreateTask(t.Context(), task, nil); err != nil {
			t.Fatal(err)
		}
		return p.work(task, New(p, p, p, nil, Options{}))
	}
	for _, typ := range []string{hook.TaskReplay, hook.TaskRecover, hook.TaskBulkReplay} {
		if got := replay(typ); got.Status != hook.TaskFinished || got.Done != 0 {
			t.Errorf("%s of what the filter does not want: %+v", typ, got)
		}
	}
	setFilter(`{"payload":{"n":{"$gte":10}}}`)
	task := &hook.Task{Environment: p.env.ID, Application: p.app.ID, Endpoint: p.ep.ID, Type: hook.TaskReplay, Since: time.Now().Add(-time.Hour), CreatedAt: time.Now().Add(time.Second)}
	plan, err := p.PlanOf(t.Context(), p.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	preview, err := New(p, p, p, nil, Options{}).Preview(t.Context(), task, plan.Endpoint(p.ep.ID))
	if err != nil || preview.Count != 1 || preview.Newest != ten {
		t.Errorf("preview %+v, %v", preview, err)
	}
	if got := replay(hook.TaskReplay); got.Status != hook.TaskFinished || got.Done != 1 {
		t.Errorf("replay: %+v", got)
	}
	if d := state(ten); d.State != hook.Pending || d.Reason != hook.ReasonReplay || d.Note != "" {
		t.Errorf("what is wanted now: %+v", d)
	}
	if d := state(five); d.State != hook.Cancelled || d.Reason != hook.ReasonSkippedFilter {
		t.Errorf("what is still not wanted: %+v", d)
	}
}
