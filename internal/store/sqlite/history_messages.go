package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Message implements store.History.
func (s *Store) Message(ctx context.Context, app hook.ApplicationID, id hook.MessageID) (*hook.Message, error) {
	var m *storedMessage
	err := s.inMessageSegment(ctx, id, func(conn *sqlite.Conn) error {
		var err error
		m, err = messageIn(conn, app, id, s.content)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &m.Message, nil
}

// MessageByEventID implements store.History.
func (s *Store) MessageByEventID(ctx context.Context, app hook.ApplicationID, eventID string) (hook.MessageID, error) {
	hash := eventIDHash(app, eventID)
	k, err := s.findTaken(ctx, hourKeys, &hash)
	if err != nil {
		return 0, fmt.Errorf("find message by eventId: %w", err)
	}
	if k == nil {
		return 0, errNoMessage()
	}
	return k.message, nil
}

// Index: message_application(application, key).
const messagesSQL = `SELECT ` + messageColumns + ` FROM message INDEXED BY message_application
	WHERE application = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key `

// Messages implements store.History. Filters are applied row by row, without reading
// the payload of a row that does not match.
func (s *Store) Messages(ctx context.Context, q store.MessageQuery) (store.Listed[*hook.Message], error) {
	w := newWalk(q.Window)
	filter := messageFilter{eventTypes: q.EventTypes, channel: q.Channel, channels: q.Channels, tag: q.Tag}
	var rows []*hook.Message
	for _, seg := range s.segmentsAlong(w) {
		w.begin()
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(messagesSQL + w.order())
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(q.Application))
			stmt.BindInt64(2, int64(w.low))
			stmt.BindInt64(3, int64(w.high))
			return eachRow(stmt, func() (bool, error) {
				m, err := scanMessage(stmt, nil)
				if err != nil {
					return false, err
				}
				goOn := w.goOn(hook.Key(m.ID))
				if !filter.match(&m.Message) {
					return goOn, nil
				}
				if q.WithContent {
					if m, err = scanMessage(stmt, s.content); err != nil {
						return false, err
					}
				}
				rows = append(rows, &m.Message)
				w.hold(len(rows), &m.Message)
				return goOn && len(rows) < w.want, nil
			})
		})
		if err != nil {
			return store.Listed[*hook.Message]{}, fmt.Errorf("list messages: %w", err)
		}
		if len(rows) >= w.want || w.look.isSpent {
			break
		}
	}
	return listed(w, rows), nil
}

// ExpungeMessage implements store.History.
func (s *Store) ExpungeMessage(ctx context.Context, app hook.ApplicationID, id hook.MessageID) error {
	var file *segmentFile
	again := false
	err := s.writer.doToEnd(ctx, func(w *writer) error {
		p, err := w.penOf(id)
		if err != nil {
			return err
		}
		if p == nil {
			return errNoMessage()
		}
		m, err := messageIn(p.conn, app, id, nil)
		if err != nil {
			return err
		}
		file, again = p.file, m.Expunged
		return expungeContent(p.conn, id)
	})
	if err != nil {
		return err
	}
	s.expunged.add(s.o.Now(), id)
	s.scrubLater(file)
	if again {
		return nil
	}
	return s.recordExpunge(ctx, app, hook.AuditMessage, hook.Key(id))
}
