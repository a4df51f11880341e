package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// maxReaders bounds the connections that read at once, of all segments together.
	maxReaders = 8
	// maxOpenReaders bounds those that are open, reading or idle. A claim, or a search, of
	// an endpoint looks into each segment with due rows, and opening a connection takes
	// longer than that look: with fewer than a month of them, each claim of a replayed
	// month would open and close all.
	maxOpenReaders = 32
	// readerCacheKiB is the page cache of each, 32 MiB together. Pages that it does not
	// keep are in the kernel's cache.
	readerCacheKiB = 1 << 10
)

// readers lends reading connections of segments. Idle ones are kept and the one idle for
// longest makes room for another segment's.
type readers struct {
	// places holds one token for each connection in use; its size is maxReaders.
	places chan struct{}

	// ended is closed by close, which takes all places and keeps them.
	ended chan struct{}

	mu     sync.Mutex
	closed bool
	idle   []*reader        // longest idle first
	busy   map[*reader]bool // those lent out
}

type reader struct {
	file *segmentFile
	// generation is that of the file when it was opened. A reader of an older one goes on
	// with what it has open and is not lent again.
	generation int64
	conn       *sqlite.Conn
	since      time.Time // when it was lent
	cut        context.CancelCauseFunc
}

// errCut ends a read that keeps the write-ahead log from being restarted.
var errCut = errors.New("read cut")

func newReaders() *readers {
	return &readers{places: make(chan struct{}, maxReaders), ended: make(chan struct{}), busy: make(map[*reader]bool)}
}

// read lends f a reading connection of seg. Statements of f that ctx outlives are
// interrupted; each statement sees one state of the segment. Of a segment that was dropped
// there is nothing to read: f is not called.
func (s *Store) read(ctx context.Context, seg *segment, f func(conn *sqlite.Conn) error) error {
	defer s.slow.observe(s.times.read, "read", time.Now())
	err := s.readers.read(ctx, seg.segmentFile, f)
	if errors.Is(err, errDropped) {
		return nil
	}
	return err
}

func (p *readers) read(ctx context.Context, file *segmentFile, f func(conn *sqlite.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.places <- struct{}{}:
	case <-p.ended:
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.places }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := p.take(file, cancel)
	if err != nil {
		return err
	}
	r.conn.SetInterrupt(ctx.Done())
	err = f(r.conn)
	r.conn.SetInterrupt(nil) // resets what f left half read
	p.put(r)
	if err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt {
		if errors.Is(context.Cause(ctx), errCut) {
			return hook.Errorf(hook.Overloaded, "reading took too long while the store is busy; ask for less")
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return err
}

func (p *readers) take(file *segmentFile, cut context.CancelCauseFunc) (*reader, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed()
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		if r := p.idle[i]; r.file == file && r.generation == file.generation.Load() {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.lend(r, cut)
			p.mu.Unlock()
			return r, nil
		}
	}
	// Whoever holds a place may open one. If as many are open as may be, an idle one has to
	// go: there is one, because fewer may be busy.
	var drop *reader
	if len(p.idle)+len(p.busy) >= maxOpenReaders {
		drop, p.idle = p.idle[0], p.idle[1:]
	}
	r := &reader{file: file}
	p.lend(r, cut)
	p.mu.Unlock()
	if drop != nil {
		_ = drop.conn.Close() // it only read
	}
	var err error
	if r.conn, r.generation, err = file.open(sqlite.OpenReadWrite); err == nil {
		err = sqlitex.ExecuteTransient(r.conn, "PRAGMA query_only = ON", nil)
	}
	if err == nil {
		err = sqlitex.ExecuteTransient(r.conn, fmt.Sprintf("PRAGMA cache_size = -%d", readerCacheKiB), nil)
	}
	if err != nil {
		p.mu.Lock()
		delete(p.busy, r)
		p.mu.Unlock()
		if r.conn != nil {
			_ = r.conn.Close()
		}
		return nil, err
	}
	return r, nil
}

// lend marks r as busy. p.mu is held.
func (p *readers) lend(r *reader, cut context.CancelCauseFunc) {
	r.since, r.cut = time.Now(), cut
	p.busy[r] = true
}

func (p *readers) put(r *reader) {
	p.mu.Lock()
	delete(p.busy, r)
	r.cut = nil
	keep := !p.closed && r.generation == r.file.generation.Load()
	if keep {
		p.idle = append(p.idle, r)
	}
	p.mu.Unlock()
	if !keep {
		_ = r.conn.Close()
	}
}

// cutLong interrupts reads of a file that have lasted longer than limit.
func (p *readers) cutLong(file *segmentFile, limit time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.busy {
		if r.file == file && time.Since(r.since) > limit {
			r.cut(errCut)
		}
	}
}

// forget closes the idle readers of a file whose name has changed or is gone.
func (p *readers) forget(file *segmentFile) {
	p.mu.Lock()
	var old []*reader
	p.idle = slices.DeleteFunc(p.idle, func(r *reader) bool {
		if r.file != file || r.generation == file.generation.Load() {
			return false
		}
		old = append(old, r)
		return true
	})
	p.mu.Unlock()
	for _, r := range old {
		_ = r.conn.Close() // it only read
	}
}

// close interrupts what is being read and closes all connections.
func (p *readers) close() error {
	p.mu.Lock()
	if !p.closed {
		close(p.ended)
	}
	p.closed = true
	idle := p.idle
	p.idle = nil
	for r := range p.busy {
		r.cut(errClosed())
	}
	p.mu.Unlock()
	var errs []error
	for _, r := range idle {
		errs = append(errs, r.conn.Close())
	}
	for range maxReaders { // whoever still reads gives its place back soon
		p.places <- struct{}{}
	}
	return errors.Join(errs...)
}
