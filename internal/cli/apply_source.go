package cli

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const (
	sourcesPath   = "/ingest/api/v1/source"
	sourcePath    = sourcesPath + "/{}"
	ownSourcePath = "/x/v1/source/{}"
)

// settingsField of a source in a file holds the settings that the contract does not have
// (api.SourceSettings): those that stand there are compared, null is the default.
const (
	configField   = "config"
	settingsField = "settings"
)

// planSources compares sources. They come after the applications that they may publish into.
func (r *remote) planSources(p *plan, d *declared) (remove []step, err error) {
	have, without, err := keyed(r, sourcesPath, "uid")
	if err != nil {
		return nil, err
	}
	for _, s := range d.sources {
		current, exists := have[s.name]
		delete(have, s.name)
		if exists {
			err = r.planSource(p, s, current)
		} else {
			p.createSource(s)
		}
		if err != nil {
			return nil, err
		}
		gone, err := r.planEndpoints(p, s, exists)
		if err != nil {
			return nil, err
		}
		remove = append(gone, remove...)
	}
	for _, uid := range sortedKeys(have) {
		remove = p.remove(remove, "source", uid, client.Path(sourcePath, uid))
	}
	for _, row := range without {
		id := row.text("id")
		remove = p.remove(remove, "source", id, client.Path(sourcePath, id))
	}
	return remove, nil
}

func (p *plan) createSource(s declaredApp) {
	body := with(s.fields, "uid", s.fields["uid"])
	delete(body, settingsField)
	if len(body["name"]) == 0 {
		body["name"] = s.fields["uid"]
	}
	requests := []request{{http.MethodPost, sourcesPath, body.encode()}}
	if !isNull(s.fields[settingsField]) {
		requests = append(requests, setSettings(s))
	}
	p.create("source", s.name, s.fields, requests...)
	p.steps[len(p.steps)-1].undo = &request{http.MethodDelete, client.Path(sourcePath, s.name), nil}
}

func setSettings(s declaredApp) request {
	return request{http.MethodPatch, client.Path(ownSourcePath+"/settings", s.name), s.fields[settingsField]}
}

// planSource compares one that exists. What is not replaced stays as it is: the URL always does.
func (r *remote) planSource(p *plan, s declaredApp, current fields) error {
	var shown api.SourceSettingsOut
	var settings fields
	var raw json.RawMessage
	err := r.call(http.MethodGet, client.Path(ownSourcePath+"/settings", s.name), nil, &raw)
	if err == nil {
		err = json.Unmarshal(raw, &shown)
	}
	if err == nil {
		err = json.Unmarshal(raw, &settings)
	}
	if err != nil {
		return err
	}
	plain := with(s.fields, "uid", s.fields["uid"])
	delete(plain, configField)
	delete(plain, settingsField)
	changes := compare(plain, current, "uid")
	var requests []request

	config, given := s.fields[configField]
	same, err := sameConfig(s.name, config, current[configField], shown.Configured)
	switch {
	case err != nil:
		return err
	case given && !same || slices.ContainsFunc(changes, func(c change) bool { return c.Field == "type" }):
		// A PUT replaces all that the contract has, so what the file leaves out is filled in.
		if !given && len(shown.Configured) > 0 {
			return usagef("source %s: a change of its type needs its config, too", s.name)
		}
		all := with(s.fields, "uid", s.fields["uid"])
		delete(all, settingsField)
		for _, field := range []string{"name", "metadata"} {
			if _, stands := all[field]; !stands {
				all[field] = current[field]
			}
		}
		if given && !same {
			changes = append(changes, change{Field: configField, To: namesOf(config)})
		}
		requests = append(requests, request{http.MethodPut, client.Path(sourcePath, s.name), all.encode()})
	case len(changes) > 0:
		requests = append(requests, request{http.MethodPatch, client.Path(sourcePath, s.name), patchOf(changes)})
	}
	if want := s.fields[settingsField]; !isNull(want) {
		same, err := r.sameSettings(s, settings)
		if err != nil {
			return err
		}
		if !same {
			changes = append(changes, change{Field: settingsField, To: want})
			requests = append(requests, setSettings(s))
		}
	}
	p.update("source", s.name, changes, requests...)
	return nil
}

// sameConfig compares the config of a provider: what is shown of it by value, the rest by
// what is set. A secret that alone has changed is not noticed, because the server does not show it.
func sameConfig(name string, raw, current json.RawMessage, configured []string) (bool, error) {
	want := fields{}
	if err := json.Unmarshal(raw, &want); len(raw) > 0 && err != nil {
		return false, usagef("source %s: config must be an object", name)
	}
	shown := fields{}
	_ = json.Unmarshal(current, &shown) // what is absent shows nothing
	var names, secrets []string
	for key, value := range want {
		switch key {
		case "secret", "publicKey":
			if !isNull(value) {
				secrets = append(secrets, string(value))
			}
		case "secrets":
			var list []json.RawMessage
			_ = json.Unmarshal(value, &list) // the server says what is wrong with it
			for _, one := range list {
				secrets = append(secrets, string(one))
			}
		default:
			if !isNull(value) {
				names = append(names, key)
			}
		}
		text := configText(value)
		if key == "url" { // shown without its query
			text, _, _ = strings.Cut(text, "?")
		}
		if is, visible := shown[key]; visible && !isNull(is) && configText(is) != text {
			return false, nil
		}
	}
	slices.Sort(secrets)
	switch len(slices.Compact(secrets)) {
	case 0:
	case 1:
		names = append(names, "secret")
	default:
		names = append(names, "secrets")
	}
	slices.Sort(names)
	return slices.Equal(names, configured), nil
}

// configText is a value as the server keeps it: texts as they are, all else as JSON.
func configText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	out, _ := json.Marshal(canonical(raw)) // it was JSON before
	return string(out)
}

// sameSettings reports whether the settings that stand in the file are those of the source.
func (r *remote) sameSettings(s declaredApp, have fields) (bool, error) {
	var want fields
	if err := json.Unmarshal(s.fields[settingsField], &want); err != nil {
		return false, usagef("source %s: settings must be an object", s.name)
	}
	for name, value := range want {
		if name == "publishTo" && !isNull(value) && !isNull(have[name]) {
			// It is shown by its id, and named by its uid.
			var app fields
			err := r.call(http.MethodGet, client.Path(appPath, want.text(name)), nil, &app)
			if err != nil && client.StatusOf(err) != http.StatusNotFound {
				return false, err
			}
			if app.text("id") != have.text(name) {
				return false, nil
			}
			continue
		}
		if !standsIn(canonical(value), canonical(have[name])) {
			return false, nil
		}
	}
	return true, nil
}

// standsIn reports whether a value, or each member of an object, is as it is had.
func standsIn(want, have any) bool {
	wanted, isObject := want.(map[string]any)
	had, both := have.(map[string]any)
	if !isObject || !both {
		x, _ := json.Marshal(want) // both were JSON before
		y, _ := json.Marshal(have)
		return equalJSON("", x, y)
	}
	for name, value := range wanted {
		if !standsIn(value, had[name]) {
			return false
		}
	}
	return true
}

// sayWhere tells the URLs of sources that a plan has made: nobody can call them without.
func (r *remote) sayWhere(p *plan) error {
	for _, s := range p.steps {
		if s.Kind != "source" || s.Action != actionCreate {
			continue
		}
		var out api.IngestSourceOut
		if err := r.call(http.MethodGet, client.Path(sourcePath, s.Name), nil, &out); err != nil {
			return err
		}
		if out.IngestURL != nil {
			r.notef("source %s receives at %s", s.Name, *out.IngestURL)
		}
	}
	return nil
}
