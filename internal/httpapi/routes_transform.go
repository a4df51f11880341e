package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// transformRoutes are user code on payloads.
func transformRoutes() []route {
	const get, post, patch = http.MethodGet, http.MethodPost, http.MethodPatch
	const ok, none = http.StatusOK, http.StatusNoContent
	const below = "/transformation"
	view, manage := portalMay(hook.ViewBase), portalMay(hook.ManageTransformations)
	list := []route{
		{method: get, path: endpointPath + below, op: "endpoint.transformation.get", tag: "Endpoint", access: view,
			summary: "Show an endpoint's own code; its variables only for those who may change it.",
			out:     api.EndpointTransformationOut{}, statuses: []int{ok}, handler: (*server).getTransformation},
		{method: patch, path: endpointPath + below, op: "endpoint.transformation.patch", tag: "Endpoint", access: manage,
			summary: "Change an endpoint's own code, whether it runs, or its variables.",
			in:      api.EndpointTransformationPatch{}, statuses: []int{none}, handler: (*server).patchTransformation},
		{method: post, path: endpointPath + below + "/simulate", op: "endpoint.transformation.simulate", tag: "Endpoint", access: manage,
			summary: "Run code on a payload without sending anything.",
			in:      api.TransformationSimulateIn{}, out: api.TransformationSimulateOut{}, statuses: []int{ok}, publishes: true, handler: (*server).simulateTransformation},
		{method: get, path: sourceEndpointPath + below, op: "ingest.endpoint.transformation.get", tag: "Source",
			summary: "Show the own code of an endpoint of a source.",
			out:     api.IngestEndpointTransformationOut{}, statuses: []int{ok}, handler: (*server).getTransformation},
		{method: patch, path: sourceEndpointPath + below, op: "ingest.endpoint.transformation.patch", tag: "Source",
			summary: "Change the own code of an endpoint of a source, whether it runs, or its variables.",
			in:      api.IngestEndpointTransformationPatch{}, statuses: []int{none}, handler: (*server).patchTransformation},
		{method: get, path: destinationPath + below, op: "destination.transformation.get", tag: "Destination", access: view,
			summary: "Show a destination's code.",
			out:     api.SinkTransformationOut{}, statuses: []int{ok}, handler: (*server).getTransformation},
		{method: patch, path: destinationPath + below, op: "destination.transformation.patch", tag: "Destination", access: manage,
			summary: "Set a destination's code, which runs from then on; null removes it.",
			in:      api.SinkTransformIn{}, out: api.EmptyResponse{}, statuses: []int{ok}, handler: (*server).patchDestinationTransformation},
	}
	for _, at := range []struct {
		path, op, tag string
		access        access
	}{
		{ownEndpointPath, "endpoint", "Endpoint", manage},
		{ownSourceEndpointPath, "source.endpoint", "Source settings", access{}},
		{ownDestinationPath, "destination", "Destination", manage},
	} {
		list = append(list, route{
			method: post, path: at.path + below + "/simulate", op: at.op + ".try-transformation", tag: at.tag, access: at.access, publishes: true,
			summary: "Run a transformation on a payload, on a message or on the last few messages, and show the differences; nothing is sent.",
			in:      api.TransformationTryIn{}, out: api.TransformationTryOut{}, statuses: []int{ok}, handler: (*server).tryTransformation,
		})
	}
	return list
}
