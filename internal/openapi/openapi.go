// Package openapi reads the events that a service describes in an OpenAPI document, and
// writes such documents. It is pure: it opens no file and no connection, whatever a
// document refers to.
//
// An event is an entry of `webhooks` (OpenAPI 3.1) or `x-webhooks` (the habit before it).
// Its schema is returned as a document of its own, JSON Schema draft 7: what it refers to
// comes along under "definitions", so that schemas may be recursive.
//
// A document comes from outside, so its size, its depth, the places that a YAML alias
// may stand for, and what references may copy are bounded; past a bound it is refused.
package openapi

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds of what is read.
const (
	// MaxBytes is the size of a document.
	MaxBytes = 1 << 20
	// MaxEvents is how many events one document may have.
	MaxEvents = 2000
	// maxDepth is how deep objects and lists may be nested.
	maxDepth = 100
	// maxNodes is how many values a document may have once aliases stand for what they name.
	maxNodes = 200_000
	// maxCopied is how many values the schemas of all events may have together: each comes
	// with a copy of what it refers to.
	maxCopied = 1_000_000
)

// Event is one event that a document describes.
type Event struct {
	Name        string
	Description string
	// Group and Flags are what the extensions x-hookloft-group-name (or x-svix-group-name)
	// and x-hookloft-feature-flags (or x-svix-feature-flags) say; "" and nil without them.
	Group      string
	Flags      []string
	Deprecated bool
	// Schema is the payload's schema, JSON Schema draft 7; nil for none. Examples of the
	// payload stand in its "examples".
	Schema []byte
}

// Error is what is wrong with a document, and where.
type Error struct {
	// Place is a JSON pointer into the document; "" for all of it.
	Place string
	Text  string
}

func (e *Error) Error() string {
	if e.Place == "" {
		return e.Text
	}
	return cut(e.Place, 200) + ": " + e.Text
}

func errorf(place, format string, args ...any) error {
	return &Error{Place: place, Text: fmt.Sprintf(format, args...)}
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}

// Read returns the events of a document in JSON or YAML, in its order. Errors are *Error.
func Read(text []byte) ([]Event, error) {
	if len(text) > MaxBytes {
		return nil, errorf("", "has more than %d bytes", MaxBytes)
	}
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		return nil, errorf("", "must be an object")
	}
	version, _ := root.get("openapi").text()
	if !strings.HasPrefix(version, "3.") {
		return nil, errorf("/openapi", "must be a version 3.x of OpenAPI")
	}
	d := &document{root: root, nullable: strings.HasPrefix(version, "3.0")}
	var events []Event
	seen := map[string]bool{}
	found := false
	for _, key := range []string{"webhooks", "x-webhooks"} {
		hooks := root.get(key)
		if hooks == nil {
			continue
		}
		found = true
		if hooks.kind != object {
			return nil, errorf("/"+key, "must be an object from name to webhook")
		}
		for _, m := range hooks.members {
			if strings.HasPrefix(m.name, "x-") {
				continue // an extension, as OpenAPI allows everywhere
			}
			place := "/" + key + "/" + escape(m.name)
			if seen[m.name] {
				return nil, errorf(place, "stands in both webhooks and x-webhooks")
			}
			if seen[m.name] = true; len(seen) > MaxEvents {
				return nil, errorf("/"+key, "has more than %d webhooks", MaxEvents)
			}
			e, err := d.event(m.name, m.value, place)
			if err != nil {
				return nil, err
			}
			events = append(events, e)
		}
	}
	if !found {
		return nil, errorf("", "has neither webhooks nor x-webhooks")
	}
	return events, nil
}

// document is one that is being read.
type document struct {
	root *value
	// nullable: schemas are those of OpenAPI 3.0, which has keywords of its own.
	nullable bool
	copied   int
}

// methods are the requests that a webhook may be, the usual first.
var methods = [...]string{"post", "put", "patch", "get", "delete"}

func (d *document) event(name string, item *value, place string) (Event, error) {
	e := Event{Name: name}
	item, place, err := d.follow(item, place)
	if err != nil {
		return e, err
	}
	if item.kind != object {
		return e, errorf(place, "must be an object")
	}
	var op *value
	for _, m := range methods {
		if op = item.get(m); op != nil {
			place += "/" + m
			break
		}
	}
	if op == nil || op.kind != object {
		return e, errorf(place, "must describe a request, for example post")
	}
	for _, from := range []*value{op.get("description"), op.get("summary"), item.get("description"), item.get("summary")} {
		if e.Description == "" {
			e.Description, _ = from.text()
		}
	}
	e.Deprecated = op.get("deprecated").isTrue()
	if e.Group, err = d.extension(item, op, place, "group-name"); err != nil {
		return e, err
	}
	if e.Flags, err = d.flags(item, op, place); err != nil {
		return e, err
	}
	body := op.get("requestBody")
	if body == nil {
		return e, nil
	}
	body, place, err = d.follow(body, place+"/requestBody")
	if err != nil {
		return e, err
	}
	if e.Description == "" {
		e.Description, _ = body.get("description").text()
	}
	media, place := jsonMedia(body, place)
	if media == nil {
		return e, nil
	}
	e.Schema, err = d.schema(media, place)
	return e, err
}

// jsonMedia returns the media type of a body that is JSON.
func jsonMedia(body *value, place string) (*value, string) {
	content := body.get("content")
	if content == nil || content.kind != object {
		return nil, place
	}
	for _, m := range content.members {
		kind, _, _ := strings.Cut(strings.ToLower(m.name), ";")
		kind = strings.TrimSpace(kind)
		if kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "*/*" || kind == "application/*" {
			return m.value, place + "/content/" + escape(m.name)
		}
	}
	return nil, place
}

// extension returns what one of our extensions, or its older name, says at a webhook.
func (d *document) extension(item, op *value, place, name string) (string, error) {
	v, key := findExtension(item, op, name)
	if v == nil || v.isNull() {
		return "", nil
	}
	text, ok := v.text()
	if !ok {
		return "", errorf(place+"/"+key, "must be a string")
	}
	return text, nil
}

func (d *document) flags(item, op *value, place string) ([]string, error) {
	v, key := findExtension(item, op, "feature-flags")
	if v == nil || v.isNull() {
		return nil, nil
	}
	if v.kind != list {
		return nil, errorf(place+"/"+key, "must be a list of strings")
	}
	var flags []string
	for i, item := range v.items {
		text, ok := item.text()
		if !ok {
			return nil, errorf(place+"/"+key+"/"+strconv.Itoa(i), "must be a string")
		}
		flags = append(flags, text)
	}
	return flags, nil
}

func findExtension(item, op *value, name string) (*value, string) {
	for _, prefix := range []string{"x-hookloft-", "x-svix-"} {
		for _, at := range []*value{op, item} {
			if v := at.get(prefix + name); v != nil {
				return v, prefix + name
			}
		}
	}
	return nil, ""
}

// maxHops bounds references that lead to references.
const maxHops = 32

// follow returns what a value stands for when it is a reference to another place.
func (d *document) follow(v *value, place string) (*value, string, error) {
	for range maxHops {
		ref, ok := v.get("$ref").text()
		if !ok {
			return v, place, nil
		}
		target, err := d.resolve(ref, place+"/$ref")
		if err != nil {
			return nil, "", err
		}
		v, place = target, canonical(ref)
	}
	return nil, "", errorf(place, "is a reference that leads nowhere")
}

// resolve finds what a reference names in the document itself.
func (d *document) resolve(ref, place string) (*value, error) {
	pointer, local := strings.CutPrefix(ref, "#")
	if !local {
		return nil, errorf(place, "refers to another document, which is not fetched: %s", cut(ref, 100))
	}
	if pointer != "" && pointer[0] != '/' {
		return nil, errorf(place, "must be a reference like #/components/schemas/Name, not %s", cut(ref, 100))
	}
	v := d.root
	for _, step := range split(pointer) {
		switch v.kind {
		case object:
			v = v.get(step)
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v.items) || strconv.Itoa(i) != step {
				return nil, errorf(place, "refers to nothing: %s", cut(ref, 100))
			}
			v = v.items[i]
		default:
			v = nil
		}
		if v == nil {
			return nil, errorf(place, "refers to nothing: %s", cut(ref, 100))
		}
	}
	return v, nil
}
