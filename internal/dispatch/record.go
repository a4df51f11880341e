package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// longDelay is from when on a delay that a receiver asked for is stored at once.
const longDelay = time.Minute

// maxPause is how long one answer 429 may stop the whole endpoint. The delivery itself
// waits as long as the answer asked for; the others are only held back a while, so
// that one answer cannot silence an endpoint for a day.
const maxPause = time.Minute

// record turns an attempt's outcome into the delivery's new state and hands both to
// the store, and lets the lane learn from it.
func (d *Dispatcher) record(it *item, plan *store.Plan, ep *hook.Endpoint, a *hook.Attempt) {
	settings := &plan.Environment.Settings
	disable := hook.ReasonNone
	if a.Outcome == hook.Gone || a.Wish == hook.WishDisable {
		if settings.DisableEndpointOnGone {
			disable = hook.ReasonGone
		} else if a.Outcome == hook.Gone {
			a.Outcome = hook.Failed // an answer like any other, by the owner's choice
		}
	}
	now := time.Now()
	next := it.due.Delivery.After(a, policyOf(plan, ep, it.due.Message, a), now, d.o.Chance())
	if it.whole == nil { // what is too late of a batch is left out when its time comes
		next = next.Until(it.due.Message.Deadline)
	}
	if o := ep.Order; o != nil && it.isLined() && o.SkipAfter > 0 && next.State == hook.Pending && next.Step >= o.SkipAfter {
		next = next.End(hook.Exhausted, hook.ReasonSkipped)
	}
	if next.State == hook.Pending && next.Trigger == hook.Scheduled {
		a.NextAt = next.NextAt()
	}

	save, failedLong := d.lesson(it, ep, a, now)
	if failedLong && settings.DisableEndpointOnFailure && disable == hook.ReasonNone {
		disable = hook.ReasonDisabled
	}
	d.report(it, next, a)
	if disable != hook.ReasonNone {
		d.disable(it.lane, ep, disable)
	} else if save != nil {
		d.saveFailing(it.lane.tenant.id, it.lane.endpoint, *save)
	}
	announce := d.announcement(it, plan, ep, &next, a)
	urgent := announce != nil || it.isLined() || next.State != hook.Delivered && (next.State.IsFinal() || a.RetryAfter >= longDelay) || a.Outcome == hook.Gone
	it.wipe = settings.WipeDelivered && a.Outcome == hook.Success
	d.recordAlong(it, plan, ep, &next, a)
	d.finish(it, next, a, announce, urgent)
}

// policyOf returns the retry policy that holds after a. What succeeded needs none, and the
// default is a list that is made anew each time.
func policyOf(plan *store.Plan, ep *hook.Endpoint, m *hook.Message, a *hook.Attempt) []time.Duration {
	if a.Outcome == hook.Success {
		return nil
	}
	return plan.RetryPolicy(ep, m.EventType)
}

// lesson lets the lane learn from an attempt. save is the endpoint's streak of failures
// as it is to be stored, nil when nothing about it is new.
func (d *Dispatcher) lesson(it *item, ep *hook.Endpoint, a *hook.Attempt, now time.Time) (save *streak, failedLong bool) {
	l := it.lane
	d.mu.Lock()
	defer d.mu.Unlock()
	full := l.inFlight >= l.width.limit || l.breaker.ramping
	l.width.ended(a, a.StartedAt, now, full, l.breaker.ramping)
	if l.breaker.ramping && l.width.limit >= startWidth {
		l.breaker.ramped()
	}
	switch a.Outcome {
	case hook.Dropped: // says nothing of the receiver
	case hook.Success:
		l.proven = min(l.proven+1, startWidth)
	default:
		l.proven = 0
	}
	switch l.breaker.ended(a, it.probe, now) {
	case opened:
		d.counts.open.Inc()
		d.logLane(slog.LevelWarn, "endpoint rests after failures in a row", l, a.Reason)
	case closed:
		d.counts.open.Dec()
		l.width.limit, l.width.good = 1, 0
		d.logLane(slog.LevelInfo, "endpoint answers again", l, a.Reason)
	}
	if a.Reason == hook.ReasonThrottled && a.RetryAfter > 0 {
		l.pausedUntil = now.Add(min(a.RetryAfter, maxPause))
	}
	if a.Outcome != hook.Success && a.Outcome != hook.Dropped {
		d.trim(l)
	}
	if a.Outcome == hook.Unsendable || a.Outcome == hook.Dropped || a.Reason == hook.ReasonInternal {
		return nil, false
	}
	return l.streak.ended(a.Outcome == hook.Success, saveAfter(l.endpoint), now)
}

// finish hands the end of an item to the store.
func (d *Dispatcher) finish(it *item, next hook.Delivery, a *hook.Attempt, announce *hook.Announcement, urgent bool) {
	it.finished = store.Finished{Delivery: next, Row: it.due.Row, Attempt: a, Slot: it.slot, Urgent: urgent, Feed: it.fed, Wipe: it.wipe, Announce: announce, Done: func(err error) { d.stored(it, err) }}
	for _, m := range it.batch {
		it.finished.With = append(it.finished.With, &m.finished)
	}
	d.mu.Lock()
	for _, m := range it.batch {
		m.ended = true
	}
	it.ended = true
	d.recording++
	d.mu.Unlock()
	d.queue.Finish(&it.finished)
}

// stored is called from the store's writer once an outcome is committed, or could not
// be. From here on the delivery may come up again.
func (d *Dispatcher) stored(it *item, err error) {
	now := time.Now()
	if f := &it.finished; f.Attempt != nil && (err == nil || !isPassing(err)) {
		a := f.Attempt
		if err != nil {
			a = nil
		}
		d.o.Observer.End(it.begun, it.due.Message, &f.Delivery, a)
		for _, m := range it.batch {
			if a != nil {
				a = m.finished.Attempt
			}
			d.o.Observer.End(m.begun, m.due.Message, &m.finished.Delivery, a)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && isPassing(err) && !d.stopping {
		// It is kept and offered again, so that the request is not repeated while we live.
		if len(d.failed) == 0 {
			d.log.Error("an outcome could not be stored and is offered again", telemetry.KeyError, err)
		}
		d.failed = append(d.failed, it)
		d.retryAt = now.Add(retryStore)
		d.before(d.retryAt)
		return
	}
	wasFull := d.recording >= maxRecording
	if d.recording--; d.recording == 0 && d.isLast {
		close(d.recorded)
	}
	if hook.KindOf(err) == hook.Closed {
		return // what the store does not know it finds after the start
	}
	l := it.lane
	if it.fed != nil && err == nil && d.o.Fed != nil {
		d.o.Fed(l.endpoint)
	}
	next := &it.finished.Delivery
	if err == nil && next.Trigger == hook.Manual && next.State == hook.Delivered {
		l.isStale = l.isStale || l.claiming // a claimer may have read the row that it ended
	}
	switch {
	case it.isLined():
		for _, m := range it.members() {
			d.over(m, err, now)
		}
	default:
		d.forget(it)
		if err == nil && next.Trigger == hook.Scheduled && next.State == hook.Pending {
			d.dueAt(l.tenant.id, l.endpoint, next.DueAt, now)
		}
	}
	if l.skipped {
		d.unskip(l)
	}
	d.wantClaim(l)
	d.checkDrained(l)
	if l.isIdle() {
		d.idle(l, now)
	}
	d.madeRoom()
	if wasFull || l.lined > 0 {
		d.launch(now)
	}
	d.gauge()
}

// isPassing reports whether an outcome that the store refused can be stored later. The
// other refusals say that there is nothing left to store it for.
func isPassing(err error) bool {
	switch hook.KindOf(err) {
	case hook.Closed, hook.NotFound:
		return false
	}
	return true
}

// offerAgain hands outcomes to the store that it could not keep. The store must not be
// called under mu, so a goroutine does.
func (d *Dispatcher) offerAgain() {
	failed := d.failed
	d.failed, d.retryAt = nil, time.Time{}
	d.workers.Go(func() {
		for _, it := range failed {
			d.queue.Finish(&it.finished)
		}
	})
}

// levelDelivery is the level of the one line of each attempt.
const levelDelivery = slog.LevelInfo

// report counts and logs one attempt.
func (d *Dispatcher) report(it *item, next hook.Delivery, a *hook.Attempt) {
	d.counts.attempt(it, next.State, a)
	ctx := context.Background()
	if !d.log.Enabled(ctx, levelDelivery) {
		return
	}
	attrs := [...]slog.Attr{
		slog.String(telemetry.KeyAttempt, d.codec.Attempt(a.Application, a.ID)),
		slog.String(telemetry.KeyMessage, d.codec.Message(a.Application, a.Message)),
		slog.String(telemetry.KeyEndpoint, d.codec.Endpoint(a.Application, a.Endpoint)),
		slog.String(telemetry.KeyEventType, it.due.Message.EventType),
		slog.Int(telemetry.KeyN, a.N),
		slog.String(telemetry.KeyTrigger, kindNames[it.kind]),
		slog.String(telemetry.KeyOutcome, a.Outcome.String()),
		slog.Int(telemetry.KeyStatus, a.Status),
		slog.Duration(telemetry.KeyTook, a.Took),
		slog.String(telemetry.KeyState, next.State.String()),
		slog.String(telemetry.KeyReason, a.Reason.String()),
		slog.Time(telemetry.KeyNextAt, a.NextAt),
	}
	n := len(attrs)
	if a.NextAt.IsZero() {
		n--
		if a.Reason == hook.ReasonNone {
			n--
		}
	}
	d.log.LogAttrs(ctx, levelDelivery, "attempt", attrs[:n]...)
}

func (d *Dispatcher) ids(app hook.ApplicationID, it *item, s hook.State, why hook.Reason) []slog.Attr {
	return []slog.Attr{
		slog.String(telemetry.KeyMessage, d.codec.Message(app, it.due.Message.ID)),
		slog.String(telemetry.KeyEndpoint, d.codec.Endpoint(app, it.lane.endpoint)),
		slog.String(telemetry.KeyState, s.String()),
		slog.String(telemetry.KeyReason, why.String()),
	}
}

func (d *Dispatcher) logLane(level slog.Level, text string, l *lane, why hook.Reason) {
	d.log.Log(context.Background(), level, text, telemetry.KeyEndpoint, d.codec.Endpoint(l.tenant.id, l.endpoint), telemetry.KeyReason, why.String())
}
