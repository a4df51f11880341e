package sqlite

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// handOver puts a message that is due into its endpoint's feed.
func (c *clockStore) handOver(id hook.MessageID) hook.EndpointID {
	c.t.Helper()
	d := c.dueOf(id)
	done := make(chan error, 1)
	c.Finish(&store.Finished{Delivery: d.Delivery.End(hook.Delivered, hook.ReasonNone), Row: d.Row, Feed: &store.Fed{Payload: []byte(`{"made":1}`)}, Urgent: true, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		c.t.Fatal(err)
	}
	return d.Delivery.Endpoint
}

func (c *clockStore) feedOf(ep hook.EndpointID, after hook.Position) store.FeedPage {
	c.t.Helper()
	page, err := c.Feed(c.t.Context(), store.FeedQuery{Application: c.app.ID, Endpoint: ep, After: after, Limit: 250})
	if err != nil {
		c.t.Fatal(err)
	}
	return page
}

// TestFeedTellsWhatRetentionHasDropped: positions go on rising when segments with all rows
// of a feed are dropped, and a consumer that had not come so far is told, for ever.
func TestFeedTellsWhatRetentionHasDropped(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: 24 * time.Hour})
	var ep hook.EndpointID
	for range 3 { // a segment each
		ep = c.handOver(c.publishContent(100, 90*day))
		c.advance(25 * time.Hour)
	}
	before := c.feedOf(ep, 0)
	if len(before.Rows) != 3 || before.DroppedUntil != 0 {
		t.Fatalf("before: %+v", before)
	}
	waits := c.publishContent(100, 90*day)                                                                               // in the newest segment, which stays
	if r := c.reclaim(store.ReclaimPolicy{Before: c.o.Now().Add(-26 * time.Hour)}); r.Dropped != 1 || r.Compacted != 1 { // both ways
		t.Fatalf("reclaimed %+v", r)
	}
	for range 2 {
		second := before.Rows[1].Position
		if p := c.feedOf(ep, 0); len(p.Rows) != 1 || p.Rows[0].Position != before.Rows[2].Position || p.DroppedUntil != second {
			t.Fatalf("after the drop: %+v", p)
		}
		if p := c.feedOf(ep, second); len(p.Rows) != 1 || p.DroppedUntil != 0 {
			t.Fatalf("a consumer that had come so far: %+v", p)
		}
		c.restart()
	}
	c.handOver(waits)
	last := before.Rows[2].Position
	if p := c.feedOf(ep, last); len(p.Rows) != 1 || p.Rows[0].Message.ID != waits || p.Rows[0].Position <= last {
		t.Fatalf("what came after: %+v", p)
	}
}

// TestFeedKeepsItsOrderOverSegments: what is handed over late lies in an old segment and
// still comes in its turn.
func TestFeedKeepsItsOrderOverSegments(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: 24 * time.Hour})
	var ids []hook.MessageID
	for range 4 {
		ids = append(ids, c.publishContent(100, 90*day))
		c.advance(25 * time.Hour)
	}
	want := []hook.MessageID{ids[3], ids[0], ids[2], ids[1]}
	var ep hook.EndpointID
	for _, id := range want {
		ep = c.handOver(id)
	}
	c.restart()
	after := hook.Position(0)
	for _, id := range want { // one at a time, each from where the last one ended
		p, err := c.Feed(t.Context(), store.FeedQuery{Application: c.app.ID, Endpoint: ep, After: after, Limit: 1})
		if err != nil || len(p.Rows) != 1 || p.Rows[0].Message.ID != id || p.Rows[0].Position <= after || p.More != (id != ids[1]) {
			t.Fatalf("after %d: %+v, %v, want message %d", after, p, err, id)
		}
		after = p.Last
	}
}

// TestFeedOfAnExpungedMessageIsEmptied: what a script made of a message goes with its content.
func TestFeedOfAnExpungedMessageIsEmptied(t *testing.T) {
	c := newClockStore(t, Options{})
	id := c.publishContent(100, 90*day)
	ep := c.handOver(id)
	if p := c.feedOf(ep, 0); string(p.Rows[0].Payload) != `{"made":1}` {
		t.Fatalf("before: %+v", p)
	}
	if err := c.ExpungeMessage(t.Context(), c.app.ID, id); err != nil {
		t.Fatal(err)
	}
	if p := c.feedOf(ep, 0); len(p.Rows) != 0 || p.Gone != 1 {
		t.Fatalf("after: %+v", p)
	}
	p, err := c.writer.openPen(c.segmentOf(hook.Key(id)))
	if err != nil {
		t.Fatal(err)
	}
	if _, found, err := queryInt(p.conn, "SELECT 1 FROM feed WHERE payload IS NOT NULL OR headers IS NOT NULL"); err != nil || found {
		t.Errorf("something is left in the feed: %v, %v", found, err)
	}
}
