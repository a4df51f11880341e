package httpapi

import (
	"errors"
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/schema"
)

// schemaOf returns the newest schema of a type, nil for none.
func schemaOf(t *hook.EventType) []byte {
	_, text := schema.Newest(t.Schemas)
	return text
}

// checkable refuses an event type whose payloads are to be checked with a schema that is
// not there, or that no payload could be compared with in bounds.
func checkable(t *hook.EventType) error {
	if !t.IsChecked {
		return nil
	}
	version, text := schema.Newest(t.Schemas)
	if text == nil {
		return hook.Fieldf(schemasField, "must hold a schema, because payloads of this event type are validated")
	}
	if _, err := publish.CompileSchema(text); err != nil {
		return &hook.FieldError{Path: []string{schemasField, cut(version, 64)}, Text: err.Error()}
	}
	return nil
}

func (s *server) getValidation(c *call) error {
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, validationToAPI(t))
}

func (s *server) setValidation(c *call) error {
	in, err := decode[api.EventTypeValidationIn](c)
	if err != nil {
		return err
	}
	if in.Enabled == nil {
		return &hook.FieldError{Path: []string{"enabled"}, Text: "missing field `enabled`", Code: typeJSON}
	}
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	now := s.now()
	t, err = s.Catalog.UpdateEventType(c.ctx(), c.env(), t.Name, nil, func(t *hook.EventType) error {
		t.IsChecked, t.UpdatedAt = *in.Enabled, now
		var field *hook.FieldError
		if err := checkable(t); errors.As(err, &field) {
			return hook.Fieldf("enabled", "needs a schema to compare payloads with: %v", field)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, validationToAPI(t))
}

func validationToAPI(t *hook.EventType) api.EventTypeValidationOut {
	version, _ := schema.Newest(t.Schemas)
	return api.EventTypeValidationOut{Enabled: t.IsChecked, SchemaVersion: orNil(version)}
}

// validatePayload compares a payload with the newest schema, whether payloads of the type
// are checked as they are published or not. Nothing is stored.
func (s *server) validatePayload(c *call) error {
	in, err := decode[api.EventTypeValidateIn](c)
	if err != nil {
		return err
	}
	if in.Payload == nil {
		return &hook.FieldError{Path: []string{"payload"}, Text: "missing field `payload`", Code: typeJSON}
	}
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	version, text := schema.Newest(t.Schemas)
	if text == nil {
		return badRequest("The event type has no schema to compare a payload with.")
	}
	compiled, err := publish.CompileSchema(text)
	if err != nil {
		return badRequest("The schema of version %s %v.", cut(version, 64), err)
	}
	out := api.EventTypeValidateOut{Valid: true, SchemaVersion: version, Errors: []api.ValidationError{}}
	var fields hook.FieldErrors
	if errors.As(publish.Problems(compiled, in.Payload), &fields) {
		out.Valid = false
		for _, f := range fields {
			out.Errors = append(out.Errors, fieldToAPI(f))
		}
	}
	return c.json(http.StatusOK, out)
}

func (s *server) getRedaction(c *call) error {
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, redactionToAPI(t))
}

func (s *server) setRedaction(c *call) error {
	in, err := decode[api.EventTypeRedaction](c)
	if err != nil {
		return err
	}
	if in.Redact == nil {
		return &hook.FieldError{Path: []string{"redact"}, Text: "missing field `redact`", Code: typeJSON}
	}
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	now := s.now()
	t, err = s.Catalog.UpdateEventType(c.ctx(), c.env(), t.Name, nil, func(t *hook.EventType) error {
		t.Redact, t.UpdatedAt = nilIfEmpty(in.Redact), now
		return t.Validate()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, redactionToAPI(t))
}

func redactionToAPI(t *hook.EventType) api.EventTypeRedaction {
	return api.EventTypeRedaction{Redact: append([]string{}, t.Redact...)}
}
