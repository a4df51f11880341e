package server

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// clients is a listener that bounds how many connections are open at once. Anybody can
// open connections and leave them idle, or send a request byte by byte, so when there is
// no room, the one that has been without a whole request for the longest time is closed
// in favour of a new one: who wants nothing keeps nobody out. Only when every connection
// has a request under way must new ones wait. What of unfinished requests lies in memory
// is bounded in the same spirit.
type clients struct {
	net.Listener
	limit int
	// unfinished is how many bytes were read from connections without a request under way.
	unfinished atomic.Int64

	mu sync.Mutex
	// room is signalled when a connection ends, comes to rest or has had its time to be
	// answered, and broadcast at the end.
	room sync.Cond
	open int
	// resting is of *client: those without a request under way, the longest first.
	resting list.List
	closed  bool
}

// answerTime is how long an answer may take to be written out before its connection may
// be closed, where net/http does not say that it is.
const answerTime = 500 * time.Millisecond

const (
	// maxUnfinished bounds clients.unfinished. What net/http holds for it is a few times as much.
	maxUnfinished = 8 << 20
	// fairUnfinished is what one connection may hold of it even when there is too much:
	// the headers of genuine requests are shorter.
	fairUnfinished = 8 << 10
)

var errNoRoom = errors.New("too many unfinished requests")

// client is one connection.
type client struct {
	net.Conn
	all        *clients
	unfinished atomic.Int64 // its part of all.unfinished
	working    atomic.Bool  // requests > 0
	gone       atomic.Bool  // closed

	// The rest belongs to the mutex of all.
	requests int           // under way; a connection of HTTP/2 may have many
	place    *list.Element // in all.resting; nil with a request under way, and once closed
	// since is when it came to rest; unwritten: an answer may not be written out yet.
	since     time.Time
	unwritten bool
	isHTTP2   bool
	closed    bool
}

func newClients(l net.Listener, limit int) *clients {
	c := &clients{Listener: l, limit: limit}
	c.room.L = &c.mu
	return c
}

// Accept waits for a connection, and then for room: the one in hand is over the bound,
// and is served by nobody yet. net/http calls it from one goroutine.
func (c *clients) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	n := &client{Conn: conn, all: c}
	c.mu.Lock()
	var out *client
	for c.open >= c.limit && !c.closed {
		if out = c.dispensable(time.Now()); out != nil {
			break
		}
		c.room.Wait()
	}
	if c.closed {
		c.mu.Unlock()
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	if out != nil {
		out.drop() // from here on it cannot begin a request
	}
	c.open++
	n.place = c.resting.PushBack(n)
	c.mu.Unlock()
	if out != nil {
		_ = out.Conn.Close()
	}
	return n, nil
}

// dispensable returns the connection to close in favour of a new one; nil for none, and
// then room is signalled once there may be one. The caller holds mu.
func (c *clients) dispensable(now time.Time) *client {
	first := c.resting.Front()
	if first == nil {
		return nil
	}
	out := first.Value.(*client)
	if wait := answerTime - now.Sub(out.since); out.unwritten && wait > 0 {
		time.AfterFunc(wait, c.room.Signal)
		return nil
	}
	return out
}

// Close ends the listening; connections stay.
func (c *clients) Close() error {
	c.mu.Lock()
	c.closed = true
	c.room.Broadcast()
	c.mu.Unlock()
	return c.Listener.Close()
}

// Read counts what belongs to no request yet.
func (c *client) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.working.Load() {
		own := c.unfinished.Add(int64(n))
		if c.all.unfinished.Add(int64(n)) > maxUnfinished && own > fairUnfinished {
			_ = c.Close()
			return 0, errNoRoom
		}
		if c.gone.Load() {
			c.finish() // Close did so before these bytes were counted
		}
	}
	return n, err
}

// finish says that what was read is a request, or of no use any more.
func (c *client) finish() { c.all.unfinished.Add(-c.unfinished.Swap(0)) }

// Close makes room for another connection.
func (c *client) Close() error {
	c.all.mu.Lock()
	c.drop()
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// drop takes c out of the books. The caller holds the mutex.
func (c *client) drop() {
	if c.closed {
		return
	}
	c.closed = true
	c.gone.Store(true)
	c.finish()
	c.leave()
	c.all.open--
	c.all.room.Signal()
}

// leave takes c out of the resting. The caller holds the mutex.
func (c *client) leave() {
	if c.place != nil {
		c.all.resting.Remove(c.place)
		c.place = nil
	}
}

// begin says that a request is whole enough to be worked on; false when the connection
// was closed meanwhile, so that nobody would hear the answer.
func (c *client) begin(isHTTP2 bool) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.closed {
		return false
	}
	c.requests++
	c.isHTTP2 = isHTTP2
	c.working.Store(true)
	c.finish()
	c.leave()
	return true
}

// end says that the answer to a request is made; net/http writes it out after that.
func (c *client) end() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.requests--
	if c.requests > 0 {
		return
	}
	c.working.Store(false)
	if !c.closed {
		c.since, c.unwritten = time.Now(), true
		c.place = c.all.resting.PushBack(c)
		c.all.room.Signal()
	}
}

// idle says that net/http waits for the next request. With HTTP/1.1 the answer is
// written out then; with HTTP/2 it may lie in a buffer still.
func (c *client) idle() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.finish() // what was left of a body that nobody wanted
	if c.place != nil && c.unwritten && !c.isHTTP2 {
		c.unwritten = false
		c.all.room.Signal()
	}
}

type clientKey struct{}

// clientOf returns the client under conn; nil when there is none.
func clientOf(conn net.Conn) *client {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		conn = secure.NetConn()
	}
	c, _ := conn.(*client)
	return c
}

// contextOf is the http.Server's ConnContext: it lets requests find their connection.
func contextOf(ctx context.Context, conn net.Conn) context.Context {
	if c := clientOf(conn); c != nil {
		return context.WithValue(ctx, clientKey{}, c)
	}
	return ctx
}

// noteState is the http.Server's ConnState: it tells when a connection is idle.
func noteState(conn net.Conn, state http.ConnState) {
	if state == http.StateIdle {
		if c := clientOf(conn); c != nil {
			c.idle()
		}
	}
}

// working keeps the connections of requests that h works on.
func working(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(clientKey{}).(*client); ok {
			if !c.begin(r.ProtoMajor == 2) {
				panic(http.ErrAbortHandler)
			}
			defer c.end()
		}
		h.ServeHTTP(w, r)
	})
}
