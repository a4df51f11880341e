//go:build unix

package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// event is the payload that is published.
type event struct {
	N     int    `json:"n"`     // from 1, in the order of acceptance
	Key   string `json:"key"`   // one of a few
	Burst string `json:"burst"` // one of a few that change with time, so that they end while the test runs
	Tier  string `json:"tier"`  // gold or grey
}

// endpoint is one of the application's, and what came to it.
type endpoint struct {
	name     string
	features map[string]string // by the name of the operation that sets it
	code     string            // of its transformation
	fifo     bool              // a destination of the contract, not an endpoint
	failing  int               // percent of its requests that are answered with 503
	keyed    bool              // has an order for each key
	batched  bool              // a request is an array

	id string

	mu       sync.Mutex
	down     time.Time // until when everything is answered with 503
	arrivals []arrival
}

// arrival is a request that was read to its end.
type arrival struct {
	at   time.Time
	id   string // webhook-id
	body []byte
	ok   bool // was answered with 204
}

// dice are drawn by several goroutines; the seed says which numbers there are, the machine
// who draws which.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(n)
}

// between draws a time; it is the test's input, not a wait for something.
func (d *dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.below(int(most-least)))
}

// world is a server, one application with an endpoint of each kind, and its receivers.
type world struct {
	*testing.T
	server    *rig.Server
	api       *rig.API
	dice      *dice
	endpoints map[string]*endpoint
	feed      string // id of the polling endpoint
	feedToken string

	mu        sync.Mutex
	published []published // in the order of their n
	holds     []span      // of the endpoint that is paused
}

// published is one accepted message.
type published struct {
	event
	began, ended time.Time // of the publish, from the first try to the answer
}

// span is from when a pause was answered until its end was asked for.
type span struct{ from, to time.Time }

const app = "flow"

func newWorld(t *testing.T, d *dice, list []*endpoint) *world {
	t.Helper()
	w := &world{T: t, dice: d, endpoints: map[string]*endpoint{}, server: rig.Start(t, rig.Options{})}
	for _, e := range list {
		w.endpoints[e.name] = e
	}
	receiver := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(receiver.Close)
	w.api = w.server.API()
	w.api.MustCreateApp(t, app)
	// Everybody tries again after a second, for longer than a receiver is down.
	w.must(http.MethodPatch, "/api/v1/management/environment-settings", `{"retryPolicy":[`+strings.TrimSuffix(strings.Repeat("1,", 30), ",")+`]}`, nil)
	for _, e := range list {
		url, kind := receiver.URL+"/"+e.name, "endpoint"
		if e.fifo {
			kind = "destination"
			var out struct{ ID string }
			w.must(http.MethodPost, "/api/v1/app/flow/destination", fmt.Sprintf(`{"type":"fifoEndpoint","batchSize":4,"config":{"url":%q}}`, url), &out)
			e.id = out.ID
		} else {
			e.id = w.api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: url})
		}
		own := "/x/v1/app/flow/" + kind + "/" + e.id + "/"
		for name, body := range e.features {
			w.must(http.MethodPut, own+name, body, nil)
		}
		if e.code != "" {
			w.must(http.MethodPatch, "/api/v1/app/flow/endpoint/"+e.id+"/transformation", fmt.Sprintf(`{"enabled":true,"code":%q}`, e.code), nil)
		}
	}
	var out struct{ ID, Token string }
	w.must(http.MethodPost, "/api/v1/app/flow/destination", `{"type":"pollingEndpoint"}`, &out)
	w.feed = out.ID
	w.must(http.MethodGet, "/api/v1/auth/app/flow/poller/"+w.feed+"/token", "", &out)
	w.feedToken = out.Token
	return w
}

// receive plays all receivers: each fails now and then, and is down for a while now and then.
func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	e := w.endpoints[strings.TrimPrefix(r.URL.Path, "/")]
	if e == nil {
		w.Errorf("a request to %s", r.URL.Path)
		return
	}
	ok := w.dice.below(100) >= e.failing
	e.mu.Lock()
	now := time.Now()
	ok = ok && now.After(e.down)
	e.arrivals = append(e.arrivals, arrival{now, r.Header.Get("Webhook-Id"), body, ok})
	e.mu.Unlock()
	if ok {
		rw.WriteHeader(http.StatusNoContent)
	} else {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
}

// log returns what has come to an endpoint so far.
func (e *endpoint) log() []arrival {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.arrivals[:len(e.arrivals):len(e.arrivals)]
}

// events reads the events of a body.
func (e *endpoint) events(body []byte) (list []event, err error) {
	if e.batched {
		return list, json.Unmarshal(body, &list)
	}
	list = make([]event, 1)
	return list, json.Unmarshal(body, &list[0])
}

// publish publishes one message after the other until ctx ends. What a kill cut off is
// published again: a conflict says that it was accepted.
func (w *world) publish(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		p := published{event: event{n, fmt.Sprintf("k%d", w.dice.below(6)), fmt.Sprintf("b%d.%d", n/40, w.dice.below(4)), "gold"}, began: time.Now()}
		if w.dice.below(3) == 0 {
			p.Tier = "grey"
		}
		body, err := json.Marshal(p.event)
		if err != nil {
			panic(err) // numbers and text always marshal
		}
		if !w.persist(http.MethodPost, "/api/v1/app/flow/msg", fmt.Sprintf(`{"eventType":"flow.step","eventId":"e%d","payload":%s}`, n, body)) {
			return
		}
		p.ended = time.Now()
		w.mu.Lock()
		w.published = append(w.published, p)
		w.mu.Unlock()
		pause(ctx, w.dice.between(0, 12*time.Millisecond))
	}
}

// hold pauses an endpoint and lets it go on, again and again until ctx ends; in the end it goes on.
func (w *world) hold(ctx context.Context, e *endpoint) {
	own := "/x/v1/app/flow/endpoint/" + e.id
	for ctx.Err() == nil {
		if !w.persist(http.MethodPost, own+"/pause", `{"note":"drawn"}`) {
			return
		}
		s := span{from: time.Now()}
		pause(ctx, w.dice.between(200*time.Millisecond, 1500*time.Millisecond))
		s.to = time.Now()
		body := ""
		if w.dice.below(2) == 0 {
			body = `{"drainRate":200}`
		}
		if !w.persist(http.MethodPost, own+"/resume", body) {
			return
		}
		w.mu.Lock()
		w.holds = append(w.holds, s)
		w.mu.Unlock()
		pause(ctx, w.dice.between(50*time.Millisecond, 600*time.Millisecond))
	}
}

// flap takes one receiver after the other down for a moment, until ctx ends.
func (w *world) flap(ctx context.Context, list []*endpoint) {
	for ctx.Err() == nil {
		e := list[w.dice.below(len(list))]
		e.mu.Lock()
		e.down = time.Now().Add(w.dice.between(50*time.Millisecond, 500*time.Millisecond))
		e.mu.Unlock()
		pause(ctx, w.dice.between(200*time.Millisecond, 1200*time.Millisecond))
	}
}

// persist repeats a request through kills until it has had its effect, at most a minute. A
// conflict is that of a repeated eventId.
func (w *world) persist(method, path, body string) bool {
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, out, err := w.api.Do(method, path, in)
		if err == nil && (status/100 == 2 || status == http.StatusConflict) {
			return true
		}
		if err == nil && status < 500 || time.Now().After(deadline) {
			w.Errorf("%s %s: %d %v: %.300s", method, path, status, err, out)
			return false
		}
	}
}

// must makes a request that succeeds.
func (w *world) must(method, path, body string, out any) {
	w.Helper()
	if err := ask(w.api, method, path, body, out); err != nil {
		w.Fatal(err)
	}
}

func ask(api *rig.API, method, path, body string, out any) error {
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, text, err := api.Do(method, path, in)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("%s %s: %d: %.300s", method, path, status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// await polls until it is so, for at most the time given.
func (w *world) await(most time.Duration, what string, is func() bool) {
	w.Helper()
	for deadline := time.Now().Add(most); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Errorf("after %v it is not so that %s", most, what)
			return
		}
	}
}
