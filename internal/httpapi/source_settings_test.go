package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const settingsOfS = "/x/v1/source/s/settings"

// fullSettings sets every field to something that is not its default.
const fullSettings = `{
	"publicUrl":"https://example.com/hooks/x","methods":["POST","GET"],
	"answer":{"status":202,"headers":{"X-Ok":"1"},"body":"thanks"},
	"failureStatus":400,"toleranceSeconds":600,
	"dedupe":{"by":"header","name":"X-Id","windowSeconds":3600},
	"maxBodyBytes":1048576,"ratePerMinute":60,"ratePerHour":600,
	"networks":["192.0.2.0/24","2001:db8::/32"],
	"forward":{"headers":["X-A","X-B"],"method":false,"path":false,"query":false},
	"split":true,
	"validate":{"contentTypes":["application/json"],"utf8":true,"syntax":"json","maxDepth":10,"schema":{"type":"object","required":["a"],"properties":{"a":{"const":null}}}},
	"stale":{"afterSeconds":300,"drop":true},
	"passThrough":{"enabled":true,"deadlineMilliseconds":1500}%s}`

// onlySettings returns a settings answer without what is only shown.
func onlySettings(t *testing.T, a answer) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatal(err)
	}
	for _, name := range shownOnly {
		if _, there := v[name]; !there {
			t.Errorf("the answer lacks %s: %s", name, a.body)
		}
		delete(v, name)
	}
	return v
}

func TestSourceSettingsRoundTrip(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{"secret":"k"}`)
	app := r.app("target")
	fresh := onlySettings(t, r.must(200, "GET", settingsOfS, ""))
	full := fmt.Sprintf(fullSettings, `,"publishTo":"target"`)
	put := r.must(200, "PUT", settingsOfS, full)
	var want map[string]any
	if err := json.Unmarshal([]byte(full), &want); err != nil {
		t.Fatal(err)
	}
	want["publishTo"] = app // shown by its id
	if got := onlySettings(t, put); !reflect.DeepEqual(got, want) {
		t.Errorf("PUT\n%v\nwant\n%v", got, want)
	}
	got := r.must(200, "GET", settingsOfS, "")
	if !reflect.DeepEqual(onlySettings(t, got), want) {
		t.Errorf("GET\n%s\nwant\n%v", got.body, want)
	}
	// What was read can be written, and after a restart it is still so.
	r.restart()
	again := r.must(200, "PUT", settingsOfS, string(got.body))
	if !reflect.DeepEqual(onlySettings(t, again), want) {
		t.Errorf("written back\n%s\nwant\n%v", again.body, want)
	}
	if a := r.must(200, "PATCH", settingsOfS, `{}`); !reflect.DeepEqual(onlySettings(t, a), want) {
		t.Errorf("PATCH {}\n%s\nwant\n%v", a.body, want)
	}
	if a := r.must(200, "PUT", settingsOfS, `{}`); !reflect.DeepEqual(onlySettings(t, a), fresh) {
		t.Errorf("PUT {}\n%s\nwant\n%v", a.body, fresh)
	}
	if a := r.must(200, "PUT", settingsOfS, `{"forward":{"headers":[]}}`); a.str("forward.headers") != "[]" {
		t.Errorf("no headers: %s", a.body)
	}
}

func TestSourceSettingsPatch(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{"secret":"k"}`)
	app := r.app("target")
	r.must(200, "PUT", settingsOfS, fmt.Sprintf(fullSettings, `,"publishTo":"`+app+`"`))
	for _, c := range []struct{ why, body, field, want string }{
		{"sets one", `{"ratePerMinute":5}`, "ratePerMinute", "5"},
		{"keeps the others", `{}`, "ratePerHour", "600"},
		{"keeps the application", `{}`, "publishTo", app},
		{"null resets", `{"ratePerMinute":null}`, "ratePerMinute", "null"},
		{"sets inside", `{"dedupe":{"windowSeconds":7200}}`, "dedupe", `{"by":"header","name":"X-Id","windowSeconds":7200}`},
		{"null resets inside", `{"dedupe":{"windowSeconds":null}}`, "dedupe.windowSeconds", "null"},
		{"null resets an object", `{"dedupe":null}`, "dedupe.by", "provider"},
		{"replaces a map", `{"answer":{"headers":{"X-New":"2"}}}`, "answer.headers", `{"X-New":"2"}`},
		{"keeps beside a map", `{}`, "answer.status", "202"},
		{"replaces a list", `{"networks":["198.51.100.0/24"]}`, "networks", `["198.51.100.0/24"]`},
		{"replaces a schema with its nulls", `{"validate":{"schema":{"enum":[null]}}}`, "validate.schema", `{"enum":[null]}`},
		{"keeps beside a schema", `{}`, "validate.maxDepth", "10"},
		{"resets the application", `{"publishTo":null}`, "publishTo", "null"},
	} {
		if a := r.call("PATCH", settingsOfS, c.body); a.status != 200 || a.str(c.field) != c.want {
			t.Errorf("%s: %d %s = %s, want %s", c.why, a.status, c.field, a.str(c.field), c.want)
		}
	}
}

func TestSourceSettingsRules(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{"secret":"k"}`)
	r.source("other", "github", `{}`)
	internal := r.must(200, "GET", "/x/v1/source/other/settings", "").str("applicationId")
	before := r.must(200, "GET", settingsOfS, "")
	env, token := r.environment("second")
	mine, own := r.env, r.token
	r.env, r.token = env, token
	foreign := r.app("foreign")
	r.env, r.token = mine, own
	for _, c := range []struct{ why, body, loc string }{
		{"misspelt", `{"ratePerMinit":5}`, "body ratePerMinit"},
		{"misspelt inside", `{"dedupe":{"bye":"hash"}}`, "body dedupe bye"},
		{"no object", `[]`, "body"},
		{"null", `null`, "body"},
		{"text for a number", `{"ratePerMinute":"5"}`, "body ratePerMinute"},
		{"a fraction", `{"ratePerMinute":1.5}`, "body ratePerMinute"},
		{"negative rate", `{"ratePerMinute":-1}`, "body ratePerMinute"},
		{"a rate of zero is not none", `{"ratePerMinute":0}`, "body ratePerMinute"},
		{"a tolerance of zero is not the default", `{"toleranceSeconds":0}`, "body toleranceSeconds"},
		{"a body of zero", `{"maxBodyBytes":0}`, "body maxBodyBytes"},
		{"huge rate", `{"ratePerHour":99999999999999}`, "body ratePerHour"},
		{"body over 25 MiB", `{"maxBodyBytes":26214401}`, "body maxBodyBytes"},
		{"failure status", `{"failureStatus":500}`, "body failureStatus"},
		{"answer status", `{"answer":{"status":99}}`, "body answer status"},
		{"answer header", `{"answer":{"headers":{"X-A":"b\r\nX-B: 1"}}}`, "body answer headers X-A"},
		{"dedupe rule", `{"dedupe":{"by":"luck"}}`, "body dedupe by"},
		{"dedupe without a name", `{"dedupe":{"by":"header"}}`, "body dedupe name"},
		{"dedupe window", `{"dedupe":{"windowSeconds":3024001}}`, "body dedupe windowSeconds"},
		{"network", `{"networks":["192.0.2.1"]}`, "body networks [0]"},
		{"network with bits behind", `{"networks":["192.0.2.0/24","192.0.2.1/24"]}`, "body networks [1]"},
		{"mapped network", `{"networks":["::ffff:192.0.2.0/120"]}`, "body networks [0]"},
		{"no network at all would shut everybody out", `{"networks":[]}`, "body networks"},
		{"syntax", `{"validate":{"syntax":"yaml"}}`, "body validate syntax"},
		{"schema", `{"validate":{"schema":{"type":7}}}`, "body validate schema"},
		{"schema that refers elsewhere", `{"validate":{"schema":{"$ref":"https://example.com/x"}}}`, "body validate schema"},
		{"schema with a huge number", `{"validate":{"schema":{"multipleOf":1e99999}}}`, "body validate schema"},
		{"schema as text", `{"validate":{"schema":"{}"}}`, "body validate schema"},
		{"pass-through deadline", `{"passThrough":{"deadlineMilliseconds":30001}}`, "body passThrough deadlineMilliseconds"},
		{"public URL", `{"publicUrl":"ftp://x"}`, "body publicUrl"},
		{"unknown application", `{"publishTo":"nobody"}`, "body publishTo"},
		{"internal application", `{"publishTo":"` + internal + `"}`, "body publishTo"},
		{"another environment's application", `{"publishTo":"` + foreign + `"}`, "body publishTo"},
		{"application as a number", `{"publishTo":7}`, "body publishTo"},
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			if a := r.call(method, settingsOfS, c.body); a.status != 422 || a.loc() != c.loc {
				t.Errorf("%s %s: %d at %q: %s", method, c.why, a.status, a.loc(), a.body)
			}
		}
	}
	if after := r.must(200, "GET", settingsOfS, ""); string(after.body) != string(before.body) {
		t.Errorf("a refused change left\n%s\nbefore\n%s", after.body, before.body)
	}
}

// TestVerificationToken: what Notion hands over is shown to be typed in there; other
// providers' secrets never are.
func TestVerificationToken(t *testing.T) {
	r := newRig(t)
	r.source("s", "notion", `{}`)
	r.source("other", "github", `{"secret":"hush"}`)
	if got := r.must(200, "GET", settingsOfS, "").str("verificationToken"); got != "null" {
		t.Errorf("before the handshake: %s", got)
	}
	src, err := r.store.Source(context.Background(), r.env.ID, "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.UpdateSource(context.Background(), src.ID, nil, func(s *hook.Source) error {
		s.Config.Secrets = []string{"secret_abc"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := r.must(200, "GET", settingsOfS, "").str("verificationToken"); got != "secret_abc" {
		t.Errorf("after the handshake: %s", got)
	}
	if got := r.must(200, "GET", "/x/v1/source/other/settings", "").str("verificationToken"); got != "null" {
		t.Errorf("of github: %s", got)
	}
	// Notion signs with it, and a provider that signs the URL may have a password in it: both
	// are for who may see secrets.
	r.must(200, "PATCH", settingsOfS, `{"publicUrl":"https://ada:hush@example.com/hooks"}`)
	env := r.store.Codec().Environment(r.env.ID)
	for scopes, want := range map[string][2]string{
		`["*:read"]`:                 {"null", "https://ada:[withheld]@example.com/hooks"},
		`["source:read"]`:            {"null", "https://ada:[withheld]@example.com/hooks"},
		`["*:read","secret:read"]`:   {"secret_abc", "https://ada:hush@example.com/hooks"},
		`["source:*","secret:read"]`: {"secret_abc", "https://ada:hush@example.com/hooks"},
	} {
		a := r.send(request{method: "GET", path: settingsOfS, token: r.scoped(t, env, scopes)})
		if got := [2]string{a.str("verificationToken"), a.str("publicUrl")}; a.status != 200 || got != want {
			t.Errorf("with %s: %d %q", scopes, a.status, got)
		}
	}
	// What was withheld cannot be written back by mistake.
	if a := r.send(request{method: "PUT", path: settingsOfS, token: r.scoped(t, env, `["source:*"]`), body: `{"publicUrl":"https://ada:[withheld]@example.com/hooks"}`}); a.status != 422 {
		t.Errorf("written back: %d %s", a.status, a.body)
	}
}

func TestSourceLog(t *testing.T) {
	r := newRig(t)
	id := r.source("s", "gitlab", `{"mode":"token","secret":"hunter2"}`)
	codec := r.store.Codec()
	key, ok := codec.ParseSource(r.env.ID, id)
	if !ok {
		t.Fatal(id)
	}
	at := time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC)
	var list []*hook.Rejection
	for i, body := range []string{"plain", "\xff\x00", "caf\xc3", ""} {
		list = append(list, &hook.Rejection{
			Source: key, Status: 401, Reason: fmt.Sprintf("reason %d", i), Method: "POST", Remote: "192.0.2.1",
			Header: map[string]string{"X-Gitlab-Token": "hunter2", "Cookie": "hunter2", "X-Ok": "\xff"}, Body: []byte(body), BodyTruncated: i == 2, At: at,
		})
	}
	if err := r.store.SaveVisits(context.Background(), nil, list); err != nil {
		t.Fatal(err)
	}
	a := r.must(200, "GET", sourcesPath+"/s/log", "")
	for path, want := range map[string]string{
		"data.3.payload": "plain", "data.3.payload_base64": "null", "data.3.error_text": "reason 0", "data.3.status_code": "401", "data.3.source_id": id,
		"data.3.created_at": "2026-11-21T03:04:05Z", "data.3.headers.X-Gitlab-Token": "[withheld]", "data.3.headers.Cookie": "[withheld]",
		"data.3.headers.X-Ok": "\uFFFD", "data.3.method": "POST", "data.3.remote_addr": "192.0.2.1",
		"data.2.payload": "/wA=", "data.2.payload_base64": "true", "data.1.payload": "caf", "data.1.payload_truncated": "true", "data.0.payload": "",
	} {
		if got := a.str(path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	if strings.Contains(string(a.body), "hunter2") {
		t.Errorf("a secret is shown: %s", a.body)
	}
	down := r.walk(sourcesPath + "/s/log?limit=3")
	up := r.walk(sourcesPath + "/s/log?limit=3&order=ascending")
	slices.Reverse(up)
	if len(down) != 4 || !slices.Equal(up, down) || !strings.HasPrefix(down[0], "log") {
		t.Errorf("newest first %v, oldest first, turned around, %v", down, up)
	}
	r.must(422, "GET", sourcesPath+"/s/log?iterator=log0", "")
}

func TestSourceStats(t *testing.T) {
	now := time.Date(2026, 11, 21, 3, 30, 0, 0, time.UTC)
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return now } })
	id := r.source("s", "github", `{}`)
	key, _ := r.store.Codec().ParseSource(r.env.ID, id)
	hour := now.Truncate(time.Hour)
	if err := r.store.SaveVisits(context.Background(), []hook.SourceCount{
		{Source: key, Hour: hour, Verdict: hook.Accepted, N: 5},
		{Source: key, Hour: hour, Verdict: hook.Rejected, Reason: "signature", N: 2},
		{Source: key, Hour: hour, Verdict: hook.Rejected, Reason: "too large", N: 1},
		{Source: key, Hour: hour.Add(-2 * time.Hour), Verdict: hook.Duplicate, N: 3},
		{Source: key, Hour: hour.Add(-2 * time.Hour), Verdict: hook.Handshake, N: 1},
		{Source: key, Hour: hour.Add(-48 * time.Hour), Verdict: hook.Accepted, N: 7},
	}, nil); err != nil {
		t.Fatal(err)
	}
	const path = "/x/v1/source/s/stats"
	a := r.must(200, "GET", path, "")
	for field, want := range map[string]string{
		"totals":  `{"accepted":5,"duplicate":3,"handshake":1,"reasons":{"signature":2,"too large":1},"rejected":3}`,
		"hours.0": `{"accepted":0,"duplicate":3,"handshake":1,"hour":"2026-11-21T01:00:00Z","reasons":{},"rejected":0}`,
		"hours.1": `{"accepted":5,"duplicate":0,"handshake":0,"hour":"2026-11-21T03:00:00Z","reasons":{"signature":2,"too large":1},"rejected":3}`,
		"hours.2": "", "since": "2026-11-20T03:30:00Z", "until": "2026-11-21T03:30:00Z",
	} {
		if got := a.str(field); got != want {
			t.Errorf("%s = %s, want %s", field, got, want)
		}
	}
	if got := r.must(200, "GET", path+"?since=2026-11-18T00:00:00Z", "").str("totals.accepted"); got != "12" {
		t.Errorf("three days: %s", got)
	}
	for _, query := range []string{"since=2026-08-01T00:00:00Z", "until=2026-11-22T00:00:00Z", "since=2026-11-20T00:00:00Z&until=2026-11-19T00:00:00Z"} {
		if a := r.call("GET", path+"?"+query, ""); a.status != 400 || a.str("code") != "invalid_range" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	r.must(400, "GET", path+"?since=yesterday", "")
}

// TestSourceSecretsStayInside scans every answer and the log for secrets and URL tokens.
func TestSourceSecretsStayInside(t *testing.T) {
	var logs bytes.Buffer
	r := newRig(t)
	r.logTo(&logs)
	const marker = "hunter2secret"
	var all []answer
	do := func(method, path, body string) answer {
		a := r.call(method, path, body)
		all = append(all, a)
		return a
	}
	do("POST", sourcesPath, `{"name":"n1","uid":"s","type":"github","config":{"secret":"`+marker+`","secrets":["`+marker+`2"]}}`)
	do("POST", sourcesPath, `{"name":"n1","uid":"m","type":"meta","config":{"secret":"`+marker+`","verifyToken":"`+marker+`"}}`)
	do("POST", sourcesPath, `{"name":"n1","type":"github","config":{"secret":["`+marker+`"]}}`)
	do("POST", sourcesPath, `{"name":"n1","type":"clerk","config":{"secret":"`+marker+`"}}`) // no base64
	do("POST", sourcesPath, `{"name":"n1","type":"nobody","config":{"secret":"`+marker+`"}}`)
	do("POST", sourcesPath, `{"name":"","type":"github","config":{"secret":"`+marker+`"}}`)
	do("PUT", sourcesPath+"/s", `{"name":"n2","uid":"s","type":"github","config":{"secret":"`+marker+`"}}`)
	do("PATCH", sourcesPath+"/s", `{"name":"n3"}`)
	for _, path := range []string{sourcesPath, sourcesPath + "/s", sourcesPath + "/m", settingsOfS, "/x/v1/source/m/settings", sourcesPath + "/s/log", "/x/v1/source/s/stats"} {
		if a := do("GET", path, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	url := r.must(200, "POST", sourcesPath+"/s/token/rotate", "").str("ingestUrl")
	for _, a := range all {
		if strings.Contains(string(a.body), marker) {
			t.Errorf("an answer holds the secret: %s", a.body)
		}
	}
	if strings.Contains(logs.String(), marker) || strings.Contains(logs.String(), url[strings.LastIndexByte(url, '/')+1:]) {
		t.Errorf("the log holds a secret: %s", logs.String())
	}
	if logs.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// TestDedupeNameBelongsToItsRule: a PATCH to another rule needs no word about the old name.
func TestDedupeNameBelongsToItsRule(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{"secret":"k"}`)
	for _, c := range []struct{ why, body, want string }{
		{"a header", `{"dedupe":{"by":"header","name":"X-Id","windowSeconds":3600}}`, `{"by":"header","name":"X-Id","windowSeconds":3600}`},
		{"the same rule keeps its name", `{"dedupe":{"by":"header"}}`, `{"by":"header","name":"X-Id","windowSeconds":3600}`},
		{"another rule drops it", `{"dedupe":{"by":"hash"}}`, `{"by":"hash","name":null,"windowSeconds":3600}`},
		{"a path", `{"dedupe":{"by":"body","name":"data.id"}}`, `{"by":"body","name":"data.id","windowSeconds":3600}`},
		{"the default drops it, too", `{"dedupe":{"by":null}}`, `{"by":"provider","name":null,"windowSeconds":3600}`},
	} {
		if a := r.call("PATCH", settingsOfS, c.body); a.status != 200 || a.str("dedupe") != c.want {
			t.Errorf("%s: %d %s, want %s", c.why, a.status, a.body, c.want)
		}
	}
	r.must(200, "PATCH", settingsOfS, `{"dedupe":{"by":"header","name":"X-Id"}}`)
	r.must(422, "PATCH", settingsOfS, `{"dedupe":{"by":"body"}}`) // it needs a name of its own
}

// TestSettingsOutliveTheirApplication: what GET says can be written back when the
// application of publishTo is gone.
func TestSettingsOutliveTheirApplication(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{"secret":"k"}`)
	r.app("target")
	r.must(200, "PATCH", settingsOfS, `{"publishTo":"target"}`)
	r.must(204, "DELETE", "/api/v1/app/target", "")
	got := r.must(200, "GET", settingsOfS, "")
	if got.str("publishTo") != "null" {
		t.Errorf("publishTo is %s", got.str("publishTo"))
	}
	if a := r.must(200, "PATCH", settingsOfS, `{"ratePerMinute":5}`); a.str("publishTo") != "null" {
		t.Errorf("after a PATCH publishTo is %s", a.str("publishTo"))
	}
	r.must(200, "PUT", settingsOfS, string(got.body))
}
