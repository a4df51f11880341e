package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/vectors"
)

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: specialNow} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// keyHost is a TLS server on loopback that answers with what is set, or is down.
type keyHost struct {
	*httptest.Server
	asked   atomic.Int64
	mu      sync.Mutex // guards answer
	handler http.HandlerFunc
}

func newKeyHost(t *testing.T, h http.HandlerFunc) *keyHost {
	k := &keyHost{handler: h}
	k.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		k.mu.Lock()
		h := k.handler
		k.mu.Unlock()
		h(w, r)
	}))
	k.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of each client that hangs up
	k.StartTLS()
	t.Cleanup(k.Close)
	return k
}

func (k *keyHost) set(h http.HandlerFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.handler = h
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// noRedirects is the server's client as KeyCacheOptions.Do wants it.
func (k *keyHost) noRedirects() func(*http.Request) (*http.Response, error) {
	client := *k.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client.Do
}

func (k *keyHost) wants(t *testing.T, n int64) {
	t.Helper()
	if got := k.asked.Load(); got != n {
		t.Errorf("the server was asked %d times, want %d", got, n)
	}
}

func wantDocument(t *testing.T, c *KeyCache, q KeyQuery, want string) {
	t.Helper()
	got, err := c.Fetch(q)
	if err != nil || string(got) != want {
		t.Errorf("document %q, error %v; want %q", got, err, want)
	}
}

func wantNoKey(t *testing.T, c *KeyCache, q KeyQuery) {
	t.Helper()
	if got, err := c.Fetch(q); !errors.Is(err, ErrNoKey) {
		t.Errorf("document %q, error %v; want ErrNoKey", got, err)
	}
}

func TestKeyCacheOutlivesItsServer(t *testing.T) {
	host, at := newKeyHost(t, answer("one")), newClock()
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), TTL: time.Hour, Now: at.Now, Timeout: 2 * time.Second})
	q := KeyQuery{Method: http.MethodGet, URL: host.URL + "/keys"}
	wantDocument(t, c, q, "one")
	wantDocument(t, c, q, "one")
	host.wants(t, 1)

	host.Close() // it is gone, and does not come back
	at.add(59 * time.Minute)
	wantDocument(t, c, q, "one")
	fresh := q
	fresh.Fresh = true
	wantNoKey(t, c, fresh) // what is asked for is not in what is remembered
	wantNoKey(t, c, fresh)
	wantDocument(t, c, q, "one")
	at.add(time.Hour)
	wantDocument(t, c, q, "one")
	at.add(22 * time.Hour)
	wantDocument(t, c, q, "one")
	at.add(2 * time.Hour)
	wantNoKey(t, c, q)
	wantNoKey(t, c, q)
}

func TestKeyCacheTakesOverNewKeys(t *testing.T) {
	host, at := newKeyHost(t, answer("one")), newClock()
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), Now: at.Now})
	q := KeyQuery{Method: http.MethodGet, URL: host.URL + "/keys"}
	fresh := q
	fresh.Fresh = true
	wantDocument(t, c, q, "one")
	host.set(answer("two"))
	wantDocument(t, c, q, "one")
	wantDocument(t, c, fresh, "one") // too soon after the last
	host.wants(t, 1)
	at.add(freshEvery)
	wantDocument(t, c, fresh, "two")
	for range 100 {
		wantDocument(t, c, fresh, "two")
	}
	host.wants(t, 2)
	host.set(answer("three"))
	at.add(time.Hour)
	wantDocument(t, c, q, "three")
}

func TestKeyCacheRemembersFailures(t *testing.T) {
	down := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) }
	host, at := newKeyHost(t, down), newClock()
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), Now: at.Now})
	q := KeyQuery{Method: http.MethodGet, URL: host.URL + "/keys"}
	for range 50 {
		wantNoKey(t, c, q)
	}
	host.wants(t, 1)
	at.add(freshEvery)
	wantNoKey(t, c, q)
	host.wants(t, 2)
	at.add(freshEvery) // the delay has doubled
	wantNoKey(t, c, q)
	host.wants(t, 2)
	at.add(freshEvery)
	host.set(answer("up"))
	wantDocument(t, c, q, "up")
	// A failure to renew is remembered too, and the document goes on being served.
	host.set(down)
	at.add(time.Hour)
	for range 50 {
		wantDocument(t, c, q, "up")
	}
	host.wants(t, 4)
}

func TestKeyCacheRefusesAnswers(t *testing.T) {
	elsewhere := newKeyHost(t, answer("elsewhere"))
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
	}{
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}},
		{"empty", answer("")},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		}},
		{"not found", http.NotFound},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := newKeyHost(t, c.h)
			cache := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), MaxBytes: 16 << 10})
			wantNoKey(t, cache, KeyQuery{Method: http.MethodGet, URL: host.URL})
		})
	}
	elsewhere.wants(t, 0)
}

func TestKeyCacheRefusesAClientThatFollowsRedirects(t *testing.T) {
	host := newKeyHost(t, nil)
	host.set(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			http.Redirect(w, r, "/other", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "other")
	})
	c := NewKeyCache(KeyCacheOptions{Do: host.Client().Do})
	wantNoKey(t, c, KeyQuery{Method: http.MethodGet, URL: host.URL + "/keys"})
	host.wants(t, 2) // so that the test is about what it says
}

func TestKeyCacheFetchesOnceForAll(t *testing.T) {
	release := make(chan struct{})
	host := newKeyHost(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "one")
	})
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), Timeout: 20 * time.Second})
	q := KeyQuery{Method: http.MethodGet, URL: host.URL}
	var started, done sync.WaitGroup
	for i := range 100 {
		started.Add(1)
		q := q
		q.Fresh = i%2 == 0
		done.Go(func() {
			started.Done()
			wantDocument(t, c, q, "one")
		})
	}
	started.Wait()
	close(release)
	done.Wait()
	host.wants(t, 1)
}

func TestKeyCacheGivesUpOnASlowServer(t *testing.T) {
	stop := make(chan struct{})
	host := newKeyHost(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	t.Cleanup(func() { close(stop) })
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), Timeout: 50 * time.Millisecond})
	begun := time.Now()
	wantNoKey(t, c, KeyQuery{Method: http.MethodGet, URL: host.URL})
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestKeyCacheTellsDocumentsApart(t *testing.T) {
	host := newKeyHost(t, nil)
	host.set(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprint(w, r.Method, r.URL.Path, string(body), r.Header.Get("X-Key"))
	})
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects()})
	header := http.Header{"X-Key": {"!"}}
	for range 2 {
		wantDocument(t, c, KeyQuery{Method: http.MethodPost, URL: host.URL + "/a", Body: []byte("1"), Header: header}, "POST/a1!")
		wantDocument(t, c, KeyQuery{Method: http.MethodPost, URL: host.URL + "/a", Body: []byte("2")}, "POST/a2")
		wantDocument(t, c, KeyQuery{Method: http.MethodGet, URL: host.URL + "/a"}, "GET/a")
		wantDocument(t, c, KeyQuery{Method: http.MethodGet, URL: host.URL + "/b"}, "GET/b")
	}
	host.wants(t, 4)
}

// TestKeyCacheIsBoundedUnderForgery: whoever forges requests chooses new addresses each time.
func TestKeyCacheIsBoundedUnderForgery(t *testing.T) {
	host, at := newKeyHost(t, answer("known")), newClock()
	c := NewKeyCache(KeyCacheOptions{Do: host.noRedirects(), Now: at.Now, MaxEntries: 8, PerMinute: 5, TTL: 10 * time.Second})
	known := KeyQuery{Method: http.MethodGet, URL: host.URL + "/known"}
	wantDocument(t, c, known, "known")
	host.set(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			_, _ = io.WriteString(w, "renewed")
			return
		}
		http.NotFound(w, r)
	})
	for i := range 1000 {
		wantNoKey(t, c, KeyQuery{Method: http.MethodGet, URL: fmt.Sprintf("%s/forged/%d", host.URL, i)})
	}
	host.wants(t, 5)
	at.add(20 * time.Second) // the minute is used up, but the known document is renewed
	wantDocument(t, c, known, "renewed")
	host.wants(t, 6)
	for minute := range 10 {
		at.add(time.Minute)
		for i := range 100 {
			wantNoKey(t, c, KeyQuery{Method: http.MethodGet, URL: fmt.Sprintf("%s/forged/%d/%d", host.URL, minute, i)})
		}
		wantDocument(t, c, known, "renewed")
		if len(c.entries) > 8 {
			t.Fatalf("%d entries are remembered, want at most 8", len(c.entries))
		}
	}
}

func TestKeyCacheAsksOnlyByTLS(t *testing.T) {
	c := NewKeyCache(KeyCacheOptions{Do: func(*http.Request) (*http.Response, error) {
		t.Error("a request was made")
		return nil, errors.New("no")
	}})
	for _, address := range []string{"http://127.0.0.1/", "https://", "https://u:p@127.0.0.1/", "file:///etc/passwd", "", "\x00"} {
		wantNoKey(t, c, KeyQuery{Method: http.MethodGet, URL: address})
	}
	wantNoKey(t, NewKeyCache(KeyCacheOptions{}), KeyQuery{Method: "NO METHOD", URL: "https://127.0.0.1/"})
}

func TestKeyCacheChecksTheServersCertificate(t *testing.T) {
	host := newKeyHost(t, answer("forged"))
	c := NewKeyCache(KeyCacheOptions{}) // its own client does not know the test's authority
	wantNoKey(t, c, KeyQuery{Method: http.MethodGet, URL: host.URL})
	host.wants(t, 0)
}

func TestKeyCacheErrorsDoNotRepeatTheURL(t *testing.T) {
	c := NewKeyCache(KeyCacheOptions{Do: (&http.Client{Transport: failing{}}).Do})
	_, err := c.Fetch(KeyQuery{Method: http.MethodGet, URL: "https://127.0.0.1/secret-path"})
	if !errors.Is(err, ErrNoKey) || strings.Contains(err.Error(), "secret-path") {
		t.Error(err)
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

// TestProvidersThroughKeyCache is the whole way: a certificate of PayPal and keys of Google,
// fetched by TLS from servers that answer in their names, and used while those are down.
func TestProvidersThroughKeyCache(t *testing.T) {
	k := specialKeysOf(t)
	root, rootPEM := certificateOf(t, "Test Authority", k.otherRSA, nil, nil)
	_, leafPEM := certificateOf(t, "sender.paypal.com", k.rsa, root, k.otherRSA)
	host := newKeyHost(t, nil)
	host.set(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host + r.URL.Path {
		case "api.paypal.com/v1/notifications/certs/CERT-1":
			_, _ = io.WriteString(w, leafPEM)
		case "www.googleapis.com/oauth2/v3/certs":
			_, _ = io.WriteString(w, vectors.JWKS(t, vectors.JWK(t, k.rsa, "test")))
		default:
			http.NotFound(w, r)
		}
	})
	pool := x509.NewCertPool()
	pool.AddCert(host.Certificate())
	// Whatever the name, it is our server that answers; its certificate is for example.com.
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: "example.com"},
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, network, host.Listener.Addr().String())
			},
		},
	}
	at := newClock()
	cache := NewKeyCache(KeyCacheOptions{Do: client.Do, Now: at.Now, TTL: time.Minute})
	signing := []string{vectors.PrivatePEM(t, k.rsa)}

	const address = "https://api.paypal.com/v1/notifications/certs/CERT-1"
	paypalRequest := Request{Header: http.Header{paypalCert: {address}}, Body: []byte("{}")}
	if err := Sign("paypal", Config{Secrets: signing, Settings: map[string]string{"webhook_id": "W"}}, &paypalRequest, specialNow); err != nil {
		t.Fatal(err)
	}
	paypalVerifier, err := Provider("paypal", Config{Settings: map[string]string{"webhook_id": "W", "ca_pem": rootPEM}, Keys: cache})
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{"service_account_email": "p@x.iam.gserviceaccount.com", "audience": "a"}
	googleRequest := Request{Body: []byte("{}")}
	if err := Sign("gcp-pubsub", Config{Secrets: signing, Settings: settings}, &googleRequest, specialNow); err != nil {
		t.Fatal(err)
	}
	googleVerifier, err := Provider("gcp-pubsub", Config{Settings: settings, Keys: cache})
	if err != nil {
		t.Fatal(err)
	}
	both := func(now time.Time) {
		t.Helper()
		if _, err := paypalVerifier.Verify(paypalRequest, now); err != nil {
			t.Errorf("PayPal: %v", err)
		}
		if _, err := googleVerifier.Verify(googleRequest, now); err != nil {
			t.Errorf("Google: %v", err)
		}
	}
	both(specialNow)
	both(specialNow)
	host.wants(t, 2)
	host.Close()
	at.add(30 * time.Minute)
	both(specialNow.Add(30 * time.Minute))

	// A key that Google is not known to have cannot be looked up now: it may be a new one, so
	// that Google shall come again, and is no reason to believe it.
	unknown := Request{Body: []byte("{}")}
	settings["jwks"] = vectors.JWKS(t, vectors.JWK(t, k.otherRSA, "another"))
	if err := Sign("gcp-pubsub", Config{Secrets: []string{vectors.PrivatePEM(t, k.otherRSA)}, Settings: settings}, &unknown, specialNow); err != nil {
		t.Fatal(err)
	}
	if _, err := googleVerifier.Verify(unknown, specialNow); !errors.Is(err, ErrNoKey) {
		t.Errorf("a token of an unknown key: %v", err)
	}
}

func ExampleNewKeyCache() {
	keys := NewKeyCache(KeyCacheOptions{TTL: 6 * time.Hour})
	verifier, err := Provider("gcp-pubsub", Config{
		Settings: map[string]string{"service_account_email": "pusher@project.iam.gserviceaccount.com"},
		Keys:     keys,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Verify(Request{Header: http.Header{}}, time.Now())
	fmt.Println(err)
	// Output: webhook: a signature header is missing or empty: authorization
}
