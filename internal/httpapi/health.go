package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/internal/hook"
)

// health answers that the process serves requests (CONTRACT 1.15: 204, no token).
func (s *server) health(c *call) error { return c.empty() }

// ready answers whether messages can be taken now; a load balancer sends none otherwise.
func (s *server) ready(c *call) error {
	if s.o.Ready == nil {
		return c.empty()
	}
	if err := s.o.Ready(c.ctx()); err != nil {
		if hook.KindOf(err) == hook.Internal {
			return &statusError{http.StatusServiceUnavailable, "not_ready", "The server cannot take messages now."}
		}
		return err
	}
	return c.empty()
}

// openAPIDocument serves our own description of what is served.
func (s *server) openAPIDocument(c *call) error { return c.raw(http.StatusOK, s.document) }
