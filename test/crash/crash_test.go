//go:build unix

// Package crash breaks a running hookloft in every way that one machine allows
// and asks afterwards whether it kept its promises: kill -9 at random moments and
// at chosen system calls, power cuts, disks that fail, fill up or lie.
//
// The judge is rig.Check, which compares what publishers were told, what
// receivers got and what the API reports. A judge that cannot see a loss proves
// nothing, so one test makes the disk lie (fsync does nothing) and demands that
// the judge notices.
//
// Sizes come from the environment: HOOKLOFT_KILLS, HOOKLOFT_CUTS, HOOKLOFT_POINTS.
// What needs root, loop mounts or strace says so and is skipped without them.
package crash

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// scene is a server with one application and two endpoints that answer 200, under
// a load of 500 messages a second.
type scene struct {
	server   *rig.Server
	api      *rig.API
	ledger   *rig.Ledger
	receiver *rig.Receiver
	app      string
	targets  []rig.Target
	crashes  []rig.Crash
	stalls   *rig.Stalls
	window   time.Duration // rig.Evidence.Window; zero is the promise itself
}

// publishRate is the load of the fault tests, in messages a second.
const publishRate = 500

// newScene starts a server with o and creates application and endpoints on it.
func newScene(t *testing.T, o rig.Options, ro rig.ReceiverOptions) *scene {
	t.Helper()
	if testing.Short() {
		t.Skip("fault tests run real processes; not with -short")
	}
	sc := &scene{ledger: rig.NewLedger(t), receiver: rig.Receive(t, ro), stalls: rig.WatchStalls(t, t.TempDir())}
	sc.server = rig.Start(t, o)
	sc.api = sc.server.API()
	sc.app = sc.api.MustCreateApp(t, "crash")
	for _, path := range []string{"/a", "/b"} {
		secret := rig.Secret(path)
		sc.receiver.SetSecret(path, secret)
		id := sc.api.MustCreateEndpoint(t, sc.app, rig.EndpointIn{URL: sc.receiver.URL + path, Secret: secret})
		sc.targets = append(sc.targets, rig.Target{App: sc.app, ID: id, Path: path})
	}
	return sc
}

// publish keeps the load running, through crashes too, until the returned function
// is called; that waits for the last answers.
func (sc *scene) publish(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- rig.Load{API: sc.api, Ledger: sc.ledger, App: sc.app, PerSecond: publishRate, Pad: 300}.Run(ctx)
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("load: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// kill ends the server with SIGKILL and notes the crash.
func (sc *scene) kill() {
	before := sc.server.Kill()
	sc.crashes = append(sc.crashes, rig.CrashAt(before))
}

// judge waits until the server has finished what it owes, and compares the records.
func (sc *scene) judge(t *testing.T, patience time.Duration) rig.Verdict {
	t.Helper()
	account, err := rig.Settle(sc.api, sc.ledger, sc.receiver, sc.targets, patience)
	if err != nil {
		t.Fatal(err)
	}
	return rig.Check(rig.Evidence{Ledger: sc.ledger.Entries(), Requests: sc.receiver.Requests(),
		Account: account, Targets: sc.targets, Crashes: sc.crashes, Window: sc.window, Stalls: sc.stalls})
}

// moment draws how long a server may live: 20 to 400 ms.
func moment(r *rand.Rand) time.Duration {
	return 20*time.Millisecond + time.Duration(r.Int64N(int64(380*time.Millisecond)))
}

// newRand returns a source of moments and prints its seed.
func newRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// readiness gathers restart times.
type readiness []time.Duration

func (r readiness) report(t *testing.T) {
	t.Logf("ready again after p50 %v, p99 %v, max %v (%d starts)",
		rig.Percentile(r, 0.5).Round(time.Millisecond), rig.Percentile(r, 0.99).Round(time.Millisecond),
		rig.Percentile(r, 1).Round(time.Millisecond), len(r))
	// The goal is one second; the bound here only catches a hang, because a shared
	// machine may be slow for reasons of its own.
	if worst := rig.Percentile(r, 1); worst > 5*time.Second {
		t.Errorf("one start took %v", worst)
	}
}
