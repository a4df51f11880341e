package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/openapi"
	"github.com/hookloft/hookloft/internal/schema"
	"github.com/hookloft/hookloft/internal/store"
)

// firstVersion is the version that a schema from a document gets where there was none.
const firstVersion = "1"

// importOpenAPI makes event types of the webhooks of an OpenAPI document, all of them or
// none. Types that exist are changed and brought back from the archive; what the document
// does not say about them (group, flags, older versions of the schema) stays.
func (s *server) importOpenAPI(c *call) error {
	in, err := decode[api.EventTypeImportOpenAPIIn](c)
	if err != nil {
		return err
	}
	spec, field := rawOrNil(in.Spec), "spec"
	if (spec == nil) == (in.SpecRaw == nil) {
		return badRequest("Give either spec, an OpenAPI document as an object, or specRaw, one as text.")
	}
	if in.SpecRaw != nil {
		spec, field = []byte(*in.SpecRaw), "specRaw"
	} else if !jsonObject(spec) {
		return hook.Fieldf("spec", "must be an object")
	}
	events, err := openapi.Read(spec)
	if err != nil {
		return hook.Fieldf(field, "%v", err)
	}
	for _, e := range events {
		if _, err := eventTypeFromOpenAPI(nil, e); err != nil {
			return documentError(field, e.Name, err)
		}
	}
	var out api.EventTypeImportOpenAPIOut
	err = s.Catalog.Import(c.ctx(), c.env(), c.receipt, func(now *store.Configuration) error {
		out.Data = api.EventTypeImportOpenAPIData{Modified: []string{}, ToModify: []api.EventTypeFromOpenAPI{}}
		for _, e := range events {
			next, err := eventTypeFromOpenAPI(now.EventTypes[e.Name], e)
			if err != nil {
				return documentError(field, e.Name, err)
			}
			planEventType(now, next, &out.Data)
		}
		if in.ReplaceAll {
			archiveOthers(now, events, &out.Data)
		}
		if in.DryRun {
			return errDryRun
		}
		for _, t := range now.Put {
			out.Data.Modified = append(out.Data.Modified, t.Name)
		}
		c.prepare(http.StatusOK, out)
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return err
	}
	return c.json(http.StatusOK, out)
}

// documentError puts a complaint about an event type of a document into the words of one
// about the document.
func documentError(field, name string, err error) error {
	var f *hook.FieldError
	if !errors.As(err, &f) {
		return err
	}
	return hook.Fieldf(field, "webhook %s: %v", cut(name, 64), f)
}

// eventTypeFromOpenAPI returns what a document makes of an event type; old is nil for none.
func eventTypeFromOpenAPI(old *hook.EventType, e openapi.Event) (*hook.EventType, error) {
	t := draftOf(old, e.Name)
	t.Description, t.Deprecated, t.Archived = e.Description, e.Deprecated, false
	if e.Group != "" {
		t.GroupName = e.Group
	}
	if e.Flags != nil {
		t.FeatureFlags = nilIfEmpty(e.Flags)
	}
	if e.Schema != nil {
		versions := map[string]jsontext.Value{}
		if t.Schemas != nil {
			if err := json.Unmarshal(t.Schemas, &versions); err != nil {
				return nil, fmt.Errorf("read the schemas of an event type: %w", err)
			}
		}
		versions[cmp.Or(schema.NewestVersion(versions), firstVersion)] = e.Schema
		t.Schemas = encode(versions)
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if err := checkSchemas(t.Schemas); err != nil {
		return nil, err
	}
	return t, checkable(t)
}

func planEventType(now *store.Configuration, next *hook.EventType, data *api.EventTypeImportOpenAPIData) {
	change, fields := compareEventTypes(now.EventTypes[next.Name], next)
	if change == "" {
		return
	}
	now.Put = append(now.Put, next)
	data.ToModify = append(data.ToModify, api.EventTypeFromOpenAPI{
		Name: next.Name, Description: next.Description, Schemas: next.Schemas, Deprecated: next.Deprecated,
		GroupName: orNil(next.GroupName), FeatureFlags: nilIfEmpty(next.FeatureFlags), Change: change, Fields: fields,
	})
}

// archiveOthers plans to archive what is not in the document, by name.
func archiveOthers(now *store.Configuration, events []openapi.Event, data *api.EventTypeImportOpenAPIData) {
	named := make(map[string]bool, len(events))
	for _, e := range events {
		named[e.Name] = true
	}
	var others []string
	for name, t := range now.EventTypes {
		if !named[name] && !t.Archived {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		next := draftOf(now.EventTypes[name], name)
		next.Archived = true
		planEventType(now, next, data)
	}
}

// describe writes the live event types of the environment as a document.
func (s *server) describe(c *call, format openapi.Format) ([]byte, error) {
	types, err := s.allEventTypes(c, false)
	if err != nil {
		return nil, err
	}
	e, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return nil, err
	}
	events := make([]openapi.Event, 0, len(types))
	for _, t := range types {
		events = append(events, openapi.Event{
			Name: t.Name, Description: t.Description, Group: t.GroupName, Flags: t.FeatureFlags, Deprecated: t.Deprecated,
			Schema: schemaOf(t),
		})
	}
	title := "Events"
	if name, ok := stringSetting(e.Settings.Extra["displayName"]); ok {
		title = name
	}
	return openapi.Write(format, title, "1", events)
}

func stringSetting(raw []byte) (text string, ok bool) {
	if raw == nil || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, text != ""
}

// exportEventTypes answers with the catalogue as a document.
func (s *server) exportEventTypes(c *call) error {
	var formats []string
	for _, f := range openapi.Formats() {
		formats = append(formats, string(f))
	}
	format, err := c.q.oneOf("format", string(openapi.OpenAPI), formats...)
	if err != nil {
		return err
	}
	document, err := s.describe(c, openapi.Format(format))
	if err != nil {
		return err
	}
	return c.raw(http.StatusOK, document)
}

// maxTaskDocument bounds a document that is kept with a task.
const maxTaskDocument = 4 << 20

// exportOpenAPI is the contract's way to the same document: a background task. It is done
// before it is answered, because it takes milliseconds; whoever polls finds it finished.
func (s *server) exportOpenAPI(c *call) error {
	document, err := s.describe(c, openapi.OpenAPI)
	if err != nil {
		return err
	}
	t := s.newTask(c, hook.TaskGenerate)
	t.Status, t.StartedAt = hook.TaskFinished, t.CreatedAt
	t.Result = document
	if len(document) > maxTaskDocument {
		t.Status, t.Result = hook.TaskFailed, nil
		t.Error = "The document is too long to be kept with a task; GET /x/v1/event-type/export answers with it."
	}
	body := c.prepare(http.StatusAccepted, s.startedToAPI(t))
	if err := s.Catalog.CreateTask(c.ctx(), t, c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusAccepted, body)
}
