package receive

import (
	"crypto/sha256"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// nonces remembers which body came with a nonce (webhook.Verified.Nonce), for as long as
// a provider's signature stays valid. place.mu guards it.
type nonces struct {
	// young takes what comes now; old is what young was before. Each spans one tolerance.
	young, old map[[16]byte][16]byte
	since      time.Time // when young began
}

// maxNonces bounds a generation. A source of more in one tolerance forgets early, which
// leaves those requests as well protected as without a memory.
const maxNonces = 1 << 15

// isReused reports whether the nonce of a genuine request has come with another body
// before. After a restart, what came before it is not known.
func (p *place) isReused(nonce string, body []byte, at time.Time, tolerance time.Duration) bool {
	name, content := sha256.Sum256([]byte(nonce)), sha256.Sum256(body)
	key, mine := [16]byte(name[:16]), [16]byte(content[:16])
	p.mu.Lock()
	defer p.mu.Unlock()
	n := &p.nonces
	// Valid from one tolerance before the signed time to one after it.
	if n.young == nil || at.Sub(n.since) > 2*tolerance || len(n.young) >= maxNonces {
		n.old, n.young, n.since = n.young, map[[16]byte][16]byte{}, at
	}
	for _, generation := range []map[[16]byte][16]byte{n.young, n.old} {
		if first, ok := generation[key]; ok {
			return first != mine
		}
	}
	n.young[key] = mine
	return false
}

// checkNonce refuses another body under a signature that has come before.
func (v *visit) checkNonce(verified *webhook.Verified) *refusal {
	if verified.Nonce == "" || !v.place.isReused(verified.Nonce, v.body, v.at, v.gate.tolerance) {
		return nil
	}
	refused := v.unverified(webhook.ErrNoMatch)
	refused.kind, refused.reason = "nonce reused", "the signature came before with another body: it covers a token that the provider uses once, not the body"
	return refused
}
