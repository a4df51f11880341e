//go:build unix

// Package connectors runs the real binary against stand-ins of the services that ready
// connectors are for. Each refuses what the service is known to refuse: what is too large,
// too fast, or not what it reads. What of that a service documents is said in package
// connector; the rest is from memory.
package connectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// arrival is a request that a stand-in has got, and what it answered.
type arrival struct {
	*http.Request
	body   []byte
	status int
}

// standIn is a service. judge answers one request as the service would.
type standIn struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals []arrival
}

func newStandIn(t *testing.T, judge func(r *http.Request, body []byte) (status int, answer string)) *standIn {
	t.Helper()
	s := &standIn{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status, answer := judge(r, body)
		s.mu.Lock()
		s.arrivals = append(s.arrivals, arrival{r, body, status})
		s.mu.Unlock()
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer) // whoever does not read it shows in the attempt
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) all() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.arrivals...)
}

// world is a server with the application acme.
type world struct {
	*testing.T
	s   *rig.Server
	api *rig.API
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := rig.Start(t, rig.Options{})
	w := &world{t, s, s.API()}
	w.must("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`)
	return w
}

func (w *world) must(method, path, body string) map[string]any {
	w.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, text, err := w.api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		w.Fatalf("%s %s: %d, %v: %s", method, path, status, err, text)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			w.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return out
}

// attempts waits until n attempts at an endpoint have ended, the newest first.
func (w *world) attempts(endpoint string, n int) []map[string]any {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var list []map[string]any
		for _, one := range w.must("GET", "/api/v1/app/acme/attempt/endpoint/"+endpoint, "")["data"].([]any) {
			list = append(list, one.(map[string]any))
		}
		if len(list) >= n {
			return list
		}
		if time.Now().After(end) {
			w.Fatalf("%s has %d attempts, want %d", endpoint, len(list), n)
		}
	}
}

func (w *world) publish(payload string) {
	w.Helper()
	w.must("POST", "/api/v1/app/acme/msg", `{"eventType":"invoice.paid","payload":`+payload+`}`)
}

func jsonOf(t *testing.T, b []byte) map[string]any {
	t.Helper()
	v := map[string]any{}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Errorf("no JSON object: %v in %.200s", err, b)
	}
	return v
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// services are the ready connectors of services, each with what it takes.
var services = []struct {
	name, path, variables string
	judge                 func(r *http.Request, body []byte) (int, string)
}{
	{"slack", "/services/T/B/x", `{}`, func(_ *http.Request, body []byte) (int, string) {
		var in struct{ Text string }
		switch {
		case json.Unmarshal(body, &in) != nil || units(in.Text) > 40000:
			return 400, "invalid_payload"
		case in.Text == "":
			return 400, "no_text"
		}
		return 200, "ok"
	}},
	{"discord", "/api/webhooks/1/x", `{"username":"Shop"}`, func(_ *http.Request, body []byte) (int, string) {
		var in struct {
			Content, Username string
			Allowed           *struct{ Parse []string } `json:"allowed_mentions"`
		}
		switch {
		case json.Unmarshal(body, &in) != nil || units(in.Content) > 2000 || len(in.Username) > 80 || in.Allowed == nil:
			return 400, `{"code": 50035, "message": "Invalid Form Body"}`
		case in.Content == "":
			return 400, `{"code": 50006, "message": "Cannot send an empty message"}`
		}
		return 204, ""
	}},
	{"teams", "/workflows/x/triggers/manual/paths/invoke", `{"title":"{{eventType}}"}`, func(_ *http.Request, body []byte) (int, string) {
		var in struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct{ Type, Version string }
			}
		}
		if json.Unmarshal(body, &in) != nil || in.Type != "message" || len(in.Attachments) != 1 || len(body) > 28<<10 ||
			in.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" || in.Attachments[0].Content.Type != "AdaptiveCard" {
			return 400, "Bad payload received by generic incoming webhook."
		}
		return 202, ""
	}},
	{"zapier", "/hooks/catch/1/x/", `{}`, func(_ *http.Request, body []byte) (int, string) {
		if len(body) > 10<<20 {
			return 413, ""
		}
		var in struct{ ID, Type string }
		if json.Unmarshal(body, &in) != nil || in.ID == "" || in.Type == "" {
			return 400, ""
		}
		return 200, `{"attempt":"0","id":"0","request_id":"0","status":"success"}`
	}},
	{"mattermost", "/hooks/x", `{"username":"Shop","channel":"sales"}`, func(_ *http.Request, body []byte) (int, string) {
		var in struct{ Text string }
		if json.Unmarshal(body, &in) != nil || in.Text == "" || units(in.Text) > 16383 {
			return 400, `{"id":"web.incoming_webhook.text.app_error","message":"No text specified","status_code":400}`
		}
		return 200, "ok"
	}},
	{"google-chat", "/v1/spaces/x/messages?key=k&token=t", `{}`, func(r *http.Request, body []byte) (int, string) {
		var in struct{ Text string }
		if json.Unmarshal(body, &in) != nil || in.Text == "" || len(body) > 32000 || r.URL.Query().Get("requestId") == "" || r.URL.Query().Get("token") != "t" {
			return 400, `{"error":{"code":400,"status":"INVALID_ARGUMENT"}}`
		}
		return 200, `{"name":"spaces/x/messages/1"}`
	}},
	{"pagerduty", "/v2/enqueue", `{"routingKey":"0123456789abcdef0123456789abcdef","severity":"warning"}`, func(_ *http.Request, body []byte) (int, string) {
		var in struct {
			RoutingKey string `json:"routing_key"`
			Action     string `json:"event_action"`
			Key        string `json:"dedup_key"`
			Payload    struct{ Summary, Source, Severity string }
		}
		if json.Unmarshal(body, &in) != nil || in.RoutingKey == "" || in.Action != "trigger" || len(in.Key) > 255 || len(body) > 512<<10 ||
			in.Payload.Summary == "" || units(in.Payload.Summary) > 1024 || in.Payload.Source == "" || in.Payload.Severity != "warning" {
			return 400, `{"status":"invalid event","errors":["..."]}`
		}
		return 202, `{"status":"success","dedup_key":"` + in.Key + `"}`
	}},
	{"standard-webhooks", "/hooks", `{}`, func(_ *http.Request, body []byte) (int, string) {
		var in struct {
			Type, Timestamp string
			Data            json.RawMessage
		}
		if json.Unmarshal(body, &in) != nil || in.Type != "invoice.paid" || in.Data == nil {
			return 400, ""
		}
		if _, err := time.Parse(time.RFC3339, in.Timestamp); err != nil {
			return 400, err.Error()
		}
		return 200, ""
	}},
}

// TestServicesTakeWhatTheirConnectorsMake sends an ordinary event, one that is far too long
// for every service, and one while the service has had too much.
func TestServicesTakeWhatTheirConnectorsMake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy := map[string]bool{}
	var mu sync.Mutex
	standIns := map[string]*standIn{}
	for _, one := range services {
		standIns[one.name] = newStandIn(t, func(r *http.Request, body []byte) (int, string) {
			mu.Lock()
			defer mu.Unlock()
			if busy[one.name] {
				busy[one.name] = false
				return 429, "rate_limited"
			}
			return one.judge(r, body)
		})
		w.must("POST", "/api/v1/app/acme/endpoint", fmt.Sprintf(`{"url":%q,"uid":%q}`, standIns[one.name].URL+one.path, one.name))
		w.must("PUT", "/x/v1/app/acme/endpoint/"+one.name+"/connector", fmt.Sprintf(`{"name":%q,"variables":%s}`, one.name, one.variables))
	}
	w.publish(`{"invoice": {"id": "inv_1042", "amount": 12900}, "who": "<!channel> @all"}`)
	for _, one := range services {
		for _, a := range w.attempts(one.name, 1) {
			if a["status"] != 0.0 {
				t.Errorf("%s: %v, sent %.300s", one.name, a, standIns[one.name].all()[0].body)
			}
		}
	}
	long, err := json.Marshal(map[string]string{"text": strings.Repeat("<é😀\"\x01> ", 25_000)})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	for _, one := range services {
		busy[one.name] = true
	}
	mu.Unlock()
	w.publish(string(long))
	for _, one := range services {
		if a := w.attempts(one.name, 2)[0]; a["responseStatusCode"] != 429.0 {
			t.Errorf("%s: %v, want it to be put off", one.name, a)
		}
	}
	// A retry after a 429 waits for a minute: the message is sent again by hand.
	for _, one := range services {
		id := w.attempts(one.name, 2)[0]["msgId"].(string)
		w.must("POST", "/api/v1/app/acme/msg/"+id+"/endpoint/"+one.name+"/resend", "")
		if a := w.attempts(one.name, 3)[0]; a["status"] != 0.0 {
			all := standIns[one.name].all()
			t.Errorf("%s: %v of a long event, sent %d bytes", one.name, a["response"], len(all[len(all)-1].body))
		}
	}
	if first := standIns["slack"].all()[0]; strings.Contains(string(first.body), "<!channel>") {
		t.Errorf("slack was sent %s", first.body)
	}
}

// TestConnectorThatIsGoneDisablesItsEndpoint also shows that what is refused is not retried.
func TestConnectorThatIsGoneDisablesItsEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := map[string]string{"/refuses": "400 invalid_payload", "/gone": "404 no_service"}
	s := newStandIn(t, func(r *http.Request, _ []byte) (int, string) {
		var status int
		var text string
		fmt.Sscan(answers[r.URL.Path], &status, &text)
		return status, text
	})
	for _, name := range []string{"refuses", "gone"} {
		w.must("POST", "/api/v1/app/acme/endpoint", fmt.Sprintf(`{"url":%q,"uid":%q}`, s.URL+"/"+name, name))
		w.must("PUT", "/x/v1/app/acme/endpoint/"+name+"/connector", `{"name":"slack"}`)
	}
	w.publish(`{}`)
	w.attempts("refuses", 1)
	w.attempts("gone", 1)
	for _, name := range []string{"refuses", "gone"} {
		a := w.attempts(name, 1)[0]
		path := fmt.Sprintf("/api/v1/app/acme/msg/%v/endpoint", a["msgId"])
		for _, one := range w.must("GET", path, "")["data"].([]any) {
			if d := one.(map[string]any); d["status"] != 2.0 || d["nextAttempt"] != nil {
				t.Errorf("%s: %v, want it given up", name, d)
			}
		}
	}
	for end := time.Now().Add(10 * time.Second); w.must("GET", "/api/v1/app/acme/endpoint/gone", "")["disabled"] != true; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the endpoint whose webhook is no more stays enabled")
		}
	}
	if w.must("GET", "/api/v1/app/acme/endpoint/refuses", "")["disabled"] != false {
		t.Error("a refused message disabled its endpoint")
	}
}

// TestPageWorks applies every block of docs/connectors.md with its host replaced by a
// stand-in, and looks at what the service would be asked.
func TestPageWorks(t *testing.T) {
	t.Parallel()
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "connectors.md"))
	if err != nil {
		t.Fatal(err)
	}
	form := func(b []byte) url.Values {
		v, err := url.ParseQuery(string(b))
		if err != nil {
			t.Error(err)
		}
		return v
	}
	checks := map[string]func(a arrival) bool{
		"sms": func(a arrival) bool {
			user, password, _ := a.BasicAuth()
			v := form(a.body)
			return strings.HasSuffix(a.URL.Path, "/Messages.json") && user == "AC00000000000000000000000000000000" && password == "not-a-real-token" &&
				v.Get("To") == "+15550100" && v.Get("From") == "+15550199" && v.Get("Body") == "Invoice inv_1042 is paid" &&
				a.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
		},
		"github": func(a arrival) bool {
			in := jsonOf(t, a.body)
			return a.URL.Path == "/repos/acme/site/dispatches" && a.Header.Get("Authorization") == "Bearer not-a-real-token" && in["event_type"] == "invoice.paid" &&
				in["client_payload"].(map[string]any)["invoice"].(map[string]any)["amount"] == 12900.0
		},
		"gitlab": func(a arrival) bool {
			v := form(a.body)
			return v.Get("token") == "not-a-real-token" && v.Get("ref") == "main" && v.Get("variables[INVOICE]") == "inv_1042"
		},
		"jenkins": func(a arrival) bool {
			user, _, _ := a.BasicAuth()
			return strings.HasSuffix(a.URL.Path, "/buildWithParameters") && user == "hooks" && form(a.body).Get("INVOICE") == "inv_1042"
		},
		"jira": func(a arrival) bool {
			in, _ := jsonOf(t, a.body)["fields"].(map[string]any)
			return in["summary"] == "Check inv_1042" && strings.Contains(in["description"].(string), `"amount":12900`)
		},
		"trello": func(a arrival) bool {
			return a.URL.Query().Get("key") == "not-a-real-key" && jsonOf(t, a.body)["name"] == "Invoice inv_1042"
		},
		"hubspot": func(a arrival) bool {
			return jsonOf(t, a.body)["properties"].(map[string]any)["email"] == "ada@example.com"
		},
		"mailchimp": func(a arrival) bool {
			return strings.HasSuffix(a.URL.Path, "/members") && jsonOf(t, a.body)["email_address"] == "ada@example.com"
		},
		"intercom": func(a arrival) bool {
			return a.Header.Get("Intercom-Version") == "2.11" && jsonOf(t, a.body)["role"] == "user"
		},
	}
	s := newStandIn(t, func(*http.Request, []byte) (int, string) { return 201, "{}" })
	mail := newPost(t)
	w := newWorld(t)
	var file bytes.Buffer
	file.WriteString("applications:\n  - uid: acme\n    endpoints:\n")
	blocks := 0
	for _, m := range regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n").FindAllStringSubmatch(string(page), -1) {
		blocks++
		text := regexp.MustCompile(`url: https://[^/]+`).ReplaceAllString(m[1], "url: "+s.URL)
		text = strings.Replace(text, "smtp.example.com:587", mail.addr, 1)
		file.WriteString("      - " + strings.ReplaceAll(text, "\n", "\n        ") + "\n")
	}
	if blocks != len(checks)+1 {
		t.Fatalf("the page has %d blocks, and %d are looked at", blocks, len(checks)+1)
	}
	name := filepath.Join(t.TempDir(), "page.yaml")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(w.s.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := w.s.Command("apply", "--file", name, "--yes", "--server", w.s.URL, "--token", "@"+token); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	w.publish(`{"invoice": {"id": "inv_1042", "amount": 12900, "currency": "eur"}, "customer": {"name": "Ada", "email": "ada@example.com"}}`)
	for uid, check := range checks {
		a := w.attempts(uid, 1)[0]
		if a["status"] != 0.0 {
			t.Errorf("%s: %v", uid, a)
			continue
		}
		found := false
		for _, one := range s.all() {
			if one.Header.Get("Webhook-Id") == a["msgId"] && a["url"] == s.URL+one.URL.RequestURI() {
				found = true
				if !check(one) {
					t.Errorf("%s was asked %s %s %v: %s", uid, one.Method, one.URL, one.Header, one.body)
				}
			}
		}
		if !found {
			t.Errorf("no request of %s arrived", uid)
		}
	}
	if a := w.attempts("mail", 1)[0]; a["status"] != 0.0 || a["responseStatusCode"] != 250.0 {
		t.Errorf("mail: %v", a)
	}
	got := mail.got()
	if len(got) != 1 || got[0].user != "shop" || strings.Join(got[0].to, " ") != "billing@example.com ada@example.com" ||
		!strings.Contains(got[0].data, "Subject: Paid: inv_1042\r\n") || !strings.Contains(got[0].data, "Ada paid 12900 eur.") {
		t.Errorf("mail received: %+v", got)
	}
}
