package storetest

import (
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testMessagePages(r *historyRoom) {
	var want []hook.Key
	for range 5 {
		want = append(want, hook.Key(r.publish(nil).ID))
	}
	slices.Reverse(want)
	walkWindows(r, want, func(w store.Window) ([]hook.Key, bool) {
		out, err := r.Messages(r.ctx, store.MessageQuery{Application: r.app.ID, Window: w})
		r.must(err)
		return messageIDs(out.Rows), out.More
	})
}

func testMessageFilters(r *historyRoom) {
	plain := r.publish(nil)
	eu := r.publish(func(m *hook.Message) { m.Channels = []string{"eu", "vip"} })
	tagged := r.publish(func(m *hook.Message) { m.Tags, m.EventType = []string{"t/1"}, "c.d" })
	for _, c := range []struct {
		name string
		q    store.MessageQuery
		want []hook.Key
	}{
		{"channel", store.MessageQuery{Channel: "vip"}, []hook.Key{hook.Key(eu.ID)}},
		{"part of a channel", store.MessageQuery{Channel: "vi"}, nil},
		{"tag", store.MessageQuery{Tag: "t/1"}, []hook.Key{hook.Key(tagged.ID)}},
		{"event type", store.MessageQuery{EventTypes: []string{"a.b"}}, []hook.Key{hook.Key(eu.ID), hook.Key(plain.ID)}},
		{"either event type", store.MessageQuery{EventTypes: []string{"a.b", "c.d"}}, []hook.Key{hook.Key(tagged.ID), hook.Key(eu.ID), hook.Key(plain.ID)}},
	} {
		c.q.Application, c.q.Window.Limit = r.app.ID, 10
		for _, content := range []bool{false, true} {
			c.q.WithContent = content
			out, err := r.Messages(r.ctx, c.q)
			r.must(err)
			if got := messageIDs(out.Rows); !slices.Equal(got, c.want) {
				r.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
			for _, m := range out.Rows {
				if has := string(m.Payload) == `{"n":1.10}`; has != content {
					r.Errorf("%s: payload %q with content=%v", c.name, m.Payload, content)
				}
			}
		}
	}
}

func testMessageTenant(r *historyRoom) {
	m := r.publish(nil)
	other, _ := r.tenant("b")
	if _, err := r.Message(r.ctx, other.ID, m.ID); hook.KindOf(err) != hook.NotFound {
		r.Errorf("another tenant's message: %v, want NotFound", err)
	}
	if _, err := r.Message(r.ctx, r.app.ID, m.ID+1); hook.KindOf(err) != hook.NotFound {
		r.Errorf("a message that never was: %v, want NotFound", err)
	}
	if _, err := r.Deliveries(r.ctx, other.ID, m.ID); hook.KindOf(err) != hook.NotFound {
		r.Errorf("another tenant's deliveries: %v, want NotFound", err)
	}
	if err := r.ExpungeMessage(r.ctx, other.ID, m.ID); hook.KindOf(err) != hook.NotFound {
		r.Errorf("expunge another tenant's message: %v, want NotFound", err)
	}
	out, err := r.Messages(r.ctx, store.MessageQuery{Application: other.ID, Window: store.Window{Limit: 10}})
	r.must(err)
	if len(out.Rows) != 0 {
		r.Errorf("another tenant lists %d of our messages", len(out.Rows))
	}
	got, err := r.Message(r.ctx, r.app.ID, m.ID)
	r.must(err)
	if string(got.Payload) != `{"n":1.10}` {
		r.Errorf("payload came back as %q", got.Payload)
	}
}

func testMessageByEventID(r *historyRoom) {
	r.publish(nil)
	m := r.publish(func(m *hook.Message) { m.EventID = "order-1" })
	got, err := r.MessageByEventID(r.ctx, r.app.ID, "order-1")
	r.must(err)
	if got != m.ID {
		r.Errorf("order-1 is message %d, want %d", got, m.ID)
	}
	other, _ := r.tenant("b")
	for _, c := range []struct {
		app hook.ApplicationID
		id  string
	}{{r.app.ID, "order-2"}, {other.ID, "order-1"}} {
		if _, err := r.MessageByEventID(r.ctx, c.app, c.id); hook.KindOf(err) != hook.NotFound {
			r.Errorf("%s of application %d: %v, want NotFound", c.id, c.app, err)
		}
	}
}

func testMessageWindows(r *historyRoom) {
	var ids []hook.Key
	for range 4 {
		ids = append(ids, hook.Key(r.publish(nil).ID))
		// The next message has to be in a later millisecond, for the bounds to tell them apart.
		for start := time.Now(); time.Since(start) < 2*time.Millisecond; {
		}
	}
	list := func(w store.Window) []hook.Key {
		w.Limit = 2
		out, err := r.Messages(r.ctx, store.MessageQuery{Application: r.app.ID, Window: w})
		r.must(err)
		return messageIDs(out.Rows)
	}
	for _, c := range []struct {
		name string
		w    store.Window
		want []hook.Key
	}{
		{"after includes its millisecond", store.Window{After: ids[2].Time()}, []hook.Key{ids[3], ids[2]}},
		{"before leaves its millisecond out", store.Window{Before: ids[2].Time()}, []hook.Key{ids[1], ids[0]}},
		{"both", store.Window{After: ids[1].Time(), Before: ids[2].Time()}, []hook.Key{ids[1]}},
		{"nearest to after, newest first", store.Window{After: ids[0].Time(), Ascending: true}, []hook.Key{ids[1], ids[0]}},
		{"nothing in between", store.Window{After: ids[3].Time().Add(time.Hour)}, nil},
	} {
		if got := list(c.w); !slices.Equal(got, c.want) {
			r.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
