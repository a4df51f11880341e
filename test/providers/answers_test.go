//go:build unix

// Package providers sends what providers send to the running binary: every vector of the
// reference folder and of package webhook, accepted and refused ones, handshakes
// included, over real HTTP to a source's URL.
package providers

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/hookloft/hookloft/internal/vectors"
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

// TestEveryProviderHasVectors fails for a provider of which nothing is sent.
func TestEveryProviderHasVectors(t *testing.T) {
	have := map[string]bool{}
	for _, v := range vectors.All(t) {
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
