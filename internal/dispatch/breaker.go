package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
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
	if a.Outcome == hook.Unsendable || a.Outcome == hook.Dropped || a.Reason == hook.ReasonInternal || a.Reason.IsTransformation() {
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

// streak is an endpoint's failures without a success in between, over days. It
// outlives the lane in the catalogue.
type streak struct {
	since  time.Time // zero for none
	saved  bool
	warned int // of the streak in the catalogue, see hook.Warnings
}

// saveAfter is the age at which an endpoint's streak goes to the catalogue: at least a
// minute, which keeps short troubles out of it, and up to ten, by endpoint, because each
// change there makes the application's plan be read anew, and endpoints that hang
// together would otherwise all come in the same second.
func saveAfter(ep hook.EndpointID) time.Duration {
	const spread = uint64(9 * time.Minute)
	return time.Minute + time.Duration(uint64(ep)*0x9E3779B97F4A7C15>>1%spread) // Fibonacci hashing
}

// start takes over what the catalogue knows, when the lane is new.
func (s *streak) start(ep *hook.Endpoint) {
	*s = streak{since: ep.FailingSince, saved: !ep.FailingSince.IsZero(), warned: ep.Warned}
}

func (s *streak) isUnsaved() bool { return !s.since.IsZero() && !s.saved }

// save is the streak as it is to be stored, with the warning that is due at now.
func (s *streak) save(now time.Time) *streak {
	s.saved, s.warned = true, hook.Warnings(s.since, now)
	kept := *s
	return &kept
}

// ended adds an attempt. save is what to store, nil for nothing; failedLong says that
// the endpoint has failed for so long that it is to be disabled (hook.ShouldDisable).
func (s *streak) ended(success bool, saveAfter time.Duration, now time.Time) (save *streak, failedLong bool) {
	if success {
		wasSaved := s.saved
		*s = streak{}
		if wasSaved {
			return &streak{}, false
		}
		return nil, false
	}
	if s.since.IsZero() {
		s.since = now
	}
	if s.isUnsaved() && now.Sub(s.since) >= saveAfter || s.saved && hook.Warnings(s.since, now) > s.warned {
		save = s.save(now)
	}
	return save, hook.ShouldDisable(s.since, now)
}

// storeTimeout bounds the small changes of the catalogue that a worker makes.
const storeTimeout = 10 * time.Second

// saveFailing stores a streak and its warning, or with the zero value its end. What could
// not be stored is stored with the next failure.
func (d *Dispatcher) saveFailing(app hook.ApplicationID, ep hook.EndpointID, s streak) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.sending), storeTimeout)
	defer cancel()
	err := d.catalog.SetFailing(ctx, app, ep, s.since, s.warned)
	if err == nil || hook.KindOf(err) == hook.NotFound {
		return
	}
	d.log.Error("store since when an endpoint fails", telemetry.KeyEndpoint, d.codec.Endpoint(app, ep), telemetry.KeyError, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.lanes[ep]; l != nil && l.streak == s {
		l.streak.saved = false
	}
}

var errUnchanged = errors.New("the endpoint was changed meanwhile")

// disable disables an endpoint, durably, while its lane waits. What the owner changed
// since the attempt began stands: another URL did not fail.
func (d *Dispatcher) disable(l *lane, ep *hook.Endpoint, why hook.Reason) {
	d.mu.Lock()
	l.isDisabling = true
	l.streak = streak{}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.sending), storeTimeout)
	defer cancel()
	_, err := d.catalog.UpdateEndpoint(ctx, l.tenant.id, l.endpoint, nil, func(e *hook.Endpoint) error {
		if e.Disabled || e.URL != ep.URL {
			return errUnchanged
		}
		e.Disabled, e.DisabledBy, e.FailingSince, e.UpdatedAt = true, why, time.Time{}, time.Now()
		return nil
	})
	switch {
	case err == nil:
		d.logLane(slog.LevelWarn, "endpoint disabled", l, why)
	case !errors.Is(err, errUnchanged) && hook.KindOf(err) != hook.NotFound:
		d.logLane(slog.LevelError, "disable an endpoint: "+err.Error(), l, why)
	}
	d.mu.Lock()
	l.isDisabling = false
	d.makeReady(l)
	d.mu.Unlock()
}
