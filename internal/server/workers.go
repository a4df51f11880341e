package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/send"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/internal/upkeep"
)

// sender lets the dispatcher send, in the terms of package send.
type sender struct {
	send  *send.Sender
	codec *hook.Codec
	// isExpunged is store.Retention's.
	isExpunged func(hook.MessageID) bool
}

func (s sender) Send(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) {
	*a = s.send.Send(ctx, s.job(m, ep, env, a))
}

// Take implements dispatch.Taker.
func (s sender) Take(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) store.Fed {
	taken, made := s.send.Take(ctx, s.job(m, ep, env, a))
	*a = made
	return store.Fed{Headers: taken.Headers, Payload: taken.Payload}
}

// headers makes the headers of an attempt again, for httpapi.
func (s sender) headers(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) ([]string, error) {
	if a.Batch != nil {
		return nil, hook.Errorf(hook.NotFound, "the headers of a batch are not made again")
	}
	if ep.IsLined() && ep.Order != nil && ep.Order.BatchSize > 0 && a.Trigger == hook.Scheduled && m.Inbound == nil {
		alone := *m // a batch of one
		alone.Batch = []*hook.Message{m}
		m = &alone
	}
	return s.send.Header(ctx, s.job(m, ep, env, a), a.StartedAt)
}

// request makes the request that an attempt at that time would send, for httpapi.
func (s sender) request(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, at time.Time) (*httpapi.MadeRequest, error) {
	if ep.IsLined() && ep.Order != nil && ep.Order.BatchSize > 0 && m.Inbound == nil {
		alone := *m // a batch of one
		alone.Batch = []*hook.Message{m}
		m = &alone
	}
	made, err := s.send.Request(ctx, s.job(m, ep, env, &hook.Attempt{N: 1, Trigger: hook.Manual, StartedAt: at}), at)
	if refused, ok := errors.AsType[*send.ScriptError](err); ok {
		return nil, &httpapi.ScriptRefusedError{Text: refused.Error()}
	}
	if err != nil {
		return nil, err
	}
	return &httpapi.MadeRequest{Method: made.Method, URL: made.URL, Fields: made.Fields, Body: made.Body}, nil
}

func (s sender) job(m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) send.Job {
	if s.isExpunged(m.ID) { // the one in memory still has its content, and is shared
		without := *m
		without.Payload, without.RawBody, without.TransformationsParams, without.Inbound, without.Expunged = nil, nil, nil, nil, true
		m = &without
	}
	id := s.codec.Message(m.Application, m.ID)
	if m.Batch != nil {
		m, id = s.batched(m)
	}
	job := send.Job{
		Message: m, Endpoint: ep, Settings: &env.Settings,
		WebhookID: id,
		Attempt:   a.ID, N: a.N, Trigger: a.Trigger,
	}
	if m.Inbound != nil { // then the application is the internal one of a source
		job.SourceID = s.codec.Source(env.ID, hook.SourceID(m.Application))
	}
	return job
}

// errNewer: there is nothing to save, because somebody else has set other credentials meanwhile.
var errNewer = errors.New("the endpoint has other credentials by now")

// saveRefreshToken saves the refresh token with which a token server has replaced another.
func (n *node) saveRefreshToken(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, was, is hook.HiddenText) error {
	_, err := n.opened.store.UpdateEndpoint(ctx, app, id, nil, func(e *hook.Endpoint) error {
		if e.Credentials == nil || e.Credentials.OAuth2 == nil || e.Credentials.OAuth2.RefreshToken != was {
			return errNewer
		}
		credentials, oauth := *e.Credentials, *e.Credentials.OAuth2
		oauth.RefreshToken = is
		credentials.OAuth2 = &oauth
		e.Credentials = &credentials
		return nil
	})
	if err == nil || errors.Is(err, errNewer) || hook.KindOf(err) == hook.NotFound {
		return nil
	}
	n.log.Error("refresh token not saved: the next start has the old one", telemetry.KeyEndpoint, n.opened.store.Codec().Endpoint(app, id), telemetry.KeyError, err)
	return err
}

// batched returns what is sent for a batch, and its webhook-id. What was removed meanwhile is
// left out.
func (s sender) batched(m *hook.Message) (*hook.Message, string) {
	whole := *m
	whole.Batch = nil
	ids := make([]string, 0, len(m.Batch))
	for _, one := range m.Batch {
		ids = append(ids, s.codec.Message(one.Application, one.ID))
		if !one.Expunged && !s.isExpunged(one.ID) {
			whole.Batch = append(whole.Batch, one)
		}
	}
	whole.Expunged = len(whole.Batch) == 0
	return &whole, send.BatchID(ids)
}

// attachedQueue tells when the dispatcher has taken its place at the queue: before
// that no message may be accepted, or its deliveries would take the longer way.
type attachedQueue struct {
	store.Queue
	once     sync.Once
	attached chan struct{} // closed by Attach
}

func (q *attachedQueue) Attach(h store.Handoff) {
	q.Queue.Attach(h)
	q.once.Do(func() { close(q.attached) })
}

// tokenHasher hashes texts of tokens as requests carry them.
type tokenHasher struct{ h *auth.Hasher }

// Hash returns the stored form of a token. A text that cannot be a token gets a hash
// that no token has.
func (t tokenHasher) Hash(text string) [32]byte {
	token, ok := auth.ParseToken(text)
	if !ok {
		return [32]byte{}
	}
	return t.h.Hash(token)
}

// publishTo publishes a message in an application for a background task.
func (n *node) publishTo(ctx context.Context, env hook.EnvironmentID, app hook.ApplicationID, m hook.Message, key store.IdempotencyKey) (hook.MessageID, error) {
	done, err := n.publisher.Publish(ctx, publish.Request{Environment: &hook.Environment{ID: env}, Application: app, Message: m, Key: &key, IsChecked: true})
	if err != nil {
		return 0, err
	}
	return done.Message.ID, nil
}

// observer tells sums and watchers of attempts.
type observer struct {
	rollup *upkeep.Rollup
	tail   *httpapi.Tail
}

func (o observer) Begin() uint64 { return o.rollup.Begin() }

func (o observer) End(begun uint64, m *hook.Message, d *hook.Delivery, a *hook.Attempt) {
	if a == nil {
		o.rollup.End(begun, nil)
		return
	}
	o.rollup.End(begun, &hook.EndedAttempt{
		ID: a.ID, Environment: m.Environment, Application: a.Application, Endpoint: a.Endpoint, EventType: m.EventType,
		Outcome: a.Outcome, Reason: a.Reason, Status: a.Status, HasNext: !a.NextAt.IsZero(),
		Took: a.Took.Truncate(time.Microsecond), // as it is stored
	})
	o.tail.Attempt(m, a)
}
