package httpapi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// fifo makes a destination and returns its id.
func (r *rig) fifo(app, more string) string {
	return r.must(201, "POST", "/api/v1/app/"+app+"/destination", `{"type":"fifoEndpoint","config":{"url":"https://example.com/d"}`+more+`}`).str("id")
}

func TestDestinationIsMadeShownAndChanged(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"a.b","description":"d"}`)
	app := r.app("a")
	path := "/api/v1/app/a/destination"
	a := r.must(201, "POST", path, `{"type":"fifoEndpoint","uid":"erp","batchSize":5,"maxWaitSecs":2,"eventTypes":["a.b"],"metadata":{"k":"v"},
		"config":{"url":"https://example.com/d","headers":{"X-A":"b","Authorization":"secret"},"key":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}}`)
	id := a.str("id")
	for key, want := range map[string]string{
		"status": "enabled", "batchSize": "5", "maxWaitSecs": "2", "eventTypes": `["a.b"]`, "metadata.k": "v", "type": "fifoEndpoint",
		"config.url": "https://example.com/d", "config.headers.headers": `{"X-A":"b"}`, "config.headers.sensitive": `["Authorization"]`, "currentIterator": "",
	} {
		if got := a.str(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if !strings.HasPrefix(id, "sink_") || strings.Contains(string(a.body), "whsec") {
		t.Errorf("made: %s", a.body)
	}
	if got := r.must(200, "GET", path+"/erp/secret", "").str("key"); got != "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" {
		t.Errorf("its secret is %q", got)
	}
	// It is no endpoint, and an endpoint is no destination.
	ep := r.endpoint(app, `,"uid":"erp"`)
	if got := r.call("GET", "/api/v1/app/a/endpoint/"+id, "").status; got != 404 {
		t.Errorf("as an endpoint: %d", got)
	}
	if got := r.call("GET", path+"/"+ep, "").status; got != 404 {
		t.Errorf("an endpoint as a destination: %d", got)
	}
	if got := r.must(200, "GET", "/api/v1/app/a/endpoint", "").str("data.1.id"); got != "" {
		t.Errorf("among the endpoints: %s", got)
	}
	if got := r.must(200, "GET", path, "").str("data.0.id"); got != id {
		t.Errorf("listed: %s", got)
	}
	// What a replacement does not say is the default; key, secret and order's own fields stay.
	r.must(200, "PUT", "/x/v1/app/a/destination/erp/order", `{"key":"order.id","skipAfter":3,"batchSize":7,"lines":true}`)
	a = r.must(200, "PUT", path+"/erp", `{"type":"fifoEndpoint","uid":"erp","config":{"url":"https://example.com/e"}}`)
	if a.str("batchSize") != "100" || a.str("config.url") != "https://example.com/e" || a.str("eventTypes") != "[]" {
		t.Errorf("replaced: %s", a.body)
	}
	if a := r.must(200, "GET", "/x/v1/app/a/destination/erp/order", ""); string(a.body) != `{"key":"order.id","skipAfter":3,"batchSize":100,"maxWaitSecs":0,"lines":true}` {
		t.Errorf("its order: %s", a.body)
	}
	a = r.must(200, "PATCH", path+"/erp", `{"status":"disabled","maxWaitSecs":9,"uid":null,"channels":["c"]}`)
	if a.str("status") != "disabled" || a.str("maxWaitSecs") != "9" || a.str("uid") == "erp" || a.str("batchSize") != "100" || a.str("channels") != `["c"]` {
		t.Errorf("patched: %s", a.body)
	}
	if got := r.must(200, "PATCH", path+"/"+id+"/headers", `{"headers":{"X-A":null,"X-B":"c"}}`).str("headers"); got != `{"X-B":"c"}` {
		t.Errorf("its headers: %s", got)
	}
	if a := r.must(200, "POST", path+"/"+id+"/secret/rotate", `{}`); string(a.body) != "{}" {
		t.Errorf("rotated: %s", a.body)
	}
	r.restart()
	if got := r.must(200, "GET", path+"/"+id, "").str("maxWaitSecs"); got != "9" {
		t.Errorf("after a restart it waits %s s", got)
	}
	r.must(204, "DELETE", path+"/"+id, "")
	if got := r.call("GET", path+"/"+id, "").status; got != 404 {
		t.Errorf("deleted: %d", got)
	}
	r.must(201, "PUT", path+"/new", `{"type":"pollingEndpoint","uid":"new"}`)
}

func TestDestinationNamesTheBrokenField(t *testing.T) {
	r := newRig(t)
	r.app("a")
	path := "/api/v1/app/a/destination"
	id := r.fifo("a", "")
	poll := r.must(201, "POST", path, `{"type":"pollingEndpoint"}`).str("id")
	const url = `"config":{"url":"https://example.com/"}`
	for _, c := range []struct {
		method, path, body string
		status             int
		loc                string
	}{
		{"POST", "", `{}`, 422, "body type"},
		{"POST", "", `{"type":"carrierPigeon"}`, 422, "body type"},
		{"POST", "", `{"type":"amazonS3","config":{}}`, 501, ""},
		{"POST", "", `{"type":"fifoEndpoint"}`, 422, "body config"},
		{"POST", "", `{"type":"fifoEndpoint","config":{}}`, 422, "body config url"},
		{"POST", "", `{"type":"fifoEndpoint","config":{"url":"ftp://example.com/"}}`, 422, "body config url"},
		{"POST", "", `{"type":"fifoEndpoint","config":{"url":"https://example.com/","key":"short"}}`, 422, "body config key"},
		{"POST", "", `{"type":"fifoEndpoint","config":{"url":"https://example.com/","headers":{"Content-Length":"1"}}}`, 422, "body config headers Content-Length"},
		{"POST", "", `{"type":"pollingEndpoint",` + url + `}`, 422, "body config"},
		{"POST", "", `{"type":"fifoEndpoint","batchSize":0,` + url + `}`, 422, "body batchSize"},
		{"POST", "", `{"type":"fifoEndpoint","batchSize":1001,` + url + `}`, 422, "body batchSize"},
		{"POST", "", `{"type":"fifoEndpoint","maxWaitSecs":301,` + url + `}`, 422, "body maxWaitSecs"},
		{"POST", "", `{"type":"fifoEndpoint","maxWaitSecs":-1,` + url + `}`, 422, "body maxWaitSecs"},
		{"POST", "", `{"type":"fifoEndpoint","status":"paused",` + url + `}`, 422, "body status"},
		{"POST", "", `{"type":"fifoEndpoint","uid":"a.b",` + url + `}`, 422, "body uid"},
		{"POST", "", `{"type":"fifoEndpoint","uid":"sink_x",` + url + `}`, 422, "body uid"},
		{"POST", "", `{"type":"fifoEndpoint","eventTypes":["no.such"],` + url + `}`, 422, "body eventTypes"},
		{"PUT", "/" + id, `{"type":"pollingEndpoint"}`, 422, "body type"},
		{"PUT", "/" + id, `{"type":"fifoEndpoint","config":{"url":"https://example.com/","key":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}}`, 422, "body config key"},
		{"PATCH", "/" + id, `{"type":"sqs"}`, 501, ""},
		{"PATCH", "/" + id, `{"batchSize":0}`, 422, "body batchSize"},
		{"PATCH", "/" + id, `{"config":{"url":null}}`, 422, "body config url"},
		{"PATCH", "/" + id, `{"config":{"url":"x"}}`, 422, "body config url"},
		{"PATCH", "/" + poll, `{"config":{"url":"https://example.com/"}}`, 422, "body config"},
		{"PATCH", "/" + poll + "/headers", `{"headers":{"A":"b"}}`, 422, "body headers"},
		{"POST", "/" + id + "/skip", `{"iterator":"nonsense"}`, 422, "body iterator"},
	} {
		a := r.call(c.method, path+c.path, c.body)
		if a.status != c.status || c.loc != "" && a.loc() != c.loc {
			t.Errorf("%s %s: %d at %q %s", c.method, c.body, a.status, a.loc(), a.body)
		}
	}
	own := "/x/v1/app/a/destination/" + id + "/order"
	for _, c := range []struct{ body, loc string }{
		{`{"key":"a..b"}`, "body key"},
		{`{"skipAfter":-1}`, "body skipAfter"},
		{`{"skipAfter":101}`, "body skipAfter"},
		{`{"batchSize":-1}`, "body batchSize"},
		{`{"batchSize":1001}`, "body batchSize"},
		{`{"batchSize":2,"maxWaitSecs":301}`, "body maxWaitSecs"},
	} {
		if a := r.call("PUT", own, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("order %s: %d at %q %s", c.body, a.status, a.loc(), a.body)
		}
	}
}

// TestLineOfADestination shows, hurries and skips what waits.
func TestLineOfADestination(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	id := r.fifo("a", "")
	path := "/api/v1/app/a/destination/" + id
	for _, at := range []string{"/next-event", "/last-acked-event"} {
		if got := r.call("GET", path+at, "").status; got != 404 {
			t.Errorf("%s of an empty line: %d", at, got)
		}
	}
	var ids []string
	for i := range 5 {
		ids = append(ids, r.must(202, "POST", "/api/v1/app/a/msg", fmt.Sprintf(`{"eventType":"a.b","payload":{"n":%d}}`, i)).str("id"))
	}
	if a := r.must(200, "GET", path+"/next-event", ""); a.str("payload") != `{"n":0}` || a.str("eventType") != "a.b" {
		t.Errorf("at the head: %s", a.body)
	}
	end := func(o hook.Outcome) {
		t.Helper()
		d := r.head(app, id)
		a := &hook.Attempt{ID: hook.AttemptID(r.store.NewKey()), Message: d.Message.ID, Application: d.Delivery.Application, Endpoint: d.Delivery.Endpoint, StartedAt: time.Now(), N: 1, Outcome: o, URL: "https://example.com/d", Took: 3 * time.Millisecond}
		if o != hook.Success {
			a.Reason = hook.ReasonServer
		}
		next := d.Delivery.After(a, []time.Duration{time.Hour}, time.Now(), 0.5)
		a.NextAt = next.NextAt()
		done := make(chan error, 1)
		r.store.Finish(&store.Finished{Delivery: next, Row: d.Row, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	end(hook.Success)
	end(hook.Failed)
	a := r.must(200, "GET", path, "")
	if a.str("status") != "retrying" || a.str("currentIterator") != ids[0] || a.str("failureReason") != "server" || a.str("nextRetryAt") == "" {
		t.Errorf("with a head that failed: %s", a.body)
	}
	list := r.must(200, "GET", path+"/attempt", "")
	if list.str("data.0.firstMsgId") != ids[1] || list.str("data.1.lastMsgId") != ids[0] || list.str("data.1.status") != "0" || list.str("data.0.numEvents") != "1" || list.str("data.0.destinationId") != id {
		t.Errorf("its attempts: %s", list.body)
	}
	one := r.must(200, "GET", path+"/attempt/"+list.str("data.1.id"), "")
	if one.str("id") != list.str("data.1.id") || one.str("firstMsgId") != ids[0] {
		t.Errorf("one attempt: %s", one.body)
	}
	// Histories of messages name it by its own id, too.
	of := r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+ids[0], "")
	if of.str("data.0.hookloft.destinationId") != id || r.must(200, "GET", "/api/v1/app/a/msg/"+ids[0]+"/attempt/"+of.str("data.0.id"), "").str("hookloft.destinationId") != id {
		t.Errorf("the attempts of a message: %s", of.body)
	}
	if got := r.must(200, "GET", "/api/v1/app/a/msg/"+ids[0]+"/endpoint", "").str("data.0.hookloft.destinationId"); got != id {
		t.Errorf("where a message went: %s", got)
	}
	if got := r.must(200, "GET", "/api/v1/app/a/attempt/endpoint/"+id, "").str("data.1.msgId"); got != ids[0] {
		t.Errorf("its attempts by endpoint: %s", got)
	}
	if got := r.call("GET", path+"/attempt/sinkatmpt_"+strings.Repeat("0", 22), "").status; got != 404 {
		t.Errorf("an unknown attempt: %d", got)
	}
	r.must(204, "POST", path+"/force-retry", "")
	if len(r.lanes.hurried) != 1 {
		t.Errorf("hurried: %v", r.lanes.hurried)
	}
	r.must(204, "POST", path+"/skip", "")
	if got := r.must(200, "GET", path+"/next-event", "").str("payload"); got != `{"n":2}` {
		t.Errorf("after a skip: %s", got)
	}
	r.must(204, "POST", path+"/skip", `{"iterator":"`+ids[3]+`"}`)
	if got := r.must(200, "GET", path+"/next-event", "").str("payload"); got != `{"n":4}` {
		t.Errorf("after a skip up to a message: %s", got)
	}
	if got := r.must(200, "GET", path+"/last-acked-event", "").str("payload"); got != `{"n":0}` {
		t.Errorf("acknowledged: %s", got)
	}
	d, err := r.store.Deliveries(context.Background(), mustApp(r, app), r.head(app, id).Message.ID)
	if err != nil || len(d) != 1 || d[0].State != hook.Pending {
		t.Errorf("the last one: %+v, %v", d, err)
	}
	r.must(204, "POST", path+"/skip", "")
	r.must(204, "POST", path+"/skip", "")
	if got := r.call("GET", path+"/next-event", "").status; got != 404 {
		t.Errorf("at the end: %d", got)
	}
}

// TestBacklogHidesNothingAndIsNotWalked: what was acknowledged last is behind all that waits.
func TestBacklogHidesNothingAndIsNotWalked(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	id := r.fifo("a", "")
	path := "/api/v1/app/a/destination/" + id
	first := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a.b","payload":{"n":0}}`).str("id")
	d := r.head(app, id)
	a := &hook.Attempt{ID: hook.AttemptID(r.store.NewKey()), Message: d.Message.ID, Application: d.Delivery.Application, Endpoint: d.Delivery.Endpoint, StartedAt: time.Now(), N: 1, Outcome: hook.Success, URL: "https://example.com/d"}
	done := make(chan error, 1)
	r.store.Finish(&store.Finished{Delivery: d.Delivery.After(a, nil, time.Now(), 0.5), Row: d.Row, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	const publishers = 20
	var all sync.WaitGroup
	for range publishers {
		all.Go(func() {
			for range maxAckedLook/publishers + 1 {
				r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a.b","payload":{}}`)
			}
		})
	}
	all.Wait()
	if got := r.must(200, "GET", path, "").str("currentIterator"); got != first {
		t.Errorf("acknowledged %q behind a backlog, want %q", got, first)
	}
	if got := r.must(200, "GET", "/api/v1/app/a/destination", "").str("data.0.currentIterator"); got != first {
		t.Errorf("acknowledged %q in the list, want %q", got, first)
	}
	if got := r.must(200, "GET", path+"/last-acked-event", "").str("payload"); got != `{"n":0}` {
		t.Errorf("acknowledged last: %s", got)
	}
}

// head returns what stands at the head of a destination's lines.
func (r *rig) head(app, destination string) store.Due {
	r.t.Helper()
	a := mustApp(r, app)
	e, err := r.store.Destination(context.Background(), a, destination)
	if err != nil {
		r.t.Fatal(err)
	}
	due, _, err := r.store.Claim(context.Background(), a, e.ID, time.Now().Add(time.Hour), 1, nil)
	if err != nil || len(due) != 1 {
		r.t.Fatalf("the head: %d, %v", len(due), err)
	}
	return due[0]
}

// TestOrderOfAnEndpoint: any endpoint can be ordered, also one of a source.
func TestOrderOfAnEndpoint(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	src := r.source("s", "github", `{}`)
	se := r.must(201, "POST", "/ingest/api/v1/source/"+src+"/endpoint", `{"url":"https://example.com/"}`).str("id")
	for _, path := range []string{"/x/v1/app/a/endpoint/" + ep + "/order", "/x/v1/source/s/endpoint/" + se + "/order"} {
		if got := r.call("GET", path, "").status; got != 404 {
			t.Errorf("%s before: %d", path, got)
		}
		const want = `{"key":"order.id","skipAfter":2,"batchSize":0,"maxWaitSecs":0,"lines":false}`
		if a := r.must(200, "PUT", path, `{"key":"order.id","skipAfter":2}`); string(a.body) != want {
			t.Errorf("%s set: %s", path, a.body)
		}
		if a := r.must(200, "GET", path, ""); string(a.body) != want {
			t.Errorf("%s: %s", path, a.body)
		}
		r.must(204, "POST", path+"/retry", "")
		r.must(204, "POST", path+"/skip", "")
		r.must(204, "DELETE", path, "")
		if got := r.call("GET", path, "").status; got != 404 {
			t.Errorf("%s after: %d", path, got)
		}
	}
	if a := r.call("PUT", "/x/v1/source/s/endpoint/"+se+"/order", `{"batchSize":2}`); a.status != 422 || a.loc() != "body batchSize" {
		t.Errorf("batches of a source: %d %s", a.status, a.body)
	}
}

// TestFeaturesThatExcludeEachOther: each alone is taken, and whichever comes second is not.
func TestFeaturesThatExcludeEachOther(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	const latest, order, connector = "/latest", "/order", "/connector"
	bodies := map[string]string{latest: `{"windowSeconds":5}`, order: `{"batchSize":5}`, connector: `{"name":"slack"}`}
	for _, pair := range [][2]string{{latest, order}, {order, latest}, {connector, order}, {order, connector}} {
		at := "/x/v1/app/a/endpoint/" + r.endpoint(app, "")
		r.must(200, "PUT", at+pair[0], bodies[pair[0]])
		if a := r.must(409, "PUT", at+pair[1], bodies[pair[1]]); a.str("detail") == "" {
			t.Errorf("%s after %s: %s", pair[1], pair[0], a.body)
		}
	}
	polling := r.must(201, "POST", "/api/v1/app/a/destination", `{"type":"pollingEndpoint"}`).str("id")
	r.must(409, "PUT", "/x/v1/app/a/destination/"+polling+"/order", `{"key":"k"}`)
}

// TestSkipLeavesWhatIsScheduled: what is due later stands in no line yet.
func TestSkipLeavesWhatIsScheduled(t *testing.T) {
	r := newRig(t)
	d := r.fifo(r.app("a"), "")
	at := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	m := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a.b","payload":{},"deliverAt":"`+at+`"}`).str("id")
	r.must(404, "GET", "/api/v1/app/a/destination/"+d+"/next-event", "")
	r.must(204, "POST", "/api/v1/app/a/destination/"+d+"/skip", "")
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+m+"/endpoint", ""); a.str("data.0.status") != "1" {
		t.Errorf("what is scheduled: %s", a.body)
	}
}
