package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// post is one sender with one key, and the receiver it posts to.
type post struct {
	t       *testing.T
	signer  *Signer
	handler *Handler
	log     *bytes.Buffer
	now     time.Time
}

func newPost(t *testing.T, handle HandleFunc, o HandlerOptions) *post {
	t.Helper()
	secret := GenerateSymmetric()
	signer, err := NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	p := &post{t: t, signer: signer, log: new(bytes.Buffer), now: time.Unix(1700000000, 0)}
	o.Log = slog.New(slog.NewTextHandler(p.log, nil))
	o.Now = func() time.Time { return p.now }
	p.handler = NewHandler(mustStandard(t, secret.Reveal()), handle, o)
	return p
}

func (p *post) request(id, body string) *http.Request {
	r := httptest.NewRequest("POST", "/hooks?x=1", strings.NewReader(body))
	p.signer.SetHeaders(r.Header, id, p.now, []byte(body))
	return r
}

func (p *post) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

func (p *post) want(r *http.Request, status int, code string) {
	p.t.Helper()
	w := p.send(r)
	if w.Code != status {
		p.t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if code == "" && w.Body.Len() > 0 || !strings.Contains(w.Body.String(), `"code":"`+code+`"`) && code != "" {
		p.t.Errorf("body %s, want code %q", w.Body, code)
	}
	if code != "" && w.Header().Get("Content-Type") != "application/json" {
		p.t.Errorf("content type %q", w.Header().Get("Content-Type"))
	}
}

// counter is a HandleFunc that keeps what it got and fails while err is set.
type counter struct {
	got []Message
	err error
}

func (c *counter) handle(_ context.Context, m Message) error {
	c.got = append(c.got, m)
	return c.err
}

func TestHandlerHandsOnTheMessage(t *testing.T) {
	var c counter
	p := newPost(t, c.handle, HandlerOptions{})
	body := "{ \"b\":1,\n\"a\":1.0 }\x00\xff"
	r := p.request("msg_1", body)
	r.Header.Set("X-Extra", "kept")
	p.want(r, 204, "")
	if len(c.got) != 1 {
		t.Fatalf("%d calls", len(c.got))
	}
	if m := c.got[0]; m.ID != "msg_1" || !m.Timestamp.Equal(p.now) || string(m.Body) != body || m.Header.Get("X-Extra") != "kept" {
		t.Errorf("message %+v", m)
	}
	if p.log.Len() > 0 {
		t.Errorf("a good message was logged: %s", p.log)
	}
}

func TestHandlerRefuses(t *testing.T) {
	var c counter
	p := newPost(t, c.handle, HandlerOptions{MaxBodyBytes: 64})
	edit := func(change func(r *http.Request)) *http.Request {
		r := p.request("msg_1", `{"private":1}`)
		change(r)
		return r
	}
	unknownLength := func(r *http.Request, body string) {
		r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(body))
	}
	full, over := strings.Repeat("x", 64), strings.Repeat("x", 65)
	cases := []struct {
		name   string
		r      *http.Request
		status int
		code   string
	}{
		{"GET", httptest.NewRequest("GET", "/", nil), 405, "method_not_allowed"},
		{"no signature", edit(func(r *http.Request) { r.Header.Del(HeaderSignature) }), 400, "bad_request"},
		{"two ids", edit(func(r *http.Request) { r.Header.Add(HeaderID, "msg_1") }), 400, "bad_request"},
		{"timestamp of letters", edit(func(r *http.Request) { r.Header.Set(HeaderTimestamp, "now") }), 400, "bad_request"},
		{"forged", edit(func(r *http.Request) { r.Header.Set(HeaderID, "msg_2") }), 401, "unauthorized"},
		{"stale", edit(func(r *http.Request) { r.Header.Set(HeaderTimestamp, "1600000000") }), 401, "unauthorized"},
		{"future", edit(func(r *http.Request) { r.Header.Set(HeaderTimestamp, "1800000000") }), 401, "unauthorized"},
		{"at the limit", p.request("msg_3", full), 204, ""},
		{"over the limit, as announced", p.request("msg_4", over), 413, "payload_too_large"},
		{"over the limit, not announced", edit(func(r *http.Request) { unknownLength(r, over) }), 413, "payload_too_large"},
		{"broken off", edit(func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenReader{})) }), 400, "bad_request"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			p.t = t
			p.want(tc.r, tc.status, tc.code)
		})
	}
	if len(c.got) != 1 {
		t.Errorf("the handler was called %d times, want 1", len(c.got))
	}
	if log := p.log.String(); strings.Contains(log, "private") || strings.Contains(log, "v1,") {
		t.Errorf("the log shows the payload or a signature: %s", log)
	}
}

// A sender still writing when the server hangs up would not see the 413.
func TestHandlerReadsOnPastTheLimit(t *testing.T) {
	p := newPost(t, new(counter).handle, HandlerOptions{MaxBodyBytes: 64})
	for name, length := range map[string]int64{"announced": 1 << 20, "not announced": -1} {
		body := strings.NewReader(strings.Repeat("x", 1<<20))
		r := httptest.NewRequest("POST", "/", nil)
		r.ContentLength, r.Body = length, io.NopCloser(body)
		p.want(r, 413, "payload_too_large")
		if body.Len() > 0 {
			t.Errorf("%s: %d bytes were left unread", name, body.Len())
		}
	}
	endless := &endlessReader{}
	r := httptest.NewRequest("POST", "/", nil)
	r.ContentLength, r.Body = -1, io.NopCloser(endless)
	p.want(r, 413, "payload_too_large")
	if endless.n > 2*maxDrainBytes {
		t.Errorf("%d bytes were read of a body without end", endless.n)
	}
}

type endlessReader struct{ n int }

func (e *endlessReader) Read(p []byte) (int, error) { e.n += len(p); return len(p), nil }

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection lost") }

func TestHandlerRunsAMessageOnce(t *testing.T) {
	var c counter
	p := newPost(t, c.handle, HandlerOptions{})
	p.want(p.request("msg_1", "{}"), 204, "")
	p.want(p.request("msg_1", "{}"), 204, "") // the same request
	p.now = p.now.Add(24 * time.Hour)
	p.want(p.request("msg_1", "{}"), 204, "") // a retry, signed anew
	p.want(p.request("msg_2", "{}"), 204, "")
	if len(c.got) != 2 {
		t.Errorf("handled %d times, want 2", len(c.got))
	}
}

func TestHandlerRemembersOnlySuccess(t *testing.T) {
	c := counter{err: errors.New("the database is on fire")}
	p := newPost(t, c.handle, HandlerOptions{})
	p.want(p.request("msg_1", "{}"), 500, "internal_error")
	if w := p.send(p.request("msg_1", "{}")); strings.Contains(w.Body.String(), "fire") {
		t.Errorf("the answer shows the error: %s", w.Body)
	}
	if !strings.Contains(p.log.String(), "the database is on fire") {
		t.Errorf("the log does not show the error: %s", p.log)
	}
	c.err = nil
	p.want(p.request("msg_1", "{}"), 204, "")
	p.want(p.request("msg_1", "{}"), 204, "")
	if len(c.got) != 3 {
		t.Errorf("handled %d times, want 3", len(c.got))
	}
}

func TestHandlerForgetsAPanic(t *testing.T) {
	calls := 0
	p := newPost(t, func(context.Context, Message) error {
		if calls++; calls == 1 {
			panic("first")
		}
		return nil
	}, HandlerOptions{})
	func() {
		defer func() {
			if recover() != "first" {
				t.Error("the panic did not reach the server")
			}
		}()
		p.send(p.request("msg_1", "{}"))
	}()
	p.want(p.request("msg_1", "{}"), 204, "")
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}

func TestHandlerRunsOneOfTwoConcurrentEquals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan error) // unbuffered: the test ends the one call that runs
		p := newPost(t, func(context.Context, Message) error { return <-gate }, HandlerOptions{})
		var wg sync.WaitGroup
		first := func(wantStatus int) {
			r := p.request("msg_1", "{}")
			wg.Go(func() {
				if w := p.send(r); w.Code != wantStatus {
					t.Errorf("first: status %d, want %d", w.Code, wantStatus)
				}
			})
			synctest.Wait() // it is in the HandleFunc now
			w := p.send(p.request("msg_1", "{}"))
			if w.Code != 503 || w.Header().Get("Retry-After") != "10" {
				t.Errorf("second: status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		}
		first(500)
		gate <- errors.New("failed")
		wg.Wait()
		first(204) // the failure freed it
		gate <- nil
		wg.Wait()
		p.want(p.request("msg_1", "{}"), 204, "") // and nobody waits at the gate
	})
}

func TestHandlerRecordsAfterTheSenderHungUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := &fakeSeen{Seen: NewMemorySeen(MemorySeenOptions{})}
	p := newPost(t, func(context.Context, Message) error { cancel(); return nil }, HandlerOptions{Seen: seen})
	p.send(p.request("msg_1", "{}").WithContext(ctx))
	if seen.doneErr != nil || seen.done != 1 {
		t.Errorf("Done was called %d times, with a context that says %v", seen.done, seen.doneErr)
	}
}

// fakeSeen fails where it is told to.
type fakeSeen struct {
	Seen
	failBegin, failDone error
	done                int
	doneErr             error // of Done's context
}

func (f *fakeSeen) Begin(ctx context.Context, id string) (State, error) {
	if f.failBegin != nil {
		return Handled, f.failBegin // a state beside an error must not count
	}
	return f.Seen.Begin(ctx, id)
}

func (f *fakeSeen) Done(ctx context.Context, id string) error {
	f.done++
	f.doneErr = ctx.Err()
	if f.failDone != nil {
		return f.failDone
	}
	return f.Seen.Done(ctx, id)
}

func TestHandlerWithAFailingSeen(t *testing.T) {
	var c counter
	seen := &fakeSeen{Seen: NewMemorySeen(MemorySeenOptions{}), failBegin: errors.New("no connection")}
	p := newPost(t, c.handle, HandlerOptions{Seen: seen})
	p.want(p.request("msg_1", "{}"), 500, "internal_error")
	if len(c.got) != 0 {
		t.Error("handled, though it may have been handled before")
	}
	seen.failBegin, seen.failDone = nil, errors.New("connection lost")
	p.want(p.request("msg_1", "{}"), 204, "") // what is done is done
	if len(c.got) != 1 || strings.Count(p.log.String(), "level=ERROR") != 2 {
		t.Errorf("handled %d times, log:\n%s", len(c.got), p.log)
	}
}

// verifierFunc stands for a Verifier written elsewhere.
type verifierFunc func(Request) (Verified, error)

func (f verifierFunc) Verify(r Request, _ time.Time) (Verified, error) { return f(r) }

func TestHandlerWithAnotherVerifier(t *testing.T) {
	var got Request
	var err error
	verifier := verifierFunc(func(r Request) (Verified, error) { got = r; return Verified{}, err })
	var c counter
	seen := &fakeSeen{Seen: NewMemorySeen(MemorySeenOptions{}), failBegin: errors.New("asked without an id")}
	p := newPost(t, c.handle, HandlerOptions{BaseURL: "https://hooks.example.com", Seen: seen})
	p.handler.verifier = verifier
	for range 2 { // without an id, nothing can be told to be a duplicate
		p.want(httptest.NewRequest("POST", "/in/1?a=b%20c", strings.NewReader("x")), 204, "")
	}
	if len(c.got) != 2 || seen.done != 0 {
		t.Errorf("handled %d times, want 2; recorded %d times, want 0", len(c.got), seen.done)
	}
	if got.Method != "POST" || got.URL != "https://hooks.example.com/in/1?a=b%20c" || string(got.Body) != "x" {
		t.Errorf("the verifier saw %+v", got)
	}
	p.handler.o.BaseURL = ""
	err = fmt.Errorf("the secret is 123: %w", ErrNoMatch)
	w := p.send(httptest.NewRequest("POST", "/in/1", nil))
	if w.Code != 401 || w.Body.String() != `{"code":"unauthorized","detail":"no signature matches"}` || got.URL != "https://example.com/in/1" {
		t.Errorf("status %d, body %s, URL %s", w.Code, w.Body, got.URL)
	}
	err = errors.New("the secret is 123")
	p.want(httptest.NewRequest("POST", "/in/1", nil), 401, "unauthorized")
}
