package hook

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// PayloadMatch finds JSON documents by one of their values. It is never changed, and may be
// used at the same time.
type PayloadMatch struct {
	steps []redactStep
	// kind is that of the value, 0 for a word that may be of any kind.
	kind jsontext.Kind
	text string // of a string, unquoted; else the word as it was given
	// number is set where the word is one: equal numbers have equal texts.
	number string
}

// ParsePayloadMatch reads a path and a value. The path is a JSON pointer (RFC 6901: /order/id)
// or as for redactions (order.id, items[0].sku, items[*].sku); a name in the latter leads into
// every element of a list. The value is JSON, or a text: 12 is the number and the text "12",
// "12" is the text alone. Numbers are compared exactly, whatever their spelling. The error is a
// FieldError of path or value.
func ParsePayloadMatch(path, value string) (*PayloadMatch, error) {
	m := &PayloadMatch{text: value}
	var err error
	if strings.HasPrefix(path, "/") {
		m.steps, err = pointerSteps(path)
	} else {
		m.steps, err = parsePath(path)
	}
	if err != nil {
		return nil, Fieldf("path", "%s", err)
	}
	const maxValueBytes = 1024
	if len(value) > maxValueBytes {
		return nil, Fieldf("value", "must have at most %d bytes", maxValueBytes)
	}
	if v := jsontext.Value(value); v.IsValid() {
		switch kind := v.Kind(); kind {
		case '{', '[':
			return nil, Fieldf("value", "must be a text, a number, true, false or null")
		case '"':
			m.kind = kind
			unquoted, err := jsontext.AppendUnquote(nil, bytes.TrimSpace([]byte(value)))
			if err != nil {
				return nil, Fieldf("value", "is no JSON text")
			}
			m.text = string(unquoted)
		case '0':
			m.number = plainNumber(strings.TrimSpace(value))
		}
	}
	return m, nil
}

// pointerSteps reads a JSON pointer. A step of digits is a place in a list, or a name.
func pointerSteps(path string) (steps []redactStep, err error) {
	if len(path) > MaxRedactPathBytes {
		return nil, errors.New("must have 1 to " + strconv.Itoa(MaxRedactPathBytes) + " bytes")
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") || checkText("", part) != nil {
			return nil, errors.New("must be a JSON pointer, in which ~ is written ~0 and / is written ~1")
		}
		step := redactStep{name: strings.NewReplacer("~1", "/", "~0", "~").Replace(part), index: stepName}
		if n, err := strconv.ParseUint(part, 10, 31); err == nil && strconv.FormatUint(n, 10) == part {
			step.index = int(n)
		}
		if steps = append(steps, step); len(steps) > maxRedactDepth {
			return nil, errors.New("must have at most " + strconv.Itoa(maxRedactDepth) + " steps")
		}
	}
	return steps, nil
}

// Matches reports whether the path leads to the value in a document. One that is no JSON has
// no values. It reads no further than to the value.
func (m *PayloadMatch) Matches(body []byte) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	found, err := m.find(dec, m.steps)
	return found && err == nil
}

// find reads one value, or up to a match in it.
func (m *PayloadMatch) find(dec *jsontext.Decoder, steps []redactStep) (bool, error) {
	kind := dec.PeekKind()
	if len(steps) == 0 {
		switch kind {
		case '{', '[':
			return false, dec.SkipValue()
		}
		token, err := dec.ReadToken()
		return err == nil && m.is(token), err
	}
	step := steps[0]
	switch kind {
	case '{':
		return m.inObject(dec, step, steps[1:])
	case '[':
		if step.index == stepName { // a name leads into every element
			return m.inArray(dec, stepAll, steps)
		}
		return m.inArray(dec, step.index, steps[1:])
	}
	return false, dec.SkipValue()
}

func (m *PayloadMatch) inObject(dec *jsontext.Decoder, step redactStep, rest []redactStep) (bool, error) {
	if _, err := dec.ReadToken(); err != nil {
		return false, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return false, err
		}
		if step.index != stepAll && (step.name == "" && step.index >= 0 || name.String() != step.name) {
			if err := dec.SkipValue(); err != nil {
				return false, err
			}
			continue
		}
		if found, err := m.find(dec, rest); found || err != nil {
			return found, err
		}
	}
	_, err := dec.ReadToken()
	return false, err
}

func (m *PayloadMatch) inArray(dec *jsontext.Decoder, index int, rest []redactStep) (bool, error) {
	if _, err := dec.ReadToken(); err != nil {
		return false, err
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		if index != stepAll && i != index {
			if err := dec.SkipValue(); err != nil {
				return false, err
			}
			continue
		}
		if found, err := m.find(dec, rest); found || err != nil {
			return found, err
		}
	}
	_, err := dec.ReadToken()
	return false, err
}

// is reports whether a scalar is the value.
func (m *PayloadMatch) is(token jsontext.Token) bool {
	switch kind := token.Kind(); kind {
	case '"':
		return token.String() == m.text
	case '0':
		return m.number != "" && plainNumber(token.String()) == m.number
	default: // true, false, null
		return m.kind == 0 && token.String() == strings.TrimSpace(m.text)
	}
}

// plainNumber writes a JSON number as digits without zeros at the ends and a power of ten, so
// that equal numbers are equal texts, however long they are.
func plainNumber(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil || n > 1e9 || n < -1e9 {
			return sign + strings.ToLower(s) // beyond reason: equal to its own spelling alone
		}
		exponent, s = n, s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if trimmed = strings.TrimLeft(trimmed, "0"); trimmed == "" {
		return "0"
	}
	return sign + trimmed + "e" + strconv.Itoa(exponent)
}
