// Package egress is the only way out: every connection that Hookloft opens to a URL
// that somebody else gave is dialled here, and every such URL is checked here when
// it is stored.
//
// Promise: nothing inside is reachable from outside. ParseURL refuses what can be
// refused by reading; but a name may lead anywhere, and elsewhere a second later
// (DNS rebinding). So a Dialer resolves the name itself, judges every address by the
// Guard, and connects to a literal address that it has judged: there is no second
// look-up that could answer differently. A hook on the socket judges the address
// once more, after everything else and before the first packet. Proxy settings of
// the environment are not read.
package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Resolver looks up the addresses of a name. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DialFunc opens a TCP connection to a literal address, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options are the knobs of a Dialer. The zero value is a good start.
type Options struct {
	// Resolver looks names up. Nil means net.DefaultResolver.
	Resolver Resolver
	// Dial opens sockets. Nil means the system's, with the guard as a second belt.
	// Only tests set it.
	Dial DialFunc
	// ConnectTimeout bounds look-up and connect together, inside the context's own
	// deadline. Zero means 10 s; below a second, far-away receivers fail.
	ConnectTimeout time.Duration
	// Sources are the local addresses that a Route may ask for. Nil: none.
	Sources []netip.Addr
	// RootCAs verify proxies that are spoken to over TLS. Nil means the system's.
	RootCAs *x509.CertPool
}

const (
	defaultConnectTimeout = 10 * time.Second
	// maxCandidates is how many addresses of a name are tried. A hostile zone may
	// hold thousands.
	maxCandidates = 8
	// minShare is the least time that one of several addresses gets to answer.
	minShare = 500 * time.Millisecond
)

// Dialer opens connections to addresses that its Guard allows. It may be used by
// many goroutines.
type Dialer struct {
	guard          *Guard
	resolver       Resolver
	dial           DialFunc
	system         *net.Dialer // what dial uses; nil where a test brought its own
	sources        []netip.Addr
	roots          *x509.CertPool
	connectTimeout time.Duration
}

// NewDialer returns a Dialer under g.
func NewDialer(g *Guard, o Options) *Dialer {
	d := &Dialer{guard: g, resolver: o.Resolver, dial: o.Dial, sources: o.Sources, roots: o.RootCAs, connectTimeout: o.ConnectTimeout}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	if d.dial == nil {
		d.system = &net.Dialer{
			// The candidates are tried here, one literal address at a time.
			FallbackDelay:  -1,
			ControlContext: d.control,
			// A dead peer of a kept connection is noticed before it is used, not by probes.
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 3},
		}
		d.dial = d.system.DialContext
	}
	if d.connectTimeout <= 0 {
		d.connectTimeout = defaultConnectTimeout
	}
	return d
}

// control is the second belt: it sees the address that the kernel will get.
func (d *Dialer) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &BlockedError{Why: "cannot be read"}
	}
	return d.guard.Judge(ap.Addr())
}

// Trace says how a dial went, also when it failed.
type Trace struct {
	// DNS is how long the look-up took; 0 for a literal address.
	DNS time.Duration
	// Connect is how long connecting took, over all addresses tried.
	Connect time.Duration
	// Remote is the address that was dialled last; the zero value when none was.
	Remote netip.AddrPort
}

// A LookupError says that a name has no address now.
type LookupError struct {
	Host string
	// Timeout: the resolver did not answer in time. Otherwise NotFound tells a name
	// that does not exist, or has no address, from a resolver in trouble.
	Timeout, NotFound bool
	err               error
}

func (e *LookupError) Error() string {
	switch {
	case e.Timeout:
		return "look-up of " + e.Host + " timed out"
	case e.NotFound:
		return e.Host + " does not exist in DNS, or has no address"
	}
	return "look-up of " + e.Host + " failed: the name server reported an error"
}

func (e *LookupError) Unwrap() error { return e.err }

// Dial resolves host (a name, or an address without brackets) and connects to the
// first of its allowed addresses that answers. Errors are a *BlockedError when the
// rules forbid every address, a *LookupError when there is none, and else the last
// address's *net.OpError or the context's error. On error no connection is left open.
func (d *Dialer) Dial(ctx context.Context, host string, port uint16) (net.Conn, Trace, error) {
	return d.DialBy(ctx, host, port, Route{})
}

// DialBy is Dial on a way of the caller's choice. Through a proxy the rules are the same:
// host is resolved and judged here, and the proxy is told the address. Beside the errors
// of Dial there are *ProxyError and *SourceError.
func (d *Dialer) DialBy(ctx context.Context, host string, port uint16, r Route) (net.Conn, Trace, error) {
	var t Trace
	ctx, cancel := context.WithTimeout(ctx, d.connectTimeout)
	defer cancel()
	if r.Proxy == nil {
		conn, err := d.connectHost(ctx, host, port, r.Source, &t)
		return conn, t, err
	}
	candidates, err := d.candidates(ctx, host, &t)
	if err != nil {
		return nil, t, err
	}
	start := time.Now()
	conn, err := d.dialThrough(ctx, candidates, port, r, &t)
	t.Connect = time.Since(start)
	return conn, t, err
}

// connectHost resolves host and connects to the first of its allowed addresses that answers.
func (d *Dialer) connectHost(ctx context.Context, host string, port uint16, source netip.Addr, t *Trace) (net.Conn, error) {
	dial, err := d.dialFrom(source)
	if err != nil {
		return nil, err
	}
	candidates, err := d.candidates(ctx, host, t)
	if err != nil {
		return nil, err
	}
	if source.IsValid() {
		candidates = slices.DeleteFunc(candidates, func(a netip.Addr) bool { return a.Is4() != source.Is4() })
		if len(candidates) == 0 {
			return nil, &SourceError{"the receiver has no address of the family of the endpoint's source address " + source.String()}
		}
	}
	start := time.Now()
	var conn net.Conn
	for i, a := range candidates {
		t.Remote = netip.AddrPortFrom(a, port)
		conn, err = d.connect(ctx, dial, t.Remote, len(candidates)-i)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	t.Connect = time.Since(start)
	if errors.Is(err, syscall.EADDRNOTAVAIL) && source.IsValid() {
		return nil, &SourceError{"the endpoint's source address " + source.String() + " is none of this server's"}
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Remote, err)
	}
	return conn, nil
}

// dialFrom returns what opens sockets from a local address.
func (d *Dialer) dialFrom(source netip.Addr) (DialFunc, error) {
	if !source.IsValid() {
		return d.dial, nil
	}
	if !slices.Contains(d.sources, source) || d.system == nil {
		return nil, &SourceError{"the operator of this server does not allow the endpoint's source address " + source.String()}
	}
	from := *d.system
	from.LocalAddr = &net.TCPAddr{IP: source.AsSlice()}
	return from.DialContext, nil
}

// DialContext is Dial in the form that http.Transport takes.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, fmt.Errorf("network %q is not tcp", network)
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("read port: %w", err)
	}
	conn, _, err := d.Dial(ctx, host, uint16(port))
	return conn, err
}

// candidates returns the addresses of host that may be dialled, in the resolver's
// order: at least one, or an error, which is a *BlockedError about the first address
// when all are forbidden.
func (d *Dialer) candidates(ctx context.Context, host string, t *Trace) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if err := d.guard.Judge(a); err != nil {
			return nil, err
		}
		return []netip.Addr{a.Unmap()}, nil
	}
	start := time.Now()
	found, err := d.resolver.LookupNetIP(ctx, "ip", rooted(host))
	t.DNS = time.Since(start)
	if err != nil {
		return nil, lookupError(ctx, host, err)
	}
	if len(found) == 0 {
		return nil, &LookupError{Host: host, NotFound: true}
	}
	var allowed []netip.Addr
	var blocked *BlockedError
	for _, a := range found {
		if why := d.guard.refusal(a); why != "" {
			if blocked == nil {
				blocked = &BlockedError{Host: host, Addr: a, Why: why}
			}
			continue
		}
		if len(allowed) < maxCandidates {
			allowed = append(allowed, a.Unmap())
		}
	}
	if len(allowed) == 0 {
		return nil, blocked
	}
	return allowed, nil
}

// rooted ends a full name with a dot, so that the resolver does not try it under the
// search domains of this machine's network, where a tenant has no business. Single
// labels, which only an operator can have allowed, are looked up as they are.
func rooted(host string) string {
	if strings.Contains(host, ".") && !strings.HasSuffix(host, ".") {
		return host + "."
	}
	return host
}

func lookupError(ctx context.Context, host string, err error) error {
	e := &LookupError{Host: host, err: err}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		e.Timeout, e.NotFound = dns.IsTimeout, dns.IsNotFound
	}
	if ctx.Err() != nil {
		e.Timeout = true
	}
	return e
}

// connect dials one judged address. Every address but the last gets its share of the
// time that is left, so that one black hole does not eat the time of its siblings.
func (d *Dialer) connect(ctx context.Context, dial DialFunc, to netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		share := max(time.Until(deadline)/time.Duration(left), minShare)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, share)
		defer cancel()
	}
	return dial(ctx, "tcp", to.String())
}
