package webhook

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Finding a few values in a large body without decoding all of it. What is not JSON, or
// nests deeper than maxJSONDepth, just holds nothing: whether a body must be JSON is
// not for these functions to say. Of equal names the first counts.

const maxJSONDepth = 512

// jsonFind returns the raw value at a path, nil when there is none. No names ask for the
// body itself.
func jsonFind(data []byte, path []string) []byte {
	value, end, ok := jsonValue(data, 0)
	if !ok || jsonSpace(data, end) != len(data) { // or there are several values
		return nil
	}
	for _, name := range path {
		value = jsonMember(value, name)
		if value == nil {
			return nil
		}
	}
	return value
}

// jsonMember returns the member of an object, or the element of an array at a decimal index.
func jsonMember(value []byte, name string) (found []byte) {
	if len(value) == 0 {
		return nil
	}
	switch value[0] {
	case '{':
		jsonMembers(value, func(key, member []byte) bool {
			if jsonText(key) == name {
				found = member
			}
			return found == nil
		})
	case '[':
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 {
			return nil
		}
		jsonEach(value, func(element []byte) bool {
			if i == 0 {
				found = element
			}
			i--
			return found == nil
		})
	}
	return found
}

// jsonMembers calls f with each key (still quoted) and value of an object until it returns
// false. It reports whether f saw all of them: not when f stopped it, nor when what follows
// is not JSON, nests too deep, or is no object at all.
func jsonMembers(object []byte, f func(key, value []byte) bool) (all bool) {
	if len(object) == 0 || object[0] != '{' {
		return false
	}
	i := jsonSpace(object, 1)
	for i < len(object) && object[i] == '"' {
		key, end, ok := jsonValue(object, i)
		end = jsonSpace(object, end)
		if !ok || end >= len(object) || object[end] != ':' {
			return false
		}
		value, next, ok := jsonValue(object, end+1)
		if !ok || !f(key, value) {
			return false
		}
		if i = jsonSpace(object, next); i >= len(object) || object[i] != ',' {
			break
		}
		i = jsonSpace(object, i+1)
	}
	return i < len(object) && object[i] == '}'
}

// jsonEach calls f with each element of an array until it returns false. It reports
// whether f saw all of them, as jsonMembers does.
func jsonEach(array []byte, f func(element []byte) bool) (all bool) {
	if len(array) == 0 || array[0] != '[' {
		return false
	}
	i := jsonSpace(array, 1)
	for i < len(array) && array[i] != ']' {
		element, next, ok := jsonValue(array, i)
		if !ok || !f(element) {
			return false
		}
		if i = jsonSpace(array, next); i >= len(array) || array[i] != ',' {
			break
		}
		i = jsonSpace(array, i+1)
	}
	return i < len(array) && array[i] == ']'
}

// jsonValue returns the value that begins at or after i, without the white space around
// it, and where it ends. Only its outline is checked.
func jsonValue(data []byte, i int) (value []byte, end int, ok bool) {
	start := jsonSpace(data, i)
	depth := 0
	for i = start; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > maxJSONDepth {
				return nil, i, false
			}
		case '}', ']':
			if depth--; depth < 0 {
				return nil, i, false
			}
			if depth == 0 {
				return data[start : i+1], i + 1, true
			}
		case '"':
			if i = jsonStringEnd(data, i); i < 0 {
				return nil, len(data), false
			}
			if depth == 0 {
				return data[start : i+1], i + 1, true
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return nil, i, false
			}
		default:
			if depth == 0 {
				for i < len(data) && strings.IndexByte(",:]} \t\n\r", data[i]) < 0 {
					i++
				}
				return data[start:i], i, true
			}
		}
	}
	return nil, len(data), false
}

// jsonStringEnd returns where the string that begins at i ends, on its closing quote; -1 when it does not.
func jsonStringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func jsonSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}

// jsonText returns a string's text, and a number or a literal as it is written; "" for
// null, objects, arrays and nothing.
func jsonText(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		if text := value[1:]; isPlainText(text) {
			return string(text[:len(text)-1])
		}
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	}
	return string(value)
}

// isPlainText reports whether what follows a string's first quote stands for itself up to
// the last, as nearly all keys and ids do: no escapes, ASCII, and the quote at its end.
func isPlainText(text []byte) bool {
	for i, c := range text {
		switch {
		case c == '"':
			return i == len(text)-1
		case c == '\\' || c < ' ' || c >= 0x80:
			return false
		}
	}
	return false
}
