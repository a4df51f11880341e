package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/webhook"
)

// newReceiver builds the door for other services' webhooks. What it fetches from
// providers, keys and confirmations, goes through the address guard like every delivery.
func (n *node) newReceiver(d *egress.Dialer) *receive.Receiver {
	s := n.opened.store
	client := newFetcher(d)
	return receive.New(receive.Deps{
		Sources: s, Plans: s, Ledger: n.ledger(), Visits: s,
		Keys:  webhook.NewKeyCache(webhook.KeyCacheOptions{Do: client.Do}),
		Polls: s,
		Fetch: func(ctx context.Context, r receive.PollRequest) (receive.PollAnswer, error) {
			return fetchDocument(ctx, client, r)
		},
		Visit:      func(ctx context.Context, url string) error { return fetch(ctx, client, url) },
		ClientAddr: func(r *http.Request) netip.Addr { return httpapi.ClientAddr(r, n.c.TrustedProxies) },
		PublicURL:  n.publicURL,
		Metrics:    n.metrics,
		Log:        n.log,
	}, receive.Options{MaxPollBytes: int(n.c.MaxPayload)})
}

const (
	// fetchTimeout bounds one request to a provider, from the look-up to the body's end.
	fetchTimeout = 10 * time.Second
	// maxConfirmation is how much of the answer to a confirmation is read, to be able to
	// keep the connection.
	maxConfirmation = 64 << 10
)

// newFetcher returns a client for documents of providers. It reads no proxy settings and
// follows no redirects, because both would lead past the guard's judgement of the host.
func newFetcher(d *egress.Dialer) *http.Client {
	return &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            d.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    fetchTimeout / 2,
			MaxResponseHeaderBytes: 64 << 10,
			MaxConnsPerHost:        8, // a flood of forged webhooks must not become one of requests
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
		},
	}
}

// fetch gets a URL of a provider, of whose answer only the status matters.
func fetch(ctx context.Context, c *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return errors.New("the provider's URL cannot be read")
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("visit the provider: %w", err)
	}
	defer resp.Body.Close()
	// The rest is of no use to anybody.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxConfirmation))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the provider answered %d", resp.StatusCode)
	}
	return nil
}

// checkSource judges a source, and where it polls whether its URL may be fetched.
func checkSource(checkURL func(raw string, enforceHTTPS bool) (string, error), s *hook.Source) error {
	if err := receive.Check(s); err != nil {
		return err
	}
	if raw := receive.PollURL(s); raw != "" {
		if _, err := checkURL(raw, false); err != nil {
			return &hook.FieldError{Path: []string{"config", "url"}, Text: err.Error()}
		}
	}
	return nil
}

// fetchDocument fetches a document that a source watches. Its errors hold no URL.
func fetchDocument(ctx context.Context, c *http.Client, r receive.PollRequest) (a receive.PollAnswer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return a, errors.New("the URL cannot be read")
	}
	req.Header.Set("User-Agent", "Hookloft/"+ReadBuild().Version)
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	if r.ETag != "" {
		req.Header.Set("If-None-Match", r.ETag)
	}
	if r.LastModified != "" {
		req.Header.Set("If-Modified-Since", r.LastModified)
	}
	resp, err := c.Do(req)
	if err != nil {
		return a, withoutURL(err)
	}
	defer resp.Body.Close()
	a.Status = resp.StatusCode
	a.ContentType = receive.MediaTypeOf(resp.Header.Get("Content-Type"))
	a.ETag, a.LastModified = headerText(resp.Header.Get("ETag")), headerText(resp.Header.Get("Last-Modified"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(r.MaxBytes)+1))
	if err != nil {
		return receive.PollAnswer{}, withoutURL(err)
	}
	if a.IsCut = len(body) > r.MaxBytes; a.IsCut {
		body = body[:r.MaxBytes]
	}
	a.Body = body
	return a, nil
}

// headerText is a header's value that may be sent back, "" for one that is too long.
func headerText(s string) string {
	if len(s) > 512 {
		return ""
	}
	return s
}

// withoutURL takes the URL out of an error of net/http.
func withoutURL(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return receive.ErrSlow
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// sourceChanged tells the receiver to look at the schedules again: whichever type the
// source has now, it may have been one before.
func (n *node) sourceChanged(*hook.Source) { n.receiver.Wake() }
