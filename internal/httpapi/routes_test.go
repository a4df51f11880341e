package httpapi

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// fill replaces the path parameters of a pattern.
func fill(path string, ids map[string]string) string {
	for name, id := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	return path
}

// TestRoleByRoute proves for each operation who may call it: nobody without a token
// but on open ones; an API token everything; a portal token what its capabilities
// say, in its own application, and another's or an unknown one is the same 404.
func TestRoleByRoute(t *testing.T) {
	r := newRig(t)
	_, foreignToken := r.environment("other")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	own, other := r.app("own"), r.app("other")
	env := r.store.Codec().Environment(r.env.ID)
	ids := func(app string) map[string]string {
		e := r.endpoint(app, "")
		m := r.message(app, "")
		r.attempt(app, e, m, succeed)
		at := r.must(200, "GET", "/api/v1/app/"+app+"/attempt/msg/"+m, "").str("data.0.id")
		task := r.must(202, "POST", "/api/v1/app/"+app+"/endpoint/"+e+"/recover", `{"since":"`+hourAgo()+`"}`).str("id")
		source := r.source(app+"-source", "github", `{}`)
		destination := r.fifo(app, "")
		key := r.must(200, "POST", "/api/v1/management/authentication/"+env+"/api-token", `{"name":"n"}`).str("id")
		integration := r.must(201, "POST", "/api/v1/app/"+app+"/integration", `{"name":"n"}`).str("id")
		r.must(200, "POST", "/api/v1/app/"+app+"/integration/"+integration+"/key/rotate", "")
		codec := r.store.Codec()
		a, _ := codec.ParseApplication(r.env.ID, app)
		ep, _ := codec.ParseEndpoint(a, e)
		failed := hook.Rollup{RollupKey: hook.RollupKey{At: hook.RollupMinute.Begin(time.Now().UnixMilli()), Environment: r.env.ID, Application: a, Endpoint: ep, EventType: "user.created"}}
		failed.Count(&hook.EndedAttempt{Outcome: hook.Failed, Reason: hook.ReasonServer, Status: 500})
		if err := r.store.AddRollups(t.Context(), hook.KeySpan{Low: hook.Key(a), High: hook.Key(a) + 1}, []hook.Rollup{failed}); err != nil {
			t.Fatal(err)
		}
		return map[string]string{
			"issue_id": app + "." + e + ".server",
			"env_id":   env, "key_id": key, "integ_id": integration,
			"app_id": app, "endpoint_id": e, "msg_id": m, "attempt_id": at, "event_type_name": "user.created", "task_id": task,
			"sink_id": r.pollingEndpoint(app, ""), "consumer_id": "shop",
			"source_id": source, "destination_id": destination, "provider_name": "stripe", "listener_name": "laptop",
		}
	}
	unknown := map[string]string{
		"issue_id": "app_" + strings.Repeat("0", 27) + ".ep_" + strings.Repeat("0", 27) + ".server",
		"env_id":   "org_" + strings.Repeat("0", 27), "key_id": "key_" + strings.Repeat("0", 27), "integ_id": "integ_" + strings.Repeat("0", 27),
		"app_id": "app_" + strings.Repeat("0", 27), "endpoint_id": "ep_" + strings.Repeat("0", 27), "msg_id": "msg_" + strings.Repeat("0", 27),
		"attempt_id": "atmpt_" + strings.Repeat("0", 27), "event_type_name": "no.such", "task_id": "qtask_" + strings.Repeat("0", 27),
		"destination_id": "sink_" + strings.Repeat("0", 22),
		"source_id":      "src_" + strings.Repeat("0", 22), "provider_name": "nobody", "listener_name": "nobody",
		"sink_id": "sink_" + strings.Repeat("0", 22), "consumer_id": "nobody",
	}
	roles := map[string]*hook.Token{}
	tokens := map[string]string{}
	for _, set := range append([][]hook.Capability{hook.AllCapabilities()}, singles()...) {
		name := fmt.Sprint(set)
		body, err := json.Marshal(map[string]any{"capabilities": set})
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = r.portal(own, string(body))
		roles[name] = &hook.Token{Application: 1, Capabilities: set}
	}
	ownIDs, otherIDs := ids(own), ids(other)
	tokens["message"] = r.must(200, "POST", "/api/v1/auth/app/own/create-message-token", `{"name":"n"}`).str("token")
	roles["message"] = &hook.Token{Kind: hook.MessageToken, Application: 1}
	tokens["integration"] = r.must(200, "POST", fill(integrationPath, ownIDs)+"/key/rotate", "").str("key")
	roles["integration"] = &hook.Token{Kind: hook.IntegrationToken, Application: 1, Capabilities: hook.AllCapabilities()}
	tokens["poller"] = r.must(200, "GET", fill("/api/v1/auth/app/{app_id}/poller/{sink_id}/token", ownIDs), "").str("token")
	roles["poller"] = &hook.Token{Kind: hook.PollerToken, Application: 1}
	tokens["stream"] = r.must(201, "POST", fill("/x/v1/app/{app_id}/stream/token", ownIDs), "").str("token")
	roles["stream"] = &hook.Token{Kind: hook.StreamToken, Application: 1}
	// API tokens with one scope each, and with those that span nouns.
	scoped := map[string]string{}
	for _, scope := range append(knownScopes(routes()), hook.ScopeAll, hook.ScopeReadAll, "app:*") {
		body := fmt.Sprintf(`{"name":"n","scopes":[%q]}`, scope)
		scoped[string(scope)] = r.must(200, "POST", "/api/v1/management/authentication/"+env+"/api-token", body).str("token")
	}
	// People of each role, who come with a cookie.
	people := map[hook.Role]*hook.Token{}
	for role, scopes := range roleScopes(knownScopes(routes())) {
		tokens["user:"+string(role)] = "" // see send
		people[role] = &hook.Token{User: 1, Scopes: scopes}
		roles["user:"+string(role)] = people[role]
	}
	person := map[string]string{}
	for role := range people {
		_, person["user:"+string(role)] = r.person(string(role)+"@example.com", role)
	}
	for _, rt := range routes() {
		body := ""
		if takesBody(rt.method) {
			body = "{}"
		}
		send := func(ids map[string]string, token string) answer {
			if cookie, is := strings.CutPrefix(token, "cookie "); is {
				return r.asPerson(cookie, rt.method, fill(rt.path, ids), body)
			}
			return r.send(request{method: rt.method, path: fill(rt.path, ids), token: token, body: body})
		}
		name := rt.method + " " + rt.path
		if rt.stream {
			continue // it would not end; TestTailShowsEachItsOwn shows it
		}
		if rt.access.open {
			want := map[string]int{
				"authentication.exchange-one-time-token": 422, // the body is empty
				"endpoint.get-public-jwks":               404, // the secret is symmetric
				"session.create":                         422,
				"session.claim":                          404, // the link of ""
				"session.look-at-claim":                  404,
			}[rt.op]
			if a := send(ownIDs, ""); a.status >= 300 && a.status != want {
				t.Errorf("%s without a token: %d", name, a.status)
			}
			continue
		}
		r.api.guesses = newGuessLimits() // TestGuessingIsThrottled shows it
		for _, wrong := range []string{"", "nonsense", tokens["[ViewBase]"] + "x"} {
			if a := send(ownIDs, wrong); a.status != 401 || a.str("code") != "authentication_failed" {
				t.Errorf("%s with the token %q: %d %s", name, wrong, a.status, a.body)
			}
		}
		for role, token := range tokens {
			if rt.op == "authentication.logout" || rt.op == "session.delete" {
				continue // it ends the token; TestLogout and TestSignInAndOut show it
			}
			if cookie := person[role]; cookie != "" {
				token = "cookie " + cookie
			}
			if roles[role].User != 0 && rt.op == "environment.export" && role != "user:owner" {
				continue // needs more than its scope; TestPortableNeedsTheScopesOfWhatItCarries shows it
			}
			may := rt.allows(roles[role]) == nil
			switch a := send(unknown, token); {
			case !may && (a.status != 403 || a.str("code") != "insufficient access"):
				t.Errorf("%s as %s: %d %s, want 403", name, role, a.status, a.body)
			case may && strings.Contains(rt.path, "{app_id}") && roles[role].User == 0:
				b := send(otherIDs, token)
				if takesBody(rt.method) && a.status == 422 {
					// The body is judged first; it must be so for both.
					if b.status != 422 {
						t.Errorf("%s as %s: unknown %d, another's %d", name, role, a.status, b.status)
					}
				} else if a.status != 404 || b.status != 404 || string(a.body) != string(b.body) {
					t.Errorf("%s as %s: unknown %d %s, another's %d %s", name, role, a.status, a.body, b.status, b.body)
				}
			case may && a.status == 403:
				t.Errorf("%s as %s: 403", name, role)
			}
		}
		// Another environment's token sees nothing of this one.
		if strings.Contains(rt.path, "{app_id}") || strings.Contains(rt.path, "{task_id}") || strings.Contains(rt.path, "{source_id}") || strings.Contains(rt.path, "{env_id}") {
			a, b := send(ownIDs, foreignToken), send(unknown, foreignToken)
			if a.status != b.status || string(a.body) != string(b.body) {
				// PUT creates: the answers differ by the new id alone.
				if !(rt.method == "PUT" && a.status == b.status) {
					t.Errorf("%s from another environment: %d %s, unknown %d %s", name, a.status, a.body, b.status, b.body)
				}
			}
			if a.status < 300 && rt.method != "PUT" && !strings.HasPrefix(rt.path, "/api/v1/app/{app_id}") {
				t.Errorf("%s from another environment: %d %s", name, a.status, a.body)
			}
		}
		for scope, token := range scoped {
			if slices.Contains(withoutScope, rt.op) {
				continue
			}
			if rt.op == "environment.export" && scope == "settings:read" {
				continue // not enough alone; TestPortableNeedsTheScopesOfWhatItCarries shows it
			}
			a := send(unknown, token)
			if may := hook.Scope(scope).Covers(rt.needs) || rt.also != "" && hook.Scope(scope).Covers(rt.also); may == (a.status == 403 && a.str("code") == "insufficient access" && !rt.access.only && strings.Contains(a.str("detail"), "lacks the scope")) {
				t.Errorf("%s with the scope %s: %d %s", name, scope, a.status, a.body)
			}
		}
		if a := send(unknown, r.token); a.status == 401 || a.status == 403 && !rt.access.only && !rt.access.users {
			t.Errorf("%s with the API token: %d %s", name, a.status, a.body)
		}
	}
	// Nothing of the two applications was changed by what was refused.
	for _, set := range []map[string]string{ownIDs, otherIDs} {
		r.must(200, "GET", fill(endpointPath, set), "")
		r.must(200, "GET", fill(messagePath+"/attempt/{attempt_id}", set), "")
		r.must(200, "GET", fill(sourcePath, set), "")
	}
}

func singles() (out [][]hook.Capability) {
	for _, can := range hook.AllCapabilities() {
		out = append(out, []hook.Capability{can})
	}
	return out
}

// TestAppTokenScope pins the operations of an app-scoped token to the contract's list
// (CONTRACT 1.1), so that a change of the route list alone cannot widen it.
func TestAppTokenScope(t *testing.T) {
	want := []string{
		"application.delete-listener", "application.get-listener-secret", "application.list-listeners", "application.listen", // ours
		"application.stats.attempts",
		"authentication.logout", "authentication.whoami", "viewer.get", "endpoint.create", "endpoint.delete", "endpoint.get", "endpoint.get-headers",
		"endpoint.get-jwks", "endpoint.get-request", "endpoint.get-secret", "endpoint.get-stats", "endpoint.get-throttling-status", "endpoint.list", "endpoint.patch", "endpoint.patch-headers", "endpoint.recover",
		"endpoint.reset-request", "endpoint.rotate-secret", "endpoint.set-headers", "endpoint.set-request", "endpoint.upsert", "environment.get-settings", "event-type.get", "event-type.list",
		"message-attempt.count-by-endpoint", "message-attempt.get", "message-attempt.get-headers", "message-attempt.list", "message-attempt.list-attempted-destinations", "message-attempt.list-attempted-messages",
		"message-attempt.list-by-endpoint", "message-attempt.list-by-endpoint-deprecated", "message-attempt.list-by-msg", "message-attempt.resend", "message-attempt.curl",
		"connector-template.get", "connector-template.list", "endpoint.get-connector-use", "endpoint.get_connector", "endpoint.remove-connector-use", "endpoint.set-connector-use", // ours but one
		"message.events", "message.get", "message.get-raw-payload", "message.list", "message.search", "message.find-in-application",
		"reason.list", "search.why", "stats.app-attempts", "stats.app-failures", "stats.app-series", "stats.endpoint-series", "stats.app-sparklines", "tail.follow", // ours but one
	}
	// What a portal sends again, and how it steers that.
	want = append(want, "endpoint.bulk-replay", "endpoint.replay", "endpoint.replay-missing", "task.cancel", "task.get", "task.patch", "task.pause", "task.resume")
	// What its endpoints prove themselves with.
	want = append(want, "endpoint.get-oauth", "endpoint.set-oauth-config", "endpoint.delete-oauth-config", "endpoint.get-oauth-2",
		"endpoint.get-mtls", "endpoint.set-mtls-config", "endpoint.delete-mtls-config", "endpoint.get-mtls-2", "endpoint.get-server-ca", "endpoint.set-server-ca",
		"endpoint.get-credentials", "endpoint.set-credentials", "endpoint.delete-credentials",
		"destination.get-credentials", "destination.set-credentials", "destination.delete-credentials")
	// What a portal fetches from a polling endpoint.
	want = append(want, "authentication.get-poller-token", "authentication.rotate-poller-token", "message.poller.consumer-poll", "message.poller.consumer-seek",
		"message.poller.poll", "message.pollerv2.consumer-commit", "message.pollerv2.consumer-poll", "poller.delete-consumer", "poller.list-consumers")
	// Whether its receivers agree to be sent to; that they need not is for others to say.
	want = append(want, "endpoint.get-consent", "endpoint.set-consent", "endpoint.ask-consent",
		"destination.get-consent", "destination.set-consent", "destination.ask-consent")
	want = append(want, // destinations, and the order of any endpoint
		"destination.attempt.get", "destination.attempt.list", "destination.create", "destination.delete", "destination.force-retry", "destination.get", "destination.get-last-acked-event",
		"destination.get-order", "destination.get-secret", "destination.headers-get", "destination.headers-patch", "destination.list", "destination.next-event", "destination.patch",
		"destination.retry-order", "destination.rotate-secret", "destination.set-order", "destination.skip", "destination.skip-order", "destination.upsert",
		"endpoint.get-order", "endpoint.reset-order", "endpoint.retry-order", "endpoint.set-order", "endpoint.skip-order")
	// Whether they are paused; of the application, which its owner pauses, only to see.
	want = append(want, "application.get-hold", "endpoint.get-hold", "endpoint.pause", "endpoint.resume", "destination.get-hold", "destination.pause", "destination.resume",
		"endpoint.get-latest", "endpoint.set-latest", "endpoint.reset-latest")
	// Which messages they want.
	want = append(want, "filter.test", "endpoint.get-filter", "endpoint.set-filter", "endpoint.delete-filter", "destination.get-filter", "destination.set-filter", "destination.delete-filter")
	want = append(want, "application.create-stream-token", "application.stream")
	// What changed of its endpoints, and examples to try them with.
	want = append(want, "application.list-activity", "endpoint.send-example", "message.test-attempt")
	// The code of its endpoints.
	want = append(want, "endpoint.transformation.get", "endpoint.transformation.patch", "endpoint.transformation.simulate", "endpoint.try-transformation",
		"destination.transformation.get", "destination.transformation.patch", "destination.try-transformation")
	slices.Sort(want)
	var got []string
	for _, rt := range routes() {
		if rt.access.portal {
			got = append(got, rt.op)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("app-scoped tokens may call\n%v\nwant\n%v", got, want)
	}
}

// TestDocumentAgreesWithRoutes reads the served document: every route is in it with
// its statuses and parameters, and nothing else.
func TestDocumentAgreesWithRoutes(t *testing.T) {
	r := newRig(t)
	for path, ours := range map[string]bool{"/api/v1/openapi.json": false, "/x/v1/openapi.json": true} {
		t.Run(path, func(t *testing.T) {
			var list []route
			for _, rt := range routes() {
				if isOurs(rt.path) == ours {
					list = append(list, rt)
				}
			}
			documentAgrees(t, r.send(request{method: "GET", path: path}), list)
		})
	}
}

func documentAgrees(t *testing.T, a answer, list []route) {
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", a.status, a.header.Get("Content-Type"))
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
			Security    []any
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, rt := range list {
		op, ok := doc.Paths[rt.path][strings.ToLower(rt.method)]
		if !ok || op.OperationID != "v1."+rt.op {
			t.Errorf("%s %s is not in the document", rt.method, rt.path)
			continue
		}
		found++
		for _, status := range rt.statuses {
			if op.Responses[fmt.Sprint(status)] == nil {
				t.Errorf("%s: the document lacks status %d", rt.op, status)
			}
		}
		if rt.access.open != (len(op.Security) == 0) {
			t.Errorf("%s: open is %v, the document says otherwise", rt.op, rt.access.open)
		}
		var names []string
		for _, p := range op.Parameters {
			names = append(names, p.Name)
		}
		for _, p := range rt.query {
			if !slices.Contains(names, p.name) {
				t.Errorf("%s: the document lacks the parameter %s", rt.op, p.name)
			}
		}
	}
	total := 0
	for _, item := range doc.Paths {
		total += len(item)
	}
	if total != found {
		t.Errorf("the document has %d operations, the route list %d", total, found)
	}
	if refs := strings.Count(string(a.body), `"$ref":"#/components/schemas/`); refs == 0 {
		t.Error("the document refers to no schema")
	}
	for _, part := range strings.Split(string(a.body), `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("the document refers to %s, which it does not hold", name)
		}
	}
}

// TestDocumentHasTheContractsNames compares the served document with the contract:
// each operation has the same path, parameters and required output fields.
func TestDocumentHasTheContractsNames(t *testing.T) {
	doc, err := contractDoc()
	if err != nil {
		t.Fatal(err)
	}
	if doc == nil {
		t.Skipf("%s is absent", contractFile)
	}
	compared := 0
	for _, rt := range routes() {
		item := doc.Paths.Value(rt.path)
		if item == nil || item.GetOperation(rt.method) == nil {
			continue // ours, or an older client's
		}
		op := item.GetOperation(rt.method)
		compared++
		if op.OperationID != "v1."+rt.op {
			t.Errorf("%s %s is %s in the contract, %s here", rt.method, rt.path, op.OperationID, rt.op)
		}
		for _, p := range op.Parameters {
			if p.Value.In == "query" && p.Value.Name != "exclude_apps_with_svix_play_endpoints" &&
				!slices.ContainsFunc(rt.query, func(q param) bool { return q.name == p.Value.Name }) {
				t.Errorf("%s lacks the query parameter %s", rt.op, p.Value.Name)
			}
		}
		for status := range op.Responses.Map() {
			if status[0] == '2' && !slices.ContainsFunc(rt.statuses, func(n int) bool { return fmt.Sprint(n) == status }) {
				t.Errorf("%s does not list status %s", rt.op, status)
			}
		}
	}
	if compared < 40 {
		t.Errorf("compared %d operations only", compared)
	}
}

// TestContractListIsComplete compares contract.go with the reference document.
func TestContractListIsComplete(t *testing.T) {
	doc, err := contractDoc()
	if err != nil {
		t.Fatal(err)
	}
	if doc == nil {
		t.Skipf("%s is absent", contractFile)
	}
	lines := strings.Split(strings.TrimSpace(contract), "\n")
	n := 0
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			n++
			if !slices.Contains(lines, method+" "+path) {
				t.Errorf("contract.go lacks %s %s", method, path)
			}
		}
	}
	if n != 252 {
		t.Errorf("the contract has %d operations, 252 were expected", n)
	}
}

// TestUnservedOperations calls each operation of the contract that is not served.
func TestUnservedOperations(t *testing.T) {
	r := newRig(t)
	list := unserved(routes())
	if len(list) < 50 {
		t.Fatalf("%d operations", len(list))
	}
	for _, o := range list {
		path := pathParam.ReplaceAllString(o.path, "x")
		if a := r.call(o.method, path, ""); a.status != 501 || a.str("code") != "not_implemented" {
			t.Errorf("%s %s: %d %s", o.method, path, a.status, a.body)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name, method, path string
		status             int
		allow              string
	}{
		{"unknown path", "GET", "/api/v1/nothing", 404, ""},
		{"root", "GET", "/", 404, ""},
		{"encoded dot segments", "GET", "/v1/%2e%2e/%2e%2e/etc/passwd", 404, ""},
		{"wrong method", "DELETE", "/api/v1/app", 405, "GET, HEAD, POST"},
		{"wrong method on an unserved path", "PATCH", "/api/v1/stream", 405, "GET, POST"},
		{"trace", "TRACE", "/api/v1/app", 405, "GET, HEAD, POST"},
	} {
		a := r.call(c.method, c.path, "")
		if a.status != c.status || a.header.Get("Allow") != c.allow || a.str("code") == "" {
			t.Errorf("%s: %d Allow %q %s", c.name, a.status, a.header.Get("Allow"), a.body)
		}
	}
	if a := r.send(request{method: "HEAD", path: "/api/v1/health"}); a.status != 204 {
		t.Errorf("HEAD health: %d", a.status)
	}
	for _, path := range []string{"/api/v1/health/ping/", "/api/v1/health/"} {
		if a := r.send(request{method: "GET", path: path}); a.status != 204 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestReferenceFileIsReadInPlace fails when the reference folder is there but the contract is not.
func TestReferenceFileIsReadInPlace(t *testing.T) {
	if _, err := os.Stat("../../../shared/reference"); err != nil {
		t.Skip("the reference folder is absent")
	}
	if _, err := os.Stat(contractFile); err != nil {
		t.Error(err)
	}
}

// TestPortalSettingsAreDocumented: all that a portal starts from is in the answer's type.
func TestPortalSettingsAreDocumented(t *testing.T) {
	out := reflect.TypeFor[api.PortalSettingsOut]()
	var named []string
	for f := range out.Fields() {
		named = append(named, f.Tag.Get("json"))
	}
	slices.Sort(named)
	served := slices.Sorted(slices.Values(portalSettings))
	if !slices.Equal(named, served) {
		t.Errorf("documented %v\nserved     %v", named, served)
	}
}
