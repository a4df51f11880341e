package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/server"
)

const (
	// maxShownBody is how much of an answer's body is kept to be looked at; of the rest so
	// much is read that the connection can be used again.
	maxShownBody  = 16 << 10
	maxAnswerRest = 1 << 20
)

// forwarder sends messages to the local server.
type forwarder struct {
	base  url.URL // where a published message goes
	http  *http.Client
	agent string
}

// exchange is one request to the local server and what came of it.
type exchange struct {
	method, url string
	status      int // 0 without an answer
	err         error
	took        time.Duration
	header      http.Header
	body        []byte // the begin of the answer's body
}

// newForwarder reads PORT or URL. What is no whole URL must be of this machine, also once
// its name is looked up.
func newForwarder(o *listenOptions) (*forwarder, error) {
	base, local, err := parseLocal(o.target)
	if err != nil {
		return nil, err
	}
	if o.path != "" {
		path, err := url.Parse(strings.TrimSuffix(base.EscapedPath(), "/") + o.path)
		if err != nil || path.Host != "" {
			return nil, usagef("--path %q cannot stand in a URL", o.path)
		}
		base.Path, base.RawPath = path.Path, path.RawPath
		if path.RawQuery != "" {
			base.RawQuery = path.RawQuery
		}
	}
	if base.Path == "" {
		base.Path = "/"
	}
	d := &net.Dialer{Timeout: 10 * time.Second}
	if local {
		d.Control = onlyLoopback
	}
	return &forwarder{
		base: *base, agent: "hookloft-listen/" + server.ReadBuild().Version,
		http: &http.Client{
			Timeout: o.forwardTimeout,
			// A redirect is an answer, as for an endpoint.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dialLocalhost(d), DisableCompression: true, MaxIdleConnsPerHost: 1,
				IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			},
		},
	}, nil
}

// dialLocalhost dials this machine for the name localhost without asking who resolves names,
// because there may be nobody (RFC 6761 section 6.3): 127.0.0.1, and ::1 when that refuses.
func dialLocalhost(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host != "localhost" {
			return d.DialContext(ctx, network, address)
		}
		conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err != nil && ctx.Err() == nil {
			if six, err := d.DialContext(ctx, network, net.JoinHostPort("::1", port)); err == nil {
				return six, nil
			}
		}
		return conn, err
	}
}

// parseLocal turns 3000, :3000, localhost:3000 or a URL into one; local: it is not a whole URL.
func parseLocal(text string) (_ *url.URL, local bool, err error) {
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		switch {
		case err != nil:
			return nil, false, usagef("%q cannot be read as a URL", text)
		case u.Scheme != "http" && u.Scheme != "https":
			return nil, false, usagef("the URL must begin with http:// or https://")
		case u.Hostname() == "":
			return nil, false, usagef("the URL has no host")
		case u.User != nil:
			return nil, false, usagef("the URL must not hold a user name or password")
		}
		u.Fragment, u.RawFragment = "", ""
		return u, false, nil
	}
	host, port, found := strings.Cut(text, ":")
	if !found {
		host, port = "", text
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, false, usagef("%q is neither a port (1 to 65535) nor a URL that begins with http://", text)
	}
	if host == "" {
		host = "localhost"
	}
	addr, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return nil, false, usagef("%q is not of this machine; write the whole URL if that is what you mean: http://%s", host, text)
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.FormatUint(n, 10))}, true, nil
}

// onlyLoopback refuses an address that is not of this machine, whatever the name says.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil || !addr.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not of this machine", address)
	}
	return nil
}

// String is where messages go, for people.
func (f *forwarder) String() string { return f.base.String() }

// send makes one request of a message.
func (f *forwarder) send(ctx context.Context, m api.ListenFrameOut) (x exchange) {
	req, err := f.request(ctx, m)
	if err != nil {
		x.err = err
		return x
	}
	x.method, x.url = req.Method, req.URL.String()
	began := time.Now()
	defer func() { x.took = time.Since(began) }()
	resp, err := f.http.Do(req)
	if err != nil {
		x.err = plainError(err)
		return x
	}
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	// The status stands, whatever becomes of the body.
	x.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxShownBody))
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerRest))
	return x
}

// plainError leaves out of an error what is on the screen already: method and URL.
func plainError(err error) error {
	var u *url.Error
	switch {
	case errors.As(err, &u) && u.Timeout():
		return errors.New("no answer in time")
	case errors.As(err, &u):
		return u.Err
	}
	return err
}

// request makes the request: a POST, or what a provider sent, with what followed the
// source's URL behind our own.
func (f *forwarder) request(ctx context.Context, m api.ListenFrameOut) (*http.Request, error) {
	method, target := http.MethodPost, f.base
	if r := m.Request; r != nil {
		method = r.Method
		if r.Path != "" {
			joined, err := url.Parse(strings.TrimSuffix(target.EscapedPath(), "/") + "/" + strings.TrimLeft(r.Path, "/"))
			if err != nil || joined.Host != "" {
				return nil, errors.New("the webhook's path cannot be forwarded")
			}
			target.Path, target.RawPath = joined.Path, joined.RawPath
		}
		if r.Query != "" {
			target.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+r.Query, "&")
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	if len(m.Body) == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("User-Agent", f.agent)
	for _, h := range m.Headers {
		if !isOfConnection(h[0]) {
			req.Header.Add(h[0], h[1])
		}
	}
	return req, nil
}

// isOfConnection reports whether a header belongs to one connection or frames the request.
func isOfConnection(name string) bool {
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect":
		return true
	}
	return false
}
