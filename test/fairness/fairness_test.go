//go:build unix

// Package fairness asks a running hookloft whether one application can slow
// another, and whether an undisturbed run delivers everything exactly once.
//
// HOOKLOFT_FAIRNESS_SECONDS is the length of each phase (5, and 10 where times are strict),
// HOOKLOFT_HUNG_ENDPOINTS the number of hung endpoints (1,000), and
// HOOKLOFT_FLOOD_MESSAGES the size of the flood (20,000).
package fairness

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const (
	quietRate = 20  // messages a second of the neighbour that is watched
	hungRate  = 200 // messages a second to the endpoints that hang
	// noiseFloor is what a shared test machine adds by itself: below it, a ratio of
	// two p99s says nothing about the server.
	noiseFloor = 50 * time.Millisecond
	// starved is less than what a neighbour waits for that is served after the others: for
	// receivers that hang until their time-out of 15 s, or for a flood of 20,000 messages.
	starved = 3 * time.Second
)

// Promise 4: a thousand endpoints of one application that accept and never answer
// leave another application's latency alone.
func TestHungEndpointsLeaveTheNeighbourAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes for half a minute; not with -short")
	}
	phase := phaseTime(t)
	hung := rig.EnvInt(t, "HOOKLOFT_HUNG_ENDPOINTS", 1000)
	s := rig.Start(t, rig.Options{})
	api := s.API()

	n := newNeighbour(t, api)

	deaf := rig.Receive(t, rig.ReceiverOptions{Hang: true, NoLog: true})
	noisy := api.MustCreateApp(t, "noisy")
	for i := range hung {
		api.MustCreateEndpoint(t, noisy, rig.EndpointIn{
			URL: deaf.URL + "/" + strconv.Itoa(i), Channels: []string{channel(int64(i))}})
	}

	// On a shared machine a single p99 may be anybody's doing. A server that lets one
	// tenant slow another does so every time, so one undisturbed round of three is
	// enough, and the figures of all are shown.
	noise := rig.NewLedger(t)
	held := false
	for round := 1; round <= 3 && !held; round++ {
		alone := n.watch(t, phase)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		before := deaf.Count("")
		go func() {
			done <- rig.Load{API: api, Ledger: noise, App: noisy, PerSecond: hungRate,
				Channels: func(seq int64) []string { return []string{channel(seq % int64(hung))} }}.Run(ctx)
		}()
		// The disturbance is in place once a few hundred requests hang. In later rounds
		// breakers may be open, so that only probes come.
		if round == 1 {
			awaitCount(t, deaf, min(hung, 300), 60*time.Second)
		}
		disturbed := n.watch(t, phase)
		hanging := deaf.Count("") - before
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		p99Alone, p99 := rig.Percentile(alone, 0.99), rig.Percentile(disturbed, 0.99)
		bound := max(2*p99Alone, noiseFloor)
		t.Logf("round %d: neighbour alone: p50 %v, p99 %v (%d messages); beside %d hung endpoints: p50 %v, p99 %v (%d messages), bound %v; %d requests reached the hung ones",
			round, rig.Percentile(alone, 0.5), p99Alone, len(alone), hung, rig.Percentile(disturbed, 0.5), p99, len(disturbed), bound, hanging)
		// The median knows nothing of a machine's stalls.
		held = rig.WithinTail(p99, bound, starved) && rig.Percentile(disturbed, 0.5) <= max(2*rig.Percentile(alone, 0.5), 2*noiseFloor)
	}
	if !held {
		t.Error("in every round, hung endpoints of one application slowed another")
	}
	for _, p := range noise.Entries() {
		if !p.Acked {
			t.Errorf("publish %d to the hung endpoints was answered %d", p.Seq, p.Status)
		}
	}
	n.judge(t)
}

// A burst of one application, far more than can be delivered at once, delays
// another application's few messages by at most half a second.
func TestFloodLeavesTheNeighbourAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes for half a minute; not with -short")
	}
	flood := rig.EnvInt(t, "HOOKLOFT_FLOOD_MESSAGES", 20_000)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	n := newNeighbour(t, api)
	// The flood's endpoint takes its time, so that a backlog builds up.
	slow := rig.Receive(t, rig.ReceiverOptions{Delay: 200 * time.Millisecond, NoLog: true})
	flooded := api.MustCreateApp(t, "flooded")
	api.MustCreateEndpoint(t, flooded, rig.EndpointIn{URL: slow.URL + "/slow"})

	alone := n.watch(t, 5*time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	noise := rig.NewLedger(t)
	done := make(chan error, 1)
	go func() {
		done <- rig.Load{API: api, Ledger: noise, App: flooded, Count: flood, Workers: 16}.Run(ctx)
	}()
	disturbed := n.watch(t, phaseTime(t))
	backlog := noise.Acked() - slow.Count("")
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p99 := rig.Percentile(disturbed, 0.99)
	t.Logf("neighbour alone: p50 %v, p99 %v", rig.Percentile(alone, 0.5), rig.Percentile(alone, 0.99))
	t.Logf("beside a flood of %d messages (%d still waiting at the end): p50 %v, p99 %v", noise.Acked(), backlog, rig.Percentile(disturbed, 0.5), p99)
	if !rig.WithinTail(p99, 500*time.Millisecond, starved) {
		t.Errorf("p99 %v beside a flood", p99)
	}
	if p50 := rig.Percentile(disturbed, 0.5); p50 > max(2*rig.Percentile(alone, 0.5), 2*noiseFloor) {
		t.Errorf("p50 %v beside a flood", p50)
	}
	if backlog <= 0 {
		t.Logf("the flood had been delivered when the watch ended: raise HOOKLOFT_FLOOD_MESSAGES for a backlog all the time")
	}
	n.judge(t)
}

// phaseTime is how long the neighbour is watched at once.
func phaseTime(t *testing.T) time.Duration {
	seconds := 5
	if rig.Strict() {
		seconds = 10
	}
	return time.Duration(rig.EnvInt(t, "HOOKLOFT_FAIRNESS_SECONDS", seconds)) * time.Second
}

// neighbour is the application that is watched: one healthy endpoint, 20 messages
// a second.
type neighbour struct {
	api      *rig.API
	ledger   *rig.Ledger
	receiver *rig.Receiver
	targets  []rig.Target

	mu   sync.Mutex
	took []time.Duration // publish to receipt, this phase
}

func newNeighbour(t *testing.T, api *rig.API) *neighbour {
	n := &neighbour{api: api, ledger: rig.NewLedger(t)}
	n.receiver = rig.Receive(t, rig.ReceiverOptions{OnRequest: func(r rig.Request) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.took = append(n.took, r.Began.Sub(r.Published))
	}})
	app := api.MustCreateApp(t, "neighbour")
	id := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: n.receiver.URL + "/ok"})
	n.targets = []rig.Target{{App: app, ID: id, Path: "/ok"}}
	return n
}

// watch publishes for the length of a phase and returns how long each message took.
func (n *neighbour) watch(t *testing.T, phase time.Duration) []time.Duration {
	t.Helper()
	n.mu.Lock()
	n.took = nil
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), phase)
	defer cancel()
	if err := (rig.Load{API: n.api, Ledger: n.ledger, App: n.targets[0].App, PerSecond: quietRate}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := rig.Settle(n.api, n.ledger, n.receiver, n.targets, 60*time.Second); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]time.Duration(nil), n.took...)
}

// judge asserts that the neighbour was served in full, once.
func (n *neighbour) judge(t *testing.T) {
	t.Helper()
	account, err := rig.ReadAccount(n.api, n.targets)
	if err != nil {
		t.Fatal(err)
	}
	v := rig.Check(rig.Evidence{Ledger: n.ledger.Entries(), Requests: n.receiver.Requests(), Account: account, Targets: n.targets})
	t.Logf("neighbour: %v", v)
	if !v.OK() {
		t.Error("promises were broken")
	}
	if v.Unknown > 0 {
		t.Errorf("%d of the neighbour's publishes were not acknowledged", v.Unknown)
	}
}

func channel(n int64) string { return "c" + strconv.FormatInt(n, 10) }

// awaitCount waits until want requests have reached the receiver.
func awaitCount(t *testing.T, r *rig.Receiver, want int, limit time.Duration) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for r.Count("") < want {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d requests arrived within %v", r.Count(""), want, limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
