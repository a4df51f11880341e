package publish

import (
	"context"
	"errors"
	"sync"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// flights lets concurrent requests with the same idempotency key share one run. The
// store answers repeats that come later; this is for those that come while the first
// is not committed yet, so that both get the first one's answer and the store sees one.
type flights struct {
	mu  sync.Mutex
	now map[[16]byte]*flight
}

type flight struct {
	body   [16]byte
	landed chan struct{} // closed by the leader once result and err are set
	result Result
	err    error
}

// do runs f, or waits for the run of an equal request and returns what that returned,
// marked as Replayed. Another body under the same key is hook.KeyReused at once.
func (s *flights) do(ctx context.Context, k store.IdempotencyKey, f func() (Result, error)) (Result, error) {
	for {
		s.mu.Lock()
		leader, found := s.now[k.Hash]
		if !found {
			leader = &flight{body: k.Body, landed: make(chan struct{}), err: errAbandoned}
			if s.now == nil {
				s.now = make(map[[16]byte]*flight)
			}
			s.now[k.Hash] = leader
			s.mu.Unlock()
			return s.lead(k, leader, f)
		}
		s.mu.Unlock()
		if leader.body != k.Body {
			return Result{}, hook.Errorf(hook.KeyReused, "the Idempotency-Key was used for a different request")
		}
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-leader.landed:
		}
		// The leader's client went away, or it panicked: that says nothing about us.
		if errors.Is(leader.err, context.Canceled) || errors.Is(leader.err, context.DeadlineExceeded) || errors.Is(leader.err, errAbandoned) {
			continue
		}
		r := leader.result
		r.Replayed = leader.err == nil
		return r, leader.err
	}
}

var errAbandoned = errors.New("the first request with this key ended without a result")

func (s *flights) lead(k store.IdempotencyKey, leader *flight, f func() (Result, error)) (Result, error) {
	defer func() {
		s.mu.Lock()
		delete(s.now, k.Hash)
		s.mu.Unlock()
		close(leader.landed)
	}()
	leader.result, leader.err = f()
	return leader.result, leader.err
}
