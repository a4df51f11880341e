package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const petStore = `
openapi: 3.1.0
info: {title: Pets, version: "1"}
webhooks:
  pet.new:
    post:
      description: A pet was born.
      x-svix-group-name: pets
      x-svix-feature-flags: [beta]
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Pet"}
            example: {id: 1, name: Rex}
  pet.gone:
    post:
      summary: A pet died.
      deprecated: true
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [pet]
              properties:
                pet: {$ref: "#/components/schemas/Pet"}
                vet: {$ref: "#/components/schemas/Vet"}
                note: {type: string, example: {$ref: "#/nowhere"}}
components:
  schemas:
    Pet:
      type: object
      required: [id]
      properties:
        id: {type: integer}
        name: {type: string}
        children: {type: array, items: {$ref: "#/components/schemas/Pet"}}
        vet: {$ref: "#/components/schemas/Vet"}
    Vet:
      type: object
      properties:
        patients: {type: array, items: {$ref: "#/components/schemas/Pet"}}
`

// validates compiles a schema alone, with no other document within reach, and judges a value.
func validates(t *testing.T, schema []byte, text string) bool {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatalf("%v: %s", err, schema)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	if err := c.AddResource("mem:///s", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///s")
	if err != nil {
		t.Fatalf("%v: %s", err, schema)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v) == nil
}

func read(t *testing.T, text string) []Event {
	t.Helper()
	events, err := Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestReadMakesSchemasThatStandAlone(t *testing.T) {
	events := read(t, petStore)
	if len(events) != 2 || events[0].Name != "pet.new" || events[1].Name != "pet.gone" {
		t.Fatalf("events: %+v", events)
	}
	born, gone := events[0], events[1]
	if born.Description != "A pet was born." || born.Group != "pets" || len(born.Flags) != 1 || born.Flags[0] != "beta" || born.Deprecated {
		t.Errorf("pet.new: %+v", born)
	}
	if gone.Description != "A pet died." || !gone.Deprecated || gone.Group != "" || gone.Flags != nil {
		t.Errorf("pet.gone: %+v", gone)
	}
	for _, c := range []struct {
		schema []byte
		text   string
		want   bool
	}{
		{born.Schema, `{"id":1,"children":[{"id":2,"vet":{"patients":[{"id":3}]}}]}`, true},
		{born.Schema, `{"id":1,"children":[{"id":"2"}]}`, false},
		{born.Schema, `{"id":1,"vet":{"patients":[{"id":"3"}]}}`, false},
		{gone.Schema, `{"pet":{"id":1},"vet":{"patients":[{"id":3}]}}`, true},
		{gone.Schema, `{"pet":{"id":1,"children":[{}]}}`, false},
		{gone.Schema, `{}`, false},
	} {
		if got := validates(t, c.schema, c.text); got != c.want {
			t.Errorf("%s is valid: %v, want %v, by %s", c.text, got, c.want, c.schema)
		}
	}
	if !strings.Contains(string(born.Schema), `"examples":[{"id":1,"name":"Rex"}]`) {
		t.Errorf("the example is gone: %s", born.Schema)
	}
	if !strings.Contains(string(gone.Schema), `"examples":[{"$ref":"#/nowhere"}]`) {
		t.Errorf("a reference in an example is data: %s", gone.Schema)
	}
	if i, j := strings.Index(string(born.Schema), `"id"`), strings.Index(string(born.Schema), `"children"`); i > j {
		t.Errorf("the order of fields is gone: %s", born.Schema)
	}
}

func TestReadTranslatesOpenAPI30(t *testing.T) {
	events := read(t, `{"openapi":"3.0.3","x-webhooks":{"a":{"post":{"requestBody":{"content":{"application/json":{"schema":
		{"type":"object","properties":{"n":{"type":"number","minimum":1,"exclusiveMinimum":true,"nullable":true},
		"s":{"type":"string","enum":["x"],"nullable":true,"example":"\ud83d\ude00"}}}}}}}}}}`)
	for text, want := range map[string]bool{`{"n":1}`: false, `{"n":1.5}`: true, `{"n":null,"s":null}`: true, `{"s":"y"}`: false} {
		if got := validates(t, events[0].Schema, text); got != want {
			t.Errorf("%s: %v, want %v, by %s", text, got, want, events[0].Schema)
		}
	}
	if !strings.Contains(string(events[0].Schema), "😀") {
		t.Errorf("a pair of surrogates is gone: %s", events[0].Schema)
	}
}

// hooks is a document with one webhook whose schema is given.
func hooks(schema, rest string) string {
	return `{"openapi":"3.1.0","webhooks":{"a":{"post":{"requestBody":{"content":{"application/json":{"schema":` + schema + `}}}}}}` + rest + `}`
}

func TestReadRefusesHostileDocuments(t *testing.T) {
	laughs := "openapi: 3.1.0\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 12 {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	// Each of many webhooks would copy the same large component.
	var many strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&many, `"w%d":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"x":{"$ref":"#/components/schemas/Big"}}}}}}}},`, i)
	}
	big := `"components":{"schemas":{"Big":{"enum":[` + strings.TrimSuffix(strings.Repeat("1,", 50_000), ",") + `]}}}`
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "is empty"},
		{"no YAML", "a: [", "neither JSON nor YAML"},
		{"a list", "[1]", "must be an object"},
		{"another version", `{"swagger":"2.0","webhooks":{}}`, "/openapi"},
		{"no webhooks", `{"openapi":"3.1.0","paths":{}}`, "neither webhooks nor x-webhooks"},
		{"webhooks is a list", `{"openapi":"3.1.0","webhooks":[]}`, "must be an object from name"},
		{"no operation", `{"openapi":"3.1.0","webhooks":{"a":{}}}`, "must describe a request"},
		{"twice", `{"openapi":"3.1.0","webhooks":{"a":{"post":{}}},"x-webhooks":{"a":{"post":{}}}}`, "both"},
		{"a key twice", `{"openapi":"3.1.0","webhooks":{"a":{"post":{}},"a":{"post":{}}}}`, "given twice"},
		{"a key twice in YAML", "openapi: 3.1.0\nwebhooks:\n  a: {post: {}}\n  a: {post: {}}", "given twice"},
		{"a flag is no text", `{"openapi":"3.1.0","webhooks":{"a":{"post":{"x-svix-feature-flags":[1]}}}}`, "must be a string"},
		{"a file", hooks(`{"$ref":"file:///etc/passwd"}`, ""), "another document"},
		{"a URL", hooks(`{"properties":{"x":{"$ref":"https://example.com/s.json"}}}`, ""), "another document"},
		{"a neighbour", hooks(`{"$ref":"other.yaml#/x"}`, ""), "another document"},
		{"an anchor", hooks(`{"$ref":"#x"}`, ""), "must be a reference like"},
		{"nothing there", hooks(`{"$ref":"#/components/schemas/X"}`, ""), "refers to nothing"},
		{"a list's index", hooks(`{"$ref":"#/l/01"}`, `,"l":[1,{}]`), "refers to nothing"},
		{"itself", hooks(`{"$ref":"#/webhooks/a/post/requestBody/content/application~1json/schema"}`, ""), "leads nowhere"},
		{"a ring", hooks(`{"$ref":"#/x"}`, `,"x":{"$ref":"#/y"},"y":{"$ref":"#/x"}`), "leads nowhere"},
		{"a ring inside", hooks(`{"properties":{"p":{"$ref":"#/x"}}}`, `,"x":{"$ref":"#/y"},"y":{"$ref":"#/x"}`), "leads nowhere"},
		{"an item that is a ring", `{"openapi":"3.1.0","webhooks":{"a":{"$ref":"#/webhooks/a"}}}`, "leads nowhere"},
		{"a schema that is a number", hooks(`5`, ""), "must be a schema"},
		{"deep JSON", hooks(strings.Repeat(`{"not":`, 200)+"{}"+strings.Repeat("}", 200), ""), "nested deeper"},
		{"deep YAML", "openapi: 3.1.0\nx: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper"},
		{"a billion laughs", laughs, "aliases"},
		{"an alias of itself", "openapi: 3.1.0\nx: &x [*x]", ""},
		{"a merge key", "openapi: 3.1.0\nb: &b {x: 1}\nwebhooks:\n  a: {<<: *b}", "merge key"},
		{"a tag", "openapi: 3.1.0\nx: !!python/object:os.system x", "unknown tag"},
		{"infinity", "openapi: 3.1.0\nx: .inf", "no number that JSON has"},
		{"too large", `{"openapi":"3.1.0","x":"` + strings.Repeat("x", MaxBytes) + `"}`, "more than 1048576 bytes"},
		{"copies", `{"openapi":"3.1.0","webhooks":{` + strings.TrimSuffix(many.String(), ",") + `},` + big + `}`, "copies of it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			events, err := Read([]byte(c.text))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d events, %v; want an error with %q", len(events), err, c.want)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestWriteIsReadBack(t *testing.T) {
	events := read(t, petStore)
	document, err := Write(OpenAPI, "Pets", "1", events)
	if err != nil {
		t.Fatal(err)
	}
	again := read(t, string(document))
	if len(again) != len(events) {
		t.Fatalf("%d events, want %d: %s", len(again), len(events), document)
	}
	for i, e := range again {
		want := events[i]
		if e.Name != want.Name || e.Description != want.Description || e.Group != want.Group || e.Deprecated != want.Deprecated || !bytes.Equal(e.Schema, want.Schema) {
			t.Errorf("read back\n%+v %s\nwant\n%+v %s", e, e.Schema, want, want.Schema)
		}
	}
	for _, f := range []Format{AsyncAPI, JSONSchema} {
		document, err := Write(f, "Pets", "1", events)
		if err != nil {
			t.Fatal(err)
		}
		place := map[Format]string{AsyncAPI: "#/components/schemas/", JSONSchema: "#/definitions/"}[f]
		// As a schema of its own, the document says the same of a value as the event's did.
		at := []byte(strings.Replace(string(document), "{", `{"$ref":"`+place+`pet.gone",`, 1))
		if !validates(t, at, `{"pet":{"id":1,"children":[{"id":2}]}}`) || validates(t, at, `{"pet":{"id":1,"children":[{}]}}`) {
			t.Errorf("%s does not judge as the event does: %s", f, document)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(petStore))
	f.Add([]byte(hooks(`{"$ref":"#/x"}`, `,"x":{"properties":{"y":{"$ref":"#/x/properties/y/not"},"z":{"nullable":true}}}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := Read(text)
		if err != nil {
			return
		}
		for _, format := range Formats() {
			if _, err := Write(format, "t", "1", events); err != nil {
				t.Errorf("what was read cannot be written as %s: %v", format, err)
			}
		}
	})
}
