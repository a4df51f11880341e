//go:build unix

// Package shape runs the real binary against real receivers that want something else than
// a POST of JSON: it sets request shapes over the API, publishes, and reads what arrives
// with the parsers of net/http and encoding/xml.
package shape

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// request is one that arrived.
type request struct {
	*http.Request
	body []byte
	at   time.Time
}

// receiver keeps what it gets by path and answers as the path's function says.
type receiver struct {
	url  string
	got  map[string]chan request // by path, made before the server starts
	take map[string]http.HandlerFunc
}

func newReceiver(t *testing.T, answers map[string]http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{got: map[string]chan request{}, take: answers}
	for path := range answers {
		r.got[path] = make(chan request, 64)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		answer := r.take[req.URL.Path]
		if answer == nil {
			t.Errorf("a request to %s", req.URL)
			return
		}
		select {
		case r.got[req.URL.Path] <- request{req, body, time.Now()}:
		default:
			t.Errorf("a flood at %s", req.URL.Path)
		}
		answer(w, req)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

func (r *receiver) next(t *testing.T, path string) request {
	t.Helper()
	select {
	case got := <-r.got[path]:
		return got
	case <-time.After(60 * time.Second):
		t.Fatalf("nothing arrives at %s", path)
		return request{}
	}
}

// must makes a call that has to succeed and decodes the answer.
func must(t *testing.T, api *rig.API, method, path, body string) map[string]any {
	t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, text, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s %s: %d %s %v", method, path, body, status, text, err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return out
}

// endpoint makes an application of its own with one endpoint of a shape.
func endpoint(t *testing.T, api *rig.API, uid, to, shape string) string {
	t.Helper()
	api.MustCreateApp(t, uid)
	ep := api.MustCreateEndpoint(t, uid, rig.EndpointIn{URL: to, Secret: rig.Secret("shape")})
	if shape != "" {
		must(t, api, "PUT", "/x/v1/app/"+uid+"/endpoint/"+ep+"/request", shape)
	}
	return ep
}

func answers(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere") // not followed: an unknown path fails the test
		w.WriteHeader(status)
	}
}

// attempts waits until an endpoint has n attempts and returns what the API says of them.
func attempts(t *testing.T, api *rig.API, app, ep string, n int) []map[string]any {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		list, _ := must(t, api, "GET", "/api/v1/app/"+app+"/attempt/endpoint/"+ep, "")["data"].([]any)
		if len(list) >= n {
			out := make([]map[string]any, len(list))
			for i := range list {
				out[i] = list[i].(map[string]any)
			}
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d attempts, want %d", len(list), n)
		}
	}
}

// disabled waits until an endpoint is disabled, which follows the attempt that says so, or looks
// whether it is not.
func disabled(t *testing.T, api *rig.API, app, ep string, want bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		e := must(t, api, "GET", "/api/v1/app/"+app+"/endpoint/"+ep, "")
		if e["disabled"] == want {
			return
		}
		if !want || time.Now().After(deadline) {
			t.Errorf("%s: disabled is %v", app, e["disabled"])
			return
		}
	}
}

// destination waits until the delivery of a message is in a state and returns its row.
func destination(t *testing.T, api *rig.API, app, message, state string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		row := must(t, api, "GET", "/api/v1/app/"+app+"/msg/"+message+"/endpoint", "")["data"].([]any)[0].(map[string]any)
		if row["statusText"] == state {
			return row
		}
		if time.Now().After(deadline) {
			t.Fatalf("the delivery is %v, want %s", row, state)
		}
	}
}

const payload = `{"id":12345678901234567890,"price":1.10,"who":"Zoë \u0026 \u003cBob\u003e","tags":["a","b"],"none":null,"deep":{"a b":[{"x":true}]}}`

func publish(t *testing.T, api *rig.API, app, more string) string {
	t.Helper()
	return must(t, api, "POST", "/api/v1/app/"+app+"/msg", `{"eventType":"order.paid","payload":`+payload+more+`}`)["id"].(string)
}

// TestShapesArriveAlsoAfterAKill sets every shape, publishes, kills the server, starts it
// again and publishes once more: the same requests arrive, signed as the docs say.
func TestShapesArriveAlsoAfterAKill(t *testing.T) {
	keys, err := webhook.ParseKeys(rig.Secret("shape"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"id": {"12345678901234567890"}, "price": {"1.10"}, "who": {"Zoë & <Bob>"}, "tags[0]": {"a"}, "tags[1]": {"b"}, "none": {""}, "deep[a b][0][x]": {"true"},
	}
	type order struct {
		XMLName xml.Name `xml:"order"`
		ID      string   `xml:"id"`
		Price   string   `xml:"price"`
		Who     string   `xml:"who"`
		Tags    []string `xml:"tags>item"`
		Deep    []string `xml:"deep>a_x0020_b>item>x"`
		Key     string   `xml:"api_key"`
	}
	wantOrder := fmt.Sprint([]any{"12345678901234567890", "1.10", "Zoë & <Bob>", []string{"a", "b"}, []string{"true"}, "canary/1 +"})
	formOf := func(t *testing.T, r request) url.Values {
		if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("form as %q: %v", r.Header.Get("Content-Type"), err)
		}
		return r.PostForm
	}
	same := func(t *testing.T, what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v\nwant %v", what, got, want)
		}
	}
	plus := func(v url.Values, name string) url.Values {
		out := url.Values{name: {"canary/1 +"}}
		for k, list := range v {
			out[k] = list
		}
		return out
	}
	cases := []struct {
		name, shape string
		check       func(*testing.T, request)
	}{
		{"usual", "", func(t *testing.T, r request) { same(t, "request", r.Method+" "+string(r.body), "POST "+payload) }},
		{"put", `{"method":"PUT"}`, func(t *testing.T, r request) { same(t, "request", r.Method+" "+string(r.body), "PUT "+payload) }},
		{"patch", `{"method":"PATCH","token":{"in":"header","name":"X-Api-Key","value":"canary/1 +"}}`, func(t *testing.T, r request) {
			same(t, "request", r.Method+" "+string(r.body)+" "+r.Header.Get("X-Api-Key"), "PATCH "+payload+" canary/1 +")
		}},
		{"json-token", `{"token":{"in":"body","name":"api key","value":"canary/1 +"}}`, func(t *testing.T, r request) {
			same(t, "body", string(r.body), payload[:len(payload)-1]+`,"api key":"canary/1 +"}`)
		}},
		{"form", `{"body":"form","token":{"in":"body","name":"api key","value":"canary/1 +"}}`, func(t *testing.T, r request) {
			same(t, "form", formOf(t, r), plus(form, "api key"))
		}},
		{"form-query", `{"method":"PUT","body":"form","token":{"in":"query","name":"api key","value":"canary/1 +"}}`, func(t *testing.T, r request) {
			same(t, "form", formOf(t, r), form)
			same(t, "query", r.URL.Query(), plus(url.Values{"own": {"1"}}, "api key"))
		}},
		{"xml", `{"body":"xml","xmlRoot":"order","token":{"in":"body","name":"api_key","value":"canary/1 +"}}`, func(t *testing.T, r request) {
			var o order
			if err := xml.Unmarshal(r.body, &o); err != nil || r.Header.Get("Content-Type") != "application/xml; charset=utf-8" {
				t.Errorf("%s as %q: %v", r.body, r.Header.Get("Content-Type"), err)
			}
			same(t, "order", []any{o.ID, o.Price, o.Who, o.Tags, o.Deep, o.Key}, wantOrder)
		}},
		{"get", `{"method":"GET","body":"query","token":{"in":"query","name":"api key","value":"canary/1 +"}}`, func(t *testing.T, r request) {
			same(t, "request", r.Method+" "+string(r.body), "GET ")
			want := plus(form, "api key")
			want["own"] = []string{"1"}
			same(t, "query", r.URL.Query(), want)
		}},
	}
	paths := map[string]http.HandlerFunc{}
	for _, c := range cases {
		paths["/"+c.name] = answers(200)
	}
	r := newReceiver(t, paths)
	s := rig.Start(t, rig.Options{Args: []string{"--log-level", "debug"}})
	api := s.API()
	eps := map[string]string{}
	for _, c := range cases {
		eps[c.name] = endpoint(t, api, c.name, r.url+"/"+c.name+"?own=1", c.shape)
	}
	for _, round := range []string{"before the kill", "after the kill"} {
		t.Run(round, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					publish(t, api, c.name, "")
					got := r.next(t, "/"+c.name)
					c.check(t, got)
					signed := got.body
					if got.Method == http.MethodGet {
						signed = []byte(got.URL.RawQuery)
					}
					if _, err := verifier.Verify(webhook.Request{Header: got.Header, Body: signed}, time.Now()); err != nil {
						t.Errorf("signature: %v", err)
					}
					for _, a := range attempts(t, api, c.name, eps[c.name], 1) {
						if a["statusText"] != "success" || a["url"] != r.url+"/"+c.name+"?own=1" {
							t.Errorf("attempt %v", a)
						}
					}
				})
			}
		})
		if round == "before the kill" {
			s.Kill()
			api.CloseIdle()
			if _, err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if log := s.LogTail(1 << 20); strings.Contains(log, "canary") {
		t.Error("the log holds a token")
	}
	if err := s.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(s.Data, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte("canary")) {
			t.Errorf("%s holds a token in the clear", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSuccessStatuses: what counts as success is the endpoint's to say.
func TestSuccessStatuses(t *testing.T) {
	cases := []struct {
		statuses string
		status   int
		state    string
	}{
		{`["200-299"]`, 204, "success"}, {`["200-299"]`, 302, "sending"}, {`[302]`, 302, "success"}, {`[302]`, 200, "sending"},
		{`["200-299",404]`, 404, "success"}, {`[410]`, 410, "success"}, {`[200]`, 410, "fail"}, {`["500-599"]`, 503, "success"},
	}
	paths := map[string]http.HandlerFunc{}
	for i, c := range cases {
		paths[fmt.Sprintf("/%d", i)] = answers(c.status)
	}
	r := newReceiver(t, paths)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	for i, c := range cases {
		t.Run(fmt.Sprintf("%d of %s", c.status, c.statuses), func(t *testing.T) {
			app := fmt.Sprintf("app-%d", i)
			ep := endpoint(t, api, app, fmt.Sprintf("%s/%d", r.url, i), `{"successStatuses":`+c.statuses+`}`)
			m := publish(t, api, app, "")
			destination(t, api, app, m, c.state)
			disabled(t, api, app, ep, c.status == 410 && c.state == "fail")
		})
	}
}

// TestOwnTimeoutAndSchedule: an endpoint's deadline, and its schedule above its event
// type's above the environment's.
func TestOwnTimeoutAndSchedule(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(60 * time.Second):
		}
	}
	r := newReceiver(t, map[string]http.HandlerFunc{"/hang": hang, "/endpoint": answers(400), "/type": answers(400), "/single": answers(400)})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	must(t, api, "PATCH", "/api/v1/management/environment-settings", `{"retryPolicy":[1,1,1,1]}`)
	must(t, api, "POST", "/api/v1/event-type", `{"name":"order.paid","description":"d"}`)
	must(t, api, "PUT", "/api/v1/event-type/order.paid/retry-schedule", `{"retrySchedule":[{"secs":1,"nanos":0}]}`)

	hung := endpoint(t, api, "hang", r.url+"/hang", `{"timeoutSeconds":1,"retrySchedule":[]}`)
	m := publish(t, api, "hang", "")
	destination(t, api, "hang", m, "fail")
	if a := attempts(t, api, "hang", hung, 1); len(a) != 1 || a[0]["responseDurationMs"].(float64) < 900 || a[0]["responseDurationMs"].(float64) > 10_000 {
		t.Errorf("with a deadline of a second: %v", a)
	}
	for _, c := range []struct {
		app, shape string
		attempts   int
	}{{"endpoint", `{"retrySchedule":[1,1]}`, 3}, {"type", "", 2}, {"single", `{"retrySchedule":[]}`, 1}} {
		ep := endpoint(t, api, c.app, r.url+"/"+c.app, c.shape)
		m := publish(t, api, c.app, "")
		destination(t, api, c.app, m, "fail")
		if n := len(attempts(t, api, c.app, ep, c.attempts)); n != c.attempts {
			t.Errorf("%s: %d attempts, want %d", c.app, n, c.attempts)
		}
	}
	// Without the type's own schedule, the environment's holds at once.
	must(t, api, "PUT", "/api/v1/event-type/order.paid/retry-schedule", `{"retrySchedule":null}`)
	m = publish(t, api, "type", "")
	destination(t, api, "type", m, "fail")
	n := 0
	for _, a := range attempts(t, api, "type", must(t, api, "GET", "/api/v1/app/type/endpoint", "")["data"].([]any)[0].(map[string]any)["id"].(string), 7) {
		if a["msgId"] == m {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d attempts by the environment's schedule, want 5", n)
	}
}

// TestTooLateToMatter: no attempt begins after expiresAt, also not after a kill.
func TestTooLateToMatter(t *testing.T) {
	r := newReceiver(t, map[string]http.HandlerFunc{"/retry": answers(400), "/down": answers(400)})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	endpoint(t, api, "retry", r.url+"/retry", `{"retrySchedule":[1,600]}`)
	endpoint(t, api, "down", r.url+"/down", `{"retrySchedule":[4]}`)
	at := func(when time.Time) string {
		return `,"expiresAt":"` + when.UTC().Format(time.RFC3339Nano) + `"`
	}
	m := publish(t, api, "retry", at(time.Now().Add(time.Minute)))
	if row := destination(t, api, "retry", m, "fail"); row["hookloft"].(map[string]any)["reason"] != "expired" || row["nextAttempt"] != nil {
		t.Errorf("a retry that would come too late: %v", row)
	}
	if n := len(r.got["/retry"]); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	// It is due while the server is down, and too late when it is up again. Before that, there is
	// time for the first attempt and for the kill.
	expires := time.Now().Add(9 * time.Second)
	m = publish(t, api, "down", at(expires))
	r.next(t, "/down")
	if row := destination(t, api, "down", m, "sending"); row["nextAttempt"] == nil {
		t.Errorf("after the first attempt: %v", row)
	}
	s.Kill()
	api.CloseIdle()
	time.Sleep(time.Until(expires)) // the deadline passes with the process away
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if row := destination(t, api, "down", m, "fail"); row["hookloft"].(map[string]any)["reason"] != "expired" {
		t.Errorf("after the restart: %v", row)
	}
	if n := len(r.got["/down"]); n != 0 {
		t.Errorf("%d requests after the deadline", n)
	}
}

// TestReceiverControls: the header webhook-delivery of an answer.
func TestReceiverControls(t *testing.T) {
	says := func(status int, what string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("webhook-delivery", what)
			w.WriteHeader(status)
		}
	}
	r := newReceiver(t, map[string]http.HandlerFunc{"/disable": says(500, "disable"), "/disable-ok": says(200, "disable"), "/abort": says(500, "abort-message")})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	for app, want := range map[string]struct {
		state    string
		disabled bool
	}{"disable": {"fail", true}, "disable-ok": {"success", true}, "abort": {"fail", false}} {
		ep := endpoint(t, api, app, r.url+"/"+app, "")
		m := publish(t, api, app, "")
		destination(t, api, app, m, want.state)
		disabled(t, api, app, ep, want.disabled)
		if n := len(attempts(t, api, app, ep, 1)); n != 1 {
			t.Errorf("%s: %d attempts", app, n)
		}
	}
}
