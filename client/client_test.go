package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// serve starts a server and returns a client for it.
func serve(t *testing.T, h http.HandlerFunc, o client.Options) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL+"/prefix/", "secret-token", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCallSendsAndReads(t *testing.T) {
	var traced client.Exchange
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := `{"name":"A&B","metadata":{"u":"<x>"}}`
		if r.URL.Path != "/prefix/api/v1/app" || r.Header.Get("Authorization") != "Bearer secret-token" || string(body) != want ||
			r.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(r.Header.Get("Idempotency-Key"), "auto_") {
			t.Errorf("%s %v %s", r.URL.Path, r.Header, body)
		}
		w.Header().Set("Svix-Req-Id", "r1")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"app_1"}`)
	}, client.Options{Trace: func(e client.Exchange) { traced = e }})
	var out api.ApplicationOut
	if err := c.Call(t.Context(), "POST", "/api/v1/app", api.ApplicationIn{Name: "A&B", Metadata: map[string]string{"u": "<x>"}}, &out); err != nil || out.ID != "app_1" {
		t.Errorf("%+v, %v", out, err)
	}
	if traced.Status != 201 || traced.RequestID != "r1" || !strings.HasSuffix(traced.URL, "/prefix/api/v1/app") {
		t.Errorf("traced %+v", traced)
	}
}

func TestErrorsNameWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   client.Error
		text   string
	}{
		{"one detail", 404, `{"code":"not_found","detail":"Entity not found"}`, client.Error{Status: 404, Code: "not_found", Detail: "Entity not found"}, "GET /x: 404 Not Found (not_found): Entity not found"},
		{"fields", 422, `{"detail":[{"loc":["body","channels","[0]"],"msg":"is long","type":"value_error"},{"loc":["query","limit"],"msg":"is much","type":"v"}]}`,
			client.Error{Status: 422}, "GET /x: 422 Unprocessable Entity: channels[0]: is long; limit: is much"},
		{"a proxy's page", 418, "<html>\n <b>no</b>\x00\xff" + strings.Repeat("é", 300), client.Error{Status: 418}, "<html> <b>no</b>"},
		{"nothing", 403, "", client.Error{Status: 403}, "GET /x: 403 Forbidden"},
		{"422 of somebody else", 422, `{"detail":"x"}`, client.Error{Status: 422, Detail: "x"}, "GET /x: 422 Unprocessable Entity: x"},
		{"a redirect", 302, "", client.Error{Status: 302}, "302 Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}, client.Options{})
			err := cl.Call(t.Context(), "GET", "/x", nil, nil)
			var got *client.Error
			if !errors.As(err, &got) || got.Status != c.want.Status || got.Code != c.want.Code || c.want.Detail != "" && got.Detail != c.want.Detail {
				t.Fatalf("%#v", err)
			}
			if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "secret-token") || client.StatusOf(err) != c.status {
				t.Errorf("text %q", err)
			}
		})
	}
}

// TestRepeatsHaveTheSameKey: what got no good answer is tried again, with the same key
// and body; what was refused, and a DELETE that may have had its effect, is not.
func TestRepeatsHaveTheSameKey(t *testing.T) {
	for _, c := range []struct {
		name, method string
		status       int
		drop         bool // the connection ends without an answer
		tries        int64
	}{
		{"busy", "POST", 503, false, 3},
		{"too many", "POST", 429, false, 3},
		{"a bad gateway", "GET", 502, false, 3},
		{"refused", "POST", 422, false, 1},
		{"broken", "POST", 500, false, 1},
		{"not there", "POST", 501, false, 1},
		{"no answer", "POST", 0, true, 3},
		{"no answer to a deletion", "DELETE", 0, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int64
			var keys, bodies []string
			cl := serve(t, func(w http.ResponseWriter, r *http.Request) {
				n.Add(1)
				body, _ := io.ReadAll(r.Body)
				keys, bodies = append(keys, r.Header.Get("Idempotency-Key")), append(bodies, string(body))
				if c.drop {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(c.status)
			}, client.Options{})
			err := cl.Call(t.Context(), c.method, "/x", json.RawMessage(`{"a": 1}`), nil)
			if err == nil || n.Load() != c.tries {
				t.Errorf("%d tries, want %d: %v", n.Load(), c.tries, err)
			}
			if len(slices.Compact(keys)) != 1 || (c.method == "POST") != (keys[0] != "") || len(slices.Compact(bodies)) != 1 || bodies[0] != `{"a": 1}` {
				t.Errorf("keys %q, bodies %q", keys, bodies)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var at []time.Time
	cl := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		at = append(at, time.Now())
		if len(at) == 1 {
			w.Header().Set("Retry-After", "0.3")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}, client.Options{})
	if err := cl.Call(t.Context(), "GET", "/x", nil, nil); err != nil || len(at) != 2 || at[1].Sub(at[0]) < 300*time.Millisecond {
		t.Errorf("%v, %v", at, err)
	}
	// What asks for longer than a person waits is told at once.
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		at = append(at, time.Now())
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}, client.Options{})
	at = nil
	if err := long.Call(t.Context(), "GET", "/x", nil, nil); client.StatusOf(err) != 429 || len(at) != 1 {
		t.Errorf("%d tries, %v", len(at), err)
	}
}

func TestPagesWalkToTheEnd(t *testing.T) {
	var asked []string
	cl := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("iterator")+"/"+r.URL.Query().Get("limit")+"/"+r.URL.Query().Get("order"))
		switch r.URL.Query().Get("iterator") {
		case "":
			_, _ = io.WriteString(w, `{"data":[1,2],"iterator":"2","done":false}`)
		case "2":
			_, _ = io.WriteString(w, `{"data":[3],"iterator":"3","done":false}`)
		case "3":
			_, _ = io.WriteString(w, `{"data":[4],"iterator":"3","done":false}`) // leads to itself
		}
	}, client.Options{})
	var got []int
	for n, err := range client.Pages[int](t.Context(), cl, "/list?order=ascending") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if !slices.Equal(got, []int{1, 2, 3, 4}) || !slices.Equal(asked, []string{"/250/ascending", "2/250/ascending", "3/250/ascending"}) {
		t.Errorf("got %v, asked %q", got, asked)
	}
	// Whoever has enough asks for no more.
	asked = nil
	for range client.Pages[int](t.Context(), cl, "/list?limit=2") {
		break
	}
	if !slices.Equal(asked, []string{"/2/"}) {
		t.Errorf("asked %q", asked)
	}
}

func TestPublishKeepsTheBytes(t *testing.T) {
	var body string
	cl := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = r.URL.EscapedPath() + string(text)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"msg_1"}`)
	}, client.Options{})
	id := "e1"
	m, err := cl.Publish(t.Context(), "a/b", api.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{"z": 1.10,  "a":"<&>"}`), EventID: &id})
	if err != nil || m.ID != "msg_1" || body != `/prefix/api/v1/app/a%2Fb/msg{"eventId":"e1","eventType":"a.b","payload":{"z": 1.10,  "a":"<&>"}}` {
		t.Errorf("%s, %v", body, err)
	}
	body = ""
	if _, err := cl.Publish(t.Context(), "a", api.MessageIn{Payload: json.RawMessage(`{},"eventType":"x"`)}); err == nil || body != "" {
		t.Errorf("what is no JSON was sent: %s", body)
	}
}

func TestStreamReadsEvents(t *testing.T) {
	cl := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/prefix/none" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":"not_found","detail":"no"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ": heartbeat\n\nevent: attempt\nid: 7\ndata: {\"a\":\ndata: 1}\n\r\n\ndata:x\n\nevent: unfinished\ndata: y\n")
	}, client.Options{})
	var got []string
	err := cl.Stream(t.Context(), "/tail", func(e client.Event) error {
		got = append(got, e.Type+"|"+e.ID+"|"+string(e.Data))
		return nil
	})
	if !errors.Is(err, io.EOF) || !slices.Equal(got, []string{"attempt|7|{\"a\":\n1}", "message|7|x"}) {
		t.Errorf("%q, %v", got, err)
	}
	if err := cl.Stream(t.Context(), "/none", nil); client.StatusOf(err) != 404 {
		t.Errorf("%v", err)
	}
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, client.Options{})
	got = nil
	err = broken.Stream(t.Context(), "/tail", func(e client.Event) error { got = append(got, string(e.Data)); return nil })
	if !errors.Is(err, client.ErrBrokeOff) || !slices.Equal(got, []string{"1"}) {
		t.Errorf("a stream that broke off: %q, %v", got, err)
	}
	enough := errors.New("enough")
	if err := cl.Stream(t.Context(), "/tail", func(client.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
}

func TestNewRefusesWhatIsNoServer(t *testing.T) {
	for _, server := range []string{"", "localhost:8071", "ftp://x", "https://", "https://a:b@x", "https://x?q=1", "https://x#f", "http://[::1"} {
		if _, err := client.New(server, "t", client.Options{}); err == nil || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%q: %v", server, err)
		}
	}
	if _, err := client.New("https://x", "secret\nx", client.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a token with a line end: %v", err)
	}
}

func TestPathEscapes(t *testing.T) {
	for want, got := range map[string]string{
		"/a/x%2Fy/b/%2E%2E": client.Path("/a/{}/b/{}", "x/y", ".."),
		"/a/a.b":            client.Path("/a/{}", "a.b"),
		"/a/%3Fq":           client.Path("/a/{}", "?q"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	cl := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, client.Options{Retries: 1000})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := cl.Call(ctx, "GET", "/x", nil, nil); err == nil {
		t.Error("no error")
	}
}
