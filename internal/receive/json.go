package receive

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
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
