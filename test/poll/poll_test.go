//go:build unix

package poll

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// TestKilledUnderLoadNothingIsLostAndOffsetsRise: the server is killed again and again
// while clients publish and consumers of all kinds fetch. In the end every message that was
// acknowledged is in the feed once, offsets rise and never meant two messages, every
// consumer has seen everything, and what a consumer was told to be committed never came back.
func TestKilledUnderLoadNothingIsLostAndOffsetsRise(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t)
	load, stopLoad := context.WithCancel(t.Context())
	waitLoad := w.load(load, 3)
	fetch, stopFetch := context.WithCancel(t.Context())
	var consumers sync.WaitGroup
	leased := &leasedConsumer{w: w, name: "leased", at: map[int64]string{}}
	other := &leasedConsumer{w: w, name: "other", at: map[int64]string{}}
	remembered, iterating := &iteratingConsumer{w: w, path: w.remembered("shop")}, &iteratingConsumer{w: w, path: "/api/v1/app/acme/poller/feed"}
	consumers.Go(func() { leased.run(fetch, rand.New(rand.NewPCG(seed, 2))) })
	consumers.Go(func() { other.run(fetch, rand.New(rand.NewPCG(seed, 3))) })
	consumers.Go(func() { remembered.run(fetch) })
	consumers.Go(func() { iterating.run(fetch) })

	for range 4 {
		before := len(w.acknowledged())
		w.await("messages", func() bool { return len(w.acknowledged()) >= before+20+chance.IntN(150) })
		w.server.Kill()
		if _, err := w.server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	stopLoad()
	waitLoad()
	ids := w.acknowledged()
	has := func(seen func() map[string]bool) bool {
		got := seen()
		return !slices.ContainsFunc(ids, func(id string) bool { return !got[id] })
	}
	for name, seen := range map[string]func() map[string]bool{"leased": leased.all, "other": other.all, "remembered": remembered.all, "iterating": iterating.all} {
		w.await("everything at "+name, func() bool { return has(seen) })
	}
	stopFetch()
	consumers.Wait()
	for _, broken := range [][]string{leased.broken, other.broken, remembered.broken, iterating.broken} {
		for _, b := range broken {
			t.Error(b)
		}
	}

	seen := map[string]int{}
	last := int64(0)
	for _, m := range w.feed("auditor") {
		if m.Offset <= last {
			t.Fatalf("offset %d after %d", m.Offset, last)
		}
		last = m.Offset
		seen[m.ID]++
		for _, c := range []*leasedConsumer{leased, other} {
			if id, known := c.at[m.Offset]; known && id != m.ID {
				t.Errorf("offset %d was %s at %s and is %s", m.Offset, id, c.name, m.ID)
			}
		}
	}
	for _, id := range ids {
		if seen[id] != 1 {
			t.Errorf("%s is in the feed %d times", id, seen[id])
		}
	}
	t.Logf("%d messages, %d and %d handed out under leases", len(ids), leased.handed, other.handed)
}

// leasedConsumer takes messages under leases and commits what it has dealt with, now and then only a part of it.
type leasedConsumer struct {
	w    *world
	name string

	mu        sync.Mutex
	at        map[int64]string
	committed int64 // told by the server
	handed    int
	broken    []string
}

func (c *leasedConsumer) all() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]bool, len(c.at))
	for _, id := range c.at {
		all[id] = true
	}
	return all
}

func (c *leasedConsumer) run(ctx context.Context, chance *rand.Rand) {
	api := c.w.poller()
	for ctx.Err() == nil {
		var out struct{ Data []message }
		// Short leases, so that what a kill has cut off comes again while the test runs.
		err := ask(api, http.MethodGet, c.w.leased(c.name)+"?limit=20&lease_duration_ms=200&wait=1", "", &out)
		if err != nil {
			pause(ctx, 20*time.Millisecond) // the answer may be lost, with what it held
			continue
		}
		if len(out.Data) == 0 {
			continue
		}
		c.take(out.Data)
		done := out.Data[len(out.Data)-1].Offset
		if chance.IntN(4) == 0 { // it ends in the middle, and starts again once its lease is over
			done = out.Data[chance.IntN(len(out.Data))].Offset
			pause(ctx, 250*time.Millisecond)
		}
		if err := ask(api, http.MethodPost, c.w.leased(c.name)+"/commit", fmt.Sprintf(`{"offset":%d}`, done), nil); err == nil {
			c.mu.Lock()
			c.committed = max(c.committed, done)
			c.mu.Unlock()
		}
	}
}

func (c *leasedConsumer) take(list []message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := int64(0)
	for _, m := range list {
		c.handed++
		switch {
		case m.Offset <= last:
			c.broken = append(c.broken, fmt.Sprintf("%s: offset %d after %d", c.name, m.Offset, last))
		case m.Offset <= c.committed:
			c.broken = append(c.broken, fmt.Sprintf("%s: offset %d came again, %d was committed", c.name, m.Offset, c.committed))
		}
		if id, known := c.at[m.Offset]; known && id != m.ID {
			c.broken = append(c.broken, fmt.Sprintf("%s: offset %d was %s and is %s", c.name, m.Offset, id, m.ID))
		}
		last = m.Offset
		c.at[m.Offset] = m.ID
	}
}

// iteratingConsumer goes on with the iterator of the last answer. One without a name
// remembers it across the server's kills, one with a name forgets it and asks the server.
type iteratingConsumer struct {
	w    *world
	path string

	mu     sync.Mutex
	seen   map[string]bool
	broken []string
}

func (c *iteratingConsumer) all() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]bool, len(c.seen))
	for id := range c.seen {
		all[id] = true
	}
	return all
}

func (c *iteratingConsumer) run(ctx context.Context) {
	api := c.w.poller()
	isNamed := c.path == c.w.remembered("shop")
	query := url.Values{"limit": {"30"}, "wait": {"1"}}
	if !isNamed {
		query.Set("after", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	}
	c.seen = map[string]bool{}
	for ctx.Err() == nil {
		var out struct {
			Data     []message
			Iterator string
		}
		if err := ask(api, http.MethodGet, c.path+"?"+query.Encode(), "", &out); err != nil {
			if isNamed {
				query.Del("iterator") // it starts anew
			}
			pause(ctx, 20*time.Millisecond)
			continue
		}
		c.mu.Lock()
		for _, m := range out.Data {
			if c.seen[m.ID] && !isNamed {
				c.broken = append(c.broken, m.ID+" came twice to a client that remembers its iterator")
			}
			c.seen[m.ID] = true
		}
		c.mu.Unlock()
		query.Set("iterator", out.Iterator)
	}
}

// TestStreamIsResumedAcrossKills: a page that follows an application comes back with the id
// of the last event, as a browser does, and sees every message once and in order.
func TestStreamIsResumedAcrossKills(t *testing.T) {
	w := newWorld(t)
	var made struct{ Token string }
	w.must(w.api, http.MethodPost, "/x/v1/app/acme/stream/token", `{"eventTypes":["order.*"]}`, &made)
	begin := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var got []string
	var page sync.WaitGroup
	page.Go(func() {
		last := ""
		for ctx.Err() == nil {
			_ = w.follow(ctx, "/x/v1/app/acme/stream", url.Values{"token": {made.Token}, "since": {begin}}, last, func(e event) bool {
				mu.Lock()
				defer mu.Unlock()
				if e.kind == "" {
					got = append(got, e.id)
					last = e.id
				}
				return true
			})
			pause(ctx, 20*time.Millisecond)
		}
	})
	load, stopLoad := context.WithCancel(t.Context())
	waitLoad := w.load(load, 1) // one after the other, so that the order is known
	for range 3 {
		before := len(w.acknowledged())
		w.await("messages", func() bool { return len(w.acknowledged()) >= before+50 })
		w.server.Kill()
		if _, err := w.server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	stopLoad()
	waitLoad()
	ids := w.acknowledged()
	w.await("the last message on the page", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(got, ids[len(ids)-1])
	})
	stop()
	page.Wait()
	// One that was accepted and whose answer a kill has cut off is there too.
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	var ours []string
	for i, id := range got {
		if slices.Contains(got[:i], id) {
			t.Errorf("%s came twice", id)
		}
		if known[id] {
			ours = append(ours, id)
		}
	}
	if !slices.Equal(ours, ids) {
		t.Errorf("the page saw %d messages, not the %d in their order", len(ours), len(ids))
	}
}

// TestSlowReadersCostLittle: readers that do not read make the server keep a page's worth
// for each, not what they are behind.
func TestSlowReadersCostLittle(t *testing.T) {
	w := newWorld(t)
	const readers, messages, size = 30, 400, 100 << 10
	filler := make([]byte, size)
	for i := range filler {
		filler[i] = 'x'
	}
	body := fmt.Sprintf(`{"text":%q}`, filler)
	flood := func() {
		for range messages {
			if status, _, err := w.api.Publish(w.app, rig.MessageIn{EventType: "order.placed", Payload: []byte(body)}); err != nil || status != http.StatusAccepted {
				t.Fatalf("publish: %d %v", status, err)
			}
		}
	}
	flood()
	before := w.server.RSS()
	for range readers {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/x/v1/app/acme/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.server.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("stream: %v %v", resp, err)
		}
		defer resp.Body.Close() // and nothing is read
	}
	flood()
	grown := w.server.RSS() - before
	t.Logf("%d readers that do not read, each %d MiB behind: %d MiB more memory", readers, messages*size>>20, grown>>20)
	if grown > 256<<20 {
		t.Errorf("the server has grown by %d MiB", grown>>20)
	}
	// The others are served as ever.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var made struct{ Token string }
	w.must(w.api, http.MethodPost, "/x/v1/app/acme/stream/token", "", &made)
	seen := make(chan string, 1)
	go func() {
		_ = w.follow(ctx, "/x/v1/app/acme/stream", url.Values{"token": {made.Token}, "since": {time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)}}, "", func(e event) bool {
			seen <- e.id
			return false
		})
	}()
	select {
	case <-seen:
	case <-ctx.Done():
		t.Error("a reader that reads was shown nothing")
	}
}

// TestScriptMakesWhatIsFetched: the transformation of a polling endpoint runs when a message
// is handed over; one that fails is tried again, and its owner may repair it meanwhile.
func TestScriptMakesWhatIsFetched(t *testing.T) {
	w := newWorld(t)
	script := func(code string) {
		w.must(w.api, http.MethodPatch, "/api/v1/app/acme/destination/feed/transformation", fmt.Sprintf(`{"enabled":true,"code":%q}`, code), nil)
	}
	script(`function handler(webhook) { webhook.payload = { doubled: 2 * webhook.payload.n }; return webhook }`)
	w.publish(w.api)
	w.publish(w.api)
	var out struct {
		Data []struct {
			ID      string
			Payload map[string]any
		}
	}
	fetch := func(n int) {
		t.Helper()
		w.await("messages", func() bool {
			out.Data = nil
			w.must(w.poller(), http.MethodGet, w.remembered("a"), "", &out)
			return len(out.Data) >= n
		})
	}
	fetch(2)
	if out.Data[0].Payload["doubled"] != 0.0 || out.Data[1].Payload["doubled"] != 2.0 {
		t.Errorf("fetched %+v", out.Data)
	}
	script(`function handler(webhook) { throw new Error("not today") }`)
	w.publish(w.api)
	ids := w.acknowledged()
	w.await("a failed attempt", func() bool {
		var list struct {
			Data []struct{ Hookloft struct{ Reason string } }
		}
		w.must(w.api, http.MethodGet, "/api/v1/app/acme/attempt/msg/"+ids[2], "", &list)
		return len(list.Data) == 1 && list.Data[0].Hookloft.Reason == "transform_error"
	})
	script(`function handler(webhook) { webhook.payload = { repaired: true }; return webhook }`)
	fetch(3) // after the first step of the schedule
	if out.Data[2].ID != ids[2] || out.Data[2].Payload["repaired"] != true {
		t.Errorf("fetched %+v", out.Data)
	}
}
