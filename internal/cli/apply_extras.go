package cli

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// extras are the fields of an endpoint in a file that have operations of their own: PUT
// replaces one, GET shows it without its secrets.
func extras() []string { return []string{"credentials", "latest", "request", "consent", orderField} }

// orderField is an extra that an endpoint may be without: null takes it away.
const orderField = "order"

// withoutExtras returns an endpoint's other fields without its filter, and checks that each extra is an object.
func withoutExtras(name string, f fields) (fields, error) {
	plain := fields{}
	for field, value := range f {
		plain[field] = value
	}
	delete(plain, "filter")
	for _, field := range extras() {
		value, has := plain[field]
		if !has {
			continue
		}
		delete(plain, field)
		if field == orderField && isNull(value) {
			continue
		}
		var object fields
		if json.Unmarshal(value, &object) != nil || object == nil {
			return nil, usagef("endpoint %s: %s must be an object; {} for none", name, field)
		}
	}
	return plain, nil
}

// setExtras returns the requests that set the extras of a new endpoint.
func setExtras(e endpointRef, f fields) (list []request) {
	for _, field := range extras() {
		if f[field] != nil && !isNull(f[field]) {
			list = append(list, request{http.MethodPut, e.own(field), f[field]})
		}
	}
	return list
}

// compareExtras returns what of an endpoint's extras is to be changed. What the server does
// not show, secrets above all, counts as equal.
func (r *remote) compareExtras(e endpointRef, want fields) (changes []change, requests []request, err error) {
	for _, field := range extras() {
		if want[field] == nil {
			continue
		}
		var have json.RawMessage
		err := r.call(http.MethodGet, e.own(field), nil, &have)
		isNone := field == orderField && client.StatusOf(err) == http.StatusNotFound
		if err != nil && !isNone {
			return nil, nil, err
		}
		if field == orderField {
			if isNull(want[field]) {
				if !isNone {
					changes = append(changes, change{Field: field, From: have, To: want[field]})
					requests = append(requests, request{http.MethodDelete, e.own(field), nil})
				}
				continue
			}
			if isNone || !sameOrder(want[field], have) {
				changes = append(changes, change{Field: field, To: want[field]})
				requests = append(requests, request{http.MethodPut, e.own(field), want[field]})
			}
			continue
		}
		if isShown(canonical(want[field]), canonical(have)) && (field != "latest" || !isNoFilter(want[field]) || !isEnabled(have)) {
			continue
		}
		changes = append(changes, change{Field: field, To: namesOf(want[field])})
		requests = append(requests, request{http.MethodPut, e.own(field), want[field]})
	}
	return changes, requests, nil
}

// isEnabled reports whether something that can be off is shown as on.
func isEnabled(have json.RawMessage) bool {
	var shown struct {
		Enabled bool `json:"enabled"`
	}
	return json.Unmarshal(have, &shown) == nil && shown.Enabled
}

// sameOrder reports whether an order of a file is the one that is shown, its defaults
// filled in. What cannot be read is for the server to refuse.
func sameOrder(want, have json.RawMessage) bool {
	var x, y api.EndpointOrderInOut
	return json.Unmarshal(want, &x) == nil && json.Unmarshal(have, &y) == nil && x == y
}

// isShown reports whether what is wanted is what is shown, as far as it is: members that are
// not shown are taken for equal, and parts (objects) that are shown must be wanted.
func isShown(want, have any) bool {
	wanted, isObject := want.(map[string]any)
	shown, both := have.(map[string]any)
	if !isObject || !both {
		x, _ := json.Marshal(want) // both were JSON before
		y, _ := json.Marshal(have)
		return bytes.Equal(x, y)
	}
	for name, value := range wanted {
		if current, known := shown[name]; known && !isShown(value, current) {
			return false
		}
	}
	for name, value := range shown {
		// An empty object is a part that nothing is set in.
		if part, isPart := value.(map[string]any); isPart && len(part) > 0 && wanted[name] == nil {
			return false
		}
	}
	return true
}

// namesOf leaves the names of an object: a value may be a secret, and a plan is printed.
func namesOf(raw json.RawMessage) json.RawMessage {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object)             // withoutExtras has read it before
	names, _ := json.Marshal(sortedKeys(object)) // texts
	return names
}
