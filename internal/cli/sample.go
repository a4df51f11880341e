package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hookloft/hookloft/api"
)

// maxSampleDepth ends what a schema that refers to itself begins.
const maxSampleDepth = 12

// errNoSample: the catalogue does not say what a payload looks like.
var errNoSample = errors.New("has neither an example nor a schema")

// sampleOf makes a payload for an event type: the newest version's first example, byte
// for byte, else one made from its schema. The doubt, if any, says why the payload may
// not be a good one.
func sampleOf(t api.EventTypeOut, now time.Time) (payload json.RawMessage, doubt string, err error) {
	raw := newestSchema(t.Schemas)
	if raw == nil {
		return nil, "", errNoSample
	}
	var entry struct {
		Examples []json.RawMessage `json:"examples"`
		Example  json.RawMessage   `json:"example"`
	}
	// A schema may be a bare true; then there is no example in it.
	if json.Unmarshal(raw, &entry) == nil {
		for _, example := range append(entry.Examples, entry.Example) {
			if trimmed := bytes.TrimSpace(example); len(trimmed) > 0 && trimmed[0] == '{' {
				return trimmed, "", nil
			}
		}
	}
	schema, err := decodeNumbers(raw)
	if err != nil {
		return nil, "", err
	}
	m := sampler{root: schema, now: now}
	made, ok := m.make(schema, 0).(map[string]any)
	if !ok || len(made) == 0 {
		return nil, "", errNoSample
	}
	if payload, err = json.Marshal(made); err != nil {
		return nil, "", err
	}
	return payload, doubtOf(raw, payload), nil
}

// laterVersion compares names of versions, which are numbers as a rule.
func laterVersion(a, b string) bool {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return x > y
	}
	return (errX == nil) == (errY == nil) && a > b || errX == nil && errY != nil
}

func decodeNumbers(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// noLoader lets a schema refer to nothing outside itself.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside of the schema", url)
}

// doubtOf says in what a made payload does not satisfy its schema, "" for nothing.
func doubtOf(schema, payload json.RawMessage) string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err.Error()
	}
	const name = "schema.json"
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.DefaultDraft(jsonschema.Draft7)
	if err := c.AddResource(name, doc); err != nil {
		return err.Error()
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return err.Error()
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return err.Error()
	}
	err = compiled.Validate(value)
	if err == nil {
		return ""
	}
	var wrong *jsonschema.ValidationError
	if errors.As(err, &wrong) {
		for len(wrong.Causes) > 0 {
			wrong = wrong.Causes[0]
		}
		return wrong.Error()
	}
	return err.Error()
}

// sampler makes values that a schema allows: the least surprising ones, and the same
// ones each time.
type sampler struct {
	root any
	now  time.Time
}

func (m *sampler) make(schema any, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok || depth > maxSampleDepth {
		return nil
	}
	if ref, ok := s["$ref"].(string); ok {
		return m.make(m.find(ref), depth+1)
	}
	for _, key := range []string{"const", "example", "default"} {
		if v, given := s[key]; given {
			return v
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if list, ok := s[key].([]any); ok && len(list) > 0 {
			return list[0]
		}
	}
	if parts, ok := s["allOf"].([]any); ok {
		return m.makeAll(s, parts, depth)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if parts, ok := s[key].([]any); ok && len(parts) > 0 {
			return m.makeAll(s, parts[:1], depth)
		}
	}
	switch typeOf(s) {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "string":
		return m.text(s)
	case "integer":
		return number(s, true)
	case "number":
		return number(s, false)
	case "boolean":
		return true
	}
	return nil
}

// makeAll joins what a schema says itself with what its parts say.
func (m *sampler) makeAll(s map[string]any, parts []any, depth int) any {
	own := map[string]any{}
	for key, v := range s {
		if key != "allOf" && key != "oneOf" && key != "anyOf" {
			own[key] = v
		}
	}
	var joined any
	for _, part := range append([]any{own}, parts...) {
		v := m.make(part, depth+1)
		fields, isObject := v.(map[string]any)
		into, wasObject := joined.(map[string]any)
		switch {
		case v == nil:
		case isObject && wasObject:
			for name, field := range fields {
				into[name] = field
			}
		default:
			joined = v
		}
	}
	return joined
}

// typeOf is the type that a schema names first, or that its keys speak of.
func typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok && name != "null" {
				return name
			}
		}
	}
	for _, hint := range [][2]string{{"properties", "object"}, {"required", "object"}, {"items", "array"}, {"format", "string"}, {"pattern", "string"}, {"minimum", "number"}} {
		if _, given := s[hint[0]]; given {
			return hint[1]
		}
	}
	return ""
}

func (m *sampler) object(s map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for name, property := range properties {
		v := m.make(property, depth+1)
		if v != nil || slices.Contains(required, any(name)) {
			out[name] = v
		}
	}
	for _, name := range required {
		if text, ok := name.(string); ok && properties[text] == nil {
			out[text] = "text"
		}
	}
	return out
}

func (m *sampler) array(s map[string]any, depth int) any {
	n := 1
	if least, ok := asInt(s["minItems"]); ok {
		n = min(max(n, least), 20)
	}
	if most, ok := asInt(s["maxItems"]); ok {
		n = min(n, most)
	}
	list := []any{}
	for range n {
		if v := m.make(s["items"], depth+1); v != nil {
			list = append(list, v)
		}
	}
	return list
}

// text is a string of the format that the schema names.
func (m *sampler) text(s map[string]any) any {
	format, _ := s["format"].(string)
	byFormat := map[string]string{
		"date-time": m.now.UTC().Format(time.RFC3339), "date": m.now.UTC().Format(time.DateOnly), "time": m.now.UTC().Format("15:04:05Z"),
		"duration": "PT1H", "email": "ada@example.com", "idn-email": "ada@example.com", "hostname": "example.com", "uri": "https://example.com/",
		"url": "https://example.com/", "uri-reference": "/path", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
	}
	if text, known := byFormat[format]; known {
		return text
	}
	text := "text"
	if least, ok := asInt(s["minLength"]); ok && least > len(text) {
		text = strings.Repeat("text", least/4+1)[:min(least, 4096)]
	}
	if most, ok := asInt(s["maxLength"]); ok && most < len(text) {
		text = text[:most]
	}
	return text
}

// number is the number nearest to 1 that the schema allows, as far as its bounds tell.
func number(s map[string]any, whole bool) any {
	v := 1.0
	bound := func(key string) (float64, bool) {
		n, ok := s[key].(json.Number)
		if !ok {
			return 0, false
		}
		f, err := n.Float64()
		return f, err == nil
	}
	if least, ok := bound("minimum"); ok {
		v = math.Max(v, least)
	}
	if least, ok := bound("exclusiveMinimum"); ok && v <= least {
		v = least + 1
	}
	if most, ok := bound("maximum"); ok {
		v = math.Min(v, most)
	}
	if most, ok := bound("exclusiveMaximum"); ok && v >= most {
		v = most - 1
		if least, ok := bound("minimum"); ok && v < least {
			v = (least + most) / 2
		}
	}
	if step, ok := bound("multipleOf"); ok && step > 0 {
		v = math.Ceil(v/step) * step
	}
	if whole {
		return int64(math.Ceil(v))
	}
	return v
}

func asInt(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return int(min(max(i, 0), 1<<20)), err == nil
}

// find follows a reference inside the schema (JSON Pointer, RFC 6901); nil for others.
func (m *sampler) find(ref string) any {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	at := m.root
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}

// setPath puts a value at a path like data.items[0].price; what is missing on the way
// is made. The value is JSON where it reads as such, else a text.
func setPath(root any, path, text string) (any, error) {
	var value any = text
	if v, err := decodeNumbers(json.RawMessage(text)); err == nil && json.Valid([]byte(text)) {
		value = v
	}
	steps := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
	if len(steps) > 64 || slices.Contains(steps, "") {
		return nil, usagef("--set %s: a path is like data.items[0].price", path)
	}
	return setSteps(root, steps, value, path)
}

func setSteps(at any, steps []string, value any, path string) (any, error) {
	if len(steps) == 0 {
		return value, nil
	}
	if list, ok := at.([]any); ok {
		i, err := strconv.Atoi(steps[0])
		if err != nil || i < 0 || i > len(list) {
			return nil, usagef("--set %s: %q is no place in a list of %d", path, steps[0], len(list))
		}
		if i == len(list) {
			list = append(list, nil)
		}
		list[i], err = setSteps(list[i], steps[1:], value, path)
		return list, err
	}
	fields, ok := at.(map[string]any)
	switch {
	case at == nil && steps[0] == "0":
		return setSteps([]any{}, steps, value, path)
	case at == nil:
		fields = map[string]any{}
	case !ok:
		return nil, usagef("--set %s: what stands before %q is neither an object nor a list", path, steps[0])
	}
	var err error
	fields[steps[0]], err = setSteps(fields[steps[0]], steps[1:], value, path)
	return fields, err
}
