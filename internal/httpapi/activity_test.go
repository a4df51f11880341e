package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
)

// rows is the number of rows in a list.
func (a answer) rows() int {
	var list struct{ Data []json.RawMessage }
	if json.Unmarshal(a.body, &list) != nil {
		return -1
	}
	return len(list.Data)
}

// TestActivityShowsAnOwnerWhatIsTheirs: changes of endpoints with safe values only, of the own application only, and
// nothing of who an operator is.
func TestActivityShowsAnOwnerWhatIsTheirs(t *testing.T) {
	r := newRig(t)
	app, other := r.app("a"), r.app("b")
	ep := r.endpoint(app, `,"headers":{"X-Key":"hush-header"}`)
	r.endpoint(other, "")
	token := r.portal("a", `{"capabilities":["ViewBase","ManageEndpoint","ManageEndpointSecret"],"sessionId":"someone"}`)
	base := "/api/v1/app/a/endpoint/" + ep
	r.must(200, "PATCH", base, `{"description":"mine","url":"https://example.com/new?key=hush-query"}`)
	if a := r.send(request{method: "POST", path: base + "/secret/rotate", token: token, body: `{}`}); a.status != 204 {
		t.Fatalf("rotate: %d %s", a.status, a.body)
	}
	if a := r.send(request{method: "PATCH", path: base, token: token, body: `{"disabled":true}`}); a.status != 200 {
		t.Fatalf("disable: %d %s", a.status, a.body)
	}
	r.must(204, "PUT", "/api/v1/app/a/endpoint/"+ep+"/headers", `{"headers":{"X-Key":"hush-other"}}`)
	gone := r.endpoint(app, "")
	r.must(204, "DELETE", "/api/v1/app/a/endpoint/"+gone, "")

	see := func(query string) answer {
		t.Helper()
		a := r.send(request{method: "GET", path: "/x/v1/app/a/activity" + query, token: token})
		if a.status != 200 {
			t.Fatalf("%s: %d %s", query, a.status, a.body)
		}
		return a
	}
	all := see("")
	for i, want := range []struct{ action, by, field string }{
		{"deleted", "operator", ""},
		{"created", "operator", ""},
		{"updated", "operator", `[{"after":null,"before":null,"field":"headers"}]`},
		{"updated", "portal", `[{"after":true,"before":null,"field":"disabled"}]`},
		{"updated", "portal", `[{"after":null,"before":null,"field":"secret"}]`},
		{"updated", "operator", `{"after":"mine","before":null,"field":"description"},{"after":"https://example.com/new?...","before":"https://`},
		{"created", "operator", ""},
	} {
		row := "data." + string(rune('0'+i)) + "."
		if all.str(row+"action") != want.action || all.str(row+"by") != want.by || !strings.Contains(all.str(row+"changed"), want.field) {
			t.Errorf("entry %d: %s %s %s, want %v", i, all.str(row+"action"), all.str(row+"by"), all.str(row+"changed"), want)
		}
	}
	if n := all.rows(); n != 7 {
		t.Errorf("%d entries: %s", n, all.body)
	}
	for _, hidden := range []string{"hush", "someone", "address", "requestId", "key_"} {
		if strings.Contains(string(all.body), hidden) {
			t.Errorf("shows %q: %s", hidden, all.body)
		}
	}
	if of := see("?endpoint_id=" + gone); of.rows() != 2 || of.str("data.0.endpointId") != gone {
		t.Errorf("of one endpoint: %s", of.body)
	}
	first := see("?limit=3")
	if rest := see("?limit=250&iterator=" + first.str("iterator")); first.rows() != 3 || rest.rows() != 4 {
		t.Errorf("pages: %s %s", first.body, rest.body)
	}
	for query, status := range map[string]int{"?endpoint_id=ep_x": 422, "?limit=0": 422, "?iterator=audit_x": 422} {
		if a := r.send(request{method: "GET", path: "/x/v1/app/a/activity" + query, token: token}); a.status != status {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

// TestPortalSendsExamples of what it sees, to its own endpoints.
func TestPortalSendsExamples(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"open","description":"d","schemas":{"1":{"examples":[{"a":1}]}}}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"beta","description":"d","featureFlags":["beta"],"schemas":{"1":{"examples":[{"a":1}]}}}`)
	path := "/api/v1/app/a/endpoint/" + r.endpoint(app, "") + "/send-example"
	for _, c := range []struct {
		grant, event string
		status       int
	}{
		{`{}`, "open", 202},
		{`{}`, "svix.ping", 202},
		{`{}`, "beta", 404},
		{`{"featureFlags":["beta"]}`, "beta", 202},
		{`{"capabilities":["ViewBase","ManageEndpoint"]}`, "open", 403},
		{`{"readOnly":true}`, "open", 403},
	} {
		a := r.send(request{method: "POST", path: path, token: r.portal("a", c.grant), body: `{"eventType":"` + c.event + `"}`})
		if a.status != c.status {
			t.Errorf("%s with %s: %d %s", c.event, c.grant, a.status, a.body)
		}
	}
	unknown := r.send(request{method: "POST", path: path, token: r.portal("a", `{}`), body: `{"eventType":"none.such"}`})
	hidden := r.send(request{method: "POST", path: path, token: r.portal("a", `{}`), body: `{"eventType":"beta"}`})
	if string(unknown.body) != string(hidden.body) {
		t.Errorf("hidden %s, unknown %s", hidden.body, unknown.body)
	}
}

// TestPortalTriesWithPayloadAndTypeAlone: what else a message may carry is the operator's.
func TestPortalTriesWithPayloadAndTypeAlone(t *testing.T) {
	r := newRig(t)
	path := "/api/v1/app/a/endpoint/" + r.endpoint(r.app("a"), "") + "/msg/test-attempt"
	token := r.portal("a", `{}`)
	for name, value := range map[string]string{
		"eventId": `"e"`, "tags": `["t"]`, "channels": `["c"]`, "application": `{"name":"n","uid":"a"}`, "payloadRetentionPeriod": "1", "payloadRetentionHours": "1",
		"expiresAt": `"2100-01-01T00:00:00Z"`, "deliverAt": `"2100-01-01T00:00:00Z"`, "transformationsParams": `{}`,
	} {
		a := r.send(request{method: "POST", path: path, token: token, body: `{"eventType":"t","payload":{},"` + name + `":` + value + `}`})
		if a.status != 422 || a.loc() != "body "+name {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.send(request{method: "POST", path: path, token: r.portal("a", `{"capabilities":["ViewBase"]}`), body: `{"eventType":"t","payload":{}}`}); a.status != 403 {
		t.Errorf("without the capability: %d %s", a.status, a.body)
	}
}
