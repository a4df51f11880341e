package sqlite

import (
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// maxBatch is the most operations of one commit.
const maxBatch = 4096

// operation is one thing that the writer is asked to do. Exactly one field is set.
type operation struct {
	publication *appending
	finished    *store.Finished
	task        *task
}

// appending is an Append or AppendAll that waits.
type appending struct {
	publication *store.Publication // nil for AppendAll
	group       *group             // nil for Append
	inbound     []byte             // of publication, see encodeInbound
	bytes       int64
	result      store.Appended // of publication
	err         error
	done        chan struct{} // the writer sends once, after the commit; room for one
}

// group is what an AppendAll brings: one operation, so that all is in one commit.
type group struct {
	publications []*store.Publication
	inbound      [][]byte         // of each, see encodeInbound
	results      []store.Appended // of each
}

// count is how many publications wait with a.
func (a *appending) count() int {
	if a.group != nil {
		return len(a.group.publications)
	}
	return 1
}

// task is anything else that runs in the writer's next commit.
type task struct {
	run func(w *writer) error
	// again says that the task survives a full disk like an outcome does, and is tried once
	// more with the space of the reserve.
	again bool
	// between says that the task runs between two batches, outside of every transaction, and
	// is answered at once.
	between bool
	err     error
	done    chan struct{} // the writer sends once, after the commit; room for one
}

// intake is the queue in front of the writer. Appends are bounded; outcomes are not,
// because they are bounded by the attempts in flight and must never wait.
type intake struct {
	maxOperations int
	maxBytes      int64

	// wake has room for one token, which says that the writer must look again. Whoever
	// adds sends without waiting; the writer receives; nobody closes it.
	wake chan struct{}

	mu      sync.Mutex
	queue   []operation
	hurried int       // operations of queue that want the next commit
	since   time.Time // when the first operation that may wait was added
	appends int       // publications in queue
	bytes   int64     // their payloads
	closed  bool
	failed  error // what ended the store; nil while it works
}

func newIntake(maxOperations int, maxBytes int64) *intake {
	return &intake{maxOperations: maxOperations, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// refusal says why nothing can be added, nil if it can. q.mu is held.
func (q *intake) refusal() error {
	if q.failed != nil {
		return q.failed
	}
	if q.closed {
		return errClosed()
	}
	return nil
}

func (q *intake) addAppend(a *appending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusal(); err != nil {
		return err
	}
	// One message, or one group, is always let in, however large it is.
	if n := a.count(); q.appends > 0 && (q.appends+n > q.maxOperations || q.bytes+a.bytes > q.maxBytes) {
		return hook.Errorf(hook.Overloaded, "too many messages wait for the disk; try again shortly")
	}
	q.appends += a.count()
	q.bytes += a.bytes
	q.add(operation{publication: a}, true)
	return nil
}

func (q *intake) addTask(t *task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusal(); err != nil {
		return err
	}
	q.add(operation{task: t}, true)
	return nil
}

// addFinished adds outcomes, or reports why none was added.
func (q *intake) addFinished(list []*store.Finished) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusal(); err != nil {
		return err
	}
	for _, f := range list {
		q.add(operation{finished: f}, f.Urgent)
	}
	return nil
}

// add appends to the queue and wakes the writer if it may be asleep. q.mu is held.
func (q *intake) add(op operation, hurry bool) {
	q.queue = append(q.queue, op)
	first := false
	if hurry {
		q.hurried++
		first = q.hurried == 1
	} else if q.since.IsZero() {
		q.since = time.Now()
		first = true
	}
	if first || len(q.queue) == maxBatch {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take moves everything queued, at most maxBatch, to the end of batch, once there is
// something that wants a commit: a hurried operation, a full batch, or one that has waited
// outcomeDelay. It sleeps until then; without work it sets no timer. It returns false when
// the intake is closed and empty.
func (q *intake) take(batch []operation, timer *time.Timer) ([]operation, bool) {
	for {
		q.mu.Lock()
		var wait time.Duration // how long the lazy ones may still wait; negative for nothing to wait for
		switch {
		case len(q.queue) == 0 && q.closed:
			q.mu.Unlock()
			return batch, false
		case len(q.queue) == 0:
			wait = -1
		case q.hurried > 0 || q.closed || len(q.queue) >= maxBatch:
		default:
			wait = max(0, outcomeDelay-time.Since(q.since))
		}
		if wait == 0 {
			batch = q.move(batch)
			q.mu.Unlock()
			return batch, true
		}
		q.mu.Unlock()
		if wait < 0 {
			<-q.wake
			continue
		}
		timer.Reset(wait)
		select {
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// move empties the queue into batch. q.mu is held.
func (q *intake) move(batch []operation) []operation {
	n := min(len(q.queue), maxBatch)
	batch = append(batch, q.queue[:n]...)
	rest := copy(q.queue, q.queue[n:])
	clear(q.queue[rest:])
	q.queue = q.queue[:rest]
	q.hurried, q.since, q.appends, q.bytes = 0, time.Time{}, 0, 0
	for _, op := range q.queue {
		switch {
		case op.publication != nil:
			q.appends += op.publication.count()
			q.bytes += op.publication.bytes
			q.hurried++
		case op.task != nil:
			q.hurried++
		default:
			// What was left behind by a full batch has waited long enough.
			q.hurried++
		}
	}
	return batch
}

// fail makes every later call answer err, and reports false when something else was first.
func (q *intake) fail(err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed != nil {
		return false
	}
	q.failed = err
	return true
}

// close lets the writer finish what is queued and refuses more.
func (q *intake) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *intake) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// failure returns what ended the store, nil while it works.
func (q *intake) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed
}
