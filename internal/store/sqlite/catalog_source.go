package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// CreateSource implements store.Sources.
func (c *catalog) CreateSource(ctx context.Context, s *hook.Source, r *store.Receipt) error {
	if s.ID == 0 {
		s.ID = hook.SourceID(c.NewKey())
	}
	c.stamp(&s.CreatedAt, &s.UpdatedAt)
	stampTokens(s)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		if err := checkEnvironmentExists(tx, s.Environment); err != nil {
			return err
		}
		if err := checkSourceUID(tx, s); err != nil {
			return err
		}
		if err := tx.used(hook.Key(s.ID)); err != nil {
			return err
		}
		err := c.putSource(tx, `INSERT INTO source (`+sourceColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`, s)
		if err != nil {
			return err
		}
		tx.sources, tx.applications = append(tx.sources, s.ID), append(tx.applications, s.ID.Application())
		err = tx.exec(`INSERT INTO application (key, environment, uid, name, throttle_rate, metadata, version, endpoints, disabled, created_at, updated_at, source)
			VALUES (?1, ?2, NULL, ?3, 0, NULL, 1, 0, 0, ?4, ?5, ?1)`,
			s.ID, s.Environment, s.Name, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.created(tx, sourceEntry(s), s.AuditFields())
	})
}

// sourceEntry is what the audit log says about which source it was.
func sourceEntry(s *hook.Source) hook.AuditEntry {
	return hook.AuditEntry{Environment: s.Environment, Noun: hook.AuditSource, Subject: hook.Key(s.ID), Name: nameOr(s.UID, s.Name)}
}

// stampTokens gives the times of tokens the form in which they come back.
func stampTokens(s *hook.Source) {
	for i := range s.Tokens {
		s.Tokens[i].ExpiresAt = toMillis(s.Tokens[i].ExpiresAt)
	}
}

// checkSourceUID refuses a uid that another source of the environment has. Index: source_uid.
func checkSourceUID(tx *catalogTx, s *hook.Source) error {
	if s.UID == "" {
		return nil
	}
	taken, err := tx.has("SELECT 1 FROM source WHERE environment = ?1 AND uid = ?2 AND key <> ?3", s.Environment, s.UID, s.ID)
	if err == nil && taken {
		err = hook.Errorf(hook.Conflict, "A source with that id or uid already exists")
	}
	return err
}

const sourceColumns = "key, environment, uid, name, type, config, tokens, settings, metadata, created_at, updated_at"

// putSource runs a statement whose arguments are sourceColumns.
func (c *catalog) putSource(tx *catalogTx, sql string, s *hook.Source) error {
	config, err := c.sealJSON(s.Config, sourceContext(s.ID, "config"))
	if err != nil {
		return fmt.Errorf("seal config of source %d: %w", s.ID, err)
	}
	tokens, err := c.sealJSON(s.Tokens, sourceContext(s.ID, "tokens"))
	if err != nil {
		return fmt.Errorf("seal tokens of source %d: %w", s.ID, err)
	}
	// A public URL may hold a password, and an answer's header anything.
	settings, err := c.sealJSON(s.Settings, sourceContext(s.ID, "settings"))
	if err != nil {
		return fmt.Errorf("seal settings of source %d: %w", s.ID, err)
	}
	return tx.exec(sql, s.ID, s.Environment, argText(s.UID), s.Name, s.Type, config, tokens, settings, argMap(s.Metadata),
		s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli())
}

func sourceContext(id hook.SourceID, column string) string {
	return fmt.Sprintf("source/%d/%s", id, column)
}

func (c *catalog) sealJSON(v any, context string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return c.sealer.Seal(plain, context), nil
}

func (c *catalog) openJSON(sealed []byte, context string, into any) error {
	if sealed == nil {
		return nil
	}
	plain, err := c.sealer.Open(sealed, context)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// sourceSQL begins every query for sources. What a removed environment owned may still be
// there and is not found.
const sourceSQL = `SELECT s.key, s.environment, s.uid, s.name, s.type, s.config, s.tokens, s.settings, s.metadata, s.created_at, s.updated_at
	FROM source s JOIN environment e ON e.key = s.environment WHERE `

// sources returns the sources that a query finds.
func (c *catalog) sources(ctx context.Context, where string, args ...any) (list []*hook.Source, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		list, err = c.sourcesIn(conn, where, args...)
		return err
	})
	return list, err
}

func (c *catalog) sourcesIn(conn *sqlite.Conn, where string, args ...any) (list []*hook.Source, err error) {
	err = catalogQuery(conn, sourceSQL+where, func(stmt *sqlite.Stmt) error {
		s, err := c.scanSource(stmt)
		list = append(list, s)
		return err
	}, args...)
	return list, err
}

// onlySource is the one source of a look-up, hook.NotFound when it found none.
func onlySource(list []*hook.Source, err error) (*hook.Source, error) {
	if err != nil {
		return nil, wrapCatalog("read source", err)
	}
	if len(list) == 0 {
		return nil, errNotFound()
	}
	return list[0], nil
}

// Source implements store.Sources. Index: primary key, or source_uid.
func (c *catalog) Source(ctx context.Context, env hook.EnvironmentID, ref string) (*hook.Source, error) {
	// A uid cannot begin like an id (hook.Source.Validate), so ref is one or the other.
	if id, ok := c.codec.ParseSource(env, ref); ok {
		return onlySource(c.sources(ctx, "s.key = ?1 AND s.environment = ?2", id, env))
	}
	return onlySource(c.sources(ctx, "s.environment = ?1 AND s.uid = ?2", env, ref))
}

// ListSources implements store.Sources. Index: source_environment.
func (c *catalog) ListSources(ctx context.Context, env hook.EnvironmentID, p store.Page[hook.SourceID]) (store.Listed[*hook.Source], error) {
	condition, order, reversed := pageSQL(p, "s.key", "?3")
	args := []any{env, p.Limit + 1}
	if p.HasAfter {
		args = append(args, p.After)
	}
	rows, err := c.sources(ctx, "s.environment = ?1"+condition+order+" LIMIT ?2", args...)
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list sources", err)
}

// SourcesOfType implements store.Sources. Index: source_type.
func (c *catalog) SourcesOfType(ctx context.Context, typ string) ([]*hook.Source, error) {
	list, err := c.sources(ctx, "s.type = ?1 ORDER BY s.key", typ)
	return list, wrapCatalog("list sources of a type", err)
}

// UpdateSource implements store.Sources. The version of the internal application rises only
// with its name and metadata: nothing else of a source is part of a plan, and a provider's
// webhooks must not be planned again because somebody turned a knob.
func (c *catalog) UpdateSource(ctx context.Context, id hook.SourceID, r *store.Receipt, update func(*hook.Source) error) (*hook.Source, error) {
	var s *hook.Source
	err := c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		var err error
		if s, err = onlySource(c.sourcesIn(tx.conn, "s.key = ?1", id)); err != nil {
			return err
		}
		env, name, created, was := s.Environment, s.Name, s.CreatedAt, s.AuditFields()
		metadata := maps.Clone(s.Metadata)
		if err := update(s); err != nil {
			return err
		}
		s.ID, s.Environment, s.CreatedAt, s.UpdatedAt = id, env, created, toMillis(c.now())
		stampTokens(s)
		if err := checkSourceUID(tx, s); err != nil {
			return err
		}
		tx.sources = append(tx.sources, id)
		if s.Name != name || !maps.Equal(s.Metadata, metadata) {
			tx.applications = append(tx.applications, id.Application())
			err := tx.exec("UPDATE application SET name = ?2, version = version + 1, updated_at = ?3 WHERE key = ?1", id, s.Name, s.UpdatedAt.UnixMilli())
			if err != nil {
				return err
			}
		}
		err = c.putSource(tx, `UPDATE source SET environment = ?2, uid = ?3, name = ?4, type = ?5, config = ?6, tokens = ?7,
			settings = ?8, metadata = ?9, created_at = ?10, updated_at = ?11 WHERE key = ?1`, s)
		if err != nil {
			return err
		}
		return c.updated(tx, sourceEntry(s), was, s.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// DeleteSource implements store.Sources.
func (c *catalog) DeleteSource(ctx context.Context, id hook.SourceID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		s, err := onlySource(c.sourcesIn(tx.conn, "s.key = ?1", id))
		if err != nil {
			return err
		}
		app := id.Application()
		tx.tokens = func(t *hook.Token) bool { return t.Application == app }
		if err := leaveContent(tx, s.Environment, app, c.now()); err != nil {
			return err
		}
		if err := clearApplication(tx, app); err != nil {
			return err
		}
		return c.deleted(tx, sourceEntry(s), s.AuditFields())
	})
}

// clearSource removes the source of an internal application; of an ordinary one it removes
// nothing. Indexes: primary keys, rejection_source.
func clearSource(tx *catalogTx, id hook.SourceID) error {
	tx.sources = append(tx.sources, id)
	for _, sql := range []string{
		"DELETE FROM source WHERE key = ?1",
		"DELETE FROM poll_state WHERE source = ?1",
		"DELETE FROM source_count WHERE source = ?1",
		"DELETE FROM rejection WHERE source = ?1",
	} {
		if err := tx.exec(sql, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *catalog) scanSource(stmt *sqlite.Stmt) (*hook.Source, error) {
	s := &hook.Source{
		ID:          hook.SourceID(stmt.ColumnInt64(0)),
		Environment: hook.EnvironmentID(stmt.ColumnInt64(1)),
		UID:         stmt.ColumnText(2),
		Name:        stmt.ColumnText(3),
		Type:        stmt.ColumnText(4),
		CreatedAt:   columnMillis(stmt, 9),
		UpdatedAt:   columnMillis(stmt, 10),
	}
	if err := c.openJSON(columnBytes(stmt, 5), sourceContext(s.ID, "config"), &s.Config); err != nil {
		return nil, fmt.Errorf("open config of source %d: %w", s.ID, err)
	}
	if err := c.openJSON(columnBytes(stmt, 6), sourceContext(s.ID, "tokens"), &s.Tokens); err != nil {
		return nil, fmt.Errorf("open tokens of source %d: %w", s.ID, err)
	}
	if err := c.openJSON(columnBytes(stmt, 7), sourceContext(s.ID, "settings"), &s.Settings); err != nil {
		return nil, fmt.Errorf("open settings of source %d: %w", s.ID, err)
	}
	return s, columnJSON(stmt, 8, &s.Metadata)
}
