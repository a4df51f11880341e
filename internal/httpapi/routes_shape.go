package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	ownEndpointPath       = "/x/v1/app/{app_id}/endpoint/{endpoint_id}"
	ownDestinationPath    = "/x/v1/app/{app_id}/destination/{destination_id}"
	ownSourceEndpointPath = ownSourcePath + "/endpoint/{endpoint_id}"
)

// shapeRoutes say how requests to an endpoint look and when they are tried again.
func shapeRoutes() []route {
	const ok, none = http.StatusOK, http.StatusNoContent
	var list []route
	for _, at := range []struct {
		path, op, tag string
		view, manage  access
	}{
		{ownEndpointPath, "endpoint", "Request shape", portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)},
		{ownSourceEndpointPath, "source.endpoint", "Source settings", access{}, access{}},
	} {
		list = append(list,
			route{method: http.MethodGet, path: at.path + "/request", op: at.op + ".get-request", tag: at.tag, access: at.view,
				summary: "Show how requests to an endpoint look; the value of a token is withheld.",
				out:     api.EndpointRequestOut{}, statuses: []int{ok}, handler: (*server).getEndpointRequest},
			route{method: http.MethodPut, path: at.path + "/request", op: at.op + ".set-request", tag: at.tag, access: at.manage,
				summary: "Set method, form, token, success statuses, deadline and retry schedule of an endpoint's requests; what is absent is the default.",
				in:      api.EndpointRequestIn{}, out: api.EndpointRequestOut{}, statuses: []int{ok}, handler: (*server).putEndpointRequest},
			route{method: http.MethodDelete, path: at.path + "/request", op: at.op + ".reset-request", tag: at.tag, access: at.manage,
				summary: "Go back to the usual request: a POST of the stored bytes.", statuses: []int{none}, handler: (*server).deleteEndpointRequest},
		)
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
