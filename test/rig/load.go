//go:build unix

package rig

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// Load publishes messages at a held rate and enters each in a Ledger.
type Load struct {
	API    *API
	Ledger *Ledger
	App    string
	// PerSecond is the rate. Zero: as fast as Workers can, one after the other.
	PerSecond int
	// Count ends the load after so many publishes. Zero: until ctx ends.
	Count int
	// Workers is how many publishes may be open at once. Zero: 32. When all are
	// busy the load falls behind its rate; it does not pile up requests.
	Workers int
	// Pad is how many bytes of filling each payload gets.
	Pad int
	// Channels chooses the channels of a message; nil sends none.
	Channels func(seq int64) []string
}

// Run publishes until ctx ends or Count is reached, waits for the answers that are
// still open, and returns the first error of the ledger itself. What the server
// answers, or that it does not, is not an error here: it stands in the ledger.
func (l Load) Run(ctx context.Context) error {
	workers := l.Workers
	if workers == 0 {
		workers = 32
	}
	due := make(chan struct{}) // Run sends and closes; unbuffered, so a late worker delays the rate
	var wg sync.WaitGroup
	var mu sync.Mutex
	var firstErr error
	for range workers {
		wg.Go(func() {
			for range due {
				if err := l.one(); err != nil {
					mu.Lock()
					if firstErr == nil {
						firstErr = err
					}
					mu.Unlock()
				}
			}
		})
	}
	l.pace(ctx, due)
	close(due)
	wg.Wait()
	return firstErr
}

// pace hands out one publish after the other, each at its time.
func (l Load) pace(ctx context.Context, due chan<- struct{}) {
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; l.Count == 0 || n < l.Count; n++ {
		if l.PerSecond > 0 {
			at := began.Add(time.Duration(n) * time.Second / time.Duration(l.PerSecond))
			if wait := time.Until(at); wait > 0 {
				timer.Reset(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					return
				}
			}
		}
		select {
		case due <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// one publishes one message.
func (l Load) one() error {
	seq := l.Ledger.Begin(l.App)
	var channels []string
	if l.Channels != nil {
		channels = l.Channels(seq)
		l.Ledger.setChannels(seq, channels)
	}
	body, err := json.Marshal(Payload{Seq: seq, At: time.Now().UnixNano(), Pad: strings.Repeat("x", l.Pad)})
	if err != nil {
		return err
	}
	status, id, err := l.API.Publish(l.App, MessageIn{EventType: "test.event", Payload: body, Channels: channels})
	if err != nil {
		// The server is down or was killed in the middle. A short pause keeps the
		// refused connections from using up the processor that the restart needs.
		time.Sleep(2 * time.Millisecond)
		return l.Ledger.Done(seq, 0, "")
	}
	return l.Ledger.Done(seq, status, id)
}
