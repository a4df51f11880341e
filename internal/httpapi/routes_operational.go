package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

const (
	operationalPath         = "/api/v1/operational-webhook/endpoint"
	operationalEndpointPath = operationalPath + "/{endpoint_id}"
)

// operationalRoutes are the receivers of operational webhooks.
func operationalRoutes() []route {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		ok, created, none   = http.StatusOK, http.StatusCreated, http.StatusNoContent
		tag                 = "Operational Webhook"
	)
	return []route{
		{method: get, path: operationalPath, op: "operational-webhook.endpoint.list", tag: tag, summary: "List the receivers of operational webhooks.",
			out: api.List[api.OperationalWebhookEndpointOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listEndpoints},
		{method: post, path: operationalPath, op: "operational-webhook.endpoint.create", tag: tag, summary: "Create a receiver of operational webhooks. Its name is not looked up.",
			in: api.OperationalWebhookEndpointIn{}, out: api.OperationalWebhookEndpointOut{}, statuses: []int{created}, receipts: true, handler: (*server).createEndpoint},
		{method: get, path: operationalEndpointPath, op: "operational-webhook.endpoint.get", tag: tag, summary: "Show a receiver of operational webhooks.",
			out: api.OperationalWebhookEndpointOut{}, statuses: []int{ok}, handler: (*server).getEndpoint},
		{method: put, path: operationalEndpointPath, op: "operational-webhook.endpoint.upsert", tag: tag, summary: "Replace a receiver of operational webhooks, or create one. Secret and headers of an existing one stay.",
			in: api.OperationalWebhookEndpointUpsertIn{}, out: api.OperationalWebhookEndpointOut{}, statuses: []int{ok}, handler: (*server).upsertEndpoint},
		{method: del, path: operationalEndpointPath, op: "operational-webhook.endpoint.delete", tag: tag, summary: "Remove a receiver of operational webhooks; nothing more is sent to it.",
			statuses: []int{none}, handler: (*server).deleteEndpoint},
		{method: get, path: operationalEndpointPath + "/secret", op: "operational-webhook.endpoint.get-secret", tag: tag, summary: "Show what a receiver verifies with.",
			out: api.EndpointSecretOut{}, statuses: []int{ok}, handler: (*server).getEndpointSecret},
		{method: post, path: operationalEndpointPath + "/secret/rotate", op: "operational-webhook.endpoint.rotate-secret", tag: tag, summary: "Replace the signing key; the old one goes on signing for a while.",
			in: api.EndpointSecretRotateIn{}, bodyOptional: true, statuses: []int{none}, receipts: true, handler: (*server).rotateEndpointSecret},
		{method: get, path: operationalEndpointPath + "/headers", op: "operational-webhook.endpoint.get-headers", tag: tag, summary: "Show the custom headers; values of credentials are withheld.",
			out: api.EndpointHeadersOut{}, statuses: []int{ok}, handler: (*server).getEndpointHeaders},
		{method: put, path: operationalEndpointPath + "/headers", op: "operational-webhook.endpoint.set-headers", tag: tag, summary: "Replace the custom headers.",
			in: api.EndpointHeadersIn{}, statuses: []int{none}, handler: (*server).setEndpointHeaders},
	}
}
