package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const integrationColumns = "key, application, name, feature_flags, created_at, updated_at"

// CreateIntegration implements store.Integrations. Index: integration_application.
func (c *catalog) CreateIntegration(ctx context.Context, i *hook.Integration, r *store.Receipt) error {
	if i.ID == 0 {
		i.ID = hook.IntegrationID(c.NewKey())
	}
	c.stamp(&i.CreatedAt, &i.UpdatedAt)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		a, err := applicationIn(tx.conn, "a.key = ?1", i.Application)
		if err != nil {
			return err
		}
		full, err := tx.has("SELECT 1 FROM integration WHERE application = ?1 LIMIT 1 OFFSET ?2", i.Application, hook.MaxIntegrations-1)
		if err != nil {
			return err
		}
		if full {
			return hook.Errorf(hook.LimitReached, "an application may have %d integrations; delete one that is not used any more", hook.MaxIntegrations)
		}
		if err := tx.used(hook.Key(i.ID)); err != nil {
			return err
		}
		err = tx.exec("INSERT INTO integration ("+integrationColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			i.ID, i.Application, i.Name, argList(i.FeatureFlags), i.CreatedAt.UnixMilli(), i.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.created(tx, integrationEntry(a, i), i.AuditFields())
	})
}

func integrationEntry(a *hook.Application, i *hook.Integration) hook.AuditEntry {
	return hook.AuditEntry{Environment: a.Environment, Noun: hook.AuditIntegration, Subject: hook.Key(i.ID), Application: i.Application, Name: i.Name}
}

// Integration implements store.Integrations. Index: primary key.
func (c *catalog) Integration(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID) (i *hook.Integration, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		i, err = integrationIn(conn, app, id)
		return err
	})
	return i, wrapCatalog("read integration", err)
}

func integrationIn(conn *sqlite.Conn, app hook.ApplicationID, id hook.IntegrationID) (i *hook.Integration, err error) {
	err = catalogQuery(conn, "SELECT "+integrationColumns+" FROM integration WHERE key = ?1 AND application = ?2", func(stmt *sqlite.Stmt) error {
		i, err = scanIntegration(stmt)
		return err
	}, id, app)
	if err == nil && i == nil {
		err = errNotFound()
	}
	return i, err
}

// ListIntegrations implements store.Integrations. Index: integration_application.
func (c *catalog) ListIntegrations(ctx context.Context, app hook.ApplicationID, p store.Page[hook.IntegrationID]) (store.Listed[*hook.Integration], error) {
	list, err := listOwned(ctx, c, "SELECT "+integrationColumns+" FROM integration WHERE application = ?1", app, p, scanIntegration)
	return list, wrapCatalog("list integrations", err)
}

// UpdateIntegration implements store.Integrations. Index: token_integration.
func (c *catalog) UpdateIntegration(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID, update func(*hook.Integration) error) (*hook.Integration, error) {
	var i *hook.Integration
	err := c.change(ctx, func(tx *catalogTx) error {
		a, err := applicationIn(tx.conn, "a.key = ?1", app)
		if err != nil {
			return err
		}
		if i, err = integrationIn(tx.conn, app, id); err != nil {
			return err
		}
		was := *i
		if err := update(i); err != nil {
			return err
		}
		i.ID, i.Application, i.CreatedAt, i.UpdatedAt = id, app, was.CreatedAt, toMillis(c.now())
		tx.tokens = func(t *hook.Token) bool { return t.Integration == id }
		err = tx.exec("UPDATE token SET name = ?2, feature_flags = ?3 WHERE integration = ?1 AND integration <> 0", id, i.Name, argList(i.FeatureFlags))
		if err != nil {
			return err
		}
		err = tx.exec("UPDATE integration SET name = ?2, feature_flags = ?3, updated_at = ?4 WHERE key = ?1", id, i.Name, argList(i.FeatureFlags), i.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.updated(tx, integrationEntry(a, i), was.AuditFields(), i.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// DeleteIntegration implements store.Integrations. Index: token_integration.
func (c *catalog) DeleteIntegration(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		a, err := applicationIn(tx.conn, "a.key = ?1", app)
		if err != nil {
			return err
		}
		i, err := integrationIn(tx.conn, app, id)
		if err != nil {
			return err
		}
		if err := tx.exec("DELETE FROM integration WHERE key = ?1", id); err != nil {
			return err
		}
		if err := endKey(tx, id); err != nil {
			return err
		}
		return c.deleted(tx, integrationEntry(a, i), i.AuditFields())
	})
}

// endKey removes the key of an integration. Index: token_integration.
func endKey(tx *catalogTx, id hook.IntegrationID) error {
	tx.tokens = func(t *hook.Token) bool { return t.Integration == id }
	return tx.exec("DELETE FROM token WHERE integration = ?1 AND integration <> 0", id)
}

func integrationContext(id hook.IntegrationID) string {
	return fmt.Sprintf("integration/%d/secret", id)
}

// RotateKey implements store.Integrations.
func (c *catalog) RotateKey(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID, key *hook.Token, text string, r *store.Receipt) error {
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		a, err := applicationIn(tx.conn, "a.key = ?1", app)
		if err != nil {
			return err
		}
		i, err := integrationIn(tx.conn, app, id)
		if err != nil {
			return err
		}
		if err := endKey(tx, id); err != nil {
			return err
		}
		hash, hint, tokenID, created := key.Hash, key.Hint, key.ID, key.CreatedAt
		*key = *i.Grant()
		key.Hash, key.Hint, key.ID, key.CreatedAt, key.Environment = hash, hint, tokenID, created, a.Environment
		if key.ID == 0 {
			key.ID = hook.TokenID(c.NewKey())
		}
		c.stamp(&key.CreatedAt, nil)
		err = tx.exec("UPDATE integration SET secret = ?2, updated_at = ?3 WHERE key = ?1",
			id, c.sealer.Seal([]byte(text), integrationContext(id)), c.now().UnixMilli())
		if err != nil {
			return err
		}
		return c.insertToken(tx, key)
	})
}

// IntegrationKey implements store.Integrations.
func (c *catalog) IntegrationKey(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID) (text string, err error) {
	var sealed []byte
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT secret FROM integration WHERE key = ?1 AND application = ?2", func(stmt *sqlite.Stmt) error {
			sealed = columnBytes(stmt, 0)
			return nil
		}, id, app)
	})
	if err == nil && sealed == nil {
		err = errNotFound()
	}
	if err != nil {
		return "", wrapCatalog("read integration key", err)
	}
	plain, err := c.sealer.Open(sealed, integrationContext(id))
	if err != nil {
		return "", fmt.Errorf("open key of integration %d: %w", id, err)
	}
	return string(plain), nil
}

func scanIntegration(stmt *sqlite.Stmt) (*hook.Integration, error) {
	i := &hook.Integration{
		ID:          hook.IntegrationID(stmt.ColumnInt64(0)),
		Application: hook.ApplicationID(stmt.ColumnInt64(1)),
		Name:        stmt.ColumnText(2),
		CreatedAt:   columnMillis(stmt, 4),
		UpdatedAt:   columnMillis(stmt, 5),
	}
	return i, columnJSON(stmt, 3, &i.FeatureFlags)
}
