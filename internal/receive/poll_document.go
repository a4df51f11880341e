package receive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/hookloft/hookloft/internal/hook"
)

// seen judges an answer, whose body was bounded by maxBytes, and returns the value that is watched.
func seen(s *hook.Source, a PollAnswer, maxBytes int, err error) (fault string, value []byte) {
	switch {
	case err != nil:
		return "the document could not be fetched: " + clip(err.Error(), 300), nil
	case a.Status == 304:
		return "", nil
	case a.Status >= 300 && a.Status < 400:
		return fmt.Sprintf("the server answered %d; redirects are not followed", a.Status), nil
	case a.Status < 200 || a.Status > 299:
		return fmt.Sprintf("the server answered %d", a.Status), nil
	case a.IsCut:
		return fmt.Sprintf("the document has more than %d bytes", maxBytes), nil
	}
	path := s.Config.Values[pollValuePath]
	if path == "" {
		return "", a.Body
	}
	value, found := rawJSONAt(a.Body, path)
	if !found {
		return "the document is not JSON, or has nothing at " + clip(path, 256), nil
	}
	return "", value
}

// rawJSONAt returns the compact text of the value at a path such as data.items.0.
func rawJSONAt(body []byte, path string) ([]byte, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	value := json.RawMessage(body)
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		var elements []json.RawMessage
		switch {
		case json.Unmarshal(value, &members) == nil && members != nil:
			at, found := members[name]
			if !found {
				return nil, false
			}
			value = at
		case json.Unmarshal(value, &elements) == nil:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(elements) {
				return nil, false
			}
			value = elements[i]
		default:
			return nil, false
		}
	}
	var out bytes.Buffer
	if json.Compact(&out, value) != nil {
		return nil, false
	}
	return out.Bytes(), true
}

// watched tells apart what a source watches, without keeping the URL, which may hold a secret.
func watched(s *hook.Source) string {
	v := s.Config.Values
	sum := sha256.Sum256([]byte(strconv.Itoa(len(v[pollURL])) + v[pollURL] + "\x00" + v[pollValuePath]))
	return hex.EncodeToString(sum[:16])
}

// MediaTypeOf returns a Content-Type as it may be kept, "" where it is none.
func MediaTypeOf(contentType string) string {
	if _, _, err := mime.ParseMediaType(contentType); err != nil || len(contentType) > 256 || !isHeaderText(contentType) {
		return ""
	}
	return contentType
}
