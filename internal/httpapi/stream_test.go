package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// sseEvent is one event as a browser would dispatch it.
type sseEvent struct{ kind, id, data string }

// follower reads a stream as the specification says.
type follower struct {
	t      testing.TB
	body   *http.Response
	events chan sseEvent // closed at the end of the stream
	lastID string        // with what is read; look at it once events is closed
}

func (r *rig) follow(path, token string, headers ...string) *follower {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.server.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { cancel(); resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		r.t.Fatalf("%s: %d %v", path, resp.StatusCode, resp.Header)
	}
	f := &follower{t: r.t, body: resp, events: make(chan sseEvent, 1000)}
	go func() {
		defer close(f.events)
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 4<<20)
		var e sseEvent
		var data []string
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case lines.Text() == "":
				if data != nil {
					e.data, e.id = strings.Join(data, "\n"), f.lastID
					f.events <- e
				}
				e, data = sseEvent{}, nil
			case name == "data":
				data = append(data, value)
			case name == "id":
				f.lastID = value
			case name == "event":
				e.kind = value
			}
		}
	}()
	return f
}

func (f *follower) next() sseEvent {
	f.t.Helper()
	select {
	case e, ok := <-f.events:
		if !ok {
			f.t.Fatal("the stream has ended")
		}
		return e
	case <-time.After(time.Minute):
		f.t.Fatal("no event came")
	}
	return sseEvent{}
}

func (f *follower) want(ids ...string) {
	f.t.Helper()
	for _, id := range ids {
		e := f.next()
		var m struct{ ID string }
		if err := json.Unmarshal([]byte(e.data), &m); err != nil || e.kind != "" || e.id != id || m.ID != id {
			f.t.Fatalf("event %+v, want the message %s", e, id)
		}
	}
}

func TestStreamGoesOnAfterTheLastEventAlsoAcrossARestart(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	r.message(app, "")
	f := r.follow("/x/v1/app/own/stream", r.token)
	var ids []string
	publish := func(n int) {
		for range n {
			ids = append(ids, r.message(app, ""))
		}
		r.wake(app)
	}
	publish(3)
	f.want(ids...)
	f.body.Body.Close()
	publish(100) // more than a page
	again := r.follow("/x/v1/app/own/stream", r.token, "Last-Event-ID", ids[1])
	again.want(ids[2:]...)
	again.body.Body.Close()
	r.restart()
	publish(2)
	f = r.follow("/x/v1/app/own/stream?last_event_id="+ids[0], r.token, "Last-Event-ID", ids[90])
	f.want(ids[91:]...)
	r.follow("/x/v1/app/own/stream?last_event_id="+ids[100], r.token).want(ids[101:]...)
	r.follow("/x/v1/app/own/stream?since="+hourAgo(), r.token).event0(t)
	if err := r.api.Listening.Drain(drainContext(t)); err != nil {
		t.Fatal(err)
	}
	if e := f.next(); e.kind != "end" {
		t.Errorf("at the end %+v", e)
	}
}

// event0 reads one event of whichever message.
func (f *follower) event0(t *testing.T) {
	t.Helper()
	if e := f.next(); !strings.HasPrefix(e.id, "msg_") {
		t.Errorf("event %+v", e)
	}
}

func drainContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestStreamShowsPayloadsAsTheyAreAndLeavesOutWhatIsGone(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	payload := "{\n  \"n\": 12345678901234567890.10,\r\n  \"text\": \"a\\nb\"\r}"
	gone := r.message(app, "")
	r.must(204, "DELETE", "/api/v1/app/own/msg/"+gone+"/content", "")
	id := r.must(202, "POST", "/api/v1/app/own/msg", `{"eventType":"user.created","payload":`+payload+`}`).str("id")
	e := r.follow("/x/v1/app/own/stream?since="+hourAgo(), r.token).next()
	if e.id != id {
		t.Fatalf("event %+v, want %s", e, id)
	}
	// Line breaks between tokens come as one kind; all else is byte for byte.
	if want := `"payload":` + "{\n  \"n\": 12345678901234567890.10,\n  \"text\": \"a\\nb\"\n}"; !strings.Contains(e.data, want) {
		t.Errorf("data %q, want %q in it", e.data, want)
	}
}

func TestStreamTokenShowsWhatItIsMadeForAndOpensNothingElse(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	r.app("other")
	made := r.must(201, "POST", "/x/v1/app/own/stream/token", `{"eventTypes":["comment.*"],"channel":"post-1","expiry":60}`)
	token := made.str("token")
	if !strings.HasPrefix(token, "hl_ek_") || made.str("url") != "http://localhost:8071/x/v1/app/own/stream?token="+token {
		t.Fatalf("token %s", made.body)
	}
	f := r.follow("/x/v1/app/own/stream?token="+token, "")
	also := r.follow("/x/v1/app/own/stream?event_types=comment.new&channel=post-1", token)
	publish := func(typ, channel string) string {
		return r.must(202, "POST", "/api/v1/app/own/msg", fmt.Sprintf(`{"eventType":%q,"channels":[%q],"payload":{}}`, typ, channel)).str("id")
	}
	publish("comment.new", "post-2")
	publish("user.created", "post-1")
	a, b := publish("comment.edited", "post-1"), publish("comment.new", "post-1")
	r.wake(app)
	f.want(a, b)
	also.want(b)

	status := func(path, header string) int {
		return r.send(request{method: "GET", path: path, token: header}).status
	}
	portal := r.portal(app, `{"capabilities":["ViewBase"]}`)
	for _, c := range []struct {
		path, header string
		want         int
		why          string
	}{
		{"/x/v1/app/own/stream", "", 401, "no token"},
		{"/x/v1/app/own/stream?token=x", "", 401, "no token of ours"},
		{"/x/v1/app/own/stream?token=" + r.token, "", 401, "an API token in a URL"},
		{"/x/v1/app/own/stream?token=" + portal, "", 401, "a portal token in a URL"},
		{"/x/v1/app/own/stream?token=" + token + "&token=" + token, "", 400, "twice"},
		{"/x/v1/app/other/stream?token=" + token, "", 404, "another application"},
		{"/api/v1/app/own/msg?token=" + token, "", 401, "another operation, in a URL"},
		{"/api/v1/app/own/msg", token, 403, "another operation"},
		{"/x/v1/app/own/listen?name=a", token, 403, "listening"},
		{"/x/v1/app/own/stream?redacted=false", token, 403, "what is redacted"},
		{"/x/v1/app/own/stream?redacted=false", portal, 403, "what is redacted"},
		{"/x/v1/app/own/stream?token=" + token, "nonsense", 401, "a wrong header beside it"},
	} {
		if got := status(c.path, c.header); got != c.want {
			t.Errorf("%s: %d, want %d", c.why, got, c.want)
		}
	}
	// A portal makes one for its pages; nobody gets more than the own token may.
	if a := r.send(request{method: "POST", path: "/x/v1/app/own/stream/token", token: portal}); a.status != 201 {
		t.Errorf("a portal's stream token: %d %s", a.status, a.body)
	}
	without := r.portal(app, `{"capabilities":["CreateAttempts"]}`)
	if a := r.send(request{method: "POST", path: "/x/v1/app/own/stream/token", token: without}); a.status != 403 {
		t.Errorf("a portal without ViewBase: %d %s", a.status, a.body)
	}
	for scope, want := range map[string]int{"message:read": 201, "app:read": 403} {
		scoped := r.must(200, "POST", "/api/v1/management/authentication/"+r.store.Codec().Environment(r.env.ID)+"/api-token", `{"name":"n","scopes":["`+scope+`"]}`).str("token")
		if a := r.send(request{method: "POST", path: "/x/v1/app/own/stream/token", token: scoped}); a.status != want {
			t.Errorf("with the scope %s: %d %s", scope, a.status, a.body)
		}
	}
	// expire-all ends it, and with it the streams, at their next heartbeat.
	r.must(204, "POST", "/api/v1/auth/app/own/expire-all", `{}`)
	if got := status("/x/v1/app/own/stream?token="+token, ""); got != 401 {
		t.Errorf("after expire-all: %d", got)
	}
}

func TestStreamOfASource(t *testing.T) {
	r := newRig(t)
	source := r.source("hub", "github", `{}`)
	r.source("other", "github", `{}`)
	token := r.must(201, "POST", "/x/v1/source/"+source+"/stream/token", "").str("token")
	f := r.follow("/x/v1/source/hub/stream?token="+token, "")
	if a := r.send(request{method: "GET", path: "/x/v1/source/other/stream?token=" + token}); a.status != 404 {
		t.Errorf("another source: %d %s", a.status, a.body)
	}
	inside, m := r.receive("hub", hook.Message{RawBody: []byte(`{"action":"opened"}`), Inbound: &hook.Inbound{Provider: "github", Method: "POST"}})
	r.wake(inside)
	e := f.next()
	if e.id != m || !strings.Contains(e.data, `"payload":{"action":"opened"}`) {
		t.Errorf("event %+v, want %s", e, m)
	}
}

func TestStreamRefusesBadInputByItsName(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	other := r.message(r.app("other"), "")
	stream, token := "/x/v1/app/"+app+"/stream", "/x/v1/app/"+app+"/stream/token"
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		loc                string
	}{
		{method: "GET", path: stream + "?event_types=a%20b", status: 422, loc: "query event_types"},
		{method: "GET", path: stream + "?channel=a%20b", status: 422, loc: "query channel"},
		{method: "GET", path: stream + "?since=x", status: 400},
		{method: "GET", path: stream + "?since=2199-01-01T00:00:00Z", status: 422, loc: "query since"},
		{method: "GET", path: stream + "?last_event_id=1", status: 422, loc: "query last_event_id"},
		{method: "GET", path: stream + "?last_event_id=" + other, status: 422, loc: "query last_event_id"},
		{method: "GET", path: stream, headers: []string{"Last-Event-ID", "x"}, status: 422, loc: "header last-event-id"},
		{method: "GET", path: stream, headers: []string{"Last-Event-ID", strings.Repeat("x", 5000)}, status: 422, loc: "header last-event-id"},
		{method: "POST", path: token, body: `{"expiry":59}`, status: 422, loc: "body expiry"},
		{method: "POST", path: token, body: `{"expiry":86401}`, status: 422, loc: "body expiry"},
		{method: "POST", path: token, body: `{"eventTypes":[]}`, status: 422, loc: "body eventTypes"},
		{method: "POST", path: token, body: `{"eventTypes":["a b"]}`, status: 422, loc: "body eventTypes"},
		{method: "POST", path: token, body: `{"eventTypes":"a"}`, status: 422, loc: "body eventTypes"},
		{method: "POST", path: token, body: `{"channel":""}`, status: 422, loc: "body channel"},
	} {
		if a := r.call(c.method, c.path, c.body, c.headers...); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s %s %s: %d at %q, want %d at %q: %s", c.method, c.path, c.body, a.status, a.loc(), c.status, c.loc, a.body)
		}
	}
}

func TestStreamTellsOfWhatIsMissed(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	a, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	gone := r.store.Codec().Message(a, hook.MessageID(r.store.NewKey())) // what retention leaves of a message
	id := r.message(app, "")
	f := r.follow("/x/v1/app/own/stream", r.token, "Last-Event-ID", gone)
	if e := f.next(); e.kind != "missed" || e.data != fmt.Sprintf(`{"after":%q}`, gone) {
		t.Errorf("event %+v", e)
	}
	f.want(id)
}

func TestHeartbeatMovesAReaderThatIsSentNothing(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	a, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	reader := &streamReader{s: r.api, app: &hook.Application{ID: a}, after: 5, told: 5}
	reader.heartbeat()
	if got := reader.buffer.String(); got != ": alive\n\n" {
		t.Errorf("without progress %q", got)
	}
	reader.buffer.Reset()
	reader.after = 9
	reader.heartbeat()
	if got := reader.buffer.String(); got != ": alive\nid: "+r.store.Codec().Message(a, 9)+"\n\n" {
		t.Errorf("with progress %q", got)
	}
}

func TestStreamsAreBoundedAndLeavePlacesToListeners(t *testing.T) {
	h := NewListenHub(0)
	greedy := 0
	for ; greedy <= maxListening; greedy++ {
		if _, err := h.watch(&hook.Application{ID: 1, Environment: 1}); err != nil {
			if hook.KindOf(err) != hook.Overloaded {
				t.Errorf("one more of an application: %v", err)
			}
			break
		}
	}
	if greedy < maxListening/4 || greedy > maxListening/2 {
		t.Errorf("one application has %d of %d places", greedy, maxListening)
	}
	for i, other := range []*hook.Application{{ID: 2, Environment: 1}, {ID: 3, Environment: 2}} {
		if _, err := h.watch(other); err != nil {
			t.Errorf("other %d: %v", i, err)
		}
	}
	if _, _, err := h.join(1, "laptop"); err != nil {
		t.Errorf("a listener beside them: %v", err)
	}
}

func TestNoStreamTokenIsLogged(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	var log bytes.Buffer
	r.logTo(&log)
	token := r.must(201, "POST", "/x/v1/app/own/stream/token", "").str("token")
	f := r.follow("/x/v1/app/own/stream?token="+token, "")
	r.message(app, "")
	r.wake(app)
	f.event0(t)
	if err := r.api.Listening.Drain(drainContext(t)); err != nil {
		t.Fatal(err)
	}
	r.server.Close() // waits until the call is logged
	if !strings.Contains(log.String(), "/stream") || strings.Contains(log.String(), token) {
		t.Errorf("log %s", log.String())
	}
}
