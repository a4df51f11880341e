package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookloft/hookloft/client"
)

// The fields of each noun that are copied.
var (
	migratedOfType     = []string{"description", "archived", "deprecated", "schemas", "groupName", "featureFlags"}
	migratedOfApp      = []string{"name", "uid", "throttleRate", "metadata"}
	migratedOfEndpoint = []string{"url", "uid", "description", "disabled", "eventTypes", "channels", "throttleRate", "metadata"}
)

// olderNames are what servers of the first generation call a field.
var olderNames = map[string]string{"throttleRate": "rateLimit", "eventTypes": "filterTypes", "featureFlags": "featureFlag"}

// pick returns the fields of raw that are copied, null where it has none of a name.
func pick(raw fields, names []string) fields {
	out := fields{}
	for _, name := range names {
		value, older := raw[name], raw[olderNames[name]]
		if isNull(value) && !isNull(older) {
			if value = older; name == "featureFlags" { // one flag, not a list
				value = arrayOf([]json.RawMessage{older})
			}
		}
		if isNull(value) {
			value = json.RawMessage("null")
		}
		out[name] = value
	}
	return out
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// origin returns the id that a thing had where it came from.
func (f fields) origin() string {
	var metadata map[string]string
	_ = json.Unmarshal(f["metadata"], &metadata) // what is no such object has none
	return metadata[originKey]
}

// withOrigin puts the old id into the metadata; false where there is no room for it.
func (f fields) withOrigin(id string) bool {
	metadata := map[string]string{}
	if !isNull(f["metadata"]) && json.Unmarshal(f["metadata"], &metadata) != nil {
		return false
	}
	metadata[originKey] = id
	raw, err := json.Marshal(metadata)
	const maxMetadata = 4096 // bytes of JSON (CONTRACT 1.6)
	if err != nil || len(raw) > maxMetadata {
		return false
	}
	f["metadata"] = raw
	return true
}

// differing returns the fields of want that have another value, sorted.
func differing(want, have fields) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !equalJSON(name, want[name], have[name]) {
			names = append(names, name)
		}
	}
	return names
}

func (m *migration) list(c *client.Client, path string) (all []fields, err error) {
	for raw, err := range client.Pages[fields](m.ctx, c, path) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Server(), err)
		}
		all = append(all, raw)
	}
	return all, nil
}

func (m *migration) eventTypes() error {
	const path = eventTypePath + "?include_archived=true&with_content=true"
	theirs, err := m.list(m.source, path)
	if err != nil {
		return err
	}
	ours, err := m.list(m.Client, path)
	if err != nil {
		return err
	}
	have := map[string]fields{}
	for _, t := range ours {
		have[t.text("name")] = t
	}
	for _, t := range theirs {
		name, want := t.text("name"), pick(t, migratedOfType)
		changed := differing(want, pick(have[name], migratedOfType))
		action := actionUpdate
		if have[name] == nil {
			action, changed = actionCreate, nil
		} else if len(changed) == 0 {
			m.same++
			continue
		}
		if !m.dryRun {
			if err := m.call(http.MethodPut, client.Path(eventTypePath+"/{}", name), want.encode(), nil); err != nil {
				if err := m.refused("event type "+name, err); err != nil {
					return err
				}
				continue
			}
		}
		m.note(action, "event type", name, changed...)
	}
	return nil
}

func (m *migration) applications() error {
	theirs, err := m.list(m.source, "/api/v1/app")
	if err != nil {
		return err
	}
	ours, err := m.list(m.Client, "/api/v1/app")
	if err != nil {
		return err
	}
	known := index(ours)
	g := m.progress("copying applications", 0)
	defer g.end()
	for i, a := range theirs {
		id, ok, err := m.thing("application", "/api/v1/app", a, known.find(a), migratedOfApp, a.label(), nil)
		if err != nil {
			return err
		}
		if ok {
			if err := m.endpoints(a, id); err != nil {
				return err
			}
			if !m.since.IsZero() {
				if err := m.history(a, id); err != nil {
					return err
				}
			}
		}
		g.update(int64(i+1), int64(len(theirs)), int64(len(m.problems)))
	}
	return nil
}

// label is what a thing is called in messages.
func (f fields) label() string { return cmp.Or(f.text("uid"), f.text("id")) }

// origins find what was copied before: by the old id, else by the uid.
type origins struct{ byOrigin, byUID map[string]fields }

func index(list []fields) origins {
	t := origins{map[string]fields{}, map[string]fields{}}
	for _, f := range list {
		if id := f.origin(); id != "" {
			t.byOrigin[id] = f
		}
		if uid := f.text("uid"); uid != "" {
			t.byUID[uid] = f
		}
	}
	return t
}

func (t origins) find(theirs fields) fields {
	if f := t.byOrigin[theirs.text("id")]; f != nil {
		return f
	}
	return t.byUID[theirs.text("uid")]
}

// thing creates or changes one application or endpoint, and returns its id here. ok is
// false where it was not copied. It has no id yet in a dry run that would create it.
func (m *migration) thing(kind, path string, theirs, ours fields, names []string, label string, more fields) (id string, ok bool, err error) {
	want := pick(theirs, names)
	what := kind + " " + label
	if !want.withOrigin(theirs.text("id")) {
		if theirs.text("uid") == "" {
			m.lacks(what, "it has no uid, and its metadata have no room for its old id, so a second run would copy it again")
			return "", false, nil
		}
		m.lacks(what+": its old id", "its metadata have no room for it")
	}
	if ours == nil {
		if !m.dryRun {
			maps.Copy(want, more)
			for name, value := range want {
				if isNull(value) {
					delete(want, name)
				}
			}
			var made struct{ ID string }
			if err := m.call(http.MethodPost, path, want.encode(), &made); err != nil {
				return "", false, m.refused(what, err)
			}
			id = made.ID
		}
		m.note(actionCreate, kind, label)
		return id, true, nil
	}
	id = ours.text("id")
	changed := differing(want, pick(ours, names))
	if len(changed) == 0 {
		m.same++
		return id, true, nil
	}
	patch := fields{}
	for _, name := range changed {
		patch[name] = want[name]
		if isNull(want[name]) && name == "metadata" {
			patch[name] = json.RawMessage("{}")
		}
	}
	if !m.dryRun {
		if err := m.call(http.MethodPatch, path+"/"+id, patch.encode(), nil); err != nil {
			return id, true, m.refused(what, err)
		}
	}
	m.note(actionUpdate, kind, label, changed...)
	return id, true, nil
}

func (m *migration) endpoints(app fields, appID string) error {
	from := client.Path("/api/v1/app/{}/endpoint", app.text("id"))
	theirs, err := m.list(m.source, from)
	if err != nil {
		return err
	}
	var ours []fields
	to := client.Path("/api/v1/app/{}/endpoint", appID)
	if appID != "" {
		if ours, err = m.list(m.Client, to); err != nil {
			return err
		}
	}
	known := index(ours)
	slices.Reverse(theirs) // the oldest first, as they were made
	for _, e := range theirs {
		if err := m.endpoint(app, e, known.find(e), from, to); err != nil {
			return err
		}
	}
	return nil
}

// headersOf is what a server tells of an endpoint's headers.
type headersOf struct {
	Headers   map[string]string `json:"headers"`
	Sensitive []string          `json:"sensitive"`
}

func (m *migration) endpoint(app, theirs, ours fields, from, to string) error {
	label := app.label() + "/" + theirs.label()
	own := from + "/" + theirs.text("id")
	var secret struct{ Key string }
	if err := m.source.Call(m.ctx, http.MethodGet, own+"/secret", nil, &secret); err != nil {
		return fmt.Errorf("%s: the secret of %s: %w", m.source.Server(), label, err)
	}
	var headers headersOf
	if err := m.source.Call(m.ctx, http.MethodGet, own+"/headers", nil, &headers); err != nil {
		return fmt.Errorf("%s: the headers of %s: %w", m.source.Server(), label, err)
	}
	// Of an asymmetric key only the public half is given away.
	isPublic := strings.HasPrefix(secret.Key, "whpk_")
	more := fields{}
	if !isPublic {
		more["secret"] = mustJSON(secret.Key)
	}
	if len(headers.Headers) > 0 {
		more["headers"] = mustJSON(headers.Headers)
	}
	id, ok, err := m.thing("endpoint", to, theirs, ours, migratedOfEndpoint, label, more)
	if err != nil || !ok {
		return err
	}
	var had headersOf
	if ours != nil {
		if had, err = m.endpointRest(label, to+"/"+id, secret.Key, isPublic, headers); err != nil {
			return err
		}
	} else if isPublic {
		m.lacks("endpoint "+label+": its signing key", "it is asymmetric, and the source gives away its public half only; a new secret was made")
	}
	for _, name := range headers.Sensitive {
		if !slices.ContainsFunc(had.Sensitive, func(n string) bool { return strings.EqualFold(n, name) }) {
			m.lacks("endpoint "+label+": its header "+name, "the source withholds its value; set it with 'hookloft endpoint headers'")
		}
	}
	return nil
}

// endpointRest brings secret and headers of an endpoint that is here already in line, and
// returns the headers that it had.
func (m *migration) endpointRest(label, path, key string, isPublic bool, want headersOf) (had headersOf, err error) {
	var secret struct{ Key string }
	if err := m.call(http.MethodGet, path+"/secret", nil, &secret); err != nil {
		return had, err
	}
	switch {
	case isPublic && secret.Key != key:
		m.lacks("endpoint "+label+": its signing key", "it is asymmetric, and the source gives away its public half only")
	case secret.Key != key:
		if !m.dryRun {
			// Without grace: receivers know the source's secret alone.
			in := map[string]any{"key": key, "gracePeriodSeconds": 0}
			if err := m.call(http.MethodPost, path+"/secret/rotate", in, nil); err != nil {
				return had, m.refused("endpoint "+label+": its signing secret", err)
			}
		}
		m.note(actionUpdate, "endpoint", label, "secret")
	}
	if err := m.call(http.MethodGet, path+"/headers", nil, &had); err != nil {
		return had, err
	}
	// A header that is here and not there may be one that was set by hand, since its value
	// was withheld: it stays.
	patch := map[string]string{}
	for name, value := range want.Headers {
		if old, found := had.Headers[name]; !found || old != value {
			patch[name] = value
		}
	}
	if len(patch) == 0 {
		return had, nil
	}
	if !m.dryRun {
		if err := m.call(http.MethodPatch, path+"/headers", map[string]any{"headers": patch}, nil); err != nil {
			return had, m.refused("endpoint "+label+": its headers", err)
		}
	}
	m.note(actionUpdate, "endpoint", label, "headers")
	return had, nil
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and maps of strings always have a JSON text
	}
	return raw
}
