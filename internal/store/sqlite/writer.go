package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// writer is the only goroutine that writes segments. Its methods are called from that
// goroutine, but for start, wait, do and attach, and before start by Open.
type writer struct {
	s       *Store
	handoff atomic.Pointer[store.Handoff]
	done    chan struct{} // closed when the goroutine ends
	started bool

	newest  *segment
	pens    map[*segmentFile]*pen
	batch   uint64 // counts commits, to find the pen that was used longest ago
	fresh   fresh
	low     hook.Key      // low_water as it was saved last
	lastFed hook.Position // the greatest position in a feed that was drawn, or found at the start
	lastKey hook.Key      // the greatest key that the writer drew, or found at the start
	keys    [keySpans]keyTables
	lookers lookers
	broken  error // what ended the store

	newestBytes int64 // size of the newest segment when it was measured last
	unmeasured  int64 // pages written to its log since
	// expunged are messages whose content was removed a moment ago, and when: an answer that
	// an attempt under way still brings is not kept either.
	expunged      map[hook.MessageID]time.Time
	expungedLimit int // where it is looked through for old ones

	// What the batch under way did, which becomes true with its commit.
	open      []*pen          // with a transaction
	last      *pen            // the newest that the operation under way wrote to
	handed    []store.Due     // admitted by the Handoff
	added     []freshEntry    // messages with fresh deliveries
	resolved  []resolvedEntry // fresh deliveries that got their row
	madeDue   []store.DueTime // to be told to the Handoff
	later     []superseded    // in older segments, to be ended after the commit
	asked     []store.DueTime // of these, what a person asked for
	results   []operationResult
	thin      []*pen // older ones that lost a due row
	holdAfter *bool  // the hold that the commit makes true; nil for no change
	announces bool   // it has announcements
	feeds     bool   // it has drawn positions
}

type resolvedEntry struct {
	message hook.MessageID
	pen     *pen
}

// operationResult is what became of an operation before the commit.
type operationResult struct {
	refusal error // the operation's own failure; it wrote nothing
	pen     *pen  // whose commit makes it true; nil for none
}

func newWriter(s *Store) *writer {
	w := &writer{s: s, done: make(chan struct{}), pens: make(map[*segmentFile]*pen)}
	if n := len(s.segments); n > 0 {
		w.newest = s.segments[n-1]
	}
	return w
}

// adopt makes conn the pen of the newest segment.
func (w *writer) adopt(seg *segment, conn *sqlite.Conn) error {
	p, err := newPen(seg, conn, true)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	w.pens[seg.segmentFile] = p
	return nil
}

func (w *writer) start() {
	w.started = true
	go w.loop()
}

// wait returns when everything queued is answered. The intake is closed.
func (w *writer) wait() {
	if w.started {
		<-w.done
	}
}

// close releases the connections. The goroutine has ended. After an error of the disk
// they are left open until the process ends, because the last one to be closed would copy
// the log and flush again, and then delete what may be the only copy.
func (w *writer) close() error {
	if w.broken != nil {
		return nil
	}
	errs := []error{w.lookers.close()}
	for _, p := range w.pens {
		if _, err := truncateLog(p.conn); err != nil {
			errs = append(errs, fmt.Errorf("close segment: %w", diskError(p.conn, p.file.path(), err)))
			continue
		}
		if err := p.close(); err != nil {
			errs = append(errs, fmt.Errorf("close segment: %w", err))
		}
	}
	return errors.Join(errs...)
}

// do runs f in the next commit and returns when it is on disk, or with the error of f,
// which then wrote nothing that matters, or when ctx ends; then f may still run, so it may
// not write what the caller reads after an error, see doToEnd.
func (w *writer) do(ctx context.Context, again bool, f func(w *writer) error) error {
	return w.ask(ctx, &task{run: f, again: again, done: make(chan struct{}, 1)})
}

// doToEnd is do for an f that leaves something behind for its caller: results, or an effect
// that more is to follow. With a ctx that has ended it does nothing; once f is queued it
// waits for it, so that nobody acts as if f had not run, or reads results while f writes them.
func (w *writer) doToEnd(ctx context.Context, f func(w *writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.do(context.WithoutCancel(ctx), false, f)
}

// doBetween runs f between two batches, when no transaction is under way, and returns its
// error. What f changes on disk it makes durable itself. An error of the disk ends the store.
func (w *writer) doBetween(f func(w *writer) error) error {
	// Whoever asks uses what f leaves behind, so it waits until f has run.
	return w.ask(context.Background(), &task{run: f, between: true, done: make(chan struct{}, 1)})
}

func (w *writer) ask(ctx context.Context, t *task) error {
	if err := w.s.intake.addTask(t); err != nil {
		return err
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err() // it may still happen
	}
}

func (w *writer) loop() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	var batch []operation
	for {
		var more bool
		if batch, more = w.s.intake.take(batch[:0], timer); !more {
			return
		}
		w.commit(batch)
		clear(batch)
	}
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
	defer telemetry.Since(w.s.times.commit, time.Now())
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

// change runs f on the writing connection of a segment inside the next group commit, in a
// savepoint: an error of f takes back what it did and is returned. It returns when durable.
func (s *Store) change(ctx context.Context, seg *segment, f func(conn *sqlite.Conn) error) error {
	var refused error
	err := s.writer.doToEnd(ctx, func(w *writer) error {
		if seg.isDropped() {
			return errNoMessage()
		}
		p, err := w.pen(seg)
		if err != nil {
			return err
		}
		if err := sqlitex.ExecuteTransient(p.conn, "SAVEPOINT change", nil); err != nil {
			return err
		}
		if refused = f(p.conn); refused != nil {
			if isDiskError(refused) || isFull(refused) {
				return refused
			}
			if err := sqlitex.ExecuteTransient(p.conn, "ROLLBACK TO change", nil); err != nil {
				return err
			}
		}
		return sqlitex.ExecuteTransient(p.conn, "RELEASE change", nil)
	})
	if err != nil {
		return err
	}
	return refused
}

// check proves that a commit works, end to end.
func (w *writer) check() error {
	w.s.space.look()
	if err := w.s.space.refusal(); err != nil {
		return err
	}
	p, err := w.pen(w.newest)
	if err != nil {
		return err
	}
	probe := w.s.o.Now().UnixMilli()
	if err := p.mark(metaCheck, probe); err != nil {
		return err
	}
	got, _, err := queryInt(p.conn, "SELECT value FROM meta WHERE name = '"+metaCheck+"'")
	if err != nil {
		return err
	}
	if got != probe {
		return fmt.Errorf("check store: wrote %d and read %d", probe, got)
	}
	return nil
}

// lookForDue spares everybody looking into segments whose last due row is gone.
func (w *writer) lookForDue() {
	for _, p := range w.thin {
		if _, due, err := queryInt(p.conn, "SELECT 1 FROM due LIMIT 1"); err == nil {
			p.file.mayBeDue.Store(due)
		}
	}
}
