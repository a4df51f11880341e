package httpapi

import "net/http"

// ping answers that the process serves requests.
func (s *server) ping(c *call) error { return c.empty() }

// health answers whether messages can be taken now: 204 without a token (CONTRACT
// 1.15), 503 otherwise, so that a load balancer sends none here.
func (s *server) health(c *call) error {
	if s.o.Ready == nil {
		return c.empty()
	}
	if err := s.o.Ready(c.ctx()); err != nil {
		return &statusError{http.StatusServiceUnavailable, "not_ready", "The server cannot take messages now."}
	}
	return c.empty()
}

// openAPIDocument serves our own description of what is served.
func (s *server) openAPIDocument(c *call) error { return c.raw(http.StatusOK, s.document) }

// ownDocument serves the description of what is not in the contract.
func (s *server) ownDocument(c *call) error { return c.raw(http.StatusOK, s.own) }
