package server

import (
	"context"
	"sync"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/send"
	"github.com/hookloft/hookloft/internal/store"
)

// sender lets the dispatcher send, in the terms of package send.
type sender struct {
	send  *send.Sender
	codec *hook.Codec
}

func (s sender) Send(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) {
	job := send.Job{
		Message: m, Endpoint: ep, Settings: &env.Settings,
		WebhookID: s.codec.Message(m.Application, m.ID),
		Attempt:   a.ID, N: a.N, Trigger: a.Trigger,
	}
	if m.Inbound != nil { // then the application is the internal one of a source
		job.SourceID = s.codec.Source(env.ID, hook.SourceID(m.Application))
	}
	*a = s.send.Send(ctx, job)
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
	done, err := n.publisher.Publish(ctx, publish.Request{Environment: &hook.Environment{ID: env}, Application: app, Message: m, Key: &key})
	if err != nil {
		return 0, err
	}
	return done.Message.ID, nil
}
