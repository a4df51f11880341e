package client

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/hookloft/hookloft/api"
)

// Publish sends a message of an application, named by id or uid. The payload travels
// byte for byte as it is given: encoding/json would compact it, and what is signed would
// not be what the caller has. A nil error means that the message and its deliveries are
// on disk.
func (c *Client) Publish(ctx context.Context, app string, m api.MessageIn) (api.MessageOut, error) {
	var out api.MessageOut
	if !json.Valid(m.Payload) {
		return out, errors.New("the payload is not JSON")
	}
	text, err := json.Marshal(m)
	if err != nil {
		return out, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return out, err
	}
	delete(fields, "payload")
	body := []byte("{")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		body = append(append(append(append(body, '"'), name...), `":`...), fields[name]...)
		body = append(body, ',')
	}
	body = append(append(append(body, `"payload":`...), m.Payload...), '}')
	err = c.Call(ctx, http.MethodPost, Path("/api/v1/app/{}/msg", app), json.RawMessage(body), &out)
	return out, err
}
