package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// exportVersion is that of the shape of an exported environment.
const exportVersion = 1

// maxImportBytes bounds an exported environment: some thousands of event types with schemas.
const maxImportBytes = 16 << 20

// What becomes of an event type in an import.
const (
	changeCreate  = "create"
	changeUpdate  = "update"
	changeArchive = "archive"
)

// errDryRun ends an import that was only to be looked at, before anything is written.
var errDryRun = errors.New("dry run")

// exportEnvironment writes settings, event types and connectors: who may not read all of
// them gets none, because half a file would be taken for a whole one.
func (s *server) exportEnvironment(c *call) error {
	if err := alsoNeeds(c, "event-type.list", http.MethodGet); err != nil {
		return err
	}
	e, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return err
	}
	connectors, err := s.Catalog.ListConnectors(c.ctx(), c.env(), "", store.Page[hook.ConnectorID]{Limit: hook.MaxConnectors})
	if err != nil {
		return err
	}
	if len(connectors.Rows) > 0 {
		if err := alsoNeeds(c, "connector.list", http.MethodGet); err != nil {
			return err
		}
	}
	types, err := s.allEventTypes(c, true)
	if err != nil {
		return err
	}
	out := api.EnvironmentOut{
		Version: exportVersion, CreatedAt: s.now(), Settings: settingsToAPI(e.Settings),
		EventTypes: make([]api.EventTypeOut, 0, len(types)), Connectors: make([]api.ConnectorOut, 0, len(connectors.Rows)),
	}
	for _, t := range types {
		out.EventTypes = append(out.EventTypes, eventTypeToAPI(t, true))
	}
	for _, n := range connectors.Rows {
		out.Connectors = append(out.Connectors, s.connectorToAPI(n))
	}
	return c.json(http.StatusOK, out)
}

// allEventTypes returns the catalogue by name.
func (s *server) allEventTypes(c *call, archived bool) (all []*hook.EventType, err error) {
	p := store.Page[string]{Limit: 250}
	for more := true; more; {
		list, err := s.Catalog.ListEventTypes(c.ctx(), c.env(), archived, p)
		if err != nil {
			return nil, err
		}
		all = append(all, list.Rows...)
		if more = list.More && len(list.Rows) > 0; more {
			p.After, p.HasAfter = list.Rows[len(list.Rows)-1].Name, true
		}
	}
	return all, nil
}

// importEnvironment adds and changes what a file says, all of it or nothing, and removes
// nothing (CONTRACT 3.9).
func (s *server) importEnvironment(c *call) error {
	tells, dryRun := c.route.path == ownImportPath, false
	if tells {
		var err error
		if dryRun, err = c.q.boolean("dry_run", false); err != nil {
			return err
		}
	}
	in, err := decode[api.EnvironmentIn](c)
	if err != nil {
		return err
	}
	if len(in.EventTypes) > 0 {
		if err := alsoNeeds(c, "event-type.update", http.MethodPut); err != nil {
			return err
		}
	}
	if len(in.Connectors) > 0 {
		if err := alsoNeeds(c, "connector.upsert", http.MethodPut); err != nil {
			return err
		}
	}
	if in.Version != nil && (*in.Version < 0 || *in.Version > exportVersion) {
		return hook.Fieldf("version", "must be at most %d: the file was written by a newer version", exportVersion)
	}
	var settings api.SettingsIn
	var kept map[string]jsontext.Value
	if rawOrNil(in.Settings) != nil {
		if settings, kept, err = decodeSettings(in.Settings); err != nil {
			return below(err, "settings")
		}
	}
	seen := map[string]bool{}
	for i, t := range in.EventTypes {
		at := []string{"eventTypes", fmt.Sprintf("[%d]", i)}
		if seen[t.Name] {
			return within(hook.Fieldf("name", "stands twice in the file: %s", cut(t.Name, 256)), at...)
		}
		seen[t.Name] = true
		if err := eventTypeFromAPI(&hook.EventType{Name: t.Name}, t); err != nil {
			return within(err, at...)
		}
	}
	if err := s.checkImportedConnectors(c, in.Connectors); err != nil {
		return err
	}
	out := api.EnvironmentImportOut{EventTypes: []api.EventTypeChange{}, Connectors: []api.EventTypeChange{}, Settings: []string{}, NotTaken: []string{}}
	err = s.Catalog.Import(c.ctx(), c.env(), c.receipt, func(now *store.Configuration) error {
		for _, t := range in.EventTypes {
			// The type was found right above; what it had beside the file's fields stays.
			next := draftOf(now.EventTypes[t.Name], t.Name)
			if err := eventTypeFromAPI(next, t); err != nil {
				return err
			}
			if change, fields := compareEventTypes(now.EventTypes[t.Name], next); change != "" {
				now.Put = append(now.Put, next)
				out.EventTypes = append(out.EventTypes, api.EventTypeChange{Name: t.Name, Change: change, Fields: fields})
			}
		}
		for i, n := range in.Connectors {
			change, err := s.importConnector(c, now, n)
			if err != nil {
				return within(err, "connectors", fmt.Sprintf("[%d]", i))
			}
			if change != nil {
				out.Connectors = append(out.Connectors, *change)
			}
		}
		before := settingsToAPI(now.Environment.Settings)
		if err := settingsFromAPI(&now.Environment.Settings, settings, kept); err != nil {
			return within(err, "settings")
		}
		out.Settings = changedNames(before, settingsToAPI(now.Environment.Settings))
		if now.PutSettings = len(out.Settings) > 0; dryRun {
			return errDryRun
		}
		if tells {
			c.prepare(http.StatusOK, out)
		} else {
			c.prepare(http.StatusNoContent, nil)
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errDryRun):
		return err
	case tells:
		return c.json(http.StatusOK, out)
	}
	return c.empty()
}

// alsoNeeds refuses a caller that lacks the scope of another operation, whose work the
// called one does, too.
func alsoNeeds(c *call, op, method string) error {
	if scope := scopeOf(op, method); !c.token.MayDo(scope) {
		return lacksScope(scope)
	}
	return nil
}

// below puts the place of a complaint about a body below a field of it.
func below(err error, field string) error {
	var list invalid
	if !errors.As(err, &list) {
		return within(err, field)
	}
	out := make(invalid, len(list))
	for i, e := range list {
		e.Loc = slices.Insert(slices.Clone(e.Loc), min(1, len(e.Loc)), field)
		out[i] = e
	}
	return out
}

// draftOf returns a copy of an event type to be changed, or a new one.
func draftOf(old *hook.EventType, name string) *hook.EventType {
	if old == nil {
		return &hook.EventType{Name: name}
	}
	draft := *old
	return &draft
}

// compareEventTypes says what changes from old, nil for none, to next: "" for nothing.
func compareEventTypes(old, next *hook.EventType) (change string, fields []string) {
	fields = []string{}
	if old == nil {
		return changeCreate, fields
	}
	for _, f := range []struct {
		name string
		same bool
	}{
		{"description", old.Description == next.Description},
		{"archived", old.Archived == next.Archived},
		{"deprecated", old.Deprecated == next.Deprecated},
		{"schemas", sameJSON(old.Schemas, next.Schemas)},
		{"groupName", old.GroupName == next.GroupName},
		{"featureFlags", slices.Equal(old.FeatureFlags, next.FeatureFlags)},
		{"validation", old.IsChecked == next.IsChecked},
		{"redact", slices.Equal(old.Redact, next.Redact)},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	switch {
	case len(fields) == 0:
		return "", fields
	case len(fields) == 1 && next.Archived && !old.Archived:
		return changeArchive, fields
	}
	return changeUpdate, fields
}

// sameJSON compares two texts of JSON but for white space; nil is equal to nil alone.
func sameJSON(a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, y := jsontext.Value(bytes.Clone(a)), jsontext.Value(bytes.Clone(b))
	if x.Compact() != nil || y.Compact() != nil {
		return false
	}
	return bytes.Equal(x, y)
}

// changedNames returns the names, sorted, whose values differ between two objects.
func changedNames(before, after []byte) []string {
	var was, is map[string]jsontext.Value
	// Both were written by us, so they can be read.
	_, _ = json.Unmarshal(before, &was), json.Unmarshal(after, &is)
	names := []string{}
	for name, value := range is {
		if old, found := was[name]; !found || !sameJSON(old, value) {
			names = append(names, name)
		}
	}
	for name := range was {
		if _, found := is[name]; !found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
