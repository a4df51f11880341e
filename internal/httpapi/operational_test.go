package httpapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestOperationalEndpoints(t *testing.T) {
	r := newRig(t)
	if a := r.must(200, "GET", operationalPath, ""); a.str("data") != "[]" || a.str("done") != "true" {
		t.Errorf("before the first: %s", a.body)
	}
	body := `{"url":"https://example.com/ops","uid":"pager","description":"d","eventTypes":["endpoint.disabled","message.attempt.exhausted"],"throttleRate":5,"metadata":{"k":"v"},"headers":{"X-A":"b","Authorization":"hunter2"}}`
	made := r.must(201, "POST", operationalPath, body, "Idempotency-Key", "k1")
	if again := r.must(201, "POST", operationalPath, body, "Idempotency-Key", "k1"); string(again.body) != string(made.body) {
		t.Errorf("a repeat: %s", again.body)
	}
	id := made.str("id")
	for field, want := range map[string]string{
		"uid": "pager", "url": "https://example.com/ops", "description": "d", "disabled": "false", "throttleRate": "5", "rateLimit": "5", "metadata.k": "v",
		"eventTypes": `["endpoint.disabled","message.attempt.exhausted"]`, "filterTypes": `["endpoint.disabled","message.attempt.exhausted"]`,
	} {
		if got := made.str(field); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
	for _, ref := range []string{id, "pager"} {
		if a := r.must(200, "GET", operationalPath+"/"+ref, ""); string(a.body) != string(made.body) {
			t.Errorf("by %s: %s", ref, a.body)
		}
	}
	if a := r.must(200, "GET", operationalPath+"/pager/headers", ""); a.str("headers.X-A") != "b" || strings.Contains(string(a.body), "hunter2") {
		t.Errorf("headers: %s", a.body)
	}
	r.must(204, "PUT", operationalPath+"/pager/headers", `{"headers":{"X-B":"c"}}`)
	secret := r.must(200, "GET", operationalPath+"/pager/secret", "").str("key")
	r.must(204, "POST", operationalPath+"/pager/secret/rotate", "")
	if now := r.must(200, "GET", operationalPath+"/pager/secret", "").str("key"); now == secret || !strings.HasPrefix(now, "whsec_") {
		t.Errorf("rotated from %s to %s", secret, now)
	}
	// PUT replaces, and is 200 also when it creates; secret and headers stay.
	put := r.must(200, "PUT", operationalPath+"/pager", `{"url":"https://example.com/new","uid":"pager","filterTypes":["endpoint.failing"],"rateLimit":7}`)
	if put.str("id") != id || put.str("eventTypes") != `["endpoint.failing"]` || put.str("throttleRate") != "7" || put.str("description") != "" || put.str("metadata") != "{}" {
		t.Errorf("put: %s", put.body)
	}
	if a := r.must(200, "GET", operationalPath+"/pager/headers", ""); a.str("headers.X-B") != "c" {
		t.Errorf("headers after a put: %s", a.body)
	}
	all := r.must(200, "PUT", operationalPath+"/other", `{"url":"https://example.com/all","eventTypes":[]}`)
	if all.str("eventTypes") != "null" || all.str("uid") != "null" {
		t.Errorf("put of a new one: %s", all.body)
	}
	page := r.must(200, "GET", operationalPath+"?limit=1&order=ascending", "")
	if page.str("data.0.id") != id || page.str("done") != "false" {
		t.Errorf("first page: %s", page.body)
	}
	page = r.must(200, "GET", operationalPath+"?limit=1&order=ascending&iterator="+page.str("iterator"), "")
	if page.str("data.0.id") != all.str("id") || page.str("done") != "true" {
		t.Errorf("second page: %s", page.body)
	}
	r.must(204, "DELETE", operationalPath+"/"+all.str("id"), "")
	r.must(404, "GET", operationalPath+"/"+all.str("id"), "")
	if a := r.call("POST", operationalPath, `{"url":"https://example.com/x","uid":"pager"}`); a.status != 409 || a.str("code") != "conflict" {
		t.Errorf("a taken uid: %d %s", a.status, a.body)
	}
}

func TestOperationalEndpointsJudgeTheirInput(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	id := r.must(201, "POST", operationalPath, `{"url":"https://example.com/"}`).str("id")
	for _, c := range []struct{ why, body, loc, msg string }{
		{"a type of the catalogue", `{"url":"https://example.com/","eventTypes":["user.created","endpoint.created"]}`, "body eventTypes", "The following event types don't exist: user.created"},
		{"under the older name", `{"url":"https://example.com/","filterTypes":["nope"]}`, "body eventTypes", "The following event types don't exist: nope"},
		{"not published", `{"url":"https://example.com/","eventTypes":["message.attempt.log"]}`, "body eventTypes", "The following event types don't exist: message.attempt.log"},
		{"no URL", `{}`, "body url", ""},
		{"another scheme", `{"url":"file:///etc/passwd"}`, "body url", ""},
		{"too fast", `{"url":"https://example.com/","throttleRate":70000}`, "body throttleRate", ""},
		{"no list", `{"url":"https://example.com/","eventTypes":"all"}`, "body eventTypes", ""},
		{"bad secret", `{"url":"https://example.com/","secret":"x"}`, "body secret", ""},
		{"forbidden header", `{"url":"https://example.com/","headers":{"Host":"x"}}`, "body headers", ""},
	} {
		for _, call := range []struct{ method, path string }{{"POST", operationalPath}, {"PUT", operationalPath + "/" + id}} {
			if call.method == "PUT" && (c.loc == "body secret" || c.loc == "body headers") {
				continue // the contract has none there
			}
			a := r.call(call.method, call.path, c.body)
			if a.status != 422 || !strings.HasPrefix(a.loc(), c.loc) || c.msg != "" && a.str("detail.0.msg") != c.msg {
				t.Errorf("%s %s: %d %s, want 422 at %q", call.method, c.why, a.status, a.body, c.loc)
			}
		}
	}
	if a := r.must(200, "GET", operationalPath, ""); strings.Count(string(a.body), `"url"`) != 1 {
		t.Errorf("something was made: %s", a.body)
	}
}

// TestOperationalApplicationIsOutOfReach: no path of applications leads to it, not even by
// its id, which nobody is told; other tenants and portals see nothing of it.
func TestOperationalApplicationIsOutOfReach(t *testing.T) {
	r := newRig(t)
	own := r.app("own")
	id := r.must(201, "POST", operationalPath, `{"url":"https://example.com/"}`).str("id")
	hidden := r.store.Codec().Application(r.env.ID, r.env.ID.Operational())
	unknown := "app_" + strings.Repeat("0", 27)
	for _, rt := range routes() {
		if !strings.Contains(rt.path, "{app_id}") {
			continue
		}
		body := ""
		if takesBody(rt.method) {
			body = `{"name":"n","url":"https://example.com/","eventType":"a","payload":{},"since":"` + hourAgo() + `"}`
		}
		ids := map[string]string{"app_id": hidden, "endpoint_id": id}
		send := func(app string) answer {
			ids["app_id"] = app
			return r.call(rt.method, fill(rt.path, ids), body)
		}
		if rt.op == "application.upsert" {
			continue // makes a new one, as for every unknown id
		}
		a, b := send(hidden), send(unknown)
		if a.status != b.status || string(a.body) != string(b.body) || a.status < 400 && rt.method != "PUT" {
			t.Errorf("%s: %d %s, for an unknown application %d %s", rt.op, a.status, a.body, b.status, b.body)
		}
	}
	_, foreign := r.environment("other")
	for _, token := range []string{foreign, r.portal(own, `{}`)} {
		for _, method := range []string{"GET", "DELETE"} {
			if a := r.send(request{method: method, path: operationalPath + "/" + id, token: token}); a.status != 404 && a.status != 403 {
				t.Errorf("%s with another's token: %d %s", method, a.status, a.body)
			}
		}
	}
	if a := r.send(request{method: "GET", path: operationalPath, token: foreign}); a.status != 200 || a.str("data") != "[]" {
		t.Errorf("the other environment's list: %d %s", a.status, a.body)
	}
	r.must(404, "GET", "/api/v1/app/"+own+"/endpoint/"+id, "")
	r.must(200, "GET", operationalPath+"/"+id, "")
}

// TestOperationalPayloads: each type has the shape of the contract, and no other member.
func TestOperationalPayloads(t *testing.T) {
	r := newRig(t)
	encode := OperationalPayload(r.store, 0)
	at := time.UnixMilli(1_800_000_000_123)
	seen := map[string]bool{}
	for _, typ := range hook.OperationalTypes() {
		for _, full := range []bool{false, true} {
			a := &hook.Announcement{ID: 1, Environment: r.env.ID, Type: typ, Application: 77, Endpoint: 78, FailSince: at, Automatic: full}
			_, ofSource := strings.CutPrefix(typ, "ingest.")
			if ofSource {
				a.Source = 77
			}
			if strings.Contains(typ, "attempt") {
				a.Message, a.LastAttempt = 79, hook.AnnouncedAttempt{ID: 80, At: at}
			}
			if typ == hook.BackgroundTaskFinished {
				a.TaskID = 81
				a.Task = &hook.Task{ID: 81, Environment: r.env.ID, Type: hook.TaskRecover, Status: hook.TaskFinished, Done: 12}
			}
			if full {
				a.EndpointUID, a.EventID, a.LastAttempt.Status, a.DisableAt = "ep", "evt", 503, at
				if !ofSource {
					a.ApplicationUID = "acme"
				}
			} else if typ == hook.EndpointDisabled || typ == "ingest.endpoint.disabled" {
				a.FailSince = time.Time{}
			}
			body, err := encode(a)
			if err != nil {
				t.Fatal(err)
			}
			r.checkEvent(typ, body)
			seen[typ] = true
		}
	}
	if len(seen) != 15 {
		t.Errorf("%d types", len(seen))
	}
	for _, a := range []*hook.Announcement{{Type: "nonsense"}, {Type: hook.BackgroundTaskFinished, TaskID: 5}} {
		if body, err := encode(a); err == nil {
			t.Errorf("%+v is %s", a, body)
		}
	}
}

// TestLargeResultIsAnnouncedCut: what does not fit into a message is left out and said to
// be, and the message goes out.
func TestLargeResultIsAnnouncedCut(t *testing.T) {
	r := newRig(t)
	usage := hook.AppStatsResult{}
	for i := range 10_000 {
		usage.Applications = append(usage.Applications, hook.AppStats{Application: hook.ApplicationID(i + 1), UID: strings.Repeat("u", 245), Destinations: 1})
	}
	list, err := json.Marshal(usage)
	if err != nil {
		t.Fatal(err)
	}
	document := []byte(`{"openapi":"3.1.0","info":"` + strings.Repeat("x", 2<<20) + `"}`)
	for _, c := range []struct {
		typ, left, text string
		result          []byte
	}{
		{hook.TaskAppStats, "app_stats", "", list},
		{hook.TaskGenerate, "", "", document},
		{hook.TaskAppStats, "app_stats", strings.Repeat("<", 5000), list},
	} {
		for _, most := range []int{0, 4096, 1 << 20, 64 << 20} {
			a := &hook.Announcement{ID: 1, Environment: r.env.ID, Type: hook.BackgroundTaskFinished, TaskID: 81, Task: &hook.Task{
				ID: 81, Environment: r.env.ID, Type: c.typ, Status: hook.TaskFinished, Result: c.result, Error: c.text,
			}}
			body, err := OperationalPayload(r.store, most)(a)
			if err != nil {
				t.Fatal(err)
			}
			limit := most
			if limit == 0 {
				limit = 1 << 20
			}
			var v struct {
				Type string
				Data struct {
					TaskID string
					Data   map[string]json.RawMessage
				}
			}
			if err := json.Unmarshal(body, &v); err != nil || v.Type != hook.BackgroundTaskFinished || v.Data.TaskID == "" {
				t.Fatalf("%v: %.200s", err, body)
			}
			cut := most != 64<<20
			if len(body) > limit {
				t.Errorf("%s within %d: %d bytes", c.typ, limit, len(body))
			}
			if got := string(v.Data.Data["truncated"]) == "true"; got != cut {
				t.Errorf("%s within %d: truncated %v", c.typ, limit, got)
			}
			if _, found := v.Data.Data[c.left]; c.left != "" && found == cut {
				t.Errorf("%s within %d: %s is there: %v", c.typ, limit, c.left, found)
			}
		}
	}
}

// checkEvent checks a payload against the contract's schema of its type. Ours have that of
// the type that is nearest, with members of their own.
func (r *rig) checkEvent(typ string, body []byte) {
	r.t.Helper()
	var v struct {
		Type string
		Data map[string]any
	}
	if err := json.Unmarshal(body, &v); err != nil || v.Type != typ {
		r.t.Fatalf("%s: %v: %s", typ, err, body)
	}
	near := typ
	if strings.HasSuffix(typ, hook.EndpointFailing) {
		near = strings.TrimSuffix(typ, "failing") + "disabled"
		if _, ok := v.Data["disableAt"]; !ok {
			r.t.Errorf("%s lacks disableAt: %s", typ, body)
		}
		delete(v.Data, "disableAt")
		v.Data["trigger"] = "automatic"
	}
	doc, err := contractDoc()
	if err != nil {
		r.t.Fatal(err)
	}
	if doc == nil {
		return
	}
	name := ""
	for _, part := range strings.FieldsFunc(near, func(c rune) bool { return c == '.' || c == '_' }) {
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	ref := doc.Components.Schemas[name+"Event"]
	if ref == nil {
		r.t.Fatalf("the contract has no %sEvent", name)
	}
	whole := map[string]any{"type": near, "data": v.Data}
	if err := ref.Value.VisitJSON(whole); err != nil {
		r.t.Errorf("%s breaks the contract: %v\n%s", typ, err, body)
	}
	data := ref.Value.Properties["data"].Value
	want := slices.Sorted(maps.Keys(data.Properties))
	if got := slices.Sorted(maps.Keys(v.Data)); !slices.Equal(got, want) {
		r.t.Errorf("%s has the members %v, the contract's are %v", typ, got, want)
	}
}

// TestOperationalEventsFollowTheAPI: what the API changes is what the store is told.
func TestOperationalEventsFollowTheAPI(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", operationalPath, `{"url":"https://example.com/"}`)
	app := r.app("acme")
	e := r.endpoint(app, `,"uid":"ep"`)
	path := "/api/v1/app/acme/endpoint/ep"
	r.must(200, "PUT", path, `{"url":"https://example.com/hook","uid":"ep"}`) // what it is already
	r.must(200, "PATCH", path, `{"metadata":{"a":"b"}}`)
	r.must(204, "PATCH", path+"/headers", `{"headers":{"X-A":"b"}}`)
	r.must(204, "POST", path+"/secret/rotate", `{}`)
	r.must(200, "PATCH", path, `{"disabled":true}`)
	r.must(200, "PATCH", path, `{"disabled":false}`)
	r.must(204, "DELETE", path, "")
	rows, err := r.store.Announcements(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range rows {
		got = append(got, a.Type)
		if r.store.Codec().Endpoint(a.Application, a.Endpoint) != e || a.ApplicationUID != "acme" || a.EndpointUID != "ep" {
			t.Errorf("says %+v", a)
		}
	}
	want := []string{
		hook.EndpointCreated, hook.EndpointUpdated, hook.EndpointUpdated, hook.EndpointUpdated,
		hook.EndpointUpdated, hook.EndpointDisabled, hook.EndpointUpdated, hook.EndpointEnabled, hook.EndpointDeleted,
	}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%v, want\n%v", got, want)
	}
}
