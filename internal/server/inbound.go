package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
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
		Keys:       webhook.NewKeyCache(webhook.KeyCacheOptions{Do: client.Do}),
		Visit:      func(ctx context.Context, url string) error { return fetch(ctx, client, url) },
		ClientAddr: func(r *http.Request) netip.Addr { return httpapi.ClientAddr(r, n.c.TrustedProxies) },
		PublicURL:  n.publicURL,
		Metrics:    n.metrics,
		Log:        n.log,
	}, receive.Options{})
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

// sourceChanged tells the receiver to look at the schedules again: whichever type the
// source has now, it may have been one before.
func (n *node) sourceChanged(*hook.Source) { n.receiver.Wake() }
