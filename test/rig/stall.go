//go:build unix

package rig

import (
	"os"
	"sync"
	"testing"
	"time"
)

// Stalls watches the machine, not the server: every few milliseconds it writes
// and flushes 4 KiB on the same disk, and notes how long that took from one time
// to the next. On a shared machine a flush may hang for a second and a process may
// not get a processor; what the server had no chance to commit in time is then no
// fault of it.
type Stalls struct {
	mu   sync.Mutex
	gaps []gap // only those above gapNoted
}

type gap struct{ from, to time.Time }

const (
	probeEvery = 5 * time.Millisecond
	gapNoted   = 4 * probeEvery
)

// WatchStalls probes in dir until the test ends.
func WatchStalls(tb testing.TB, dir string) *Stalls {
	tb.Helper()
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		tb.Fatal(err)
	}
	s := new(Stalls)
	quit, done := make(chan struct{}), make(chan struct{})
	tb.Cleanup(func() {
		close(quit)
		<-done
		f.Close()
		os.Remove(f.Name())
	})
	go func() {
		defer close(done)
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		block := make([]byte, 4096)
		last := time.Now()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if _, err := f.WriteAt(block, 0); err != nil {
				return
			}
			if err := f.Sync(); err != nil {
				return
			}
			now := time.Now()
			if now.Sub(last) > gapNoted {
				s.mu.Lock()
				s.gaps = append(s.gaps, gap{last, now})
				s.mu.Unlock()
			}
			last = now
		}
	}()
	return s
}

// Around is how long, together, the machine stood still in the span given.
func (s *Stalls) Around(from, to time.Time) time.Duration {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum time.Duration
	for _, g := range s.gaps {
		if g.to.After(from) && g.from.Before(to) {
			sum += g.to.Sub(g.from)
		}
	}
	return sum
}
