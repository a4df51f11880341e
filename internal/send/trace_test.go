package send

import (
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// TestTraceparentInEveryKindOfRequest: a plain, a shaped and a forwarded request name the
// span once, over HTTP/1.1 and HTTP/2, and no request does unasked.
func TestTraceparentInEveryKindOfRequest(t *testing.T) {
	const ours, theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-11111111111111111111111111111111-2222222222222222-01"
	for _, c := range []struct {
		name    string
		message hook.Message
		shape   *hook.Shape
		unasked string // the header of a request that is not to name ours
	}{
		{name: "plain", message: hook.Message{Payload: []byte(`{}`)}},
		{name: "shaped", message: hook.Message{Payload: []byte(`{}`)}, shape: &hook.Shape{Method: "PUT"}},
		{name: "forwarded", message: hook.Message{RawBody: []byte(`{}`), Inbound: &hook.Inbound{Header: []string{"Traceparent", theirs, "tracestate", "a=b", "X-A", "b"}}}, unasked: theirs},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &hook.Endpoint{URL: "http://127.0.0.1/x", Shape: c.shape, Secrets: []hook.Secret{{Text: webhook.GenerateSymmetric().Reveal()}}}
			settings := hook.DefaultSettings()
			p, err := prepare(e, &settings, "test", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, traced := range []string{"", ours} {
				r, _, err := build(p, Job{Message: &c.message, Endpoint: e, Settings: &settings, WebhookID: "msg_1", traceparent: traced}, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				want := traced
				if traced == "" {
					want = c.unasked
				}
				head, h := strings.ToLower(string(r.buf)), r.header()
				if got := h.Get("traceparent"); got != want || len(h.Values("traceparent")) > 1 {
					t.Errorf("HTTP/2: traceparent %q, want %q", h.Values("traceparent"), want)
				}
				n := strings.Count(head, "\r\ntraceparent: ")
				if want == "" && n != 0 || want != "" && (n != 1 || !strings.Contains(head, "\r\ntraceparent: "+want+"\r\n")) {
					t.Errorf("HTTP/1.1, want %q:\n%s", want, head)
				}
				if traced != "" && strings.Contains(head, "tracestate") {
					t.Errorf("a stranger's tracestate stands beside our traceparent:\n%s", head)
				}
				r.release()
			}
		})
	}
}
