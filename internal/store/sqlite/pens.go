package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// maxPens bounds the writing connections: the newest segment's and those of older ones
// that outcomes go to.
const maxPens = 4

// openPen returns the pen of a segment, with or without a transaction.
func (w *writer) openPen(seg *segment) (*pen, error) {
	p := w.pens[seg.segmentFile]
	if p == nil {
		if err := w.dropPen(); err != nil {
			return nil, err
		}
		conn, _, err := openSegment(seg.segmentFile)
		if err != nil {
			return nil, err
		}
		if p, err = newPen(seg, conn, seg.segmentFile == w.newest.segmentFile); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		w.pens[seg.segmentFile] = p
	}
	p.used = w.batch
	return p, nil
}

// pen returns the pen of a segment with a transaction under way.
func (w *writer) pen(seg *segment) (*pen, error) {
	p, err := w.openPen(seg)
	if err != nil {
		return nil, err
	}
	if !p.writing {
		if err := p.start(); err != nil {
			return nil, err
		}
		w.open = append(w.open, p)
	}
	if w.last == nil || w.last.first < p.first {
		w.last = p
	}
	return p, nil
}

// dropPen closes the pen that was used longest ago when there are too many.
func (w *writer) dropPen() error {
	if len(w.pens) < maxPens {
		return nil
	}
	var oldest *pen
	for _, p := range w.pens {
		if !p.writing && !p.recording && p.file != w.newest.segmentFile && (oldest == nil || p.used < oldest.used) {
			oldest = p
		}
	}
	if oldest == nil {
		return nil // all are in use in this batch
	}
	// Closing would copy the log without telling of an error, so that is done before.
	if empty, err := truncateLog(oldest.conn); err != nil {
		return diskError(oldest.conn, oldest.file.path(), err)
	} else if !empty {
		return nil // somebody reads in it: it stays open for now
	}
	delete(w.pens, oldest.file)
	if err := oldest.close(); err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// penOf returns the pen for a message, nil when its segment is gone.
func (w *writer) penOf(m hook.MessageID) (*pen, error) {
	seg := w.newest
	if hook.Key(m) < seg.first {
		if seg = w.s.segmentOf(hook.Key(m)); seg == nil {
			return nil, nil
		}
	}
	return w.pen(seg)
}

// rollIfOver begins a new segment when the newest one's span is over, or it is large enough,
// and the batch brings messages. It is a commit of its own before the batch, so that no batch has messages in
// two segments, of which one may be committed and the other not.
func (w *writer) rollIfOver(batch []operation) error {
	if w.s.o.Now().UnixMilli()-w.newest.first.Millis() < w.s.o.SegmentSpan.Milliseconds() && w.newestBytes < w.s.o.SegmentBytes ||
		!slices.ContainsFunc(batch, func(op operation) bool { return op.publication != nil }) {
		return nil
	}
	return w.roll(w.nextKey())
}

// roll begins a new segment whose messages have keys above first. It is the newest once
// its first commit, which takes over the hold and the low-water mark, is on disk.
func (w *writer) roll(first hook.Key) error {
	next := newSegment(filepath.Join(w.s.dir, segmentsName), first)
	conn, _, err := openSegment(next.segmentFile)
	if err == nil {
		err = syncDir(filepath.Dir(next.path()))
	}
	var p *pen
	if err == nil {
		p, err = newPen(next, conn, true)
	}
	if err == nil {
		err = w.beginSegment(p)
	}
	if err != nil {
		// Nothing is in it yet, and the next try uses another name.
		if conn != nil {
			_ = conn.Close()
		}
		_ = os.Remove(next.path())
		return fmt.Errorf("begin segment: %w", err)
	}
	if before := w.newest; before != nil && w.pens[before.segmentFile] != nil {
		// It gets a few outcomes from now on, so its large cache is no longer earned.
		err := sqlitex.ExecuteTransient(w.pens[before.segmentFile].conn, fmt.Sprintf("PRAGMA cache_size = -%d", defaultCacheKiB), nil)
		if err != nil {
			return fmt.Errorf("begin segment: %w", err)
		}
	}
	if before := w.newest; before != nil {
		// Most of its outcomes come within seconds; then its log is empty for long.
		w.s.scrubLater(before.segmentFile)
	}
	w.pens[next.segmentFile] = p
	w.newest, w.newestBytes, w.unmeasured = next, 0, 0
	w.low = 0 // the new segment's first commit saves it
	w.s.addSegment(next)
	return nil
}

// beginSegment makes the first commit of a segment.
func (w *writer) beginSegment(p *pen) error {
	if err := p.start(); err != nil {
		return err
	}
	err := p.mark(metaLastKey, int64(w.lastKey))
	if err == nil {
		err = p.mark(metaLowWater, int64(w.lowWater()))
	}
	if err == nil && w.s.held.Load() {
		err = p.mark(metaHold, 1)
	}
	if err != nil {
		p.undo()
		return err
	}
	return p.end()
}

// lowWater returns the oldest message that may have an unresolved fresh delivery, or what
// comes after the last when there is none.
func (w *writer) lowWater() hook.Key {
	if m, ok := w.fresh.oldest(); ok {
		return hook.Key(m)
	}
	if len(w.added) > 0 {
		return hook.Key(w.added[0].message)
	}
	return w.lastKey + 1
}

// saveMarks writes the greatest key, and for the newest segment the low-water mark, into
// the transaction under way.
func (w *writer) saveMarks(p *pen) error {
	if err := p.mark(metaLastKey, int64(w.lastKey)); err != nil {
		return err
	}
	if p.fed != 0 {
		if err := p.mark(metaLastFed, int64(p.fed)); err != nil {
			return err
		}
	}
	if p.file != w.newest.segmentFile {
		return nil
	}
	// Outcomes of this batch lower nothing yet, so the mark is at most one commit behind.
	low := w.lowWater()
	if low == w.low {
		return nil
	}
	if err := p.mark(metaLowWater, int64(low)); err != nil {
		return err
	}
	w.low = low
	return nil
}

// thinned notes that a segment that gets no more messages has lost a due row.
func (w *writer) thinned(p *pen) {
	if p.file != w.newest.segmentFile && !slices.Contains(w.thin, p) {
		w.thin = append(w.thin, p)
	}
}
