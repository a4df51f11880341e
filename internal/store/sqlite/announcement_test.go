package sqlite

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// announcing is a clock store with a subscriber for everything.
func announcing(t *testing.T, o Options) *clockStore {
	c := newClockStore(t, o)
	e := &hook.Endpoint{Application: c.app.Environment.Operational(), URL: "https://example.com/ops"}
	if err := c.CreateEndpoint(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clockStore) announcements() []*hook.Announcement {
	c.t.Helper()
	rows, err := c.Announcements(c.t.Context(), 100)
	if err != nil {
		c.t.Fatal(err)
	}
	return rows
}

// TestAnnouncementKeyIsNeverDrawnTwice: a key names an announcement for days after its row
// was removed, also when the clock steps back meanwhile.
func TestAnnouncementKeyIsNeverDrawnTwice(t *testing.T) {
	c := announcing(t, Options{})
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	_, err = c.UpdateEndpoint(t.Context(), c.app.ID, plan.Endpoints[0].ID, nil, func(e *hook.Endpoint) error { e.Description = "x"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	rows := c.announcements()
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	if err := c.Announced(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	c.advance(-2 * time.Hour)
	c.restart()
	if k := c.NewKey(); k <= rows[0].ID {
		t.Errorf("after a restart with an earlier clock the key %d comes after %d", k, rows[0].ID)
	}
}

// TestAnnouncementsOfOlderSegments: rows are found in whatever segment their message is,
// also after a restart, and a segment without any is not looked into.
func TestAnnouncementsOfOlderSegments(t *testing.T) {
	c := announcing(t, Options{SegmentSpan: time.Hour})
	var old []store.Due
	for range 3 {
		if _, err := c.publish("", 0, 0); err != nil {
			t.Fatal(err)
		}
		c.advance(2 * time.Hour)
	}
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	ep := plan.Endpoints[0].ID
	if old, _, err = c.Claim(t.Context(), c.app.ID, ep, c.o.Now(), 10, nil); err != nil || len(old) != 3 {
		t.Fatalf("%d due, %v", len(old), err)
	}
	if n := len(c.segmentsOldestFirst()); n < 3 {
		t.Fatalf("%d segments", n)
	}
	for i, d := range old[:2] { // the newest segment gets none
		a := &hook.Attempt{Message: d.Delivery.Message, Application: c.app.ID, Endpoint: ep, N: 1, StartedAt: c.o.Now(), Outcome: hook.Failed, Reason: hook.ReasonServer}
		done := make(chan error, 1)
		c.Finish(&store.Finished{
			Delivery: d.Delivery.After(a, nil, c.o.Now(), 0.5), Row: d.Row, Attempt: a, Urgent: true, Done: func(err error) { done <- err },
			Announce: hook.AboutAttempt(hook.AttemptExhausted, c.app, plan.Endpoints[0], d.Message, a),
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if rows := c.announcements(); len(rows) != i+1 || rows[i].Message != d.Delivery.Message {
			t.Fatalf("after %d outcomes: %+v", i+1, rows)
		}
	}
	c.restart()
	rows := c.announcements()
	if len(rows) != 2 {
		t.Fatalf("after a restart: %+v", rows)
	}
	if err := c.Announced(t.Context(), rows[:1]); err != nil {
		t.Fatal(err)
	}
	var left []bool
	for _, seg := range c.segmentsOldestFirst() {
		left = append(left, seg.mayAnnounce.Load())
	}
	if left[0] || !left[1] || left[len(left)-1] {
		t.Errorf("to be looked into: %v", left)
	}
	if rows := c.announcements(); len(rows) != 1 || rows[0].Message != old[1].Delivery.Message {
		t.Errorf("left: %+v", rows)
	}
}
