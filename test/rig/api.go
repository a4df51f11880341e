//go:build unix

package rig

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// API is a plain client of the HTTP API: it sends what SDKs send and hides
// nothing. Safe for many goroutines.
type API struct {
	URL    string
	Token  string
	client *http.Client
}

// NewAPI returns a client that keeps up to 256 connections and gives up on a call
// after 30 s.
func NewAPI(baseURL, token string) *API {
	return &API{URL: baseURL, Token: token, client: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
	}}
}

// Do makes one call and returns the status and the whole body. in is sent as JSON
// unless nil; a POST carries an idempotency key of its own, as from an SDK. An
// error means that no answer came, so the call may or may not have had an effect.
func (a *API) Do(method, path string, in any) (int, []byte, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, nil, fmt.Errorf("encode %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, a.URL+path, body)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	// net/http repeats a POST that has both an idempotency key and GetBody when a
	// kept connection turns out dead. A publish must leave here at most once, or
	// the ledger could not tell whose copy arrived.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+a.Token)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", "auto_"+newUUID())
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, text, fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	return resp.StatusCode, text, nil
}

// call is Do for calls that must succeed; out receives the decoded answer.
func (a *API) call(method, path string, in, out any) error {
	status, text, err := a.Do(method, path, in)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %.300s", method, path, status, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: decode answer: %w", method, path, err)
	}
	return nil
}

// CreateApp makes an application with this uid and returns its id.
func (a *API) CreateApp(uid string) (string, error) {
	var out struct{ ID string }
	err := a.call(http.MethodPost, "/api/v1/app", map[string]string{"name": uid, "uid": uid}, &out)
	return out.ID, err
}

// EndpointIn is what CreateEndpoint sends; empty fields are left out.
type EndpointIn struct {
	URL         string   `json:"url"`
	Channels    []string `json:"channels,omitempty"`
	FilterTypes []string `json:"filterTypes,omitempty"`
	Secret      string   `json:"secret,omitempty"` // whsec_...
}

// CreateEndpoint makes an endpoint of the application and returns its id.
func (a *API) CreateEndpoint(app string, in EndpointIn) (string, error) {
	var out struct{ ID string }
	err := a.call(http.MethodPost, "/api/v1/app/"+app+"/endpoint", in, &out)
	return out.ID, err
}

// MustCreateApp is CreateApp for set-up code: it fails the test on an error.
func (a *API) MustCreateApp(tb testing.TB, uid string) string {
	tb.Helper()
	id, err := a.CreateApp(uid)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// MustCreateEndpoint is CreateEndpoint for set-up code: it fails the test on an error.
func (a *API) MustCreateEndpoint(tb testing.TB, app string, in EndpointIn) string {
	tb.Helper()
	id, err := a.CreateEndpoint(app, in)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// MessageIn is what Publish sends.
type MessageIn struct {
	EventType string          `json:"eventType"`
	Payload   json.RawMessage `json:"payload"`
	Channels  []string        `json:"channels,omitempty"`
	EventID   string          `json:"eventId,omitempty"`
}

// Publish sends one message and returns the status and, for a 202, the message's
// id. An error means that no answer came: the message may or may not be stored.
func (a *API) Publish(app string, in MessageIn) (status int, id string, err error) {
	status, text, err := a.Do(http.MethodPost, "/api/v1/app/"+app+"/msg", in)
	if err != nil || status != http.StatusAccepted {
		return status, "", err
	}
	var out struct{ ID string }
	if err := json.Unmarshal(text, &out); err != nil || out.ID == "" {
		return status, "", fmt.Errorf("publish: answer 202 without an id: %.200s", text)
	}
	return status, out.ID, nil
}

// Attempt is one row of an attempt list.
type Attempt struct {
	ID                 string
	MsgID              string
	Status             int // 0 success, 1 pending, 2 fail, 3 sending
	ResponseStatusCode int
}

// Attempts reads every attempt of an endpoint, page by page.
func (a *API) Attempts(app, endpoint string) ([]Attempt, error) {
	return pages[Attempt](a, "/api/v1/app/"+app+"/attempt/endpoint/"+endpoint)
}

// Message is one row of a message list.
type Message struct {
	ID        string
	EventType string
	Payload   json.RawMessage
}

// Messages reads every message of an application, page by page.
func (a *API) Messages(app string) ([]Message, error) {
	return pages[Message](a, "/api/v1/app/"+app+"/msg")
}

// Destination is one row of a message's endpoints, with the state of its delivery.
type Destination struct {
	ID     string // of the endpoint
	Status int    // as in Attempt
}

// Destinations reads the endpoints that a message was meant for.
func (a *API) Destinations(app, message string) ([]Destination, error) {
	return pages[Destination](a, "/api/v1/app/"+app+"/msg/"+message+"/endpoint")
}

// pages follows `iterator` until `done`. At most 100,000 pages: a server that
// never says done must not hold a test for ever.
func pages[T any](a *API, path string) ([]T, error) {
	var all []T
	iterator := ""
	for range 100_000 {
		query := url.Values{"limit": {"250"}}
		if iterator != "" {
			query.Set("iterator", iterator)
		}
		var page struct {
			Data     []T
			Iterator *string
			Done     bool
		}
		if err := a.call(http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return all, err
		}
		all = append(all, page.Data...)
		if page.Done || page.Iterator == nil {
			return all, nil
		}
		if *page.Iterator == iterator {
			return all, fmt.Errorf("GET %s: the iterator %q does not move", path, iterator)
		}
		iterator = *page.Iterator
	}
	return all, fmt.Errorf("GET %s: no end after 100,000 pages", path)
}

// newUUID makes a random UUID (RFC 9562 section 5.4), as SDKs put into their keys.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
