package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/server"
)

const (
	// maxListenFrame bounds a frame of the server: the largest payload that can be
	// configured in base64, with what stands around it.
	maxListenFrame = 64 << 20
	dialTimeout    = 20 * time.Second
	ackTimeout     = 10 * time.Second
	resignTimeout  = 10 * time.Second
	// Between tries to come back, as long as the server does not say for good that it is over.
	firstComeBack, lastComeBack = 500 * time.Millisecond, 15 * time.Second
	// silence is how long a connection may be without a word: the server pings every 20 s.
	silence = 60 * time.Second
)

// tunnel keeps a connection to the server and gives its messages to a channel, in order.
type tunnel struct {
	client     *client.Client
	url        string // of the WebSocket
	secretPath string
	header     http.Header
	http       *http.Client
	view       listenView

	// inbox holds messages that came and were not begun. run sends, nobody closes.
	inbox chan incoming

	mu   sync.Mutex
	conn *tunnelConn // the current one; nil while there is none
	// waiting are those who asked for a message once more, by its id.
	waiting map[string]chan api.ListenFrameOut
}

// tunnelConn is one connection.
type tunnelConn struct {
	ws     *websocket.Conn
	hello  api.ListenFrameOut
	frames chan received // of pump
	dead   chan struct{} // closed when nothing more comes or can be sent
}

// incoming is a message and the connection over which its ack goes.
type incoming struct {
	frame api.ListenFrameOut
	conn  *tunnelConn
	at    time.Time
}

func newTunnel(p *program, f *remoteFlags, o *listenOptions) (*tunnel, error) {
	to, err := p.target(f)
	if err != nil {
		return nil, err
	}
	if to.warning != "" {
		p.warnf("%s", to.warning)
	}
	agent := "hookloft-cli/" + server.ReadBuild().Version
	c, err := client.New(to.server, to.token, client.Options{UserAgent: agent})
	if err != nil {
		return nil, &usageError{err}
	}
	place := client.Path("/x/v1/app/{}", o.app)
	if o.source != "" {
		place = client.Path("/x/v1/source/{}", o.source)
	}
	q := url.Values{"name": {o.name}}
	if len(o.events) > 0 {
		q.Set("event_types", strings.Join(o.events, ","))
	}
	if o.channel != "" {
		q.Set("channel", o.channel)
	}
	if o.since > 0 {
		q.Set("since", time.Now().Add(-o.since).UTC().Format(time.RFC3339))
	}
	header := http.Header{"User-Agent": {agent}}
	if to.token != "" {
		header.Set("Authorization", "Bearer "+to.token)
	}
	return &tunnel{
		client: c, url: c.Server() + place + "/listen?" + q.Encode(), secretPath: place + client.Path("/listener/{}/secret", o.name), header: header,
		http: &http.Client{
			// The API redirects nowhere, and the token is not for others.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		inbox: make(chan incoming, 256), waiting: map[string]chan api.ListenFrameOut{},
	}, nil
}

// connect opens one connection and reads its first frame.
func (t *tunnel) connect(ctx context.Context) (*tunnelConn, error) {
	within, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ws, resp, err := websocket.Dial(within, t.url, &websocket.DialOptions{HTTPClient: t.http, HTTPHeader: t.header}) //nolint:bodyclose // the library closes it and keeps what refusedListening reads
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, refusedListening(resp)
		}
		return nil, fmt.Errorf("listen at %s: %w", t.client.Server(), err)
	}
	ws.SetReadLimit(maxListenFrame)
	c := &tunnelConn{ws: ws, frames: make(chan received), dead: make(chan struct{})}
	_, data, err := ws.Read(within)
	if err == nil {
		err = json.Unmarshal(data, &c.hello)
	}
	if err == nil && (c.hello.Type != api.FrameHello || c.hello.Version != api.ListenVersion) {
		err = forGood(exitError, "%s speaks another version of this protocol; use the hookloft that belongs to the server", t.client.Server())
	}
	if err != nil {
		_ = ws.CloseNow()
		return nil, err
	}
	t.mu.Lock()
	t.conn = c
	t.mu.Unlock()
	go c.pump()
	return c, nil
}

// refusedListening turns an answer that is no WebSocket into an error. Only those that
// pass by themselves are worth another try.
func refusedListening(resp *http.Response) error {
	var problem struct {
		Code   string `json:"code"`
		Detail any    `json:"detail"`
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // all that the library has kept
	text := fmt.Sprintf("the server answered %d", resp.StatusCode)
	if json.Unmarshal(body, &problem) == nil {
		text += ": " + detailText(problem.Detail)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return forGood(exitAuth, "%s", text)
	case http.StatusNotFound:
		return forGood(exitNotFound, "%s: is that the right name of the application or source?", text)
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return forGood(exitUsage, "%s", text)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.New(visible(text))
	}
	return forGood(exitError, "%s", text)
}

// forGood is an error after which coming back is of no use.
func forGood(code int, format string, args ...any) error {
	return &codedError{code, errors.New(visible(fmt.Sprintf(format, args...)))}
}

// detailText is a refusal in words: a text, or the list of a 422.
func detailText(detail any) string {
	list, ok := detail.([]any)
	if !ok {
		return fmt.Sprint(detail)
	}
	var words []string
	for _, one := range list {
		if m, ok := one.(map[string]any); ok {
			words = append(words, fmt.Sprintf("%v: %v", m["loc"], m["msg"]))
		}
	}
	return strings.Join(words, "; ")
}

// run reads from conn, and from the connections that follow it, until ctx ends or coming
// back is of no use. When ctx ends the connection stays, for the last ack; leave closes it.
func (t *tunnel) run(ctx context.Context, conn *tunnelConn) error {
	for {
		err := t.read(ctx, conn)
		if ctx.Err() != nil {
			return nil
		}
		t.lost(conn)
		var end *codedError
		if errors.As(err, &end) {
			return end
		}
		if conn, err = t.comeBack(ctx, err); conn == nil {
			return err
		}
		t.view.note("connected again")
	}
}

// comeBack tries until there is a connection. It returns none after ctx, or an error that will not pass.
func (t *tunnel) comeBack(ctx context.Context, why error) (*tunnelConn, error) {
	for wait := firstComeBack; ; wait = min(wait*2, lastComeBack) {
		pause := wait/2 + rand.N(wait/2+1) // so that all who were cut off do not come back at once
		t.view.note("connection lost (%s); trying again in %v", cell(why.Error()), pause.Round(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(pause):
		}
		conn, err := t.connect(ctx)
		var end *codedError
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, nil
		case errors.As(err, &end):
			return nil, end
		}
		why = err
	}
}

// lost ends a connection that nothing more comes from. Who asked for a message over it
// waits in vain.
func (t *tunnel) lost(conn *tunnelConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(conn.dead)
	if t.conn == conn {
		t.conn = nil
	}
	_ = conn.ws.CloseNow()
}

// read takes frames until the connection or ctx ends.
func (t *tunnel) read(ctx context.Context, conn *tunnelConn) error {
	for {
		data, err := conn.next(ctx)
		if err != nil {
			return endOf(err)
		}
		var f api.ListenFrameOut
		if err := json.Unmarshal(data, &f); err != nil {
			return fmt.Errorf("the server sent what is no frame: %w", err)
		}
		if t.handOver(f) {
			continue
		}
		switch f.Type {
		case api.FrameMessage, api.FrameSkipped:
			select {
			case t.inbox <- incoming{f, conn, time.Now()}:
			case <-ctx.Done():
				return ctx.Err()
			}
		case api.FrameError:
			t.view.note("the server complains: %s", cell(f.Detail))
		}
	}
}

// received is what one read of a connection brought.
type received struct {
	data []byte
	err  error
}

// pump reads frame by frame. It reads without a context, whose end would close the
// connection while acks must still go over it.
func (c *tunnelConn) pump() {
	for {
		_, data, err := c.ws.Read(context.Background())
		select {
		case c.frames <- received{data, err}:
		case <-c.dead:
			return
		}
		if err != nil {
			return
		}
	}
}

// next returns one frame, and notices a server that is gone without a word: the pings of a
// living one are answered inside Read, which says nothing about them.
func (c *tunnelConn) next(ctx context.Context) ([]byte, error) {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case r := <-c.frames:
			return r.data, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			within, cancel := context.WithTimeout(ctx, ackTimeout)
			err := c.ws.Ping(within)
			cancel()
			if err != nil {
				return nil, fmt.Errorf("the server is silent: %w", err)
			}
			timer.Reset(silence)
		}
	}
}

// endOf says what a close code means: some are for good.
func endOf(err error) error {
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	reason := cell(closed.Reason)
	switch closed.Code {
	case api.CloseTakenOver:
		return forGood(exitError, "another hookloft listens under this name now; give one of them another --name")
	case api.CloseUnauthorized:
		return forGood(exitAuth, "%s", reason)
	case api.CloseGone:
		return forGood(exitNotFound, "%s", reason)
	case websocket.StatusPolicyViolation, websocket.StatusMessageTooBig:
		return forGood(exitError, "the server ended the connection: %s", reason)
	}
	return errors.New(reason)
}

// handOver gives a frame to whoever asked for its message once more.
func (t *tunnel) handOver(f api.ListenFrameOut) bool {
	if f.Type == api.FrameMessage && !f.Retry {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.waiting[f.ID]
	if c == nil {
		return f.Retry // too late for the one who asked
	}
	delete(t.waiting, f.ID)
	c <- f // of size 1, and the only one
	return true
}

var errNotConnected = errors.New("not connected just now")

// again asks for a message once more, signed now.
func (t *tunnel) again(ctx context.Context, id string) (api.ListenFrameOut, error) {
	answer := make(chan api.ListenFrameOut, 1)
	t.mu.Lock()
	conn := t.conn
	if conn != nil && t.waiting[id] == nil {
		t.waiting[id] = answer
	} else {
		conn = nil
	}
	t.mu.Unlock()
	if conn == nil {
		return api.ListenFrameOut{}, errNotConnected
	}
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.waiting[id] == answer {
			delete(t.waiting, id)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, resignTimeout)
	defer cancel()
	if err := conn.write(ctx, api.ListenFrameIn{Type: api.FrameRetry, ID: id}); err != nil {
		return api.ListenFrameOut{}, err
	}
	select {
	case f := <-answer:
		switch f.Type {
		case api.FrameSkipped:
			return f, fmt.Errorf("its content is gone (%s)", cell(f.Reason))
		case api.FrameError:
			return f, errors.New(cell(f.Detail))
		}
		return f, nil
	case <-conn.dead:
		return api.ListenFrameOut{}, errNotConnected
	case <-ctx.Done():
		return api.ListenFrameOut{}, errors.New("the server did not send it again")
	}
}

// ack tells the server that a message was dealt with. When that fails, the message comes
// once more, and is known then.
func (c *tunnelConn) ack(id string, status int) error {
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
	defer cancel()
	return c.write(ctx, api.ListenFrameIn{Type: api.FrameAck, ID: id, Status: status})
}

func (c *tunnelConn) write(ctx context.Context, f api.ListenFrameIn) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return c.ws.Write(ctx, websocket.MessageText, data)
}

// leave says good-bye, after which the server has saved every ack.
func (t *tunnel) leave() {
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	if conn != nil {
		_ = conn.ws.Close(websocket.StatusNormalClosure, "") // broken or not, this was the end of it
		t.lost(conn)
	}
}

// secret returns what verifies the messages of the listener. One that does not exist yet
// is made by listening for a moment: so nobody who listens is sent away.
func (t *tunnel) secret(ctx context.Context) (string, error) {
	var out api.EndpointSecretOut
	err := t.client.Call(ctx, http.MethodGet, t.secretPath, nil, &out)
	if client.StatusOf(err) != http.StatusNotFound {
		return out.Key, err
	}
	// The application may be what is missing: then this says so.
	conn, err := t.connect(ctx)
	if err != nil {
		return "", err
	}
	t.leave()
	if conn.hello.Secret == "" {
		return "", forGood(exitAuth, "this token may not see secrets")
	}
	return conn.hello.Secret, nil
}
