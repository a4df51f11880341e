package send

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

// asItIs is a script that changes nothing.
type asItIs struct{}

func (asItIs) Run(_ context.Context, j transform.Job) (transform.Result, error) {
	return transform.Result{Method: j.Webhook.Method, URL: j.Webhook.URL}, nil
}

// scripted returns a Sender with a real sandbox, a stub that takes n requests, and a job
// for it with a script.
func scripted(t *testing.T, n int, code string) (*Sender, *stub, Job) {
	t.Helper()
	pool := transform.New(transform.Options{})
	t.Cleanup(pool.Close)
	guard := loopbackGuard(t)
	sender, _ := newSender(t, Options{Version: "1.2.3", Scripts: pool, ParseURL: func(raw string, _ bool) (string, error) {
		return egress.ParseURL(raw, egress.Policy{Guard: guard, AllowHTTP: true, AllowInternalNames: true})
	}})
	s := answering(t, okAnswer, n)
	job := s.job()
	job.Endpoint.Transformation = &hook.Transformation{Code: code, Enabled: true, Variables: map[string]string{"who": "Bob"}}
	return sender, s, job
}

// sent makes an attempt that must succeed, and returns the one request that came of it.
func sent(t *testing.T, sender *Sender, s *stub, job Job) (*http.Request, string, hook.Attempt) {
	t.Helper()
	before := len(s.seen)
	a := sender.Send(t.Context(), job)
	if a.Outcome != hook.Success {
		t.Fatalf("attempt: %v %v %s", a.Outcome, a.Reason, a.Error)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) != before+1 {
		t.Fatalf("%d requests", len(s.seen)-before)
	}
	return s.seen[before], string(s.bodies[before]), a
}

func TestScriptMakesWhatIsSignedAndSent(t *testing.T) {
	sender, s, job := scripted(t, 1, `function handler(webhook) {
		console.log("seen", webhook.eventType);
		webhook.payload = {text: "n is " + webhook.payload.a + ", " + webhook.env.who};
		webhook.method = "PUT";
		webhook.url = webhook.url.replace("/hook?x=1", "/other");
		webhook.headers = {"X-Two": "mine", "content-type": "application/vnd.x+json"};
		return webhook;
	}`)
	job.Endpoint.Headers = map[string]string{"x-two": "theirs", "X-One": "1"}
	r, body, a := sent(t, sender, s, job)
	if body != `{"text":"n is 1, Bob"}` || r.Method != "PUT" || r.URL.Path != "/other" || r.Header.Get("Content-Type") != "application/vnd.x+json" {
		t.Errorf("%s %s %v: %s", r.Method, r.URL, r.Header, body)
	}
	if r.Header.Get("X-Two") != "mine" || len(r.Header.Values("X-Two")) != 1 || r.Header.Get("X-One") != "1" {
		t.Errorf("headers %v", r.Header)
	}
	verifies(t, r.Header, []byte(body))
	if a.Notes == nil || len(a.Notes.Console) != 1 || a.Notes.Console[0] != "seen "+job.Message.EventType || !strings.HasSuffix(a.URL, "/other") || a.EndpointURL != job.Endpoint.URL {
		t.Errorf("attempt %+v, notes %+v", a, a.Notes)
	}
	// The shown headers are those of the request.
	fields, err := sender.Header(t.Context(), job, a.StartedAt)
	if err != nil || !strings.Contains(strings.Join(fields, "\n"), r.Header.Get("Webhook-Signature")) {
		t.Errorf("made again: %q, %v; sent %s", fields, err, r.Header.Get("Webhook-Signature"))
	}
}

func TestWhatAScriptLeavesAloneGoesOutByteForByte(t *testing.T) {
	const odd = `{ "b":9007199254740993 ,"a":1.10,"a":2, "c":"é\/"}`
	sender, s, job := scripted(t, 2, `function handler(webhook) { if (webhook.env.touch) webhook.payload.d = 1; return webhook }`)
	job.Message.Payload = []byte(odd)
	if _, body, _ := sent(t, sender, s, job); body != odd {
		t.Errorf("untouched: %s", body)
	}
	e := *job.Endpoint
	e.Transformation = &hook.Transformation{Code: e.Transformation.Code, Enabled: true, Variables: map[string]string{"touch": "1"}}
	job.Endpoint = &e
	// What is touched is as JavaScript has it: numbers are doubles, and of two names the last counts.
	if _, body, _ := sent(t, sender, s, job); body != `{"b":9007199254740992,"a":2,"c":"é/","d":1}` {
		t.Errorf("touched: %s", body)
	}
}

func TestScriptThatCancelsMakesNoRequest(t *testing.T) {
	sender, s, job := scripted(t, 1, `function handler(webhook) { console.log("no"); return {cancel: true} }`)
	a := sender.Send(t.Context(), job)
	if a.Outcome != hook.Dropped || a.Reason != hook.ReasonTransformCancel || a.Status != 0 || s.connections.Load() != 0 || a.Notes == nil {
		t.Errorf("%+v, %d connections", a, s.connections.Load())
	}
}

func TestScriptThatFailsIsAFailedAttempt(t *testing.T) {
	for _, tt := range []struct {
		name, code, says string
		reason           hook.Reason
	}{
		{"throws", "function handler(w) {\n  throw new TypeError('no\\n' + w.payload.a);\n}", "line 2, column 22: TypeError: no 1", hook.ReasonTransformError},
		{"loops", "function handler(w) { for (;;); }", "did not end in time", hook.ReasonTransformTimeout},
		{"eats", "function handler(w) { return new ArrayBuffer(1e9); }", "too much memory", hook.ReasonTransformMemory},
		{"bad method", "function handler(w) { w.method = 'CONNECT'; return w }", "method must be", hook.ReasonTransformError},
		{"no URL", "function handler(w) { w.url = 'javascript:1'; return w }", "url: ", hook.ReasonTransformError},
		{"user in URL", "function handler(w) { w.url = 'http://a:b@example.com/'; return w }", "url: ", hook.ReasonTransformError},
		{"forbidden address", "function handler(w) { w.url = 'http://169.254.169.254/latest'; return w }", "url: ", hook.ReasonTransformError},
		{"forbidden header", "function handler(w) { w.headers = {'webhook-id': 'x'}; return w }", "headers.webhook-id", hook.ReasonTransformError},
		{"broken header", "function handler(w) { w.headers = {'X-A': 'b\\r\\nX-Evil: 1'}; return w }", "headers.X-A", hook.ReasonTransformError},
		{"broken name", "function handler(w) { w.headers = {'X-A: 1\\r\\nX-B': 'b'}; return w }", "headers", hook.ReasonTransformError},
		{"list as query", "function handler(w) { w.method = 'GET'; w.payload = 'x'; return w }", "raw body", hook.ReasonTransformError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sender, s, job := scripted(t, 1, tt.code)
			a := sender.Send(t.Context(), job)
			if a.Outcome != hook.Failed || a.Reason != tt.reason || !strings.Contains(a.Error, tt.says) || s.connections.Load() != 0 {
				t.Errorf("%v %v %q, %d connections", a.Outcome, a.Reason, a.Error, s.connections.Load())
			}
		})
	}
}

// TestScriptCannotReachAnInnerName: a name that a script chooses is judged where it leads.
func TestScriptCannotReachAnInnerAddress(t *testing.T) {
	pool := transform.New(transform.Options{})
	t.Cleanup(pool.Close)
	guard, err := egress.NewGuard(egress.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	sender := New(egress.NewDialer(guard, egress.Options{Resolver: &testNet{}}), Options{Scripts: pool, ParseURL: func(raw string, _ bool) (string, error) {
		return egress.ParseURL(raw, egress.Policy{Guard: guard, AllowHTTP: true})
	}})
	t.Cleanup(sender.Close)
	job := newJob("https://example.com/")
	job.Endpoint.Transformation = &hook.Transformation{Code: `function handler(w) { w.url = "http://rebound.example.com/"; return w }`, Enabled: true}
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonBlockedPrivate {
		t.Errorf("%v %s", a.Reason, a.Error)
	}
}

func TestScriptTakesNoSecretsElsewhere(t *testing.T) {
	var got http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(elsewhere.Close)
	_, port, _ := strings.Cut(elsewhere.Listener.Addr().String(), ":")
	sender, s, job := scripted(t, 1, `function handler(w) { if (w.env.to) w.url = w.env.to; return w }`)
	job.Endpoint.Headers = map[string]string{"Authorization": "canary", "cookie": "session=canary", "X-Plain": "1"}
	job.Endpoint.Shape = &hook.Shape{Token: &hook.ShapeToken{In: hook.InHeader, Name: "X-Token", Value: "canary"}}
	if r, _, _ := sent(t, sender, s, job); r.Header.Get("Authorization") != "canary" || r.Header.Get("X-Token") != "canary" {
		t.Errorf("to its own receiver: %v", r.Header)
	}
	e := *job.Endpoint
	e.Transformation = &hook.Transformation{Code: e.Transformation.Code, Enabled: true, Variables: map[string]string{"to": "http://other.example.com:" + port + "/x"}}
	job.Endpoint = &e
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success || got.Get("X-Plain") != "1" || got.Get("Webhook-Signature") == "" {
		t.Errorf("elsewhere: %v %s, %v", a.Reason, a.Error, got)
	}
	if text, _ := json.Marshal(got); strings.Contains(string(text), "canary") {
		t.Errorf("elsewhere: %s", text)
	}
}

func TestScriptSeesAReceivedRequest(t *testing.T) {
	sender, s, job := scripted(t, 2, `function handler(w) {
		if (typeof w.payload === "string") { w.payload = w.payload.toUpperCase(); return w }
		w.payload = [w.method, w.request.path, w.request.query, w.request.headers["x-a"], w.eventType === undefined, w.payload.id];
		w.method = "PATCH";
		return w;
	}`)
	script := job.Endpoint.Transformation
	job = s.forwardJob(hook.Inbound{Method: "PUT", Path: "/p", Query: "q=1", Header: []string{"X-A", "1", "Content-Encoding", "identity", "Content-MD5", "x"}})
	job.Endpoint.Transformation = script
	r, body, _ := sent(t, sender, s, job)
	if body != `["PUT","/p","q=1","1",true,"evt_1"]` || r.Method != "PATCH" || r.URL.Path != "/hook/p" || r.Header.Get("X-A") != "1" || r.Header.Get("Content-Encoding") != "" || r.Header.Get("Content-MD5") != "" {
		t.Errorf("%s %s %v: %s", r.Method, r.URL, r.Header, body)
	}
	verifies(t, r.Header, []byte(body))
	job.Message.RawBody, job.Message.ContentType = []byte("plain text"), "text/plain"
	if r, body, _ := sent(t, sender, s, job); body != "PLAIN TEXT" || r.Header.Get("Content-Type") != "text/plain" || r.Method != "PUT" {
		t.Errorf("%s %v: %s", r.Method, r.Header, body)
	}
}

func TestEndpointWithoutScriptAsksForNone(t *testing.T) {
	s := answering(t, okAnswer, 1)
	sender, _ := newSender(t, Options{}) // without Scripts
	job := s.job()
	job.Endpoint.Transformation = &hook.Transformation{Code: "not enabled"}
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
		t.Errorf("%v %s", a.Reason, a.Error)
	}
	job.Endpoint = &hook.Endpoint{ID: 2, URL: job.Endpoint.URL, Secrets: job.Endpoint.Secrets, Features: hook.Features{Transformation: &hook.Transformation{Code: "x", Enabled: true}}}
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonInternal || s.requests.Load() != 1 {
		t.Errorf("with a script and nobody to run it: %v %s", a.Reason, a.Error)
	}
	job.Endpoint.Transformation.Code = ""
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonTransformError || a.Outcome != hook.Failed {
		t.Errorf("with a connector that is not known: %v %s", a.Reason, a.Error)
	}
}

func TestScriptIsStoppedWithTheSender(t *testing.T) {
	pool := transform.New(transform.Options{Time: time.Second})
	t.Cleanup(pool.Close)
	sender, _ := newSender(t, Options{Scripts: pool})
	job := newJob("https://example.com/")
	job.Endpoint.Transformation = &hook.Transformation{Code: "function handler() { for (;;); }", Enabled: true}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stop, end := context.WithCancel(context.Background())
	context.AfterFunc(ctx, end)
	if a := sender.Send(stop, job); a.Reason != hook.ReasonCanceled {
		t.Errorf("%v %s after %v", a.Reason, a.Error, a.Took)
	}
}

// The receiver that agreed is the only one that is sent to, whatever the script wants.
func TestScriptStaysWithTheReceiverThatAgreed(t *testing.T) {
	sender, s, job := scripted(t, 1, `function handler(w) { w.url = w.env.to; return w }`)
	job.Endpoint.Consent = &hook.Consent{Method: hook.ConsentChallenge, VerifiedAt: time.Now(), VerifiedURL: job.Endpoint.URL}
	job.Endpoint.Transformation.Variables = map[string]string{"to": originOf(job.Endpoint.URL) + "/other"}
	if r, _, _ := sent(t, sender, s, job); r.URL.Path != "/other" {
		t.Errorf("to its own server: %s", r.URL)
	}
	stranger := answering(t, okAnswer, 1)
	e := *job.Endpoint
	e.Transformation = &hook.Transformation{Code: e.Transformation.Code, Enabled: true, Variables: map[string]string{"to": stranger.job().Endpoint.URL}}
	job.Endpoint = &e
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Failed || a.Reason != hook.ReasonUnverified || stranger.connections.Load() != 0 {
		t.Errorf("%+v, %d connections", a, stranger.connections.Load())
	}
}
