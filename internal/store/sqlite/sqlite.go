package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

var _ store.Store = (*Store)(nil)

// Store is the embedded store of one directory.
type Store struct {
	*catalog

	dir   string
	o     Options
	log   *slog.Logger
	times times
	slow  *slowLog
	lock  *flock.Flock
	keys  *hook.KeyClock

	// segmentsMu guards segments, oldest first. The slice is never empty after Open. Only
	// the writer changes it.
	segmentsMu sync.RWMutex
	segments   []*segment

	readers     *readers
	intake      *intake
	writer      *writer
	inflight    *inflight // nil until what the last one says is on disk
	checkpoints *checkpointer
	space       *space
	rollups     *rollups
	content     *contentSealer
	held        atomic.Bool
	lost        lostFeeds
	// feedEnd is the last position up to which feeds are complete on disk, see feed.go.
	feedEnd    atomic.Int64
	onAnnounce atomic.Pointer[func()] // nil for nobody

	// kick has room for one token, sent when the checkpointer must look at the logs.
	kick     chan struct{}
	expunged expungedSet
	// outgrown has room for one token, sent when the store takes so much of Options.MaxBytes
	// that something should be dropped.
	outgrown chan struct{}
	// atStep is told where a compaction or a drop stands, by tests that crash there; nil else.
	atStep func(step string)
	// reclaiming is held by whoever drops or compacts segments.
	reclaiming sync.Mutex

	// life ends with Close, and background waits for what Open and the writer have started.
	life       context.Context
	end        context.CancelFunc
	background sync.WaitGroup

	closeOnce sync.Once
	closeErr  error
}

// Sealer seals what lies at rest. context names the place of a value, so that a sealed
// value that is moved to another place does not open.
type Sealer interface {
	Seal(plain []byte, context string) []byte
	Open(sealed []byte, context string) ([]byte, error)
}

// Options are the knobs of a Store. Only Sealer is required.
type Options struct {
	// Sealer seals secrets, header values and kept answers, and content where an environment
	// wants that.
	Sealer Sealer
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
	// Node numbers this process in row keys, 0 to hook.MaxNode.
	Node int
	// Log hears of what a caller does not; nil means nowhere.
	Log *slog.Logger
	// SegmentSpan is how much message time one segment file holds; zero means 24 h.
	// Retention drops whole segments, so content outlives its term by at most this much.
	SegmentSpan time.Duration
	// SegmentBytes is how large a segment file becomes before the next one begins; zero means
	// 4 GiB, and with MaxBytes an eighth of that, so that there is always something to drop.
	SegmentBytes int64
	// MaxBytes is the most that the data directory may take, zero for no bound. Reclaim keeps
	// it by dropping what is finished, the oldest first; while unfinished work alone takes
	// more, appends are hook.StorageFull.
	MaxBytes int64
	// QueueOperations bounds the appends that wait for the writer, and QueueBytes their
	// payloads; more are refused with hook.Overloaded. Zero means 16,384 and 32 MiB.
	QueueOperations int
	QueueBytes      int64
	// ReserveBytes is how much of the disk is kept for outcomes, so that what was sent is
	// recorded when messages no longer fit. Zero means 32 MiB, room for some 100,000 of
	// them; on a small disk it is at most an eighth.
	ReserveBytes int64
	// Fatal hears once, from the writer, of an error of the disk that ended the store: the
	// process must stop, because only a new start can tell what is on disk. It must not
	// wait for the store. nil means nobody is told; every later call fails all the same.
	Fatal func(err error)
	// Metrics is told how long operations take; nil for nobody.
	Metrics *telemetry.Metrics
	// ReadyConnector finds a connector that is part of the program by name; nil for a program without.
	ReadyConnector func(name string) (hook.ReadyConnector, bool)
}

// times observe how long operations take.
type times struct{ append, commit, claim, read prometheus.Observer }

func newTimes(m *telemetry.Metrics) times {
	return times{m.StoreOperation("append"), m.StoreOperation("commit"), m.StoreOperation("claim"), m.StoreOperation("read")}
}

const (
	catalogName = "catalog.db"

	// outcomeDelay is how long a plain outcome may wait for a commit to share.
	outcomeDelay = 20 * time.Millisecond
)

// Open opens the store in dir, which is made when it does not exist, and makes due what was
// in flight at a crash. A directory that another process holds is hook.Conflict.
func Open(ctx context.Context, dir string, o Options) (_ *Store, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics(nil)
	}
	if o.SegmentSpan <= 0 {
		o.SegmentSpan = 24 * time.Hour
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 4 << 30
		if o.MaxBytes > 0 {
			o.SegmentBytes = min(o.SegmentBytes, o.MaxBytes/8)
		}
	}
	if o.QueueOperations <= 0 {
		o.QueueOperations = 4 * maxBatch
	}
	if o.ReserveBytes <= 0 {
		o.ReserveBytes = 32 << 20
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 32 << 20
	}
	if err := os.MkdirAll(filepath.Join(dir, segmentsName), 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: dir, o: o, log: o.Log, times: newTimes(o.Metrics), slow: &slowLog{}, readers: newReaders(), intake: newIntake(o.QueueOperations, o.QueueBytes), kick: make(chan struct{}, 1), outgrown: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open store: %w", err), s.release())
		}
	}()
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if s.catalog, err = openCatalog(ctx, filepath.Join(dir, catalogName), catalogOptions{sealer: o.Sealer, now: o.Now, fail: s.fail, announced: s.announced, changed: s.plansChanged, ready: o.ReadyConnector, slow: s.slow}); err != nil {
		return nil, err
	}
	if err := s.learnLost(); err != nil {
		return nil, err
	}
	s.content = &contentSealer{sealer: o.Sealer, codec: s.catalog.codec, log: s.log}
	if s.space, err = openSpace(dir, o.ReserveBytes, o.MaxBytes, s.outgrown); err != nil {
		return nil, err
	}
	if err := s.openSegments(ctx); err != nil {
		return nil, err
	}
	if s.rollups, err = openRollups(filepath.Join(dir, rollupName)); err != nil {
		return nil, err
	}
	s.checkpoints = startCheckpointer(s)
	// A crash may have come before its log was emptied of what had been expunged.
	s.scrubLater(s.segments[len(s.segments)-1].segmentFile)
	s.writer.learn(o.Now().UnixMilli())
	s.writer.start()
	return s, nil
}

// plansChanged tells the Handoff of applications whose plans are new.
func (s *Store) plansChanged(apps []hook.ApplicationID) {
	if h := s.writer.handoff.Load(); h != nil {
		if g, ok := (*h).(store.Gatekeeper); ok {
			g.Changed(apps)
		}
	}
}

// openSegments finds the segments, begins the clock above every key in the store, and
// makes due what was in flight when the store was last closed without a word.
func (s *Store) openSegments(ctx context.Context) error {
	list, err := listSegments(s.dir)
	if err != nil {
		return err
	}
	greatest, err := s.catalog.greatestKey(ctx)
	if err != nil {
		return err
	}
	s.segments = list
	s.writer = newWriter(s)
	mark := segmentState{} // of the newest segment that has one
	for i, seg := range list {
		conn, st, err := openSegment(seg.segmentFile)
		if err != nil {
			return err
		}
		greatest = max(greatest, st.greatest, seg.first)
		if st.marked {
			mark = st
		}
		s.writer.lastFed = max(s.writer.lastFed, st.lastFed)
		for span := range keySpans {
			s.writer.keys[span].found(seg, st.keys, span, s.o.Now().UnixMilli())
		}
		seg.barren.Store(st.empty && i < len(list)-1)
		if i < len(list)-1 {
			if _, err = truncateLog(conn); err == nil {
				err = conn.Close()
			}
		} else {
			// Closing would copy the whole log; the writer goes on with it instead.
			err = s.writer.adopt(seg, conn)
		}
		if err != nil {
			return fmt.Errorf("open segment: %w", err)
		}
	}
	s.keys = hook.NewKeyClock(s.o.Node, greatest, s.o.Now)
	s.catalog.SetKeys(s.keys.Next)
	s.held.Store(mark.held)
	s.feedEnd.Store(int64(s.writer.lastFed))
	s.writer.low, s.writer.lastKey = mark.lowWater, greatest
	if len(list) == 0 {
		if err := s.writer.roll(s.writer.nextKey()); err != nil {
			return err
		}
	}
	for span := range keySpans {
		s.writer.keys[span].committed()
	}
	begun, err := readInflight(s.dir)
	if err != nil {
		s.log.Warn("crashes are not counted", "error", err)
	}
	if err := s.writer.rescue(ctx, mark.lowWater, begun); err != nil {
		return err
	}
	s.inflight = startInflight(s.dir, s.log)
	return nil
}

// step tells atStep.
func (s *Store) step(name string) {
	if s.atStep != nil {
		s.atStep(name)
	}
}

// Check implements store.Store.
func (s *Store) Check(ctx context.Context) error {
	return s.writer.do(ctx, false, func(w *writer) error { return w.check() })
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.release() })
	return s.closeErr
}

// fail ends the store for everybody and returns what they are told.
func (s *Store) fail(err error) error {
	broken := fmt.Errorf("the store has failed and needs a restart: %w", err)
	if !s.intake.fail(broken) {
		return s.intake.failure()
	}
	s.log.Error("store failed", "error", err)
	if s.o.Fatal != nil {
		s.o.Fatal(broken)
	}
	return broken
}

// release ends what Open began, in reverse, as far as it came.
func (s *Store) release() error {
	var errs []error
	s.end()
	s.reclaiming.Lock() // whoever reclaims is told by end, and needs the writer to leave off
	defer s.reclaiming.Unlock()
	s.intake.close()
	if s.writer != nil {
		s.writer.wait()
	}
	s.background.Wait()
	if s.inflight != nil {
		s.inflight.close()
	}
	if s.checkpoints != nil {
		s.checkpoints.stop()
	}
	errs = append(errs, s.readers.close())
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.rollups != nil {
		errs = append(errs, s.rollups.close())
	}
	if s.catalog != nil {
		errs = append(errs, s.catalog.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}
