package hook

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const anyCode = "function handler(webhook) { return webhook }"

func TestScriptIsTheEndpointsOwnBeforeItsConnectors(t *testing.T) {
	use := &ConnectorUse{Ready: "slack", Variables: map[string]string{"text": "mine", "password": "hush"}}
	use.Fill(ReadyConnector{Code: anyCode, Variables: map[string]string{"text": "its", "colour": "red"}, Withheld: []string{"password"}, UpdatedAt: time.Unix(9, 0)})
	for _, c := range []struct {
		name string
		x    Features
		want *Transformation // nil for none; Code alone is compared
	}{
		{"neither", Features{}, nil},
		{"own, disabled", Features{Transformation: &Transformation{Code: "own"}}, nil},
		{"own", Features{Transformation: &Transformation{Code: "own", Enabled: true}, Connector: use}, &Transformation{Code: "own"}},
		{"own disabled, connector", Features{Transformation: &Transformation{Code: "own"}, Connector: use}, &Transformation{Code: anyCode}},
		{"connector", Features{Connector: use}, &Transformation{Code: anyCode}},
		{"connector that is not known here", Features{Connector: &ConnectorUse{Ready: "newer"}}, &Transformation{}},
	} {
		got := c.x.Script()
		if (got == nil) != (c.want == nil) || got != nil && (got.Code != c.want.Code || !got.Enabled) {
			t.Errorf("%s: script %v", c.name, got)
		}
	}
	if got := fmt.Sprint(use.Script.Variables); got != "map[colour:red text:mine]" {
		t.Errorf("variables %s: the use's own stand above, and those that are withheld are gone", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", use, *use, *use); strings.Contains(text, "hush") {
		t.Errorf("a variable shows in %s", text)
	}
}

func TestAnswerRuleFits(t *testing.T) {
	r := AnswerRule{Status: StatusRange{400, 404}, Body: "no_service"}
	for _, c := range []struct {
		status int
		body   string
		want   bool
	}{{404, "no_service", true}, {404, "<no_service_id>", true}, {404, "channel_not_found", false}, {410, "no_service", false}} {
		if got := r.Fits(c.status, []byte(c.body)); got != c.want {
			t.Errorf("%d %q: %v", c.status, c.body, got)
		}
	}
}

func TestConnectorNamesTheFieldThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		field string
		spoil func(*Connector)
	}{
		{"", func(*Connector) {}},
		{"name", func(c *Connector) { c.Name = "" }},
		{"uid", func(c *Connector) { c.UID = "a b" }},
		{"uid", func(c *Connector) { c.UID = "trtmpl_mine" }},
		{"kind", func(c *Connector) { c.Kind = "slack" }},
		{"productType", func(c *Connector) { c.Product = "" }},
		{"logo", func(c *Connector) { c.Logo = "javascript:alert(1)" }},
		{"logo", func(c *Connector) { c.Logo = "https://u:p@example.com/" }},
		{"description", func(c *Connector) { c.Description = "\x00" }},
		{"instructions", func(c *Connector) { c.Instructions = strings.Repeat("x", MaxConnectorText+1) }},
		{"allowedEventTypes", func(c *Connector) { c.AllowedEventTypes = []string{} }},
		{"allowedEventTypes", func(c *Connector) { c.AllowedEventTypes = []string{"a", "a"} }},
		{"featureFlags", func(c *Connector) { c.FeatureFlags = []string{"a b"} }},
		{"transformation", func(c *Connector) { c.Code = "short" }},
		{"transformation", func(c *Connector) { c.Code = strings.Repeat("x", MaxCodeChars+1) }},
		{"kind", func(c *Connector) { c.Options = &ConnectorOptions{Kind: "Slack"} }},
		{"options", func(c *Connector) { c.Options = &ConnectorOptions{Kind: "Custom", AuthMethod: "Digest"} }},
		{"options", func(c *Connector) { c.Options = &ConnectorOptions{Kind: "Custom", DefaultURL: "/x"} }},
	} {
		one := Connector{Name: "one", Kind: "Custom", Product: "Dispatch", Code: anyCode}
		c.spoil(&one)
		err := one.Validate()
		f, _ := err.(*FieldError)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("the plain connector is refused: %v", err)
		case c.field != "" && (f == nil || f.Path[0] != c.field):
			t.Errorf("want a complaint about %s, got %v", c.field, err)
		}
	}
}

func TestVariablesAreBounded(t *testing.T) {
	many := map[string]string{}
	for i := range MaxVariables + 1 {
		many[fmt.Sprint(i)] = ""
	}
	for _, vars := range []map[string]string{many, {"": "x"}, {"a\nb": "x"}, {"a": strings.Repeat("s", MaxVariableBytes+1)}, {"a": "\xff"}} {
		err := CheckVariables("variables", vars)
		if err == nil {
			t.Errorf("accepted %d variables", len(vars))
		} else if strings.Contains(err.Error(), "sss") {
			t.Errorf("the error holds the value")
		}
	}
	if err := CheckVariables("variables", map[string]string{"a": ""}); err != nil {
		t.Error(err)
	}
}

func TestAuditShowsNoVariable(t *testing.T) {
	e := &Endpoint{Features: Features{Connector: &ConnectorUse{Ready: "slack", Variables: map[string]string{"token": "hush"}}}}
	all := e.AuditFields()
	if text := fmt.Sprint(all.All()); strings.Contains(text, "hush") || !strings.Contains(text, "slack") {
		t.Errorf("audit fields %s", text)
	}
	other := &Endpoint{Features: Features{Connector: &ConnectorUse{Ready: "slack", Variables: map[string]string{"token": "other"}}}}
	if was, is := AuditDiff(all, other.AuditFields()); was == nil || is == nil {
		t.Error("a change of a variable leaves no trace")
	}
}
