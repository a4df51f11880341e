package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// TestOlderStoreIsMigrated opens a store as version 1 left it: segments without the
// provider's request, a catalog without sources.
func TestOlderStoreIsMigrated(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: time.Hour})
	var ids []hook.MessageID
	for range 3 {
		got, err := c.publish("", 1, 12*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, got.ID)
		c.advance(13 * time.Hour)
	}
	paths := []string{filepath.Join(c.dir, catalogName)}
	for _, seg := range c.segmentsOldestFirst() {
		paths = append(paths, seg.path())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		back := []string{
			"DROP TABLE latest", "DROP INDEX due_manual",
			"ALTER TABLE delivery DROP COLUMN line", "ALTER TABLE attempt DROP COLUMN tls", "ALTER TABLE attempt DROP COLUMN batch", "DROP TABLE feed", "ALTER TABLE attempt DROP COLUMN notes", "ALTER TABLE delivery DROP COLUMN note",
			"ALTER TABLE message DROP COLUMN inbound",
			"DROP TABLE announcement",
			"ALTER TABLE message DROP COLUMN deadline", "ALTER TABLE message DROP COLUMN sealed", "ALTER TABLE attempt DROP COLUMN sealed",
		}
		if i == 0 {
			back = []string{
				"DROP TABLE migration", "DROP TABLE chore", "DROP TABLE issue_note", "DROP TABLE membership", "DROP TABLE session", "DROP TABLE claim", "DROP TABLE user",
				"DROP INDEX task_ended", "DROP TABLE source", "DROP TABLE source_count", "DROP TABLE rejection",
				"DROP INDEX application_environment", "DROP INDEX application_with_endpoints", "ALTER TABLE application DROP COLUMN source",
				"CREATE INDEX application_environment ON application (environment, key)",
				"CREATE INDEX application_with_endpoints ON application (environment, key) WHERE endpoints > 0",
				"DROP TABLE announcement", "DROP TABLE audit", "DROP TABLE integration", "DROP TABLE listener",
				"DROP INDEX application_origin", "DROP INDEX token_api", "DROP INDEX token_integration",
				"DROP INDEX token_endpoint", "ALTER TABLE token DROP COLUMN endpoint", "ALTER TABLE token DROP COLUMN secret", "ALTER TABLE token DROP COLUMN event_types", "ALTER TABLE token DROP COLUMN channel",
				"ALTER TABLE token DROP COLUMN scopes", "ALTER TABLE token DROP COLUMN kind", "ALTER TABLE token DROP COLUMN integration",
				"ALTER TABLE token DROP COLUMN hint", "ALTER TABLE token DROP COLUMN life",
				"ALTER TABLE endpoint DROP COLUMN shape", "ALTER TABLE endpoint DROP COLUMN warned",
				"DROP INDEX event_type_policy", "ALTER TABLE event_type DROP COLUMN retry_policy", "DROP INDEX event_type_retention", "ALTER TABLE event_type DROP COLUMN retention",
				"DROP INDEX task_open", "ALTER TABLE task DROP COLUMN params", "ALTER TABLE task DROP COLUMN result", "ALTER TABLE task DROP COLUMN total",
				"ALTER TABLE task DROP COLUMN rate", "ALTER TABLE task DROP COLUMN failed", "ALTER TABLE task DROP COLUMN error",
				"ALTER TABLE task DROP COLUMN state", "ALTER TABLE task DROP COLUMN started_at",
				"DROP TABLE connector", "DROP INDEX endpoint_connector", "ALTER TABLE endpoint DROP COLUMN connector", "DROP TABLE consumer", "DROP TABLE feed_lost", "DROP TABLE poll_state", "DROP TABLE consent_due",
				"ALTER TABLE application DROP COLUMN hold",
				"DROP INDEX event_type_checked", "ALTER TABLE event_type DROP COLUMN validate", "ALTER TABLE event_type DROP COLUMN redact",
				"DROP INDEX endpoint_uid", "ALTER TABLE endpoint DROP COLUMN destination", "ALTER TABLE removed_endpoint DROP COLUMN destination",
				"CREATE UNIQUE INDEX endpoint_uid ON endpoint (application, uid) WHERE uid IS NOT NULL", "ALTER TABLE endpoint DROP COLUMN features",
				"DROP TABLE removed_content", "DROP INDEX event_type_archived",
			}
		}
		conn, err := openConn(path)
		for _, sql := range append(back, "PRAGMA user_version = 1") {
			if err == nil {
				err = sqlitex.ExecuteTransient(conn, sql, nil)
			}
		}
		if err = errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
	c.open()
	r, err := c.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Schemas[0].Migrations {
		if known := !m.AppliedAt.IsZero(); known != (m.Number > 1) { // version 1 noted nothing
			t.Errorf("migration %d was applied at %v", m.Number, m.AppliedAt)
		}
	}
	for range 2 {
		for _, id := range ids {
			m, err := c.Message(t.Context(), c.app.ID, id)
			if err != nil {
				t.Fatal(err)
			}
			if m.Inbound != nil || string(m.Payload) != "{}" || m.RawBody != nil {
				t.Errorf("message of an older store: %+v", m)
			}
		}
		if n := len(c.dueMessages()); n != len(ids) {
			t.Errorf("%d of %d deliveries are due", n, len(ids))
		}
		apps, err := c.ListApplications(t.Context(), c.app.Environment, store.AppFilter{WithEndpoints: true}, store.Page[hook.ApplicationID]{Limit: 5})
		if err != nil || len(apps.Rows) != 1 || apps.Rows[0].Source != 0 {
			t.Errorf("applications of an older store: %v, %v", apps.Rows, err)
		}
		s := testSource(t, c.catalog, c.app.Environment, "new")
		got, err := c.AppendAll(t.Context(), []*store.Publication{{
			Message:     &hook.Message{Environment: c.app.Environment, Application: s.ID.Application(), EventType: "a.b", RawBody: []byte{}, Inbound: &hook.Inbound{Provider: "x"}},
			PlanVersion: 2,
		}})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.Message(t.Context(), s.ID.Application(), got[0].ID); err != nil || m.Inbound == nil {
			t.Errorf("received after the migration: %+v, %v", m, err)
		}
		c.restart()
	}
}
