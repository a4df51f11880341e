package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

var (
	periodParam     = param{name: "period", kind: "string", summary: "How long each period is; hour by default. Minutes are kept for 7 days.", words: []string{"minute", "5min", "hour"}}
	spanSinceParam  = param{name: "since", kind: "date-time", summary: "Start of the time; by default 1 hour before until by the minute, 6 hours by five minutes, a day otherwise."}
	spanUntilParam  = param{name: "until", kind: "date-time", summary: "End of the time; now by default."}
	appParam        = param{name: "app_id", kind: "string", summary: "Only this application: id or uid."}
	ofEndpointParam = param{name: "endpoint_id", kind: "string", summary: "Only this endpoint: id, or uid while it exists."}
	endpointsParam  = param{name: "endpoint_ids", kind: "list", summary: "Up to 100 endpoints, by id, or by uid while they exist."}
	typesParam      = param{name: "event_types", kind: "list", summary: "Only these event types."}
	reasonParam     = param{name: "reason", kind: "string", summary: "Only failures of this class."}
	bucketsParam    = param{name: "with_buckets", kind: "boolean", summary: "Show the histogram of durations, too."}
	playParam       = param{name: "exclude_svix_play", kind: "boolean", summary: "Has no meaning here."}
)

// statsRoutes count, chart and find what happened.
func statsRoutes() []route {
	const get, post, ok = http.MethodGet, http.MethodPost, http.StatusOK
	view := portalMay(hook.ViewBase)
	const (
		ownApp      = "/x/v1/app/{app_id}"
		ownEndpoint = ownApp + "/endpoint/{endpoint_id}"
	)
	series := []param{periodParam, spanSinceParam, spanUntilParam, typesParam, reasonParam, bucketsParam}
	failures := []param{spanSinceParam, spanUntilParam, typesParam}
	with := func(list []param, more ...param) []param { return append(append([]param{}, more...), list...) }
	log := []param{
		limitParam, {name: "iterator", kind: "string", summary: "Where to read on: the iterator of an earlier answer."}, typesParam,
		{name: "channels", kind: "list", summary: "Only messages with any of these channels."},
		{name: "after", kind: "date-time", summary: "Without an iterator: only messages that are not older; 90 days back by default."},
	}
	found := append([]param{statusParam,
		{name: "path", kind: "string", summary: "Only messages that have value here: order.id, items[*].sku, or a JSON pointer such as /order/id."},
		{name: "value", kind: "string", summary: "Text, number, true, false or null; a text in quotes is no number."},
	}, historyParams...)
	return []route{
		{method: get, path: "/api/v1/app/stats/count-active", op: "application.count-active", tag: "Application", summary: "Count the applications with an enabled endpoint.",
			out: api.ActiveAppCount{}, statuses: []int{ok}, handler: (*server).countActive,
			query: []param{playParam, {name: "exclude_disabled", kind: "boolean", summary: "Whether disabled endpoints do not count; true by default."}}},
		{method: get, path: appPath + "/stats/attempts", op: "application.stats.attempts", tag: "Application", summary: "Count an application's attempts by event type.", access: view,
			out: api.AppAttemptStatsOut{}, statuses: []int{ok}, query: []param{
				{name: "since", kind: "date-time", summary: "Start of the time counted; needed."},
				{name: "until", kind: "date-time", summary: "End of the time counted; needed."}, typesParam,
			}, handler: (*server).getAttemptStats},
		{method: get, path: appPath + "/attempt/endpoint/{endpoint_id}/count", op: "message-attempt.count-by-endpoint", tag: "Message Attempt", summary: "Count an endpoint's attempts, up to 10,000.", access: view,
			out: api.CountOut{}, statuses: []int{ok}, handler: (*server).countAttemptsByEndpoint,
			query: []param{statusParam, classParam, historyParams[2], historyParams[3], historyParams[4], historyParams[5], historyParams[6]}},
		{method: get, path: messagePath + "/attempt/{attempt_id}/headers", op: "message-attempt.get-headers", tag: "Message Attempt", summary: "Show the headers that an attempt sent, made again, and those that it was answered.", access: view,
			out: api.MessageAttemptHeadersOut{}, statuses: []int{ok}, handler: (*server).getAttemptHeaders},
		{method: get, path: "/api/v1/stats/endpoint/count", op: "statistics.endpoint-count", tag: "Statistics", summary: "Count the environment's endpoints.",
			out: api.EndpointCountOut{}, statuses: []int{ok}, query: []param{playParam}, handler: (*server).countEndpoints},
		{method: get, path: "/api/v1/stats/app/{app_id}/attempt", op: "stats.app-attempts", tag: "Statistics", summary: "Count an application's attempts by period.", access: view,
			out: api.AttemptStatisticsResponse{}, statuses: []int{ok}, handler: (*server).getAppAttempts, query: []param{
				{name: "startDate", kind: "date-time", summary: "Start of the time; 28 days, a day or 6 hours before endDate by default, by period."},
				{name: "endDate", kind: "date-time", summary: "End of the time; now by default."},
				{name: "period", kind: "string", summary: "How long each period is; OneDay by default.", words: []string{"OneDay", "OneHour", "FiveMinutes"}}, typesParam,
			}},
		{method: get, path: endpointPath + "/rate-limit-status", op: "endpoint.get-throttling-status", tag: "Endpoint", summary: "Say whether an endpoint's rate holds back messages now.", access: view,
			out: api.EndpointThrottleRateStatusOut{}, statuses: []int{ok}, handler: (*server).getThrottling},
		{method: get, path: appPath + "/events", op: "message.events", tag: "Message", summary: "Read an application's messages in the order in which they were accepted.", access: view,
			out: api.MessageEventsOut{}, statuses: []int{ok}, query: log, handler: (*server).listEvents},
		{method: get, path: "/api/v1/events", op: "events.stream", tag: "Message", summary: "Read the environment's operational webhooks in their order.",
			out: api.MessageEventsOut{}, statuses: []int{ok}, query: log, handler: (*server).streamEvents},
		{method: post, path: appPath + "/msg/search", op: "message.search", tag: "Message", summary: "List messages, newest first, by parameters in the body.", access: view,
			in: api.MessageSearchIn{}, out: api.List[api.MessageOut]{}, statuses: []int{ok}, handler: (*server).searchMessages},
		{method: get, path: "/x/v1/message", op: "message.find", tag: "Message", summary: "Find messages of all applications, newest first, also by what became of them or by a value in the payload.",
			out: api.FoundMessagesOut{}, statuses: []int{ok}, handler: (*server).findMessages, query: with(found, appParam, ofEndpointParam)},
		{method: get, path: ownApp + "/message", op: "message.find-in-application", tag: "Message", summary: "Find an application's messages, newest first, also by what became of them or by a value in the payload.", access: view,
			out: api.FoundMessagesOut{}, statuses: []int{ok}, handler: (*server).findMessages, query: with(found, ofEndpointParam)},
		{method: get, path: messagePath + "/raw", op: "message.get-raw-payload", tag: "Message", summary: "Show the bytes that are sent for a message, as text.", access: view,
			out: api.MessageRawPayloadOut{}, statuses: []int{ok}, handler: (*server).getRawPayload},

		{method: post, path: ownApp + "/msg/{msg_id}/endpoint/{endpoint_id}/curl", op: "message-attempt.curl", tag: "Message Attempt", summary: "Show the request of a message at an endpoint as a curl command, with a signature that is valid now; nothing is sent.", access: portalMay(hook.CreateAttempts),
			out: api.CurlOut{}, statuses: []int{ok}, handler: (*server).getCurl},

		{method: get, path: "/x/v1/stats/series", op: "stats.series", tag: "Statistics", summary: "Count and time attempts by period.",
			out: api.SeriesOut{}, statuses: []int{ok}, query: with(series, appParam, ofEndpointParam), handler: (*server).getSeries},
		{method: get, path: ownApp + "/stats/series", op: "stats.app-series", tag: "Statistics", summary: "Count and time an application's attempts by period.", access: view,
			out: api.SeriesOut{}, statuses: []int{ok}, query: with(series, ofEndpointParam), handler: (*server).getSeries},
		{method: get, path: ownEndpoint + "/stats/series", op: "stats.endpoint-series", tag: "Statistics", summary: "Count and time an endpoint's attempts by period.", access: view,
			out: api.SeriesOut{}, statuses: []int{ok}, query: series, handler: (*server).getSeries},
		{method: get, path: "/x/v1/stats/sparklines", op: "stats.sparklines", tag: "Statistics", summary: "Count the attempts of many applications, or of many endpoints of one, in the last 24 periods.",
			out: api.SparklinesOut{}, statuses: []int{ok}, handler: (*server).getSparklines, query: []param{
				periodParam, {name: "app_ids", kind: "list", summary: "Up to 100 applications, by id or uid."},
				{name: "app_id", kind: "string", summary: "The application of endpoint_ids: id or uid."}, endpointsParam,
			}},
		{method: get, path: ownApp + "/stats/sparklines", op: "stats.app-sparklines", tag: "Statistics", summary: "Count the attempts of many of an application's endpoints in the last 24 periods.", access: view,
			out: api.SparklinesOut{}, statuses: []int{ok}, handler: (*server).getSparklines, query: []param{periodParam, endpointsParam}},
		{method: get, path: "/x/v1/stats/failures", op: "stats.failures", tag: "Statistics", summary: "List classes of failures with the endpoints that had them.",
			out: api.FailuresOut{}, statuses: []int{ok}, query: with(failures, appParam, ofEndpointParam), handler: (*server).getFailures},
		{method: get, path: ownApp + "/stats/failures", op: "stats.app-failures", tag: "Statistics", summary: "List an application's classes of failures.", access: view,
			out: api.FailuresOut{}, statuses: []int{ok}, query: with(failures, ofEndpointParam), handler: (*server).getFailures},
		{method: get, path: "/x/v1/queue", op: "queue.get", tag: "Statistics", summary: "Count the deliveries that wait, by when they are due.",
			out: api.QueueOut{}, statuses: []int{ok}, handler: (*server).getQueue},

		{method: get, path: "/x/v1/search", op: "search.find", tag: "Search", summary: "Find what an id or a name means.",
			out: api.SearchOut{}, statuses: []int{ok}, handler: (*server).search,
			query: []param{{name: "q", kind: "string", summary: "An id of any kind, a uid, an eventId that is still taken, or the name of an event type."}}},
		{method: get, path: "/x/v1/why/{id}", op: "search.why", tag: "Search", summary: "Say in plain words what became of a message, an attempt or an endpoint.", access: view,
			out: api.WhyOut{}, statuses: []int{ok}, handler: (*server).why},
		{method: get, path: "/x/v1/reason", op: "reason.list", tag: "Search", summary: "List the classes of failures with what they mean and what helps.", access: anyToken,
			out: api.ReasonList{}, statuses: []int{ok}, handler: (*server).listReasons},
		{method: get, path: "/x/v1/tail", op: "tail.follow", tag: "Search", summary: "Follow attempts and messages as they happen, as server-sent events.", access: view,
			out: api.TailEvent{}, statuses: []int{ok}, stream: true, handler: (*server).tail,
			query: []param{appParam, ofEndpointParam, typesParam, statusParam, reasonParam,
				{name: "kind", kind: "string", summary: "Only attempts, or only messages.", words: []string{"attempt", "message"}}}},
		{method: get, path: "/x/v1/openapi.json", op: "openapi.extensions", tag: "Search", summary: "This document.", access: open,
			out: map[string]any{}, statuses: []int{ok}, handler: (*server).ownDocument},
	}
}
