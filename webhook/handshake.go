package webhook

import (
	"encoding/json"
	"net/http"
)

// textAnswer echoes text of the request. It is never HTML, or whoever knows the URL could
// make a browser run a script in its name.
func textAnswer(status int, text string) *Answer {
	return &Answer{
		Status: status, Body: []byte(text),
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}},
	}
}

// jsonAnswer answers with JSON.
func jsonAnswer(status int, v any) *Answer {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of text always marshal
	}
	return &Answer{Status: status, Body: text, Header: http.Header{"Content-Type": {"application/json"}}}
}

// refusedAnswer refuses a handshake.
func refusedAnswer(status int, reason string) *Answer {
	return &Answer{Status: status, Refused: reason}
}
