package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

const consumerColumns = "endpoint, name, position, leased, lease_until, created_at, updated_at"

// Consumer implements store.Consumers. Index: primary key.
func (c *catalog) Consumer(ctx context.Context, ep hook.EndpointID, name string) (found *hook.Consumer, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		found, err = consumerIn(conn, ep, name)
		return err
	})
	if err == nil && found == nil {
		err = errNotFound()
	}
	return found, wrapCatalog("read consumer", err)
}

// UpdateConsumer implements store.Consumers. Index: primary key.
func (c *catalog) UpdateConsumer(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, name string, first *hook.Consumer, update func(*hook.Consumer) error) (*hook.Consumer, error) {
	var now *hook.Consumer
	err := c.change(ctx, func(tx *catalogTx) error {
		was, err := consumerIn(tx.conn, ep, name)
		if err != nil {
			return err
		}
		switch {
		case was != nil:
			next := *was
			now = &next
		case first == nil:
			return errNotFound()
		default:
			next := *first
			now = &next
			now.Endpoint, now.Name, now.CreatedAt = ep, name, toMillis(c.now())
			// An endpoint that was deleted a moment ago would never lose this row.
			found, err := tx.has("SELECT 1 FROM endpoint WHERE application = ?1 AND key = ?2", app, ep)
			if err == nil && !found {
				err = errNotFound()
			}
			if err != nil {
				return err
			}
			full, err := tx.has("SELECT 1 FROM consumer WHERE endpoint = ?1 LIMIT 1 OFFSET ?2", ep, hook.MaxConsumers-1)
			if err != nil {
				return err
			}
			if full {
				return hook.Errorf(hook.LimitReached, "A polling endpoint may have %d consumers; delete one that is of no use any more.", hook.MaxConsumers)
			}
		}
		if err := update(now); err != nil {
			return err
		}
		now.LeaseUntil = toMillis(now.LeaseUntil)
		if was != nil && *now == *was {
			return nil
		}
		now.UpdatedAt = toMillis(c.now())
		return tx.exec("INSERT OR REPLACE INTO consumer ("+consumerColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			ep, name, now.Position, now.Leased, argMillis(now.LeaseUntil), now.CreatedAt.UnixMilli(), now.UpdatedAt.UnixMilli())
	})
	if err != nil {
		return nil, err
	}
	return now, nil
}

// ListConsumers implements store.Consumers. Index: primary key.
func (c *catalog) ListConsumers(ctx context.Context, ep hook.EndpointID) (list []*hook.Consumer, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT "+consumerColumns+" FROM consumer WHERE endpoint = ?1 ORDER BY name", func(stmt *sqlite.Stmt) error {
			list = append(list, scanConsumer(stmt))
			return nil
		}, ep)
	})
	return list, wrapCatalog("list consumers", err)
}

// DeleteConsumer implements store.Consumers. Index: primary key.
func (c *catalog) DeleteConsumer(ctx context.Context, ep hook.EndpointID, name string) error {
	return c.change(ctx, func(tx *catalogTx) error {
		err := tx.exec("DELETE FROM consumer WHERE endpoint = ?1 AND name = ?2", ep, name)
		if err == nil && tx.conn.Changes() == 0 {
			err = errNotFound()
		}
		return err
	})
}

// clearPolling removes what belongs to a polling endpoint. Indexes: primary key, token_endpoint.
func clearPolling(tx *catalogTx, ep hook.EndpointID) error {
	tx.tokens = func(t *hook.Token) bool { return t.Endpoint == ep }
	if err := tx.exec("DELETE FROM token WHERE endpoint = ?1 AND endpoint <> 0", ep); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM feed_lost WHERE endpoint = ?1", ep); err != nil {
		return err
	}
	return tx.exec("DELETE FROM consumer WHERE endpoint = ?1", ep)
}

// consumerIn returns a consumer, nil where there is none.
func consumerIn(conn *sqlite.Conn, ep hook.EndpointID, name string) (c *hook.Consumer, err error) {
	err = catalogQuery(conn, "SELECT "+consumerColumns+" FROM consumer WHERE endpoint = ?1 AND name = ?2", func(stmt *sqlite.Stmt) error {
		c = scanConsumer(stmt)
		return nil
	}, ep, name)
	return c, err
}

func scanConsumer(stmt *sqlite.Stmt) *hook.Consumer {
	return &hook.Consumer{
		Endpoint:   hook.EndpointID(stmt.ColumnInt64(0)),
		Name:       stmt.ColumnText(1),
		Position:   hook.Position(stmt.ColumnInt64(2)),
		Leased:     hook.Position(stmt.ColumnInt64(3)),
		LeaseUntil: columnMillis(stmt, 4),
		CreatedAt:  columnMillis(stmt, 5),
		UpdatedAt:  columnMillis(stmt, 6),
	}
}
