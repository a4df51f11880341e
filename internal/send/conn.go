package send

import (
	"context"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// conn is one connection to a receiver, used by one attempt at a time.
type conn struct {
	target target
	remote string
	// raw is the socket, where deadlines are set; rw is raw or TLS over it.
	raw, rw net.Conn
	in      reader
	h2      *http.ClientConn // nil for HTTP/1.1
	limit   *limitedConn     // of h2
	tls     *hook.TLS        // what attempts say of it; nil without TLS
	// askedForCert: the receiver wanted a client certificate and went on without.
	askedForCert bool
	// presented: it was shown the endpoint's.
	presented bool

	// The probe of a kept connection, made once so that it costs no allocation.
	socket syscall.RawConn
	probe  func(fd uintptr) bool
	alive  bool // the probe's answer

	// The rest belongs to the pool.
	list       *idleList
	prev, next *conn
	idleSince  time.Time
	// idleUntil is when the receiver said it closes the connection; zero for unknown.
	idleUntil time.Time
}

func newConn(to target, raw, rw net.Conn, remote string) *conn {
	c := &conn{target: to, raw: raw, rw: rw, remote: remote}
	c.in = reader{src: rw, raw: raw, buf: make([]byte, readBufferBytes)}
	if s, ok := raw.(syscall.Conn); ok {
		if socket, err := s.SyscallConn(); err == nil {
			c.socket = socket
			c.probe = c.peek
		}
	}
	return c
}

func (c *conn) close() {
	if c.h2 != nil {
		_ = c.h2.Close()
	}
	// Not rw: a TLS close would first try to write an alert, for up to 5 s.
	c.raw.Close()
}

// closeWhenDone makes ctx's end interrupt the exchange. The returned function ends
// that; it is false when ctx has ended, and then the connection must not be kept.
func (c *conn) closeWhenDone(ctx context.Context) (stop func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { c.raw.Close() })
}

// exchange writes r and reads the answer into a. keep says that the connection is
// clean and may be used again; sent is false when not one byte was written. An error
// means that there was no complete header block.
func (c *conn) exchange(r *request, deadline time.Time, o Options, a *hook.Attempt) (keep, sent bool, err error) {
	c.raw.SetDeadline(deadline)
	begun := time.Now()
	var written chan error
	if r.bodyInBuf {
		n, err := c.rw.Write(r.buf)
		if err != nil && n == 0 && a.Timings.Reused {
			return false, false, err
		}
		// A receiver may have answered before it broke the connection, so the answer is
		// looked for; the reading side reports what happened otherwise.
	} else {
		written = make(chan error, 1) // one value, from writeAll
		go func() { written <- c.writeAll(r) }()
		defer func() {
			// The buffers belong to the writer until it has ended.
			if !keep {
				c.raw.Close()
				<-written //nolint:errcheck // the reading side reports what happened
			}
		}()
	}
	wrote := time.Now()
	if limit := begun.Add(o.HeaderTimeout); o.HeaderTimeout > 0 && limit.Before(deadline) {
		c.raw.SetReadDeadline(limit)
	}
	c.in.reset()
	h, err := c.in.readHead()
	if !c.in.firstByte.IsZero() {
		a.Timings.FirstByte = c.in.firstByte.Sub(wrote)
	}
	if err != nil {
		return false, true, err
	}
	h.toHEAD = r.method == http.MethodHead
	record(a, h, wrote)
	bodyStart := time.Now()
	c.in.beginBody(minTime(deadline, bodyStart.Add(o.BodyBudget)))
	clean := c.in.readBody(h, a)
	a.Timings.Body = time.Since(bodyStart)
	keep = clean && h.keep && c.in.r == c.in.w
	if keep && written != nil {
		keep = hasWritten(written)
	}
	if keep {
		c.idleUntil = time.Time{}
		if h.keepAlive > 0 {
			// A second early, so that the receiver's close does not cross a request.
			c.idleUntil = time.Now().Add(h.keepAlive - time.Second)
		}
	}
	return keep, true, nil
}

func (c *conn) writeAll(r *request) error {
	// TLS makes records of what it is given, so head and body go one after the other;
	// a plain socket takes both in one system call.
	buffers := net.Buffers{r.buf, r.body}
	_, err := buffers.WriteTo(c.rw)
	return err
}

// hasWritten reports whether the writer has written everything. It is waited for a
// little, because the answer to a whole request may overtake the writer's last word; a
// receiver that answered early gets no more of the request.
func hasWritten(written chan error) bool {
	patience := time.NewTimer(20 * time.Millisecond)
	defer patience.Stop()
	select {
	case err := <-written:
		written <- err
		return err == nil
	case <-patience.C:
		return false
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
