package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// dropped is what became of a segment that was to be dropped.
type dropped uint8

const (
	droppedAll dropped = iota
	keptFresh          // deliveries of it are in memory, which lasts for seconds
	keptWork           // something in it is unfinished
	keptKeys           // keys in it are still taken
)

// drop removes a segment of which nothing is to be kept, unless something in it turns out
// to be unfinished. From the moment in which the writer has forgotten it, nobody finds it;
// a crash before its file is gone brings it back whole, to be dropped again.
func (s *Store) drop(seg *segment) (what dropped, err error) {
	var old *pen
	path := seg.path()
	err = s.writer.doBetween(func(w *writer) error {
		if seg.segmentFile == w.newest.segmentFile || seg.last >= w.lowWater() {
			what = keptFresh
			return nil
		}
		if marked, err := w.isMarked(); err != nil || !marked {
			what = keptFresh
			return err
		}
		if len(w.livingKeys(seg.segmentFile)) > 0 {
			what = keptKeys
			return nil
		}
		p, err := w.openPen(seg)
		if err != nil {
			return err
		}
		for _, table := range []string{"due", "announcement"} {
			if _, found, err := queryInt(p.conn, "SELECT 1 FROM "+table+" LIMIT 1"); err != nil || found {
				what = keptWork
				return err
			}
		}
		w.forgetKeys(seg.segmentFile, nil)
		w.s.removeSegment(seg.segmentFile)
		old = w.leave(seg.segmentFile, droppedFile)
		return nil
	})
	if err != nil || what != droppedAll {
		return what, err
	}
	s.readers.forget(seg.segmentFile)
	s.step("forgotten")
	if err := s.removeDatabase(path); err != nil {
		return what, fmt.Errorf("drop segment: %w", err)
	}
	return what, old.close()
}

// isMarked reports whether the newest segment has the marks that a start needs, so that
// those in an older one are not.
func (w *writer) isMarked() (bool, error) {
	p, err := w.openPen(w.newest)
	if err != nil {
		return false, err
	}
	_, found, err := queryInt(p.conn, "SELECT 1 FROM meta WHERE name = '"+metaLowWater+"'")
	return found, err
}

// livingKeys returns the tables of a file that may hold keys which are still taken.
func (w *writer) livingKeys(f *segmentFile) (living []keyTableID) {
	now := w.s.o.Now().UnixMilli()
	for span := range keySpans {
		for _, t := range w.keys[span].tables {
			if t.seg.segmentFile == f && !t.expired(now) {
				living = append(living, t.keyTableID)
			}
		}
	}
	return living
}

// forgetKeys forgets the tables of a file but for kept.
func (w *writer) forgetKeys(f *segmentFile, kept []keyTableID) {
	for span := range keySpans {
		k := &w.keys[span]
		k.tables = slices.DeleteFunc(k.tables, func(t *keyTable) bool {
			return t.seg.segmentFile == f && !slices.Contains(kept, t.keyTableID)
		})
		k.changed = true
		k.committed()
	}
}

// leave takes a file's name from everybody: whoever opens it from now on finds the next
// generation, or none. It returns the pen, to be closed once the old name is removed, so
// that closing copies no log.
func (w *writer) leave(f *segmentFile, generation int64) *pen {
	p := w.pens[f]
	delete(w.pens, f)
	w.lookers.forget(f)
	f.naming.Lock()
	defer f.naming.Unlock()
	f.generation.Store(generation)
	f.walFrames.Store(0)
	return p
}

// removeDatabase removes a file of SQLite. Its log goes last, and only once the file is
// gone for good: without its log a file is as it was some commits ago.
func (s *Store) removeDatabase(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	s.step("removed")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
