package openapi

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kind is what a value is.
type kind byte

const (
	scalar kind = iota
	object
	list
)

// value is a piece of a document. Members keep their order and numbers their text, so
// that what is copied from a document looks as it does there.
type value struct {
	kind    kind
	raw     json.RawMessage // of a scalar
	members []member        // of an object
	items   []*value        // of a list
}

type member struct {
	name  string
	value *value
}

// get returns a member of an object; nil where there is none.
func (v *value) get(name string) *value {
	if v == nil {
		return nil
	}
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (v *value) set(name string, to *value) {
	for i := range v.members {
		if v.members[i].name == name {
			v.members[i].value = to
			return
		}
	}
	v.members = append(v.members, member{name, to})
}

func (v *value) drop(name string) {
	for i := range v.members {
		if v.members[i].name == name {
			v.members = append(v.members[:i:i], v.members[i+1:]...)
			return
		}
	}
}

// text returns the value of a string.
func (v *value) text() (string, bool) {
	if v == nil || v.kind != scalar || len(v.raw) == 0 || v.raw[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(v.raw, &s) == nil
}

func (v *value) isTrue() bool { return v != nil && v.kind == scalar && string(v.raw) == "true" }
func (v *value) isNull() bool { return v != nil && v.kind == scalar && string(v.raw) == "null" }

func stringValue(s string) *value {
	raw, err := json.Marshal(s)
	if err != nil {
		raw = []byte(`""`) // never: a string always has a JSON text
	}
	return &value{raw: raw}
}

// append writes the value as JSON.
func (v *value) append(dst []byte) []byte {
	switch v.kind {
	case object:
		dst = append(dst, '{')
		for i, m := range v.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, stringValue(m.name).raw...), ':')
			dst = m.value.append(dst)
		}
		return append(dst, '}')
	case list:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.append(dst)
		}
		return append(dst, ']')
	}
	return append(dst, v.raw...)
}

// split returns the steps of a JSON pointer (RFC 6901), also of one that is part of a URL.
func split(pointer string) []string {
	if pointer == "" {
		return nil
	}
	steps := strings.Split(pointer[1:], "/")
	for i, s := range steps {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return steps
}

// escape makes a name a step of a JSON pointer.
func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// canonical returns the JSON pointer of a local reference in its one spelling.
func canonical(ref string) string {
	var b strings.Builder
	for _, step := range split(strings.TrimPrefix(ref, "#")) {
		b.WriteByte('/')
		b.WriteString(escape(step))
	}
	return b.String()
}

// fragment makes a local reference of a JSON pointer.
func fragment(pointer string) string { return "#" + (&url.URL{Fragment: pointer}).EscapedFragment() }

// parse reads JSON or YAML, of which JSON is a part.
func parse(text []byte) (*value, error) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(text) {
		// YAML would refuse JSON's pairs of surrogates.
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		return (&parser{}).json(dec, "", 0)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, errorf("", "is neither JSON nor YAML: %s", cut(strings.ToValidUTF8(strings.TrimPrefix(err.Error(), "yaml: "), "?"), 200))
	}
	if len(node.Content) != 1 {
		return nil, errorf("", "is empty")
	}
	p := &parser{}
	return p.value(node.Content[0], "", 0)
}

type parser struct{ nodes int }

// json reads a value of text that is known to be JSON.
func (p *parser) json(dec *json.Decoder, place string, depth int) (*value, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, errorf(place, "the document has more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return nil, errorf(place, "is nested deeper than %d levels", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, errorf(place, "is not JSON")
	}
	v := &value{}
	switch token := token.(type) {
	case json.Delim:
		seen := map[string]bool{}
		for dec.More() {
			if token == '[' {
				item, err := p.json(dec, place, depth+1)
				if err != nil {
					return nil, err
				}
				v.items = append(v.items, item)
				continue
			}
			key, err := dec.Token()
			if err != nil {
				return nil, errorf(place, "is not JSON")
			}
			name, at := key.(string), place+"/"+escape(cut(key.(string), 256)) // a key always is a string
			if seen[name] {
				return nil, errorf(at, "is given twice")
			}
			seen[name] = true
			item, err := p.json(dec, at, depth+1)
			if err != nil {
				return nil, err
			}
			v.members = append(v.members, member{name, item})
		}
		if v.kind = object; token == '[' {
			v.kind = list
		}
		if _, err := dec.Token(); err != nil { // the closing bracket
			return nil, errorf(place, "is not JSON")
		}
	case json.Number:
		v.raw = []byte(token)
	default:
		if v.raw, err = json.Marshal(token); err != nil {
			return nil, errorf(place, "is not JSON")
		}
	}
	return v, nil
}

// value turns a node into a value. An alias is copied out, and each copy counts: a few
// lines of aliases can stand for more values than any memory holds.
func (p *parser) value(n *yaml.Node, place string, depth int) (*value, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, errorf(place, "the document has more than %d values, counting what aliases stand for", maxNodes)
	}
	if depth > maxDepth {
		return nil, errorf(place, "is nested deeper than %d levels", maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return p.value(n.Alias, place, depth+1)
	case yaml.SequenceNode:
		v := &value{kind: list, items: make([]*value, 0, len(n.Content))}
		for _, c := range n.Content {
			item, err := p.value(c, place, depth+1)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	case yaml.MappingNode:
		return p.object(n, place, depth)
	}
	return p.scalar(n, place)
}

func (p *parser) object(n *yaml.Node, place string, depth int) (*value, error) {
	v := &value{kind: object}
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, errorf(place, "has a key that is no text (line %d)", key.Line)
		case key.Tag == "!!merge":
			return nil, errorf(place, "uses a merge key (<<), which is not read; write the fields out (line %d)", key.Line)
		case seen[key.Value]:
			return nil, errorf(place+"/"+escape(key.Value), "is given twice (line %d)", key.Line)
		}
		seen[key.Value] = true
		item, err := p.value(n.Content[i+1], place+"/"+escape(cut(key.Value, 256)), depth+1)
		if err != nil {
			return nil, err
		}
		v.members = append(v.members, member{key.Value, item})
	}
	return v, nil
}

func (p *parser) scalar(n *yaml.Node, place string) (*value, error) {
	switch n.ShortTag() {
	case "!!null":
		return &value{raw: []byte("null")}, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, errorf(place, "is no boolean (line %d)", n.Line)
		}
		if b {
			return &value{raw: []byte("true")}, nil
		}
		return &value{raw: []byte("false")}, nil
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return &value{raw: []byte(n.Value)}, nil
		}
		var f any // 0x1F, 1_000, .5
		if err := n.Decode(&f); err == nil {
			if raw, err := json.Marshal(f); err == nil {
				return &value{raw: raw}, nil
			}
		}
		return nil, errorf(place, "is no number that JSON has (line %d)", n.Line)
	case "!!str", "!!timestamp", "!!binary":
		return stringValue(n.Value), nil
	}
	return nil, errorf(place, "has the unknown tag %s (line %d)", cut(n.Tag, 64), n.Line)
}
