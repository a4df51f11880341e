package dispatch

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// What an ended attempt is counted as: hook.Outcome, and three that are not outcomes.
const (
	exhaustedOutcome = iota + 5 // failed, and no attempt is left
	skippedOutcome              // ended without an attempt
	fedOutcome                  // handed over to those who fetch
	outcomes
)

var outcomeNames = [outcomes]string{
	hook.Failed: "failed", hook.Success: "success", hook.Gone: "gone", hook.Unsendable: "unsendable", hook.Dropped: "dropped",
	exhaustedOutcome: "exhausted", skippedOutcome: "skipped", fedOutcome: "fed",
}

// counts holds the metrics' children, so that an attempt looks up no labels.
type counts struct {
	m                                                 *telemetry.Metrics
	fresh, claimed, recording, inFlight, active, open prometheus.Gauge
	deliveries                                        [outcomes][kinds][64]atomic.Pointer[prometheus.Counter]
	duration                                          [outcomes][kinds]atomic.Pointer[prometheus.Observer]
}

func newCounts(m *telemetry.Metrics) *counts {
	return &counts{
		m:         m,
		fresh:     m.QueueDepth.WithLabelValues("fresh"),
		claimed:   m.QueueDepth.WithLabelValues("claimed"),
		recording: m.QueueDepth.WithLabelValues("recording"),
		inFlight:  m.AttemptsInFlight,
		active:    m.Endpoints.WithLabelValues("active"),
		open:      m.Endpoints.WithLabelValues("open"),
	}
}

// attempt counts an ended attempt.
func (c *counts) attempt(it *item, s hook.State, a *hook.Attempt) {
	outcome := int(a.Outcome)
	if a.Outcome == hook.Failed && s == hook.Exhausted && a.Trigger == hook.Scheduled {
		outcome = exhaustedOutcome
	}
	c.ended(it.kind, outcome, a.Reason)
	slot := &c.duration[outcome][it.kind]
	o := slot.Load()
	if o == nil {
		child := c.m.DeliveryDuration.WithLabelValues(kindNames[it.kind], outcomeNames[outcome])
		o = &child
		slot.Store(o)
	}
	(*o).Observe(a.Took.Seconds())
	if a.Outcome == hook.Success && it.kind != replay && it.kind != manual && it.due.Message.DeliverAt.IsZero() {
		c.m.DeliveryEndToEnd.Observe(a.StartedAt.Add(a.Took).Sub(it.due.Message.Time()).Seconds())
	}
}

// ended counts the end of an attempt or of a delivery. Series appear when they are
// first counted, so that most of the many combinations never do.
func (c *counts) ended(k kind, outcome int, why hook.Reason) {
	slot := &c.deliveries[outcome][k][why]
	n := slot.Load()
	if n == nil {
		child := c.m.Deliveries.WithLabelValues(outcomeNames[outcome], why.String(), kindNames[k])
		n = &child
		slot.Store(n)
	}
	(*n).Inc()
}

// Throttled returns since when the rate of an endpoint has held back its deliveries, zero
// when it does not.
func (d *Dispatcher) Throttled(ep hook.EndpointID) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[ep]
	if l == nil || l.waiting() == 0 && !l.isBehind {
		return time.Time{}
	}
	return l.throttledAt
}

// Waiting counts, by application, the deliveries in memory that have no row of their own,
// those that are being tried included.
func (d *Dispatcher) Waiting() map[hook.ApplicationID]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[hook.ApplicationID]int64, len(d.tenants))
	for id, t := range d.tenants {
		if t.fresh > 0 {
			out[id] = int64(t.fresh)
		}
	}
	return out
}

// Depth is what waits, as the dispatcher knows it.
type Depth struct {
	// Fresh are deliveries in memory without a row of their own, those that are being tried included.
	Fresh int
	// InFlight are being tried, Recording have ended and are being written down.
	InFlight, Recording int
	// OldestDue is by how much the most overdue delivery is late that could be sent, zero for none.
	OldestDue time.Duration
	// IsHeld: an operator has stopped all sending of this store.
	IsHeld bool
	// Held are endpoints on hold for which something waits, at most as many as were asked for;
	// HeldCount counts them all.
	Held      []hook.EndpointID
	HeldCount int
}

// Depth says what waits, with up to most of the endpoints that are on hold.
func (d *Dispatcher) Depth(most int) Depth {
	late := d.oldestDue()
	d.mu.Lock()
	defer d.mu.Unlock()
	out := Depth{Fresh: d.fresh.count, InFlight: d.inFlight, Recording: d.recording, IsHeld: d.held, OldestDue: time.Duration(late * float64(time.Second))}
	for _, endpoints := range d.gated {
		out.HeldCount += len(endpoints)
		for ep := range endpoints {
			if len(out.Held) == most {
				break
			}
			out.Held = append(out.Held, ep)
		}
	}
	return out
}

// Breaker says whether an endpoint rests after failures in a row.
func (d *Dispatcher) Breaker(ep hook.EndpointID) (b hook.Breaker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[ep]
	if l == nil {
		return b
	}
	b = hook.Breaker{Failures: l.breaker.failures, IsOpen: l.breaker.open, IsRecovering: l.breaker.ramping}
	if b.IsOpen {
		b.ProbeAt = l.breaker.probeAt
	}
	return b
}
