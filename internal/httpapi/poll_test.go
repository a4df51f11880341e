package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// pollingEndpoint makes a polling endpoint, as destination.create does, and returns its id.
func (r *rig) pollingEndpoint(app, uid string) string {
	r.t.Helper()
	a, ok := r.store.Codec().ParseApplication(r.env.ID, app)
	if !ok {
		r.t.Fatalf("bad id %s", app)
	}
	e := &hook.Endpoint{ID: hook.EndpointID(r.store.NewKey()), Application: a, UID: uid, Features: hook.Features{Kind: hook.PollingEndpoint}}
	if err := r.store.CreateEndpoint(context.Background(), e, nil); err != nil {
		r.t.Fatal(err)
	}
	return r.store.Codec().Destination(a, e.ID)
}

// feed hands everything that is due at a polling endpoint over, as its lane would.
func (r *rig) feed(app, sink string, made ...store.Fed) {
	r.t.Helper()
	a, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	e, ok := r.store.Codec().ParseDestination(a, sink)
	if !ok {
		r.t.Fatalf("bad id %s", sink)
	}
	due, _, err := r.store.Claim(context.Background(), a, e, time.Now(), 1000, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i, d := range due {
		f := &store.Fed{}
		if i < len(made) {
			f = &made[i]
		}
		done := make(chan error, 1)
		r.store.Finish(&store.Finished{Delivery: d.Delivery.End(hook.Delivered, hook.ReasonNone), Row: d.Row, Feed: f, Urgent: true, Done: func(err error) { done <- err }})
		if err := <-done; err != nil {
			r.t.Fatal(err)
		}
	}
	r.api.Feeds.Wake(e)
}

// polled are the ids of an answer's messages.
func polled(a answer) []string {
	var out struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(a.body, &out); err != nil {
		return []string{err.Error()}
	}
	ids := make([]string, 0, len(out.Data))
	for _, m := range out.Data {
		ids = append(ids, m.ID)
	}
	return ids
}

func wantPolled(t *testing.T, a answer, done bool, want ...string) {
	t.Helper()
	if a.status != 200 || !slices.Equal(polled(a), want) || a.str("done") != fmt.Sprint(done) {
		t.Fatalf("%d %s, want %v, done %v", a.status, a.body, want, done)
	}
}

func TestPollRemembersNothingAndItsIteratorEverything(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "feed")
	path := "/api/v1/app/own/poller/" + sink
	before := r.message(app, "")
	r.feed(app, sink)

	first := r.must(200, "GET", path, "")
	wantPolled(t, first, true) // it begins now
	var ids []string
	for i := range 5 {
		ids = append(ids, r.message(app, fmt.Sprintf(`,"channels":["c%d"],"eventId":"e%d","tags":["t"]`, i%2, i)))
	}
	r.feed(app, sink)
	at := first.str("iterator")
	a := r.must(200, "GET", path+"?limit=3&iterator="+at, "")
	wantPolled(t, a, false, ids[:3]...)
	wantPolled(t, r.must(200, "GET", path+"?limit=3&iterator="+at, ""), false, ids[:3]...)
	b := r.must(200, "GET", "/api/v1/app/own/poller/feed?limit=3&iterator="+a.str("iterator"), "")
	wantPolled(t, b, true, ids[3:]...)
	wantPolled(t, r.must(200, "GET", path+"?iterator="+b.str("iterator"), ""), true)
	if a.str("data.0.eventId") != "e0" || a.str("data.0.payload.a") != "1" || a.str("data.0.channels.0") != "c0" || a.str("data.0.headers") != "null" {
		t.Errorf("message %s", a.body)
	}
	wantPolled(t, r.must(200, "GET", path+"?channel=c1&iterator="+at, ""), true, ids[1], ids[3])
	wantPolled(t, r.must(200, "GET", path+"?event_type=other&iterator="+at, ""), true)
	wantPolled(t, r.must(200, "GET", path+"?after="+hourAgo(), ""), true, append([]string{before}, ids...)...)
	// The first iterator of the server that a client was moved from.
	wantPolled(t, r.must(200, "GET", path+"?iterator=eyJvZmZzZXQiOi05MjIzMzcyMDM2ODU0Nzc1ODA4LCJhZnRlciI6bnVsbH0", ""), true, append([]string{before}, ids...)...)

	// What its owner has removed is passed over and counted.
	r.must(204, "DELETE", "/api/v1/app/own/msg/"+ids[1]+"/content", "")
	a = r.must(200, "GET", path+"?iterator="+at, "")
	wantPolled(t, a, true, ids[0], ids[2], ids[3], ids[4])
	if got := a.header.Get("Hookloft-Skipped"); got != "1" {
		t.Errorf("skipped %q, want 1", got)
	}
}

func TestPolledPayloadIsWhatATransformationMade(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	for range 3 {
		r.message(app, "")
	}
	exact := `{"n": 12345678901234567890.10}`
	r.must(202, "POST", "/api/v1/app/own/msg", `{"eventType":"user.created","payload":`+exact+`}`)
	r.feed(app, sink, store.Fed{Payload: []byte(`{"made":1}`), Headers: map[string]string{"x-a": "b"}}, store.Fed{Payload: []byte("no JSON")})
	a := r.must(200, "GET", "/api/v1/app/own/poller/"+sink+"?after="+hourAgo(), "")
	if a.str("data.0.payload.made") != "1" || a.str("data.0.headers.x-a") != "b" || a.str("data.1.payload.rawPayload") != "no JSON" || a.str("data.2.payload.a") != "1" {
		t.Errorf("%s", a.body)
	}
	if !strings.Contains(string(a.body), `"payload":`+exact) {
		t.Errorf("the payload was written anew: %s", a.body)
	}
}

func TestConsumerPollGoesOnWhereItsIteratorCameBack(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	path := "/api/v1/app/own/poller/" + sink + "/consumer/shop"
	var ids []string
	for range 4 {
		ids = append(ids, r.message(app, ""))
	}
	r.feed(app, sink)
	a := r.must(200, "GET", path+"?limit=2", "")
	wantPolled(t, a, false, ids[:2]...)
	r.restart()
	wantPolled(t, r.must(200, "GET", path+"?limit=2", ""), false, ids[:2]...) // nobody said that it was done with
	b := r.must(200, "GET", path+"?limit=2&iterator="+a.str("iterator"), "")
	wantPolled(t, b, true, ids[2:]...)
	r.restart()
	wantPolled(t, r.must(200, "GET", path, ""), true, ids[2:]...)
	wantPolled(t, r.must(200, "GET", path+"?iterator="+b.str("iterator"), ""), true)
	wantPolled(t, r.must(200, "GET", path, ""), true)
	wantPolled(t, r.must(200, "GET", strings.Replace(path, "shop", "other", 1), ""), true, ids...)

	seek := r.must(200, "POST", path+"/seek", `{"after":"`+hourAgo()+`"}`)
	wantPolled(t, r.must(200, "GET", path, ""), true, ids...)
	wantPolled(t, r.must(200, "GET", path+"?iterator="+seek.str("iterator"), ""), true, ids...)
	r.must(200, "POST", path+"/seek", `{"after":"`+time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)+`"}`)
	wantPolled(t, r.must(200, "GET", path, ""), true)

	// The other generation sees the same consumer.
	list := r.must(200, "GET", "/x/v1/app/own/polling-endpoint/"+sink+"/consumer", "")
	if list.str("data.0.id") != "other" || list.str("data.1.id") != "shop" || list.str("data.0.offset") != "0" {
		t.Errorf("consumers %s", list.body)
	}
	r.must(204, "DELETE", "/x/v1/app/own/polling-endpoint/"+sink+"/consumer/shop", "")
	r.must(404, "DELETE", "/x/v1/app/own/polling-endpoint/"+sink+"/consumer/shop", "")
	wantPolled(t, r.must(200, "GET", "/api/v1/app/own/polling-endpoint/"+sink+"/consumer/shop", ""), true, ids...)
}

func TestLeasedMessagesComeAgainUnlessTheyAreCommitted(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	r := newRig(t, func(o *Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	advance := func(by time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(by) }
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	path := "/api/v1/app/own/polling-endpoint/" + sink + "/consumer/shop"
	var ids []string
	for range 5 {
		ids = append(ids, r.message(app, ""))
	}
	r.feed(app, sink)
	a := r.must(200, "GET", path+"?limit=2&lease_duration_ms=60000", "")
	wantPolled(t, a, false, ids[:2]...)
	// A client whose answer was lost asks again: what comes next must not come before what was lost.
	wantPolled(t, r.must(200, "GET", path+"?limit=2&lease_duration_ms=60000", ""), true)
	offset := func(a answer, i int) string { return a.str(fmt.Sprintf("data.%d.offset", i)) }
	r.must(204, "POST", path+"/commit", `{"offset":`+offset(a, 0)+`}`)
	wantPolled(t, r.must(200, "GET", path+"?limit=10", ""), true) // the rest of it is still out
	advance(61 * time.Second)
	b := r.must(200, "GET", path+"?limit=10", "")
	wantPolled(t, b, true, ids[1:]...)
	if x, y := offset(a, 1), offset(b, 1); offset(b, 0) != x || len(x) != len(y) || x >= y || len(x) > 16 {
		t.Errorf("offsets %s and %s", x, y)
	}
	wantPolled(t, r.must(200, "GET", path+"?limit=10", ""), true)
	r.must(204, "POST", path+"/commit", `{"offset":`+offset(a, 1)+`}`)
	r.must(204, "POST", path+"/commit", `{"offset":`+offset(a, 0)+`}`) // an old one undoes nothing
	r.restart()
	advance(31 * time.Second) // the default
	wantPolled(t, r.must(200, "GET", path+"?limit=10", ""), true, ids[2:]...)
	r.must(204, "POST", path+"/commit", `{"offset":`+offset(b, 2)+`}`)
	wantPolled(t, r.must(200, "GET", path+"?limit=10", ""), true)
	advance(31 * time.Second)
	wantPolled(t, r.must(200, "GET", path+"?limit=10", ""), true, ids[4])

	latest := strings.Replace(path, "shop", "late", 1)
	wantPolled(t, r.must(200, "GET", latest+"?starting_position=latest", ""), true)
	last := r.message(app, "")
	r.feed(app, sink)
	wantPolled(t, r.must(200, "GET", latest+"?starting_position=earliest", ""), true, last) // only a new one is asked where
}

func TestOneConsumerIsHandedEachMessageOnce(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	const messages = 60
	for range messages {
		r.message(app, "")
	}
	r.feed(app, sink)
	path := "/api/v1/app/own/polling-endpoint/" + sink + "/consumer/shop"
	var mu sync.Mutex
	seen := map[string]int{}
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for range 5000 {
				a := r.call("GET", path+"?limit=5", "")
				ids := polled(a)
				mu.Lock()
				for _, id := range ids {
					seen[id]++
				}
				isAll := len(seen) == messages
				mu.Unlock()
				if len(ids) > 0 {
					r.call("POST", path+"/commit", `{"offset":`+a.str(fmt.Sprintf("data.%d.offset", len(ids)-1))+`}`)
				}
				if isAll {
					return
				}
			}
		})
	}
	clients.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was handed out %d times", id, n)
		}
	}
	if len(seen) != messages {
		t.Errorf("%d of %d messages were handed out", len(seen), messages)
	}
}

func TestPollWaitsForAMessage(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	for name, path := range map[string]string{
		"first generation":  "/api/v1/app/own/poller/" + sink + "?wait=20",
		"consumer":          "/api/v1/app/own/poller/" + sink + "/consumer/a?wait=20",
		"second generation": "/api/v1/app/own/polling-endpoint/" + sink + "/consumer/b?wait=20&starting_position=latest",
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(path, "consumer/a") {
				r.must(200, "POST", "/api/v1/app/own/poller/"+sink+"/consumer/a/seek", `{"after":"`+time.Now().Add(100*time.Millisecond).UTC().Format(time.RFC3339Nano)+`"}`)
				<-time.After(100 * time.Millisecond) // real time: positions follow the clock
			}
			got := make(chan answer, 1)
			go func() { got <- r.call("GET", path, "") }()
			for r.api.Feeds.waiting.Load() == 0 {
				select {
				case a := <-got:
					t.Fatalf("it did not wait: %d %s", a.status, a.body)
				case <-time.After(time.Millisecond):
				}
			}
			id := r.message(app, "")
			r.feed(app, sink)
			select {
			case a := <-got:
				wantPolled(t, a, true, id)
			case <-time.After(18 * time.Second): // before the wait ends by itself
				t.Fatal("the message did not end the wait")
			}
		})
	}
	// A server that stops sends them away with what there is.
	got := make(chan answer, 1)
	go func() { got <- r.call("GET", "/api/v1/app/own/poller/"+sink+"?wait=20", "") }()
	for r.api.Feeds.waiting.Load() == 0 {
		<-time.After(time.Millisecond)
	}
	r.api.Feeds.Close()
	select {
	case a := <-got:
		wantPolled(t, a, true)
	case <-time.After(18 * time.Second): // before the wait ends by itself
		t.Fatal("the end did not end the wait")
	}
	if n := r.api.Feeds.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestPollsThatWaitAreBounded(t *testing.T) {
	h := NewFeedHub()
	a := &hook.Application{ID: 7, Environment: 1}
	for range maxPollersPerEndpoint {
		if _, _, err := h.join(a, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := h.join(a, 1); hook.KindOf(err) != hook.Overloaded || err == nil {
		t.Errorf("one more of the same endpoint: %v", err)
	}
	wake, leave, err := h.join(a, 2)
	if err != nil {
		t.Fatalf("another endpoint: %v", err)
	}
	h.Wake(1)
	select {
	case <-wake:
		t.Error("woken by another endpoint's message")
	default:
	}
	h.Wake(2)
	h.Wake(2)
	<-wake
	leave()
	h.Wake(2)
	select {
	case <-wake:
		t.Error("woken after leaving")
	default:
	}
}

// TestPollsOfOneLeavePlacesToOthers: an application may have any number of polling endpoints.
// A poll that finds no place gives what there is all the same.
func TestPollsOfOneLeavePlacesToOthers(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "feed")
	id, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	own := &hook.Application{ID: id, Environment: r.env.ID}
	taken := 0
	for ep := range hook.EndpointID(1000) {
		for range maxPollersPerEndpoint {
			if _, _, err := r.api.Feeds.join(own, ep+1_000_000); err == nil {
				taken++
			}
		}
	}
	if taken == 0 || taken > maxPollers/2 {
		t.Errorf("one application has %d of %d places", taken, maxPollers)
	}
	for _, other := range []*hook.Application{{ID: id + 1, Environment: r.env.ID}, {ID: id + 2, Environment: r.env.ID + 1}} {
		if _, _, err := r.api.Feeds.join(other, 5); err != nil {
			t.Errorf("a poll of another application: %v", err)
		}
	}
	path := "/api/v1/app/own/polling-endpoint/" + sink + "/consumer/a?wait=20"
	if a := r.call("GET", path, ""); a.status != 503 {
		t.Errorf("a poll without a place and a message: %d %s", a.status, a.body)
	}
	msg := r.message(app, "")
	r.feed(app, sink)
	wantPolled(t, r.call("GET", path, ""), true, msg)
}

func TestPollerTokenOpensItsEndpointAlone(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink, other := r.pollingEndpoint(app, "feed"), r.pollingEndpoint(app, "second")
	path := "/api/v1/auth/app/own/poller/" + sink + "/token"
	first := r.must(200, "GET", path, "")
	token := first.str("token")
	if !strings.HasPrefix(token, "sk_poll_") || first.str("id")[:4] != "key_" {
		t.Fatalf("token %s", first.body)
	}
	if again := r.must(200, "GET", path, ""); again.str("token") != token || again.str("id") != first.str("id") {
		t.Errorf("asked again: %s", again.body)
	}
	r.restart()
	if again := r.must(200, "GET", path, ""); again.str("token") != token {
		t.Errorf("after a restart: %s", again.body)
	}
	with := func(token, path string) answer { return r.send(request{method: "GET", path: path, token: token}) }
	if a := with(token, "/api/v1/app/own/poller/feed"); a.status != 200 {
		t.Errorf("its own endpoint: %d %s", a.status, a.body)
	}
	missing := with(token, "/api/v1/app/own/poller/sink_"+strings.Repeat("0", 22))
	if a := with(token, "/api/v1/app/own/poller/"+other); a.status != 404 || string(a.body) != string(missing.body) {
		t.Errorf("another endpoint: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/api/v1/app/own", "/api/v1/app/own/msg", path, "/api/v1/auth/whoami"} {
		if a := with(token, path); a.status != 403 {
			t.Errorf("%s with a poller token: %d %s", path, a.status, a.body)
		}
	}

	// It outlives a logout of the portal, and its successor by as long as was asked for.
	r.must(204, "POST", "/api/v1/auth/app/own/expire-all", `{}`)
	if a := with(token, "/api/v1/app/own/poller/feed"); a.status != 200 {
		t.Errorf("after expire-all: %d", a.status)
	}
	second := r.must(201, "POST", path+"/rotate", `{}`).str("token")
	for _, tok := range []string{token, second} {
		if a := with(tok, "/api/v1/app/own/poller/feed"); a.status != 200 {
			t.Errorf("while both work: %d", a.status)
		}
	}
	if got := r.must(200, "GET", path, "").str("token"); got != second {
		t.Errorf("shown %s", got)
	}
	third := r.must(201, "POST", path+"/rotate", `{"oldTokenExpiry":0,"expiry":3600}`)
	if third.str("expiresAt") == "null" {
		t.Errorf("with an expiry: %s", third.body)
	}
	for _, tok := range []string{token, second} {
		if a := with(tok, "/api/v1/app/own/poller/feed"); a.status != 401 {
			t.Errorf("after rotation with an end at once: %d", a.status)
		}
	}
	a, _ := r.store.Codec().ParseApplication(r.env.ID, app)
	e, _ := r.store.Codec().ParseDestination(a, sink)
	if err := r.store.DeleteEndpoint(context.Background(), a, e); err != nil {
		t.Fatal(err)
	}
	if a := with(third.str("token"), "/api/v1/app/own/poller/feed"); a.status != 401 {
		t.Errorf("after the endpoint is gone: %d %s", a.status, a.body)
	}
	r.must(404, "GET", path, "")
}

func TestPollRefusesBadInputByItsName(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	push := r.endpoint(app, "")
	v1, v2 := "/api/v1/app/own/poller/"+sink, "/api/v1/app/own/polling-endpoint/"+sink+"/consumer/a"
	token := "/api/v1/auth/app/own/poller/" + sink + "/token/rotate"
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	future := pollIteratorAt(hook.PositionAt(time.Now().Add(24 * time.Hour)))
	for _, c := range []struct {
		method, path, body string
		status             int
		loc                string
	}{
		{"GET", v1 + "?limit=0", "", 422, "query limit"},
		{"GET", v1 + "?limit=251", "", 422, "query limit"},
		{"GET", v1 + "?limit=x", "", 400, ""},
		{"GET", v1 + "?iterator=", "", 422, "query iterator"},
		{"GET", v1 + "?iterator=nonsense", "", 422, "query iterator"},
		{"GET", v1 + "?iterator=" + strings.Repeat("A", 1000), "", 422, "query iterator"},
		{"GET", v1 + "?iterator=" + future, "", 422, "query iterator"},
		{"GET", v1 + "?after=yesterday", "", 400, ""},
		{"GET", v1 + "?after=" + tomorrow, "", 422, "query after"},
		{"GET", v1 + "?event_type=a%20b", "", 422, "query event_type"},
		{"GET", v1 + "?channel=a%20b", "", 422, "query channel"},
		{"GET", v1 + "?wait=31", "", 422, "query wait"},
		{"GET", v1 + "?wait=-1", "", 422, "query wait"},
		{"GET", v1 + "?wait=1.5", "", 400, ""},
		{"GET", v1 + "/consumer/a%20b", "", 422, "path consumer_id"},
		{"GET", v1 + "/consumer/" + strings.Repeat("a", 257), "", 422, "path consumer_id"},
		{"POST", v1 + "/consumer/a/seek", `{}`, 422, "body after"},
		{"POST", v1 + "/consumer/a/seek", `{"after":"x"}`, 422, "body after"},
		{"POST", v1 + "/consumer/a/seek", `{"after":"` + tomorrow + `"}`, 422, "body after"},
		{"GET", v2 + "?lease_duration_ms=-1", "", 422, "query lease_duration_ms"},
		{"GET", v2 + "?lease_duration_ms=43200001", "", 422, "query lease_duration_ms"},
		{"GET", v2 + "?lease_duration_ms=x", "", 400, ""},
		{"GET", v2 + "?starting_position=middle", "", 400, ""},
		{"POST", v2 + "/commit", `{"offset":1}`, 404, ""}, // it has never polled
		{"POST", v2 + "/commit", `{}`, 422, "body offset"},
		{"POST", v2 + "/commit", `{"offset":-1}`, 422, "body offset"},
		{"POST", v2 + "/commit", `{"offset":"1"}`, 422, "body offset"},
		{"POST", token, `{"expiry":0}`, 422, "body expiry"},
		{"POST", token, `{"expiry":31536001}`, 422, "body expiry"},
		{"POST", token, `{"oldTokenExpiry":86401}`, 422, "body oldTokenExpiry"},
		{"POST", token, `{"oldTokenExpiry":-1}`, 422, "body oldTokenExpiry"},
		{"GET", "/api/v1/app/own/poller/" + push, "", 404, ""}, // no polling endpoint
		{"GET", "/api/v1/app/other/poller/" + sink, "", 404, ""},
	} {
		if a := r.call(c.method, c.path, c.body); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s %s %s: %d at %q, want %d at %q: %s", c.method, c.path, c.body, a.status, a.loc(), c.status, c.loc, a.body)
		}
	}
	// Nothing of it had an effect.
	if list := r.must(200, "GET", "/x/v1/app/own/polling-endpoint/"+sink+"/consumer", ""); list.str("data.0") != "" {
		t.Errorf("consumers %s", list.body)
	}
	r.must(200, "GET", v2, "")
	if a := r.call("POST", v2+"/commit", `{"offset":5}`); a.status != 422 || a.loc() != "body offset" {
		t.Errorf("commit of what was never handed out: %d %s", a.status, a.body)
	}
}

func TestPollTellsWhatRetentionHasDropped(t *testing.T) {
	r := newRig(t)
	app := r.app("own")
	sink := r.pollingEndpoint(app, "")
	r.message(app, "")
	r.feed(app, sink)
	if _, err := r.store.Reclaim(t.Context(), store.ReclaimPolicy{Before: time.Now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	a := r.must(200, "GET", "/api/v1/app/own/poller/"+sink+"?after="+hourAgo(), "")
	wantPolled(t, a, true)
	until, err := time.Parse(time.RFC3339, a.header.Get("Hookloft-Dropped-Until"))
	if err != nil || time.Since(until) > time.Minute {
		t.Errorf("dropped until %q", a.header.Get("Hookloft-Dropped-Until"))
	}
	if a = r.must(200, "GET", "/api/v1/app/own/poller/"+sink, ""); a.header.Get("Hookloft-Dropped-Until") != "" {
		t.Error("one that begins now is told of it")
	}
}
