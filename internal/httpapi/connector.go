package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/connector"
	"github.com/hookloft/hookloft/internal/hook"
)

const connectorTaken = "A connector with that id or uid already exists"

// connector resolves the connector that the path names.
func (s *server) connector(c *call) (*hook.Connector, error) {
	ref := c.param("connector_id")
	if !isRef(ref) {
		return nil, notFound()
	}
	return s.Catalog.Connector(c.ctx(), c.env(), ref)
}

func (s *server) listConnectors(c *call) error {
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, func(id string) (hook.ConnectorID, bool) { return codec.ParseConnector(c.env(), id) })
	if err != nil {
		return err
	}
	product, err := c.q.oneOf("product_type", "", hook.ConnectorProducts()...)
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListConnectors(c.ctx(), c.env(), product, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(n *hook.Connector) string { return codec.Connector(n.Environment, n.ID) }, s.connectorToAPI))
}

func (s *server) createConnector(c *call) error {
	in, err := decode[api.ConnectorIn](c)
	if err != nil {
		return err
	}
	n := s.newConnector(c)
	if err := connectorFromAPI(n, in); err != nil {
		return err
	}
	if err := s.checkConnectorCode(c, n.ID, n.Code); err != nil {
		return err
	}
	body := c.prepare(http.StatusCreated, s.connectorToAPI(n))
	if err := s.Catalog.CreateConnector(c.ctx(), n, c.receipt); err != nil {
		return conflictAs(err, "conflict", connectorTaken)
	}
	return c.raw(http.StatusCreated, body)
}

// newConnector returns an empty connector of the caller's environment.
func (s *server) newConnector(c *call) *hook.Connector {
	now := s.now()
	return &hook.Connector{ID: hook.ConnectorID(s.Catalog.NewKey()), Environment: c.env(), Product: hook.ConnectorProducts()[0], CodeUpdatedAt: now, CreatedAt: now, UpdatedAt: now}
}

func (s *server) getConnector(c *call) error {
	n, err := s.connector(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.connectorToAPI(n))
}

func (s *server) upsertConnector(c *call) error {
	in, err := decode[api.ConnectorUpsertIn](c)
	if err != nil {
		return err
	}
	ref := c.param("connector_id")
	n, err := s.connector(c)
	if err != nil && hook.KindOf(err) == hook.NotFound && isRef(ref) && !hook.HasIDPrefix("connector", ref) {
		n = s.newConnector(c)
		n.UID = ref
		if err := connectorUpsertFromAPI(n, in); err != nil {
			return err
		}
		if err := s.checkConnectorCode(c, n.ID, n.Code); err != nil {
			return err
		}
		if err := s.Catalog.CreateConnector(c.ctx(), n, nil); err != nil {
			return conflictAs(err, "conflict", connectorTaken)
		}
		return c.json(http.StatusCreated, s.connectorToAPI(n))
	}
	if err != nil {
		return err
	}
	if err := s.checkConnectorCode(c, n.ID, in.Transformation); err != nil {
		return err
	}
	return s.changeConnector(c, n.ID, func(n *hook.Connector) error { return connectorUpsertFromAPI(n, in) })
}

func (s *server) patchConnector(c *call) error {
	in, err := decode[api.ConnectorPatch](c)
	if err != nil {
		return err
	}
	n, err := s.connector(c)
	if err != nil {
		return err
	}
	if in.Transformation.Given {
		if err := s.checkConnectorCode(c, n.ID, in.Transformation.Value); err != nil {
			return err
		}
	}
	return s.changeConnector(c, n.ID, func(n *hook.Connector) error { return patchConnector(n, in) })
}

func (s *server) changeConnector(c *call, id hook.ConnectorID, change func(*hook.Connector) error) error {
	n, err := s.Catalog.UpdateConnector(c.ctx(), c.env(), id, nil, change)
	if err != nil {
		return conflictAs(err, "conflict", connectorTaken)
	}
	return c.json(http.StatusOK, s.connectorToAPI(n))
}

// checkConnectorCode refuses code that does not compile, before the update begins: inside it
// the store's writer would wait for a script's child.
func (s *server) checkConnectorCode(c *call, id hook.ConnectorID, code string) error {
	if err := hook.CheckCode("transformation", code); err != nil {
		return err
	}
	// It takes turns with the scripts of endpoints, under a number that none of them has.
	if err := s.Scripts.Check(c.ctx(), hook.EndpointID(id), code); err != nil {
		return codeError("transformation", err)
	}
	return nil
}

// simulateConnector runs code as an endpoint's would run, on a payload that is given with it.
func (s *server) simulateConnector(c *call) error {
	in, err := decode[api.TransformationSimulateIn](c)
	if err != nil {
		return err
	}
	out, err := s.simulate(c, &hook.Endpoint{ID: hook.EndpointID(c.env()), URL: "https://example.com/"}, in)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

func (s *server) deleteConnector(c *call) error {
	n, err := s.connector(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.DeleteConnector(c.ctx(), c.env(), n.ID); err != nil {
		return conflictAs(err, "connector_in_use", "Endpoints use this connector; give them another one first")
	}
	return c.empty()
}

func (s *server) getConnectorOptions(c *call) error {
	n, err := s.connector(c)
	if err != nil {
		return err
	}
	if n.Options == nil {
		return c.empty()
	}
	return c.json(http.StatusOK, connectorOptionsToAPI(n.Options))
}

func (s *server) setConnectorOptions(c *call) error {
	in, err := decode[api.ConnectorOptions](c)
	if err != nil {
		return err
	}
	n, err := s.connector(c)
	if err != nil {
		return err
	}
	n, err = s.Catalog.UpdateConnector(c.ctx(), c.env(), n.ID, nil, func(n *hook.Connector) error {
		n.Options = &hook.ConnectorOptions{Kind: in.Kind}
		switch isCustom := n.Kind == hook.ConnectorKinds()[0]; {
		case isCustom && in.Options == nil && in.Kind == n.Kind:
			return hook.Fieldf("options", "is needed for the kind %s", n.Kind)
		case in.Options != nil && isCustom:
			n.Options.AuthMethod, n.Options.DefaultURL, n.Options.HasCustom = deref(in.Options.AuthenticationMethod), deref(in.Options.DefaultURL), true
		}
		return n.Validate()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, connectorOptionsToAPI(n.Options))
}

// getEndpointsConnector shows an endpoint's connector as the contract knows it: a ready
// one is no connector of the environment.
func (s *server) getEndpointsConnector(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Connector == nil || e.Connector.ID == 0 {
		return c.empty()
	}
	n, err := s.Catalog.ConnectorOf(c.ctx(), c.env(), e.Connector.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.connectorToAPI(n))
}

func (s *server) getConnectorUse(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Connector == nil {
		return notFound()
	}
	return s.showConnectorUse(c, e)
}

func (s *server) showConnectorUse(c *call, e *hook.Endpoint) error {
	out := api.EndpointConnectorOut{
		Name: orNil(e.Connector.Ready), Variables: map[string]string{}, Withheld: []string{},
		IsOverridden: e.Transformation != nil && e.Transformation.Enabled,
	}
	if id := e.Connector.ID; id != 0 {
		out.ConnectorID = orNil(s.Catalog.Codec().Connector(c.env(), id))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Connector.Variables)) {
		if mayBeShown(e.Connector, name) {
			out.Variables[name] = e.Connector.Variables[name]
		} else {
			out.Withheld = append(out.Withheld, name)
		}
	}
	return c.json(http.StatusOK, out)
}

// mayBeShown reports whether the value of a connector's variable is no secret. What a
// variable of somebody's own code means nobody knows here, so it may be one.
func mayBeShown(u *hook.ConnectorUse, name string) bool {
	t, _ := connector.Find(u.Ready)
	v, known := t.Variable(name)
	return known && !v.IsSecret
}

// connectorVariables are variables for code whose result is shown: without the secrets.
func connectorVariables(u *hook.ConnectorUse, variables map[string]string) map[string]string {
	shown := make(map[string]string, len(variables))
	for name, value := range variables {
		if !mayBeShown(u, name) {
			value = withheldText
		}
		shown[name] = value
	}
	return shown
}

func (s *server) setConnectorUse(c *call) error {
	in, err := decode[api.EndpointConnectorIn](c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	use, n, err := s.connectorUse(c, in)
	if err != nil {
		return err
	}
	now := s.now()
	e, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		next := *use
		if next.Variables, err = variablesFromAPI(in, e.Connector, use); err != nil {
			return err
		}
		if err := fitsConnector(e, &next, n); err != nil {
			return err
		}
		e.Connector, e.UpdatedAt = &next, now
		return e.CheckTogether()
	})
	if err != nil {
		return err
	}
	return s.showConnectorUse(c, e)
}

// connectorUse resolves what a body names; n is nil for a ready connector.
func (s *server) connectorUse(c *call, in api.EndpointConnectorIn) (use *hook.ConnectorUse, n *hook.Connector, err error) {
	switch {
	case (in.ConnectorID == nil) == (in.Name == nil):
		return nil, nil, hook.Fieldf("connectorId", "give either connectorId, one of the environment's connectors, or name, a ready one")
	case in.Name != nil:
		if _, found := connector.Find(*in.Name); !found {
			return nil, nil, hook.Fieldf("name", "there is no ready connector %q", cut(*in.Name, 64))
		}
		return &hook.ConnectorUse{Ready: *in.Name}, nil, nil
	}
	unknown := hook.Fieldf("connectorId", "there is no such connector in the environment")
	if !isRef(*in.ConnectorID) {
		return nil, nil, unknown
	}
	n, err = s.Catalog.Connector(c.ctx(), c.env(), *in.ConnectorID)
	switch {
	case err != nil && hook.KindOf(err) == hook.NotFound, err == nil && !n.VisibleTo(c.flags()):
		return nil, nil, unknown
	case err != nil:
		return nil, nil, err
	}
	return &hook.ConnectorUse{ID: n.ID}, n, nil
}

// variablesFromAPI returns the variables of a use; those whose values the client was not
// shown keep them, where the connector is still the one of old.
func variablesFromAPI(in api.EndpointConnectorIn, old, use *hook.ConnectorUse) (map[string]string, error) {
	isSame := old != nil && old.ID == use.ID && old.Ready == use.Ready
	if isSame && in.Variables == nil && in.Withheld == nil {
		return old.Variables, nil
	}
	vars := maps.Clone(in.Variables)
	for i, name := range in.Withheld {
		if _, given := in.Variables[name]; given {
			continue
		}
		value, has := "", false
		if isSame {
			value, has = old.Variables[name]
		}
		if !has {
			return nil, &hook.FieldError{Path: []string{"withheld", fmt.Sprintf("[%d]", i)}, Text: "no value is set that could be kept: give it in variables"}
		}
		if vars == nil {
			vars = map[string]string{}
		}
		vars[name] = value
	}
	return vars, hook.CheckVariables("variables", vars)
}

// fitsConnector refuses a connector that does not serve the endpoint; n is nil for a ready one.
func fitsConnector(e *hook.Endpoint, use *hook.ConnectorUse, n *hook.Connector) error {
	if n == nil {
		t, _ := connector.Find(use.Ready)
		if t.Name == connector.Email && !e.IsMail() {
			return hook.Fieldf("name", "is for an endpoint whose URL is that of an SMTP server: smtp://... or smtps://...")
		}
		return t.Check("variables", use.Variables)
	}
	if n.AllowedEventTypes == nil {
		return nil
	}
	if len(e.EventTypes) == 0 {
		return hook.Fieldf("connectorId", "the connector is for some event types only, and the endpoint subscribes to all")
	}
	for _, name := range e.EventTypes {
		if !slices.Contains(n.AllowedEventTypes, name) {
			return hook.Fieldf("connectorId", "the connector is not for the event type %s", name)
		}
	}
	return nil
}

func (s *server) removeConnectorUse(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Connector, e.UpdatedAt = nil, now
		settleMail(e)
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty()
}

// settleMail gives an endpoint with the URL of an SMTP server the connector that makes
// e-mails, where it has none, and takes that from an endpoint with another URL.
func settleMail(e *hook.Endpoint) {
	switch isMail := e.IsMail(); {
	case isMail && e.Connector == nil:
		e.Connector = &hook.ConnectorUse{Ready: connector.Email}
	case !isMail && e.Connector != nil && e.Connector.Ready == connector.Email:
		e.Connector = nil
	}
}

func (s *server) listTemplates(c *call) error {
	out := api.ConnectorTemplateList{Data: []api.ConnectorTemplateOut{}}
	for _, t := range connector.All() {
		one, err := templateToAPI(&t)
		if err != nil {
			return err
		}
		out.Data = append(out.Data, one)
	}
	return c.json(http.StatusOK, out)
}

func (s *server) getTemplate(c *call) error {
	t, found := connector.Find(c.param("name"))
	if !found {
		return notFound()
	}
	out, err := templateToAPI(&t)
	if err != nil {
		return err
	}
	out.Transformation = orNil(t.Code())
	return c.json(http.StatusOK, out)
}

func templateToAPI(t *connector.Template) (api.ConnectorTemplateOut, error) {
	out := api.ConnectorTemplateOut{
		Name: t.Name, Title: t.Title, Kind: t.Kind, Description: t.Description, Instructions: t.Instructions, URL: t.URL,
		Variables: []api.ConnectorTemplateVariable{}, Limits: t.Limits, Idempotency: t.Idempotency, Sure: t.Sure,
		Example: api.ConnectorTemplateExample{EventType: t.EventType},
	}
	for _, v := range t.Variables {
		out.Variables = append(out.Variables, api.ConnectorTemplateVariable{Name: v.Name, Meaning: v.Meaning, Required: v.Required, Secret: v.IsSecret})
	}
	return out, json.Unmarshal([]byte(t.Payload), &out.Example.Payload)
}
