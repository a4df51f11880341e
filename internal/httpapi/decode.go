package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
)

// maxDepth is how deep objects and lists may be nested in a body.
const maxDepth = 128

// typeJSON is the type of every complaint about a body's syntax or shape.
const typeJSON = "value_error.jsondecode"

// decode reads the body as a T, strictly: duplicate keys and broken UTF-8 are
// refused, names are matched by case. A name that T does not have is ignored and
// named in a header of the answer, so that a misspelt field is noticed.
func decode[T any](c *call) (T, error) {
	var in struct {
		In      T                         `json:",embed"`
		Ignored map[string]jsontext.Value `json:",embed"`
	}
	if err := checkDepth(c.body); err != nil {
		return in.In, err
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return in.In, decodeError(err, "body")
	}
	if len(in.Ignored) > 0 {
		names := make([]string, 0, len(in.Ignored))
		for name := range in.Ignored {
			names = append(names, name)
		}
		c.ignored(names)
	}
	return in.In, nil
}

// decodeOptional is decode for operations whose body may be missing.
func decodeOptional[T any](c *call) (T, error) {
	if len(bytes.TrimSpace(c.body)) == 0 {
		var zero T
		return zero, nil
	}
	return decode[T](c)
}

// ignored names in a header the fields that were not understood.
func (c *call) ignored(names []string) {
	const maxNames = 32
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" || len(n) > 64 || !isPlain(n) || strings.Contains(n, ",") })
	if len(names) > maxNames {
		names = names[:maxNames]
	}
	if len(names) > 0 {
		c.w.Header().Set(ignoredHeader, strings.Join(names, ", "))
	}
}

// checkDepth refuses what is nested deeper than maxDepth before a parser recurses
// into it.
func checkDepth(body []byte) error {
	// Most bodies have fewer brackets in all than they may have levels; counting is
	// many times faster than the walk below.
	if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) <= maxDepth {
		return nil
	}
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case inString:
			switch b {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case b == '"':
			inString = true
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return invalidAt(typeJSON, fmt.Sprintf("must not be nested deeper than %d levels", maxDepth), "body")
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return nil
}

// decodeError turns an error of the JSON decoder into a 422 with the place.
func decodeError(err error, at ...string) error {
	var pointer jsontext.Pointer
	var msg string
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case errors.As(err, &meaning):
		pointer, msg = meaning.JSONPointer, semanticText(meaning)
	case errors.As(err, &syntax):
		pointer = syntax.JSONPointer
		msg = fmt.Sprintf("is not valid JSON: %v, at byte %d", syntax.Err, syntax.ByteOffset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		msg = "is not valid JSON: it ends too early"
	default:
		msg = "is not valid JSON"
	}
	return invalidAt(typeJSON, msg, append(at, pointerPath(pointer)...)...)
}

// pointerPath splits a JSON pointer; list indexes are spelled [0].
func pointerPath(p jsontext.Pointer) []string {
	var path []string
	for token := range p.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 31); err == nil {
			token = "[" + token + "]"
		}
		path = append(path, cut(token, 256))
	}
	return path
}

func semanticText(e *json.SemanticError) string {
	want := e.GoType
	var std *stdjson.UnmarshalTypeError
	if errors.As(e.Err, &std) {
		want = std.Type
	}
	text := "must be " + typeWords(want)
	if got := kindWords(e.JSONKind); got != "" && got != typeWords(want) {
		text += ", not " + got
	}
	return text
}

func typeWords(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return "a time as in RFC 3339 (2026-01-02T15:04:05Z)"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint64:
		return "an integer"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "an object"
	case reflect.Struct:
		if f, ok := t.FieldByName("Value"); ok && f.Index[0] == 0 && strings.HasPrefix(t.Name(), "Optional[") {
			return typeWords(f.Type)
		}
		return "an object"
	}
	return "of another type"
}

func kindWords(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return ""
}

// decodeMessage reads the body of a publish: by hand, because it is the hot path,
// and because the payload is kept as its exact bytes, in place. Inside the payload
// duplicate keys and lone surrogates are the user's business; invalid UTF-8 is not,
// since no receiver could read it.
func decodeMessage(c *call) (in api.MessageIn, err error) {
	if !utf8.Valid(c.body) {
		return in, invalidAt(typeJSON, "is not valid UTF-8", "body")
	}
	if err := checkDepth(c.body); err != nil {
		return in, err
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(c.body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	open, err := dec.ReadToken()
	if err != nil {
		return in, decodeError(err, "body")
	}
	if open.Kind() != '{' {
		return in, invalidAt(typeJSON, "must be an object, not "+kindWords(open.Kind()), "body")
	}
	var unknown []string
	seen := make([]string, 0, 16)
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return in, decodeError(err, "body")
		}
		name := token.String()
		if slices.Contains(seen, name) {
			return in, invalidAt(typeJSON, "must not be given twice", "body", cut(name, 256))
		}
		if seen = append(seen, name); len(seen) > maxMessageNames {
			return in, invalidAt(typeJSON, fmt.Sprintf("must not have more than %d fields", maxMessageNames), "body")
		}
		value, err := dec.ReadValue()
		if err != nil {
			return in, decodeError(err, "body")
		}
		end := dec.InputOffset()
		span := c.body[end-int64(len(value)) : end : end]
		if err := messageField(&in, name, span, &unknown); err != nil {
			return in, decodeError(err, "body", name)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return in, decodeError(err, "body")
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return in, invalidAt(typeJSON, "must be one JSON object with nothing after it", "body")
	}
	if len(unknown) > 0 {
		c.ignored(unknown)
	}
	return in, nil
}

// maxMessageNames bounds the fields around a payload, known and unknown: searching
// them for one that was given twice must stay cheap.
const maxMessageNames = 256

func messageField(in *api.MessageIn, name string, value []byte, unknown *[]string) error {
	switch name {
	case "eventType":
		return json.Unmarshal(value, &in.EventType)
	case "payload":
		in.Payload = value
	case "data":
		in.Data = value
	case "eventId":
		return json.Unmarshal(value, &in.EventID)
	case "channels":
		return json.Unmarshal(value, &in.Channels)
	case "tags":
		return json.Unmarshal(value, &in.Tags)
	case "application":
		return json.Unmarshal(value, &in.Application)
	case "deliverAt":
		return json.Unmarshal(value, &in.DeliverAt)
	case "expiresAt":
		return json.Unmarshal(value, &in.ExpiresAt)
	case "payloadRetentionPeriod":
		return json.Unmarshal(value, &in.PayloadRetentionPeriod)
	case "payloadRetentionHours":
		return json.Unmarshal(value, &in.PayloadRetentionHours)
	case "transformationsParams":
		if string(value) != "null" {
			in.TransformationsParams = value
		}
	default:
		*unknown = append(*unknown, name)
	}
	return nil
}
