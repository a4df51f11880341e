//go:build unix

// Package flow runs an application that has an endpoint of each kind at once: plain, ordered,
// ordered by key, batched, paused, latest, filtered, transformed, a FIFO destination and a
// polling one. Receivers flap, the server is killed at random moments while messages are
// published, and in the end what was seen from outside is compared with what each kind
// promises. Each run prints its seed.
//
// HOOKLOFT_TEST_FLOW_SEED repeats a run's draws; HOOKLOFT_KILLS is how many kills there are (5).
package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// double is what the transformed endpoint runs; it wants no message whose n ends in 0.
const double = `function handler(webhook) {
	if (webhook.payload.n % 10 === 0) webhook.cancel = true;
	webhook.payload = { n: webhook.payload.n, key: webhook.payload.key, tier: "doubled " + 2 * webhook.payload.n };
	return webhook;
}`

func TestEveryKindOfEndpointSurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	seed := uint64(rig.EnvInt(t, "HOOKLOFT_TEST_FLOW_SEED", int(time.Now().UnixNano()&0xffffff)))
	kills := rig.EnvInt(t, "HOOKLOFT_KILLS", 5)
	t.Logf("seed %d, %d kills", seed, kills)
	list := []*endpoint{
		{name: "push", failing: 10},
		{name: "line", failing: 1, features: map[string]string{"order": `{}`}},
		{name: "keyed", failing: 4, keyed: true, features: map[string]string{"order": `{"key":"key"}`}},
		{name: "batched", failing: 10, batched: true, features: map[string]string{"order": `{"batchSize":9,"maxWaitSecs":1}`}},
		{name: "held", failing: 5},
		{name: "latest", failing: 5, features: map[string]string{"latest": `{"key":"burst","windowSeconds":1}`}},
		{name: "filtered", failing: 5, features: map[string]string{"filter": `{"filter":{"payload":{"tier":"gold"}}}`}},
		{name: "scripted", failing: 5, code: double},
		{name: "fifo", failing: 5, fifo: true, batched: true},
	}
	w := newWorld(t, &dice{rng: rand.New(rand.NewPCG(seed, 1))}, list)
	c := &consumer{w: w, at: map[int64]string{}}

	load, stopLoad := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() { w.publish(load) })
	busy.Go(func() { w.hold(load, w.endpoints["held"]) })
	busy.Go(func() { w.flap(load, list) })
	fetch, stopFetch := context.WithCancel(t.Context())
	var fetching sync.WaitGroup
	fetching.Go(func() { c.run(fetch) })
	for kill := range kills {
		// As much is published between two kills as the run is to be of, however slow the machine is.
		w.await(time.Minute, "enough is published", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.published) >= 20*(kill+1)
		})
		time.Sleep(w.dice.between(100*time.Millisecond, 1500*time.Millisecond)) // the moment of the fault is the test's input
		w.server.Kill()
		if _, err := w.server.Restart(); err != nil {
			t.Error(err)
			break
		}
	}
	pause(load, w.dice.between(300*time.Millisecond, time.Second))
	stopLoad()
	busy.Wait()

	all := w.published // nobody publishes any more
	patience := 90*time.Second + time.Duration(kills)*time.Second
	for _, e := range list {
		w.await(patience, "all have come to "+e.name, func() bool { return w.missing(e) == 0 })
	}
	w.await(patience, "the consumer has all", func() bool { return c.count() >= len(all) })
	stopFetch()
	fetching.Wait()

	numbers := w.numbers()
	c.judge(numbers)
	states := w.states(numbers, patience)
	for _, e := range list {
		w.judgeStates(e, states[e.id])
		if e.name == "line" || e.name == "fifo" || e.keyed || e.batched {
			judgeOrder(t, e)
		}
	}
	w.judgeHolds(w.endpoints["held"])
	if len(all) < 20*kills || len(w.holds) == 0 {
		t.Errorf("only %d messages and %d holds: the load did not run", len(all), len(w.holds))
	}
	t.Logf("%d messages, %d holds, %d positions", len(all), len(w.holds), c.count())
	for _, e := range list {
		failed, superseded := 0, 0
		for _, a := range e.log() {
			if !a.ok {
				failed++
			}
		}
		for _, s := range states[e.id] {
			if s.reason == "superseded" {
				superseded++
			}
		}
		t.Logf("%s: %d requests, %d of them failed, %d messages superseded", e.name, len(e.log()), failed, superseded)
	}
}

// wants reports whether a message is to be sent to the endpoint; superseded ones are for
// the states to tell.
func (e *endpoint) wants(v event) bool {
	switch e.name {
	case "filtered":
		return v.Tier == "gold"
	case "scripted":
		return v.N%10 != 0
	}
	return true
}

// taken returns the numbers of the events that the endpoint acknowledged.
func (e *endpoint) taken() map[int]bool {
	got := map[int]bool{}
	for _, a := range e.log() {
		if list, err := e.events(a.body); err == nil && a.ok {
			for _, v := range list {
				got[v.N] = true
			}
		}
	}
	return got
}

// missing counts the messages that have not come to an endpoint yet. Of an endpoint that
// gets the latest of a key it is the last of each.
func (w *world) missing(e *endpoint) (n int) {
	got := e.taken()
	want := map[int]bool{}
	last := map[string]int{}
	for _, p := range w.published {
		if e.name == "latest" {
			delete(want, last[p.Burst])
			last[p.Burst] = p.N
		}
		if e.wants(p.event) {
			want[p.N] = true
		}
	}
	for k := range want {
		if !got[k] {
			n++
		}
	}
	return n
}

// numbers reads the application's messages: each number is there once, whatever was cut off.
func (w *world) numbers() map[string]int {
	messages, err := w.api.Messages(app)
	if err != nil {
		w.Fatal(err)
	}
	numbers, seen := map[string]int{}, map[int]bool{}
	for _, m := range messages {
		var v event
		if err := json.Unmarshal(m.Payload, &v); err != nil {
			w.Fatalf("%s: %v", m.ID, err)
		}
		if seen[v.N] {
			w.Errorf("message %d was accepted twice", v.N)
		}
		seen[v.N] = true
		numbers[m.ID] = v.N
	}
	for _, p := range w.published {
		if !seen[p.N] {
			w.Errorf("message %d was accepted and is gone", p.N)
		}
	}
	return numbers
}

// state is what the API says of a delivery.
type state struct {
	status       int // as in rig.Attempt
	reason, note string
}

// states reads the state of each delivery, by endpoint and number. An outcome is on disk a
// moment after its request, so that pending ones are asked for again.
func (w *world) states(numbers map[string]int, most time.Duration) map[string]map[int]state {
	all := map[string]map[int]state{}
	deadline := time.Now().Add(most)
	for id, n := range numbers {
		for {
			var page struct {
				Data []struct {
					ID       string
					Status   int
					Hookloft struct{ DestinationID, Reason, Note string }
				}
				Done bool
			}
			w.must("GET", "/api/v1/app/flow/msg/"+id+"/endpoint?limit=50", "", &page)
			pending := !page.Done || len(page.Data) < len(w.endpoints)
			for _, d := range page.Data {
				if d.Hookloft.DestinationID != "" {
					d.ID = d.Hookloft.DestinationID
				}
				if all[d.ID] == nil {
					all[d.ID] = map[int]state{}
				}
				all[d.ID][n] = state{d.Status, d.Hookloft.Reason, d.Hookloft.Note}
				pending = pending || d.ID != w.feed && (d.Status == 1 || d.Status == 3)
			}
			if !pending {
				break
			}
			if time.Now().After(deadline) {
				w.Errorf("message %d is not done with: %+v", n, page)
				return all
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return all
}

// judgeStates compares what the API says of an endpoint's deliveries with what came.
func (w *world) judgeStates(e *endpoint, states map[int]state) {
	came, taken := map[int]bool{}, e.taken()
	for _, a := range e.log() {
		list, err := e.events(a.body)
		if err != nil || len(list) == 0 {
			w.Errorf("%s: a body that cannot be read: %v: %.200s", e.name, err, a.body)
		}
		for _, v := range list {
			came[v.N] = true
			if want := fmt.Sprintf("doubled %d", 2*v.N); e.name == "scripted" && v.Tier != want {
				w.Errorf("%s: message %d came as %.200s", e.name, v.N, a.body)
			}
		}
	}
	later := map[string]int{}
	for i := len(w.published) - 1; i >= 0; i-- {
		p := w.published[i]
		s := states[p.N]
		switch {
		case !e.wants(p.event):
			reason, note := "skipped_filter", "payload.tier"
			if e.name == "scripted" {
				reason, note = "transform_cancel", ""
			}
			if s.reason != reason || !strings.Contains(s.note, note) || came[p.N] {
				w.Errorf("%s: message %d, which it does not want: %+v, came: %v", e.name, p.N, s, came[p.N])
			}
		case s.reason == "superseded" && e.name == "latest":
			if later[p.Burst] == 0 {
				w.Errorf("%s: message %d is superseded, and there is none after it", e.name, p.N)
			}
			if taken[p.N] {
				w.Errorf("%s: message %d was taken and is superseded", e.name, p.N)
			}
		case s.status != 0 || !taken[p.N]:
			w.Errorf("%s: message %d: %+v, taken: %v", e.name, p.N, s, taken[p.N])
		}
		later[p.Burst] = p.N
	}
}

// judgeOrder looks at the first arrival of each webhook-id, and at the first that was taken:
// both rise, as a whole or for each key. A request that comes again has the same body.
func judgeOrder(t *testing.T, e *endpoint) {
	t.Helper()
	bodies, done := map[string][]byte{}, map[string]bool{}
	came, taken := map[string]int{}, map[string]int{}
	for _, a := range e.log() {
		list, err := e.events(a.body)
		if err != nil {
			continue // judgeStates has said so
		}
		before, seen := bodies[a.id]
		if seen && !bytes.Equal(before, a.body) {
			t.Errorf("%s: %s came again with another body: %.300s, before %.300s", e.name, a.id, a.body, before)
		}
		bodies[a.id] = a.body
		for _, v := range list {
			key := ""
			if e.keyed {
				key = v.Key
			}
			if !seen && v.N <= came[key] {
				t.Errorf("%s: %s: %d after %d", e.name, a.id, v.N, came[key])
			}
			came[key] = max(came[key], v.N)
			if a.ok && !done[a.id] {
				if v.N <= taken[key] {
					t.Errorf("%s: %s: %d was taken after %d", e.name, a.id, v.N, taken[key])
				}
				taken[key] = v.N
			}
		}
		done[a.id] = done[a.id] || a.ok
	}
}

// judgeHolds checks that nothing that was published during a pause came before its end was asked for.
func (w *world) judgeHolds(e *endpoint) {
	first := map[int]time.Time{}
	for _, a := range e.log() {
		if list, err := e.events(a.body); err == nil && first[list[0].N].IsZero() {
			first[list[0].N] = a.at
		}
	}
	held := 0
	for _, s := range w.holds {
		for _, p := range w.published {
			if p.began.After(s.from) && p.ended.Before(s.to) {
				held++
				if first[p.N].Before(s.to) {
					w.Errorf("%s: message %d came %v before the pause ended in which it was published", e.name, p.N, s.to.Sub(first[p.N]))
				}
			}
		}
	}
	if held == 0 {
		w.Errorf("%s: nothing was published while it was paused", e.name)
	}
	w.Logf("%s: %d messages were published while it was paused", e.name, held)
}
