package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// openAfter failures in a row open a lane's breaker.
	openAfter = 10
	// reopenAfter failures in a row open it again while it ramps up. More than one, or an
	// endpoint that fails now and then would never get through the ramp.
	reopenAfter = 3
	// An open lane is probed once a second at first, then ever less, down to once a minute.
	firstProbe = time.Second
	lastProbe  = time.Minute
)

// breaker leaves an endpoint in peace that fails as a whole. While it is open, due
// work stays where it is and consumes no attempt, except for one probe at a time.
type breaker struct {
	failures int // in a row, of the kind that count
	open     bool
	interval time.Duration // between probes
	probeAt  time.Time
	ramping  bool // was open; the width is growing again
}

// change is what an attempt did to a breaker.
type change uint8

const (
	unchanged change = iota
	opened
	closed
)

// ended tells the breaker of an attempt that was or was not a probe.
func (b *breaker) ended(a *hook.Attempt, probe bool, now time.Time) change {
	if a.Outcome == hook.Unsendable || a.Reason == hook.ReasonInternal {
		if b.open && probe {
			b.probeAt = now.Add(b.interval) // nothing was sent, so nothing was learned
		}
		return unchanged
	}
	if a.Outcome == hook.Success || !a.Reason.CountsForBreaker() {
		// An answer that disliked the message is still an answer.
		b.failures = 0
		if b.open {
			b.open, b.ramping = false, true
			return closed
		}
		return unchanged
	}
	b.failures++
	switch {
	case b.open && probe:
		b.interval = min(2*b.interval, lastProbe)
		b.probeAt = now.Add(b.interval)
	case b.open:
		// Was on its way when the lane opened.
	case b.failures >= openAfter, b.ramping && b.failures >= reopenAfter:
		b.interval = max(b.interval, firstProbe)
		b.open, b.ramping, b.probeAt = true, false, now.Add(b.interval)
		return opened
	}
	return unchanged
}

// ramped ends the ramp: the next trouble starts with a probe each second again.
func (b *breaker) ramped() { b.ramping, b.interval = false, 0 }

// Bounds of the attempts at once in one lane.
const (
	startWidth = 16
	maxWidth   = 256
	// narrowAfter time-outs in a row leave one attempt at a time.
	narrowAfter = 5
)

// width is how many attempts a lane may have under way: it grows by one for each
// round of good answers while all of it is in use, and halves when the receiver says
// that it is too much (additive increase, multiplicative decrease; Chiu and Jain, 1989).
type width struct {
	limit    int
	good     int // answers since the last growth
	timeouts int // in a row
	cutAt    time.Time
}

// ended tells the width of an attempt that began at started; full says that the lane
// had used all of its width, ramping that each answer may widen it.
func (w *width) ended(a *hook.Attempt, started, now time.Time, full, ramping bool) {
	switch {
	case a.Reason.IsTimeout():
		if w.timeouts++; w.timeouts >= narrowAfter {
			w.limit = 1
		}
		w.cut(started, now)
	case a.Reason == hook.ReasonThrottled:
		w.timeouts = 0
		w.cut(started, now)
	case a.Outcome == hook.Success:
		w.timeouts = 0
		if w.good++; ramping && w.limit < startWidth || full && w.good >= w.limit && w.limit < maxWidth {
			w.limit++
			w.good = 0
		}
	}
}

// cut halves the width, once for all attempts that were under way together.
func (w *width) cut(started, now time.Time) {
	w.good = 0
	if !started.Before(w.cutAt) {
		w.limit, w.cutAt = max(1, w.limit/2), now
	}
}

// rateSlack is how far a lane may run ahead of its rate, to make up for timers that
// come late: 2 % of a second.
const rateSlack = 20 * time.Millisecond

// rate spaces attempts evenly (GCRA; ITU-T I.371): any span of s seconds has at most
// perSecond*(s+0.02)+1 attempts.
type rate struct {
	perSecond int // 0 for no limit
	next      time.Time
}

// wait returns how long the next attempt must wait at now, 0 for not at all.
func (r *rate) wait(now time.Time) time.Duration {
	if r.perSecond == 0 {
		return 0
	}
	return max(0, r.next.Sub(now)-rateSlack)
}

// spend counts one attempt at now.
func (r *rate) spend(now time.Time) {
	if r.perSecond == 0 {
		return
	}
	if r.next.Before(now) {
		r.next = now
	}
	r.next = r.next.Add(time.Second / time.Duration(r.perSecond))
}
