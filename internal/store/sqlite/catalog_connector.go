package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const connectorColumns = "key, environment, uid, body, created_at, updated_at"

// CreateConnector implements store.Connectors. Index: connector_environment.
func (c *catalog) CreateConnector(ctx context.Context, n *hook.Connector, r *store.Receipt) error {
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		return c.insertConnector(tx, n)
	})
}

func (c *catalog) insertConnector(tx *catalogTx, n *hook.Connector) error {
	if n.ID == 0 {
		n.ID = hook.ConnectorID(c.NewKey())
	}
	c.stamp(&n.CreatedAt, &n.UpdatedAt)
	if n.CodeUpdatedAt.IsZero() {
		n.CodeUpdatedAt = n.CreatedAt
	}
	n.CodeUpdatedAt = toMillis(n.CodeUpdatedAt)
	if err := checkEnvironmentExists(tx, n.Environment); err != nil {
		return err
	}
	full, err := tx.has("SELECT 1 FROM connector WHERE environment = ?1 LIMIT 1 OFFSET ?2", n.Environment, hook.MaxConnectors-1)
	if err != nil {
		return err
	}
	if full {
		return hook.Errorf(hook.LimitReached, "an environment may have %d connectors; delete one that is not used any more", hook.MaxConnectors)
	}
	if err := tx.used(hook.Key(n.ID)); err != nil {
		return err
	}
	if err := putConnector(tx, "INSERT INTO connector ("+connectorColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6)", n); err != nil {
		return err
	}
	return c.created(tx, connectorEntry(n), n.AuditFields())
}

// putConnector runs a statement whose arguments are connectorColumns. Index: connector_uid.
func putConnector(tx *catalogTx, sql string, n *hook.Connector) error {
	if n.UID != "" {
		taken, err := tx.has("SELECT 1 FROM connector WHERE environment = ?1 AND uid = ?2 AND key <> ?3", n.Environment, n.UID, n.ID)
		if err != nil {
			return err
		}
		if taken {
			return hook.Errorf(hook.Conflict, "A connector with that id or uid already exists")
		}
	}
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode connector: %w", err)
	}
	return tx.exec(sql, n.ID, n.Environment, argText(n.UID), body, n.CreatedAt.UnixMilli(), n.UpdatedAt.UnixMilli())
}

func connectorEntry(n *hook.Connector) hook.AuditEntry {
	return hook.AuditEntry{Environment: n.Environment, Noun: hook.AuditConnector, Subject: hook.Key(n.ID), Name: n.Name}
}

// Connector implements store.Connectors. Index: primary key, or connector_uid.
func (c *catalog) Connector(ctx context.Context, env hook.EnvironmentID, ref string) (n *hook.Connector, err error) {
	if id, ok := c.codec.ParseConnector(env, ref); ok {
		return c.ConnectorOf(ctx, env, id)
	}
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		n, err = connectorIn(conn, "environment = ?1 AND uid = ?2", env, ref)
		return err
	})
	return n, wrapCatalog("read connector", err)
}

// ConnectorOf implements store.Connectors. Index: primary key.
func (c *catalog) ConnectorOf(ctx context.Context, env hook.EnvironmentID, id hook.ConnectorID) (n *hook.Connector, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		n, err = connectorIn(conn, "environment = ?1 AND key = ?2", env, id)
		return err
	})
	return n, wrapCatalog("read connector", err)
}

func connectorIn(conn *sqlite.Conn, where string, args ...any) (n *hook.Connector, err error) {
	err = catalogQuery(conn, "SELECT "+connectorColumns+" FROM connector WHERE "+where, func(stmt *sqlite.Stmt) error {
		n, err = scanConnector(stmt)
		return err
	}, args...)
	if err == nil && n == nil {
		err = errNotFound()
	}
	return n, err
}

// ListConnectors implements store.Connectors. Index: connector_environment; an environment has few.
func (c *catalog) ListConnectors(ctx context.Context, env hook.EnvironmentID, product string, p store.Page[hook.ConnectorID]) (store.Listed[*hook.Connector], error) {
	sql := "SELECT " + connectorColumns + " FROM connector WHERE environment = ?1"
	condition, order, reversed := pageSQL(p, "key", "?3")
	args := []any{env, p.Limit + 1}
	if p.HasAfter {
		args = append(args, p.After)
	}
	if product != "" {
		args = append(args, product)
		sql += fmt.Sprintf(" AND json_extract(body, '$.product') = ?%d", len(args))
	}
	var rows []*hook.Connector
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, sql+condition+order+" LIMIT ?2", func(stmt *sqlite.Stmt) error {
			n, err := scanConnector(stmt)
			rows = append(rows, n)
			return err
		}, args...)
	})
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list connectors", err)
}

// UpdateConnector implements store.Connectors. Versions stay, because whom a message goes
// to does not depend on a connector; only plans in memory are forgotten.
func (c *catalog) UpdateConnector(ctx context.Context, env hook.EnvironmentID, id hook.ConnectorID, r *store.Receipt, update func(*hook.Connector) error) (*hook.Connector, error) {
	var n *hook.Connector
	err := c.change(ctx, func(tx *catalogTx) (err error) {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		n, err = c.updateConnector(tx, env, id, update)
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (c *catalog) updateConnector(tx *catalogTx, env hook.EnvironmentID, id hook.ConnectorID, update func(*hook.Connector) error) (*hook.Connector, error) {
	n, err := connectorIn(tx.conn, "environment = ?1 AND key = ?2", env, id)
	if err != nil {
		return nil, err
	}
	was := *n
	if err := update(n); err != nil {
		return nil, err
	}
	n.ID, n.Environment, n.CreatedAt, n.UpdatedAt, n.CodeUpdatedAt = id, env, was.CreatedAt, toMillis(c.now()), was.CodeUpdatedAt
	if n.Code != was.Code {
		n.CodeUpdatedAt = n.UpdatedAt
		tx.environments = append(tx.environments, env)
	}
	if err := putConnector(tx, "UPDATE connector SET uid = ?3, body = ?4, created_at = ?5, updated_at = ?6 WHERE key = ?1 AND environment = ?2", n); err != nil {
		return nil, err
	}
	return n, c.updated(tx, connectorEntry(n), was.AuditFields(), n.AuditFields())
}

// DeleteConnector implements store.Connectors. Index: endpoint_connector.
func (c *catalog) DeleteConnector(ctx context.Context, env hook.EnvironmentID, id hook.ConnectorID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		n, err := connectorIn(tx.conn, "environment = ?1 AND key = ?2", env, id)
		if err != nil {
			return err
		}
		isUsed, err := tx.has("SELECT 1 FROM endpoint WHERE connector = ?1 LIMIT 1", id)
		if err != nil {
			return err
		}
		if isUsed {
			return hook.Errorf(hook.Conflict, "endpoints use the connector; give them another one first")
		}
		if err := tx.exec("DELETE FROM connector WHERE key = ?1", id); err != nil {
			return err
		}
		return c.deleted(tx, connectorEntry(n), n.AuditFields())
	})
}

func scanConnector(stmt *sqlite.Stmt) (*hook.Connector, error) {
	n := &hook.Connector{}
	if err := json.Unmarshal(columnBytes(stmt, 3), n); err != nil {
		return nil, fmt.Errorf("decode connector %d: %w", stmt.ColumnInt64(0), err)
	}
	n.ID = hook.ConnectorID(stmt.ColumnInt64(0))
	n.Environment = hook.EnvironmentID(stmt.ColumnInt64(1))
	n.UID = stmt.ColumnText(2)
	n.CreatedAt = columnMillis(stmt, 4)
	n.UpdatedAt = columnMillis(stmt, 5)
	return n, nil
}

// argConnector is the connector that an endpoint refers to, NULL for none.
func argConnector(e *hook.Endpoint) any {
	if e.Connector == nil || e.Connector.ID == 0 {
		return nil
	}
	return e.Connector.ID
}

// checkConnector refuses a connector that is not of the endpoint's environment. Indexes: primary keys.
func checkConnector(tx *catalogTx, e *hook.Endpoint) error {
	if argConnector(e) == nil {
		return nil
	}
	found, err := tx.has("SELECT 1 FROM connector c JOIN application a ON a.environment = c.environment WHERE a.key = ?1 AND c.key = ?2", e.Application, e.Connector.ID)
	if err == nil && !found {
		err = errNotFound()
	}
	return err
}

// fillConnectors gives endpoints what they take from their connectors. Index: primary key.
func (c *catalog) fillConnectors(conn *sqlite.Conn, endpoints ...*hook.Endpoint) error {
	var seen map[hook.ConnectorID]hook.ReadyConnector
	for _, e := range endpoints {
		u := e.Connector
		switch {
		case u == nil:
		case u.ID == 0:
			if c.ready != nil {
				if r, ok := c.ready(u.Ready); ok {
					u.Fill(r)
				}
			}
		default:
			r, ok := seen[u.ID]
			if !ok {
				n, err := connectorIn(conn, "key = ?1", u.ID)
				if err != nil {
					if hook.KindOf(err) == hook.NotFound {
						continue // see hook.ConnectorUse.Script
					}
					return err
				}
				if seen == nil {
					seen = map[hook.ConnectorID]hook.ReadyConnector{}
				}
				r = hook.ReadyConnector{Code: n.Code, UpdatedAt: n.CodeUpdatedAt}
				seen[u.ID] = r
			}
			u.Fill(r)
		}
	}
	return nil
}
