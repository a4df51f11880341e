package server

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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
	// room is signalled when a connection ends or comes to rest, and broadcast at the end.
	room    sync.Cond
	open    int
	resting list.List // of *client: those without a request under way, the longest first
	closed  bool
}

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
	closed   bool
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
	for c.open >= c.limit && c.resting.Len() == 0 && !c.closed {
		c.room.Wait()
	}
	if c.closed {
		c.mu.Unlock()
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	var longest *client
	if c.open >= c.limit {
		longest = c.resting.Front().Value.(*client)
	}
	c.open++
	n.place = c.resting.PushBack(n)
	c.mu.Unlock()
	if longest != nil {
		// Its goroutine notices, and has nothing to lose.
		_ = longest.Close()
	}
	return n, nil
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
	if !c.closed {
		c.closed = true
		c.gone.Store(true)
		c.finish()
		c.all.open--
		c.leaveRest()
		c.all.room.Signal()
	}
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// leaveRest takes c out of the resting. The caller holds the mutex.
func (c *client) leaveRest() {
	if c.place != nil {
		c.all.resting.Remove(c.place)
		c.place = nil
	}
}

// begin says that a request is whole enough to be worked on; false when the connection
// was closed meanwhile, so that nobody would hear the answer.
func (c *client) begin() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.closed {
		return false
	}
	c.requests++
	c.working.Store(true)
	c.finish()
	c.leaveRest()
	return true
}

// end says that a request was answered.
func (c *client) end() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.requests--
	if c.requests > 0 {
		return
	}
	c.working.Store(false)
	if !c.closed {
		c.place = c.all.resting.PushBack(c)
		c.all.room.Signal()
	}
}

type clientKey struct{}

// contextOf is the http.Server's ConnContext: it lets requests find their connection.
func contextOf(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		conn = secure.NetConn()
	}
	if c, ok := conn.(*client); ok {
		return context.WithValue(ctx, clientKey{}, c)
	}
	return ctx
}

// working keeps the connections of requests that h works on.
func working(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(clientKey{}).(*client); ok {
			if !c.begin() {
				panic(http.ErrAbortHandler)
			}
			defer c.end()
		}
		h.ServeHTTP(w, r)
	})
}
