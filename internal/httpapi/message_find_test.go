package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// found returns the ids of a page.
func (a answer) found() (ids []string) {
	for i := 0; a.str(fmt.Sprintf("data.%d.id", i)) != ""; i++ {
		ids = append(ids, a.str(fmt.Sprintf("data.%d.id", i)))
	}
	return ids
}

func TestFindMessages(t *testing.T) {
	r := newRig(t)
	_, foreign := r.environment("other")
	a, b := r.app("a"), r.app("b")
	ea, eb := r.endpoint(a, ""), r.endpoint(b, "")
	publish := func(app, typ, payload, more string) string {
		return r.must(202, "POST", "/api/v1/app/"+app+"/msg", `{"eventType":"`+typ+`","payload":`+payload+more+`}`).str("id")
	}
	one := publish(a, "order.paid", `{"order":{"id":123,"big":12345678901234567890}}`, `,"tags":["t"],"channels":["c"]`)
	two := publish(b, "order.paid", `{"order":{"id":"123"}}`, "")
	three := publish(a, "order.sent", `{"items":[{"sku":"x"},{"sku":"y"}],"card":{"number":"4111"}}`, "")
	r.attempt(a, ea, one, succeed)
	r.attempt(b, eb, two, fail(500))
	gone := r.app("gone")
	publish(gone, "order.paid", `{"order":{"id":123}}`, "")
	r.must(204, "DELETE", "/api/v1/app/gone", "")

	q := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return "?" + v.Encode()
	}
	for _, c := range []struct {
		name, query string
		want        []string
	}{
		{"all", "", []string{three, two, one}},
		{"an application", q("app_id", "a"), []string{three, one}},
		{"an endpoint", q("app_id", "b", "endpoint_id", eb), []string{two}},
		{"event types", q("event_types", "order.paid"), []string{two, one}},
		{"tag", q("tag", "t"), []string{one}},
		{"channel", q("channel", "c"), []string{one}},
		{"what went well", q("status", "0"), []string{one}},
		{"what will be tried again", q("status", "3"), []string{two}},
		{"what waits", q("status", "1"), []string{three}},
		{"what failed", q("status", "2"), nil},
		{"a value of any kind", q("path", "order.id", "value", "123"), []string{two, one}},
		{"a text", q("path", "/order/id", "value", `"123"`), []string{two}},
		{"a long number", q("path", "order.big", "value", "12345678901234567890"), []string{one}},
		{"nearly that number", q("path", "order.big", "value", "12345678901234567891"), nil},
		{"in a list", q("path", "items.sku", "value", "y"), []string{three}},
		{"with a filter", q("path", "order.id", "value", "123", "status", "0"), []string{one}},
		{"before everything", q("before", "2026-01-01T00:00:00Z"), nil},
	} {
		a := r.must(200, "GET", "/x/v1/message"+c.query, "")
		if got := a.found(); fmt.Sprint(got) != fmt.Sprint(c.want) || a.str("done") != "true" || a.str("iterator") != "null" || a.str("until") != "null" {
			t.Errorf("%s: %s", c.name, a.body)
		}
	}
	all := r.must(200, "GET", "/x/v1/message", "")
	if all.str("examined") != "4" || all.str("data.2.appId") != a || all.str("data.2.deliveries.success") != "1" || all.str("data.1.deliveries.sending") != "1" || all.str("data.0.deliveries.pending") != "1" ||
		!strings.Contains(string(all.body), `"payload":{"order":{"id":123,"big":12345678901234567890}}`) {
		t.Errorf("%s", all.body)
	}
	if a := r.must(200, "GET", "/x/v1/message?with_content=false&path=order.id&value=123", ""); len(a.found()) != 2 || strings.Contains(string(a.body), "123\"") {
		t.Errorf("without content: %s", a.body)
	}

	// Pages follow each other without a gap or a repeat.
	var walked []string
	for it, i := "", 0; i < 10; i++ {
		a := r.must(200, "GET", "/x/v1/message?limit=1"+it, "")
		walked = append(walked, a.found()...)
		if a.str("done") == "true" {
			break
		}
		it = "&iterator=" + a.str("iterator")
	}
	if fmt.Sprint(walked) != fmt.Sprint([]string{three, two, one}) {
		t.Errorf("walked %v", walked)
	}

	// Others see their own.
	if a := r.send(request{method: "GET", path: "/x/v1/message", token: foreign}); a.status != 200 || a.found() != nil || a.str("examined") != "0" {
		t.Errorf("another environment: %s", a.body)
	}
	portal := r.portal(b, `{"capabilities":["ViewBase"]}`)
	if a := r.send(request{method: "GET", path: "/x/v1/app/b/message?path=order.id&value=123", token: portal}); a.status != 200 || fmt.Sprint(a.found()) != fmt.Sprint([]string{two}) || a.str("examined") != "1" {
		t.Errorf("a portal token: %s", a.body)
	}
	for path, want := range map[string]int{"/x/v1/app/a/message": 404, "/x/v1/message": 403, "/x/v1/app/b/message?app_id=a": 200, "/x/v1/app/b/message?redacted=false": 403} {
		if a := r.send(request{method: "GET", path: path, token: portal}); a.status != want || strings.Contains(string(a.body), one) {
			t.Errorf("a portal token, %s: %d %s", path, a.status, a.body)
		}
	}

	// What is redacted is not found by its value.
	r.must(201, "POST", "/api/v1/event-type", `{"name":"order.sent","description":"d"}`)
	find := "/x/v1/message" + q("path", "card.number", "value", "4111")
	if a := r.must(200, "GET", find, ""); len(a.found()) != 1 {
		t.Errorf("before: %s", a.body)
	}
	r.must(200, "PUT", "/x/v1/event-type/order.sent/redaction", `{"redact":["card"]}`)
	if a := r.must(200, "GET", find, ""); a.found() != nil || strings.Contains(string(a.body), "4111") {
		t.Errorf("redacted: %s", a.body)
	}
	if a := r.must(200, "GET", find+"&redacted=false", ""); len(a.found()) != 1 {
		t.Errorf("whole: %s", a.body)
	}
	r.must(204, "DELETE", "/api/v1/app/a/msg/"+three+"/content", "")
	if a := r.must(200, "GET", find+"&redacted=false", ""); a.found() != nil {
		t.Errorf("expunged: %s", a.body)
	}

	for query, want := range map[string]string{
		"path=a": "query value", "value=a": "query path", "path=a..b&value=1": "query path", "path=a&value={}": "query value",
		"iterator=msg_x": "query iterator", "iterator=" + one: "query iterator", "endpoint_id=" + ea: "query app_id", "limit=0": "query limit", "event_types=a%20b": "query event_types",
	} {
		if a := r.call("GET", "/x/v1/message?"+query, ""); a.status != 422 || a.loc() != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	for query, want := range map[string]int{"status=9": 400, "before=x": 400, "app_id=nobody": 404, "path=a%00&value=1": 400, "with_content=1": 400} {
		if a := r.call("GET", "/x/v1/message?"+query, ""); a.status != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

// TestListsSayWhereTheyStoppedLooking gives the contract's lists no time: a filter that few match
// is answered in pages that end early, and whoever goes on while they are not done finds all,
// also on the way back.
func TestListsSayWhereTheyStoppedLooking(t *testing.T) {
	r := newRig(t, func(o *Options) { o.FindTime = 1 })
	a := r.app("a")
	e := r.endpoint(a, "")
	var rare, tries []string
	for i := range 600 { // the clock is looked at after 256
		more := ""
		if i == 3 || i == 450 {
			more = `,"tags":["rare"]`
		}
		id := r.must(202, "POST", "/api/v1/app/"+a+"/msg", `{"eventType":"a.b","payload":{}`+more+`}`).str("id")
		r.attempt(a, e, id, succeed)
		if more != "" {
			rare = append([]string{id}, rare...)
			tries = append([]string{r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+id, "").str("data.0.id")}, tries...)
		}
	}
	for list, want := range map[string][]string{
		"/api/v1/app/a/msg?tag=rare":                          rare,
		"/api/v1/app/a/endpoint/" + e + "/msg?tag=rare":       rare,
		"/api/v1/app/a/attempt/endpoint/" + e + "?tag=rare":   tries,
		"/api/v1/app/a/msg?after=" + hourAgo() + "&tag=rare":  nil,
		"/api/v1/app/a/msg?event_types=a.b&limit=2&tag=rare":  rare,
		"/api/v1/app/a/attempt/endpoint/" + e + "?tag=nobody": {},
	} {
		towardsNow := want == nil
		if towardsNow {
			want = rare
		}
		found, early, last := []string{}, 0, answer{}
		for at := list; ; {
			last = r.must(200, "GET", at, "")
			ids := last.found()
			if towardsNow {
				found = append(ids, found...)
			} else {
				found = append(found, ids...)
			}
			if last.str("done") == "true" {
				break
			}
			early++
			next := last.str("iterator")
			if towardsNow {
				next = last.str("prevIterator")
			}
			if next == "" || early > 10 {
				t.Fatalf("%s: does not go on: %s", at, last.body)
			}
			at = list + "&iterator=" + next
		}
		if !slices.Equal(found, want) || early < 2 {
			t.Errorf("%s: %v in %d pages that ended early, want %v", list, found, early, want)
		}
	}
}
