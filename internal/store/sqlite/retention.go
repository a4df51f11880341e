package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Segments give space back in two ways. One in which nothing is unfinished and of which
// nothing is to be kept is removed (drop.go). Else a smaller file takes its place
// (compact.go), when that wins at least half of it.

// judge says what of a segment goes.
type judge struct {
	now time.Time
	// aged says that expired content goes; bounds are the keys below which an environment's
	// rows go with it.
	aged   bool
	bounds map[hook.EnvironmentID]hook.Key
	// before is the key below which everything finished goes.
	before hook.Key
}

// Reclaim implements store.Retention.
func (s *Store) Reclaim(ctx context.Context, p store.ReclaimPolicy) (r store.Reclaimed, err error) {
	s.reclaiming.Lock()
	defer s.reclaiming.Unlock()
	if s.life.Err() != nil {
		return r, errClosed()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	j := judge{now: s.o.Now(), aged: p.Retention != nil, bounds: make(map[hook.EnvironmentID]hook.Key)}
	for env, kept := range p.Retention {
		j.bounds[env] = hook.KeyAt(j.now.Add(-kept))
	}
	if !p.Before.IsZero() {
		j.before = hook.KeyAt(p.Before)
		if !p.DryRun {
			if err := s.rollBefore(j.before); err != nil {
				return r, fmt.Errorf("reclaim: %w", err)
			}
		}
	}
	closed := s.segmentsOldestFirst()
	for _, seg := range closed[:len(closed)-1] {
		if err := s.reclaimSegment(ctx, seg, &j, p.DryRun, &r); err != nil {
			return r, fmt.Errorf("reclaim: %w", err)
		}
	}
	if !p.DryRun {
		if err := s.keepWithin(ctx, &j, &r); err != nil {
			return r, fmt.Errorf("reclaim: %w", err)
		}
	}
	if changed := r.Dropped + r.Compacted; changed > 0 && !p.DryRun {
		// What was given back is given back, also where this is not noted.
		if err := s.noteChore(ctx, choreReclaim, changed, max(0, r.FreedBytes)); err != nil && ctx.Err() == nil {
			s.log.Warn("the time of the last reclaim is not noted", "error", err)
		}
	}
	r.UsedBytes = s.space.measure()
	r.Full = s.space.over.Load()
	return r, nil
}

// Outgrown implements store.Retention.
func (s *Store) Outgrown() <-chan struct{} { return s.outgrown }

// rollBefore begins a new segment when the newest has messages below a key, which can only
// go from a segment that gets no more.
func (s *Store) rollBefore(before hook.Key) error {
	return s.writer.doBetween(func(w *writer) error {
		if w.newest.first >= before {
			return nil
		}
		p, err := w.openPen(w.newest)
		if err != nil {
			return err
		}
		if _, found, err := queryInt(p.conn, "SELECT 1 FROM message LIMIT 1"); err != nil || !found {
			return err
		}
		return w.roll(w.nextKey())
	})
}

// reclaimSegment does with a segment that is not the newest what a judge says.
func (s *Store) reclaimSegment(ctx context.Context, seg *segment, j *judge, dryRun bool, r *store.Reclaimed) error {
	conn, err := s.openReclaim(ctx, seg.segmentFile)
	if errors.Is(err, errDropped) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it only read
	size := sizeOf(seg.path())
	gain := int64(0)
	whole := seg.last < j.before
	if seg.first < j.before && !whole {
		gain = size // a part of it, which was asked for
	}
	if j.aged && !whole {
		sum, err := s.summary(ctx, seg, conn)
		if err != nil {
			return err
		}
		gone, total := sum.gone(seg, j)
		if gone == total {
			whole = true
		} else if gone > total/2 {
			gain = max(gain, size*gone/total)
		}
		// What was expunged has left holes in the file.
		if holes, _, err := queryInt(conn, "PRAGMA freelist_count"); err != nil {
			return err
		} else if holes*pageBytes > max(size/2, minCompact) {
			gain = max(gain, holes*pageBytes)
		}
	}
	if !whole && gain == 0 {
		return nil
	}
	if dryRun {
		if whole {
			r.Dropped++
			r.FreedBytes += size
		} else {
			r.Compacted++
			r.FreedBytes += gain
		}
		return nil
	}
	return s.shrink(ctx, seg, conn, j, whole, false, r)
}

// minCompact is what a compaction must win at least.
const minCompact = 1 << 20

// keepWithin drops what is finished, the oldest first, until the store is well within its
// bound.
func (s *Store) keepWithin(ctx context.Context, j *judge, r *store.Reclaimed) error {
	if s.o.MaxBytes <= 0 {
		return nil
	}
	all := *j
	all.before = hook.MaxKey
	closed := s.segmentsOldestFirst()
	for _, seg := range closed[:len(closed)-1] {
		if s.space.measure() <= s.o.MaxBytes/16*reclaimShare {
			return nil
		}
		if seg.barren.Load() && s.hasLivingKeys(seg.segmentFile) {
			continue // there is nothing else in it
		}
		conn, err := s.openReclaim(ctx, seg.segmentFile)
		if errors.Is(err, errDropped) {
			continue
		}
		if err != nil {
			return err
		}
		err = s.shrink(ctx, seg, conn, &all, true, true, r)
		if err = errors.Join(err, conn.Close()); err != nil {
			return err
		}
	}
	return nil
}

// hasLivingKeys is livingKeys for everybody else but the writer.
func (s *Store) hasLivingKeys(f *segmentFile) bool {
	now := s.o.Now().UnixMilli()
	for span := range keySpans {
		if tables := s.writer.keys[span].published.Load(); tables != nil {
			for _, t := range *tables {
				if t.seg.segmentFile == f && !t.expired(now) {
					return true
				}
			}
		}
	}
	return false
}

// shrink drops a segment of which nothing is to be kept, or compacts it. whole says that a
// judge keeps nothing in it that is finished. urgent is for the bound in bytes: then the
// copy takes less care of others.
func (s *Store) shrink(ctx context.Context, seg *segment, conn *sqlite.Conn, j *judge, whole, urgent bool, r *store.Reclaimed) error {
	before := fileBytes(seg.path())
	if whole {
		unfinished, err := countUnfinished(conn)
		if err != nil {
			return err
		}
		if unfinished == 0 {
			lost, err := lostIn(conn, "feed", "TRUE")
			if err == nil {
				err = s.noteLost(ctx, lost)
			}
			if err != nil {
				return err
			}
			what, err := s.drop(seg)
			switch {
			case err != nil:
				return err
			case what == droppedAll:
				r.Dropped++
				r.FreedBytes += before
				return nil
			case what == keptFresh:
				r.Postponed++
				return nil
			}
		}
		// A compaction of the same unfinished work, or of the same keys, wins nothing.
		if seg.squeezed && unfinished >= seg.left/2 {
			return nil
		}
		seg.squeezed, seg.left = true, unfinished
	}
	switch err := s.compact(ctx, seg, j, whole, urgent); {
	case errors.Is(err, errBusySegment):
		seg.squeezed = false
		r.Postponed++
	case err != nil:
		seg.squeezed = false
		return err
	default:
		r.Compacted++
		r.FreedBytes += max(0, before-fileBytes(seg.path()))
	}
	return nil
}

// openReclaim opens a connection of its own, because what it reads takes long.
func (s *Store) openReclaim(ctx context.Context, f *segmentFile) (*sqlite.Conn, error) {
	conn, _, err := f.open(sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetInterrupt(ctx.Done())
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA query_only = ON", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// countUnfinished counts what waits in a segment: due rows, held deliveries, announcements.
// What is fresh is in memory.
func countUnfinished(conn *sqlite.Conn) (n int64, err error) {
	for _, sql := range [...]string{
		"SELECT count(*) FROM due",
		fmt.Sprintf("SELECT count(*) FROM delivery WHERE state = %d", hook.Held),
		"SELECT count(*) FROM announcement",
	} {
		one, _, err := queryInt(conn, sql)
		if err != nil {
			return 0, fmt.Errorf("count unfinished: %w", err)
		}
		n += one
	}
	return n, nil
}

// sizeOf returns the length of a file, 0 when there is none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// fileBytes is what a segment takes on disk, with its log.
func fileBytes(path string) int64 { return sizeOf(path) + sizeOf(path+"-wal") }

// summary says how much of a segment expires when. Content is never added to a segment
// that is not the newest, so it is read once, and kept in the segment's meta table.
type summary []summaryLine

// summaryLine are the messages of an environment whose content expires on a day.
type summaryLine struct {
	Environment hook.EnvironmentID
	Day         int64 // since 1970; neverExpires for content without an end
	Messages    int64
	Content     int64 // bytes
}

const (
	dayMillis    = 24 * hourMillis
	neverExpires = 1 << 40 // days
	// rowBytes is about what a message takes without its content: its row, the index, a
	// delivery and an attempt.
	rowBytes = 400
)

// gone returns how much of a segment a judge lets go, and how much there is. It forgets
// due rows: content that waits to be sent when it expires is not sent.
func (m summary) gone(seg *segment, j *judge) (gone, total int64) {
	for _, l := range m {
		total += l.Content + l.Messages*rowBytes
		if (l.Day+1)*dayMillis > j.now.UnixMilli() {
			continue
		}
		gone += l.Content
		if bound, found := j.bounds[l.Environment]; !found || seg.last < bound {
			gone += l.Messages * rowBytes
		}
	}
	return gone, total
}

// summarizeSQL reads the messages between two keys. Lengths of blobs are known without
// reading them. Index: message's primary key.
var summarizeSQL = fmt.Sprintf(`SELECT environment, coalesce(expires_at / %d, %d), count(*),
	sum(coalesce(length(payload), 0) + coalesce(length(raw), 0) + coalesce(length(params), 0) + coalesce(length(inbound), 0))
	FROM message WHERE key > ?1 AND key <= ?2 GROUP BY 1, 2`, dayMillis, neverExpires)

const metaSummary = "summary"

// summary returns the summary of a segment, and makes and keeps it when there is none.
func (s *Store) summary(ctx context.Context, seg *segment, conn *sqlite.Conn) (m summary, err error) {
	var text string
	err = sqlitex.Execute(conn, "SELECT value FROM meta WHERE name = ?1", &sqlitex.ExecOptions{
		Args:       []any{metaSummary},
		ResultFunc: func(stmt *sqlite.Stmt) error { text = stmt.ColumnText(0); return nil },
	})
	if err != nil {
		return nil, fmt.Errorf("read summary: %w", err)
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return nil, fmt.Errorf("read summary of %s: %w", filepath.Base(seg.path()), err)
		}
		return m, nil
	}
	if m, err = summarize(ctx, conn, pace{factor: 1}); err != nil {
		return nil, fmt.Errorf("summarize: %w", err)
	}
	err = s.change(ctx, seg, func(conn *sqlite.Conn) error { return saveSummary(conn, m) })
	return m, err
}

func saveSummary(conn *sqlite.Conn, m summary) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return sqlitex.Execute(conn, saveMarkSQL, &sqlitex.ExecOptions{Args: []any{metaSummary, string(text)}})
}

// summarize reads all messages of a segment in small steps.
func summarize(ctx context.Context, conn *sqlite.Conn, pace pace) (m summary, err error) {
	lines := map[summaryLine]*summaryLine{}
	for after, more := hook.Key(0), true; more; {
		begin := time.Now()
		var last hook.Key
		if last, more, err = lastOfStep(conn, "message", after, 2000); err != nil {
			return nil, err
		}
		err = sqlitex.Execute(conn, summarizeSQL, &sqlitex.ExecOptions{Args: []any{int64(after), int64(last)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			id := summaryLine{Environment: hook.EnvironmentID(stmt.ColumnInt64(0)), Day: stmt.ColumnInt64(1)}
			if lines[id] == nil {
				lines[id] = &summaryLine{Environment: id.Environment, Day: id.Day}
			}
			lines[id].Messages += stmt.ColumnInt64(2)
			lines[id].Content += stmt.ColumnInt64(3)
			return nil
		}})
		if err != nil {
			return nil, err
		}
		after = last
		if err := pace.rest(ctx, time.Since(begin)); err != nil {
			return nil, err
		}
	}
	m = summary{} // not nil: an empty segment has a summary, too
	for _, l := range lines {
		m = append(m, *l)
	}
	slices.SortFunc(m, func(a, b summaryLine) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Day, b.Day))
	})
	return m, nil
}

// lastOfStep returns the key of the row that ends a step of n rows after a key, and whether
// there may be more.
func lastOfStep(conn *sqlite.Conn, table string, after hook.Key, n int) (last hook.Key, more bool, err error) {
	last = hook.MaxKey
	sql := fmt.Sprintf("SELECT key FROM %s WHERE key > ?1 ORDER BY key LIMIT 1 OFFSET ?2", table)
	err = sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{Args: []any{int64(after), n - 1}, ResultFunc: func(stmt *sqlite.Stmt) error {
		last, more = hook.Key(stmt.ColumnInt64(0)), true
		return nil
	}})
	return last, more, err
}

// pace keeps long work from taking the disk and a processor for itself: after each step it
// rests for factor times as long as the step took.
type pace struct{ factor float64 }

func (p pace) rest(ctx context.Context, took time.Duration) error {
	rest := time.Duration(float64(took) * p.factor)
	if rest < 100*time.Microsecond {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(rest, time.Second)):
		return nil
	}
}
