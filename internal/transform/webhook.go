package transform

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/internal/hook"
)

// JobOf returns the run of an endpoint's script on a message, whose public id is id, at a time.
func JobOf(e *hook.Endpoint, script *hook.Transformation, m *hook.Message, id string, at time.Time) Job {
	w := &Webhook{Method: http.MethodPost, URL: e.URL, Payload: m.Payload, EventType: m.EventType, Channels: m.Channels, Params: m.TransformationsParams, ID: id}
	if m.ID != 0 {
		w.CreatedAt = m.Time()
	}
	if e.Shape != nil && e.Shape.Method != "" {
		w.Method = e.Shape.Method
	}
	if in := m.Inbound; in != nil {
		// What a provider sends has no type of ours (CONTRACT 3.3).
		w.EventType, w.Payload = "", m.Body()
		w.IsText = !jsontext.Value(w.Payload).IsValid(jsontext.AllowDuplicateNames(true))
		w.Method = http.MethodPost
		if in.Method != "" {
			w.Method = in.Method
		}
		w.Request = &Request{Method: w.Method, Path: in.Path, Query: in.Query, Headers: map[string]string{}}
		for i := 0; i+1 < len(in.Header); i += 2 {
			name := strings.ToLower(in.Header[i])
			if first, has := w.Request.Headers[name]; has {
				w.Request.Headers[name] = first + ", " + in.Header[i+1]
			} else {
				w.Request.Headers[name] = in.Header[i+1]
			}
		}
	}
	return Job{Application: e.Application, Endpoint: e.ID, Code: script.Code, Variables: script.Variables, At: at, Seed: uint64(m.ID), Webhook: w}
}

// Check checks a result that is not cancelled, and brings its URL into the form in which it
// is requested; parseURL judges one that the script changed. An error is an *Error that
// names what cannot be.
func (r *Result) Check(before *Webhook, parseURL func(string) (string, error)) error {
	wrong := func(format string, args ...any) error {
		return &Error{Reason: hook.ReasonTransformError, Text: fmt.Sprintf(format, args...), Console: r.Console}
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet:
	default:
		// A provider's request may go on as it came.
		if before.Request == nil || r.Method != before.Method {
			return wrong("method must be POST, PUT, PATCH or GET, but is %q", r.Method)
		}
	}
	if r.URL != before.URL {
		u, err := parseURL(r.URL)
		if err != nil {
			return wrong("url: %s", err)
		}
		r.URL = u
	}
	if err := hook.CheckHeaders("headers", r.OwnHeaders()); err != nil {
		var f *hook.FieldError
		if errors.As(err, &f) {
			return wrong("%s: %s", strings.Join(f.Path, "."), f.Text)
		}
		return wrong("%s", err)
	}
	if t := r.ContentType(); len(t) > hook.MaxHeaderValueBytes/4 || strings.ContainsFunc(t, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
		return wrong("headers.content-type: must have at most %d bytes of visible ASCII", hook.MaxHeaderValueBytes/4)
	}
	return nil
}

const contentType = "content-type"

// OwnHeaders are Headers without the type of the content, which belongs to the payload.
func (r *Result) OwnHeaders() map[string]string {
	var own map[string]string
	for name, value := range r.Headers {
		if strings.EqualFold(name, contentType) {
			continue
		}
		if own == nil {
			own = make(map[string]string, len(r.Headers))
		}
		own[name] = value
	}
	return own
}

// ContentType is what the script says that its payload is; "" for nothing.
func (r *Result) ContentType() (t string) {
	least := "" // of several that differ in case only, always the same one
	for name, value := range r.Headers {
		if strings.EqualFold(name, contentType) && (least == "" || name < least) {
			least, t = name, value
		}
	}
	return t
}
