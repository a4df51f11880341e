package dispatch

import (
	"time"
)

// gauge shows what is in memory. The caller holds mu.
func (d *Dispatcher) gauge() {
	d.counts.fresh.Set(float64(d.fresh.count))
	d.counts.claimed.Set(float64(d.claimed.count))
	d.counts.recording.Set(float64(d.recording))
	d.counts.active.Set(float64(len(d.lanes)))
}

// oldestDue returns by how many seconds the most overdue delivery is late that could be
// sent. What waits for an endpoint that does not answer is not late.
func (d *Dispatcher) oldestDue() float64 {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	var oldest time.Time
	if _, at, ok := d.due.first(); ok {
		oldest = at
	}
	for _, l := range d.lanes {
		if l.breaker.open || l.isHeld || now.Before(l.pausedUntil) {
			continue
		}
		for q := range drainQueue { // what is sent at a pace is not late
			if it := l.queue[q].head; it != nil && it.isFresh() {
				oldest = earliest(oldest, it.due.Message.Time())
			} else if it != nil {
				oldest = earliest(oldest, it.due.Delivery.DueAt)
			}
		}
		for _, ln := range l.lines {
			if ln.canGo() {
				oldest = earliest(oldest, ln.head.due.Delivery.NextAt())
			}
		}
	}
	if oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(oldest).Seconds())
}
