package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/webhook"
)

// running is a server in this process.
type running struct {
	t     *testing.T
	c     *config.Config
	url   string
	admin Admin
	token string
	stop  func() error // asks it to stop, waits, and returns what it returned
}

// startServer runs a server on dir whose deliveries may reach this machine.
func startServer(t *testing.T, dir string, change ...func(*config.Config)) *running {
	t.Helper()
	c := config.Default()
	c.Data, c.Listen, c.LogLevel, c.AllowHTTP = dir, "127.0.0.1:0", "warn", true
	c.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, f := range change {
		f(c)
	}
	out, ready := io.Pipe()
	log := &lockedBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := Serve(ctx, c, Output{Out: ready, Log: log})
		ready.CloseWithError(fmt.Errorf("the server ended: %v", err))
		ended <- err
	}()
	var once sync.Once
	var result error
	r := &running{t: t, c: c, stop: func() error {
		once.Do(func() { cancel(); result = <-ended })
		return result
	}}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	line := make([]byte, 256)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	r.url = strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "hookloft ready on "))
	if r.admin, err = OpenAdmin(t.Context(), c, RefuseMissing); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.admin.Close() })
	if r.token, err = r.admin.CreateToken(t.Context(), DefaultEnvironment, ""); err != nil {
		t.Fatal(err)
	}
	return r
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// api makes a call that must succeed.
func (r *running) api(method, path string, in, out any) {
	r.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		r.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

// secretOf returns what the services behind a source verify with.
func (r *running) secretOf(source string) string {
	r.t.Helper()
	var list struct{ Data []struct{ ID string } }
	r.api("GET", "/ingest/api/v1/source/"+source+"/endpoint", nil, &list)
	var secret struct{ Key string }
	r.api("GET", "/ingest/api/v1/source/"+source+"/endpoint/"+list.Data[0].ID+"/secret", nil, &secret)
	return secret.Key
}

// provide sends a webhook as a provider does, and returns status and body of the answer.
func provide(t *testing.T, method, to, provider, secret, body string) (int, string) {
	t.Helper()
	signed := webhook.Request{Method: method, URL: to, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: []byte(body)}
	if err := webhook.Sign(provider, webhook.Config{Secrets: []string{secret}}, &signed, time.Now()); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = signed.Header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// service is what stands behind a source.
type service struct {
	*httptest.Server
	got chan arrival // one for each request; large enough that no test fills it

	mu     sync.Mutex
	answer http.HandlerFunc // nil answers 200 without a body
}

type arrival struct {
	r    *http.Request
	body []byte
}

func newService(t *testing.T) *service {
	s := &service{got: make(chan arrival, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.got <- arrival{r, body}
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) set(answer http.HandlerFunc) {
	s.mu.Lock()
	s.answer = answer
	s.mu.Unlock()
}

// next returns the next request that arrives within a time that covers one retry.
func (s *service) next(t *testing.T) arrival {
	t.Helper()
	select {
	case a := <-s.got:
		return a
	case <-time.After(time.Minute):
		t.Fatal("nothing arrives at the service")
		panic("unreachable")
	}
}

// none fails when something arrives that should not.
func (s *service) none(t *testing.T) {
	t.Helper()
	select {
	case a := <-s.got:
		t.Errorf("%s %s arrived, body %s", a.r.Method, a.r.RequestURI, a.body)
	case <-time.After(300 * time.Millisecond):
	}
}

const stripeSecret = "whsec_test_secret_of_stripe"

// TestReceivedWebhookReachesTheService goes the whole way: signed by the provider,
// verified, stored, forwarded with its bytes and our signature, once; then again after
// a restart, with the service down in between.
func TestReceivedWebhookReachesTheService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	srv := startServer(t, dir)
	behind := newService(t)
	source, err := srv.admin.CreateSource(t.Context(), NewSource{
		Environment: DefaultEnvironment, Type: "stripe", Secrets: []string{stripeSecret}, Forward: []string{behind.URL + "/hook?x=1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := "{\"id\":\"evt_1\",  \"type\":\"invoice.paid\",\"n\":1.00}\n"
	if status, answer := provide(t, "POST", source.URL+"/sub/%2F?q=%20", "stripe", stripeSecret, body); status != 200 {
		t.Fatalf("status %d %s", status, answer)
	}
	got := behind.next(t)
	if string(got.body) != body || got.r.RequestURI != "/hook/sub/%2F?x=1&q=%20" || got.r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%s, type %q, body %q", got.r.RequestURI, got.r.Header.Get("Content-Type"), got.body)
	}
	for name, want := range map[string]string{
		"x-hookloft-source": source.ID, "x-hookloft-provider": "stripe", "x-hookloft-event-type": "invoice.paid", "x-hookloft-delivery-id": "evt_1",
	} {
		if v := got.r.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	secret := srv.secretOf(source.ID)
	verified := func(a arrival) {
		t.Helper()
		key, err := webhook.ParseSecret(secret)
		if err != nil {
			t.Fatal(err)
		}
		v, err := webhook.NewStandard([]webhook.Key{key}, webhook.StandardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(webhook.Request{Method: a.r.Method, Header: a.r.Header, Body: a.body}, time.Now()); err != nil {
			t.Errorf("our signature: %v", err)
		}
	}
	verified(got)

	if status, _ := provide(t, "POST", source.URL, "stripe", stripeSecret, body); status != 200 {
		t.Errorf("the same again: %d", status)
	}
	if status, _ := provide(t, "POST", source.URL, "stripe", "whsec_another", body); status != 401 {
		t.Errorf("another's signature: %d", status)
	}
	if status, _ := provide(t, "POST", source.URL[:len(source.URL)-1]+"!", "stripe", stripeSecret, body); status != 404 {
		t.Errorf("another URL: %d", status)
	}
	behind.none(t)

	// The service is down, and then we are.
	behind.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	second := `{"id":"evt_2","type":"invoice.voided"}`
	if status, _ := provide(t, "POST", source.URL, "stripe", stripeSecret, second); status != 200 {
		t.Errorf("with the service down: %d", status)
	}
	behind.next(t)
	if err := srv.stop(); err != nil {
		t.Fatal(err)
	}
	behind.set(nil)
	srv = startServer(t, dir)
	got = behind.next(t)
	if string(got.body) != second || got.r.Header.Get("x-hookloft-delivery-id") != "evt_2" {
		t.Errorf("after the restart: %v %q", got.r.Header, got.body)
	}
	verified(got)
	at := source.At(srv.url)
	for id, want := range map[string]int{"evt_1": 0, "evt_2": 0, "evt_3": 1} {
		if status, _ := provide(t, "POST", at, "stripe", stripeSecret, `{"id":"`+id+`","type":"a"}`); status != 200 {
			t.Errorf("%s after the restart: %d", id, status)
		}
		if want == 1 {
			behind.next(t)
		}
		behind.none(t)
	}
}

// TestPassThroughGivesTheServicesAnswer also asks while the service does not answer in
// time, and while the server drains.
func TestPassThroughGivesTheServicesAnswer(t *testing.T) {
	srv := startServer(t, filepath.Join(t.TempDir(), "data"))
	behind := newService(t)
	source, err := srv.admin.CreateSource(t.Context(), NewSource{
		Environment: DefaultEnvironment, Type: "slack", Secrets: []string{"shhh-slack"}, Forward: []string{behind.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.api("PATCH", "/x/v1/source/"+source.ID+"/settings", map[string]any{
		"passThrough": map[string]any{"enabled": true, "deadlineMilliseconds": 600},
		"answer":      map[string]any{"status": 200, "body": "later"},
	}, nil)
	command := func(n int) string { return url.Values{"command": {"/weather"}, "text": {fmt.Sprint(n)}}.Encode() }

	behind.set(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"text":"sunny"}`)
	})
	if status, answer := provide(t, "POST", source.URL, "slack", "shhh-slack", command(1)); status != 202 || answer != `{"text":"sunny"}` {
		t.Errorf("%d %q", status, answer)
	}
	release := make(chan struct{})
	behind.set(func(w http.ResponseWriter, _ *http.Request) { <-release })
	if status, answer := provide(t, "POST", source.URL, "slack", "shhh-slack", command(2)); status != 200 || answer != "later" {
		t.Errorf("with a slow service: %d %q", status, answer)
	}
	close(release)
	<-behind.got
	<-behind.got

	hold := make(chan struct{})
	behind.set(func(w http.ResponseWriter, _ *http.Request) { <-hold; io.WriteString(w, "in the drain") })
	type answer struct {
		status int
		text   string
	}
	answered := make(chan answer, 1)
	go func() {
		status, text := provide(t, "POST", source.URL, "slack", "shhh-slack", command(3))
		answered <- answer{status, text}
	}()
	behind.next(t)
	// Another source of whom nobody will hear: its provider gets the set answer in time.
	mute := newService(t)
	unanswered := make(chan struct{})
	t.Cleanup(func() { close(unanswered) })
	mute.set(func(http.ResponseWriter, *http.Request) { <-unanswered })
	patient, err := srv.admin.CreateSource(t.Context(), NewSource{
		Environment: DefaultEnvironment, Type: "slack", Secrets: []string{"shhh-slack"}, Forward: []string{mute.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.api("PATCH", "/x/v1/source/"+patient.ID+"/settings", map[string]any{
		"passThrough": map[string]any{"enabled": true, "deadlineMilliseconds": 30000},
		"answer":      map[string]any{"status": 200, "body": "set"},
	}, nil)
	left := make(chan answer, 1)
	go func() {
		status, text := provide(t, "POST", patient.URL, "slack", "shhh-slack", command(4))
		left <- answer{status, text}
	}()
	mute.next(t)
	stopped := make(chan error, 1)
	go func() { stopped <- srv.stop() }()
	waitClosed(t, srv.url)
	close(hold)
	if a := <-answered; a.status != 200 || a.text != "in the drain" {
		t.Errorf("during the drain: %+v", a)
	}
	if a := <-left; a.status != 200 || a.text != "set" {
		t.Errorf("without an answer in the drain: %+v", a)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// waitClosed waits until nothing listens at url any more.
func waitClosed(t *testing.T, at string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := c.Get(at + "/livez")
		if err != nil {
			return
		}
		resp.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("the listener stays open")
		}
	}
}

// TestVisitsOutliveTheDrain counts a request that came just before the stop.
func TestVisitsOutliveTheDrain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	srv := startServer(t, dir)
	behind := newService(t)
	source, err := srv.admin.CreateSource(t.Context(), NewSource{
		Environment: DefaultEnvironment, Type: "stripe", Secrets: []string{stripeSecret}, Forward: []string{behind.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	provide(t, "POST", source.URL, "stripe", "whsec_another", `{}`)
	if err := srv.stop(); err != nil {
		t.Fatal(err)
	}
	srv = startServer(t, dir)
	var stats struct {
		Totals struct{ Accepted, Rejected int }
	}
	srv.api("GET", "/x/v1/source/"+source.ID+"/stats", nil, &stats)
	if stats.Totals.Rejected != 1 || stats.Totals.Accepted != 0 {
		t.Errorf("%+v", stats)
	}
	var log struct {
		Data []map[string]any
	}
	srv.api("GET", "/ingest/api/v1/source/"+source.ID+"/log", nil, &log)
	if len(log.Data) != 1 {
		t.Errorf("log %v", log.Data)
	}
}

func TestFetchedDocumentIsBounded(t *testing.T) {
	document := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1000)) // a client that has read enough goes away
	}))
	defer document.Close()
	for bound, isCut := range map[int]bool{999: true, 1000: false} {
		a, err := fetchDocument(t.Context(), document.Client(), receive.PollRequest{URL: document.URL, MaxBytes: bound})
		if err != nil || len(a.Body) != bound || a.IsCut != isCut {
			t.Errorf("of 1000 bytes with a bound of %d: %d, cut %t, %v", bound, len(a.Body), a.IsCut, err)
		}
	}
}

// TestFetcherStaysOutside: keys and confirmations are not fetched from inside, and a
// redirect does not lead there.
func TestFetcherStaysOutside(t *testing.T) {
	called := make(chan struct{}, 10)
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer inside.Close()
	strict, err := newGuard(&config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), newFetcher(egress.NewDialer(strict, egress.Options{})), inside.URL); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("fetched from inside: %v", err)
	}
	open, err := newGuard(&config.Config{EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), newFetcher(egress.NewDialer(open, egress.Options{})), inside.URL); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("redirect: %v", err)
	}
	if len(called) != 1 {
		t.Errorf("%d requests, want the one that was redirected", len(called))
	}
}
