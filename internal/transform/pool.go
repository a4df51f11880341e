package transform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Pool runs scripts in a bounded number of children. Endpoints take turns: whoever waits
// longest of those that have fewest of their own runs under way comes next.
type Pool struct {
	o Options

	mu sync.Mutex // guards what follows
	// line are the endpoints of which runs wait, in the order of their turns.
	line []*owner
	// owners are the endpoints with runs that wait or are under way.
	owners map[hook.EndpointID]*owner
	// slow are endpoints whose last run took long, and how long.
	slow        map[hook.EndpointID]struct{}
	busy        int // children at work, those that are being started included
	slowBusy    int // of them, those of slow endpoints
	idle        []*child
	closed      bool
	sweeper     *time.Timer // nil while no child is idle
	allReturned *sync.Cond  // signalled when busy sinks

	// starts asks the goroutine whose thread all children are started by. It is closed by Close.
	starts  chan startRequest
	starter sync.WaitGroup
}

type startRequest struct {
	done chan started // of room for one
}

type started struct {
	c   *child
	err error
}

// owner is one endpoint's place in the line.
type owner struct {
	id      hook.EndpointID
	waiting []chan struct{} // told when it is that run's turn, closed by Close; of room for one
	running int
	isSlow  bool
}

// slowAfter is from when on an endpoint's runs count as slow: they leave a child to others.
const slowAfter = 10 * time.Millisecond

// maxSlow bounds what is remembered of slow endpoints. Forgetting one costs a run.
const maxSlow = 4096

// New returns a Pool. It starts nothing before the first run.
func New(o Options) *Pool {
	p := &Pool{o: o.withDefaults(), owners: map[hook.EndpointID]*owner{}, slow: map[hook.EndpointID]struct{}{}, starts: make(chan startRequest)}
	p.allReturned = sync.NewCond(&p.mu)
	p.starter.Go(p.start)
	return p
}

// start starts children, all from one thread: the system ends a child when the thread
// that started it does (Linux, PR_SET_PDEATHSIG), and Go's come and go.
func (p *Pool) start() {
	runtime.LockOSThread()
	for r := range p.starts {
		c, err := start(p.o.Program)
		r.done <- started{c, err}
	}
	// Locked to the end: the thread ends with this goroutine, after all children.
}

// errClosed is what a Pool says that is closed.
var errClosed = hook.Errorf(hook.Closed, "the server is stopping")

// Close ends all children and waits for them. Runs under way fail.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	for _, o := range p.line {
		for _, w := range o.waiting {
			close(w)
		}
		o.waiting = nil
	}
	p.line = nil
	if p.sweeper != nil {
		p.sweeper.Stop()
	}
	for p.busy > 0 {
		p.allReturned.Wait()
	}
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.stop()
	}
	close(p.starts)
	p.starter.Wait()
}

// Run runs a job's script and returns what it wants. A script that fails is an *Error;
// any other error is ctx's, or says that the pool is closed.
func (p *Pool) Run(ctx context.Context, j Job) (Result, error) {
	q := &request{op: opRun, code: j.Code, nowMs: uint64(max(j.At.UnixMilli(), 0)), seed: j.Seed}
	if j.Events != nil {
		q.op = opBatch
	}
	var err error
	if q.meta, err = j.meta(); err != nil {
		return Result{}, &Error{Reason: hook.ReasonTransformError, Text: err.Error()}
	}
	if j.Webhook != nil {
		q.payload, q.isText = string(j.Webhook.Payload), j.Webhook.IsText
	}
	if len(q.meta)+len(q.payload) > MaxInputBytes {
		return Result{}, &Error{Reason: hook.ReasonTransformError, Text: fmt.Sprintf("what the script would be given has more than %d MiB", MaxInputBytes>>20)}
	}
	r, err := p.run(ctx, j.Endpoint, q)
	if err != nil {
		return Result{}, err
	}
	return r.result(j.Events != nil)
}

// Check compiles code and looks for its handler, without running that. A failure is an *Error.
func (p *Pool) Check(ctx context.Context, endpoint hook.EndpointID, code string) error {
	r, err := p.run(ctx, endpoint, &request{op: opCheck, code: code})
	if err != nil {
		return err
	}
	return r.failure()
}

// meta is the input of a job without its payload, as JSON.
func (j *Job) meta() (string, error) {
	env := j.Variables
	if env == nil {
		env = map[string]string{}
	}
	if j.Events != nil {
		type event struct {
			Payload   json.RawMessage `json:"payload"`
			EventType string          `json:"eventType"`
		}
		in := struct {
			Events []event           `json:"events"`
			Env    map[string]string `json:"env"`
		}{make([]event, len(j.Events)), env}
		for i, e := range j.Events {
			in.Events[i] = event{e.Payload, e.EventType}
		}
		b, err := json.Marshal(in)
		if err != nil {
			return "", errors.New("the payload of a message of the batch is not JSON")
		}
		return string(b), nil
	}
	w := j.Webhook
	params := json.RawMessage(w.Params)
	if params == nil {
		params = json.RawMessage("{}")
	}
	b, err := json.Marshal(struct {
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Payload   *int              `json:"payload"` // set by the driver; here for its place among the fields
		EventType string            `json:"eventType,omitempty"`
		Env       map[string]string `json:"env"`
		Params    json.RawMessage   `json:"transformationsParams"`
		Channels  []string          `json:"channels,omitempty"`
		Request   *Request          `json:"request,omitempty"`
		ID        string            `json:"id,omitempty"`
		Timestamp string            `json:"timestamp,omitempty"`
	}{w.Method, w.URL, nil, w.EventType, env, params, w.Channels, w.Request, w.ID, timestampOf(w.CreatedAt)})
	if err != nil {
		return "", errors.New("transformationsParams of the message is not JSON")
	}
	return string(b), nil
}

// timestampOf is a time as JavaScript writes one; "" for none.
func timestampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// failure returns what went wrong in a run; nil for nothing.
func (r *response) failure() error {
	e := &Error{Text: r.text, Line: int(r.line), Column: int(r.column), Console: r.console}
	switch r.status {
	case statusDone:
		return nil
	case statusTimeout:
		e.Reason = hook.ReasonTransformTimeout
	case statusMemory:
		e.Reason = hook.ReasonTransformMemory
	default:
		e.Reason = hook.ReasonTransformError
	}
	return e
}

// result reads what a script made.
func (r *response) result(isBatch bool) (Result, error) {
	out := Result{Console: r.console}
	if err := r.failure(); err != nil {
		return out, err
	}
	var head struct {
		Cancel  bool              `json:"cancel"`
		Batch   bool              `json:"batch"`
		Same    bool              `json:"same"`
		IsText  bool              `json:"isText"`
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	}
	body := strings.ToValidUTF8(r.body, "\uFFFD")
	err := json.Unmarshal([]byte(r.head), &head)
	switch {
	case err != nil, isBatch != head.Batch, !isBatch && !head.Cancel && !head.Same && !head.IsText && !json.Valid([]byte(body)):
		// Only a script that has meddled with JSON itself comes here.
		return out, &Error{Reason: hook.ReasonTransformError, Text: "the result of the script is not one", Console: r.console}
	case len(body) > MaxOutputBytes:
		return out, &Error{Reason: hook.ReasonTransformError, Text: fmt.Sprintf("payload must have at most %d bytes", MaxOutputBytes), Console: r.console}
	case head.Cancel:
		out.Cancel = true
		return out, nil
	case isBatch:
		out.Batch = []byte(body)
		return out, nil
	}
	out.Method, out.URL, out.Headers = head.Method, head.URL, head.Headers
	if !head.Same {
		out.Payload, out.IsText = []byte(body), head.IsText
	}
	return out, nil
}

// run waits for the endpoint's turn and has a child run q. A child that somebody else
// ended is replaced, once.
func (p *Pool) run(ctx context.Context, id hook.EndpointID, q *request) (*response, error) {
	q.micros = uint64(p.o.Time.Microseconds())
	for try := 0; ; try++ {
		o, err := p.acquire(ctx, id)
		if err != nil {
			return nil, err
		}
		r, err := p.attempt(ctx, o, q)
		switch f := failureOf(err); {
		case err == nil:
			return r, nil
		case f != nil:
			return nil, f
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case try > 0:
			return nil, &Error{Reason: hook.ReasonTransformError, Text: "the sandbox could not run the script", IsOurs: true}
		}
	}
}

// attempt has a child run q. The turn is over after it.
func (p *Pool) attempt(ctx context.Context, o *owner, q *request) (*response, error) {
	c, err := p.child()
	if err != nil {
		p.o.Log.Error("sandbox not started", "error", err)
		p.release(o, nil, 0)
		return nil, errDied
	}
	begun := time.Now()
	r, err := c.exchange(ctx, q, p.o.Time)
	took := time.Since(begun)
	if err != nil {
		c.stop()
		if !errors.Is(err, context.Canceled) {
			p.o.Log.Log(ctx, slog.LevelInfo, "sandbox replaced", "error", err, "words", printable(c.words.String()))
		}
		c = nil
	} else if c.isFat() {
		c.stop()
		c = nil
	}
	p.release(o, c, took)
	return r, err
}

// child returns one that is idle, or a new one.
func (p *Pool) child() (*child, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1] // the one used last: those that are not needed grow old
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		select {
		case <-c.ended: // in the meantime, by somebody else
			c.stop()
			return p.child()
		default:
			return c, nil
		}
	}
	p.mu.Unlock()
	done := make(chan started, 1)
	p.starts <- startRequest{done}
	s := <-done
	return s.c, s.err
}

// acquire waits for the turn of a run of an endpoint.
func (p *Pool) acquire(ctx context.Context, id hook.EndpointID) (*owner, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	o := p.owners[id]
	if o == nil {
		_, isSlow := p.slow[id]
		o = &owner{id: id, isSlow: isSlow}
		p.owners[id] = o
	}
	turn := make(chan struct{}, 1)
	if len(o.waiting) == 0 {
		p.line = append(p.line, o)
	}
	o.waiting = append(o.waiting, turn)
	p.next()
	p.mu.Unlock()
	select {
	case _, isMine := <-turn:
		if !isMine {
			return nil, errClosed
		}
		return o, nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.Index(o.waiting, turn); i >= 0 {
			o.waiting = slices.Delete(o.waiting, i, i+1)
			if len(o.waiting) == 0 {
				p.line = slices.DeleteFunc(p.line, func(l *owner) bool { return l == o })
			}
			p.forget(o)
			return nil, ctx.Err()
		}
		if _, isMine := <-turn; isMine { // it came at the same time
			p.end(o)
		}
		return nil, ctx.Err()
	}
}

// next gives turns while there is room. The caller holds mu.
func (p *Pool) next() {
	for p.busy < p.o.Children && len(p.line) > 0 {
		i := slices.IndexFunc(p.line, p.mayRun)
		if i < 0 {
			return
		}
		o := p.line[i]
		p.line = slices.Delete(p.line, i, i+1)
		o.waiting[0] <- struct{}{}
		o.waiting = o.waiting[1:]
		o.running++
		p.busy++
		if o.isSlow {
			p.slowBusy++
		}
		if len(o.waiting) > 0 {
			p.line = append(p.line, o) // behind all others
		}
	}
}

// mayRun reports whether an endpoint may have one more child.
func (p *Pool) mayRun(o *owner) bool {
	if o.isSlow && p.slowBusy >= p.o.Children/2 {
		return false
	}
	return o.running < (p.o.Children+1)/2 || len(p.line) == 1
}

// release ends a turn that took so long, with the child for the next; nil where it is no more.
func (p *Pool) release(o *owner, c *child, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c != nil {
		c.freedAt = time.Now()
		p.idle = append(p.idle, c)
		if p.sweeper == nil && !p.closed {
			p.sweeper = time.AfterFunc(p.o.IdleAfter, p.sweep)
		}
	}
	p.end(o)
	p.judge(o, took)
}

// end gives a place back and passes it on. The caller holds mu.
func (p *Pool) end(o *owner) {
	o.running--
	p.busy--
	if o.isSlow {
		p.slowBusy--
	}
	p.allReturned.Broadcast()
	p.next()
	p.forget(o)
}

// forget drops what is known of an endpoint that has no run here. The caller holds mu.
func (p *Pool) forget(o *owner) {
	if o.running == 0 && len(o.waiting) == 0 {
		delete(p.owners, o.id)
	}
}

// judge remembers whether an endpoint's script is slow. The caller holds mu.
func (p *Pool) judge(o *owner, took time.Duration) {
	isSlow := took > slowAfter
	if isSlow == o.isSlow {
		return
	}
	o.isSlow = isSlow
	if isSlow {
		if len(p.slow) >= maxSlow {
			clear(p.slow)
		}
		p.slow[o.id] = struct{}{}
		p.slowBusy += o.running
		return
	}
	delete(p.slow, o.id)
	p.slowBusy -= o.running
	p.next()
}

// sweep ends children that were idle for long.
func (p *Pool) sweep() {
	p.mu.Lock()
	old := time.Now().Add(-p.o.IdleAfter)
	var gone []*child
	p.idle = slices.DeleteFunc(p.idle, func(c *child) bool {
		if c.freedAt.After(old) {
			return false
		}
		gone = append(gone, c)
		return true
	})
	if p.sweeper = nil; len(p.idle) > 0 && !p.closed {
		p.sweeper = time.AfterFunc(max(p.idle[0].freedAt.Sub(old), time.Millisecond), p.sweep)
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.stop()
	}
}
