//go:build unix

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
)

// plan is one load.
type plan struct {
	addr, path, token, eventType string
	webhookSecret                string // "" to publish
	publishers, count, rate      int
	size, keys                   int
	firstSeq                     int64
	limit                        time.Duration
}

// result is what the load saw from its side.
type result struct {
	Sent       int             `json:"sent"`
	Acked      int             `json:"acked"`  // answered 202, or 200 to a webhook
	Failed     int             `json:"failed"` // any other status, or no answer
	Statuses   map[int]int     `json:"statuses"`
	FirstError string          `json:"first_error,omitempty"`
	Seconds    float64         `json:"seconds"`
	AckedRate  float64         `json:"acked_per_second"`
	FirstNanos int64           `json:"first_ns"` // wall clock when the first message was sent
	Ack        measure.Latency `json:"ack"`
	// Late is how long after its due time a message left, when a publisher was free:
	// the generator's own error, part of every latency at a held rate.
	Late measure.Latency `json:"late"`
}

// due is one message that is to be sent.
type due struct {
	seq int64
	at  time.Time
}

// tally is one publisher's share of the result.
type tally struct {
	statuses map[int]int // 0: no answer
	ack      []time.Duration
	late     []time.Duration
	firstErr error
}

// run sends everything and returns when the last answer is in.
func (p plan) run() (*result, error) {
	if p.publishers < 1 || p.count < 1 || p.rate < 0 {
		return nil, fmt.Errorf("need at least one publisher and one message, and no negative rate")
	}
	conns := make([]*conn, p.publishers)
	for i := range conns {
		c, err := dial(p)
		if err != nil {
			return nil, err
		}
		conns[i] = c
		defer c.close()
	}
	began := time.Now()
	next := p.closedLoop(began)
	if p.rate > 0 {
		next = p.openLoop(began)
	}
	tallies := make([]*tally, p.publishers)
	var wg sync.WaitGroup
	for i, c := range conns {
		t := &tally{statuses: make(map[int]int)}
		tallies[i] = t
		wg.Go(func() { p.publish(c, next, t) })
	}
	wg.Wait()
	return p.sum(began, time.Now(), tallies), nil
}

// success is the status that says that a message is on disk.
func (p plan) success() int {
	if p.webhookSecret != "" {
		return 200
	}
	return 202
}

// closedLoop hands out the next number whenever a publisher asks.
func (p plan) closedLoop(began time.Time) func() (due, bool) {
	var taken atomic.Int64
	return func() (due, bool) {
		n := taken.Add(1) - 1
		now := time.Now()
		return due{p.firstSeq + n, now}, n < int64(p.count) && now.Sub(began) < p.limit
	}
}

// openLoop hands out each number when its time has come. The channel holds the
// whole schedule, so the pacer never waits for a publisher.
func (p plan) openLoop(began time.Time) func() (due, bool) {
	schedule := make(chan due, p.count) // the pacer sends and closes
	go func() {
		defer close(schedule)
		pace(began, p.rate, p.count, p.limit, func(n int, at time.Time) {
			schedule <- due{p.firstSeq + int64(n), at}
		})
	}()
	return func() (due, bool) {
		d, ok := <-schedule
		return d, ok
	}
}

// publish sends what next hands out until there is no more.
func (p plan) publish(c *conn, next func() (due, bool), t *tally) {
	payload := measure.NewPayload(p.size)
	payload.Keys = p.keys
	for {
		d, ok := next()
		if !ok {
			return
		}
		if p.rate > 0 {
			t.late = append(t.late, time.Since(d.at))
		}
		status, err := c.post(payload.Set(d.seq, d.at))
		t.statuses[status]++
		if status == p.success() {
			t.ack = append(t.ack, time.Since(d.at))
		}
		if err != nil {
			if t.firstErr == nil {
				t.firstErr = err
			}
			if err := c.redial(); err != nil {
				t.firstErr = err
				return
			}
		}
	}
}

func (p plan) sum(began, ended time.Time, tallies []*tally) *result {
	r := &result{Statuses: make(map[int]int), Seconds: ended.Sub(began).Seconds(), FirstNanos: began.UnixNano()}
	var ack, late []time.Duration
	for _, t := range tallies {
		for status, n := range t.statuses {
			r.Statuses[status] += n
			r.Sent += n
		}
		ack = append(ack, t.ack...)
		late = append(late, t.late...)
		if t.firstErr != nil && r.FirstError == "" {
			r.FirstError = t.firstErr.Error()
		}
	}
	r.Acked = r.Statuses[p.success()]
	r.Failed = r.Sent - r.Acked
	r.AckedRate = float64(r.Acked) / r.Seconds
	r.Ack, r.Late = measure.Summarize(ack), measure.Summarize(late)
	return r
}
