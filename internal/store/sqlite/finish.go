package sqlite

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Finish implements store.Queue.
func (s *Store) Finish(list ...*store.Finished) {
	if len(list) == 0 {
		return
	}
	if err := s.intake.addFinished(list); err != nil {
		for _, f := range list {
			if f.Done != nil {
				f.Done(err)
			}
		}
	}
}

// finish writes an outcome into the transaction of the batch.
func (w *writer) finish(f *store.Finished) (refusal, err error) {
	refusal, err = w.finishAlone(f)
	for _, other := range f.With {
		// They lie in the same segment, so that none is refused but with the first.
		if refusal == nil && err == nil {
			refusal, err = w.finishAlone(other)
		}
	}
	return refusal, err
}

func (w *writer) finishAlone(f *store.Finished) (refusal, err error) {
	refusal, err = w.finishOne(f)
	if f.Wipe && refusal == nil && err == nil {
		err = w.wipe(f.Delivery.Message)
	}
	return refusal, err
}

// wipe removes the payload of a message whose deliveries have all succeeded. It reads the
// message's row and a row of each of its deliveries, and writes the message's row once.
func (w *writer) wipe(id hook.MessageID) error {
	p, err := w.penOf(id)
	if err != nil || p == nil {
		return err
	}
	// Handed over is not yet fetched.
	if fed, err := isFed(p.conn, id); err != nil || fed {
		return err
	}
	endpoints, err := endpointsOf(p.conn, id)
	if err != nil {
		return err
	}
	for _, ep := range endpoints {
		d, err := deliveryIn(p.conn, ep, id)
		if err != nil || d == nil || d.State != hook.Delivered {
			return err
		}
	}
	return expungeContent(p.conn, id)
}

func (w *writer) finishOne(f *store.Finished) (refusal, err error) {
	d := &f.Delivery
	p, err := w.penOf(d.Message)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return hook.Errorf(hook.NotFound, "the message's segment was dropped"), nil
	}
	var attempt []byte
	if a := f.Attempt; a != nil {
		if a.ID == 0 {
			a.ID = hook.AttemptID(w.nextKey())
		}
		p.scratch = appendKey(p.scratch[:0], a.ID)
		attempt = p.scratch
	}
	live := true // the delivery is as the caller knows it, so its new state counts
	if f.Row == (store.DueKey{}) {
		// The usual way: a first try, whose row is written once and for all.
		added, err := p.newDelivery(d, waitsUntil(d), attempt)
		if err != nil {
			return nil, err
		}
		if added {
			w.resolved = append(w.resolved, resolvedEntry{message: d.Message, pen: p})
			return nil, w.finishRest(p, f)
		}
	} else {
		if live, err = p.notDue(d.Endpoint, f.Row.DueAt, d.Message, f.Row.Trigger); err != nil {
			return nil, err
		}
		w.thinned(p)
	}
	old, err := deliveryIn(p.conn, d.Endpoint, d.Message)
	if err != nil {
		return nil, err
	}
	switch {
	case d.Trigger == hook.Manual:
		return nil, w.finishManual(p, f, old, attempt)
	case f.Row == (store.DueKey{}):
		live = old.Fresh // else it was spilled, or ended, by somebody else meanwhile
		if live {
			w.resolved = append(w.resolved, resolvedEntry{message: d.Message, pen: p})
		}
	case old == nil: // a due row without a delivery is nothing that this store writes
		if _, err := p.newDelivery(d, waitsUntil(d), attempt); err != nil {
			return nil, err
		}
		return nil, w.finishRest(p, f)
	}
	return nil, w.finishScheduled(p, f, old, live, attempt)
}

// waitsUntil is when a delivery is due again, zero when it is not.
func waitsUntil(d *hook.Delivery) time.Time {
	if d.State != hook.Pending {
		return time.Time{}
	}
	return d.DueAt
}

// finishRest writes what every outcome that counts has beside the delivery: its attempt or
// its place in a feed, what is to be told about it, and a due row when there is a next one.
func (w *writer) finishRest(p *pen, f *store.Finished) error {
	if err := w.feed(p, f); err != nil {
		return err
	}
	if err := w.announce(p, f.Announce); err != nil {
		return err
	}
	if f.Attempt != nil {
		if err := w.attempt(p, f.Attempt); err != nil {
			return err
		}
	}
	d := &f.Delivery
	if at := waitsUntil(d); !at.IsZero() {
		_, err := p.due(d.Endpoint, at, d.Message, hook.Scheduled, d.Application)
		return err
	}
	return nil
}

// attempt writes an ended attempt, sealed where its environment wants that.
func (w *writer) attempt(p *pen, a *hook.Attempt) error {
	a = w.withoutAnswer(a)
	content := answerOf(a)
	if w.s.catalog.seals(a.Application) {
		content = w.s.content.sealAnswer(a)
	}
	return p.attempt(a, content)
}

// finishScheduled merges an outcome of the schedule into the row of its pair. A pair shows
// its best state: Delivered stays, and what was ended or begun anew by somebody else is
// not undone by a failure.
func (w *writer) finishScheduled(p *pen, f *store.Finished, old *storedDelivery, live bool, attempt []byte) error {
	d := f.Delivery
	attempts := append(encodeKeys(old.attempts), attempt...)
	if live && !old.State.IsFinal() {
		if err := p.setDelivery(&d, waitsUntil(&d), attempts); err != nil {
			return err
		}
		return w.finishRest(p, f)
	}
	if f.Feed != nil {
		return nil // nothing was sent that somebody else's decision comes too late for
	}
	next := old.Delivery
	if d.State == hook.Delivered {
		if err := w.endSchedule(p, old); err != nil {
			return err
		}
		if old.State != hook.Delivered {
			if err := w.announce(p, f.Announce); err != nil {
				return err
			}
		}
		next.State, next.Reason, next.Note, next.DueAt = hook.Delivered, hook.ReasonNone, "", time.Time{}
	}
	return w.finishBeside(p, f, &next, attempts)
}

// finishManual records a resend: one attempt beside the schedule. Success, or one more place
// in a feed, makes the pair Delivered and ends its schedule; a failure changes nothing but the
// list of attempts.
func (w *writer) finishManual(p *pen, f *store.Finished, old *storedDelivery, attempt []byte) error {
	d := f.Delivery
	succeeded := f.Feed != nil || f.Attempt != nil && f.Attempt.Outcome == hook.Success
	if err := w.feed(p, f); err != nil {
		return err
	}
	if old == nil {
		// The pair's own delivery is fresh. A success ends it; else it stays fresh, with a
		// row that is Pending without a time (see storedDelivery.Fresh).
		next := hook.Delivery{Message: d.Message, Application: d.Application, Endpoint: d.Endpoint}
		if succeeded {
			next.State = hook.Delivered
			w.resolved = append(w.resolved, resolvedEntry{message: d.Message, pen: p})
			if err := w.announce(p, f.Announce); err != nil {
				return err
			}
		} else if attempt == nil {
			return nil
		}
		if _, err := p.newDelivery(&next, time.Time{}, attempt); err != nil || f.Attempt == nil {
			return err
		}
		return w.attempt(p, f.Attempt)
	}
	attempts := append(encodeKeys(old.attempts), attempt...)
	next := old.Delivery
	if d.Reason == hook.ReasonSenderCrashed { // given up: the next resend is a new one
		next.Crashes = 0
	}
	switch {
	case succeeded:
		if old.Fresh {
			w.resolved = append(w.resolved, resolvedEntry{message: d.Message, pen: p})
		}
		if err := w.endSchedule(p, old); err != nil {
			return err
		}
		if old.State != hook.Delivered {
			if err := w.announce(p, f.Announce); err != nil {
				return err
			}
		}
		next.State, next.Reason, next.Note, next.DueAt = hook.Delivered, hook.ReasonNone, "", time.Time{}
	case old.State == hook.Pending && !old.Fresh:
		// A pair that exists only for this resend has no row of a schedule, so nothing else
		// will end it.
		scheduled, err := p.hasDue(d.Endpoint, old.DueAt.UnixMilli(), d.Message, hook.Scheduled)
		if err != nil {
			return err
		}
		if scheduled {
			break
		}
		next.State, next.Reason, next.Note, next.DueAt = hook.Exhausted, d.Reason, d.Note, time.Time{}
		if d.State.IsFinal() {
			next.State = d.State
		}
	}
	return w.finishBeside(p, f, &next, attempts)
}

// finishBeside writes an attempt whose outcome does not decide the state of the pair alone.
func (w *writer) finishBeside(p *pen, f *store.Finished, next *hook.Delivery, attempts []byte) error {
	if f.Attempt != nil {
		next.Crashes = 0
	}
	if err := p.setDelivery(next, next.DueAt, attempts); err != nil || f.Attempt == nil {
		return err
	}
	return w.attempt(p, f.Attempt)
}

// endSchedule removes the due row of a pair's schedule, if it has one.
func (w *writer) endSchedule(p *pen, d *storedDelivery) error {
	if d.State != hook.Pending || d.DueAt.IsZero() {
		return nil
	}
	_, err := p.notDue(d.Endpoint, d.DueAt.UnixMilli(), d.Message, hook.Scheduled)
	return err
}
