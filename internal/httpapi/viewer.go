package httpapi

import (
	"net/http"
	"slices"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const whoamiPath = "/x/v1/whoami"

// The kinds of ViewerOut.
const (
	viewerAPI         = "api"
	viewerPortal      = "portal"
	viewerIntegration = "integration"
	viewerUser        = "user"
)

func viewerRoutes() []route {
	return []route{
		{method: http.MethodGet, path: whoamiPath, op: "viewer.get", tag: "Session", summary: "Say who calls and what they may do.", access: anyToken,
			out: api.ViewerOut{}, statuses: []int{http.StatusOK}, handler: (*server).viewer},
	}
}

func (s *server) viewer(c *call) error {
	out, err := s.viewerToAPI(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

func (s *server) viewerToAPI(c *call) (api.ViewerOut, error) {
	t, codec := c.token, s.Catalog.Codec()
	env, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return api.ViewerOut{}, err
	}
	out := api.ViewerOut{
		Kind: viewerAPI, Environment: api.ViewerEnvironment{ID: codec.Environment(env.ID)},
		Capabilities: s.capabilities(t), FeatureFlags: t.FeatureFlags, SessionID: orNil(t.SessionID),
		Scopes: scopesToAPI(t.Scopes), ExpiresAt: orNil(t.ExpiresAt),
	}
	if c.user != nil {
		out.Kind = viewerUser
		out.User = &api.ViewerUser{
			ID: codec.User(c.user.ID), Email: c.user.Email, Name: orNil(c.user.Name), Role: string(c.user.RoleIn(env.ID)), HasPassword: c.user.Password != "",
		}
		session := codec.Session(c.user.ID, c.session.ID)
		out.SessionID = &session
		all, err := s.Catalog.ListEnvironments(c.ctx())
		if err != nil {
			return out, err
		}
		for _, e := range all {
			if role := c.user.RoleIn(e.ID); role != "" {
				out.Environments = append(out.Environments, api.ViewerPlace{ID: codec.Environment(e.ID), Name: e.Name, Role: string(role)})
			}
		}
	}
	if !t.IsPortal() {
		out.Environment.Name = &env.Name
		return out, nil
	}
	out.Kind = viewerPortal
	if t.Kind == hook.IntegrationToken {
		out.Kind = viewerIntegration
	}
	out.ReadOnly = env.Settings.PortalReadOnly
	app := codec.Application(c.env(), t.Application)
	out.AppID = &app
	return out, nil
}

// capabilities returns what t may do, in the words of portal tokens. Pages for both kinds are
// then written once: a button asks for a capability, and not for a scope.
func (s *server) capabilities(t *hook.Token) []string {
	list := []string{}
	for _, can := range hook.AllCapabilities() {
		lacks := func(rt route) bool { return rt.access.portal && rt.access.can == can && rt.allows(t) != nil }
		if t.IsPortal() && t.Can(can) || !t.IsPortal() && !slices.ContainsFunc(s.routes, lacks) {
			list = append(list, string(can))
		}
	}
	return list
}
