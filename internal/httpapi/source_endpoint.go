package httpapi

import (
	"net/http"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// The endpoints of a source are those of its internal application, served by the same
// handlers. What differs is here: which fields the contract has in that place.

// ofSource reports whether the operation is one of a source.
func (c *call) ofSource() bool { return strings.HasPrefix(c.route.path, sourcePath) }

// decodeEndpoint reads the body in the shape that the route has.
func decodeEndpoint(c *call) (api.EndpointIn, error) {
	switch c.route.in.(type) {
	case api.IngestEndpointIn:
		in, err := decode[api.IngestEndpointIn](c)
		out := endpointOfSource(in.IngestEndpointUpsertIn)
		out.Secret, out.Headers = in.Secret, in.Headers
		return out, err
	case api.IngestEndpointUpsertIn:
		in, err := decode[api.IngestEndpointUpsertIn](c)
		return endpointOfSource(in), err
	case api.OperationalWebhookEndpointIn:
		in, err := decode[api.OperationalWebhookEndpointIn](c)
		out := operationalEndpointIn(in.OperationalWebhookEndpointUpsertIn)
		out.Secret, out.Headers = in.Secret, in.Headers
		return out, err
	case api.OperationalWebhookEndpointUpsertIn:
		in, err := decode[api.OperationalWebhookEndpointUpsertIn](c)
		return operationalEndpointIn(in), err
	}
	return decode[api.EndpointIn](c)
}

func endpointOfSource(in api.IngestEndpointUpsertIn) api.EndpointIn {
	return api.EndpointIn{
		URL: in.URL, Description: in.Description, UID: in.UID, Disabled: in.Disabled, ThrottleRate: in.ThrottleRate, Metadata: in.Metadata,
	}
}

// endpointShape shows an endpoint in the shape that the route has.
func (s *server) endpointShape(c *call, e *hook.Endpoint) any {
	out := s.endpointToAPI(e)
	switch {
	case c.isOperational():
		return operationalEndpointOut(out)
	case !c.ofSource():
		return out
	}
	return api.IngestEndpointOut{
		ID: out.ID, UID: out.UID, URL: out.URL, Description: out.Description, Disabled: out.Disabled,
		ThrottleRate: out.ThrottleRate, Metadata: out.Metadata, CreatedAt: out.CreatedAt, UpdatedAt: out.UpdatedAt,
	}
}

// createdStatus is what a PUT that creates is answered with: 201, but 200 where the
// contract lists nothing else (CONTRACT 1.12).
func (c *call) createdStatus() int {
	if anyOf(http.StatusCreated, c.route.statuses...) {
		return http.StatusCreated
	}
	return http.StatusOK
}
