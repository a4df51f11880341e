package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func (s *server) listAudit(c *call) error {
	codec := s.Catalog.Codec()
	p, err := page(c.q, true, func(id string) (hook.AuditID, bool) { return codec.ParseAudit(c.env(), id) })
	if err != nil {
		return err
	}
	var f store.AuditFilter
	noun, err := c.q.oneOf("noun", "", auditNouns()...)
	if err != nil {
		return err
	}
	f.Noun = hook.AuditNoun(noun)
	if f.Since, err = c.q.time("since"); err != nil {
		return err
	}
	if f.Until, err = c.q.time("until"); err != nil {
		return err
	}
	if f.Actor, _, err = c.q.text("actor"); err != nil {
		return err
	}
	subject, _, err := c.q.text("subject")
	if err != nil {
		return err
	}
	app, _, err := c.q.text("app_id")
	if err != nil {
		return err
	}
	switch {
	case subject != "":
		if f.Subject, err = s.auditSubject(c, subject, app); err != nil {
			return err
		}
	case app != "":
		if f.Application, err = s.auditApplication(c, app); err != nil {
			return err
		}
	}
	list, err := s.Catalog.Audit(c.ctx(), c.env(), f, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(e *hook.AuditEntry) string { return codec.Audit(c.env(), e.ID) }, s.auditToAPI))
}

// auditSubject returns the row key of what a public id names. What belongs to an
// application is named together with it, because an id is bound to its owner.
func (s *server) auditSubject(c *call, id, app string) (hook.Key, error) {
	codec := s.Catalog.Codec()
	prefix, _, _ := strings.Cut(id, "_")
	switch prefix {
	case "org":
		if k, ok := codec.ParseEnvironment(id); ok {
			return hook.Key(k), nil
		}
	case "app":
		if k, ok := codec.ParseApplication(c.env(), id); ok {
			return hook.Key(k), nil
		}
	case "src":
		if k, ok := codec.ParseSource(c.env(), id); ok {
			return hook.Key(k), nil
		}
	case "key":
		if k, ok := codec.ParseToken(c.env(), id); ok {
			return hook.Key(k), nil
		}
	case "user":
		if k, ok := codec.ParseUser(id); ok {
			return hook.Key(k), nil
		}
	case "qtask":
		if k, ok := codec.ParseTask(c.env(), id); ok {
			return hook.Key(k), nil
		}
	case "ep", "integ", "msg", "atmpt":
		if app == "" {
			return 0, invalidQuery("app_id", "is needed with a subject that belongs to an application")
		}
		a, err := s.auditApplication(c, app)
		if err != nil {
			return 0, err
		}
		if k, ok := keyOf(codec, a, prefix, id); ok {
			return k, nil
		}
	}
	return 0, invalidQuery("subject", "is not an id of this environment")
}

// auditApplication returns the application of an id, also of one that is gone, or of the
// uid of one that exists.
func (s *server) auditApplication(c *call, app string) (hook.ApplicationID, error) {
	if a, ok := s.Catalog.Codec().ParseApplication(c.env(), app); ok {
		return a, nil
	}
	named, err := s.applicationNamed(c, app)
	if hook.KindOf(err) == hook.NotFound {
		return 0, invalidQuery("app_id", "is not an application's id, nor the uid of one that exists")
	}
	if err != nil {
		return 0, err
	}
	return named.ID, nil
}

func keyOf(codec *hook.Codec, a hook.ApplicationID, prefix, id string) (hook.Key, bool) {
	switch prefix {
	case "ep":
		k, ok := codec.ParseEndpoint(a, id)
		return hook.Key(k), ok
	case "integ":
		k, ok := codec.ParseIntegration(a, id)
		return hook.Key(k), ok
	case "msg":
		k, ok := codec.ParseMessage(a, id)
		return hook.Key(k), ok
	}
	k, ok := codec.ParseAttempt(a, id)
	return hook.Key(k), ok
}

func (s *server) auditToAPI(e *hook.AuditEntry) api.AuditOut {
	codec := s.Catalog.Codec()
	out := api.AuditOut{
		ID: codec.Audit(e.Environment, e.ID), At: hook.Key(e.ID).Time(), Noun: string(e.Noun), Action: string(e.Action),
		SubjectID: s.subjectID(e), Name: e.Name, Before: auditFields(e.Before), After: auditFields(e.After),
		Actor: api.ActorOut{
			Kind: string(e.Actor.Kind), ID: orNil(e.Actor.ID), Name: orNil(e.Actor.Name),
			SessionID: orNil(e.Actor.Session), RequestID: orNil(e.Actor.RequestID), Address: orNil(e.Actor.Address),
		},
	}
	if e.Application != 0 {
		out.AppID = orNil(codec.Application(e.Environment, e.Application))
	}
	return out
}

// subjectID is the public id of what an entry is about; "" for what has a name only.
func (s *server) subjectID(e *hook.AuditEntry) string {
	codec := s.Catalog.Codec()
	switch k := e.Subject; {
	case k == 0:
		return ""
	case e.Noun == hook.AuditEnvironment:
		return codec.Environment(hook.EnvironmentID(k))
	case e.Noun == hook.AuditApplication:
		return codec.Application(e.Environment, hook.ApplicationID(k))
	case e.Noun == hook.AuditEndpoint, e.Noun == hook.AuditIssue:
		return codec.Endpoint(e.Application, hook.EndpointID(k))
	case e.Noun == hook.AuditSource:
		return codec.Source(e.Environment, hook.SourceID(k))
	case e.Noun == hook.AuditToken:
		return codec.Token(e.Environment, hook.TokenID(k))
	case e.Noun == hook.AuditUser:
		return codec.User(hook.UserID(k))
	case e.Noun == hook.AuditIntegration:
		return codec.Integration(e.Application, hook.IntegrationID(k))
	case e.Noun == hook.AuditConnector:
		return codec.Connector(e.Environment, hook.ConnectorID(k))
	case e.Noun == hook.AuditTask:
		return codec.Task(e.Environment, hook.TaskID(k))
	case e.Noun == hook.AuditMessage:
		return codec.Message(e.Application, hook.MessageID(k))
	case e.Noun == hook.AuditAttempt:
		return codec.Attempt(e.Application, hook.AttemptID(k))
	}
	return ""
}

// auditFields writes what the store read as JSON.
func auditFields(fields map[string]any) json.RawMessage {
	if fields == nil {
		return json.RawMessage("null")
	}
	return slices.Clip(encode(fields))
}
