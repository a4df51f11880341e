package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testInbound is about messages that were received: the provider's request comes back
// byte for byte wherever a message is read with its content.
func testInbound(t *testing.T, open Open) {
	all := string(slices.Collect(func(yield func(byte) bool) {
		for i := range 256 {
			if !yield(byte(i)) {
				return
			}
		}
	}))
	for _, c := range []struct {
		name string
		m    hook.Message
	}{
		{"AsItUsuallyIs", hook.Message{ContentType: "application/json; charset=utf-8", RawBody: []byte(`{"a": 1.10}`), Inbound: &hook.Inbound{
			Provider: "github", Path: "/a%2Fb", Query: "x=1&y=%20", Header: []string{"User-Agent", "x", "X-Twice", "1", "X-Twice", "2"},
			Type: "issues/opened", DeliveryID: "d-1", Stale: true}}},
		{"WithoutBodyAndType", hook.Message{RawBody: []byte{}, Inbound: &hook.Inbound{Provider: "x", Method: "GET"}}},
		{"WithoutBodyAtAll", hook.Message{Inbound: &hook.Inbound{Provider: "x"}}},
		{"Bytes", hook.Message{ContentType: "application/octet-stream", RawBody: []byte(all), Inbound: &hook.Inbound{
			Provider: "x", Method: "P\xffT", Path: "/" + all, Query: all, Header: []string{"X-Latin", "caf\xe9", "X-Utf8", "café ✓", "X-Empty", ""}, Type: all, DeliveryID: all}}},
	} {
		t.Run(c.name, func(t *testing.T) { testInboundRound(t, open, c.m) })
	}

	t.Run("BackupHoldsSources", func(t *testing.T) { testSourceBackup(t, open) })

	t.Run("PagesAreBoundedInBytes", func(t *testing.T) {
		f := newFixture(t, open)
		const n, size = 7, 6 << 20
		for range n {
			f.receive(hook.Message{RawBody: bytes.Repeat([]byte("x"), size), Inbound: &hook.Inbound{Provider: "x"}})
		}
		seen, pages := 0, 0
		for w := (store.Window{Limit: 250}); ; pages++ {
			l, err := f.Messages(f.Context(), store.MessageQuery{Application: f.app, Window: w, WithContent: true})
			f.must(err)
			if len(l.Rows) == 0 || len(l.Rows)*size > 20<<20 {
				t.Fatalf("a page holds %d bodies of %d bytes", len(l.Rows), size)
			}
			for _, m := range l.Rows {
				if len(m.Body()) != size {
					t.Fatalf("a body came back with %d bytes", len(m.Body()))
				}
			}
			seen += len(l.Rows)
			w.From = hook.Key(l.Rows[len(l.Rows)-1].ID)
			if !l.More {
				break
			}
		}
		if seen != n {
			t.Errorf("%d pages showed %d messages, want %d", pages+1, seen, n)
		}
		l, err := f.Messages(f.Context(), store.MessageQuery{Application: f.app, Window: store.Window{Limit: 250}})
		f.must(err)
		if len(l.Rows) != n || l.More {
			t.Errorf("without content a page holds %d messages", len(l.Rows))
		}
	})

	t.Run("ExpungedWithTheBody", func(t *testing.T) {
		f := newFixture(t, open)
		id := f.receive(hook.Message{RawBody: []byte("x"), Inbound: &hook.Inbound{Provider: "x", Header: []string{"X-Personal", "data"}}}).ID
		f.must(f.ExpungeMessage(f.Context(), f.app, id))
		for range 2 {
			m, err := f.Message(f.Context(), f.app, id)
			f.must(err)
			if !m.Expunged || m.Inbound != nil || m.RawBody != nil || m.HasContent(time.Now()) {
				t.Fatalf("expunged: %+v", m)
			}
			f.crash()
		}
	})
}

// testSourceBackup restores a copy of a store with a source that has received something.
func testSourceBackup(t *testing.T, open Open) {
	f := newFixture(t, open)
	s := &hook.Source{ID: hook.SourceID(f.NewKey()), Environment: f.env, UID: "s", Name: "source", Type: "x", Config: hook.SourceConfig{Secrets: []string{"secret"}}}
	s.Tokens = []hook.SourceToken{{Text: f.Codec().NewSourceToken(s.ID)}}
	f.must(f.CreateSource(f.Context(), s, nil))
	app := s.ID.Application()
	ep := f.newEndpoint(app)
	p := f.publicationOf(app, ep)
	p.Message.Payload, p.Message.RawBody, p.Message.Inbound = nil, []byte("body"), &hook.Inbound{Provider: "x", Query: "q"}
	p.Key = &store.IdempotencyKey{Hash: [16]byte{1}, Life: 72 * time.Hour}
	got, err := f.AppendAll(f.Context(), []*store.Publication{p})
	f.must(err)
	f.must(f.SaveVisits(f.Context(), []hook.SourceCount{{Source: s.ID, Hour: time.Now(), N: 3}}, []*hook.Rejection{{Source: s.ID, Reason: "r", Body: []byte("b")}}))
	dir := t.TempDir()
	f.must(f.Backup(f.Context(), dir))
	f.dir = dir
	f.start()
	restored, err := f.Source(f.Context(), f.env, "s")
	f.must(err)
	if diff := cmp.Diff(s, restored, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("restored source (-want +got):\n%s", diff)
	}
	if id, ok := f.Codec().ParseSourceToken(s.Tokens[0].Text); !ok || id != s.ID {
		t.Fatal("the URL of before is not the restored store's")
	}
	m, err := f.Message(f.Context(), app, got[0].ID)
	f.must(err)
	if string(m.RawBody) != "body" || m.Inbound == nil || m.Inbound.Query != "q" {
		t.Fatalf("restored message %+v", m)
	}
	rejected, err := f.Rejections(f.Context(), s.ID, store.Page[hook.RejectionID]{Limit: 5})
	f.must(err)
	counts, err := f.SourceCounts(f.Context(), s.ID, time.UnixMilli(0), time.Now().Add(time.Hour))
	f.must(err)
	if len(rejected.Rows) != 1 || string(rejected.Rows[0].Body) != "b" || len(counts) != 1 || counts[0].N != 3 {
		t.Fatalf("restored %+v and %+v", rejected.Rows, counts)
	}
	again, err := f.AppendAll(f.Context(), []*store.Publication{{Message: p.Message, PlanVersion: p.PlanVersion, Key: p.Key}})
	f.must(err)
	if !again[0].Replayed || again[0].ID != got[0].ID {
		t.Fatalf("the provider's next try: %+v", again)
	}
}

// receive appends a message to the first two endpoints, of which only one is in memory.
func (f *fixture) receive(draft hook.Message) *hook.Message {
	f.Helper()
	p := f.publication(f.endpoints[0], f.endpoints[1])
	m := draft
	m.Environment, m.Application, m.EventType = p.Message.Environment, p.Message.Application, "a.b"
	p.Message = &m
	p.Deliveries[1].DueAt = time.UnixMilli(time.Now().UnixMilli())
	got, err := f.AppendAll(f.Context(), []*store.Publication{p})
	f.must(err)
	if got[0].ID != m.ID {
		f.Fatalf("the message has id %d, the answer %d", m.ID, got[0].ID)
	}
	return &m
}

func testInboundRound(t *testing.T, open Open, draft hook.Message) {
	f := newFixture(t, open)
	m := f.receive(draft)
	id := m.ID
	if fresh := f.handoff.take(); len(fresh) != 1 || fresh[0].Message.Inbound != draft.Inbound {
		t.Fatalf("handed over %+v", fresh)
	}
	want := draft
	want.ID, want.Environment, want.Application, want.EventType = m.ID, m.Environment, m.Application, m.EventType
	if want.RawBody == nil {
		want.RawBody = []byte{}
	}
	want.Payload = nil
	check := func(where string, got *hook.Message) {
		t.Helper()
		// Here nil and empty differ: a message without raw body and payload has no content.
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", where, diff)
		}
		if !bytes.Equal(got.Body(), draft.RawBody) || !got.HasContent(time.Now()) {
			t.Fatalf("%s: body %q, expunged %v", where, got.Body(), got.Expunged)
		}
	}
	look := func(when string) {
		t.Helper()
		got, err := f.Message(f.Context(), f.app, id)
		f.must(err)
		check(when+": message", got)
		for _, content := range []bool{true, false} {
			list, err := f.Messages(f.Context(), store.MessageQuery{Application: f.app, Window: store.Window{Limit: 5}, WithContent: content})
			f.must(err)
			if content {
				check(when+": list", list.Rows[0])
			} else if got := list.Rows[0]; got.Inbound != nil || got.RawBody != nil || got.Expunged {
				t.Fatalf("%s: without content: %+v", when, got)
			}
		}
	}
	look("stored")
	due := f.claim(f.endpoints[1])
	check("claimed", due[0].Message)
	f.try(due[0], hook.Failed)
	attempted, err := f.Attempts(f.Context(), store.AttemptQuery{Application: f.app, Endpoint: f.endpoints[1], Window: store.Window{Limit: 5}, WithContent: true, WithMessage: true})
	f.must(err)
	check("attempts", attempted.Rows[0].Message)
	delivered, err := f.AttemptedMessages(f.Context(), store.DeliveryQuery{Application: f.app, Endpoint: f.endpoints[1], Window: store.Window{Limit: 5}, WithContent: true})
	f.must(err)
	check("attempted messages", delivered.Rows[0].Message)
	f.crash()
	look("after a crash")
	check("rescued", f.claim(f.endpoints[0])[0].Message)
	f.restart()
	look("after a restart")
	n, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: f.endpoints[2], Messages: []hook.MessageID{id}, Trigger: hook.Manual})
	f.must(err)
	if due := f.claim(f.endpoints[2]); n != 1 || len(due) != 1 {
		t.Fatalf("resent %d, %d due", n, len(due))
	} else {
		check("resent", due[0].Message)
	}
}
