//go:build unix

package providers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/webhook"
)

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
