package send

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
	"github.com/hookloft/hookloft/webhook"
)

// TestMain is the sandbox of the tests' own pools, too.
func TestMain(m *testing.M) {
	if transform.IsChild(os.Args[1:]) {
		os.Exit(transform.Child(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// newSender returns a Sender whose every name is 127.0.0.1, and what counts its sockets.
func newSender(t testing.TB, o Options) (*Sender, *testNet) {
	t.Helper()
	n := &testNet{}
	s := New(egress.NewDialer(loopbackGuard(t), egress.Options{Resolver: n, Dial: n.dial}), o)
	t.Cleanup(s.Close)
	return s, n
}

// answering returns a stub that answers n requests on each connection.
func answering(t *testing.T, answer string, n int) *stub {
	var steps []step
	for range n {
		steps = append(steps, step{Read: "request"}, step{Send: answer})
	}
	return newStub(t, append(steps, step{Hang: true}), nil)
}

func (s *stub) job() Job { return newJob(fmt.Sprintf("http://%s:%d/hook?x=1", testHost, s.port())) }

func TestRequestIsWhatTheContractSays(t *testing.T) {
	for _, c := range []struct {
		name       string
		change     func(*Job)
		want, lack []string
	}{
		{"by default both families", func(*Job) {}, []string{
			"POST /hook?x=1 HTTP/1.1", "User-Agent: Hookloft-Webhooks/1.2.3", "Accept: */*", "Content-Type: application/json", "Content-Length: 7",
			"Webhook-Id: msg_2b5jXN8AQM9LWM0D4loKWxJek01", "Svix-Id: msg_2b5jXN8AQM9LWM0D4loKWxJek01", "Webhook-Timestamp: ", "Svix-Timestamp: ", "Webhook-Signature: v1,", "Svix-Signature: v1,",
		}, []string{"Accept-Encoding", "Connection", "Idempotency-Key", "Cookie"}},
		{"without the svix family", func(j *Job) { j.Settings = &hook.Settings{} }, []string{"Webhook-Id: "}, []string{"Svix-"}},
		{"white-labelled", func(j *Job) { j.Settings = &hook.Settings{WhitelabelHeaders: true, SendSvixHeaders: true} },
			[]string{"User-Agent: Webhooks/1.2.3", "Webhook-Id: "}, []string{"Svix-", "Hookloft"}},
		{"the message's own content type", func(j *Job) { j.Message.ContentType = "text/xml"; j.Message.RawBody = []byte("<a/>") },
			[]string{"Content-Type: text/xml", "Content-Length: 4"}, []string{"application/json"}},
		{"a content type that would break the header", func(j *Job) { j.Message.ContentType = "a\r\nX-Evil: 1" },
			[]string{"Content-Type: application/json"}, []string{"X-Evil"}},
		{"custom headers in their case", func(j *Job) {
			j.Endpoint.Headers = map[string]string{"x-API-key": "k", "ACCEPT": "text/plain", "Idempotency-Key": "i"}
		}, []string{"x-API-key: k", "ACCEPT: text/plain", "Idempotency-Key: i"}, []string{"Accept: */*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, okAnswer, 1)
			sender, _ := newSender(t, Options{Version: "1.2.3"})
			job := s.job()
			c.change(&job)
			if a := sender.Send(t.Context(), job); a.Outcome != hook.Success || string(a.Body) != "ok" || a.Status != 200 {
				t.Fatalf("attempt %+v", a)
			}
			lines := strings.Split(string(s.raw[0]), "\r\n")
			for _, want := range append(c.want, fmt.Sprintf("Host: %s:%d", testHost, s.port())) {
				if !slices.ContainsFunc(lines, func(l string) bool {
					return l == want || strings.HasPrefix(l, want) && (strings.HasSuffix(want, ": ") || strings.HasSuffix(want, ","))
				}) {
					t.Errorf("no line %q in\n%s", want, s.raw[0])
				}
			}
			for _, lack := range c.lack {
				if strings.Contains(strings.ToLower(string(s.raw[0])), strings.ToLower(lack)) {
					t.Errorf("%q stands in\n%s", lack, s.raw[0])
				}
			}
			if string(s.bodies[0]) != string(job.Message.Body()) {
				t.Errorf("body %q", s.bodies[0])
			}
		})
	}
}

func TestAttemptIsFilled(t *testing.T) {
	s := answering(t, "HTTP/1.1 503 Busy\r\nX-A: 1\nx-b:2\r\nRetry-After: 7.5\r\nContent-Length: 3\r\n\r\nwhy", 2)
	sender, _ := newSender(t, Options{})
	job := s.job()
	job.Trigger, job.N = hook.Manual, 5
	before := time.Now()
	a := sender.Send(t.Context(), job)
	if a.ID != 4 || a.Message != 1 || a.Application != 2 || a.Endpoint != 3 || a.N != 5 || a.Trigger != hook.Manual || a.URL != job.Endpoint.URL {
		t.Errorf("identity %+v", a)
	}
	if a.StartedAt.Before(before) || a.Took <= 0 || a.RemoteAddr != fmt.Sprintf("127.0.0.1:%d", s.port()) {
		t.Errorf("started %v, took %v, remote %q", a.StartedAt, a.Took, a.RemoteAddr)
	}
	if a.Outcome != hook.Failed || a.Reason != hook.ReasonServer || a.Status != 503 || a.Error != "" || a.RetryAfter != 7500*time.Millisecond {
		t.Errorf("judged %s %s %d %q %v", a.Outcome, a.Reason, a.Status, a.Error, a.RetryAfter)
	}
	if want := "X-A: 1\r\nx-b:2\r\nRetry-After: 7.5\r\nContent-Length: 3"; string(a.Header) != want || string(a.Body) != "why" {
		t.Errorf("header %q, body %q", a.Header, a.Body)
	}
	if tm := a.Timings; tm.Reused || tm.Connect <= 0 || tm.FirstByte <= 0 || tm.TLS != 0 {
		t.Errorf("timings %+v", tm)
	}
	b := sender.Send(t.Context(), job)
	if tm := b.Timings; !tm.Reused || tm.DNS+tm.Connect+tm.TLS != 0 || b.RemoteAddr != a.RemoteAddr {
		t.Errorf("second attempt: timings %+v, remote %q", tm, b.RemoteAddr)
	}
}

func TestEveryLiveSecretSigns(t *testing.T) {
	s := answering(t, okAnswer, 5)
	sender, _ := newSender(t, Options{})
	current, old, gone := webhook.GenerateSymmetric(), webhook.GenerateAsymmetric(), webhook.GenerateSymmetric()
	public, _ := old.Public()
	job := s.job()
	expiry := time.Now().Add(time.Hour)
	job.Endpoint.Secrets = []hook.Secret{
		{Text: current.Reveal()}, {Text: old.Reveal(), ExpiresAt: expiry}, {Text: gone.Reveal(), ExpiresAt: time.Now().Add(-time.Second)},
	}
	verifies := func(k webhook.Key, i int) error {
		v, err := webhook.NewStandard([]webhook.Key{k}, webhook.StandardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		req := s.seen[i]
		_, err = v.Verify(webhook.Request{Method: "POST", Header: req.Header, Body: s.bodies[i]}, time.Now())
		return err
	}
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
		t.Fatalf("attempt %+v", a)
	}
	if err := verifies(current, 0); err != nil {
		t.Errorf("current secret: %v", err)
	}
	if err := verifies(public, 0); err != nil {
		t.Errorf("secret in its grace period: %v", err)
	}
	if verifies(gone, 0) == nil {
		t.Error("an expired secret still signs")
	}
	if h := s.seen[0].Header; h.Get("Svix-Signature") != h.Get("Webhook-Signature") {
		t.Error("the two families differ")
	}
	// A rotation is a new snapshot; the next attempt signs with the new secret only.
	rotated := *job.Endpoint
	rotated.Secrets = []hook.Secret{{Text: gone.Reveal()}}
	job.Endpoint = &rotated
	sender.Send(t.Context(), job)
	if verifies(gone, 1) != nil || verifies(current, 1) == nil {
		t.Error("the rotation was not seen")
	}
}

func TestPreparedSignerEndsWithItsFirstSecret(t *testing.T) {
	now := time.Now()
	e := &hook.Endpoint{ID: 1, URL: "https://x.com/", Secrets: []hook.Secret{
		{Text: testSecret}, {Text: webhook.GenerateSymmetric().Reveal(), ExpiresAt: now.Add(time.Minute)},
	}}
	settings := hook.DefaultSettings()
	cache := newPreparedCache("1", hook.AttemptTimeout)
	signatures := func(at time.Time) int {
		p, err := cache.get(e, &settings, at)
		if err != nil {
			t.Fatal(err)
		}
		return len(strings.Fields(string(p.signer.AppendSignature(nil, "msg_1", at, nil))))
	}
	if n := signatures(now); n != 2 {
		t.Errorf("%d signatures in the grace period", n)
	}
	if n := signatures(now.Add(time.Minute)); n != 1 {
		t.Errorf("%d signatures after it", n)
	}
}

func TestPreparedCacheIsBounded(t *testing.T) {
	settings := hook.DefaultSettings()
	cache := newPreparedCache("1", hook.AttemptTimeout)
	for i := range 3 * maxPrepared {
		e := &hook.Endpoint{ID: hook.EndpointID(i), URL: "https://x.com/", Secrets: []hook.Secret{{Text: testSecret}}}
		if _, err := cache.get(e, &settings, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(cache.young) + len(cache.old); n > 2*maxPrepared {
		t.Errorf("%d endpoints are remembered", n)
	}
}

func TestWhatCannotBeSentMakesNoRequest(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name    string
		change  func(*Job)
		outcome hook.Outcome
		reason  hook.Reason
	}{
		{"expired content", func(j *Job) { j.Message.ContentExpiresAt = now.Add(-time.Second) }, hook.Unsendable, hook.ReasonExpired},
		{"expunged content", func(j *Job) { j.Message.Expunged = true }, hook.Unsendable, hook.ReasonExpired},
		{"damaged content", func(j *Job) { j.Message.Unreadable = true }, hook.Unsendable, hook.ReasonStorage},
		{"no secret", func(j *Job) { j.Endpoint.Secrets = nil }, hook.Failed, hook.ReasonInternal},
		{"unusable secret", func(j *Job) { j.Endpoint.Secrets[0].Text = "whsec_hunter2" }, hook.Failed, hook.ReasonInternal},
		{"another scheme", func(j *Job) { j.Endpoint.URL = "file:///etc/passwd" }, hook.Failed, hook.ReasonInternal},
		{"a URL that would break the request line", func(j *Job) { j.Endpoint.URL += " HTTP/1.1" }, hook.Failed, hook.ReasonInternal},
		{"a header that would break the block", func(j *Job) { j.Endpoint.Headers = map[string]string{"A": "b\r\nC: d"} }, hook.Failed, hook.ReasonInternal},
		{"a forbidden address", func(j *Job) { j.Endpoint.URL = "http://169.254.169.254/latest" }, hook.Failed, hook.ReasonBlockedPrivate},
	} {
		t.Run(c.name, func(t *testing.T) {
			sender, n := newSender(t, Options{})
			job := newJob("http://" + testHost + ":1/")
			c.change(&job)
			a := sender.Send(t.Context(), job)
			if a.Outcome != c.outcome || a.Reason != c.reason || a.Error == "" || n.dials.Load() != 0 {
				t.Errorf("%s %s %q, %d dials", a.Outcome, a.Reason, a.Error, n.dials.Load())
			}
			if strings.Contains(a.Error, "hunter2") {
				t.Errorf("the error tells the secret: %q", a.Error)
			}
		})
	}
}

func TestKeptConnectionIsReused(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		dials        int64
	}{
		{"with a length", okAnswer, 1},
		{"without a body", "HTTP/1.1 204 No Content\r\n\r\n", 1},
		{"chunked with trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX-T: 1\r\n\r\n", 1},
		{"long body that is drained", "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("a", 60000), 1},
		{"body too long to drain", "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + strings.Repeat("a", 90000), 5},
		{"receiver wants to close", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", 5},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 5},
		{"more than the answer", okAnswer + "HTTP/1.1 200 OK\r\n", 5},
		{"keep-alive of a second", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n", 5},
		{"keep-alive that is long enough", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 0\r\n\r\n", 1},
		{"both framings", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, c.answer, 5)
			sender, n := newSender(t, Options{})
			for range 5 {
				if a := sender.Send(t.Context(), s.job()); a.Outcome != hook.Success || a.BodyIncomplete {
					t.Fatalf("attempt %+v", a)
				}
			}
			if n.dials.Load() != c.dials {
				t.Errorf("%d connections for 5 attempts, want %d", n.dials.Load(), c.dials)
			}
		})
	}
}

// TestDeadIdleConnectionIsNotUsed lets the receiver close the kept connection, and
// expects neither a failed attempt nor a second copy of the request.
func TestDeadIdleConnectionIsNotUsed(t *testing.T) {
	for _, how := range []string{"fin", "rst"} {
		t.Run(how, func(t *testing.T) {
			s := newStub(t, []step{{Read: "request"}, {Send: okAnswer}, {SleepMS: 5}, {Close: how}}, nil)
			sender, n := newSender(t, Options{})
			for i := range 3 {
				a := sender.Send(t.Context(), s.job())
				if a.Outcome != hook.Success || a.Timings.Reused {
					t.Fatalf("attempt %d: %+v", i, a)
				}
				waitUntil(t, "the kept connection is seen dead", sender.keepsNoneAlive)
			}
			if s.requests.Load() != 3 || n.dials.Load() != 3 {
				t.Errorf("%d requests over %d connections for 3 attempts", s.requests.Load(), n.dials.Load())
			}
		})
	}
}

// TestNothingIsResent lets the receiver take a request on a kept connection and die,
// with the header that makes net/http send a second copy.
func TestNothingIsResent(t *testing.T) {
	s := newStub(t, []step{{Read: "request"}, {Send: okAnswer}, {Read: "request"}, {Close: "rst"}}, nil)
	sender, n := newSender(t, Options{})
	job := s.job()
	job.Endpoint.Headers = map[string]string{"Idempotency-Key": "abc"}
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
		t.Fatalf("first attempt %+v", a)
	}
	a := sender.Send(t.Context(), job)
	if a.Outcome != hook.Failed || a.Reason != hook.ReasonReset || !a.Timings.Reused {
		t.Errorf("second attempt %s %s, reused %t", a.Outcome, a.Reason, a.Timings.Reused)
	}
	if s.requests.Load() != 2 || n.dials.Load() != 1 {
		t.Errorf("%d requests over %d connections for 2 attempts", s.requests.Load(), n.dials.Load())
	}
}

func TestGoneAndRedirect(t *testing.T) {
	for _, c := range []struct {
		answer  string
		outcome hook.Outcome
		reason  hook.Reason
	}{
		{"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", hook.Gone, hook.ReasonGone},
		{"HTTP/1.1 308 P\r\nLocation: https://x.com/\r\nContent-Length: 0\r\n\r\n", hook.Failed, hook.ReasonRedirect},
		{"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nendless", hook.Failed, hook.ReasonBadResponse},
		{"HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n", hook.Success, hook.ReasonNone},
	} {
		s := answering(t, c.answer, 2)
		sender, _ := newSender(t, Options{})
		a := sender.Send(t.Context(), s.job())
		if a.Outcome != c.outcome || a.Reason != c.reason || s.requests.Load() != 1 {
			t.Errorf("%q: %s %s after %d requests", c.answer, a.Outcome, a.Reason, s.requests.Load())
		}
		if c.reason == hook.ReasonRedirect && !strings.Contains(string(a.Header), "Location: https://x.com/") {
			t.Errorf("header %q has lost the location", a.Header)
		}
	}
}

func TestLargeBodyArrivesWhole(t *testing.T) {
	s := answering(t, okAnswer, 3)
	sender, n := newSender(t, Options{})
	job := s.job()
	job.Message.Payload = []byte(strings.Repeat("0123456789", 100_000))
	for range 3 {
		if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
			t.Fatalf("attempt %+v", a)
		}
	}
	if n.dials.Load() != 1 || string(s.bodies[2]) != string(job.Message.Payload) {
		t.Errorf("%d connections, last body has %d bytes", n.dials.Load(), len(s.bodies[2]))
	}
}

func TestCancelledContextEndsTheAttempt(t *testing.T) {
	s := newStub(t, []step{{Read: "request"}, {Hang: true}}, nil)
	sender, _ := newSender(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for s.requests.Load() == 0 {
			time.Sleep(time.Millisecond) // the receiver has no other way to tell
		}
		cancel()
	}()
	// The second attempt begins with the context ended already.
	for range 2 {
		a := sender.Send(ctx, s.job())
		if a.Outcome != hook.Failed || a.Reason != hook.ReasonCanceled || a.Took > 5*time.Second {
			t.Errorf("%s %s %q after %v", a.Outcome, a.Reason, a.Error, a.Took)
		}
	}
}

func TestTLSConnectionIsKeptAndResumed(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))}, NextProtos: []string{"h2", "http/1.1"}}
	s := newStub(t, []step{{Read: "request"}, {Send: okAnswer}, {Read: "request"}, {Send: okAnswer}, {Close: "fin"}}, config)
	sender, n := newSender(t, Options{RootCAs: ca.pool()})
	job := newJob(fmt.Sprintf("https://%s:%d/", testHost, s.port()))
	for i := range 4 {
		a := sender.Send(t.Context(), job)
		if a.Outcome != hook.Success || (a.Timings.TLS > 0) == a.Timings.Reused {
			t.Fatalf("attempt %d: %+v", i, a)
		}
		if i == 1 {
			waitUntil(t, "the receiver's close has arrived", sender.keepsNoneAlive)
		}
	}
	if n.dials.Load() != 2 || s.seen[0].Proto != "HTTP/1.1" {
		t.Errorf("%d connections, %s", n.dials.Load(), s.seen[0].Proto)
	}
}

func TestHTTP2WhereTheReceiverInsists(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))},
		NextProtos:   []string{"h2"}, GetConfigForClient: insistOnHTTP2,
	}
	s := newStub(t, []step{{HTTP2Lines: []string{"settings", "read_headers", "answer 200 ok", "read_headers", "answer 200 ok"}}}, config)
	sender, n := newSender(t, Options{RootCAs: ca.pool()})
	job := newJob(fmt.Sprintf("https://%s:%d/", testHost, s.port()))
	for i := range 2 {
		a := sender.Send(t.Context(), job)
		if a.Outcome != hook.Success || string(a.Body) != "ok" || string(a.Header) != "X-A: b" || a.Timings.Reused != (i == 1) {
			t.Fatalf("attempt %d: %+v", i, a)
		}
	}
	// One for the refused handshake, one that is kept.
	if n.dials.Load() != 2 || s.requests.Load() != 2 {
		t.Errorf("%d connections, %d requests", n.dials.Load(), s.requests.Load())
	}
}

// TestFramesOfHTTP2AreRecognised meets a server that lets every client in, as Go's does,
// and then speaks HTTP/2 only.
func TestFramesOfHTTP2AreRecognised(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))}, NextProtos: []string{"h2"}}
	s := newStub(t, []step{{HTTP2Lines: []string{"settings early", "read_headers", "answer 200 ok"}}}, config)
	sender, n := newSender(t, Options{RootCAs: ca.pool()})
	a := sender.Send(t.Context(), newJob(fmt.Sprintf("https://%s:%d/", testHost, s.port())))
	if a.Outcome != hook.Success || s.requests.Load() != 1 || n.dials.Load() != 2 {
		t.Errorf("%s %q after %d connections and %d requests", a.Outcome, a.Error, n.dials.Load(), s.requests.Load())
	}
	// Over a plain socket there is no way to agree on HTTP/2.
	plain := newStub(t, []step{{SendHex: "000000040000000000"}, {Hang: true}}, nil)
	if a := sender.Send(t.Context(), plain.job()); a.Outcome != hook.Failed || a.Reason != hook.ReasonBadResponse || plain.connections.Load() != 1 {
		t.Errorf("%s %s after %d connections", a.Outcome, a.Reason, plain.connections.Load())
	}
}

func TestPoolIsBoundedAndEmptiesItself(t *testing.T) {
	s := answering(t, okAnswer, 100)
	sender, _ := newSender(t, Options{MaxIdle: 5, MaxIdlePerHost: 3, IdleTimeout: 50 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			job := s.job()
			job.Endpoint.URL = fmt.Sprintf("http://h%d.example.com:%d/", i%4, s.port())
			job.Endpoint.ID = hook.EndpointID(i)
			if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
				t.Errorf("attempt %+v", a)
			}
		})
	}
	wg.Wait()
	p := sender.transport.pool
	p.mu.Lock()
	if p.idle > 5 {
		t.Errorf("%d idle connections", p.idle)
	}
	p.mu.Unlock()
	waitUntil(t, "the pool is empty", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.idle == 0 && p.oldest == nil && p.newest == nil && len(p.hosts) == 0 && p.reaper == nil
	})
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value string
		want  time.Duration
	}{
		{"", 0}, {"0", 0}, {"-1", 0}, {"soon", 0}, {"NaN", 0}, {"-Inf", 0}, {"Inf", maxRetryAfter}, {"1e300", maxRetryAfter},
		{"120", 2 * time.Minute}, {"0.5", 500 * time.Millisecond},
		{"Fri, 20 Nov 2026 12:00:30 GMT", 30 * time.Second},
		{"Fri, 20 Nov 2026 13:00:30 +0100", 30 * time.Second},
		{"Friday, 20-Nov-26 12:01:00 GMT", time.Minute},
		{"Fri, 20 Nov 2026 11:00:00 GMT", 0},
		{"Fri, 31 Dec 2999 23:59:59 GMT", maxRetryAfter},
	} {
		if got := parseRetryAfter(c.value, now); got != c.want {
			t.Errorf("parseRetryAfter(%q) = %v, want %v", c.value, got, c.want)
		}
	}
}

func TestErrorWordsAreBoundedAndPrintable(t *testing.T) {
	got := printable("a\x1b[2J\r\nb\u202e" + strings.Repeat("ü", 1000))
	if !strings.HasPrefix(got, "a?[2J??b?ü") || len(got) > maxErrorBytes+4 || !utf8.ValidString(got) {
		t.Errorf("%q", got)
	}
}

func TestReasonOfStatus(t *testing.T) {
	for status, want := range map[int]hook.Reason{
		200: hook.ReasonNone, 299: hook.ReasonNone, 300: hook.ReasonRedirect, 304: hook.ReasonRedirect, 400: hook.ReasonRejected,
		401: hook.ReasonAuth, 403: hook.ReasonAuth, 404: hook.ReasonNotFound, 405: hook.ReasonNotFound, 410: hook.ReasonGone,
		422: hook.ReasonRejected, 429: hook.ReasonThrottled, 500: hook.ReasonServer, 503: hook.ReasonServer, 600: hook.ReasonServer, 999: hook.ReasonServer,
	} {
		if got := reasonOfStatus(status); got != want {
			t.Errorf("status %d: %s, want %s", status, got, want)
		}
	}
}

// keepsNoneAlive looks at the connection that would be used next.
func (s *Sender) keepsNoneAlive() bool {
	p := s.transport.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest == nil || !p.newest.isAlive(time.Now(), time.Now().Add(time.Second))
}

// waitUntil polls, because what is waited for happens in another process's stead: the
// kernel delivers a close in its own time.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestWriteThatFailsWholeIsTriedElsewhere closes our end behind the pool's back, as a
// platform without a probe would find a dead connection.
func TestWriteThatFailsWholeIsTriedElsewhere(t *testing.T) {
	s := answering(t, okAnswer, 2)
	sender, n := newSender(t, Options{})
	sender.Send(t.Context(), s.job())
	c := sender.transport.pool.pop(target{host: testHost, port: uint16(s.port())})
	c.raw.Close()
	r := newRequest(mustPrepare(t, s.job()), s.job(), time.Now())
	defer r.release()
	for _, reused := range []bool{true, false} {
		a := hook.Attempt{Timings: hook.Timings{Reused: reused}}
		again, err := sender.transport.use(t.Context(), c, r, time.Now().Add(time.Second), &a)
		if again != reused || err == nil {
			t.Errorf("reused %t: again %t, %v", reused, again, err)
		}
	}
	if s.requests.Load() != 1 || n.dials.Load() != 1 {
		t.Errorf("%d requests over %d connections", s.requests.Load(), n.dials.Load())
	}
}

func mustPrepare(t *testing.T, job Job) *prepared {
	t.Helper()
	p, err := prepare(job.Endpoint, job.Settings, "1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
