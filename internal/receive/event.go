package receive

import (
	"bytes"
	"cmp"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/schema"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/webhook"
)

// event is what becomes one message of the source, and one of the application that it
// publishes into.
type event struct {
	message hook.Message // a draft: ids and application are filled in when it is stored
	key     *store.IdempotencyKey
}

// events makes the drafts of a genuine request: one, or one for each event of a batch.
// It may be none, when all of them are stale and dropped.
func (v *visit) events(verified *webhook.Verified) ([]event, *refusal) {
	base := hook.Message{
		Environment: v.source.Environment,
		RawBody:     v.body, ContentType: v.req.Header.Get("Content-Type"),
	}
	in := v.inbound()
	s := &v.source.Settings
	if !s.Split || len(verified.Events) == 0 {
		at := verified.Time
		if at.IsZero() {
			at = verified.Timestamp
		}
		stale, age := v.place.stale(&s.Stale, at, v.at)
		if stale && s.Stale.Drop {
			return nil, v.dropped(age)
		}
		in.Stale, in.DeliveryID = stale, verified.ID
		v.setType(&base, in, verified.Type)
		return []event{{base, v.requestKey(cmp.Or(verified.Key, verified.ID))}}, nil
	}
	// Each event has a body of its own, which is JSON in every provider's batches.
	base.ContentType = "application/json"
	out := make([]event, 0, len(verified.Events))
	shared := sharedIDs(verified.Events)
	var oldest time.Duration
	for i := range verified.Events {
		e := &verified.Events[i]
		stale, age := v.place.stale(&s.Stale, e.Time, v.at)
		if stale && s.Stale.Drop {
			oldest = max(oldest, age)
			continue
		}
		one, m := *in, base
		one.Stale, one.DeliveryID = stale, e.ID
		m.RawBody = e.Body
		v.setType(&m, &one, e.Type)
		out = append(out, event{m, v.eventKey(i, e, shared[cmp.Or(e.Key, e.ID)])})
	}
	if len(out) == 0 {
		return nil, v.dropped(oldest)
	}
	return out, nil
}

// sharedIDs returns the ids that several events of a batch with different bodies have: by
// themselves they do not tell those apart.
func sharedIDs(events []webhook.Event) (shared map[string]bool) {
	first := make(map[string][]byte, len(events))
	for i := range events {
		id, body := cmp.Or(events[i].Key, events[i].ID), events[i].Body
		other, found := first[id]
		switch {
		case id == "":
		case !found:
			first[id] = body
		case !bytes.Equal(other, body):
			if shared == nil {
				shared = map[string]bool{}
			}
			shared[id] = true
		}
	}
	return shared
}

func (v *visit) setType(m *hook.Message, in *hook.Inbound, word string) {
	in.Type = word
	m.EventType = hook.EventTypeOf(word, v.source.Type)
	m.Inbound = in
}

// stale judges the time of an event against the newest one seen, by the owner's rule. A
// time ahead of the clock counts as now, or one wrong clock would make all others stale.
func (p *place) stale(rule *hook.StaleRule, at, now time.Time) (stale bool, age time.Duration) {
	if rule.After <= 0 || at.IsZero() {
		return false, 0
	}
	if at.After(now) {
		at = now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.After(p.newest) {
		p.newest = at
	}
	age = p.newest.Sub(at)
	return age > rule.After, age
}

// dropped answers like a stored webhook, as the rule has it, and is counted as rejected.
func (v *visit) dropped(age time.Duration) *refusal {
	return &refusal{
		status: v.answerStatus(), kind: "stale", answer: v.writeSetAnswer,
		reason: fmt.Sprintf("the event is %d s older than the newest one seen; events are dropped from %d s on",
			int64(age/time.Second), int64(v.source.Settings.Stale.After/time.Second)),
	}
}

// maxPayloadDepth is how deep a message's payload may nest. Deeper, clients' parsers give
// up on every answer that holds it.
const maxPayloadDepth = 128

// payloadOf returns what an application's message has as payload: the body where that is a JSON
// object, else an empty object beside the body as raw payload.
func payloadOf(body []byte) (payload, raw []byte) {
	if len(body) > 0 && body[0] == '{' && utf8.Valid(body) {
		walk := schema.Walk{MaxDepth: maxPayloadDepth}
		if fault, _ := walk.Fault(body); fault == "" {
			return body, nil
		}
	}
	return []byte("{}"), body
}
