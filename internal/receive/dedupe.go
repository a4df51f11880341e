package receive

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"time"

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
	var room keyRoom
	k := v.newKey(room[:0])
	switch {
	case id != "" && rule.By == hook.DedupeByProvider && v.gate.preset.IDShared:
		k = k.text("id", id).content(v.body)
	case id != "":
		k = k.text("id", id)
	case rule.By == hook.DedupeByProvider && (v.gate.preset.BodyRepeats || v.source.Settings.Pass.Enabled):
		// Equal requests are different news, or the same question asked anew by somebody who
		// waits for the answer.
		return nil
	default:
		// Where the id should be is none: the request itself tells.
		k = k.text("request", v.req.Method).text(v.to.suffix, v.to.query).content(v.body)
	}
	return k.sum(v.gate.window)
}

// eventKey is the dedupe key of an event of a batch. isShared: another one has its id. The index keeps apart what a batch
// holds twice, where nothing else does.
func (v *visit) eventKey(i int, e *webhook.Event, isShared bool) *store.IdempotencyKey {
	rule := &v.source.Settings.Dedupe
	id := ""
	var room keyRoom
	k := v.newKey(room[:0])
	switch rule.By {
	case hook.DedupeOff:
		return nil
	case hook.DedupeByProvider:
		id = cmp.Or(e.Key, e.ID)
	case hook.DedupeByBody:
		id = jsonAt(e.Body, rule.Name)
	case hook.DedupeByHeader:
		if id = v.req.Header.Get(rule.Name); id != "" {
			k = k.number(i)
		}
	}
	switch {
	case id != "" && rule.By == hook.DedupeByProvider && (isShared || v.gate.preset.IDShared):
		k = k.text("id", id).content(e.Body)
	case id != "":
		k = k.text("id", id)
	case rule.By == hook.DedupeByProvider && v.gate.preset.BodyRepeats:
		return nil
	default:
		k = k.text("event", "").number(i).content(e.Body)
	}
	return k.sum(v.gate.window)
}

// keyParts are the parts of a dedupe key, each with its length, so that no two lists of
// parts are the same bytes.
type keyParts []byte

// dedupeDomain keeps these keys apart from those of Idempotency-Key headers, which begin
// with an environment's row key.
const dedupeDomain = "hookloft dedupe\x00"

// newKey appends to b, which is room for what most keys need, how the source finds duplicates.
func (v *visit) newKey(b []byte) keyParts {
	rule := &v.source.Settings.Dedupe
	// The store keeps keys that live longer than an id of an event elsewhere, so that a
	// rule which changes sides begins anew.
	side := "short"
	if v.gate.window > hook.EventIDLife {
		side = "long"
	}
	return newSourceKey(b, v.source.ID).text(side, string(rule.By)).text("", rule.Name)
}

func newSourceKey(b []byte, s hook.SourceID) keyParts {
	return keyParts(append(b, dedupeDomain...)).number(int(s))
}

func (k keyParts) number(n int) keyParts { return binary.BigEndian.AppendUint64(k, uint64(n)) }

// content adds a body by its hash.
func (k keyParts) content(b []byte) keyParts {
	sum := sha256.Sum256(b)
	return append(k, sum[:]...)
}

func (k keyParts) text(label, s string) keyParts {
	k = append(k.number(len(label)), label...)
	return append(k.number(len(s)), s...)
}

// sum is the key, which stays taken for life.
func (k keyParts) sum(life time.Duration) *store.IdempotencyKey {
	sum := sha256.Sum256(k)
	return &store.IdempotencyKey{Hash: [16]byte(sum[:16]), Life: life}
}

// keyRoom is room on the stack for the parts of most keys.
type keyRoom [256]byte

// inApplication is the key of the message that an event becomes in application a: another
// message than the source's own, found by the same repeat.
func inApplication(key *store.IdempotencyKey, a hook.ApplicationID) *store.IdempotencyKey {
	if key == nil {
		return nil
	}
	var room keyRoom
	return keyParts(append(room[:0], dedupeDomain...)).text("application", string(key.Hash[:])).number(int(a)).sum(key.Life)
}
