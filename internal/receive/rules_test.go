package receive

import (
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

const orderSchema = `{"type":"object","required":["data"],"properties":{"data":{"type":"object","properties":{"amount":{"type":"number","maximum":1000}}}}}`

func TestValidationSaysWhere(t *testing.T) {
	jsonRule := hook.ValidationRule{Syntax: "json"}
	xmlRule := hook.ValidationRule{Syntax: "xml"}
	cases := []struct {
		name        string
		rule        hook.ValidationRule
		contentType string
		body        string
		want        string // part of what is said; "" for fine
	}{
		{"no rule", hook.ValidationRule{}, "", "\xff", ""},
		{"type", hook.ValidationRule{ContentTypes: []string{"application/json"}}, "Application/JSON; charset=utf-8", "", ""},
		{"other type", hook.ValidationRule{ContentTypes: []string{"application/json"}}, "text/plain", "", "application/json"},
		{"no type", hook.ValidationRule{ContentTypes: []string{"application/json"}}, "", "", "content type"},
		{"UTF-8", hook.ValidationRule{UTF8: true}, "", "é", ""},
		{"not UTF-8", hook.ValidationRule{UTF8: true}, "", "ab\xffc", "byte 2"},
		{"JSON", jsonRule, "", ` {"a":[1,"x",null,{"a":1,"a":2}]} `, ""},
		{"JSON literal", jsonRule, "", `7`, ""},
		{"no JSON", jsonRule, "", ``, "ends too early"},
		{"half JSON", jsonRule, "", `{"a":[1,`, "too early"},
		{"JSON with a tail", jsonRule, "", `{} {}`, "follows"},
		{"JSON with a comma too many", jsonRule, "", `{"data":{"a":[1,]}}`, "/data/a"},
		{"XML", xmlRule, "", `<?xml version="1.0"?><!-- c --><a x="1"><b:c xmlns:b="u">t</b:c></a>`, ""},
		{"latin XML", xmlRule, "", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", ""},
		{"no XML", xmlRule, "", ``, "0 root"},
		{"two roots", xmlRule, "", `<a/><b/>`, "2 root"},
		{"unclosed XML", xmlRule, "", `<a><b>`, "/a/b"},
		{"crossed XML", xmlRule, "", `<a><b></a></b>`, "at /a/b"},
		{"unknown entity", xmlRule, "", `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "not XML"},
		{"depth", hook.ValidationRule{MaxDepth: 3}, "", `[[[]]]`, ""},
		{"too deep", hook.ValidationRule{MaxDepth: 3}, "", `{"a":{"b":{"c":{}}}}`, "deeper than 3 at /a/b/c"},
		{"depth says nothing of text", hook.ValidationRule{MaxDepth: 3}, "text/plain", `hello`, ""},
		{"too deep XML", hook.ValidationRule{MaxDepth: 2}, "text/xml", `<a><b><c/></b></a>`, "deeper than 2 at /a/b/c"},
		{"schema", hook.ValidationRule{Schema: orderSchema}, "", `{"data":{"amount":5}}`, ""},
		{"schema, wrong type", hook.ValidationRule{Schema: orderSchema}, "", `{"data":{"amount":"5"}}`, "/data/amount"},
		{"schema, missing", hook.ValidationRule{Schema: orderSchema}, "", `{}`, "data"},
		{"schema, no JSON", hook.ValidationRule{Schema: orderSchema}, "text/xml", `<a/>`, "not JSON"},
		{"schema, deep", hook.ValidationRule{Schema: orderSchema}, "", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "deeper than 512"},
		{"schema, huge number", hook.ValidationRule{Schema: orderSchema}, "", `{"data":{"amount":1e1000000000}}`, "exponent"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := compileRules(&c.rule)
			if err != nil {
				t.Fatal(err)
			}
			got := r.fault(c.contentType, []byte(c.body))
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInvalidWebhookIsRejectedWithThePath(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source("stripe", func(s *hook.Source) { stripeSecret(s); s.Settings.Validate.Schema = orderSchema })
	got := w.do(w.signed(s, `{"id":"evt_2","data":{"amount":1001}}`))
	if got.status != 422 || !strings.Contains(got.body, "/data/amount") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	if forged := w.post(s, `{"data":{"amount":1001}}`); forged.status != 401 {
		t.Errorf("unsigned: %d, want the signature to come first", forged.status)
	}
	if r := w.rejections(s)[1]; !strings.Contains(r.Reason, "/data/amount") || r.Status != 422 {
		t.Errorf("kept %+v", r)
	}
}

func TestJSONPaths(t *testing.T) {
	const body = `{"a":{"b":[{"c":"x\n"},{"c":1.50}],"":{"":2}},"n":null,"t":true}`
	for path, want := range map[string]string{
		"a.b.0.c": "x\n", "a.b.1.c": "1.50", "a.b.2.c": "", "a.b.-1.c": "", "a.b": "", "n": "", "t": "true", "x": "", "a.b.0.c.d": "",
	} {
		if got := jsonAt([]byte(body), path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
