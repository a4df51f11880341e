package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

// checkRoutes are what an event type asks of its payloads, and what a receiver must agree to.
func checkRoutes() []route {
	const ok = http.StatusOK
	const tag = "Event type rules"
	return append([]route{
		{method: http.MethodGet, path: ownTypePath + "/validation", op: "event-type.get-validation", tag: tag,
			summary: "Show whether payloads are compared with the newest schema as they are published.",
			out:     api.EventTypeValidationOut{}, statuses: []int{ok}, handler: (*server).getValidation},
		{method: http.MethodPut, path: ownTypePath + "/validation", op: "event-type.set-validation", tag: tag,
			summary: "Turn the comparison of published payloads with the newest schema on or off.",
			in:      api.EventTypeValidationIn{}, out: api.EventTypeValidationOut{}, statuses: []int{ok}, handler: (*server).setValidation},
		{method: http.MethodPost, path: ownTypePath + "/validate", op: "event-type.validate", tag: tag,
			summary: "Compare a payload with the newest schema of an event type; nothing is published.",
			in:      api.EventTypeValidateIn{}, out: api.EventTypeValidateOut{}, statuses: []int{ok}, handler: (*server).validatePayload},
		{method: http.MethodGet, path: ownTypePath + "/redaction", op: "event-type.get-redaction", tag: tag,
			summary: "Show the paths whose values people do not see.",
			out:     api.EventTypeRedaction{}, statuses: []int{ok}, handler: (*server).getRedaction},
		{method: http.MethodPut, path: ownTypePath + "/redaction", op: "event-type.set-redaction", tag: tag,
			summary: "Set the paths whose values people do not see; what is stored and delivered stays whole.",
			in:      api.EventTypeRedaction{}, out: api.EventTypeRedaction{}, statuses: []int{ok}, handler: (*server).setRedaction},
	}, consentRoutes()...)
}
