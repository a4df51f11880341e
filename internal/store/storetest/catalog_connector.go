package storetest

import (
	"fmt"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func connectorOf(env hook.EnvironmentID, name, uid string) *hook.Connector {
	return &hook.Connector{Environment: env, Name: name, UID: uid, Kind: "Custom", Product: "Dispatch", Code: "function handler(w) { return w }"}
}

func testConnectors(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	var want []string
	var one *hook.Connector
	for i := range 4 {
		r.must(r.CreateConnector(r.ctx, connectorOf(other.ID, "noise", ""), nil))
		one = connectorOf(env.ID, fmt.Sprint("c", i), fmt.Sprint("uid-", i))
		one.Options = &hook.ConnectorOptions{Kind: "Custom", AuthMethod: "HttpBasic", DefaultURL: "https://example.com/", HasCustom: true}
		one.AllowedEventTypes, one.FeatureFlags = []string{"a.b"}, []string{"beta"}
		r.must(r.CreateConnector(r.ctx, one, nil))
		want = append(want, one.Name)
	}
	stream := connectorOf(env.ID, "stream", "")
	stream.Product = "Stream"
	r.must(r.CreateConnector(r.ctx, stream, nil))
	walkPages(r, "connectors", want, func(p store.Page[hook.ConnectorID]) (store.Listed[*hook.Connector], error) {
		return r.ListConnectors(r.ctx, env.ID, "Dispatch", p)
	}, func(c *hook.Connector) (hook.ConnectorID, string) { return c.ID, c.Name })
	walkPages(r, "connectors of every product", append(want, "stream"), func(p store.Page[hook.ConnectorID]) (store.Listed[*hook.Connector], error) {
		return r.ListConnectors(r.ctx, env.ID, "", p)
	}, func(c *hook.Connector) (hook.ConnectorID, string) { return c.ID, c.Name })

	r.wants(hook.Conflict, r.CreateConnector(r.ctx, connectorOf(env.ID, "again", "uid-1"), nil))
	r.wants(hook.NotFound, r.CreateConnector(r.ctx, connectorOf(none, "nowhere", ""), nil))
	r.must(r.CreateConnector(r.ctx, connectorOf(other.ID, "elsewhere", "uid-1"), nil))
	id := r.Codec().Connector(env.ID, one.ID)
	for _, ref := range []string{id, "uid-3"} {
		got, err := r.Connector(r.ctx, env.ID, ref)
		r.must(err)
		r.same("connector by "+ref, got, one)
	}
	r.wants(hook.NotFound, second(r.Connector(r.ctx, other.ID, id)))
	r.wants(hook.NotFound, second(r.ConnectorOf(r.ctx, other.ID, one.ID)))
	r.wants(hook.NotFound, second(r.Connector(r.ctx, env.ID, "uid-9")))

	r.wants(hook.NotFound, second(r.UpdateConnector(r.ctx, other.ID, one.ID, nil, func(*hook.Connector) error { return nil })))
	r.wants(hook.Conflict, second(r.UpdateConnector(r.ctx, env.ID, one.ID, nil, func(c *hook.Connector) error { c.UID = "uid-0"; return nil })))
	changed, err := r.UpdateConnector(r.ctx, env.ID, one.ID, nil, func(c *hook.Connector) error {
		c.Name, c.UID, c.Options, c.Environment, c.ID = "new name", "", nil, other.ID, 7
		return nil
	})
	r.must(err)
	if !changed.CodeUpdatedAt.Equal(one.CodeUpdatedAt) {
		r.Errorf("the code did not change, but its time did")
	}
	r.reopen()
	stored, err := r.ConnectorOf(r.ctx, env.ID, one.ID)
	r.must(err)
	r.same("updated", stored, changed)

	r.wants(hook.NotFound, r.DeleteConnector(r.ctx, other.ID, one.ID))
	r.must(r.DeleteConnector(r.ctx, env.ID, one.ID))
	r.wants(hook.NotFound, second(r.ConnectorOf(r.ctx, env.ID, one.ID)))
	r.must(r.DeleteEnvironment(r.ctx, other.ID))
	r.wants(hook.NotFound, second(r.Connector(r.ctx, other.ID, "uid-1")))
}

func testConnectorUse(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	app := r.application(env.ID, "app")
	foreign := connectorOf(other.ID, "foreign", "")
	r.must(r.CreateConnector(r.ctx, foreign, nil))
	c := connectorOf(env.ID, "one", "")
	r.must(r.CreateConnector(r.ctx, c, nil))
	endpoint := func(id hook.ConnectorID) *hook.Endpoint {
		e := &hook.Endpoint{Application: app.ID, URL: "https://example.com/"}
		e.Connector = &hook.ConnectorUse{ID: id, Variables: map[string]string{"channel": "sealed-variable"}}
		return e
	}
	r.wants(hook.NotFound, r.CreateEndpoint(r.ctx, endpoint(foreign.ID), nil))
	e := endpoint(c.ID)
	r.must(r.CreateEndpoint(r.ctx, e, nil))
	scriptIs := func(code string) {
		r.Helper()
		plan, err := r.PlanOf(r.ctx, app.ID)
		r.must(err)
		one, err := r.Endpoint(r.ctx, app.ID, r.Codec().Endpoint(app.ID, e.ID))
		r.must(err)
		for where, got := range map[string]*hook.Endpoint{"plan": plan.Endpoint(e.ID), "endpoint": one} {
			if s := got.Script(); s == nil || s.Code != code || s.Variables["channel"] != "sealed-variable" {
				r.Fatalf("%s: the script is not the connector's %q", where, code)
			}
		}
	}
	scriptIs(c.Code)
	const next = "function handler(w) { w.payload = 2; return w }"
	changed, err := r.UpdateConnector(r.ctx, env.ID, c.ID, nil, func(c *hook.Connector) error { c.Code = next; return nil })
	r.must(err)
	if !changed.CodeUpdatedAt.Equal(changed.UpdatedAt) {
		r.Errorf("the code changed, but its time did not")
	}
	scriptIs(next)
	r.wants(hook.NotFound, second(r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Connector = &hook.ConnectorUse{ID: foreign.ID}
		return nil
	})))
	r.wants(hook.Conflict, r.DeleteConnector(r.ctx, env.ID, c.ID))
	r.must(r.Store.Close())
	r.nowhereOnDisk("sealed-variable")
	r.Store = r.opener(r.T, r.dir)
	scriptIs(next)
	// A ready connector that this server does not know has no code, and says so.
	_, err = r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Connector = &hook.ConnectorUse{Ready: "of-a-newer-version"}
		return nil
	})
	r.must(err)
	plan, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	if s := plan.Endpoint(e.ID).Script(); s == nil || s.Code != "" {
		r.Fatalf("an unknown connector has the script %v", s)
	}
	r.must(r.DeleteConnector(r.ctx, env.ID, c.ID))
}
