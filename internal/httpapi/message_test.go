package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// stored returns a message as the store holds it.
func (r *rig) stored(app, message string) *hook.Message {
	r.t.Helper()
	codec := r.store.Codec()
	a, _ := codec.ParseApplication(r.env.ID, app)
	id, ok := codec.ParseMessage(a, message)
	if !ok {
		r.t.Fatalf("bad id %s", message)
	}
	m, err := r.store.Message(context.Background(), a, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func TestMessageLife(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.endpoint(app, "")
	const list = "/api/v1/app/a/msg"
	a := r.must(202, "POST", list+"/", `{"eventType":"user.created","eventId":"e1","payload":{"b":1,"a":1.10},"channels":["c"],"tags":["t/1"]}`)
	for field, want := range map[string]string{"eventType": "user.created", "eventId": "e1", "channels": `["c"]`, "tags": `["t/1"]`, "deliverAt": "null"} {
		if got := a.str(field); got != want {
			t.Errorf("%s = %s, want %s", field, got, want)
		}
	}
	id := a.str("id")
	if at, err := time.Parse(time.RFC3339, a.str("timestamp")); err != nil || time.Since(at).Abs() > time.Minute || !strings.HasSuffix(a.str("timestamp"), "Z") {
		t.Errorf("timestamp %s: %v", a.str("timestamp"), err)
	}
	bare := r.must(202, "POST", list+"?with_content=false", `{"eventType":"user.deleted","payload":{"a":1}}`)
	if bare.str("payload") != "{}" || bare.str("channels") != "null" || bare.str("tags") != "null" || bare.str("eventId") != "null" {
		t.Errorf("without content: %s", bare.body)
	}
	if a := r.must(200, "GET", list+"/"+id, ""); !bytes.Contains(a.body, []byte(`"payload":{"b":1,"a":1.10}`)) {
		t.Errorf("payload changed: %s", a.body)
	}
	if a := r.must(200, "GET", list+"/e1", ""); a.str("id") != id {
		t.Errorf("found by eventId: %s, want %s", a.body, id)
	}
	r.must(404, "GET", list+"/e2", "")
	if a := r.must(200, "GET", list+"/"+id+"?with_content=false", ""); a.str("payload") != "{}" {
		t.Errorf("get without content: %s", a.body)
	}
	for query, want := range map[string]int{
		"": 2, "event_types=user.created": 1, "event_types=user.created,user.deleted": 2, "event_types=user.created&event_types=user.deleted": 2,
		"event_types[]=user.created": 1, "event_types[0]=user.created&event_types[1]=user.deleted": 2, "event_types=none": 0,
		"channel=c": 1, "channel=d": 0, "tag=t/1": 1, "tag=t": 0,
		"before=" + hourAgo(): 0, "after=" + hourAgo(): 2, "after=2099-01-01T00:00:00Z": 0,
	} {
		a := r.must(200, "GET", list+"?"+query, "")
		if got := bytes.Count(a.body, []byte(`"eventType"`)); got != want {
			t.Errorf("%s: %d messages, want %d: %s", query, got, want, a.body)
		}
	}
	if a := r.must(200, "GET", list, ""); a.str("data.1.id") != id {
		t.Errorf("the newest is not first: %s", a.body)
	}
	r.must(204, "DELETE", list+"/"+id+"/content", "")
	if a := r.must(200, "GET", list+"/"+id, ""); !bytes.Contains(a.body, []byte(`"payload":{"expired": true}`)) || a.str("eventId") != "e1" {
		t.Errorf("expunged: %s", a.body)
	}
	r.must(404, "GET", list+"/msg_"+strings.Repeat("0", 27), "")
	r.must(404, "GET", list+"/"+strings.Repeat("e", 10000), "")
}

// TestMessagesPage walks forwards and backwards, and picks what is nearest to after.
func TestMessagesPage(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	var ids []string // the newest first
	for range 7 {
		ids = append([]string{r.message(app, "")}, ids...)
	}
	list := "/api/v1/app/" + app + "/msg?limit=3"
	page := func(query string) (got []string, a answer) {
		t.Helper()
		a = r.must(200, "GET", list+query, "")
		for i := range 3 {
			if id := a.str(fmt.Sprintf("data.%d.id", i)); id != "" {
				got = append(got, id)
			}
		}
		return got, a
	}
	check := func(why string, got, want []string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", why, got, want)
		}
	}
	got, a := page("")
	check("first page", got, ids[0:3])
	got, a = page("&iterator=" + a.str("iterator"))
	check("second page", got, ids[3:6])
	back := a.str("prevIterator")
	got, a = page("&iterator=" + a.str("iterator"))
	check("last page", got, ids[6:])
	if a.str("done") != "true" {
		t.Errorf("last page: %s", a.body)
	}
	got, a = page("&iterator=" + back)
	check("back to the first", got, ids[0:3])
	if a.str("done") != "true" {
		t.Errorf("back: %s", a.body)
	}
	got, a = page("&after=" + hourAgo())
	check("the oldest after a time, newest first", got, ids[4:7])
	if a.str("done") != "false" {
		t.Errorf("after: %s", a.body)
	}
	got, _ = page("&after=" + hourAgo() + "&iterator=" + a.str("prevIterator"))
	check("on to newer ones", got, ids[1:4])
}

func TestMessageRules(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	now := time.Now()
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
	for _, c := range []struct {
		why, fields string
		status      int
		loc         string
	}{
		{"no event type", `"payload":{}`, 422, "body eventType"},
		{"event type null", `"eventType":null,"payload":{}`, 422, "body eventType"},
		{"event type empty", `"eventType":"","payload":{}`, 422, "body eventType"},
		{"event type a number", `"eventType":1,"payload":{}`, 422, "body eventType"},
		{"event type with a line break", `"eventType":"a\r\nX: 1","payload":{}`, 422, "body eventType"},
		{"unknown event type is accepted", `"eventType":"no.such.type","payload":{}`, 202, ""},
		{"no payload", `"eventType":"t"`, 422, "body payload"},
		{"payload a list", `"eventType":"t","payload":[]`, 422, "body payload"},
		{"payload null", `"eventType":"t","payload":null`, 422, "body payload"},
		{"payload a string", `"eventType":"t","payload":"{}"`, 422, "body payload"},
		{"data stands for payload", `"eventType":"t","data":{"a":1}`, 202, ""},
		{"payload twice", `"eventType":"t","payload":{},"payload":{}`, 422, "body payload"},
		{"no channels", `"eventType":"t","payload":{},"channels":[]`, 422, "body channels"},
		{"channels null", `"eventType":"t","payload":{},"channels":null`, 202, ""},
		{"channels a string", `"eventType":"t","payload":{},"channels":"c"`, 422, "body channels"},
		{"bad channel", `"eventType":"t","payload":{},"channels":["a","b c"]`, 422, "body channels [1]"},
		{"6 tags", `"eventType":"t","payload":{},"tags":["1","2","3","4","5","6"]`, 422, "body tags"},
		{"bad tag", `"eventType":"t","payload":{},"tags":["a b"]`, 422, "body tags [0]"},
		{"no tags", `"eventType":"t","payload":{},"tags":[]`, 202, ""},
		{"bad eventId", `"eventType":"t","payload":{},"eventId":"a b"`, 422, "body eventId"},
		{"eventId empty", `"eventType":"t","payload":{},"eventId":""`, 422, "body eventId"},
		{"eventId with the prefix of ids", `"eventType":"t","payload":{},"eventId":"msg_1"`, 422, "body eventId"},
		{"deliverAt no date", `"eventType":"t","payload":{},"deliverAt":"2024-13-45T00:00:00Z"`, 422, "body deliverAt"},
		{"deliverAt too soon", `"eventType":"t","payload":{},"deliverAt":"` + at(time.Second) + `"`, 422, "body deliverAt"},
		{"deliverAt too late", `"eventType":"t","payload":{},"deliverAt":"` + at(25*time.Hour) + `"`, 422, "body deliverAt"},
		{"deliverAt", `"eventType":"t","payload":{},"deliverAt":"` + at(time.Hour) + `"`, 202, ""},
		{"91 days", `"eventType":"t","payload":{},"payloadRetentionPeriod":91`, 422, "body payloadRetentionPeriod"},
		{"0 hours", `"eventType":"t","payload":{},"payloadRetentionHours":0`, 422, "body payloadRetentionHours"},
		{"days and hours", `"eventType":"t","payload":{},"payloadRetentionPeriod":1,"payloadRetentionHours":1`, 422, "body payloadRetentionHours"},
		{"days and hours null", `"eventType":"t","payload":{},"payloadRetentionPeriod":1,"payloadRetentionHours":null`, 202, ""},
		{"parameters no object", `"eventType":"t","payload":{},"transformationsParams":"x"`, 422, "body transformationsParams"},
		{"raw payload no string", `"eventType":"t","payload":{},"transformationsParams":{"rawPayload":1}`, 422, "body transformationsParams rawPayload"},
		{"content type with a line break", `"eventType":"t","payload":{},"transformationsParams":{"headers":{"content-type":"a\r\nb"}}`, 422, "body transformationsParams headers content-type"},
		{"more fields than anybody needs", `"eventType":"t","payload":{}` + manyFields(300), 422, "body"},
		{"inline application without uid", `"eventType":"t","payload":{},"application":{"name":"n"}`, 422, "body application uid"},
		{"inline application of another uid", `"eventType":"t","payload":{},"application":{"name":"n","uid":"x"}`, 422, "body application uid"},
	} {
		a := r.call("POST", "/api/v1/app/a/msg", "{"+c.fields+"}")
		if a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q: %s", c.why, a.status, a.loc(), a.body)
		}
	}
	if a := r.call("POST", "/api/v1/app/a/msg", `{"eventType":"t","payload":{},"application":{"name":"n"}}`); a.str("detail.0.type") != "application_uid_missing" {
		t.Errorf("type of a missing uid: %s", a.body)
	}
	if a := r.call("POST", "/api/v1/app/a/msg", `{"eventType":"t","payload":{},"application":{"name":"n","uid":"x"}}`); a.str("detail.0.type") != "application_uid_mismatch" {
		t.Errorf("type of another uid: %s", a.body)
	}
	if a := r.call("POST", "/api/v1/app/none/msg", `{"eventType":"t","payload":{}}`); a.status != 404 || a.str("detail") != "Application not found" {
		t.Errorf("unknown application: %d %s", a.status, a.body)
	}
	_ = app
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":0`, i)
	}
	return b.String()
}

// TestBytesAreSacred publishes payloads that a parser and encoder would change.
func TestBytesAreSacred(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	for name, payload := range map[string]string{
		"number text":         `{"n":1.10,"e":1e5,"big":123456789012345678901234567890}`,
		"key order":           `{"b":1,"a":2}`,
		"white space":         "{  \"x\" :\n\t1 }",
		"lone surrogate":      `{"s":"\ud800"}`,
		"escapes":             `{"s":"\u0061\/"}`,
		"duplicate keys":      `{"a":1,"a":2}`,
		"a giant number":      `{"n":1e1000000000}`,
		"text in any script":  `{"s":"żółć 🚀"}`,
		"line separator":      "{\"s\":\"a\u2028b\"}",
		"nothing":             `{}`,
		"127 levels of depth": strings.Repeat(`{"a":`, 126) + `1` + strings.Repeat(`}`, 126),
	} {
		start := time.Now()
		a := r.must(202, "POST", "/api/v1/app/a/msg", `{ "eventType":"t" , "payload": `+payload+` }`)
		if !bytes.Contains(a.body, []byte(`"payload":`+payload+`,`)) {
			t.Errorf("%s: answered %s", name, a.body)
		}
		if got := r.stored(app, a.str("id")); string(got.Payload) != payload {
			t.Errorf("%s: stored %q", name, got.Payload)
		}
		if a := r.must(200, "GET", "/api/v1/app/a/msg/"+a.str("id"), ""); !bytes.Contains(a.body, []byte(`"payload":`+payload+`,`)) {
			t.Errorf("%s: read %s", name, a.body)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

// TestRawPayload shows that a body of any kind can be sent.
func TestRawPayload(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	a := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"t","payload":{},"transformationsParams":{"rawPayload":"<a>\u00e9</a>","headers":{"Content-Type":"text/xml"},"other":[1]}}`)
	m := r.stored(app, a.str("id"))
	if string(m.RawBody) != "<a>é</a>" || m.ContentType != "text/xml" || string(m.Payload) != "{}" {
		t.Errorf("stored %q of type %q, payload %s", m.RawBody, m.ContentType, m.Payload)
	}
	a = r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"t","payload":{},"payloadRetentionHours":2}`)
	if left := time.Until(r.stored(app, a.str("id")).ContentExpiresAt); left < 119*time.Minute || left > 121*time.Minute {
		t.Errorf("content is kept for %s, want 2h", left)
	}
}

func TestInlineApplication(t *testing.T) {
	r := newRig(t)
	const body = `{"eventType":"t","payload":{},"application":{"name":"Inline","uid":"new"}}`
	r.must(202, "POST", "/api/v1/app/new/msg", body)
	if a := r.must(200, "GET", "/api/v1/app/new", ""); a.str("name") != "Inline" {
		t.Errorf("created %s", a.body)
	}
	r.must(202, "POST", "/api/v1/app/new/msg", strings.Replace(body, "Inline", "Ignored", 1))
	if a := r.must(200, "GET", "/api/v1/app/new", ""); a.str("name") != "Inline" {
		t.Errorf("an application that exists was changed: %s", a.body)
	}
	if a := r.call("POST", "/api/v1/app/fresh/msg", `{"eventType":"t","payload":{},"application":{"name":"","uid":"fresh"}}`); a.status != 422 || a.loc() != "body application name" {
		t.Errorf("bad inline application: %d %s", a.status, a.body)
	}
	r.must(404, "GET", "/api/v1/app/fresh", "")
}

func TestPrecheck(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	const path = "/api/v1/app/a/msg/precheck/active"
	active := func(body string) string { return r.must(200, "POST", path, body).str("active") }
	if got := active(`{"eventType":"x.y"}`); got != "false" {
		t.Errorf("without endpoints: %s", got)
	}
	r.must(201, "POST", "/api/v1/event-type", `{"name":"x.y","description":""}`)
	e := r.endpoint(app, `,"eventTypes":["x.y"],"channels":["c"]`)
	for body, want := range map[string]string{
		`{"eventType":"x.y","channels":["c","d"]}`: "true", `{"eventType":"x.y"}`: "false", `{"eventType":"x.z","channels":["c"]}`: "false",
		`{"eventType":"x.y","channels":["d"]}`: "false",
	} {
		if got := active(body); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	r.must(200, "PATCH", "/api/v1/app/a/endpoint/"+e, `{"disabled":true}`)
	if got := active(`{"eventType":"x.y","channels":["c"]}`); got != "false" {
		t.Errorf("disabled: %s", got)
	}
	r.must(422, "POST", path, `{"eventType":"x.y","channels":[]}`)
	r.must(422, "POST", path, `{}`)
}
