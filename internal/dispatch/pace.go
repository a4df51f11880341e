package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

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
	perSecond int // 0 for no limit; a negative number is so many a minute
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
	r.next = r.next.Add(r.interval())
}

// interval is the time between two attempts, 0 for no limit.
func (r *rate) interval() time.Duration {
	switch {
	case r.perSecond > 0:
		return time.Second / time.Duration(r.perSecond)
	case r.perSecond < 0:
		return time.Minute / time.Duration(-r.perSecond)
	}
	return 0
}
