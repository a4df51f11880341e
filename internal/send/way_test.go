package send

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// tunnels is a proxy on loopback that opens what it is asked for.
type tunnels struct {
	*httptest.Server
	opened atomic.Int64
	login  string // of Proxy-Authorization; "" for none
}

func newTunnels(t *testing.T) *tunnels {
	t.Helper()
	p := &tunnels{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != p.login {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		p.opened.Add(1)
		up, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer up.Close()
		down, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer down.Close()
		io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		var back sync.WaitGroup
		back.Go(func() { io.Copy(up, down); up.Close() })
		io.Copy(down, up)
		down.Close()
		back.Wait()
	}))
	t.Cleanup(p.Close)
	return p
}

// TestRequestsLeaveThroughTheProxy sends over HTTP, TLS and HTTP/2, and gets the access token on
// the same way.
func TestRequestsLeaveThroughTheProxy(t *testing.T) {
	ca := newAuthority(t)
	certificate := ca.issue(t, testHost, time.Now().Add(time.Hour))
	for name, config := range map[string]*tls.Config{
		"plain": nil, "TLS": {Certificates: []tls.Certificate{certificate}},
		"HTTP/2": {Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}, GetConfigForClient: insistOnHTTP2},
	} {
		t.Run(name, func(t *testing.T) {
			r, tokens, p := newKeeper(t, config), newTokenServer(t), newTunnels(t)
			p.login = "Basic dXNlcjpwYXNz"
			sender, _ := newSender(t, Options{RootCAs: ca.pool()})
			o := tokens.settings()
			job := jobWith(r.url("/"), hook.Credentials{OAuth2: &o, Proxy: &hook.Proxy{URL: p.URL, Username: "user", Password: "pass"}})
			for range 3 {
				if a := mustSend(t, sender, job); a.RemoteAddr != r.Listener.Addr().String() {
					t.Errorf("the attempt says %s, want the receiver's address", a.RemoteAddr)
				}
			}
			want := int64(2) // the token's, and one that is kept
			if name == "HTTP/2" {
				want = 3 // HTTP/1.1 was refused first
			}
			if n := p.opened.Load(); n != want {
				t.Errorf("%d tunnels, want %d", n, want)
			}
			if got, _ := r.last(t); got.Header.Get("Proxy-Authorization") != "" || got.Header.Get("Authorization") != "Bearer token-1" {
				t.Errorf("the receiver got %v", got.Header)
			}
			job.Endpoint.Credentials = &hook.Credentials{Proxy: &hook.Proxy{URL: p.URL, Username: "user", Password: "canary"}}
			again := *job.Endpoint
			job.Endpoint = &again
			if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonProxy || !strings.Contains(a.Error, "407") || strings.Contains(a.Error, "canary") {
				t.Errorf("wrong password: %v %s", a.Reason, a.Error)
			}
		})
	}
}

// TestScriptLeavesOnTheEndpointsWay: a script that leads elsewhere takes no credentials along, and
// goes round no proxy.
func TestScriptLeavesOnTheEndpointsWay(t *testing.T) {
	r, p := newKeeper(t, nil), newTunnels(t)
	sender, s, job := scripted(t, 1, `function handler(w) { w.url = w.env.to; return w }`)
	job.Endpoint.Transformation.Variables = map[string]string{"to": r.url("/x")}
	job.Endpoint.Credentials = &hook.Credentials{Bearer: "canary", APIKey: &hook.APIKey{In: hook.InQuery, Name: "k", Value: "canary"}, Proxy: &hook.Proxy{URL: p.URL}}
	mustSend(t, sender, job)
	got, _ := r.last(t)
	if got.Header.Get("Authorization") != "" || got.URL.String() != "/x" || p.opened.Load() != 1 || len(s.seen) != 0 {
		t.Errorf("%s %v, %d tunnels", got.URL, got.Header, p.opened.Load())
	}
}

func TestRequestsLeaveFromTheSourceAddress(t *testing.T) {
	r := newKeeper(t, nil)
	from := netip.MustParseAddr("127.0.0.9")
	sender := New(egress.NewDialer(loopbackGuard(t), egress.Options{Resolver: &testNet{}, Sources: []netip.Addr{from}}), Options{})
	t.Cleanup(sender.Close)
	mustSend(t, sender, jobWith(r.url("/"), hook.Credentials{SourceAddress: from.String()}))
	if got, _ := r.last(t); !strings.HasPrefix(got.RemoteAddr, "127.0.0.9:") {
		t.Errorf("came from %s", got.RemoteAddr)
	}
	// Once the operator no longer offers it, nothing leaves from elsewhere.
	if a := sender.Send(t.Context(), jobWith(r.url("/"), hook.Credentials{SourceAddress: "127.0.0.10"})); a.Reason != hook.ReasonCredentials || r.count() != 1 {
		t.Errorf("%v %s, %d requests", a.Reason, a.Error, r.count())
	}
}
