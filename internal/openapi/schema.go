package openapi

import (
	"slices"
	"strconv"
	"strings"
)

// The places of a JSON Schema where schemas stand. Everything else is data: a "$ref" in
// an example is a field of the example.
var (
	holdsSchema  = []string{"additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
	holdsList    = []string{"allOf", "anyOf", "items", "oneOf", "prefixItems"}
	holdsSchemas = []string{"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)

// schema returns the schema of a media type as a document of its own, nil for none.
func (d *document) schema(media *value, place string) ([]byte, error) {
	declared := media.get("schema")
	if declared == nil {
		return nil, nil
	}
	root, at, err := d.follow(declared, place+"/schema")
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		return nil, errorf(at, "must be a schema, which is an object")
	}
	c := &copier{document: d, root: at, names: map[string]string{}, definitions: &value{kind: object}}
	out, err := c.copy(root, at, 0)
	if err != nil {
		return nil, err
	}
	// A definition may refer to others; they are appended while the list is walked.
	for i := 0; i < len(c.todo); i++ {
		t := c.todo[i]
		copied, err := c.copy(t.value, t.place, 0)
		if err != nil {
			return nil, err
		}
		c.definitions.set(t.name, copied)
	}
	for _, m := range c.definitions.members {
		all := out.get("definitions")
		if all == nil {
			all = &value{kind: object}
			out.set("definitions", all)
		}
		all.set(m.name, m.value)
	}
	if examples := mediaExamples(d, media); len(examples) > 0 {
		old := out.get("examples")
		if old == nil || old.kind != list {
			old = &value{kind: list}
			out.set("examples", old)
		}
		for _, e := range examples {
			if !slices.ContainsFunc(old.items, func(o *value) bool { return string(o.append(nil)) == string(e.append(nil)) }) {
				old.items = append(old.items, e)
			}
		}
	}
	return out.append(nil), nil
}

// mediaExamples are the examples of a payload beside its schema.
func mediaExamples(d *document, media *value) (out []*value) {
	if e := media.get("example"); e != nil {
		out = append(out, e)
	}
	if named := media.get("examples"); named != nil {
		for _, m := range named.members {
			e, _, err := d.follow(m.value, "")
			if err != nil {
				continue // an example that is not there is none
			}
			if v := e.get("value"); v != nil {
				out = append(out, v)
			}
		}
	}
	return out
}

// copier copies a schema out of a document, with what it refers to.
type copier struct {
	*document
	root        string            // the place of the schema in the document
	names       map[string]string // the name of a definition by its place
	definitions *value
	todo        []definition
}

type definition struct {
	name, place string
	value       *value
}

// copy copies a schema that stands at a place, and rewrites its references.
func (c *copier) copy(v *value, place string, depth int) (*value, error) {
	if v.kind != object {
		return v, nil // true and false are schemas, too; what is none is found by whoever compiles it
	}
	if depth > maxDepth {
		return nil, errorf(place, "is nested deeper than %d levels", maxDepth)
	}
	out := &value{kind: object, members: make([]member, 0, len(v.members))}
	for _, m := range v.members {
		if c.copied++; c.copied > maxCopied {
			return nil, errorf(place, "the schemas refer to so much that copies of it have more than %d values", maxCopied)
		}
		at := place + "/" + escape(m.name)
		var err error
		to := m.value
		switch {
		case m.name == "$ref":
			to, err = c.reference(m.value, at)
		case m.name == "$schema" || m.name == "$id" || m.name == "id" && depth == 0 && c.nullable:
			continue // it is draft 7 now, at no place that has a name
		case to.kind == object && slices.Contains(holdsSchema, m.name):
			to, err = c.copy(to, at, depth+1)
		case to.kind == list && slices.Contains(holdsList, m.name):
			to, err = c.copyList(to, at, depth+1)
		case to.kind == object && slices.Contains(holdsSchemas, m.name):
			to, err = c.copyMap(to, at, depth+1)
		default:
			err = c.spend(to, at)
		}
		if err != nil {
			return nil, err
		}
		out.members = append(out.members, member{m.name, to})
	}
	c.toDraft7(out)
	return out, nil
}

// spend counts data that is shared by copies of a schema, and is written with each.
func (c *copier) spend(v *value, place string) error {
	if c.copied += 1 + len(v.raw)/64; c.copied > maxCopied {
		return errorf(place, "the schemas refer to so much that copies of it have more than %d values", maxCopied)
	}
	for _, m := range v.members {
		if err := c.spend(m.value, place); err != nil {
			return err
		}
	}
	for _, item := range v.items {
		if err := c.spend(item, place); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) copyList(v *value, place string, depth int) (*value, error) {
	out := &value{kind: list, items: make([]*value, 0, len(v.items))}
	for i, item := range v.items {
		copied, err := c.copy(item, place+"/"+strconv.Itoa(i), depth)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, copied)
	}
	return out, nil
}

func (c *copier) copyMap(v *value, place string, depth int) (*value, error) {
	out := &value{kind: object, members: make([]member, 0, len(v.members))}
	for _, m := range v.members {
		copied, err := c.copy(m.value, place+"/"+escape(m.name), depth)
		if err != nil {
			return nil, err
		}
		out.members = append(out.members, member{m.name, copied})
	}
	return out, nil
}

// reference rewrites a reference: into the schema itself, or to a definition that comes along.
func (c *copier) reference(ref *value, place string) (*value, error) {
	text, ok := ref.text()
	if !ok {
		return nil, errorf(place, "must be a string")
	}
	target, err := c.resolve(text, place)
	if err != nil {
		return nil, err
	}
	if target.kind == object && target.get("$ref") != nil && len(target.members) == 1 {
		// A mere alias of another schema: what it leads to is meant, and a ring of such
		// leads nowhere.
		if target, text, err = c.follow(target, text); err != nil {
			return nil, err
		}
	} else {
		text = canonical(text)
	}
	at := text
	if at == c.root {
		return stringValue("#"), nil
	}
	if rest, inside := strings.CutPrefix(at, c.root+"/"); inside {
		return stringValue(fragment("/" + rest)), nil
	}
	name := c.names[at]
	if name == "" {
		name = c.unused(at)
		c.names[at] = name
		c.todo = append(c.todo, definition{name, at, target})
	}
	return stringValue(fragment("/definitions/" + escape(name))), nil
}

// unused draws a name for a definition from where it stands.
func (c *copier) unused(place string) string {
	steps := split(place)
	base := "definition"
	if len(steps) > 0 && steps[len(steps)-1] != "" {
		base = cut(steps[len(steps)-1], 200)
	}
	// A name has to be a part of a URL as it is.
	base = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune("%#/~?\"<>\\^`{|}", r) {
			return r
		}
		return '_'
	}, base)
	own, err := c.resolve(fragment(c.root+"/definitions"), "")
	if err != nil {
		own = nil // it has none
	}
	name := base
	for i := 2; own.get(name) != nil || slices.ContainsFunc(c.todo, func(d definition) bool { return d.name == name }); i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	return name
}

// toDraft7 turns keywords of OpenAPI 3.0 and of newer drafts into those of draft 7.
func (c *copier) toDraft7(v *value) {
	if c.nullable {
		fromOpenAPI30(v)
	}
	if prefix := v.get("prefixItems"); prefix != nil && prefix.kind == list {
		if rest := v.get("items"); rest != nil {
			v.set("additionalItems", rest)
			v.drop("items")
		}
		v.set("items", prefix)
		v.drop("prefixItems")
	}
	if e := v.get("example"); e != nil && v.get("examples") == nil {
		v.set("examples", &value{kind: list, items: []*value{e}})
		v.drop("example")
	}
}

func fromOpenAPI30(v *value) {
	if v.get("nullable").isTrue() {
		if kind := v.get("type"); kind != nil && kind.kind == scalar {
			v.set("type", &value{kind: list, items: []*value{kind, stringValue("null")}})
		}
		if enum := v.get("enum"); enum != nil && enum.kind == list && !slices.ContainsFunc(enum.items, (*value).isNull) {
			v.set("enum", &value{kind: list, items: append(slices.Clone(enum.items), &value{raw: []byte("null")})})
		}
	}
	v.drop("nullable")
	for _, bound := range [][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		exclusive := v.get(bound[0])
		if exclusive == nil || exclusive.kind != scalar {
			continue
		}
		switch limit := v.get(bound[1]); {
		case exclusive.isTrue() && limit != nil:
			v.set(bound[0], limit)
			v.drop(bound[1])
		case exclusive.isTrue() || string(exclusive.raw) == "false":
			v.drop(bound[0])
		}
	}
}
