package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const appTaken = "An application with that id or uid already exists"

func (s *server) listApplications(c *call) error {
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, func(id string) (hook.ApplicationID, bool) { return codec.ParseApplication(c.env(), id) })
	if err != nil {
		return err
	}
	var f store.AppFilter
	if f.WithEndpoints, err = c.q.boolean("exclude_apps_with_no_endpoints", false); err != nil {
		return err
	}
	if f.WithoutAllDisabled, err = c.q.boolean("exclude_apps_with_disabled_endpoints", false); err != nil {
		return err
	}
	list, err := s.Catalog.ListApplications(c.ctx(), c.env(), f, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(a *hook.Application) string { return codec.Application(c.env(), a.ID) }, s.applicationToAPI))
}

func (s *server) createApplication(c *call) error {
	in, err := decode[api.ApplicationIn](c)
	if err != nil {
		return err
	}
	getIfExists, err := c.q.boolean("get_if_exists", false)
	if err != nil {
		return err
	}
	a, err := s.newApplication(c, in)
	if err != nil {
		return err
	}
	body := c.prepare(http.StatusCreated, s.applicationToAPI(a))
	err = s.Catalog.CreateApplication(c.ctx(), a, c.receipt)
	if getIfExists && a.UID != "" && hook.KindOf(err) == hook.Conflict {
		earlier, err := s.Catalog.Application(c.ctx(), c.env(), a.UID)
		if err != nil {
			return err
		}
		return c.json(http.StatusOK, s.applicationToAPI(earlier))
	}
	if err != nil {
		return conflictAs(err, "conflict", appTaken)
	}
	return c.raw(http.StatusCreated, body)
}

// newApplication makes a valid application that is not stored yet.
func (s *server) newApplication(c *call, in api.ApplicationIn) (*hook.Application, error) {
	now := s.now()
	a := &hook.Application{ID: hook.ApplicationID(s.Catalog.NewKey()), Environment: c.env(), CreatedAt: now, UpdatedAt: now}
	return a, applicationFromAPI(a, in)
}

func (s *server) getApplication(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.applicationToAPI(a))
}

// upsertApplication replaces the application that the path names, or creates one
// with an id of its own: the path's text does not become its uid (CONTRACT 1.12).
func (s *server) upsertApplication(c *call) error {
	in, err := decode[api.ApplicationIn](c)
	if err != nil {
		return err
	}
	a, err := s.ordinaryApplication(c)
	if hook.KindOf(err) == hook.NotFound {
		if a, err = s.newApplication(c, in); err != nil {
			return err
		}
		if err := s.Catalog.CreateApplication(c.ctx(), a, nil); err != nil {
			return conflictAs(err, "conflict", appTaken)
		}
		return c.json(http.StatusCreated, s.applicationToAPI(a))
	}
	if err != nil {
		return err
	}
	return s.changeApplication(c, a.ID, func(a *hook.Application) error { return applicationFromAPI(a, in) })
}

func (s *server) patchApplication(c *call) error {
	in, err := decode[api.ApplicationPatch](c)
	if err != nil {
		return err
	}
	a, err := s.ordinaryApplication(c)
	if err != nil {
		return err
	}
	return s.changeApplication(c, a.ID, func(a *hook.Application) error { return patchApplication(a, in) })
}

func (s *server) changeApplication(c *call, id hook.ApplicationID, change func(*hook.Application) error) error {
	now := s.now()
	a, err := s.Catalog.UpdateApplication(c.ctx(), id, func(a *hook.Application) error {
		a.UpdatedAt = now
		return change(a)
	})
	if err != nil {
		return conflictAs(err, "conflict", appTaken)
	}
	return c.json(http.StatusOK, s.applicationToAPI(a))
}

func (s *server) deleteApplication(c *call) error {
	a, err := s.ordinaryApplication(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.DeleteApplication(c.ctx(), a.ID); err != nil {
		return err
	}
	return c.empty()
}

// inlineApplication makes the application that a request about ref carries along, to
// be created when ref names none. Its uid must be ref.
func inlineApplication(in *api.ApplicationIn, ref string) (*hook.Application, error) {
	if in == nil {
		return nil, nil
	}
	switch uid := deref(in.UID); {
	case uid == "":
		return nil, &hook.FieldError{Path: []string{"application", "uid"}, Code: "application_uid_missing", Text: "must be given, and be the one in the path"}
	case uid != ref:
		return nil, &hook.FieldError{Path: []string{"application", "uid"}, Code: "application_uid_mismatch", Text: "must be the one in the path"}
	}
	a := &hook.Application{}
	return a, within(applicationFromAPI(a, *in), "application")
}
