package cli

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// The connector of an endpoint in a file is that of the API (api.EndpointConnectorIn); null
// takes it away. Variables whose values the server withholds count as equal.
const connectorField = "connector"

// setConnector is the request that gives an endpoint a connector, or takes it away.
func setConnector(e endpointRef, want json.RawMessage) request {
	if isNull(want) {
		return request{http.MethodDelete, connectorUsePath(e), nil}
	}
	return request{http.MethodPut, connectorUsePath(e), want}
}

// compareConnector returns what of an endpoint's connector is to be changed; want is nil
// where the file says nothing of it.
func (r *remote) compareConnector(e endpointRef, want json.RawMessage) (changes []change, requests []request, err error) {
	if want == nil {
		return nil, nil, nil
	}
	var have *api.EndpointConnectorOut
	if err := r.call(http.MethodGet, connectorUsePath(e), nil, &have); err != nil && client.StatusOf(err) != http.StatusNotFound {
		return nil, nil, err
	}
	same, err := r.sameConnector(e, have, want)
	if err != nil || same {
		return nil, nil, err
	}
	return []change{{Field: connectorField, To: printedConnector(want)}}, []request{setConnector(e, want)}, nil
}

func (r *remote) sameConnector(e endpointRef, have *api.EndpointConnectorOut, want json.RawMessage) (bool, error) {
	if have == nil || isNull(want) {
		return have == nil && isNull(want), nil
	}
	var in api.EndpointConnectorIn
	if err := json.Unmarshal(want, &in); err != nil {
		return false, usagef("endpoint %s/%s: connector must be an object with a name or a connectorId, and variables that are texts", e.app, e.endpoint)
	}
	switch {
	case in.Name != nil && orEmpty(have.Name) != *in.Name:
		return false, nil
	case in.ConnectorID != nil && orEmpty(have.ConnectorID) != *in.ConnectorID:
		// It may be the uid of the same one.
		var named struct {
			ID string `json:"id"`
		}
		err := r.call(http.MethodGet, client.Path("/api/v1/connector/{}", *in.ConnectorID), nil, &named)
		if err != nil && client.StatusOf(err) != http.StatusNotFound {
			return false, err
		}
		if named.ID == "" || named.ID != orEmpty(have.ConnectorID) {
			return false, nil
		}
	}
	if in.Variables == nil {
		return true, nil
	}
	for name, value := range in.Variables {
		current, shown := have.Variables[name]
		if !slices.Contains(have.Withheld, name) && !(shown && current == value) {
			return false, nil
		}
	}
	return len(in.Variables) == len(have.Variables)+len(have.Withheld), nil
}

// printedConnector leaves of variables the names: a value may be a secret, and a plan is printed.
func printedConnector(want json.RawMessage) json.RawMessage {
	var f fields
	if json.Unmarshal(want, &f) != nil || f == nil {
		return want // null, or what the server will refuse
	}
	if vars := f["variables"]; !isNull(vars) {
		f = with(f, "variables", namesOf(vars))
	}
	return f.encode()
}
