package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const ownAppPath = "/x/v1/app/{app_id}"

// holdRoutes pause and resume, and keep only the latest of a key.
func holdRoutes() (list []route) {
	const (
		ok  = http.StatusOK
		tag = "Hold"
	)
	view, manage := portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)
	latest := feature{name: "latest", tag: tag, remove: "reset", in: api.EndpointLatestIn{}, out: api.EndpointLatestOut{},
		summaries: [...]string{
			"Show whether an endpoint gets only the latest message of a key.",
			"Send of several messages of a key that come close together only the last.",
			"Send every message again.",
		},
		handlers: [...]func(*server, *call) error{(*server).getLatest, (*server).putLatest, (*server).deleteLatest},
	}
	for _, at := range []struct {
		path, op, what string
		hasLatest      bool // what keeps an order has no message to leave out
		view, manage   access
	}{
		{ownEndpointPath, "endpoint", "an endpoint", true, view, manage},
		{ownSourceEndpointPath, "source.endpoint", "an endpoint of a source", true, access{}, access{}},
		{ownDestinationPath, "destination", "a destination", false, view, manage},
		// A customer does not undo what the owner of the application has paused.
		{ownAppPath, "application", "all endpoints of an application", false, view, access{}},
		{ownSourcePath, "source", "all endpoints of a source", false, access{}, access{}},
	} {
		list = append(list,
			route{method: http.MethodGet, path: at.path + "/hold", op: at.op + ".get-hold", tag: tag, access: at.view,
				summary: "Show whether " + at.what + " is on hold, and how many deliveries wait.",
				out:     api.HoldOut{}, statuses: []int{ok}, handler: (*server).getHold},
			route{method: http.MethodPost, path: at.path + "/pause", op: at.op + ".pause", tag: tag, access: at.manage,
				summary: "Send nothing to " + at.what + " for now; what comes waits, and nothing is dropped.",
				in:      api.HoldIn{}, bodyOptional: true, out: api.HoldOut{}, statuses: []int{ok}, handler: (*server).pause},
			route{method: http.MethodPost, path: at.path + "/resume", op: at.op + ".resume", tag: tag, access: at.manage,
				summary: "Let " + at.what + " go on; what waited is sent, at a pace if one is given.",
				in:      api.ResumeIn{}, bodyOptional: true, out: api.HoldOut{}, statuses: []int{ok}, handler: (*server).resume},
		)
		if !at.hasLatest {
			continue
		}
		list = append(list, latest.routes(place{at.path, at.op, at.view, at.manage})...)
	}
	return list
}
