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
	"github.com/spf13/pflag"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/server"
)

// listenRemote says which server to listen to, with which token.
type listenRemote struct{ server, token string }

func (r *listenRemote) flags(flags *pflag.FlagSet) {
	flags.StringVar(&r.server, "server", "", "`URL` of the server (HOOKLOFT_SERVER).")
	flags.StringVar(&r.token, "token", "", "`TOKEN` for it (HOOKLOFT_TOKEN).")
}

// listenEnd is why listening ended, with the exit code that says so to scripts.
type listenEnd struct {
	code int
	text string
}

func (e *listenEnd) Error() string { return e.text }

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
	url       string // of the WebSocket
	secretURL string
	token     string
	agent     string
	http      *http.Client
	view      listenView

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

func newTunnel(p *program, remote listenRemote, o *listenOptions) (*tunnel, error) {
	base, token, err := p.listenTarget(remote)
	if err != nil {
		return nil, err
	}
	place := "/x/v1/app/" + url.PathEscape(o.app)
	if o.source != "" {
		place = "/x/v1/source/" + url.PathEscape(o.source)
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
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	return &tunnel{
		url: base + place + "/listen?" + q.Encode(), secretURL: base + place + "/listener/" + url.PathEscape(o.name) + "/secret",
		token: token, agent: "hookloft-listen/" + server.ReadBuild().Version,
		http: &http.Client{
			Transport: transport,
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
	ws, resp, err := websocket.Dial(within, t.url, &websocket.DialOptions{HTTPClient: t.http, HTTPHeader: t.header()})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, refusedListening(resp)
		}
		return nil, fmt.Errorf("cannot reach %s: %w", t.place(), err)
	}
	ws.SetReadLimit(maxListenFrame)
	c := &tunnelConn{ws: ws, frames: make(chan received), dead: make(chan struct{})}
	_, data, err := ws.Read(within)
	if err == nil {
		err = json.Unmarshal(data, &c.hello)
	}
	if err == nil && (c.hello.Type != api.FrameHello || c.hello.Version != api.ListenVersion) {
		err = &listenEnd{exitError, fmt.Sprintf("%s speaks another version of this protocol; use the hookloft that belongs to the server", t.place())}
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

func (t *tunnel) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + t.token}, "User-Agent": {t.agent}}
}

// place is the server without path and query, for messages.
func (t *tunnel) place() string {
	u, err := url.Parse(t.url)
	if err != nil {
		return "the server"
	}
	return u.Scheme + "://" + u.Host
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
	text = printableLine(text)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &listenEnd{exitAuth, text}
	case http.StatusNotFound:
		return &listenEnd{exitNotFound, text + ": is that the right name of the application or source?"}
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return &listenEnd{exitUsage, text}
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.New(text)
	}
	return &listenEnd{exitError, text}
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

// printableLine is text of somebody else on one line, with what a terminal would act on quoted.
func printableLine(text string) string {
	if text == "" {
		return ""
	}
	return printable(strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(text))
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
		var end *listenEnd
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
		t.view.note("connection lost (%s); trying again in %v", printableLine(why.Error()), pause.Round(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(pause):
		}
		conn, err := t.connect(ctx)
		var end *listenEnd
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
			t.view.note("the server complains: %s", printableLine(f.Detail))
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
	reason := printableLine(closed.Reason)
	switch closed.Code {
	case api.CloseTakenOver:
		return &listenEnd{exitError, "another hookloft listens under this name now; give one of them another --name"}
	case api.CloseUnauthorized:
		return &listenEnd{exitAuth, reason}
	case api.CloseGone:
		return &listenEnd{exitNotFound, reason}
	case websocket.StatusPolicyViolation, websocket.StatusMessageTooBig:
		return &listenEnd{exitError, "the server ended the connection: " + reason}
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
			return f, fmt.Errorf("its content is gone (%s)", printableLine(f.Reason))
		case api.FrameError:
			return f, errors.New(printableLine(f.Detail))
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
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.secretURL, nil)
	if err != nil {
		return "", err
	}
	req.Header = t.header()
	resp, err := t.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot reach %s: %w", t.place(), err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		var out api.EndpointSecretOut
		if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&out); err != nil {
			return "", fmt.Errorf("the server's answer cannot be read: %w", err)
		}
		return out.Key, nil
	case http.StatusNotFound: // or the application is: the next answer says so
		conn, err := t.connect(ctx)
		if err != nil {
			return "", err
		}
		t.leave()
		if conn.hello.Secret == "" {
			return "", &listenEnd{exitAuth, "this token may not see secrets"}
		}
		return conn.hello.Secret, nil
	}
	return "", refusedListening(resp)
}
