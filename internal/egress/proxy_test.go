package egress

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// connectProxy is a real HTTP proxy on loopback that opens tunnels. Whatever address it is
// asked for, it connects to target.
type connectProxy struct {
	*httptest.Server
	target string
	// login is "user:password" that it asks for; "" for nobody's.
	login string
	// status is answered in place of a tunnel; 0 for a tunnel.
	status int
	// chatty proxies write into the tunnel; silent ones do not answer.
	chatty, silent bool

	mu    sync.Mutex
	asked []string
}

func newConnectProxy(t *testing.T, target string, isTLS bool) *connectProxy {
	t.Helper()
	p := &connectProxy{target: target}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.Method+" "+r.Host)
		p.mu.Unlock()
		if p.silent {
			<-r.Context().Done()
			return
		}
		if p.login != "" && r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(p.login)) {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if p.status != 0 {
			w.WriteHeader(p.status)
			return
		}
		up, err := net.Dial("tcp", p.target)
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
		words := "HTTP/1.1 200 Connection established\r\n\r\n"
		if p.chatty {
			words += "hello"
		}
		io.WriteString(down, words)
		go func() { io.Copy(up, down); up.Close() }()
		io.Copy(down, up)
	}))
	if isTLS {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func (p *connectProxy) route(t *testing.T) Route {
	t.Helper()
	user, password, _ := strings.Cut(p.login, ":")
	proxy, err := NewProxy(p.URL, user, password)
	if err != nil {
		t.Fatal(err)
	}
	return Route{Proxy: proxy}
}

// echo is a server that repeats a line.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); io.Copy(c, c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

func TestDialThroughProxy(t *testing.T) {
	for _, isTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", isTLS), func(t *testing.T) {
			p := newConnectProxy(t, echo(t), isTLS)
			p.login = "user:pass word"
			o := Options{Resolver: &fakeResolver{answers: map[string]dnsAnswer{"hooks.example.com": {A: []string{"10.0.0.1", "1.1.1.1"}}}}}
			if isTLS {
				o.RootCAs = p.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			}
			d := NewDialer(newGuard(t, "127.0.0.0/8"), o)
			conn, trace, err := d.DialBy(t.Context(), "hooks.example.com", 443, p.route(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if trace.Remote.String() != "1.1.1.1:443" {
				t.Errorf("trace says %v", trace.Remote)
			}
			// The proxy is told the address that was judged, and never the name.
			if want := []string{"CONNECT 1.1.1.1:443"}; !slices.Equal(p.requests(), want) {
				t.Errorf("the proxy was asked %q, want %q", p.requests(), want)
			}
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.WriteString(conn, "ping"); err != nil {
				t.Fatal(err)
			}
			var b [4]byte
			if _, err := io.ReadFull(conn, b[:]); err != nil || string(b[:]) != "ping" {
				t.Errorf("read %q, %v", b, err)
			}
		})
	}
}

// TestProxyOpensNothingInside: behind a proxy the rules are the same. It is asked for nothing
// that the guard refuses, and stands itself under the guard.
func TestProxyOpensNothingInside(t *testing.T) {
	p := newConnectProxy(t, echo(t), false)
	resolver := &fakeResolver{answers: map[string]dnsAnswer{"inside.example.com": {A: []string{"169.254.169.254"}}}}
	d := NewDialer(newGuard(t, "127.0.0.0/8"), Options{Resolver: resolver})
	for _, host := range []string{"inside.example.com", "10.0.0.1", "::1"} {
		_, _, err := d.DialBy(t.Context(), host, 443, p.route(t))
		var blocked *BlockedError
		var proxy *ProxyError
		if !errors.As(err, &blocked) || errors.As(err, &proxy) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if len(p.requests()) != 0 {
		t.Errorf("the proxy was asked %q", p.requests())
	}
	_, _, err := NewDialer(newGuard(t), Options{}).DialBy(t.Context(), "1.1.1.1", 443, p.route(t))
	var proxy *ProxyError
	if !errors.As(err, &proxy) || !strings.Contains(err.Error(), "the proxy's address is not allowed") {
		t.Errorf("a proxy on a forbidden address: %v", err)
	}
}

func TestProxyInTrouble(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, c := range []struct {
		name   string
		change func(*connectProxy)
		words  string
		asks   int // of two addresses
	}{
		{"wrong password", func(p *connectProxy) { p.login = "other:one" }, "user name or password (407)", 1},
		{"not this receiver", func(p *connectProxy) { p.status = 403 }, "does not allow this receiver (403)", 1},
		{"a teapot", func(p *connectProxy) { p.status = 418 }, "answered 418", 1},
		{"receiver unreachable", func(p *connectProxy) { p.target = closed.Addr().String() }, "could not reach the receiver (502)", 2},
		{"talks into the tunnel", func(p *connectProxy) { p.chatty = true }, "into the tunnel", 1},
		{"says nothing", func(p *connectProxy) { p.silent = true }, "did not answer in time", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newConnectProxy(t, echo(t), false)
			p.login = "user:canary"
			route := p.route(t)
			c.change(p)
			if p.login == "user:canary" {
				p.login = ""
			}
			resolver := &fakeResolver{answers: map[string]dnsAnswer{"hooks.example.com": {A: []string{"1.1.1.1", "1.1.1.2"}}}}
			d := NewDialer(newGuard(t, "127.0.0.0/8"), Options{Resolver: resolver, ConnectTimeout: 2 * time.Second})
			if p.silent {
				d.connectTimeout = 200 * time.Millisecond
			}
			conn, _, err := d.DialBy(t.Context(), "hooks.example.com", 443, route)
			if err == nil {
				conn.Close()
			}
			var proxy *ProxyError
			if !errors.As(err, &proxy) || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if got := p.requests(); len(got) != c.asks {
				t.Errorf("asked %q, want %d", got, c.asks)
			}
			p.CloseClientConnections()
		})
	}
}

// TestProxyThatIsNone answers CONNECT with what is no HTTP, and with a head that does not end.
func TestProxyThatIsNone(t *testing.T) {
	for _, answer := range []string{"SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20)} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			io.WriteString(c, answer)
			io.Copy(io.Discard, c)
		}()
		proxy, err := NewProxy("http://"+l.Addr().String(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = NewDialer(newGuard(t, "127.0.0.0/8"), Options{}).DialBy(t.Context(), "1.1.1.1", 443, Route{Proxy: proxy})
		var wrong *ProxyError
		if !errors.As(err, &wrong) {
			t.Errorf("%.20q: %v", answer, err)
		}
		l.Close()
		<-done
	}
}

func TestCancelledDialLeavesTheProxy(t *testing.T) {
	p := newConnectProxy(t, echo(t), false)
	p.silent = true
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, _, err := NewDialer(newGuard(t, "127.0.0.0/8"), Options{}).DialBy(ctx, "1.1.1.1", 443, p.route(t))
	if err == nil {
		t.Error("it opened")
	}
	p.CloseClientConnections()
}

func TestParseProxy(t *testing.T) {
	p := Policy{Guard: newGuard(t, "127.0.0.0/8")}
	for raw, want := range map[string]string{
		"http://Proxy.example.com:3128": "http://proxy.example.com:3128", "https://proxy.example.com": "https://proxy.example.com",
		"http://127.0.0.1:3128/": "http://127.0.0.1:3128", "http://[2606:4700::1]:8080": "http://[2606:4700::1]:8080",
	} {
		if got, err := ParseProxy(raw, p); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"", "proxy.example.com:3128", "socks5://proxy.example.com:1080", "http://u:p@proxy.example.com:3128", "http://proxy.example.com/path", "http://proxy.example.com:3128/?a=b",
		"http://10.0.0.1:3128", "http://proxy:3128", "http://proxy.example.com:25", "http://proxy.example.com:99999",
	} {
		if got, err := ParseProxy(raw, p); err == nil {
			t.Errorf("%s is accepted as %s", raw, got)
		}
	}
}

// TestSourceAddress leaves from another loopback address than the usual one.
func TestSourceAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	from := netip.MustParseAddr("127.0.0.9")
	elsewhere := netip.MustParseAddr("203.0.113.7")
	resolver := &fakeResolver{answers: map[string]dnsAnswer{"v6.example.com": {AAAA: []string{"2606:4700::1"}}, "hooks.example.com": {A: []string{"127.0.0.1"}, AAAA: []string{"2606:4700::1"}}}}
	d := NewDialer(newGuard(t, "127.0.0.0/8"), Options{Sources: []netip.Addr{from, elsewhere}, Resolver: resolver})
	conn, _, err := d.DialBy(t.Context(), "hooks.example.com", port, Route{Source: from})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if got := peer.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); got != from {
		t.Errorf("came from %v, want %v", got, from)
	}
	for host, source := range map[string]netip.Addr{
		"127.0.0.1":         netip.MustParseAddr("127.0.0.10"), // not among those that the operator offers
		"hooks.example.com": elsewhere,                         // none of this machine's
		"v6.example.com":    from,                              // of the other family
	} {
		_, _, err := d.DialBy(t.Context(), host, port, Route{Source: source})
		var wrong *SourceError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), source.String()) {
			t.Errorf("%s from %v: %v", host, source, err)
		}
	}
}

// requests returns what the proxy was asked for.
func (p *connectProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}
