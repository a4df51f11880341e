package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookloft/hookloft/api"
)

// Error is an answer that is no success. Its texts come from the server, or from
// whatever stands between: show them as data.
type Error struct {
	Method, Path string
	// Status of the answer, for example 404.
	Status int
	// Code is the machine-readable word, for example not_found; "" where the answer has
	// none, as one that is not from this API.
	Code string
	// Detail says in words what is wrong. It is empty where Fields say it.
	Detail string
	// Fields are what is wrong with the request, for status 422.
	Fields []api.ValidationError
	// RequestID is what the server's log calls the request.
	RequestID string
	// RetryAfter is how long the server asks to wait; 0 where it does not.
	RetryAfter time.Duration
}

// Error says the request, the status and everything that is wrong.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	for i, f := range e.Fields {
		text += map[bool]string{true: ": ", false: "; "}[i == 0] + FieldName(f) + ": " + f.Msg
	}
	return text
}

// FieldName spells the place of a field error as a path, without the word for the part
// of the request: ["body", "channels", "[0]"] is channels[0].
func FieldName(f api.ValidationError) string {
	loc := f.Loc
	if len(loc) > 1 && (loc[0] == "body" || loc[0] == "query") {
		loc = loc[1:]
	}
	var name strings.Builder
	for i, step := range loc {
		if i > 0 && !strings.HasPrefix(step, "[") {
			name.WriteByte('.')
		}
		name.WriteString(step)
	}
	return name.String()
}

// StatusOf returns the status of the answer that err tells of, 0 when it is another error.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// readError reads the body of an answer that is no success. What is not the contract's
// JSON, as a proxy's page, is kept as its first words.
func readError(method, path string, res *http.Response, body []byte) *Error {
	e := &Error{Method: method, Path: path, Status: res.StatusCode, RequestID: requestID(res.Header), RetryAfter: retryAfter(res.Header, time.Now())}
	var list api.ValidationErrors
	if res.StatusCode == http.StatusUnprocessableEntity && json.Unmarshal(body, &list) == nil && len(list.Detail) > 0 {
		e.Fields = list.Detail
		return e
	}
	var plain api.Error
	if json.Unmarshal(body, &plain) == nil && plain.Code+plain.Detail != "" {
		e.Code, e.Detail = plain.Code, plain.Detail
		return e
	}
	const most = 200
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*most)]), "")), " ")
	if len(text) > most {
		text = text[:most]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
		text += "..."
	}
	e.Detail = text
	return e
}

// requestID is what the server calls the request.
func requestID(h http.Header) string { return h.Get("svix-req-id") }
