//go:build unix

package order

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// TestReplayAfterDisabledKeepsOrder: what an ordered endpoint missed while it was disabled
// arrives as it would have: in order, one request of a key at a time, in batches. There are
// more messages than a portion of a replay has.
func TestReplayAfterDisabledKeepsOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	const messages = 450
	type body struct {
		K string `json:"k"`
		N int    `json:"n"`
	}
	var mu sync.Mutex
	flying, last, got, requests := map[string]int{}, map[string]int{}, 0, 0
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var list []body
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil || len(list) == 0 {
			t.Errorf("no batch: %v", err)
			return
		}
		key := list[0].K
		mu.Lock()
		defer mu.Unlock()
		if flying[key]++; flying[key] > 1 {
			t.Errorf("two requests of %q at once", key)
		}
		requests++
		for _, b := range list {
			if b.N <= last[b.K] {
				t.Errorf("%d of %q after %d", b.N, b.K, last[b.K])
			}
			last[b.K] = b.N
			got++
		}
		mu.Unlock()
		time.Sleep(10 * time.Millisecond) // time for another request of the key to come beside it
		mu.Lock()
		flying[key]--
	}))
	defer receiver.Close()
	server := rig.Start(t, rig.Options{})
	api := server.API()
	app := api.MustCreateApp(t, "orders")
	ep := "/api/v1/app/orders/endpoint/" + api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL})
	call := func(method, path, body string) {
		t.Helper()
		if status, out, err := api.Do(method, path, json.RawMessage(body)); err != nil || status/100 != 2 {
			t.Fatalf("%s %s: %d, %v: %.300s", method, path, status, err, out)
		}
	}
	since := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	call("PUT", "/x/v1"+ep[len("/api/v1"):]+"/order", `{"key":"k","batchSize":10}`)
	call("PATCH", ep, `{"disabled":true}`)
	for n := range messages {
		call("POST", "/api/v1/app/orders/msg", fmt.Sprintf(`{"eventType":"x.y","payload":{"k":"%d","n":%d}}`, n%2, n+1))
	}
	call("PATCH", ep, `{"disabled":false}`)
	call("POST", ep+"/replay-missing", fmt.Sprintf(`{"since":%q}`, since))
	until(t, 60*time.Second, "all arrived", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return got >= messages
	})
	mu.Lock()
	defer mu.Unlock()
	if got != messages || requests > messages/4 {
		t.Errorf("%d messages in %d requests, want %d in batches of about ten", got, requests, messages)
	}
}
