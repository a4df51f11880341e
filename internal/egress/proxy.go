package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Route is how a connection leaves. The zero value is the direct way.
type Route struct {
	// Source is the local address to leave from, one of Options.Sources; the zero value for any.
	Source netip.Addr
	// Proxy opens the connection; nil for none.
	Proxy *Proxy
}

// Proxy is an HTTP proxy that opens tunnels (CONNECT, RFC 9110 section 9.3.6).
type Proxy struct {
	// Host is a name or an address without brackets. It is resolved and judged as every
	// host is: a proxy inside the network needs the operator's leave.
	Host string
	Port uint16
	// TLS speaks to the proxy itself over TLS.
	TLS bool
	// Username and Password are sent to it (RFC 7617); both "" for none.
	Username, Password string
}

// ParseProxy checks the URL of a proxy, http://host:port or https://host:port, and returns it in
// the one spelling in which it is stored. It makes no look-up. The error is a *URLError.
func ParseProxy(raw string, p Policy) (string, error) {
	p.AllowHTTP = true // what is secret goes through the tunnel, which has its own TLS
	text, err := ParseURL(raw, p)
	if err != nil {
		return "", err
	}
	scheme, rest, _ := strings.Cut(text, "://")
	host, target, _ := strings.Cut(rest, "/")
	if target != "" {
		return refuse("a proxy's URL has no path and no query")
	}
	return scheme + "://" + host, nil
}

// NewProxy returns the proxy at a URL that ParseProxy has made.
func NewProxy(raw, username, password string) (*Proxy, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the proxy's URL cannot be read")
	}
	p := &Proxy{Host: u.Hostname(), Port: 80, TLS: u.Scheme == "https", Username: username, Password: password}
	if p.TLS {
		p.Port = 443
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return nil, errors.New("the proxy's URL cannot be read")
		}
		p.Port = uint16(port)
	}
	return p, nil
}

// A ProxyError says that a proxy did not open a connection. Its text holds no secret.
type ProxyError struct {
	Text string
	// Refused: the proxy can be reached, and does not open this connection, whatever its address.
	Refused bool
	err     error
}

func (e *ProxyError) Error() string { return e.Text }
func (e *ProxyError) Unwrap() error { return e.err }

// A SourceError says that a connection cannot leave from the address that was asked for.
type SourceError struct{ Text string }

func (e *SourceError) Error() string { return e.Text }

const (
	// maxProxyHead bounds what a proxy answers to CONNECT.
	maxProxyHead = 16 << 10
	// maxTunnels is how many addresses of a name a proxy is asked for.
	maxTunnels = 3
)

// dialThrough has a proxy connect to the first of judged addresses that it reaches. The
// proxy is told an address, never the name: what it would resolve by itself, nobody could
// have judged, and a proxy stands where it reaches more than we do.
func (d *Dialer) dialThrough(ctx context.Context, candidates []netip.Addr, port uint16, r Route, t *Trace) (net.Conn, error) {
	var last error
	for i, a := range candidates {
		if i == maxTunnels {
			break
		}
		t.Remote = netip.AddrPortFrom(a, port)
		conn, err := d.tunnel(ctx, t.Remote, r)
		if err == nil {
			return conn, nil
		}
		last = err
		var refused *ProxyError
		if ctx.Err() != nil || !errors.As(err, &refused) || refused.Refused {
			break
		}
	}
	return nil, last
}

// tunnel opens one connection through the proxy.
func (d *Dialer) tunnel(ctx context.Context, to netip.AddrPort, r Route) (net.Conn, error) {
	p := r.Proxy
	var t Trace
	conn, err := d.connectHost(ctx, p.Host, p.Port, r.Source, &t)
	if err != nil {
		var blocked *BlockedError
		var source *SourceError
		switch {
		case errors.As(err, &blocked):
			return nil, &ProxyError{Text: "the proxy's address is not allowed: " + blocked.Error(), Refused: true, err: err}
		case errors.As(err, &source):
			return nil, err
		case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
			return nil, &ProxyError{Text: "the proxy did not accept the connection in time", Refused: true, err: err}
		}
		return nil, &ProxyError{Text: "the proxy cannot be reached", Refused: true, err: err}
	}
	// Whatever the proxy does, the handshake ends with ctx.
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	raw := conn
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	opened, err := p.handshake(ctx, conn, to, d.roots)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	raw.SetDeadline(time.Time{})
	return opened, nil
}

func (p *Proxy) handshake(ctx context.Context, conn net.Conn, to netip.AddrPort, roots *x509.CertPool) (net.Conn, error) {
	if p.TLS {
		secure := tls.Client(conn, &tls.Config{ServerName: strings.TrimSuffix(p.Host, "."), MinVersion: tls.VersionTLS12, RootCAs: roots, NextProtos: []string{"http/1.1"}})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, &ProxyError{Text: "the TLS handshake with the proxy failed", Refused: true, err: err}
		}
		conn = &tunnel{Conn: secure, under: conn}
	}
	head := fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n", to, to)
	if p.Username != "" || p.Password != "" {
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.Username+":"+p.Password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return nil, &ProxyError{Text: "the proxy closed the connection", err: err}
	}
	in := bufio.NewReaderSize(io.LimitReader(conn, maxProxyHead), 1<<10)
	resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // what follows is the tunnel, and belongs to the caller
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, &ProxyError{Text: "the proxy did not answer in time", Refused: true, err: err}
		}
		return nil, &ProxyError{Text: "the proxy closed the connection, or its answer is not HTTP", err: err}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusedBy(resp.StatusCode)
	}
	if in.Buffered() > 0 {
		// No receiver speaks first: these bytes are the proxy's own.
		return nil, &ProxyError{Text: "the proxy sent something into the tunnel that it opened", Refused: true}
	}
	return conn, nil
}

// tunnel is a connection through TLS to a proxy. It is closed without a farewell, which
// could take seconds, and lets its owner look at the socket.
type tunnel struct {
	net.Conn
	under net.Conn
}

func (t *tunnel) Close() error { return t.under.Close() }

func (t *tunnel) SyscallConn() (syscall.RawConn, error) {
	if c, ok := t.under.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func refusedBy(status int) error {
	e := &ProxyError{Text: fmt.Sprintf("the proxy answered %d", status), Refused: true}
	switch {
	case status == http.StatusProxyAuthRequired:
		e.Text = "the proxy wants another user name or password (407)"
	case status == http.StatusForbidden:
		e.Text = "the proxy does not allow this receiver (403)"
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		e.Text, e.Refused = fmt.Sprintf("the proxy could not reach the receiver (%d)", status), false
	}
	return e
}
