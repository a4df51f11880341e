package tasks

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// TestReplayOfAnOrderedEndpointKeepsTheOrder: also what stood in no line, because the endpoint
// was disabled then, goes in one, oldest first, whatever batches it comes in.
func TestReplayOfAnOrderedEndpointKeepsTheOrder(t *testing.T) {
	for _, kind := range []string{hook.TaskRecover, hook.TaskReplay} {
		p := newPlace(t)
		_, err := p.UpdateEndpoint(t.Context(), p.app.ID, p.ep.ID, nil, func(e *hook.Endpoint) error {
			e.Order = &hook.Order{Key: "k"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		since := time.Now().Add(-time.Minute)
		p.add(137, hook.Exhausted)
		now := pause()
		task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Application: p.app.ID, Endpoint: p.ep.ID, Type: kind,
			Status: hook.TaskRunning, Since: since, Until: now, CreatedAt: now, UpdatedAt: now}
		if err := p.CreateTask(t.Context(), task, nil); err != nil {
			t.Fatal(err)
		}
		if got := p.work(task, New(p, p, p, nil, Options{Batch: 10})); got.Status != hook.TaskFinished || got.Done != 137 {
			t.Fatalf("task %+v, want finished with 137", got)
		}
		rows, _, err := p.Claim(t.Context(), p.app.ID, p.ep.ID, time.Now().Add(time.Minute), 1000, map[store.DueKey]bool{})
		if err != nil || len(rows) != 137 {
			t.Fatalf("%d due, %v", len(rows), err)
		}
		for i, r := range rows {
			if r.Delivery.Line != hook.LineOfKey("") {
				t.Fatalf("row %d stands in line %d", i, r.Delivery.Line)
			}
			if i > 0 && r.Message.ID < rows[i-1].Message.ID {
				t.Fatalf("row %d is message %d, after %d", i, r.Message.ID, rows[i-1].Message.ID)
			}
		}
	}
}
