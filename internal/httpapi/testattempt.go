package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// testAttemptWait is how long a test attempt is waited for: the longest attempt there
	// is, and some time in its lane.
	testAttemptWait = 40 * time.Second
	// Waits between two looks whether the attempt is recorded, each longer than the last.
	firstLook, lastLook = 5 * time.Millisecond, 100 * time.Millisecond
)

// testAttempt stores a message, makes one attempt of it at an endpoint, and answers with
// what came of that. The attempt takes the road of a resend: no schedule follows.
func (s *server) testAttempt(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if a.Source != 0 {
		return s.belongsToSource(a) // what is there came from the provider
	}
	in, err := decodeMessage(c)
	if err != nil {
		return err
	}
	if err := refuseOfPortal(c, in); err != nil {
		return err
	}
	draft, err := messageFromAPI(in, s.now())
	if err != nil {
		return err
	}
	switch {
	case in.DeliverAt != nil:
		return hook.Fieldf("deliverAt", "must not be given: the attempt is made now")
	case max(len(draft.Payload), len(draft.RawBody)) > s.o.MaxPayloadBytes:
		return tooLarge()
	case e.Disabled:
		return endpointDisabled()
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	if key != nil {
		// Equal requests at the same time make one attempt; they wait for it together.
		defer s.inflight.lock(key.Hash)()
	}
	done, err := s.Publisher.Publish(c.ctx(), publish.Request{
		Environment: &hook.Environment{ID: c.env()}, Application: a.ID, Key: key, Message: draft,
		Only: &publish.Target{Endpoint: e.ID, StoreOnly: true},
	})
	if err != nil {
		return conflictAs(err, "conflict", "A message with that eventId already exists")
	}
	if err := s.tryOnce(c.ctx(), a.ID, e.ID, done.Message.ID, done.Replayed); err != nil {
		return err
	}
	at, err := s.awaitAttempt(c.ctx(), a.ID, e.ID, done.Message.ID)
	if err != nil {
		return err
	}
	out := s.attemptToAPI(at, done.Redaction != nil, true, true)
	if done.Redaction != nil && at.URL != e.URL {
		out.URL = hook.Redacted // as in lists
	}
	return c.raw(http.StatusCreated, appendAttempt(nil, &out))
}

// refuseOfPortal keeps what a visitor of the portal tries apart from what the operator sends: an
// eventId could take the place of one that is still to come, and how long content is kept is not the visitor's to say.
func refuseOfPortal(c *call, in api.MessageIn) error {
	if !c.token.IsPortal() {
		return nil
	}
	for name, given := range map[string]bool{
		"eventId": in.EventID != nil, "channels": in.Channels != nil, "tags": in.Tags != nil, "application": in.Application != nil, "deliverAt": in.DeliverAt != nil,
		"expiresAt": in.ExpiresAt != nil, "payloadRetentionPeriod": in.PayloadRetentionPeriod != nil, "payloadRetentionHours": in.PayloadRetentionHours != nil,
		"transformationsParams": in.TransformationsParams != nil,
	} {
		if given {
			return hook.Fieldf(name, "must not be given with a token of the portal")
		}
	}
	return nil
}

// tryOnce makes the one attempt due. A repeat of a request may find that it is.
func (s *server) tryOnce(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, m hook.MessageID, isRepeat bool) error {
	if isRepeat {
		list, err := s.History.Deliveries(ctx, app, m)
		if err != nil || len(list) > 0 {
			return err
		}
	}
	_, err := s.Ledger.Replay(ctx, &store.Replay{Application: app, Endpoint: ep, Messages: []hook.MessageID{m}, Trigger: hook.Manual})
	return err
}

// awaitAttempt waits until an attempt of the message at the endpoint is recorded.
func (s *server) awaitAttempt(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, m hook.MessageID) (*hook.Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, testAttemptWait)
	defer cancel()
	q := store.AttemptQuery{Application: app, Endpoint: ep, Message: m, Window: store.Window{Limit: 1}, WithContent: true}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		select {
		case <-ctx.Done():
			return nil, &statusError{
				http.StatusServiceUnavailable, "overloaded",
				"The attempt waits behind others of this endpoint; it is shown with message " + s.Catalog.Codec().Message(app, m) + " once it was made.",
			}
		case <-timer.C:
		}
		list, err := s.History.Attempts(ctx, q)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if err == nil && len(list.Rows) > 0 {
			return list.Rows[0].Attempt, nil
		}
		timer.Reset(wait)
	}
}
