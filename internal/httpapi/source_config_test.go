package httpapi

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// TestConfigFromAPI: what the wire's config becomes for the library.
func TestConfigFromAPI(t *testing.T) {
	for _, c := range []struct {
		why, typ, config string
		want             hook.SourceConfig
	}{
		{"nothing", "github", ``, hook.SourceConfig{}},
		{"null", "github", `null`, hook.SourceConfig{}},
		{"null values are none", "gitlab", `{"secret":null,"secrets":null,"mode":null}`, hook.SourceConfig{}},
		{"the single secret stands first, and once", "github", `{"secrets":["b","a","c"],"secret":"a"}`, hook.SourceConfig{Secrets: []string{"a", "b", "c"}}},
		{"settings in the library's spelling", "generic-webhook", `{"timeHeader":"X-T"}`, hook.SourceConfig{Values: map[string]string{"time_header": "X-T"}}},
		{"a public key is a secret to the library", "generic-webhook", `{"publicKey":"p"}`, hook.SourceConfig{Secrets: []string{"p"}}},
		{"a number", "stripe", `{"secret":"s","toleranceS":5}`, hook.SourceConfig{Secrets: []string{"s"}, Values: map[string]string{"tolerance_s": "5"}}},
		{"a list, without its spaces", "gitlab", `{"mode":["a", {"b": 1.0}]}`, hook.SourceConfig{Values: map[string]string{"mode": `["a",{"b":1.0}]`}}},
		{"cron", "cron", `{"schedule":"@daily","payload":"","contentType":"text/plain"}`,
			hook.SourceConfig{Values: map[string]string{"schedule": "@daily", "payload": "", "content_type": "text/plain"}}},
	} {
		got, err := configFromAPI(c.typ, []byte(c.config))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v %v %v, want %v", c.why, err, got.Secrets, got.Values, c.want.Values)
		}
	}
}

func TestCamel(t *testing.T) {
	for name, want := range map[string]string{"": "", "a": "a", "webhook_url": "webhookUrl", "allowed_topic_arns": "allowedTopicArns", "a_": "a_", "_a": "A"} {
		if got := camel(name); got != want {
			t.Errorf("camel(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzConfigFromAPI: any JSON is a config or a mistake of the caller's, never ours, and
// no answer repeats a value.
func FuzzConfigFromAPI(f *testing.F) {
	for _, seed := range []string{`{}`, `{"secret":"hunter2"}`, `{"secrets":["hunter2",1]}`, `{"mode":{"hunter2":[]}}`, `[]`, `"hunter2"`, `{"publicKey":""}`} {
		f.Add("gitlab", seed)
		f.Add(hook.CronSource, seed)
		f.Add(hook.GenericSource, seed)
	}
	f.Fuzz(func(t *testing.T, typ, config string) {
		if !jsontext.Value(config).IsValid() {
			return // refused before
		}
		got, err := configFromAPI(typ, []byte(config))
		if err != nil && !callersMistake(err) {
			t.Fatalf("%q %q: %v", typ, config, err)
		}
		for _, secret := range got.Secrets {
			if secret == "" {
				t.Fatalf("%q %q: an empty secret", typ, config)
			}
		}
	})
}

// FuzzMergeSettings: any JSON object is a change of settings or a mistake of the
// caller's; what is accepted shows as what it was made from.
func FuzzMergeSettings(f *testing.F) {
	for _, seed := range []string{`{}`, `{"dedupe":{"by":"hash"}}`, `{"dedupe":null}`, `{"validate":{"schema":{"a":null}}}`, `{"forward":[]}`, `{"x":1}`, `{"networks":["::/0"]}`} {
		f.Add(seed)
	}
	s := &server{}
	f.Fuzz(func(t *testing.T, text string) {
		var body map[string]jsontext.Value
		if checkDepth([]byte(text)) != nil || json.Unmarshal([]byte(text), &body) != nil {
			return
		}
		delete(body, "publishTo") // needs a look-up
		merged, err := mergeSettings(s.settingsOfSource(hook.SourceSettings{}, 1), body)
		var st hook.SourceSettings
		if err == nil {
			st, err = sourceSettingsFromAPI(merged)
		}
		if err != nil {
			if !callersMistake(err) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		shown := s.settingsOfSource(st, 1)
		var again api.SourceSettings
		if err := json.Unmarshal(encode(shown), &again); err != nil {
			t.Fatalf("%q shows as what cannot be read: %v", text, err)
		}
		back, err := sourceSettingsFromAPI(again)
		if err != nil || string(encode(s.settingsOfSource(back, 1))) != string(encode(shown)) {
			t.Fatalf("%q: %v\n%s", text, err, encode(shown))
		}
	})
}

// FuzzInboundPayload: whatever a provider sent shows as a JSON object.
func FuzzInboundPayload(f *testing.F) {
	for _, seed := range []string{``, `{}`, ` {"a":1} `, `{"a":1,"a":2}`, `[1]`, "\xff", "\x00", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v := jsontext.Value(inboundPayload(body))
		if v.Kind() != '{' || !v.IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("%q shows as %q", body, v)
		}
	})
}

func callersMistake(err error) bool {
	var list invalid
	var field *hook.FieldError
	return errors.As(err, &list) || errors.As(err, &field)
}

func TestWithheldQuery(t *testing.T) {
	w := withheld{"token"}
	for raw, want := range map[string]string{
		"": "", "a=1&b=2": "a=1&b=2", "token=hush&a=1": "token=[withheld]&a=1", "a=1&To%6ben=hush": "a=1&To%6ben=[withheld]",
		"token": "token=[withheld]", "%zz=hush": "%zz=[withheld]",
	} {
		if got := w.query(raw); got != want || strings.Contains(got, "hush") {
			t.Errorf("query(%q) = %q, want %q", raw, got, want)
		}
	}
}
