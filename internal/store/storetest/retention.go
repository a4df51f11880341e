package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testRetention is the suite of store.Retention.
func testRetention(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(f *fixture)
	}{
		{"ExpungeByTagFindsItsOwn", testExpungeTag},
		{"ExpungeGoesOnWhereItEnded", testExpungeResumes},
		{"ExpungeStopsAtBefore", testExpungeBefore},
		{"ExpungeOfAnotherTenantFindsNothing", testExpungeTenant},
		{"ExpungeReachesADeletedApplication", testExpungeDeleted},
		{"ExpungeIsKnownBeforeTheNextAttempt", testExpungeIsKnown},
		{"SpaceGrowsWithWhatIsStored", testSpace},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newFixture(t, open)) })
	}
}

// testSpace: what is stored is counted, and can be asked for after Close.
func testSpace(f *fixture) {
	before, isFull := f.Space()
	if before <= 0 || isFull {
		f.Fatalf("a new store takes %d bytes, full %v", before, isFull)
	}
	const messages, bytes = 8, 512 << 10
	for range messages {
		p := f.publication(f.endpoints[0])
		p.Message.Payload = []byte(`{"text":"` + strings.Repeat("x", bytes) + `"}`)
		_, err := f.Append(f.Context(), p)
		f.must(err)
	}
	if after, isFull := f.Space(); after < before+messages*bytes/2 || isFull {
		f.Fatalf("%d bytes grew to %d with %d bytes of payload, full %v", before, after, messages*bytes, isFull)
	}
	f.must(f.Close())
	if after, _ := f.Space(); after <= before {
		f.Fatalf("a closed store takes %d bytes", after)
	}
}

// publishTagged appends a message with tags to the first endpoint and delivers it; the
// receiver's answer has a body.
func (f *fixture) publishTagged(tags ...string) hook.MessageID {
	f.Helper()
	p := f.publication(f.endpoints[0])
	p.Message.Tags = tags
	got, err := f.Append(f.Context(), p)
	f.must(err)
	for _, d := range f.handoff.take() {
		end := f.ended(d, hook.Success)
		end.Attempt.Header, end.Attempt.Body, end.Urgent = []byte("X-A: b"), []byte("hello "+tags[0]), true
		f.must(f.finish(end))
	}
	return got.ID
}

// wantContent checks whether a message and the answers to it have their content.
func (f *fixture) wantContent(app hook.ApplicationID, id hook.MessageID, want bool) {
	f.Helper()
	m, err := f.Message(f.Context(), app, id)
	f.must(err)
	if m.Expunged == want || (m.Payload != nil) != want {
		f.Fatalf("message %d: expunged %v, payload %q, want content %v", id, m.Expunged, m.Payload, want)
	}
	list, err := f.Attempts(f.Context(), store.AttemptQuery{Application: app, Message: id, WithContent: true, Window: store.Window{Limit: 10}})
	f.must(err)
	for _, a := range list.Rows {
		if a.Attempt.Expunged == want || (a.Attempt.Body != nil) != want || (a.Attempt.Header != nil) != want || a.Attempt.Status != 200 {
			f.Fatalf("attempt of message %d: %+v, want content %v", id, a.Attempt, want)
		}
	}
}

// expunge runs an Expunge to its end and returns how many messages it purged in how many calls.
func (f *fixture) expunge(q store.ExpungeQuery) (purged, calls int) {
	f.Helper()
	for {
		n, next, done, err := f.Expunge(f.Context(), q)
		f.must(err)
		purged += n
		calls++
		if done {
			return purged, calls
		}
		if next <= q.Cursor {
			f.Fatalf("the cursor went from %d to %d", q.Cursor, next)
		}
		q.Cursor = next
	}
}

func testExpungeTag(f *fixture) {
	one, both, other := f.publishTagged("user_1"), f.publishTagged("x", "user_1"), f.publishTagged("user_12")
	plain := f.publish(f.endpoints[1])
	q := store.ExpungeQuery{Environment: f.env, Tag: "user_1"}
	if n, _ := f.expunge(q); n != 2 {
		f.Fatalf("purged %d messages, want 2", n)
	}
	if n, _ := f.expunge(q); n != 0 {
		f.Fatalf("purged %d messages again", n)
	}
	f.crash()
	for id, want := range map[hook.MessageID]bool{one: false, both: false, other: true, plain: true} {
		f.wantContent(f.app, id, want)
	}
	f.wantState(one, f.endpoints[0], hook.Delivered, 1)
}

func testExpungeResumes(f *fixture) {
	var all []hook.MessageID
	for i := range 25 {
		all = append(all, f.publishTagged([]string{"a", "b"}[i%2]))
	}
	purged, calls := f.expunge(store.ExpungeQuery{Environment: f.env, Application: f.app, Tag: "a", Limit: 4})
	if purged != 13 || calls < 7 {
		f.Fatalf("purged %d in %d calls, want 13 in at least 7", purged, calls)
	}
	for i, id := range all {
		f.wantContent(f.app, id, i%2 == 1)
	}
	purged, _ = f.expunge(store.ExpungeQuery{Environment: f.env, Application: f.app, Limit: 3})
	if purged != 12 {
		f.Fatalf("purged %d of the application, want the other 12", purged)
	}
}

func testExpungeBefore(f *fixture) {
	old := f.publishTagged("a")
	before := hook.Key(old).Time().Add(time.Millisecond)
	for !time.Now().After(before.Add(time.Millisecond)) { // ids carry milliseconds
		time.Sleep(time.Millisecond)
	}
	young := f.publishTagged("a")
	if n, _ := f.expunge(store.ExpungeQuery{Environment: f.env, Tag: "a", Before: before}); n != 1 {
		f.Fatalf("purged %d messages, want 1", n)
	}
	f.wantContent(f.app, old, false)
	f.wantContent(f.app, young, true)
}

func testExpungeTenant(f *fixture) {
	id := f.publishTagged("a")
	other := &hook.Environment{ID: hook.EnvironmentID(f.NewKey()), Name: "other", Settings: hook.DefaultSettings()}
	f.must(f.CreateEnvironment(f.Context(), other))
	second := f.newApplication("second")
	for _, q := range []store.ExpungeQuery{
		{Environment: other.ID, Tag: "a"},
		{Environment: other.ID},
		{Environment: other.ID, Application: f.app, Tag: "a"},
		{Environment: f.env, Application: second},
	} {
		if n, _ := f.expunge(q); n != 0 {
			f.Fatalf("%+v purged %d messages of another tenant", q, n)
		}
	}
	f.wantContent(f.app, id, true)
}

func testExpungeDeleted(f *fixture) {
	id := f.publishTagged("a")
	f.must(f.DeleteApplication(f.Context(), f.app))
	if n, _ := f.expunge(store.ExpungeQuery{Environment: f.env, Application: f.app}); n != 1 {
		f.Fatalf("purged %d messages of the deleted application, want 1", n)
	}
	f.wantContent(f.app, id, false)
}

func testExpungeIsKnown(f *fixture) {
	gone, other := f.publishTagged("a"), f.publishTagged("b")
	if f.IsExpunged(gone) {
		f.Fatal("expunged before anybody asked")
	}
	f.expunge(store.ExpungeQuery{Environment: f.env, Tag: "a"})
	if !f.IsExpunged(gone) || f.IsExpunged(other) {
		f.Fatalf("expunged: %v and %v, want true and false", f.IsExpunged(gone), f.IsExpunged(other))
	}
	f.must(f.ExpungeMessage(f.Context(), f.app, other))
	if !f.IsExpunged(other) {
		f.Fatal("one that was expunged by its id is not known")
	}
}
