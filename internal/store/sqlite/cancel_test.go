package sqlite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// stillHandoff takes what it admits and remembers what it is told.
type stillHandoff struct {
	admits bool

	mu      sync.Mutex
	thawed  []func(*store.Due) bool // guarded by mu
	madeDue int                     // guarded by mu
}

func (h *stillHandoff) Admit(hook.ApplicationID, hook.EndpointID, int) bool { return h.admits }
func (h *stillHandoff) Committed([]store.Due)                               {}
func (h *stillHandoff) Withdraw([]store.Due)                                {}
func (h *stillHandoff) MadeDue(hook.ApplicationID, hook.EndpointID, time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.madeDue++
}
func (h *stillHandoff) Freeze(hook.ApplicationID, hook.EndpointID) []hook.MessageID { return nil }
func (h *stillHandoff) Thaw(_ hook.EndpointID, gone func(*store.Due) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.thawed = append(h.thawed, gone)
}

// isTold reports whether a lane was told that it is to forget d.
func (h *stillHandoff) isTold(d *store.Due) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, gone := range h.thawed {
		if gone != nil && gone(d) {
			return true
		}
	}
	return false
}

// leave runs f with the context of a client that leaves when f's first step is in the
// writer's queue, and returns the error of f once all that was queued is done.
func (c *clockStore) leave(f func(ctx context.Context) error) error {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	goOn := c.pause()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c.intake.mu.Lock()
		queued := len(c.intake.queue)
		c.intake.mu.Unlock()
		if queued > 0 {
			break
		}
		if time.Now().After(deadline) {
			c.t.Fatal("nothing was queued")
		}
	}
	cancel()
	goOn()
	err := <-done
	if err := c.writer.doBetween(func(*writer) error { return nil }); err != nil {
		c.t.Fatal(err)
	}
	return err
}

func (c *clockStore) onlyEndpoint() hook.EndpointID {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return plan.Endpoints[0].ID
}

func (c *clockStore) stateOf(id hook.MessageID) hook.State {
	c.t.Helper()
	list, err := c.Deliveries(c.t.Context(), c.app.ID, id)
	if err != nil || len(list) != 1 {
		c.t.Fatal(list, err)
	}
	return list[0].State
}

// What the store says was cancelled must not be sent from memory, whoever still listens.
func TestCancelTellsTheLaneAlsoWhenTheClientLeaves(t *testing.T) {
	for _, admits := range []bool{true, false} {
		t.Run(map[bool]string{true: "fresh", false: "due"}[admits], func(t *testing.T) {
			c := newClockStore(t, Options{})
			h := &stillHandoff{admits: admits}
			c.Attach(h)
			id, later := c.publishContent(10, time.Hour), hook.MessageID(0)
			if admits {
				// Becomes due, which is a step of its own: after the one under way nothing begins.
				h.admits = false
				later = c.publishContent(10, time.Hour)
			}
			c.advance(time.Second)
			what := store.Cancellation{Application: c.app.ID, Endpoint: c.onlyEndpoint(), Before: c.o.Now()}
			d := &store.Due{Message: &hook.Message{ID: id}, Delivery: hook.Delivery{Fresh: admits, Message: id, Endpoint: what.Endpoint}}
			ended := 0
			err := c.leave(func(ctx context.Context) (err error) {
				if admits {
					ended, err = c.Cancel(ctx, what)
					return err
				}
				due, _, err := c.Claim(c.t.Context(), c.app.ID, what.Endpoint, c.o.Now().Add(time.Hour), 10, nil)
				if err != nil || len(due) != 1 {
					return errors.Join(errors.New("not one due row"), err)
				}
				d = &due[0]
				var after cancelCursor
				ended, _, err = c.cancelDue(ctx, &what, c.segmentsOldestFirst()[0], &after)
				return err
			})
			if admits != errors.Is(err, context.Canceled) || !admits && err != nil {
				t.Error(err)
			}
			if state := c.stateOf(id); state != hook.Cancelled {
				t.Errorf("a step that was queued did not run: %v", state)
			}
			if !h.isTold(d) || ended != 1 {
				t.Errorf("cancelled in the store; lane told: %t, reported: %d", h.isTold(d), ended)
			}
			if later != 0 && c.stateOf(later) != hook.Pending {
				t.Error("a step began after the client had left")
			}
		})
	}
}

// A segment may be dropped between two steps: then nothing in it is left to cancel.
func TestCancelBesideADrop(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: time.Minute})
	for range 2 {
		c.publishContent(10, time.Hour)
		c.deliverAll()
		c.advance(2 * time.Minute)
	}
	seg := c.segmentsOldestFirst()[0]
	if what, err := c.drop(seg); err != nil || what != droppedAll {
		t.Fatal(what, err)
	}
	var after cancelCursor
	what := store.Cancellation{Application: c.app.ID, Endpoint: c.onlyEndpoint(), Before: c.o.Now()}
	if n, more, err := c.cancelDue(t.Context(), &what, seg, &after); n != 0 || more || err != nil {
		t.Errorf("%d cancelled, more %t: %v", n, more, err)
	}
}

// What belongs to an effect happens with it: late answers are left out, and the log says
// who removed the content.
func TestExpungeIsWholeAlsoWhenTheClientLeaves(t *testing.T) {
	c := newClockStore(t, Options{})
	one, all := c.publishContent(10, time.Hour), c.publishContent(10, time.Hour)
	if err := c.leave(func(ctx context.Context) error { return c.ExpungeMessage(ctx, c.app.ID, one) }); err != nil {
		t.Error(err)
	}
	if _, content := c.has(one); content || !c.IsExpunged(one) {
		t.Errorf("content %t, known as removed %t", content, c.IsExpunged(one))
	}
	purged := 0
	err := c.leave(func(ctx context.Context) (err error) {
		purged, _, _, err = c.Expunge(ctx, store.ExpungeQuery{Environment: c.app.Environment, Application: c.app.ID})
		return err
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, content := c.has(all); content || !c.IsExpunged(all) || purged != 1 {
		t.Errorf("content %t, known as removed %t, reported %d", content, c.IsExpunged(all), purged)
	}
	log, err := c.Audit(t.Context(), c.app.Environment, store.AuditFilter{}, store.Page[hook.AuditID]{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, e := range log.Rows {
		if e.Action == hook.AuditExpunged && e.Subject == hook.Key(one) {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("%d notes in the log of %d", noted, len(log.Rows))
	}
}

// A hold that has ended while nobody was told of what is due would send nothing.
func TestHoldEndsWholeAlsoWhenTheClientLeaves(t *testing.T) {
	c := newClockStore(t, Options{})
	h := &stillHandoff{}
	c.Attach(h)
	if err := c.SetHold(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	c.publishContent(10, time.Hour)
	h.mu.Lock()
	before := h.madeDue
	h.mu.Unlock()
	if err := c.leave(func(ctx context.Context) error { return c.SetHold(ctx, false) }); err != nil {
		t.Error(err)
	}
	if c.held.Load() {
		t.Error("still on hold")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.madeDue == before {
		t.Error("nobody was told what is due")
	}
}
