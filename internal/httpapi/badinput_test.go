package httpapi

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const badInputsFile = "../../../shared/reference/hostile/bad-inputs.json"

// badInput is a case of the reference file. Its names are abstract; the adapter
// below maps them to the contract's.
type badInput struct {
	ID, Cat, Op, Why, Body, Query, Auth string
	BodyHex                             string `json:"body_hex"`
	RawBytes                            string `json:"raw_bytes"`
	ObjectOf                            string `json:"object_of"`
	Raw                                 bool
	Headers                             map[string]string
	Gen                                 map[string]any
	RawGen                              map[string]any `json:"raw_gen"`
	Expect                              struct {
		Status   []int
		AlsoOK   []int `json:"also_ok"`
		OrReject []int `json:"or_reject"`
		MaxMS    int   `json:"max_ms"`
	}
}

// skipped are the cases that this suite cannot judge, each with the reason.
var skipped = map[string]string{
	"B030": "a dripped body is cut by the read time-out, which internal/server sets",
	"B080": "the contract has no timeout_seconds: unknown fields are ignored and named",
	"B083": "the contract has no retry_schedule of an endpoint: unknown fields are ignored and named",
	"B049": "TestGuessingIsThrottled",
	"B055": "transformations are not served yet: 501 for everybody",
	"B057": "an export takes no id: test/hostile shows that it holds the own alone",
	"B061": "TestListParameters: an iterator of another application is 422",
	"B069": "TestConcurrentRepeatsMakeOne",
	"B071": "TestIdempotencyKey: the same key in another environment",
}

// acrossTenants are the cases that take another environment's object.
var acrossTenants = map[string]string{
	"endpoint.get": "GET " + endpointPath, "endpoint.delete": "DELETE " + endpointPath, "endpoint.get_secret": "GET " + endpointPath + "/secret",
	"source.get": "GET " + sourcePath, "event.replay": "POST " + messagePath + "/endpoint/{endpoint_id}/resend", "metrics.get": "GET " + endpointPath + "/stats",
}

// TestBadInputs runs the cases of the reference file that need no process of their own.
func TestBadInputs(t *testing.T) {
	data, err := os.ReadFile(badInputsFile)
	if os.IsNotExist(err) {
		t.Skipf("%s is absent", badInputsFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []badInput }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	app := r.app("a")
	r.endpoint(app, "")
	portal := r.portal(app, "")
	revoked := r.portal(app, `{"sessionId":"gone"}`)
	r.must(204, "POST", "/api/v1/auth/app/a/expire-all", `{"sessionIds":["gone"]}`)
	other := otherTenant(r)
	ran := 0
	for _, c := range file.Cases {
		if skipped[c.ID] != "" || slices.Contains([]string{"transform", "ingest"}, c.Cat) {
			continue
		}
		ran++
		before := r.messages(app)
		start := time.Now()
		fillIn := strings.NewReplacer("{{KEY_A}}", r.token, "{{REVOKED_KEY}}", revoked, "{{PUBLISH_PATH}}", "/api/v1/app/a/msg").Replace
		var status int
		switch {
		case c.RawBytes != "" || c.RawGen != nil || c.Raw:
			status = r.raw(fillIn(rawText(&c)))
		case acrossTenants[c.Op] != "":
			status = r.sameAsUnknown(c, acrossTenants[c.Op], other)
		default:
			status = r.sendBad(&c, fillIn, portal)
		}
		took := time.Since(start)
		allowed := slices.Concat(c.Expect.Status, c.Expect.AlsoOK, c.Expect.OrReject)
		// Where the file speaks of 400, the contract answers 422 for a body.
		ok := slices.Contains(allowed, status) || status == 422 && slices.Contains(allowed, 400)
		if !ok {
			t.Errorf("%s %s: %d, want %v", c.ID, c.Why, status, allowed)
		}
		if limit := 20 * time.Duration(max(c.Expect.MaxMS, 1000)) * time.Millisecond; took > limit {
			t.Errorf("%s %s took %s", c.ID, c.Why, took)
		}
		if status >= 400 && r.messages(app) != before {
			t.Errorf("%s %s: a refused request left a message", c.ID, c.Why)
		}
	}
	if ran < 55 {
		t.Errorf("ran %d cases only", ran)
	}
}

// otherTenant returns ids of another environment's objects.
func otherTenant(r *rig) map[string]string {
	r.t.Helper()
	env, token := r.environment("tenant b")
	mine, own := r.env, r.token
	r.env, r.token = env, token
	app := r.app("b")
	ids := map[string]string{"app_id": app, "endpoint_id": r.endpoint(app, ""), "msg_id": r.message(app, ""), "source_id": r.source("b", "github", `{}`)}
	r.env, r.token = mine, own
	return ids
}

// sameAsUnknown asks for another tenant's object and for none, which must be answered alike.
func (r *rig) sameAsUnknown(c badInput, op string, foreign map[string]string) int {
	r.t.Helper()
	unknown := map[string]string{"app_id": "app_" + strings.Repeat("0", 27), "endpoint_id": "ep_" + strings.Repeat("0", 27), "msg_id": "msg_" + strings.Repeat("0", 27), "source_id": "src_" + strings.Repeat("0", 22)}
	own := map[string]string{"app_id": "a", "endpoint_id": foreign["endpoint_id"], "msg_id": foreign["msg_id"], "source_id": foreign["source_id"]}
	method, path, _ := strings.Cut(op, " ")
	a, b := r.call(method, fill(path, foreign), ""), r.call(method, fill(path, unknown), "")
	if string(a.body) != string(b.body) || a.status != b.status {
		r.t.Errorf("%s %s: foreign %d %s, unknown %d %s", c.ID, c.Why, a.status, a.body, b.status, b.body)
	}
	if d := r.call(method, fill(path, own), ""); d.status != 404 {
		r.t.Errorf("%s %s below the own application: %d %s", c.ID, c.Why, d.status, d.body)
	}
	return a.status
}

func (r *rig) sendBad(c *badInput, fillIn func(string) string, portal string) int {
	r.t.Helper()
	q := request{token: r.token, body: c.Body}
	if c.BodyHex != "" {
		raw, err := hex.DecodeString(c.BodyHex)
		if err != nil {
			r.t.Fatal(err)
		}
		q.body = string(raw)
	}
	if body, ok := generated(c.Gen); ok {
		q.body = body
	}
	// The file's names, in the contract's spelling.
	q.body = strings.NewReplacer(
		`"event_type"`, `"eventType"`, `"Event_Type"`, `"EventType"`, `"deliver_at"`, `"deliverAt"`,
		`"rate_limit"`, `"rateLimit"`, `"event_types"`, `"eventTypes"`,
	).Replace(q.body)
	query := strings.NewReplacer("cursor=", "iterator=", "since=", "after=").Replace(c.Query)
	if c.Auth == "portal_a" {
		q.token = portal
	}
	switch c.Op {
	case "publish":
		q.method, q.path = "POST", "/api/v1/app/a/msg"
		if q.body == "" && c.Cat != "json_syntax" {
			q.body = `{"eventType":"a.b","payload":{}}`
		}
		if n, ok := c.Gen["limit_plus"].(float64); ok {
			q.body = `{"eventType":"a.b","payload":{"x":"` + strings.Repeat("y", defaultMaxPayloadBytes-len(`{"x":""}`)+int(n)) + `"}}`
		}
	case "endpoint.create":
		q.method, q.path = "POST", "/api/v1/app/a/endpoint"
	case "endpoint.move_subscription":
		q.method, q.path, q.body = "PATCH", "/api/v1/app/app_"+strings.Repeat("0", 27)+"/endpoint/x", `{"eventTypes":["a.b"]}`
	case "settings.update":
		q.method, q.path, q.body = "PATCH", settingsPath, `{"whitelabelHeaders":true}`
	case "portal.list_endpoints": // a forged JWT: tokens are opaque here
		q.method, q.path, q.token = "GET", "/api/v1/app/a/endpoint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhcHBfMSJ9."
	case "event.list":
		q.method, q.path = "GET", "/api/v1/app/a/msg?"+query
		if strings.HasPrefix(query, "status=") {
			q.path = "/api/v1/app/a/attempt/endpoint/x?" + query
		}
	case "event.get":
		q.method, q.path = "GET", "/api/v1/app/a/msg/"+strings.Repeat("e", 10000)
	default:
		r.t.Fatalf("%s: the adapter does not know %s", c.ID, c.Op)
	}
	if c.Headers != nil && len(c.Headers) == 0 {
		q.token = ""
	}
	for name, value := range c.Headers {
		if name == "Content-Encoding" {
			q.body = "\x1f\x8b" // refused before it is read
		}
		q.headers = append(q.headers, name, fillIn(value))
	}
	if list, ok := c.Gen["header_repeat"].([]any); ok {
		times := int(list[2].(float64))
		return r.raw("GET /api/v1/app HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + strings.Repeat(list[1].(string), times) + "\r\n\r\n")
	}
	return r.send(q).status
}

// generated makes a body as the file describes it.
func generated(gen map[string]any) (string, bool) {
	times, ok := gen["times"].(float64)
	if !ok {
		return "", false
	}
	text := func(key string) string { s, _ := gen[key].(string); return s }
	return text("prefix") + strings.Repeat(text("repeat"), int(times)) + text("suffix") + strings.Repeat(text("suffix_repeat"), int(times)), true
}

// rawText is what is written to a fresh connection.
func rawText(c *badInput) string {
	if c.RawBytes != "" {
		return c.RawBytes
	}
	if body, ok := generated(c.RawGen); ok {
		return body
	}
	text := "POST {{PUBLISH_PATH}} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {{KEY_A}}\r\nContent-Type: application/json\r\n"
	for name, value := range c.Headers {
		text += name + ": " + value + "\r\n"
	}
	return text + "\r\n"
}

// raw writes bytes to the server and returns the status of the answer, 0 for none.
func (r *rig) raw(text string) int {
	r.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(context.Background(), "tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		r.t.Fatal(err)
	}
	go func() { _, _ = conn.Write([]byte(text)) }() // the server may close in the middle
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// messages counts the messages of an application.
func (r *rig) messages(app string) int {
	r.t.Helper()
	return strings.Count(string(r.must(200, "GET", fmt.Sprintf("/api/v1/app/%s/msg?limit=250&with_content=false", app), "").body), `"eventType"`)
}

// TestBodies shows the rules of bodies of every operation that takes one.
func TestBodies(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxPayloadBytes, o.MaxBodyBytes = 1000, 2000 })
	r.app("a")
	payload := func(n int) string { return `{"x":"` + strings.Repeat("y", n-len(`{"x":""}`)) + `"}` }
	for _, c := range []struct {
		why, path, body string
		headers         []string
		status          int
	}{
		{"payload at the limit", "/api/v1/app/a/msg", `{"eventType":"t","payload":` + payload(1000) + `}`, nil, 202},
		{"payload over the limit", "/api/v1/app/a/msg", `{"eventType":"t","payload":` + payload(1001) + `}`, nil, 413},
		{"raw payload over the limit", "/api/v1/app/a/msg", `{"eventType":"t","payload":{},"transformationsParams":{"rawPayload":"` + strings.Repeat("z", 1001) + `"}}`, nil, 413},
		{"body over the limit", "/api/v1/app", `{"name":"` + strings.Repeat("n", 2000) + `"}`, nil, 413},
		{"text", "/api/v1/app", `{"name":"n"}`, []string{"Content-Type", "text/plain"}, 415},
		{"no type", "/api/v1/app", `{"name":"n"}`, []string{"Content-Type", ""}, 415},
		{"JSON with a parameter", "/api/v1/app", `{"name":"n"}`, []string{"Content-Type", "Application/JSON; charset=utf-8"}, 201},
		{"encoded", "/api/v1/app", `{"name":"n"}`, []string{"Content-Encoding", "gzip"}, 415},
		{"no body where one is needed", "/api/v1/app", ``, nil, 422},
		{"two documents", "/api/v1/app", `{"name":"n"}{"name":"m"}`, nil, 422},
		{"a list", "/api/v1/app", `[]`, nil, 422},
		{"null", "/api/v1/app", `null`, nil, 422},
		{"too deep", "/api/v1/app", `{"name":"n","x":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `}`, nil, 422},
		{"brackets in a string are not depth", "/api/v1/app", `{"name":"` + strings.Repeat("[", 200) + `\""}`, nil, 201},
	} {
		if a := r.call("POST", c.path, c.body, c.headers...); a.status != c.status {
			t.Errorf("%s: %d %s", c.why, a.status, a.body)
		}
	}
}
