package schema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A schema that its owner wrote, or a body that a provider signed, must not hold a
// processor or the memory for long, whatever the two ask of the validator together.
func TestSchemasAreBounded(t *testing.T) {
	var twice strings.Builder
	twice.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
	for i := range 40 {
		fmt.Fprintf(&twice, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	twice.WriteString(`"d40":{"type":"string"}}}`)
	inIf := `{"if":` + strings.Replace(twice.String(), `"$ref":"#/$defs/d0",`, `"anyOf":[{"$ref":"#/if/$defs/d0"}],`, 1) + `}`
	inIf = strings.ReplaceAll(inIf, `"#/$defs/`, `"#/if/$defs/`)
	tree := `{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}`
	words := make([]string, 20_000)
	for i := range words {
		words[i] = fmt.Sprintf(`"w%d"`, i)
	}
	list := "[" + strings.Repeat(`"zz",`, 99_999) + `"zz"]`
	object := `{"a":1.5,"b":2.5,"c":3.5,"d":4.5,"e":5.5,"f":6.5,"g":7.5,"h":8.5,"i":9.5,"j":10.5,"k":%d}`
	var objects, others []string
	for i := range 2500 {
		objects = append(objects, fmt.Sprintf(object, i))
	}
	for i := range 6_000 {
		others = append(others, fmt.Sprintf(object, 100_000+i))
	}
	var patterns []string
	for i := range 200 {
		patterns = append(patterns, fmt.Sprintf(`"(a?){500}a{500}%d":true`, i))
	}
	long := strings.Repeat("a", 200_000)
	cases := []struct{ name, schema, body, want string }{
		{"long list of objects", `{"items":{"enum":[` + strings.Join(objects, ",") + `]}}`, "[" + strings.Join(others, ",") + "]", "too many steps"},
		{"many patterns", `{"patternProperties":{` + strings.Join(patterns, ",") + `}}`, `{}`, "patterns are too large"},
		{"heavy patterns", `{"patternProperties":{` + strings.Join(patterns[:8], ",") + `}}`, `{"` + long + `":1,"` + long + `b":1}`, "too many steps"},
		{"exponential", twice.String(), `"x"`, "too many steps"},
		{"exponential, failing", twice.String(), `7`, "too many steps"},
		{"exponential condition", inIf, `"x"`, "too many steps"},
		{"exponential in depth", tree, strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60), "too many steps"},
		{"long list of words", `{"items":{"enum":[` + strings.Join(words, ",") + `]}}`, list, "too many steps"},
		{"many values", `{"items":{"type":"string"}}`, "[" + strings.Repeat("0,", 2_500_000) + "0]", "more than 200000 values"},
		{"many faults", `{"items":{"type":"string"}}`, "[" + strings.Repeat("0,", 150_000) + "0]", "/0"},
		{"long number", `{"multipleOf":0.01}`, strings.Repeat("7", 5<<20), "more than 400 characters"},
		{"long number in a schema", `{"minimum":` + strings.Repeat("7", 1000) + `}`, "1", "more than 400"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			s, err := Compile([]byte(c.schema), Options{})
			fault := ""
			if err != nil {
				fault = err.Error()
			} else if walk := (Walk{MaxDepth: MaxDepth, MaxValues: MaxValues, Exact: true}); true {
				if fault, _ = walk.Fault([]byte(c.body)); fault == "" {
					fault = s.Fault([]byte(c.body), walk.Values)
				}
			}
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if !strings.Contains(fault, c.want) {
				t.Errorf("said %q, want %q", clip(fault, 200), c.want)
			}
			// Unbounded they take minutes and gigabytes; the machine may be slow.
			if took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 600 {
				t.Errorf("allocated %d MiB", mib)
			}
			t.Logf("%v, %d MiB", took, (after.TotalAlloc-before.TotalAlloc)>>20)
		})
	}
}

// The formats of a schema go on being checked, and steps begin anew with each body.
func TestSchemaCountsEachBodyAnew(t *testing.T) {
	s, err := Compile([]byte(`{"items":{"type":"string","format":"ipv4"},"$schema":"http://json-schema.org/draft-07/schema#"}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("[" + strings.Repeat(`"127.0.0.1",`, 2000) + `"127.0.0.1"]`)
	for range 20 {
		if fault := s.Fault(body, 2001); fault != "" {
			t.Fatal(fault)
		}
	}
	if fault := s.Fault([]byte(`["127.0.0.1","no address"]`), 2); !strings.Contains(fault, "/1") {
		t.Errorf("a wrong format is %q", fault)
	}
}
