//go:build unix

// Package order asks a running hookloft whether messages that were accepted one after
// another arrive one after another: for each key, through failures, through a receiver that
// is down for a while, and through a kill -9 under load, after dropping repeated
// webhook-ids. Each run prints its seed.
//
// HOOKLOFT_TEST_ORDER_SEED repeats a run; HOOKLOFT_TEST_ORDER_MESSAGES is how many messages
// each of four keys has (60).
package order

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// event is the payload of these tests.
type event struct {
	Order struct {
		ID string `json:"id"`
	} `json:"order"`
	N int `json:"n"`
}

// line is an endpoint and what came to it.
type line struct {
	path, order string
	failing     int // percent of its requests
	keyed       bool
	batched     bool
	lines       bool

	mu     sync.Mutex
	bodies map[string][]byte // by webhook-id
	last   map[string]int    // the newest n by key, "" for all; by webhook-ids that were not seen before
	taken  map[string]int    // of what was answered with success, by key
	done   map[string]bool   // webhook-ids that were
	most   int               // messages of one request
	flying map[string]int    // requests under way, by the life of the server and by key
}

func (l *line) reset() {
	l.bodies, l.last, l.taken, l.done, l.flying = map[string][]byte{}, map[string]int{}, map[string]int{}, map[string]bool{}, map[string]int{}
}

// events reads the events of a body.
func (l *line) events(body []byte) (list []event, err error) {
	switch {
	case l.lines:
		for row := range bytes.Lines(body) {
			var e event
			if err := json.Unmarshal(row, &e); err != nil {
				return nil, err
			}
			list = append(list, e)
		}
	case l.batched:
		err = json.Unmarshal(body, &list)
	default:
		list = make([]event, 1)
		err = json.Unmarshal(body, &list[0])
	}
	return list, err
}

// take judges one request.
func (l *line) take(t *testing.T, id string, body []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, err := l.events(body)
	if err != nil || len(list) == 0 {
		t.Errorf("%s: a body that cannot be read: %v: %.100s", l.path, err, body)
		return
	}
	l.most = max(l.most, len(list))
	before, seen := l.bodies[id]
	if seen && !bytes.Equal(before, body) {
		t.Errorf("%s: %s came again with another body: %.300s, before %.300s", l.path, id, body, before)
	}
	l.bodies[id] = body
	for _, e := range list {
		key := ""
		if l.keyed {
			key = e.Order.ID
			if key != list[0].Order.ID {
				t.Errorf("%s: a batch of two keys: %.300s", l.path, body)
			}
		}
		if !seen {
			if e.N <= l.last[key] {
				t.Errorf("%s: %s: %d of %q after %d", l.path, id, e.N, key, l.last[key])
			}
			l.last[key] = e.N
		}
		if ok && !l.done[id] {
			if e.N <= l.taken[key] {
				t.Errorf("%s: %s: %d of %q was acknowledged after %d", l.path, id, e.N, key, l.taken[key])
			}
			l.taken[key] = e.N
		}
	}
	l.done[id] = l.done[id] || ok
}

// count returns how many events were acknowledged at least once.
func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[int]bool{}
	for id := range l.done {
		if l.done[id] {
			list, _ := l.events(l.bodies[id])
			for _, e := range list {
				all[e.N] = true
			}
		}
	}
	return len(all)
}

// lives is the key of how often the server had been killed when a connection came.
type lives struct{}

func TestOrderSurvivesFailuresAndKills(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	seed := uint64(rig.EnvInt(t, "HOOKLOFT_TEST_ORDER_SEED", int(time.Now().UnixNano()&0xffffff)))
	each := rig.EnvInt(t, "HOOKLOFT_TEST_ORDER_MESSAGES", 60)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var dice sync.Mutex
	chance := func(percent int) bool {
		dice.Lock()
		defer dice.Unlock()
		return rng.IntN(100) < percent
	}
	lines := []*line{
		{path: "/one", order: `{}`, failing: 2},
		{path: "/keyed", order: `{"key":"order.id"}`, failing: 15, keyed: true},
		{path: "/batched", order: `{"batchSize":7}`, failing: 20, batched: true},
		{path: "/keyed-batches", order: `{"key":"order.id","batchSize":5,"maxWaitSecs":1,"lines":true}`, failing: 20, keyed: true, batched: true, lines: true},
	}
	byPath := map[string]*line{}
	for _, l := range lines {
		l.reset()
		byPath[l.path] = l
	}
	var down sync.RWMutex // held while the receiver is down
	isDown := false
	// What a server that was killed has sent may be looked at after the next one's first requests.
	var lived atomic.Int64
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender was killed
		}
		l := byPath[r.URL.Path]
		life, _ := r.Context().Value(lives{}).(int64)
		down.RLock()
		fails := isDown || chance(l.failing)
		down.RUnlock()
		key := ""
		if list, err := l.events(body); err == nil && l.keyed {
			key = list[0].Order.ID
		}
		flight := fmt.Sprint(life, " ", key)
		l.mu.Lock()
		l.flying[flight]++
		if l.flying[flight] > 1 {
			t.Errorf("%s: two requests of %q at once", l.path, key)
		}
		l.mu.Unlock()
		l.take(t, r.Header.Get("Webhook-Id"), body, !fails)
		l.mu.Lock()
		l.flying[flight]--
		l.mu.Unlock()
		if fails {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	receiver.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, lives{}, lived.Load())
	}
	receiver.Start()
	defer receiver.Close()

	server := rig.Start(t, rig.Options{})
	api := server.API()
	app := api.MustCreateApp(t, "orders")
	call := func(method, path, body string) []byte {
		t.Helper()
		status, out, err := api.Do(method, path, json.RawMessage(body))
		if err != nil || status/100 != 2 {
			t.Fatalf("%s %s: %d, %v: %.300s", method, path, status, err, out)
		}
		return out
	}
	for _, l := range lines {
		ep := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL + l.path})
		call("PUT", "/x/v1/app/orders/endpoint/"+ep+"/order", l.order)
		call("PUT", "/x/v1/app/orders/endpoint/"+ep+"/request", `{"retrySchedule":[`+strings.TrimSuffix(strings.Repeat("1,", 30), ",")+`]}`)
	}

	// One publisher a key, each of which has its answer before its next message. What a kill
	// cut is published again: a conflict says that it was accepted.
	var publishers sync.WaitGroup
	numbers := make(chan int, 4*each)
	var order sync.Mutex // so that n rises over all keys, for the endpoints without one
	n := 0
	publish := func(key string) {
		order.Lock()
		defer order.Unlock()
		n++
		body := json.RawMessage(fmt.Sprintf(`{"eventType":"order.changed","eventId":"e%d","payload":{"order":{"id":%q},"n":%d}}`, n, key, n))
		for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			status, out, err := api.Do("POST", "/api/v1/app/orders/msg", body)
			if err == nil && (status == http.StatusAccepted || status == http.StatusConflict) {
				break
			}
			if time.Now().After(deadline) || err == nil && status < 500 {
				t.Errorf("publish %d: %d, %v: %.300s", n, status, err, out)
				return
			}
		}
		numbers <- n
	}
	for k := range 4 {
		publishers.Go(func() {
			for range each {
				publish(fmt.Sprintf("o_%d", k))
			}
		})
	}
	for kill := range 3 {
		until(t, 60*time.Second, "a part is published", func() bool { return len(numbers) >= (kill+1)*each || len(numbers) == 4*each })
		down.Lock()
		isDown = kill == 1
		down.Unlock()
		dice.Lock()
		pause := time.Duration(rng.IntN(300)) * time.Millisecond
		dice.Unlock()
		time.Sleep(pause) // the moment of the kill is the fault that is drawn
		server.Kill()
		lived.Add(1)
		if _, err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		if isDown {
			time.Sleep(2 * time.Second) // long enough for a retry to fail
		}
		down.Lock()
		isDown = false
		down.Unlock()
	}
	publishers.Wait()
	for _, l := range lines {
		until(t, 90*time.Second, "all of "+l.path+" arrived", func() bool { return l.count() == 4*each })
		if l.batched && l.most < 2 {
			t.Errorf("%s never had a batch", l.path)
		}
		l.mu.Lock()
		t.Logf("%s: %d webhook-ids, at most %d messages in one", l.path, len(l.bodies), l.most)
		l.mu.Unlock()
	}
}

// until looks until it is so, for at most the time given.
func until(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is not so that %s", most, what)
		}
	}
}
