//go:build unix

// Package operational looks at operational webhooks from outside: the real binary, a real
// receiver that verifies each one, and an endpoint whose answers the test chooses.
package operational

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// event is an operational webhook that arrived and verified.
type event struct {
	ID   string // webhook-id
	Type string
	Data map[string]any
}

// receiver verifies operational webhooks and keeps them.
type receiver struct {
	*httptest.Server
	t       *testing.T
	status  atomic.Int64 // to answer with
	mu      sync.Mutex
	keys    []webhook.Key // guarded by mu; of the endpoints made with this receiver
	got     []event       // guarded by mu
	arrived chan struct{} // closed and replaced with each event; guarded by mu
	calls   atomic.Int64
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, arrived: make(chan struct{})}
	r.status.Store(http.StatusOK)
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.calls.Add(1)
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // broken off: nothing was delivered
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, err := webhook.NewStandard(r.keys, webhook.StandardOptions{})
	if err != nil {
		r.t.Error(err)
		return
	}
	seen, err := v.Verify(webhook.Request{Method: q.Method, Header: q.Header, Body: body}, time.Now())
	if err != nil {
		r.t.Errorf("a webhook does not verify: %v\n%s", err, body)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var members map[string]any
	e := event{ID: seen.ID}
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(body, &e) != nil || len(members) != 2 {
		r.t.Errorf("the body is not {type, data}: %s", body)
	}
	if e.ID != seen.ID {
		r.t.Errorf("the body holds an id: %s", body)
	}
	w.WriteHeader(int(r.status.Load()))
	if r.status.Load() == http.StatusOK {
		r.got = append(r.got, e)
		close(r.arrived)
		r.arrived = make(chan struct{})
	}
}

// subscribe makes the receiver an endpoint for some types, all where there are none.
func (r *receiver) subscribe(api *rig.API, types ...string) string {
	r.t.Helper()
	var out struct{ ID string }
	call(r.t, api, http.MethodPost, "/api/v1/operational-webhook/endpoint", map[string]any{"url": r.URL + "/", "eventTypes": types}, &out)
	var secret struct{ Key string }
	call(r.t, api, http.MethodGet, "/api/v1/operational-webhook/endpoint/"+out.ID+"/secret", nil, &secret)
	key, err := webhook.ParseSecret(secret.Key)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, key)
	return out.ID
}

const patience = 60 * time.Second

// await returns the events once there are n, and takes them away.
func (r *receiver) await(n int) []event {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		if len(r.got) >= n {
			got := r.got
			r.got = nil
			r.mu.Unlock()
			return got
		}
		arrived := r.arrived
		r.mu.Unlock()
		select {
		case <-arrived:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("after %v there are %d webhooks of %d: %v", patience, len(r.got), n, r.got)
		}
	}
}

// inOrder sorts events of attempts as the attempts were made. Webhooks may overtake each other.
func inOrder(events []event) []event {
	at := func(e event) string {
		last, _ := e.Data["lastAttempt"].(map[string]any)
		return fmt.Sprint(last["timestamp"])
	}
	slices.SortStableFunc(events, func(a, b event) int { return strings.Compare(at(a), at(b)) })
	return events
}

// wants waits for exactly one event of each type with these data, whatever their order. A
// value of "*" may be any text.
func (r *receiver) wants(what string, want map[string]map[string]any) {
	r.t.Helper()
	got := r.await(len(want))
	if len(got) != len(want) {
		r.t.Fatalf("%s: %v, want one each of %v", what, got, slices.Collect(maps.Keys(want)))
	}
	for _, e := range got {
		data, ok := want[e.Type]
		if !ok {
			r.t.Fatalf("%s: told of %s, want %v", what, e.Type, slices.Collect(maps.Keys(want)))
		}
		same(r.t, what+": "+e.Type, e.Data, data)
		delete(want, e.Type)
	}
}

func same(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: has %s, which is not in its shape", what, name)
		}
	}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("%s: lacks %s", what, name)
			continue
		}
		switch w := w.(type) {
		case map[string]any:
			inner, _ := g.(map[string]any)
			same(t, what+"."+name, inner, w)
		default:
			if text, isText := g.(string); w == "*" && isText && text != "" {
				continue
			}
			if fmt.Sprint(g) != fmt.Sprint(w) {
				t.Errorf("%s: %s is %v, want %v", what, name, g, w)
			}
		}
	}
}

func call(t *testing.T, api *rig.API, method, path string, in, out any) {
	t.Helper()
	status, body, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, body, err)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, body)
		}
	}
}

// customer is an endpoint whose answers the test chooses.
type customer struct {
	*httptest.Server
	status atomic.Int64
	calls  atomic.Int64
}

func newCustomer(t *testing.T, status int) *customer {
	c := &customer{}
	c.status.Store(int64(status))
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c.calls.Add(1)
		_, _ = io.Copy(io.Discard, q.Body)
		w.WriteHeader(int(c.status.Load()))
	}))
	t.Cleanup(c.Close)
	return c
}

// retrySoon makes the schedule of the environment n retries with the least wait, a second.
func retrySoon(t *testing.T, api *rig.API, n int) {
	t.Helper()
	call(t, api, http.MethodPatch, "/api/v1/management/environment-settings", map[string]any{"retryPolicy": slices.Repeat([]int{1}, n)}, nil)
}

// TestEndpointChangesAreTold drives every change of an endpoint.
func TestEndpointChangesAreTold(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := newReceiver(t)
	r.subscribe(api)
	app := api.MustCreateApp(t, "acme")
	c := newCustomer(t, http.StatusGone)
	var ep struct{ ID string }
	call(t, api, http.MethodPost, "/api/v1/app/acme/endpoint", map[string]any{"url": c.URL + "/", "uid": "orders"}, &ep)
	plain := func() map[string]any {
		return map[string]any{"appId": app, "appUid": "acme", "endpointId": ep.ID, "endpointUid": "orders"}
	}
	with := func(more map[string]any) map[string]any {
		m := plain()
		maps.Copy(m, more)
		return m
	}
	path := "/api/v1/app/acme/endpoint/orders"
	r.wants("created", map[string]map[string]any{"endpoint.created": plain()})
	call(t, api, http.MethodPatch, path, map[string]any{"description": "new"}, nil)
	r.wants("patched", map[string]map[string]any{"endpoint.updated": plain()})
	call(t, api, http.MethodPatch, path, map[string]any{"description": "new"}, nil) // nothing is new: told of nothing
	call(t, api, http.MethodPost, path+"/secret/rotate", map[string]any{}, nil)
	r.wants("rotated", map[string]map[string]any{"endpoint.updated": plain()})
	call(t, api, http.MethodPut, path+"/headers", map[string]any{"headers": map[string]string{"X-A": "b"}}, nil)
	r.wants("headers", map[string]map[string]any{"endpoint.updated": plain()})
	call(t, api, http.MethodPatch, path, map[string]any{"disabled": true}, nil)
	r.wants("disabled", map[string]map[string]any{
		"endpoint.updated":  plain(),
		"endpoint.disabled": with(map[string]any{"failSince": nil, "trigger": "manual"}),
	})
	call(t, api, http.MethodPatch, path, map[string]any{"disabled": false}, nil)
	r.wants("enabled", map[string]map[string]any{"endpoint.updated": plain(), "endpoint.enabled": plain()})
	// The answer 410 disables: not the owner's doing. It also ends the message.
	_, msg, err := api.Publish("acme", rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	r.wants("gone", map[string]map[string]any{
		"endpoint.disabled": with(map[string]any{"failSince": nil, "trigger": "automatic"}),
		"message.attempt.exhausted": {"appId": app, "appUid": "acme", "msgId": msg, "msgEventId": nil, "endpointId": ep.ID,
			"lastAttempt": map[string]any{"id": "*", "responseStatusCode": 410, "timestamp": "*"}},
	})
	call(t, api, http.MethodDelete, path, nil, nil)
	r.wants("deleted", map[string]map[string]any{"endpoint.deleted": plain()})
}

// TestAttemptsAreTold: failing on the fourth failure, exhausted at the end, recovered by a
// success after either.
func TestAttemptsAreTold(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := newReceiver(t)
	r.subscribe(api, "message.attempt.failing", "message.attempt.exhausted", "message.attempt.recovered", "background_task.finished")
	retrySoon(t, api, 5)
	app := api.MustCreateApp(t, "acme")
	c := newCustomer(t, http.StatusInternalServerError)
	ep := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: c.URL + "/"})
	_, msg, err := api.Publish(app, rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{}`), EventID: "evt-1"})
	if err != nil {
		t.Fatal(err)
	}
	data := func(status int) map[string]any {
		return map[string]any{"appId": app, "appUid": "acme", "msgId": msg, "msgEventId": "evt-1", "endpointId": ep,
			"lastAttempt": map[string]any{"id": "*", "responseStatusCode": status, "timestamp": "*"}}
	}
	got := inOrder(r.await(2))
	if len(got) != 2 || got[0].Type != "message.attempt.failing" || got[1].Type != "message.attempt.exhausted" {
		t.Fatalf("six failures: %v", got)
	}
	for _, e := range got {
		same(t, e.Type, e.Data, data(500))
	}
	attempts, err := api.Attempts(app, ep)
	if err != nil || len(attempts) != 6 {
		t.Fatalf("%d attempts, %v", len(attempts), err)
	}
	// Newest first: the fourth of six, and the last.
	for i, at := range []int{2, 0} {
		if last := got[i].Data["lastAttempt"].(map[string]any); last["id"] != attempts[at].ID {
			t.Errorf("%s names attempt %v, want %s", got[i].Type, last["id"], attempts[at].ID)
		}
	}
	c.status.Store(http.StatusOK)
	resend := fmt.Sprintf("/api/v1/app/%s/msg/%s/endpoint/%s/resend", app, msg, ep)
	call(t, api, http.MethodPost, resend, nil, nil)
	r.wants("a resend that succeeds", map[string]map[string]any{"message.attempt.recovered": data(200)})
	call(t, api, http.MethodPost, resend, nil, nil) // recovered already: told of nothing
	// Another one is recovered by a task, of which is told as well. Its schedule has ended
	// with the second failure, so it never counted as failing.
	retrySoon(t, api, 1)
	c.status.Store(http.StatusInternalServerError)
	if _, msg, err = api.Publish(app, rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{}`), EventID: "evt-1b"}); err != nil {
		t.Fatal(err)
	}
	if got = r.await(1); len(got) != 1 || got[0].Type != "message.attempt.exhausted" {
		t.Fatalf("two failures: %v", got)
	}
	c.status.Store(http.StatusOK)
	var task struct{ ID string }
	call(t, api, http.MethodPost, "/api/v1/app/"+app+"/endpoint/"+ep+"/recover", map[string]any{"since": time.Now().Add(-time.Hour).UTC()}, &task)
	var recovered, finished int
	for _, e := range r.await(2) {
		switch e.Type {
		case "message.attempt.recovered":
			recovered++
			if e.Data["msgId"] != msg {
				t.Errorf("recovered: %v", e.Data)
			}
		case "background_task.finished":
			finished++
			inner, _ := e.Data["data"].(map[string]any)
			if e.Data["taskId"] != task.ID || e.Data["task"] != "endpoint.recover" || e.Data["status"] != "finished" || inner["messages_sent"] != 1.0 {
				t.Errorf("task: %v", e.Data)
			}
		default:
			t.Errorf("told of %s", e.Type)
		}
	}
	if recovered != 1 || finished != 1 {
		t.Errorf("recovered %d, finished %d", recovered, finished)
	}
}

// TestBroadcastReachesEachApplication asks the receivers, not the task: each application's
// gets the message once.
func TestBroadcastReachesEachApplication(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := newReceiver(t)
	r.subscribe(api, "background_task.finished")
	retrySoon(t, api, 0)
	var customers []*customer
	for _, name := range []string{"one", "two", "three"} {
		c := newCustomer(t, http.StatusOK)
		api.MustCreateEndpoint(t, api.MustCreateApp(t, name), rig.EndpointIn{URL: c.URL + "/"})
		customers = append(customers, c)
	}
	call(t, api, http.MethodPost, "/api/v1/msg/broadcast", map[string]any{"eventType": "a.b", "payload": map[string]int{"s": 1}}, nil)
	got := r.await(1)
	if len(got) != 1 || got[0].Data["task"] != "message.broadcast" || got[0].Data["status"] != "finished" {
		t.Fatalf("told of %v", got)
	}
	for i, c := range customers {
		for deadline := time.Now().Add(patience); c.calls.Load() == 0 && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		if n := c.calls.Load(); n != 1 {
			t.Errorf("the receiver of application %d got %d requests, want 1", i+1, n)
		}
	}
}

// TestSourcesAreTold: the same for a source, under its own names.
func TestSourcesAreTold(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := newReceiver(t)
	r.subscribe(api)
	retrySoon(t, api, 4)
	c := newCustomer(t, http.StatusInternalServerError)
	src := api.MustCreateSource(t, "github", c.URL+"/", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if status, err := src.Send("delivery-1", []byte(`{"a":1}`)); err != nil || status/100 != 2 {
		t.Fatalf("send: %d, %v", status, err)
	}
	data := func(status int) map[string]any {
		return map[string]any{"sourceId": src.ID, "msgId": "*", "msgEventId": nil, "endpointId": src.Endpoint,
			"lastAttempt": map[string]any{"id": "*", "responseStatusCode": status, "timestamp": "*"}}
	}
	got := inOrder(r.await(2))
	if len(got) != 2 || got[0].Type != "ingest.message.attempt.failing" || got[1].Type != "ingest.message.attempt.exhausted" {
		t.Fatalf("five failures: %v", got)
	}
	for _, e := range got {
		same(t, e.Type, e.Data, data(500))
	}
	// It fails four times and then recovers by its schedule.
	from := c.calls.Load()
	c.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c.calls.Add(1) <= from+4 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	if status, err := src.Send("delivery-2", []byte(`{"a":2}`)); err != nil || status/100 != 2 {
		t.Fatalf("send: %d, %v", status, err)
	}
	r.wants("recovered", map[string]map[string]any{"ingest.message.attempt.failing": data(500), "ingest.message.attempt.recovered": data(200)})
	call(t, api, http.MethodPut, "/ingest/api/v1/source/"+src.ID+"/endpoint/"+src.Endpoint, map[string]any{"url": c.URL + "/", "disabled": true}, nil)
	r.wants("disabled", map[string]map[string]any{
		"ingest.endpoint.disabled": {"sourceId": src.ID, "endpointId": src.Endpoint, "endpointUid": nil, "failSince": nil, "trigger": "manual"},
	})
}

// TestFailingReceiverDoesNotFeedItself: its own failures are not told to it, nor to others.
func TestFailingReceiverDoesNotFeedItself(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	retrySoon(t, api, 4)
	down, up := newReceiver(t), newReceiver(t)
	down.status.Store(http.StatusInternalServerError)
	down.subscribe(api)
	up.subscribe(api)
	app := api.MustCreateApp(t, "acme")
	api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: up.URL + "/"})
	got := up.await(1)
	// The receiver that is down is asked five times, and then its schedule has ended.
	deadline := time.Now().Add(patience)
	for down.calls.Load() < 5 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	// One more change comes after whatever its last failures might have caused. Ten failures
	// in a row are the most for which no rest is taken.
	api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: up.URL + "/last"})
	got = append(got, up.await(1)...)
	for down.calls.Load() < 10 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	for _, e := range got {
		if e.Type != "endpoint.created" {
			t.Errorf("told of %s", e.Type)
		}
	}
	if n := down.calls.Load(); len(got) != 2 || n != 10 {
		t.Errorf("%d webhooks arrived and the receiver that is down was asked %d times, want 2 and 10", len(got), n)
	}
}

// TestToldOnceAfterKill kills the server while changes are announced: each that was
// acknowledged is told once, by one webhook-id.
func TestToldOnceAfterKill(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := newReceiver(t)
	r.subscribe(api, "endpoint.created")
	app := api.MustCreateApp(t, "acme")
	made := map[string]bool{}
	for round := range 4 {
		api := s.API()
		for range 10 + 7*round {
			made[api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: "http://127.0.0.1:9009/"})] = true
		}
		s.Kill()
		if _, err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]string{} // endpoint → webhook-id
	deadline := time.Now().Add(patience)
	for len(ids) < len(made) && time.Now().Before(deadline) {
		for _, e := range r.await(1) {
			ep, _ := e.Data["endpointId"].(string)
			if old, known := ids[ep]; known && old != e.ID {
				t.Errorf("endpoint %s was told of by two messages, %s and %s", ep, old, e.ID)
			}
			ids[ep] = e.ID
		}
	}
	for ep := range made {
		if ids[ep] == "" {
			t.Errorf("endpoint %s was made and not told of", ep)
		}
	}
	if len(ids) != len(made) {
		t.Errorf("told of %d endpoints, %d were made", len(ids), len(made))
	}
}

// TestOperationalApplicationIsHidden: no list and no path of applications shows it.
func TestOperationalApplicationIsHidden(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := newReceiver(t)
	id := r.subscribe(api, "endpoint.created")
	app := api.MustCreateApp(t, "acme")
	var list struct{ Data []struct{ ID string } }
	call(t, api, http.MethodGet, "/api/v1/app", nil, &list)
	if len(list.Data) != 1 || list.Data[0].ID != app {
		t.Errorf("applications: %v", list.Data)
	}
	if status, body, err := api.Do(http.MethodGet, "/api/v1/app/"+app+"/endpoint/"+id, nil); err != nil || status != http.StatusNotFound {
		t.Errorf("the receiver as an endpoint of an application: %d %s %v", status, body, err)
	}
	for _, in := range []map[string]any{
		{"url": r.URL, "eventTypes": []string{"user.created"}},
		{"url": r.URL, "filterTypes": []string{"message.attempt.log"}},
		{"url": "ftp://127.0.0.1/"}, {"url": r.URL, "eventTypes": 7},
	} {
		status, body, err := api.Do(http.MethodPost, "/api/v1/operational-webhook/endpoint", in)
		if err != nil || status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d %s %v", in, status, body, err)
		}
		if types, ok := in["eventTypes"].([]string); ok && !strings.Contains(string(body), "The following event types don't exist: "+types[0]) {
			t.Errorf("%v: %s", in, body)
		}
	}
}
