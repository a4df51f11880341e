package httpapi

import (
	"maps"
	"net/http"
	"slices"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// activityFields are the fields whose values an application's owner sees in the portal: those that
// the endpoint itself shows to whoever may look. Of all others it is said that they changed.
var activityFields = []string{"uid", "url", "description", "disabled", "disabledBy", "eventTypes", "channels", "throttleRate", "hold.since", "hold.resumedAt"}

// listActivity shows what the audit log has of an application's endpoints, without what is the
// operator's alone: who exactly it was, from where, with which token.
func (s *server) listActivity(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, true, func(id string) (hook.AuditID, bool) { return codec.ParseAudit(c.env(), id) })
	if err != nil {
		return err
	}
	f := store.AuditFilter{Application: a.ID, Noun: hook.AuditEndpoint}
	id, given, err := c.q.text("endpoint_id")
	if err != nil {
		return err
	}
	if given {
		// One that is gone has activity, too.
		k, ok := codec.ParseEndpoint(a.ID, id)
		if !ok {
			return invalidQuery("endpoint_id", "is not an endpoint's id")
		}
		f.Subject = hook.Key(k)
	}
	list, err := s.Catalog.Audit(c.ctx(), c.env(), f, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(e *hook.AuditEntry) string { return codec.Audit(c.env(), e.ID) }, s.activityToAPI))
}

func (s *server) activityToAPI(e *hook.AuditEntry) api.ActivityOut {
	out := api.ActivityOut{
		ID: s.Catalog.Codec().Audit(e.Environment, e.ID), At: hook.Key(e.ID).Time(), EndpointID: s.subjectID(e),
		Name: e.Name, Action: string(e.Action), By: activityBy(e.Actor.Kind), Changed: []api.ActivityFieldOut{},
	}
	for _, fields := range []map[string]any{e.After, e.Before} {
		if url, ok := fields["url"].(string); ok && out.Name == "" {
			out.Name = url // without a query, see hook.Endpoint.AuditFields
		}
	}
	if e.Action != hook.AuditUpdated {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(e.Before)) { // Before and After have the same keys
		field := api.ActivityFieldOut{Field: name}
		if slices.Contains(activityFields, name) {
			field.Before, field.After = encode(e.Before[name]), encode(e.After[name])
		} else {
			field.Before, field.After = encode(nil), encode(nil)
		}
		out.Changed = append(out.Changed, field)
	}
	return out
}

// activityBy says on which side an actor is.
func activityBy(kind hook.ActorKind) string {
	switch kind {
	case hook.ActorSystem:
		return "system"
	case hook.ActorPortal, hook.ActorOneTime, hook.ActorIntegration:
		return "portal"
	}
	return "operator" // of whom the owner learns nothing else
}
