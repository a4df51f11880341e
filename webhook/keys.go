package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What a KeyCache keeps to. The verifiers have checked the host of a query; its path or
// body may still be chosen by whoever sends a forged webhook, and must not turn the
// receiver into a load on the provider.
const (
	// staleFor is how long beyond its TTL a document is served while its server is down.
	// Providers announce new keys days ahead, so that an old document is seldom wrong.
	staleFor = 24 * time.Hour
	// freshEvery is how often a document may be asked for again because a key is not in it,
	// and how long a failure is remembered at first; it doubles up to failureMax.
	freshEvery = 10 * time.Second
	failureMax = 5 * time.Minute
	// maxSites bounds the counters of fetches; the providers here have four sites.
	maxSites = 256
)

// KeyCacheOptions are the knobs of a KeyCache. The zero value is a good start.
type KeyCacheOptions struct {
	// Do makes the request. It should follow no redirects (an answer that came from another
	// URL is refused) and limit what addresses it connects to. Nil means an http.Client
	// with its own transport that follows none.
	Do func(*http.Request) (*http.Response, error)
	// TTL is how long a document is used without asking again. Longer means that a key
	// which the provider withdraws is trusted longer. Zero means 1 h.
	TTL time.Duration
	// MaxEntries is how many documents and failures are remembered; failures go first, then
	// what was unused for longest. Zero means 256.
	MaxEntries int
	// MaxBytes is how long a document may be. Zero means 256 KiB.
	MaxBytes int64
	// PerMinute is how many documents that are not known yet are asked of one site (the
	// last two labels of the host) in a minute; known ones are renewed beyond it. While
	// a flood of forged webhooks uses it up, a key never seen before must wait. Zero means 30.
	PerMinute int
	// Timeout is for one fetch, and so for each caller that waits for it. Zero means 5 s.
	Timeout time.Duration
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// KeyCache is the KeySource for programs: it fetches over HTTPS and remembers. Many
// callers that want the same document cause one fetch. A document outlives its server:
// it is served for 24 h beyond its TTL while no newer one can be had. A failure is
// remembered for 10 s, and for longer when it repeats.
type KeyCache struct {
	options KeyCacheOptions

	mu      sync.Mutex // guards what follows
	entries map[[sha256.Size]byte]*keyEntry
	sites   map[string]*siteCount
}

var _ KeySource = (*KeyCache)(nil)

// keyEntry is one document, or the failure to get it.
type keyEntry struct {
	document  []byte    // nil when there was never one
	fetched   time.Time // when document came
	err       error     // of the last fetch; nil when it succeeded
	retry     time.Time // no fetch before this, after a failure
	failures  int
	used      time.Time
	fetching  chan struct{} // closed when the running fetch has ended; nil when none runs
	renewable bool          // document was had once, so that the URL is not somebody's invention
}

// siteCount counts the fetches of one site in the minute that began at since.
type siteCount struct {
	since time.Time
	n     int
}

// NewKeyCache returns an empty cache.
func NewKeyCache(o KeyCacheOptions) *KeyCache {
	if o.Do == nil {
		client := &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
				MaxIdleConns: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		o.Do = client.Do
	}
	if o.TTL == 0 {
		o.TTL = time.Hour
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 256
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 256 << 10
	}
	if o.PerMinute == 0 {
		o.PerMinute = 30
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &KeyCache{options: o, entries: make(map[[sha256.Size]byte]*keyEntry), sites: make(map[string]*siteCount)}
}

// Fetch returns the document of q, from memory where that will do. The caller must not
// change it. Documents are told apart by method, URL and body, not by header. Errors wrap
// ErrNoKey.
func (c *KeyCache) Fetch(q KeyQuery) ([]byte, error) {
	u, err := url.Parse(q.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%w: its address is not an https URL", ErrNoKey)
	}
	key := sha256.Sum256(bytes.Join([][]byte{[]byte(q.Method), []byte(q.URL), q.Body}, []byte{'\n'}))
	waited := false
	for {
		document, wait, err := c.remembered(key, &q, u, waited)
		switch {
		case wait != nil:
			// Bounded: whoever fetches gives up after Timeout.
			<-wait
			waited = true
			continue
		case document != nil || err != nil:
			return document, err
		}
		return c.renew(key, &q)
	}
}

// remembered returns a document or an error that will do, or the channel of a running
// fetch to wait for. When all are nil, the caller has to renew the entry, and nobody else will.
func (c *KeyCache) remembered(key [sha256.Size]byte, q *KeyQuery, u *url.URL, waited bool) ([]byte, chan struct{}, error) {
	now := c.options.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		if !c.allow(u.Hostname(), now) {
			return nil, nil, fmt.Errorf("%w: too many unknown keys were asked for in this minute", ErrNoKey)
		}
		c.makeRoom()
		e = &keyEntry{}
		c.entries[key] = e
	}
	e.used = now
	age := now.Sub(e.fetched)
	usable := e.document != nil && age < c.options.TTL+staleFor
	fresh := usable && age < c.options.TTL && (!q.Fresh || waited && e.err == nil || age < freshEvery)
	switch {
	case fresh:
		return e.document, nil, nil
	case e.fetching != nil && usable && !q.Fresh:
		return e.document, nil, nil // somebody renews it; nobody has to wait
	case e.fetching != nil:
		return nil, e.fetching, nil
	case e.err != nil && now.Before(e.retry):
		if usable && !q.Fresh {
			return e.document, nil, nil
		}
		return nil, nil, e.err
	case !e.renewable && e.err != nil && !c.allow(u.Hostname(), now):
		return nil, nil, e.err
	}
	e.fetching = make(chan struct{})
	return nil, nil, nil
}

// allow counts a fetch of a site, and says no to one too many.
func (c *KeyCache) allow(host string, now time.Time) bool {
	labels := strings.Split(strings.ToLower(host), ".")
	site := strings.Join(labels[max(0, len(labels)-2):], ".")
	count := c.sites[site]
	if count == nil {
		if len(c.sites) >= maxSites {
			clear(c.sites)
		}
		count = &siteCount{since: now}
		c.sites[site] = count
	}
	if now.Sub(count.since) >= time.Minute {
		*count = siteCount{since: now}
	}
	count.n++
	return count.n <= c.options.PerMinute
}

// makeRoom forgets the entry that was unused for longest, failures before documents, so
// that invented addresses do not drive out a key that is in use. Running fetches stay.
func (c *KeyCache) makeRoom() {
	for len(c.entries) >= c.options.MaxEntries {
		var oldest [sha256.Size]byte
		var found *keyEntry
		for key, e := range c.entries {
			if e.fetching == nil && (found == nil || e.goesBefore(found)) {
				oldest, found = key, e
			}
		}
		if found == nil {
			return // as many fetches run as there are entries; PerMinute bounds them
		}
		delete(c.entries, oldest)
	}
}

func (e *keyEntry) goesBefore(other *keyEntry) bool {
	if (e.document == nil) != (other.document == nil) {
		return e.document == nil
	}
	return e.used.Before(other.used)
}

// renew fetches the document and wakes those who wait.
func (c *KeyCache) renew(key [sha256.Size]byte, q *KeyQuery) ([]byte, error) {
	var document []byte
	err := errors.New("the fetch ended early") // what waiters see should Do panic
	defer func() {
		now := c.options.Now()
		c.mu.Lock()
		defer c.mu.Unlock()
		e := c.entries[key]
		if err == nil {
			e.document, e.fetched, e.err, e.failures, e.renewable = document, now, nil, 0, true
		} else {
			e.err = err
			e.retry = now.Add(min(freshEvery<<min(e.failures, 10), failureMax))
			e.failures++
		}
		close(e.fetching)
		e.fetching = nil
	}()
	if document, err = c.get(q); err == nil {
		return document, nil
	}
	err = fmt.Errorf("%w: %w", ErrNoKey, err)
	if q.Fresh { // the one remembered lacks the key; that is no news about it
		return nil, err
	}
	return c.stale(key, err)
}

// stale returns what is remembered instead of a document that could not be renewed.
func (c *KeyCache) stale(key [sha256.Size]byte, err error) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e.document != nil && c.options.Now().Sub(e.fetched) < c.options.TTL+staleFor {
		return e.document, nil
	}
	return nil, err
}

// get makes one request. Its errors do not repeat the URL, which may come from a forged webhook.
func (c *KeyCache) get(q *KeyQuery) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.Method, q.URL, bytes.NewReader(q.Body))
	if err != nil {
		return nil, errors.New("its address cannot be asked")
	}
	for name, values := range q.Header {
		req.Header[name] = values
	}
	resp, err := c.options.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // url.Error repeats the URL
		}
		return nil, fmt.Errorf("ask its server: %w", err)
	}
	defer resp.Body.Close()
	if resp.Request != nil && resp.Request.URL != nil && resp.Request.URL.String() != req.URL.String() {
		return nil, errors.New("its server redirected to another address")
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("its server answered %d", resp.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, c.options.MaxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read its server's answer: %w", err)
	case int64(len(document)) > c.options.MaxBytes:
		return nil, fmt.Errorf("its server's answer is longer than %d bytes", c.options.MaxBytes)
	case len(document) == 0:
		return nil, errors.New("its server's answer is empty")
	}
	return document, nil
}

// fetchKey asks the settings' KeySource. Without one, the only keys are those in the settings.
func (s *settings) fetchKey(q KeyQuery) ([]byte, error) {
	if s.Keys == nil {
		return nil, fmt.Errorf("%w: it is not in the settings, and nothing is set up to fetch it", ErrNoKey)
	}
	document, err := s.Keys.Fetch(q)
	if err != nil && !errors.Is(err, ErrNoKey) {
		err = fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	return document, err
}
