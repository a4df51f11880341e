package send

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// phase is how far a request came before it failed.
type phase uint8

const (
	dialing     phase = iota // look-up and connect
	handshaking              // TLS
	exchanging               // request and headers
)

// An exchangeError is a failure without an answer, and where it happened.
type exchangeError struct {
	phase phase
	err   error
	// answered: some bytes of an answer had come.
	answered bool
	// askedForCert: the receiver wanted a client certificate.
	askedForCert bool
	// presented: the receiver was shown a client certificate.
	presented bool
}

func (e *exchangeError) Error() string { return e.err.Error() }
func (e *exchangeError) Unwrap() error { return e.err }

// transport opens, keeps and uses connections.
type transport struct {
	dialer *egress.Dialer
	o      Options
	pool   *pool
	// sessions lets receivers resume TLS sessions. Certificates of a resumed session
	// are checked again by crypto/tls.
	sessions tls.ClientSessionCache
}

func newTransport(d *egress.Dialer, o Options) *transport {
	return &transport{
		dialer:   d,
		o:        o,
		pool:     newPool(o),
		sessions: tls.NewLRUClientSessionCache(1024),
	}
}

// errSpeaksHTTP2 is what a server gives away that answers a request of HTTP/1.1 with
// frames of HTTP/2. To such a server the request was noise (RFC 9113 section 3.4), so
// it may be sent again in the right language.
var errSpeaksHTTP2 = errors.New("the receiver speaks HTTP/2 only")

// post sends r and fills a with what was measured and answered. An error is an
// *exchangeError, or the context's own when that has ended, and means that there was no
// complete header block.
func (t *transport) post(ctx context.Context, r *request, a *hook.Attempt) error {
	err := t.tryPost(ctx, r, a)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		// Whatever broke, broke because we stopped it.
		return ctx.Err()
	}
	return err
}

func (t *transport) tryPost(ctx context.Context, r *request, a *hook.Attempt) error {
	deadline := a.StartedAt.Add(r.to.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	c := t.pool.get(r.to.target, deadline)
	a.Timings.Reused = c != nil
	protocol := http1Only
	for {
		if c == nil {
			var err error
			if c, err = t.open(ctx, r.to, deadline, protocol, a); err != nil {
				return err
			}
		}
		a.RemoteAddr, a.TLS = c.remote, c.tls
		again, err := t.use(ctx, c, r, deadline, a)
		switch {
		case !again:
			return err
		case errors.Is(err, errSpeaksHTTP2):
			protocol = http2Only
		}
		// Not one byte reached the receiver's application: a kept connection turned
		// out dead, or HTTP/2 is needed. A fresh connection never asks for the first.
		c, a.TLS = nil, nil
		a.Timings.Reused = false
	}
}

// use makes the exchange on c and keeps or closes it. again says that the request was
// not understood or not sent at all, so that another connection may be tried.
func (t *transport) use(ctx context.Context, c *conn, r *request, deadline time.Time, a *hook.Attempt) (again bool, err error) {
	if c.h2 != nil {
		return false, t.postHTTP2(ctx, c, r, deadline, a)
	}
	stop := c.closeWhenDone(ctx)
	keep, sent, err := c.exchange(r, deadline, t.o, a)
	if !stop() {
		keep = false
	}
	if keep {
		t.pool.put(c)
	} else {
		c.close()
	}
	if err == nil {
		return false, nil
	}
	again = ctx.Err() == nil && (!sent && a.Timings.Reused || errors.Is(err, errSpeaksHTTP2) && c.target.tls)
	return again, &exchangeError{phase: exchanging, err: err, answered: c.in.w > 0, askedForCert: c.askedForCert, presented: c.presented}
}

const (
	http1Only = "http/1.1"
	http2Only = "h2"
)

// open dials the endpoint's target and, for https, makes the handshake with one protocol on offer.
// http/1.1 is offered alone first, because the contract of webhooks is HTTP/1.1 and a
// choice would be the server's; h2 follows when the server refuses.
func (t *transport) open(ctx context.Context, p *prepared, deadline time.Time, protocol string, a *hook.Attempt) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	to, w := p.target, p.way()
	for {
		raw, trace, err := t.dialer.DialBy(ctx, to.host, to.port, w.routeOf())
		a.Timings.DNS += trace.DNS
		a.Timings.Connect += trace.Connect
		if trace.Remote.IsValid() {
			a.RemoteAddr = trace.Remote.String()
		}
		if err != nil {
			return nil, &exchangeError{phase: dialing, err: err}
		}
		if !to.tls {
			return newConn(to, raw, raw, a.RemoteAddr), nil
		}
		start := time.Now()
		c, told, err := t.handshake(ctx, to, w, raw, deadline, protocol, a.RemoteAddr)
		a.Timings.TLS += time.Since(start)
		if err == nil {
			return c, nil
		}
		raw.Close()
		if protocol == http1Only && refusesProtocol(err) {
			protocol = http2Only
			continue
		}
		a.TLS = told
		return nil, &exchangeError{phase: handshaking, err: err, presented: w.hasIdentity()}
	}
}

// handshake secures raw. On an error, told is what the receiver said of itself until then.
func (t *transport) handshake(ctx context.Context, to target, w *way, raw net.Conn, deadline time.Time, protocol, remote string) (_ *conn, told *hook.TLS, err error) {
	var limit *limitedConn
	under := raw
	if protocol == http2Only {
		// HTTP/2 reads by itself, so the bound on what is read lies below it.
		limit = &limitedConn{Conn: raw}
		under = limit
	}
	asked := false
	config := &tls.Config{
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return new(tls.Certificate), nil // none: go on without
		},
		ServerName:         strings.TrimSuffix(to.host, "."),
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{protocol},
		RootCAs:            t.o.RootCAs,
		ClientSessionCache: t.sessions,
	}
	if w != nil {
		w.tlsOf(config, &asked)
	}
	secure := tls.Client(under, config)
	if limit := time.Now().Add(t.o.TLSTimeout); limit.Before(deadline) {
		deadline = limit
	}
	raw.SetDeadline(deadline)
	if limit != nil {
		limit.allow(maxHTTP2Bytes)
	}
	err = secure.HandshakeContext(ctx)
	told = tlsOf(secure.ConnectionState(), err)
	if err != nil {
		return nil, told, err
	}
	c := newConn(to, raw, secure, remote)
	c.tls = told
	c.askedForCert, c.presented = asked, asked && w.hasIdentity()
	if protocol == http2Only {
		if told.Protocol != hook.HTTP2 {
			return nil, told, errors.New("the receiver refuses HTTP/1.1 and did not agree to HTTP/2")
		}
		if err := c.startHTTP2(ctx, limit); err != nil {
			return nil, told, err
		}
	}
	return c, nil, nil
}

// refusesProtocol reports whether a handshake failed on ALPN (RFC 7301 section 3.2:
// alert 120). crypto/tls keeps the alert's type to itself, hence the text.
func refusesProtocol(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && op.Err.Error() == "tls: no application protocol"
}
