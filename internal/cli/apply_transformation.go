package cli

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hookloft/hookloft/api"
)

// transformationField of an endpoint in a file holds {code, enabled, variables}: enabled is
// true where there is code and it says nothing else, and null or {} is no transformation.
const transformationField = "transformation"

// declaredTransformation is that field.
type declaredTransformation struct {
	Code      string            `json:"code"`
	Enabled   *bool             `json:"enabled"`
	Variables map[string]string `json:"variables"`
}

func readTransformation(name string, raw json.RawMessage) (declaredTransformation, error) {
	var d declaredTransformation
	var names fields
	if json.Unmarshal(raw, &names) != nil || json.Unmarshal(raw, &d) != nil {
		return d, usagef("endpoint %s: transformation must hold code (a text), enabled (true or false) and variables (texts)", name)
	}
	for field := range names {
		if field != "code" && field != "enabled" && field != "variables" {
			return d, usagef("endpoint %s: transformation has code, enabled and variables, but no %s", name, field)
		}
	}
	if d.Enabled == nil {
		enabled := d.Code != ""
		d.Enabled = &enabled
	}
	return d, nil
}

// setTransformation is the request that makes an endpoint's transformation what a file says.
func setTransformation(e endpointRef, d declaredTransformation) request {
	body := map[string]any{"code": nil, "enabled": *d.Enabled, "variables": nil}
	if d.Code != "" {
		body["code"] = d.Code
	}
	if len(d.Variables) > 0 {
		body["variables"] = d.Variables
	}
	text, _ := json.Marshal(body) // texts and a truth
	return request{http.MethodPatch, e.path("/transformation"), text}
}

// compareTransformation returns the change of an endpoint's transformation with the request
// that makes it. Variables that the server does not show count as equal.
func (r *remote) compareTransformation(e endpointRef, raw json.RawMessage) ([]change, []request, error) {
	if raw == nil {
		return nil, nil, nil
	}
	want, err := readTransformation(e.app+"/"+e.endpoint, raw)
	if err != nil {
		return nil, nil, err
	}
	var have api.EndpointTransformationOut
	if err := r.call(http.MethodGet, e.path("/transformation"), nil, &have); err != nil {
		return nil, nil, err
	}
	code := ""
	if have.Code != nil {
		code = *have.Code
	}
	same := have.Variables == nil || len(*have.Variables) == len(want.Variables)
	if have.Variables != nil {
		for name, value := range want.Variables {
			is, has := (*have.Variables)[name]
			same = same && has && is == value
		}
	}
	if same && code == want.Code && have.Enabled == *want.Enabled {
		return nil, nil, nil
	}
	return []change{{Field: transformationField, To: printedTransformation(want)}}, []request{setTransformation(e, want)}, nil
}

// printedTransformation is what a plan shows: code is long, and variables may be secret.
func printedTransformation(d declaredTransformation) json.RawMessage {
	words := "none"
	if d.Code != "" {
		words = fmt.Sprintf("%d bytes of code", len(d.Code))
		if !*d.Enabled {
			words += ", not enabled"
		}
	}
	if len(d.Variables) > 0 {
		words += fmt.Sprintf(", variables %v", sortedKeys(d.Variables))
	}
	text, _ := json.Marshal(words)
	return text
}
