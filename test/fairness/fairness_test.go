//go:build unix

// Package fairness asks a running hookloft whether one application can slow
// another, and whether an undisturbed run delivers everything exactly once.
//
// HOOKLOFT_FAIRNESS_SECONDS is the length of each phase (10), and
// HOOKLOFT_HUNG_ENDPOINTS the number of hung endpoints (1,000).
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
)

// Promise 4: a thousand endpoints of one application that accept and never answer
// leave another application's latency alone.
func TestHungEndpointsLeaveTheNeighbourAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes for half a minute; not with -short")
	}
	phase := time.Duration(rig.EnvInt(t, "HOOKLOFT_FAIRNESS_SECONDS", 10)) * time.Second
	hung := rig.EnvInt(t, "HOOKLOFT_HUNG_ENDPOINTS", 1000)
	s := rig.Start(t, rig.Options{})
	api := s.API()

	var mu sync.Mutex
	var took []time.Duration // publish to receipt at the neighbour, this phase
	healthy := rig.Receive(t, rig.ReceiverOptions{OnRequest: func(r rig.Request) {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, r.Began.Sub(r.Published))
	}})
	neighbour := api.MustCreateApp(t, "neighbour")
	id := api.MustCreateEndpoint(t, neighbour, rig.EndpointIn{URL: healthy.URL + "/ok"})
	targets := []rig.Target{{App: neighbour, ID: id, Path: "/ok"}}

	deaf := rig.Receive(t, rig.ReceiverOptions{Hang: true, NoLog: true})
	noisy := api.MustCreateApp(t, "noisy")
	for i := range hung {
		api.MustCreateEndpoint(t, noisy, rig.EndpointIn{
			URL: deaf.URL + "/" + strconv.Itoa(i), Channels: []string{channel(int64(i))}})
	}

	ledger := rig.NewLedger(t)
	watch := func() []time.Duration {
		mu.Lock()
		took = nil
		mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), phase)
		defer cancel()
		if err := (rig.Load{API: api, Ledger: ledger, App: neighbour, PerSecond: quietRate}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := rig.Settle(api, ledger, healthy, targets, 20*time.Second); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return append([]time.Duration(nil), took...)
	}

	alone := watch()
	ctx, cancel := context.WithCancel(context.Background())
	noise := rig.NewLedger(t)
	done := make(chan error, 1)
	go func() {
		done <- rig.Load{API: api, Ledger: noise, App: noisy, PerSecond: hungRate,
			Channels: func(seq int64) []string { return []string{channel(seq % int64(hung))} }}.Run(ctx)
	}()
	// The disturbance is in place once a few hundred requests hang.
	awaitCount(t, deaf, min(hung, 300), 20*time.Second)
	disturbed := watch()
	hanging := deaf.Count("")
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	p99Alone, p99 := rig.Percentile(alone, 0.99), rig.Percentile(disturbed, 0.99)
	t.Logf("neighbour alone: p50 %v, p99 %v (%d messages)", rig.Percentile(alone, 0.5), p99Alone, len(alone))
	t.Logf("beside %d hung endpoints: p50 %v, p99 %v (%d messages); %d requests reached them", hung, rig.Percentile(disturbed, 0.5), p99, len(disturbed), hanging)
	if bound := max(2*p99Alone, noiseFloor); p99 > bound {
		t.Errorf("p99 %v beside hung endpoints, %v alone: more than %v", p99, p99Alone, bound)
	}
	for _, l := range []*rig.Ledger{ledger, noise} {
		for _, p := range l.Entries() {
			if !p.Acked {
				t.Errorf("publish %d was answered %d", p.Seq, p.Status)
			}
		}
	}
	account, err := rig.ReadAccount(api, targets)
	if err != nil {
		t.Fatal(err)
	}
	v := rig.Check(rig.Evidence{Ledger: ledger.Entries(), Requests: healthy.Requests(), Account: account, Targets: targets})
	t.Logf("neighbour: %v", v)
	if !v.OK() {
		t.Error("promises were broken")
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
