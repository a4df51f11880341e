package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func isJSON(body []byte) bool { return json.Valid(body) }

// jsonAt returns the text or number at a path such as data.items.0.id, "" when there is
// none, or something else.
func jsonAt(body []byte, path string) string {
	value := json.RawMessage(body)
	for name := range strings.SplitSeq(path, ".") {
		value = bytes.TrimLeft(value, " \t\r\n")
		if len(value) == 0 {
			return ""
		}
		switch value[0] {
		case '{':
			var members map[string]json.RawMessage
			if json.Unmarshal(value, &members) != nil {
				return ""
			}
			value = members[name]
		case '[':
			i, err := strconv.Atoi(name)
			var elements []json.RawMessage
			if err != nil || json.Unmarshal(value, &elements) != nil || i < 0 || i >= len(elements) {
				return ""
			}
			value = elements[i]
		default:
			return ""
		}
	}
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(value)
}

// maxExponentDigits keeps numbers such as 1e1000000000 away from the exact arithmetic of
// JSON Schema, which would need as much memory as they have digits.
const maxExponentDigits = 3

// jsonFault walks through a body and returns what is wrong with it: where it is not JSON,
// where it nests deeper than maxDepth (0 for no bound), and where a number cannot be
// compared (exact). "" means nothing. isSyntax says that it is not JSON at all.
func jsonFault(body []byte, maxDepth int, exact bool) (fault string, isSyntax bool) {
	// Providers' habits are not ours to judge: equal names and broken UTF-8 are passed on.
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := dec.ReadToken()
		switch {
		case err == io.EOF && dec.InputOffset() == 0, errors.Is(err, io.ErrUnexpectedEOF):
			return "the body is not JSON: it ends too early", true
		case err == io.EOF:
			return "", false
		case err != nil:
			return "the body is not JSON" + atPointer(dec.StackPointer()) + ": byte " + strconv.FormatInt(dec.InputOffset(), 10), true
		}
		if dec.StackDepth() == 0 {
			if rest := bytes.TrimSpace(body[dec.InputOffset():]); len(rest) > 0 {
				return "the body is not JSON: something follows the value, byte " + strconv.FormatInt(dec.InputOffset(), 10), true
			}
		}
		if maxDepth > 0 && dec.StackDepth() > maxDepth {
			return "the body nests deeper than " + strconv.Itoa(maxDepth) + atPointer(dec.StackPointer()), false
		}
		if exact && token.Kind() == '0' && hasHugeExponent(token.String()) {
			return "the number" + atPointer(dec.StackPointer()) + " has an exponent of more than 3 digits", false
		}
	}
}

func hasHugeExponent(number string) bool {
	i := strings.IndexAny(number, "eE")
	return i >= 0 && len(strings.TrimLeft(number[i+1:], "+-0")) > maxExponentDigits
}

// maxPointer bounds a path in words.
const maxPointer = 256

func atPointer(p jsontext.Pointer) string {
	if p == "" {
		return ""
	}
	return " at " + clip(string(p), maxPointer)
}
