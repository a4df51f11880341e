//go:build unix

// Package poll runs consumers of polling endpoints and readers of streams against the real
// server, which is killed under load.
package poll

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// world is a server with one application and a polling endpoint.
type world struct {
	*testing.T
	server *rig.Server
	api    *rig.API
	app    string
	sink   string
	token  string // of the polling endpoint

	mu       sync.Mutex
	accepted []string // ids of messages that were acknowledged
	next     int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, server: rig.Start(t, rig.Options{})}
	w.api = w.server.API()
	w.app = w.api.MustCreateApp(t, "acme")
	var out struct{ ID, Token string }
	w.must(w.api, http.MethodPost, "/api/v1/app/acme/destination", `{"type":"pollingEndpoint","uid":"feed"}`, &out)
	w.sink = out.ID
	w.must(w.api, http.MethodGet, "/api/v1/auth/app/acme/poller/"+w.sink+"/token", "", &out)
	w.token = out.Token
	return w
}

// must makes a request that succeeds.
func (w *world) must(api *rig.API, method, path, body string, out any) {
	w.Helper()
	if err := ask(api, method, path, body, out); err != nil {
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
		return fmt.Errorf("%s %s: %d %.300s", method, path, status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// poller is the client of one consumer, with the polling endpoint's token alone.
func (w *world) poller() *rig.API { return rig.NewAPI(w.server.URL, w.token) }

// publish publishes one message and notes whether it was acknowledged.
func (w *world) publish(api *rig.API) bool {
	w.mu.Lock()
	n := w.next
	w.next++
	w.mu.Unlock()
	status, id, err := api.Publish(w.app, rig.MessageIn{EventType: "order.placed", Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))})
	if err != nil || status != http.StatusAccepted {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = append(w.accepted, id)
	return true
}

// acknowledged returns the ids of all messages so far that were acknowledged.
func (w *world) acknowledged() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.accepted)
}

// load publishes from several clients until ctx ends, through kills and restarts.
func (w *world) load(ctx context.Context, clients int) (wait func()) {
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			api := w.server.API()
			for ctx.Err() == nil {
				if !w.publish(api) {
					pause(ctx, 20*time.Millisecond)
				}
			}
		})
	}
	return all.Wait
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// await polls for a condition for up to 30 s.
func (w *world) await(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited 30 s for %s\n%s", what, w.server.LogTail(2000))
		}
	}
}

// message is one of an answer.
type message struct {
	ID     string
	Offset int64
}

// feed reads the whole feed from its begin, a page at a time, with offsets.
func (w *world) feed(name string) (all []message) {
	w.Helper()
	for {
		var out struct {
			Data []message
			Done bool
		}
		w.must(w.poller(), http.MethodGet, w.leased(name)+"?limit=250&lease_duration_ms=600000", "", &out)
		all = append(all, out.Data...)
		if n := len(out.Data); n > 0 {
			w.must(w.poller(), http.MethodPost, w.leased(name)+"/commit", fmt.Sprintf(`{"offset":%d}`, out.Data[n-1].Offset), nil)
		}
		if out.Done {
			return all
		}
	}
}

func (w *world) leased(consumer string) string {
	return "/api/v1/app/acme/polling-endpoint/" + w.sink + "/consumer/" + consumer
}

func (w *world) remembered(consumer string) string {
	return "/api/v1/app/acme/poller/" + w.sink + "/consumer/" + consumer
}

// event is one of a stream.
type event struct{ kind, id, data string }

// follow reads a stream of server-sent events until it breaks off or each is false, which
// reads it no further.
func (w *world) follow(ctx context.Context, path string, query url.Values, lastID string, each func(event) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("stream: %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	var e event
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case lines.Text() == "" && e.data != "":
			if !each(e) {
				return nil
			}
			e = event{}
		case name == "id":
			e.id = value
		case name == "event":
			e.kind = value
		case name == "data":
			e.data += value
		}
	}
	return lines.Err()
}
