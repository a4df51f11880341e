package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// replay sends messages to an endpoint again, newest first, or oldest first where the
// endpoint keeps an order, since they stand in line as they are made due: what failed for good
// (endpoint.recover), what was never attempted (endpoint.replay), or whatever matches
// (endpoint.bulk-replay). What is still being retried is left to its schedule, and a
// message without content cannot be sent again.
//
// A batch is made due in one commit with a receipt. No more is made due than the lane can
// deal with soon, so that a cancelled replay has little to take back, and the pace is that
// of the requests.
type replay struct {
	isRead bool
	params hook.ReplayParams
	state  replayState
	count  counting
}

// replayState is hook.Task.State of a replay.
type replayState struct {
	// Ahead are the moments, in Unix milliseconds, at which batches were made due that the
	// lane had not dealt with.
	Ahead []int64 `json:",omitempty"`
	// Cancelling: somebody asked for the end, and what waits is being taken back.
	Cancelling bool `json:",omitempty"`
	// Rising: the endpoint kept an order when the replay began, so that it goes from the oldest.
	Rising bool `json:",omitempty"`
}

func (p *replay) read(j *job) error {
	if p.isRead {
		return nil
	}
	if err := j.params(&p.params); err != nil {
		return err
	}
	if j.t.State != nil {
		if err := json.Unmarshal(j.t.State, &p.state); err != nil {
			return fmt.Errorf("read where a replay stands: %w", err)
		}
	}
	p.isRead = true
	return nil
}

// step implements work.
func (p *replay) step(ctx context.Context, j *job) (isLast bool, err error) {
	if err := p.read(j); err != nil {
		return false, err
	}
	if p.state.Cancelling { // the process died while it was cancelled
		return false, j.r.cancel(ctx, j)
	}
	app, ep, err := j.r.endpoint(ctx, j.t)
	if err != nil {
		return false, err
	}
	if !j.isSure {
		if isLast, err := p.lookBack(ctx, j); err != nil || isLast {
			return isLast, err
		}
	}
	if !p.count.isOver {
		return false, p.countOn(ctx, j, app, ep)
	}
	if isRising := ep.IsLined(); j.t.Cursor == 0 && p.state.Rising != isRising {
		// Saved before the cursor has a meaning: a restart must not turn it round.
		p.state.Rising = isRising
		if err := p.note(j); err != nil {
			return false, err
		}
		if err := j.save(ctx); err != nil {
			return false, err
		}
	}
	room, err := p.room(ctx, j)
	if err != nil {
		return false, err
	}
	if room == 0 {
		j.rest()
		return false, nil
	}
	q := replayQuery(j.t, app, ep, p.params)
	q.Window.Limit, q.Window.From = room, hook.Key(j.t.Cursor)
	q.Window.Ascending, q.Window.Backward = p.state.Rising, p.state.Rising
	page, err := j.r.history.Replayable(ctx, q)
	if err != nil {
		return false, err
	}
	b := batch{last: page.Last, isLast: !page.More, at: j.r.nextAt()}
	if len(page.Messages) == 0 {
		j.next = time.Time{}
		j.t.Cursor = b.last
		return b.isLast, nil
	}
	b.count = int64(len(page.Messages))
	var line func(*hook.Message) hook.Line
	if ep.IsLined() {
		line = func(m *hook.Message) hook.Line { return fanout.LineOf(ep, m) }
	}
	made, err := j.r.ledger.Replay(ctx, &store.Replay{
		Line:        line,
		Application: j.t.Application, Endpoint: j.t.Endpoint, Messages: page.Messages, Trigger: hook.Scheduled, DueAt: b.at,
		Receipt: &store.Receipt{Key: batchKey(j.t), Status: 200, Body: b.append(nil)},
	})
	switch {
	case hook.KindOf(err) == hook.MissingPayload:
		made = 0 // the only message of the batch was expunged since it was listed
	case err != nil:
		return false, fmt.Errorf("begin a new round of deliveries: %w", err)
	}
	b.count = int64(made)
	j.spend(made)
	return b.isLast, p.advance(ctx, j, b)
}

// replayQuery returns what a replay of t to ep, an endpoint of app, looks for, without page bounds.
func replayQuery(t *hook.Task, app *hook.Application, ep *hook.Endpoint, p hook.ReplayParams) store.ReplayQuery {
	until := t.Until
	if until.IsZero() {
		until = t.CreatedAt
	}
	q := store.ReplayQuery{
		Application: t.Application, Endpoint: t.Endpoint,
		// The window ends before Before, and the task's includes Until's millisecond.
		Window:      store.Window{After: t.Since, Before: until.Add(time.Millisecond)},
		StatusClass: p.StatusClass, EventTypes: p.EventTypes, Channel: p.Channel, Tag: p.Tag,
	}
	switch {
	case t.Type == hook.TaskReplay:
		// What the endpoint does not want by its present filters is not missing.
		q.Missing, q.Wants = true, ep.Wants
		if ep.Filter != nil {
			q.Filter = func(m *hook.Message) bool { return fanout.Wants(app, ep, m) }
		}
	case t.Type == hook.TaskRecover:
		q.Statuses = []store.AttemptStatus{store.StatusFail}
	case p.Status != nil:
		q.Statuses = []store.AttemptStatus{store.AttemptStatus(*p.Status)}
	}
	return q
}

// endpoint returns the task's endpoint, with its application, if it can be sent to.
func (r *Runner) endpoint(ctx context.Context, t *hook.Task) (*hook.Application, *hook.Endpoint, error) {
	plan, err := r.catalog.PlanOf(ctx, t.Application)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return nil, nil, hook.Errorf(hook.NotFound, "the application was deleted")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("load the endpoint of a replay: %w", err)
	}
	switch ep := plan.Endpoint(t.Endpoint); {
	case ep == nil:
		return nil, nil, hook.Errorf(hook.NotFound, "the endpoint was deleted")
	case ep.Disabled:
		return nil, nil, hook.Errorf(hook.Invalid, "the endpoint is disabled")
	default:
		return plan.Application, ep, nil
	}
}

// lookBack finds a batch that was made due and not noted in the task, because the process
// died or the answer was lost in between.
func (p *replay) lookBack(ctx context.Context, j *job) (isLast bool, err error) {
	receipt, err := j.r.catalog.Receipt(ctx, batchKey(j.t))
	if err != nil {
		return false, fmt.Errorf("look for a batch that was done before a crash: %w", err)
	}
	j.isSure = true
	if receipt == nil {
		return false, nil
	}
	done, ok := parseBatch(receipt.Body)
	if !ok {
		return false, fmt.Errorf("the note of a batch is damaged")
	}
	return done.isLast, p.advance(ctx, j, done)
}

// room returns how many messages may be made due now, 0 while the lane has enough.
func (p *replay) room(ctx context.Context, j *job) (int, error) {
	n := j.portion(j.r.o.Batch)
	most := j.r.o.Ahead
	if rate := j.t.RatePerSecond; rate > 0 {
		most = max(n, min(most, int(rate))) // a second's worth
	}
	if len(p.state.Ahead) == 0 {
		return min(n, most), nil
	}
	waiting, err := j.r.history.Waiting(ctx, j.t.Endpoint, times(p.state.Ahead))
	if err != nil {
		return 0, err
	}
	total := 0
	kept := p.state.Ahead[:0]
	for _, at := range p.state.Ahead {
		if waiting[at] > 0 {
			kept = append(kept, at)
			total += waiting[at]
		}
	}
	p.state.Ahead = kept
	if total+n > most && total > 0 {
		return 0, nil
	}
	return min(n, most), nil
}

func times(millis []int64) []time.Time {
	out := make([]time.Time, len(millis))
	for i, at := range millis {
		out[i] = time.UnixMilli(at)
	}
	return out
}

// nextAt returns the moment at which the next batch is due: now, and later than all
// before, so that it names the batch.
func (r *Runner) nextAt() time.Time {
	at := time.Now().Truncate(time.Millisecond)
	if !at.After(r.lastAt) {
		at = r.lastAt.Add(time.Millisecond)
	}
	r.lastAt = at
	return at
}

// advance notes in the task that a batch is done.
func (p *replay) advance(ctx context.Context, j *job, b batch) error {
	j.t.Cursor = b.last
	j.t.Done += b.count
	if b.count > 0 {
		p.state.Ahead = append(p.state.Ahead, b.at.UnixMilli())
	}
	if err := p.note(j); err != nil {
		return err
	}
	if b.isLast {
		return nil // the end is saved with it
	}
	return j.save(ctx)
}

func (p *replay) note(j *job) (err error) {
	if j.t.State, err = json.Marshal(p.state); err != nil {
		return fmt.Errorf("note where a replay stands: %w", err)
	}
	return nil
}

// cancel implements work. That it is wanted is saved first, so that a task whose messages
// were taken back never goes on.
func (p *replay) cancel(ctx context.Context, j *job) error {
	if err := p.read(j); err != nil {
		return err
	}
	if !j.isSure {
		if _, err := p.lookBack(ctx, j); err != nil {
			return err
		}
	}
	if !p.state.Cancelling {
		p.state.Cancelling = true
		if err := p.note(j); err != nil {
			return err
		}
		if err := j.save(ctx); err != nil {
			return err
		}
	}
	if len(p.state.Ahead) == 0 {
		return nil
	}
	n, err := j.r.ledger.Cancel(ctx, store.Cancellation{Application: j.t.Application, Endpoint: j.t.Endpoint, Rounds: times(p.state.Ahead)})
	j.t.Done -= int64(n)
	return err
}

// receiptLife is how long the note of a batch is kept: long enough for the restart
// after a crash, which is all that it is for.
const receiptLife = 24 * time.Hour

// batch is what a receipt says of one batch: after a crash between its commit and
// SaveTask, the task goes on behind it.
type batch struct {
	last   hook.MessageID
	count  int64
	at     time.Time // when it is due
	isLast bool
}

// append writes a batch as 25 bytes.
func (b batch) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.last))
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.count))
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.at.UnixMilli()))
	if b.isLast {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func parseBatch(s []byte) (b batch, ok bool) {
	if len(s) != 25 {
		return b, false
	}
	return batch{
		last: hook.MessageID(binary.BigEndian.Uint64(s)), count: int64(binary.BigEndian.Uint64(s[8:])),
		at: time.UnixMilli(int64(binary.BigEndian.Uint64(s[16:]))), isLast: s[24] == 1,
	}, true
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
