package httpapi

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// runTasks lets background tasks work until the test ends.
func (r *rig) runTasks() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.woken.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// ended waits until a task has ended and returns it as ours shows it.
func (r *rig) ended(id string) answer {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		a := r.must(200, "GET", "/x/v1/task/"+id, "")
		if s := a.str("status"); s != "running" && s != "paused" {
			return a
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the task is still %s", a.body)
		}
	}
}

// exhaust ends the delivery of a message for good.
func (r *rig) exhaust(app, endpoint, message string) {
	r.t.Helper()
	r.attempt(app, endpoint, message, func(a *hook.Attempt) {
		a.Outcome, a.Status, a.Reason = hook.Gone, 410, hook.ReasonGone // no schedule follows
	})
}

// TestPreviewsAreFew: one of an application and two of the server at a time.
func TestPreviewsAreFew(t *testing.T) {
	r := newRig(t)
	paths := map[string]string{}
	for _, app := range []string{"a", "b", "c"} {
		paths[app] = "/x/v1/app/" + app + "/endpoint/" + r.endpoint(r.app(app), "") + "/replay"
	}
	body := `{"since":"` + hourAgo() + `","dryRun":true}`
	r.woken.counting = make(chan func(), 2)
	answers := make(chan answer, 2)
	hold := func(app string) (letGo func()) {
		go func() { answers <- r.call("POST", paths[app], body) }()
		select {
		case letGo = <-r.woken.counting:
		case a := <-answers:
			t.Fatalf("%s: %d %s", app, a.status, a.body)
		}
		return letGo
	}
	first := hold("a")
	if a := r.call("POST", paths["a"], body); a.status != 429 || a.str("code") != "rate_limited" || a.header.Get("Retry-After") == "" {
		t.Errorf("a second of an application: %d %s", a.status, a.body)
	}
	second := hold("b")
	if a := r.call("POST", paths["c"], body); a.status != 503 || a.str("code") != "overloaded" || a.header.Get("Retry-After") == "" {
		t.Errorf("a third of the server: %d %s", a.status, a.body)
	}
	first()
	second()
	for range 2 {
		if a := <-answers; a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	r.woken.counting = nil
	for app := range paths {
		r.must(200, "POST", paths[app], body)
	}
}

// TestReplayBodies sends wrong fields to each replay: a 422 that names the field, and no task.
func TestReplayBodies(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	base := "/api/v1/app/a/endpoint/" + r.endpoint(app, "")
	since := `"since":"` + hourAgo() + `"`
	own := strings.Replace(base, "/api/", "/x/", 1) + "/replay"
	for _, c := range []struct{ path, body, loc string }{
		{base + "/replay-missing", `{}`, "body since"},
		{base + "/replay-missing", `{"since":"2020-01-01T00:00:00Z"}`, "body since"},
		{base + "/replay-missing", `{"since":1}`, "body since"},
		{base + "/bulk-replay", `{` + since + `,"until":"2020-01-01T00:00:00Z"}`, "body until"},
		{base + "/bulk-replay", `{` + since + `,"eventTypes":["a b"]}`, "body eventTypes [0]"},
		{base + "/bulk-replay", `{` + since + `,"eventTypes":"a"}`, "body eventTypes"},
		{base + "/bulk-replay", `{` + since + `,"channel":"a b"}`, "body channel"},
		{base + "/bulk-replay", `{` + since + `,"channel":""}`, "body channel"},
		{base + "/bulk-replay", `{` + since + `,"tag":"a b"}`, "body tag"},
		{base + "/bulk-replay", `{` + since + `,"status":9}`, "body status"},
		{base + "/bulk-replay", `{` + since + `,"status":"2"}`, "body status"},
		{base + "/bulk-replay", `{` + since + `,"statusCodeClass":201}`, "body statusCodeClass"},
		{own, `{}`, "body since"},
		{own, `{` + since + `,"which":"some"}`, "body which"},
		{own, `{` + since + `,"which":"failed","status":0}`, "body status"},
		{own, `{` + since + `,"which":"missing","statusCodeClass":500}`, "body statusCodeClass"},
		{own, `{` + since + `,"ratePerSecond":0}`, "body ratePerSecond"},
		{own, `{` + since + `,"ratePerSecond":-1}`, "body ratePerSecond"},
		{own, `{` + since + `,"ratePerSecond":1e9}`, "body ratePerSecond"},
		{own, `{` + since + `,"dryRun":"yes"}`, "body dryRun"},
		{base + "/cancel-msgs", `{}`, "body createdBefore"},
		{base + "/cancel-msgs", `{"createdBefore":"now"}`, "body createdBefore"},
		{base + "/send-example", `{}`, "body eventType"},
		{base + "/send-example", `{"eventType":"svix.ping","exampleIndex":-1}`, "body exampleIndex"},
		{base + "/msg/test-attempt", `{"eventType":"a"}`, "body payload"},
		{base + "/msg/test-attempt", `{"eventType":"a","payload":{},"deliverAt":"2099-01-01T00:00:00Z"}`, "body deliverAt"},
		{"/api/v1/msg/broadcast", `{"eventType":"a b","payload":{}}`, "body eventType"},
		{"/api/v1/msg/broadcast", `{"eventType":"a"}`, "body payload"},
		{"/api/v1/msg/broadcast", `{"eventType":"a","payload":{},"channels":[]}`, "body channels"},
		{"/api/v1/msg/broadcast", `{"eventType":"a","payload":{},"payloadRetentionHours":0}`, "body payloadRetentionHours"},
		{"/api/v1/app/a/msg/bulk-expunge", `{"ids":["a b"]}`, "body ids [0]"},
		{"/api/v1/app/a/msg/bulk-expunge", `{"ids":"x"}`, "body ids"},
		{"/x/v1/expunge", `{}`, "body tag"},
		{"/x/v1/expunge", `{"tag":"a b"}`, "body tag"},
		{"/x/v1/expunge", `{"tag":"a","application":"nobody"}`, "body application"},
		{"/api/v1/stats/usage/app", `{"until":"2026-01-01T00:00:00Z"}`, "body since"},
		{"/api/v1/stats/usage/app", `{"since":"2026-01-01T00:00:00Z"}`, "body until"},
		{"/api/v1/stats/usage/app", `{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, "body until"},
		{"/api/v1/stats/usage/app", `{"since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","appIds":["nobody"]}`, "body appIds"},
		{"/api/v1/stats/usage/app", `{"since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","appIds":["a b"]}`, "body appIds [0]"},
	} {
		if a := r.call("POST", c.path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("POST %s %s: %d at %q %s", c.path, c.body, a.status, a.loc(), a.body)
		}
	}
	if r.woken.n != 0 {
		t.Errorf("%d tasks of what was refused", r.woken.n)
	}
	r.must(200, "PATCH", "/api/v1/app/a/endpoint/"+base[strings.LastIndexByte(base, '/')+1:], `{"disabled":true}`)
	for _, path := range []string{base + "/replay-missing", base + "/bulk-replay", own} {
		if a := r.call("POST", path, `{`+since+`}`); a.status != 400 || a.str("code") != "endpoint_disabled" {
			t.Errorf("disabled: %s: %d %s", path, a.status, a.body)
		}
	}
}

// TestReplayKinds counts and runs each kind of replay.
func TestReplayKinds(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.message(app, "") // before the endpoint is there: missing
	ep := r.endpoint(app, "")
	lost := []string{r.message(app, ""), r.message(app, `,"tags":["x"]`)}
	good := r.message(app, "")
	for _, m := range lost {
		r.exhaust(app, ep, m)
	}
	r.attempt(app, ep, good, succeed)
	own := "/x/v1/app/a/endpoint/" + ep + "/replay"
	for _, c := range []struct{ body, want string }{
		{`"which":"failed"`, "2"}, {`"which":"missing"`, "1"}, {`"which":"all"`, "3"}, {``, "2"},
		{`"which":"all","status":0`, "1"}, {`"which":"all","statusCodeClass":400`, "2"}, {`"which":"all","statusCodeClass":0`, "0"},
		{`"which":"all","tag":"x"`, "1"}, {`"which":"all","channel":"x"`, "0"}, {`"which":"all","eventTypes":["other"]`, "0"},
		{`"which":"failed","eventTypes":["user.created"]`, "2"},
	} {
		body := `{"since":"` + hourAgo() + `","dryRun":true`
		if c.body != "" {
			body += "," + c.body
		}
		a := r.must(200, "POST", own, body+"}")
		if a.str("count") != c.want || a.str("complete") != "true" || (a.str("oldest") == "null") != (c.want == "0") {
			t.Errorf("preview of %s: %s, want %s", c.body, a.body, c.want)
		}
	}
	if r.woken.n != 0 {
		t.Errorf("%d tasks of previews", r.woken.n)
	}
	r.runTasks()
	for _, c := range []struct{ path, body, kind, sent string }{
		{"/api/v1/app/a/endpoint/" + ep + "/replay-missing", ``, "endpoint.replay", "1"},
		{"/api/v1/app/a/endpoint/" + ep + "/bulk-replay", `,"tag":"x"`, "endpoint.bulk-replay", "1"},
		{own, `,"which":"all"`, "endpoint.bulk-replay", "2"}, // what waits already is left alone
	} {
		a := r.must(202, "POST", c.path, `{"since":"`+hourAgo()+`"`+c.body+`}`)
		done := r.ended(a.str("id"))
		if done.str("status") != "finished" || done.str("task") != c.kind || done.str("result.messagesSent") != c.sent || done.str("total") != c.sent {
			t.Errorf("%s: %s, want %s with %s", c.path, done.body, c.kind, c.sent)
		}
		if done.str("endpointId") != ep || done.str("appId") != app || done.str("startedAt") == "null" || done.str("eta") != "null" {
			t.Errorf("%s: %s", c.path, done.body)
		}
	}
}

// TestTaskIsSteered pauses, slows, resumes and cancels over the wire, and shows who may.
func TestTaskIsSteered(t *testing.T) {
	r := newRig(t)
	_, foreign := r.environment("other")
	app, other := r.app("a"), r.app("b")
	ep := r.endpoint(app, "")
	for range 20 {
		r.exhaust(app, ep, r.message(app, ""))
	}
	r.runTasks()
	a := r.must(202, "POST", "/x/v1/app/a/endpoint/"+ep+"/replay", `{"since":"`+hourAgo()+`","ratePerSecond":0.5}`)
	path := "/x/v1/task/" + a.str("id")
	if a.str("ratePerSecond") != "0.5" || a.str("status") != "running" {
		t.Errorf("started: %s", a.body)
	}
	own, others := r.portal(app, ""), r.portal(other, "")
	look := r.portal(app, `{"capabilities":["ViewBase"]}`)
	for _, c := range []struct {
		why, token string
		status     int
	}{{"another application's", others, 404}, {"another environment's", foreign, 404}, {"without the capability", look, 403}} {
		for _, verb := range []string{"pause", "resume", "cancel"} {
			if a := r.send(request{method: "POST", path: path + "/" + verb, token: c.token, body: "{}"}); a.status != c.status {
				t.Errorf("%s by %s token: %d %s", verb, c.why, a.status, a.body)
			}
		}
		if a := r.send(request{method: "GET", path: path, token: c.token}); a.status != c.status {
			t.Errorf("GET by %s token: %d %s", c.why, a.status, a.body)
		}
	}
	if a := r.send(request{method: "POST", path: path + "/pause", token: own, body: "{}"}); a.status != 200 || a.str("status") != "paused" {
		t.Errorf("pause by its own portal: %d %s", a.status, a.body)
	}
	id := a.str("id")
	if a := r.must(200, "GET", "/api/v1/background-task/"+id, ""); a.str("status") != "running" {
		t.Errorf("a paused task on the contract's wire: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/background-task?status=running", ""); a.str("data.0.id") != id {
		t.Errorf("the list of running: %s", a.body)
	}
	for body, loc := range map[string]string{`{"ratePerSecond":0}`: "body ratePerSecond", `{"ratePerSecond":"x"}`: "body ratePerSecond", `{"ratePerSecond":200000}`: "body ratePerSecond"} {
		if a := r.call("PATCH", path, body); a.status != 422 || a.loc() != loc {
			t.Errorf("PATCH %s: %d %s", body, a.status, a.body)
		}
	}
	if a := r.must(200, "PATCH", path, `{}`); a.str("ratePerSecond") != "0.5" {
		t.Errorf("nothing changed: %s", a.body)
	}
	if a := r.must(200, "PATCH", path, `{"ratePerSecond":2}`); a.str("ratePerSecond") != "2" || a.str("status") != "paused" {
		t.Errorf("slower: %s", a.body)
	}
	r.must(200, "POST", path+"/resume", "")
	cancelled := r.must(200, "POST", path+"/cancel", "")
	if cancelled.str("status") != "cancelled" || cancelled.str("done") != "0" { // nobody sends here, so all is taken back
		t.Errorf("cancelled: %s", cancelled.body)
	}
	if a := r.must(200, "POST", path+"/cancel", ""); a.str("status") != "cancelled" {
		t.Errorf("cancelled twice: %s", a.body)
	}
	for _, verb := range []string{"pause", "resume"} {
		if a := r.call("POST", path+"/"+verb, ""); a.status != 409 {
			t.Errorf("%s after the end: %d %s", verb, a.status, a.body)
		}
	}
	if a := r.call("PATCH", path, `{"ratePerSecond":null}`); a.status != 409 {
		t.Errorf("PATCH after the end: %d %s", a.status, a.body)
	}
	if a := r.must(200, "GET", "/api/v1/background-task?status=failed", ""); a.str("data.0.data.cancelled") != "true" {
		t.Errorf("a cancelled task on the contract's wire: %s", a.body)
	}
	if a := r.must(200, "POST", "/x/v1/app/a/endpoint/"+ep+"/replay", `{"since":"`+hourAgo()+`","dryRun":true}`); a.str("count") != "20" {
		t.Errorf("after the cancellation: %s", a.body)
	}
	// A portal does not see what else happens to its application.
	purge := r.must(202, "POST", "/api/v1/app/a/msg/expunge-all-contents", "").str("id")
	if a := r.send(request{method: "GET", path: "/x/v1/task/" + purge, token: own}); a.status != 404 {
		t.Errorf("a portal sees a purge: %d %s", a.status, a.body)
	}
}

func TestBroadcastReachesEveryApplicationOnce(t *testing.T) {
	r := newRig(t)
	r.runTasks()
	var apps []string
	for i := range 60 {
		apps = append(apps, r.app(fmt.Sprintf("a%d", i)))
	}
	r.endpoint(apps[0], "")
	r.must(202, "POST", "/api/v1/app/"+apps[3]+"/msg", `{"eventType":"a","payload":{},"eventId":"taken"}`)
	first := r.must(202, "POST", "/api/v1/msg/broadcast", `{"eventType":"a","payload":{"n": 1.0},"eventId":"taken"}`)
	done := r.ended(first.str("id"))
	if done.str("done") != "59" || done.str("failed") != "1" || done.str("total") != "60" || done.str("status") != "finished" {
		t.Errorf("task %s", done.body)
	}
	a := r.must(200, "GET", "/api/v1/background-task/"+first.str("id"), "")
	if a.str("task") != "message.broadcast" || a.str("data.messagesCreated.58.msgId") == "" {
		t.Errorf("task %s", a.body)
	}
	m := r.must(200, "GET", "/api/v1/app/"+a.str("data.messagesCreated.0.appId")+"/msg/"+a.str("data.messagesCreated.0.msgId"), "")
	if m.str("eventId") != "taken" || !strings.Contains(string(m.body), `"payload":{"n": 1.0}`) {
		t.Errorf("message %s", m.body)
	}
	for _, app := range apps {
		if list := r.must(200, "GET", "/api/v1/app/"+app+"/msg", ""); strings.Count(string(list.body), `"id":"msg_`) != 1 {
			t.Errorf("%s has %s", app, list.body)
		}
	}
}

func TestExpungeInBulk(t *testing.T) {
	r := newRig(t)
	r.runTasks()
	app, other := r.app("a"), r.app("b")
	one, two := r.message(app, `,"eventId":"two"`), r.message(app, `,"tags":["person/1"]`)
	theirs, tagged := r.message(other, ""), r.message(other, `,"tags":["x","person/1"]`)
	gone := func(app, m string) bool {
		return strings.Contains(string(r.must(200, "GET", "/api/v1/app/"+app+"/msg/"+m, "").body), `"expired"`)
	}
	a := r.must(200, "POST", "/api/v1/app/a/msg/bulk-expunge", `{"ids":["two","`+theirs+`","nobody"]}`)
	if a.str("results.two") != "expunged" || a.str("results."+theirs) != "not-found" || a.str("results.nobody") != "not-found" || !gone(app, one) || gone(other, theirs) {
		t.Errorf("bulk expunge: %s", a.body)
	}
	task := r.must(202, "POST", "/x/v1/expunge", `{"tag":"person/1","application":"b"}`)
	if done := r.ended(task.str("id")); done.str("result.messagesPurged") != "1" || gone(app, two) || !gone(other, tagged) {
		t.Errorf("of one application: %s", done.body)
	}
	task = r.must(202, "POST", "/x/v1/expunge", `{"tag":"person/1"}`)
	if done := r.ended(task.str("id")); done.str("result.messagesPurged") != "1" || !gone(app, two) || gone(other, theirs) {
		t.Errorf("of the environment: %s", done.body)
	}
	task = r.must(202, "POST", "/api/v1/app/b/msg/expunge-all-contents", "")
	if done := r.ended(task.str("id")); done.str("task") != "application.purge_content" || done.str("result.messagesPurged") != "1" || !gone(other, theirs) {
		t.Errorf("of all: %s", done.body)
	}
}

func TestUsageIsCounted(t *testing.T) {
	r := newRig(t)
	r.runTasks()
	app, other := r.app("a"), r.app("b")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	r.endpoint(app, "")
	r.endpoint(app, `,"eventTypes":["user.created"]`)
	r.message(app, "")
	r.message(app, "")
	r.message(other, "")
	window := `"since":"` + hourAgo() + `","until":"2099-01-01T00:00:00Z"`
	a := r.must(202, "POST", "/api/v1/stats/usage/app", `{`+window+`,"appIds":["a","nobody"]}`)
	if a.str("unresolvedAppIds") != `["nobody"]` {
		t.Errorf("started: %s", a.body)
	}
	r.ended(a.str("id"))
	got := r.must(200, "GET", "/api/v1/background-task/"+a.str("id"), "")
	if got.str("data.appStats") != fmt.Sprintf(`[{"appId":%q,"appUid":"a","messageDestinations":4}]`, app) {
		t.Errorf("of one: %s", got.body)
	}
	a = r.must(202, "POST", "/api/v1/stats/usage/app", `{`+window+`}`)
	if done := r.ended(a.str("id")); done.str("result.appStats.1.messageDestinations") != "0" || done.str("result.appStats.0.messageDestinations") != "4" {
		t.Errorf("of all: %s", done.body)
	}
	a = r.must(202, "PUT", "/api/v1/stats/usage/event-types", "")
	if done := r.ended(a.str("id")); done.str("result.event_types") != fmt.Sprintf(`[{"appId":%q,"explicitlySubscribedEventTypes":["user.created"],"hasCatchAllEndpoint":true}]`, app) {
		t.Errorf("event types: %s", done.body)
	}
}

func TestSendExample(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"other","description":"d"}`)
	ep := r.endpoint(app, `,"eventTypes":["other"]`)
	path := "/api/v1/app/a/endpoint/" + ep + "/send-example"
	for _, typ := range pingTypes {
		a := r.must(202, "POST", path, `{"eventType":"`+typ+`"}`)
		if a.str("payload.success") != "true" {
			t.Errorf("%s: %s", typ, a.body)
		}
		r.attempt(app, ep, a.str("id"), succeed) // it goes there whatever the endpoint subscribed to
	}
	r.must(201, "POST", "/api/v1/event-type", `{"name":"with","description":"d","schemas":{"1":{"type":"object","examples":[{"a":1.10},{"b":2},"no"]}}}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"made","description":"d","schemas":{"2":{"type":"object","properties":{"id":{"type":"string","format":"uuid"}}}}}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"text","description":"d","schemas":{"1":{"type":"string"}}}`)
	if a := r.must(202, "POST", path, `{"eventType":"with","exampleIndex":1}`); a.str("payload.b") != "2" {
		t.Errorf("second example: %s", a.body)
	}
	if a := r.must(202, "POST", path, `{"eventType":"with"}`); !strings.Contains(string(a.body), `{"a":1.10}`) {
		t.Errorf("first example: %s", a.body)
	}
	if a := r.must(202, "POST", path, `{"eventType":"made"}`); len(a.str("payload.id")) != 36 {
		t.Errorf("made from the schema: %s", a.body)
	}
	for _, body := range []string{`{"eventType":"other"}`, `{"eventType":"with","exampleIndex":2}`, `{"eventType":"with","exampleIndex":3}`, `{"eventType":"text"}`, `{"eventType":"made","exampleIndex":1}`} {
		if a := r.call("POST", path, body); a.status != 400 || a.str("code") != "invalid_scheme" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	r.must(404, "POST", path, `{"eventType":"no.such"}`)
}

// TestTestAttempt answers with the one attempt that is made.
func TestTestAttempt(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/api/v1/app/a/endpoint/" + ep + "/msg/test-attempt"
	got := make(chan answer, 1)
	go func() {
		got <- r.call("POST", path, `{"eventType":"a","payload":{"test":true},"eventId":"t"}`)
	}()
	codec := r.store.Codec()
	a, _ := codec.ParseApplication(r.env.ID, app)
	e, _ := codec.ParseEndpoint(a, ep)
	var m string
	for deadline := time.Now().Add(time.Minute); m == ""; time.Sleep(2 * time.Millisecond) {
		due, _, err := r.store.Claim(t.Context(), a, e, time.Now(), 10, nil)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("nothing is due: %v", err)
		}
		if len(due) == 1 && due[0].Delivery.Trigger == hook.Manual {
			m = codec.Message(a, due[0].Delivery.Message)
		}
	}
	r.attempt(app, ep, m, fail(500))
	x := <-got
	if x.status != 201 || x.str("msgId") != m || x.str("responseStatusCode") != "500" || x.str("status") != "2" || x.str("triggerType") != "1" {
		t.Errorf("%d %s", x.status, x.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+m, ""); a.str("payload.test") != "true" {
		t.Errorf("message %s", a.body)
	}
	if due, _, err := r.store.Claim(t.Context(), a, e, time.Now().Add(100*time.Hour), 10, nil); err != nil || len(due) != 0 {
		t.Errorf("a failed test attempt is tried again: %v %v", due, err)
	}
	if a := r.call("POST", path, `{"eventType":"a","payload":{},"eventId":"t"}`); a.status != 409 {
		t.Errorf("the same eventId: %d %s", a.status, a.body)
	}
}

func TestCancelMessages(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	m := r.message(app, "")
	r.must(204, "POST", "/api/v1/app/a/endpoint/"+ep+"/cancel-msgs", `{"createdBefore":"2020-01-01T00:00:00Z"}`)
	status := func() string {
		return r.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/msg?expanded_statuses=true", "").str("data.0.statusText")
	}
	if s := status(); s != "pending" {
		t.Errorf("a message that came later is %s", s)
	}
	r.must(204, "POST", "/api/v1/app/a/endpoint/"+ep+"/cancel-msgs", `{"createdBefore":"2099-01-01T00:00:00Z"}`)
	if s := status(); s != "canceled" {
		t.Errorf("message %s is %s", m, s)
	}
}

// TestTestAttemptIsMadeOnceForAKey sends equal requests together: one request goes out.
func TestTestAttemptIsMadeOnceForAKey(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/api/v1/app/a/endpoint/" + ep + "/msg/test-attempt"
	const together = 8
	got := make(chan answer, together)
	for range together {
		go func() {
			got <- r.call("POST", path, `{"eventType":"a","payload":{}}`, "Idempotency-Key", "k")
		}()
	}
	codec := r.store.Codec()
	a, _ := codec.ParseApplication(r.env.ID, app)
	e, _ := codec.ParseEndpoint(a, ep)
	rows, messages := 0, map[string]bool{}
	for answered := 0; answered < together; {
		select {
		case x := <-got:
			if x.status != 201 {
				t.Errorf("%d %s", x.status, x.body)
			}
			messages[x.str("msgId")] = true
			answered++
		case <-time.After(2 * time.Millisecond):
			due, _, err := r.store.Claim(t.Context(), a, e, time.Now(), 10, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range due {
				rows++
				r.attempt(app, ep, codec.Message(a, d.Delivery.Message), func(*hook.Attempt) {})
			}
		}
	}
	if rows != 1 || len(messages) != 1 {
		t.Errorf("%d attempts of %d messages", rows, len(messages))
	}
}

// TestSteeringIsLogged: the audit log names who paused, slowed and cancelled a task.
func TestSteeringIsLogged(t *testing.T) {
	r := newRig(t)
	r.runTasks()
	app := r.app("a")
	ep := r.endpoint(app, "")
	for range 3 {
		r.exhaust(app, ep, r.message(app, ""))
	}
	portal := r.portal(app, `{"sessionId":"jane"}`)
	id := r.must(202, "POST", "/x/v1/app/a/endpoint/"+ep+"/replay", `{"since":"`+hourAgo()+`","which":"failed","ratePerSecond":0.1}`).str("id")
	for _, q := range []request{
		{method: "PATCH", path: "/x/v1/task/" + id, body: `{"ratePerSecond":0.2}`},
		{method: "POST", path: "/x/v1/task/" + id + "/pause"}, {method: "POST", path: "/x/v1/task/" + id + "/cancel"},
	} {
		q.token = portal
		if a := r.send(q); a.status != 200 {
			t.Fatalf("%s %s: %d %s", q.method, q.path, a.status, a.body)
		}
	}
	log := r.must(200, "GET", "/x/v1/audit?noun=task", "")
	for i, want := range []string{"cancelled", "paused", "0.2"} {
		row := fmt.Sprintf("data.%d.", i)
		if log.str(row+"actor.kind") != "portal" || !strings.Contains(log.str(row+"after"), want) {
			t.Errorf("entry %d: %s by %s", i, log.str(row+"after"), log.str(row+"actor.kind"))
		}
	}
}

// TestOpenTasksAreBounded: who has many that have not ended gets no more, and others do.
func TestOpenTasksAreBounded(t *testing.T) {
	r := newRig(t) // nothing works on tasks
	start := func(app string) answer {
		return r.call("POST", "/api/v1/app/"+app+"/msg/expunge-all-contents", "")
	}
	r.app("a")
	r.app("b")
	for range hook.MaxOpenTasks {
		if a := start("a"); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := start("a"); a.status != 400 || a.str("code") != "limit_reached" {
		t.Errorf("one too many: %d %s", a.status, a.body)
	}
	if a := start("b"); a.status != 202 {
		t.Errorf("another application: %d %s", a.status, a.body)
	}
}
