package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/internal/vectors"
	"github.com/hookloft/hookloft/webhook"
)

const sourcesPath = "/ingest/api/v1/source"

// checkSource judges sources in these tests as the server does.
func checkSource(s *hook.Source) error { return receive.Check(s) }

// sourceTypes are the source types of the public contract, with a config for each that
// the contract allows.
func sourceTypes(t *testing.T) map[string]string {
	t.Helper()
	doc, err := contractDoc()
	if err != nil {
		t.Fatal(err)
	}
	if doc == nil {
		t.Skipf("%s is absent", contractFile)
	}
	values := map[string]string{
		"secret": `"` + svixSecret + `"`, "verifyToken": `"v"`, "publicKey": `"cHVibGlj"`, "clientId": `"c"`,
		"schedule": `"0 * * * *"`, "payload": `"{\"a\":1}"`,
	}
	out := map[string]string{}
	for _, one := range doc.Components.Schemas["IngestSourceIn"].Value.OneOf {
		var fields []string
		if config := one.Value.Properties["config"]; config != nil {
			for name := range config.Value.Properties {
				if values[name] != "" {
					fields = append(fields, fmt.Sprintf("%q:%s", name, values[name]))
				}
			}
		}
		out[one.Value.Properties["type"].Value.Enum[0].(string)] = "{" + strings.Join(fields, ",") + "}"
	}
	return out
}

const svixSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// source creates a source and returns its id.
func (r *rig) source(uid, typ, config string) string {
	r.t.Helper()
	return r.must(201, "POST", sourcesPath, fmt.Sprintf(`{"name":"n1","uid":%q,"type":%q,"config":%s}`, uid, typ, config)).str("id")
}

func TestSourceLife(t *testing.T) {
	r := newRig(t, func(o *Options) { o.PublicURL = "https://hooks.example.com/" })
	a := r.must(201, "POST", sourcesPath+"/", `{"name":"Payments","uid":"pay","type":"stripe","metadata":{"k":"v"},"config":{"secret":"whsec_one"}}`)
	id, url := a.str("id"), a.str("ingestUrl")
	for field, want := range map[string]string{"name": "Payments", "uid": "pay", "type": "stripe", "config": "{}", "metadata.k": "v"} {
		if got := a.str(field); got != want {
			t.Errorf("created %s = %s, want %s", field, got, want)
		}
	}
	token, ok := strings.CutPrefix(url, "https://hooks.example.com/in/")
	if got, known := r.store.Codec().ParseSourceToken(token); !ok || !known || r.store.Codec().Source(r.env.ID, got) != id {
		t.Errorf("URL %s", url)
	}
	r.must(200, "PUT", "/x/v1/source/pay/settings", `{"ratePerMinute":7}`)
	steps := []struct {
		why, method, ref, body string
		status                 int
		field, want            string
	}{
		{"get by uid", "GET", "pay", ``, 200, "id", id},
		{"get by id", "GET", id, ``, 200, "ingestUrl", url},
		{"patch sets the name", "PATCH", "pay", `{"name":"Money"}`, 200, "name", "Money"},
		{"patch keeps what is absent", "PATCH", "pay", `{}`, 200, "metadata", `{"k":"v"}`},
		{"patch replaces metadata", "PATCH", "pay", `{"metadata":{}}`, 200, "metadata", `{}`},
		{"patch refuses null for the name", "PATCH", "pay", `{"name":null}`, 422, "", ""},
		{"patch refuses an empty uid", "PATCH", "pay", `{"uid":""}`, 422, "", ""},
		{"patch cannot change the type, and says so", "PATCH", "pay", `{"type":"github"}`, 200, "type", "stripe"},
		{"patch clears the uid", "PATCH", "pay", `{"uid":null}`, 200, "uid", "null"},
		{"the uid is free again", "GET", "pay", ``, 404, "code", "not_found"},
		{"put replaces but for the URL", "PUT", id, `{"name":"P3","type":"github","config":{"secret":"x"}}`, 200, "ingestUrl", url},
		{"put replaced the type", "GET", id, ``, 200, "type", "github"},
		{"put keeps the settings", "GETX", id, ``, 200, "ratePerMinute", "7"},
		{"the secret is set", "GETX", id, ``, 200, "configured", `["secret"]`},
		{"put without a secret removes it", "PUT", id, `{"name":"P3","type":"github","config":{}}`, 200, "config", "{}"},
		{"the secret is gone", "GETX", id, ``, 200, "configured", `[]`},
		{"put of what the provider refuses", "PUT", id, `{"name":"P3","type":"stripe","config":{}}`, 422, "", ""},
		{"and nothing has changed", "GET", id, ``, 200, "type", "github"},
		{"put on an unknown reference creates without that uid", "PUT", "unknown", `{"name":"New","type":"generic-webhook"}`, 201, "uid", "null"},
		{"generic by its library name", "POST", "", `{"name":"G2","type":"generic"}`, 201, "type", "generic-webhook"},
		{"delete", "DELETE", id, ``, 204, "", ""},
		{"deleted", "GET", id, ``, 404, "detail", "Entity not found"},
		{"its settings are gone", "GETX", id, ``, 404, "", ""},
		{"deleted twice", "DELETE", id, ``, 404, "", ""},
	}
	for _, s := range steps {
		method, path := s.method, sourcesPath+"/"+s.ref
		if method == "GETX" {
			method, path = "GET", "/x/v1/source/"+s.ref+"/settings"
		}
		a := r.call(method, path, s.body)
		if a.status != s.status || s.field != "" && a.str(s.field) != s.want {
			t.Errorf("%s: %d %s", s.why, a.status, a.body)
		}
	}
	if got := r.call("GET", sourcesPath, ""); len(got.body) == 0 || strings.Contains(string(got.body), id) {
		t.Errorf("the deleted one is listed: %s", got.body)
	}
	// Every change that was made was told: creates, patches, puts, the delete.
	if n := r.changed.count(); n != 12 {
		t.Errorf("SourceChanged was called %d times, want 12", n)
	}
}

// TestContractSourceTypes creates a source of each of the contract's 43 types: those
// whose scheme is known are made, the others are refused with what to do instead.
func TestContractSourceTypes(t *testing.T) {
	r := newRig(t)
	unknown := strings.Fields("adobe-sign airwallex checkbook easypost nango openclaw orum-io panda-doc port-io rutter segment tailscale telnyx vapi veriff vgs")
	types := sourceTypes(t)
	if len(types) != 43 {
		t.Fatalf("the contract has %d types", len(types))
	}
	for typ, config := range types {
		a := r.call("POST", sourcesPath, fmt.Sprintf(`{"name":"n1","type":%q,"config":%s}`, typ, config))
		if slices.Contains(unknown, typ) {
			if a.status != 422 || a.loc() != "body type" || !strings.Contains(string(a.body), "use generic-webhook") {
				t.Errorf("%s: %d %s", typ, a.status, a.body)
			}
			continue
		}
		if a.status != 201 || a.str("type") != typ {
			t.Errorf("%s: %d %s", typ, a.status, a.body)
			continue
		}
		want := "{}"
		switch typ {
		case hook.GenericSource:
			want = "null" // absent
		case hook.CronSource:
			want = `{"payload":"{\"a\":1}","schedule":"0 * * * *"}`
		}
		if got := a.str("config"); got != want {
			t.Errorf("%s shows the config %s, want %s", typ, got, want)
		}
	}
}

// TestSecretOptionalTypes: the contract lets a source of these be made without a secret.
func TestSecretOptionalTypes(t *testing.T) {
	r := newRig(t)
	for _, typ := range []string{"docusign", "github", "hubspot"} {
		for _, config := range []string{`{}`, `{"secret":null}`} {
			if a := r.call("POST", sourcesPath, fmt.Sprintf(`{"name":"n1","type":%q,"config":%s}`, typ, config)); a.status != 201 {
				t.Errorf("%s %s: %d %s", typ, config, a.status, a.body)
			}
		}
	}
}

// presetConfigs returns a usable config of every preset, taken from the vectors.
func presetConfigs(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, v := range vectors.All(t) {
		if v.Expect == "reject" || out[v.Provider] != nil {
			continue
		}
		config := map[string]any{}
		for name, value := range v.Config {
			config[camel(name)] = value
		}
		if len(v.Secrets) > 0 {
			config["secrets"] = v.Secrets
		}
		out[v.Provider] = config
	}
	return out
}

// TestEveryPresetMakesASource creates a source of each provider, and finds the preset.
func TestEveryPresetMakesASource(t *testing.T) {
	r := newRig(t)
	configs := presetConfigs(t)
	list := r.must(200, "GET", providerPath, "")
	for i, p := range webhook.Presets() {
		config := configs[p.Name]
		if config == nil {
			if p.Family != "standard-webhooks" {
				t.Logf("%s has no vectors here; a made-up secret must do", p.Name)
			}
			config = map[string]any{"secret": svixSecret}
			for _, setting := range p.Settings {
				if setting.Required {
					config[camel(setting.Name)] = "x"
				}
			}
		}
		body, err := json.Marshal(map[string]any{"name": "of " + p.Name, "type": p.Name, "config": config})
		if err != nil {
			t.Fatal(err)
		}
		a := r.call("POST", sourcesPath, string(body))
		if a.status != 201 {
			t.Errorf("%s with %v: %d %s", p.Name, config, a.status, a.body)
			continue
		}
		settings := r.must(200, "GET", "/x/v1/source/"+a.str("id")+"/settings", "")
		one := r.must(200, "GET", providerPath+"/"+p.Name, "")
		if settings.str("provider.name") != p.Name || one.str("title") != p.Title || list.str(fmt.Sprintf("data.%d.name", i)) != p.Name {
			t.Errorf("%s: settings %s\nprovider %s", p.Name, settings.body, one.body)
		}
		if words := one.str("confidence.signature"); len(words) < len("not confirmed") {
			t.Errorf("%s: the mark is not spelled out: %q", p.Name, words)
		}
		if a := r.call("POST", sourcesPath, fmt.Sprintf(`{"name":"n1","type":%q,"config":{"noSuchKey":"x"}}`, p.Name)); a.status != 422 || a.loc() != "body config noSuchKey" {
			t.Errorf("%s with an unknown key: %d %s", p.Name, a.status, a.body)
		}
	}
	r.must(404, "GET", providerPath+"/nobody", "")
}

func TestSourceRules(t *testing.T) {
	r := newRig(t)
	r.source("taken", "github", `{}`)
	stripe := `,"type":"stripe","config":{"secret":"whsec_x"}`
	for _, c := range []struct {
		why, body string
		status    int
		loc       string
	}{
		{"no name", `{"type":"github","config":{}}`, 422, "body name"},
		{"name of 1 character", `{"name":"a"` + stripe + `}`, 422, "body name"},
		{"name of 2", `{"name":"ab"` + stripe + `}`, 201, ""},
		{"name of 256", `{"name":"` + strings.Repeat("n", 256) + `"` + stripe + `}`, 201, ""},
		{"name of 257", `{"name":"` + strings.Repeat("n", 257) + `"` + stripe + `}`, 422, "body name"},
		{"name with NUL", `{"name":"a\u0000b"` + stripe + `}`, 422, "body name"},
		{"name as a number", `{"name":5` + stripe + `}`, 422, "body name"},
		{"empty uid", `{"name":"ab","uid":""` + stripe + `}`, 422, "body uid"},
		{"null uid", `{"name":"ab","uid":null` + stripe + `}`, 201, ""},
		{"uid with the prefix of ids", `{"name":"ab","uid":"src_x"` + stripe + `}`, 422, "body uid"},
		{"uid with a dot", `{"name":"ab","uid":"a.b"` + stripe + `}`, 422, "body uid"},
		{"uid of 60", `{"name":"ab","uid":"` + strings.Repeat("u", 60) + `"` + stripe + `}`, 201, ""},
		{"uid of 61", `{"name":"ab","uid":"` + strings.Repeat("u", 61) + `"` + stripe + `}`, 422, "body uid"},
		{"uid taken", `{"name":"ab","uid":"taken"` + stripe + `}`, 409, ""},
		{"metadata too large", `{"name":"ab","metadata":{"k":"` + strings.Repeat("v", 5000) + `"}` + stripe + `}`, 422, "body metadata"},
		{"metadata with a number", `{"name":"ab","metadata":{"k":1}` + stripe + `}`, 422, "body metadata k"},
		{"no type", `{"name":"ab","config":{}}`, 422, "body type"},
		{"unknown type", `{"name":"ab","type":"nobody","config":{}}`, 422, "body type"},
		{"type as a list", `{"name":"ab","type":["github"]}`, 422, "body type"},
		{"no config where a secret is needed", `{"name":"ab","type":"stripe"}`, 422, "body config secret"},
		{"no secret", `{"name":"ab","type":"stripe","config":{}}`, 422, "body config secret"},
		{"null secret", `{"name":"ab","type":"stripe","config":{"secret":null}}`, 422, "body config secret"},
		{"empty secret", `{"name":"ab","type":"stripe","config":{"secret":""}}`, 422, "body config secret"},
		{"empty secret where it is optional", `{"name":"ab","type":"github","config":{"secret":""}}`, 422, "body config secret"},
		{"empty secret in a list", `{"name":"ab","type":"github","config":{"secrets":["a",""]}}`, 422, "body config secrets"},
		{"secret as a number", `{"name":"ab","type":"stripe","config":{"secret":1}}`, 422, "body config secret"},
		{"secrets as text", `{"name":"ab","type":"stripe","config":{"secrets":"a"}}`, 422, "body config secrets"},
		{"secrets and secret", `{"name":"ab","type":"stripe","config":{"secrets":["a","b"],"secret":"c"}}`, 201, ""},
		{"11 secrets", `{"name":"ab","type":"stripe","config":{"secrets":["1","2","3","4","5","6","7","8","9","10","11"]}}`, 422, "body config"},
		{"config of another type", `{"name":"ab","type":"github","config":{"verifyToken":"v"}}`, 422, "body config verifyToken"},
		{"library spelling", `{"name":"ab","type":"github","config":{"tolerance_s":"5"}}`, 422, "body config tolerance_s"},
		{"config as a list", `{"name":"ab","type":"github","config":[]}`, 422, "body config"},
		{"config key twice", `{"name":"ab","type":"github","config":{"secret":"a","secret":"b"}}`, 422, "body config secret"},
		{"cron without a schedule", `{"name":"ab","type":"cron","config":{"payload":"x"}}`, 422, "body config schedule"},
		{"cron with nonsense", `{"name":"ab","type":"cron","config":{"schedule":"soon","payload":"x"}}`, 422, "body config schedule"},
		{"cron without a payload", `{"name":"ab","type":"cron","config":{"schedule":"* * * * *"}}`, 422, "body config payload"},
		{"cron with a secret", `{"name":"ab","type":"cron","config":{"schedule":"* * * * *","payload":"x","secret":"s"}}`, 422, "body config secret"},
		{"unknown fields are ignored and named", `{"name":"ab","colour":"red"` + stripe + `}`, 201, ""},
	} {
		a := r.call("POST", sourcesPath, c.body)
		if a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q: %s", c.why, a.status, a.loc(), a.body)
		}
	}
	if a := r.call("POST", sourcesPath, `{"name":"ab","colour":"red"`+stripe+`}`); a.header.Get(ignoredHeader) != "colour" {
		t.Errorf("ignored: %q", a.header.Get(ignoredHeader))
	}
}

// TestSourceChangedMeanwhile: a change that was right when it was checked is checked again
// when somebody else has changed the source in between, and nothing of it is kept when it
// is wrong now.
func TestSourceChangedMeanwhile(t *testing.T) {
	r := newRig(t)
	id := r.source("s", "stripe", `{"secret":"whsec_x"}`)
	key, _ := r.store.Codec().ParseSource(r.env.ID, id)
	checks := 0
	r.api.CheckSource = func(s *hook.Source) error {
		if checks++; checks == 1 {
			if _, err := r.store.UpdateSource(context.Background(), key, nil, func(s *hook.Source) error {
				s.Config, s.UpdatedAt = hook.SourceConfig{}, s.UpdatedAt.Add(time.Millisecond)
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
		return checkSource(s)
	}
	if a := r.call("PUT", "/x/v1/source/s/settings", `{"ratePerHour":5}`); a.status != 422 || checks != 2 {
		t.Errorf("%d after %d checks: %s", a.status, checks, a.body)
	}
	if a := r.must(200, "GET", "/x/v1/source/s/settings", ""); a.str("ratePerHour") != "null" || a.str("configured") != "[]" {
		t.Errorf("settings %s", a.body)
	}
	// A new name needs no look at the config that is wrong now.
	if a := r.must(200, "PATCH", sourcesPath+"/s", `{"name":"renamed"}`); a.str("name") != "renamed" || checks != 2 {
		t.Errorf("after %d checks: %s", checks, a.body)
	}
}

func TestSourceTokenRotates(t *testing.T) {
	r := newRig(t)
	id := r.source("s", "github", `{}`)
	first := r.must(200, "GET", sourcesPath+"/s", "").str("ingestUrl")
	a := r.must(200, "POST", sourcesPath+"/s/token/rotate", "", "Idempotency-Key", "k")
	second := a.str("ingestUrl")
	if second == first || r.must(200, "GET", sourcesPath+"/s", "").str("ingestUrl") != second {
		t.Errorf("first %s, second %s", first, second)
	}
	if again := r.must(200, "POST", sourcesPath+"/s/token/rotate", "", "Idempotency-Key", "k"); again.str("ingestUrl") != second {
		t.Errorf("a repeat rotated once more: %s", again.body)
	}
	src, err := r.store.Source(context.Background(), r.env.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(src.LiveTokens(time.Now())); n != 2 {
		t.Errorf("%d URLs work, want 2", n)
	}
	r.must(200, "POST", sourcesPath+"/s/token/rotate", "")
	r.must(200, "POST", sourcesPath+"/s/token/rotate", "")
	if a := r.call("POST", sourcesPath+"/s/token/rotate", ""); a.status != 400 || a.str("code") != "limit_reached" {
		t.Errorf("a fourth old URL: %d %s", a.status, a.body)
	}
}

func TestSourcePages(t *testing.T) {
	r := newRig(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, r.source(fmt.Sprintf("s%d", i), "github", `{}`))
	}
	if got := r.walk(sourcesPath + "?limit=2"); !slices.Equal(got, ids) {
		t.Errorf("ascending %v, want %v", got, ids)
	}
	slices.Reverse(ids)
	if got := r.walk(sourcesPath + "?limit=2&order=descending"); !slices.Equal(got, ids) {
		t.Errorf("descending %v, want %v", got, ids)
	}
	for query, status := range map[string]int{"limit=0": 422, "limit=251": 422, "limit=x": 400, "iterator=src_x": 422, "order=up": 400} {
		r.must(status, "GET", sourcesPath+"?"+query, "")
	}
}

// walk follows a list to its end and returns the ids.
func (r *rig) walk(path string) (ids []string) {
	r.t.Helper()
	next := path
	for range 100 {
		a := r.must(200, "GET", next, "")
		var page struct {
			Data     []struct{ ID string }
			Iterator *string
			Done     bool
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			r.t.Fatal(err)
		}
		for _, row := range page.Data {
			ids = append(ids, row.ID)
		}
		if page.Done {
			return ids
		}
		next = path + "&iterator=" + *page.Iterator
	}
	r.t.Fatal("the list has no end")
	return nil
}

// TestSourcesOfAnotherEnvironment: every operation answers for another's source as for none.
func TestSourcesOfAnotherEnvironment(t *testing.T) {
	r := newRig(t)
	id := r.source("mine", "github", `{}`)
	e := r.must(201, "POST", sourcesPath+"/mine/endpoint", `{"url":"https://example.com/"}`).str("id")
	_, other := r.environment("other")
	unknown := "src_" + strings.Repeat("0", 22)
	n := 0
	for _, rt := range routes() {
		if !strings.Contains(rt.path, "{source_id}") {
			continue
		}
		n++
		body := ""
		if takesBody(rt.method) {
			body = `{"name":"nn","type":"github","config":{},"url":"https://example.com/","headers":{}}`
		}
		send := func(ref string) answer {
			return r.send(request{method: rt.method, path: fill(rt.path, map[string]string{"source_id": ref, "endpoint_id": e}), token: other, body: body})
		}
		a, b, c := send(id), send("mine"), send(unknown)
		if rt.op == "ingest.source.upsert" {
			if a.status != 201 || a.str("id") == id {
				t.Errorf("%s: %d %s", rt.op, a.status, a.body)
			}
			continue
		}
		if a.status != 404 && a.status != 422 || string(a.body) != string(c.body) || string(b.body) != string(c.body) {
			t.Errorf("%s: %d %s, by uid %s, unknown %s", rt.op, a.status, a.body, b.body, c.body)
		}
	}
	if n < 20 {
		t.Errorf("%d operations only", n)
	}
	r.must(200, "GET", sourcesPath+"/mine/endpoint/"+e, "")
	if a := r.send(request{method: "GET", path: sourcesPath, token: other}); strings.Contains(string(a.body), id) {
		t.Errorf("the list shows another's: %s", a.body)
	}
}

// TestSourceEndpoints: the ordinary handlers on the internal application, in the
// contract's shape for sources.
func TestSourceEndpoints(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{}`)
	app := r.must(200, "GET", "/x/v1/source/s/settings", "").str("applicationId")
	const list = sourcesPath + "/s/endpoint"
	a := r.must(201, "POST", list, `{"url":"https://Example.com","uid":"e","throttleRate":5,"metadata":{"k":"v"},"secret":"`+svixSecret+`","headers":{"X-A":"b"},"channels":["c"]}`)
	id := a.str("id")
	if a.header.Get(ignoredHeader) != "channels" || a.str("url") != "https://example.com/" || a.str("eventTypes") != "null" || strings.Contains(string(a.body), "version") {
		t.Errorf("ignored %q, %s", a.header.Get(ignoredHeader), a.body)
	}
	if got := r.must(200, "GET", list+"/e/secret", "").str("key"); got != svixSecret {
		t.Errorf("secret %s", got)
	}
	if got := r.must(200, "GET", list+"/e/headers", "").str("headers.X-A"); got != "b" {
		t.Errorf("header %s", got)
	}
	r.must(204, "PUT", list+"/e/headers", `{"headers":{"X-B":"c"}}`)
	r.must(204, "POST", list+"/e/secret/rotate", `{"gracePeriodSeconds":0}`)
	if r.must(200, "GET", list+"/e/secret", "").str("key") == svixSecret {
		t.Error("the secret did not rotate")
	}
	// What the ordinary operations set, a PUT of the source keeps.
	r.must(200, "PATCH", "/api/v1/app/"+app+"/endpoint/e", `{"channels":["c"]}`)
	r.must(200, "PUT", list+"/e", `{"url":"https://example.com/2","uid":"e"}`)
	after := r.must(200, "GET", "/api/v1/app/"+app+"/endpoint/e", "")
	if after.str("channels") != `["c"]` || after.str("url") != "https://example.com/2" || after.str("throttleRate") != "null" {
		t.Errorf("after PUT: %s", after.body)
	}
	if made := r.must(200, "PUT", list+"/unknown", `{"url":"https://example.com/3","secret":"`+svixSecret+`"}`); made.str("id") == id || made.header.Get(ignoredHeader) != "secret" {
		t.Errorf("PUT on an unknown reference: %q %s", made.header.Get(ignoredHeader), made.body)
	}
	if ids := r.walk(list + "?limit=1"); len(ids) != 2 || ids[1] != id {
		t.Errorf("list %v", ids)
	}
	r.must(422, "POST", list, `{"url":"https://10.0.0.1/"}`)
	r.must(409, "POST", list, `{"url":"https://example.com/","uid":"e"}`)
	r.must(404, "GET", list+"/none", "")
	r.must(200, "GET", list+"/e/transformation", "")
	r.must(204, "DELETE", list+"/e", "")
	r.must(404, "GET", list+"/e", "")
}

// TestScheduleHasNoURL: nobody calls a schedule, so there is no URL to show or to change.
func TestScheduleHasNoURL(t *testing.T) {
	r := newRig(t)
	id := r.source("s", "cron", `{"schedule":"0 * * * *","payload":"{}"}`)
	for _, path := range []string{sourcesPath + "/s", sourcesPath} {
		a := r.must(200, "GET", path, "")
		if !strings.Contains(string(a.body), `"ingestUrl":null`) {
			t.Errorf("GET %s: %s", path, a.body)
		}
	}
	a := r.call("POST", sourcesPath+"/"+id+"/token/rotate", "")
	if a.status != 400 || !strings.Contains(string(a.body), "schedule") {
		t.Errorf("rotation: %d %s", a.status, a.body)
	}
}

func TestPollSourceShowsNoSecret(t *testing.T) {
	r := newRig(t)
	id := r.source("p", "poll", `{"url":"https://example.com/a?key=canary","interval":60,"headers":{"Authorization":"canary"},"valuePath":"a.b","eventType":"doc.changed"}`)
	for _, path := range []string{sourcesPath, sourcesPath + "/" + id, "/x/v1/source/" + id + "/settings", "/x/v1/audit"} {
		if a := r.must(200, "GET", path, ""); strings.Contains(string(a.body), "canary") {
			t.Errorf("%s shows %s", path, a.body)
		}
	}
	a := r.must(200, "GET", sourcesPath+"/"+id, "")
	if a.str("config.url") != "https://example.com/a" || a.str("config.interval") != "60" || a.str("config.valuePath") != "a.b" || a.str("ingestUrl") != "null" {
		t.Errorf("shown: %s", a.body)
	}
	for config, loc := range map[string]string{
		`{}`: "body config url", `{"url":"https://example.com/","interval":"1s"}`: "body config interval",
		`{"url":"https://example.com/","interval":"1m","colour":1}`:             "body config colour",
		`{"url":"https://example.com/","interval":"1m","headers":{"a":"b\nc"}}`: "body config headers a",
		`{"url":"https://example.com/","interval":"1m","secret":"x"}`:           "body config secret",
	} {
		if a := r.call("POST", sourcesPath, `{"name":"nn","type":"poll","config":`+config+`}`); a.status != 422 || a.loc() != loc {
			t.Errorf("%s: %d %s, want %s", config, a.status, a.body, loc)
		}
	}
}
