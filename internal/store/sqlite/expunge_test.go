package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// filesWith returns the files below dir that hold text.
func filesWith(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// publishSecret publishes a message that holds text, large enough for pages of its own, and
// records an answer that repeats it.
func (c *clockStore) publishSecret(text string, tags ...string) hook.MessageID {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", Tags: tags, ContentExpiresAt: c.o.Now().Add(90 * day),
		Payload: []byte(fmt.Sprintf(`{"text":"%s","more":"%06000d"}`, text, 7))}
	got, err := c.Append(c.t.Context(), &store.Publication{Message: m, Deliveries: []hook.Delivery{{Endpoint: plan.Endpoints[0].ID}}, PlanVersion: plan.Version})
	if err != nil {
		c.t.Fatal(err)
	}
	d := c.dueOf(got.ID)
	a := &hook.Attempt{Message: got.ID, Application: c.app.ID, Endpoint: d.Delivery.Endpoint, N: 1, StartedAt: c.o.Now(), Outcome: hook.Success, Status: 200,
		Body: []byte("got " + text)}
	done := make(chan error, 1)
	c.Finish(&store.Finished{Delivery: d.Delivery.After(a, nil, c.o.Now(), 0), Row: d.Row, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		c.t.Fatal(err)
	}
	return got.ID
}

// TestExpungedContentIsNowhere looks for the bytes themselves: in the files, in the logs,
// and in a backup that is made afterwards.
func TestExpungedContentIsNowhere(t *testing.T) {
	c := newClockStore(t, Options{})
	const secret, other = "anna-lives-in-the-grey-house", "otto-lives-elsewhere"
	for range 3 {
		c.publishSecret(secret, "anna")
		c.publishSecret(other, "otto")
	}
	c.advance(25 * time.Hour) // another segment
	c.publishSecret(secret, "x", "anna")
	c.publishSecret(other)
	if len(filesWith(t, c.dir, secret)) == 0 {
		t.Fatal("the test does not see what it looks for")
	}
	purged, _, done, err := c.Expunge(t.Context(), store.ExpungeQuery{Environment: c.app.Environment, Tag: "anna"})
	if err != nil || !done || purged != 4 {
		t.Fatalf("purged %d, done %v, %v", purged, done, err)
	}
	if names := filesWith(t, c.dir, secret); len(names) > 0 {
		t.Fatalf("still in %v", names)
	}
	if len(filesWith(t, c.dir, other)) == 0 {
		t.Fatal("somebody else's content is gone")
	}
	backup := t.TempDir()
	if err := c.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if names := filesWith(t, backup, secret); len(names) > 0 {
		t.Fatalf("the backup has it in %v", names)
	}
	if len(filesWith(t, backup, other)) == 0 {
		t.Fatal("the backup lacks somebody else's content")
	}
}

// TestOneExpungedMessageLeavesTheLog waits for the log to be emptied after a message, and
// an attempt, were expunged by their ids.
func TestOneExpungedMessageLeavesTheLog(t *testing.T) {
	c := newClockStore(t, Options{})
	const secret = "berta-lives-in-the-red-house"
	id := c.publishSecret(secret)
	list, err := c.Attempts(t.Context(), store.AttemptQuery{Application: c.app.ID, Message: id, Window: store.Window{Limit: 5}})
	if err != nil || len(list.Rows) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := c.ExpungeMessage(t.Context(), c.app.ID, id); err != nil {
		t.Fatal(err)
	}
	if err := c.ExpungeAttempt(t.Context(), c.app.ID, id, list.Rows[0].Attempt.ID); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(filesWith(t, c.dir, secret)) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("still in %v", filesWith(t, c.dir, secret))
		}
		time.Sleep(20 * time.Millisecond) // for a timer of the store
	}
}

// TestAnswerThatComesAfterTheExpungeIsNotKept lets an attempt that was under way end after
// the content of its message went.
func TestAnswerThatComesAfterTheExpungeIsNotKept(t *testing.T) {
	c := newClockStore(t, Options{})
	id := c.publishContent(10, 90*day)
	d := c.dueOf(id)
	if n, _, done, err := c.Expunge(t.Context(), store.ExpungeQuery{Environment: c.app.Environment}); n != 1 || !done || err != nil {
		t.Fatalf("%d, %v, %v", n, done, err)
	}
	c.succeed(d)
	list, err := c.Attempts(t.Context(), store.AttemptQuery{Application: c.app.ID, Message: id, WithContent: true, Window: store.Window{Limit: 5}})
	if err != nil || len(list.Rows) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list.Rows[0].Attempt; a.Body != nil || !a.Expunged || a.Status != 200 {
		t.Fatalf("recorded %+v", a)
	}
}

func TestContentOfADeletedApplicationGoes(t *testing.T) {
	c := newClockStore(t, Options{})
	const secret = "carl-lives-in-the-blue-house"
	id := c.publishSecret(secret)
	if err := c.DeleteApplication(t.Context(), c.app.ID); err != nil {
		t.Fatal(err)
	}
	if n, more, err := c.ExpungeRemoved(t.Context()); n != 0 || more || err != nil {
		t.Fatalf("at once: %d, %v, %v", n, more, err)
	}
	c.advance(time.Minute)
	c.restart()
	purged := 0
	for more, rounds := true, 0; more; rounds++ {
		var n int
		var err error
		if n, more, err = c.ExpungeRemoved(t.Context()); err != nil || rounds > 10 {
			t.Fatal(rounds, err)
		}
		purged += n
	}
	if purged != 1 {
		t.Fatalf("purged %d messages, want 1", purged)
	}
	if _, content := c.has(id); content || len(filesWith(t, c.dir, secret)) > 0 {
		t.Fatal("the content is still there")
	}
}

// TestExpungedDuringACompactionIsNowhere expunges what the smaller file of a segment has got
// already: the copy must not keep the bytes in pages that are free.
func TestExpungedDuringACompactionIsNowhere(t *testing.T) {
	c := newClockStore(t, Options{})
	const secret = "carla-lives-in-the-blue-house"
	c.publishSecret(secret, "carla")
	for range 3 {
		c.publishContent(20000, time.Hour) // what is worth the copy
	}
	c.deliverAll()
	c.advance(25 * time.Hour)
	c.publishContent(1, day)
	c.advance(2 * day)
	isExpunged := false
	c.atStep = func(step string) {
		if step != "copied" || isExpunged {
			return
		}
		isExpunged = true
		purged, _, done, err := c.Expunge(t.Context(), store.ExpungeQuery{Environment: c.app.Environment, Tag: "carla"})
		if err != nil || !done || purged != 1 {
			t.Errorf("purged %d, done %v, %v", purged, done, err)
		}
	}
	r := c.reclaim(c.keepFor(90 * day))
	c.atStep = nil
	if !isExpunged || r.Compacted == 0 {
		t.Fatalf("expunged %v during %+v", isExpunged, r)
	}
	if names := filesWith(t, c.dir, secret); len(names) > 0 {
		t.Errorf("still in %v", names)
	}
}
