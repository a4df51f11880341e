package cli

import (
	"encoding/json"
	"net/http"
)

// A filter in a file is the filter itself, without the object around it that the operation
// has; null and {} are none.

// setFilter is the request that makes an endpoint's filter what a file says.
func setFilter(e endpointRef, want json.RawMessage) request {
	path := e.own("filter")
	if isNoFilter(want) {
		return request{http.MethodDelete, path, nil}
	}
	return request{http.MethodPut, path, fields{"filter": want}.encode()}
}

func isNoFilter(raw json.RawMessage) bool {
	var object fields
	return isNull(raw) || json.Unmarshal(raw, &object) == nil && len(object) == 0
}

// compareFilter returns the change of an endpoint's filter with the request that makes it.
func (r *remote) compareFilter(e endpointRef, f fields) ([]change, []request, error) {
	want, given := f["filter"]
	if !given {
		return nil, nil, nil
	}
	var have fields
	if err := r.call(http.MethodGet, e.own("filter"), nil, &have); err != nil {
		return nil, nil, err
	}
	if equalJSON("filter", want, have["filter"]) {
		return nil, nil, nil
	}
	c := change{Field: "filter", To: want}
	if !isNull(have["filter"]) {
		c.From = have["filter"]
	}
	return []change{c}, []request{setFilter(e, want)}, nil
}

// createEndpoint makes an endpoint of its plain fields, and then the rest, which has operations
// of its own. Until it has all of that it is disabled, so that nothing is sent to it that it
// should not get, or not so.
func createEndpoint(e endpointRef, list string, plain fields, rest []request) []request {
	if len(rest) == 0 || isTrue(plain["disabled"]) {
		return append([]request{{http.MethodPost, list, plain.encode()}}, rest...)
	}
	first := request{http.MethodPost, list, with(plain, "disabled", json.RawMessage("true")).encode()}
	last := changeEndpoint(e, plain, fields{"disabled": json.RawMessage("false")})
	return append(append([]request{first}, rest...), last)
}

// changeEndpoint is the request that changes plain fields of an endpoint that is as current
// says. One of a source has no operation that changes some: all are replaced.
func changeEndpoint(e endpointRef, current, changed fields) request {
	if !e.ofSource {
		return request{http.MethodPatch, e.path(""), changed.encode()}
	}
	all := fields{}
	for _, name := range []string{"uid", "url", "description", "disabled", "throttleRate", "metadata"} {
		value, given := changed[name]
		if !given {
			value = current[name]
		}
		if !isNull(value) {
			all[name] = value
		}
	}
	return request{http.MethodPut, e.path(""), all.encode()}
}
