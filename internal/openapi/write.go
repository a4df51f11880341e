package openapi

import (
	"slices"
	"strings"
)

// Format is a kind of document that describes events.
type Format string

// The formats that Write knows.
const (
	OpenAPI    Format = "openapi"    // OpenAPI 3.1, with webhooks
	AsyncAPI   Format = "asyncapi"   // AsyncAPI 3.0, what this service sends
	JSONSchema Format = "jsonschema" // one schema with a definition for each event
)

// Formats are all formats.
func Formats() []Format { return []Format{OpenAPI, AsyncAPI, JSONSchema} }

// Write describes events. Read of an OpenAPI document that it wrote returns the same
// events. Schemas must be valid JSON.
func Write(f Format, title, version string, events []Event) ([]byte, error) {
	schemas := map[string]*value{}
	for _, e := range events {
		if e.Schema == nil {
			continue
		}
		s, err := parse(e.Schema)
		if err != nil {
			return nil, err
		}
		schemas[e.Name] = s
	}
	switch f {
	case AsyncAPI:
		return writeAsyncAPI(title, version, events, schemas), nil
	case JSONSchema:
		return writeSchemas(title, events, schemas), nil
	}
	return writeOpenAPI(title, version, events, schemas), nil
}

const (
	draft7     = "http://json-schema.org/draft-07/schema#"
	components = "/components/schemas/"
)

func writeOpenAPI(title, version string, events []Event, schemas map[string]*value) []byte {
	hooks, kept := &value{kind: object}, &value{kind: object}
	for _, e := range events {
		op := objectOf("operationId", e.Name)
		if e.Description != "" {
			op.set("description", stringValue(e.Description))
		}
		if e.Deprecated {
			op.set("deprecated", &value{raw: []byte("true")})
		}
		if e.Group != "" {
			op.set("tags", listOf(e.Group))
			op.set("x-svix-group-name", stringValue(e.Group))
		}
		if len(e.Flags) > 0 {
			op.set("x-svix-feature-flags", listOf(e.Flags...))
		}
		if s := schemas[e.Name]; s != nil {
			kept.set(e.Name, embed(s, components+escape(e.Name)))
			media := objectOf("schema", objectOf("$ref", fragment(components+escape(e.Name))))
			op.set("requestBody", objectOf("required", &value{raw: []byte("true")}, "content", objectOf("application/json", media)))
		}
		op.set("responses", objectOf("2XX", objectOf("description", "The event was taken.")))
		hooks.set(e.Name, objectOf("post", op))
	}
	return objectOf(
		"openapi", "3.1.0", "info", objectOf("title", title, "version", version),
		"jsonSchemaDialect", draft7, "webhooks", hooks, "components", objectOf("schemas", kept),
	).append(nil)
}

func writeAsyncAPI(title, version string, events []Event, schemas map[string]*value) []byte {
	channels, operations := &value{kind: object}, &value{kind: object}
	messages, kept := &value{kind: object}, &value{kind: object}
	for _, e := range events {
		name := escape(e.Name)
		channels.set(e.Name, objectOf("messages", objectOf(e.Name, objectOf("$ref", fragment("/components/messages/"+name)))))
		operations.set(e.Name, objectOf("action", "send", "channel", objectOf("$ref", fragment("/channels/"+name))))
		m := objectOf("name", e.Name, "contentType", "application/json")
		if e.Description != "" {
			m.set("description", stringValue(e.Description))
		}
		if e.Group != "" {
			m.set("tags", &value{kind: list, items: []*value{objectOf("name", e.Group)}})
		}
		if s := schemas[e.Name]; s != nil {
			kept.set(e.Name, embed(s, components+name))
			m.set("payload", objectOf("$ref", fragment(components+name)))
		}
		messages.set(e.Name, m)
	}
	return objectOf(
		"asyncapi", "3.0.0", "info", objectOf("title", title, "version", version),
		"channels", channels, "operations", operations, "components", objectOf("messages", messages, "schemas", kept),
	).append(nil)
}

func writeSchemas(title string, events []Event, schemas map[string]*value) []byte {
	kept := &value{kind: object}
	for _, e := range events {
		s := schemas[e.Name]
		if s == nil {
			s = &value{kind: object}
		}
		s = embed(s, "/definitions/"+escape(e.Name))
		if s.get("description") == nil && e.Description != "" {
			s.set("description", stringValue(e.Description))
		}
		kept.set(e.Name, s)
	}
	return objectOf("$schema", draft7, "title", title, "definitions", kept).append(nil)
}

// embed returns a schema as it reads at another place of a document: what it refers to in
// itself is below that place.
func embed(s *value, place string) *value {
	if s.kind != object { // true and false
		if s.isTrue() {
			return &value{kind: object}
		}
		return objectOf("not", &value{kind: object})
	}
	out := &value{kind: object, members: slices.Clone(s.members)}
	out.drop("$schema")
	if out.get("$id") != nil {
		return out // its references begin at itself wherever it stands
	}
	for i := range out.members {
		m := &out.members[i]
		switch v := m.value; {
		case m.name == "$ref":
			if ref, ok := v.text(); ok && (ref == "#" || strings.HasPrefix(ref, "#/")) {
				m.value = stringValue(fragment(place) + ref[1:])
			}
		case v.kind == object && slices.Contains(holdsSchema, m.name):
			m.value = embed(v, place)
		case v.kind == list && slices.Contains(holdsList, m.name):
			m.value = &value{kind: list}
			for _, item := range v.items {
				m.value.items = append(m.value.items, embedAny(item, place))
			}
		case v.kind == object && slices.Contains(holdsSchemas, m.name):
			m.value = &value{kind: object}
			for _, inner := range v.members {
				m.value.members = append(m.value.members, member{inner.name, embedAny(inner.value, place)})
			}
		}
	}
	return out
}

// embedAny is embed for what may be no schema, such as a list of names.
func embedAny(v *value, place string) *value {
	if v.kind != object {
		return v
	}
	return embed(v, place)
}

func objectOf(pairs ...any) *value {
	v := &value{kind: object}
	for i := 0; i < len(pairs); i += 2 {
		to, ok := pairs[i+1].(*value)
		if !ok {
			to = stringValue(pairs[i+1].(string))
		}
		v.members = append(v.members, member{pairs[i].(string), to})
	}
	return v
}

func listOf(texts ...string) *value {
	v := &value{kind: list}
	for _, s := range texts {
		v.items = append(v.items, stringValue(s))
	}
	return v
}
