package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	pollerTokenPath    = "/api/v1/auth/app/{app_id}/poller/{endpoint_id}/token"
	pollerPath         = appPath + "/poller/{sink_id}"
	pollerConsumerPath = pollerPath + "/consumer/{consumer_id}"
	pollerV2Path       = appPath + "/polling-endpoint/{sink_id}/consumer/{consumer_id}"
	ownConsumerPath    = "/x/v1/app/{app_id}/polling-endpoint/{sink_id}/consumer"
)

// waitParam is ours on all three ways to poll.
var waitParam = param{name: "wait", kind: "integer", summary: "Seconds to wait for a message where there is none, 0 to 30; 0 by default."}

// pollRoutes serve those who fetch from polling endpoints. To read a feed is to read
// messages; to move a consumer is to change something durable, and a portal token needs for
// it what it would need to make an endpoint.
func pollRoutes() []route {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	const ok, created, none = http.StatusOK, http.StatusCreated, http.StatusNoContent
	with := func(a access) access { a.polls = true; return a }
	read, move := with(portalMay(hook.ViewBase)), with(portalMay(hook.ManageEndpoint))
	list := []route{
		{method: get, path: pollerTokenPath, op: "authentication.get-poller-token", tag: "Polling", access: portalMay(hook.ViewEndpointSecret),
			summary: "Show the token of a polling endpoint; one that has none gets it now.",
			out:     api.APITokenOut{}, statuses: []int{ok}, handler: (*server).getPollerToken},
		{method: post, path: pollerTokenPath + "/rotate", op: "authentication.rotate-poller-token", tag: "Polling", access: portalMay(hook.ManageEndpointSecret),
			summary: "Make the next token of a polling endpoint; the one before works for a while.",
			in:      api.RotatePollerTokenIn{}, out: api.APITokenOut{}, statuses: []int{created}, receipts: true, handler: (*server).rotatePollerToken},

		{method: get, path: pollerPath, op: "message.poller.poll", tag: "Polling", access: read,
			summary: "Read a polling endpoint's messages; the client remembers the iterator.",
			out:     api.PollingEndpointOut{}, statuses: []int{ok}, handler: (*server).poll,
			query: []param{limitParam,
				{name: "iterator", kind: "string", summary: "Where to go on: iterator of the last answer. Without it nothing is answered but where now is."},
				{name: "event_type", kind: "string", summary: "Only messages of this event type."},
				{name: "channel", kind: "string", summary: "Only messages with this channel."},
				{name: "after", kind: "date-time", summary: "Without an iterator: begin with what was handed over from this time on."},
				waitParam}},
		{method: get, path: pollerConsumerPath, op: "message.poller.consumer-poll", tag: "Polling", access: move,
			summary: "Read a polling endpoint's messages; the server remembers which iterator came last. The iterator of an answer, sent with the next call, says that the answer is done with.",
			out:     api.PollingEndpointOut{}, statuses: []int{ok}, handler: (*server).pollConsumer,
			query: []param{limitParam, {name: "iterator", kind: "string", summary: "Iterator of the last answer. Without it, all that is not done with comes again."}, waitParam}},
		{method: post, path: pollerConsumerPath + "/seek", op: "message.poller.consumer-seek", tag: "Polling", access: move,
			summary: "Set a consumer to what was handed over from a time on, forward or back.",
			in:      api.PollingEndpointConsumerSeekIn{}, out: api.PollingEndpointConsumerSeekOut{}, statuses: []int{ok}, handler: (*server).seekConsumer},

		{method: get, path: pollerV2Path, op: "message.pollerv2.consumer-poll", tag: "Polling", access: move,
			summary: "Take messages under a lease; what is not committed when it ends is handed out again.",
			out:     api.PollerV2PollOut{}, statuses: []int{ok}, handler: (*server).pollLeased,
			query: []param{limitParam,
				{name: "lease_duration_ms", kind: "integer", summary: "How long the messages are this client's alone, 0 to 43200000; 30000 by default."},
				{name: "starting_position", kind: "string", summary: "Where a new consumer begins; earliest by default.", words: []string{"earliest", "latest"}},
				waitParam}},
		{method: post, path: pollerV2Path + "/commit", op: "message.pollerv2.consumer-commit", tag: "Polling", access: move,
			summary: "Say that a consumer is done with everything up to an offset.",
			in:      api.PollerV2CommitIn{}, statuses: []int{none}, handler: (*server).commitConsumer},

		{method: get, path: ownConsumerPath, op: "poller.list-consumers", tag: "Polling", access: read,
			summary: "List the consumers of a polling endpoint with how far each has come.",
			out:     api.ConsumerList{}, statuses: []int{ok}, handler: (*server).listConsumers},
		{method: del, path: ownConsumerPath + "/{consumer_id}", op: "poller.delete-consumer", tag: "Polling", access: move,
			summary: "Forget a consumer with its place.", statuses: []int{none}, handler: (*server).deleteConsumer},
	}
	return append(list, streamRoutes()...)
}

// streamRoutes serve pages that stay open. The path of a source leads to its internal application.
func streamRoutes() []route {
	var list []route
	for _, at := range []struct {
		path, noun, op, tag string
		view                access
	}{
		{"/x/v1/app/{app_id}", "an application", "application", "Application", portalMay(hook.ViewBase)},
		{ownSourcePath, "a source", "source", "Source settings", access{}},
	} {
		follow := at.view
		follow.streams = true
		list = append(list,
			route{method: http.MethodGet, path: at.path + "/stream", op: at.op + ".stream", tag: at.tag, access: follow,
				summary: "Follow " + at.noun + "'s messages as server-sent events, from the one that was seen last.",
				stream:  true, out: api.MessageOut{}, statuses: []int{http.StatusOK}, handler: (*server).streamMessages,
				query: []param{
					{name: "event_types", kind: "list", summary: "Only messages of these event types; * stands for any characters."},
					{name: "channel", kind: "string", summary: "Only messages with this channel."},
					{name: "last_event_id", kind: "string", summary: "Go on after this message; the header Last-Event-ID, which browsers send, stands above it."},
					{name: "since", kind: "date-time", summary: "Where to begin without that; now by default."},
					{name: "token", kind: "string", summary: "A stream token, for clients that send no headers. No other kind is taken from here."},
					redactedParam,
				}},
			route{method: http.MethodPost, path: at.path + "/stream/token", op: at.op + ".create-stream-token", tag: at.tag, access: at.view,
				summary: "Make a short-lived token that may follow " + at.noun + "'s messages, or some of them, and nothing else.",
				in:      api.StreamTokenIn{}, bodyOptional: true, out: api.StreamTokenOut{}, statuses: []int{http.StatusCreated}, receipts: true, handler: (*server).createStreamToken},
		)
	}
	return list
}
