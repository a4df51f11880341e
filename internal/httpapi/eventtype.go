package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const eventTypeTaken = "An event type with that name already exists"

// flags are the feature flags that restrict what the caller sees; nil for an API
// token, which sees everything.
func (c *call) flags() []string {
	if !c.token.IsPortal() {
		return nil
	}
	return append([]string{}, c.token.FeatureFlags...)
}

func (s *server) listEventTypes(c *call) error {
	p, err := page(c.q, false, func(name string) (string, bool) { return name, hook.CheckEventTypeName("iterator", name) == nil })
	if err != nil {
		return err
	}
	archived, err := c.q.boolean("include_archived", false)
	if err != nil {
		return err
	}
	withContent, err := c.q.boolean("with_content", false)
	if err != nil {
		return err
	}
	list, err := s.visibleEventTypes(c, archived, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list, func(t *hook.EventType) string { return t.Name },
		func(t *hook.EventType) api.EventTypeOut { return eventTypeToAPI(t, withContent) }))
}

// visibleEventTypes reads pages until one is filled with types that the caller may see.
func (s *server) visibleEventTypes(c *call, archived bool, p store.Page[string]) (store.Listed[*hook.EventType], error) {
	flags := c.flags()
	var out store.Listed[*hook.EventType]
	for {
		list, err := s.Catalog.ListEventTypes(c.ctx(), c.env(), archived, p)
		if err != nil || flags == nil {
			return list, err
		}
		var seen []*hook.EventType
		for _, t := range list.Rows {
			if t.VisibleTo(flags) {
				seen = append(seen, t)
			}
		}
		if p.Backward {
			out.Rows = append(seen, out.Rows...)
		} else {
			out.Rows = append(out.Rows, seen...)
		}
		out.More = list.More
		if !list.More || len(list.Rows) == 0 || len(out.Rows) >= p.Limit {
			break
		}
		p.HasAfter = true
		if p.Backward {
			p.After = list.Rows[0].Name
		} else {
			p.After = list.Rows[len(list.Rows)-1].Name
		}
	}
	if over := len(out.Rows) - p.Limit; over > 0 {
		out.More = true
		if p.Backward {
			out.Rows = out.Rows[over:]
		} else {
			out.Rows = out.Rows[:p.Limit]
		}
	}
	return out, nil
}

func (s *server) createEventType(c *call) error {
	in, err := decode[api.EventTypeIn](c)
	if err != nil {
		return err
	}
	t, err := s.newEventType(c, in.Name, in)
	if err != nil {
		return err
	}
	body := c.prepare(http.StatusCreated, eventTypeToAPI(t, true))
	err = s.Catalog.CreateEventType(c.ctx(), t, c.receipt)
	if hook.KindOf(err) == hook.Conflict {
		return s.reviveEventType(c, t)
	}
	if err != nil {
		return err
	}
	return c.raw(http.StatusCreated, body)
}

// reviveEventType overwrites an archived type with t, as creating one does; a live
// one is a conflict.
func (s *server) reviveEventType(c *call, t *hook.EventType) error {
	body := c.prepare(http.StatusCreated, eventTypeToAPI(t, true))
	_, err := s.Catalog.UpdateEventType(c.ctx(), c.env(), t.Name, c.receipt, func(old *hook.EventType) error {
		if !old.Archived {
			return hook.Errorf(hook.Conflict, eventTypeTaken)
		}
		*old = *t
		return nil
	})
	if err != nil {
		return conflictAs(err, "event_type_exists", eventTypeTaken)
	}
	return c.raw(http.StatusCreated, body)
}

func (s *server) newEventType(c *call, name string, in api.EventTypeIn) (*hook.EventType, error) {
	now := s.now()
	t := &hook.EventType{Environment: c.env(), Name: name, CreatedAt: now, UpdatedAt: now}
	return t, eventTypeFromAPI(t, in)
}

func (s *server) getEventType(c *call) error {
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, eventTypeToAPI(t, true))
}

// eventType resolves the event type that the path names; one that the caller's
// feature flags hide does not exist for it.
func (s *server) eventType(c *call) (*hook.EventType, error) {
	name := c.param("event_type_name")
	if hook.CheckEventTypeName("name", name) != nil {
		return nil, notFound()
	}
	t, err := s.Catalog.EventType(c.ctx(), c.env(), name)
	if err != nil {
		return nil, err
	}
	if !t.VisibleTo(c.flags()) {
		return nil, notFound()
	}
	return t, nil
}

// setOnEventType sets something on the event type of the path and returns it as it is then.
func (s *server) setOnEventType(c *call, set func(*hook.EventType)) (*hook.EventType, error) {
	t, err := s.eventType(c)
	if err != nil {
		return nil, err
	}
	now := s.now()
	return s.Catalog.UpdateEventType(c.ctx(), c.env(), t.Name, nil, func(t *hook.EventType) error {
		set(t)
		t.UpdatedAt = now
		return nil
	})
}

func (s *server) upsertEventType(c *call) error {
	in, err := decode[api.EventTypeIn](c)
	if err != nil {
		return err
	}
	t, err := s.eventType(c)
	if hook.KindOf(err) == hook.NotFound {
		if t, err = s.newEventType(c, c.param("event_type_name"), in); err != nil {
			return err
		}
		if err := s.Catalog.CreateEventType(c.ctx(), t, nil); err != nil {
			return conflictAs(err, "event_type_exists", eventTypeTaken)
		}
		return c.json(http.StatusCreated, eventTypeToAPI(t, true))
	}
	if err != nil {
		return err
	}
	return s.changeEventType(c, t.Name, func(t *hook.EventType) error { return eventTypeFromAPI(t, in) })
}

func (s *server) patchEventType(c *call) error {
	in, err := decode[api.EventTypePatch](c)
	if err != nil {
		return err
	}
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	if err := checkSchemas(rawOrNil(in.Schemas.Value)); err != nil {
		return err
	}
	return s.changeEventType(c, t.Name, func(t *hook.EventType) error { return patchEventType(t, in) })
}

func (s *server) changeEventType(c *call, name string, change func(*hook.EventType) error) error {
	now := s.now()
	t, err := s.Catalog.UpdateEventType(c.ctx(), c.env(), name, nil, func(t *hook.EventType) error {
		t.UpdatedAt = now
		return change(t)
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, eventTypeToAPI(t, true))
}

// deleteEventType archives, or with expunge=true removes.
func (s *server) deleteEventType(c *call) error {
	expunge, err := c.q.boolean("expunge", false)
	if err != nil {
		return err
	}
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	if expunge {
		err = s.Catalog.DeleteEventType(c.ctx(), c.env(), t.Name)
	} else {
		now := s.now()
		_, err = s.Catalog.UpdateEventType(c.ctx(), c.env(), t.Name, nil, func(t *hook.EventType) error {
			t.Archived, t.UpdatedAt = true, now
			return nil
		})
	}
	if err != nil {
		return err
	}
	return c.empty()
}
