package receive

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestDuplicatesAreAnsweredAlikeAndStoredOnce(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", func(s *hook.Source) {
		stripeSecret(s)
		s.Settings.Answer = hook.SourceAnswer{Status: 202, Header: map[string]string{"X-Thanks": "yes"}, Body: "ok"}
	})
	const n = 50
	var group sync.WaitGroup
	answers := make(chan got, n)
	for range n {
		group.Go(func() { answers <- w.do(w.signed(s, event1)) })
	}
	group.Wait()
	close(answers)
	for a := range answers {
		if a.status != 202 || a.body != "ok" || a.header.Get("X-Thanks") != "yes" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("answered %d %q", a.status, a.body)
		}
	}
	w.one(s)
	if got := w.account(s); got["accepted"] != 1 || got["duplicate"] != n-1 {
		t.Errorf("account %v, want 1 accepted and %d duplicates", got, n-1)
	}
}

func TestDedupeRules(t *testing.T) {
	generic := func(rule hook.DedupeRule) func(*hook.Source) {
		return func(s *hook.Source) { s.Settings.Dedupe = rule }
	}
	type sent struct{ path, body, id string }
	cases := []struct {
		name   string
		rule   hook.DedupeRule
		first  sent
		second sent
		same   bool
	}{
		{"no id, same request", hook.DedupeRule{}, sent{"", "a", ""}, sent{"", "a", ""}, true},
		{"no id, other query", hook.DedupeRule{}, sent{"?a=1", "a", ""}, sent{"?a=2", "a", ""}, false},
		{"no id, other path", hook.DedupeRule{}, sent{"/a", "a", ""}, sent{"/b", "a", ""}, false},
		{"body path", hook.DedupeRule{By: hook.DedupeByBody, Name: "data.0.id"}, sent{"", `{"data":[{"id":7}],"n":1}`, ""}, sent{"", `{"data":[{"id":7}],"n":2}`, ""}, true},
		{"body path differs", hook.DedupeRule{By: hook.DedupeByBody, Name: "data.0.id"}, sent{"", `{"data":[{"id":7}]}`, ""}, sent{"", `{"data":[{"id":8}]}`, ""}, false},
		{"body path not there", hook.DedupeRule{By: hook.DedupeByBody, Name: "nope"}, sent{"", `{"a":1}`, ""}, sent{"", `{"a":2}`, ""}, false},
		{"header", hook.DedupeRule{By: hook.DedupeByHeader, Name: "x-id"}, sent{"", "a", "1"}, sent{"", "b", "1"}, true},
		{"header differs", hook.DedupeRule{By: hook.DedupeByHeader, Name: "x-id"}, sent{"", "a", "1"}, sent{"", "a", "2"}, false},
		{"hash", hook.DedupeRule{By: hook.DedupeByHash, Window: 10 * 24 * time.Hour}, sent{"", "a", "1"}, sent{"", "a", "2"}, true},
		{"off", hook.DedupeRule{By: hook.DedupeOff}, sent{"", "a", "1"}, sent{"", "a", "1"}, false},
	}
	w := newWorld(t, Options{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := w.source(hook.GenericSource, generic(c.rule))
			for _, one := range []sent{c.first, c.second} {
				if got := w.do(w.request("POST", w.url(s)+one.path, one.body, "X-Id", one.id)); got.status != 200 {
					t.Fatalf("answered %d %s", got.status, got.body)
				}
			}
			want := 2
			if c.same {
				want = 1
			}
			if n := len(w.messages(s.ID.Application())); n != want {
				t.Errorf("%d messages, want %d", n, want)
			}
		})
	}
}

func TestBatchIsSplitIntoItsEvents(t *testing.T) {
	w := newWorld(t, Options{})
	batch := `{"events":[{"resource":{"resource_type":"task"},"action":"added","n":1},{"resource":{"resource_type":"task"},"action":"changed","n":2},{"resource":{"resource_type":"task"},"action":"added","n":1}]}`
	s := w.source("asana", func(s *hook.Source) { s.Config.Secrets = []string{"the secret of asana"}; s.Settings.Split = true })
	for range 2 {
		if got := w.do(w.signed(s, batch)); got.status != 200 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	list := w.messages(s.ID.Application())
	if len(list) != 3 {
		t.Fatalf("%d messages, want 3", len(list))
	}
	if string(list[1].RawBody) != `{"resource":{"resource_type":"task"},"action":"changed","n":2}` || list[1].EventType != "task.changed" {
		t.Errorf("second event: %s, type %s", list[1].RawBody, list[1].EventType)
	}
	whole := w.source("asana", func(s *hook.Source) { s.Config.Secrets = []string{"the secret of asana"} })
	if got := w.do(w.signed(whole, batch)); got.status != 200 {
		t.Fatal(got)
	}
	if m := w.one(whole); string(m.RawBody) != batch {
		t.Errorf("unsplit: %s", m.RawBody)
	}
	if got := w.account(s); got["accepted"] != 1 || got["duplicate"] != 1 {
		t.Errorf("account %v", got)
	}
}

func TestWebhookIsPublishedIntoAnApplication(t *testing.T) {
	w := newWorld(t, Options{})
	app := &hook.Application{ID: hook.ApplicationID(w.NewKey()), Environment: w.env.ID, Name: "customers"}
	if err := w.CreateApplication(context.Background(), app, nil); err != nil {
		t.Fatal(err)
	}
	w.endpoint(app.ID)
	s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.PublishTo = app.ID })
	for _, body := range []string{`{"a": 1}`, `[1,2]`, "text", "text"} {
		if got := w.post(s, body, "Content-Type", "text/x-thing"); got.status != 200 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	list := w.messages(app.ID)
	if len(list) != 3 || len(w.messages(s.ID.Application())) != 3 {
		t.Fatalf("%d messages of the application and %d of the source, want 3 each", len(list), len(w.messages(s.ID.Application())))
	}
	if m := list[0]; string(m.Payload) != `{"a": 1}` || m.RawBody != nil || m.Inbound != nil || m.ContentType != "" {
		t.Errorf("an object became %+v", m)
	}
	if m := list[1]; string(m.Payload) != `{}` || string(m.RawBody) != `[1,2]` || m.ContentType != "text/x-thing" {
		t.Errorf("an array became %+v", m)
	}
	if err := w.DeleteApplication(context.Background(), app.ID); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"x", "y", "z"} {
		if got := w.post(s, body); got.status != 200 {
			t.Errorf("without the application: %d %s", got.status, got.body)
		}
	}
	if n := strings.Count(w.log.String(), "is gone"); n != 1 {
		t.Errorf("the log says %d times that it is gone, want once", n)
	}
}

func TestForeignApplicationGetsNothing(t *testing.T) {
	w := newWorld(t, Options{})
	other := &hook.Environment{ID: hook.EnvironmentID(w.NewKey()), Name: "other"}
	if err := w.CreateEnvironment(context.Background(), other); err != nil {
		t.Fatal(err)
	}
	app := &hook.Application{ID: hook.ApplicationID(w.NewKey()), Environment: other.ID, Name: "foreign"}
	if err := w.CreateApplication(context.Background(), app, nil); err != nil {
		t.Fatal(err)
	}
	w.endpoint(app.ID)
	s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.PublishTo = app.ID })
	if got := w.post(s, "{}"); got.status != 200 || len(w.messages(app.ID)) != 0 {
		t.Errorf("answered %d; %d messages in another environment", got.status, len(w.messages(app.ID)))
	}
	w.one(s)
}

func TestStaleEventsAreMarkedOrDropped(t *testing.T) {
	w := newWorld(t, Options{})
	at := func(id string, unix int64) string { return fmt.Sprintf(`{"id":%q,"type":"a","created":%d}`, id, unix) }
	now := time.Now().Unix()
	for _, drop := range []bool{false, true} {
		s := w.source("stripe", func(s *hook.Source) { stripeSecret(s); s.Settings.Stale = hook.StaleRule{After: time.Hour, Drop: drop} })
		for _, body := range []string{at("1", now-10), at("2", now-4000), at("3", now-3000), at("4", now+1e6), at("5", now-20)} {
			if got := w.do(w.signed(s, body)); got.status != 200 {
				t.Fatalf("answered %d %s", got.status, got.body)
			}
		}
		stale := map[string]bool{}
		for _, m := range w.messages(s.ID.Application()) {
			stale[m.Inbound.DeliveryID] = m.Inbound.Stale
		}
		if _, kept := stale["2"]; drop == kept || stale["2"] == drop || stale["1"] || stale["3"] || stale["4"] || stale["5"] {
			t.Errorf("drop %v: stale are %v", drop, stale)
		}
		if n := w.account(s)["rejected: stale"]; (n == 1) != drop {
			t.Errorf("drop %v: %d counted as stale", drop, n)
		}
	}
}

// Two events of a batch under one id are two, and a repeat of the batch adds nothing.
func TestSharedIDsInABatch(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("okta", func(s *hook.Source) { s.Config.Secrets = []string{"the secret of okta"}; s.Settings.Split = true })
	batch := `{"data":{"events":[{"uuid":"a","eventType":"t1"},{"uuid":"a","eventType":"t2"},{"uuid":"a","eventType":"t1"},{"uuid":"b","eventType":"t1"}]}}`
	for range 2 {
		if got := w.do(w.signed(s, batch)); got.status/100 != 2 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	if n := len(w.messages(s.ID.Application())); n != 3 {
		t.Errorf("%d messages, want the 3 that differ", n)
	}
}

// The token of the URL is a secret: it does not go on in what proxies add.
func TestTokenOfTheURLIsNotForwarded(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, nil)
	if got := w.do(w.request("POST", w.url(s), "x", "X-Original-Uri", Path+s.Tokens[0].Text, "X-Other", "1")); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	if got := names(w.one(s)); slices.Contains(got, "X-Original-Uri") || !slices.Contains(got, "X-Other") {
		t.Errorf("forwarded %q", got)
	}
}

// A payload is JSON that every client can read, with the bytes that came; anything else is
// a raw body.
func TestPayloadIsWhatClientsCanRead(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 129) + "1" + strings.Repeat("}", 129)
	for _, body := range []string{"{\"a\":\"\xff\"}", deep, ` {"a":1}`, `{"a":1`, `[1]`, ``} {
		if payload, raw := payloadOf([]byte(body)); string(payload) != "{}" || string(raw) != body {
			t.Errorf("%.20q gives payload %.20q, raw %.20q", body, payload, raw)
		}
	}
	for _, body := range []string{`{"a":1}`, "{\"a\":1.10}\n", deep[5 : len(deep)-1]} {
		if payload, raw := payloadOf([]byte(body)); string(payload) != body || raw != nil {
			t.Errorf("%.20q gives payload %.20q, raw %.20q", body, payload, raw)
		}
	}
}

// HubSpot's event id is not unique: what tells events apart is the key, and a repeat of the
// same event with another attemptNumber is one.
func TestKeysTellEventsApart(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("hubspot", func(s *hook.Source) { s.Config.Secrets = []string{"hubspot secret"}; s.Settings.Split = true })
	s = w.update(s, func(s *hook.Source) { s.Settings.PublicURL = "https://hooks.example.test" + Path + s.Tokens[0].Text })
	for attempt := range 2 {
		batch := fmt.Sprintf(`[{"eventId":1,"subscriptionId":10,"occurredAt":1763668800000,"subscriptionType":"a.b","attemptNumber":%[1]d},`+
			`{"eventId":1,"subscriptionId":11,"occurredAt":1763668800000,"subscriptionType":"a.c","attemptNumber":%[1]d}]`, attempt)
		if got := w.do(w.signed(s, batch)); got.status/100 != 2 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	if n := len(w.messages(s.ID.Application())); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}
