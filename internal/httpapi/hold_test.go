package httpapi

import (
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestHoldOfEndpointApplicationAndSource(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	r.must(201, "POST", "/ingest/api/v1/source", `{"name":"some","uid":"s","type":"generic-webhook"}`)
	r.must(201, "POST", "/ingest/api/v1/source/s/endpoint", `{"url":"https://example.com/","uid":"e"}`)
	r.must(201, "POST", "/api/v1/app/a/destination", `{"uid":"d","type":"fifoEndpoint","config":{"url":"https://example.com/"}}`)
	for _, c := range []struct{ path, by string }{
		{"/x/v1/app/a/endpoint/" + ep, "endpoint"},
		{"/x/v1/app/a/destination/d", "endpoint"},
		{"/x/v1/app/a", "application"},
		{"/x/v1/source/s/endpoint/e", "endpoint"},
		{"/x/v1/source/s", "source"},
	} {
		if got := r.must(200, "GET", c.path+"/hold", ""); got.str("state") != "open" || got.str("by") != "<nil>" && got.str("by") != "null" && got.str("by") != "" {
			t.Errorf("%s before: %s", c.path, got.body)
		}
		r.must(200, "POST", c.path+"/pause", `{"note":"why"}`)
		first := r.must(200, "POST", c.path+"/pause", "")
		if first.str("state") != "held" || first.str("by") != c.by || first.str("note") != "why" || first.str("reason") != "paused" {
			t.Errorf("%s paused twice: %s", c.path, first.body)
		}
		if got := r.must(200, "POST", c.path+"/pause", `{"note":"because"}`); got.str("since") != first.str("since") || got.str("note") != "because" {
			t.Errorf("%s paused with another note: %s, want the same since", c.path, got.body)
		}
		for body, loc := range map[string]string{
			`{"note":5}`: "body note", `{"note":"` + strings.Repeat("x", 501) + `"}`: "body note", `{"note":"\u0000"}`: "body note",
		} {
			if got := r.call("POST", c.path+"/pause", body); got.status != 422 || got.loc() != loc {
				t.Errorf("%s %.40s: %d %s", c.path, body, got.status, got.body)
			}
		}
		for _, body := range []string{`{"drainRate":0}`, `{"drainRate":-1}`, `{"drainRate":65536}`, `{"drainRate":"fast"}`, `{"drainRate":9223372036854775807}`} {
			if got := r.call("POST", c.path+"/resume", body); got.status != 422 || got.loc() != "body drainRate" {
				t.Errorf("%s %s: %d %s", c.path, body, got.status, got.body)
			}
		}
		if got := r.must(200, "POST", c.path+"/resume", `{"drainRate":7}`); got.str("state") != "open" {
			t.Errorf("%s resumed with nothing waiting: %s", c.path, got.body)
		}
		r.must(200, "POST", c.path+"/resume", "") // again is no error
	}
	for _, path := range []string{"/x/v1/app/nobody", "/x/v1/app/a/endpoint/nobody", "/x/v1/app/a/destination/" + ep, "/x/v1/source/nobody", "/x/v1/source/s/endpoint/" + ep} {
		for _, verb := range []string{"pause", "resume"} {
			if got := r.call("POST", path+"/"+verb, ""); got.status != 404 {
				t.Errorf("%s/%s: %d %s", path, verb, got.status, got.body)
			}
		}
	}
}

func TestHeldEndpointSaysSo(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	r.must(200, "POST", "/x/v1/app/a/pause", `{"note":"a bill is open"}`)
	msg := r.message(app, "")
	if got := r.must(200, "GET", "/x/v1/app/a/endpoint/"+ep+"/hold", ""); got.str("state") != "held" || got.str("by") != "application" || got.str("note") != "a bill is open" || got.str("waiting") != "1" {
		t.Errorf("hold: %s", got.body)
	}
	why := r.must(200, "GET", "/x/v1/why/"+ep, "")
	if !strings.HasPrefix(why.str("verdict"), "On hold, because its application is paused.") || !strings.Contains(string(why.body), "a bill is open") {
		t.Errorf("why: %s", why.body)
	}
	why = r.must(200, "GET", "/x/v1/why/"+msg, "")
	if !strings.Contains(string(why.body), `"state":"held"`) || why.str("reason") != "paused" {
		t.Errorf("why: %s", why.body)
	}
	if got := r.must(200, "GET", "/api/v1/app/a/msg/"+msg+"/endpoint", ""); !strings.Contains(string(got.body), `"status":1`) {
		t.Errorf("the contract's status: %s, want 1, pending", got.body)
	}
	if got := r.must(200, "GET", "/x/v1/queue", ""); !strings.Contains(string(got.body), `"held":1,"now":0`) {
		t.Errorf("queue: %s", got.body)
	}
	audit := r.must(200, "GET", "/x/v1/audit", "")
	if !strings.Contains(string(audit.body), "hold.note") {
		t.Errorf("audit: %s", audit.body)
	}
	// A customer sees it and does not undo it, but pauses its own endpoints.
	portal := r.portal(app, "")
	if got := r.send(request{method: "GET", path: "/x/v1/app/a/hold", token: portal}); got.status != 200 {
		t.Errorf("a customer looks: %d", got.status)
	}
	if got := r.send(request{method: "POST", path: "/x/v1/app/a/resume", token: portal}); got.status != 403 {
		t.Errorf("a customer resumes its application: %d", got.status)
	}
	if got := r.send(request{method: "POST", path: "/x/v1/app/a/endpoint/" + ep + "/pause", token: portal}); got.status != 200 {
		t.Errorf("a customer pauses its endpoint: %d %s", got.status, got.body)
	}
	// With something waiting a pace is kept until it is sent.
	r.must(200, "POST", "/x/v1/app/a/resume", "")
	if got := r.must(200, "POST", "/x/v1/app/a/endpoint/"+ep+"/resume", `{"drainRate":7}`); got.str("state") != "draining" || got.str("drainRate") != "7" || got.str("by") != "endpoint" {
		t.Errorf("resumed: %s", got.body)
	}
	if got := r.must(200, "POST", "/x/v1/app/a/endpoint/"+ep+"/resume", `{"drainRate":9}`); got.str("drainRate") != "9" {
		t.Errorf("another pace: %s", got.body)
	}
	if got := r.must(200, "POST", "/x/v1/app/a/endpoint/"+ep+"/resume", ""); got.str("state") != "open" {
		t.Errorf("without a pace: %s", got.body)
	}
	if len(r.lanes.hurried) == 0 {
		t.Error("a resume did not have the endpoint tried")
	}
}

func TestLatestOfAKeyIsASetting(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + ep + "/latest"
	if got := r.must(200, "GET", path, ""); got.str("enabled") != "false" {
		t.Errorf("before: %s", got.body)
	}
	if got := r.must(200, "PUT", path, `{"windowSeconds":30,"key":"order.id"}`); got.str("key") != "order.id" || got.str("windowSeconds") != "30" || got.str("maxWaitSeconds") != "300" {
		t.Errorf("set: %s", got.body)
	}
	for body, loc := range map[string]string{
		`{"windowSeconds":0}`: "body windowSeconds", `{"windowSeconds":3601}`: "body windowSeconds", `{"windowSeconds":9223372036854775807}`: "body windowSeconds",
		`{"windowSeconds":-9223372036854775808}`: "body windowSeconds", `{"windowSeconds":"5"}`: "body windowSeconds", `{"key":"a"}`: "body windowSeconds",
		`{"windowSeconds":5,"key":"a..b"}`: "body key", `{"windowSeconds":5,"key":"channel"}`: "body key", `{"windowSeconds":5,"key":7}`: "body key",
		`{"windowSeconds":5,"key":"` + strings.Repeat("a", 300) + `"}`: "body key",
	} {
		if got := r.call("PUT", path, body); got.status != 422 || got.loc() != loc {
			t.Errorf("%.60s: %d %s", body, got.status, got.body)
		}
	}
	publish := func(n string) string {
		return r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"user.created","payload":{"order":{"id":1},"n":`+n+`}}`).str("id")
	}
	first, second := publish("1"), publish("2")
	why := r.must(200, "GET", "/x/v1/why/"+first, "")
	if why.str("reason") != hook.ReasonSuperseded.String() {
		t.Errorf("the first: %s", why.body)
	}
	if why = r.must(200, "GET", "/x/v1/why/"+second, ""); !strings.Contains(string(why.body), `"state":"pending"`) {
		t.Errorf("the second: %s", why.body)
	}
	r.must(204, "DELETE", path, "")
	if got := r.must(200, "GET", path, ""); got.str("enabled") != "false" {
		t.Errorf("deleted: %s", got.body)
	}
	r.must(200, "PUT", "/x/v1/app/a/endpoint/"+ep+"/order", `{}`)
	if got := r.call("PUT", path, `{"windowSeconds":5}`); got.status != 409 {
		t.Errorf("with an order: %d %s", got.status, got.body)
	}
}
