//go:build unix

package contract

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// An operationCall calls one operation of the contract in a way that succeeds. In path and
// body, {name} stands for what an earlier call saved under that name.
type operationCall struct {
	op     string // METHOD /path of the contract's document
	status int
	query  string
	body   string
	save   string // "name=path.in.answer", several with blanks between; "" saves nothing
	retry  bool   // until it answers so: what it reads appears a moment later
}

// operationCalls are in an order in which each finds what it needs. Operations that this
// version does not serve yet answer 501 and are passed over.
var operationCalls = []operationCall{
	{op: "GET /api/v1/health", status: 204},
	{op: "GET /api/v1/auth/whoami", status: 200, save: "env_id=envId"},
	{op: "GET /api/v1/environment/settings", status: 200},
	{op: "GET /api/v1/management/environment-settings", status: 200},
	{op: "PUT /api/v1/management/environment-settings", status: 200, body: `{"displayName":"Acme","retryPolicy":[]}`},
	{op: "PATCH /api/v1/management/environment-settings", status: 200, body: `{"customColor":"#00ff00"}`},

	{op: "POST /api/v1/event-type", status: 201, body: `{"name":"user.created","description":"d","schemas":{"1":{"type":"object","examples":[{"a":1}]}}}`},
	{op: "PUT /api/v1/event-type/{event_type_name}", status: 200, body: `{"description":"d","schemas":{"1":{"type":"object","examples":[{"a":1}]}}}`},
	{op: "PATCH /api/v1/event-type/{event_type_name}", status: 200, body: `{"groupName":"g","featureFlags":["f"]}`},
	{op: "GET /api/v1/event-type/{event_type_name}", status: 200},
	{op: "GET /api/v1/event-type", status: 200, query: "?with_content=true"},
	{op: "PUT /api/v1/event-type/{event_type_name}/retry-schedule", status: 200, body: `{"retrySchedule":[{"secs":5,"nanos":0}]}`},
	{op: "GET /api/v1/event-type/{event_type_name}/retry-schedule", status: 200},
	{op: "POST /api/v1/event-type/import/openapi", status: 200, body: `{"spec":{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{},"webhooks":{"pet.new":{"post":{"operationId":"pet.new","description":"d","requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}},"responses":{"200":{"description":"ok"}}}}}}}`},
	{op: "POST /api/v1/event-type/export/openapi", status: 202},
	{op: "POST /api/v1/environment/export", status: 200, save: "export="},
	{op: "POST /api/v1/environment/import", status: 204, body: `{export}`},

	{op: "POST /api/v1/app", status: 201, body: `{"name":"Acme","uid":"acme","metadata":{"k":"v"}}`, save: "app_id=id"},
	{op: "PUT /api/v1/app/{app_id}", status: 200, body: `{"name":"Acme","uid":"acme"}`},
	{op: "PATCH /api/v1/app/{app_id}", status: 200, body: `{"throttleRate":1000}`},
	{op: "GET /api/v1/app/{app_id}", status: 200},
	{op: "GET /api/v1/app", status: 200},
	{op: "POST /api/v1/app/{app_id}/endpoint", status: 201, body: `{"url":"{url}","uid":"e","eventTypes":["user.created"],"throttleRate":100}`, save: "endpoint_id=id"},
	{op: "PUT /api/v1/app/{app_id}/endpoint/{endpoint_id}", status: 200, body: `{"url":"{url}","uid":"e"}`},
	{op: "PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id}", status: 200, body: `{"description":"d","channels":null}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}", status: 200},
	{op: "GET /api/v1/app/{app_id}/endpoint", status: 200},
	{op: "PUT /api/v1/app/{app_id}/endpoint/{endpoint_id}/headers", status: 204, body: `{"headers":{"X-A":"b"}}`},
	{op: "PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation", status: 204, body: `{"code":"function handler(webhook) { return webhook }","enabled":true,"variables":{"a":"b"}}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation", status: 200},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation/simulate", status: 200, body: `{"code":"function handler(webhook) { return webhook }","eventType":"user.created","payload":{"a":1}}`},
	{op: "PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id}/headers", status: 204, body: `{"headers":{"X-B":"c"}}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/headers", status: 200},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate", status: 204, body: `{}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret", status: 200},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/rate-limit-status", status: 200},
	// Nobody listens there, so that something waits; it moves to where somebody does.
	{op: "POST /api/v1/app/{app_id}/destination", status: 201, body: `{"type":"fifoEndpoint","uid":"d","eventTypes":["user.created"],"config":{"url":"http://127.0.0.1:65535/"}}`, save: "destination_id=id"},

	{op: "PUT /api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth", status: 204, body: `{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"s","tokenUrl":"{url}","scopes":["a"],"extraParams":{"audience":"b"}}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth", status: 200},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth-config", status: 200},
	{op: "DELETE /api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth", status: 204},
	{op: "PUT /api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls", status: 204, body: `{"identity":{identity}}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls", status: 200},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls-config", status: 200},
	{op: "DELETE /api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls", status: 204},
	{op: "PUT /api/v1/app/{app_id}/endpoint/{endpoint_id}/ca", status: 204, body: `{"cert":{ca}}`},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/ca", status: 200},

	{op: "POST /api/v1/app/{app_id}/msg/precheck/active", status: 200, body: `{"eventType":"user.created"}`},
	{op: "POST /api/v1/app/{app_id}/msg", status: 202, body: `{"eventType":"user.created","payload":{"a":1},"tags":["t"],"channels":["c"]}`, save: "msg_id=id"},
	{op: "GET /api/v1/app/{app_id}/attempt/msg/{msg_id}", status: 200, save: "attempt_id=data.0.id", retry: true},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/attempt", status: 200, save: "sinkatmpt=data.0.id", retry: true},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/attempt/{attempt_id}", status: 200},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}", status: 200},
	{op: "GET /api/v1/app/{app_id}/destination", status: 200},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/next-event", status: 200},
	{op: "PATCH /api/v1/app/{app_id}/destination/{destination_id}", status: 200, body: `{"type":"fifoEndpoint","config":{"url":"{url}"}}`},
	{op: "PATCH /api/v1/app/{app_id}/destination/{destination_id}/transformation", status: 200, body: `{"code":"function handler(input) { return {requestBody: JSON.stringify(input.events)} }"}`},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/transformation", status: 200},
	{op: "POST /api/v1/app/{app_id}/destination/{destination_id}/force-retry", status: 204},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/last-acked-event", status: 200, save: "acked=timestamp", retry: true},
	{op: "POST /api/v1/app/{app_id}/destination/{destination_id}/skip", status: 204, body: `{}`},
	{op: "PATCH /api/v1/app/{app_id}/destination/{destination_id}/headers", status: 200, body: `{"headers":{"X-B":"c"}}`},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/headers", status: 200},
	{op: "POST /api/v1/app/{app_id}/destination/{destination_id}/secret/rotate", status: 200, body: `{}`},
	{op: "GET /api/v1/app/{app_id}/destination/{destination_id}/secret", status: 200},
	{op: "PUT /api/v1/app/{app_id}/destination/{destination_id}", status: 200, body: `{"type":"fifoEndpoint","uid":"d","config":{"url":"{url}"}}`},
	{op: "GET /api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}", status: 200, query: "?with_msg=true&expanded_statuses=true"},
	{op: "GET /api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}/count", status: 200},
	{op: "GET /api/v1/app/{app_id}/msg/{msg_id}", status: 200},
	{op: "GET /api/v1/app/{app_id}/msg/{msg_id}/raw", status: 200},
	{op: "GET /api/v1/app/{app_id}/msg", status: 200},
	{op: "POST /api/v1/app/{app_id}/msg/search", status: 200, body: `{"event_types":["user.created"]}`},
	{op: "GET /api/v1/app/{app_id}/events", status: 200},
	{op: "GET /api/v1/events", status: 200},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/msg", status: 200},
	{op: "GET /api/v1/app/{app_id}/msg/{msg_id}/endpoint", status: 200},
	{op: "GET /api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}", status: 200},
	{op: "GET /api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers", status: 200},
	{op: "POST /api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend", status: 202},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/stats", status: 200},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example", status: 202, body: `{"eventType":"user.created"}`},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/msg/test-attempt", status: 201, body: `{"eventType":"user.created","payload":{}}`},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/recover", status: 202, body: `{"since":"{since}"}`, save: "task_id=id"},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing", status: 202, body: `{"since":"{since}"}`},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/bulk-replay", status: 202, body: `{"since":"{since}","tag":"t"}`},
	{op: "POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/cancel-msgs", status: 204, body: `{"createdBefore":"{now}"}`},
	{op: "GET /api/v1/background-task/{task_id}", status: 200},
	{op: "GET /api/v1/background-task", status: 200},
	{op: "POST /api/v1/msg/broadcast", status: 202, body: `{"eventType":"user.created","payload":{}}`},

	{op: "GET /api/v1/app/stats/count-active", status: 200},
	{op: "GET /api/v1/app/{app_id}/stats/attempts", status: 200, query: "?since={since}&until={now}"},
	{op: "GET /api/v1/stats/app/{app_id}/attempt", status: 200, query: "?period=OneHour"},
	{op: "GET /api/v1/stats/endpoint/count", status: 200},
	{op: "POST /api/v1/stats/usage/app", status: 202, body: `{"since":"{since}","until":"{now}"}`},
	{op: "PUT /api/v1/stats/usage/event-types", status: 202},

	{op: "DELETE /api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content", status: 204},
	{op: "DELETE /api/v1/app/{app_id}/msg/{msg_id}/content", status: 204},
	{op: "POST /api/v1/app/{app_id}/msg/bulk-expunge", status: 200, body: `{"ids":["{msg_id}"]}`},
	{op: "POST /api/v1/app/{app_id}/msg/expunge-all-contents", status: 202},

	{op: "POST /api/v1/auth/app-portal-access/{app_id}", status: 200, body: `{"expiry":3600}`},
	{op: "POST /api/v1/auth/dashboard-access/{app_id}", status: 200},
	{op: "POST /api/v1/auth/app/{app_id}/create-message-token", status: 200, body: `{"name":"n"}`},
	{op: "POST /api/v1/auth/one-time-token", status: 200, body: `{"oneTimeToken":"{once}"}`},
	{op: "POST /api/v1/auth/app/{app_id}/expire-all", status: 204, body: `{}`},
	{op: "POST /api/v1/app/{app_id}/integration", status: 201, body: `{"name":"n"}`, save: "integ_id=id"},
	{op: "PUT /api/v1/app/{app_id}/integration/{integ_id}", status: 200, body: `{"name":"m"}`},
	{op: "GET /api/v1/app/{app_id}/integration/{integ_id}", status: 200},
	{op: "GET /api/v1/app/{app_id}/integration", status: 200},
	{op: "POST /api/v1/app/{app_id}/integration/{integ_id}/key/rotate", status: 200},
	{op: "DELETE /api/v1/app/{app_id}/integration/{integ_id}", status: 204},
	{op: "POST /api/v1/management/authentication/{env_id}/api-token", status: 200, body: `{"name":"n"}`, save: "key_id=id"},
	{op: "PUT /api/v1/management/authentication/{env_id}/api-token/{key_id}", status: 200, body: `{"name":"m"}`},
	{op: "PATCH /api/v1/management/authentication/{env_id}/api-token/{key_id}", status: 200, body: `{"scopes":["app:read"]}`},
	{op: "GET /api/v1/management/authentication/{env_id}/api-token/{key_id}", status: 200},
	{op: "GET /api/v1/management/authentication/{env_id}/api-token", status: 200},
	{op: "POST /api/v1/management/authentication/{env_id}/api-token/{key_id}/expire", status: 204, body: `{}`},

	{op: "POST /api/v1/operational-webhook/endpoint", status: 201, body: `{"url":"{url}","uid":"ow"}`, save: "ow=id"},
	{op: "PUT /api/v1/operational-webhook/endpoint/{endpoint_id}", status: 200, body: `{"url":"{url}","uid":"ow"}`},
	{op: "GET /api/v1/operational-webhook/endpoint/{endpoint_id}", status: 200},
	{op: "GET /api/v1/operational-webhook/endpoint", status: 200},
	{op: "PUT /api/v1/operational-webhook/endpoint/{endpoint_id}/headers", status: 204, body: `{"headers":{"X-A":"b"}}`},
	{op: "GET /api/v1/operational-webhook/endpoint/{endpoint_id}/headers", status: 200},
	{op: "POST /api/v1/operational-webhook/endpoint/{endpoint_id}/secret/rotate", status: 204, body: `{}`},
	{op: "GET /api/v1/operational-webhook/endpoint/{endpoint_id}/secret", status: 200},
	{op: "DELETE /api/v1/operational-webhook/endpoint/{endpoint_id}", status: 204},

	{op: "POST /ingest/api/v1/source", status: 201, body: `{"name":"GitHub","uid":"gh","type":"github","config":{"secret":"0123456789abcdef0123456789abcdef"}}`, save: "source_id=id"},
	{op: "PUT /ingest/api/v1/source/{source_id}", status: 200, body: `{"name":"GitHub","uid":"gh","type":"github","config":{"secret":"0123456789abcdef0123456789abcdef"}}`},
	{op: "PATCH /ingest/api/v1/source/{source_id}", status: 200, body: `{"name":"Hub"}`},
	{op: "GET /ingest/api/v1/source/{source_id}", status: 200},
	{op: "GET /ingest/api/v1/source", status: 200},
	{op: "POST /ingest/api/v1/source/{source_id}/token/rotate", status: 200},
	{op: "POST /ingest/api/v1/source/{source_id}/dashboard", status: 200, body: `{}`},
	{op: "GET /ingest/api/v1/source/{source_id}/log", status: 200},
	{op: "POST /ingest/api/v1/source/{source_id}/endpoint", status: 201, body: `{"url":"{url}","uid":"se"}`, save: "se=id"},
	{op: "PUT /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}", status: 200, body: `{"url":"{url}","uid":"se"}`},
	{op: "GET /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}", status: 200},
	{op: "GET /ingest/api/v1/source/{source_id}/endpoint", status: 200},
	{op: "PATCH /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/transformation", status: 204, body: `{"code":"function handler(webhook) { return webhook }","enabled":true}`},
	{op: "GET /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/transformation", status: 200},
	{op: "PUT /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/headers", status: 204, body: `{"headers":{"X-A":"b"}}`},
	{op: "GET /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/headers", status: 200},
	{op: "POST /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/secret/rotate", status: 204, body: `{}`},
	{op: "GET /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/secret", status: 200},
	{op: "DELETE /ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}", status: 204},
	{op: "DELETE /ingest/api/v1/source/{source_id}", status: 204},

	{op: "POST /api/v1/connector", status: 201, body: `{"name":"One","uid":"one","transformation":"function handler(webhook) { return webhook }","allowedEventTypes":["user.created"],"logo":"https://example.com/logo.png"}`, save: "connector_id=id"},
	{op: "PUT /api/v1/connector/{connector_id}", status: 200, body: `{"name":"Two","transformation":"function handler(webhook) { return webhook }"}`},
	{op: "PATCH /api/v1/connector/{connector_id}", status: 200, body: `{"kind":"Slack","featureFlags":["beta"]}`},
	{op: "GET /api/v1/connector/{connector_id}", status: 200},
	{op: "GET /api/v1/connector", status: 200, query: "?product_type=Dispatch"},
	{op: "PUT /api/v1/connector/{connector_id}/options", status: 200, body: `{"kind":"Slack"}`},
	{op: "GET /api/v1/connector/{connector_id}/options", status: 200},
	{op: "GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/connector", status: 204},
	{op: "POST /api/v1/connector/simulate", status: 200, body: `{"code":"function handler(webhook) { return webhook }","eventType":"user.created","payload":{"a":1}}`},
	{op: "DELETE /api/v1/connector/{connector_id}", status: 204},

	{op: "GET /api/v1/auth/app/{app_id}/poller/{endpoint_id}/token", status: 200},
	{op: "POST /api/v1/auth/app/{app_id}/poller/{endpoint_id}/token/rotate", status: 201, body: `{}`},
	{op: "GET /api/v1/app/{app_id}/poller/{sink_id}", status: 200, query: "?after={since}"},
	{op: "GET /api/v1/app/{app_id}/poller/{sink_id}/consumer/{consumer_id}", status: 200, save: "first=data.0.id", retry: true},
	{op: "POST /api/v1/app/{app_id}/poller/{sink_id}/consumer/{consumer_id}/seek", status: 200, body: `{"after":"{since}"}`},
	{op: "GET /api/v1/app/{app_id}/polling-endpoint/{sink_id}/consumer/{consumer_id}", status: 200, query: "?lease_duration_ms=1000&starting_position=earliest", save: "offset=data.0.offset"},
	{op: "POST /api/v1/app/{app_id}/polling-endpoint/{sink_id}/consumer/{consumer_id}/commit", status: 204, body: `{"offset":{offset}}`},

	{op: "DELETE /api/v1/app/{app_id}/destination/{destination_id}", status: 204},
	{op: "DELETE /api/v1/app/{app_id}/endpoint/{endpoint_id}", status: 204},
	{op: "DELETE /api/v1/app/{app_id}", status: 204},
	{op: "DELETE /api/v1/event-type/{event_type_name}", status: 204},
	{op: "POST /api/v1/auth/logout", status: 204},
}

// TestEveryOperationServedFitsTheContract calls each operation of the contract that the
// server says it serves, with success, and checks the answer against the contract's schema
// (see fits). An operation without a row fails: whoever adds one adds its row.
func TestEveryOperationServedFitsTheContract(t *testing.T) {
	t.Parallel()
	contract, err := document()
	if err != nil {
		t.Fatal(err)
	}
	if contract == nil {
		t.Skip("../shared/reference/svix/hosted.openapi.json is absent")
	}
	c := start(t, rig.Options{})
	r := receive(t)
	saved := map[string]string{
		"url": r.URL + "/all", "event_type_name": "user.created",
		"since": stamp(time.Now().Add(-time.Hour)), "now": stamp(time.Now()),
	}
	saved["identity"], saved["ca"] = identity(t)
	served := map[string]bool{}
	var doc struct{ Paths map[string]map[string]any }
	a := c.must(200, "GET", "/api/v1/openapi.json", "")
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method := range item {
			name := strings.ToUpper(method) + " " + path
			for _, op := range contract {
				if op.name == name {
					served[name] = true
				}
			}
		}
	}
	fill := func(text string) string {
		for name, value := range saved {
			text = strings.ReplaceAll(text, "{"+name+"}", value)
		}
		return text
	}
	called := map[string]bool{}
	for _, call := range operationCalls {
		if called[call.op] {
			t.Errorf("%s stands twice in the table", call.op)
		}
		called[call.op] = true
		method, path, _ := strings.Cut(call.op, " ")
		switch { // their {endpoint_id} is another noun
		case strings.Contains(path, "/operational-webhook/"):
			path = strings.ReplaceAll(path, "{endpoint_id}", "{ow}")
		case strings.Contains(path, "/destination/"):
			path = strings.ReplaceAll(path, "{attempt_id}", "{sinkatmpt}")
		case strings.Contains(path, "/source/"):
			path = strings.ReplaceAll(path, "{endpoint_id}", "{se}")
		case call.op == "POST /api/v1/auth/one-time-token":
			saved["once"] = c.must(200, "POST", "/x/v1/auth/one-time-token/"+saved["app_id"], `{}`).str("oneTimeToken")
		}
		if strings.Contains(path, "/poll") { // whose endpoint is a destination, and has a message
			if saved["sink_id"] == "" {
				made := c.must(201, "POST", "/api/v1/app/"+saved["app_id"]+"/destination", `{"type":"pollingEndpoint","uid":"feed"}`)
				saved["sink_id"], saved["consumer_id"] = made.str("id"), "shop"
				c.must(202, "POST", "/api/v1/app/"+saved["app_id"]+"/msg", `{"eventType":"user.created","payload":{"a":1}}`)
			}
			path = strings.ReplaceAll(path, "{endpoint_id}", "{sink_id}")
		}
		on := c
		if call.op == "POST /api/v1/auth/logout" { // ends the token that calls it
			c.app("out")
			on = c.as(c.must(200, "POST", "/api/v1/auth/app-portal-access/out", `{}`).str("token"))
		}
		var a answer
		ask := func() bool {
			a = on.send(method, fill(path)+fill(call.query), fill(call.body))
			name, at, _ := strings.Cut(call.save, "=")
			if name != "" && at == "" {
				saved[name] = string(a.body)
			} else if name != "" {
				saved[name] = a.str(at)
			}
			return !call.retry || saved[name] != ""
		}
		c.until(call.op, ask)
		if !served[call.op] && !strings.Contains(path, "dashboard-access") {
			if a.status != http.StatusNotImplemented || a.str("code") != "not_implemented" {
				t.Errorf("%s is not served, yet it answers %d %s", call.op, a.status, a.body)
			}
			t.Logf("%s is not served in this version", call.op)
			continue
		}
		if a.status != call.status {
			t.Errorf("%s %s: %d, want %d: %.600s", call.op, fill(call.body), a.status, call.status, a.body)
		}
	}
	for name := range served {
		if !called[name] {
			t.Errorf("%s is served and has no row here", name)
		}
	}
	t.Logf("%d operations of the contract are served", len(served))
	// All others of the contract say 501, with the contract's body.
	missing := 0
	for _, op := range contract {
		method, path, _ := strings.Cut(op.name, " ")
		if served[op.name] || called[op.name] || strings.Contains(path, "dashboard-access") {
			continue
		}
		missing++
		for strings.Contains(path, "{") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + "x" + after
		}
		if a := c.send(method, path, ""); a.status != http.StatusNotImplemented || a.str("code") != "not_implemented" {
			t.Errorf("%s: %d %s, want 501", op.name, a.status, a.body)
		}
	}
	t.Logf("%d answer 501", missing)
}
