package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

const (
	ownEndpointPath       = "/x/v1/app/{app_id}/endpoint/{endpoint_id}"
	ownDestinationPath    = "/x/v1/app/{app_id}/destination/{destination_id}"
	ownSourceEndpointPath = ownSourcePath + "/endpoint/{endpoint_id}"
)

// shapeRoutes say how requests to an endpoint look and when they are tried again.
func shapeRoutes() []route {
	const ok = http.StatusOK
	request := feature{name: "request", tag: "Request shape", sourceTag: "Source settings", remove: "reset", in: api.EndpointRequestIn{}, out: api.EndpointRequestOut{},
		summaries: [...]string{
			"Show how requests to an endpoint look; the value of a token is withheld.",
			"Set method, form, token, success statuses, deadline and retry schedule of an endpoint's requests; what is absent is the default.",
			"Go back to the usual request: a POST of the stored bytes.",
		},
		handlers: [...]func(*server, *call) error{(*server).getEndpointRequest, (*server).putEndpointRequest, (*server).deleteEndpointRequest},
	}
	var list []route
	for _, at := range pushPlaces() {
		list = append(list, request.routes(at)...)
	}
	return append(list,
		route{method: http.MethodGet, path: typePath + "/retry-schedule", op: "event-type.get-retry-schedule", tag: "Event Type",
			summary: "Show an event type's own retry schedule; null where it is the environment's.",
			out:     api.RetryScheduleOut{}, statuses: []int{ok}, handler: (*server).getRetrySchedule},
		route{method: http.MethodPut, path: typePath + "/retry-schedule", op: "event-type.set-retry-schedule", tag: "Event Type",
			summary: "Set an event type's own retry schedule; null goes back to the environment's.",
			in:      api.RetryScheduleInOut{}, out: api.RetryScheduleOut{}, statuses: []int{ok}, handler: (*server).setRetrySchedule},
	)
}
