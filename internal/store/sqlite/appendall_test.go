package sqlite

import (
	"fmt"
	"testing"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// group is n publications of the store's application, each with a key.
func (c *clockStore) group(n int) []*store.Publication {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	all := make([]*store.Publication, n)
	for i := range all {
		all[i] = &store.Publication{
			Message:     &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", Payload: []byte(`{}`)},
			Deliveries:  []hook.Delivery{{Endpoint: plan.Endpoints[0].ID}},
			PlanVersion: plan.Version,
			Key:         &store.IdempotencyKey{Hash: eventIDHash(1, fmt.Sprint(i)), Life: 72 * time.Hour},
		}
	}
	return all
}

// TestFailedCommitOfAGroupIsUndone fails the commit of a batch with a group; tried again
// alone, the group is there once.
func TestFailedCommitOfAGroupIsUndone(t *testing.T) {
	c := newClockStore(t, Options{})
	k := &keeper{handed: map[hook.MessageID]bool{}}
	c.Attach(k)
	goOn := c.pause()
	type answer struct {
		all []store.Appended
		err error
	}
	appended := make(chan answer, 1)
	go func() { all, err := c.AppendAll(t.Context(), c.group(5)); appended <- answer{all, err} }()
	c.waitQueued(1)
	failed := c.failOnce()
	c.waitQueued(2)
	goOn()
	<-failed
	got := <-appended
	if got.err != nil {
		t.Fatal(got.err)
	}
	list, err := c.Messages(t.Context(), store.MessageQuery{Application: c.app.ID, Window: store.Window{Limit: 100}})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Rows) != 5 || len(k.handed) != 5 {
		t.Fatalf("%d messages, %d handed over; want 5", len(list.Rows), len(k.handed))
	}
	for i, a := range got.all {
		if a.Replayed || list.Rows[4-i].ID != a.ID || !k.handed[a.ID] {
			t.Errorf("answer %d is %+v", i, a)
		}
	}
	c.restart()
	again, err := c.AppendAll(t.Context(), c.group(5))
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range again {
		if !a.Replayed || a.ID != got.all[i].ID {
			t.Errorf("repeated: answer %d is %+v, want a replay of %d", i, a, got.all[i].ID)
		}
	}
}

// TestMistakeWithinAGroupTakesAllBack lets the third message of a group meet an error.
func TestMistakeWithinAGroupTakesAllBack(t *testing.T) {
	c := newClockStore(t, Options{})
	k := &keeper{handed: map[hook.MessageID]bool{}}
	c.Attach(k)
	trigger := func(sql string) {
		t.Helper()
		err := c.writer.do(t.Context(), false, func(w *writer) error {
			return sqlitex.ExecuteTransient(w.pens[w.newest.segmentFile].conn, sql, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	trigger("CREATE TEMP TRIGGER fail BEFORE INSERT ON main.message WHEN NEW.event_type = 'bad' BEGIN SELECT RAISE(ABORT, 'made to fail'); END")
	bad := c.group(5)
	bad[2].Message.EventType = "bad"
	if _, err := c.AppendAll(t.Context(), bad); err == nil || hook.KindOf(err) != hook.Internal {
		t.Fatalf("a group with a mistake: %v", err)
	}
	trigger("DROP TRIGGER fail")
	for range 2 {
		list, err := c.Messages(t.Context(), store.MessageQuery{Application: c.app.ID, Window: store.Window{Limit: 100}})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Rows) != 0 || len(k.handed) != 0 || len(c.dueMessages()) != 0 {
			t.Fatalf("%d messages of a group that failed, %d handed over", len(list.Rows), len(k.handed))
		}
		c.restart()
	}
	got, err := c.AppendAll(t.Context(), c.group(5))
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if a.Replayed {
			t.Errorf("answer %d is %+v: the key of a message that was never written is taken", i, a)
		}
	}
}

func TestGroupsCountInTheIntake(t *testing.T) {
	c := newClockStore(t, Options{QueueOperations: 10})
	goOn := c.pause()
	answers := make(chan error, 2)
	appendAll := func(n int) { _, err := c.AppendAll(t.Context(), c.group(n)); answers <- err }
	go appendAll(50) // one is always let in
	c.waitQueued(1)
	appendAll(1)
	if err := <-answers; hook.KindOf(err) != hook.Overloaded {
		t.Fatalf("behind 50 messages: %v", err)
	}
	goOn()
	if err := <-answers; err != nil {
		t.Fatal(err)
	}

	c = newClockStore(t, Options{QueueOperations: 10})
	goOn = c.pause()
	go appendAll(4)
	c.waitQueued(1)
	appendAll(7)
	if err := <-answers; hook.KindOf(err) != hook.Overloaded {
		t.Fatalf("7 behind 4, of 10: %v", err)
	}
	go appendAll(6)
	c.waitQueued(2)
	goOn()
	for range 2 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
}

func TestLargestGroup(t *testing.T) {
	c := newClockStore(t, Options{})
	group := c.group(store.MaxPublications)
	begin := time.Now()
	got, err := c.AppendAll(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages in one transaction took %v", len(got), time.Since(begin))
	c.restart()
	if m, err := c.Message(t.Context(), c.app.ID, got[len(got)-1].ID); err != nil || m.ID != group[len(group)-1].Message.ID {
		t.Fatalf("the last of a group: %v, %v", m, err)
	}
}
