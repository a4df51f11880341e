package receive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Receiver behind a real listener, with a real store.
type world struct {
	t   testing.TB
	dir string
	*sqlite.Store
	env      *hook.Environment
	receiver *Receiver
	server   *httptest.Server
	log      *lines
	queue    *queue

	mu     sync.Mutex
	now    time.Time // the receiver's clock; zero for the real one
	broken error     // what the ledger answers; nil for the store's own
	addr   netip.Addr
	visits []string
	refuse error // what a visit answers
}

// queue takes what is handed over, in place of a dispatcher.
type queue struct {
	mu    sync.Mutex
	fresh []store.Due
	taken func(store.Due)
	// forget keeps nothing in fresh, for benchmarks.
	forget bool
	full   atomic.Bool // there is no room in memory
}

func (q *queue) Admit(hook.ApplicationID, hook.EndpointID, int) bool { return !q.full.Load() }
func (q *queue) Withdraw([]store.Due)                                {}
func (q *queue) MadeDue(hook.ApplicationID, hook.EndpointID, time.Time) {
}

func (q *queue) Committed(fresh []store.Due) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.forget {
		return
	}
	q.fresh = append(q.fresh, fresh...)
	for _, d := range fresh {
		if q.taken != nil {
			q.taken(d)
		}
	}
}

// lines is a log that can be read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// ledger is the store's, until it is told to fail.
type ledger struct{ w *world }

func (l ledger) failure() error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.broken
}

func (l ledger) Append(ctx context.Context, p *store.Publication) (store.Appended, error) {
	if err := l.failure(); err != nil {
		return store.Appended{}, err
	}
	return l.w.Store.Append(ctx, p)
}

func (l ledger) AppendAll(ctx context.Context, all []*store.Publication) ([]store.Appended, error) {
	if err := l.failure(); err != nil {
		return nil, err
	}
	return l.w.Store.AppendAll(ctx, all)
}

func newWorld(t testing.TB, o Options) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: &lines{}, queue: &queue{}, addr: netip.MustParseAddr("192.0.2.7")}
	w.open()
	w.env = &hook.Environment{ID: hook.EnvironmentID(w.NewKey()), Name: "test"}
	if err := w.CreateEnvironment(context.Background(), w.env); err != nil {
		t.Fatal(err)
	}
	o.Now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.now.IsZero() {
			return time.Now()
		}
		return w.now
	}
	w.receiver = New(Deps{
		Sources: w, Plans: w, Ledger: ledger{w}, Visits: w,
		Visit: func(_ context.Context, url string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.visits = append(w.visits, url)
			return w.refuse
		},
		ClientAddr: func(*http.Request) netip.Addr {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.addr
		},
		PublicURL: func() string { return "https://hooks.example.test" },
		Log:       slog.New(slog.NewTextHandler(w.log, nil)),
	}, o)
	w.server = httptest.NewServer(w.receiver)
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	key, err := auth.KeyFromSecret("a secret for tests, long enough to be taken")
	if err != nil {
		w.t.Fatal(err)
	}
	if w.Store, err = sqlite.Open(context.Background(), w.dir, sqlite.Options{Sealer: auth.NewSealer(key)}); err != nil {
		w.t.Fatal(err)
	}
	w.Attach(w.queue)
	s := w.Store
	w.t.Cleanup(func() { s.Close() })
}

// source makes a source with one endpoint and returns it.
func (w *world) source(typ string, change func(*hook.Source)) *hook.Source {
	w.t.Helper()
	s := &hook.Source{ID: hook.SourceID(w.NewKey()), Environment: w.env.ID, Name: "a source", Type: typ}
	s.Tokens = []hook.SourceToken{{Text: w.Codec().NewSourceToken(s.ID)}}
	if change != nil {
		change(s)
	}
	if err := Check(s); err != nil {
		w.t.Fatalf("check: %v", err)
	}
	if err := w.CreateSource(context.Background(), s, nil); err != nil {
		w.t.Fatal(err)
	}
	w.endpoint(s.ID.Application())
	return s
}

func (w *world) endpoint(app hook.ApplicationID) *hook.Endpoint {
	w.t.Helper()
	e := &hook.Endpoint{ID: hook.EndpointID(w.NewKey()), Application: app, URL: "https://service.example.test/hook"}
	if err := w.CreateEndpoint(context.Background(), e, nil); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) url(s *hook.Source) string { return w.server.URL + Path + s.Tokens[0].Text }

// got is an answer.
type got struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(req *http.Request) got {
	w.t.Helper()
	resp, err := w.server.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(body)}
}

func (w *world) request(method, url, body string, header ...string) *http.Request {
	w.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

func (w *world) post(s *hook.Source, body string, header ...string) got {
	w.t.Helper()
	return w.do(w.request("POST", w.url(s), body, header...))
}

// signed is a request that the source's provider would send.
func (w *world) signed(s *hook.Source, body string, header ...string) *http.Request {
	w.t.Helper()
	r := webhook.Request{Method: "POST", URL: "https://hooks.example.test" + Path + s.Tokens[0].Text, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if err := webhook.Sign(s.Type, webhook.Config{Secrets: s.Config.Secrets, Settings: s.Config.Values}, &r, w.receiver.now()); err != nil {
		w.t.Fatal(err)
	}
	req := w.request("POST", w.url(s), string(r.Body)) // some sign inside the body
	req.Header = r.Header
	return req
}

func (w *world) update(s *hook.Source, change func(*hook.Source)) *hook.Source {
	w.t.Helper()
	out, err := w.UpdateSource(context.Background(), s.ID, nil, func(s *hook.Source) error {
		change(s)
		return Check(s)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// messages returns what the application of a source has, oldest first, with content.
func (w *world) messages(app hook.ApplicationID) []*hook.Message {
	w.t.Helper()
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	var out []*hook.Message
	seen := map[hook.MessageID]bool{}
	for _, d := range w.queue.fresh {
		if d.Message.Application != app || seen[d.Message.ID] {
			continue
		}
		seen[d.Message.ID] = true
		m, err := w.Message(context.Background(), app, d.Message.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func (w *world) one(s *hook.Source) *hook.Message {
	w.t.Helper()
	list := w.messages(s.ID.Application())
	if len(list) != 1 {
		w.t.Fatalf("%d messages were stored, want 1", len(list))
	}
	return list[0]
}

// account saves what was counted and returns it by verdict and reason.
func (w *world) account(s *hook.Source) map[string]int64 {
	w.t.Helper()
	if err := w.receiver.saveOnce(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	list, err := w.SourceCounts(context.Background(), s.ID, time.Unix(0, 0), time.Now().Add(48*time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]int64{}
	for _, c := range list {
		name := c.Verdict.String()
		if c.Reason != "" {
			name += ": " + c.Reason
		}
		out[name] += c.N
	}
	return out
}

func (w *world) rejections(s *hook.Source) []*hook.Rejection {
	w.t.Helper()
	if err := w.receiver.saveOnce(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	list, err := w.Rejections(context.Background(), s.ID, store.Page[hook.RejectionID]{Limit: 100, Descending: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return list.Rows
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// raw sends bytes and returns everything that comes back until the server closes or the
// deadline passes.
func (w *world) raw(parts ...string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := io.WriteString(conn, p); err != nil {
			break // the server has answered already
		}
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 && !errors.Is(err, io.EOF) {
		w.t.Fatal(err)
	}
	return string(answer)
}

const secret = "whsec_a_secret_of_stripe"

func stripeSecret(s *hook.Source) { s.Config.Secrets = []string{secret} }
