package hook

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
)

// maxSampleDepth bounds the nesting of a sample: a schema may refer to itself.
const maxSampleDepth = 16

// maxSampleValues bounds how many values a sample has: a few references that refer to each
// other twice would otherwise double it at each level.
const maxSampleValues = 2000

// Sample returns a JSON object that fits a JSON Schema about, for somebody to look at: the
// schema's own examples, defaults and enumerations where it has any, otherwise plain values
// of the right type. It does not promise that the schema accepts it. It reports false where
// the schema does not describe an object, or cannot be followed.
func Sample(schema []byte) ([]byte, bool) {
	var root any
	if json.Unmarshal(schema, &root) != nil {
		return nil, false
	}
	s := sampler{root: root, left: maxSampleValues}
	v, ok := s.value(root, 0)
	object, isObject := v.(map[string]any)
	if !ok || !isObject || s.left <= 0 {
		return nil, false
	}
	out, err := json.Marshal(object)
	return out, err == nil
}

// sampler makes one sample.
type sampler struct {
	root any
	left int
}

func (s *sampler) value(schema any, depth int) (v any, ok bool) {
	s.left--
	m, isObject := schema.(map[string]any)
	if !isObject { // true allows anything
		return map[string]any{}, schema == true
	}
	if depth > maxSampleDepth || s.left <= 0 {
		return nil, false
	}
	if ref, isRef := m["$ref"].(string); isRef {
		to, found := s.resolve(ref)
		if !found {
			return nil, false
		}
		return s.value(to, depth+1)
	}
	if c, has := m["const"]; has {
		return c, true
	}
	if d, has := m["default"]; has {
		return d, true
	}
	for _, name := range []string{"examples", "enum"} {
		if list, isList := m[name].([]any); isList && len(list) > 0 {
			return list[0], true
		}
	}
	for _, name := range []string{"oneOf", "anyOf"} {
		if list, isList := m[name].([]any); isList && len(list) > 0 {
			return s.value(list[0], depth+1)
		}
	}
	if list, isList := m["allOf"].([]any); isList {
		return s.all(m, list, depth)
	}
	return s.typed(m, depth)
}

// resolve follows a reference into the same document.
func (s *sampler) resolve(ref string) (any, bool) {
	path, local := strings.CutPrefix(ref, "#")
	if !local {
		return nil, false
	}
	at := s.root
	for _, name := range strings.Split(path, "/")[1:] {
		m, isObject := at.(map[string]any)
		if !isObject {
			return nil, false
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		if at, isObject = m[name]; !isObject {
			return nil, false
		}
	}
	return at, true
}

// all joins the objects that the parts of an allOf describe with those of m itself.
func (s *sampler) all(m map[string]any, parts []any, depth int) (any, bool) {
	out := map[string]any{}
	rest := maps.Clone(m)
	delete(rest, "allOf")
	for _, part := range append([]any{rest}, parts...) {
		v, ok := s.value(part, depth+1)
		if !ok {
			return nil, false
		}
		if object, isObject := v.(map[string]any); isObject {
			maps.Copy(out, object)
		}
	}
	return out, true
}

// typed returns a plain value of a schema's type.
func (s *sampler) typed(m map[string]any, depth int) (any, bool) {
	kind, _ := m["type"].(string)
	if list, isList := m["type"].([]any); isList && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	properties, _ := m["properties"].(map[string]any)
	switch {
	case kind == "object", kind == "" && m["items"] == nil:
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			v, ok := s.value(properties[name], depth+1)
			if !ok && isRequired(m, name) {
				return nil, false
			}
			if ok {
				out[name] = v
			}
		}
		return out, true
	case kind == "array", kind == "":
		item, ok := s.value(m["items"], depth+1)
		if m["items"] == nil || !ok {
			return []any{}, true
		}
		return []any{item}, true
	case kind == "string":
		return sampleText(m), true
	case kind == "integer", kind == "number":
		return sampleNumber(m, kind == "integer"), true
	case kind == "boolean":
		return true, true
	case kind == "null":
		return nil, true
	}
	return nil, false
}

func isRequired(m map[string]any, name string) bool {
	list, _ := m["required"].([]any)
	return slices.Contains(list, any(name))
}

// sampleText returns a value of one of the formats of JSON Schema, draft 7 section 7.3.
func sampleText(m map[string]any) string {
	switch m["format"] {
	case "date-time":
		return "2026-01-02T15:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "15:04:05Z"
	case "email", "idn-email":
		return "person@example.com"
	case "uri", "iri", "uri-reference":
		return "https://example.com/"
	case "hostname", "idn-hostname":
		return "example.com"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	case "uuid":
		return "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	}
	text := "string"
	if least, ok := m["minLength"].(float64); ok && least > float64(len(text)) && least <= 1024 {
		text += strings.Repeat("x", int(least)-len(text))
	}
	if most, ok := m["maxLength"].(float64); ok && most >= 0 && most < float64(len(text)) {
		text = text[:int(most)]
	}
	return text
}

func sampleNumber(m map[string]any, whole bool) float64 {
	n := 1.0
	if least, ok := m["minimum"].(float64); ok && n < least {
		n = least
	}
	if least, ok := m["exclusiveMinimum"].(float64); ok && n <= least {
		n = least + 1
	}
	if most, ok := m["maximum"].(float64); ok && n > most {
		n = most
	}
	if whole {
		n = math.Ceil(n)
	}
	return n
}
