package receive

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// Mailgun signs a token, not the body: whoever has seen one request could send others.
func TestSignatureServesOneBody(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("mailgun", func(s *hook.Source) { s.Config.Secrets = []string{"the signing key"} })
	genuine := w.signed(s, `{"event-data":{"id":"1","event":"delivered"}}`)
	copied, err := genuine.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(copied)
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	again := func(body string) int {
		return w.do(w.request("POST", w.url(s), body, "Content-Type", "application/json")).status
	}
	if got := w.do(genuine); got.status != 200 {
		t.Fatalf("genuine: %d %s", got.status, got.body)
	}
	if status := again(strings.Replace(body, `"1"`, `"2"`, 1)); status != 401 {
		t.Errorf("another body under the same token is answered %d", status)
	}
	if status := again(body); status != 200 {
		t.Errorf("a repeat is answered %d", status)
	}
	if n := len(w.messages(s.ID.Application())); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestNoncesLastAsLongAsSignatures(t *testing.T) {
	preset := webhook.Preset{Tolerance: 5 * time.Minute}
	for _, c := range []struct {
		settings time.Duration
		config   string
		want     time.Duration
	}{{0, "", 5 * time.Minute}, {time.Hour, "60", time.Hour}, {0, "86400", 24 * time.Hour}, {0, "-1", maxTolerance}, {0, "99999999", maxTolerance}} {
		s := &hook.Source{Settings: hook.SourceSettings{Tolerance: c.settings}, Config: hook.SourceConfig{Values: map[string]string{"tolerance_s": c.config}}}
		if got := toleranceOf(s, preset); got != c.want {
			t.Errorf("%+v gives %v", c, got)
		}
	}
}

func TestNoncesAreBoundedAndForgotten(t *testing.T) {
	p, now := &place{}, time.Now()
	for i := range 3 * maxNonces {
		p.isReused(fmt.Sprint(i), []byte("a"), now, time.Minute)
	}
	if n := len(p.nonces.young) + len(p.nonces.old); n > 2*maxNonces {
		t.Errorf("%d nonces are remembered", n)
	}
	if !p.isReused(fmt.Sprint(3*maxNonces-1), []byte("b"), now.Add(2*time.Minute), time.Minute) {
		t.Error("a nonce is forgotten while its signature is valid")
	}
	p.isReused("x", []byte("a"), now.Add(3*time.Minute), time.Minute)
	p.isReused("y", []byte("a"), now.Add(6*time.Minute), time.Minute)
	if p.isReused(fmt.Sprint(3*maxNonces-1), []byte("b"), now.Add(6*time.Minute), time.Minute) {
		t.Error("a nonce is remembered for ever")
	}
}

func TestIDsThatAreSharedAndBodiesThatRepeat(t *testing.T) {
	w := newWorld(t, Options{})
	woo := w.source("woocommerce", func(s *hook.Source) { s.Config.Secrets = []string{"woo"} })
	for _, body := range []string{`{"id":1}`, `{"id":2}`, `{"id":1}`} {
		r := w.signed(woo, body)
		r.Header.Set("X-WC-Webhook-Delivery-ID", "same second")
		r.Header.Set("X-WC-Webhook-Topic", "order.created")
		if got := w.do(r); got.status != 200 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	if n := len(w.messages(woo.ID.Application())); n != 2 {
		t.Errorf("woocommerce: %d messages, want one for each body", n)
	}
	dropbox := w.source("dropbox", func(s *hook.Source) { s.Config.Secrets = []string{"dbx"} })
	for range 2 {
		if got := w.do(w.signed(dropbox, `{"list_folder":{"accounts":["dbid:1"]}}`)); got.status != 200 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	if n := len(w.messages(dropbox.ID.Application())); n != 2 {
		t.Errorf("dropbox: %d messages, want 2: the account changed twice", n)
	}
}
