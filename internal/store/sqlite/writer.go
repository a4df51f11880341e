package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
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
