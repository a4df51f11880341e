package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/storetest"
)

// sealingStore seals the content of every environment that a test creates.
type sealingStore struct{ *Store }

func (s sealingStore) CreateEnvironment(ctx context.Context, e *hook.Environment) error {
	e.Settings.SealContent = true
	return s.Store.CreateEnvironment(ctx, e)
}

// TestStoreThatSeals runs the suite with all content sealed: nobody who uses a store notices.
func TestStoreThatSeals(t *testing.T) {
	if testing.Short() {
		t.Skip("the suite once more; not with -short")
	}
	sealed := int64(0)
	storetest.RunMessages(t, func(t testing.TB, dir string) store.Store {
		s := openTest(t, dir)
		t.Cleanup(func() {
			conn, err := openConn(s.segments[0].path(), sqlite.OpenReadOnly)
			if err != nil {
				return
			}
			n, _, err := queryInt(conn, "SELECT (SELECT count(*) FROM message WHERE sealed) + (SELECT count(*) FROM attempt WHERE sealed)")
			if err == nil {
				sealed += n
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		return sealingStore{s}
	})
	if sealed < 100 {
		t.Errorf("only %d rows were sealed", sealed)
	}
}

// setSealing switches sealing of the store's environment.
func (c *clockStore) setSealing(on bool) {
	c.t.Helper()
	_, err := c.UpdateEnvironment(c.t.Context(), c.app.Environment, func(e *hook.Environment) error { e.Settings.SealContent = on; return nil })
	if err != nil {
		c.t.Fatal(err)
	}
}

// marked are parts of content that hold the marker of a test.
type marked struct {
	message *hook.Message
	attempt *hook.Attempt
}

// publishMarked publishes a message with the marker in every part of its content, and
// records a failed attempt with the marker in every part of the answer.
func (c *clockStore) publishMarked(marker string, inbound bool) marked {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &hook.Message{
		Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", Tags: []string{"tag"}, Channels: []string{"channel"},
		Payload: []byte(`{"payload":"` + marker + `"}`), TransformationsParams: []byte(`{"params":"` + marker + `"}`),
		RawBody: []byte("raw " + marker), ContentExpiresAt: c.o.Now().Add(30 * day),
	}
	if inbound {
		m.Payload, m.TransformationsParams = nil, nil
		m.Inbound = &hook.Inbound{Provider: "github", Method: "POST", Path: "/" + marker, Query: "q=" + marker, Header: []string{"X-Marker", marker}, Type: marker, DeliveryID: marker}
	}
	_, err = c.Append(c.t.Context(), &store.Publication{
		Message: m, PlanVersion: plan.Version,
		Deliveries: []hook.Delivery{{Endpoint: plan.Endpoints[0].ID, DueAt: c.o.Now()}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	due, _, err := c.Claim(c.t.Context(), c.app.ID, plan.Endpoints[0].ID, c.o.Now(), 500, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	d := due[len(due)-1]
	if d.Message.ID != m.ID || !bytes.Equal(d.Message.Body(), m.Body()) {
		c.t.Fatalf("claimed %+v, want %+v", d.Message, m)
	}
	a := &hook.Attempt{
		Message: m.ID, Application: c.app.ID, Endpoint: d.Delivery.Endpoint, N: 1, StartedAt: c.o.Now(), URL: "https://example.com/",
		Outcome: hook.Failed, Reason: hook.ReasonServer, Status: 500, Error: "error " + marker, Header: []byte("X-Marker: " + marker), Body: []byte("body " + marker),
	}
	c.finish(d, a)
	return marked{m, a}
}

func (c *clockStore) finish(d store.Due, a *hook.Attempt) {
	c.t.Helper()
	done := make(chan error, 1)
	c.Finish(&store.Finished{Delivery: d.Delivery.After(a, hook.DefaultRetryPolicy(), c.o.Now(), 0.5), Row: d.Row, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		c.t.Fatal(err)
	}
}

// check compares what the store gives with what was published, in every way to read it.
func (c *clockStore) check(p marked) {
	c.t.Helper()
	ctx, window := c.t.Context(), store.Window{Limit: 250}
	m, err := c.Message(ctx, c.app.ID, p.message.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	if diff := cmp.Diff(p.message, m); diff != "" {
		c.t.Errorf("message (-want +got):\n%s", diff)
	}
	messages, err := c.Messages(ctx, store.MessageQuery{Application: c.app.ID, Window: window, WithContent: true, Tag: "tag", Channel: "channel"})
	if err != nil {
		c.t.Fatal(err)
	}
	found := false
	for _, m := range messages.Rows {
		if m.ID == p.message.ID {
			found = true
			if diff := cmp.Diff(p.message, m); diff != "" {
				c.t.Errorf("message in a list (-want +got):\n%s", diff)
			}
		}
	}
	if !found {
		c.t.Error("the message is not in the list")
	}
	a, err := c.Attempt(ctx, c.app.ID, p.message.ID, p.attempt.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	same := func(what string, a *hook.Attempt, content bool) {
		c.t.Helper()
		if a.Error != p.attempt.Error || content && (!bytes.Equal(a.Header, p.attempt.Header) || !bytes.Equal(a.Body, p.attempt.Body)) || !content && (a.Header != nil || a.Body != nil) || a.Unreadable {
			c.t.Errorf("%s: %q %q %q, unreadable %v", what, a.Error, a.Header, a.Body, a.Unreadable)
		}
	}
	same("attempt", a, true)
	if a, err = c.FindAttempt(ctx, c.app.ID, p.attempt.ID); err != nil {
		c.t.Fatal(err)
	}
	same("found attempt", a, false)
	for _, content := range []bool{false, true} {
		for _, q := range []store.AttemptQuery{{Message: p.message.ID}, {Endpoint: p.attempt.Endpoint}} {
			q.Application, q.WithContent, q.WithMessage, q.Window = c.app.ID, content, true, window
			list, err := c.Attempts(ctx, q)
			if err != nil {
				c.t.Fatal(err)
			}
			for _, row := range list.Rows {
				if row.Attempt.ID == p.attempt.ID {
					same(fmt.Sprint("listed, content ", content), row.Attempt, content)
					if content && !bytes.Equal(row.Message.Body(), p.message.Body()) {
						c.t.Errorf("message of a listed attempt: %q", row.Message.Body())
					}
				}
			}
		}
	}
}

// grep returns the files below dir that hold text.
func grep(t testing.TB, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSealedContentIsNowhereOnDisk looks for a marker in every file of a store, with its
// logs full and emptied, before and after a compaction, and in a backup. The same marker
// without sealing is found, so the search works.
func TestSealedContentIsNowhereOnDisk(t *testing.T) {
	c := newClockStore(t, Options{})
	c.publishMarked("MARKERCLEAR", false)
	if len(grep(t, c.dir, "MARKERCLEAR")) == 0 {
		t.Fatal("what is not sealed is not found either")
	}
	c.setSealing(true)
	var all []marked
	for i := range 20 {
		all = append(all, c.publishMarked("MARKERSEALED", i%2 == 1))
	}
	nowhere := func(when, dir string) {
		t.Helper()
		if found := grep(t, dir, "MARKERSEALED"); len(found) > 0 {
			t.Errorf("%s: the marker is in %v", when, found)
		}
		for _, p := range all {
			c.check(p)
		}
	}
	nowhere("in the log", c.dir)
	c.restart()
	nowhere("after a restart", c.dir)
	backup := t.TempDir()
	if err := c.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	nowhere("in a backup", backup)
	c.advance(25 * time.Hour)
	all = append(all, c.publishMarked("MARKERSEALED", false)) // in the next segment
	generation := c.segmentsOldestFirst()[0].generation.Load()
	for _, whole := range []bool{false, true} {
		if err := c.compact(t.Context(), c.segmentsOldestFirst()[0], &judge{now: c.o.Now()}, whole, true); err != nil {
			t.Fatal(err)
		}
	}
	if c.segmentsOldestFirst()[0].generation.Load() != generation+2 {
		t.Fatal("nothing was compacted")
	}
	nowhere("after compactions", c.dir)
	if err := c.ExpungeMessage(t.Context(), c.app.ID, all[0].message.ID); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Message(t.Context(), c.app.ID, all[0].message.ID); err != nil || !m.Expunged || m.Unreadable || m.Body() != nil {
		t.Errorf("expunged: %+v, %v", m, err)
	}
	// The backup is a store of its own, whose rows open where they are now.
	c.dir = backup
	c.Close()
	c.open()
	all = all[:20]
	nowhere("in the restored store", c.dir)
}

// TestSealingIsSwitchedAtAnyTime publishes with sealing off, on and off again: each row is
// read as it was written.
func TestSealingIsSwitchedAtAnyTime(t *testing.T) {
	c := newClockStore(t, Options{})
	var all []marked
	for i, on := range []bool{false, true, false, true} {
		c.setSealing(on)
		marker := fmt.Sprintf("MARKER%d.", i)
		all = append(all, c.publishMarked(marker, false))
		if found := grep(t, c.dir, marker); (len(found) == 0) != on {
			t.Errorf("sealing %v: the marker is in %v", on, found)
		}
		for range 2 {
			for _, p := range all {
				c.check(p)
			}
			c.restart() // which must learn whether anything seals
		}
	}
	// A plan that is not in memory, and an application that is gone.
	c.catalog.plans.forgetEnvironment(c.app.Environment)
	if !c.seals(c.app.ID) {
		t.Error("not sealed while the plan is not in memory")
	}
	c.setSealing(false)
	c.catalog.plans.forgetEnvironment(c.app.Environment)
	if c.seals(c.app.ID) {
		t.Error("sealed while the plan is not in memory, though nobody wants it")
	}
	if !c.seals(c.app.ID + 1) {
		t.Error("what cannot be told is not sealed")
	}
}

// TestEmptyContentIsSealed: empty is not expunged, and not NULL.
func TestEmptyContentIsSealed(t *testing.T) {
	c := newClockStore(t, Options{})
	c.setSealing(true)
	for _, m := range []*hook.Message{{}, {RawBody: []byte{}}, {Payload: []byte("{}"), RawBody: []byte{}}, {Inbound: &hook.Inbound{Provider: "x"}}} {
		m.Environment, m.Application, m.EventType = c.app.Environment, c.app.ID, "a.b"
		plan, err := c.PlanOf(t.Context(), c.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Append(t.Context(), &store.Publication{Message: m, PlanVersion: plan.Version}); err != nil {
			t.Fatal(err)
		}
		got, err := c.Message(t.Context(), c.app.ID, m.ID)
		if err != nil || got.Expunged || got.Unreadable || !bytes.Equal(got.Body(), m.Body()) || (got.RawBody == nil) != (m.RawBody == nil && m.Inbound == nil) {
			t.Errorf("%+v came back as %+v, %v", m, got, err)
		}
	}
}

// TestDamagedSealedRows damages sealed rows in the ways that someone with the file could:
// lists go on and say that the content cannot be read, a delivery is claimed without it, and
// everything is logged.
func TestDamagedSealedRows(t *testing.T) {
	for _, damage := range []struct{ name, sql string }{
		{"moved from another row", "UPDATE message SET payload = (SELECT payload FROM message WHERE key = ?2) WHERE key = ?1"},
		{"moved from another column", "UPDATE message SET payload = params, params = payload WHERE key = ?1"},
		{"a byte more", "UPDATE message SET raw = CAST(raw || x'00' AS BLOB) WHERE key = ?1"},
		{"cut", "UPDATE message SET inbound = substr(coalesce(inbound, raw), 1, 7) WHERE key = ?1"},
		{"empty", "UPDATE message SET params = x'' WHERE key = ?1"},
		{"said to be sealed", "UPDATE message SET payload = CAST('{}' AS BLOB) WHERE key = ?1"},
		{"an answer moved", "UPDATE attempt SET body = (SELECT body FROM attempt WHERE message = ?2) WHERE message = ?1"},
		{"a header and a body changed places", "UPDATE attempt SET body = header, header = body WHERE message = ?1"},
		{"the words of a failure", "UPDATE attempt SET error = '!' WHERE message = ?1"},
		{"the words of another failure", "UPDATE attempt SET error = (SELECT error FROM attempt WHERE message = ?2) WHERE message = ?1"},
	} {
		t.Run(damage.name, func(t *testing.T) {
			var log bytes.Buffer
			c := newClockStore(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			c.setSealing(true)
			bad, good := c.publishMarked("MARKERBAD", false), c.publishMarked("MARKERGOOD", false)
			err := c.change(t.Context(), c.segmentsOldestFirst()[0], func(conn *sqlite.Conn) error {
				return sqlitex.Execute(conn, damage.sql, &sqlitex.ExecOptions{Args: []any{int64(bad.message.ID), int64(good.message.ID)}[:strings.Count(damage.sql, "?")]})
			})
			if err != nil {
				t.Fatal(err)
			}
			c.check(good)
			ofAttempt := strings.Contains(damage.sql, "UPDATE attempt")
			if ofAttempt {
				a, err := c.Attempt(t.Context(), c.app.ID, bad.message.ID, bad.attempt.ID)
				if err != nil || !a.Unreadable || a.Header != nil || a.Body != nil || a.Error != "" || a.Status != 500 {
					t.Errorf("attempt %+v, %v", a, err)
				}
				list, err := c.Attempts(t.Context(), store.AttemptQuery{Application: c.app.ID, Endpoint: bad.attempt.Endpoint, WithContent: true, WithMessage: true, Window: store.Window{Limit: 9}})
				if err != nil || len(list.Rows) != 2 || list.Rows[0].Attempt.Unreadable || !list.Rows[1].Attempt.Unreadable || list.Rows[1].Message.Unreadable {
					t.Errorf("attempts %+v, %v", list.Rows, err)
				}
			} else {
				list, err := c.Messages(t.Context(), store.MessageQuery{Application: c.app.ID, WithContent: true, Window: store.Window{Limit: 9}})
				if err != nil || len(list.Rows) != 2 || list.Rows[0].Unreadable || !list.Rows[1].Unreadable {
					t.Fatalf("messages %+v, %v", list.Rows, err)
				}
				if m := list.Rows[1]; m.Body() != nil || m.TransformationsParams != nil || m.Inbound != nil || m.HasContent(c.o.Now()) || m.EventType != "a.b" || len(m.Tags) != 1 {
					t.Errorf("message %+v", m)
				}
			}
			c.advance(time.Hour)
			due, _, err := c.Claim(t.Context(), c.app.ID, bad.attempt.Endpoint, c.o.Now(), 9, nil)
			if err != nil || len(due) != 2 {
				t.Fatalf("claimed %+v, %v", due, err)
			}
			for _, d := range due {
				if want := !ofAttempt && d.Message.ID == bad.message.ID; d.Message.Unreadable != want || (d.Message.Body() == nil) != want {
					t.Errorf("claimed %+v", d.Message)
				}
			}
			if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "cannot be read") || !strings.Contains(text, c.Codec().Message(c.app.ID, bad.message.ID)) || strings.Contains(text, "MARKER") {
				t.Errorf("log: %s", text)
			}
		})
	}
}

// TestNobodySealsAtNoCost: while nobody seals, a message and an attempt allocate nothing for it.
func TestNobodySealsAtNoCost(t *testing.T) {
	c := newClockStore(t, Options{})
	m := &hook.Message{Application: c.app.ID, Payload: []byte("{}")}
	a := &hook.Attempt{Application: c.app.ID, Body: []byte("ok")}
	n := 0
	allocs := testing.AllocsPerRun(100, func() {
		content, answer := contentOf(m, nil), answerOf(a)
		if c.seals(c.app.ID) {
			content, answer = c.content.sealMessage(m.ID, content), c.content.sealAnswer(a)
		}
		n += len(content.payload) + len(answer.body)
	})
	if allocs != 0 || n == 0 {
		t.Errorf("%v allocations", allocs)
	}
}
