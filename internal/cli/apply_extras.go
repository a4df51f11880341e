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
func extras() []string { return []string{"credentials", "latest", "request", consentField, orderField} }

// An endpoint may be without an order or consent: null takes them away.
const orderField, consentField = "order", "consent"

// mayBeNull reports whether null takes an extra away.
func mayBeNull(field string) bool { return field == orderField || field == consentField }

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
		if mayBeNull(field) && isNull(value) {
			continue
		}
		var object fields
		if json.Unmarshal(value, &object) != nil || object == nil {
			none := "{}"
			if mayBeNull(field) {
				none = "null"
			}
			return nil, usagef("endpoint %s: %s must be an object; %s for none", name, field, none)
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
// not show, secrets above all, counts as equal. What is taken away comes first: some extras
// exclude each other.
func (r *remote) compareExtras(e endpointRef, want fields) (changes []change, requests []request, err error) {
	var removals []request
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
		if isNull(want[field]) {
			if !isNone && (field == orderField || isRequired(have)) {
				changes = append(changes, change{Field: field, From: have, To: want[field]})
				removals = append(removals, request{http.MethodDelete, e.own(field), nil})
			}
			continue
		}
		if field == orderField {
			if isNone || !sameOrder(want[field], have) {
				changes = append(changes, change{Field: field, To: want[field]})
				requests = append(requests, request{http.MethodPut, e.own(field), want[field]})
			}
			continue
		}
		isOff := field == "latest" && isNoFilter(want[field]) && isEnabled(have) || field == consentField && !isRequired(have)
		if !isOff && isShown(canonical(want[field]), canonical(have)) && isUsual(field, canonical(want[field]), canonical(have)) {
			continue
		}
		changes = append(changes, change{Field: field, To: namesOf(want[field])})
		set := request{http.MethodPut, e.own(field), want[field]}
		if isNoFilter(want[field]) {
			removals = append(removals, set)
		} else {
			requests = append(requests, set)
		}
	}
	return changes, append(removals, requests...), nil
}

// isUsual reports whether what is shown and not wanted is what it is where nothing is set,
// because a PUT replaces the whole.
func isUsual(field string, want, have any) bool {
	wanted, _ := want.(map[string]any)
	shown, _ := have.(map[string]any)
	usual := map[string]any{}
	switch field {
	case "credentials":
		usual["sourceAddress"] = nil
	case "latest":
		usual["key"] = nil
	case "request":
		_ = json.Unmarshal([]byte(`{"method": "POST", "body": "json", "successStatuses": ["200-299"], "timeoutSeconds": 15, "retrySchedule": null, "xmlRoot": null}`), &usual) // is JSON
		if shown["body"] == "xml" {
			usual["xmlRoot"] = "payload"
		}
		if wanted["method"] == "GET" {
			usual["body"] = "query" // a GET has no body
		}
	}
	for name, value := range usual {
		if wanted[name] == nil && !isShown(value, shown[name]) {
			return false
		}
	}
	return true
}

// isRequired reports whether consent is shown as asked for.
func isRequired(have json.RawMessage) bool {
	var shown struct {
		Required bool `json:"required"`
	}
	return json.Unmarshal(have, &shown) == nil && shown.Required
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
