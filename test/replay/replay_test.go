//go:build unix

// Package replay asks a running hookloft whether ten thousand failed messages are sent
// again exactly, at the pace that was asked for, until somebody says stop, through a
// kill -9, and beside live traffic that does not notice.
//
// HOOKLOFT_TEST_REPLAY_MESSAGES is how many messages fail first (10,000).
package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// scene is a server with an endpoint at which messages have failed for good.
type scene struct {
	*testing.T
	server        *rig.Server
	api           *rig.API
	receiver      *rig.Receiver
	app, endpoint string
	ledger        *rig.Ledger
	failed        int
	since         time.Time
}

const (
	path = "/hook"
	// noiseFloor is what a shared machine adds by itself: below it, a ratio of two p99s says
	// nothing about the server.
	noiseFloor = 50 * time.Millisecond
	// starved is how long a live message would wait that is sent after the replay: the rest of
	// 10,000 messages at 1,500 a second.
	starved = 3 * time.Second
)

// newScene publishes messages to a receiver that refuses them, without a retry schedule,
// and then lets the receiver take everything. Refusals are not in the receiver's log.
func newScene(t *testing.T) *scene {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	c := &scene{T: t, failed: rig.EnvInt(t, "HOOKLOFT_TEST_REPLAY_MESSAGES", 10_000), since: time.Now().Add(-time.Second)}
	var works atomic.Bool
	c.receiver = rig.Receive(t, rig.ReceiverOptions{Status: func(string, int) int {
		if works.Load() {
			return http.StatusOK
		}
		return http.StatusBadRequest
	}})
	c.server = rig.Start(t, rig.Options{})
	c.api = c.server.API()
	c.do(http.MethodPatch, "/api/v1/management/environment-settings", map[string]any{"retryPolicy": []int{}}, nil)
	c.app = c.api.MustCreateApp(t, "replayed")
	secret := rig.Secret(path)
	c.receiver.SetSecret(path, secret)
	c.endpoint = c.api.MustCreateEndpoint(t, c.app, rig.EndpointIn{URL: c.receiver.URL + path, Secret: secret})
	c.ledger = rig.NewLedger(t)
	if err := (rig.Load{API: c.api, Ledger: c.ledger, App: c.app, Count: c.failed, Workers: 64}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.wait(time.Minute, "all messages have failed", func() bool {
		var stats struct{ Fail, Pending, Sending int }
		c.do(http.MethodGet, "/api/v1/app/"+c.app+"/endpoint/"+c.endpoint+"/stats", nil, &stats)
		return stats.Fail == c.failed
	})
	works.Store(true)
	return c
}

// do makes a call that must succeed.
func (c *scene) do(method, path string, in, out any) {
	c.Helper()
	status, body, err := c.api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		c.Fatalf("%s %s: status %d, %v: %.300s", method, path, status, err, body)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(body, out); err != nil {
		c.Fatalf("%s %s: %v: %.300s", method, path, err, body)
	}
}

// wait looks until it is so, for at most the time given.
func (c *scene) wait(most time.Duration, what string, is func() bool) {
	c.Helper()
	for deadline := time.Now().Add(most); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("after %v it is not so that %s", most, what)
		}
	}
}

// task is what GET /x/v1/task shows.
type task struct {
	ID, Status  string
	Done, Total int
	Error       *string
}

// replay starts a replay of what failed. perSecond 0 is no pace.
func (c *scene) replay(perSecond float64) task {
	c.Helper()
	in := map[string]any{"since": c.since.Format(time.RFC3339Nano), "which": "failed"}
	if perSecond > 0 {
		in["ratePerSecond"] = perSecond
	}
	var out task
	c.do(http.MethodPost, "/x/v1/app/"+c.app+"/endpoint/"+c.endpoint+"/replay", in, &out)
	return out
}

// preview counts what failed.
func (c *scene) preview() (count int) {
	c.Helper()
	var out struct {
		Count          int
		Complete       bool
		Oldest, Newest *time.Time
	}
	c.do(http.MethodPost, "/x/v1/app/"+c.app+"/endpoint/"+c.endpoint+"/replay", map[string]any{"since": c.since.Format(time.RFC3339Nano), "dryRun": true}, &out)
	if !out.Complete || (out.Count > 0) != (out.Oldest != nil && out.Newest != nil && !out.Newest.Before(*out.Oldest)) {
		c.Errorf("preview %+v", out)
	}
	return out.Count
}

func (c *scene) task(id string) (out task) {
	c.Helper()
	c.do(http.MethodGet, "/x/v1/task/"+id, nil, &out)
	return out
}

// steer does something to a task and returns it. It logs how long the answer took, which is
// bounded by what a client waits.
func (c *scene) steer(id, verb string) (out task) {
	c.Helper()
	began := time.Now()
	c.do(http.MethodPost, "/x/v1/task/"+id+"/"+verb, nil, &out)
	took := time.Since(began)
	c.Logf("%s: %s within %v after %d of %d", verb, out.Status, took, out.Done, out.Total)
	if took > time.Second && rig.Strict() {
		c.Errorf("%s took %v", verb, took)
	}
	return out
}

// arrived counts the requests of replays.
func (c *scene) arrived() int { return c.receiver.Count(path) - c.failed }

// paced measures how many arrive in a second, until that is what it should be. A machine that
// stands still makes less of one second and more of the next; a pace that is not kept makes
// the wrong number of each.
func (c *scene) paced(want float64) {
	c.Helper()
	var rates []float64
	for range 6 {
		before, began := c.arrived(), time.Now()
		time.Sleep(time.Second) // the measure itself
		rate := float64(c.arrived()-before) / time.Since(began).Seconds()
		rates = append(rates, math.Round(rate))
		if rate >= 0.6*want && rate <= 1.15*want {
			c.Logf("paced at %.0f/s: %v", want, rates)
			return
		}
	}
	c.Errorf("at a pace of %.0f requests a second there were %v", want, rates)
}

// still waits for what the tasks say was sent, and fails the test if anything else arrives.
func (c *scene) still(sent int, when string) {
	c.Helper()
	c.settled(sent)
	time.Sleep(time.Second) // what must not happen takes its time
	if n := c.arrived(); n != sent {
		c.Errorf("%s, %d requests have arrived, the tasks say %d", when, n, sent)
	}
}

// settled waits until nothing is on its way: as many arrived as the tasks have sent.
func (c *scene) settled(sent int) {
	c.Helper()
	c.wait(30*time.Second, fmt.Sprintf("%d requests arrived (%d have)", sent, c.arrived()), func() bool { return c.arrived() >= sent })
}

// TestReplayIsPacedAndSteered runs one replay at several paces, pauses it, lets it go on
// and cancels it.
func TestReplayIsPacedAndSteered(t *testing.T) {
	c := newScene(t)
	if n := c.preview(); n != c.failed {
		t.Errorf("the preview counts %d, want %d", n, c.failed)
	}
	if n := c.arrived(); n != 0 {
		t.Fatalf("%d requests arrived after a preview", n)
	}
	run := c.replay(200)
	c.wait(20*time.Second, "the replay has begun", func() bool { return c.arrived() > 0 })
	c.paced(200)
	var patched task
	c.do(http.MethodPatch, "/x/v1/task/"+run.ID, map[string]any{"ratePerSecond": 600}, &patched)
	c.paced(600)
	paused := c.steer(run.ID, "pause")
	if paused.Status != "paused" {
		t.Errorf("paused: %+v", paused)
	}
	c.still(paused.Done, "after the pause")
	if again := c.steer(run.ID, "pause"); again.Status != "paused" || again.Done != paused.Done {
		t.Errorf("pausing twice: %+v, then %+v", paused, again)
	}
	if resumed := c.steer(run.ID, "resume"); resumed.Status != "running" {
		t.Errorf("resumed: %+v", resumed)
	}
	c.wait(20*time.Second, "it goes on", func() bool { return c.arrived() > paused.Done+100 })

	ended := c.steer(run.ID, "cancel")
	if ended.Status != "cancelled" {
		t.Errorf("cancelled: %+v", ended)
	}
	c.still(ended.Done, "after the cancellation")
	if n := c.preview(); n != c.failed-ended.Done {
		t.Errorf("%d are still to be replayed, want %d - %d", n, c.failed, ended.Done)
	}
	var contract struct {
		Status string
		Data   struct {
			Cancelled    bool
			MessagesSent int
		}
	}
	c.do(http.MethodGet, "/api/v1/background-task/"+run.ID, nil, &contract)
	if contract.Status != "failed" || !contract.Data.Cancelled || contract.Data.MessagesSent != ended.Done {
		t.Errorf("on the contract's wire: %+v", contract)
	}
	if status, body, _ := c.api.Do(http.MethodPost, "/x/v1/task/"+run.ID+"/resume", nil); status != http.StatusConflict {
		t.Errorf("resume after the end: %d %s", status, body)
	}

	// Cancelled as fast as it goes: what waits in the lane is taken back.
	full := c.replay(0)
	c.wait(20*time.Second, "it has begun", func() bool { return c.arrived() > ended.Done+200 })
	cut := c.steer(full.ID, "cancel")
	c.still(ended.Done+cut.Done, "after the cancellation without a pace")
	rest := c.replay(0)
	c.wait(time.Minute, "the rest is sent", func() bool { return c.task(rest.ID).Status == "finished" })
	c.settled(c.failed)
	c.exact(0)
}

// exact checks that every message arrived, and none twice but at most repeats of them.
func (c *scene) exact(repeats int) {
	c.Helper()
	// The receiver notes its answer after the sender has it, and knows of the request before.
	var requests []rig.Request
	c.wait(20*time.Second, "every request is answered", func() bool {
		requests = c.receiver.Requests()
		return !slices.ContainsFunc(requests, func(r rig.Request) bool { return r.Ended.IsZero() })
	})
	seen := map[string]int{}
	for _, r := range requests {
		if r.Status == http.StatusOK {
			seen[r.ID]++
		}
		if r.Fault != "" {
			c.Errorf("request %s: %s", r.ID, r.Fault)
		}
	}
	twice := 0
	for _, n := range seen {
		twice += n - 1
	}
	if len(seen) != c.failed || twice > repeats {
		c.Errorf("%d of %d messages arrived, %d requests too many (at most %d may be)", len(seen), c.failed, twice, repeats)
	}
	c.Logf("%d messages arrived, %d repeated", len(seen), twice)
}

// TestReplayGoesOnAfterKill kills the server three times while it replays.
func TestReplayGoesOnAfterKill(t *testing.T) {
	c := newScene(t)
	began := time.Now()
	run := c.replay(0)
	for i := range 3 {
		c.wait(30*time.Second, "another part has arrived", func() bool { return c.arrived() > (i+1)*c.failed/5 })
		c.server.Kill()
		if _, err := c.server.Restart(); err != nil {
			t.Fatal(err)
		}
		c.api = c.server.API()
	}
	var last task
	c.wait(time.Minute, "the replay has ended", func() bool { last = c.task(run.ID); return last.Status != "running" })
	if last.Status != "finished" || last.Done != c.failed || last.Total != c.failed {
		t.Errorf("the task %+v, want %d done", last, c.failed)
	}
	c.settled(c.failed)
	c.wait(30*time.Second, "all show success", func() bool {
		var stats struct{ Success, Fail, Pending, Sending int }
		c.do(http.MethodGet, "/api/v1/app/"+c.app+"/endpoint/"+c.endpoint+"/stats", nil, &stats)
		return stats.Success == c.failed
	})
	t.Logf("%d messages through three crashes in %v", c.failed, time.Since(began).Round(time.Millisecond))
	// A crash repeats what was in flight or ended in the last moments (docs/promises.md).
	c.exact(3 * 700)
}

// TestLiveTrafficDoesNotNoticeAReplay compares the latency of live messages to the same
// endpoint with and without a replay beside them.
func TestLiveTrafficDoesNotNoticeAReplay(t *testing.T) {
	c := newScene(t)
	const messages = 600
	live := func() (all []time.Duration) {
		before := c.ledger.Acked()
		if err := (rig.Load{API: c.api, Ledger: c.ledger, App: c.app, PerSecond: 200, Count: messages}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := c.ledger.Acked() - before; n != messages {
			t.Fatalf("%d of %d live messages were accepted", n, messages)
		}
		from := int64(before) // the ledger numbers from 1, and everything was accepted
		c.wait(30*time.Second, "the live messages have arrived", func() bool {
			all = all[:0]
			for _, r := range c.receiver.Requests() {
				if r.Seq > from {
					all = append(all, r.Began.Sub(r.Published))
				}
			}
			return len(all) >= messages
		})
		return all
	}
	alone := live()
	run := c.replay(1500)
	c.wait(20*time.Second, "the replay runs", func() bool { return c.task(run.ID).Done > 0 })
	began := c.task(run.ID).Done
	beside := live()
	sent := c.task(run.ID).Done - began
	t.Logf("the replay sent %d beside live traffic", sent)
	if sent == 0 || rig.Strict() && sent < 2000 {
		t.Errorf("the replay sent only %d beside live traffic", sent)
	}
	before, after := rig.Percentile(alone, 0.99), rig.Percentile(beside, 0.99)
	middle, besideMiddle := rig.Percentile(alone, 0.5), rig.Percentile(beside, 0.5)
	t.Logf("live p50 %v, p99 %v alone; p50 %v, p99 %v beside a replay of 1,500/s", middle, before, besideMiddle, after)
	// A live message that waits its turn behind what the replay has made due waits for hundreds of
	// requests, as all do.
	if !rig.WithinTail(besideMiddle, max(2*middle, noiseFloor), 4*noiseFloor) {
		t.Errorf("the median of live messages is %v beside a replay, %v without", besideMiddle, middle)
	}
	if !rig.WithinTail(after, max(2*before, noiseFloor), starved) {
		t.Errorf("p99 of live messages is %v beside a replay, %v without", after, before)
	}
}
