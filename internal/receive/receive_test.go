package receive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const event1 = `{"id":"evt_1","type":"invoice.paid","created":1700000000,"data":{"object":{"id":"in_1"}}}`

func TestGenuineWebhookIsStoredAsItCame(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", stripeSecret)
	req := w.signed(s, event1)
	req.URL.Path += "/billing/a b"
	req.URL.RawPath = req.URL.Path[:strings.LastIndex(req.URL.Path, "/")] + "/a%20b"
	req.URL.RawQuery = "x=1&y=%2F"
	req.Header.Set("X-Custom", "kept")
	req.Header.Set("Authorization", "Bearer nobody")
	req.Header.Set("Cookie", "a=b")
	got := w.do(req)
	if got.status != 200 || got.body != "" || got.header.Get("Content-Type") != "" {
		t.Fatalf("answered %d %q, content type %q; want 200 with nothing", got.status, got.body, got.header.Get("Content-Type"))
	}
	m := w.one(s)
	if string(m.RawBody) != event1 || m.Payload != nil || m.ContentType != "application/json" || m.EventType != "invoice.paid" {
		t.Errorf("stored %+v", m)
	}
	in := m.Inbound
	if in == nil || in.Provider != "stripe" || in.Method != "" || in.Path != "/billing/a%20b" || in.Query != "x=1&y=%2F" || in.DeliveryID != "evt_1" || in.Type != "invoice.paid" {
		t.Errorf("inbound %+v", in)
	}
	header := strings.Join(in.Header, "|")
	if !strings.Contains(header, "X-Custom|kept") || !strings.Contains(header, "Stripe-Signature|") {
		t.Errorf("headers %q were forwarded", header)
	}
	for _, name := range []string{"Authorization", "Cookie", "Content-Length", "Content-Type", "Host"} {
		if strings.Contains(header, name) {
			t.Errorf("header %s was forwarded", name)
		}
	}
	if got := w.account(s); got["accepted"] != 1 || len(got) != 1 {
		t.Errorf("account %v, want 1 accepted", got)
	}
}

func TestUnknownTokensLookTheSame(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", func(s *hook.Source) {
		stripeSecret(s)
		expired := w.Codec().NewSourceToken(s.ID)
		s.Tokens = append(s.Tokens, hook.SourceToken{Text: expired, ExpiresAt: time.Now().Add(-time.Second)})
	})
	deleted := w.source("stripe", stripeSecret)
	if err := w.DeleteSource(context.Background(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	cron := w.source("cron", func(s *hook.Source) { s.Config.Values = map[string]string{"schedule": "@hourly", "payload": "{}"} })
	foreign := w.Codec().NewSourceToken(s.ID) // of this source, but never given out
	for name, token := range map[string]string{
		"made up": strings.Repeat("a", 44), "short": "abc", "none": "", "expired": s.Tokens[1].Text, "deleted": deleted.Tokens[0].Text,
		"never given out": foreign, "schedule": cron.Tokens[0].Text, "one digit off": s.Tokens[0].Text[:43] + "~",
	} {
		got := w.do(w.request("POST", w.server.URL+Path+token, event1))
		if got.status != 404 || got.body != `{"code":"not_found","detail":"There is no such URL."}` {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if answer := w.raw("POST " + Path + "abc HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbegin"); !strings.Contains(answer, " 404 ") || !strings.Contains(answer, "Connection: close") {
		t.Errorf("with a body that is not sent: %q, want 404 and the connection closed", answer)
	}
	if got := w.account(s); len(got) != 0 {
		t.Errorf("account %v, want nothing", got)
	}
	if log := w.log.String(); log != "" {
		t.Errorf("the log has %q", log)
	}
}

func TestRotatedOutURLWorksUntilItExpires(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", stripeSecret)
	old := w.url(s)
	now := time.Now()
	w.update(s, func(s *hook.Source) {
		if err := s.RotateToken(w.Codec().NewSourceToken(s.ID), now); err != nil {
			t.Error(err)
		}
	})
	if got := w.do(w.signed(s, event1)); got.status != 200 {
		t.Fatalf("%s within the overlap: %d %s", old, got.status, got.body)
	}
	w.set(func() { w.now = now.Add(hook.TokenOverlap + time.Second) })
	if got := w.do(w.signed(s, event1)); got.status != 404 {
		t.Errorf("after the overlap: %d", got.status)
	}
}

func TestRejectionsSayWhyWithoutSecrets(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", stripeSecret)
	cases := []struct {
		name   string
		change func(*http.Request)
		status int
		detail string // of the answer
		kind   string
		reason string // part of what is kept
	}{
		{"wrong signature", func(r *http.Request) { r.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=00", time.Now().Unix())) },
			401, "no signature matches", "no signature matches", "no signature matches"},
		{"no signature", func(r *http.Request) { r.Header.Del("Stripe-Signature") },
			401, "a signature header is missing or empty", "a signature header is missing or empty", "stripe-signature"},
		{"malformed", func(r *http.Request) { r.Header.Set("Stripe-Signature", "nonsense") },
			401, "a signature header is malformed", "a signature header is malformed", "name=value"},
		{"too old", func(r *http.Request) {
			w.set(func() { w.now = time.Now().Add(312 * time.Second) })
			t.Cleanup(func() { w.set(func() { w.now = time.Time{} }) })
		}, 401, "the timestamp is too old", "the timestamp is too old", "it is 31"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := w.signed(s, event1, "X-Leak", "my "+secret)
			c.change(req)
			got := w.do(req)
			if c.name == "too old" {
				w.set(func() { w.now = time.Time{} })
			}
			code := `{"code":"unauthorized","detail":"` + c.detail + `"}`
			if got.status != c.status || got.body != code {
				t.Errorf("answered %d %s, want %d %s", got.status, got.body, c.status, code)
			}
			if n := w.account(s)["rejected: "+c.kind]; n != 1 {
				t.Errorf("account %v, want one %q", w.account(s), c.kind)
			}
			r := w.rejections(s)[0]
			if !strings.Contains(r.Reason, c.reason) || r.Status != c.status || r.Method != "POST" || r.Remote != "192.0.2.7" || string(r.Body) != event1 {
				t.Errorf("kept %+v", r)
			}
			if r.Header["X-Leak"] != withheld {
				t.Errorf("the secret stands in header X-Leak: %q", r.Header["X-Leak"])
			}
		})
	}
	if n := len(w.messages(s.ID.Application())); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestFailureStatusIsTheOwners(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", func(s *hook.Source) { stripeSecret(s); s.Settings.FailureStatus = 400 })
	if got := w.post(s, event1); got.status != 400 || !strings.Contains(got.body, `"bad_request"`) {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

func TestSourceWithoutSecretRejectsLikeAWrongSignature(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("github", nil)
	with := w.source("github", func(s *hook.Source) { s.Config.Secrets = []string{"the secret of github"} })
	header := []string{"X-Hub-Signature-256", "sha256=" + strings.Repeat("0", 64), "X-GitHub-Delivery", "1"}
	a, b := w.post(s, event1, header...), w.post(with, event1, header...)
	if a.status != b.status || a.body != b.body || a.status != 401 {
		t.Errorf("answered %d %s, with a secret %d %s", a.status, a.body, b.status, b.body)
	}
	if got := w.account(s); got["rejected: the source has no secret yet"] != 1 {
		t.Errorf("account %v", got)
	}
}

func TestAnyOfSeveralSecretsMatches(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", stripeSecret)
	w.update(s, func(s *hook.Source) { s.Config.Secrets = []string{"whsec_the_new_secret", secret} })
	if got := w.do(w.signed(s, event1)); got.status != 200 {
		t.Errorf("signed with the old one: %d %s", got.status, got.body)
	}
	w.update(s, func(s *hook.Source) { s.Config.Secrets = []string{"whsec_the_new_secret"} })
	if got := w.do(w.signed(s, event1)); got.status != 401 {
		t.Errorf("after it was taken away: %d", got.status)
	}
}

func TestNetworksMethodsAndPathsAreRefusedBeforeTheBody(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", func(s *hook.Source) {
		stripeSecret(s)
		s.Settings.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	if got := w.do(w.request("PUT", w.url(s), event1)); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("PUT: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	for _, path := range []string{"/..", "/a/../b", "/%2e%2e/b", "/a/%2E./", "/..;x=1/", "/a%00", "/a%5c..%5cb"} {
		answer := w.raw("POST " + Path + s.Tokens[0].Text + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
			t.Errorf("path %s: %.40q", path, answer)
		}
	}
	w.set(func() { w.addr = netip.MustParseAddr("198.51.100.1") })
	if got := w.do(w.signed(s, event1)); got.status != 403 {
		t.Errorf("from elsewhere: %d", got.status)
	}
	if got := w.account(s); got["rejected: bad path"] != 7 || got["rejected: method not allowed"] != 1 || got["rejected: network not allowed"] != 1 {
		t.Errorf("account %v", got)
	}
}

func TestRatesSlide(t *testing.T) {
	w := newWorld(t, Options{})
	start := time.Now().Truncate(time.Hour)
	w.set(func() { w.now = start })
	s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.RatePerMinute = 10; s.Settings.Dedupe.By = hook.DedupeOff })
	send := func(n int) (ok int, last got) {
		for range n {
			if last = w.post(s, "{}"); last.status == 200 {
				ok++
			}
		}
		return ok, last
	}
	ok, last := send(15)
	if ok != 10 || last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Fatalf("%d of 15 were let in, then %d, Retry-After %q", ok, last.status, last.header.Get("Retry-After"))
	}
	var wait int
	if _, err := fmt.Sscan(last.header.Get("Retry-After"), &wait); err != nil {
		t.Fatal(err)
	}
	w.set(func() { w.now = start.Add(time.Duration(wait-2) * time.Second) })
	if ok, _ := send(1); ok != 0 {
		t.Errorf("was let in 2 s before Retry-After")
	}
	w.set(func() { w.now = start.Add(time.Duration(wait) * time.Second) })
	if ok, _ := send(1); ok != 1 {
		t.Errorf("was not let in after Retry-After of %d s", wait)
	}
	w.set(func() { w.now = start.Add(90 * time.Second) })
	if ok, _ := send(20); ok < 3 || ok > 6 {
		t.Errorf("%d were let in half a window later, want about 5", ok)
	}
}

func TestStoreThatFailsIsNeverASuccess(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", stripeSecret)
	for _, err := range []error{
		hook.Errorf(hook.StorageFull, "full"), hook.Errorf(hook.Overloaded, "busy"), hook.Errorf(hook.Closed, "closed"), errors.New("the disk burns"),
	} {
		w.set(func() { w.broken = err })
		got := w.do(w.signed(s, event1))
		if got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "burns") {
			t.Errorf("%v: answered %d %s, Retry-After %q", err, got.status, got.body, got.header.Get("Retry-After"))
		}
	}
	w.set(func() { w.broken = nil })
	if got := w.do(w.signed(s, event1)); got.status != 200 {
		t.Errorf("after the failure: %d", got.status)
	}
	w.one(s)
}

func TestAnswersOfTheSource(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) {
		s.Settings.Methods = []string{"GET", "HEAD", "DELETE"}
		s.Settings.Answer = hook.SourceAnswer{Status: 204, Body: "never seen"}
	})
	for _, m := range []string{"GET", "HEAD", "DELETE"} {
		if got := w.do(w.request(m, w.url(s)+"?"+m, "")); got.status != 204 || got.body != "" {
			t.Errorf("%s: %d %q", m, got.status, got.body)
		}
	}
	list := w.messages(s.ID.Application())
	if len(list) != 3 || list[0].Inbound.Method != "GET" || list[0].ContentType != "" || len(list[0].RawBody) != 0 {
		t.Errorf("stored %+v", list)
	}
	if got := w.post(s, "x"); got.status != 405 || got.header.Get("Allow") != "GET, HEAD, DELETE" {
		t.Errorf("POST: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
}

// Xero takes a URL only when a wrong signature gets a 401 with nothing in it.
func TestRefusalsAreBareWhereTheProviderWantsIt(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("xero", func(s *hook.Source) { s.Config.Secrets = []string{"xero key"} })
	got := w.do(w.request("POST", w.url(s), `{"events":[]}`, "X-Xero-Signature", "AAAA"))
	if got.status != 401 || got.body != "" || got.header.Get("Content-Type") != "" {
		t.Errorf("answered %d %q %v", got.status, got.body, got.header)
	}
}

// A body that the owner set is given also where the provider's own answer has none.
func TestSetBodyIsGiven(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("cloudevents", func(s *hook.Source) {
		s.Config = hook.SourceConfig{Secrets: []string{"a-token-of-eighteen"}}
		s.Settings.Answer.Body = "<Response/>"
	})
	got := w.do(w.request("POST", w.url(s), `{"id":"1"}`, "Authorization", "Bearer a-token-of-eighteen"))
	if got.status != 200 || got.body != "<Response/>" {
		t.Errorf("answered %d %q", got.status, got.body)
	}
}

func TestEndpointAddedMeanwhileGetsTheMessage(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, nil)
	var group sync.WaitGroup
	group.Go(func() {
		for range 20 {
			w.endpoint(s.ID.Application())
		}
	})
	for i := range 40 {
		if got := w.post(s, fmt.Sprint(i)); got.status != 200 {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	}
	group.Wait()
	before := len(w.queue.fresh)
	if got := w.post(s, "last"); got.status != 200 {
		t.Fatal(got)
	}
	if n := len(w.queue.fresh) - before; n != 21 {
		t.Errorf("%d deliveries of the last message, want 21", n)
	}
}
