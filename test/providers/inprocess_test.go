//go:build unix

package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
	"github.com/hookloft/hookloft/webhook"
)

// door is the real door on a real store, with a clock that the test sets: most published
// vectors can be neither signed anew nor sent at their time.
type door struct {
	store *sqlite.Store
	url   string
	env   hook.EnvironmentID
	now   atomic.Int64 // Unix seconds
}

func newDoor(t *testing.T) *door {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Sealer: auth.NewSealer(auth.NewKey())})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{store: s}
	r := receive.New(receive.Deps{Sources: s, Plans: s, Ledger: s, Visits: s,
		Visit: func(context.Context, string) error { return nil }}, // what is visited is SNS's, far away
		receive.Options{Now: func() time.Time { return time.Unix(d.now.Load(), 0) }})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	d.url = server.URL
	e := &hook.Environment{Name: "vectors", Settings: hook.DefaultSettings()}
	if err := s.CreateEnvironment(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	d.env = e.ID
	return d
}

// source makes the source of a vector; an error means that it is refused as a source.
func (d *door) source(t *testing.T, v *vector) (*hook.Source, error) {
	base, _ := v.split()
	s := &hook.Source{ID: hook.SourceID(d.store.NewKey()), Environment: d.env, Name: v.Provider, Type: v.Provider,
		Config:   hook.SourceConfig{Secrets: v.Secrets, Values: v.settings(t)},
		Settings: hook.SourceSettings{PublicURL: base, Dedupe: hook.DedupeRule{By: hook.DedupeOff}}}
	s.Tokens = []hook.SourceToken{{Text: d.store.Codec().NewSourceToken(s.ID)}}
	if v.Provider == "generic" {
		s.Type = hook.GenericSource
	}
	if err := receive.Check(s); err != nil {
		return nil, err
	}
	if err := d.store.CreateSource(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	return s, nil
}

// send makes the vector's request at its time.
func (d *door) send(t *testing.T, v *vector, s *hook.Source) (*http.Response, string) {
	d.now.Store(v.Now)
	target := d.url + receive.Path + s.Tokens[0].Text
	if _, query := v.split(); query != "" {
		target += "?" + query
	}
	return post(t, v.Method, target, v.header(), v.bytes(t))
}

func post(t *testing.T, method, target string, header http.Header, body []byte) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// stored counts the messages of a source, and demands the exact bytes of an unsplit one.
func (d *door) stored(t *testing.T, s *hook.Source, body []byte) int {
	t.Helper()
	list, err := d.store.Messages(t.Context(), store.MessageQuery{Application: s.ID.Application(), Window: store.Window{Limit: 10}, WithContent: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Rows {
		if !bytes.Equal(m.Body(), body) {
			t.Errorf("stored %q, was sent %q", m.Body(), body)
		}
	}
	return len(list.Rows)
}

// TestVectorsAtTheDoor sends every vector to the real door at the vector's own time.
func TestVectorsAtTheDoor(t *testing.T) {
	d := newDoor(t)
	counts := map[string]int{}
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			counts[v.Expect]++
			s, err := d.source(t, &v)
			if err != nil {
				var field *hook.FieldError
				if v.Expect != "reject" || !errors.As(err, &field) || field.Path[0] != "config" {
					t.Fatalf("not accepted as a source: %v", err)
				}
				return // refused before any request, for example for an empty secret
			}
			resp, body := d.send(t, &v, s)
			if v.Kind == "handshake" {
				checkHandshake(t, &v, resp, body)
				if n := d.stored(t, s, nil); n != 0 {
					t.Errorf("a handshake was stored as %d messages", n)
				}
				return
			}
			n := d.stored(t, s, v.bytes(t))
			if v.Provider == "generic" && len(v.Secrets)+len(v.Config) == 0 {
				// The library wants it said that nothing is checked; a source's URL is a secret by itself.
				v.Expect = "ok"
			}
			isOK, isRefused := resp.StatusCode/100 == 2, resp.StatusCode == 400 || resp.StatusCode == 401 || resp.StatusCode == 405
			switch {
			case v.Optional:
			case v.Expect == "ok" && (!isOK || n != 1) && !isConfirmation(&v):
				t.Errorf("answered %d with %d messages stored, want a success and one: %s", resp.StatusCode, n, body)
			case v.Expect == "reject" && (!isRefused || n != 0):
				t.Errorf("answered %d with %d messages stored, want a refusal and none", resp.StatusCode, n)
			}
			for _, secret := range v.Secrets {
				if len(secret) > 4 && strings.Contains(body, secret) {
					t.Error("the answer holds a secret")
				}
			}
		})
	}
	t.Log(counts)
	if counts["ok"] == 0 || counts["reject"] == 0 || counts["respond"] == 0 {
		t.Error("a kind of vector was missing")
	}
}

// isConfirmation: a genuine message that is a handshake, and so is not stored.
func isConfirmation(v *vector) bool {
	return v.Provider == "aws-sns" && strings.Contains(v.Body, "SubscriptionConfirmation")
}

func checkHandshake(t *testing.T, v *vector, got *http.Response, body string) {
	t.Helper()
	want := v.Response
	if got.StatusCode != want.Status {
		t.Errorf("status %d, want %d: %s", got.StatusCode, want.Status, body)
	}
	if want.ContentType != "" && !strings.HasPrefix(got.Header.Get("Content-Type"), want.ContentType) {
		t.Errorf("content type %q, want %q", got.Header.Get("Content-Type"), want.ContentType)
	}
	for name, value := range want.Headers {
		if got.Header.Get(name) != value {
			t.Errorf("header %s is %q, want %q", name, got.Header.Get(name), value)
		}
	}
	for _, name := range want.HeadersAbsent {
		if got.Header.Get(name) != "" {
			t.Errorf("header %s is there", name)
		}
	}
	if want.Body != nil && body != *want.Body && v.Method != http.MethodHead {
		t.Errorf("body %q, want %q", body, *want.Body)
	}
	if want.BodyNot != nil && body == *want.BodyNot {
		t.Errorf("body is %q", body)
	}
	if want.JSON != nil {
		var have any
		if err := json.Unmarshal([]byte(body), &have); err != nil {
			t.Fatalf("body %q: %v", body, err)
		}
		a, _ := json.Marshal(have)
		b, _ := json.Marshal(want.JSON)
		if string(a) != string(b) {
			t.Errorf("body %s, want %s", a, b)
		}
	}
}

// TestEveryProviderHasVectors fails for a provider of which nothing is sent.
func TestEveryProviderHasVectors(t *testing.T) {
	have := map[string]bool{}
	for _, v := range vectors(t) {
		have[v.Provider+" "+v.Expect] = true
	}
	for _, p := range webhook.Presets() {
		for _, expect := range []string{"ok", "reject"} {
			if !have[p.Name+" "+expect] {
				t.Errorf("%s has no vector that is %s", p.Name, expect)
			}
		}
	}
}
