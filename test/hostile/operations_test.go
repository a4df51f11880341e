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
	Items      *schema
	AnyOf      []schema
}

// resolve follows references, also behind "or null".
func (d *document) resolve(s schema) schema {
	for _, one := range s.AnyOf {
		if one.Ref != "" {
			s = one
		}
	}
	if s.Ref != "" {
		s = d.Components.Schemas[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]]
	}
	return s
}

// fields returns the fields of a body, each as the path of names that leads to it; "[]" is the
// one item of a list.
func (d *document) fields(s schema) (out [][]string) {
	for name, field := range d.resolve(s).Properties {
		out = append(out, []string{name})
		for below := range d.resolve(field).Properties {
			out = append(out, []string{name, below})
		}
		if field.Items != nil {
			for below := range d.resolve(*field.Items).Properties {
				out = append(out, []string{name, "[]", below})
			}
		}
	}
	return out
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
	var own document // what is not of the contract
	if err := get(w.a.api, "/x/v1/openapi.json", &own); err != nil {
		t.Fatal(err)
	}
	maps.Copy(doc.Paths, own.Paths)
	for _, stream := range []string{"/x/v1/tail", "/x/v1/app/{app_id}/stream", "/x/v1/source/{source_id}/stream"} {
		delete(doc.Paths, stream) // it does not end; its parameters are judged in internal/httpapi
	}
	// So that field values are judged behind checks of the path, too.
	status, _, err := w.a.api.Do(http.MethodPost, "/api/v1/event-type", map[string]string{"name": "a.b", "description": "x"})
	if err != nil || status != http.StatusCreated {
		t.Fatalf("create an event type: status %d, %v", status, err)
	}
	source := w.doors["ingest.github"]
	ordinary := w.things(t)
	received := map[string]string{"source_id": source.id, "endpoint_id": source.endpoint, "provider_name": "github"}
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
				good := ordinary
				if strings.Contains(path, "/source") || strings.Contains(path, "/provider") {
					good = received
				}
				if strings.Contains(path, "/operational-webhook") {
					good = map[string]string{"endpoint_id": w.a.operational}
				}
				if strings.Contains(path, "/poller/") && strings.HasPrefix(path, "/api/v1/auth/") {
					good = maps.Clone(ordinary)
					good["endpoint_id"] = ordinary["sink_id"]
				}
				real := fill(path, func(name string) string { return good[name] })
				if method == http.MethodGet && strings.Contains(path, "{") && !slices.Contains(empty, path) && !strings.Contains(path, "/listen") &&
					!strings.HasSuffix(path, "/order") && !strings.HasSuffix(path, "/connector") { // 404 where there is none
					// None of what follows would be behind the look-up if this were not.
					if a := n.world.call(outgoing{method: method, path: real, header: n.header(inputCase{})}); a.status == http.StatusNotFound {
						t.Errorf("%s %s: status %d: %.200s", method, real, a.status, a.body)
					}
				}
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
				for _, field := range doc.fields(op.RequestBody.Content["application/json"].Schema) {
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
	t.Run("configs", func(t *testing.T) { n.configs(t, source) })
	t.Run("rules", func(t *testing.T) { n.rules(t, source) })
	t.Run("secrets", func(t *testing.T) {
		for _, d := range w.doors {
			w.call(outgoing{method: http.MethodPost, path: d.path, header: n.header(inputCase{}), body: []byte(`{"a":"` + d.secret + `"}`)})
		}
		w.judgeSecrets(t)
	})
	t.Logf("%d operations, %d calls, statuses %v, the slowest took %v (%s)", operations, n.calls, n.statuses, n.slowest, n.slowestCall)
	if status, body, err := w.a.api.Do(http.MethodGet, "/readyz", nil); err != nil || status != http.StatusOK {
		t.Errorf("the server is not ready afterwards: status %d, %v: %s", status, err, body)
	}
}

// empty are the paths of what none of the things has.
var empty = []string{
	"/api/v1/app/{app_id}/destination/{destination_id}/attempt/{attempt_id}", "/api/v1/app/{app_id}/destination/{destination_id}/last-acked-event",
	"/api/v1/app/{app_id}/destination/{destination_id}/next-event", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth",
	"/x/v1/app/{app_id}/endpoint/{endpoint_id}/jwks", "/x/v1/jwks/{app_id}/{endpoint_id}", "/x/v1/issue/{issue_id}",
}

// things makes one of each that paths name, in tenant a's second application, and returns the
// ids by the names of parameters: so nonsense is judged behind the look-up, too.
func (w *world) things(t *testing.T) map[string]string {
	t.Helper()
	app := "/api/v1/app/" + w.a.otherApp
	made := func(path string, in map[string]any) string {
		t.Helper()
		var out struct{ ID string }
		w.must(t, w.a, http.MethodPost, path, in, &out)
		return out.ID
	}
	var who struct{ EnvID string }
	if err := get(w.a.api, "/api/v1/auth/whoami", &who); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{
		"app_id": w.a.otherApp, "endpoint_id": w.a.otherEndpoint, "event_type_name": "a.b", "env_id": who.EnvID, "consumer_id": "shop", "name": "slack",
		"msg_id":         made(app+"/msg", map[string]any{"eventType": "a.b", "payload": map[string]int{"a": 1}}),
		"sink_id":        made(app+"/destination", map[string]any{"type": "pollingEndpoint"}),
		"destination_id": made(app+"/destination", map[string]any{"type": "fifoEndpoint", "config": map[string]string{"url": w.sink.url + "/line"}}),
		"integ_id":       made(app+"/integration", map[string]any{"name": "x"}),
		"connector_id":   made("/api/v1/connector", map[string]any{"name": "x", "transformation": "function handler(webhook) { return webhook }"}),
		"key_id":         made("/api/v1/management/authentication/"+who.EnvID+"/api-token", map[string]any{"name": "x"}),
		"task_id":        made(app+"/endpoint/"+w.a.otherEndpoint+"/recover", map[string]any{"since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}),
	}
	ids["id"] = ids["msg_id"]
	w.must(t, w.a, http.MethodPost, app+"/integration/"+ids["integ_id"]+"/key/rotate", nil, nil)
	list, err := awaitAttempts(w.a.api, w.a.otherApp, w.a.otherEndpoint, 1, 30*time.Second)
	if err != nil || len(list) == 0 {
		t.Fatalf("no attempt of the message: %v", err)
	}
	ids["attempt_id"] = list[0].ID
	return ids
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
func withField(field []string, v string) string {
	name := field[0]
	for _, below := range slices.Backward(field[1:]) {
		if below == "[]" {
			v = "[" + v + "]"
		} else {
			v = fmt.Sprintf("{%q:%s}", below, v)
		}
	}
	body := map[string]json.RawMessage{
		"name": json.RawMessage(`"x"`), "url": json.RawMessage(`"https://hooks.example.com/"`), "description": json.RawMessage(`"x"`),
		"eventType": json.RawMessage(`"a.b"`), "payload": json.RawMessage(`{}`), "headers": json.RawMessage(`{}`),
		"since": json.RawMessage(`"` + time.Now().UTC().Format(time.RFC3339) + `"`),
		"type":  json.RawMessage(`"github"`), "config": json.RawMessage(`{}`),
	}
	delete(body, name)
	var b strings.Builder
	b.WriteString("{")
	for _, other := range slices.Sorted(maps.Keys(body)) {
		fmt.Fprintf(&b, "%q:%s,", other, body[other])
	}
	// By hand: some of the values are no JSON that an encoder would write.
	fmt.Fprintf(&b, "%q:%s}", name, v)
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
	case a.status/100 == 2 && len(a.body) > 0 && !json.Valid(a.body) && a.header.Get("Content-Type") != "application/gzip":
		t.Errorf("%s: answer %d is not JSON: %.300s", what, a.status, a.body)
	case a.took > 10*time.Second: // a busy machine may take some
		t.Errorf("%s: the answer took %v", what, a.took)
	}
	if a.status/100 == 4 {
		checkLeaks(t, a.body, n.a.api.Token, n.server.Data)
	}
}

// plantedSecret is a right secret in wrong configs. No answer may repeat it.
const plantedSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// configs creates a source of every type with nonsense in each of its settings.
func (n *nonsense) configs(t *testing.T, d door) {
	var list struct {
		Data []struct {
			Name   string
			Config []struct{ Name string }
		}
	}
	if err := get(n.a.api, "/x/v1/provider", &list); err != nil {
		t.Fatal(err)
	}
	types := map[string][]string{"cron": {"schedule", "payload", "contentType"}, "generic-webhook": nil}
	for _, p := range list.Data {
		name := p.Name
		if name == "generic" {
			name = "generic-webhook"
		}
		for _, setting := range p.Config {
			types[name] = append(types[name], setting.Name)
		}
		types[name] = append(types[name], "secret", "secrets", "publicKey", "toleranceS")
	}
	if len(types) < 60 {
		t.Errorf("there are %d types of source only", len(types))
	}
	before := n.calls
	for typ, settings := range types {
		for _, name := range settings {
			for _, v := range wrongValues {
				// One source is changed again and again, so that none is left behind.
				config := fmt.Sprintf("{%q:%s}", name, v)
				if name != "secret" {
					config = fmt.Sprintf(`{"secret":%q,%q:%s}`, plantedSecret, name, v)
				}
				n.call(t, http.MethodPut, "/ingest/api/v1/source/"+d.id, fmt.Sprintf(`{"name":"xx","type":%q,"config":%s}`, typ, config))
			}
		}
	}
	t.Logf("%d types, %d configs", len(types), n.calls-before)
	n.must(t, n.a, http.MethodPut, "/ingest/api/v1/source/"+d.id, map[string]any{"name": "door", "type": "github", "config": map[string]string{"secret": d.secret}}, nil)
}

// rules sets settings that are right by themselves and strange together, or hard to work with.
func (n *nonsense) rules(t *testing.T, d door) {
	path := "/x/v1/source/" + d.id + "/settings"
	for _, body := range []string{
		`{"validate":{"schema":{"$ref":"#"}}}`,
		`{"validate":{"schema":{"$ref":"file:///etc/passwd"}}}`,
		`{"validate":{"schema":{"$ref":"http://169.254.169.254/latest/meta-data/"}}}`,
		`{"validate":{"schema":{"pattern":"(a+)+$"}}}`, `{"validate":{"schema":{"pattern":"("}}}`,
		`{"validate":{"schema":{"$dynamicRef":"#x","$dynamicAnchor":"x","allOf":[{"$ref":"#"},{"$ref":"#"}]}}}`,
		`{"validate":{"schema":{"multipleOf":0}}}`, `{"validate":{"schema":{"minLength":1e400}}}`, `{"validate":{"schema":{"type":"x"}}}`,
		`{"validate":{"schema":{"$schema":"https://hooks.example.com/"}}}`, `{"validate":{"schema":` + strings.Repeat(`{"not":`, 3000) + `{}` + strings.Repeat(`}`, 3000) + `}}`,
		`{"answer":{"status":100}}`, `{"answer":{"status":204,"body":"x"}}`, `{"answer":{"status":500}}`, `{"answer":{"headers":{"Content-Length":"5"}}}`,
		`{"answer":{"headers":{"Transfer-Encoding":"chunked"}}}`, `{"answer":{"headers":{"X: a\r\nY":"b"}}}`, `{"answer":{"headers":{"":"b"}}}`,
		`{"answer":{"body":"` + strings.Repeat("x", 1<<20) + `"}}`,
		`{"networks":["0.0.0.0/0","::/0","1.2.3.4/33"]}`, `{"networks":["fe80::1%eth0/64"]}`, `{"networks":[""]}`,
		`{"methods":["GET","get"]}`, `{"methods":["CONNECT"]}`, `{"methods":["A B"]}`, `{"publicUrl":"http://[::1"}`, `{"publicUrl":"javascript:alert(1)"}`,
		`{"publicUrl":"https://x/%zz"}`, `{"dedupe":{"by":"body","name":"` + strings.Repeat("a.", 5000) + `a"}}`, `{"dedupe":{"by":"header","name":"a b"}}`,
		`{"dedupe":{"by":"hash","windowSeconds":9223372036854775807}}`, `{"toleranceSeconds":9223372036854775807}`, `{"stale":{"afterSeconds":9223372036854775807}}`,
		`{"passThrough":{"enabled":true,"deadlineMilliseconds":9223372036854775807}}`, `{"ratePerMinute":2147483648,"ratePerHour":9223372036854775807}`,
		`{"maxBodyBytes":9223372036854775807}`, `{"forward":{"headers":["Authorization","Host","Transfer-Encoding","x\u0000"]}}`,
		`{"publishTo":"` + n.b.app + `"}`, `{"publishTo":"` + d.app + `"}`,
	} {
		n.call(t, http.MethodPut, path, body)
		n.call(t, http.MethodPatch, path, body)
	}
	n.must(t, n.a, http.MethodPut, path, map[string]any{}, nil)
}
