package transform

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestMain(m *testing.M) {
	if IsChild(os.Args[1:]) {
		os.Exit(Child(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

func newPool(t testing.TB, o Options) *Pool {
	t.Helper()
	p := New(o)
	if raceEnabled && o.Time == 0 {
		p.o.Time = 3 * time.Second
	}
	t.Cleanup(p.Close)
	return p
}

// webhookOf is a job of code on a payload.
func webhookOf(code, payload string) Job {
	return Job{
		Endpoint: 1, Code: code, At: time.UnixMilli(1_700_000_000_123), Seed: 42,
		Webhook: &Webhook{Method: "POST", URL: "https://example.com/hook", Payload: []byte(payload), EventType: "invoice.paid"},
	}
}

// failureFrom runs a job that must fail, and returns how.
func failureFrom(t *testing.T, p *Pool, j Job) *Error {
	t.Helper()
	r, err := p.Run(t.Context(), j)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %+v and %v, want a failure", r, err)
	}
	return e
}

func TestScriptIsToldWhichMessageItIs(t *testing.T) {
	j := webhookOf(`function handler(webhook) { webhook.payload = [webhook.id, webhook.timestamp]; return webhook }`, `{}`)
	j.Webhook.ID, j.Webhook.CreatedAt = "msg_1", time.UnixMilli(1_700_000_000_007)
	r, err := newPool(t, Options{}).Run(t.Context(), j)
	if want := `["msg_1","2023-11-14T22:13:20.007Z"]`; err != nil || string(r.Payload) != want {
		t.Fatalf("got %s and %v, want %s", r.Payload, err, want)
	}
}

func TestScriptChangesWhatIsSent(t *testing.T) {
	p := newPool(t, Options{})
	j := webhookOf(`function handler(webhook) {
		console.log("paid", webhook.payload.amount, {a: [1]});
		console.warn("w");
		webhook.payload = {text: webhook.eventType + " " + webhook.payload.amount + " " + webhook.env.who};
		webhook.method = "PUT";
		webhook.url += "?x=1";
		webhook.headers = {"X-Who": "me"};
		return webhook;
	}`, `{"amount": 5}`)
	j.Variables = map[string]string{"who": "Bob"}
	r, err := p.Run(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Payload) != `{"text":"invoice.paid 5 Bob"}` || r.Method != "PUT" || r.URL != "https://example.com/hook?x=1" || r.Headers["X-Who"] != "me" || r.IsText || r.Cancel {
		t.Errorf("got %+v", r)
	}
	if len(r.Console) != 2 || r.Console[0] != `paid 5 {"a":[1]}` || r.Console[1] != "warning: w" {
		t.Errorf("console: %q", r.Console)
	}
}

func TestHostileScriptFailsAlone(t *testing.T) {
	// What runs out of memory has time enough to do so, on a busy machine too.
	p, patient := newPool(t, Options{}), newPool(t, Options{})
	patient.o.Time = 20 * time.Second // the race detector makes the engine many times slower
	for _, tt := range []struct {
		name, code string
		want       hook.Reason
	}{
		{"endless loop", "function handler(w) { for (;;); }", hook.ReasonTransformTimeout},
		{"endless loop that catches", "function handler(w) { for (;;) try { for (;;); } catch {} finally { for (;;); } }", hook.ReasonTransformTimeout},
		{"endless loop outside", "for (;;); function handler(w) {}", hook.ReasonTransformTimeout},
		{"native loop without interrupts", "function handler(w) { return new Array(4e9).indexOf(4); }", hook.ReasonTransformTimeout},
		{"regular expression", "function handler(w) { return /^(a+)+$/.test('a'.repeat(100) + 'b'); }", hook.ReasonTransformTimeout},
		{"regular expression with look-ahead", "function handler(w) { return /(?=(a+)+b)c/.test('a'.repeat(100)); }", hook.ReasonTransformTimeout},
		{"text that loops when thrown", "function handler(w) { throw {toString() { for (;;); }}; }", hook.ReasonTransformTimeout},
		{"toJSON that loops", "function handler(w) { w.payload.toJSON = () => { for (;;); }; return w; }", hook.ReasonTransformTimeout},
		{"proxy that loops", "function handler(w) { return new Proxy({}, {get() { for (;;); }}); }", hook.ReasonTransformTimeout},
		{"sort that loops", "function handler(w) { [3, 2, 1].sort(() => { for (;;); }); }", hook.ReasonTransformTimeout},
		{"list bomb", "function handler(w) { const a = []; for (;;) a.push(new Array(1000).fill(7)); }", hook.ReasonTransformMemory},
		{"buffer bomb", "function handler(w) { const a = []; for (;;) a.push(new ArrayBuffer(1e6)); }", hook.ReasonTransformMemory},
		{"deep nesting", "function handler(w) { let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a; }", hook.ReasonTransformMemory},
		{"string bomb", "function handler(w) { let s = 'x'; for (;;) s += s; }", hook.ReasonTransformError},
		{"huge output", "function handler(w) { w.payload.x = 'x'.repeat(2 << 20); return w; }", hook.ReasonTransformError},
		{"cycle", "function handler(w) { w.payload.w = w; return w; }", hook.ReasonTransformError},
		{"no object", "function handler(w) { return 5; }", hook.ReasonTransformError},
		{"promise", "async function handler(w) { return w; }", hook.ReasonTransformError},
		{"JSON replaced", "Object.prototype.toJSON = () => 7; function handler(w) { return w; }", hook.ReasonTransformError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begun, p := time.Now(), p
			if tt.want != hook.ReasonTransformTimeout {
				p = patient
			}
			e := failureFrom(t, p, webhookOf(tt.code, `{"a": 1}`))
			if e.Reason != tt.want {
				t.Errorf("got %v: %v, want %v", e.Reason, e, tt.want)
			}
			t.Log(time.Since(begun), e)
		})
	}
	if r, err := p.Run(context.Background(), webhookOf("function handler(w) { return w; }", `{"a": 1}`)); err != nil || r.Payload != nil {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
}

func TestDeepRecursionFails(t *testing.T) {
	p := newPool(t, Options{Time: time.Second})
	e := failureFrom(t, p, webhookOf("function f() { return f() + 1 } function handler(w) { return f(); }", `{}`))
	if e.Reason != hook.ReasonTransformMemory {
		t.Errorf("got %v: %v", e.Reason, e)
	}
}
