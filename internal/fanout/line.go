package fanout

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/internal/hook"
)

// LineOf returns the line in which m stands at e, 0 where e keeps no order.
func LineOf(e *hook.Endpoint, m *hook.Message) hook.Line {
	if !e.IsLined() {
		return 0
	}
	return lineOf(e.Order, m)
}

// lineOf returns the line in which m stands at an endpoint with o, nil for one line. A
// message without the key stands in the line of "".
func lineOf(o *hook.Order, m *hook.Message) hook.Line {
	if o == nil || o.Key == "" {
		return hook.LineOfKey("")
	}
	if o.Key == hook.ChannelKey {
		if len(m.Channels) == 0 {
			return hook.LineOfKey("")
		}
		return hook.LineOfKey(m.Channels[0])
	}
	body := m.Payload
	if body == nil {
		body = m.RawBody
	}
	return hook.LineOfKey(valueAt(body, o.Key))
}

// valueAt returns the value at a path of names and indexes ("order.lines.0.id") as text: a
// string without its quotes, anything else as it stands. "" where there is none, or null,
// or body is no JSON. Of two members of one name the first counts.
func valueAt(body []byte, path string) string {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for step := range strings.SplitSeq(path, ".") {
		if !enter(dec, step) {
			return ""
		}
	}
	value, err := dec.ReadValue()
	if err != nil || value.Kind() == 'n' {
		return ""
	}
	if value.Kind() == '"' {
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil && text == nil {
			return ""
		}
		return string(text)
	}
	return string(value)
}

// enter moves dec to the value of one step, and reports false where there is none.
func enter(dec *jsontext.Decoder, step string) bool {
	open, err := dec.ReadToken()
	if err != nil {
		return false
	}
	switch open.Kind() {
	case '{':
		for dec.PeekKind() == '"' {
			name, err := dec.ReadToken()
			if err != nil {
				return false
			}
			if name.String() == step {
				return true
			}
			if dec.SkipValue() != nil {
				return false
			}
		}
	case '[':
		n, err := strconv.ParseUint(step, 10, 31)
		if err != nil {
			return false
		}
		for ; n > 0; n-- {
			if kind := dec.PeekKind(); kind == ']' || dec.SkipValue() != nil {
				return false
			}
		}
		kind := dec.PeekKind()
		return kind != ']' && kind != 0
	}
	return false
}
