package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// ear is one connection that listens.
type ear struct {
	t     testing.TB
	conn  *websocket.Conn
	hello api.ListenFrameOut
}

// dial opens a WebSocket; the status is that of the handshake.
func (r *rig) dial(path, token string) (*websocket.Conn, int, string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, r.server.URL+path, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if resp == nil {
		r.t.Fatalf("dial %s: %v", path, err)
	}
	body := make([]byte, 1024)
	if err != nil {
		n, _ := resp.Body.Read(body)
		return nil, resp.StatusCode, string(body[:n])
	}
	conn.SetReadLimit(-1)
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, resp.StatusCode, ""
}

func (r *rig) listen(path, token string) *ear {
	r.t.Helper()
	conn, status, body := r.dial(path, token)
	if conn == nil {
		r.t.Fatalf("listen %s: %d %s", path, status, body)
	}
	e := &ear{t: r.t, conn: conn}
	e.hello = e.next()
	if e.hello.Type != api.FrameHello || e.hello.Version != api.ListenVersion {
		r.t.Fatalf("first frame %+v", e.hello)
	}
	return e
}

// next reads a frame.
func (e *ear) next() (f api.ListenFrameOut) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	_, data, err := e.conn.Read(ctx)
	if err != nil {
		e.t.Fatalf("read frame: %v", err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		e.t.Fatalf("frame %s: %v", data, err)
	}
	return f
}

// closed waits for the end of the connection and returns its code. Frames before it are dropped.
func (e *ear) closed() websocket.StatusCode {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	for {
		if _, _, err := e.conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				e.t.Fatal("the connection does not end")
			}
			return websocket.CloseStatus(err)
		}
	}
}

func (e *ear) write(text string) {
	e.t.Helper()
	if err := e.conn.Write(e.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		e.t.Fatalf("write: %v", err)
	}
}

func (e *ear) ack(id string) { e.write(fmt.Sprintf(`{"type":"ack","id":%q,"status":200}`, id)) }

// want reads the next message and checks its id and signature.
func (e *ear) want(id string) api.ListenFrameOut {
	e.t.Helper()
	f := e.next()
	if f.Type != api.FrameMessage || f.ID != id {
		e.t.Fatalf("frame %+v, want the message %s", f, id)
	}
	e.verify(f, e.hello.Secret)
	return f
}

func (e *ear) verify(f api.ListenFrameOut, secret string) {
	e.t.Helper()
	key, err := webhook.ParseSecret(secret)
	if err != nil {
		e.t.Fatal(err)
	}
	h := http.Header{}
	for _, pair := range f.Headers {
		h.Add(pair[0], pair[1])
	}
	v, err := webhook.NewStandard([]webhook.Key{key}, webhook.StandardOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := v.Verify(webhook.Request{Header: h, Body: f.Body}, time.Now()); err != nil {
		e.t.Fatalf("message %s: %v", f.ID, err)
	}
	if h.Get("Webhook-Id") != f.ID {
		e.t.Fatalf("webhook-id %s of message %s", h.Get("Webhook-Id"), f.ID)
	}
}

// wake does what the server does after a commit.
func (r *rig) wake(app string) {
	id, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	r.api.Listening.Wake(id)
}

// cursor waits until the listener's saved cursor has the time of the message.
func (r *rig) awaitCursor(app, name, message string) {
	r.t.Helper()
	a, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	m, _ := r.store.Codec().ParseMessage(a, message)
	deadline := time.Now().Add(time.Minute)
	for {
		list, err := r.store.ListListeners(r.t.Context(), a)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, l := range list {
			if l.Name == name && l.Cursor == m {
				return
			}
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the cursor of %s is not at %s: %+v", name, message, list)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *rig) listenApp(uid string) string {
	r.t.Helper()
	if r.call("GET", "/api/v1/event-type/user.created", "").status == 404 {
		r.must(201, "POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	}
	return r.app(uid)
}

func listenPath(app, query string) string { return "/x/v1/app/" + app + "/listen?name=laptop" + query }

func TestListenSendsWhatComesAndWhatCame(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	before := r.message(app, "")
	e := r.listen(listenPath(app, ""), r.token)
	if !e.hello.Created || e.hello.Application != app || e.hello.Listener != "laptop" || !strings.HasPrefix(e.hello.Secret, "whsec_") {
		t.Fatalf("hello %+v", e.hello)
	}
	var ids []string
	publish := func(n int) {
		for range n {
			ids = append(ids, r.message(app, `,"channels":["c"],"tags":["t"],"eventId":"e`+fmt.Sprint(len(ids))+`"`))
		}
		r.wake(app)
	}
	publish(3)
	for i, id := range ids {
		f := e.want(id)
		if string(f.Body) != `{"a":1}` || f.EventType != "user.created" || f.EventID != fmt.Sprint("e", i) || f.Channels[0] != "c" || f.Tags[0] != "t" || f.Timestamp == nil {
			t.Fatalf("frame %+v", f)
		}
	}
	// Acks may come in any order; only what is dealt with in a row counts.
	e.ack(ids[1])
	e.ack(ids[0])
	r.awaitCursor(app, "laptop", ids[1])
	_ = e.conn.Close(websocket.StatusNormalClosure, "")

	publish(5)
	e2 := r.listen(listenPath(app, ""), r.token)
	if e2.hello.Created || e2.hello.Secret != e.hello.Secret {
		t.Fatalf("hello %+v after %+v", e2.hello, e.hello)
	}
	for _, id := range ids[2:] {
		e2.want(id)
	}
	// Acks right before a good-bye count.
	for _, id := range ids[2:7] {
		e2.ack(id)
	}
	_ = e2.conn.Close(websocket.StatusNormalClosure, "")
	r.awaitCursor(app, "laptop", ids[6])
	e3 := r.listen(listenPath(app, ""), r.token)
	e3.want(ids[7])

	// Another name is another listener, with another secret and its own begin.
	e4 := r.listen("/x/v1/app/"+app+"/listen?name=ci&since="+url.QueryEscape(time.Now().Add(-time.Hour).Format(time.RFC3339)), r.token)
	if e4.hello.Secret == e.hello.Secret || !e4.hello.Created {
		t.Errorf("hello %+v", e4.hello)
	}
	e4.want(before)
	list := r.must(200, "GET", "/x/v1/app/"+app+"/listener", "")
	if list.str("data.0.name") != "ci" || list.str("data.1.name") != "laptop" || list.str("data.1.connected") != "true" || strings.Contains(string(list.body), "whsec") {
		t.Errorf("listeners %s", list.body)
	}
	if a := r.must(200, "GET", "/x/v1/app/"+app+"/listener/ci/secret", ""); a.str("key") != e4.hello.Secret {
		t.Errorf("secret %s", a.body)
	}
	r.must(204, "DELETE", "/x/v1/app/"+app+"/listener/ci", "")
	r.must(404, "GET", "/x/v1/app/"+app+"/listener/ci/secret", "")
	if code := e4.closed(); code != api.CloseGone {
		t.Errorf("closed with %d after the listener was deleted", code)
	}
	r.must(404, "DELETE", "/x/v1/app/"+app+"/listener/ci", "")
	log := r.must(200, "GET", "/x/v1/audit?noun=listener", "")
	if log.str("data.0.action") != "deleted" || log.str("data.0.name") != "ci" || log.str("data.2.action") != "created" || log.str("data.2.appId") != app || strings.Contains(string(log.body), "whsec") {
		t.Errorf("audit log %s", log.body)
	}
}

func TestListenFiltersAndPassesOver(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	for _, name := range []string{"invoice.paid", "invoice.paid.late", "order.paid"} {
		r.must(201, "POST", "/api/v1/event-type", `{"name":"`+name+`","description":"d"}`)
	}
	publish := func(typ, more string) string {
		return r.must(202, "POST", "/api/v1/app/"+app+"/msg", `{"eventType":"`+typ+`","payload":{}`+more+`}`).str("id")
	}
	e := r.listen(listenPath(app, "&event_types=invoice.*&channel=eu"), r.token)
	var wanted, last string
	for i := range 200 {
		publish("order.paid", `,"channels":["eu"]`)
		if i == 100 {
			publish("invoice.paid", `,"channels":["us"]`)
			wanted = publish("invoice.paid.late", `,"channels":["eu","x"]`)
		}
	}
	last = publish("user.created", "")
	r.wake(app)
	e.want(wanted)
	e.ack(wanted)
	// What nobody wanted is passed over, so it is not looked at again.
	r.awaitCursor(app, "laptop", last)
}

func TestListenTellsWhatIsGone(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	e := r.listen(listenPath(app, ""), r.token)
	_ = e.conn.Close(websocket.StatusNormalClosure, "")
	gone, kept := r.message(app, ""), r.message(app, "")
	r.must(204, "DELETE", "/api/v1/app/"+app+"/msg/"+gone+"/content", "")
	e = r.listen(listenPath(app, ""), r.token)
	if f := e.next(); f.Type != api.FrameSkipped || f.ID != gone || f.Reason != "expunged" || len(f.Body) != 0 {
		t.Errorf("frame %+v", f)
	}
	e.want(kept)
	e.ack(kept)
	r.awaitCursor(app, "laptop", kept)

	// A retry of what is gone says so too; one of what is there is signed anew.
	e.write(`{"type":"retry","id":"` + gone + `"}`)
	if f := e.next(); f.Type != api.FrameSkipped || f.ID != gone {
		t.Errorf("frame %+v", f)
	}
	e.write(`{"type":"retry","id":"` + kept + `"}`)
	if f := e.want(kept); !f.Retry {
		t.Error("the retried message does not say that it is one")
	}
}

func TestListenWindowIsBounded(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	e := r.listen(listenPath(app, ""), r.token)
	var ids []string
	for range listenWindowSize + 10 {
		ids = append(ids, r.message(app, ""))
	}
	r.wake(app)
	for _, id := range ids[:listenWindowSize] {
		e.want(id)
	}
	quiet, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { _, _, err := e.conn.Read(quiet); done <- err }()
	if err := <-done; err == nil {
		t.Fatal("a message came beyond the window")
	}
	// The read's end closed this connection; the next one gets all of them again.
	e = r.listen(listenPath(app, ""), r.token)
	for i, id := range ids {
		e.want(id)
		if i < 10 {
			e.ack(id)
		}
	}
}

func TestListenIsTakenOver(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	first := r.listen(listenPath(app, ""), r.token)
	m := r.message(app, "")
	r.wake(app)
	first.want(m)
	second := r.listen(listenPath(app, ""), r.token)
	if code := first.closed(); code != api.CloseTakenOver {
		t.Errorf("the first was closed with %d", code)
	}
	second.want(m)
	if r.api.Listening.listening.Load() != 1 {
		t.Errorf("%d seats are open", r.api.Listening.listening.Load())
	}
}

func TestListenRefuses(t *testing.T) {
	r := newRig(t)
	_, foreign := r.environment("other")
	app, other := r.listenApp("a"), r.listenApp("b")
	readOnly := r.portal(app, `{"capabilities":["ViewBase"]}`)
	portal := r.portal(app, `{"capabilities":["ManageEndpoint"]}`)
	for _, c := range []struct {
		name, path, token string
		status            int
	}{
		{"no token", listenPath(app, ""), "x", 401},
		{"another environment's token", listenPath(app, ""), foreign, 404},
		{"a portal token of another application", listenPath(other, ""), portal, 404},
		{"a portal token that may only look", listenPath(app, ""), readOnly, 403},
		{"no name", "/x/v1/app/" + app + "/listen", r.token, 422},
		{"a bad name", "/x/v1/app/" + app + "/listen?name=a%20b", r.token, 422},
		{"a long name", "/x/v1/app/" + app + "/listen?name=" + strings.Repeat("a", 257), r.token, 422},
		{"a name twice", listenPath(app, "&name=x"), r.token, 400},
		{"a bad pattern", listenPath(app, "&event_types=a%5B"), r.token, 422},
		{"too many stars", listenPath(app, "&event_types=*a*a*a*a*"), r.token, 422},
		{"a bad channel", listenPath(app, "&channel=%20"), r.token, 422},
		{"a time in the future", listenPath(app, "&since=2199-01-01T00:00:00Z"), r.token, 422},
		{"no time", listenPath(app, "&since=yesterday"), r.token, 400},
		{"an unknown source", "/x/v1/source/nobody/listen?name=x", r.token, 404},
	} {
		conn, status, body := r.dial(c.path, c.token)
		if conn != nil || status != c.status || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %q, want %d", c.name, status, body, c.status)
		}
	}
	if a := r.must(426, "GET", listenPath(app, ""), ""); a.str("code") != "upgrade_required" {
		t.Errorf("%s", a.body)
	}
	// Nothing of all that made a listener.
	if a := r.must(200, "GET", "/x/v1/app/"+app+"/listener", ""); a.str("data") != "[]" {
		t.Errorf("%s", a.body)
	}
	// Without the right to see secrets of endpoints there is none in the first frame.
	e := r.listen(listenPath(app, ""), portal)
	if e.hello.Secret != "" {
		t.Error("a portal token without ViewEndpointSecret got the secret")
	}
	m := r.message(app, "")
	r.wake(app)
	if f := e.next(); f.ID != m {
		t.Errorf("frame %+v", f)
	}
	// Nor for an API token without the scope for secrets.
	scoped := r.must(200, "POST", "/api/v1/management/authentication/"+r.store.Codec().Environment(r.env.ID)+"/api-token", `{"name":"n","scopes":["listener:write"]}`).str("token")
	if e := r.listen(listenPath(app, ""), scoped); e.hello.Secret != "" {
		t.Error("a token without the scope secret:read got the secret")
	}
}

func TestListenSurvivesBadFrames(t *testing.T) {
	r := newRig(t)
	app, other := r.listenApp("a"), r.listenApp("b")
	foreign := r.message(other, "")
	own := r.message(app, "")
	for _, c := range []struct {
		name, frame string
		code        websocket.StatusCode // after which the connection ends; 0: it goes on
	}{
		{"no JSON", "{", 0},
		{"null", "null", 0},
		{"a list", "[]", 0},
		{"duplicate keys", `{"type":"ack","type":"ack"}`, 0},
		{"an unknown type", `{"type":"boo","id":"` + own + `"}`, 0},
		{"an ack of another application's message", `{"type":"ack","id":"` + foreign + `"}`, 0},
		{"an ack of a made-up id", `{"type":"ack","id":"msg_` + strings.Repeat("0", 27) + `"}`, 0},
		{"an ack of what was never sent", `{"type":"ack","id":"` + own + `"}`, 0},
		{"a retry of another application's message", `{"type":"retry","id":"` + foreign + `"}`, 0},
		{"a deep frame", strings.Repeat("[", 4000), 0},
		{"a long frame", `{"type":"` + strings.Repeat("a", maxFrameBytes) + `"}`, websocket.StatusMessageTooBig},
	} {
		e := r.listen(listenPath(app, ""), r.token)
		e.write(c.frame)
		if c.code != 0 {
			if code := e.closed(); code != c.code {
				t.Errorf("%s: closed with %d", c.name, code)
			}
			continue
		}
		if f := e.next(); f.Type != api.FrameError || f.Detail == "" {
			t.Errorf("%s: %+v", c.name, f)
		}
		// And all works as before.
		m := r.message(app, "")
		r.wake(app)
		e.want(m)
		e.ack(m)
		r.awaitCursor(app, "laptop", m)
	}
	// Nobody may go on like that.
	e := r.listen(listenPath(app, ""), r.token)
	for range maxListenFaults + 1 {
		e.write("{}")
	}
	if code := e.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("wrong frames: closed with %d", code)
	}
	// Nor flood with right ones: retries are frames like all others.
	e = r.listen(listenPath(app, ""), r.token)
	for range maxListenFaults + maxListenRetries + 2*listenRetryRate + 1 {
		if e.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"retry","id":"`+own+`"}`)) != nil {
			break
		}
	}
	if code := e.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("a flood: closed with %d", code)
	}
}

// TestListenSaysWhyItEndsAlsoAfterALastFrame: the reader may decide that it ends while a frame is
// being written, or about to be. That frame must not cut the connection before the good-bye.
func TestListenSaysWhyItEndsAlsoAfterALastFrame(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		cancel(&closing{websocket.StatusPolicyViolation, "too many frames"})
		l := &listenSession{conn: conn}
		for range 10 { // what cuts the connection does so a moment later
			if err := l.send(ctx, &api.ListenFrameOut{Type: api.FrameError}); err != nil {
				t.Error(err)
			}
		}
		_ = conn.Close(websocket.StatusPolicyViolation, "too many frames")
	}))
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if code := (&ear{t: t, conn: conn}).closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
}

func TestListenIsBounded(t *testing.T) {
	r := newRig(t)
	r.api.Listening = NewListenHub(3)
	app := r.listenApp("a")
	path := func(i int) string { return fmt.Sprintf("/x/v1/app/%s/listen?name=n%d", app, i) }
	var ears []*ear
	for i := range 3 {
		ears = append(ears, r.listen(path(i), r.token))
	}
	if _, status, body := r.dial(path(3), r.token); status != 503 {
		t.Errorf("one too many: %d %s", status, body)
	}
	_ = ears[0].conn.Close(websocket.StatusNormalClosure, "")
	r.await("a free place", func() bool { return r.api.Listening.listening.Load() < 3 })
	r.listen(path(3), r.token)

	hub := NewListenHub(0)
	for i := range maxListeningPerApplication {
		if _, _, err := hub.join(1, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := hub.join(1, "x"); hook.KindOf(err) != hook.LimitReached {
		t.Errorf("one too many of an application: %v", err)
	}
	if _, _, err := hub.join(2, "x"); err != nil {
		t.Error(err)
	}
}

// await polls until it is so.
func (r *rig) await(what string, so func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !so() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// TestListenEndsWithTheToken looks at what the check of every ten seconds finds.
func TestListenEndsWithTheToken(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	portal := r.portal(app, `{"sessionId":"s"}`)
	a, err := r.store.Application(t.Context(), r.env.ID, app)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, listenPath(app, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(token string) *closing {
		req.Header.Set("Authorization", "Bearer "+token)
		return r.api.stillMayListen(&call{r: req, w: nil, route: &route{access: portalMay(hook.ManageEndpoint)}}, a)
	}
	if why := check(portal); why != nil {
		t.Errorf("a good token: %v", why)
	}
	r.must(204, "POST", "/api/v1/auth/app/"+app+"/expire-all", `{"sessionIds":["s"]}`)
	if why := check(portal); why != errUnauthorized {
		t.Errorf("an ended token: %v", why)
	}
	if why := check(r.token); why != nil {
		t.Errorf("a good token: %v", why)
	}
	r.must(204, "DELETE", "/api/v1/app/"+app, "")
	if why := check(r.token); why != errGone {
		t.Errorf("a deleted application: %v", why)
	}
}

func TestListenDrainSavesAndTells(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	e := r.listen(listenPath(app, ""), r.token)
	m := r.message(app, "")
	r.wake(app)
	e.want(m)
	e.ack(m)
	// The ack is in before the drain begins.
	id, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	r.awaitCursor(app, "laptop", m)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan websocket.StatusCode, 1)
	go func() { done <- e.closed() }()
	if err := r.api.Listening.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != websocket.StatusGoingAway {
		t.Errorf("closed with %d", code)
	}
	if _, _, err := r.api.Listening.join(id, "x"); hook.KindOf(err) != hook.Closed {
		t.Errorf("joined a hub that drains: %v", err)
	}
}

func TestListenWindowMovesInOrder(t *testing.T) {
	w := listenWindow{floor: 10}
	for id := hook.MessageID(11); id <= 14; id++ {
		w.sent(id)
	}
	w.passed(15)
	w.passed(16)
	steps := []struct {
		ack          hook.MessageID
		ok           bool
		floor        hook.MessageID
		entries, out int
	}{
		{13, true, 10, 5, 3},
		{13, false, 10, 5, 3},
		{99, false, 10, 5, 3},
		{10, false, 10, 5, 3},
		{12, true, 10, 4, 2}, // 12 and 13 are one entry
		{11, true, 13, 2, 1},
		{14, true, 16, 0, 0},
	}
	for _, s := range steps {
		if ok := w.ack(s.ack); ok != s.ok || w.floor != s.floor || len(w.entries) != s.entries || w.waiting != s.out {
			t.Fatalf("after ack %d: %v floor %d entries %v waiting %d, want %+v", s.ack, ok, w.floor, w.entries, w.waiting, s)
		}
	}
	w.passed(20)
	if w.floor != 20 || w.position() != 20 {
		t.Errorf("floor %d, position %d", w.floor, w.position())
	}
}

func TestEventTypePatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.bc", false}, {"a.*", "a.b.c", true}, {"a.*", "a.", true}, {"a.*", "a", false},
		{"*", "x", true}, {"*.paid", "x.paid", true}, {"*.paid", "x.paid.y", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"*b*b*", "abcb", true}, {"*b*b*", "abc", false},
	} {
		if got := matchesPattern(c.pattern, c.name); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.name, got)
		}
	}
}

// TestWakeCostsNothingWhileNobodyListens: it is called for every message.
func TestWakeCostsNothingWhileNobodyListens(t *testing.T) {
	hub := NewListenHub(0)
	if n := testing.AllocsPerRun(100, func() { hub.Wake(7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// It takes no lock: whoever held it would hold up every publish.
	hub.mu.Lock()
	defer hub.mu.Unlock()
	done := make(chan struct{})
	go func() { hub.Wake(7); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it waits for a lock")
	}
}

func TestListenAcknowledgesCumulatively(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	e := r.listen(listenPath(app, "&ack=cumulative"), r.token)
	if e.hello.Ack != api.AckCumulative {
		t.Errorf("hello %+v", e.hello)
	}
	var ids []string
	for range 5 {
		ids = append(ids, r.message(app, ""))
	}
	r.wake(app)
	for _, id := range ids {
		e.want(id)
	}
	e.ack(ids[3])
	r.awaitCursor(app, "laptop", ids[3])
	_ = e.conn.Close(websocket.StatusNormalClosure, "")
	again := r.listen(listenPath(app, "&ack=cumulative"), r.token)
	again.want(ids[4])
	again.ack(ids[1]) // dealt with already
	if f := again.next(); f.Type != api.FrameError {
		t.Errorf("ack of what does not wait: %+v", f)
	}
}

func TestListenSendsAtMostOnceWhenAsked(t *testing.T) {
	r := newRig(t)
	app := r.listenApp("a")
	e := r.listen(listenPath(app, "&ack=auto"), r.token)
	const messages = 3 * listenWindowSize // nothing waits for an ack
	var ids []string
	for range messages {
		ids = append(ids, r.message(app, ""))
	}
	r.wake(app)
	e.want(ids[0])
	// Its place is on disk before it is sent, and the connection breaks without a word.
	_ = e.conn.CloseNow()
	seen := map[string]bool{ids[0]: true}
	r.awaitNobody(app)
	again := r.listen(listenPath(app, "&ack=auto"), r.token)
	last := r.message(app, "")
	r.wake(app)
	for {
		f := again.next()
		if seen[f.ID] {
			t.Fatalf("%s came twice", f.ID)
		}
		seen[f.ID] = true
		if f.ID == last {
			break
		}
	}
	r.awaitCursor(app, "laptop", last)
	if a := r.call("GET", "/x/v1/app/"+app+"/listen?name=a&ack=never", ""); a.status != 400 {
		t.Errorf("an unknown way: %d %s", a.status, a.body)
	}
}

// awaitNobody waits until no connection listens to an application.
func (r *rig) awaitNobody(app string) {
	r.t.Helper()
	a, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	for deadline := time.Now().Add(time.Minute); len(r.api.Listening.connected(a)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("somebody still listens")
		}
	}
}
