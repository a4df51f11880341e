package schema

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestProblemsNameThePlace(t *testing.T) {
	const order = `{"type":"object","required":["id","items"],"additionalProperties":false,"properties":{
		"id":{"type":"integer","maximum":9007199254740993},
		"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string","pattern":"^[A-Z]+$"},"n":{"minimum":0.1}}}},
		"0":{"type":"string"},"mail":{"type":"string","format":"email"}}}`
	cases := []struct {
		name, document string
		want           []string
	}{
		{"good", `{"id":9007199254740993,"items":[{"sku":"A","n":0.1}]}`, nil},
		{"exact beyond 2^53", `{"id":9007199254740994,"items":[]}`, []string{"id"}},
		{"exact fraction", `{"id":1,"items":[{"sku":"A","n":0.09999999999999999999999}]}`, []string{"items [0] n"}},
		{"missing, by name", `{}`, []string{"id", "items"}},
		{"in a list", `{"id":1,"items":[{"sku":"A"},{"sku":"a"},{}]}`, []string{"items [1] sku", "items [2] sku"}},
		{"a name of digits", `{"id":1,"items":[],"0":1}`, []string{"0"}},
		{"too much", `{"id":1,"items":[],"x":1}`, []string{"x"}},
		{"no object", `[]`, []string{""}},
	}
	s, err := Compile([]byte(order), Options{Draft7: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range s.Problems([]byte(c.document), 10) {
				got = append(got, strings.Join(p.Path, " "))
				if p.Text == "" {
					t.Error("a problem without words")
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestProblemsAreLimited(t *testing.T) {
	s, err := Compile([]byte(`{"items":{"type":"string"}}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Problems([]byte("["+strings.Repeat("0,", 5000)+"0]"), 10); len(got) != 10 {
		t.Errorf("told of %d problems, want 10", len(got))
	}
	deep := strings.Repeat(`{"a":`, 400) + "0" + strings.Repeat("}", 400)
	nested, err := Compile([]byte(`{"properties":{"a":{"$ref":"#"}},"type":"object"}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := nested.Problems([]byte(deep), 10); len(got) != 1 || len(got[0].Path) != maxPathNames+1 {
		t.Errorf("a deep problem is %v", got)
	}
}

func TestCompileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"$ref":"http://127.0.0.1/x"}`:          "not followed",
		`{"pattern":"(?=x)"}`:                    "JSON Schema",
		`{"type":"strin"}`:                       "JSON Schema",
		`{`:                                      "JSON Schema",
		strings.Repeat(" ", maxBytes) + `{}`:     "at most",
		`{"const":1e99999}`:                      "exponent",
		`{"$ref":"file:///etc/passwd"}`:          "not followed",
		strings.Repeat("[", 600):                 "deeper",
		`{"properties":{"a":{"$ref":"#/nope"}}}`: "JSON Schema",
	} {
		if _, err := Compile([]byte(text), Options{Draft7: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

func TestNewestIsTheGreatestVersion(t *testing.T) {
	for in, want := range map[string]string{`{"1":{"a":1},"2":{},"10":{}}`: "10", `{"v1":{}}`: "v1", `{}`: ""} {
		if got, _ := Newest([]byte(in)); got != want {
			t.Errorf("newest of %s is %q, want %q", in, got, want)
		}
	}
	if _, text := Newest([]byte(`{"1":{"a":1}}`)); string(text) != `{"a":1}` {
		t.Errorf("its schema is %s", text)
	}
}

// BenchmarkProblems is what checking a payload of 1 KiB costs a publish.
func BenchmarkProblems(b *testing.B) {
	s, err := Compile([]byte(`{"type":"object","required":["items"],"properties":{"items":{"items":{"type":"object","properties":{"id":{"type":"integer"},"name":{"type":"string","maxLength":40}}}}}}`), Options{Draft7: true})
	if err != nil {
		b.Fatal(err)
	}
	var items []string
	for i := range 30 {
		items = append(items, fmt.Sprintf(`{"id":%d,"name":"thing %d"}`, i, i))
	}
	body := []byte(`{"items":[` + strings.Join(items, ",") + `]}`)
	b.ReportMetric(float64(len(body)), "bytes")
	for b.Loop() {
		if s.Problems(body, 1) != nil {
			b.Fatal("does not follow")
		}
	}
}
