package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/connector"
	"github.com/hookloft/hookloft/internal/hook"
)

const someCode = `function handler(webhook) { return webhook }`

func TestConnectorsOfAnEnvironment(t *testing.T) {
	r := newRig(t)
	a := r.must(201, "POST", "/api/v1/connector", `{"name":"One","uid":"one","transformation":"`+someCode+`"}`)
	id := a.str("id")
	if a.str("kind") != "Custom" || a.str("productType") != "Dispatch" || !strings.HasPrefix(id, "trtmpl_") || a.str("transformationUpdatedAt") != a.str("createdAt") {
		t.Errorf("created: %s", a.body)
	}
	if a := r.call("POST", "/api/v1/connector", `{"name":"Two","uid":"one","transformation":"`+someCode+`"}`); a.status != 409 {
		t.Errorf("the same uid again: %d %s", a.status, a.body)
	}
	if a := r.must(201, "PUT", "/api/v1/connector/two", `{"transformation":"`+someCode+`"}`); a.str("uid") != "two" || a.str("name") != "two" {
		t.Errorf("upserted: %s", a.body)
	}
	if a := r.must(200, "PUT", "/api/v1/connector/two", `{"name":"Second","transformation":"`+someCode+` "}`); a.str("name") != "Second" {
		t.Errorf("replaced: %s", a.body)
	}
	if a := r.must(200, "PATCH", "/api/v1/connector/two", `{"description":"d","logo":null}`); a.str("description") != "d" || a.str("name") != "Second" {
		t.Errorf("patched: %s", a.body)
	}
	r.must(404, "PUT", "/api/v1/connector/trtmpl_2abcdefghijklmnopqrstuvwxyz", `{"transformation":"`+someCode+`"}`)
	r.must(204, "GET", "/api/v1/connector/one/options", "")
	options := `{"kind":"Custom","options":{"authenticationMethod":"HttpBasic","defaultUrl":"https://example.com/"}}`
	if a := r.must(200, "PUT", "/api/v1/connector/one/options", options); string(a.body) != options {
		t.Errorf("options: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/connector/"+id+"/options", ""); string(a.body) != options {
		t.Errorf("options: %s", a.body)
	}
	// Of another kind they have no meaning, so they go with it.
	r.must(200, "PATCH", "/api/v1/connector/one", `{"kind":"Slack"}`)
	r.must(204, "GET", "/api/v1/connector/one/options", "")
	for _, c := range []struct{ method, path, body, loc string }{
		{"POST", "", `{"name":"n","transformation":"x"}`, "body transformation"},
		{"POST", "", `{"name":"n","transformation":"` + someCode + `","kind":"slack"}`, "body kind"},
		{"POST", "", `{"name":"n","transformation":"` + someCode + `","productType":"x"}`, "body productType"},
		{"POST", "", `{"name":"n","transformation":"` + someCode + `","uid":""}`, "body uid"},
		{"POST", "", `{"name":"n","transformation":"` + someCode + `","allowedEventTypes":[]}`, "body allowedEventTypes"},
		{"POST", "", `{"name":"n","transformation":"function handler(w) { return }}"}`, "body transformation"},
		{"POST", "", `{"name":"n","transformation":"var x = 5; // no handler"}`, "body transformation"},
		{"PATCH", "/one", `{"transformation":"function handler( {"}`, "body transformation"},
		{"PUT", "/three", `{"transformation":"function handler( {"}`, "body transformation"},
		{"PATCH", "/one", `{"name":null}`, "body name"},
		{"PUT", "/two", `{"transformation":5}`, "body transformation"},
		{"PUT", "/one/options", `{"kind":"Custom"}`, "body kind"},
		{"PUT", "/two/options", `{"kind":"Custom"}`, "body options"},
		{"PUT", "/two/options", `{"kind":"Custom","options":{"authenticationMethod":"Digest"}}`, "body options authenticationMethod"},
	} {
		if a := r.call(c.method, "/api/v1/connector"+c.path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s %s %s: %d at %q %s", c.method, c.path, c.body, a.status, a.loc(), a.body)
		}
	}
	if a := r.must(200, "GET", "/api/v1/connector?limit=1", ""); a.str("data.0.uid") != "one" || a.str("done") != "false" {
		t.Errorf("list: %s", a.body)
	}
	r.must(400, "GET", "/api/v1/connector?product_type=x", "")
	r.must(204, "DELETE", "/api/v1/connector/one", "")
	r.must(404, "GET", "/api/v1/connector/"+id, "")
	for _, t := range connector.All() {
		in, err := json.Marshal(map[string]any{"code": t.Code(), "eventType": t.EventType, "payload": json.RawMessage(t.Payload), "variables": map[string]string{"routingKey": "k"}})
		if err != nil {
			r.t.Fatal(err)
		}
		if a := r.must(200, "POST", "/api/v1/connector/simulate", string(in)); a.str("payload") == "" || !strings.HasPrefix(a.str("url"), "https://example.com/") {
			r.t.Errorf("%s: %s", t.Name, a.body)
		}
	}
	if a := r.call("POST", "/api/v1/connector/simulate", `{"code":"function handler(w) { throw 5 }","eventType":"a","payload":{}}`); a.status != 422 || a.str("code") != "transformation_failed" {
		r.t.Errorf("a script that fails: %d %s", a.status, a.body)
	}
}

func TestEndpointRunsAConnector(t *testing.T) {
	r := newRig(t)
	var log bytes.Buffer
	r.logTo(&log)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + ep + "/connector"
	use := func() *hook.ConnectorUse {
		e, err := r.store.Endpoint(context.Background(), mustApp(r, app), ep)
		if err != nil {
			t.Fatal(err)
		}
		return e.Connector
	}
	r.must(404, "GET", path, "")
	r.must(204, "GET", "/api/v1/app/a/endpoint/"+ep+"/connector", "")
	const shown = `{"connectorId":null,"name":"pagerduty","variables":{"summary":"s"},"withheld":["routingKey"],"isOverridden":false}`
	if a := r.must(200, "PUT", path, `{"name":"pagerduty","variables":{"routingKey":"canary-key","summary":"s"}}`); string(a.body) != shown {
		t.Errorf("set: %s", a.body)
	}
	r.restart()
	r.logTo(&log)
	// What was read can be written back.
	if a := r.must(200, "PUT", path, strings.Replace(shown, `"s"`, `"t"`, 1)); a.str("variables.summary") != "t" || use().Variables["routingKey"] != "canary-key" {
		t.Errorf("written back: %s, %v", a.body, use().Variables["routingKey"] == "canary-key")
	}
	if a := r.must(200, "PUT", path, `{"name":"pagerduty"}`); a.str("variables.summary") != "t" {
		t.Errorf("without variables: %s", a.body)
	}
	for _, c := range []struct{ body, loc string }{
		{`{}`, "body connectorId"},
		{`{"name":"slack","connectorId":"one"}`, "body connectorId"},
		{`{"name":"fax"}`, "body name"},
		{`{"name":"email"}`, "body name"},
		{`{"connectorId":"nowhere"}`, "body connectorId"},
		{`{"connectorId":"a b"}`, "body connectorId"},
		{`{"name":"pagerduty","variables":{}}`, "body variables routingKey"},
		{`{"name":"slack","variables":{"txet":"x"}}`, "body variables txet"},
		{`{"name":"slack","variables":{"text":5}}`, "body variables text"},
		{`{"name":"slack","withheld":["text"]}`, "body withheld [0]"},
		{`{"name":"slack","variables":{"text":"` + strings.Repeat("x", hook.MaxVariableBytes+1) + `"}}`, "body variables text"},
	} {
		if a := r.call("PUT", path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%.60s: %d at %q %.200s", c.body, a.status, a.loc(), a.body)
		}
	}

	one := r.must(201, "POST", "/api/v1/connector", `{"name":"One","uid":"one","transformation":"`+someCode+`","allowedEventTypes":["a.b"]}`).str("id")
	if a := r.call("PUT", path, `{"connectorId":"one"}`); a.status != 422 || a.loc() != "body connectorId" {
		t.Errorf("an endpoint for all types: %d %s", a.status, a.body)
	}
	r.must(200, "PATCH", "/api/v1/connector/one", `{"allowedEventTypes":null}`)
	if a := r.must(200, "PUT", path, `{"connectorId":"one","variables":{"x":"canary-key"}}`); a.str("connectorId") != one || a.str("withheld") != `["x"]` {
		t.Errorf("one of the environment: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/connector", ""); a.str("id") != one {
		t.Errorf("the contract's: %s", a.body)
	}
	if a := r.call("DELETE", "/api/v1/connector/one", ""); a.status != 409 || a.str("code") != "connector_in_use" {
		t.Errorf("deleted in use: %d %s", a.status, a.body)
	}
	r.must(204, "DELETE", path, "")
	r.must(204, "DELETE", path, "")
	r.must(204, "DELETE", "/api/v1/connector/one", "")
	if a := r.must(200, "GET", "/x/v1/audit?limit=250", ""); strings.Contains(string(a.body), "canary-key") || !strings.Contains(string(a.body), "pagerduty") {
		t.Errorf("audit: %s", a.body)
	}
	if strings.Contains(log.String(), "canary-key") {
		t.Error("a variable stands in the log")
	}
}

func TestEndpointWithTheURLOfAMailServer(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	const url = "smtp://smtp.example.com?from=shop@example.com&to=a@example.org"
	a := r.must(201, "POST", "/api/v1/app/a/endpoint", `{"url":"smtp://SMTP.example.com:587?to=a@example.org&from=shop@example.com","uid":"mail"}`)
	if a.str("url") != url {
		t.Errorf("created: %s", a.body)
	}
	path := "/x/v1/app/a/endpoint/mail/connector"
	if a := r.must(200, "GET", path, ""); a.str("name") != connector.Email {
		t.Errorf("connector: %s", a.body)
	}
	if a := r.must(200, "PUT", path, `{"name":"email","variables":{"username":"u","password":"hush","subject":"s"}}`); a.str("withheld") != `["password"]` {
		t.Errorf("connector: %s", a.body)
	}
	e, err := r.store.Endpoint(context.Background(), mustApp(r, app), "mail")
	if err != nil || !e.IsMail() {
		t.Fatal(e, err)
	}
	// Without its connector nothing could be sent, so it comes back.
	r.must(204, "DELETE", path, "")
	if a := r.must(200, "GET", path, ""); a.str("name") != connector.Email || a.str("withheld") != `[]` {
		t.Errorf("after removal: %s", a.body)
	}
	r.must(200, "PATCH", "/api/v1/app/a/endpoint/mail", `{"url":"https://example.com/"}`)
	r.must(404, "GET", path, "")
	r.must(200, "PUT", "/api/v1/app/a/endpoint/mail", `{"url":"`+url+`","uid":"mail"}`)
	r.must(200, "GET", path, "")
	for _, bad := range []string{"smtp://10.0.0.1?from=a@b.example", "smtp://u:p@smtp.example.com?from=a@b.example", "smtp://smtp.example.com", "smtps://smtp.example.com:25?from=a@b.example", "ftp://x"} {
		for _, method := range []string{"POST", "PATCH"} {
			target := "/api/v1/app/a/endpoint"
			if method == "PATCH" {
				target += "/mail"
			}
			if a := r.call(method, target, fmt.Sprintf(`{"url":%q}`, bad)); a.status != 422 || a.loc() != "body url" {
				t.Errorf("%s %s: %d %s", method, bad, a.status, a.body)
			}
		}
	}
}

func TestReadyConnectorsAreListed(t *testing.T) {
	r := newRig(t)
	list := r.must(200, "GET", "/x/v1/connector-template", "")
	for _, one := range connector.All() {
		a := r.must(200, "GET", "/x/v1/connector-template/"+one.Name, "")
		if !strings.Contains(a.str("transformation"), "function handler(") || !strings.Contains(string(list.body), `"`+one.Name+`"`) {
			t.Errorf("%s: %s", one.Name, a.body)
		}
	}
	r.must(404, "GET", "/x/v1/connector-template/fax", "")
}
