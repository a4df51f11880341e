package httpapi

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hookloft/hookloft/internal/hook"
)

const schemasField = "schemas"

// checkSchemas checks that an event type's schemas are an object of JSON Schemas
// (draft 7 unless they name another). Compiling loads nothing from anywhere.
func checkSchemas(raw []byte) error {
	if raw == nil {
		return nil
	}
	if !jsonObject(raw) {
		return hook.Fieldf(schemasField, "must be an object from version to JSON Schema")
	}
	if err := checkNumbers(raw); err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return hook.Fieldf(schemasField, "must be valid JSON")
	}
	versions, ok := doc.(map[string]any)
	if !ok {
		return hook.Fieldf(schemasField, "must be an object from version to JSON Schema")
	}
	for version, schema := range versions {
		at := &hook.FieldError{Path: []string{schemasField, cut(version, 64)}}
		compiler := jsonschema.NewCompiler()
		compiler.DefaultDraft(jsonschema.Draft7)
		compiler.UseLoader(noLoader{})
		const name = "mem:///schema.json"
		if err := compiler.AddResource(name, schema); err != nil {
			at.Text = "must be a JSON Schema"
			return at
		}
		if _, err := compiler.Compile(name); err != nil {
			at.Text = "must be a JSON Schema: " + cut(strings.ReplaceAll(err.Error(), "\n", " "), 300)
			return at
		}
	}
	return nil
}

// noLoader refuses references to other documents: the server fetches nothing that a
// schema names.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("references to other documents are not followed")
}

// maxExponentDigits keeps numbers such as 1e1000000000 away from exact arithmetic,
// which would need as much memory as they have digits.
const maxExponentDigits = 3

func checkNumbers(raw []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return nil // the end, or what the caller's parser refuses
		}
		if token.Kind() != '0' {
			continue
		}
		text := token.String()
		if i := strings.IndexAny(text, "eE"); i >= 0 && len(strings.TrimLeft(text[i+1:], "+-0")) > maxExponentDigits {
			return hook.Fieldf(schemasField, "must not hold numbers with an exponent of more than %d digits", maxExponentDigits)
		}
	}
}
