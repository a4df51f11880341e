package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// firstBytes is what a body gets before any of it was seen. Ten thousand requests that
// send nothing more hold 40 MiB.
const firstBytes = 4 << 10

// read reads the body, every byte of it as it was sent: neither decoded nor cut. Its
// memory grows with what came, whatever the header announces.
func (v *visit) read(ctx context.Context) *refusal {
	limit := int64(v.source.Settings.MaxBodyBytes)
	if limit == 0 {
		limit = hook.DefaultSourceBody
	}
	announced := v.req.ContentLength
	if announced > limit {
		return tooLarge(limit)
	}
	if announced == 0 || v.req.Body == nil || v.req.Body == http.NoBody {
		v.body = []byte{}
		return nil
	}
	// A body of unknown length may have one byte too many, by which we know.
	most := limit + 1
	if announced > 0 {
		most = announced
	}
	clock := newBodyClock(v.w, &v.o)
	v.hold = v.budget.enter(clock.cut)
	body, refused := v.readAll(ctx, clock, most, limit)
	if !v.hold.whole() && refused == nil {
		refused = outOfMemory() // cut in the last moment, and with it the request's context
	}
	clock.stop(refused == nil)
	v.body = body // of a refused one, what came is kept as a sample
	return refused
}

// readAll reads a body of up to most bytes, of which limit are allowed.
func (v *visit) readAll(ctx context.Context, clock *bodyClock, most, limit int64) ([]byte, *refusal) {
	announced := v.req.ContentLength
	var body []byte
	for int64(len(body)) < most {
		if len(body) == cap(body) {
			grown := v.grow(ctx, body, most)
			if grown == nil {
				return nil, outOfMemory()
			}
			body = grown
		}
		clock.extend(len(body))
		if v.hold.isCut.Load() { // maybe before the deadline was moved on
			return nil, outOfMemory()
		}
		n, err := v.req.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		v.hold.came(len(body))
		if int64(len(body)) > limit {
			return nil, tooLarge(limit)
		}
		switch {
		case err == io.EOF && (announced < 0 || int64(len(body)) == announced):
			return v.fit(body), nil
		case err == nil:
		case v.hold.isCut.Load():
			return nil, outOfMemory()
		case err == io.EOF:
			return body, brokenBody(io.ErrUnexpectedEOF, len(body), clock)
		default:
			return body, brokenBody(err, len(body), clock)
		}
	}
	return body, nil
}

// grow returns body with room for more, nil when the budget has none.
func (v *visit) grow(ctx context.Context, body []byte, most int64) []byte {
	size := min(max(2*int64(cap(body)), firstBytes), most)
	if v.req.ContentLength > 0 && 4*int64(cap(body)) >= most {
		size = most // a quarter has come: less is copied, and thrown away, than by two steps more
	}
	if !v.hold.take(ctx, size-int64(cap(body))) {
		return nil
	}
	return append(make([]byte, 0, size), body...)
}

// fit gives back memory of a body whose length was not known before: it may be kept for
// as long as its deliveries wait.
func (v *visit) fit(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	if cap(body)-len(body) <= len(body)/4 {
		return body
	}
	return append(make([]byte, 0, len(body)), body...)
}

// release gives the body's memory back to the budget. What is stored counts elsewhere by then.
func (v *visit) release() {
	if v.hold != nil {
		v.hold.leave()
	}
}

func outOfMemory() *refusal {
	return &refusal{
		status: http.StatusServiceUnavailable, code: "overloaded", detail: "Too many webhooks come in at once; send it again.",
		kind: "out of memory", reason: "the memory for bodies was used up by other requests", retryAfter: retryLater, closes: true,
	}
}

func tooLarge(limit int64) *refusal {
	return &refusal{
		status: http.StatusRequestEntityTooLarge, code: "payload_too_large", detail: fmt.Sprintf("The body has more than %d bytes.", limit),
		kind: "body too large", closes: true,
	}
}

func brokenBody(err error, n int, clock *bodyClock) *refusal {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &refusal{
			status: http.StatusRequestTimeout, code: "request_timeout", detail: "The body came too slowly.",
			kind: "body too slow", reason: fmt.Sprintf("the body came too slowly: %d bytes in %d s", n, int(time.Since(clock.began).Seconds())), closes: true,
		}
	}
	reason := "the body broke off"
	if !errors.Is(err, io.ErrUnexpectedEOF) && strings.Contains(err.Error(), "chunk") {
		reason = "the body is not chunked as HTTP/1.1 has it"
	}
	return &refusal{
		status: http.StatusBadRequest, code: "bad_request", detail: "The body could not be read.",
		kind: "body broken", reason: fmt.Sprintf("%s after %d bytes", reason, n), closes: true,
	}
}

// bodyClock cuts a body that comes too slowly, by the deadline of the connection: so much
// time for any body, and more with every byte.
type bodyClock struct {
	conn  *http.ResponseController
	o     *Options
	began time.Time
	next  int // bytes from which the deadline is moved on
	moved bool
}

// clockStep is after how many bytes the deadline is moved on.
const clockStep = 64 << 10

func newBodyClock(w http.ResponseWriter, o *Options) *bodyClock {
	return &bodyClock{conn: http.NewResponseController(w), o: o, began: time.Now()}
}

// extend sets the deadline for what comes after n bytes.
func (c *bodyClock) extend(n int) {
	if n < c.next {
		return
	}
	c.moved = n > 0
	c.next = n + clockStep
	allowed := c.o.BodyTimeout + time.Duration(float64(n)/float64(c.o.MinBodyRate)*float64(time.Second))
	// Not supported by a ResponseWriter without a connection, whose body is in memory.
	_ = c.conn.SetReadDeadline(c.began.Add(allowed))
}

// cut makes the reading fail.
func (c *bodyClock) cut() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

// stop ends the clock. After a body that was read to its end net/http takes the read
// deadline away by itself, so that it does not end the request's context while the
// request waits. After one that was not, net/http reads on for a while so that the answer
// arrives, which needs a bound.
func (c *bodyClock) stop(read bool) {
	if !read {
		_ = c.conn.SetReadDeadline(time.Now().Add(min(leftOverTime, c.o.BodyTimeout)))
		return
	}
	if c.moved {
		// The server's own write deadline runs from the header, and this body may have
		// taken longer than that.
		_ = c.conn.SetWriteDeadline(time.Now().Add(answerTime))
	}
}

// leftOverTime is how long the rest of a refused body is read and dropped.
const leftOverTime = 2 * time.Second

// answerTime is how long the answer to a large body may take, with all that comes before it.
const answerTime = 90 * time.Second
