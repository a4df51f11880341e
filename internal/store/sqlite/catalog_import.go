package sqlite

import (
	"context"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Import implements store.Imports.
func (c *catalog) Import(ctx context.Context, env hook.EnvironmentID, r *store.Receipt, plan func(*store.Configuration) error) error {
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		now, err := c.configuration(tx, env)
		if err != nil {
			return err
		}
		was := now.Environment.AuditFields()
		if err := plan(now); err != nil {
			return err
		}
		for _, t := range now.Put {
			if err := c.importEventType(tx, now.EventTypes[t.Name], t, env); err != nil {
				return err
			}
		}
		for _, n := range now.PutConnectors {
			if err := c.importConnector(tx, now.Connectors, n, env); err != nil {
				return err
			}
		}
		if !now.PutSettings {
			return nil
		}
		e := now.Environment
		e.UpdatedAt = toMillis(c.now())
		settings, err := encodeSettings(e.Settings)
		if err != nil {
			return err
		}
		tx.environments = append(tx.environments, env)
		err = tx.exec("UPDATE environment SET settings = ?2, version = version + 1, updated_at = ?3 WHERE key = ?1", env, settings, e.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.updated(tx, environmentEntry(e), was, e.AuditFields())
	})
}

// configuration reads what there is. Index: primary keys.
func (c *catalog) configuration(tx *catalogTx, env hook.EnvironmentID) (*store.Configuration, error) {
	e, _, err := environmentIn(tx.conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", env)
	if err != nil {
		return nil, err
	}
	now := &store.Configuration{Environment: e, EventTypes: map[string]*hook.EventType{}}
	err = tx.query("SELECT "+eventTypeColumns+" FROM event_type WHERE environment = ?1", func(stmt *sqlite.Stmt) error {
		t, err := scanEventType(stmt)
		if err == nil {
			now.EventTypes[t.Name] = t
		}
		return err
	}, env)
	if err != nil {
		return nil, err
	}
	err = tx.query("SELECT "+connectorColumns+" FROM connector WHERE environment = ?1 ORDER BY key", func(stmt *sqlite.Stmt) error {
		n, err := scanConnector(stmt)
		now.Connectors = append(now.Connectors, n)
		return err
	}, env)
	return now, err
}

// importConnector writes a connector that is new, or takes the place of the one with its key.
func (c *catalog) importConnector(tx *catalogTx, have []*hook.Connector, n *hook.Connector, env hook.EnvironmentID) error {
	if slices.ContainsFunc(have, func(old *hook.Connector) bool { return old.ID == n.ID }) {
		_, err := c.updateConnector(tx, env, n.ID, func(old *hook.Connector) error { *old = *n; return nil })
		return err
	}
	n.Environment = env
	return c.insertConnector(tx, n)
}

func (c *catalog) importEventType(tx *catalogTx, old, t *hook.EventType, env hook.EnvironmentID) error {
	t.Environment, t.UpdatedAt = env, toMillis(c.now())
	if t.CreatedAt = t.UpdatedAt; old != nil {
		t.CreatedAt = old.CreatedAt
	}
	if err := c.putEventType(tx, t); err != nil {
		return err
	}
	if old != nil {
		return c.updated(tx, eventTypeEntry(t), old.AuditFields(), t.AuditFields())
	}
	return c.created(tx, eventTypeEntry(t), t.AuditFields())
}

// archivedSQL lists the archived types of an environment. Index: event_type_archived.
const archivedSQL = "SELECT name FROM event_type WHERE environment = ?1 AND archived = 1"

// archivedTypes returns the archived event types of an environment; nil when there is none.
func archivedTypes(conn *sqlite.Conn, env hook.EnvironmentID) (archived map[string]bool, err error) {
	err = catalogQuery(conn, archivedSQL, func(stmt *sqlite.Stmt) error {
		if archived == nil {
			archived = map[string]bool{}
		}
		archived[stmt.ColumnText(0)] = true
		return nil
	}, env)
	return archived, err
}

// archivingChanged makes memory forget the plans of an environment when a type is archived
// that was not, or the other way. As with policyChanged versions stay: a publish that began
// before the change may use what held then.
func archivingChanged(tx *catalogTx, env hook.EnvironmentID, name string, archived bool) error {
	was, err := tx.has(archivedSQL+" AND name = ?2", env, name)
	if err == nil && was != archived {
		tx.environments = append(tx.environments, env)
	}
	return err
}

// checkEndpointLimit refuses a further endpoint of an application whose environment allows
// no more. It runs in the transaction that counted the endpoint already. Sources and the
// receivers of operational webhooks are the user's own, and not limited.
func checkEndpointLimit(tx *catalogTx, app hook.ApplicationID) error {
	const sql = `SELECT a.endpoints, e.settings FROM application a JOIN environment e ON e.key = a.environment
		WHERE a.key = ?1 AND a.source = 0 AND json_extract(e.settings, '$.endpoint_limit') IS NOT NULL`
	return tx.query(sql, func(stmt *sqlite.Stmt) error {
		settings, err := decodeSettings(stmt.ColumnText(1))
		if err == nil && settings.EndpointLimit > 0 && stmt.ColumnInt(0) > settings.EndpointLimit {
			err = hook.Errorf(hook.LimitReached, "The application has %d endpoints, and its environment allows no more (endpointsPerAppLimit)", settings.EndpointLimit)
		}
		return err
	}, app)
}
