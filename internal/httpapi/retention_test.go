package httpapi

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestRetentionOfTypesAndEnvironments sets how long messages are kept in both places, and
// asks the plan that publishing uses.
func TestRetentionOfTypesAndEnvironments(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	const path, settings = "/x/v1/event-type/user.created/retention", "/api/v1/management/environment-settings"
	kept := func(eventType string) time.Duration {
		p, err := r.store.PlanOf(context.Background(), mustApp(r, app))
		if err != nil {
			t.Fatal(err)
		}
		return p.KeptFor(eventType)
	}
	if a := r.must(200, "GET", path, ""); string(a.body) != `{"days":null,"hours":null}` {
		t.Errorf("untouched: %s", a.body)
	}
	for _, c := range []struct {
		body, answer string
		kept         time.Duration
	}{
		{`{"days":7}`, `{"days":7,"hours":168}`, 7 * 24 * time.Hour},
		{`{"hours":36}`, `{"days":null,"hours":36}`, 36 * time.Hour},
		{`{}`, `{"days":null,"hours":null}`, hook.DefaultRetention},
		{`{"hours":1}`, `{"days":null,"hours":1}`, time.Hour},
		{`null`, `{"days":null,"hours":null}`, hook.DefaultRetention},
		{`{"days":3650}`, `{"days":3650,"hours":87600}`, hook.MaxRetention},
	} {
		for _, a := range []answer{r.must(200, "PUT", path, c.body), r.must(200, "GET", path, "")} {
			if string(a.body) != c.answer {
				t.Errorf("%s: %s", c.body, a.body)
			}
		}
		if got := kept("user.created"); got != c.kept {
			t.Errorf("%s: kept for %v, want %v", c.body, got, c.kept)
		}
	}
	if got := kept("another"); got != hook.DefaultRetention {
		t.Errorf("another type is kept for %v", got)
	}
	for _, body := range []string{`{"days":0}`, `{"days":3651}`, `{"hours":0}`, `{"hours":87601}`, `{"days":1,"hours":1}`, `{"days":"1"}`, `{"days":1.5}`, `{"days":9223372036854775807}`, `[]`} {
		if a := r.call("PUT", path, body); a.status != 422 && a.status != 400 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := r.call("PUT", "/x/v1/event-type/nobody/retention", `{"days":1}`); a.status != 404 {
		t.Errorf("unknown type: %d", a.status)
	}
	// Archived, the type has what the environment has.
	r.must(200, "PATCH", settings, `{"retentionDays":30}`)
	r.must(204, "DELETE", "/api/v1/event-type/user.created", "")
	for _, typ := range []string{"user.created", "another"} {
		if got := kept(typ); got != 30*24*time.Hour {
			t.Errorf("%s in an environment of 30 days is kept for %v", typ, got)
		}
	}
	for _, body := range []string{`{"retentionDays":0}`, `{"retentionDays":3651}`, `{"retentionDays":"7"}`} {
		if a := r.call("PATCH", settings, body); a.status != 422 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	r.must(200, "PATCH", settings, `{"retentionDays":null}`)
	if got := kept("another"); got != hook.DefaultRetention {
		t.Errorf("without a setting: %v", got)
	}
}
