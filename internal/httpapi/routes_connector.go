package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	connectorPath = "/api/v1/connector"
	templatePath  = "/x/v1/connector-template"
)

// connectorRoutes are named transformations, the ready ones, and which endpoint uses which.
func connectorRoutes() []route {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	const ok, created, none = http.StatusOK, http.StatusCreated, http.StatusNoContent
	const one = connectorPath + "/{connector_id}"
	view := portalMay(hook.ViewBase)
	list := []route{
		{method: get, path: connectorPath, op: "connector.list", tag: "Connector", summary: "List connectors.",
			out: api.List[api.ConnectorOut]{}, statuses: []int{ok}, handler: (*server).listConnectors,
			query: append([]param{{name: "product_type", kind: "string", summary: "Only those for endpoints (Dispatch), or for streams.", words: hook.ConnectorProducts()}}, pageParams...)},
		{method: post, path: connectorPath, op: "connector.create", tag: "Connector", summary: "Create a connector.", receipts: true,
			in: api.ConnectorIn{}, out: api.ConnectorOut{}, statuses: []int{created}, handler: (*server).createConnector},
		{method: get, path: one, op: "connector.get", tag: "Connector", summary: "Show a connector.",
			out: api.ConnectorOut{}, statuses: []int{ok}, handler: (*server).getConnector},
		{method: put, path: one, op: "connector.upsert", tag: "Connector", summary: "Replace a connector, or create one. Its endpoints run the new code from the next attempt on.",
			in: api.ConnectorUpsertIn{}, out: api.ConnectorOut{}, statuses: []int{ok, created}, handler: (*server).upsertConnector},
		{method: patch, path: one, op: "connector.patch", tag: "Connector", summary: "Change some fields of a connector.",
			in: api.ConnectorPatch{}, out: api.ConnectorOut{}, statuses: []int{ok}, handler: (*server).patchConnector},
		{method: del, path: one, op: "connector.delete", tag: "Connector", summary: "Remove a connector that no endpoint uses.",
			statuses: []int{none}, handler: (*server).deleteConnector},
		{method: get, path: one + "/options", op: "connector.options.get", tag: "Connector", summary: "Show what endpoints with a connector begin with; 204 where nothing is set.",
			out: api.ConnectorOptions{}, statuses: []int{ok, none}, handler: (*server).getConnectorOptions},
		{method: put, path: one + "/options", op: "connector.options.set", tag: "Connector", summary: "Set what endpoints with a connector begin with.",
			in: api.ConnectorOptions{}, out: api.ConnectorOptions{}, statuses: []int{ok}, handler: (*server).setConnectorOptions},
		{method: post, path: connectorPath + "/simulate", op: "connector.simulate", tag: "Connector", publishes: true,
			summary: "Run code on a payload, as for an endpoint at example.com, without sending anything.",
			in:      api.TransformationSimulateIn{}, out: api.TransformationSimulateOut{}, statuses: []int{ok}, handler: (*server).simulateConnector},
		{method: get, path: endpointPath + "/connector", op: "endpoint.get_connector", tag: "Endpoint", access: view,
			summary: "Show the environment's connector of an endpoint; 204 where it has none, or a ready one.",
			out:     api.ConnectorOut{}, statuses: []int{ok, none}, handler: (*server).getEndpointsConnector},

		{method: get, path: templatePath, op: "connector-template.list", tag: "Connector", summary: "List the ready connectors.", access: view,
			out: api.ConnectorTemplateList{}, statuses: []int{ok}, handler: (*server).listTemplates},
		{method: get, path: templatePath + "/{name}", op: "connector-template.get", tag: "Connector", summary: "Show a ready connector with its code.", access: view,
			out: api.ConnectorTemplateOut{}, statuses: []int{ok}, handler: (*server).getTemplate},
	}
	use := feature{name: "connector", noun: "connector-use", tag: "Connector", sourceTag: "Source settings", remove: "remove",
		in: api.EndpointConnectorIn{}, out: api.EndpointConnectorOut{},
		summaries: [...]string{
			"Show which connector an endpoint has; secret variables are withheld.",
			"Have an endpoint run a connector's code: one of the environment, or a ready one.",
			"Have an endpoint run no connector's code.",
		},
		handlers: [...]func(*server, *call) error{(*server).getConnectorUse, (*server).setConnectorUse, (*server).removeConnectorUse},
	}
	for _, at := range pushPlaces() {
		list = append(list, use.routes(at)...)
	}
	return list
}
