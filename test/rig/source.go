//go:build unix

package rig

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// Source is a source of type github and the URL on which it takes webhooks.
type Source struct {
	ID, URL, Application string
	Endpoint             string // the id of the endpoint that it forwards to
	secret               string
	client               *http.Client
}

// MustCreateSource creates a source that forwards to an endpoint, which signs with secret.
func (a *API) MustCreateSource(tb testing.TB, name, forward, secret string) *Source {
	tb.Helper()
	s := &Source{secret: "github-" + name, client: &http.Client{Timeout: a.client.Timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	var created struct{ ID, IngestURL string }
	in := map[string]any{"name": name, "uid": name, "type": "github", "config": map[string]string{"secret": s.secret}}
	if err := a.call(http.MethodPost, "/ingest/api/v1/source", in, &created); err != nil {
		tb.Fatal(err)
	}
	s.ID, s.URL = created.ID, created.IngestURL
	// Requests go to where the test reaches the server, whatever it takes for its public URL.
	at, err := url.Parse(created.IngestURL)
	if err != nil {
		tb.Fatal(err)
	}
	s.URL = a.URL + at.Path
	var endpoint struct{ ID string }
	if err := a.call(http.MethodPost, "/ingest/api/v1/source/"+s.ID+"/endpoint", map[string]string{"url": forward, "secret": secret}, &endpoint); err != nil {
		tb.Fatal(err)
	}
	s.Endpoint = endpoint.ID
	var settings struct{ ApplicationID string }
	if err := a.call(http.MethodGet, "/x/v1/source/"+s.ID+"/settings", nil, &settings); err != nil {
		tb.Fatal(err)
	}
	s.Application = settings.ApplicationID
	return s
}

// Send posts a webhook as GitHub does and returns the status of the answer. An error means
// that none came: a provider would send it again.
func (s *Source) Send(delivery string, body []byte) (int, error) {
	mac := hmac.New(sha256.New, []byte(s.secret))
	mac.Write(body)
	req, err := http.NewRequest(http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.GetBody = nil // sent once, whatever becomes of a kept connection
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", delivery)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("send webhook: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return resp.StatusCode, fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, nil
}

// CloseIdle closes the connections that are kept for Send.
func (s *Source) CloseIdle() { s.client.CloseIdleConnections() }
