package receive

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

func TestCheckNamesTheField(t *testing.T) {
	settings := func(change func(*hook.SourceSettings)) func(*hook.Source) {
		return func(s *hook.Source) { change(&s.Settings) }
	}
	cron := func(values ...string) func(*hook.Source) {
		return func(s *hook.Source) {
			s.Type, s.Config = hook.CronSource, hook.SourceConfig{Values: map[string]string{"payload": "{}"}}
			for i := 0; i+1 < len(values); i += 2 {
				s.Config.Values[values[i]] = values[i+1]
			}
		}
	}
	cases := []struct {
		name   string
		change func(*hook.Source)
		at     string // "" for fine
		text   string
	}{
		{"as it is", func(*hook.Source) {}, "", ""},
		{"unknown type", func(s *hook.Source) { s.Type = "nonsense" }, "type", "not a type"},
		{"no type", func(s *hook.Source) { s.Type = "" }, "type", "not a type"},
		{"unknown scheme", func(s *hook.Source) { s.Type = "airwallex" }, "type", "scheme unknown, use generic-webhook"},
		{"secret missing", func(s *hook.Source) { s.Config.Secrets = nil }, "config/secret", "signing secret"},
		{"secret empty", func(s *hook.Source) { s.Config.Secrets = []string{""} }, "config/secret", "empty"},
		{"secret not needed yet", func(s *hook.Source) { s.Type, s.Config.Secrets = "github", nil }, "", ""},
		{"unknown setting", func(s *hook.Source) { s.Config.Values = map[string]string{"nope": "1"} }, "config", "no setting"},
		{"word not known", func(s *hook.Source) {
			s.Type, s.Config.Values = hook.GenericSource, map[string]string{"key_encoding": "rot13"}
		}, "config/keyEncoding", "keyEncoding is one of"},
		{"generic without config", func(s *hook.Source) { s.Type, s.Config = hook.GenericSource, hook.SourceConfig{} }, "", ""},
		{"tolerance", settings(func(s *hook.SourceSettings) { s.Tolerance = -1 }), "toleranceSeconds", ""},
		{"public URL relative", settings(func(s *hook.SourceSettings) { s.PublicURL = "/in" }), "publicUrl", "absolute"},
		{"public URL of a file", settings(func(s *hook.SourceSettings) { s.PublicURL = "file:///etc" }), "publicUrl", "http"},
		{"public URL with query", settings(func(s *hook.SourceSettings) { s.PublicURL = "https://a.test/?" }), "publicUrl", "query"},
		{"public URL", settings(func(s *hook.SourceSettings) { s.PublicURL = "https://a.test/hooks" }), "", ""},
		{"method", settings(func(s *hook.SourceSettings) { s.Methods = []string{"POST", "TRACE"} }), "methods/[1]", ""},
		{"methods twice", settings(func(s *hook.SourceSettings) { s.Methods = []string{"POST", "POST"} }), "methods/[1]", ""},
		{"answer status", settings(func(s *hook.SourceSettings) { s.Answer.Status = 199 }), "answer/status", "200 and 599"},
		{"answer header", settings(func(s *hook.SourceSettings) { s.Answer.Header = map[string]string{"X-A": "a\r\nb"} }), "answer/headers/X-A", ""},
		{"answer header of the server", settings(func(s *hook.SourceSettings) { s.Answer.Header = map[string]string{"content-length": "1"} }), "answer/headers/content-length", ""},
		{"failure status", settings(func(s *hook.SourceSettings) { s.FailureStatus = 500 }), "failureStatus", ""},
		{"body", settings(func(s *hook.SourceSettings) { s.MaxBodyBytes = hook.MaxSourceBody + 1 }), "maxBodyBytes", ""},
		{"rate", settings(func(s *hook.SourceSettings) { s.RatePerHour = -1 }), "ratePerHour", ""},
		{"network", settings(func(s *hook.SourceSettings) { s.Networks = []netip.Prefix{{}} }), "networks/[0]", ""},
		{"forwarded header", settings(func(s *hook.SourceSettings) { s.Forward.Headers = []string{"X-A", "a b"} }), "forward/headers/[1]", ""},
		{"dedupe rule", settings(func(s *hook.SourceSettings) { s.Dedupe.By = "luck" }), "dedupe/by", ""},
		{"dedupe path", settings(func(s *hook.SourceSettings) { s.Dedupe = hook.DedupeRule{By: hook.DedupeByBody, Name: "a..b"} }), "dedupe/name", ""},
		{"dedupe window", settings(func(s *hook.SourceSettings) { s.Dedupe.Window = time.Second }), "dedupe/windowSeconds", ""},
		{"syntax", settings(func(s *hook.SourceSettings) { s.Validate.Syntax = "yaml" }), "validate/syntax", ""},
		{"depth", settings(func(s *hook.SourceSettings) { s.Validate.MaxDepth = -1 }), "validate/maxDepth", ""},
		{"content type", settings(func(s *hook.SourceSettings) { s.Validate.ContentTypes = []string{"text/plain; a=b"} }), "validate/contentTypes/[0]", ""},
		{"forward our own", settings(func(s *hook.SourceSettings) { s.Forward.Headers = []string{"X_Hookloft_Source"} }), "forward/headers/[0]", "own"},
		{"forward the agent", settings(func(s *hook.SourceSettings) { s.Forward.Headers = []string{"User-Agent"} }), "forward/headers/[0]", "own"},
		{"schema no JSON", settings(func(s *hook.SourceSettings) { s.Validate.Schema = "{" }), "validate/schema", ""},
		{"schema no schema", settings(func(s *hook.SourceSettings) { s.Validate.Schema = `{"type":7}` }), "validate/schema", "must be a JSON Schema"},
		{"schema elsewhere", settings(func(s *hook.SourceSettings) { s.Validate.Schema = `{"$ref":"https://evil.test/schema"}` }), "validate/schema", "not followed"},
		{"schema of itself", settings(func(s *hook.SourceSettings) {
			s.Validate.Schema = `{"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}`
		}), "", ""},
		{"stale", settings(func(s *hook.SourceSettings) { s.Stale.Drop = true }), "stale/drop", ""},
		{"pass", settings(func(s *hook.SourceSettings) { s.Pass.Deadline = hook.MaxPassDeadline + 1 }), "passThrough/deadlineMilliseconds", ""},
		{"schedule", cron("schedule", "0 9 * * 1-5"), "", ""},
		{"schedule by name", cron("schedule", "@daily", "content_type", "text/plain; charset=utf-8"), "", ""},
		{"schedule missing", cron(), "config/schedule", ""},
		{"schedule with seconds", cron("schedule", "*/5 * * * * *"), "config/schedule", "five cron fields"},
		{"schedule too often", cron("schedule", "@every 59s"), "config/schedule", "once a minute"},
		{"schedule never", cron("schedule", "0 0 30 2 *"), "config/schedule", "never"},
		{"schedule in a zone", cron("schedule", "CRON_TZ=Europe/Berlin 0 9 * * *"), "config/schedule", "UTC"},
		{"schedule's type", cron("schedule", "@daily", "content_type", "no\r\ntype"), "config/contentType", ""},
		{"schedule's setting", cron("schedule", "@daily", "webhook_url", "x"), "config/webhookUrl", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &hook.Source{Type: "stripe", Config: hook.SourceConfig{Secrets: []string{secret}}}
			c.change(s)
			err := Check(s)
			if c.at == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			f, ok := errors.AsType[*hook.FieldError](err)
			if !ok {
				t.Fatalf("got %v, want an error of a field", err)
			}
			if at := strings.Join(f.Path, "/"); at != c.at || !strings.Contains(f.Text, c.text) {
				t.Errorf("got %q at %s, want %q at %s", f.Text, at, c.text, c.at)
			}
			if strings.Contains(f.Text, secret) || strings.Contains(f.Text, "webhook:") {
				t.Errorf("the text is %q", f.Text)
			}
		})
	}
}

// TestEveryPresetIsAType opens a gate for every provider: none panics, and one that
// cannot be opened without a config proves nothing.
func TestEveryPresetIsAType(t *testing.T) {
	r := New(Deps{Sources: newClockwork(), Visits: newClockwork()}, Options{})
	for _, p := range webhook.Presets() {
		s := &hook.Source{Type: p.Name, Tokens: []hook.SourceToken{{Text: "x"}}}
		g := r.newGate(s)
		if len(g.methods) == 0 || g.window < 24*time.Hour || g.window > hook.MaxDedupeWindow {
			t.Errorf("%s: methods %v, window %v", p.Name, g.methods, g.window)
		}
		if g.verifier == nil {
			continue
		}
		if _, err := g.verifier.Verify(webhook.Request{Method: "POST", URL: "https://a.test/", Body: []byte("{}")}, time.Now()); err == nil && p.Family != "none" {
			t.Errorf("%s accepts anything without a config", p.Name)
		}
	}
}
