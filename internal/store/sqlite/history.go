package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

var _ store.History = (*Store)(nil)

// walk says how one list goes through a key column: which keys, and in which
// direction rows are found. Lists are always returned newest first.
type walk struct {
	low, high hook.Key // inclusive bounds
	ascending bool     // rows are found oldest first and turned round at the end
	want      int      // rows to find: the limit and one more, which says that the list goes on
	bytes     int      // of content in the rows found, see hold
	look      look
}

// maxPageBytes is how much content one page of a list holds. A page that reaches it is
// shorter than its limit and says that the list goes on, so that 250 bodies of 25 MiB are
// not in memory at once. One row is always given, however large.
const maxPageBytes = 16 << 20

// hold counts the content of the row that was found last, of n so far. If that is more
// than a page may hold, the page ends before it: the row is the one more that is wanted.
func (w *walk) hold(n int, m *hook.Message) {
	w.bytes += m.Size()
	if w.bytes > maxPageBytes && n > 1 {
		w.want = min(w.want, n)
	}
}

func newWalk(w store.Window) walk {
	k := walk{low: 0, high: hook.MaxKey, ascending: w.Ascending && w.From == 0, want: w.Limit + 1, look: newLook(w.Look)}
	if !w.After.IsZero() {
		k.low = hook.KeyAt(w.After) // ids that share the millisecond of After are included (CONTRACT 1.7)
	}
	if !w.Before.IsZero() {
		k.high = hook.KeyAt(w.Before) - 1
	}
	if w.From != 0 {
		if w.Backward {
			k.low, k.ascending = max(k.low, w.From+1), true
		} else {
			k.high = min(k.high, w.From-1)
		}
	}
	return k
}

// order returns the SQL word for the direction.
func (w walk) order() string {
	if w.ascending {
		return "ASC"
	}
	return "DESC"
}

// look is how far a list's look at rows has come.
type look struct {
	store.Look
	deadline time.Time

	rows    int      // in this file
	at      hook.Key // the last one
	isSpent bool
	// next is where what was looked at in all files ends; 0 while no bound was reached.
	next hook.Key
}

func newLook(bounds store.Look) look {
	l := look{Look: bounds}
	if l.MaxTime > 0 {
		l.deadline = time.Now().Add(l.MaxTime)
	}
	return l
}

// lookStep is how many rows are looked at between two looks at the clock, and at least: more than
// a page has, so that only a filter that passes few ends a page early, and never a slow machine.
const lookStep = 256

// begin is called before the rows of a file.
func (w *walk) begin() { w.look.rows, w.look.isSpent = 0, false }

// goOn is called after each row, and reports whether there may be one more.
func (w *walk) goOn(key hook.Key) bool {
	l := &w.look
	l.rows++
	l.at = key
	l.isSpent = l.MaxRows > 0 && l.rows >= l.MaxRows || !l.deadline.IsZero() && l.rows%lookStep == 0 && !time.Now().Before(l.deadline)
	if l.isSpent && (l.next == 0 || w.ascending && key < l.next || !w.ascending && key > l.next) {
		l.next = key
	}
	return !l.isSpent
}

// listed turns the rows that a walk found, in its direction, into a page.
func listed[T any](w walk, rows []T) store.Listed[T] {
	out := store.Listed[T]{Rows: rows, More: len(rows) >= w.want}
	switch {
	case out.More:
		out.Rows = rows[:w.want-1]
	case w.look.next != 0:
		out.More, out.Next = true, w.look.next
	}
	if w.ascending {
		slices.Reverse(out.Rows)
	}
	return out
}

// segmentsAlong returns the segments that may hold messages of the walk, in its direction.
func (s *Store) segmentsAlong(w walk) []*segment {
	var out []*segment
	for _, seg := range s.segmentsNewestFirst() {
		if seg.first <= w.high && seg.last >= w.low && !seg.barren.Load() {
			out = append(out, seg)
		}
	}
	if w.ascending {
		slices.Reverse(out)
	}
	return out
}

// eachRow steps through stmt until row returns false. It leaves stmt reset.
func eachRow(stmt *sqlite.Stmt, row func() (bool, error)) error {
	for {
		more, err := stmt.Step()
		if err != nil {
			return err
		}
		if !more {
			return stmt.Reset() // SQLite refuses to bind a statement that has ended but is not reset
		}
		goOn, err := row()
		if err != nil || !goOn {
			if rerr := stmt.Reset(); err == nil {
				err = rerr
			}
			return err
		}
	}
}

// messageFilter is the part of a query that looks at the message.
type messageFilter struct {
	eventTypes   []string
	channel, tag string
	channels     []string // any of them
}

func (f messageFilter) isEmpty() bool {
	return len(f.eventTypes) == 0 && f.channel == "" && len(f.channels) == 0 && f.tag == ""
}

func (f messageFilter) match(m *hook.Message) bool {
	return (len(f.eventTypes) == 0 || slices.Contains(f.eventTypes, m.EventType)) &&
		(f.channel == "" || slices.Contains(m.Channels, f.channel)) &&
		(len(f.channels) == 0 || slices.ContainsFunc(m.Channels, func(c string) bool { return slices.Contains(f.channels, c) })) &&
		(f.tag == "" || slices.Contains(m.Tags, f.tag))
}

// errNoMessage is what every look-up of a message answers that does not exist or is another tenant's.
func errNoMessage() error { return hook.Errorf(hook.NotFound, "Entity not found") }

// messageIn loads one message of app from an open segment, without content when content is nil.
func messageIn(conn *sqlite.Conn, app hook.ApplicationID, id hook.MessageID, content *contentSealer) (*storedMessage, error) {
	stmt, err := conn.Prepare(messageSQL)
	if err != nil {
		return nil, fmt.Errorf("prepare message: %w", err)
	}
	stmt.BindInt64(1, int64(id))
	var m *storedMessage
	err = eachRow(stmt, func() (bool, error) {
		var err error
		m, err = scanMessage(stmt, content)
		return false, err
	})
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	if m == nil || m.Application != app {
		return nil, errNoMessage()
	}
	return m, nil
}

// inMessageSegment runs f on the segment that would hold the message.
func (s *Store) inMessageSegment(ctx context.Context, id hook.MessageID, f func(conn *sqlite.Conn) error) error {
	seg := s.segmentOf(hook.Key(id))
	if seg == nil {
		return errNoMessage()
	}
	found := false
	err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
		found = true
		return f(conn)
	})
	if err == nil && !found { // dropped since
		return errNoMessage()
	}
	return err
}
