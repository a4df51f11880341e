package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	destinationsPath = appPath + "/destination"
	destinationPath  = destinationsPath + "/{destination_id}"
)

// destinationRoutes are the contract's destinations, and the order of any endpoint.
func destinationRoutes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
		ok, created, none          = http.StatusOK, http.StatusCreated, http.StatusNoContent
		tag                        = "Destination"
	)
	view, manage, send := portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint), portalMay(hook.CreateAttempts)
	list := []route{
		{method: get, path: destinationsPath, op: "destination.list", tag: tag, summary: "List an application's destinations.", access: view,
			out: api.List[api.DestinationOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listDestinations},
		{method: post, path: destinationsPath, op: "destination.create", tag: tag, summary: "Create a destination of type fifoEndpoint or pollingEndpoint.", access: manage,
			in: api.DestinationIn{}, out: api.DestinationOut{}, statuses: []int{created}, receipts: true, handler: (*server).createDestination},
		{method: get, path: destinationPath, op: "destination.get", tag: tag, summary: "Show a destination and where its line stands.", access: view,
			out: api.DestinationOut{}, statuses: []int{ok}, handler: (*server).getDestination},
		{method: put, path: destinationPath, op: "destination.upsert", tag: tag, summary: "Replace a destination, or create one. Its type and signing key stay.", access: manage,
			in: api.DestinationIn{}, out: api.DestinationOut{}, statuses: []int{ok, created}, handler: (*server).upsertDestination},
		{method: patch, path: destinationPath, op: "destination.patch", tag: tag, summary: "Change some fields of a destination.", access: manage,
			in: api.DestinationPatch{}, out: api.DestinationOut{}, statuses: []int{ok}, handler: (*server).patchDestination},
		{method: del, path: destinationPath, op: "destination.delete", tag: tag, summary: "Delete a destination. What waits for it ends.", access: manage,
			statuses: []int{none}, handler: (*server).deleteEndpoint},
		{method: get, path: destinationPath + "/secret", op: "destination.get-secret", tag: tag, summary: "Show what a receiver verifies with.", access: portalMay(hook.ViewEndpointSecret),
			out: api.EndpointSecretOut{}, statuses: []int{ok}, handler: (*server).getEndpointSecret},
		{method: post, path: destinationPath + "/secret/rotate", op: "destination.rotate-secret", tag: tag, summary: "Replace the signing key; the old one goes on signing for a while.", access: portalMay(hook.ManageEndpointSecret),
			in: api.EndpointSecretRotateIn{}, out: api.Empty{}, bodyOptional: true, statuses: []int{ok}, receipts: true, handler: (*server).rotateEndpointSecret},
		{method: get, path: destinationPath + "/headers", op: "destination.headers-get", tag: tag, summary: "Show the custom headers; values of credentials are withheld.", access: view,
			out: api.EndpointHeadersOut{}, statuses: []int{ok}, handler: (*server).getEndpointHeaders},
		{method: patch, path: destinationPath + "/headers", op: "destination.headers-patch", tag: tag, summary: "Change some custom headers; null removes one.", access: manage,
			in: api.DestinationHeadersPatchIn{}, out: api.EndpointHeadersOut{}, statuses: []int{ok}, handler: (*server).patchDestinationHeaders},
		{method: post, path: destinationPath + "/force-retry", op: "destination.force-retry", tag: tag, summary: "Try the head of each line now, whatever its schedule says.", access: send,
			statuses: []int{none}, handler: (*server).forceRetry},
		{method: post, path: destinationPath + "/skip", op: "destination.skip", tag: tag, summary: "Give up what stands at the head, or all up to a message.", access: send,
			in: api.SkipParams{}, bodyOptional: true, statuses: []int{none}, query: []param{{name: "iterator", kind: "string", summary: "As in the body."}}, handler: (*server).skipLine},
		{method: get, path: destinationPath + "/next-event", op: "destination.next-event", tag: tag, summary: "Show the message at the head; 404 when nothing waits.", access: view,
			out: api.EventOut{}, statuses: []int{ok}, query: []param{redactedParam}, handler: (*server).getNextEvent},
		{method: get, path: destinationPath + "/last-acked-event", op: "destination.get-last-acked-event", tag: tag, summary: "Show the newest message that was acknowledged; 404 when none was.", access: view,
			out: api.EventOut{}, statuses: []int{ok}, query: []param{redactedParam}, handler: (*server).getLastAckedEvent},
		{method: get, path: destinationPath + "/attempt", op: "destination.attempt.list", tag: tag, summary: "List a destination's requests, newest first.", access: view,
			out: api.List[api.DestinationAttemptOut]{}, statuses: []int{ok}, query: []param{limitParam, iteratorParam, statusParam,
				{name: "before", kind: "date-time", summary: "Only what is older."}, {name: "after", kind: "date-time", summary: "Only what is not older."},
				{name: "withContent", kind: "boolean", summary: "Taken, and changes nothing: a row has no content."}}, handler: (*server).listDestinationAttempts},
		{method: get, path: destinationPath + "/attempt/{attempt_id}", op: "destination.attempt.get", tag: tag, summary: "Show one request to a destination.", access: view,
			out: api.DestinationAttemptOut{}, statuses: []int{ok}, handler: (*server).getDestinationAttempt},
	}
	order := feature{name: "order", tag: "Order", sourceTag: "Source settings", remove: "reset", in: api.EndpointOrderInOut{}, out: api.EndpointOrderInOut{},
		summaries: [...]string{
			"Show the order of an endpoint's messages; 404 where it has none.",
			"Send an endpoint's messages in order, one after another or in batches; what is absent is the default. It holds for messages accepted from then on.",
			"Send an endpoint's messages in no promised order. What stands in line stays there.",
		},
		handlers: [...]func(*server, *call) error{(*server).getOrder, (*server).putOrder, (*server).deleteOrder},
	}
	for _, at := range endpointPlaces() {
		own := order.routes(at)
		if at.path == ownDestinationPath {
			own = own[:2] // a destination without order is none
		}
		list = append(append(list, own...),
			route{method: post, path: at.path + "/order/retry", op: at.op + ".retry-order", tag: own[0].tag, access: at.manage,
				summary: "Try the head of each line now, whatever its schedule says.", statuses: []int{none}, handler: (*server).forceRetry},
			route{method: post, path: at.path + "/order/skip", op: at.op + ".skip-order", tag: own[0].tag, access: at.manage,
				summary: "Give up what stands at the head, or all up to a message.",
				in:      api.SkipParams{}, bodyOptional: true, statuses: []int{none}, handler: (*server).skipLine},
		)
	}
	return list
}
