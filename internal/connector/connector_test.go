package connector

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

func TestMain(m *testing.M) {
	if transform.IsChild(os.Args[1:]) {
		os.Exit(transform.Child(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// sandbox runs templates as an endpoint would.
type sandbox struct {
	testing.TB
	pool *transform.Pool
}

func newSandbox(t testing.TB) sandbox {
	o := transform.Options{} // the time that every installation gives
	if underRace {
		o.Time = transform.MaxTime
	}
	p := transform.New(o)
	t.Cleanup(p.Close)
	return sandbox{t, p}
}

// run returns what the template makes of a payload with these variables.
func (s sandbox) run(name, eventType, payload string, vars map[string]string) transform.Result {
	s.Helper()
	r, err := s.tryRun(name, eventType, payload, vars)
	if err != nil {
		s.Fatalf("%s: %v", name, err)
	}
	return r
}

func (s sandbox) tryRun(name, eventType, payload string, vars map[string]string) (transform.Result, error) {
	ready, found := Ready(name)
	if !found {
		s.Fatalf("no template %s", name)
	}
	use := &hook.ConnectorUse{Ready: name, Variables: vars}
	use.Fill(ready)
	w := &transform.Webhook{
		Method: "POST", URL: "https://example.com/hook?k=v", Payload: []byte(payload), EventType: eventType,
		ID: "msg_2abc", CreatedAt: time.UnixMilli(1_700_000_000_000), IsText: !json.Valid([]byte(payload)),
	}
	return s.pool.Run(s.Context(), transform.Job{Endpoint: 1, Code: use.Script.Code, Variables: use.Script.Variables, At: time.Now(), Seed: 1, Webhook: w})
}

// member returns what stands at a path of a result.
func (s sandbox) member(r transform.Result, path ...any) any {
	s.Helper()
	var v any
	if err := json.Unmarshal(r.Payload, &v); err != nil {
		s.Fatalf("%v in %s", err, r.Payload)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

func (s sandbox) want(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Errorf("%s is %q, want %q", what, got, want)
	}
}

// neededBy are the variables without which a template does nothing.
func neededBy(t Template) map[string]string {
	vars := map[string]string{}
	for _, v := range t.Variables {
		if v.Required {
			vars[v.Name] = "given"
		}
	}
	return vars
}

func TestEachTemplateIsWhole(t *testing.T) {
	s := newSandbox(t)
	seen := map[string]bool{}
	for _, one := range All() {
		if seen[one.Name] || one.Name == "" {
			t.Errorf("the name %q stands twice or is empty", one.Name)
		}
		seen[one.Name] = true
		for what, text := range map[string]string{
			"title": one.Title, "description": one.Description, "instructions": one.Instructions, "URL": one.URL,
			"limits": one.Limits, "idempotency": one.Idempotency, "sureness": one.Sure,
		} {
			if text == "" {
				t.Errorf("%s has no %s", one.Name, what)
			}
		}
		if !slices.Contains(hook.ConnectorKinds(), one.Kind) {
			t.Errorf("%s is of no kind of the contract: %s", one.Name, one.Kind)
		}
		if err := hook.CheckCode("code", one.Code()); err != nil {
			t.Errorf("%s: %v", one.Name, err)
		}
		if err := one.Check("variables", neededBy(one)); err != nil {
			t.Errorf("%s refuses what it needs: %v", one.Name, err)
		}
		if err := one.Check("variables", map[string]string{"no-such": "x"}); err == nil {
			t.Errorf("%s takes a variable that it does not know", one.Name)
		}
		if r := s.run(one.Name, one.EventType, one.Payload, neededBy(one)); r.Cancel {
			t.Errorf("%s cancels its own example", one.Name)
		}
	}
	for _, name := range []string{"slack", "discord", "teams", "zapier", "mattermost", "google-chat", "pagerduty", "standard-webhooks", "email", "http"} {
		if !seen[name] {
			t.Errorf("there is no %s: endpoints refer to it", name)
		}
	}
}

// TestTemplatesKeepToTheLimits sends through each what is too long, in characters of every
// length, within the time that a script has.
func TestTemplatesKeepToTheLimits(t *testing.T) {
	s := newSandbox(t)
	n := 100_000
	if underRace { // in which the engine runs many times slower
		n /= 16
	}
	texts := map[string]string{
		"ascii": strings.Repeat("a", 9*n), "escapes": strings.Repeat("\x01", max(3*n/2, 20_000)), "astral": strings.Repeat("😀", 2*n),
		"marks": strings.Repeat("<@&>", 2*n), "mixed": strings.Repeat("\"", n) + strings.Repeat("é", 3*n),
	}
	for kind, long := range texts {
		raw, err := json.Marshal(map[string]string{"t": long})
		if err != nil {
			t.Fatal(err)
		}
		payload := string(raw)
		run := func(name string, vars map[string]string) transform.Result {
			t.Helper()
			return s.run(name, "a.b", payload, vars)
		}
		units := func(what string, v any, most int) {
			t.Helper()
			text := v.(string)
			if n := len(utf16.Encode([]rune(text))); n > most || n < most-1 || !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
				t.Errorf("%s of %s has %d characters, want about %d, whole ones", what, kind, n, most)
			}
		}
		bytes := func(what string, r transform.Result, most int) {
			t.Helper()
			if len(r.Payload) > most || len(r.Payload) < most-most/10 || bytes.ContainsRune(r.Payload, utf8.RuneError) {
				t.Errorf("%s of %s has %d bytes, want about %d", what, kind, len(r.Payload), most)
			}
		}
		vars := map[string]string{"text": "{{payload.t}}"}
		units("slack", s.member(run("slack", vars), "text"), 4000)
		units("discord", s.member(run("discord", vars), "content"), 2000)
		units("mattermost", s.member(run("mattermost", vars), "text"), 16383)
		bytes("teams", run("teams", vars), 28000)
		bytes("google-chat", run("google-chat", vars), 32000)
		page := run("pagerduty", map[string]string{"routingKey": "k", "summary": "{{payload.t}}", "dedupKey": "{{payload.t}}"})
		units("summary", s.member(page, "payload", "summary"), 1024)
		units("dedup_key", s.member(page, "dedup_key"), 255)
		if len(page.Payload) > 512<<10 {
			t.Errorf("pagerduty of %s has %d bytes", kind, len(page.Payload))
		}
	}
}

func TestNobodyIsMentionedByAPayload(t *testing.T) {
	s := newSandbox(t)
	const payload = `{"who": "<!channel> <users/all> @channel @everyone"}`
	vars := map[string]string{"text": "<b> {{payload.who}}"}
	s.want("slack", s.member(s.run("slack", "a", payload, vars), "text"), "<b> &lt;!channel&gt; &lt;users/all&gt; @channel @everyone")
	if got := s.member(s.run("mattermost", "a", payload, vars), "text").(string); strings.Contains(got, "@channel") {
		t.Errorf("mattermost: %s", got)
	}
	if got := s.member(s.run("google-chat", "a", payload, vars), "text").(string); strings.Contains(got, "<users/all>") {
		t.Errorf("google-chat: %s", got)
	}
	if got := s.run("discord", "a", payload, vars).Payload; !strings.Contains(string(got), `"allowed_mentions":{"parse":[]}`) {
		t.Errorf("discord: %s", got)
	}
	if got := s.member(s.run("email", "a", `{"x":"<script>"}`, map[string]string{"html": "<p>{{payload.x}}</p>"}), "html"); got != "<p>&lt;script&gt;</p>" {
		t.Errorf("email: %s", got)
	}
}

func TestPlacesAreFilled(t *testing.T) {
	s := newSandbox(t)
	const payload = `{"a": {"b": [1, "x"], "n": null, "f": false, "__proto__x": 1}, "id": 7}`
	for text, want := range map[string]string{
		"{{payload.a.b.1}}": "x", "{{ payload.a.b }}": `[1,"x"]`, "{{payload.a.n}}|{{payload.no.such}}|": "||", "{{payload.a.f}}": "false",
		"{{eventType}} {{id}} {{timestamp}}": "a.b msg_2abc 2023-11-14T22:13:20.000Z", "{{payload.constructor}}!": "!", "{{env.secret}}!": "!", "$& $1 {{payload.id}}": "$& $1 7",
		"{{payload.no}}": "a.b", // never empty
	} {
		s.want(text, s.member(s.run("slack", "a.b", payload, map[string]string{"text": text}), "text"), want)
	}
	// A webhook that was received has no type, and its body need not be JSON.
	s.want("text", s.member(s.run("slack", "", "plain words", map[string]string{"text": "{{payload}}"}), "text"), "plain words")
}

func TestIdempotencyOfTargetsIsTheMessage(t *testing.T) {
	s := newSandbox(t)
	if r := s.run("google-chat", "a", "{}", nil); r.URL != "https://example.com/hook?k=v&requestId=msg_2abc" {
		t.Errorf("URL %s", r.URL)
	}
	s.want("dedup_key", s.member(s.run("pagerduty", "a", "{}", map[string]string{"routingKey": "k"}), "dedup_key"), "msg_2abc")
	s.want("timestamp", s.member(s.run("standard-webhooks", "a", "{}", nil), "timestamp"), "2023-11-14T22:13:20.000Z")
}

func TestPagerDutyResolvesWhatItTriggered(t *testing.T) {
	s := newSandbox(t)
	vars := map[string]string{"routingKey": "k", "action": "{{payload.action}}", "dedupKey": "{{payload.id}}", "severity": "{{payload.level}}"}
	trigger := s.run("pagerduty", "a", `{"action":"Trigger","id":"c7","level":"warning"}`, vars)
	s.want("severity", s.member(trigger, "payload", "severity"), "warning")
	resolve := s.run("pagerduty", "a", `{"action":"resolve","id":"c7"}`, vars)
	s.want("key", s.member(resolve, "dedup_key"), s.member(trigger, "dedup_key"))
	if s.member(resolve, "payload") != nil {
		t.Errorf("a resolve carries a payload: %s", resolve.Payload)
	}
	_, err := s.tryRun("pagerduty", "a", `{"action":"explode"}`, vars)
	if err == nil || !strings.Contains(err.Error(), "action") {
		t.Errorf("an unknown action: %v", err)
	}
}

func TestHTTPKeepsTypesAndEncodesThePath(t *testing.T) {
	s := newSandbox(t)
	vars := map[string]string{
		"body": `{"n":"{{payload.n}}","t":"#{{payload.n}}","list":["{{payload.o}}",1,true,null],"none":"{{payload.none}}"}`,
		"path": "items/{{payload.id}}",
	}
	r := s.run("http", "a", `{"n": 5, "o": {"k": 1}, "id": "a/b?c"}`, vars)
	if want := `{"n":5,"t":"#5","list":[{"k":1},1,true,null],"none":null}`; string(r.Payload) != want {
		t.Errorf("body %s, want %s", r.Payload, want)
	}
	if r.URL != "https://example.com/hook/items/a%2Fb%3Fc?k=v" {
		t.Errorf("URL %s", r.URL)
	}
	if r := s.run("http", "a", `{"big": 12345678901234567890}`, nil); r.Payload != nil {
		t.Errorf("without a body the payload changed: %s", r.Payload)
	}
	if _, err := s.tryRun("http", "a", `{}`, map[string]string{"body": "{"}); err == nil || !strings.Contains(err.Error(), "body") {
		t.Errorf("a body that is no JSON: %v", err)
	}
}

func TestCredentialsOfMailAreNotForTheCode(t *testing.T) {
	ready, _ := Ready(Email)
	use := &hook.ConnectorUse{Ready: Email, Variables: map[string]string{UsernameVariable: "u", PasswordVariable: "p", "subject": "s"}}
	use.Fill(ready)
	if got := slices.Sorted(maps.Keys(use.Script.Variables)); len(got) != 1 || got[0] != "subject" {
		t.Errorf("the code is given %v", got)
	}
}
