package hook

import (
	"strings"
	"testing"
)

func TestSample(t *testing.T) {
	for _, c := range []struct{ why, schema, want string }{
		{"types", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer","minimum":2.5},"c":{"type":"boolean"},"d":{"type":["null","string"]},"e":{"type":"array","items":{"type":"number"}}}}`,
			`{"a":"string","b":3,"c":true,"d":null,"e":[1]}`},
		{"what the schema says itself", `{"properties":{"a":{"const":1},"b":{"enum":["x","y"]},"c":{"default":{"z":1}},"d":{"examples":["e"]}}}`, `{"a":1,"b":"x","c":{"z":1},"d":"e"}`},
		{"formats", `{"properties":{"a":{"type":"string","format":"email"},"b":{"type":"string","minLength":8},"c":{"type":"string","maxLength":2}}}`, `{"a":"person@example.com","b":"stringxx","c":"st"}`},
		{"references", `{"$ref":"#/definitions/a~1b","definitions":{"a/b":{"properties":{"x":{"$ref":"#/definitions/n"}}},"n":{"type":"integer"}}}`, `{"x":1}`},
		{"parts", `{"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}}}],"properties":{"c":{"const":3}}}`, `{"a":1,"b":2,"c":3}`},
		{"a choice", `{"oneOf":[{"properties":{"a":{"const":1}}},{"type":"string"}]}`, `{"a":1}`},
		{"anything", `true`, `{}`},
		{"no object", `{"type":"string"}`, ""},
		{"nothing", `false`, ""},
		{"another document", `{"$ref":"https://example.com/x"}`, ""},
		{"a reference into nothing", `{"$ref":"#/definitions/none"}`, ""},
		{"a circle", `{"$ref":"#"}`, ""},
		{"an optional circle", `{"type":"object","properties":{"child":{"$ref":"#"},"n":{"type":"integer"}}}`, "depth"},
		{"a required circle", `{"type":"object","required":["child"],"properties":{"child":{"$ref":"#"}}}`, ""},
		{"too many", `{"type":"object","properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},"c":{"$ref":"#"}}}`, ""},
		{"no JSON", `{`, ""},
		{"odd values", `{"type":5,"properties":[],"items":{},"enum":{},"allOf":1,"minimum":"x"}`, ""},
	} {
		got, ok := Sample([]byte(c.schema))
		switch {
		case c.want == "depth":
			if !ok || strings.Count(string(got), "child") > maxSampleDepth {
				t.Errorf("%s: %v %.200s", c.why, ok, got)
			}
		case ok != (c.want != "") || string(got) != c.want:
			t.Errorf("%s: %v %s, want %s", c.why, ok, got, c.want)
		}
	}
}

func FuzzSample(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#"}}}`))
	f.Add([]byte(`{"allOf":[{"$ref":"#/allOf/0"}]}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		if got, ok := Sample(schema); ok && (len(got) == 0 || got[0] != '{') {
			t.Errorf("%q is no object", got)
		}
	})
}
