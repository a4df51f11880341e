package server

import (
	"net/url"

	"github.com/hookloft/hookloft/internal/consent"
	"github.com/hookloft/hookloft/internal/egress"
)

// newConsents builds what asks receivers whether they agree to be sent to. Every question
// goes through the address guard.
func (n *node) newConsents(d *egress.Dialer) *consent.Keeper {
	s := n.opened.store
	return consent.New(consent.Deps{
		Catalog: s, Send: sender{n.sender, s.Codec(), s.IsExpunged}.Send, Do: newFetcher(d).Do, Log: n.log,
		Origin: func() string {
			if u, err := url.Parse(n.publicURL()); err == nil && u.Hostname() != "" {
				return u.Hostname()
			}
			return "localhost"
		},
	})
}
