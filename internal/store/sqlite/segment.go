package sqlite

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

//go:embed migrations/segment/*.sql
var segmentMigrations embed.FS

const (
	segmentsName  = "segments"
	segmentSuffix = ".db"
	segmentDigits = 20 // of the first key, so that names sort as keys do
	// unreadySuffix ends the name of a file that is to take a segment's place.
	unreadySuffix = ".new"
)

// segment is a file with the messages of a span of time and all that belongs to them. It
// is immutable: when the span ends, the list gets a new value with another last.
type segment struct {
	// first and last bound the keys of the segment's messages, inclusive. The newest has no end.
	first, last hook.Key
	*segmentFile
}

// segmentFile is what stays the same while a segment's bounds change, and when a smaller
// file takes its place (see compact.go): its name then has the next generation.
type segmentFile struct {
	dir   string // of the segments
	first hook.Key

	// naming is held for reading by whoever opens the file by its name, and for writing
	// while it gets another one or is removed: a connection that opened the file before and
	// its log after would not see what is in the log.
	naming     sync.RWMutex
	generation atomic.Int64 // droppedFile once there is none; written under naming

	// scrub asks the checkpointer to empty the log, because it has what was expunged, or
	// because the file gets no more messages.
	scrub atomic.Bool

	// compacting says that a smaller file is being made in this one's place.
	compacting atomic.Bool
	// barren says that the file has no messages and gets none: there may be keys in it.
	barren atomic.Bool
	// squeezed says that everything finished is out of the file already, when left deliveries
	// in it were unfinished: as long as there are about as many, doing it again wins nothing.
	// Only the reclaimer uses them.
	squeezed bool
	left     int64
	// lastFed is a position in a feed that none of this file's rows exceeds, 0 while it has
	// none. Only the writer sets it.
	lastFed atomic.Int64
	// gate is held by the writer from BEGIN to COMMIT, and by the checkpointer while it
	// restarts the log, so that neither waits for the other by polling.
	gate sync.Mutex
	// mayBeDue is false when the due table is known to be empty. Only the writer sets it.
	mayBeDue atomic.Bool
	// mayAnnounce is false when the announcement table is known to be empty, which it nearly
	// always is. Only the writer sets it.
	mayAnnounce atomic.Bool
	// walFrames is the length of the write-ahead log in pages that no checkpoint has
	// copied or that the log will overwrite only after a restart, as of the last commit.
	walFrames atomic.Int64
}

// droppedFile is the generation of a file that was removed.
const droppedFile = -1

// segmentPath is the name of a segment's first generation below the data directory dir.
func segmentPath(dir string, first hook.Key) string {
	return filepath.Join(dir, segmentsName, segmentName(first, 0))
}

// segmentName is the name of a segment's file: 00000123.db at first, then 00000123-1.db
// and so on.
func segmentName(first hook.Key, generation int64) string {
	if generation == 0 {
		return fmt.Sprintf("%0*d%s", segmentDigits, int64(first), segmentSuffix)
	}
	return fmt.Sprintf("%0*d-%d%s", segmentDigits, int64(first), generation, segmentSuffix)
}

// parseSegmentName is the reverse of segmentName.
func parseSegmentName(name string) (first hook.Key, generation int64, ok bool) {
	rest, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(rest) < segmentDigits {
		return 0, 0, false
	}
	key, err := strconv.ParseInt(rest[:segmentDigits], 10, 64)
	if err != nil || key < 0 {
		return 0, 0, false
	}
	if len(rest) > segmentDigits {
		generation, err = strconv.ParseInt(rest[segmentDigits+1:], 10, 64)
		if err != nil || generation < 1 {
			return 0, 0, false
		}
	}
	first = hook.Key(key)
	return first, generation, segmentName(first, generation) == name
}

// path is the file's present name; once it is removed, what its name was at first.
func (f *segmentFile) path() string {
	return filepath.Join(f.dir, segmentName(f.first, max(0, f.generation.Load())))
}

func (f *segmentFile) isDropped() bool { return f.generation.Load() == droppedFile }

// errDropped says that a segment is gone with all that was in it.
var errDropped = errors.New("the segment was dropped")

// open opens a connection of the file, and says of which generation it is; errDropped when
// there is no file any more.
func (f *segmentFile) open(flags ...sqlite.OpenFlags) (conn *sqlite.Conn, generation int64, err error) {
	f.naming.RLock()
	defer f.naming.RUnlock()
	if f.isDropped() {
		return nil, 0, errDropped
	}
	conn, err = openConn(f.path(), flags...)
	return conn, f.generation.Load(), err
}

// segmentState is what a segment's file says about itself when it is opened.
type segmentState struct {
	greatest hook.Key      // the greatest key that was drawn for it
	lowWater hook.Key      // see fresh.go
	marked   bool          // it has a low-water mark, so it has had a commit
	lastFed  hook.Position // the greatest that was drawn for it
	held     bool
	empty    bool         // there is no message in it
	keys     []keyTableID // see keytable.go
}

// listSegments returns the segments of the directory, oldest first. It removes what a
// crash left of others: files that a newer generation has replaced, logs whose file is
// gone, and files that were not ready to take another's place.
func listSegments(dir string) ([]*segment, error) {
	dir = filepath.Join(dir, segmentsName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	newest := map[hook.Key]int64{}
	for _, e := range entries {
		if first, generation, ok := parseSegmentName(e.Name()); ok {
			newest[first] = max(newest[first], generation)
		}
	}
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), "-wal"), "-shm")
		unready := strings.HasSuffix(name, unreadySuffix)
		first, generation, ok := parseSegmentName(strings.TrimSuffix(name, unreadySuffix))
		if !ok {
			continue // not ours
		}
		if current, found := newest[first]; unready || !found || generation < current {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("remove what a crash left: %w", err)
			}
		}
	}
	var list []*segment
	for _, first := range slices.Sorted(maps.Keys(newest)) {
		if n := len(list); n > 0 {
			list[n-1].last = first - 1
		}
		seg := newSegment(dir, first)
		seg.generation.Store(newest[first])
		list = append(list, seg)
	}
	return list, nil
}

// newSegment returns the segment that begins at first, of the first generation. dir is the
// segments' directory.
func newSegment(dir string, first hook.Key) *segment {
	return &segment{first: first, last: hook.MaxKey, segmentFile: &segmentFile{dir: dir, first: first}}
}

// openSegment opens a writing connection of a segment, creates what is missing in it and
// reads its state.
func openSegment(f *segmentFile) (conn *sqlite.Conn, st segmentState, err error) {
	if conn, _, err = f.open(); err != nil {
		return nil, st, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open segment %s: %w", filepath.Base(f.path()), err), conn.Close())
			conn = nil
		}
	}()
	migrations, err := fs.Sub(segmentMigrations, "migrations/segment")
	if err != nil {
		return conn, st, err
	}
	if err := migrate(conn, migrations); err != nil {
		return conn, st, err
	}
	last, found, err := queryInt(conn, "SELECT max(key) FROM message")
	if err != nil {
		return conn, st, err
	}
	st.empty = !found
	st.greatest = hook.Key(last)
	err = sqlitex.ExecuteTransient(conn, "SELECT name, value FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		value := stmt.ColumnInt64(1)
		switch stmt.ColumnText(0) {
		case metaLastKey:
			st.greatest = max(st.greatest, hook.Key(value))
		case metaLowWater:
			st.lowWater, st.marked = hook.Key(value), true
		case metaLastFed:
			st.lastFed = hook.Position(value)
		case metaHold:
			st.held = value != 0
		}
		return nil
	}})
	if err != nil {
		return conn, st, err
	}
	err = sqlitex.ExecuteTransient(conn, keyTablesSQL, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		if id, ok := parseKeyTable(stmt.ColumnText(0)); ok {
			st.keys = append(st.keys, id)
		}
		return nil
	}})
	if err != nil {
		return conn, st, err
	}
	_, due, err := queryInt(conn, "SELECT 1 FROM due LIMIT 1")
	if err != nil {
		return conn, st, err
	}
	f.mayBeDue.Store(due)
	_, announces, err := queryInt(conn, "SELECT 1 FROM announcement LIMIT 1")
	if err != nil {
		return conn, st, err
	}
	f.mayAnnounce.Store(announces)
	f.lastFed.Store(int64(st.lastFed))
	return conn, st, nil
}

// Names of rows in meta.
const (
	metaLowWater = "low_water" // the oldest message that may have an unresolved fresh delivery
	metaLastKey  = "last_key"  // the greatest key drawn when the row was written
	metaLastFed  = "last_fed"  // the greatest position of its rows in feeds
	metaHold     = "hold"      // 1 while sending is stopped
	metaCheck    = "check"     // what Check wrote last
)

// syncDir flushes a directory, so that files made in it are found after a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// segmentsOldestFirst returns the segments by rising keys. The slice is the caller's.
func (s *Store) segmentsOldestFirst() []*segment {
	s.segmentsMu.RLock()
	defer s.segmentsMu.RUnlock()
	return slices.Clone(s.segments)
}

// segmentsNewestFirst returns the segments by falling keys. The slice is the caller's.
func (s *Store) segmentsNewestFirst() []*segment {
	list := s.segmentsOldestFirst()
	slices.Reverse(list)
	return list
}

// segmentOf returns the segment that holds the message with this key, nil when its
// segment was dropped or never existed.
func (s *Store) segmentOf(key hook.Key) *segment {
	s.segmentsMu.RLock()
	defer s.segmentsMu.RUnlock()
	for i := len(s.segments) - 1; i >= 0; i-- {
		if seg := s.segments[i]; key >= seg.first {
			if key > seg.last {
				return nil
			}
			return seg
		}
	}
	return nil
}

// removeSegment takes a segment out of the list. Keys of its span then belong to none.
func (s *Store) removeSegment(f *segmentFile) {
	s.segmentsMu.Lock()
	defer s.segmentsMu.Unlock()
	s.segments = slices.DeleteFunc(slices.Clone(s.segments), func(seg *segment) bool { return seg.segmentFile == f })
}

// addSegment makes next, which begins after all others, the newest.
func (s *Store) addSegment(next *segment) {
	s.segmentsMu.Lock()
	defer s.segmentsMu.Unlock()
	if n := len(s.segments); n > 0 {
		before := s.segments[n-1]
		s.segments[n-1] = &segment{first: before.first, last: next.first - 1, segmentFile: before.segmentFile}
	}
	s.segments = append(s.segments, next)
}
