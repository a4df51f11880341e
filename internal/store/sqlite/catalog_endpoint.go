package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// CreateEndpoint implements store.Endpoints.
func (c *catalog) CreateEndpoint(ctx context.Context, e *hook.Endpoint, r *store.Receipt) error {
	if e.ID == 0 {
		e.ID = hook.EndpointID(c.NewKey())
	}
	c.stamp(&e.CreatedAt, &e.UpdatedAt)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		// The application's row counts its endpoints, so this also proves that it exists.
		err := touchApplication(tx, e.Application, 1, disabledCount(e))
		if hook.KindOf(err) == hook.NotFound && err != nil {
			err = makeOperational(tx, e)
		}
		if err != nil {
			return err
		}
		if err := checkEndpointLimit(tx, e.Application); err != nil {
			return err
		}
		if err := checkEndpointUID(tx, e); err != nil {
			return err
		}
		if err := checkConnector(tx, e); err != nil {
			return err
		}
		if err := tx.used(hook.Key(e.ID)); err != nil {
			return err
		}
		if err := c.announceEndpoint(tx, nil, e); err != nil {
			return err
		}
		err = c.putEndpoint(tx, `INSERT INTO endpoint (`+endpointColumns+`)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)`, e)
		if err != nil {
			return err
		}
		entry, err := endpointEntry(tx, e)
		if err != nil {
			return err
		}
		return c.created(tx, entry, e.AuditFields())
	})
}

// endpointEntry is what the audit log says about which endpoint it was.
func endpointEntry(tx *catalogTx, e *hook.Endpoint) (hook.AuditEntry, error) {
	entry := hook.AuditEntry{Noun: hook.AuditEndpoint, Subject: hook.Key(e.ID), Application: e.Application, Name: e.UID}
	err := tx.query("SELECT environment FROM application WHERE key = ?1", func(stmt *sqlite.Stmt) error {
		entry.Environment = hook.EnvironmentID(stmt.ColumnInt64(0))
		return nil
	}, e.Application)
	return entry, err
}

// touchApplication raises the version of an application and adjusts its counts of
// endpoints and of disabled ones.
func touchApplication(tx *catalogTx, app hook.ApplicationID, endpoints, disabled int) error {
	err := tx.exec("UPDATE application SET version = version + 1, endpoints = endpoints + ?2, disabled = disabled + ?3 WHERE key = ?1", app, endpoints, disabled)
	if err != nil {
		return err
	}
	if tx.conn.Changes() == 0 {
		return errNotFound()
	}
	tx.applications = append(tx.applications, app)
	return nil
}

func disabledCount(e *hook.Endpoint) int {
	if e.Disabled {
		return 1
	}
	return 0
}

// checkEndpointUID refuses a uid that another endpoint of the application has. Index: endpoint_uid.
func checkEndpointUID(tx *catalogTx, e *hook.Endpoint) error {
	if e.UID == "" {
		return nil
	}
	taken, err := tx.has("SELECT 1 FROM endpoint WHERE application = ?1 AND destination = ?4 AND uid = ?2 AND key <> ?3",
		e.Application, e.UID, e.ID, e.IsDestination())
	if err == nil && taken {
		noun := "An endpoint"
		if e.IsDestination() {
			noun = "A destination"
		}
		err = hook.Errorf(hook.Conflict, "%s with that id or uid already exists", noun)
	}
	return err
}

const endpointColumns = `application, key, uid, url, description, disabled, disabled_by, event_types, channels,
	throttle_rate, metadata, headers, secrets, failing_since, created_at, updated_at, shape, warned, destination, features, connector`

// putEndpoint runs a statement whose arguments are endpointColumns.
func (c *catalog) putEndpoint(tx *catalogTx, sql string, e *hook.Endpoint) error {
	headers, secrets, err := c.sealEndpoint(e)
	if err != nil {
		return err
	}
	shape, err := c.sealShape(e)
	if err != nil {
		return err
	}
	features, err := c.sealFeatures(e)
	if err != nil {
		return err
	}
	if err := putConsent(tx, e); err != nil {
		return err
	}
	return tx.exec(sql, e.Application, e.ID, argText(e.UID), e.URL, e.Description, e.Disabled, e.DisabledBy, argList(e.EventTypes), argList(e.Channels),
		e.ThrottleRate, argMap(e.Metadata), argBlob(headers), argBlob(secrets), argMillis(e.FailingSince), e.CreatedAt.UnixMilli(), e.UpdatedAt.UnixMilli(), argBlob(shape), e.Warned,
		e.IsDestination(), argBlob(features), argConnector(e))
}

// Endpoint implements store.Endpoints. Index: primary key, or endpoint_uid.
func (c *catalog) Endpoint(ctx context.Context, app hook.ApplicationID, ref string) (*hook.Endpoint, error) {
	id, isID := c.codec.ParseEndpoint(app, ref)
	e, err := c.endpointOf(ctx, app, false, id, isID, ref)
	return e, wrapCatalog("read endpoint", err)
}

// Destination implements store.Endpoints. Index: primary key, or endpoint_uid.
func (c *catalog) Destination(ctx context.Context, app hook.ApplicationID, ref string) (*hook.Endpoint, error) {
	id, isID := c.codec.ParseDestination(app, ref)
	e, err := c.endpointOf(ctx, app, true, id, isID, ref)
	return e, wrapCatalog("read destination", err)
}

// endpointOf finds an endpoint or a destination by key or uid.
func (c *catalog) endpointOf(ctx context.Context, app hook.ApplicationID, isDestination bool, id hook.EndpointID, isID bool, uid string) (e *hook.Endpoint, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		if isID {
			e, err = c.endpointIn(conn, "key = ?2", app, id)
		} else {
			e, err = c.endpointIn(conn, "uid = ?2 AND destination = "+argBit(isDestination), app, uid)
		}
		if err == nil && e.IsDestination() != isDestination {
			e, err = nil, errNotFound()
		}
		if err != nil {
			return err
		}
		return c.fillConnectors(conn, e)
	})
	return e, err
}

func (c *catalog) endpointIn(conn *sqlite.Conn, where string, app hook.ApplicationID, ref any) (e *hook.Endpoint, err error) {
	err = catalogQuery(conn, "SELECT "+endpointColumns+" FROM endpoint WHERE application = ?1 AND "+where, func(stmt *sqlite.Stmt) error {
		e, err = c.scanEndpoint(stmt)
		return err
	}, app, ref)
	if err == nil && e == nil {
		err = errNotFound()
	}
	return e, err
}

// ListEndpoints implements store.Endpoints. Index: primary key.
func (c *catalog) ListEndpoints(ctx context.Context, app hook.ApplicationID, p store.Page[hook.EndpointID]) (store.Listed[*hook.Endpoint], error) {
	list, err := listOwned(ctx, c, "SELECT "+endpointColumns+" FROM endpoint WHERE application = ?1 AND destination = 0", app, p, c.scanEndpoint)
	return list, wrapCatalog("list endpoints", err)
}

// ListDestinations implements store.Endpoints. Index: primary key; an application has few endpoints.
func (c *catalog) ListDestinations(ctx context.Context, app hook.ApplicationID, p store.Page[hook.EndpointID]) (store.Listed[*hook.Endpoint], error) {
	list, err := listOwned(ctx, c, "SELECT "+endpointColumns+" FROM endpoint WHERE application = ?1 AND destination = 1", app, p, c.scanEndpoint)
	return list, wrapCatalog("list destinations", err)
}

// UpdateEndpoint implements store.Endpoints.
func (c *catalog) UpdateEndpoint(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, r *store.Receipt, update func(*hook.Endpoint) error) (*hook.Endpoint, error) {
	var e *hook.Endpoint
	err := c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		var err error
		if e, err = c.endpointIn(tx.conn, "key = ?2", app, id); err != nil {
			return err
		}
		before := *e
		before.Headers, before.Metadata = maps.Clone(e.Headers), maps.Clone(e.Metadata)
		was := e.AuditFields()
		if err := update(e); err != nil {
			return err
		}
		e.ID, e.Application, e.CreatedAt, e.UpdatedAt = id, app, before.CreatedAt, toMillis(c.now())
		if e.FailingSince = toMillis(e.FailingSince); e.FailingSince.IsZero() {
			e.Warned = 0
		}
		if err := checkEndpointUID(tx, e); err != nil {
			return err
		}
		if err := checkConnector(tx, e); err != nil {
			return err
		}
		if err := touchApplication(tx, app, 0, disabledCount(e)-disabledCount(&before)); err != nil {
			return err
		}
		if err := c.announceEndpoint(tx, &before, e); err != nil {
			return err
		}
		err = c.putEndpoint(tx, `UPDATE endpoint SET uid = ?3, url = ?4, description = ?5, disabled = ?6, disabled_by = ?7, event_types = ?8, channels = ?9,
			throttle_rate = ?10, metadata = ?11, headers = ?12, secrets = ?13, failing_since = ?14, created_at = ?15, updated_at = ?16, shape = ?17, warned = ?18,
			destination = ?19, features = ?20, connector = ?21
			WHERE application = ?1 AND key = ?2`, e)
		if err != nil {
			return err
		}
		entry, err := endpointEntry(tx, e)
		if err != nil {
			return err
		}
		return c.updated(tx, entry, was, e.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// DeleteEndpoint implements store.Endpoints. What histories show of it is kept in
// removed_endpoint; its secrets and header values are gone.
func (c *catalog) DeleteEndpoint(ctx context.Context, app hook.ApplicationID, id hook.EndpointID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		e, err := c.endpointIn(tx.conn, "key = ?2", app, id)
		if err != nil {
			return err
		}
		err = tx.exec(`INSERT INTO removed_endpoint (`+removedColumns+`, removed_at)
			SELECT `+removedColumns+`, ?3 FROM endpoint WHERE application = ?1 AND key = ?2`, app, id, c.now().UnixMilli())
		if err != nil {
			return err
		}
		if err := tx.exec("DELETE FROM endpoint WHERE application = ?1 AND key = ?2", app, id); err != nil {
			return err
		}
		if err := clearPolling(tx, id); err != nil {
			return err
		}
		if err := tx.exec("DELETE FROM consent_due WHERE endpoint = ?1", id); err != nil {
			return err
		}
		if err := c.announceEndpoint(tx, e, nil); err != nil {
			return err
		}
		if err := touchApplication(tx, app, -1, -disabledCount(e)); err != nil {
			return err
		}
		entry, err := endpointEntry(tx, e)
		if err != nil {
			return err
		}
		return c.deleted(tx, entry, e.AuditFields())
	})
}

const removedColumns = `application, key, uid, url, description, disabled, disabled_by, event_types, channels,
	throttle_rate, metadata, failing_since, created_at, updated_at, destination`

// DeletedEndpoints implements store.Endpoints. Their Secrets, Headers, Shape and Features are nil, and a
// destination has FIFOEndpoint for its Kind. Index: primary key.
func (c *catalog) DeletedEndpoints(ctx context.Context, app hook.ApplicationID, ids []hook.EndpointID) ([]*hook.Endpoint, error) {
	const sql = `SELECT application, key, uid, url, description, disabled, disabled_by, event_types, channels,
		throttle_rate, metadata, NULL, NULL, failing_since, created_at, updated_at, NULL, 0, destination, NULL
		FROM removed_endpoint WHERE application = ?1 AND key = ?2`
	var list []*hook.Endpoint
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		for _, id := range ids {
			err := catalogQuery(conn, sql, func(stmt *sqlite.Stmt) error {
				e, err := c.scanEndpoint(stmt)
				list = append(list, e)
				return err
			}, app, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, wrapCatalog("read removed endpoints", err)
}

// SetFailing implements store.Endpoints. It leaves versions and UpdatedAt alone: nothing
// that a plan decides depends on it, and an endpoint in trouble must not make publishes
// plan again.
func (c *catalog) SetFailing(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, since time.Time, warned int) error {
	since = toMillis(since)
	if since.IsZero() {
		warned = 0
	}
	return c.change(ctx, func(tx *catalogTx) error {
		if warned > 0 {
			if err := c.announceFailing(tx, app, id, since, warned); err != nil {
				return err
			}
		}
		err := tx.exec("UPDATE endpoint SET failing_since = ?3, warned = ?4 WHERE application = ?1 AND key = ?2", app, id, argMillis(since), warned)
		if err != nil {
			return err
		}
		if tx.conn.Changes() == 0 {
			return errNotFound()
		}
		tx.failing = &failingSince{app, id, since, warned}
		return nil
	})
}

func (c *catalog) scanEndpoint(stmt *sqlite.Stmt) (*hook.Endpoint, error) {
	e := &hook.Endpoint{
		Application:  hook.ApplicationID(stmt.ColumnInt64(0)),
		ID:           hook.EndpointID(stmt.ColumnInt64(1)),
		UID:          stmt.ColumnText(2),
		URL:          stmt.ColumnText(3),
		Description:  stmt.ColumnText(4),
		Disabled:     stmt.ColumnBool(5),
		DisabledBy:   hook.Reason(stmt.ColumnInt(6)),
		ThrottleRate: stmt.ColumnInt(9),
		FailingSince: columnMillis(stmt, 13),
		CreatedAt:    columnMillis(stmt, 14),
		UpdatedAt:    columnMillis(stmt, 15),
		Warned:       stmt.ColumnInt(17),
	}
	if err := columnJSON(stmt, 7, &e.EventTypes); err != nil {
		return nil, err
	}
	if err := columnJSON(stmt, 8, &e.Channels); err != nil {
		return nil, err
	}
	if err := columnJSON(stmt, 10, &e.Metadata); err != nil {
		return nil, err
	}
	if err := c.openEndpoint(e, columnBytes(stmt, 11), columnBytes(stmt, 12)); err != nil {
		return nil, err
	}
	if err := c.openShape(e, columnBytes(stmt, 16)); err != nil {
		return nil, err
	}
	return e, c.openFeatures(e, stmt.ColumnBool(18), columnBytes(stmt, 19))
}

// storedSecret is a secret inside the sealed column.
type storedSecret struct {
	Text      string `json:"text"`
	ExpiresAt int64  `json:"expires_at,omitempty"` // Unix milliseconds
}

func endpointContext(id hook.EndpointID, column string) string {
	return fmt.Sprintf("endpoint/%d/%s", id, column)
}

// sealEndpoint returns the sealed columns, nil for what the endpoint does not have.
func (c *catalog) sealEndpoint(e *hook.Endpoint) (headers, secrets []byte, err error) {
	if len(e.Headers) > 0 {
		plain, err := json.Marshal(e.Headers)
		if err != nil {
			return nil, nil, fmt.Errorf("encode headers: %w", err)
		}
		headers = c.sealer.Seal(plain, endpointContext(e.ID, "headers"))
	}
	if len(e.Secrets) > 0 {
		list := make([]storedSecret, len(e.Secrets))
		for i, s := range e.Secrets {
			list[i].Text = s.Text
			if !s.ExpiresAt.IsZero() {
				list[i].ExpiresAt = s.ExpiresAt.UnixMilli()
			}
		}
		plain, err := json.Marshal(list)
		if err != nil {
			return nil, nil, fmt.Errorf("encode secrets: %w", err)
		}
		secrets = c.sealer.Seal(plain, endpointContext(e.ID, "secrets"))
	}
	return headers, secrets, nil
}

func (c *catalog) openEndpoint(e *hook.Endpoint, headers, secrets []byte) error {
	if headers != nil {
		plain, err := c.sealer.Open(headers, endpointContext(e.ID, "headers"))
		if err != nil {
			return fmt.Errorf("open headers of endpoint %d: %w", e.ID, err)
		}
		if err := json.Unmarshal(plain, &e.Headers); err != nil {
			return fmt.Errorf("decode headers of endpoint %d: %w", e.ID, err)
		}
	}
	if secrets != nil {
		plain, err := c.sealer.Open(secrets, endpointContext(e.ID, "secrets"))
		if err != nil {
			return fmt.Errorf("open secrets of endpoint %d: %w", e.ID, err)
		}
		var list []storedSecret
		if err := json.Unmarshal(plain, &list); err != nil {
			return fmt.Errorf("decode secrets of endpoint %d: %w", e.ID, err)
		}
		for _, s := range list {
			secret := hook.Secret{Text: s.Text}
			if s.ExpiresAt != 0 {
				secret.ExpiresAt = time.UnixMilli(s.ExpiresAt).UTC()
			}
			e.Secrets = append(e.Secrets, secret)
		}
	}
	return nil
}
