package httpapi

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
)

// accepting is a Publisher that stores nothing, so that what is measured is the API.
type accepting struct{ app *hook.Application }

func (p accepting) Publish(_ context.Context, r publish.Request) (publish.Result, error) {
	m := r.Message
	m.ID, m.Application = hook.MessageID(p.app.ID)+1, p.app.ID
	return publish.Result{Application: p.app, Message: &m}, nil
}

func (accepting) CheckPayload(context.Context, hook.EnvironmentID, string, []byte) error { return nil }

// BenchmarkPublish is the API's own share of a publish with a payload of 1 KiB and
// the key that client libraries send: no network, no store.
func BenchmarkPublish(b *testing.B) {
	r := bareRig(b, b.TempDir())
	r.start()
	defer r.stop()
	r.env, r.token = r.environment("bench")
	r.api.Publisher = accepting{&hook.Application{ID: hook.ApplicationID(r.store.NewKey()), Environment: r.env.ID}}
	body := `{"eventType":"user.created","channels":["a"],"payload":{"x":"` + strings.Repeat("y", 1000) + `"}}`
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest("POST", "/api/v1/app/app_1srOrx2ZWZBpBUvZwXKQmoEYga2/msg?with_content=false", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+r.token)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "auto_2b1e2f0c-6c2f-4b6f-9a1e-1d2c3b4a5f60")
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, req)
		if w.Code != 202 {
			b.Fatal(w.Code, w.Body)
		}
	}
}
