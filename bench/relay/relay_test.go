package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/webhook"
)

func TestRelayStoresThenDeliversTheExactPayload(t *testing.T) {
	secret := webhook.GenerateSymmetric()
	verifier, err := webhook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	type got struct {
		id   string
		body []byte
	}
	received := make(chan got, 10)
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") {
			t.Error("delivery without a signature")
		}
		received <- got{r.Header.Get("Webhook-Id"), body}
	}))
	defer sink.Close()
	path := filepath.Join(t.TempDir(), "relay.log")
	log, err := openLog(path, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(log, []endpoint{{sink.URL + "/0", verifier}, {sink.URL + "/1", verifier}}, 2)
	server := httptest.NewServer(r.routes())
	defer server.Close()

	resp, err := http.Post(server.URL+"/api/v1/app/bench/msg", "application/json",
		strings.NewReader(`{"eventType":"a.b","payload":{"n":1.50, "x":"é"}}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d", resp.StatusCode)
	}
	stored, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(stored, []byte(`"n":1.50, "x"`)) {
		t.Errorf("202 was answered and the log does not hold the message (%v)", err)
	}
	a, b := <-received, <-received
	if string(a.body) != `{"n":1.50, "x":"é"}` || a.id == "" || a.id != b.id {
		t.Errorf("delivered %q as %q and %q", a.body, a.id, b.id)
	}
}

func TestRelayRefusesWhatIsNotAMessage(t *testing.T) {
	log, err := openLog(filepath.Join(t.TempDir(), "relay.log"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(log, nil, 1)
	for _, body := range []string{"", "[]", `{"payload":{}}`, `{"eventType":"a"}`} {
		w := httptest.NewRecorder()
		r.routes().ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/app/x/msg", strings.NewReader(body)))
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q: status %d", body, w.Code)
		}
	}
}
