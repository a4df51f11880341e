package seed

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// A behaviour is what a receiver does with a request.
type behaviour string

const (
	answers    behaviour = "answers"    // 200 after some milliseconds
	accepts    behaviour = "accepts"    // 204 at once
	isSlow     behaviour = "slow"       // 200, now and then only after a second
	isFlaky    behaviour = "flaky"      // three of ten: 502
	isBroken   behaviour = "broken"     // 500, and says why
	wasDown    behaviour = "was-down"   // 503 until the second half of the seeding
	isGone     behaviour = "gone"       // 410
	isMissing  behaviour = "missing"    // 404
	hasMoved   behaviour = "moved"      // 301
	verifies   behaviour = "verifies"   // 401 unless signed with the secret that it knows
	throttles  behaviour = "throttles"  // 429 with Retry-After for all but the first few
	rejects    behaviour = "rejects"    // 422
	hangs      behaviour = "hangs"      // no answer
	breaksOff  behaviour = "breaks-off" // closes the connection
	talksOdd   behaviour = "talks-odd"  // something that is no HTTP
	isStranger behaviour = "stranger"   // TLS with a certificate that nobody knows
	hasExpired behaviour = "expired"    // TLS with a certificate of last year
	hasNewName behaviour = "new-name"   // TLS with a certificate for another name
	isNotThere behaviour = "not-there"  // nothing listens
	isUnnamed  behaviour = "unnamed"    // its name is not in DNS
	saysOK     behaviour = "says-ok"    // 200 and the word ok, as a chat does
)

// receivers are the customers' services: one listener for plain HTTP and one for each
// certificate, on loopback.
type receivers struct {
	urls    map[behaviour]string // where another than plain's answers
	plain   string
	servers []*http.Server
	serving sync.WaitGroup

	// isUp ends the outage.
	isUp atomic.Bool
	// failed counts what the one that is down has refused.
	failed atomic.Int64
	// calls counts requests by path, so that what is flaky is so in the same share each time.
	calls sync.Map // path -> *atomic.Int64

	mu   sync.Mutex                  // guards keys
	keys map[string]webhook.Verifier // path -> what verifies there
}

func openReceivers() (*receivers, error) {
	r := &receivers{urls: map[behaviour]string{
		// A port that needs rights to listen on, and a domain that will never exist (RFC 6761).
		isNotThere: "http://127.0.0.1:2",
		isUnnamed:  "https://hooks.muenchner-kaffee.invalid",
	}, keys: map[string]webhook.Verifier{}}
	var err error
	if r.plain, err = r.listen(nil); err != nil {
		r.close()
		return nil, err
	}
	year := 365 * 24 * time.Hour
	now := time.Now()
	for _, c := range []struct {
		is          behaviour
		from, until time.Time
		name        string
	}{
		{isStranger, now.Add(-year), now.Add(year), "127.0.0.1"},
		{hasExpired, now.Add(-year), now.Add(-3 * 24 * time.Hour), "127.0.0.1"},
		{hasNewName, now.Add(-year), now.Add(year), "shop.example"},
	} {
		certificate, err := selfSigned(c.name, c.from, c.until)
		if err == nil {
			r.urls[c.is], err = r.listen(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		}
		if err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

// listen serves on a free port of loopback and returns the URL of it.
func (r *receivers) listen(secure *tls.Config) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	scheme := "http://"
	address := l.Addr().String()
	if secure != nil {
		scheme, l = "https://", tls.NewListener(l, secure)
	}
	// Clients that do not trust the certificate are what it is for: that is no news.
	srv := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	r.servers = append(r.servers, srv)
	r.serving.Go(func() { _ = srv.Serve(l) })
	return scheme + address, nil
}

func (r *receivers) close() {
	for _, srv := range r.servers {
		_ = srv.Close()
	}
	r.serving.Wait()
}

// url is where a receiver that behaves so is reached; path begins with a slash. The
// behaviour stands in the path, where nothing else tells it.
func (r *receivers) url(b behaviour, path string) string {
	if base, ok := r.urls[b]; ok {
		return base + path
	}
	return r.plain + "/" + string(b) + path
}

// knows has the receiver at a URL accept what is signed with a secret, from now on.
func (r *receivers) knows(url, secret string) error {
	keys, err := webhook.ParseKeys(secret)
	if err != nil {
		return err
	}
	v, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[strings.TrimPrefix(url, r.plain)] = v
	return nil
}

// call numbers the requests to a path, from 0.
func (r *receivers) call(path string) int64 {
	n, _ := r.calls.LoadOrStore(path, new(atomic.Int64))
	return n.(*atomic.Int64).Add(1) - 1
}

const movedTo = "https://www.blue-door-books.example/webhooks"

func (r *receivers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 32<<20))
	if err != nil {
		return
	}
	n := r.call(req.URL.Path)
	kind, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	switch behaviour(kind) {
	case accepts:
		w.WriteHeader(http.StatusNoContent)
	case isSlow:
		// Most take a tenth of a second, one of eight a whole one.
		wait := 60 + 17*(n%5)
		if n%8 == 7 {
			wait = 900 + 70*(n%4)
		}
		if pause(req.Context(), time.Duration(wait)*time.Millisecond) {
			answer(w, 200, `{"ok":true}`)
		}
	case isFlaky:
		if n%10 == 2 || n%10 == 5 || n%10 == 6 {
			answer(w, 502, "<html><body><h1>502 Bad Gateway</h1></body></html>")
			return
		}
		answer(w, 200, `{"ok":true}`)
	case isBroken:
		answer(w, 500, `{"error":"database is locked","where":"orders.save (orders.js:42:11)"}`)
	case wasDown:
		if !r.isUp.Load() {
			r.failed.Add(1)
			answer(w, 503, `{"error":"down for maintenance"}`)
			return
		}
		answer(w, 200, `{"ok":true}`)
	case isGone:
		answer(w, 410, "This shop has closed.")
	case isMissing:
		answer(w, 404, "Cannot POST "+req.URL.Path)
	case hasMoved:
		w.Header().Set("Location", movedTo)
		answer(w, 301, "")
	case verifies:
		r.verify(w, req, body)
	case throttles:
		if n >= 5 {
			w.Header().Set("Retry-After", "120")
			answer(w, 429, `{"error":"more than 5 requests a day need the plan Gold"}`)
			return
		}
		answer(w, 200, `{"ok":true}`)
	case rejects:
		answer(w, 422, `{"errors":[{"field":"order.shipping.country","message":"is not a country that we serve"}]}`)
	case hangs:
		pause(req.Context(), time.Minute)
	case breaksOff:
		hijack(w, "")
	case talksOdd:
		hijack(w, "220 mail.orbit-travel.example ESMTP ready\r\n")
	case saysOK:
		answer(w, 200, "ok")
	default:
		// Some milliseconds, so that a chart has something to draw.
		if pause(req.Context(), time.Duration(2+(n*7)%23)*time.Millisecond) {
			answer(w, 200, `{"received":true}`)
		}
	}
}

func (r *receivers) verify(w http.ResponseWriter, req *http.Request, body []byte) {
	r.mu.Lock()
	v := r.keys[req.URL.Path]
	r.mu.Unlock()
	err := errors.New("no secret is known here")
	if v != nil {
		_, err = v.Verify(webhook.Request{Method: req.Method, URL: req.URL.String(), Header: req.Header, Body: body}, time.Now())
	}
	if err != nil {
		answer(w, 401, `{"error":"the signature is wrong"}`)
		return
	}
	answer(w, 200, `{"ok":true}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	kind := "text/plain; charset=utf-8"
	switch {
	case strings.HasPrefix(body, "{"):
		kind = "application/json"
	case strings.HasPrefix(body, "<"):
		kind = "text/html; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // who sent it may be gone
}

// pause waits, and says whether whoever asked is still there.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hijack says something that is no answer, and hangs up.
func hijack(w http.ResponseWriter, words string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, words)
}

// selfSigned is a certificate for a name that no authority knows of.
func selfSigned(name string, from, until time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until}
	if ip := net.ParseIP(name); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// direct is a transport without a proxy: what is called is this machine.
func direct() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	return t
}
