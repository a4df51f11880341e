package sqlite

import (
	"errors"
	"testing"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestTLSOfAnAttemptComesBack, and what is damaged or of a later form is not told.
func TestTLSOfAnAttemptComesBack(t *testing.T) {
	for _, want := range []hook.TLS{
		{},
		{Version: 0x0304, Protocol: hook.HTTP2, Subject: "example.com", Issuer: "CA", NotAfter: time.Unix(1_900_000_000, 0).UTC()},
		{Version: 0x0303, Issuer: "only an issuer", NotAfter: time.Unix(-5, 0).UTC()},
	} {
		stored := encodeTLS(nil, &want)
		if got := decodeTLS(stored); got == nil || *got != want {
			t.Errorf("came back as %+v, want %+v", got, want)
		}
		named := len(want.Subject) + len(want.Issuer)
		for n := range len(stored) - named {
			if got := decodeTLS(stored[:n]); got != nil {
				t.Errorf("the first %d bytes of %x are read as %+v", n, stored, got)
			}
		}
		stored[0]++
		if got := decodeTLS(stored); got != nil {
			t.Errorf("a later form is read as %+v", got)
		}
	}
	if got := decodeTLS(nil); got != nil {
		t.Errorf("NULL is read as %+v", got)
	}
}

// TestAttemptsOfAnOlderStoreTellNoTLS opens a segment as version 7 left it.
func TestAttemptsOfAnOlderStoreTellNoTLS(t *testing.T) {
	c := newClockStore(t, Options{})
	m, err := c.publish("", 1, 12*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d := c.dueOf(m.ID)
	a := &hook.Attempt{ID: hook.AttemptID(c.NewKey()), Message: m.ID, Application: c.app.ID, Endpoint: d.Delivery.Endpoint, N: 1, StartedAt: c.o.Now(), Outcome: hook.Success, Status: 200, RemoteAddr: "192.0.2.1:443", Body: []byte("kept"), TLS: &hook.TLS{Version: 0x0304}}
	c.finish(d, a)
	path := c.segmentsOldestFirst()[0].path()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := openConn(path)
	for _, sql := range []string{"ALTER TABLE attempt DROP COLUMN tls", "PRAGMA user_version = 7"} {
		if err == nil {
			err = sqlitex.ExecuteTransient(conn, sql, nil)
		}
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	c.open()
	got, err := c.Attempt(t.Context(), c.app.ID, m.ID, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.TLS != nil || got.RemoteAddr != a.RemoteAddr || string(got.Body) != "kept" {
		t.Errorf("attempt of an older store: %+v", got)
	}
}
