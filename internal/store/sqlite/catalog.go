package sqlite

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// catalog keeps the nouns that people configure in a database file of its own, because
// it outlives every segment. It implements store.Catalog, except that Receipt also has
// to ask the segments.
//
// One connection writes, under a lock; each change is one transaction that is on disk
// when the method returns. Readers have connections of their own and never wait for it.
// The hot path reads memory: plans by plan.go and plancache.go, sources by sourcecache.go, tokens by
// catalog_token.go. After each
// commit, and before the change returns, what it touched is dropped from memory, and
// loads that were under way are kept from putting back what they read before.
//
// Signing secrets, header values, configs and URL tokens of sources, rejected requests and
// kept answers are sealed with a context that names
// row and column, so that a sealed value that is moved to another row does not open.
type catalog struct {
	sealer Sealer
	now    func() time.Time
	codec  *hook.Codec

	// write is the one place in the queue of changes: whoever has put a value into it
	// may use writer. A channel rather than a mutex, so that a caller can stop waiting.
	write  chan struct{}
	writer *sqlite.Conn
	closed bool  // guarded by write
	broken error // guarded by write: what ended the store, see failed

	fail func(error) error
	// announced is called after a commit with announcements.
	announced func()
	// changed is called after a commit with the applications whose plans it changed.
	changed func([]hook.ApplicationID)
	// ready finds a ready connector; nil for none.
	ready func(name string) (hook.ReadyConnector, bool)

	readers *sqlitex.Pool
	slow    *slowLog

	// versionMu guards versions, a connection for currentVersion alone, so that the
	// engine's writer never waits behind a long list.
	versionMu sync.Mutex
	versions  *sqlite.Conn

	keysMu sync.RWMutex
	newKey func() hook.Key

	plans    *planCache
	sealing  atomic.Bool  // some environment seals its content, or has since the start
	received *sourceCache // sources that webhooks came in for
	tokens   *tokenCache
}

// catalogOptions are what a catalog needs from its store.
type catalogOptions struct {
	sealer Sealer           // seals secrets at rest
	now    func() time.Time // nil means time.Now
	newKey func() hook.Key  // may be set after opening, see SetKeys
	// fail ends the store after an error of the disk and returns what callers are told; nil
	// means that only the catalog ends.
	fail func(error) error
	// announced is called after a commit with announcements; nil for nobody.
	announced func()
	// changed is called after a commit with the applications whose plans are new; nil for nobody.
	changed func([]hook.ApplicationID)
	// ready finds a connector that is part of the program; nil for none.
	ready func(name string) (hook.ReadyConnector, bool)
	// slow remembers what took long; nil for nobody who asks.
	slow *slowLog
	// planBytes bounds the memory of plans, about; 0 means 64 MiB.
	planBytes int
	// sourceBytes bounds the memory of sources, about; 0 means 32 MiB.
	sourceBytes int
}

//go:embed migrations/catalog/*.sql
var catalogMigrations embed.FS

const catalogReaders = 4

// openCatalog opens the catalog at path and creates it when there is none.
func openCatalog(ctx context.Context, path string, o catalogOptions) (_ *catalog, err error) {
	if o.sealer == nil {
		return nil, errors.New("open catalog: no sealer")
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.planBytes == 0 {
		o.planBytes = 64 << 20
	}
	if o.sourceBytes == 0 {
		o.sourceBytes = 32 << 20
	}
	if o.fail == nil {
		o.fail = func(err error) error { return err }
	}
	if o.slow == nil {
		o.slow = &slowLog{}
	}
	if o.announced == nil {
		o.announced = func() {}
	}
	c := &catalog{sealer: o.sealer, now: o.now, newKey: o.newKey, fail: o.fail, announced: o.announced, changed: o.changed, ready: o.ready, slow: o.slow, write: make(chan struct{}, 1)}
	c.plans = newPlanCache(o.planBytes)
	c.received = newSourceCache(o.sourceBytes)
	c.tokens = newTokenCache(c)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open catalog: %w", err), c.closeConns())
		}
	}()
	if c.writer, err = openConn(path); err != nil {
		return nil, err
	}
	// Changes are few and small beside messages, so a checkpoint inside a commit is no harm.
	if err := sqlitex.ExecuteTransient(c.writer, "PRAGMA wal_autocheckpoint = 1000", nil); err != nil {
		return nil, err
	}
	migrations, err := fs.Sub(catalogMigrations, "migrations/catalog")
	if err != nil {
		return nil, err
	}
	if err := migrate(c.writer, migrations); err != nil {
		return nil, err
	}
	if c.versions, err = openConn(path, sqlite.OpenReadOnly); err != nil {
		return nil, err
	}
	c.readers, err = sqlitex.NewPool(path, sqlitex.PoolOptions{
		Flags:    sqlite.OpenReadOnly,
		PoolSize: catalogReaders,
		PrepareConn: func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(conn, "PRAGMA temp_store = memory", nil)
		},
	})
	if err != nil {
		return nil, err
	}
	if err := c.learnSealing(); err != nil {
		return nil, err
	}
	if err := c.openCodec(ctx); err != nil {
		return nil, err
	}
	if err := c.clearEnvironments(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// openCodec loads the secret of the public ids, which is drawn once in a store's life:
// ids made under another secret are foreign.
func (c *catalog) openCodec(ctx context.Context) error {
	const sealContext = "meta/id_secret"
	var secret []byte
	err := c.change(ctx, func(tx *catalogTx) error {
		var sealed []byte
		err := tx.query("SELECT value FROM meta WHERE name = 'id_secret'", func(stmt *sqlite.Stmt) error {
			sealed = columnBytes(stmt, 0)
			return nil
		})
		if err != nil {
			return err
		}
		if sealed != nil {
			if secret, err = c.sealer.Open(sealed, sealContext); err != nil {
				return fmt.Errorf("open the store's secrets (is this the key that the store was made with?): %w", err)
			}
			return nil
		}
		secret = make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		return tx.exec("INSERT INTO meta (name, value) VALUES ('id_secret', ?1)", c.sealer.Seal(secret, sealContext))
	})
	if err != nil {
		return err
	}
	c.codec, err = hook.NewCodec(secret)
	return err
}

// SetKeys names the clock that draws row keys. The store calls it before first use,
// because the clock must begin above what both engine and catalog hold.
func (c *catalog) SetKeys(newKey func() hook.Key) {
	c.keysMu.Lock()
	defer c.keysMu.Unlock()
	c.newKey = newKey
}

// NewKey implements store.Catalog.
func (c *catalog) NewKey() hook.Key {
	c.keysMu.RLock()
	defer c.keysMu.RUnlock()
	return c.newKey()
}

// Codec implements store.Catalog.
func (c *catalog) Codec() *hook.Codec { return c.codec }

// greatestKey returns the greatest row key that the catalog ever held, deleted rows
// included, so that no key is drawn twice; 0 for none.
func (c *catalog) greatestKey(ctx context.Context) (hook.Key, error) {
	var greatest hook.Key
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT value FROM meta WHERE name = 'greatest_key'", func(stmt *sqlite.Stmt) error {
			greatest = hook.Key(stmt.ColumnInt64(0))
			return nil
		})
	})
	return greatest, wrapCatalog("read greatest key", err)
}

// close writes what is still in memory and releases the files. Calls after it fail with hook.Closed.
func (c *catalog) close() error {
	err := c.tokens.flush()
	c.write <- struct{}{}
	defer func() { <-c.write }()
	if c.closed {
		return nil
	}
	c.closed = true
	return errors.Join(err, c.closeConns())
}

func (c *catalog) closeConns() error {
	var errs []error
	if c.readers != nil {
		errs = append(errs, c.readers.Close())
	}
	c.versionMu.Lock()
	if c.versions != nil {
		errs = append(errs, c.versions.Close())
		c.versions = nil
	}
	c.versionMu.Unlock()
	if c.writer != nil {
		errs = append(errs, c.writer.Close())
	}
	return errors.Join(errs...)
}

// catalogTx is one change under way, with what it makes memory forget.
type catalogTx struct {
	conn    *sqlite.Conn
	actor   hook.Actor     // in whose name entries of the audit log are written
	receipt *store.Receipt // to be written at the end, see saveReceipt

	applications []hook.ApplicationID
	environments []hook.EnvironmentID
	sources      []hook.SourceID
	// removed is an environment that is gone with all that it owned; 0 for none.
	removed hook.EnvironmentID
	// failing changes one endpoint of a plan in memory instead of dropping the plan.
	failing *failingSince
	// tokens says which tokens may no longer be answered from memory; nil for all stay.
	tokens func(*hook.Token) bool
	// announces says that the change wrote announcements.
	announces bool
}

func (tx *catalogTx) exec(sql string, args ...any) error {
	return sqlitex.Execute(tx.conn, sql, &sqlitex.ExecOptions{Args: args})
}

func (tx *catalogTx) query(sql string, row func(*sqlite.Stmt) error, args ...any) error {
	return catalogQuery(tx.conn, sql, row, args...)
}

// has reports whether the query finds a row.
func (tx *catalogTx) has(sql string, args ...any) (found bool, err error) {
	err = tx.query(sql, func(*sqlite.Stmt) error { found = true; return nil }, args...)
	return found, err
}

// used notes a row key, so that it is never drawn again.
func (tx *catalogTx) used(k hook.Key) error {
	return tx.exec(`INSERT INTO meta (name, value) VALUES ('greatest_key', ?1)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > value`, k)
}

// change runs f in one transaction and returns when it is on disk. An error of f rolls
// everything back and is returned as it is.
func (c *catalog) change(ctx context.Context, f func(tx *catalogTx) error) error {
	if err := ctx.Err(); err != nil { // a select may choose the free place all the same
		return err
	}
	select {
	case c.write <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.write }()
	defer c.slow.observe(nil, "catalog change", time.Now())
	if c.closed {
		return errClosed()
	}
	if c.broken != nil {
		return c.broken
	}
	tx := &catalogTx{conn: c.writer, actor: hook.ActorIn(ctx)}
	if err := sqlitex.Execute(c.writer, "BEGIN IMMEDIATE", nil); err != nil {
		return c.failed(wrapCatalog("begin change", err))
	}
	// A rollback after a failed commit is harmless where SQLite has rolled back itself.
	// Whatever happened on disk, memory forgets what the change touched: a failed commit
	// may have been kept.
	committed := false
	defer func() {
		if !committed {
			_ = sqlitex.Execute(c.writer, "ROLLBACK", nil)
		}
		c.forget(tx, committed)
	}()
	if err := f(tx); err != nil {
		return c.failed(catalogKind(err))
	}
	if err := c.putReceipt(tx); err != nil {
		return c.failed(wrapCatalog("save receipt", err))
	}
	if err := sqlitex.Execute(c.writer, "COMMIT", nil); err != nil {
		return c.failed(wrapCatalog("commit change", err))
	}
	committed = true
	if tx.announces {
		c.announced()
	}
	return nil
}

// failed ends the store when err is the disk's: the change may be on disk or not, and a
// second flush would report success without it (see doc.go). Other errors pass through.
// The caller holds write.
func (c *catalog) failed(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt, sqlite.ResultNotADB:
		c.broken = c.fail(fmt.Errorf("change catalog: %w", err))
		return c.broken
	}
	return err
}

// forget drops from memory what a change touched. It runs before the change returns, so
// whoever asks after that sees the change.
func (c *catalog) forget(tx *catalogTx, committed bool) {
	if f := tx.failing; f != nil && committed {
		c.plans.setFailing(f)
	} else if f != nil {
		c.plans.forgetApplication(f.application)
	}
	for _, app := range tx.applications {
		c.plans.forgetApplication(app)
	}
	for _, env := range tx.environments {
		c.plans.forgetEnvironment(env)
	}
	for _, id := range tx.sources {
		c.received.forget(id)
	}
	if tx.removed != 0 {
		c.received.forgetEnvironment(tx.removed)
	}
	if tx.tokens != nil {
		c.tokens.forget(tx.tokens)
	}
	if len(tx.applications) > 0 && c.changed != nil {
		c.changed(tx.applications)
	}
}

// read runs f on a reader's connection in one transaction, so that all statements see the same state.
func (c *catalog) read(ctx context.Context, f func(conn *sqlite.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := c.readers.Take(ctx)
	if err != nil {
		if ctx.Err() == nil {
			return errClosed() // a pool refuses only after Close
		}
		return ctx.Err()
	}
	defer c.readers.Put(conn)
	defer c.slow.observe(nil, "catalog read", time.Now())
	end := sqlitex.Transaction(conn)
	err = f(conn)
	end(&err)
	if err != nil && ctx.Err() != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt {
		return ctx.Err()
	}
	return err
}

// errNotFound is what every look-up answers that finds nothing, or another tenant's.
func errNotFound() error { return hook.Errorf(hook.NotFound, "Entity not found") }

// wrapCatalog turns a database error into a kind, or adds what was being done.
func wrapCatalog(doing string, err error) error {
	if err = catalogKind(err); err == nil || hook.KindOf(err) != hook.Internal {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// catalogKind gives a database error that a caller can act on its kind, and leaves every other error as it is.
func catalogKind(err error) error {
	if err != nil && isFull(err) {
		return errStorageFull()
	}
	return err
}

// stamp fills in the times of a new noun.
func (c *catalog) stamp(created, updated *time.Time) {
	if created.IsZero() {
		*created = c.now()
	}
	*created = toMillis(*created)
	if updated == nil {
		return
	}
	if updated.IsZero() {
		*updated = *created
	}
	*updated = toMillis(*updated)
}
