package sqlite

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
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
)

// segment is a file with the messages of a span of time and all that belongs to them. It
// is immutable: when the span ends, the list gets a new value with another last.
type segment struct {
	// first and last bound the keys of the segment's messages, inclusive. The newest has no end.
	first, last hook.Key
	*segmentFile
}

// segmentFile is what stays the same while a segment's bounds change.
type segmentFile struct {
	path string

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

func segmentPath(dir string, first hook.Key) string {
	return filepath.Join(dir, segmentsName, fmt.Sprintf("%0*d%s", segmentDigits, int64(first), segmentSuffix))
}

// segmentState is what a segment's file says about itself when it is opened.
type segmentState struct {
	greatest hook.Key // the greatest key that was drawn for it
	lowWater hook.Key // see fresh.go
	marked   bool     // it has a low-water mark, so it has had a commit
	held     bool
	keys     []keyTableID // see keytable.go
}

// listSegments returns the segments of the directory, oldest first.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(filepath.Join(dir, segmentsName))
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var list []*segment
	for _, e := range entries { // sorted by name, so by key
		digits, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok || len(digits) != segmentDigits {
			continue // logs and shared memory of a segment, and what is not ours
		}
		first, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || first < 0 {
			continue
		}
		if n := len(list); n > 0 {
			list[n-1].last = hook.Key(first) - 1
		}
		list = append(list, &segment{
			first: hook.Key(first), last: hook.MaxKey,
			segmentFile: &segmentFile{path: filepath.Join(dir, segmentsName, e.Name())},
		})
	}
	return list, nil
}

// openSegment opens a writing connection of a segment, creates what is missing in it and
// reads its state.
func openSegment(f *segmentFile) (conn *sqlite.Conn, st segmentState, err error) {
	if conn, err = openConn(f.path); err != nil {
		return nil, st, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open segment %s: %w", filepath.Base(f.path), err), conn.Close())
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
	last, _, err := queryInt(conn, "SELECT max(key) FROM message")
	if err != nil {
		return conn, st, err
	}
	st.greatest = hook.Key(last)
	err = sqlitex.ExecuteTransient(conn, "SELECT name, value FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		value := stmt.ColumnInt64(1)
		switch stmt.ColumnText(0) {
		case metaLastKey:
			st.greatest = max(st.greatest, hook.Key(value))
		case metaLowWater:
			st.lowWater, st.marked = hook.Key(value), true
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
	return conn, st, nil
}

// Names of rows in meta.
const (
	metaLowWater = "low_water" // the oldest message that may have an unresolved fresh delivery
	metaLastKey  = "last_key"  // the greatest key drawn when the row was written
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
