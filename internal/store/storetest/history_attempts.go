package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testAttemptPages(r *historyRoom) {
	var want []hook.Key
	for range 5 {
		want = append(want, hook.Key(r.attempt(r.publish(nil), r.endpoint, nil).ID))
	}
	slices.Reverse(want)
	walkWindows(r, want, func(w store.Window) ([]hook.Key, bool) {
		out, err := r.Attempts(r.ctx, store.AttemptQuery{Application: r.app.ID, Endpoint: r.endpoint.ID, Window: w})
		r.must(err)
		return attemptIDs(out.Rows), out.More
	})
	fan := []*hook.Endpoint{r.endpoint, r.newEndpoint(r.app), r.newEndpoint(r.app), r.newEndpoint(r.app)}
	m := r.publish(nil, fan...)
	want = nil
	for _, ep := range []int{2, 0, 3, 1} { // attempts do not end in the order of endpoints
		want = append(want, hook.Key(r.attempt(m, fan[ep], nil).ID))
	}
	slices.Reverse(want)
	walkWindows(r, want, func(w store.Window) ([]hook.Key, bool) {
		out, err := r.Attempts(r.ctx, store.AttemptQuery{Application: r.app.ID, Message: m.ID, Window: w})
		r.must(err)
		return attemptIDs(out.Rows), out.More
	})
}

func testAttemptFilters(r *historyRoom) {
	ok := r.attempt(r.publish(nil), r.endpoint, nil)
	failed := func(a *hook.Attempt) { a.Outcome, a.Reason, a.Status = hook.Failed, hook.ReasonServer, 503 }
	sending := r.attempt(r.publish(func(m *hook.Message) { m.Channels = []string{"eu"} }), r.endpoint, failed)
	gone := r.attempt(r.publish(func(m *hook.Message) { m.EventType, m.Tags = "c.d", []string{"x"} }), r.endpoint,
		func(a *hook.Attempt) { a.Outcome, a.Reason, a.Status = hook.Gone, hook.ReasonGone, 410 })
	silent := r.attempt(r.publish(nil), r.endpoint,
		func(a *hook.Attempt) { a.Outcome, a.Reason, a.Status = hook.Failed, hook.ReasonConnectRefused, 0 })
	id := func(list ...*hook.Attempt) (out []hook.Key) {
		for _, a := range list {
			out = append(out, hook.Key(a.ID))
		}
		return out
	}
	for _, c := range []struct {
		name string
		q    store.AttemptQuery
		want []hook.Key
	}{
		{"all", store.AttemptQuery{}, id(silent, gone, sending, ok)},
		{"success", store.AttemptQuery{Statuses: []store.AttemptStatus{store.StatusSuccess}}, id(ok)},
		{"fail", store.AttemptQuery{Statuses: []store.AttemptStatus{store.StatusFail}}, id(gone)},
		{"sending", store.AttemptQuery{Statuses: []store.AttemptStatus{store.StatusSending}}, id(silent, sending)},
		{"class 500", store.AttemptQuery{StatusClass: 500}, id(sending)},
		{"class 400", store.AttemptQuery{StatusClass: 400}, id(gone)},
		{"no answer", store.AttemptQuery{StatusClass: 1}, id(silent)},
		{"channel", store.AttemptQuery{Channel: "eu"}, id(sending)},
		{"tag", store.AttemptQuery{Tag: "x"}, id(gone)},
		{"event type", store.AttemptQuery{EventTypes: []string{"c.d"}}, id(gone)},
		{"with messages", store.AttemptQuery{WithMessage: true, WithContent: true}, id(silent, gone, sending, ok)},
	} {
		c.q.Application, c.q.Endpoint, c.q.Window.Limit = r.app.ID, r.endpoint.ID, 10
		out, err := r.Attempts(r.ctx, c.q)
		r.must(err)
		if got := attemptIDs(out.Rows); !slices.Equal(got, c.want) {
			r.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		for _, row := range out.Rows {
			if (row.Message != nil) != c.q.WithMessage {
				r.Errorf("%s: message present = %v", c.name, row.Message != nil)
			}
			if row.Message != nil && (row.Message.ID != row.Attempt.Message || string(row.Message.Payload) != `{"n":1.10}`) {
				r.Errorf("%s: attempt of %d came with message %d, payload %q", c.name, row.Attempt.Message, row.Message.ID, row.Message.Payload)
			}
		}
	}
}

func testAttemptWhole(r *historyRoom) {
	m := r.publish(nil)
	want := r.attempt(m, r.endpoint, func(a *hook.Attempt) {
		a.Outcome, a.Reason, a.Status, a.Error = hook.Failed, hook.ReasonServer, 502, "answered 502 Bad Gateway"
		a.RemoteAddr, a.Header, a.Body = "192.0.2.1:443", []byte("X-A: b\r\nX-C: d"), []byte{0xff, 0, 'x'}
		a.BodyTruncated, a.BodyIncomplete = true, true
		a.TLS = &hook.TLS{Version: 0x0304, Protocol: hook.HTTP2, Subject: "example.com", Issuer: "CA \u00fc", NotAfter: time.Unix(1_800_000_000, 0).UTC()}
		a.Notes = &hook.AttemptNotes{Console: []string{"one", "two \"lines\""}}
		a.Timings = hook.Timings{DNS: time.Millisecond, Connect: 2 * time.Millisecond, FirstByte: 3 * time.Microsecond, Reused: true}
	})
	got, err := r.Attempt(r.ctx, r.app.ID, m.ID, want.ID)
	r.must(err)
	// The due time is kept to the millisecond.
	if got.NextAt.UnixMilli() != want.NextAt.UnixMilli() {
		r.Errorf("NextAt = %v, want %v", got.NextAt, want.NextAt)
	}
	got.NextAt = want.NextAt
	if g, w := fmt.Sprintf("%+v", got.Notes), fmt.Sprintf("%+v", want.Notes); g != w {
		r.Errorf("notes came back as %s, want %s", g, w)
	}
	got.Notes = want.Notes
	if got.TLS == nil || *got.TLS != *want.TLS {
		r.Errorf("TLS came back as %+v, want %+v", got.TLS, want.TLS)
	}
	got.TLS = want.TLS
	if g, w := fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", *want); g != w {
		r.Errorf("attempt came back as\n%s\nwant\n%s", g, w)
	}
	if _, err := r.Attempt(r.ctx, r.app.ID, m.ID, want.ID+1); hook.KindOf(err) != hook.NotFound {
		r.Errorf("an attempt that never was: %v, want NotFound", err)
	}
	if _, err := r.Attempt(r.ctx, r.app.ID, r.publish(nil).ID, want.ID); hook.KindOf(err) != hook.NotFound {
		r.Errorf("an attempt of another message: %v, want NotFound", err)
	}
}
