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

// Pool runs scripts in a bounded number of children. Applications take turns, and within
// one its endpoints (turn.go).
type Pool struct {
	o Options

	mu sync.Mutex // guards what follows
	// line are the applications of which runs wait, in the order of their turns.
	line []*tenant
	// tenants are the applications with runs that wait or are under way, or with results
	// that are kept; owners are likewise endpoints.
	tenants map[hook.ApplicationID]*tenant
	owners  map[ownerKey]*owner
	kept    int // bytes of all results that are kept
	// slow are endpoints of which a run took long, and how many quick ones it takes until
	// that is forgotten.
	slow        map[hook.EndpointID]int
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

// New returns a Pool. It starts nothing before the first run.
func New(o Options) *Pool {
	p := &Pool{o: o.withDefaults(), tenants: map[hook.ApplicationID]*tenant{}, owners: map[ownerKey]*owner{}, slow: map[hook.EndpointID]int{}, starts: make(chan startRequest)}
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
	for _, t := range p.line {
		for _, o := range t.line {
			for _, w := range o.waiting {
				close(w)
			}
			o.waiting = nil
		}
		t.line = nil
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
	q.isKept = j.KeepsResult
	r, err := p.run(ctx, ownerKey{j.Application, j.Endpoint}, q)
	if err != nil {
		return Result{}, err
	}
	out, err := r.result(j.Events != nil)
	switch {
	case r.kept == 0:
	case err != nil:
		p.discard(j.Application, r.kept)
	default:
		out.release = func() { p.discard(j.Application, r.kept) }
	}
	return out, err
}

// Check compiles code and looks for its handler, without running that. A failure is an *Error.
func (p *Pool) Check(ctx context.Context, endpoint hook.EndpointID, code string) error {
	r, err := p.run(ctx, ownerKey{endpoint: endpoint}, &request{op: opCheck, code: code})
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
func (p *Pool) run(ctx context.Context, id ownerKey, q *request) (*response, error) {
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
			return nil, &Error{Reason: hook.ReasonTransformError, Text: "the sandbox could not run the script", IsOurs: true, Cause: err}
		}
	}
}

// attempt has a child run q. The turn is over after it.
func (p *Pool) attempt(ctx context.Context, o *owner, q *request) (*response, error) {
	c, err := p.child()
	if err != nil {
		p.o.Log.Error("sandbox not started", "error", err)
		p.release(o, nil, 0, 0)
		return nil, err
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
	kept := 0
	if err == nil && q.isKept {
		kept = len(r.head) + len(r.body)
		r.kept = kept
	}
	p.release(o, c, took, kept)
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
