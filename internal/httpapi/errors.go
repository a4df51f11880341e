package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// kindStatus is the one table from kinds of error to answers (CONTRACT 1.9). A kind
// without a detail shows the error's own text.
var kindStatus = map[hook.Kind]statusError{
	hook.NotFound:       {http.StatusNotFound, "not_found", "Entity not found"},
	hook.Conflict:       {http.StatusConflict, "conflict", ""},
	hook.Stale:          {http.StatusServiceUnavailable, "overloaded", "The application changes too fast; try again."},
	hook.Overloaded:     {http.StatusServiceUnavailable, "overloaded", "The server has too much to do; try again."},
	hook.StorageFull:    {http.StatusServiceUnavailable, "storage_full", "The server has no space left for new messages."},
	hook.TooLarge:       {http.StatusRequestEntityTooLarge, "payload_too_large", "Request payload is too large."},
	hook.LimitReached:   {http.StatusBadRequest, "limit_reached", ""},
	hook.MissingPayload: {http.StatusBadRequest, "missing_payload", "The message's payload was expunged or has expired."},
	hook.Closed:         {http.StatusServiceUnavailable, "shutting_down", "The server is shutting down; try again."},
}

// retryAfterSeconds is sent with every 503: a client library retries by itself sooner.
const retryAfterSeconds = "1"

// statusError is an answer that is not a success.
type statusError struct {
	status       int
	code, detail string
}

func (e *statusError) Error() string { return e.code + ": " + e.detail }

func badRequest(format string, args ...any) error {
	return &statusError{http.StatusBadRequest, "generic_error", fmt.Sprintf(format, args...)}
}

func tooLarge() error {
	e := kindStatus[hook.TooLarge]
	return &e
}

func notFound() error { return hook.Errorf(hook.NotFound, "not found") }

// invalid is a 422 with a list of what is wrong.
type invalid []api.ValidationError

func (e invalid) Error() string {
	if len(e) == 0 {
		return "invalid"
	}
	return strings.Join(e[0].Loc, ".") + ": " + e[0].Msg
}

func invalidAt(kind, msg string, loc ...string) error {
	return invalid{{Loc: loc, Msg: msg, Type: kind}}
}

func invalidQuery(name, msg string) error { return invalidAt("value_error", msg, "query", name) }

// conflictAs gives a conflict its own code and words, and returns other errors as they are.
func conflictAs(err error, code, detail string) error {
	if hook.KindOf(err) == hook.Conflict {
		return &statusError{http.StatusConflict, code, detail}
	}
	return err
}

// within puts the place of a field error below prefix, for an object inside the body.
func within(err error, prefix ...string) error {
	var f *hook.FieldError
	if errors.As(err, &f) {
		return &hook.FieldError{Path: append(append([]string{}, prefix...), f.Path...), Text: f.Text, Code: f.Code}
	}
	return err
}

// fieldToAPI spells what is wrong with a field of the body.
func fieldToAPI(f *hook.FieldError) api.ValidationError {
	kind := f.Code
	if kind == "" {
		kind = "value_error"
	}
	return api.ValidationError{Loc: append([]string{"body"}, f.Path...), Msg: f.Text, Type: kind}
}

// statusClientGone is logged and counted when the client went away before the
// answer (nginx's 499); nobody reads it.
const statusClientGone = 499

// writeError turns an error into an answer.
func (s *server) writeError(c *call, err error) {
	if c.status != 0 {
		return // the answer has begun; the log has the story
	}
	var list invalid
	var status *statusError
	var field *hook.FieldError
	var fields hook.FieldErrors
	var script *scriptError
	switch {
	case errors.As(err, &script):
		_ = c.json(http.StatusUnprocessableEntity, script.TransformationFailedOut)
		return
	case errors.As(err, &list):
	case errors.As(err, &status):
	case errors.As(err, &fields):
		for _, f := range fields {
			list = append(list, fieldToAPI(f))
		}
	case errors.As(err, &field):
		list = invalid{fieldToAPI(field)}
	case hook.KindOf(err) == hook.Invalid:
		list = invalid{{Loc: []string{"body"}, Msg: err.Error(), Type: "value_error"}}
	case hook.KindOf(err) == hook.KeyReused:
		list = invalid{{
			Loc: []string{"header", "idempotency-key"}, Type: "value_error",
			Msg: "this Idempotency-Key was used for a different request",
		}}
	case hook.KindOf(err) != hook.Internal:
		e := kindStatus[hook.KindOf(err)]
		if e.detail == "" {
			e.detail = err.Error()
			var h *hook.Error
			if errors.As(err, &h) {
				e.detail = h.Text // without what was wrapped around it
			}
		}
		status = &e
	case errors.Is(err, context.Canceled) && c.ctx().Err() != nil:
		status = &statusError{statusClientGone, "client_gone", "The client went away."}
	default:
		status = &statusError{http.StatusInternalServerError, "internal", "Something went wrong here. Quote request " + c.reqID + "."}
	}
	if list != nil {
		_ = c.json(http.StatusUnprocessableEntity, api.ValidationErrors{Detail: list})
		return
	}
	if status.status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", retryAfterSeconds)
	}
	// Whoever asked has gone away when this fails.
	_ = c.json(status.status, api.Error{Code: status.code, Detail: status.detail})
}
