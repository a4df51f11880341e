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

const (
	// maxExponentDigits keeps numbers such as 1e1000000000 away from the exact arithmetic of
	// JSON Schema, which would need as much memory as they have digits.
	maxExponentDigits = 3
	// maxNumberBytes does the same for numbers that are written out.
	maxNumberBytes = 400
)

// jsonWalk goes through a JSON text without keeping it.
type jsonWalk struct {
	maxDepth  int  // 0 for no bound
	maxValues int  // 0 for no bound; names of members count, too
	exact     bool // numbers must be such as can be compared exactly
	values    int  // how many were found
}

// fault returns what is wrong with a body: where it is not JSON, and where it goes beyond
// a bound. "" means nothing. isSyntax says that it is not JSON at all.
func (w *jsonWalk) fault(body []byte) (fault string, isSyntax bool) {
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
		if w.values++; w.maxValues > 0 && w.values > w.maxValues {
			return "the body has more than " + strconv.Itoa(w.maxValues) + " values, which are too many to compare with a schema", false
		}
		if w.maxDepth > 0 && dec.StackDepth() > w.maxDepth {
			return "the body nests deeper than " + strconv.Itoa(w.maxDepth) + atPointer(dec.StackPointer()), false
		}
		if w.exact && token.Kind() == '0' {
			switch number := token.String(); {
			case len(number) > maxNumberBytes:
				return "the number" + atPointer(dec.StackPointer()) + " has more than " + strconv.Itoa(maxNumberBytes) + " characters", false
			case hasHugeExponent(number):
				return "the number" + atPointer(dec.StackPointer()) + " has an exponent of more than 3 digits", false
			}
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
