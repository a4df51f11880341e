package send

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// forwardJob is a webhook of Stripe that is forwarded to the stub.
func (s *stub) forwardJob(in hook.Inbound) Job {
	job := s.job()
	in.Provider = "stripe"
	job.Message.Payload, job.Message.RawBody, job.Message.ContentType = nil, []byte(`{"id":"evt_1" }`), "application/json; charset=utf-8"
	job.Message.Inbound = &in
	job.SourceID = "src_1"
	return job
}

func TestForwardIsTheRequestThatCame(t *testing.T) {
	zipped := &bytes.Buffer{}
	z := gzip.NewWriter(zipped)
	z.Write([]byte(`{"a":1}`))
	z.Close()
	for _, c := range []struct {
		name, why  string
		in         hook.Inbound
		change     func(*Job)
		want, lack []string // lines of the header block
	}{
		{
			name: "JSON", why: "all that is known is told",
			in: hook.Inbound{Type: "invoice.paid", DeliveryID: "evt_1", Header: []string{"Stripe-Signature", "t=1,v1=ab", "X-Two", "1", "X-Two", "2"}},
			want: []string{
				"POST /hook?x=1 HTTP/1.1", "Content-Type: application/json; charset=utf-8", "Content-Length: 15", "Stripe-Signature: t=1,v1=ab", "X-Two: 1", "X-Two: 2",
				"x-hookloft-source: src_1", "x-hookloft-provider: stripe", "x-hookloft-event-type: invoice.paid", "x-hookloft-delivery-id: evt_1",
				"Accept: */*", "User-Agent: Hookloft-Webhooks/1.2.3", "Webhook-Id: msg_2b5jXN8AQM9LWM0D4loKWxJek01",
			},
			lack: []string{"x-hookloft-stale"},
		},
		{name: "stale", why: "the service decides what to do about it", in: hook.Inbound{Stale: true}, want: []string{"x-hookloft-stale: true"}, lack: []string{"x-hookloft-event-type", "x-hookloft-delivery-id"}},
		{
			name: "binary", why: "bytes are sacred", change: func(j *Job) {
				j.Message.RawBody, j.Message.ContentType = []byte("\x00\xff\r\n\r\n\x1f0\r\n\r\n"), "application/octet-stream"
			},
			want: []string{"Content-Type: application/octet-stream", "Content-Length: 12"},
		},
		{
			name: "empty", why: "an empty POST says its length, and has the type that it had: none", change: func(j *Job) { j.Message.RawBody, j.Message.ContentType = []byte{}, "" },
			want: []string{"Content-Length: 0"}, lack: []string{"Content-Type"},
		},
		{
			name: "gzip", why: "the signature is over what was sent", in: hook.Inbound{Header: []string{"Content-Encoding", "gzip"}},
			change: func(j *Job) { j.Message.RawBody = zipped.Bytes() }, want: []string{"Content-Encoding: gzip", fmt.Sprintf("Content-Length: %d", zipped.Len())},
		},
		{
			name: "GET", why: "no content is no field (RFC 9110 section 8.6)", in: hook.Inbound{Method: "GET", Query: "a=%20b&c"}, change: func(j *Job) { j.Message.RawBody, j.Message.ContentType = []byte{}, "" },
			want: []string{"GET /hook?x=1&a=%20b&c HTTP/1.1"}, lack: []string{"Content-Length", "Content-Type"},
		},
		{name: "GET with a body", why: "odd, and kept", in: hook.Inbound{Method: "GET"}, want: []string{"GET /hook?x=1 HTTP/1.1", "Content-Length: 15"}},
		{name: "DELETE", why: "as GET", in: hook.Inbound{Method: "DELETE"}, change: func(j *Job) { j.Message.RawBody = []byte{} }, want: []string{"DELETE /hook?x=1 HTTP/1.1"}, lack: []string{"Content-Length"}},
		{name: "PUT without a body", why: "PUT anticipates one", in: hook.Inbound{Method: "PUT"}, change: func(j *Job) { j.Message.RawBody = []byte{} }, want: []string{"PUT /hook?x=1 HTTP/1.1", "Content-Length: 0"}},
		{name: "PATCH", why: "a method like any other", in: hook.Inbound{Method: "PATCH", Path: "/a/b"}, want: []string{"PATCH /hook/a/b?x=1 HTTP/1.1", "Content-Length: 15"}},
		{
			name: "their Accept", why: "it stands for ours", in: hook.Inbound{Header: []string{"accept", "text/xml"}},
			want: []string{"accept: text/xml"}, lack: []string{"Accept: */*"},
		},
		{
			name: "the endpoint's own fields", why: "the owner's choice wins, however the provider spells the name",
			in: hook.Inbound{Header: []string{"authorization", "Basic theirs", "X_Api-Key", "theirs", "Accept", "text/html"}},
			change: func(j *Job) {
				j.Endpoint.Headers = map[string]string{"Authorization": "Bearer ours", "x-api-key": "ours", "ACCEPT": "text/plain"}
			},
			want: []string{"Authorization: Bearer ours", "x-api-key: ours", "ACCEPT: text/plain"}, lack: []string{"theirs", "text/html", "*/*"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, okAnswer, 1)
			sender, _ := newSender(t, Options{Version: "1.2.3"})
			job := s.forwardJob(c.in)
			if c.change != nil {
				c.change(&job)
			}
			if a := sender.Send(t.Context(), job); a.Outcome != hook.Success || a.URL != job.Endpoint.URL {
				t.Fatalf("attempt %+v", a)
			}
			checkForward(t, s, job, c.want, c.lack)
		})
	}
}

// checkForward looks at what the stub got last: the lines, the bytes, and our signature.
func checkForward(t *testing.T, s *stub, job Job, want, lack []string) {
	t.Helper()
	i := len(s.raw) - 1
	block := string(s.raw[i])
	lines := strings.Split(block, "\r\n")
	for _, w := range want {
		if !slices.Contains(lines, w) {
			t.Errorf("no line %q in\n%s", w, block)
		}
	}
	for _, l := range lack {
		if strings.Contains(strings.ToLower(block), strings.ToLower(l)) {
			t.Errorf("%q stands in\n%s", l, block)
		}
	}
	if !bytes.Equal(s.bodies[i], job.Message.Body()) {
		t.Errorf("body %q, want %q", s.bodies[i], job.Message.Body())
	}
	verifies(t, s.seen[i].Header, s.bodies[i])
}

func verifies(t *testing.T, h http.Header, body []byte) {
	t.Helper()
	key, err := webhook.ParseSecret(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := webhook.NewStandard([]webhook.Key{key}, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(webhook.Request{Method: "POST", Header: h, Body: body}, time.Now()); err != nil {
		t.Errorf("our signature: %v", err)
	}
}

func TestForwardJoinsPathAndQuery(t *testing.T) {
	for _, c := range []struct{ own, suffix, query, want string }{
		{"/hook", "", "", "/hook"},
		{"/hook?a=1", "", "", "/hook?a=1"},
		{"/hook", "/a/b", "", "/hook/a/b"},
		{"/hook/", "/a/b", "", "/hook/a/b"},
		{"/hook", "a", "", "/hook/a"},
		{"/", "/a", "", "/a"},
		{"/", "//evil.example/x", "", "/evil.example/x"},
		{"/hook", "/", "", "/hook/"},
		{"/hook/", "/", "", "/hook/"},
		{"/hook", "/a%2Fb%3Fc;d=e", "", "/hook/a%2Fb%3Fc;d=e"},
		{"/hook", "/...", "", "/hook/..."},
		{"/hook", "/a//b/", "", "/hook/a//b/"},
		{"/hook", "/caf\xc3\xa9", "", "/hook/caf%C3%A9"},
		{"/hook", "", "b=2", "/hook?b=2"},
		{"/hook?a=1", "", "b=2&c", "/hook?a=1&b=2&c"},
		{"/hook?a=1", "/x", "b=2", "/hook/x?a=1&b=2"},
		{"/hook?", "", "b=2", "/hook?b=2"},
		{"/hook", "", "b=#\xff", "/hook?b=%23%FF"},
		{"/hook", "", "a=b?c=../..", "/hook?a=b?c=../.."},
	} {
		got, err := forwardTarget(c.own, c.suffix, c.query)
		if err != nil || got != c.want {
			t.Errorf("forwardTarget(%q, %q, %q) = %q, %v; want %q", c.own, c.suffix, c.query, got, err, c.want)
		}
	}
}

func TestWhatCannotBeForwardedMakesNoRequest(t *testing.T) {
	for _, in := range []hook.Inbound{
		{Path: "/.."}, {Path: "/a/../../etc"}, {Path: "/a/%2e%2E/b"}, {Path: "/."}, {Path: "/a/..;x=1/b"}, {Path: "/a%2f..%2fb"}, {Path: "/a%5c..%5Cb"}, {Path: `/a\..\b`},
		{Path: "/a b"}, {Path: "/a\r\nX: 1"}, {Path: "/a\x00"}, {Path: "/a\x7f"}, {Path: "/a?b"}, {Path: "/a#b"}, {Path: "/%zz"}, {Path: "/%4"},
		{Query: "a b"}, {Query: "a\r\nHost: x"}, {Query: "\x00"}, {Query: strings.Repeat("a", 17<<10)},
		{Method: "CONNECT"}, {Method: "TRACE"}, {Method: "GET / HTTP/1.1\r\nX: 1\r\n"}, {Method: "post"},
	} {
		s := newStub(t, nil, nil)
		sender, n := newSender(t, Options{})
		a := sender.Send(t.Context(), s.forwardJob(in))
		if a.Outcome != hook.Unsendable || a.Error == "" || n.dials.Load() != 0 {
			t.Errorf("%+v: %s %s %q, %d dials", in, a.Outcome, a.Reason, a.Error, n.dials.Load())
		}
	}
}

// TestForwardedFieldsStayInTheirPlace gets what a hostile sender would try: to end the
// block, to change where the body ends, and to sign in our name.
func TestForwardedFieldsStayInTheirPlace(t *testing.T) {
	hostile := []string{
		"Transfer-Encoding", "chunked", "transfer_encoding", "chunked", "Content-Length", "0", "Content_Length", "99", "Host", "evil.example",
		"Connection", "close, X-Nominated", "X-Nominated", "evil", "Keep-Alive", "evil", "Proxy-Connection", "evil", "Proxy-Authorization", "evil",
		"TE", "evil", "Trailer", "evil", "Upgrade", "evil", "HTTP2-Settings", "evil", "Expect", "100-continue", "Accept-Encoding", "evil", "User-Agent", "evil",
		"Content-Type", "evil/evil",
		"Webhook-Signature", "v1,evil", "webhook_signature", "v1,evil", "Webhook-Id", "evil", "Svix-Signature", "v1,evil", "SVIX_ID", "evil",
		"X-Hookloft-Source", "evil", "x_hookloft_provider", "evil", "X-Hookloft-New", "evil",
		"X-Break", "a\r\nX-Evil: 1", "X-Line", "a\nevil: 1", "X-Nul", "a\x00evil", "X-Name: evil\r\nX", "1", "X Space", "evil", "", "evil", ":authority", "evil",
		"X-Plain", "kept", "X-Latin", "caf\xe9", "X-Odd",
	}
	for _, settings := range []hook.Settings{hook.DefaultSettings(), {}} {
		s := answering(t, okAnswer, 1)
		sender, _ := newSender(t, Options{})
		job := s.forwardJob(hook.Inbound{Header: hostile, Type: "a\r\nX-Evil: 1", DeliveryID: strings.Repeat("evil", 1000)})
		job.Settings = &settings
		job.Message.ContentType = "text/plain\r\nX-Evil: 1"
		if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
			t.Fatalf("attempt %+v", a)
		}
		checkForward(t, s, job, []string{"Content-Length: 15", "X-Plain: kept", "X-Latin: caf\xe9", "x-hookloft-source: src_1", "x-hookloft-provider: stripe"},
			[]string{"evil", "chunked", "100-continue", "connection:", "x-odd", "content-type"})
		if n := strings.Count(strings.ToLower(string(s.raw[0])), "content-length"); n != 1 {
			t.Errorf("%d lengths in\n%s", n, s.raw[0])
		}
	}
}

func TestForwardedFieldsAreBounded(t *testing.T) {
	var many, large []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("X-%d", i), "v")
		large = append(large, fmt.Sprintf("X-%d", i), strings.Repeat("v", 1000))
	}
	for _, c := range []struct {
		name   string
		header []string
		kept   func(n int) bool
	}{
		{"many", many, func(n int) bool { return n == maxForwardedFields }},
		{"large", large, func(n int) bool { return n > 25 && n < 33 }},
		{"one that is too large", []string{"X-0", strings.Repeat("v", 40<<10)}, func(n int) bool { return n == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, okAnswer, 1)
			sender, _ := newSender(t, Options{})
			job := s.forwardJob(hook.Inbound{Header: c.header})
			if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
				t.Fatalf("attempt %+v", a)
			}
			checkForward(t, s, job, nil, nil)
			if n := strings.Count(string(s.raw[0]), "\r\nX-"); !c.kept(n) || len(s.raw[0]) > maxForwardedHead+100 {
				t.Errorf("%d fields, %d bytes", n, len(s.raw[0]))
			}
		})
	}
}

func TestForwardedHEADLeavesTheConnectionClean(t *testing.T) {
	s := newStub(t, []step{
		{Read: "request"}, {Send: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"},
		{Read: "request"}, {Send: okAnswer}, {Hang: true},
	}, nil)
	sender, n := newSender(t, Options{})
	job := s.forwardJob(hook.Inbound{Method: "HEAD"})
	job.Message.RawBody = []byte{}
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success || a.BodyIncomplete || len(a.Body) != 0 || a.Took > 900*time.Millisecond {
		t.Fatalf("attempt %+v", a)
	}
	if a := sender.Send(t.Context(), s.job()); a.Outcome != hook.Success || string(a.Body) != "ok" || n.dials.Load() != 1 {
		t.Errorf("next attempt %+v over %d connections", a, n.dials.Load())
	}
}

func TestForwardOverHTTP2SaysTheSame(t *testing.T) {
	ca := newAuthority(t)
	type got struct {
		r    *http.Request
		body []byte
	}
	requests := make(chan got, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r, body}
	}))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused first handshake
	srv.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))}, NextProtos: []string{"h2"}, GetConfigForClient: insistOnHTTP2,
	}
	srv.StartTLS()
	defer srv.Close()
	sender, _ := newSender(t, Options{RootCAs: ca.pool()})
	_, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	for _, c := range []struct {
		in           hook.Inbound
		body, length string
		want         string // method and target
	}{
		{hook.Inbound{Method: "PUT", Path: "/a%2Fb/", Query: "q=%20&r"}, "\x00\xff", "2", "PUT /hook/a%2Fb/?x=1&q=%20&r"},
		{hook.Inbound{Method: "GET", Path: "//a"}, "", "", "GET /hook/a?x=1"},
		{hook.Inbound{}, "", "0", "POST /hook?x=1"},
	} {
		c.in.Provider, c.in.Type = "github", "push"
		c.in.Header = []string{"X-Two", "1", "X-Two", "2", "Transfer-Encoding", "chunked", "Connection", "x", "TE", "x", "Content-Length", "9", "Webhook-Id", "evil", "x-gitHub-event", "push"}
		job := newJob("https://" + testHost + ":" + port + "/hook?x=1")
		job.SourceID = "src_1"
		job.Message.Payload, job.Message.RawBody, job.Message.ContentType, job.Message.Inbound = nil, []byte(c.body), "a/b", &c.in
		if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
			t.Fatalf("attempt %+v", a)
		}
		g := <-requests
		if got := g.r.Method + " " + g.r.RequestURI; got != c.want || g.r.Proto != "HTTP/2.0" || string(g.body) != c.body || g.r.Header.Get("Content-Length") != c.length {
			t.Errorf("%s %s, body %q, length %q; want %s", g.r.Proto, got, g.body, g.r.Header.Get("Content-Length"), c.want)
		}
		h := g.r.Header
		if !slices.Equal(h["X-Two"], []string{"1", "2"}) || h.Get("X-Github-Event") != "push" || h.Get("X-Hookloft-Event-Type") != "push" || h.Get("X-Hookloft-Source") != "src_1" ||
			h.Get("Content-Type") != "a/b" || !slices.Equal(h["Webhook-Id"], []string{job.WebhookID}) || h["Te"] != nil || len(h["User-Agent"]) != 1 {
			t.Errorf("header %v", h)
		}
		verifies(t, h, g.body)
	}
}

func TestBlockedForwardSaysWhoCanAllowIt(t *testing.T) {
	sender, _ := newSender(t, Options{})
	s := newStub(t, nil, nil)
	job := s.forwardJob(hook.Inbound{})
	job.Endpoint.URL = "http://10.1.2.3/"
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonBlockedPrivate || !strings.Contains(a.Error, "10.1.2.3") || !strings.Contains(a.Error, "--egress-allow") {
		t.Errorf("%s %q", a.Reason, a.Error)
	}
	job.Message.Inbound = nil
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonBlockedPrivate || strings.Contains(a.Error, "--egress-allow") {
		t.Errorf("a customer is told of our flags: %q", a.Error)
	}
}

// FuzzForward builds the request of a hostile webhook: when one is made it has one
// request line, one length, and one block.
func FuzzForward(f *testing.F) {
	f.Add("POST", "/a/%2e", "b=c", "X-A", "b", "X-B\r\nX", "c", "application/json", []byte("{}"))
	f.Add("GET", "//", "#\xff", "Connection", "x-b", "X_B", "\x00", "a\nb", []byte{})
	p, err := prepare(newJob("https://"+testHost+"/hook?x=1").Endpoint, &hook.Settings{}, "1", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, query, name1, value1, name2, value2, contentType string, body []byte) {
		job := newJob("https://" + testHost + "/hook?x=1")
		job.Message.RawBody, job.Message.ContentType = body, contentType
		job.Message.Inbound = &hook.Inbound{Method: method, Path: path, Query: query, Type: value1, DeliveryID: value2, Header: []string{name1, value1, name2, value2}}
		r, err := newForward(p, job, time.Now())
		if err != nil {
			return
		}
		defer r.release()
		head := string(r.buf[:r.headBytes])
		if strings.Index(head, "\r\n\r\n") != len(head)-4 {
			t.Fatalf("the block ends early: %q", head)
		}
		lines := strings.Split(head[:len(head)-4], "\r\n")
		if parts := strings.Split(lines[0], " "); len(parts) != 3 || !strings.HasPrefix(parts[1], "/hook") {
			t.Fatalf("request line %q", lines[0])
		}
		count := map[string]int{}
		for _, line := range lines[1:] {
			name, _, ok := strings.Cut(line, ": ")
			if !ok || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q", line)
			}
			count[plainName(name)]++
		}
		if count["content-length"] > 1 || count["transfer-encoding"] != 0 || count["host"] != 1 || count["webhook-id"] != 1 || count["webhook-signature"] != 1 || count["content-type"] > 1 {
			t.Fatalf("fields %v", count)
		}
	})
}

// TestForwardedQueryIsSigned: of a request without a body, a signature in another layout is
// over the query, or whoever has seen one could send any other.
func TestForwardedQueryIsSigned(t *testing.T) {
	r := newKeeper(t, nil)
	sender, _ := newSender(t, Options{})
	signature := func(query string) string {
		job := jobWith(r.URL, hook.Credentials{HMAC: &hook.HMAC{
			Secret: "Jefe", KeyEncoding: "text", Algorithm: "sha256", Encoding: "hex", Header: "X-Sig", Value: "{signature}", Content: "{body}",
		}})
		m := *job.Message
		m.Payload, m.Inbound = nil, &hook.Inbound{Method: "GET", Query: query}
		job.Message = &m
		mustSend(t, sender, job)
		got, _ := r.last(t)
		if got.URL.RawQuery != query {
			t.Fatalf("sent %s", got.URL)
		}
		return got.Header.Get("X-Sig")
	}
	l, err := newHMAC(&hook.HMAC{Secret: "Jefe", KeyEncoding: "text", Algorithm: "sha256", Encoding: "hex", Header: "X-Sig", Value: "{signature}", Content: "{body}"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := signature("a=1"), string(l.append(nil, "", time.Unix(1, 0), []byte("a=1"))); "X-Sig: "+got+"\r\n" != want {
		t.Errorf("signed %s, want %s", got, want)
	}
}
