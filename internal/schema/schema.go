// Package schema compares JSON with a JSON Schema that a user wrote, without trust in
// either: nothing is fetched, patterns are RE2, and time and memory of a comparison are
// bounded whatever the two ask for together. Numbers are compared exactly.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	// maxBytes bounds the work of compiling.
	maxBytes = 256 << 10
	name     = "mem:///schema.json"
	// MaxDepth is how deep a document may nest: validators walk it by recursion.
	MaxDepth = 512
	// MaxValues is how many values and names a document may have, which bounds its memory:
	// some hundred bytes each.
	MaxValues = 200_000
	// maxPatternStates bounds the memory of a schema's patterns, of some hundred bytes each.
	maxPatternStates = 50_000
)

// Options are the knobs of a Schema. The zero value is for a schema of today that is
// compared with what comes in once.
type Options struct {
	// Draft7 reads a schema that does not say so itself as draft 7, not as 2020-12.
	Draft7 bool
	// Work is how long the comparisons of one document may take, in about nanoseconds.
	// Zero means two seconds.
	Work int
}

// Schema is an owner's JSON Schema with a bound on its work. A few lines of schema can
// ask for more steps than there are atoms (each of thirty definitions that uses the next
// one twice), and the library that knows the language cannot be stopped. So every schema in the
// tree gets a format which counts, and gives up by a panic that is caught here.
type Schema struct {
	root    *jsonschema.Schema
	maxWork int

	mu sync.Mutex // one validation at a time
	// steps and work are what the one under way may still take: evaluations of a schema on
	// a value, which take memory when they fail, and comparisons, in about nanoseconds.
	steps, work int
	// compare is the most that one value of the tree costs to compare with its allowed values. It is
	// paid with the array or object around a value, because a value that is none of them
	// is told so before its format is asked.
	compare int
}

// errTooMuch is what a validation panics with that takes too many steps.
var errTooMuch = errors.New("too many steps")

// What a validation may take: enough for schemas that look at every value from a dozen
// sides, and some seconds of comparisons.
const (
	firstSteps    = 10_000
	stepsPerValue = 20
	maxWork       = 2_000_000_000
)

// What comparisons cost: equal text, a number (which is exact arithmetic), each value of
// anything else, and a character under a character of a pattern.
const (
	textCost, numberCost, valueCost, patternCost = 5, 300, 50, 10
)

// Compile makes a schema ready. It fetches nothing: a schema that refers to another
// document is refused. The error's text goes on after the name of a field ("must be ...").
func Compile(text []byte, o Options) (*Schema, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("must have at most %d bytes", maxBytes)
	}
	walk := Walk{MaxDepth: MaxDepth, Exact: true}
	if fault, _ := walk.Fault(text); fault != "" {
		return nil, fmt.Errorf("must be a JSON Schema: %s", strings.Replace(fault, "the body", "the text", 1))
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("must be valid JSON")
	}
	compiler := jsonschema.NewCompiler()
	if o.Draft7 {
		compiler.DefaultDraft(jsonschema.Draft7)
	}
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(name, doc); err != nil {
		return nil, errors.New("must be a JSON Schema")
	}
	root, err := compiler.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("must be a JSON Schema: %s", clip(strings.ReplaceAll(err.Error(), "\n", " "), 300))
	}
	out := &Schema{root: root, maxWork: o.Work}
	if out.maxWork == 0 {
		out.maxWork = maxWork
	}
	if out.count(root, map[*jsonschema.Schema]bool{}) > maxPatternStates {
		return nil, errors.New("its patterns are too large")
	}
	return out, nil
}

// noLoader refuses references to other documents.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

// count makes s and all below it count their steps. What is not the owner's, such as the
// language's own schema, is left alone: it is shared, and has no traps. It returns how many
// states all patterns have together.
func (c *Schema) count(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) (states int) {
	if s == nil || seen[s] {
		return 0
	}
	seen[s] = true
	if strings.HasPrefix(s.Location, name) {
		own := s.Format
		counted := &jsonschema.Format{Name: "steps"}
		if own != nil {
			counted.Name = own.Name
		}
		patterns := 0
		for p := range s.PatternProperties {
			patterns += patternSize(p)
		}
		pattern := 0
		if s.Pattern != nil {
			pattern = patternSize(s.Pattern)
		}
		counted.Validate = func(v any) error {
			c.step(v, patterns, pattern)
			if own == nil {
				return nil
			}
			return own.Validate(v)
		}
		s.Format = counted
		compare := 0
		if s.Enum != nil {
			compare += compareCost(s.Enum.Values)
		}
		if s.Const != nil {
			compare += compareCost(*s.Const)
		}
		c.compare = max(c.compare, compare)
		states = patterns + pattern
	}
	for below := range subschemas(s) {
		states += c.count(below, seen)
	}
	return states
}

// patternSize is how many states a pattern has: a{500} has 500.
func patternSize(p jsonschema.Regexp) int {
	parsed, err := syntax.Parse(p.String(), syntax.Perl)
	if err != nil {
		return len(p.String())
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return len(p.String())
	}
	return len(program.Inst)
}

// compareCost is about how long it takes to compare something with v.
func compareCost(v any) int {
	switch v := v.(type) {
	case string:
		return textCost
	case []any:
		n := valueCost
		for _, each := range v {
			n += compareCost(each)
		}
		return n
	case map[string]any:
		n := valueCost
		for _, each := range v {
			n += compareCost(each)
		}
		return n
	case bool, nil:
		return textCost
	}
	return numberCost
}

// step counts the evaluation of one schema on one value. patterns are the states of
// its patterns for names, pattern those of the one for text.
func (c *Schema) step(v any, patterns, pattern int) {
	children := 0
	switch v := v.(type) {
	case []any:
		children = len(v)
	case map[string]any:
		children = len(v)
		if patterns > 0 {
			for name := range v {
				c.work -= len(name) * patterns * patternCost
			}
		}
	case string:
		c.work -= len(v) * (1 + pattern*patternCost)
	}
	c.steps -= 1 + children
	c.work -= (1 + children) * c.compare
	if c.steps < 0 || c.work < 0 {
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

// Fault compares a body, which is JSON of so many values (Walk), and says in words what
// is wrong, "" for nothing.
func (c *Schema) Fault(body []byte, values int) string {
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

func (c *Schema) validate(doc any, steps int) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps, c.work = steps, c.maxWork
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
