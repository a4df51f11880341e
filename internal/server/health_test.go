package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/config"
)

func status(t *testing.T, h http.HandlerFunc, target string) int {
	t.Helper()
	w := httptest.NewRecorder()
	h(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Code
}

func TestReadinessFollowsStoreWorkersAndDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		h := &health{check: func(context.Context) error {
			if broken.Load() {
				return errors.New("disk")
			}
			return nil
		}}
		if got := status(t, h.readiness, "/readyz"); got != 200 {
			t.Errorf("at the start: %d", got)
		}
		broken.Store(true)
		time.Sleep(rememberCheck)
		if got := status(t, h.readiness, "/readyz"); got != 503 {
			t.Errorf("with a broken store: %d", got)
		}
		broken.Store(false)
		time.Sleep(rememberCheck)
		if got := status(t, h.readiness, "/readyz?verbose"); got != 200 {
			t.Errorf("with the store back: %d", got)
		}
		h.stopped(errors.New("dispatcher ended"))
		if got := status(t, h.readiness, "/readyz"); got != 503 {
			t.Errorf("without a dispatcher: %d", got)
		}
		h.worker.Store(nil)
		h.draining.Store(true)
		if got := status(t, h.readiness, "/readyz?verbose"); got != 503 {
			t.Errorf("while draining: %d", got)
		}
		if got := status(t, h.live, "/livez"); got != 200 {
			t.Errorf("livez while draining: %d", got)
		}
	})
}

// TestReadinessCannotWearOutTheDisk: whoever asks a thousand times causes one check.
func TestReadinessCannotWearOutTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := 0
		h := &health{check: func(context.Context) error { checks++; return nil }}
		for range 1000 {
			status(t, h.readiness, "/readyz")
		}
		if checks != 1 {
			t.Errorf("%d checks of the store", checks)
		}
	})
}

func TestMetricsAreForLocalClientsAndTokens(t *testing.T) {
	cases := []struct {
		name, why string
		config    config.Config
		peer      string
		header    map[string]string
		want      int
	}{
		{name: "this machine", why: "nothing to set up for a scraper beside the server", peer: "127.0.0.1:5", want: 200},
		{name: "this machine, IPv6", why: "the same", peer: "[::1]:5", want: 200},
		{name: "mapped address", why: "a dual-stack listener shows it so", peer: "[::ffff:127.0.0.1]:5", want: 200},
		{name: "the world", why: "metrics say who is how busy", peer: "192.0.2.1:5", want: 401},
		{name: "the world with a token", why: "an operator's scraper", peer: "192.0.2.1:5", header: map[string]string{"Authorization": "Bearer good"}, want: 200},
		{name: "a wrong token", why: "", peer: "192.0.2.1:5", header: map[string]string{"Authorization": "Bearer bad"}, want: 401},
		{name: "behind a proxy that says so", why: "its clients look local and are not", peer: "127.0.0.1:5", header: map[string]string{"X-Forwarded-For": "192.0.2.1"}, want: 401},
		{name: "behind a silent proxy", why: "the public URL says that there is one", config: config.Config{PublicURL: "https://hooks.example.com"}, peer: "127.0.0.1:5", want: 401},
		{name: "trusted proxies", why: "there are proxies", config: config.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, peer: "127.0.0.1:5", want: 401},
		{name: "a public URL on this machine", why: "no proxy", config: config.Config{PublicURL: "http://localhost:8071"}, peer: "127.0.0.1:5", want: 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := &metricsGate{
				show:          http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }),
				trustLoopback: trustsLoopback(&c.config),
				isToken:       func(_ *http.Request, text string) bool { return text == "good" },
			}
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.RemoteAddr = c.peer
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("status %d, want %d (%s)", w.Code, c.want, c.why)
			}
		})
	}
}
