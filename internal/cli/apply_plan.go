package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// The actions of a plan.
const (
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
)

// step is one change of a plan.
type step struct {
	Action  string   `json:"action"`
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Changes []change `json:"changes,omitempty"`

	requests []request
	undo     *request // takes back what the first request has made; nil for nothing
}

// change is one field that a step sets. From is absent where nothing was there, or where it is not shown.
type change struct {
	Field string          `json:"field"`
	From  json.RawMessage `json:"from,omitempty"`
	To    json.RawMessage `json:"to"`
}

// request is what a step does.
type request struct {
	method, path string
	body         json.RawMessage // nil for none
}

// plan is what makes the server as the files say.
type plan struct {
	steps     []step
	unchanged int64
	prune     bool
}

// planFor compares what is declared with what the server has. Only fields that stand in
// the files are compared: what a customer has set in a portal stays.
func (r *remote) planFor(d *declared, prune bool) (*plan, error) {
	p := &plan{prune: prune}
	var removeTypes, removeApps, removeSources []step
	var err error
	if d.hasTypes {
		if removeTypes, err = r.planTypes(p, d); err != nil {
			return nil, err
		}
	}
	if d.hasApps {
		if removeApps, err = r.planApps(p, d); err != nil {
			return nil, err
		}
	}
	if d.hasSources { // after the applications, which they may publish into
		if removeSources, err = r.planSources(p, d); err != nil {
			return nil, err
		}
	}
	// Event types go last: endpoints may name them until then.
	p.steps = slices.Concat(p.steps, removeSources, removeApps, removeTypes)
	for _, s := range p.steps {
		d.hide(s.Changes)
	}
	return p, nil
}

// keyed is a list of the server by the name that files call its rows by.
func keyed(r *remote, path, key string) (byName map[string]fields, without []fields, err error) {
	byName = map[string]fields{}
	for row, err := range client.Pages[fields](r.ctx, r.Client, path) {
		if err != nil {
			return nil, nil, err
		}
		var name *string
		if err := json.Unmarshal(row[key], &name); err != nil || name == nil || *name == "" {
			without = append(without, row)
			continue
		}
		byName[*name] = row
	}
	return byName, without, nil
}

func (r *remote) planTypes(p *plan, d *declared) (remove []step, err error) {
	have, _, err := keyed(r, eventTypePath+"?include_archived=true&with_content=true", "name")
	if err != nil {
		return nil, err
	}
	for _, t := range d.types {
		current, exists := have[t.name]
		delete(have, t.name)
		one := client.Path(eventTypePath+"/{}", t.name)
		if !exists || isTrue(current["archived"]) {
			body := t.fields
			if len(body["description"]) == 0 { // the API wants one
				body = with(body, "description", json.RawMessage(`""`))
			}
			p.create("event type", t.name, t.fields, request{http.MethodPost, eventTypePath, body.encode()})
			continue
		}
		changes := compare(t.fields, current, "name")
		p.update("event type", t.name, changes, request{http.MethodPatch, one, patchOf(changes)})
	}
	for _, name := range sortedKeys(have) {
		if !isTrue(have[name]["archived"]) {
			remove = p.remove(remove, "event type", name, client.Path(eventTypePath+"/{}", name))
		}
	}
	return remove, nil
}

func (r *remote) planApps(p *plan, d *declared) (remove []step, err error) {
	have, without, err := keyed(r, "/api/v1/app", "uid")
	if err != nil {
		return nil, err
	}
	for _, a := range d.apps {
		current, exists := have[a.name]
		delete(have, a.name)
		path := client.Path(appPath, a.name)
		if !exists {
			body := a.fields
			if len(body["name"]) == 0 {
				body = with(body, "name", a.fields["uid"])
			}
			p.create("application", a.name, a.fields, request{http.MethodPost, "/api/v1/app", body.encode()})
		} else {
			changes := compare(a.fields, current, "uid")
			p.update("application", a.name, changes, request{http.MethodPatch, path, patchOf(changes)})
		}
		gone, err := r.planEndpoints(p, a, exists)
		if err != nil {
			return nil, err
		}
		remove = append(gone, remove...)
	}
	for _, name := range sortedKeys(have) {
		remove = p.remove(remove, "application", name, client.Path(appPath, name))
	}
	for _, row := range without {
		id := row.text("id")
		remove = p.remove(remove, "application", id, client.Path(appPath, id))
	}
	return remove, nil
}

func (r *remote) planEndpoints(p *plan, a declaredApp, exists bool) (remove []step, err error) {
	var have map[string]fields
	var without []fields
	list, kind := client.Path(appPath+"/endpoint", a.name), "endpoint"
	if a.isSource {
		list, kind = client.Path(sourcePath+"/endpoint", a.name), "endpoint of source"
	}
	if exists && a.hasEndpoints {
		if have, without, err = keyed(r, list, "uid"); err != nil {
			return nil, err
		}
	}
	for _, e := range a.endpoints {
		name := a.name + "/" + e.name
		current, exists := have[e.name]
		delete(have, e.name)
		ref := endpointRef{a.name, e.name, a.isSource}
		plain, err := withoutExtras(name, e.fields)
		if err != nil {
			return nil, err
		}
		connector := plain[connectorField]
		delete(plain, connectorField)
		script := plain[transformationField]
		delete(plain, transformationField)
		if !exists {
			rest := setExtras(ref, e.fields)
			if !isNull(connector) {
				rest = append(rest, setConnector(ref, connector))
			}
			if !isNull(script) {
				d, err := readTransformation(name, script)
				if err != nil {
					return nil, err
				}
				rest = append(rest, setTransformation(ref, d))
			}
			if !isNoFilter(e.fields["filter"]) {
				rest = append(rest, setFilter(ref, e.fields["filter"]))
			}
			p.create(kind, name, e.fields, createEndpoint(ref, list, plain, rest)...)
			p.steps[len(p.steps)-1].undo = &request{http.MethodDelete, ref.path(""), nil}
			continue
		}
		// A secret is set when the endpoint is made; after that it is rotated.
		changes := compare(plain, current, "uid", "headers", "secret")
		requests := []request{changeEndpoint(ref, current, fieldsOf(changes))}
		if len(changes) == 0 {
			requests = nil
		}
		headers, err := r.compareHeaders(ref, e.fields["headers"])
		if err != nil {
			return nil, err
		}
		if headers != nil {
			changes = append(changes, *headers)
			requests = append(requests, request{http.MethodPut, ref.path("/headers"), fields{"headers": headers.To}.encode()})
			headers.hideValues()
			changes[len(changes)-1] = *headers
		}
		more, set, err := r.compareExtras(ref, e.fields)
		if err != nil {
			return nil, err
		}
		use, setUse, err := r.compareConnector(ref, connector)
		if err != nil {
			return nil, err
		}
		filtered, setFilter, err := r.compareFilter(ref, e.fields)
		if err != nil {
			return nil, err
		}
		scripted, setScript, err := r.compareTransformation(ref, script)
		if err != nil {
			return nil, err
		}
		// Filter and script are set before all else: a new URL gets nothing that they keep away.
		p.update(kind, name, slices.Concat(changes, more, use, filtered, scripted), slices.Concat(setFilter, setScript, requests, set, setUse)...)
	}
	if !a.hasEndpoints {
		return nil, nil
	}
	for _, uid := range sortedKeys(have) {
		remove = p.remove(remove, kind, a.name+"/"+uid, endpointRef{a.name, uid, a.isSource}.path(""))
	}
	for _, row := range without {
		id := row.text("id")
		remove = p.remove(remove, kind, a.name+"/"+id, endpointRef{a.name, id, a.isSource}.path(""))
	}
	return remove, nil
}

// compareHeaders returns the change of an endpoint's headers, nil for none. Values that
// the server does not show count as equal.
func (r *remote) compareHeaders(e endpointRef, want json.RawMessage) (*change, error) {
	if want == nil {
		return nil, nil
	}
	var wanted map[string]string
	if err := json.Unmarshal(want, &wanted); err != nil {
		return nil, usagef("endpoint %s/%s: headers must map names to texts", e.app, e.endpoint)
	}
	var have api.EndpointHeadersOut
	if err := r.call(http.MethodGet, e.path("/headers"), nil, &have); err != nil {
		return nil, err
	}
	same := len(wanted) == len(have.Headers)+len(have.Sensitive)
	for name, value := range wanted {
		current, shown := have.Headers[name]
		hidden := slices.ContainsFunc(have.Sensitive, func(s string) bool { return strings.EqualFold(s, name) })
		same = same && (hidden || shown && current == value)
	}
	if same {
		return nil, nil
	}
	if wanted == nil {
		want = json.RawMessage("{}")
	}
	return &change{Field: "headers", To: want}, nil
}

// hideValues leaves the names: a value may be a credential, and a plan is printed.
func (c *change) hideValues() {
	var headers map[string]string
	// compareHeaders has read it before.
	_ = json.Unmarshal(c.To, &headers)
	names, _ := json.Marshal(sortedKeys(headers))
	c.To = names
}

func (p *plan) create(kind, name string, f fields, requests ...request) {
	s := step{Action: actionCreate, Kind: kind, Name: name, requests: requests}
	for _, field := range sortedKeys(f) {
		c := change{Field: field, To: f[field]}
		switch field {
		case "uid", "name":
			if f.text(field) == name[strings.LastIndex(name, "/")+1:] {
				continue
			}
		case "secret":
			c.To = json.RawMessage(`"(not shown)"`)
		case "headers":
			c.hideValues()
		case "credentials", "latest", "request", configField:
			c.To = namesOf(c.To)
		case connectorField:
			c.To = printedConnector(c.To)
		case transformationField:
			if d, err := readTransformation(name, c.To); err == nil {
				c.To = printedTransformation(d)
			}
		}
		s.Changes = append(s.Changes, c)
	}
	p.steps = append(p.steps, s)
}

func (p *plan) update(kind, name string, changes []change, requests ...request) {
	if len(changes) == 0 {
		p.unchanged++
		return
	}
	p.steps = append(p.steps, step{Action: actionUpdate, Kind: kind, Name: name, Changes: changes, requests: requests})
}

func (p *plan) remove(list []step, kind, name, path string) []step {
	if !p.prune {
		return list
	}
	return append(list, step{Action: actionDelete, Kind: kind, Name: name, requests: []request{{http.MethodDelete, path, nil}}})
}

// compare returns the fields of want that current has otherwise.
func compare(want, current fields, leave ...string) []change {
	var changes []change
	for _, field := range sortedKeys(want) {
		if slices.Contains(leave, field) || equalJSON(field, want[field], current[field]) {
			continue
		}
		changes = append(changes, change{Field: field, From: current[field], To: want[field]})
	}
	return changes
}

// equalJSON compares two values. Lists of names are sets, and empty is as good as none.
func equalJSON(field string, a, b json.RawMessage) bool {
	x, y := canonical(a), canonical(b)
	if slices.Contains([]string{"eventTypes", "channels", "featureFlags"}, field) {
		x, y = sortedList(x), sortedList(y)
	}
	text := func(v any) string {
		raw, _ := json.Marshal(v) // keys in order; it was JSON before
		switch string(raw) {
		case "[]", "{}", `""`:
			return "null"
		}
		return string(raw)
	}
	return text(x) == text(y)
}

func canonical(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	v, err := decodeNumbers(raw)
	if err != nil {
		return string(raw)
	}
	return v
}

func sortedList(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return bytes.Compare(x, y)
	})
	return list
}

// patchOf is the body that makes changes.
func patchOf(changes []change) json.RawMessage { return fieldsOf(changes).encode() }

func fieldsOf(changes []change) fields {
	f := fields{}
	for _, c := range changes {
		f[c.Field] = c.To
	}
	return f
}

func (f fields) encode() json.RawMessage {
	out := []byte("{")
	for i, name := range sortedKeys(f) {
		if i > 0 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(name) // a text
		out = append(append(append(out, key...), ':'), f[name]...)
	}
	return append(out, '}')
}

func (f fields) text(name string) string {
	var text string
	_ = json.Unmarshal(f[name], &text) // "" for what is none
	return text
}

func with(f fields, name string, value json.RawMessage) fields {
	out := fields{name: value}
	for k, v := range f {
		out[k] = v
	}
	out[name] = value
	return out
}

func isTrue(raw json.RawMessage) bool { return string(raw) == "true" }
