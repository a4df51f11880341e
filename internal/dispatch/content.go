package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// What waits in a line may wait for days. Its message need not stay in memory for that long,
// and must not be sent as it was read then, since its content may have been removed meanwhile.
const (
	// readAgainAfter is for how long a message in memory is taken for what the store has. It
	// is less than the store remembers which messages were expunged (store.Retention).
	readAgainAfter = 10 * time.Minute
	// layDownAfter is how long a head must have to wait for the content of its line to be
	// laid down.
	layDownAfter = time.Minute
)

// contentBytes is how large the content of an item's message is, in memory or not.
func (it *item) contentBytes() int {
	if it.isBare {
		return it.bareBytes
	}
	return it.due.Message.Size()
}

// layDown frees the content of an item's message. What decides about its place in a request
// stays: its deadline, its end, and whether it was received.
func (l *lane) layDown(it *item) {
	if it.isBare || it.isFresh() {
		return
	}
	it.bareBytes = it.due.Message.Size()
	bare := *it.due.Message // others share it
	bare.Payload, bare.RawBody, bare.TransformationsParams = nil, nil, nil
	if bare.Inbound != nil {
		bare.Inbound = &hook.Inbound{}
	}
	it.due.Message, it.isBare = &bare, true
	l.resize(it, footprint(&bare))
}

// resize sets what an item counts for.
func (l *lane) resize(it *item, size int) {
	if it.isFresh() {
		return // its place was reserved before
	}
	more := size - it.size
	it.size = size
	l.claimed.bytes += more
	if it.waits {
		l.linedBytes += more
		l.tenant.linedBytes += more
	}
}

// layDownLine frees the content of a line that rests for long.
func (l *lane) layDownLine(ln *line) {
	if ln.whole == 0 {
		return
	}
	for it := ln.head; it != nil; it = it.next {
		l.layDown(it)
	}
	ln.whole = 0
}

// readAgain reads the message of an item that is about to be sent, where its content was
// laid down or is too old to be sent unseen. It reports false after trouble with the store.
func (d *Dispatcher) readAgain(it *item) bool {
	now := time.Now()
	if !it.isBare && now.Sub(it.since) < readAgainAfter {
		return true
	}
	app := it.lane.tenant.id
	m, err := d.queue.Message(d.sending, app, it.due.Message.ID)
	switch {
	case err == nil:
	case hook.KindOf(err) == hook.NotFound:
		// Its segment was dropped: its outcome will be refused, and it is forgotten.
		gone := *it.due.Message
		gone.Payload, gone.RawBody, gone.TransformationsParams, gone.Inbound, gone.Expunged = nil, nil, nil, nil, true
		m = &gone
	default:
		if d.sending.Err() == nil {
			d.log.Error("read a message again", telemetry.KeyMessage, d.codec.Message(app, it.due.Message.ID), telemetry.KeyError, err)
		}
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	it.due.Message, it.isBare, it.since = m, false, now
	it.lane.resize(it, footprint(m))
	return true
}

// readBatchAgain is readAgain for what goes along with an item.
func (d *Dispatcher) readBatchAgain(it *item) bool {
	for _, m := range it.batch {
		if d.readAgain(m) {
			continue
		}
		now := time.Now()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.putBackBatch(it, now)
		it.lane.pausedUntil = now.Add(retryStore)
		return false
	}
	return true
}
