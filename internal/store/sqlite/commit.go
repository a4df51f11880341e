package sqlite

import (
	"cmp"
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

type resolvedEntry struct {
	message hook.MessageID
	pen     *pen
}

// operationResult is what became of an operation before the commit.
type operationResult struct {
	refusal error // the operation's own failure; it wrote nothing
	pen     *pen  // whose commit makes it true; nil for none
}

// commit runs a batch, flushes it and answers everybody in it.
func (w *writer) commit(batch []operation) {
	if w.broken == nil {
		w.broken = w.s.intake.failure() // of a checkpoint
	}
	if w.broken != nil {
		w.answer(batch, nil, w.broken)
		return
	}
	if batch = w.runBetween(batch); w.broken != nil {
		w.answer(batch, nil, w.broken)
		return
	}
	pause := 50 * time.Millisecond
	for rest, err := w.try(batch); len(rest) > 0; rest, err = w.try(rest) {
		var refusal error
		switch {
		case isFull(err):
			refusal = errStorageFull()
		case isBusy(err): // somebody else's program holds the file
			refusal = hook.Errorf(hook.Overloaded, "the store's file is locked by another program; try again shortly")
		case isDiskError(err):
			w.fail(err)
			w.answer(rest, nil, w.broken)
			return
		case len(rest) == 1:
			w.answer(rest, nil, err)
			return
		default:
			// One of them has met a mistake of ours. Each alone, it harms no other.
			w.s.log.Error("batch failed", "operations", len(rest), "error", err)
			for i := range rest {
				w.commit(rest[i : i+1])
			}
			return
		}
		// Appends can be repeated by their callers; outcomes are kept until they are stored,
		// because a lost one repeats a request. The space of the reserve is for these.
		rest = w.refuse(rest, refusal)
		if len(rest) == 0 || isFull(err) && w.s.space.giveUp(w.s.log) {
			continue
		}
		if w.s.intake.isClosed() {
			w.answer(rest, nil, refusal)
			return
		}
		time.Sleep(pause)
		pause = min(2*pause, time.Second)
	}
}

// runBetween runs the tasks of a batch that want no transaction, and returns the rest.
func (w *writer) runBetween(batch []operation) []operation {
	isBetween := func(op operation) bool { return op.task != nil && op.task.between }
	if !slices.ContainsFunc(batch, isBetween) {
		return batch
	}
	for i := range batch {
		if !isBetween(batch[i]) {
			continue
		}
		err := w.broken
		if err == nil {
			w.reset()
			if err = batch[i].task.run(w); isDiskError(err) {
				w.fail(err)
			}
		}
		w.answer(batch[i:i+1], nil, err)
	}
	return slices.DeleteFunc(batch, isBetween)
}

// refuse answers the operations that need not be kept and returns the others.
func (w *writer) refuse(batch []operation, refusal error) (kept []operation) {
	for i := range batch {
		if op := batch[i]; op.finished != nil || op.task != nil && op.task.again {
			kept = append(kept, op)
		} else {
			w.answer(batch[i:i+1], nil, refusal)
		}
	}
	return kept
}

// try runs a batch once and answers everybody, or returns the operations that an error
// has left undone.
func (w *writer) try(batch []operation) (rest []operation, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	defer w.s.slow.observe(w.s.times.commit, commitKind, time.Now())
	w.reset()
	if err := w.rollIfOver(batch); err != nil {
		return batch, err
	}
	for i := range batch {
		w.last = nil
		var refusal error
		if refusal, err = w.apply(&batch[i]); err != nil {
			if w.last != nil {
				err = diskError(w.last.conn, w.last.file.path(), err)
			}
			break
		}
		w.results = append(w.results, operationResult{refusal: refusal, pen: w.last})
	}
	slices.SortFunc(w.open, func(a, b *pen) int { return cmp.Compare(a.first, b.first) })
	// Older segments commit first: the low-water mark, which only the newest keeps, must
	// never be ahead of them.
	committed := 0
	for ; err == nil && committed < len(w.open); committed++ {
		p := w.open[committed]
		if err = w.saveMarks(p); err == nil {
			err = p.end()
		}
		if err != nil {
			err = diskError(p.conn, p.file.path(), err)
			break
		}
		w.watchLog(p)
	}
	if err == nil {
		w.settle(batch)
		return nil, nil
	}
	return w.undo(batch, w.open[:committed]), err
}

func (w *writer) reset() {
	w.batch++
	w.open, w.last = w.open[:0], nil
	w.handed = nil // the Handoff may keep it
	w.added, w.resolved = w.added[:0], w.resolved[:0]
	w.madeDue, w.asked, w.later, w.holdAfter = w.madeDue[:0], w.asked[:0], w.later[:0], nil
	w.thin, w.announces, w.feeds = w.thin[:0], false, false
	clear(w.results)
	w.results = w.results[:0]
}

// apply runs one operation inside the transactions of the batch. refusal is its own
// failure, after which it has written nothing; err spoils the batch.
func (w *writer) apply(op *operation) (refusal, err error) {
	switch {
	case op.publication != nil:
		return w.append(op.publication)
	case op.finished != nil:
		return w.finish(op.finished)
	}
	err = op.task.run(w)
	if err != nil && hook.KindOf(err) != hook.Internal {
		return err, nil
	}
	return nil, err
}

// settle makes memory follow a commit and answers everybody. Here the batch is durable: a
// crash from now on repeats requests, it loses nothing.
func (w *writer) settle(batch []operation) {
	for _, e := range w.added {
		w.fresh.add(e)
	}
	for _, e := range w.resolved {
		w.fresh.resolve(e.message)
	}
	for span := range keySpans {
		w.keys[span].committed()
	}
	w.lookForDue()
	w.supersedeLater()
	if w.holdAfter != nil {
		w.s.held.Store(*w.holdAfter)
	}
	if h := w.handoff.Load(); h != nil {
		if len(w.handed) > 0 {
			(*h).Committed(w.handed)
		}
		w.tellDue(*h)
	}
	if w.announces {
		w.s.announced()
	}
	if w.feeds {
		w.s.feedEnd.Store(int64(w.lastFed))
	}
	w.answer(batch, w.results, nil)
}

// tellDue tells the Handoff what the batch made due.
func (w *writer) tellDue(h store.Handoff) {
	if len(w.asked) > 0 {
		if g, ok := h.(store.Gatekeeper); ok {
			for _, d := range w.asked {
				g.Asked(d.Application, d.Endpoint)
			}
		}
	}
	for _, d := range w.madeDue {
		h.MadeDue(d.Application, d.Endpoint, d.At)
	}
}

// undo takes back what a failed batch did in memory and returns what it left undone. done
// are the segments whose part was committed all the same: their operations succeeded.
func (w *writer) undo(batch []operation, done []*pen) (rest []operation) {
	for _, p := range w.open {
		p.undo()
	}
	if h := w.handoff.Load(); h != nil {
		if len(w.handed) > 0 {
			(*h).Withdraw(w.handed)
		}
		if len(done) > 0 { // some of these are true; the others do no harm
			w.tellDue(*h)
		}
	}
	for _, e := range w.resolved {
		if slices.Contains(done, e.pen) {
			w.fresh.resolve(e.message)
		}
	}
	if w.announces && len(done) > 0 {
		w.s.announced()
	}
	if w.feeds { // what is not on disk gets a later position
		w.s.feedEnd.Store(int64(w.lastFed))
	}
	w.low = 0 // unknown, so that the next commit saves it
	w.forgetNew(done)
	for i := range batch {
		if i < len(w.results) && (w.results[i].refusal != nil || slices.Contains(done, w.results[i].pen)) {
			w.answer(batch[i:i+1], w.results[i:i+1], nil)
		} else {
			rest = append(rest, batch[i])
		}
	}
	return rest
}

// fail ends the store: after an error of the disk nobody knows what is on it.
func (w *writer) fail(err error) {
	if w.broken == nil {
		w.broken = w.s.fail(err)
	}
}

// answer tells everybody in batch how it went: err, or what the operation's result says.
func (w *writer) answer(batch []operation, results []operationResult, err error) {
	for i := range batch {
		e := err
		if e == nil && results != nil {
			e = results[i].refusal
		}
		switch op := &batch[i]; {
		case op.publication != nil:
			op.publication.answer(e)
		case op.finished != nil:
			if e == nil || hook.KindOf(e) == hook.NotFound { // else it is offered again
				w.s.inflight.end(op.finished.Slot)
				for _, other := range op.finished.With {
					w.s.inflight.end(other.Slot)
				}
			}
			if op.finished.Done != nil {
				op.finished.Done(e)
			}
		default:
			op.task.err = e
			op.task.done <- struct{}{}
		}
	}
}
