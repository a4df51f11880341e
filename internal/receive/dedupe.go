package receive

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/webhook"
)

// requestKey is the dedupe key of a request that is one event; nil when the rule is off.
func (v *visit) requestKey(id string) *store.IdempotencyKey {
	rule := &v.source.Settings.Dedupe
	switch rule.By {
	case hook.DedupeOff:
		return nil
	case hook.DedupeByProvider:
	case hook.DedupeByBody:
		id = jsonAt(v.body, rule.Name)
	case hook.DedupeByHeader:
		id = v.req.Header.Get(rule.Name)
	default:
		id = ""
	}
	k := v.newKey()
	if id != "" {
		k.text("id", id)
	} else {
		// Where the id should be is none: the request itself tells.
		k.text("request", v.req.Method)
		k.text("", v.to.suffix)
		k.text("", v.to.query)
		k.bytes(v.body)
	}
	return k.sum()
}

// eventKey is the dedupe key of an event of a batch. The index keeps apart what a batch
// holds twice, where nothing else does.
func (v *visit) eventKey(i int, e *webhook.Event) *store.IdempotencyKey {
	rule := &v.source.Settings.Dedupe
	id := ""
	k := v.newKey()
	switch rule.By {
	case hook.DedupeOff:
		return nil
	case hook.DedupeByProvider:
		id = e.ID
	case hook.DedupeByBody:
		id = jsonAt(e.Body, rule.Name)
	case hook.DedupeByHeader:
		if id = v.req.Header.Get(rule.Name); id != "" {
			k.number(i)
		}
	}
	if id != "" {
		k.text("id", id)
	} else {
		k.text("event", "")
		k.number(i)
		k.bytes(e.Body)
	}
	return k.sum()
}

// keyHash makes a dedupe key out of parts, each with its length, so that no two lists of
// parts are the same bytes.
type keyHash struct {
	hash.Hash
	window *store.IdempotencyKey
}

// dedupeDomain keeps these keys apart from those of Idempotency-Key headers, which begin
// with an environment's row key.
const dedupeDomain = "hookloft dedupe\x00"

func (v *visit) newKey() keyHash {
	rule := &v.source.Settings.Dedupe
	k := newSourceKey(v.source.ID)
	k.window.Life = v.gate.window
	// The store keeps keys that live longer than an id of an event elsewhere, so that a
	// rule which changes sides begins anew.
	side := "short"
	if v.gate.window > hook.EventIDLife {
		side = "long"
	}
	k.text(side, string(rule.By))
	k.text("", rule.Name)
	return k
}

func newSourceKey(s hook.SourceID) keyHash {
	k := keyHash{sha256.New(), &store.IdempotencyKey{}}
	k.Write([]byte(dedupeDomain))
	k.number(int(s))
	return k
}

func (k keyHash) number(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	k.Write(b[:])
}

func (k keyHash) bytes(b []byte) {
	k.number(len(b))
	k.Write(b)
}

func (k keyHash) text(label, s string) {
	k.bytes([]byte(label))
	k.bytes([]byte(s))
}

func (k keyHash) sum() *store.IdempotencyKey {
	var sum [sha256.Size]byte
	copy(k.window.Hash[:], k.Sum(sum[:0]))
	return k.window
}

// inApplication is the key of the message that an event becomes in application a: another
// message than the source's own, found by the same repeat.
func inApplication(key *store.IdempotencyKey, a hook.ApplicationID) *store.IdempotencyKey {
	if key == nil {
		return nil
	}
	k := keyHash{sha256.New(), &store.IdempotencyKey{Life: key.Life}}
	k.Write([]byte(dedupeDomain))
	k.text("application", string(key.Hash[:]))
	k.number(int(a))
	return k.sum()
}
