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
		if !p.writing && p.file != w.newest.segmentFile && (oldest == nil || p.used < oldest.used) {
			oldest = p
		}
	}
	if oldest == nil {
		return nil // all are in use in this batch
	}
	// Closing would copy the log without telling of an error, so that is done before.
	if empty, err := truncateLog(oldest.conn); err != nil {
		return diskError(oldest.conn, oldest.file.path, err)
	} else if !empty {
		return nil // somebody reads in it: it stays open for now
	}
	delete(w.pens, oldest.file)
	if err := oldest.conn.Close(); err != nil {
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

// roll begins a new segment whose messages have keys above first.
func (w *writer) roll(first hook.Key) error {
	next := &segment{first: first, last: hook.MaxKey, segmentFile: &segmentFile{path: segmentPath(w.s.dir, first)}}
	conn, _, err := openSegment(next.segmentFile)
	if err == nil {
		err = syncDir(filepath.Dir(next.path))
	}
	var p *pen
	if err == nil {
		p, err = newPen(next, conn, true)
	}
	if err != nil {
		// Nothing is in it yet, and the next try uses another name.
		if p == nil && conn != nil {
			_ = conn.Close()
		}
		_ = os.Remove(next.path)
		return fmt.Errorf("begin segment: %w", err)
	}
	if before := w.newest; before != nil && w.pens[before.segmentFile] != nil {
		// It gets a few outcomes from now on, so its large cache is no longer earned.
		err := sqlitex.ExecuteTransient(w.pens[before.segmentFile].conn, fmt.Sprintf("PRAGMA cache_size = -%d", defaultCacheKiB), nil)
		if err != nil {
			return fmt.Errorf("begin segment: %w", err)
		}
	}
	w.pens[next.segmentFile] = p
	w.newest = next
	w.low = 0 // the new segment's first commit saves it
	w.s.addSegment(next)
	if w.s.held.Load() {
		if _, err := w.pen(next); err != nil {
			return err
		}
		return p.mark(metaHold, 1)
	}
	return nil
}

// saveMarks writes the greatest key, and for the newest segment the low-water mark, into
// the transaction under way.
func (w *writer) saveMarks(p *pen) error {
	if err := p.mark(metaLastKey, int64(w.lastKey)); err != nil {
		return err
	}
	if p.file != w.newest.segmentFile {
		return nil
	}
	// Outcomes of this batch lower nothing yet, so the mark is at most one commit behind.
	low := w.lastKey + 1
	if m, ok := w.fresh.oldest(); ok {
		low = hook.Key(m)
	} else if len(w.added) > 0 {
		low = hook.Key(w.added[0].message)
	}
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
