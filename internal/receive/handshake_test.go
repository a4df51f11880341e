package receive

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

func TestSlackChallengeIsAnswered(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("slack", func(s *hook.Source) { s.Config.Secrets = []string{"the signing secret"} })
	got := w.do(w.signed(s, `{"type":"url_verification","challenge":"abc<script>"}`))
	if got.status != 200 || got.body != "abc<script>" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("answered %d %q as %s", got.status, got.body, got.header.Get("Content-Type"))
	}
	if forged := w.post(s, `{"type":"url_verification","challenge":"abc"}`); forged.status != 401 || strings.Contains(forged.body, "abc") {
		t.Errorf("unsigned: answered %d %s", forged.status, forged.body)
	}
	if n := len(w.messages(s.ID.Application())); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
	if got := w.account(s); got["handshake"] != 1 || got["rejected: a signature header is missing or empty"] != 1 {
		t.Errorf("account %v", got)
	}
}

// TestHandedOverSecretIsKeptOnce has Asana's handshake come many times at once, each
// with another secret: one is kept and answered, and it is the one that verifies then.
func TestHandedOverSecretIsKeptOnce(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("asana", nil)
	const n = 10
	var group sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]int{}
	for i := range n {
		group.Go(func() {
			name := fmt.Sprintf("handed-over-%d", i)
			got := w.post(s, "", "X-Hook-Secret", name)
			if got.status == 200 && got.header.Get("X-Hook-Secret") == name {
				mu.Lock()
				defer mu.Unlock()
				taken[name]++
			}
		})
	}
	group.Wait()
	kept, err := w.SourceOf(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Config.Secrets) != 1 || len(taken) != 1 || taken[kept.Config.Secrets[0]] != 1 {
		t.Fatalf("kept %d secrets, answered %d handshakes; want 1 and the same", len(kept.Config.Secrets), len(taken))
	}
	// It may be repeated, but not replaced.
	if got := w.post(s, "", "X-Hook-Secret", kept.Config.Secrets[0]); got.status != 200 {
		t.Errorf("repeated: %d", got.status)
	}
	if got := w.post(s, "", "X-Hook-Secret", "another"); got.status/100 != 4 {
		t.Errorf("replaced: %d", got.status)
	}
	for _, r := range w.rejections(s) {
		if strings.Contains(fmt.Sprint(r.Header), "handed-over-") {
			t.Errorf("a secret stands in what was kept: %v", r.Header)
		}
	}
	s.Config = kept.Config
	if got := w.do(w.signed(s, `{"events":[]}`)); got.status != 200 {
		t.Errorf("signed with it: %d %s", got.status, got.body)
	}
}

func TestHandshakesByOtherMethodsComeBeforeTheirRefusal(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("meta", func(s *hook.Source) {
		s.Config = hook.SourceConfig{Secrets: []string{"app secret"}, Values: map[string]string{"verify_token": "mine"}}
	})
	got := w.do(w.request("GET", w.url(s)+"?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=mine", ""))
	if got.status != 200 || got.body != "1158201444" {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	if got := w.do(w.request("GET", w.url(s)+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token=yours", "")); got.status != 403 {
		t.Errorf("with a wrong token: %d", got.status)
	}
	if got := w.do(w.request("GET", w.url(s), "")); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET that is no handshake: %d", got.status)
	}
	if got := w.do(w.request("DELETE", w.url(s), "")); got.status != 405 {
		t.Errorf("DELETE: %d", got.status)
	}
	if got := w.account(s); got["handshake"] != 1 || got["rejected: handshake refused"] != 1 || got["rejected: method not allowed"] != 2 {
		t.Errorf("account %v", got)
	}
}

// scripted stands in for a provider whose handshake ends with a visit.
type scripted struct{ answer *webhook.Answer }

func (s scripted) Verify(webhook.Request, time.Time) (webhook.Verified, error) {
	return webhook.Verified{}, webhook.ErrNoKey
}

func (s scripted) Handshake(r webhook.Request, _ time.Time) (*webhook.Answer, error) {
	if r.Header.Get("X-Handshake") == "" {
		return nil, nil
	}
	a := *s.answer
	return &a, nil
}

func TestVisitEndsTheHandshakeBeforeItIsAnswered(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("slack", func(s *hook.Source) { s.Config.Secrets = []string{"the signing secret"} })
	held, err := w.SourceOf(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	const url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
	g := w.receiver.gate(w.receiver.place(s.ID), held)
	g.verifier = scripted{&webhook.Answer{Status: http.StatusOK, Visit: url}}
	w.set(func() { w.refuse = errors.New("no route to " + url) })
	if got := w.post(s, "{}", "X-Handshake", "1"); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("with a visit that fails: %d", got.status)
	}
	if strings.Contains(w.log.String(), "Token=") {
		t.Errorf("the log has the token: %s", w.log.String())
	}
	w.set(func() { w.refuse = nil })
	if got := w.post(s, "{}", "X-Handshake", "1"); got.status != 200 || len(w.visits) != 2 || w.visits[1] != url {
		t.Errorf("answered %d, visited %v", got.status, w.visits)
	}
	// A key that could not be had is nobody's fault: the provider shall come again.
	if got := w.post(s, "{}"); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("without the provider's key: %d", got.status)
	}
}
