package sqlite

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const tokenColumns = `key, environment, application, hash, name, session, capabilities, feature_flags, created_at, expires_at, last_used_at,
	kind, scopes, integration, hint, life, endpoint, event_types, channel`

// purgeTokens is how many expired tokens of applications each new token removes, see purgeReceipts.
const purgeTokens = 16

// CreateToken implements store.Tokens.
func (c *catalog) CreateToken(ctx context.Context, t *hook.Token, r *store.Receipt) error {
	if t.ID == 0 {
		t.ID = hook.TokenID(c.NewKey())
	}
	c.stamp(&t.CreatedAt, nil)
	t.ExpiresAt = toMillis(t.ExpiresAt)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		if err := checkEnvironmentExists(tx, t.Environment); err != nil {
			return err
		}
		if t.IsPortal() {
			found, err := tx.has("SELECT 1 FROM application WHERE key = ?1 AND environment = ?2", t.Application, t.Environment)
			if err != nil {
				return err
			}
			if !found {
				return errNotFound()
			}
		}
		return c.insertToken(tx, t)
	})
}

// insertToken writes a token that belongs where it should, with its entry in the audit log.
func (c *catalog) insertToken(tx *catalogTx, t *hook.Token) error {
	taken, err := tx.has("SELECT 1 FROM token WHERE hash = ?1", t.Hash[:])
	if err != nil {
		return err
	}
	if taken {
		return hook.Errorf(hook.Conflict, "this token already exists")
	}
	if err := tx.used(hook.Key(t.ID)); err != nil {
		return err
	}
	// Index: token_expired.
	err = tx.exec(`DELETE FROM token WHERE key IN (SELECT key FROM token
		WHERE application IS NOT NULL AND expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2)`,
		c.now().UnixMilli(), purgeTokens)
	if err != nil {
		return err
	}
	err = tx.exec("INSERT INTO token ("+tokenColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
		t.ID, t.Environment, argKey(t.Application), t.Hash[:], t.Name, t.SessionID, argList(t.Capabilities), argList(t.FeatureFlags),
		t.CreatedAt.UnixMilli(), argMillis(t.ExpiresAt), argMillis(t.LastUsedAt),
		t.Kind, argList(t.Scopes), t.Integration, t.Hint, t.Life.Milliseconds(), t.Endpoint, argList(t.EventTypes), t.Channel)
	if err != nil {
		return err
	}
	return c.created(tx, tokenEntry(t), t.AuditFields())
}

// tokenEntry is what the audit log says about which token it was.
func tokenEntry(t *hook.Token) hook.AuditEntry {
	return hook.AuditEntry{Environment: t.Environment, Noun: hook.AuditToken, Subject: hook.Key(t.ID), Application: t.Application, Name: t.Name}
}

// argKey is a row key as an argument; 0 is NULL.
func argKey[K ~int64](k K) any {
	if k == 0 {
		return nil
	}
	return int64(k)
}

// TokenByHash implements store.Tokens: an expired token is not found. The token is
// shared; nobody may change it.
func (c *catalog) TokenByHash(ctx context.Context, hash [32]byte) (*hook.Token, error) {
	t, generation := c.tokens.get(hash)
	if t == nil {
		var err error
		if t, err = c.loadToken(ctx, hash); err != nil {
			return nil, err // not remembered: whoever guesses must not fill the memory
		}
		c.tokens.put(t, generation)
	}
	if t.Expired(c.now()) {
		return nil, errNotFound()
	}
	return t, nil
}

// loadToken reads a token. It stands apart, so that a hit allocates nothing. Index: token_hash.
func (c *catalog) loadToken(ctx context.Context, hash [32]byte) (t *hook.Token, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		t, err = tokenIn(conn, "hash = ?1", hash[:])
		return err
	})
	return t, wrapCatalog("read token", err)
}

// TouchToken implements store.Tokens.
func (c *catalog) TouchToken(id hook.TokenID, at time.Time) { c.tokens.touch(id, at) }

// ListTokens implements store.Tokens, in the order of creation. Index: token_environment.
func (c *catalog) ListTokens(ctx context.Context, env hook.EnvironmentID) ([]*hook.Token, error) {
	var list []*hook.Token
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT "+tokenColumns+" FROM token WHERE environment = ?1 ORDER BY key", func(stmt *sqlite.Stmt) error {
			t, err := scanToken(stmt)
			list = append(list, t)
			return err
		}, env)
	})
	if err != nil {
		return nil, wrapCatalog("list tokens", err)
	}
	c.tokens.addUses(list)
	return list, nil
}

// ListAPITokens implements store.Tokens. Index: token_api.
func (c *catalog) ListAPITokens(ctx context.Context, env hook.EnvironmentID, p store.Page[hook.TokenID]) (store.Listed[*hook.Token], error) {
	list, err := listOwned(ctx, c, "SELECT "+tokenColumns+" FROM token WHERE environment = ?1 AND application IS NULL", env, p, scanToken)
	return list, wrapCatalog("list API tokens", err)
}

// APIToken implements store.Tokens. Index: primary key.
func (c *catalog) APIToken(ctx context.Context, env hook.EnvironmentID, id hook.TokenID) (t *hook.Token, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		t, err = tokenIn(conn, "key = ?1 AND environment = ?2 AND application IS NULL", id, env)
		return err
	})
	return t, wrapCatalog("read API token", err)
}

// tokenIn returns the token that the condition finds. Tokens of a removed environment may
// still be there and are not found.
func tokenIn(conn *sqlite.Conn, where string, args ...any) (t *hook.Token, err error) {
	const sql = "SELECT " + tokenColumns + " FROM token WHERE environment IN (SELECT key FROM environment) AND "
	err = catalogQuery(conn, sql+where, func(stmt *sqlite.Stmt) error {
		t, err = scanToken(stmt)
		return err
	}, args...)
	if err == nil && t == nil {
		err = errNotFound()
	}
	return t, err
}

// UpdateAPIToken implements store.Tokens.
func (c *catalog) UpdateAPIToken(ctx context.Context, env hook.EnvironmentID, id hook.TokenID, update func(*hook.Token) error) (*hook.Token, error) {
	var t *hook.Token
	err := c.change(ctx, func(tx *catalogTx) error {
		var err error
		if t, err = tokenIn(tx.conn, "key = ?1 AND environment = ?2 AND application IS NULL", id, env); err != nil {
			return err
		}
		was := *t
		if err := update(t); err != nil {
			return err
		}
		now := was
		now.Name, now.Scopes = t.Name, t.Scopes
		t = &now
		tx.tokens = func(t *hook.Token) bool { return t.ID == id }
		if err := tx.exec("UPDATE token SET name = ?2, scopes = ?3 WHERE key = ?1", id, t.Name, argList(t.Scopes)); err != nil {
			return err
		}
		return c.updated(tx, tokenEntry(t), was.AuditFields(), t.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// ExchangeToken implements store.Tokens. Index: token_hash.
func (c *catalog) ExchangeToken(ctx context.Context, hash [32]byte, next *hook.Token) error {
	return c.change(ctx, func(tx *catalogTx) error {
		once, err := tokenIn(tx.conn, "hash = ?1 AND kind = ?2", hash[:], hook.OneTimeToken)
		if err != nil {
			return err
		}
		if once.Expired(c.now()) {
			return errNotFound()
		}
		tx.tokens = func(t *hook.Token) bool { return t.ID == once.ID }
		if err := tx.exec("DELETE FROM token WHERE key = ?1", once.ID); err != nil {
			return err
		}
		if next.ID == 0 {
			next.ID = hook.TokenID(c.NewKey())
		}
		c.stamp(&next.CreatedAt, nil)
		next.Environment, next.Application, next.Kind = once.Environment, once.Application, hook.OrdinaryToken
		next.Capabilities, next.FeatureFlags, next.SessionID = once.Capabilities, once.FeatureFlags, once.SessionID
		next.ExpiresAt = next.CreatedAt.Add(once.Life)
		tx.actor.Kind, tx.actor.ID, tx.actor.Session = hook.ActorOneTime, c.codec.Token(once.Environment, once.ID), once.SessionID
		if err := c.deleted(tx, tokenEntry(once), once.AuditFields()); err != nil {
			return err
		}
		return c.insertToken(tx, next)
	})
}

// ExpireTokens implements store.Tokens. It never makes a token live longer. Index: token_application.
func (c *catalog) ExpireTokens(ctx context.Context, app hook.ApplicationID, sessions []string, at time.Time) error {
	return c.change(ctx, func(tx *catalogTx) error {
		tx.tokens = func(t *hook.Token) bool { return t.Application == app }
		const sql = "UPDATE token SET expires_at = ?2 WHERE application = ?1 AND kind NOT IN ('" + string(hook.IntegrationToken) + "', '" + string(hook.PollerToken) + "') AND (expires_at IS NULL OR expires_at > ?2)"
		ended := 0
		// What a one-time token is exchanged for would outlive all others, so it ends at once.
		const unused = "UPDATE token SET expires_at = min(?2, ?3) WHERE application = ?1 AND kind = '" + string(hook.OneTimeToken) + "' AND expires_at > min(?2, ?3)"
		now := c.now().UnixMilli()
		if len(sessions) == 0 {
			if err := tx.exec(unused, app, at.UnixMilli(), now); err != nil {
				return err
			}
			if err := tx.exec(sql, app, at.UnixMilli()); err != nil {
				return err
			}
			ended = tx.conn.Changes()
		}
		for _, session := range sessions {
			if err := tx.exec(unused+" AND session = ?4", app, at.UnixMilli(), now, session); err != nil {
				return err
			}
			if err := tx.exec(sql+" AND session = ?3", app, at.UnixMilli(), session); err != nil {
				return err
			}
			ended += tx.conn.Changes()
		}
		if ended == 0 {
			return nil
		}
		a, err := applicationIn(tx.conn, "a.key = ?1", app)
		if err != nil {
			return err
		}
		return c.record(tx, hook.AuditEntry{
			Environment: a.Environment, Noun: hook.AuditToken, Action: hook.AuditUpdated, Application: app,
			Before: map[string]any{}, After: map[string]any{"expiresAt": at.UTC().Format(time.RFC3339), "tokens": ended, "sessionIds": sessions},
		})
	})
}

// ExpireToken implements store.Tokens. It never makes a token live longer.
func (c *catalog) ExpireToken(ctx context.Context, env hook.EnvironmentID, id hook.TokenID, at time.Time) error {
	return c.change(ctx, func(tx *catalogTx) error {
		was, err := tokenIn(tx.conn, "key = ?1 AND environment = ?2", id, env)
		if err != nil {
			return err
		}
		tx.tokens = func(t *hook.Token) bool { return t.ID == id }
		err = tx.exec("UPDATE token SET expires_at = ?2 WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)", id, at.UnixMilli())
		if err != nil || tx.conn.Changes() == 0 {
			return err
		}
		is := *was
		is.ExpiresAt = toMillis(at)
		return c.updated(tx, tokenEntry(was), was.AuditFields(), is.AuditFields())
	})
}

func scanToken(stmt *sqlite.Stmt) (*hook.Token, error) {
	t := &hook.Token{
		ID:          hook.TokenID(stmt.ColumnInt64(0)),
		Environment: hook.EnvironmentID(stmt.ColumnInt64(1)),
		Application: hook.ApplicationID(stmt.ColumnInt64(2)),
		Name:        stmt.ColumnText(4),
		SessionID:   stmt.ColumnText(5),
		CreatedAt:   columnMillis(stmt, 8),
		ExpiresAt:   columnMillis(stmt, 9),
		LastUsedAt:  columnMillis(stmt, 10),
		Kind:        hook.TokenKind(stmt.ColumnText(11)),
		Integration: hook.IntegrationID(stmt.ColumnInt64(13)),
		Hint:        stmt.ColumnText(14),
		Life:        time.Duration(stmt.ColumnInt64(15)) * time.Millisecond,
		Endpoint:    hook.EndpointID(stmt.ColumnInt64(16)),
		Channel:     stmt.ColumnText(18),
	}
	stmt.ColumnBytes(3, t.Hash[:])
	if err := columnJSON(stmt, 6, &t.Capabilities); err != nil {
		return nil, err
	}
	if err := columnJSON(stmt, 12, &t.Scopes); err != nil {
		return nil, err
	}
	if err := columnJSON(stmt, 17, &t.EventTypes); err != nil {
		return nil, err
	}
	return t, columnJSON(stmt, 7, &t.FeatureFlags)
}

const (
	// maxCachedTokens bounds the tokens in memory; at about 500 bytes each, some MiB.
	maxCachedTokens = 16384
	// touchEvery is how exact LastUsedAt is.
	touchEvery = time.Minute
	// touchDelay is how long noted uses wait for others, to share one transaction.
	touchDelay = 5 * time.Second
)

// tokenCache holds the tokens that were used lately, and uses that are not written yet.
type tokenCache struct {
	c *catalog

	mu     sync.RWMutex
	byHash map[[32]byte]*cachedToken
	byID   map[hook.TokenID]*cachedToken
	// generation counts what was forgotten, so that a token that was read before is not put back after.
	generation uint64

	usesMu sync.Mutex
	uses   map[hook.TokenID]time.Time // noted and not written
	timer  *time.Timer                // runs flush; nil when nothing is noted
	closed bool
	busy   sync.WaitGroup // flushes that the timer started
}

type cachedToken struct {
	*hook.Token
	touched atomic.Int64 // Unix milliseconds of the last use that was noted
}

func newTokenCache(c *catalog) *tokenCache {
	return &tokenCache{c: c, byHash: map[[32]byte]*cachedToken{}, byID: map[hook.TokenID]*cachedToken{}, uses: map[hook.TokenID]time.Time{}}
}

// get returns a token from memory, or nil and what put must be given after reading it.
func (k *tokenCache) get(hash [32]byte) (*hook.Token, uint64) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if t := k.byHash[hash]; t != nil {
		return t.Token, 0
	}
	return nil, k.generation
}

func (k *tokenCache) put(t *hook.Token, generation uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation != k.generation {
		return
	}
	if len(k.byHash) >= maxCachedTokens {
		// Any one goes: the order of a map is arbitrary, and a token in use is back after one read.
		for hash, old := range k.byHash {
			delete(k.byHash, hash)
			delete(k.byID, old.ID)
			break
		}
	}
	cached := &cachedToken{Token: t}
	if !t.LastUsedAt.IsZero() {
		cached.touched.Store(t.LastUsedAt.UnixMilli())
	}
	k.byHash[t.Hash], k.byID[t.ID] = cached, cached
}

// forget drops the tokens that match.
func (k *tokenCache) forget(match func(*hook.Token) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation++
	for hash, t := range k.byHash {
		if match(t.Token) {
			delete(k.byHash, hash)
			delete(k.byID, t.ID)
		}
	}
}

// touch notes a use, unless one was noted less than touchEvery before. There is no timer while nothing is noted.
func (k *tokenCache) touch(id hook.TokenID, at time.Time) {
	ms := at.UnixMilli()
	k.mu.RLock()
	t := k.byID[id]
	k.mu.RUnlock()
	if t != nil {
		last := t.touched.Load()
		if ms-last < touchEvery.Milliseconds() || !t.touched.CompareAndSwap(last, ms) {
			return
		}
	}
	k.usesMu.Lock()
	defer k.usesMu.Unlock()
	if k.closed || !at.After(k.uses[id]) {
		return
	}
	k.uses[id] = at
	if k.timer == nil {
		k.busy.Add(1)
		k.timer = time.AfterFunc(touchDelay, func() {
			defer k.busy.Done()
			// What cannot be written is dropped: the time of a last use is a hint.
			_ = k.write(context.Background())
		})
	}
}

// write writes what is noted, in one transaction.
func (k *tokenCache) write(ctx context.Context) error {
	k.usesMu.Lock()
	uses := k.uses
	k.uses, k.timer = map[hook.TokenID]time.Time{}, nil
	k.usesMu.Unlock()
	if len(uses) == 0 {
		return nil
	}
	return k.c.change(ctx, func(tx *catalogTx) error {
		for id, at := range uses {
			// Uses of a token that memory does not hold are not counted there, so the minute is kept here too.
			err := tx.exec("UPDATE token SET last_used_at = ?2 WHERE key = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)",
				id, at.UnixMilli(), at.Add(-touchEvery).UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// flush writes what is noted, waits for a write under way and notes nothing more.
func (k *tokenCache) flush() error {
	k.usesMu.Lock()
	k.closed = true
	if k.timer != nil && k.timer.Stop() {
		k.busy.Done()
	}
	k.usesMu.Unlock()
	k.busy.Wait()
	return k.write(context.Background())
}

// addUses puts the uses that are not written yet into tokens that were read.
func (k *tokenCache) addUses(list []*hook.Token) {
	k.usesMu.Lock()
	defer k.usesMu.Unlock()
	for _, t := range list {
		if at, ok := k.uses[t.ID]; ok && at.After(t.LastUsedAt.Add(touchEvery)) {
			t.LastUsedAt = toMillis(at)
		}
	}
}
