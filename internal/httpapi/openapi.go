package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
)

// Documents returns the two served documents of a version: that of the contract's paths,
// and that of ours below /x/v1.
func Documents(version string) (contract, own []byte, err error) {
	return documents(routes(), version)
}

// documents makes the two served documents: that of the contract's paths, and that of ours
// below /x/v1.
func documents(list []route, version string) (contract, own []byte, err error) {
	var ours, theirs []route
	for _, r := range list {
		if isOurs(r.path) {
			ours = append(ours, r)
		} else {
			theirs = append(theirs, r)
		}
	}
	if contract, err = openAPI(theirs, "Hookloft API", version); err != nil {
		return nil, nil, err
	}
	own, err = openAPI(ours, "Hookloft API, extensions", version)
	return contract, own, err
}

// isOurs reports whether a path is not one of the contract.
func isOurs(path string) bool { return strings.HasPrefix(path, "/x/v1/") }

// openAPI makes the served document (OpenAPI 3.1) from the route list and the wire
// types: what is not in them is not in it, so it cannot describe what is not served.
func openAPI(list []route, title, version string) ([]byte, error) {
	if version == "" {
		version = "dev"
	}
	b := &documentBuilder{schemas: map[string]any{}}
	failure := b.schema(reflect.TypeFor[api.Error]())
	invalidInput := b.schema(reflect.TypeFor[api.ValidationErrors]())
	paths := map[string]map[string]any{}
	seen := map[string]bool{}
	for i := range list {
		r := &list[i]
		if seen[r.op] {
			return nil, fmt.Errorf("operation id %q stands twice in the route list", r.op)
		}
		seen[r.op] = true
		if paths[r.path] == nil {
			paths[r.path] = map[string]any{}
		}
		paths[r.path][strings.ToLower(r.method)] = b.operation(r, failure, invalidInput)
	}
	return encode(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": title, "version": version,
			"description": "Publish events, manage who receives them, and see what became of each delivery. " +
				"Authenticate with `Authorization: Bearer <token>`. A POST may carry an Idempotency-Key: " +
				"a repeat with the same key and body gets the first answer again.",
			"license": map[string]any{"name": "MIT"},
		},
		"paths": paths,
		"components": map[string]any{
			"schemas":         b.schemas,
			"securitySchemes": map[string]any{"HTTPBearer": map[string]any{"type": "http", "scheme": "bearer"}},
		},
	}), nil
}

type documentBuilder struct{ schemas map[string]any }

var pathParam = regexp.MustCompile(`\{([a-z_]+)\}`)

func (b *documentBuilder) operation(r *route, failure, invalidInput any) map[string]any {
	op := map[string]any{"operationId": "v1." + r.op, "summary": r.summary, "tags": []string{r.tag}}
	params := []any{}
	for _, m := range pathParam.FindAllStringSubmatch(r.path, -1) {
		params = append(params, map[string]any{
			"name": m[1], "in": "path", "required": true, "description": pathParamWords[m[1]], "schema": map[string]any{"type": "string"},
		})
	}
	for _, p := range r.query {
		params = append(params, map[string]any{"name": p.name, "in": "query", "description": p.summary, "schema": p.schema()})
	}
	if r.method == "POST" {
		params = append(params, map[string]any{
			"name": "idempotency-key", "in": "header", "description": "Makes a repeat of this request find its first answer; at most 256 bytes.",
			"schema": map[string]any{"type": "string", "maxLength": maxKeyBytes},
		})
	}
	if r.stream {
		params = append(params, map[string]any{
			"name": "last-event-id", "in": "header", "description": "The id that was seen last: the stream goes on behind it.", "schema": map[string]any{"type": "string"},
		})
	}
	op["parameters"] = params
	if r.in != nil {
		op["requestBody"] = map[string]any{"required": !r.bodyOptional, "content": jsonContent(b.schema(reflect.TypeOf(r.in)))}
	}
	responses := map[string]any{}
	for _, status := range r.statuses {
		answer := map[string]any{"description": "Success."}
		if r.out != nil {
			answer["content"] = jsonContent(b.schema(reflect.TypeOf(r.out)))
		}
		if r.stream {
			answer["content"] = map[string]any{"text/event-stream": map[string]any{"schema": b.schema(reflect.TypeOf(r.out))}}
		}
		if r.file != "" {
			answer["content"] = map[string]any{r.file: map[string]any{"schema": map[string]any{"type": "string", "format": "binary"}}}
		}
		responses[strconv.Itoa(status)] = answer
	}
	problem := func(status, words string, schema any) {
		responses[status] = map[string]any{"description": words, "content": jsonContent(schema)}
	}
	if !r.access.open {
		op["security"] = []any{map[string]any{"HTTPBearer": []string{}}}
		problem("400", "The request cannot be read, or cannot be done.", failure)
		problem("401", "The token is missing or wrong.", failure)
		problem("403", "The token may not do this.", failure)
		problem("404", "There is no such thing.", failure)
		problem("422", "A value breaks a rule.", invalidInput)
		problem("429", "Too many requests; see Retry-After.", failure)
		problem("503", "The server cannot do this now; see Retry-After.", failure)
		if takesBody(r.method) {
			problem("409", "A name is taken.", failure)
			problem("413", "The body is too large.", failure)
			problem("415", "The body is not JSON.", failure)
		}
	}
	op["responses"] = responses
	return op
}

var pathParamWords = map[string]string{
	"app_id":          "Id or uid of the application.",
	"endpoint_id":     "Id or uid of the endpoint.",
	"destination_id":  "Id or uid of the destination.",
	"msg_id":          "Id of the message.",
	"attempt_id":      "Id of the attempt.",
	"event_type_name": "Name of the event type.",
	"task_id":         "Id of the background task.",
	"source_id":       "Id or uid of the source.",
	"listener_name":   "Name of the listener.",
	"env_id":          "Id of the environment, which must be the token's own.",
	"key_id":          "Id of the API token.",
	"integ_id":        "Id of the integration.",
	"id":              "Public id of a message, an attempt or an endpoint.",
	"provider_name":   "Name of the provider, which is the type of its sources.",
}

func jsonContent(schema any) map[string]any {
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}

func (p param) schema() map[string]any {
	switch p.kind {
	case "list":
		return map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	case "date-time":
		return map[string]any{"type": "string", "format": "date-time"}
	}
	s := map[string]any{"type": p.kind}
	if len(p.words) > 0 {
		values := make([]any, 0, len(p.words))
		for _, w := range p.words {
			if n, err := strconv.Atoi(w); err == nil && p.kind == "integer" {
				values = append(values, n)
			} else {
				values = append(values, w)
			}
		}
		s["enum"] = values
	}
	return s
}

// schema returns the schema of a wire type; a named struct becomes a component.
func (b *documentBuilder) schema(t reflect.Type) any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return map[string]any{"type": "object"}
	case reflect.TypeFor[api.SuccessStatus]():
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "integer", "minimum": 200, "maximum": 599}, map[string]any{"type": "string", "pattern": "^[0-9]{3}(-[0-9]{3})?$"},
		}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(b.schema(t.Elem()))
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": b.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": b.schema(t.Elem())}
	case reflect.Struct:
		if strings.HasPrefix(t.Name(), "Optional[") {
			return nullable(b.schema(t.Field(0).Type))
		}
		return b.component(t)
	}
	return map[string]any{} // any
}

// component files a struct under its name and returns a reference to it.
func (b *documentBuilder) component(t reflect.Type) any {
	name := schemaName(t)
	ref := map[string]any{"$ref": "#/components/schemas/" + name}
	if b.schemas[name] != nil {
		return ref
	}
	object := map[string]any{"type": "object"}
	b.schemas[name] = object // before its fields, which may refer to it
	properties := map[string]any{}
	required := []string{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := b.schema(f.Type)
		if f.Type.Kind() == reflect.Slice && name != "data" {
			s = nullable(s)
		}
		properties[name] = s
		if options == "" {
			required = append(required, name)
		}
	}
	object["properties"] = properties
	if len(required) > 0 {
		object["required"] = required
	}
	return ref
}

// schemaName names a type as the contract does: ListResponse_ApplicationOut_ for List[ApplicationOut].
func schemaName(t reflect.Type) string {
	name, of, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	of = strings.TrimSuffix(of, "]")
	return "ListResponse_" + of[strings.LastIndexByte(of, '.')+1:] + "_"
}

func nullable(schema any) any {
	s := schema.(map[string]any)
	if s["$ref"] != nil {
		return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
	}
	kind, single := s["type"].(string)
	if !single {
		return s
	}
	out := map[string]any{}
	for k, v := range s {
		out[k] = v
	}
	out["type"] = []string{kind, "null"}
	return out
}
