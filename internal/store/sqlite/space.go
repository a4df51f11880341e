package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	reserveName = "reserve"
	// spaceInterval is how often the free space is looked at while appends come in.
	spaceInterval = 10 * time.Millisecond
	// measureInterval is how often the store's own size is measured while appends come in.
	// At 50 MB a second it grows by a tenth of the space that refuseShare leaves in 256 MiB.
	measureInterval = 100 * time.Millisecond
	// Of the most that a store may take, in sixteenths: above reclaimShare something is
	// dropped, above refuseShare appends are refused. What is left above is for outcomes, for
	// the logs, and for what is written until the next measurement.
	reclaimShare, refuseShare = 13, 15
)

// space watches the disk. While there is little left, appends are refused and outcomes go
// on; when it is really full, the reserve makes room for them.
type space struct {
	dir  string
	size int64 // of the reserve
	full atomic.Bool

	most     int64         // bytes that the store may take, 0 for no bound
	over     atomic.Bool   // it takes nearly as much
	measured atomic.Int64  // when that was measured last, like asked
	outgrown chan struct{} // see Store
	asked    atomic.Int64  // when the disk was asked last, monotonic nanoseconds since begin
	begin    time.Time

	// copying is held by the checkpointer while it may make a segment longer, which it must
	// not do with the reserve's space.
	copying sync.Mutex

	mu    sync.Mutex
	spent bool // the reserve has been given up
}

func openSpace(dir string, reserveBytes, most int64, outgrown chan struct{}) (*space, error) {
	_, total, err := diskSpace(dir)
	if err != nil {
		return nil, fmt.Errorf("read disk space: %w", err)
	}
	s := &space{dir: dir, size: min(reserveBytes, total/8), begin: time.Now(), most: most, outgrown: outgrown}
	if err := s.keep(); err != nil {
		s.spent = true
		s.full.Store(true)
	}
	return s, nil
}

// keep makes the reserve.
func (s *space) keep() error {
	f, err := os.OpenFile(filepath.Join(s.dir, reserveName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Size() == s.size {
		return f.Close()
	}
	if err := preallocate(f, s.size); err != nil {
		return errors.Join(err, f.Truncate(0), f.Close())
	}
	return f.Close()
}

// giveUp hands the reserve to the outcomes and reports whether there was one left.
func (s *space) giveUp(log *slog.Logger) bool {
	s.copying.Lock()
	defer s.copying.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.full.Swap(true) {
		log.Error("the disk is full: no messages are accepted")
	}
	if s.spent {
		return false
	}
	s.spent = true
	if err := os.Truncate(filepath.Join(s.dir, reserveName), 0); err != nil {
		log.Error("give up the reserve", "error", err)
		return false
	}
	return true
}

// isSpent reports whether only outcomes may use more of the disk.
func (s *space) isSpent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
}

// refusal says whether there is room for messages. It asks the disk at most every
// spaceInterval, so nothing has to run when nothing is appended.
func (s *space) refusal() error {
	now, last := int64(time.Since(s.begin)), s.asked.Load()
	if (now-last >= int64(spaceInterval) || last == 0) && s.asked.CompareAndSwap(last, now) {
		s.look()
	}
	if s.full.Load() {
		return errStorageFull()
	}
	if s.most > 0 {
		if last := s.measured.Load(); (now-last >= int64(measureInterval) || last == 0) && s.measured.CompareAndSwap(last, now) {
			s.measure()
		}
	}
	if s.over.Load() {
		return hook.Errorf(hook.StorageFull, "unfinished work alone takes as much space as the store may use (retention-bytes)")
	}
	return nil
}

// look asks the disk. With the reserve in place a quarter of its size must be free; a
// spent one is made again first.
func (s *space) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, _, err := diskSpace(s.dir)
	if err != nil {
		return // the next write tells
	}
	low := s.size / 4
	switch {
	case s.spent:
		if free >= s.size+2*low && s.keep() == nil {
			s.spent = false
			s.full.Store(false)
		}
	case s.full.Load():
		s.full.Store(free < 2*low)
	default:
		s.full.Store(free < low)
	}
}

// measure compares the store's size with its bound and asks for something to be dropped
// when it comes near. It returns the size.
func (s *space) measure() (used int64) {
	used, err := usedBytes(s.dir)
	if err != nil || s.most <= 0 {
		return used // the next measurement tells
	}
	s.over.Store(used > s.most/16*refuseShare)
	if used > s.most/16*reclaimShare {
		select {
		case s.outgrown <- struct{}{}:
		default:
		}
	}
	return used
}

// usedBytes adds up the files of a data directory, without backups that are being made.
func usedBytes(dir string) (used int64, err error) {
	for _, d := range [...]string{dir, filepath.Join(dir, segmentsName)} {
		entries, err := os.ReadDir(d)
		if err != nil {
			return 0, fmt.Errorf("measure store: %w", err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() { // else it has just been removed
				used += info.Size()
			}
		}
	}
	return used, nil
}

// Space implements store.Store. Backups that are being made are not counted.
func (s *Store) Space() (used int64, isFull bool) {
	used, err := usedBytes(s.space.dir)
	if err != nil {
		used = 0 // the directory is gone
	}
	return used, s.space.full.Load() || s.space.over.Load()
}
