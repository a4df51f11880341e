package receive

import (
	"math"
	"time"
)

// rates are the windows of a source's limits. place.mu guards them.
type rates struct {
	minute, hour window
}

// window counts in the window that began at start, and remembers the one before, so that
// what is allowed slides: at most about limit in any window, and no double burst at its edge.
type window struct {
	start       int64 // Unix nanoseconds
	now, before int
}

// take counts a request, or returns how long until one more is allowed. A request that is
// refused is not counted, or who hammers would never get in. Limits of 0 are none.
func (p *place) take(perMinute, perHour int, at time.Time) time.Duration {
	if perMinute == 0 && perHour == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := max(p.rates.minute.wait(perMinute, time.Minute, at), p.rates.hour.wait(perHour, time.Hour, at))
	if wait == 0 {
		p.rates.minute.now++
		p.rates.hour.now++
	}
	return wait
}

// wait moves the window to at and returns 0 when one more is allowed.
func (w *window) wait(limit int, length time.Duration, at time.Time) time.Duration {
	now, size := at.UnixNano(), int64(length)
	switch passed := now - w.start; {
	case passed < 0 || passed >= 2*size: // also a clock that was set back
		*w = window{start: now}
	case passed >= size:
		*w = window{start: w.start + size, before: w.now}
	}
	if limit == 0 {
		return 0
	}
	passed := float64(now-w.start) / float64(size)
	if float64(w.before)*(1-passed)+float64(w.now)+1 <= float64(limit) {
		return 0
	}
	// The share of the window before must shrink to what is free; when the present one
	// has used everything, that is in the next window, where it is the one before.
	free, old, from := float64(limit-1-w.now), float64(w.before), 0.0
	if free < 0 || old == 0 {
		free, old, from = float64(limit-1), float64(w.now), 1
	}
	until := from + 1 - free/old
	return max(time.Millisecond, time.Duration(math.Ceil((until-passed)*float64(size))))
}
