package tasks

import (
	"context"
	"fmt"
	"slices"
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

// order gives the endpoint an order, nil for none.
func (p *place) order(o *hook.Order) {
	p.t.Helper()
	var err error
	p.ep, err = p.UpdateEndpoint(p.t.Context(), p.app.ID, p.ep.ID, nil, func(e *hook.Endpoint) error { e.Order = o; return nil })
	if err != nil {
		p.t.Fatal(err)
	}
}

// addKeyed stores n messages with the keys a and b in turn, one after another, as the
// endpoint in state s gets them.
func (p *place) addKeyed(n int, s hook.State) {
	p.t.Helper()
	plan, err := p.PlanOf(p.t.Context(), p.app.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range n {
		_, err := p.Append(p.t.Context(), &store.Publication{
			Message: &hook.Message{Environment: p.env.ID, Application: p.app.ID, EventType: "a", Payload: fmt.Appendf(nil, `{"k":%q}`, "ab"[i%2:i%2+1]),
				ContentExpiresAt: time.Now().Add(time.Hour)},
			Deliveries: []hook.Delivery{{Application: p.app.ID, Endpoint: p.ep.ID, State: s}}, PlanVersion: plan.Version,
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// turning is a catalogue that changes something before the n-th SaveTask, and dies with it.
type turning struct {
	crashing
	turn func()
}

func (c *turning) SaveTask(ctx context.Context, t *hook.Task) error {
	if c.left == 1 {
		c.turn()
	}
	return c.crashing.SaveTask(ctx, t)
}

// TestReplayKeepsItsDirection: an order that comes or goes beside a replay that dies at the same time
// makes it pass over nothing, and repeat nothing.
func TestReplayKeepsItsDirection(t *testing.T) {
	const failed = 47
	for _, before := range []*hook.Order{nil, {Key: "k"}} {
		for at := range 4 {
			t.Run(fmt.Sprintf("order %v, save %d", before != nil, at+1), func(t *testing.T) {
				p := newPlace(t)
				p.order(before)
				p.addKeyed(failed, hook.Exhausted)
				after := &hook.Order{Key: "k"}
				if before != nil {
					after = nil
				}
				task := p.ask(time.Now().Add(-time.Hour), pause())
				ctx, die := context.WithCancel(t.Context())
				c := &turning{crashing{Store: p.Store, left: at + 1, die: die}, func() { p.order(after) }}
				if err := New(c, p, p, nil, Options{Batch: 10, Ahead: 1000}).Run(ctx); err != nil {
					t.Fatal(err)
				}
				p.reopen()
				if got := p.work(task, New(p, p, p, nil, Options{Batch: 10, Ahead: 1000})); got.Status != hook.TaskFinished || got.Done != failed {
					t.Errorf("task %+v, want finished with %d", got, failed)
				}
				if n := p.due(); n != failed {
					t.Errorf("%d made due, want %d", n, failed)
				}
			})
		}
	}
}

// TestReplayWithoutAnOrderGoesNewestFirst: what people wait for most is the newest.
func TestReplayWithoutAnOrderGoesNewestFirst(t *testing.T) {
	p := newPlace(t)
	p.addKeyed(20, hook.Exhausted)
	p.work(p.ask(time.Now().Add(-time.Hour), pause()), New(p, p, p, nil, Options{Batch: 1, Ahead: 1000}))
	due, _, err := p.Claim(t.Context(), p.app.ID, p.ep.ID, time.Now().Add(time.Minute), 1000, nil)
	if err != nil || len(due) != 20 {
		t.Fatalf("%d are due, %v", len(due), err)
	}
	slices.SortFunc(due, func(a, b store.Due) int { return a.Delivery.DueAt.Compare(b.Delivery.DueAt) })
	for i, d := range due {
		if i > 0 && d.Message.ID > due[i-1].Message.ID || d.Delivery.Line != 0 {
			t.Fatalf("at %d stands message %d in line %d, after %d", i, d.Message.ID, d.Delivery.Line, due[max(i, 1)-1].Message.ID)
		}
	}
}
