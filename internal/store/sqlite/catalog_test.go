package sqlite

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// openCatalogOnly opens the catalog in dir, with a clock of keys as the engine has one.
// The sealing key lies beside dir, as it does in a real data directory's backup.
func openCatalogOnly(t testing.TB, dir string, o catalogOptions) *catalog {
	t.Helper()
	key, _, err := auth.LoadOrCreateKey(filepath.Join(filepath.Dir(dir), filepath.Base(dir)+".key"))
	if err != nil {
		t.Fatal(err)
	}
	if o.sealer == nil {
		o.sealer = auth.NewSealer(key)
	}
	c, err := openCatalog(t.Context(), filepath.Join(dir, "catalog.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.close() })
	greatest, err := c.greatestKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.SetKeys(hook.NewKeyClock(1, greatest, c.now).Next)
	return c
}

// testCatalogData is an environment with applications of one endpoint each.
func testCatalogData(t testing.TB, c *catalog, apps int) (*hook.Environment, []*hook.Application) {
	t.Helper()
	ctx := t.Context()
	env := &hook.Environment{Name: "e", Settings: hook.DefaultSettings()}
	if err := c.CreateEnvironment(ctx, env); err != nil {
		t.Fatal(err)
	}
	var list []*hook.Application
	for i := range apps {
		a := &hook.Application{Environment: env.ID, UID: "app" + string(rune('0'+i)), Name: "n"}
		if err := c.CreateApplication(ctx, a, nil); err != nil {
			t.Fatal(err)
		}
		err := c.CreateEndpoint(ctx, &hook.Endpoint{Application: a.ID, URL: "https://example.com/", Secrets: []hook.Secret{{Text: "whsec_x"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	return env, list
}

func TestCatalogRefusesAnotherKey(t *testing.T) {
	dir := t.TempDir()
	c := openCatalogOnly(t, dir, catalogOptions{})
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	_, err := openCatalog(t.Context(), filepath.Join(dir, "catalog.db"), catalogOptions{sealer: auth.NewSealer(auth.NewKey())})
	if err == nil {
		t.Fatal("a catalog was opened with a key that is not its own")
	}
	openCatalogOnly(t, dir, catalogOptions{}) // the refusal changed nothing
}

func TestSealedColumnsAreBoundToTheirRow(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	_, apps := testCatalogData(t, c, 2)
	err := c.change(t.Context(), func(tx *catalogTx) error {
		return tx.exec(`UPDATE endpoint SET secrets = (SELECT secrets FROM endpoint WHERE application = ?1) WHERE application = ?2`, apps[0].ID, apps[1].ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PlanOf(t.Context(), apps[0].ID); err != nil {
		t.Errorf("the row whose secret was copied: %v", err)
	}
	if _, err := c.PlanOf(t.Context(), apps[1].ID); err == nil {
		t.Error("a secret that was moved to another endpoint opens there")
	}
}

func TestExpiredReceiptsAndTokensAreRemoved(t *testing.T) {
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{now: func() time.Time { return now }})
	ctx := t.Context()
	env, apps := testCatalogData(t, c, 1)
	n := byte(0)
	create := func() {
		n++
		r := &store.Receipt{Key: store.IdempotencyKey{Hash: [16]byte{n}, Life: time.Hour}, Status: 201}
		token := &hook.Token{Environment: env.ID, Application: apps[0].ID, Hash: [32]byte{n}, ExpiresAt: now.Add(time.Hour)}
		if err := c.CreateToken(ctx, token, r); err != nil {
			t.Fatal(err)
		}
	}
	count := func(table string) (rows int64) {
		t.Helper()
		rows, _, err := queryInt(c.versions, "SELECT count(*) FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if err := c.CreateToken(ctx, &hook.Token{Environment: env.ID, Hash: [32]byte{255}, ExpiresAt: now.Add(time.Minute)}, nil); err != nil {
		t.Fatal(err) // an API token stays in the list
	}
	for range 40 {
		create()
	}
	if r, k := count("receipt"), count("token"); r != 40 || k != 41 {
		t.Fatalf("%d receipts and %d tokens before they expire", r, k)
	}
	now = now.Add(2 * time.Hour)
	for range 3 {
		create()
	}
	if r, k := count("receipt"), count("token"); r != 3 || k != 4 {
		t.Errorf("%d receipts and %d tokens are left", r, k)
	}
}

func TestFailedCommitForgetsWhatItTouched(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	_, apps := testCatalogData(t, c, 1)
	before, err := c.PlanOf(t.Context(), apps[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	// The change ends the transaction itself, so its COMMIT fails although it was kept: what
	// a disk does that reports an error after it has written.
	_, err = c.UpdateApplication(t.Context(), apps[0].ID, func(a *hook.Application) error { a.Name = "kept"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	err = c.change(t.Context(), func(tx *catalogTx) error {
		if err := touchApplication(tx, apps[0].ID, 0, 0); err != nil {
			return err
		}
		return tx.exec("COMMIT")
	})
	if err == nil {
		t.Fatal("the failed commit was not reported")
	}
	after, err := c.PlanOf(t.Context(), apps[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if after.Version != before.Version+2 {
		t.Errorf("version is %d, on disk it is %d", after.Version, before.Version+2)
	}
	if _, err := c.UpdateApplication(t.Context(), apps[0].ID, func(*hook.Application) error { return nil }); err != nil {
		t.Errorf("the next change fails: %v", err)
	}
}

// A crash between the first transaction of DeleteEnvironment and the last leaves rows that
// nobody may find; the next start removes them.
func TestDeletedEnvironmentIsGoneAfterACrash(t *testing.T) {
	dir := t.TempDir()
	c := openCatalogOnly(t, dir, catalogOptions{})
	env, apps := testCatalogData(t, c, 3)
	source := testSource(t, c, env.ID, "source")
	if err := c.SaveVisits(t.Context(), []hook.SourceCount{{Source: source.ID, N: 1}}, []*hook.Rejection{{Source: source.ID}}); err != nil {
		t.Fatal(err)
	}
	token := &hook.Token{Environment: env.ID, Hash: [32]byte{1}}
	if err := c.CreateToken(t.Context(), token, nil); err != nil {
		t.Fatal(err)
	}
	// What the first transaction does.
	err := c.change(t.Context(), func(tx *catalogTx) error {
		tx.environments, tx.removed = append(tx.environments, env.ID), env.ID
		if err := tx.exec("DELETE FROM environment WHERE key = ?1", env.ID); err != nil {
			return err
		}
		return tx.exec("INSERT INTO removed_environment (key) VALUES (?1)", env.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, planErr := c.PlanOf(t.Context(), apps[0].ID)
		_, appErr := c.Application(t.Context(), env.ID, "app0")
		_, tokenErr := c.TokenByHash(t.Context(), token.Hash)
		_, updateErr := c.UpdateApplication(t.Context(), apps[0].ID, func(*hook.Application) error { return nil })
		_, sourceErr := c.SourceOf(t.Context(), source.ID)
		for _, err := range []error{planErr, appErr, tokenErr, updateErr, sourceErr} {
			if hook.KindOf(err) != hook.NotFound {
				t.Errorf("what a removed environment owned answers %v", err)
			}
		}
		if _, exists := c.currentVersion(apps[0].ID); exists {
			t.Error("a message for it would be taken")
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		c = openCatalogOnly(t, dir, catalogOptions{})
	}
	for _, table := range []string{"application", "endpoint", "token", "source", "source_count", "rejection", "removed_environment"} {
		if n, _, err := queryInt(c.versions, "SELECT count(*) FROM "+table); n != 0 || err != nil {
			t.Errorf("%d rows of table %s are left, %v", n, table, err)
		}
	}
}

func TestDiskErrorEndsTheCatalog(t *testing.T) {
	var told []error
	failure := errors.New("the store has failed")
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{fail: func(err error) error { told = append(told, err); return failure }})
	_, apps := testCatalogData(t, c, 1)
	rename := func(name string, err error) error {
		_, got := c.UpdateApplication(t.Context(), apps[0].ID, func(a *hook.Application) error { a.Name = name; return err })
		return got
	}
	if err := rename("x", sqlite.ResultFull.ToError()); hook.KindOf(err) != hook.StorageFull || len(told) != 0 {
		t.Errorf("a full disk is %v, and told is %v: it may have room again", err, told)
	}
	if err := rename("y", nil); err != nil {
		t.Errorf("once it has: %v", err)
	}
	if err := rename("z", sqlite.ResultIOErrFsync.ToError()); err != failure || len(told) != 1 {
		t.Errorf("a failed flush is %v, and told is %v", err, told)
	}
	if err := rename("z", nil); err != failure || len(told) != 1 {
		t.Errorf("the change after a failed flush is %v", err)
	}
	p, err := c.PlanOf(t.Context(), apps[0].ID)
	if err != nil || p.Application.Name != "y" {
		t.Errorf("reading after it: %v, %v", p, err)
	}
}

// TestCatalogQueriesUseIndexes reads the plan of each query that lists or looks up.
func TestCatalogQueriesUseIndexes(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	for _, q := range []struct{ sql, want string }{
		{applicationSQL + "a.environment = ?1 AND a.source = 0 AND a.key > ?3 ORDER BY a.key LIMIT ?2", "application_environment"},
		{applicationSQL + "a.environment = ?1 AND a.source = 0 AND a.endpoints > 0 AND a.key < ?3 ORDER BY a.key DESC LIMIT ?2", "application_with_endpoints"},
		{applicationSQL + "a.environment = ?1 AND a.uid = ?2", "application_uid"},
		{applicationSQL + "a.key = ?1 AND a.environment = ?2", "PRIMARY KEY"},
		{"SELECT key FROM application WHERE environment = ?1 AND uid = ?2", "application_uid"},
		{"SELECT " + endpointColumns + " FROM endpoint WHERE application = ?1 AND uid = ?2 AND destination = 0", "endpoint_uid"},
		{"SELECT " + endpointColumns + " FROM endpoint WHERE application = ?1 AND destination = 0 AND key > ?3 ORDER BY key ASC LIMIT ?2", "PRIMARY KEY"},
		{"SELECT " + eventTypeColumns + " FROM event_type WHERE environment = ?1 AND archived = 0 AND name > ?3 ORDER BY name ASC LIMIT ?2", "PRIMARY KEY"},
		{"SELECT " + eventTypeColumns + " FROM event_type WHERE environment = ?1 AND name > ?3 ORDER BY name DESC LIMIT ?2", "PRIMARY KEY"},
		{"SELECT " + taskColumns + " FROM task WHERE environment = ?1 AND (?3 = '' OR instr(?3, ',' || status || ',')) AND (?4 = '' OR type = ?4) AND key > ?5 ORDER BY key DESC LIMIT ?2", "task_environment"},
		{"SELECT " + taskColumns + " FROM task WHERE status = 'running' ORDER BY key", "INDEX task_running"},
		{"SELECT key FROM task WHERE status NOT IN ('running', 'paused') AND key < ?1 ORDER BY key LIMIT ?2", "INDEX task_ended"},
		{"SELECT " + tokenColumns + " FROM token WHERE hash = ?1 AND environment IN (SELECT key FROM environment)", "token_hash"},
		{"SELECT " + tokenColumns + " FROM token WHERE environment = ?1 ORDER BY key", "token_environment"},
		{"UPDATE token SET expires_at = ?2 WHERE application = ?1 AND (expires_at IS NULL OR expires_at > ?2)", "token_application"},
		{"SELECT key FROM token WHERE application IS NOT NULL AND expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2", "token_expired"},
		{"SELECT hash FROM receipt WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2", "receipt_expires"},
		{"SELECT key, source FROM application WHERE environment = ?1 LIMIT ?2", "application_environment"},
		{sourceSQL + "s.key = ?1 AND s.environment = ?2", "PRIMARY KEY"},
		{sourceSQL + "s.environment = ?1 AND s.uid = ?2", "source_uid"},
		{sourceSQL + "s.environment = ?1 AND s.key > ?3 ORDER BY s.key ASC LIMIT ?2", "source_environment"},
		{sourceSQL + "s.type = ?1 ORDER BY s.key", "source_type"},
		{"SELECT " + rejectionColumns + " FROM rejection WHERE source = ?1 AND key < ?3 ORDER BY key DESC LIMIT ?2", "rejection_source"},
		{trimRejectionsSQL, "rejection_source"},
		{"SELECT key FROM rejection WHERE key < ?1 ORDER BY key LIMIT ?2", "PRIMARY KEY"},
		{"SELECT source, hour, verdict, reason FROM source_count WHERE hour < ?1 ORDER BY hour LIMIT ?2", "source_count_hour"},
		{"SELECT hour, verdict, reason, n FROM source_count WHERE source = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour, verdict, reason", "PRIMARY KEY"},
		{"SELECT key FROM token WHERE environment = ?1 LIMIT ?2", "token_environment"},
		{"SELECT " + auditColumns + " FROM audit WHERE environment = ?1 AND application <> 0 AND application = ?3 AND key < ?4 ORDER BY key DESC LIMIT ?2", "audit_application"},
	} {
		plan := explain(t, c, q.sql)
		// To scan the index of running tasks is to read running tasks and nothing else.
		scans := strings.Contains(strings.ReplaceAll(plan, "SCAN task USING INDEX task_running", ""), "SCAN")
		if !strings.Contains(plan, q.want) || scans || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nhas the plan:\n%swant %s", q.sql, plan, q.want)
		}
	}
}

func BenchmarkTokenByHash(b *testing.B) {
	c := openCatalogOnly(b, b.TempDir(), catalogOptions{})
	env, _ := testCatalogData(b, c, 0)
	token := &hook.Token{Environment: env.ID, Hash: [32]byte{1}}
	if err := c.CreateToken(b.Context(), token, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			t, err := c.TokenByHash(b.Context(), token.Hash)
			if err != nil {
				b.Fatal(err)
			}
			c.TouchToken(t.ID, time.Now())
		}
	})
}
