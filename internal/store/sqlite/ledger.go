package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Append implements store.Ledger.
func (s *Store) Append(ctx context.Context, p *store.Publication) (store.Appended, error) {
	inbound, err := encodeInbound(p.Message.Inbound) // here, because the writer is one for all
	if err != nil {
		return store.Appended{}, err
	}
	a := &appending{publication: p, inbound: inbound, bytes: publicationBytes(p, inbound), done: make(chan struct{}, 1)}
	if err := s.enqueue(ctx, a); err != nil {
		return store.Appended{}, err
	}
	return a.result, a.err
}

// publicationBytes is about how much memory a publication takes while it waits.
func publicationBytes(p *store.Publication, inbound []byte) int64 {
	m := p.Message
	return int64(len(m.Payload) + len(m.RawBody) + len(m.TransformationsParams) + len(inbound) + 64*len(p.Deliveries))
}

// enqueue hands a to the writer and waits for its answer, or says why it was not let in.
func (s *Store) enqueue(ctx context.Context, a *appending) error {
	defer telemetry.Since(s.times.append, time.Now())
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.space.refusal(); err != nil {
		return err
	}
	if err := s.checkpoints.admit(ctx); err != nil {
		return err
	}
	if err := s.intake.addAppend(a); err != nil {
		return err
	}
	// Once it is queued the caller waits, whatever becomes of ctx: the writer uses what a
	// points to, and the answer comes with the next commit.
	<-a.done
	return nil
}

// answer tells who waits how it went.
func (a *appending) answer(err error) {
	if err != nil && a.group != nil {
		for _, p := range a.group.publications {
			p.Message.ID = 0
		}
	} else if err != nil {
		a.publication.Message.ID = 0
	}
	a.err = err
	a.done <- struct{}{}
}

// append writes what a brings into the transaction of the batch.
func (w *writer) append(a *appending) (refusal, err error) {
	if a.group != nil {
		return w.appendGroup(a.group)
	}
	if refusal := w.checkPlan(a.publication); refusal != nil {
		return refusal, nil
	}
	a.result, refusal, err = w.appendOne(a.publication, a.inbound, a.publication.Message.EventID != "")
	return refusal, err
}

// checkPlan refuses a publication whose plan is no longer current.
func (w *writer) checkPlan(p *store.Publication) error {
	switch version, exists := w.s.catalog.currentVersion(p.Message.Application); {
	case !exists:
		return errNotFound()
	case version != p.PlanVersion:
		return hook.Errorf(hook.Stale, "the application has changed since the message was planned")
	}
	return nil
}

// appendOne writes a message with its deliveries. Its plan is current. A refusal is
// KeyReused or, where the message takes its eventId, Conflict.
func (w *writer) appendOne(p *store.Publication, inbound []byte, takesEventID bool) (result store.Appended, refusal, err error) {
	m := p.Message
	key := w.nextKey()
	pen, err := w.pen(w.newest)
	if err != nil {
		return result, nil, err
	}
	if p.Key != nil {
		prior, err := w.takeKey(pen, &takenKey{hash: p.Key.Hash, request: p.Key.Body[:], message: hook.MessageID(key), life: p.Key.Life}, key.Millis())
		if err != nil {
			return result, nil, err
		}
		if prior != nil {
			if !bytes.Equal(prior.request, p.Key.Body[:]) {
				return result, errKeyReused(), nil
			}
			return store.Appended{ID: prior.message, Replayed: true}, nil, nil
		}
	}
	if takesEventID {
		prior, err := w.takeKey(pen, &takenKey{hash: eventIDHash(m.Application, m.EventID), message: hook.MessageID(key), life: hook.EventIDLife}, key.Millis())
		if err != nil {
			return result, nil, err
		}
		if prior != nil {
			if p.Key != nil {
				err = w.freeKey(pen, p.Key, key.Millis())
			}
			return result, hook.Errorf(hook.Conflict, "a message with this eventId exists"), err
		}
	}
	m.ID = hook.MessageID(key)
	pen.keys = pen.keys[:0]
	if len(p.Deliveries) > 1 && !slices.IsSortedFunc(p.Deliveries, byEndpoint) {
		slices.SortFunc(p.Deliveries, byEndpoint)
	}
	for i := range p.Deliveries {
		pen.keys = appendKey(pen.keys, p.Deliveries[i].Endpoint)
	}
	endpoints := pen.keys
	if len(endpoints) == 0 {
		endpoints = nil
	}
	content := contentOf(m, inbound)
	if w.s.catalog.seals(m.Application) {
		content = w.s.content.sealMessage(m.ID, content)
	}
	if err := pen.message(m, endpoints, content); err != nil {
		return result, nil, err
	}
	left := int32(0)
	for i := range p.Deliveries {
		isFresh, err := w.deliver(pen, &p.Deliveries[i], m, key)
		if err != nil {
			return result, nil, err
		}
		if isFresh {
			left++
		}
	}
	if left > 0 {
		w.added = append(w.added, freshEntry{message: m.ID, left: left})
	}
	return store.Appended{ID: m.ID}, nil, nil
}

func byEndpoint(a, b hook.Delivery) int { return cmp.Compare(a.Endpoint, b.Endpoint) }

// deliver gives a planned delivery its place, in memory or in the due table, and reports
// whether it is in memory.
func (w *writer) deliver(p *pen, d *hook.Delivery, m *hook.Message, key hook.Key) (isFresh bool, err error) {
	d.Message, d.Application, d.Fresh = m.ID, m.Application, false
	if d.State != hook.Pending {
		_, err := p.newDelivery(d, time.Time{}, nil)
		return false, err
	}
	if d.Latest != nil && d.DueAt.IsZero() {
		return false, w.deliverLatest(p, d, key.Time())
	}
	if d.Line != 0 && d.DueAt.Before(key.Time()) {
		// In line by the order of commits: no later commit has an earlier place.
		d.DueAt = key.Time()
	}
	if d.DueAt.IsZero() {
		if h := w.handoff.Load(); h != nil && !w.s.held.Load() && (*h).Admit(m.Application, d.Endpoint, m.Size()) {
			d.Fresh = true
			w.handed = append(w.handed, store.Due{Delivery: *d, Message: m})
			return true, nil
		}
		d.DueAt = key.Time()
	}
	if _, err := p.newDelivery(d, d.DueAt, nil); err != nil {
		return false, err
	}
	return false, w.makeDue(p, d, d.DueAt)
}

// makeDue writes a due row and lets the Handoff know after the commit.
func (w *writer) makeDue(p *pen, d *hook.Delivery, at time.Time) error {
	for {
		added, err := p.due(d.Endpoint, at, d.Message, d.Trigger, d.Application)
		if err != nil {
			return err
		}
		if added || d.Trigger == hook.Scheduled { // a pair has one scheduled row
			break
		}
		at = at.Add(time.Millisecond) // two resends in one millisecond are two attempts
	}
	told := store.DueTime{Application: d.Application, Endpoint: d.Endpoint, At: at}
	if now := w.s.o.Now(); d.Line != 0 && at.After(now) && !at.After(w.lastKey.Time()) {
		told.At = now // a place in line, by a clock that runs ahead since the wall's was set back
	}
	w.madeDue = append(w.madeDue, told)
	if d.Trigger == hook.Manual {
		w.asked = append(w.asked, told)
	}
	return nil
}

// nextKey draws a row key.
func (w *writer) nextKey() hook.Key {
	w.lastKey = w.s.keys.Next()
	return w.lastKey
}

// Replay implements store.Ledger. Messages of several segments are in a transaction each;
// the newest one, which commits last, has the receipt. So a crash between them leaves a
// part done without a receipt, and a repeat does the rest.
func (s *Store) Replay(ctx context.Context, r *store.Replay) (int, error) {
	if err := s.space.refusal(); err != nil {
		return 0, err
	}
	made := 0
	err := s.writer.doToEnd(ctx, func(w *writer) error {
		n, err := w.replay(r)
		made = n
		return err
	})
	if err != nil {
		return 0, err
	}
	return made, nil
}

func (w *writer) replay(r *store.Replay) (made int, err error) {
	now := w.nextKey().Time()
	last := w.newest
	var todo []*storedMessage
	for i, id := range r.Messages {
		m, p, err := w.replayable(r, id, now)
		if err != nil {
			if len(r.Messages) == 1 || hook.KindOf(err) == hook.Internal {
				return 0, err
			}
			continue
		}
		if i == 0 || p.first > last.first {
			last = w.s.segmentOf(p.first)
		}
		todo = append(todo, m)
	}
	if r.Receipt != nil {
		p, err := w.pen(last)
		if err != nil {
			return 0, err
		}
		prior, err := w.takeKey(p, &takenKey{
			hash: r.Receipt.Key.Hash, request: r.Receipt.Key.Body[:], life: min(r.Receipt.Key.Life, hook.EventIDLife), status: r.Receipt.Status,
			answer: w.s.o.Sealer.Seal(r.Receipt.Body, receiptContext(r.Receipt.Key)),
		}, now.UnixMilli())
		if err != nil {
			return 0, err
		}
		if prior != nil {
			if !bytes.Equal(prior.request, r.Receipt.Key.Body[:]) {
				return 0, errKeyReused()
			}
			return 0, hook.Errorf(hook.Conflict, "a request with this Idempotency-Key has just been answered; repeat it to get that answer")
		}
	}
	for _, m := range todo {
		added, err := w.replayOne(r, m, now)
		if err != nil {
			return made, err
		}
		if added {
			made++
		}
	}
	return made, nil
}

// replayable returns a message that can be sent again, without its content.
func (w *writer) replayable(r *store.Replay, id hook.MessageID, now time.Time) (*storedMessage, *pen, error) {
	p, err := w.penOf(id)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, errNotFound()
	}
	m, err := messageIn(p.conn, r.Application, id, nil)
	if err != nil {
		return nil, nil, err
	}
	if !m.HasContent(now) {
		return nil, nil, hook.Errorf(hook.MissingPayload, "the message's content was removed or has expired")
	}
	return m, p, nil
}

// lineOf returns the line in which a replayed message stands: the one that it was in, or what
// its endpoint's present order says. A resend stands in none.
func (w *writer) lineOf(r *store.Replay, p *pen, id hook.MessageID, was hook.Line) (hook.Line, error) {
	if was != 0 || r.Line == nil || r.Trigger == hook.Manual {
		return was, nil
	}
	m, err := messageIn(p.conn, r.Application, id, w.s.content)
	if err != nil {
		return 0, err
	}
	return r.Line(&m.Message), nil
}

// replayOne makes one message due at the endpoint, and reports false when it is pending
// already, or too late to matter: a round that ends before its first attempt would only make
// a failure of what was delivered in time.
func (w *writer) replayOne(r *store.Replay, m *storedMessage, now time.Time) (bool, error) {
	p, err := w.penOf(m.ID)
	if err != nil {
		return false, err
	}
	d, err := deliveryIn(p.conn, r.Endpoint, m.ID)
	if err != nil {
		return false, err
	}
	if !r.DueAt.IsZero() {
		now = r.DueAt.Truncate(time.Millisecond)
	}
	if r.Trigger == hook.Scheduled && m.IsLate(now) {
		return false, nil
	}
	next := hook.Delivery{Message: m.ID, Application: r.Application, Endpoint: r.Endpoint, DueAt: now, Trigger: r.Trigger}
	if r.Trigger == hook.Scheduled {
		next.Reason = hook.ReasonReplay
	}
	if d == nil && !slices.Contains(m.endpoints, r.Endpoint) {
		// The pair becomes one of the message's, with a row, so that it is not taken for fresh.
		m.endpoints = append(m.endpoints, r.Endpoint)
		slices.Sort(m.endpoints)
		if next.Line, err = w.lineOf(r, p, m.ID, 0); err != nil {
			return false, err
		}
		if err := p.setEndpoints(m); err != nil {
			return false, err
		}
		if _, err := p.newDelivery(&next, now, nil); err != nil {
			return false, err
		}
		return true, w.makeDue(p, &next, now)
	}
	if r.Trigger == hook.Manual {
		return true, w.makeDue(p, &next, now)
	}
	if d == nil || !d.State.IsFinal() {
		return false, nil
	}
	if d.State == hook.Exhausted && len(d.attempts) > 0 {
		next.Reason = d.Reason // why the last attempt failed, which says how the round before ended
	}
	// It joins its line anew, at the time of the replay.
	if next.Line, err = w.lineOf(r, p, m.ID, d.Line); err != nil {
		return false, err
	}
	if err := p.setDelivery(&next, now, encodeKeys(d.attempts)); err != nil {
		return false, err
	}
	return true, w.makeDue(p, &next, now)
}
