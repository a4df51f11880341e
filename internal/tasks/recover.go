package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// receiptLife is how long the note of a batch is kept: long enough for the restart
// after a crash, which is all that it is for.
const receiptLife = 24 * time.Hour

// recover begins a new round for the next messages, newest first, whose delivery to the
// task's endpoint failed for good and never succeeded. What is still being retried is
// left to its schedule, and a message without content cannot be sent again.
func (r *Runner) recover(ctx context.Context, t *hook.Task) error {
	until := t.Until
	if until.IsZero() {
		until = t.CreatedAt
	}
	key := batchKey(t)
	receipt, err := r.catalog.Receipt(ctx, key)
	if err != nil {
		return fmt.Errorf("look for a batch that was done before a crash: %w", err)
	}
	if receipt != nil {
		done, ok := parseBatch(receipt.Body)
		if !ok {
			return fmt.Errorf("the note of a batch is damaged")
		}
		return r.advance(ctx, t, done)
	}
	page, err := r.history.AttemptedMessages(ctx, store.DeliveryQuery{
		Application: t.Application,
		Endpoint:    t.Endpoint,
		// The window ends before Before, and the task's includes Until's millisecond.
		Window:   store.Window{Limit: r.o.Batch, After: t.Since, Before: until.Add(time.Millisecond), From: hook.Key(t.Cursor)},
		Statuses: []store.AttemptStatus{store.StatusFail},
	})
	if err != nil {
		return fmt.Errorf("list failed deliveries: %w", err)
	}
	now := time.Now()
	b := batch{last: t.Cursor, isLast: !page.More}
	var messages []hook.MessageID
	for _, row := range page.Rows {
		b.last = row.Delivery.Message
		if row.Message == nil || row.Message.HasContent(now) {
			messages = append(messages, row.Delivery.Message)
		}
	}
	b.count = int64(len(messages))
	if len(messages) == 0 {
		return r.advance(ctx, t, b)
	}
	made, err := r.ledger.Replay(ctx, &store.Replay{
		Application: t.Application, Endpoint: t.Endpoint, Messages: messages, Trigger: hook.Scheduled,
		Receipt: &store.Receipt{Key: key, Status: 200, Body: b.append(nil)},
	})
	switch {
	case hook.KindOf(err) == hook.MissingPayload:
		made = 0 // the only message of the batch was expunged since it was listed
	case err != nil:
		return fmt.Errorf("begin a new round of deliveries: %w", err)
	}
	b.count = int64(made)
	return r.advance(ctx, t, b)
}

// advance notes in the task that a batch is done.
func (r *Runner) advance(ctx context.Context, t *hook.Task, b batch) error {
	t.Cursor, t.UpdatedAt = b.last, time.Now()
	t.Done += b.count
	if b.isLast {
		return r.end(ctx, t, hook.TaskFinished)
	}
	if err := r.catalog.SaveTask(ctx, t); err != nil {
		return fmt.Errorf("save how far a task has come: %w", err)
	}
	return nil
}

// batch is what a receipt says of one batch: after a crash between its commit and
// SaveTask, the task goes on behind it.
type batch struct {
	last   hook.MessageID
	count  int64
	isLast bool
}

// append writes a batch as 17 bytes.
func (b batch) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.last))
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.count))
	if b.isLast {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func parseBatch(s []byte) (b batch, ok bool) {
	if len(s) != 17 {
		return b, false
	}
	return batch{last: hook.MessageID(binary.BigEndian.Uint64(s)), count: int64(binary.BigEndian.Uint64(s[8:])), isLast: s[16] == 1}, true
}

// batchKey names the batch of a task that follows its cursor.
func batchKey(t *hook.Task) store.IdempotencyKey {
	text := binary.BigEndian.AppendUint64([]byte("hookloft task batch "), uint64(t.ID))
	text = binary.BigEndian.AppendUint64(text, uint64(t.Cursor))
	sum := sha256.Sum256(text)
	k := store.IdempotencyKey{Life: receiptLife}
	copy(k.Hash[:], sum[:16])
	copy(k.Body[:], sum[16:])
	return k
}
