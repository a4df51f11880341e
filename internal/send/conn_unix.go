//go:build unix

package send

import (
	"syscall"
	"time"
)

// isAlive reports whether a kept connection is open and silent. A connection that the
// receiver has closed, or on which it said something unasked, is not used again: this
// is seen before the first byte of a request is written, so nothing is repeated.
// The deadline must lie ahead, because the poller refuses expired ones.
func (c *conn) isAlive(_, deadline time.Time) bool {
	if c.socket == nil {
		return false
	}
	c.raw.SetDeadline(deadline)
	c.alive = false
	if err := c.socket.Read(c.probe); err != nil {
		return false
	}
	return c.alive
}

// peek reads one byte without waiting. Whatever it reads, the connection is dead.
func (c *conn) peek(fd uintptr) bool {
	var b [1]byte
	_, err := syscall.Read(int(fd), b[:])
	c.alive = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	return true
}
