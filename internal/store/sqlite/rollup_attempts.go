package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// Index: attempt's primary key (endpoint, key). One seek, whatever lies between.
	nextAttemptEndpointSQL = `SELECT endpoint FROM attempt WHERE endpoint > ?1 ORDER BY endpoint LIMIT 1`
	endedAttemptsSQL       = `SELECT key, message, outcome, reason, status, took, next_at IS NOT NULL FROM attempt
		WHERE endpoint = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4`
	// Index: message's primary key.
	messageOwnerSQL = `SELECT application, environment, event_type FROM message WHERE key = ?1`
)

// endedBatch is how many seeks and rows one read takes: a longer one would keep the
// write-ahead log from being restarted.
const endedBatch = 5000

// EachEndedAttempt implements store.Rollups. Attempts lie by endpoint, so it seeks endpoint
// by endpoint, in every segment: a late retry lies in the segment of its message.
func (s *Store) EachEndedAttempt(ctx context.Context, span hook.KeySpan, f func(*hook.EndedAttempt) error) error {
	for _, seg := range s.segmentsOldestFirst() {
		if seg.first >= span.High { // an attempt is never older than its message
			continue
		}
		at := endedCursor{span: span, low: span.Low}
		for !at.done {
			var batch []hook.EndedAttempt
			err := s.read(ctx, seg, func(conn *sqlite.Conn) (err error) {
				batch, err = at.read(conn)
				return err
			})
			if err != nil {
				return fmt.Errorf("read ended attempts: %w", err)
			}
			for i := range batch {
				if err := f(&batch[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// endedCursor is how far the attempts of a segment have been read.
type endedCursor struct {
	span     hook.KeySpan
	endpoint hook.EndpointID // 0 before the first
	low      hook.Key        // of the endpoint's attempts that are left
	within   bool            // endpoint has attempts left
	done     bool
}

func (c *endedCursor) read(conn *sqlite.Conn) (out []hook.EndedAttempt, err error) {
	next, err := conn.Prepare(nextAttemptEndpointSQL)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Prepare(endedAttemptsSQL)
	if err != nil {
		return nil, err
	}
	owner, err := conn.Prepare(messageOwnerSQL)
	if err != nil {
		return nil, err
	}
	for left := endedBatch; left > 0; left-- {
		if !c.within {
			next.BindInt64(1, int64(c.endpoint))
			c.done = true
			err := eachRow(next, func() (bool, error) {
				c.endpoint, c.low, c.within, c.done = hook.EndpointID(next.ColumnInt64(0)), c.span.Low, true, false
				return false, nil
			})
			if err != nil || c.done {
				return out, err
			}
		}
		rows.BindInt64(1, int64(c.endpoint))
		rows.BindInt64(2, int64(c.low))
		rows.BindInt64(3, int64(c.span.High))
		rows.BindInt64(4, int64(left))
		found := 0
		err := eachRow(rows, func() (bool, error) {
			found++
			e := hook.EndedAttempt{
				ID: hook.AttemptID(rows.ColumnInt64(0)), Endpoint: c.endpoint,
				Outcome: hook.Outcome(rows.ColumnInt(2)), Reason: hook.Reason(rows.ColumnInt(3)), Status: rows.ColumnInt(4),
				Took: time.Duration(rows.ColumnInt64(5)) * time.Microsecond, HasNext: rows.ColumnBool(6),
			}
			c.low = hook.Key(e.ID) + 1
			owner.BindInt64(1, rows.ColumnInt64(1))
			return true, eachRow(owner, func() (bool, error) {
				e.Application, e.Environment = hook.ApplicationID(owner.ColumnInt64(0)), hook.EnvironmentID(owner.ColumnInt64(1))
				e.EventType = owner.ColumnText(2)
				out = append(out, e)
				return false, nil
			})
		})
		if err != nil {
			return nil, err
		}
		c.within = found == left
		left -= found
	}
	return out, nil
}
