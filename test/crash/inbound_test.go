//go:build unix

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// provider sends webhooks at a held rate, and sends each again until it is answered 2xx,
// as providers do.
type provider struct {
	source *rig.Source
	mu     sync.Mutex
	acked  map[int64]time.Time // when the first 2xx came
	tries  map[int64]int
}

func newProvider(s *rig.Source) *provider {
	return &provider{source: s, acked: map[int64]time.Time{}, tries: map[int64]int{}}
}

// run sends until ctx ends, and then until the last webhook is acknowledged, at most a minute.
func (p *provider) run(ctx context.Context, perSecond int) error {
	var open sync.WaitGroup
	slots := make(chan struct{}, 64) // webhooks that are not acknowledged yet
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	last, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(time.Minute, cancel) })
	defer stop()
	for seq := int64(1); ; seq++ {
		select {
		case <-ctx.Done():
			open.Wait()
			return last.Err()
		case <-tick.C:
		}
		slots <- struct{}{}
		open.Go(func() {
			p.send(last, seq)
			<-slots
		})
	}
}

func (p *provider) send(ctx context.Context, seq int64) {
	body, err := json.Marshal(rig.Payload{Seq: seq, At: time.Now().UnixNano(), Pad: strings.Repeat("x", 300)})
	if err != nil {
		panic(err) // numbers and text always marshal
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		p.tries[seq]++
		p.mu.Unlock()
		status, err := p.source.Send(fmt.Sprintf("delivery-%d", seq), body)
		if err == nil && status/100 == 2 {
			p.mu.Lock()
			p.acked[seq] = time.Now()
			p.mu.Unlock()
			return
		}
		time.Sleep(5 * time.Millisecond) // leaves the processor to the restart
	}
}

// verdict is what became of the webhooks at the service behind.
type verdict struct{ acked, resent, arrived, lost, doubled, repeats int }

// judge waits until every acknowledged webhook has arrived and compares. A webhook is
// doubled when it came under two message ids: the duplicate was not noticed.
func (p *provider) judge(t *testing.T, r *rig.Receiver, patience time.Duration) (v verdict, requests []rig.Request) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		requests = r.Requests()
		ids := map[int64]map[string]bool{}
		v = verdict{acked: len(p.acked)}
		for _, req := range requests {
			if req.Fault != "" {
				t.Fatalf("webhook %d arrived broken: %s", req.Seq, req.Fault)
			}
			if ids[req.Seq] == nil {
				ids[req.Seq] = map[string]bool{}
			} else if ids[req.Seq][req.ID] && req.Status/100 == 2 {
				v.repeats++
			}
			if req.Status/100 == 2 {
				ids[req.Seq][req.ID] = true
			}
		}
		for _, of := range ids {
			if len(of) > 0 {
				v.arrived++
			}
			if len(of) > 1 {
				v.doubled++
			}
		}
		for seq := range p.acked {
			if len(ids[seq]) == 0 {
				v.lost++
			}
		}
		if v.lost == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, n := range p.tries {
		if n > 1 {
			v.resent++
		}
	}
	return v, requests
}

// Promises 1 and 2 at the other door: kill -9 under inbound load loses nothing that was
// answered 2xx, and a webhook that the provider sends again is one message.
func TestKillsLoseNoWebhook(t *testing.T) {
	if testing.Short() {
		t.Skip("fault tests run real processes; not with -short")
	}
	kills := rig.EnvInt(t, "HOOKLOFT_KILLS", 20)
	receiver := rig.Receive(t, rig.ReceiverOptions{})
	server := rig.Start(t, rig.Options{})
	receiver.SetSecret("/hook", rig.Secret("/hook"))
	source := server.API().MustCreateSource(t, "kills", receiver.URL+"/hook", rig.Secret("/hook"))
	p := newProvider(source)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.run(ctx, publishRate) }()
	random := newRand(t)
	var crashes []rig.Crash
	for range kills {
		time.Sleep(moment(random)) // the moment of the fault is the test's input
		crashes = append(crashes, rig.CrashAt(server.Kill()))
		if _, err := server.Restart(); err != nil {
			t.Fatalf("after kill %d: %v", len(crashes), err)
		}
	}
	time.Sleep(moment(random))
	stop()
	if err := <-done; err != nil {
		t.Fatal("webhooks were not acknowledged within a minute after the last kill")
	}
	v, _ := p.judge(t, receiver, time.Minute)
	t.Logf("%d kills: %d acknowledged, %d of them sent more than once, %d arrived, %d lost, %d as two messages, %d requests repeated",
		kills, v.acked, v.resent, v.arrived, v.lost, v.doubled, v.repeats)
	if v.lost > 0 || v.doubled > 0 {
		t.Error("promises were broken")
	}
	if v.acked < kills || v.resent == 0 {
		t.Error("the load did not run into the kills: this run tested nothing")
	}
}

// A service that is down when webhooks come gets all of them once it is up, each once.
func TestServiceThatWasDownGetsAllOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("fault tests run real processes; not with -short")
	}
	down := time.Duration(rig.EnvInt(t, "HOOKLOFT_TEST_DOWN_SECONDS", 8)) * time.Second
	// The service's port refuses connections until it is up.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	server := rig.Start(t, rig.Options{})
	api := server.API()
	// Attempts before the lane rests have failed for good reasons; the default schedule would
	// try them again in five minutes, which is longer than a test may take.
	if status, body, err := api.Do(http.MethodPatch, "/api/v1/management/environment-settings", map[string]any{"retryPolicy": []int{2, 2, 2, 2, 2, 2, 2, 2, 2, 2}}); err != nil || status != 200 {
		t.Fatalf("set retry policy: %d %s %v", status, body, err)
	}
	source := api.MustCreateSource(t, "down", "http://"+addr+"/hook", rig.Secret("/hook"))
	p := newProvider(source)
	ctx, stop := context.WithTimeout(context.Background(), down)
	defer stop()
	if err := p.run(ctx, 100); err != nil {
		t.Fatal(err)
	}
	var receiver *rig.Receiver
	if receiver, err = rig.ReceiveAt(t, addr, rig.ReceiverOptions{}); err != nil {
		t.Fatal(err)
	}
	receiver.SetSecret("/hook", rig.Secret("/hook"))
	v, requests := p.judge(t, receiver, 2*time.Minute)
	t.Logf("down for %v: %d acknowledged, %d arrived, %d lost, %d requests", down, v.acked, v.arrived, v.lost, len(requests))
	if v.lost > 0 || v.doubled > 0 || v.repeats > 0 || v.arrived != v.acked || len(requests) != v.acked {
		t.Errorf("want each acknowledged webhook once: %+v", v)
	}
	if v.acked < 100 {
		t.Error("hardly any webhook was sent")
	}
}
