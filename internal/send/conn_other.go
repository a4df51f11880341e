//go:build !unix

package send

import "time"

// isAlive cannot look into the socket here, so it trusts only what was used just now.
func (c *conn) isAlive(now, _ time.Time) bool { return now.Sub(c.idleSince) < time.Second }

func (c *conn) peek(uintptr) bool { return true }
