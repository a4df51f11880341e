package send

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestForwardSaysWhatIsSent compares Forward with the request that an endpoint would get.
func TestForwardSaysWhatIsSent(t *testing.T) {
	m := &hook.Message{
		RawBody: []byte(`{}`), ContentType: "application/json",
		Inbound: &hook.Inbound{
			Provider: "github", Method: "PUT", Query: "x=1", Type: "push", DeliveryID: "d1", Stale: true,
			Header: []string{
				"X-Hub-Signature-256", "sha256=1", "Connection", "X-Secret-Hop", "X-Secret-Hop", "1", "Webhook-Id", "forged", "X_Hookloft_Source", "forged",
				"Host", "evil", "X-A", "1", "X-A", "2", "Bad Name", "x", "X-Bad", "a\r\nb: c", "Accept", "text/plain",
			},
		},
	}
	m.Inbound.Path = "/a%2Fb/c"
	f, err := Forward(m, "src_1")
	if err != nil {
		t.Fatal(err)
	}
	e := &hook.Endpoint{URL: "https://example.com/own?own=1", Secrets: []hook.Secret{{Text: testSecret}}}
	settings := hook.DefaultSettings()
	p, err := prepare(e, &settings, "v", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r, err := newForward(p, Job{Message: m, Endpoint: e, Settings: &settings, WebhookID: "msg_1", SourceID: "src_1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer r.release()
	if r.method != f.Method || r.target != "/own"+f.Path+"?own=1&"+f.Query {
		t.Errorf("%s %s, and in the request %s %s", f.Path, f.Query, r.method, r.target)
	}
	sent := r.forwardedHeader()
	for _, name := range []string{"User-Agent", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Svix-Id", "Svix-Timestamp", "Svix-Signature", "Content-Type"} {
		sent.Del(name)
	}
	told := http.Header{}
	for _, h := range f.Header {
		told.Add(h[0], h[1])
	}
	if len(told) != len(sent) {
		t.Errorf("told %v, sent %v", told, sent)
	}
	for name, values := range sent {
		if !slices.Equal(told[name], values) {
			t.Errorf("%s: told %q, sent %q", name, told[name], values)
		}
	}
	for _, name := range []string{"X-A", "X-Hub-Signature-256", "X-Hookloft-Source", "X-Hookloft-Stale", "Accept"} {
		if len(told[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	for _, bad := range []hook.Inbound{{Method: "TRACE"}, {Path: "/../x"}, {Query: "a b"}} {
		if _, err := Forward(&hook.Message{Inbound: &bad}, ""); err == nil {
			t.Errorf("%+v is forwarded", bad)
		}
	}
}
