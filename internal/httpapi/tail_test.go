package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// watcherOf is one client of the live stream.
type watcherOf struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Scanner
	end  context.CancelFunc
	last string // the newest id
}

func (r *rig) watch(token, query string) *watcherOf { return r.watchFrom(token, query, "") }

// watchFrom comes back with the id that was seen last.
func (r *rig) watchFrom(token, query, last string) *watcherOf {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	r.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", r.server.URL+"/x/v1/tail"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	w := &watcherOf{t: r.t, resp: resp, in: bufio.NewScanner(resp.Body), end: cancel}
	if resp.StatusCode == http.StatusOK {
		w.line(": watching")
	}
	return w
}

// line reads up to a line that begins so.
func (w *watcherOf) line(prefix string) string {
	w.t.Helper()
	for w.in.Scan() {
		if id, ok := strings.CutPrefix(w.in.Text(), "id: "); ok {
			w.last = id
		}
		if strings.HasPrefix(w.in.Text(), prefix) {
			return w.in.Text()
		}
	}
	w.t.Fatalf("the stream ended before %q: %v", prefix, w.in.Err())
	return ""
}

// next reads one event and its data.
func (w *watcherOf) next(v any) (kind string) {
	w.t.Helper()
	kind = strings.TrimPrefix(w.line("event: "), "event: ")
	if err := json.Unmarshal([]byte(strings.TrimPrefix(w.line("data: "), "data: ")), v); err != nil {
		w.t.Fatal(err)
	}
	return kind
}

// told is what the rig's parts would report.
func (r *rig) told(app, endpoint, eventType string, outcome hook.Outcome) (*hook.Message, *hook.Attempt) {
	r.t.Helper()
	codec := r.store.Codec()
	a, ok := codec.ParseApplication(r.env.ID, app)
	e, known := codec.ParseEndpoint(a, endpoint)
	if !ok || !known {
		r.t.Fatal("bad ids")
	}
	m := &hook.Message{ID: hook.MessageID(r.store.NewKey()), Environment: r.env.ID, Application: a, EventType: eventType}
	at := &hook.Attempt{ID: hook.AttemptID(r.store.NewKey()), Message: m.ID, Application: a, Endpoint: e, N: 1, StartedAt: time.Now(), Outcome: outcome, Status: 200, URL: "https://x"}
	if outcome != hook.Success {
		at.Status, at.Reason = 500, hook.ReasonServer
	}
	return m, at
}

// TestTailShowsEachItsOwn has watchers with filters and of several roles, and events that
// each must or must not see. Each stream ends, so what is missing is missing.
func TestTailShowsEachItsOwn(t *testing.T) {
	r := newRig(t)
	_, foreign := r.environment("other")
	a, b := r.app("a"), r.app("b")
	ea, eb := r.endpoint(a, ""), r.endpoint(b, "")
	portal := r.portal(b, `{"capabilities":["ViewBase"]}`)
	watchers := map[string]struct {
		w    *watcherOf
		want string // the events, in order
	}{
		"all":          {r.watch(r.token, ""), "message:a attempt:a message:b attempt:b"},
		"application":  {r.watch(r.token, "?app_id=a"), "message:a attempt:a"},
		"endpoint":     {r.watch(r.token, "?app_id=b&endpoint_id="+eb), "attempt:b"},
		"event type":   {r.watch(r.token, "?event_types=y"), "message:b attempt:b"},
		"status":       {r.watch(r.token, "?status=2"), "attempt:b"},
		"reason":       {r.watch(r.token, "?reason=server"), "attempt:b"},
		"messages":     {r.watch(r.token, "?kind=message"), "message:a message:b"},
		"portal":       {r.watch(portal, ""), "message:b attempt:b"},
		"foreign":      {r.watch(foreign, ""), ""},
		"portal, kind": {r.watch(portal, "?kind=attempt&app_id=b"), "attempt:b"},
	}
	for _, e := range []struct {
		app, endpoint, typ string
		outcome            hook.Outcome
	}{{a, ea, "x", hook.Success}, {b, eb, "y", hook.Failed}} {
		m, at := r.told(e.app, e.endpoint, e.typ, e.outcome)
		// A script may put into the URL what not everybody who looks on may see.
		at.URL, at.EndpointURL = "https://x/?card=4111", "https://x"
		r.tail.Message(m)
		r.tail.Attempt(m, at)
	}
	r.tail.Close() // what was reported comes before the end
	names := map[string]string{a: "a", b: "b"}
	for name, c := range watchers {
		var got []string
		for {
			var e api.TailEvent
			kind := c.w.next(&e)
			if kind == "end" {
				break
			}
			got = append(got, kind+":"+names[e.AppID])
			if kind == "attempt" && e.URL != "https://x" {
				t.Errorf("%s: an attempt at %s", name, e.URL)
			}
			if kind == "attempt" && (e.AttemptID == "" || e.EndpointID == "" || e.Status == nil || e.N != 1 || (e.AppID == b) != (e.Reason == "server")) {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s saw %q, want %q", name, s, c.want)
		}
	}
	if w := r.watch(portal, "?app_id=a"); w.resp.StatusCode != 404 {
		t.Errorf("a portal token watches another application: %d", w.resp.StatusCode)
	}
	if w := r.watch(r.portal(b, `{"capabilities":["ManageEndpoint"]}`), ""); w.resp.StatusCode != 403 {
		t.Errorf("a portal token without ViewBase watches: %d", w.resp.StatusCode)
	}
	if w := r.watch("nonsense", ""); w.resp.StatusCode != 401 {
		t.Errorf("nobody watches: %d", w.resp.StatusCode)
	}
	if a := r.send(request{method: "HEAD", path: "/x/v1/tail", token: r.token}); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
}

// TestSlowWatcherIsToldWhatItMissed reports more than fits before the reader reads on.
func TestSlowWatcherIsToldWhatItMissed(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	w := r.watch(r.token, "?kind=attempt")
	m, at := r.told(app, ep, "x", hook.Success)
	at.Error = strings.Repeat("long ", 400)
	const all = 20_000 // 40 MB: more than the kernel keeps for a reader
	for range all {
		r.tail.Attempt(m, at)
	}
	var seen, missed int64
	for seen+missed < all {
		var e struct{ Missed int64 }
		switch w.next(&e) {
		case "attempt":
			seen++
		case "missed":
			missed += e.Missed
		}
	}
	if seen+missed != all || missed == 0 {
		t.Errorf("saw %d and was told of %d missed, of %d", seen, missed, all)
	}
}

// TestTailIsBoundedAndEnds lets in so many streams of a token and no more, forgets those
// that have gone, and ends the rest when the server drains.
func TestTailIsBoundedAndEnds(t *testing.T) {
	r := newRig(t)
	var all []*watcherOf
	for range maxOwnWatchers {
		all = append(all, r.watch(r.token, ""))
	}
	if w := r.watch(r.token, ""); w.resp.StatusCode != 503 {
		t.Fatalf("one stream too many: %d", w.resp.StatusCode)
	}
	all[0].end()
	for deadline := time.Now().Add(time.Minute); r.tail.watching() == maxOwnWatchers; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a reader that has gone is still served")
		}
	}
	all[0] = r.watch(r.token, "")
	r.tail.Close()
	for _, w := range all {
		w.line("event: end")
		for w.in.Scan() {
		}
		if err := w.in.Err(); err != nil {
			t.Errorf("the stream broke off: %v", err)
		}
	}
	if w := r.watch(r.token, ""); w.resp.StatusCode != 503 {
		t.Errorf("a new stream while draining: %d", w.resp.StatusCode)
	}
}

// TestTailLeavesRoomForOthers: all tokens of an application count as one, and however many
// applications watch, the operator's token finds a place.
func TestTailLeavesRoomForOthers(t *testing.T) {
	r := newRig(t)
	tail := NewTail(r.store.Codec())
	add := func(app hook.ApplicationID, token hook.TokenID) error {
		_, err := tail.add(&watcher{owner: ownerOf(&hook.Token{ID: token, Application: app})}, "")
		return err
	}
	for n := range maxOwnWatchers {
		if err := add(1, hook.TokenID(100+n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(1, 99); hook.KindOf(err) != hook.Overloaded {
		t.Errorf("one more of the same application: %v", err)
	}
	open := maxOwnWatchers
	for app := hook.ApplicationID(2); add(app, 1) == nil; app++ {
		open++
	}
	if open != maxWatchers-keptWatchers {
		t.Errorf("applications hold %d streams", open)
	}
	if err := add(0, 1); err != nil {
		t.Errorf("the operator: %v", err)
	}
}

// TestTailEndsWithItsScope: a stream is looked at again with each sign of life.
func TestTailEndsWithItsScope(t *testing.T) {
	r := newRig(t)
	id, text := r.scopedToken(`["attempt:read"]`)
	c := &call{r: httptest.NewRequest("GET", "/x/v1/tail", nil), w: httptest.NewRecorder()}
	c.r.Header.Set("Authorization", "Bearer "+text)
	s := r.server.Config.Handler.(*server)
	for i := range s.routes {
		if s.routes[i].op == "tail.stream" || s.routes[i].path == "/x/v1/tail" {
			c.route = &s.routes[i]
		}
	}
	if err := s.authenticate(c); err != nil || s.isRevoked(c) {
		t.Fatalf("revoked before anything happened: %v", err)
	}
	r.must(200, "PATCH", r.tokensOf()+"/"+id, `{"scopes":["app:read"]}`)
	if !s.isRevoked(c) {
		t.Error("the stream goes on without the scope that it needs")
	}
}
