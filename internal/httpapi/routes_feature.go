package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/internal/hook"
)

// place is one of the places where features of endpoints are looked at and set.
type place struct {
	path, op     string
	view, manage access
}

// endpointPlaces are those of an application's endpoints, of a source's, and of destinations.
func endpointPlaces() []place {
	view, manage := portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)
	return []place{
		{ownEndpointPath, "endpoint", view, manage},
		{ownSourceEndpointPath, "source.endpoint", access{}, access{}},
		{ownDestinationPath, "destination", view, manage},
	}
}

// feature is what an endpoint has or has not, with the operations on it.
type feature struct {
	name, tag string
	remove    string // the verb of its removal
	in, out   any
	// Of the operations, in the order show, set, remove.
	summaries [3]string
	handlers  [3]func(*server, *call) error
}

// routes are the operations on a feature at a place.
func (f *feature) routes(at place) []route {
	path := at.path + "/" + f.name
	return []route{
		{method: http.MethodGet, path: path, op: at.op + ".get-" + f.name, tag: f.tag, access: at.view,
			summary: f.summaries[0], out: f.out, statuses: []int{http.StatusOK}, handler: f.handlers[0]},
		{method: http.MethodPut, path: path, op: at.op + ".set-" + f.name, tag: f.tag, access: at.manage,
			summary: f.summaries[1], in: f.in, out: f.out, statuses: []int{http.StatusOK}, handler: f.handlers[1]},
		{method: http.MethodDelete, path: path, op: at.op + "." + f.remove + "-" + f.name, tag: f.tag, access: at.manage,
			summary: f.summaries[2], statuses: []int{http.StatusNoContent}, handler: f.handlers[2]},
	}
}
