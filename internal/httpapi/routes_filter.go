package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// filterRoutes say which messages an endpoint wants by what is in them.
func filterRoutes() []route {
	const tag = "Filters"
	list := []route{
		{method: http.MethodPost, path: "/x/v1/filter/test", op: "filter.test", tag: tag, access: portalMay(hook.ViewBase), bodyBytes: 2 << 20, query: []param{redactedParam},
			summary: "Ask a filter about a message, described or stored, and which of its clauses decides.",
			in:      api.FilterTestIn{}, out: api.FilterTestOut{}, statuses: []int{http.StatusOK}, handler: (*server).testFilter},
	}
	filter := feature{name: "filter", tag: tag, remove: "delete", in: api.EndpointFilter{}, out: api.EndpointFilter{},
		summaries: [...]string{
			"Show which messages an endpoint wants by what is in them; null for all.",
			"Set which messages an endpoint wants by what is in them.",
			"Want all messages again, whatever is in them.",
		},
		handlers: [...]func(*server, *call) error{(*server).getFilter, (*server).putFilter, (*server).deleteFilter},
	}
	for _, at := range endpointPlaces() {
		list = append(list, filter.routes(at)...)
	}
	return list
}
