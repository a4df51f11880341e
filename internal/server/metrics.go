package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// newRegistry returns where the process's metrics are gathered, and the handler that shows them.
func newRegistry() (*prometheus.Registry, http.Handler) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg, promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// newMetrics returns the process's metrics.
func newMetrics(reg prometheus.Registerer) *telemetry.Metrics {
	m := telemetry.NewMetrics(reg)
	b := ReadBuild()
	m.SetBuild(b.Version, b.Revision)
	return m
}

// computeMetrics says where the metrics come from that are computed when they are read.
func (n *node) computeMetrics() {
	s, dir, most := n.opened.store, n.c.Data, float64(n.c.RetentionBytes)
	n.metrics.StoreBytes.SetFunc(func() float64 { used, _ := s.Space(); return float64(used) })
	n.metrics.StoreMaxBytes.SetFunc(func() float64 { return most })
	n.metrics.DiskFreeBytes.SetFunc(func() float64 { return float64(freeBytes(dir)) })
	n.metrics.StoreFull.SetFunc(func() float64 {
		if _, isFull := s.Space(); isFull {
			return 1
		}
		return 0
	})
	n.metrics.CredentialsExpiring.SetFunc((&expiring{search: s, log: n.log}).count)
	n.metrics.Listeners.SetFunc(func() float64 { return float64(n.listening.Len()) })
}

// expiring counts the endpoints whose certificates end soon. It reads them all, so it
// remembers what it found.
type expiring struct {
	search store.Search
	log    *slog.Logger

	mu    sync.Mutex
	at    time.Time
	found float64
}

const (
	expiringEvery   = 10 * time.Minute
	expiringTimeout = 5 * time.Second
)

func (x *expiring) count() float64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	if !x.at.IsZero() && now.Sub(x.at) < expiringEvery {
		return x.found
	}
	ctx, cancel := context.WithTimeout(context.Background(), expiringTimeout)
	defer cancel()
	n := 0
	soon := now.Add(hook.CredentialWarning)
	err := x.search.EachCredentialed(ctx, 0, func(_ hook.EnvironmentID, _ bool, e *hook.Endpoint) bool {
		identity, authority := e.Credentials.Ends()
		if !identity.IsZero() && identity.Before(soon) || !authority.IsZero() && authority.Before(soon) {
			n++
		}
		return true
	})
	x.at = now
	if err != nil {
		x.log.Warn("certificates of endpoints not counted", telemetry.KeyError, err)
		return x.found
	}
	x.found = float64(n)
	return x.found
}

// requestRecorder counts API requests. Its labels are patterns of routes, so there are
// as many series as routes and codes, whatever clients ask for.
type requestRecorder struct{ m *telemetry.Metrics }

func (r requestRecorder) Request(route, method string, status int, took time.Duration) {
	r.m.HTTPRequestDuration.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// metricsGate shows metrics on the main listener, which may be open to the world, to
// two kinds of client only: those with an API token, and those on this machine where
// nothing hints at a proxy that would make everybody look like one of them.
type metricsGate struct {
	show http.Handler
	// trustLoopback: no setting says that a proxy stands in front.
	trustLoopback bool
	// isToken reports whether the text is a valid API token.
	isToken func(r *http.Request, text string) bool
}

// proxied are headers that proxies add.
var proxied = [...]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"}

func (g *metricsGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.isLocal(r) {
		g.show.ServeHTTP(w, r)
		return
	}
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !g.isToken(r, text) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		answerText(w, http.StatusUnauthorized, "metrics need an API token (Authorization: Bearer ...), or a listener of their own (--metrics-listen)\n")
		return
	}
	g.show.ServeHTTP(w, r)
}

func (g *metricsGate) isLocal(r *http.Request) bool {
	if !g.trustLoopback {
		return false
	}
	for _, name := range proxied {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// trustsLoopback reports whether clients on this machine may be taken for what they
// look like: neither a public URL elsewhere nor trusted proxies are configured.
func trustsLoopback(c *config.Config) bool {
	if len(c.TrustedProxies) > 0 {
		return false
	}
	if c.PublicURL == "" {
		return true
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return false
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
