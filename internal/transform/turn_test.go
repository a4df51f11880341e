package transform

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// until waits for a condition of the pool. Under the race detector scripts are slow, and on a busy
// machine many of them take more than half a minute.
func (p *Pool) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		ok := is()
		p.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestResultsThatAreKeptAreBounded: what one application's scripts make, and what is not
// sent, leaves its others waiting, and nobody else.
func TestResultsThatAreKeptAreBounded(t *testing.T) {
	p := newPool(t, Options{Children: 2, Time: MaxTime})
	const large = `function handler(w) { w.payload = "x".repeat(1 << 20); return w }`
	job := func(app hook.ApplicationID, i int) Job {
		j := webhookOf(large, `{}`)
		j.Application, j.Endpoint, j.KeepsResult = app, hook.EndpointID(i), true
		return j
	}
	const n = 60
	made := make(chan Result, n)
	for i := range n {
		go func() {
			r, err := p.Run(context.Background(), job(1, i))
			if err != nil {
				t.Error(err)
			}
			made <- r
		}()
	}
	p.until(t, "runs wait for room", func() bool { u := p.tenants[1]; return u != nil && u.kept >= maxKeptOfOne && p.busy == 0 })
	if u := p.tenants[1]; u.kept > maxKeptOfOne+2*(MaxOutputBytes+1024) || len(u.line) == 0 {
		t.Errorf("%d bytes are kept, %d endpoints wait", u.kept, len(u.line))
	}
	other, err := p.Run(t.Context(), job(2, n))
	if err != nil {
		t.Fatal(err)
	}
	other.Release()
	for range n {
		r := <-made
		r.Release()
	}
	if p.kept != 0 || len(p.tenants) != 0 || len(p.owners) != 0 || len(p.line) != 0 {
		t.Errorf("%d bytes are kept, %d applications known", p.kept, len(p.tenants))
	}
	// A result that is no result keeps nothing.
	failed := job(3, 0)
	failed.Code = `function handler(w) { w.payload = "x".repeat(1 << 21); return w }`
	if _, err := p.Run(t.Context(), failed); err == nil || p.kept != 0 {
		t.Errorf("%v, %d bytes are kept", err, p.kept)
	}
}

// TestApplicationsTakeTurns: one with many endpoints that ask all the time, some of them
// slow now and then, is but one before another application's turn.
func TestApplicationsTakeTurns(t *testing.T) {
	// As in TestEndpointsTakeTurns, whoever looks may be late.
	var waited []int64
	for range 5 {
		during := turnsOfAnotherApplication(t)
		if waited = append(waited, during); during <= 60 {
			return
		}
	}
	t.Errorf("ten runs waited for %v of another application", waited)
}

// turnsOfAnotherApplication returns how many of its runs end during ten of another one's.
func turnsOfAnotherApplication(t *testing.T) int64 {
	t.Helper()
	p := newPool(t, Options{Children: 2, Time: MaxTime})
	ctx, stop := context.WithCancel(t.Context())
	var ended atomic.Int64
	var wait sync.WaitGroup
	for i := range 48 {
		wait.Go(func() {
			for n := uint64(0); ctx.Err() == nil; n++ {
				j := webhookOf(`function handler(w) { if (Math.random() < 0.5) for (let i = 0; i < 3e5; i++); return w }`, `{}`)
				j.Application, j.Endpoint, j.Seed = 1, hook.EndpointID(i), n*48+uint64(i)
				if _, err := p.Run(ctx, j); err == nil {
					ended.Add(1)
				}
			}
		})
	}
	p.until(t, "all wait", func() bool { u := p.tenants[1]; return u != nil && len(u.line) > 40 && ended.Load() > 48 })
	before := ended.Load()
	for range 10 {
		j := webhookOf(`function handler(w) { return w }`, `{}`)
		j.Application, j.Endpoint = 2, 100
		if _, err := p.Run(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	// Two at most are under way at each of the ten, and one comes between.
	during := ended.Load() - before
	stop()
	wait.Wait()
	return during
}
