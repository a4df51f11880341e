package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"maps"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
)

// pingTypes are event types that every endpoint may be asked to take, whether they are in
// the catalogue or not (CONTRACT 1.12).
var pingTypes = []string{"svix.ping", "hookloft.ping"}

// sendExample sends an example of an event type to an endpoint, whatever it subscribed to.
func (s *server) sendExample(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if a.Source != 0 {
		return s.belongsToSource(a) // what is there came from the provider
	}
	in, err := decode[api.EventExampleIn](c)
	if err != nil {
		return err
	}
	if err := hook.CheckEventTypeName("eventType", in.EventType); err != nil {
		return err
	}
	if in.ExampleIndex < 0 {
		return hook.Fieldf("exampleIndex", "must be at least 0")
	}
	if e.Disabled {
		return endpointDisabled()
	}
	payload, err := s.example(c, in)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	done, err := s.Publisher.Publish(c.ctx(), publish.Request{
		Environment: &hook.Environment{ID: c.env()}, Application: a.ID, Key: key, Only: &publish.Target{Endpoint: e.ID},
		Message: hook.Message{EventType: in.EventType, Payload: payload},
	})
	if err != nil {
		return err
	}
	out := s.messageToAPI(done.Message, done.Redaction, true, s.now())
	return c.raw(http.StatusAccepted, appendMessage(nil, &out))
}

// example returns the payload that stands for an event type: one of its schema's examples,
// or a sample made from the schema.
func (s *server) example(c *call, in api.EventExampleIn) ([]byte, error) {
	if anyOf(in.EventType, pingTypes...) {
		return []byte(`{"success": true}`), nil
	}
	t, err := s.Catalog.EventType(c.ctx(), c.env(), in.EventType)
	if err != nil {
		return nil, err
	}
	if !t.VisibleTo(c.flags()) {
		return nil, notFound()
	}
	schema, err := exampleSchema(t.Schemas)
	if err != nil {
		return nil, err
	}
	var of struct {
		Examples []json.RawMessage `json:"examples"`
	}
	if json.Unmarshal(schema, &of) != nil { // "examples" need not be a list for the schema to be one
		of.Examples = nil
	}
	switch n := len(of.Examples); {
	case n == 0 && in.ExampleIndex == 0:
		sample, ok := hook.Sample(schema)
		if !ok {
			return nil, noExample("No example can be made from the event type's schema.")
		}
		return sample, nil
	case in.ExampleIndex >= n:
		return nil, noExample(fmt.Sprintf("The event type's schema has %d examples; exampleIndex counts from 0.", n))
	}
	example := of.Examples[in.ExampleIndex]
	if !jsonObject(example) {
		return nil, noExample("The example is no JSON object.")
	}
	return example, nil
}

// exampleSchema returns the schema of version 1, or else of the first version there is.
func exampleSchema(schemas []byte) (json.RawMessage, error) {
	var versions map[string]json.RawMessage
	if schemas == nil || json.Unmarshal(schemas, &versions) != nil || len(versions) == 0 {
		return nil, noExample("The event type has no schema to take an example from.")
	}
	if first, ok := versions["1"]; ok {
		return first, nil
	}
	return versions[slices.Min(slices.Collect(maps.Keys(versions)))], nil
}

func noExample(detail string) error {
	return &statusError{http.StatusBadRequest, "invalid_scheme", detail}
}
