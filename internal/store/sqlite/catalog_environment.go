package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// CreateEnvironment implements store.Environments.
func (c *catalog) CreateEnvironment(ctx context.Context, e *hook.Environment) error {
	if e.ID == 0 {
		e.ID = hook.EnvironmentID(c.NewKey())
	}
	c.stamp(&e.CreatedAt, &e.UpdatedAt)
	settings, err := encodeSettings(e.Settings)
	if err != nil {
		return err
	}
	c.willSeal(&e.Settings)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := checkEnvironmentName(tx, e.ID, e.Name); err != nil {
			return err
		}
		if err := tx.used(hook.Key(e.ID)); err != nil {
			return err
		}
		err := tx.exec(`INSERT INTO environment (key, name, settings, version, created_at, updated_at) VALUES (?1, ?2, ?3, 1, ?4, ?5)`,
			e.ID, e.Name, settings, e.CreatedAt.UnixMilli(), e.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.created(tx, environmentEntry(e), e.AuditFields())
	})
}

// environmentEntry is what the audit log says about which environment it was.
func environmentEntry(e *hook.Environment) hook.AuditEntry {
	return hook.AuditEntry{Environment: e.ID, Noun: hook.AuditEnvironment, Subject: hook.Key(e.ID), Name: e.Name}
}

func checkEnvironmentName(tx *catalogTx, id hook.EnvironmentID, name string) error {
	taken, err := tx.has("SELECT 1 FROM environment WHERE name = ?1 AND key <> ?2", name, id)
	if err == nil && taken {
		err = hook.Errorf(hook.Conflict, "An environment with that name already exists")
	}
	return err
}

const environmentColumns = "key, name, settings, version, created_at, updated_at"

// Environment implements store.Environments.
func (c *catalog) Environment(ctx context.Context, id hook.EnvironmentID) (*hook.Environment, error) {
	return c.oneEnvironment(ctx, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", id)
}

// EnvironmentByName implements store.Environments.
func (c *catalog) EnvironmentByName(ctx context.Context, name string) (*hook.Environment, error) {
	return c.oneEnvironment(ctx, "SELECT "+environmentColumns+" FROM environment WHERE name = ?1", name)
}

func (c *catalog) oneEnvironment(ctx context.Context, sql string, arg any) (e *hook.Environment, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		e, _, err = environmentIn(conn, sql, arg)
		return err
	})
	return e, wrapCatalog("read environment", err)
}

// environmentIn returns the environment that the query finds, with the version of its settings.
func environmentIn(conn *sqlite.Conn, sql string, arg any) (e *hook.Environment, version int64, err error) {
	err = catalogQuery(conn, sql, func(stmt *sqlite.Stmt) error {
		e, version, err = scanEnvironment(stmt)
		return err
	}, arg)
	if err == nil && e == nil {
		err = errNotFound()
	}
	return e, version, err
}

// ListEnvironments implements store.Environments. They come in the order of creation.
func (c *catalog) ListEnvironments(ctx context.Context) ([]*hook.Environment, error) {
	var list []*hook.Environment
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT "+environmentColumns+" FROM environment ORDER BY key", func(stmt *sqlite.Stmt) error {
			e, _, err := scanEnvironment(stmt)
			list = append(list, e)
			return err
		})
	})
	return list, wrapCatalog("list environments", err)
}

// UpdateEnvironment implements store.Environments.
func (c *catalog) UpdateEnvironment(ctx context.Context, id hook.EnvironmentID, update func(*hook.Environment) error) (*hook.Environment, error) {
	var e *hook.Environment
	err := c.change(ctx, func(tx *catalogTx) error {
		var err error
		e, _, err = environmentIn(tx.conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", id)
		if err != nil {
			return err
		}
		created, was := e.CreatedAt, e.AuditFields()
		if err := update(e); err != nil {
			return err
		}
		e.ID, e.CreatedAt, e.UpdatedAt = id, created, toMillis(c.now())
		if err := checkEnvironmentName(tx, id, e.Name); err != nil {
			return err
		}
		settings, err := encodeSettings(e.Settings)
		if err != nil {
			return err
		}
		c.willSeal(&e.Settings)
		tx.environments = append(tx.environments, id)
		err = tx.exec("UPDATE environment SET name = ?2, settings = ?3, version = version + 1, updated_at = ?4 WHERE key = ?1",
			id, e.Name, settings, e.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.updated(tx, environmentEntry(e), was, e.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// DeleteEnvironment implements store.Environments. The environment is gone with its first
// transaction: nothing that it owns is found without its row. What it owned is then
// removed in many small ones, so that the changes of others go on in between: 100,000
// applications take seconds. After a crash the next start removes the rest.
func (c *catalog) DeleteEnvironment(ctx context.Context, id hook.EnvironmentID) error {
	err := c.change(ctx, func(tx *catalogTx) error {
		e, _, err := environmentIn(tx.conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", id)
		if err != nil {
			return err
		}
		if err := tx.exec("DELETE FROM environment WHERE key = ?1", id); err != nil {
			return err
		}
		tx.environments, tx.removed = append(tx.environments, id), id
		tx.tokens = func(t *hook.Token) bool { return t.Environment == id }
		for _, sql := range []string{
			"DELETE FROM event_type WHERE environment = ?1",
			"DELETE FROM task WHERE environment = ?1",
			"DELETE FROM connector WHERE environment = ?1",
			"DELETE FROM announcement WHERE environment = ?1",
			"DELETE FROM membership WHERE environment = ?1",
			"INSERT INTO removed_environment (key) VALUES (?1)",
		} {
			if err := tx.exec(sql, id); err != nil {
				return err
			}
		}
		if err := leaveContent(tx, id, 0, c.now()); err != nil {
			return err
		}
		return c.deleted(tx, environmentEntry(e), e.AuditFields())
	})
	if err != nil {
		return err
	}
	return c.clearEnvironment(context.WithoutCancel(ctx), id)
}

const (
	// clearApplications and clearTokens are how many rows of a removed environment one
	// transaction removes: some tens of milliseconds of work.
	clearApplications = 200
	clearTokens       = 2000
	// clearSourceWeight is for how many ordinary applications the internal one of a source
	// counts, with its rejected requests of up to 16 KiB.
	clearSourceWeight = 20
)

// clearEnvironment removes what a removed environment owned. Indexes:
// application_environment, token_environment, primary keys.
func (c *catalog) clearEnvironment(ctx context.Context, id hook.EnvironmentID) error {
	for more := true; more; {
		err := c.change(ctx, func(tx *catalogTx) error {
			var apps []hook.ApplicationID
			weight := 0
			err := tx.query("SELECT key, source FROM application WHERE environment = ?1 LIMIT ?2", func(stmt *sqlite.Stmt) error {
				if weight++; stmt.ColumnInt64(1) != 0 {
					weight += clearSourceWeight
				}
				if weight <= clearApplications {
					apps = append(apps, hook.ApplicationID(stmt.ColumnInt64(0)))
				}
				return nil
			}, id, clearApplications)
			if err != nil {
				return err
			}
			for _, app := range apps {
				if err := clearApplication(tx, app); err != nil {
					return err
				}
			}
			err = tx.exec("DELETE FROM token WHERE key IN (SELECT key FROM token WHERE environment = ?1 LIMIT ?2)", id, clearTokens)
			if err != nil {
				return err
			}
			more = len(apps) > 0 || tx.conn.Changes() > 0
			if more {
				return nil
			}
			return tx.exec("DELETE FROM removed_environment WHERE key = ?1", id)
		})
		if err != nil {
			return fmt.Errorf("remove the rest of an environment: %w", err)
		}
	}
	return nil
}

// clearEnvironments ends the removals that a crash broke off.
func (c *catalog) clearEnvironments(ctx context.Context) error {
	var ids []hook.EnvironmentID
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT key FROM removed_environment", func(stmt *sqlite.Stmt) error {
			ids = append(ids, hook.EnvironmentID(stmt.ColumnInt64(0)))
			return nil
		})
	})
	if err != nil {
		return wrapCatalog("find removed environments", err)
	}
	for _, id := range ids {
		if err := c.clearEnvironment(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func scanEnvironment(stmt *sqlite.Stmt) (*hook.Environment, int64, error) {
	settings, err := decodeSettings(stmt.ColumnText(2))
	return &hook.Environment{
		ID:        hook.EnvironmentID(stmt.ColumnInt64(0)),
		Name:      stmt.ColumnText(1),
		Settings:  settings,
		CreatedAt: columnMillis(stmt, 4),
		UpdatedAt: columnMillis(stmt, 5),
	}, stmt.ColumnInt64(3), err
}

// storedSettings is the JSON of the settings column. A setting that is missing there,
// because a newer version added it, has its default.
type storedSettings struct {
	WhitelabelHeaders        *bool `json:"whitelabel_headers,omitempty"`
	SendSvixHeaders          *bool `json:"send_svix_headers,omitempty"`
	EnforceHTTPS             *bool `json:"enforce_https,omitempty"`
	DisableEndpointOnFailure *bool `json:"disable_endpoint_on_failure,omitempty"`
	DisableEndpointOnGone    *bool `json:"disable_endpoint_on_gone,omitempty"`
	// SignatureType is missing for the default.
	SignatureType hook.SignatureType `json:"signature_type,omitempty"`
	// SendTraceparent is missing for false.
	SendTraceparent bool `json:"send_traceparent,omitempty"`
	// SealContent is missing for false.
	SealContent bool `json:"seal_content,omitempty"`
	// Retention is in nanoseconds, missing for the default.
	Retention         time.Duration `json:"retention,omitempty"`
	RequireEventTypes bool          `json:"require_event_types,omitempty"`
	RequireChannel    bool          `json:"require_channel,omitempty"`
	RequireConsent    bool          `json:"require_consent,omitempty"`
	EndpointLimit     int           `json:"endpoint_limit,omitempty"`
	PortalReadOnly    bool          `json:"portal_read_only,omitempty"`
	WipeDelivered     bool          `json:"wipe_delivered,omitempty"`
	// RetryPolicy is in nanoseconds: null is the default policy, [] a single attempt.
	RetryPolicy []time.Duration   `json:"retry_policy"`
	Extra       map[string][]byte `json:"extra,omitempty"` // base64 of raw JSON, so that it comes back byte for byte
}

func encodeSettings(s hook.Settings) (string, error) {
	b, err := json.Marshal(storedSettings{
		WhitelabelHeaders: &s.WhitelabelHeaders, SendSvixHeaders: &s.SendSvixHeaders, EnforceHTTPS: &s.EnforceHTTPS,
		DisableEndpointOnFailure: &s.DisableEndpointOnFailure, DisableEndpointOnGone: &s.DisableEndpointOnGone,
		SignatureType: s.SignatureType, SendTraceparent: s.SendTraceparent, SealContent: s.SealContent, Retention: s.Retention, RetryPolicy: s.RetryPolicy, Extra: s.Extra,
		RequireEventTypes: s.RequireEventTypes, RequireChannel: s.RequireChannel, RequireConsent: s.RequireConsent, EndpointLimit: s.EndpointLimit,
		PortalReadOnly: s.PortalReadOnly, WipeDelivered: s.WipeDelivered,
	})
	if err != nil {
		return "", fmt.Errorf("encode settings: %w", err)
	}
	return string(b), nil
}

func decodeSettings(text string) (hook.Settings, error) {
	s := hook.DefaultSettings()
	stored := storedSettings{
		WhitelabelHeaders: &s.WhitelabelHeaders, SendSvixHeaders: &s.SendSvixHeaders, EnforceHTTPS: &s.EnforceHTTPS,
		DisableEndpointOnFailure: &s.DisableEndpointOnFailure, DisableEndpointOnGone: &s.DisableEndpointOnGone,
	}
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return s, fmt.Errorf("decode settings: %w", err)
	}
	s.SendTraceparent, s.SealContent = stored.SendTraceparent, stored.SealContent
	s.SignatureType, s.RetryPolicy, s.Retention, s.Extra = stored.SignatureType, stored.RetryPolicy, stored.Retention, stored.Extra
	hook.RaiseRetrySteps(s.RetryPolicy)
	s.RequireConsent = stored.RequireConsent
	s.RequireEventTypes, s.RequireChannel, s.EndpointLimit = stored.RequireEventTypes, stored.RequireChannel, stored.EndpointLimit
	s.PortalReadOnly, s.WipeDelivered = stored.PortalReadOnly, stored.WipeDelivered
	return s, nil
}
