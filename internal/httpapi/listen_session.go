package httpapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/webhook"
)

const (
	// listenWindowSize is how many messages are sent ahead of their acks.
	listenWindowSize = 64
	// listenPollEvery is the net below the hub: what was committed past it is found so late.
	listenPollEvery = 5 * time.Second
	// listenCheckEvery is how soon a token that has ended ends the connection.
	listenCheckEvery = 10 * time.Second
	// Acks are saved together: after a crash at most these many, or those of this time, repeat.
	listenFlushAcks  = 100
	listenFlushAfter = time.Second
	// listenWriteTimeout is how long a client may take to take one frame.
	listenWriteTimeout = 15 * time.Second
	listenStoreTimeout = 10 * time.Second
	// listenPingEvery and listenPongTimeout notice a client that is gone without a word.
	listenPingEvery   = 20 * time.Second
	listenPongTimeout = 10 * time.Second

	// A client may send so many frames at once, and listenFramesPerMessage for each that it got.
	listenFramesAtOnce     = 1000
	listenFramesPerMessage = 2
	// maxListenFaults is how many frames may be wrong until the connection ends.
	maxListenFaults = 32
	// maxListenRetries is how many retries may wait; listenRetryRate how many come a second.
	maxListenRetries = 16
	listenRetryRate  = 20
)

// listenSession is one connection. One goroutine reads frames, one pings, and run does
// all the rest: so messages leave in order.
type listenSession struct {
	s      *server
	c      *call
	conn   *websocket.Conn
	app    *hook.Application
	seat   *listenSeat
	name   string
	secret string
	signer *webhook.Signer
	filter listenFilter
	ack    string // api.AckEach, AckCumulative or AckAuto

	// acked is of size 1: the reader has changed the window.
	acked chan struct{}
	// retries holds what the client asks for once more. The reader sends, nobody closes.
	retries    chan hook.MessageID
	retryLimit *rate.Limiter
	faults     int // of the reader

	mu     sync.Mutex
	window listenWindow
	budget int            // frames that the client may still send
	fresh  int            // acks since the cursor was saved
	saved  hook.MessageID // the cursor on disk
}

func newListenSession(s *server, c *call, conn *websocket.Conn, a *hook.Application, seat *listenSeat, l *hook.Listener, signer *webhook.Signer, f listenFilter, ack string) *listenSession {
	conn.SetReadLimit(maxFrameBytes)
	l2 := &listenSession{
		s: s, c: c, conn: conn, app: a, seat: seat, name: l.Name, secret: l.Secret, signer: signer, filter: f, ack: ack,
		acked: make(chan struct{}, 1), retries: make(chan hook.MessageID, maxListenRetries),
		retryLimit: rate.NewLimiter(listenRetryRate, listenRetryRate),
		budget:     listenFramesAtOnce, saved: l.Cursor,
	}
	l2.window.floor = l.Cursor
	return l2
}

// attrs are what log lines about the connection have in common.
func (l *listenSession) attrs() []any {
	return []any{
		telemetry.KeyApplication, l.s.Catalog.Codec().Application(l.app.Environment, l.app.ID),
		"listener", l.name, telemetry.KeyRequest, l.c.reqID,
	}
}

// run serves the connection until it ends and says good-bye. The cursor is saved, and the
// seat given up, before that: who comes next need not wait for it.
func (l *listenSession) run(created bool) {
	ctx, cancel := context.WithCancelCause(l.c.ctx())
	var helpers sync.WaitGroup
	helpers.Go(func() { cancel(l.read(ctx)) })
	helpers.Go(func() { cancel(l.ping(ctx)) })
	l.s.Log.Info("listener came", l.attrs()...)
	err := l.serve(ctx, created)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if l.asked() {
		err = l.seat.why
	}
	why := l.closingOf(err)
	if err := l.flush(context.WithoutCancel(ctx)); err != nil && hook.KindOf(err) != hook.NotFound {
		l.s.Log.Warn("cursor of a listener not saved: what it acknowledged last comes once more", append(l.attrs(), telemetry.KeyError, err)...)
	}
	l.s.Listening.leave(l.seat)
	l.s.Log.Info("listener left", append(l.attrs(), telemetry.KeyReason, why.reason)...)
	// Close before cancel, which cuts the connection. It may be broken already, and then
	// there is nobody to tell.
	_ = l.conn.Close(why.code, why.reason)
	cancel(why)
	helpers.Wait()
}

func (l *listenSession) asked() bool {
	select {
	case <-l.seat.asked:
		return true
	default:
		return false
	}
}

// closingOf turns what ended the connection into what the client is told.
func (l *listenSession) closingOf(err error) *closing {
	var why *closing
	switch {
	case errors.As(err, &why):
		return why
	case hook.KindOf(err) == hook.NotFound:
		return errGone
	case hook.KindOf(err) == hook.Closed:
		return errListenStops
	case errors.As(err, new(websocket.CloseError)):
		return &closing{websocket.StatusNormalClosure, "the client left"}
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &closing{websocket.StatusMessageTooBig, "the frame is too long"}
	case errors.As(err, new(*storeError)):
		l.s.Log.Warn("listener cannot be served", append(l.attrs(), telemetry.KeyError, err)...)
		return &closing{websocket.StatusTryAgainLater, "the messages cannot be read now; come back"}
	}
	return &closing{websocket.StatusNormalClosure, "the connection broke"}
}

// storeError is a failure of ours, not of the connection.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// serve sends what there is and waits for more.
func (l *listenSession) serve(ctx context.Context, created bool) error {
	hello := api.ListenFrameOut{
		Type: api.FrameHello, Version: api.ListenVersion, Created: created, Listener: l.name, Window: listenWindowSize,
		Application: l.s.Catalog.Codec().Application(l.app.Environment, l.app.ID),
	}
	if l.ack != api.AckEach {
		hello.Ack = l.ack
	}
	if l.c.token.Can(hook.ViewEndpointSecret) && l.c.token.MayDo(hook.ScopeReadSecret) {
		hello.Secret = l.secret
	}
	if err := l.send(ctx, &hello); err != nil {
		return err
	}
	poll, check := time.NewTicker(listenPollEvery), time.NewTicker(listenCheckEvery)
	defer poll.Stop()
	defer check.Stop()
	var flush <-chan time.Time // armed while there is something to save
	for {
		if err := l.sendMore(ctx); err != nil {
			return err
		}
		if dirty, many := l.unsaved(); many {
			if err := l.flush(ctx); err != nil {
				return err
			}
			flush = nil
		} else if dirty && flush == nil {
			flush = time.After(listenFlushAfter)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.seat.asked:
			return l.seat.why
		case <-l.seat.wake:
		case <-l.acked:
		case <-poll.C:
		case id := <-l.retries:
			if err := l.retry(ctx, id); err != nil {
				return err
			}
		case <-check.C:
			if why := l.s.stillMayListen(l.c, l.app); why != nil {
				return why
			}
		case <-flush:
			flush = nil
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// sendMore sends messages while there are any and the window has room. Only their keys are
// listed ahead: of contents one at a time is in memory.
func (l *listenSession) sendMore(ctx context.Context) error {
	for {
		l.mu.Lock()
		room, from := listenWindowSize-l.window.waiting, l.window.position()
		l.mu.Unlock()
		if room <= 0 {
			return nil
		}
		within, cancel := context.WithTimeout(ctx, listenStoreTimeout)
		page, err := l.s.History.Messages(within, store.MessageQuery{
			Application: l.app.ID, Window: store.Window{Limit: room, From: hook.Key(from), Backward: true},
		})
		cancel()
		if err != nil {
			return &storeError{err}
		}
		if l.ack == api.AckAuto && len(page.Rows) > 0 {
			// On disk before the first is sent: none comes twice, not even after a crash.
			l.passed(page.Rows[0].ID)
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
		for _, m := range slices.Backward(page.Rows) { // a page is newest first
			if ctx.Err() != nil || l.asked() {
				return nil
			}
			if err := l.sendMessage(ctx, m); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}

// sendMessage sends one message of a list, or passes over it.
func (l *listenSession) sendMessage(ctx context.Context, listed *hook.Message) error {
	if !l.filter.wants(listed) {
		l.passed(listed.ID)
		return nil
	}
	frame, err := l.frame(ctx, listed.ID)
	if hook.KindOf(err) == hook.NotFound {
		l.passed(listed.ID) // gone since it was listed
		return nil
	}
	if err != nil {
		return err
	}
	if frame.Type != api.FrameMessage {
		l.passed(listed.ID)
		return l.send(ctx, frame)
	}
	// It waits before it is sent, because the ack may be faster than our return.
	l.mu.Lock()
	if l.ack != api.AckAuto {
		l.window.sent(listed.ID)
	}
	l.budget += listenFramesPerMessage
	l.mu.Unlock()
	return l.send(ctx, frame)
}

func (l *listenSession) passed(id hook.MessageID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.window.position() < id { // with AckAuto it has been passed before
		l.window.passed(id)
	}
}

// retry sends a message once more, signed now.
func (l *listenSession) retry(ctx context.Context, id hook.MessageID) error {
	frame, err := l.frame(ctx, id)
	if hook.KindOf(err) == hook.NotFound {
		return l.complain(ctx, id, "there is no such message")
	}
	if err != nil {
		return err
	}
	frame.Retry = frame.Type == api.FrameMessage
	l.mu.Lock()
	l.budget += listenFramesPerMessage
	l.mu.Unlock()
	return l.send(ctx, frame)
}

func (l *listenSession) complain(ctx context.Context, id hook.MessageID, detail string) error {
	f := &api.ListenFrameOut{Type: api.FrameError, Detail: detail}
	if id != 0 {
		f.ID = l.s.Catalog.Codec().Message(l.app.ID, id)
	}
	return l.send(ctx, f)
}

// send writes one frame. A write whose context ends cuts the connection, and with it the
// word why it ends: what ends the session meanwhile waits for the frame, for listenWriteTimeout
// at most.
func (l *listenSession) send(ctx context.Context, f *api.ListenFrameOut) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), listenWriteTimeout)
	defer cancel()
	return l.conn.Write(ctx, websocket.MessageText, encode(f))
}

// unsaved says whether the cursor on disk is behind, and whether by so much that it must not wait.
func (l *listenSession) unsaved() (dirty, many bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.window.floor > l.saved, l.window.floor > l.saved && l.fresh >= listenFlushAcks
}

// flush saves the cursor.
func (l *listenSession) flush(ctx context.Context) error {
	l.mu.Lock()
	to, behind := l.window.floor, l.window.floor > l.saved
	l.fresh = 0
	l.mu.Unlock()
	if !behind {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, listenStoreTimeout)
	defer cancel()
	if err := l.s.Catalog.MoveListener(ctx, l.app.ID, l.name, to); err != nil {
		return &storeError{err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = to
	return nil
}

// ping notices a client that is gone without a word.
func (l *listenSession) ping(ctx context.Context) error {
	t := time.NewTicker(listenPingEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		within, cancel := context.WithTimeout(ctx, listenPongTimeout)
		err := l.conn.Ping(within)
		cancel()
		if err != nil {
			return fmt.Errorf("no answer to a ping: %w", err)
		}
	}
}

// read takes the client's frames one by one: a client that floods us waits in its own
// kernel's buffers, and then has used up its budget.
func (l *listenSession) read(ctx context.Context) error {
	for {
		kind, data, err := l.conn.Read(ctx)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.budget--
		spent := l.budget < 0
		l.mu.Unlock()
		if spent {
			return &closing{websocket.StatusPolicyViolation, "too many frames"}
		}
		problem := "frames are JSON text"
		if kind == websocket.MessageText {
			problem = l.take(data)
		}
		if problem == "" {
			continue
		}
		if l.faults++; l.faults > maxListenFaults {
			return &closing{websocket.StatusPolicyViolation, "too many wrong frames"}
		}
		if err := l.complain(ctx, 0, problem); err != nil {
			return err
		}
	}
}

// take acts on one frame and returns what is wrong with it, "" for nothing.
func (l *listenSession) take(data []byte) string {
	var in api.ListenFrameIn
	if err := json.Unmarshal(data, &in); err != nil {
		return "the frame is not a JSON object of the documented form"
	}
	id, ok := l.s.Catalog.Codec().ParseMessage(l.app.ID, in.ID)
	switch {
	case in.Type != api.FrameAck && in.Type != api.FrameRetry:
		return "type must be ack or retry"
	case !ok:
		return "id is not that of a message of this application"
	case in.Type == api.FrameAck:
		l.mu.Lock()
		acked := l.window.ack(id)
		if acked && l.ack == api.AckCumulative {
			l.window.ackBefore(id)
		}
		if acked {
			l.fresh++
		}
		l.mu.Unlock()
		if !acked {
			return "this message waits for no ack"
		}
		select {
		case l.acked <- struct{}{}:
		default: // it will look anyway
		}
		return ""
	}
	if !l.retryLimit.Allow() {
		return "too many retries at once"
	}
	select {
	case l.retries <- id:
		return ""
	default:
		return "too many retries at once"
	}
}
