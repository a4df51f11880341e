//go:build unix

package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// document is what this test needs of the served OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		Parameters  []struct{ Name, In string }
		RequestBody *struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Properties map[string]schema
}

// wrongValues are JSON values of which each is wrong for most fields.
var wrongValues = []string{
	`null`, `true`, `-1`, `0`, `1.5`, `99999999999999999999`, `1e400`, `""`, `"\u0000"`, `"a\r\nb"`, `"\ud800"`,
	`" "`, `"../../etc/passwd"`, `"'; DROP TABLE message; --"`, `"9999-99-99T99:99:99Z"`, `[]`, `[null]`, `[[]]`, `[1,"a"]`,
	`["a","a"]`, `{}`, `{"":""}`, `{"a":null}`, `{"a":{"b":[]}}`,
	`"` + strings.Repeat("x", 70_000) + `"`, `[` + strings.TrimSuffix(strings.Repeat(`"c",`, 2000), ",") + `]`,
}

// wrongBodies stand for whole bodies.
var wrongBodies = []string{``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `{}`, `{}{}`, `{"a":1,"a":2}`, "\xff\xfe", `{"\u0000":1}`,
	strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000), strings.Repeat(`[`, 100_000)}

// wrongIDs stand for path parameters, percent-encoded.
var wrongIDs = []string{"x", "%00", "..", "%2e%2e%2f", "%2F", "app_", "msg_" + strings.Repeat("z", 27), "ep_" + strings.Repeat("0", 27),
	"%F0%9F%92%A9", "%ff", "'%20OR%201=1", strings.Repeat("a", 3000)}

// wrongQueries are values of query parameters, percent-encoded.
var wrongQueries = []string{"", "x", "-1", "0", "251", "99999999999999999999", "%00", "%ff", "a&{name}=b", "true%20", "msg_", "-",
	"-msg_" + strings.Repeat("z", 27), "2024-13-45", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "%5B%5D", ",,,", strings.Repeat("a,", 2000)}

// TestOperationsSurviveNonsense calls every operation of the served document with
// nonsense in each place where a client may put something: path, query, body, and
// each field of the body. Nothing may answer 5xx, take long, break the error format or
// show what is inside.
func TestOperationsSurviveNonsense(t *testing.T) {
	// Some of the calls make endpoints and messages for them; nobody is to look their
	// names up.
	needAlone(t)
	w := newWorld(t)
	var doc document
	if err := get(w.a.api, "/api/v1/openapi.json", &doc); err != nil {
		t.Fatal(err)
	}
	// So that field values are judged behind checks of the path, too.
	status, _, err := w.a.api.Do(http.MethodPost, "/api/v1/event-type", map[string]string{"name": "a.b", "description": "x"})
	if err != nil || status != http.StatusCreated {
		t.Fatalf("create an event type: status %d, %v", status, err)
	}
	good := map[string]string{"app_id": w.a.otherApp, "endpoint_id": w.a.otherEndpoint, "msg_id": w.a.message, "event_type_name": "a.b"}
	n := nonsense{world: w, statuses: map[int]int{}}
	operations := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := doc.Paths[path][method]
			method = strings.ToUpper(method)
			if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, method) {
				continue
			}
			operations++
			t.Run(method+strings.ReplaceAll(path, "/", "_"), func(t *testing.T) {
				real := fill(path, func(name string) string { return good[name] })
				for _, id := range wrongIDs {
					n.call(t, method, fill(path, func(string) string { return id }), "{}")
				}
				if method == http.MethodDelete {
					return // the rest would remove what others need
				}
				for _, p := range op.Parameters {
					if p.In != "query" {
						continue
					}
					for _, q := range wrongQueries {
						n.call(t, method, real+"?"+p.Name+"="+strings.ReplaceAll(q, "{name}", p.Name), "{}")
					}
				}
				if op.RequestBody == nil {
					return
				}
				for _, body := range wrongBodies {
					n.call(t, method, real, body)
				}
				in := op.RequestBody.Content["application/json"].Schema
				if in.Ref != "" {
					in = doc.Components.Schemas[in.Ref[strings.LastIndexByte(in.Ref, '/')+1:]]
				}
				for field := range in.Properties {
					for _, v := range wrongValues {
						// The other fields that some operation asks for stand beside it.
						n.call(t, method, real, withField(field, v))
					}
				}
			})
		}
	}
	if operations < 50 {
		t.Errorf("the document has %d operations only", operations)
	}
	t.Logf("%d operations, %d calls, statuses %v, the slowest took %v (%s)", operations, n.calls, n.statuses, n.slowest, n.slowestCall)
	if status, body, err := w.a.api.Do(http.MethodGet, "/readyz", nil); err != nil || status != http.StatusOK {
		t.Errorf("the server is not ready afterwards: status %d, %v: %s", status, err, body)
	}
}

// fill replaces {name} in a path of the document.
func fill(path string, value func(name string) string) string {
	for {
		before, rest, ok := strings.Cut(path, "{")
		if !ok {
			return path
		}
		name, after, _ := strings.Cut(rest, "}")
		v := value(name)
		if v == "" {
			v = "none"
		}
		path = before + v + after
	}
}

// withField is a body that is right but for one field. JSON objects of this contract
// ignore fields that an operation does not know.
func withField(field, v string) string {
	body := map[string]json.RawMessage{
		"name": json.RawMessage(`"x"`), "url": json.RawMessage(`"https://hooks.example.com/"`), "description": json.RawMessage(`"x"`),
		"eventType": json.RawMessage(`"a.b"`), "payload": json.RawMessage(`{}`), "headers": json.RawMessage(`{}`),
		"since": json.RawMessage(`"` + time.Now().UTC().Format(time.RFC3339) + `"`),
	}
	delete(body, field)
	var b strings.Builder
	b.WriteString("{")
	for _, name := range slices.Sorted(maps.Keys(body)) {
		fmt.Fprintf(&b, "%q:%s,", name, body[name])
	}
	// By hand: some of the values are no JSON that an encoder would write.
	fmt.Fprintf(&b, "%q:%s}", field, v)
	return b.String()
}

// nonsense makes calls and keeps the figures.
type nonsense struct {
	*world
	calls       int
	statuses    map[int]int
	slowest     time.Duration
	slowestCall string
}

func (n *nonsense) call(t *testing.T, method, path, body string) {
	t.Helper()
	if _, err := url.ParseRequestURI(path); err != nil {
		return // net/http's client would not send it; http_raw cases are elsewhere
	}
	r := outgoing{method: method, path: path, header: n.header(inputCase{})}
	if method != http.MethodGet && method != http.MethodDelete {
		r.body = []byte(body)
	}
	a := n.world.quickest(time.Second, func() answer { return n.world.call(r) })
	n.calls++
	n.statuses[a.status]++
	what := fmt.Sprintf("%s %.120s %.120q", method, path, body)
	if a.took > n.slowest {
		n.slowest, n.slowestCall = a.took, what
	}
	switch {
	case a.status == 0:
		t.Errorf("%s: %v", what, a.err)
	case a.status >= 500 && a.status != http.StatusNotImplemented:
		t.Errorf("%s: answer %d: %.300s", what, a.status, a.body)
	case a.status/100 == 3:
		// Client libraries follow none (CONTRACT.md 1.2), and one that does is led elsewhere.
		t.Errorf("%s: answer %d to %s", what, a.status, a.header.Get("Location"))
	case a.status/100 == 4 && !a.byTransport() && !isErrorBody(a.status, a.body):
		t.Errorf("%s: answer %d without code and detail: %.300s", what, a.status, a.body)
	case a.status/100 == 2 && len(a.body) > 0 && !json.Valid(a.body):
		t.Errorf("%s: answer %d is not JSON: %.300s", what, a.status, a.body)
	case a.took > time.Second:
		t.Errorf("%s: the answer took %v", what, a.took)
	}
	if a.status/100 == 4 {
		checkLeaks(t, a.body, n.a.api.Token, n.server.Data)
	}
}
