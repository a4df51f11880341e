package httpapi

import (
	"context"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

// asker notes who is asked, and answers for every receiver.
type asker struct {
	r       *rig
	refused string
	asked   int
	woken   int
}

func (a *asker) Wake() { a.woken++ }

func (a *asker) Ask(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID) (*hook.Endpoint, error) {
	a.asked++
	return a.r.store.UpdateEndpoint(ctx, app, ep, nil, func(e *hook.Endpoint) error {
		e.Consent = e.Consent.Answered(e.URL, a.refused, 90, a.r.api.now())
		return nil
	})
}

func TestConsentOfAnEndpoint(t *testing.T) {
	r := newRig(t)
	a := &asker{r: r, refused: "no"}
	r.api.Consents = a
	app := r.app("a")
	e := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + e + "/consent"
	if got := r.must(200, "GET", path, ""); got.str("required") != "false" || got.str("method") != "null" {
		t.Errorf("not asked for: %s", got.body)
	}
	got := r.must(200, "PUT", path, `{"method":"cloudevents"}`)
	if got.str("required") != "true" || got.str("verified") != "false" || got.str("method") != "cloudevents" || got.str("nextAskAt") == "null" || a.asked != 0 || a.woken != 1 {
		t.Errorf("asked for: %s, asked %d, woken %d", got.body, a.asked, a.woken)
	}
	if got := r.must(200, "POST", path, ``); got.str("error") != "no" || got.str("verified") != "false" || got.str("method") != "cloudevents" || a.asked != 1 {
		t.Errorf("refused: %s", got.body)
	}
	a.refused = ""
	if got := r.must(200, "POST", path, `{}`); got.str("verified") != "true" || got.str("error") != "null" || got.str("ratePerMinute") != "90" || got.str("nextAskAt") != "null" {
		t.Errorf("agreed: %s", got.body)
	}
	r.must(200, "PATCH", "/api/v1/app/a/endpoint/"+e, `{"description":"x"}`)
	if got := r.must(200, "GET", path, ""); got.str("verified") != "true" {
		t.Errorf("another change made it void: %s", got.body)
	}
	r.must(200, "PATCH", "/api/v1/app/a/endpoint/"+e, `{"url":"https://example.com/other"}`)
	if got := r.must(200, "GET", path, ""); got.str("verified") != "false" || got.str("verifiedAt") != "null" || got.str("nextAskAt") == "null" {
		t.Errorf("at another URL: %s", got.body)
	}
	for body, loc := range map[string]string{`{"method":"no"}`: "body method", `{"method":1}`: "body method", `[]`: "body"} {
		for _, method := range []string{"PUT", "POST"} {
			if got := r.call(method, path, body); got.status != 422 || got.loc() != loc {
				t.Errorf("%s %s: %d %s", method, body, got.status, got.body)
			}
		}
	}
	portal := r.portal(app, "")
	if got := r.send(request{method: "DELETE", path: path, token: portal}); got.status != 403 {
		t.Errorf("a customer waives it: %d", got.status)
	}
	r.must(204, "DELETE", path, "")
	if got := r.must(200, "GET", path, ""); got.str("required") != "false" {
		t.Errorf("waived: %s", got.body)
	}
}

func TestEnvironmentRequiresConsent(t *testing.T) {
	r := newRig(t)
	a := &asker{r: r}
	r.api.Consents = a
	app := r.app("a")
	before := r.endpoint(app, "")
	if got := r.must(200, "PATCH", settingsPath, `{"requireEndpointConsent":true}`); got.str("requireEndpointConsent") != "true" {
		t.Errorf("settings: %s", got.body)
	}
	if got := r.call("PATCH", settingsPath, `{"requireEndpointConsent":"yes"}`); got.status != 422 || got.loc() != "body requireEndpointConsent" {
		t.Errorf("bad setting: %d %s", got.status, got.body)
	}
	after := r.endpoint(app, "")
	r.must(201, "PUT", "/api/v1/app/a/endpoint/put", `{"uid":"put","url":"https://example.com/put"}`)
	for ep, want := range map[string]string{before: "false", after: "true", "put": "true"} {
		if got := r.must(200, "GET", "/x/v1/app/a/endpoint/"+ep+"/consent", ""); got.str("required") != want {
			t.Errorf("%s: %s", ep, got.body)
		}
	}
	if a.woken != 2 {
		t.Errorf("woken %d times", a.woken)
	}
	portal := r.portal(app, "")
	path := "/x/v1/app/a/endpoint/" + after + "/consent"
	if got := r.send(request{method: "PUT", path: path, token: portal, body: `{"method":"test"}`}); got.status != 422 || got.loc() != "body method" {
		t.Errorf("a customer chooses what proves little: %d %s", got.status, got.body)
	}
	if got := r.send(request{method: "POST", path: path, token: portal, body: `{"method":"challengeGet"}`}); got.status != 200 || got.str("verified") != "true" {
		t.Errorf("a customer asks: %d %s", got.status, got.body)
	}
}

// A destination is sent to like an endpoint: it begins held, agrees by the same operations,
// and is asked anew at another URL.
func TestDestinationRequiresConsent(t *testing.T) {
	r := newRig(t)
	a := &asker{r: r}
	r.api.Consents = a
	app := r.app("a")
	r.must(200, "PATCH", settingsPath, `{"requireEndpointConsent":true}`)
	portal := r.portal(app, "")
	made := r.send(request{method: "POST", path: "/api/v1/app/a/destination", token: portal, body: `{"type":"fifoEndpoint","config":{"url":"https://example.com/d"}}`})
	if made.status != 201 || a.woken != 1 {
		t.Fatalf("%d %s, woken %d", made.status, made.body, a.woken)
	}
	r.must(201, "PUT", "/api/v1/app/a/destination/put", `{"uid":"put","type":"fifoEndpoint","config":{"url":"https://example.com/put"}}`)
	for _, d := range []string{made.str("id"), "put"} {
		path := "/x/v1/app/a/destination/" + d
		if got := r.must(200, "GET", path+"/consent", ""); got.str("required") != "true" || got.str("verified") != "false" {
			t.Errorf("new: %s", got.body)
		}
		if got := r.must(200, "POST", path+"/consent", ""); got.str("verified") != "true" {
			t.Errorf("asked: %s", got.body)
		}
		before := a.woken
		r.must(200, "PATCH", "/api/v1/app/a/destination/"+d, `{"config":{"url":"https://example.com/other"}}`)
		if got := r.must(200, "GET", path+"/consent", ""); got.str("verified") != "false" || got.str("nextAskAt") == "null" || a.woken != before+1 {
			t.Errorf("at another URL: %s", got.body)
		}
		if got := r.send(request{method: "DELETE", path: path + "/consent", token: portal}); got.status != 403 {
			t.Errorf("a customer waives it: %d", got.status)
		}
		r.must(204, "DELETE", path+"/consent", "")
	}
	r.must(201, "PUT", "/api/v1/app/a/destination/poll", `{"uid":"poll","type":"pollingEndpoint"}`)
	if got := r.call("PUT", "/x/v1/app/a/destination/poll/consent", ""); got.status != 422 {
		t.Errorf("a polling one: %d %s", got.status, got.body)
	}
}

func TestNobodyIsAskedByMail(t *testing.T) {
	r := newRig(t)
	r.api.Consents = &asker{r: r}
	r.app("a")
	r.must(201, "POST", "/api/v1/app/a/endpoint", `{"uid":"mail","url":"smtp://mail.example.com:587?from=shop@example.com"}`)
	if got := r.call("PUT", "/x/v1/app/a/endpoint/mail/consent", ""); got.status != 422 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestNewURLNeedsConsent: what a customer leads elsewhere is asked about, also where the
// endpoint is older than the environment's wish.
func TestNewURLNeedsConsent(t *testing.T) {
	r := newRig(t)
	r.api.Consents = &asker{r: r}
	app := r.app("a")
	e, d := r.endpoint(app, ""), r.fifo(app, "")
	r.must(200, "PATCH", settingsPath, `{"requireEndpointConsent":true}`)
	portal := r.as(r.portal(app, `{"capabilities":["ViewBase","ManageEndpoint"]}`))
	portal.must(200, "PATCH", "/api/v1/app/a/endpoint/"+e, `{"description":"the same URL"}`)
	if a := r.must(200, "GET", "/x/v1/app/a/endpoint/"+e+"/consent", ""); a.str("required") != "false" {
		t.Errorf("with its old URL: %s", a.body)
	}
	portal.must(200, "PATCH", "/api/v1/app/a/endpoint/"+e, `{"url":"https://victim.example.com/"}`)
	if a := r.must(200, "GET", "/x/v1/app/a/endpoint/"+e+"/consent", ""); a.str("required") != "true" || a.str("verifiedAt") != "null" {
		t.Errorf("with another URL: %s", a.body)
	}
	portal.must(200, "PATCH", "/api/v1/app/a/destination/"+d, `{"type":"fifoEndpoint","config":{"url":"https://victim.example.com/"}}`)
	if a := r.must(200, "GET", "/api/v1/app/a/destination/"+d, ""); a.str("status") != "paused" {
		t.Errorf("a destination with another URL: %s", a.body)
	}
}
