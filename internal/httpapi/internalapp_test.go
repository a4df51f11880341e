package httpapi

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// receive stores a webhook at a source as the door for webhooks does, and returns the
// ids of its application and message.
func (r *rig) receive(source string, m hook.Message) (app, msg string) {
	r.t.Helper()
	ctx := context.Background()
	src, err := r.store.Source(ctx, r.env.ID, source)
	if err != nil {
		r.t.Fatal(err)
	}
	plan, err := r.store.PlanOf(ctx, src.ID.Application())
	if err != nil {
		r.t.Fatal(err)
	}
	m.Environment, m.Application, m.EventType = r.env.ID, src.ID.Application(), "push"
	if m.ContentExpiresAt.IsZero() {
		m.ContentExpiresAt = time.Now().Add(time.Hour)
	}
	done, err := r.store.AppendAll(ctx, []*store.Publication{{Message: &m, Deliveries: fanout.Plan(plan, &m), PlanVersion: plan.Version}})
	if err != nil {
		r.t.Fatal(err)
	}
	codec := r.store.Codec()
	return codec.Application(r.env.ID, m.Application), codec.Message(m.Application, done[0].ID)
}

// TestInternalApplication: what may and may not be done with the application of a source.
func TestInternalApplication(t *testing.T) {
	r := newRig(t)
	id := r.source("s", "github", `{}`)
	ordinary := r.app("a")
	app := r.must(200, "GET", "/x/v1/source/s/settings", "").str("applicationId")
	if a := r.must(200, "GET", "/api/v1/app", ""); a.str("data.0.id") != ordinary || a.str("data.1") != "null" && a.str("data.1") != "" {
		t.Errorf("the list shows it: %s", a.body)
	}
	if got := r.must(200, "GET", "/api/v1/app/"+app, "").str("name"); got != "n1" {
		t.Errorf("its name is %q, want the source's", got)
	}
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/api/v1/app/" + app, `{"name":"x"}`},
		{"PATCH", "/api/v1/app/" + app, `{"name":"x"}`},
		{"DELETE", "/api/v1/app/" + app, ``},
		{"POST", "/api/v1/app/" + app + "/msg", `{"eventType":"t","payload":{}}`},
	} {
		a := r.call(c.method, c.path, c.body)
		if a.status != 409 || a.str("code") != "conflict" || !strings.Contains(a.str("detail"), id) {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	if a := r.must(200, "GET", "/api/v1/app/"+app+"/msg", ""); a.str("data") != "[]" {
		t.Errorf("messages: %s", a.body)
	}
	portal := r.must(200, "POST", sourcesPath+"/s/dashboard", `{"readOnly":true}`)
	look := func(method, path, body string) answer {
		return r.send(request{method: method, path: path, token: portal.str("token"), body: body})
	}
	if a := look("GET", "/api/v1/app/"+app+"/endpoint", ""); a.status != 200 {
		t.Errorf("the portal's list: %d %s", a.status, a.body)
	}
	if a := look("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"https://example.com/"}`); a.status != 403 {
		t.Errorf("a read-only portal creates: %d %s", a.status, a.body)
	}
	if a := look("GET", "/api/v1/app/"+ordinary+"/endpoint", ""); a.status != 404 {
		t.Errorf("another application in the portal: %d %s", a.status, a.body)
	}
	full := r.must(200, "POST", sourcesPath+"/s/dashboard", `{"expiry":3600}`).str("token")
	if a := r.send(request{method: "POST", path: "/api/v1/app/" + app + "/endpoint", token: full, body: `{"url":"https://example.com/"}`}); a.status != 201 {
		t.Errorf("a full portal creates: %d %s", a.status, a.body)
	}
	if !strings.HasPrefix(portal.str("url"), "http://localhost:8071/app-portal#key=") {
		t.Errorf("URL %s", portal.str("url"))
	}
	r.must(422, "POST", sourcesPath+"/s/dashboard", `{"expiry":1}`)
	r.must(404, "POST", sourcesPath+"/none/dashboard", `{}`)
}

// TestReceivedMessages: a received webhook is looked at and sent again like a message.
func TestReceivedMessages(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{"secret":"x"}`)
	e := r.must(201, "POST", sourcesPath+"/s/endpoint", `{"url":"https://example.com/"}`).str("id")
	in := &hook.Inbound{
		Provider: "gitlab", Method: "PUT", Path: "/orders/7", Query: "a=1&b=2", Type: "Push Hook", DeliveryID: "d-1", Stale: true,
		Header: []string{"X-Event", "push", "X-Event", "again", "X-Gitlab-Token", "hunter2", "Authorization", "Bearer hunter2"},
	}
	for _, c := range []struct{ why, body, payload string }{
		{"a JSON object, byte for byte", "{\"b\": 1.10,\n \"a\":[]}", "{\"b\": 1.10,\n \"a\":[]}"},
		{"a list", `[1,2]`, `{"rawPayload":"[1,2]"}`},
		{"text", "a=1&b=\"2\"\n", `{"rawPayload":"a=1&b=\"2\"\n"}`},
		{"nothing", "", `{"rawPayload":""}`},
		{"broken JSON", `{"a":`, `{"rawPayload":"{\"a\":"}`},
		{"an object and more", `{} {}`, `{"rawPayload":"{} {}"}`},
		{"NUL", "\x00", `{"rawPayload":"\u0000"}`},
		{"no UTF-8", "\xff\xfe", `{"rawPayloadBase64":"//4="}`},
		{"an object that is no UTF-8", "{\"a\":\"\xff\"}", `{"rawPayloadBase64":"eyJhIjoi/yJ9"}`},
	} {
		app, msg := r.receive("s", hook.Message{RawBody: []byte(c.body), ContentType: "text/x", Inbound: in})
		path := "/api/v1/app/" + app + "/msg/" + msg
		a := r.must(200, "GET", path, "")
		if !strings.Contains(string(a.body), `"payload":`+c.payload+`,"channels"`) {
			t.Errorf("%s: %s, want %s", c.why, a.body, c.payload)
		}
		if strings.Contains(string(a.body), "hunter2") {
			t.Errorf("%s: a secret is shown: %s", c.why, a.body)
		}
		for field, want := range map[string]string{
			"provider": "gitlab", "method": "PUT", "path": "/orders/7", "query": "a=1&b=2", "type": "Push Hook", "deliveryId": "d-1",
			"stale": "true", "contentType": "text/x", "headers.X-Event": `["push","again"]`, "headers.X-Gitlab-Token": `["[withheld]"]`,
		} {
			if got := a.str("inbound." + field); got != want {
				t.Errorf("%s: inbound.%s = %s, want %s", c.why, field, got, want)
			}
		}
		if a := r.must(200, "GET", path+"?with_content=false", ""); a.str("payload") != "{}" || a.str("inbound") != "null" {
			t.Errorf("%s without content: %s", c.why, a.body)
		}
	}
	app, msg := r.receive("s", hook.Message{RawBody: []byte("x"), Inbound: &hook.Inbound{Provider: "github"}})
	base := "/api/v1/app/" + app
	if a := r.must(200, "GET", base+"/msg/"+msg, ""); a.str("inbound.method") != "POST" || a.str("inbound.deliveryId") != "null" {
		t.Errorf("defaults: %s", a.body)
	}
	r.attempt(app, e, msg, fail(500))
	if a := r.must(200, "GET", base+"/attempt/endpoint/"+e+"?with_msg=true", ""); a.str("data.0.msg.payload.rawPayload") != "x" {
		t.Errorf("attempts: %s", a.body)
	}
	if a := r.must(200, "GET", base+"/endpoint/"+e+"/msg", ""); a.str("data.0.inbound.provider") != "github" {
		t.Errorf("attempted messages: %s", a.body)
	}
	if a := r.must(200, "GET", base+"/msg", ""); a.str("data.0.id") != msg || a.str("data.9.inbound.provider") != "gitlab" {
		t.Errorf("messages: %s", a.body)
	}
	r.must(202, "POST", fmt.Sprintf("%s/msg/%s/endpoint/%s/resend", base, msg, e), "")
	r.must(202, "POST", base+"/endpoint/"+e+"/recover", `{"since":"`+hourAgo()+`"}`)
	r.must(204, "DELETE", base+"/msg/"+msg+"/content", "")
	if a := r.must(200, "GET", base+"/msg/"+msg, ""); a.str("payload") != `{"expired":true}` || a.str("inbound") != "null" {
		t.Errorf("expunged: %s", a.body)
	}
}
