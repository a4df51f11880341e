package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// The write-ahead log's bounds, in pages of 4 KiB.
const (
	// restartFrames is where writing waits a moment so that the log begins anew: 64 MiB, or
	// a sixteenth of the most that the store may take.
	restartFrames = 64 << 20 / pageBytes
	// passiveShare is which part of that a checkpoint is worth: 16 MiB. Copying in the
	// background keeps the checkpoint out of commits, where it would be their p99.
	passiveShare = 4
	// stallFrames is where appends wait: 512 MiB. It is reached only when something keeps
	// the log from being restarted.
	stallFrames = 512 << 20 / pageBytes

	pageBytes = 4096

	// maxReadInRestart is how long a read may hold up a restart of the log.
	maxReadInRestart = 2 * time.Second
	// restartPause is the pause between two tries to restart.
	restartPause = 100 * time.Millisecond
	// scrubDelay is how long what was expunged may stay in a log before that is emptied. It
	// lets many requests share one emptying.
	scrubDelay = 3 * time.Second
	// maxStall is how long an append waits for the log before it is refused.
	maxStall = 5 * time.Second
)

// checkpointer copies the write-ahead logs into the segments on a goroutine of its own.
type checkpointer struct {
	s       *Store
	stopped chan struct{} // closed by stop
	done    chan struct{} // closed when the goroutine ends

	restart, passive int64 // see restartFrames and passiveShare

	stalled atomic.Bool
	mu      sync.Mutex
	resume  chan struct{} // closed when a stall ends; nil without one
}

func startCheckpointer(s *Store) *checkpointer {
	c := &checkpointer{s: s, stopped: make(chan struct{}), done: make(chan struct{}), restart: restartFrames}
	if most := s.o.MaxBytes; most > 0 {
		c.restart = min(restartFrames, max(256, most/16/pageBytes))
	}
	c.passive = c.restart / passiveShare
	go c.loop()
	return c
}

func (c *checkpointer) stop() {
	close(c.stopped)
	<-c.done
}

func (c *checkpointer) loop() {
	defer close(c.done)
	for {
		select {
		case <-c.stopped:
			return
		case <-c.s.kick:
		}
		for _, seg := range c.s.segmentsNewestFirst() {
			var err error
			switch {
			case seg.scrub.Load():
				if err = c.s.scrub(c.s.life, seg.segmentFile); err != nil && !isDiskError(err) && !isFull(err) {
					c.s.scrubLater(seg.segmentFile) // somebody reads in it
					err = nil
				}
			case seg.walFrames.Load() >= c.passive:
				err = c.checkpoint(seg.segmentFile)
			}
			switch {
			case err == nil:
			case isFull(err):
				c.s.log.Warn("no space to checkpoint", "segment", filepath.Base(seg.path()))
			case isDiskError(err):
				_ = c.s.fail(fmt.Errorf("checkpoint: %w", err))
				return
			default:
				c.s.log.Warn("checkpoint", "segment", filepath.Base(seg.path()), "error", err)
			}
		}
		c.endStall()
	}
}

// checkpoint copies what is in a log, and restarts the log when it has grown too long.
func (c *checkpointer) checkpoint(f *segmentFile) error {
	conn, _, err := f.open(sqlite.OpenReadWrite)
	if errors.Is(err, errDropped) {
		return nil
	}
	if err != nil {
		return err
	}
	if err = c.copyLog(conn, f); err != nil {
		err = diskError(conn, f.path(), err)
	}
	return errors.Join(err, conn.Close())
}

// copyLog copies the log, and when it is too long restarts it, however often that takes.
func (c *checkpointer) copyLog(conn *sqlite.Conn, f *segmentFile) error {
	for {
		done, err := c.copyOnce(conn, f)
		if done || err != nil {
			return err
		}
		select {
		case <-c.stopped:
			return nil
		case <-time.After(restartPause):
		}
	}
}

// copyOnce reports whether the log is short enough, or cannot be helped now.
func (c *checkpointer) copyOnce(conn *sqlite.Conn, f *segmentFile) (done bool, err error) {
	c.s.space.copying.Lock()
	defer c.s.space.copying.Unlock()
	if c.s.space.isSpent() {
		return true, nil
	}
	frames, copied, _, err := walCheckpoint(conn, "PASSIVE")
	if err != nil || frames < c.restart && frames-copied < c.passive {
		return true, err
	}
	c.s.readers.cutLong(f, maxReadInRestart)
	// The gate keeps the writer out, which would otherwise poll for its lock. What is left
	// to copy is what came in since the passive pass.
	f.gate.Lock()
	defer f.gate.Unlock()
	conn.SetBusyTimeout(restartPause)
	_, _, busy, err := walCheckpoint(conn, "RESTART")
	if err != nil || busy {
		return false, err
	}
	f.walFrames.Store(0)
	c.setStalled(false)
	return true, nil
}

// walCheckpoint runs a checkpoint and returns the log's length and how much is copied.
func walCheckpoint(conn *sqlite.Conn, mode string) (frames, copied int64, busy bool, err error) {
	err = sqlitex.Execute(conn, "PRAGMA main.wal_checkpoint("+mode+")", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		busy, frames, copied = stmt.ColumnBool(0), stmt.ColumnInt64(1), stmt.ColumnInt64(2)
		return nil
	}})
	return frames, copied, busy, err
}

// truncateLog copies the whole log and empties it, and reports false when a reader or a
// full disk is in the way, so that the log stays, which is as durable.
func truncateLog(conn *sqlite.Conn) (empty bool, err error) {
	conn.SetBusyTimeout(restartPause)
	defer conn.SetBusyTimeout(busyTimeout)
	_, _, busy, err := walCheckpoint(conn, "TRUNCATE")
	if isFull(err) || isBusy(err) {
		return false, nil
	}
	return !busy && err == nil, err
}

// watchLog looks at the log after a commit. It runs in the writer.
func (w *writer) watchLog(p *pen) {
	if err := p.boundTouched(maxTouchedPages); err != nil {
		w.s.log.Warn("bound the changes noted for a compaction", "error", err)
	}
	frames, copied, err := p.wal()
	if err != nil {
		w.s.log.Warn("read length of the log", "error", err)
		return
	}
	p.file.walFrames.Store(frames)
	w.grow(p, frames)
	if c := w.s.checkpoints; frames-copied >= c.passive || frames >= c.restart {
		if frames >= stallFrames {
			c.setStalled(true)
		}
		select {
		case c.s.kick <- struct{}{}:
		default:
		}
	}
}

// scrubLater has the log of a file emptied after scrubDelay.
func (s *Store) scrubLater(f *segmentFile) {
	time.AfterFunc(scrubDelay, func() {
		f.scrub.Store(true)
		select {
		case s.kick <- struct{}{}:
		default:
		}
	})
}

// scrub empties the log of a file, so that no old page is left in it. It is hook.Overloaded
// when readers were in the way for long.
func (s *Store) scrub(ctx context.Context, f *segmentFile) error {
	conn, _, err := f.open(sqlite.OpenReadWrite)
	if errors.Is(err, errDropped) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // what matters was committed before
	conn.SetBusyTimeout(0)
	for begin := time.Now(); ; {
		done, err := s.scrubOnce(conn, f)
		if err != nil {
			return diskError(conn, f.path(), err)
		}
		if done {
			return nil
		}
		if time.Since(begin) > 2*maxReadInRestart {
			return hook.Errorf(hook.Overloaded, "the log of %s could not be emptied, because it is being read", filepath.Base(f.path()))
		}
		s.readers.cutLong(f, maxReadInRestart)
		select {
		case <-time.After(restartPause / 2):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) scrubOnce(conn *sqlite.Conn, f *segmentFile) (done bool, err error) {
	s.space.copying.Lock()
	defer s.space.copying.Unlock()
	if s.space.isSpent() {
		return false, nil
	}
	if _, _, _, err := walCheckpoint(conn, "PASSIVE"); err != nil && !isBusy(err) {
		return false, err
	}
	// As in copyOnce: the gate keeps the writer out for what came in since.
	f.gate.Lock()
	defer f.gate.Unlock()
	_, _, busy, err := walCheckpoint(conn, "TRUNCATE")
	if busy || isBusy(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f.scrub.Store(false)
	f.walFrames.Store(0)
	return true, nil
}

// grow counts what was written, so that a segment ends when it is large enough. It costs
// nothing per message.
func (w *writer) grow(p *pen, frames int64) {
	pages := frames - p.frames
	if pages < 0 { // the log has begun anew
		pages = frames
	}
	p.frames = frames
	if p.file == w.newest.segmentFile {
		if w.unmeasured += pages; w.unmeasured*pageBytes >= w.s.o.SegmentBytes/32 {
			w.unmeasured = 0
			if n, _, err := queryInt(p.conn, "PRAGMA page_count"); err == nil {
				w.newestBytes = n * pageBytes
			}
		}
	}
}

// endStall ends a stall whose log is no longer long, whoever has emptied it: a scrub, or the
// drop of its segment.
func (c *checkpointer) endStall() {
	if !c.stalled.Load() {
		return
	}
	for _, seg := range c.s.segmentsNewestFirst() {
		if seg.walFrames.Load() >= stallFrames {
			return
		}
	}
	c.setStalled(false)
}

func (c *checkpointer) setStalled(stalled bool) {
	if c.stalled.Load() == stalled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case stalled && c.resume == nil:
		c.resume = make(chan struct{})
	case !stalled && c.resume != nil:
		close(c.resume)
		c.resume = nil
	}
	c.stalled.Store(stalled)
}

// admit lets an append in, after a wait when a log is too long.
func (c *checkpointer) admit(ctx context.Context) error {
	if !c.stalled.Load() {
		return nil
	}
	c.mu.Lock()
	resume := c.resume
	c.mu.Unlock()
	if resume == nil {
		return nil
	}
	select { // it may have given up for want of space, and no commit wakes it
	case c.s.kick <- struct{}{}:
	default:
	}
	timer := time.NewTimer(maxStall)
	defer timer.Stop()
	select {
	case <-resume:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.stopped:
		return errClosed()
	case <-timer.C:
		return hook.Errorf(hook.Overloaded, "the disk does not keep up; try again shortly")
	}
}
