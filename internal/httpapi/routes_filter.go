package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// filterRoutes say which messages an endpoint wants by what is in them.
func filterRoutes() []route {
	const (
		ok, none = http.StatusOK, http.StatusNoContent
		tag      = "Filters"
	)
	view, manage := portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)
	list := []route{
		{method: http.MethodPost, path: "/x/v1/filter/test", op: "filter.test", tag: tag, access: view, bodyBytes: 2 << 20, query: []param{redactedParam},
			summary: "Ask a filter about a message, described or stored, and which of its clauses decides.",
			in:      api.FilterTestIn{}, out: api.FilterTestOut{}, statuses: []int{ok}, handler: (*server).testFilter},
	}
	for _, at := range []struct {
		path, op     string
		view, manage access
	}{
		{ownEndpointPath, "endpoint", view, manage},
		{ownSourceEndpointPath, "source.endpoint", access{}, access{}},
		{ownDestinationPath, "destination", view, manage},
	} {
		list = append(list,
			route{method: http.MethodGet, path: at.path + "/filter", op: at.op + ".get-filter", tag: tag, access: at.view,
				summary: "Show which messages an endpoint wants by what is in them; null for all.",
				out:     api.EndpointFilter{}, statuses: []int{ok}, handler: (*server).getFilter},
			route{method: http.MethodPut, path: at.path + "/filter", op: at.op + ".set-filter", tag: tag, access: at.manage,
				summary: "Set which messages an endpoint wants by what is in them.",
				in:      api.EndpointFilter{}, out: api.EndpointFilter{}, statuses: []int{ok}, handler: (*server).putFilter},
			route{method: http.MethodDelete, path: at.path + "/filter", op: at.op + ".delete-filter", tag: tag, access: at.manage,
				summary: "Want all messages again, whatever is in them.", statuses: []int{none}, handler: (*server).deleteFilter},
		)
	}
	return list
}
