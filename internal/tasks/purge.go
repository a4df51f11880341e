package tasks

import (
	"context"
	"fmt"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// purge removes the content of messages, oldest first: of an application, or of a data
// subject (a tag) in an application or the whole environment. What was accepted before the
// task was asked for goes. A crash may leave the messages of one step out of the count,
// never with their content.
type purge struct{}

// step implements work.
func (purge) step(ctx context.Context, j *job) (isLast bool, err error) {
	var p hook.PurgeParams
	if err := j.params(&p); err != nil {
		return false, err
	}
	n, next, done, err := j.r.ledger.Expunge(ctx, store.ExpungeQuery{
		Environment: j.t.Environment, Application: j.t.Application, Tag: p.Tag,
		Before: j.t.Until, Cursor: hook.Key(j.t.Cursor), Limit: j.portion(1000),
	})
	j.t.Done += int64(n)
	j.t.Cursor = hook.MessageID(next)
	if err != nil {
		return false, fmt.Errorf("remove content: %w", err)
	}
	j.spend(n)
	if done {
		return true, nil
	}
	if n == 0 {
		return false, nil
	}
	return false, j.save(ctx)
}

// cancel implements work: what is removed is removed.
func (purge) cancel(context.Context, *job) error { return nil }
