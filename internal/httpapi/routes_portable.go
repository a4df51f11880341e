package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

const ownImportPath = "/x/v1/environment/import"

// portableRoutes carry configuration in and out.
func portableRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	const ok, accepted, none = http.StatusOK, http.StatusAccepted, http.StatusNoContent
	return []route{
		{method: post, path: "/api/v1/environment/export", op: "environment.export", tag: "Environment",
			summary: "Write settings and event types as a file.", out: api.EnvironmentOut{}, statuses: []int{ok}, handler: (*server).exportEnvironment},
		{method: post, path: "/api/v1/environment/import", op: "environment.import", tag: "Environment", receipts: true, bodyBytes: maxImportBytes,
			summary: "Add and change what such a file says, all of it or nothing.",
			in:      api.EnvironmentIn{}, statuses: []int{none}, handler: (*server).importEnvironment},
		{method: post, path: ownImportPath, op: "environment.import-and-tell", tag: "Environment", receipts: true, bodyBytes: maxImportBytes,
			summary: "Import such a file and say what changed, or with dry_run=true what would change.",
			in:      api.EnvironmentIn{}, out: api.EnvironmentImportOut{}, statuses: []int{ok}, handler: (*server).importEnvironment,
			query: []param{{name: "dry_run", kind: "boolean", summary: "Only say what would change."}}},
		{method: post, path: "/api/v1/event-type/import/openapi", op: "event-type.import-openapi", tag: "Event Type", receipts: true,
			summary: "Make event types of the webhooks of an OpenAPI document, all of them or none.",
			in:      api.EventTypeImportOpenAPIIn{}, out: api.EventTypeImportOpenAPIOut{}, statuses: []int{ok}, handler: (*server).importOpenAPI},
		{method: post, path: "/api/v1/event-type/export/openapi", op: "event-type.export-openapi", tag: "Event Type", receipts: true,
			summary: "Describe the event types as an OpenAPI document, which is in the data of the task.",
			out:     api.RecoverOut{}, statuses: []int{accepted}, handler: (*server).exportOpenAPI},
		{method: post, path: "/x/v1/app/{app_id}/msg/import", op: "message.import", tag: "Message", publishes: true, storesOnly: true,
			summary: "Keep a message that was delivered elsewhere: it is stored and goes to nobody. It is accepted now, whenever it was then.",
			in:      api.MessageIn{}, out: api.MessageOut{}, statuses: []int{accepted}, handler: (*server).postMessage, query: []param{contentParam}},
		{method: get, path: "/x/v1/event-type/export", op: "event-type.export", tag: "Event Type",
			summary: "Describe the event types as a document.", out: map[string]any{}, statuses: []int{ok}, handler: (*server).exportEventTypes,
			query: []param{{name: "format", kind: "string", summary: "OpenAPI 3.1 by default.", words: []string{"openapi", "asyncapi", "jsonschema"}}}},
	}
}
