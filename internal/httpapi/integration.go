package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

// integration resolves the application and the integration that the path names.
func (s *server) integration(c *call) (*hook.Application, *hook.Integration, error) {
	a, err := s.ordinaryApplication(c)
	if err != nil {
		return nil, nil, err
	}
	id, ok := s.Catalog.Codec().ParseIntegration(a.ID, c.param("integ_id"))
	if !ok {
		return nil, nil, notFound()
	}
	i, err := s.Catalog.Integration(c.ctx(), a.ID, id)
	return a, i, err
}

func (s *server) listIntegrations(c *call) error {
	a, err := s.ordinaryApplication(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, func(id string) (hook.IntegrationID, bool) { return codec.ParseIntegration(a.ID, id) })
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListIntegrations(c.ctx(), a.ID, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(i *hook.Integration) string { return codec.Integration(a.ID, i.ID) }, s.integrationToAPI))
}

func (s *server) createIntegration(c *call) error {
	in, err := decode[api.IntegrationIn](c)
	if err != nil {
		return err
	}
	a, err := s.ordinaryApplication(c)
	if err != nil {
		return err
	}
	now := s.now()
	i := &hook.Integration{ID: hook.IntegrationID(s.Catalog.NewKey()), Application: a.ID, Name: in.Name, FeatureFlags: in.FeatureFlags, CreatedAt: now, UpdatedAt: now}
	if err := s.checkIntegration(c, i); err != nil {
		return err
	}
	body := c.prepare(http.StatusCreated, s.integrationToAPI(i))
	if err := s.Catalog.CreateIntegration(c.ctx(), i, c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusCreated, body)
}

// checkIntegration checks what a client sets, and that the caller may give such a key.
func (s *server) checkIntegration(c *call, i *hook.Integration) error {
	if err := i.Validate(); err != nil {
		return err
	}
	return s.mayGrant(c, i.Grant())
}

func (s *server) getIntegration(c *call) error {
	_, i, err := s.integration(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.integrationToAPI(i))
}

func (s *server) updateIntegration(c *call) error {
	in, err := decode[api.IntegrationIn](c)
	if err != nil {
		return err
	}
	a, i, err := s.integration(c)
	if err != nil {
		return err
	}
	i, err = s.Catalog.UpdateIntegration(c.ctx(), a.ID, i.ID, func(i *hook.Integration) error {
		i.Name, i.FeatureFlags = in.Name, in.FeatureFlags
		return s.checkIntegration(c, i)
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.integrationToAPI(i))
}

func (s *server) deleteIntegration(c *call) error {
	a, i, err := s.integration(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.DeleteIntegration(c.ctx(), a.ID, i.ID); err != nil {
		return err
	}
	return c.empty()
}

// rotateIntegrationKey makes the integration's key; the one before ends at once.
func (s *server) rotateIntegrationKey(c *call) error {
	a, i, err := s.integration(c)
	if err != nil {
		return err
	}
	if err := s.mayGrant(c, i.Grant()); err != nil {
		return err
	}
	text := auth.MintIntegration()
	key := &hook.Token{ID: hook.TokenID(s.Catalog.NewKey()), Hash: s.Hasher.Hash(text), Hint: text.Hint(), CreatedAt: s.now()}
	body := c.prepare(http.StatusOK, api.IntegrationKeyOut{Key: text.Reveal()})
	if err := s.Catalog.RotateKey(c.ctx(), a.ID, i.ID, key, text.Reveal(), c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusOK, body)
}

// getIntegrationKey shows a key again, as older clients ask for it.
func (s *server) getIntegrationKey(c *call) error {
	a, i, err := s.integration(c)
	if err != nil {
		return err
	}
	if err := s.mayGrant(c, i.Grant()); err != nil {
		return err
	}
	key, err := s.Catalog.IntegrationKey(c.ctx(), a.ID, i.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.IntegrationKeyOut{Key: key})
}

func (s *server) integrationToAPI(i *hook.Integration) api.IntegrationOut {
	return api.IntegrationOut{
		ID: s.Catalog.Codec().Integration(i.Application, i.ID), Name: i.Name, FeatureFlags: nilIfEmpty(i.FeatureFlags),
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
}
