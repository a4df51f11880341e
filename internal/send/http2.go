package send

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// maxHTTP2Bytes bounds what is read from an HTTP/2 connection for one answer, frames
// that carry nothing (PING, CONTINUATION) included.
const maxHTTP2Bytes = 512 << 10

var errFlood = errors.New("the receiver sent more than an answer may have")

// limitedConn ends a connection on which too much is received.
type limitedConn struct {
	net.Conn
	left atomic.Int64
}

func (c *limitedConn) allow(n int64) { c.left.Store(n) }

func (c *limitedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.left.Add(-int64(n)) < 0 {
		return 0, errFlood
	}
	return n, err
}

type connKey struct{}

// startHTTP2 makes c, whose handshake agreed on h2, a client connection of net/http. It
// has no pool, follows nothing and retries nothing: one RoundTrip is one request.
func (c *conn) startHTTP2(ctx context.Context, limit *limitedConn) error {
	t := &http.Transport{
		Protocols:              new(http.Protocols),
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeadBytes,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ctx.Value(connKey{}).(net.Conn), nil
		},
	}
	t.Protocols.SetHTTP2(true)
	var err error
	c.limit = limit
	c.h2, err = t.NewClientConn(context.WithValue(ctx, connKey{}, c.rw), "https", net.JoinHostPort(c.target.host, "443"))
	// net/http reads in the background from now on and has its own time-outs.
	c.raw.SetDeadline(time.Time{})
	return err
}

func (c *conn) http2Alive() bool { return c.h2.Err() == nil && c.h2.Available() > 0 }

// postHTTP2 sends r on c and keeps or closes c.
func (t *transport) postHTTP2(ctx context.Context, c *conn, r *request, deadline time.Time, a *hook.Attempt) error {
	headDeadline := deadline
	if t.o.HeaderTimeout > 0 {
		headDeadline = minTime(deadline, time.Now().Add(t.o.HeaderTimeout))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(time.Until(headDeadline), func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	c.limit.allow(maxHTTP2Bytes)
	method, to, body := http.MethodPost, r.to.url, io.ReadCloser(http.NoBody)
	if r.method != "" {
		method, to = r.method, r.forwardedURL()
	}
	// The body is copied, because net/http may still read it after RoundTrip has returned.
	if len(r.body) > 0 {
		body = io.NopCloser(bytes.NewReader(bytes.Clone(r.body)))
	}
	req := (&http.Request{
		Method:        method,
		URL:           to,
		Host:          r.to.url.Host,
		Header:        r.header(),
		Body:          body,
		ContentLength: int64(len(r.body)),
	}).WithContext(ctx)
	start := time.Now()
	resp, err := c.h2.RoundTrip(req)
	if err != nil {
		c.close()
		if context.Cause(ctx) == context.DeadlineExceeded {
			err = context.DeadlineExceeded
		}
		return &exchangeError{phase: exchanging, err: err, askedForCert: c.askedForCert, presented: c.presented}
	}
	bodyStart := time.Now()
	a.Timings.FirstByte = bodyStart.Sub(start)
	timer.Reset(time.Until(minTime(deadline, bodyStart.Add(t.o.BodyBudget))))
	record(a, head{
		status: resp.StatusCode, fields: fieldLines(resp.Header),
		retryAfter: []byte(resp.Header.Get("Retry-After")), wish: wishOf([]byte(resp.Header.Get("Webhook-Delivery"))),
	}, bodyStart)
	answer, err := io.ReadAll(io.LimitReader(resp.Body, hook.MaxStoredBody+1))
	if a.BodyTruncated = len(answer) > hook.MaxStoredBody; a.BodyTruncated {
		answer = answer[:hook.MaxStoredBody]
	}
	a.Body, a.BodyIncomplete = answer, err != nil
	resp.Body.Close()
	a.Timings.Body = time.Since(bodyStart)
	if err == nil && !a.BodyTruncated && context.Cause(ctx) == nil && c.http2Alive() {
		t.pool.put(c)
	} else {
		c.close()
	}
	return nil
}

// fieldLines writes a header as lines. Their order on the wire is not known any more.
func fieldLines(h http.Header) []byte {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			b = appendField(append(b, name...), ": ", value)
		}
	}
	return b
}
