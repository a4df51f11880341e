package httpapi

import (
	"cmp"
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

// pushPlaces are endpointPlaces without destinations.
func pushPlaces() []place { return endpointPlaces()[:2] }

// feature is what an endpoint has or has not, with the operations on it.
type feature struct {
	name, tag string
	sourceTag string // for the endpoints of sources; "" is tag
	noun      string // by which operations call it; "" is name
	remove    string // the verb of its removal
	in, out   any
	// Of the operations, in the order show, set, remove.
	summaries [3]string
	handlers  [3]func(*server, *call) error
}

// routes are the operations on a feature at a place.
func (f *feature) routes(at place) []route {
	path, tag, noun := at.path+"/"+f.name, f.tag, cmp.Or(f.noun, f.name)
	if at.path == ownSourceEndpointPath {
		tag = cmp.Or(f.sourceTag, tag)
	}
	return []route{
		{method: http.MethodGet, path: path, op: at.op + ".get-" + noun, tag: tag, access: at.view,
			summary: f.summaries[0], out: f.out, statuses: []int{http.StatusOK}, handler: f.handlers[0]},
		{method: http.MethodPut, path: path, op: at.op + ".set-" + noun, tag: tag, access: at.manage,
			summary: f.summaries[1], in: f.in, out: f.out, statuses: []int{http.StatusOK}, handler: f.handlers[1]},
		{method: http.MethodDelete, path: path, op: at.op + "." + f.remove + "-" + noun, tag: tag, access: at.manage,
			summary: f.summaries[2], statuses: []int{http.StatusNoContent}, handler: f.handlers[2]},
	}
}
