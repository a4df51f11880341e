package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// visitLife is how long counts and rejections are kept.
	visitLife = 90 * 24 * time.Hour
	// purgeCounts and purgeRejections are how many rows that are too old each SaveVisits
	// removes: more counts than an hour of a busy source adds, and few enough that no
	// change waits for the dead.
	purgeCounts     = 256
	purgeRejections = 64
)

// SaveVisits implements store.Visits. All of it is one transaction.
func (c *catalog) SaveVisits(ctx context.Context, counts []hook.SourceCount, rejections []*hook.Rejection) error {
	for _, r := range rejections {
		if r.ID == 0 {
			r.ID = hook.RejectionID(c.NewKey())
		}
		c.stamp(&r.At, nil)
	}
	return c.change(ctx, func(tx *catalogTx) error {
		known := map[hook.SourceID]bool{}
		exists := func(id hook.SourceID) (bool, error) {
			found, asked := known[id]
			if asked {
				return found, nil
			}
			found, err := tx.has("SELECT 1 FROM source s JOIN environment e ON e.key = s.environment WHERE s.key = ?1", id)
			known[id] = found
			return found, err
		}
		for i := range counts {
			n := &counts[i]
			if found, err := exists(n.Source); err != nil {
				return err
			} else if !found {
				continue
			}
			err := tx.exec(`INSERT INTO source_count (source, hour, verdict, reason, n) VALUES (?1, ?2, ?3, ?4, ?5)
				ON CONFLICT (source, hour, verdict, reason) DO UPDATE SET n = n + excluded.n`,
				n.Source, hourOf(n.Hour), n.Verdict, n.Reason, n.N)
			if err != nil {
				return err
			}
		}
		added := map[hook.SourceID]bool{}
		for _, r := range rejections {
			if found, err := exists(r.Source); err != nil {
				return err
			} else if !found {
				continue
			}
			if err := c.putRejection(tx, r); err != nil {
				return err
			}
			added[r.Source] = true
		}
		for id := range added {
			if err := tx.exec(trimRejectionsSQL, id, hook.MaxRejections-1); err != nil {
				return err
			}
		}
		return c.purgeVisits(tx)
	})
}

// hourOf is the beginning of a time's hour in Unix milliseconds.
func hourOf(t time.Time) int64 {
	ms := t.UnixMilli()
	return ms - ms%hourMillis
}

// trimRejectionsSQL removes all of source ?1 that are older than the newest and ?2 more. Index: rejection_source.
const trimRejectionsSQL = `DELETE FROM rejection WHERE source = ?1
	AND key < (SELECT key FROM rejection WHERE source = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)`

func rejectionContext(id hook.RejectionID, column string) string {
	return fmt.Sprintf("rejection/%d/%s", id, column)
}

const rejectionColumns = "key, source, status, reason, method, remote, header, body, body_truncated, at"

func (c *catalog) putRejection(tx *catalogTx, r *hook.Rejection) error {
	if err := tx.used(hook.Key(r.ID)); err != nil {
		return err
	}
	var header, body []byte
	if len(r.Header) > 0 {
		var err error
		if header, err = c.sealJSON(r.Header, rejectionContext(r.ID, "header")); err != nil {
			return fmt.Errorf("seal header of a rejection: %w", err)
		}
	}
	if len(r.Body) > 0 {
		body = c.sealer.Seal(r.Body, rejectionContext(r.ID, "body"))
	}
	return tx.exec("INSERT INTO rejection ("+rejectionColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		r.ID, r.Source, r.Status, r.Reason, r.Method, r.Remote, argBlob(header), argBlob(body), r.BodyTruncated, r.At.UnixMilli())
}

// purgeVisits removes a few rows that are too old, of whichever source. Indexes:
// source_count_hour, rejection's primary key.
func (c *catalog) purgeVisits(tx *catalogTx) error {
	before := c.now().Add(-visitLife)
	err := tx.exec(`DELETE FROM source_count WHERE (source, hour, verdict, reason) IN
		(SELECT source, hour, verdict, reason FROM source_count WHERE hour < ?1 ORDER BY hour LIMIT ?2)`, before.UnixMilli()-hourMillis, purgeCounts)
	if err != nil {
		return err
	}
	return tx.exec("DELETE FROM rejection WHERE key IN (SELECT key FROM rejection WHERE key < ?1 ORDER BY key LIMIT ?2)", hook.KeyAt(before), purgeRejections)
}

// Rejections implements store.Visits. Index: rejection_source.
func (c *catalog) Rejections(ctx context.Context, source hook.SourceID, p store.Page[hook.RejectionID]) (store.Listed[*hook.Rejection], error) {
	list, err := listOwned(ctx, c, "SELECT "+rejectionColumns+" FROM rejection WHERE source = ?1", source, p, c.scanRejection)
	return list, wrapCatalog("list rejections", err)
}

func (c *catalog) scanRejection(stmt *sqlite.Stmt) (*hook.Rejection, error) {
	r := &hook.Rejection{
		ID:            hook.RejectionID(stmt.ColumnInt64(0)),
		Source:        hook.SourceID(stmt.ColumnInt64(1)),
		Status:        stmt.ColumnInt(2),
		Reason:        stmt.ColumnText(3),
		Method:        stmt.ColumnText(4),
		Remote:        stmt.ColumnText(5),
		BodyTruncated: stmt.ColumnBool(8),
		At:            columnMillis(stmt, 9),
	}
	if err := c.openJSON(columnBytes(stmt, 6), rejectionContext(r.ID, "header"), &r.Header); err != nil {
		return nil, fmt.Errorf("open header of rejection %d: %w", r.ID, err)
	}
	if sealed := columnBytes(stmt, 7); sealed != nil {
		var err error
		if r.Body, err = c.sealer.Open(sealed, rejectionContext(r.ID, "body")); err != nil {
			return nil, fmt.Errorf("open body of rejection %d: %w", r.ID, err)
		}
	}
	return r, nil
}

// SourceCounts implements store.Visits. Index: primary key.
func (c *catalog) SourceCounts(ctx context.Context, source hook.SourceID, since, until time.Time) ([]hook.SourceCount, error) {
	var list []hook.SourceCount
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, `SELECT hour, verdict, reason, n FROM source_count
			WHERE source = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour, verdict, reason`, func(stmt *sqlite.Stmt) error {
			list = append(list, hook.SourceCount{
				Source: source, Hour: columnMillis(stmt, 0), Verdict: hook.Verdict(stmt.ColumnInt(1)), Reason: stmt.ColumnText(2), N: stmt.ColumnInt64(3),
			})
			return nil
		}, source, hourOf(since), until.UnixMilli())
	})
	return list, wrapCatalog("read counts of a source", err)
}
