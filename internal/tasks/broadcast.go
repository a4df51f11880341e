package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// broadcastBatch is how many applications one step deals with, at once, so that they
	// share commits.
	broadcastBatch = 50
	// broadcastPages is how many pages of applications one step of counting reads.
	broadcastPages = 10
	// applicationsPage is how many applications are listed at once.
	applicationsPage = 250
)

// broadcast publishes a message in each application of the environment. The message of an
// application has a key of its own in its own commit, so a step that is repeated after a
// crash publishes nothing twice. The task's cursor is the last application.
type broadcast struct {
	params  *hook.BroadcastParams // nil until it is read
	result  hook.BroadcastResult
	counted hook.ApplicationID // how far the applications are counted
	n       int64
	isOver  bool // counting
}

// step implements work.
func (b *broadcast) step(ctx context.Context, j *job) (isLast bool, err error) {
	if b.params == nil {
		if err := b.read(j); err != nil {
			return false, err
		}
	}
	if !b.isOver {
		return false, b.count(ctx, j)
	}
	list, err := j.r.applications(ctx, j.t.Environment, store.AppFilter{}, hook.ApplicationID(j.t.Cursor), j.portion(broadcastBatch))
	if err != nil {
		return false, err
	}
	made := make([]hook.MessageID, len(list.Rows))
	errs := make([]error, len(list.Rows))
	var all sync.WaitGroup
	for i, a := range list.Rows {
		all.Go(func() { made[i], errs[i] = b.publish(ctx, j, a.ID) })
	}
	all.Wait()
	for _, err := range errs {
		if isPassing(err) && hook.KindOf(err) != hook.Conflict || err != nil && hook.KindOf(err) == hook.Internal {
			return false, fmt.Errorf("publish a broadcast: %w", err) // the step is repeated: who has the message keeps it
		}
	}
	for i, a := range list.Rows {
		switch {
		case hook.KindOf(errs[i]) == hook.NotFound && errs[i] != nil: // deleted meanwhile
		case errs[i] != nil:
			j.t.Failed++
		default:
			j.t.Done++
			if len(b.result.Created) < hook.MaxBroadcastIDs {
				b.result.Created = append(b.result.Created, hook.BroadcastMessage{Application: a.ID, Message: made[i]})
			}
		}
		j.t.Cursor = hook.MessageID(a.ID)
	}
	if j.t.Result, err = json.Marshal(b.result); err != nil {
		return false, fmt.Errorf("note what a broadcast made: %w", err)
	}
	j.spend(len(list.Rows))
	if !list.More {
		return true, nil
	}
	return false, j.save(ctx)
}

func (b *broadcast) read(j *job) error {
	if j.r.o.Publish == nil {
		return fmt.Errorf("nobody publishes broadcasts here")
	}
	if j.t.Result != nil {
		if err := json.Unmarshal(j.t.Result, &b.result); err != nil {
			return fmt.Errorf("read what a broadcast made: %w", err)
		}
	}
	params := &hook.BroadcastParams{}
	if err := j.params(params); err != nil {
		return err
	}
	b.params = params
	return nil
}

// publish publishes the message in one application.
func (b *broadcast) publish(ctx context.Context, j *job, app hook.ApplicationID) (hook.MessageID, error) {
	m := hook.Message{
		EventType: b.params.EventType, EventID: b.params.EventID, Channels: b.params.Channels, Payload: b.params.Payload,
	}
	if keep := b.params.KeepContent; keep > 0 {
		m.ContentExpiresAt = time.Now().Add(keep)
	}
	return j.r.o.Publish(ctx, j.t.Environment, app, m, broadcastKey(j.t.ID, app))
}

// broadcastKey names the message of a broadcast in an application. It lives as long as any,
// because a task may be paused or its server be down for long.
func broadcastKey(id hook.TaskID, app hook.ApplicationID) store.IdempotencyKey {
	text := binary.BigEndian.AppendUint64([]byte("hookloft broadcast "), uint64(id))
	text = binary.BigEndian.AppendUint64(text, uint64(app))
	sum := sha256.Sum256(text)
	k := store.IdempotencyKey{Life: hook.MaxDedupeWindow}
	copy(k.Hash[:], sum[:16])
	copy(k.Body[:], sum[16:])
	return k
}

// count does one step of counting the applications.
func (b *broadcast) count(ctx context.Context, j *job) error {
	if j.t.Total > 0 || j.t.Cursor != 0 {
		b.isOver = true
		return nil
	}
	for range broadcastPages {
		list, err := j.r.applications(ctx, j.t.Environment, store.AppFilter{}, b.counted, applicationsPage)
		if err != nil {
			return err
		}
		b.n += int64(len(list.Rows))
		if !list.More {
			b.isOver, j.t.Total = true, b.n
			return j.save(ctx)
		}
		b.counted = list.Rows[len(list.Rows)-1].ID
	}
	return nil
}

// cancel implements work. Messages that were published stay.
func (b *broadcast) cancel(context.Context, *job) error { return nil }

// applications lists an environment's applications behind one; 0 for the first.
func (r *Runner) applications(ctx context.Context, env hook.EnvironmentID, f store.AppFilter, after hook.ApplicationID, limit int) (store.Listed[*hook.Application], error) {
	list, err := r.catalog.ListApplications(ctx, env, f, store.Page[hook.ApplicationID]{Limit: limit, After: after, HasAfter: after != 0})
	if err != nil {
		return list, fmt.Errorf("list applications: %w", err)
	}
	return list, nil
}
