package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// Consents asks receivers whether they agree to be sent to.
type Consents interface {
	// Ask asks now and returns the endpoint with what came of it; a refusal is no error.
	Ask(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID) (*hook.Endpoint, error)
	// Wake makes it look for receivers to ask.
	Wake()
}

// consentRoutes are how a receiver is asked whether it agrees to be sent to.
func consentRoutes() (list []route) {
	const ok, none = http.StatusOK, http.StatusNoContent
	for _, at := range []struct {
		path, op, tag string
		view, manage  access
	}{
		{ownEndpointPath, "endpoint", "Consent", portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)},
		{ownSourceEndpointPath, "source.endpoint", "Source settings", access{}, access{}},
		{ownDestinationPath, "destination", "Consent", portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)},
	} {
		list = append(list,
			route{method: http.MethodGet, path: at.path + "/consent", op: at.op + ".get-consent", tag: at.tag, access: at.view,
				summary: "Show whether the receiver of an endpoint agreed to be sent to.",
				out:     api.EndpointConsentOut{}, statuses: []int{ok}, handler: (*server).getConsent},
			route{method: http.MethodPut, path: at.path + "/consent", op: at.op + ".set-consent", tag: at.tag, access: at.manage,
				summary: "Hold an endpoint until its receiver agrees; it is asked by itself.",
				in:      api.EndpointConsentIn{}, bodyOptional: true, out: api.EndpointConsentOut{}, statuses: []int{ok}, handler: (*server).setConsent},
			route{method: http.MethodPost, path: at.path + "/consent", op: at.op + ".ask-consent", tag: at.tag, access: at.manage,
				summary: "Ask the receiver of an endpoint now and answer what it said; until it agrees nothing is sent.",
				in:      api.EndpointConsentIn{}, bodyOptional: true, out: api.EndpointConsentOut{}, statuses: []int{ok}, handler: (*server).askConsent},
			// A customer cannot waive what protects others from being sent to.
			route{method: http.MethodDelete, path: at.path + "/consent", op: at.op + ".waive-consent", tag: at.tag,
				summary: "Send to an endpoint whether its receiver agreed or not.", statuses: []int{none}, handler: (*server).waiveConsent},
		)
	}
	return list
}

func (s *server) getConsent(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, consentToAPI(e))
}

func (s *server) setConsent(c *call) error {
	_, e, err := s.changeConsent(c)
	if err != nil {
		return err
	}
	s.wakeConsents(e)
	return c.json(http.StatusOK, consentToAPI(e))
}

func (s *server) askConsent(c *call) error {
	a, e, err := s.changeConsent(c)
	if err != nil {
		return err
	}
	if e, err = s.Consents.Ask(c.ctx(), a.ID, e.ID); err != nil {
		return err
	}
	return c.json(http.StatusOK, consentToAPI(e))
}

func (s *server) waiveConsent(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Consent, e.UpdatedAt = nil, now
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty()
}

// changeConsent gives an endpoint the method of the body, where it has another or none. A
// consent that was given by another method is void.
func (s *server) changeConsent(c *call) (*hook.Application, *hook.Endpoint, error) {
	in, err := decodeOptional[api.EndpointConsentIn](c)
	if err != nil {
		return nil, nil, err
	}
	a, e, err := s.endpoint(c)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case s.Consents == nil:
		return nil, nil, notServed()
	case e.Kind == hook.PollingEndpoint:
		return nil, nil, hook.Errorf(hook.Invalid, "a pollingEndpoint is sent nothing, so that nobody is to be asked")
	case e.IsMail() && e.Consent == nil:
		return nil, nil, hook.Errorf(hook.Invalid, "nobody can be asked for consent by e-mail")
	}
	want := hook.Consent{Method: hook.ConsentChallenge}
	if e.Consent != nil {
		want.Method = e.Consent.Method
	}
	if in.Method != nil {
		want.Method = *in.Method
	}
	if err := want.Validate(); err != nil {
		return nil, nil, err
	}
	if e.Consent != nil && e.Consent.Method == want.Method {
		return a, e, nil
	}
	if c.token.IsPortal() && want.Method == hook.ConsentTest {
		environment, err := s.Catalog.Environment(c.ctx(), c.env())
		if err != nil {
			return nil, nil, err
		}
		if environment.Settings.RequireConsent {
			// Almost any server answers a POST with 200, so this proves little about a
			// stranger's URL.
			return nil, nil, hook.Fieldf("method", "must be another than test: the environment requires consent (requireEndpointConsent)")
		}
	}
	now := s.now()
	e, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		if e.Consent == nil || e.Consent.Method != want.Method {
			e.Consent, e.UpdatedAt = hook.NewConsent(want.Method, now), now
		}
		return nil
	})
	return a, e, err
}

// requireConsent holds a new endpoint until its receiver agrees, where the environment
// wants that. Receivers of sources and of operational webhooks are the user's own.
func (s *server) requireConsent(c *call, e *hook.Endpoint, st *hook.Settings) {
	if st.RequireConsent && s.Consents != nil && !c.isOperational() && !c.ofSource() && e.Kind != hook.PollingEndpoint {
		e.Consent = hook.NewConsent(hook.ConsentChallenge, e.CreatedAt)
	}
}

// moved has another URL's receiver agree, where the one before had to, or where a customer
// has chosen it and the environment wants agreement.
func (s *server) moved(c *call, e *hook.Endpoint, before string, st *hook.Settings, now time.Time) {
	e.MovedTo(before, now)
	if e.URL != before && e.Consent == nil && c.token.IsPortal() {
		s.requireConsent(c, e, st)
	}
}

// wakeConsents has the receiver of an endpoint that was made or changed asked.
func (s *server) wakeConsents(e *hook.Endpoint) {
	if s.Consents != nil && e.AwaitsConsent() {
		s.Consents.Wake()
	}
}

func consentToAPI(e *hook.Endpoint) api.EndpointConsentOut {
	x := e.Consent
	if x == nil {
		return api.EndpointConsentOut{}
	}
	out := api.EndpointConsentOut{Required: true, Method: &x.Method, AskedAt: timeOrNil(x.AskedAt), Error: orNil(plainText(x.Error))}
	if e.AwaitsConsent() {
		out.NextAskAt = timeOrNil(x.NextAt)
		return out
	}
	out.Verified, out.VerifiedAt, out.RatePerMinute = true, timeOrNil(x.VerifiedAt), orNil(int64(x.PerMinute))
	return out
}
