package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hookloft/hookloft/api"
)

const (
	// Between tries of a local server that does not answer.
	firstLocalTry, lastLocalTry = 500 * time.Millisecond, 10 * time.Second
	// signedFor is how old a signature may be when it is sent; receivers take five minutes.
	signedFor = 2 * time.Minute
	// maxDealt is how many messages are remembered, so that one that comes again, because
	// its ack was lost with a connection, is not sent twice. More cannot be under way.
	maxDealt = 1024
)

// deliverer sends what the tunnel brings to the local server, one after the other.
type deliverer struct {
	tunnel    *tunnel
	forwarder *forwarder
	view      listenView
	o         *listenOptions
	recorder  *recorder // nil for none
	began     time.Time

	// dealt is what was dealt with lately, with its status; order is its ids, the oldest
	// first. Both are of work alone.
	dealt map[string]int
	order []string

	mu     sync.Mutex
	counts struct{ delivered, failed, skipped, repeated int }
}

// listenResult is one try of one message, or word that there is nothing to try.
type listenResult struct {
	at    time.Time
	frame api.ListenFrameOut
	n     int // number of the try, from 1
	// final: the message was dealt with. retry: a person asked for it.
	final, retry bool
	skipped      string // why nothing was sent; "" where something was
	exchange
}

// ok reports whether the local server took it.
func (r *listenResult) ok() bool { return r.err == nil && r.status/100 == 2 }

// unreachable reports whether nobody was there to take the message: no answer, or that of
// a proxy whose server is down.
func (r *listenResult) unreachable() bool {
	switch r.status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return r.err != nil
}

// errPlayedLost is what --fail-rate makes of an answer.
var errPlayedLost = errors.New("answer taken for lost (--fail-rate)")

// work deals with one message after the other until ctx ends. The request that is under
// way then has stopGrace to end.
func (d *deliverer) work(ctx context.Context) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })()
	for {
		select {
		case <-ctx.Done():
			return
		case in := <-d.tunnel.inbox:
			if ctx.Err() != nil {
				return
			}
			d.deal(ctx, hard, in)
		}
	}
}

// deal sends a message until somebody has taken it, and tells the server so.
func (d *deliverer) deal(ctx, hard context.Context, in incoming) {
	select {
	case <-in.conn.dead:
		return // its ack could not be sent; it comes again over the next connection
	default:
	}
	f := in.frame
	if f.Type == api.FrameSkipped {
		d.count(func() { d.counts.skipped++ })
		d.show(listenResult{at: time.Now(), frame: f, final: true, skipped: f.Reason})
		return
	}
	if status, known := d.dealt[f.ID]; known {
		d.count(func() { d.counts.repeated++ })
		d.ack(in.conn, f.ID, status)
		return
	}
	wait, signed := firstLocalTry, in.at
	for n := 1; ; n++ {
		if !pause(ctx, d.o.latency) {
			return
		}
		if time.Since(signed) > signedFor {
			if fresh, err := d.tunnel.again(ctx, f.ID); err == nil {
				f, signed = fresh, time.Now()
			}
		}
		r := listenResult{at: time.Now(), frame: f, n: n, exchange: d.forwarder.send(hard, f)}
		if hard.Err() != nil {
			return // cut off by the end of this program: nobody knows what became of it
		}
		if r.err == nil && rand.IntN(100) < d.o.failRate {
			r.err = errPlayedLost
		}
		r.final = !r.unreachable() || d.o.skipFailed
		d.show(r)
		if r.final {
			d.finished(&r)
			d.ack(in.conn, f.ID, r.status)
			return
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(wait*2, lastLocalTry)
	}
}

// finished counts and remembers a message that was dealt with.
func (d *deliverer) finished(r *listenResult) {
	d.count(func() {
		if r.ok() {
			d.counts.delivered++
		} else {
			d.counts.failed++
		}
	})
	if len(d.order) >= maxDealt {
		delete(d.dealt, d.order[0])
		d.order = d.order[1:]
	}
	d.dealt[r.frame.ID] = r.status
	d.order = append(d.order, r.frame.ID)
}

func (d *deliverer) ack(conn *tunnelConn, id string, status int) {
	// Without the ack the message comes again over the next connection, and is known then.
	_ = conn.ack(id, status)
}

// resend sends a message once more because a person asked for it.
func (d *deliverer) resend(ctx context.Context, id string) error {
	f, err := d.tunnel.again(ctx, id)
	if err != nil {
		return err
	}
	d.show(listenResult{at: time.Now(), frame: f, n: 1, final: true, retry: true, exchange: d.forwarder.send(ctx, f)})
	return nil
}

// show tells the view and the record.
func (d *deliverer) show(r listenResult) {
	if d.recorder != nil && r.skipped == "" {
		if err := d.recorder.write(&r); err != nil {
			d.view.note("not recorded: %v", err)
		}
	}
	d.view.result(r)
}

func (d *deliverer) count(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// summary is the last line.
func (d *deliverer) summary() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fmt.Sprintf("listened for %v: %d delivered", time.Since(d.began).Round(time.Second), d.counts.delivered)
	for _, more := range []struct {
		n    int
		word string
	}{{d.counts.failed, "failed"}, {d.counts.skipped, "without content"}, {d.counts.repeated, "known already"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %d %s", more.n, more.word)
		}
	}
	return text
}

// pause waits; false when ctx ends first.
func pause(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
