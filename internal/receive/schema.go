package receive

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// maxSchemaBytes bounds the work of compiling.
	maxSchemaBytes = 256 << 10
	schemaName     = "mem:///schema.json"
	// maxSchemaDepth: validators walk a value by recursion.
	maxSchemaDepth = 512
	// maxSchemaValues bounds the memory of a document, which takes some hundred bytes a value.
	maxSchemaValues = 200_000
)

// schema is an owner's JSON Schema with a bound on its work. A few lines of schema can
// ask for more steps than there are atoms (each of thirty definitions that uses the next
// one twice), and the library that knows the language cannot be stopped. So every schema in the
// tree gets a format which counts, and gives up by a panic that is caught here.
type schema struct {
	root *jsonschema.Schema

	mu   sync.Mutex // one validation at a time
	left int        // steps of the one under way
	// perChild is what a step into an array or object costs for each child, because lists of
	// allowed values are compared before a format is asked.
	perChild int
}

// errTooMuch is what a validation panics with that takes too many steps.
var errTooMuch = errors.New("too many steps")

// Steps that a validation may take: enough for schemas that look at every value from a
// dozen sides.
const (
	firstSteps    = 10_000
	stepsPerValue = 20
)

// newSchema compiles text. It fetches nothing: a schema that refers to another document is
// refused. The error is a hook.FieldError below "validate".
func newSchema(text string) (*schema, error) {
	bad := func(format string, args ...any) error {
		return &hook.FieldError{Path: []string{"validate", "schema"}, Text: fmt.Sprintf(format, args...)}
	}
	if len(text) > maxSchemaBytes {
		return nil, bad("must have at most %d bytes", maxSchemaBytes)
	}
	walk := jsonWalk{maxDepth: maxSchemaDepth, exact: true}
	if fault, _ := walk.fault([]byte(text)); fault != "" {
		return nil, bad("must be a JSON Schema: %s", strings.Replace(fault, "the body", "the text", 1))
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, bad("must be valid JSON")
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(schemaName, doc); err != nil {
		return nil, bad("must be a JSON Schema")
	}
	root, err := compiler.Compile(schemaName)
	if err != nil {
		return nil, bad("must be a JSON Schema: %s", clip(strings.ReplaceAll(err.Error(), "\n", " "), 300))
	}
	out := &schema{root: root, perChild: 1}
	out.count(root, map[*jsonschema.Schema]bool{})
	return out, nil
}

// noLoader refuses references to other documents.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

// count makes s and all below it count their steps. What is not the owner's, such as the
// language's own schema, is left alone: it is shared, and has no traps.
func (c *schema) count(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	if strings.HasPrefix(s.Location, schemaName) {
		format := &jsonschema.Format{Name: "steps", Validate: func(v any) error { c.step(v); return nil }}
		if s.Format != nil {
			own := *s.Format
			format = &jsonschema.Format{Name: own.Name, Validate: func(v any) error { c.step(v); return own.Validate(v) }}
		}
		s.Format = format
		if s.Enum != nil {
			c.perChild = max(c.perChild, 1+len(s.Enum.Values)/64)
		}
	}
	for below := range subschemas(s) {
		c.count(below, seen)
	}
}

// step counts the evaluation of one schema on one value.
func (c *schema) step(v any) {
	switch v := v.(type) {
	case []any:
		c.left -= len(v) * c.perChild
	case map[string]any:
		c.left -= len(v) * c.perChild
	case string:
		c.left -= len(v) / 256 // patterns
	}
	if c.left--; c.left < 0 {
		panic(errTooMuch)
	}
}

// subschemas yields every schema that s applies.
func subschemas(s *jsonschema.Schema) func(yield func(*jsonschema.Schema) bool) {
	return func(yield func(*jsonschema.Schema) bool) {
		one := func(v any) {
			switch v := v.(type) {
			case *jsonschema.Schema:
				if v != nil {
					yield(v)
				}
			case []*jsonschema.Schema:
				for _, each := range v {
					yield(each)
				}
			case map[string]*jsonschema.Schema:
				for _, each := range v {
					yield(each)
				}
			case map[jsonschema.Regexp]*jsonschema.Schema:
				for _, each := range v {
					yield(each)
				}
			}
		}
		if s.DynamicRef != nil {
			one(s.DynamicRef.Ref)
		}
		for _, v := range s.Dependencies {
			one(v)
		}
		for _, v := range []any{
			s.Ref, s.RecursiveRef, s.Not, s.AllOf, s.AnyOf, s.OneOf, s.If, s.Then, s.Else, s.PropertyNames, s.Properties,
			s.PatternProperties, s.AdditionalProperties, s.DependentSchemas, s.UnevaluatedProperties, s.Contains, s.Items,
			s.AdditionalItems, s.PrefixItems, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
		} {
			one(v)
		}
	}
}

// fault validates a body, which is JSON of so many values, and says in words what is wrong.
func (c *schema) fault(body []byte, values int) string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return "the body is not JSON"
	}
	err = c.validate(doc, firstSteps+stepsPerValue*values)
	var found *jsonschema.ValidationError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errTooMuch):
		return "the body takes too many steps to compare with the schema"
	case !errors.As(err, &found):
		return "the body does not follow the schema"
	}
	for len(found.Causes) > 0 {
		found = found.Causes[0]
	}
	// A report begins with the document, or with the place if it is about one alone.
	_, leaf, isList := strings.Cut(found.Error(), "\n- ")
	if !isList {
		leaf = found.Error()
	}
	return "the body does not follow the schema: " + clip(leaf, 300)
}

func (c *schema) validate(doc any, steps int) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = steps
	defer func() {
		switch p := recover(); p {
		case nil:
		case errTooMuch:
			err = errTooMuch
		default:
			panic(p)
		}
	}()
	return c.root.Validate(doc)
}
