package httpapi

import (
	"net/http"
	"slices"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// route is one operation: how it is called, by whom, and what it takes and answers.
type route struct {
	method, path string
	op           string // operation id of the contract; ours where it has none
	tag          string
	summary      string
	access       access
	needs        hook.Scope // of an API token with scopes; filled in by routes, "" for none
	also         hook.Scope // is enough, too; "" for none
	in, out      any        // zero values of api types; nil for no body
	bodyOptional bool
	statuses     []int // of success
	query        []param
	// receipts: the operation saves a receipt with its change, so that an
	// Idempotency-Key finds the answer again.
	receipts bool
	// publishes: the body holds a payload and may be longer.
	publishes bool
	// storesOnly: what is published goes to nobody.
	storesOnly bool
	// bodyBytes: the body may have that many bytes where Options.MaxBodyBytes are fewer.
	bodyBytes int64
	// stream: the answer is a stream of server-sent events whose data is out.
	stream bool
	// file is the content type of an answer that is a file; "" for JSON.
	file    string
	handler func(*server, *call) error
}

// param is a query parameter.
type param struct {
	name, kind string // kind: string, boolean, integer, date-time, list
	summary    string
	words      []string // the only values, where there are few
}

var (
	limitParam    = param{name: "limit", kind: "integer", summary: "Rows per page, 1 to 250; 50 by default."}
	iteratorParam = param{name: "iterator", kind: "string", summary: "Where to go on: iterator or prevIterator of an earlier page."}
	orderParam    = param{name: "order", kind: "string", summary: "Direction of the list.", words: []string{"ascending", "descending"}}
	contentParam  = param{name: "with_content", kind: "boolean", summary: "Whether payloads and bodies are shown."}
	statusParam   = param{name: "status", kind: "integer", summary: "0 success, 1 pending, 2 fail, 3 sending, 4 canceled.", words: []string{"0", "1", "2", "3", "4"}}
	expandedParam = param{name: "expanded_statuses", kind: "boolean", summary: "Show canceled as status 4; otherwise it shows as 0."}
	classParam    = param{name: "status_code_class", kind: "integer", summary: "Class of the answer's status; 0 for no answer.", words: []string{"0", "100", "200", "300", "400", "500"}}
	sinceParam    = param{name: "since", kind: "date-time", summary: "Start of the time counted; 28 days before until by default."}
	untilParam    = param{name: "until", kind: "date-time", summary: "End of the time counted; now by default."}

	pageParams    = []param{limitParam, iteratorParam, orderParam}
	historyParams = []param{
		limitParam, iteratorParam,
		{name: "channel", kind: "string", summary: "Only messages with this channel."},
		{name: "tag", kind: "string", summary: "Only messages with this tag."},
		{name: "before", kind: "date-time", summary: "Only what is older."},
		{name: "after", kind: "date-time", summary: "Only what is not older."},
		{name: "event_types", kind: "list", summary: "Only messages of these event types."},
		contentParam,
	}
	attemptParams = append([]param{statusParam, expandedParam}, historyParams...)
)

const (
	appPath      = "/api/v1/app/{app_id}"
	endpointPath = appPath + "/endpoint/{endpoint_id}"
	messagePath  = appPath + "/msg/{msg_id}"
	typePath     = "/api/v1/event-type/{event_type_name}"
	settingsPath = "/api/v1/management/environment-settings"

	sourcePath         = "/ingest/api/v1/source/{source_id}"
	sourceEndpointPath = sourcePath + "/endpoint/{endpoint_id}"
	// What is not in the contract stands below /x/v1.
	ownSourcePath = "/x/v1/source/{source_id}"
	providerPath  = "/x/v1/provider"
)

// routes is the list of everything that is served.
func routes() []route {
	list := slices.Concat(
		coreRoutes(),
		operationalRoutes(),
		taskRoutes(),
		accessRoutes(),
		viewerRoutes(),
		accountRoutes(),
		shapeRoutes(),
		retentionRoutes(),
		statsRoutes(),
		issueRoutes(),
		portableRoutes(),
		listenRoutes(),
		filterRoutes(),
		transformRoutes(),
		connectorRoutes(),
		destinationRoutes(),
		holdRoutes(),
		pollRoutes(),
		credentialsRoutes(),
		checkRoutes(),
		systemRoutes(),
	)
	for i := range list {
		list[i].needs = scopeOf(list[i].op, list[i].method)
		if slices.Contains(steering, list[i].op) {
			list[i].also = hook.ScopeSteer
		}
		if slices.Contains(payloadOperations, list[i].op) {
			list[i].query = slices.Concat(list[i].query, []param{redactedParam})
		}
	}
	return list
}

// coreRoutes are the nouns: applications, endpoints, event types, messages, sources.
func coreRoutes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
		ok, created, accepted      = http.StatusOK, http.StatusCreated, http.StatusAccepted
		none                       = http.StatusNoContent
	)
	view, manage := portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)
	with := func(list []param, more ...param) []param { return append(append([]param{}, more...), list...) }
	return []route{
		{method: get, path: "/api/v1/app", op: "application.list", tag: "Application", summary: "List applications.",
			out: api.List[api.ApplicationOut]{}, statuses: []int{ok}, handler: (*server).listApplications,
			query: with(pageParams,
				param{name: "exclude_apps_with_no_endpoints", kind: "boolean", summary: "Leave out applications without endpoints."},
				param{name: "exclude_apps_with_disabled_endpoints", kind: "boolean", summary: "Leave out applications with a disabled endpoint."})},
		{method: post, path: "/api/v1/app", op: "application.create", tag: "Application", summary: "Create an application.",
			in: api.ApplicationIn{}, out: api.ApplicationOut{}, statuses: []int{ok, created}, receipts: true, handler: (*server).createApplication,
			query: []param{{name: "get_if_exists", kind: "boolean", summary: "Answer the application that has this uid already, instead of a conflict."}}},
		{method: get, path: appPath, op: "application.get", tag: "Application", summary: "Show an application.",
			out: api.ApplicationOut{}, statuses: []int{ok}, handler: (*server).getApplication},
		{method: put, path: appPath, op: "application.upsert", tag: "Application", summary: "Replace an application, or create one.",
			in: api.ApplicationIn{}, out: api.ApplicationOut{}, statuses: []int{ok, created}, handler: (*server).upsertApplication},
		{method: patch, path: appPath, op: "application.patch", tag: "Application", summary: "Change some fields of an application.",
			in: api.ApplicationPatch{}, out: api.ApplicationOut{}, statuses: []int{ok}, handler: (*server).patchApplication},
		{method: del, path: appPath, op: "application.delete", tag: "Application", summary: "Remove an application with its endpoints and tokens.",
			statuses: []int{none}, handler: (*server).deleteApplication},

		{method: get, path: appPath + "/endpoint", op: "endpoint.list", tag: "Endpoint", summary: "List an application's endpoints.", access: view,
			out: api.List[api.EndpointOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listEndpoints},
		{method: post, path: appPath + "/endpoint", op: "endpoint.create", tag: "Endpoint", summary: "Create an endpoint. Its name is not looked up.", access: manage,
			in: api.EndpointIn{}, out: api.EndpointOut{}, statuses: []int{created}, receipts: true, handler: (*server).createEndpoint},
		{method: get, path: endpointPath, op: "endpoint.get", tag: "Endpoint", summary: "Show an endpoint.", access: view,
			out: api.EndpointOut{}, statuses: []int{ok}, handler: (*server).getEndpoint},
		{method: put, path: endpointPath, op: "endpoint.upsert", tag: "Endpoint", summary: "Replace an endpoint, or create one. Secret and headers of an existing one stay.", access: manage,
			in: api.EndpointIn{}, out: api.EndpointOut{}, statuses: []int{ok, created}, handler: (*server).upsertEndpoint},
		{method: patch, path: endpointPath, op: "endpoint.patch", tag: "Endpoint", summary: "Change some fields of an endpoint.", access: manage,
			in: api.EndpointPatch{}, out: api.EndpointOut{}, statuses: []int{ok}, handler: (*server).patchEndpoint},
		{method: del, path: endpointPath, op: "endpoint.delete", tag: "Endpoint", summary: "Remove an endpoint; nothing more is sent to it.", access: manage,
			statuses: []int{none}, handler: (*server).deleteEndpoint},
		{method: get, path: endpointPath + "/secret", op: "endpoint.get-secret", tag: "Endpoint", summary: "Show what a receiver verifies with.", access: portalMay(hook.ViewEndpointSecret),
			out: api.EndpointSecretOut{}, statuses: []int{ok}, handler: (*server).getEndpointSecret},
		{method: post, path: endpointPath + "/secret/rotate", op: "endpoint.rotate-secret", tag: "Endpoint", summary: "Replace the signing key; the old one goes on signing for a while.", access: portalMay(hook.ManageEndpointSecret),
			in: api.EndpointSecretRotateIn{}, bodyOptional: true, statuses: []int{none}, receipts: true, handler: (*server).rotateEndpointSecret},
		{method: get, path: endpointPath + "/headers", op: "endpoint.get-headers", tag: "Endpoint", summary: "Show the custom headers; values of credentials are withheld.", access: view,
			out: api.EndpointHeadersOut{}, statuses: []int{ok}, handler: (*server).getEndpointHeaders},
		{method: put, path: endpointPath + "/headers", op: "endpoint.set-headers", tag: "Endpoint", summary: "Replace the custom headers.", access: manage,
			in: api.EndpointHeadersIn{}, statuses: []int{none}, handler: (*server).setEndpointHeaders},
		{method: patch, path: endpointPath + "/headers", op: "endpoint.patch-headers", tag: "Endpoint", summary: "Set and remove single custom headers.", access: manage,
			in: api.EndpointHeadersPatchIn{}, statuses: []int{none}, handler: (*server).patchEndpointHeaders},
		{method: get, path: endpointPath + "/stats", op: "endpoint.get-stats", tag: "Endpoint", summary: "Count an endpoint's deliveries by status.", access: view,
			out: api.EndpointStats{}, statuses: []int{ok}, query: []param{sinceParam, untilParam}, handler: (*server).getEndpointStats},
		{method: post, path: endpointPath + "/recover", op: "endpoint.recover", tag: "Endpoint", summary: "Send again, in the background, what failed since a time.", access: portalMay(hook.CreateAttempts),
			in: api.RecoverIn{}, out: api.RecoverOut{}, statuses: []int{accepted}, receipts: true, handler: (*server).recoverEndpoint},

		{method: get, path: "/api/v1/event-type", op: "event-type.list", tag: "Event Type", summary: "List event types by name.", access: anyToken,
			out: api.List[api.EventTypeOut]{}, statuses: []int{ok}, handler: (*server).listEventTypes,
			query: with(pageParams, contentParam, param{name: "include_archived", kind: "boolean", summary: "Show archived ones too."})},
		{method: post, path: "/api/v1/event-type", op: "event-type.create", tag: "Event Type", summary: "Create an event type, or bring an archived one back.",
			in: api.EventTypeIn{}, out: api.EventTypeOut{}, statuses: []int{created}, receipts: true, handler: (*server).createEventType},
		{method: get, path: typePath, op: "event-type.get", tag: "Event Type", summary: "Show an event type.", access: anyToken,
			out: api.EventTypeOut{}, statuses: []int{ok}, handler: (*server).getEventType},
		{method: put, path: typePath, op: "event-type.upsert", tag: "Event Type", summary: "Replace an event type, or create one of this name.",
			in: api.EventTypeIn{}, out: api.EventTypeOut{}, statuses: []int{ok, created}, handler: (*server).upsertEventType},
		{method: patch, path: typePath, op: "event-type.patch", tag: "Event Type", summary: "Change some fields of an event type.",
			in: api.EventTypePatch{}, out: api.EventTypeOut{}, statuses: []int{ok}, handler: (*server).patchEventType},
		{method: del, path: typePath, op: "event-type.delete", tag: "Event Type", summary: "Archive an event type.",
			statuses: []int{none}, query: []param{{name: "expunge", kind: "boolean", summary: "Remove it for good."}}, handler: (*server).deleteEventType},

		{method: get, path: appPath + "/msg", op: "message.list", tag: "Message", summary: "List messages, newest first.", access: view,
			out: api.List[api.MessageOut]{}, statuses: []int{ok}, query: historyParams, handler: (*server).listMessages},
		{method: post, path: appPath + "/msg", op: "message.create", tag: "Message", summary: "Publish a message. The answer means that it and its deliveries are on disk.",
			access: messages,
			in:     api.MessageIn{}, out: api.MessageOut{}, statuses: []int{accepted}, query: []param{contentParam}, publishes: true, handler: (*server).postMessage},
		{method: post, path: appPath + "/msg/precheck/active", op: "message.precheck", tag: "Message", summary: "Ask whether any endpoint would get such a message.",
			in: api.MessagePrecheckIn{}, out: api.MessagePrecheckOut{}, statuses: []int{ok}, handler: (*server).precheck},
		{method: get, path: messagePath, op: "message.get", tag: "Message", summary: "Show a message.", access: view,
			out: api.MessageOut{}, statuses: []int{ok}, query: []param{contentParam}, handler: (*server).getMessage},
		{method: del, path: messagePath + "/content", op: "message.expunge-content", tag: "Message", summary: "Remove a message's payload for good.",
			statuses: []int{none}, handler: (*server).expungeMessage},

		{method: get, path: appPath + "/attempt/endpoint/{endpoint_id}", op: "message-attempt.list-by-endpoint", tag: "Message Attempt", summary: "List an endpoint's attempts, newest first.", access: view,
			out: api.List[api.MessageAttemptOut]{}, statuses: []int{ok}, handler: (*server).listAttemptsByEndpoint,
			query: with(attemptParams, classParam, param{name: "with_msg", kind: "boolean", summary: "Show each attempt's message."})},
		{method: get, path: appPath + "/attempt/msg/{msg_id}", op: "message-attempt.list-by-msg", tag: "Message Attempt", summary: "List a message's attempts, newest first.", access: view,
			out: api.List[api.MessageAttemptOut]{}, statuses: []int{ok}, handler: (*server).listAttemptsByMessage,
			query: with(attemptParams, classParam, param{name: "endpoint_id", kind: "string", summary: "Only attempts at this endpoint."})},
		{method: get, path: endpointPath + "/msg", op: "message-attempt.list-attempted-messages", tag: "Message Attempt", summary: "List an endpoint's messages with what became of each.", access: view,
			out: api.List[api.EndpointMessageOut]{}, statuses: []int{ok}, query: attemptParams, handler: (*server).listAttemptedMessages},
		{method: get, path: messagePath + "/endpoint", op: "message-attempt.list-attempted-destinations", tag: "Message Attempt", summary: "List a message's endpoints with what became of it there.", access: view,
			out: api.List[api.MessageEndpointOut]{}, statuses: []int{ok}, query: []param{limitParam, iteratorParam}, handler: (*server).listAttemptedDestinations},
		{method: get, path: messagePath + "/attempt/{attempt_id}", op: "message-attempt.get", tag: "Message Attempt", summary: "Show an attempt.", access: view,
			out: api.MessageAttemptOut{}, statuses: []int{ok}, query: []param{expandedParam}, handler: (*server).getAttempt},
		{method: del, path: messagePath + "/attempt/{attempt_id}/content", op: "message-attempt.expunge-content", tag: "Message Attempt", summary: "Remove an attempt's answer for good.",
			statuses: []int{none}, handler: (*server).expungeAttempt},
		{method: post, path: messagePath + "/endpoint/{endpoint_id}/resend", op: "message-attempt.resend", tag: "Message Attempt", summary: "Send a message to an endpoint once more, now.", access: portalMay(hook.CreateAttempts),
			out: api.Empty{}, statuses: []int{accepted}, receipts: true, handler: (*server).resend},

		{method: get, path: "/ingest/api/v1/source", op: "ingest.source.list", tag: "Source", summary: "List sources.",
			out: api.List[api.IngestSourceOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listSources},
		{method: post, path: "/ingest/api/v1/source", op: "ingest.source.create", tag: "Source", summary: "Create a source: a URL on which a provider's webhooks arrive.",
			in: api.IngestSourceIn{}, out: api.IngestSourceOut{}, statuses: []int{created}, receipts: true, handler: (*server).createSource},
		{method: get, path: sourcePath, op: "ingest.source.get", tag: "Source", summary: "Show a source.",
			out: api.IngestSourceOut{}, statuses: []int{ok}, handler: (*server).getSource},
		{method: put, path: sourcePath, op: "ingest.source.upsert", tag: "Source", summary: "Replace a source, or create one. URL and settings of an existing one stay.",
			in: api.IngestSourceIn{}, out: api.IngestSourceOut{}, statuses: []int{ok, created}, handler: (*server).upsertSource},
		{method: patch, path: sourcePath, op: "ingest.source.patch", tag: "Source", summary: "Change a source's name, uid or metadata.",
			in: api.IngestSourcePatch{}, out: api.IngestSourceOut{}, statuses: []int{ok}, handler: (*server).patchSource},
		{method: del, path: sourcePath, op: "ingest.source.delete", tag: "Source", summary: "Remove a source with its endpoints and messages.",
			statuses: []int{none}, handler: (*server).deleteSource},
		{method: post, path: sourcePath + "/token/rotate", op: "ingest.source.rotate-token", tag: "Source", summary: "Give a source a new URL; the old one works for 48 hours more.",
			out: api.RotateTokenOut{}, statuses: []int{ok}, receipts: true, handler: (*server).rotateSourceToken},
		{method: get, path: sourcePath + "/log", op: "ingest.log.list", tag: "Source", summary: "List the newest rejected requests with the reason of each.",
			out: api.List[api.IngestLogOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listRejections},
		{method: post, path: sourcePath + "/dashboard", op: "ingest.authentication.consumer-portal-access", tag: "Source", summary: "Make a token and a link for a source's endpoints and messages.",
			in: api.IngestSourceConsumerPortalAccessIn{}, bodyOptional: true, out: api.AppPortalAccessOut{}, statuses: []int{ok}, receipts: true, handler: (*server).createSourcePortalAccess},

		{method: get, path: sourcePath + "/endpoint", op: "ingest.endpoint.list", tag: "Source", summary: "List a source's endpoints.",
			out: api.List[api.IngestEndpointOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listEndpoints},
		{method: post, path: sourcePath + "/endpoint", op: "ingest.endpoint.create", tag: "Source", summary: "Create an endpoint of a source. Its name is not looked up.",
			in: api.IngestEndpointIn{}, out: api.IngestEndpointOut{}, statuses: []int{created}, receipts: true, handler: (*server).createEndpoint},
		{method: get, path: sourceEndpointPath, op: "ingest.endpoint.get", tag: "Source", summary: "Show an endpoint of a source.",
			out: api.IngestEndpointOut{}, statuses: []int{ok}, handler: (*server).getEndpoint},
		{method: put, path: sourceEndpointPath, op: "ingest.endpoint.upsert", tag: "Source", summary: "Replace an endpoint of a source, or create one. Secret, headers and filters of an existing one stay.",
			in: api.IngestEndpointUpsertIn{}, out: api.IngestEndpointOut{}, statuses: []int{ok}, handler: (*server).upsertEndpoint},
		{method: del, path: sourceEndpointPath, op: "ingest.endpoint.delete", tag: "Source", summary: "Remove an endpoint of a source; nothing more is sent to it.",
			statuses: []int{none}, handler: (*server).deleteEndpoint},
		{method: get, path: sourceEndpointPath + "/secret", op: "ingest.endpoint.get-secret", tag: "Source", summary: "Show what a receiver verifies with.",
			out: api.EndpointSecretOut{}, statuses: []int{ok}, handler: (*server).getEndpointSecret},
		{method: post, path: sourceEndpointPath + "/secret/rotate", op: "ingest.endpoint.rotate-secret", tag: "Source", summary: "Replace the signing key; the old one goes on signing for a while.",
			in: api.EndpointSecretRotateIn{}, bodyOptional: true, statuses: []int{none}, receipts: true, handler: (*server).rotateEndpointSecret},
		{method: get, path: sourceEndpointPath + "/headers", op: "ingest.endpoint.get-headers", tag: "Source", summary: "Show the custom headers; values of credentials are withheld.",
			out: api.EndpointHeadersOut{}, statuses: []int{ok}, handler: (*server).getEndpointHeaders},
		{method: put, path: sourceEndpointPath + "/headers", op: "ingest.endpoint.set-headers", tag: "Source", summary: "Replace the custom headers.",
			in: api.EndpointHeadersIn{}, statuses: []int{none}, handler: (*server).setEndpointHeaders},

		{method: get, path: ownSourcePath + "/settings", op: "source.get-settings", tag: "Source settings", summary: "Show a source's settings, its application and what is known about its provider.",
			out: api.SourceSettingsOut{}, statuses: []int{ok}, handler: (*server).getSourceSettings},
		{method: put, path: ownSourcePath + "/settings", op: "source.set-settings", tag: "Source settings", summary: "Replace a source's settings; what is absent is the default.",
			in: api.SourceSettings{}, out: api.SourceSettingsOut{}, statuses: []int{ok}, handler: (*server).putSourceSettings},
		{method: patch, path: ownSourcePath + "/settings", op: "source.patch-settings", tag: "Source settings", summary: "Change some of a source's settings; null is the default again.",
			in: api.SourceSettings{}, out: api.SourceSettingsOut{}, statuses: []int{ok}, handler: (*server).patchSourceSettings},
		{method: get, path: ownSourcePath + "/stats", op: "source.get-stats", tag: "Source settings", summary: "Count a source's requests by hour and by what became of them.",
			out: api.SourceStatsOut{}, statuses: []int{ok}, handler: (*server).getSourceStats,
			query: []param{{name: "since", kind: "date-time", summary: "Start of the time counted; a day before until by default, 90 days at most."}, untilParam}},
		{method: get, path: providerPath, op: "provider.list", tag: "Source settings", summary: "List the providers that a source may be of, with what each needs.",
			out: api.ProviderList{}, statuses: []int{ok}, handler: (*server).listProviders},
		{method: get, path: providerPath + "/{provider_name}", op: "provider.get", tag: "Source settings", summary: "Show what is known about a provider's webhooks.",
			out: api.ProviderOut{}, statuses: []int{ok}, handler: (*server).getProvider},

		{method: get, path: "/api/v1/background-task", op: "background-task.list", tag: "Background Task", summary: "List background tasks, newest first.",
			out: api.List[api.BackgroundTaskOut]{}, statuses: []int{ok}, handler: (*server).listTasks,
			query: with(pageParams,
				param{name: "status", kind: "string", summary: "Only tasks in this state.", words: []string{"running", "finished", "failed"}},
				param{name: "task", kind: "string", summary: "Only tasks of this kind.", words: taskTypes})},
		{method: get, path: "/api/v1/background-task/{task_id}", op: "background-task.get", tag: "Background Task", summary: "Show a background task.",
			out: api.BackgroundTaskOut{}, statuses: []int{ok}, handler: (*server).getTask},

		{method: post, path: "/api/v1/auth/app-portal-access/{app_id}", op: "authentication.app-portal-access", tag: "Authentication", summary: "Make a token and a link for one application.",
			in: api.AppPortalAccessIn{}, bodyOptional: true, out: api.AppPortalAccessOut{}, statuses: []int{ok}, receipts: true, handler: (*server).createPortalAccess},
		{method: post, path: "/api/v1/auth/app/{app_id}/expire-all", op: "authentication.expire-all", tag: "Authentication", summary: "End the portal tokens of an application.",
			in: api.ApplicationTokenExpireIn{}, bodyOptional: true, statuses: []int{none}, handler: (*server).expireAll},
		{method: post, path: "/api/v1/auth/logout", op: "authentication.logout", tag: "Authentication", summary: "End the portal token that makes the request.", access: portalOnly,
			statuses: []int{none}, handler: (*server).logout},
		{method: get, path: "/api/v1/auth/whoami", op: "authentication.whoami", tag: "Authentication", summary: "Say what the token is.", access: anyToken,
			out: api.WhoamiOut{}, statuses: []int{ok}, handler: (*server).whoami},

		{method: get, path: "/api/v1/environment/settings", op: "environment.get-settings", tag: "Environment", summary: "Show what a portal starts from.", access: anyToken,
			out: api.PortalSettingsOut{}, statuses: []int{ok}, handler: (*server).getPortalSettings},
		{method: get, path: settingsPath, op: "management.environment-settings.get", tag: "Environment", summary: "Show the environment's settings.",
			out: api.SettingsOut{}, statuses: []int{ok}, handler: (*server).getSettings},
		{method: put, path: settingsPath, op: "management.environment-settings.update", tag: "Environment", summary: "Replace the environment's settings.",
			in: api.SettingsIn{}, out: api.SettingsOut{}, statuses: []int{ok}, handler: (*server).putSettings},
		{method: patch, path: settingsPath, op: "management.environment-settings.patch", tag: "Environment", summary: "Change some of the environment's settings.",
			in: api.SettingsIn{}, out: api.SettingsOut{}, statuses: []int{ok}, handler: (*server).patchSettings},

		{method: get, path: "/api/v1/health", op: "health.get", tag: "Health", summary: "Answer whether messages can be taken now: 204, or 503.", access: open,
			statuses: []int{none}, handler: (*server).health},
		{method: get, path: "/api/v1/openapi.json", op: "openapi", tag: "Health", summary: "This document.", access: open,
			out: map[string]any{}, statuses: []int{ok}, handler: (*server).openAPIDocument},

		// Paths that older client libraries call (CONTRACT 1.3 and the end of section 4).
		{method: post, path: "/api/v1/auth/dashboard-access/{app_id}", op: "authentication.dashboard-access", tag: "Older clients", summary: "The older name of app-portal-access.",
			in: api.AppPortalAccessIn{}, bodyOptional: true, out: api.AppPortalAccessOut{}, statuses: []int{ok}, receipts: true, handler: (*server).createPortalAccess},
		{method: get, path: messagePath + "/attempt", op: "message-attempt.list", tag: "Older clients", summary: "The older name of the list of a message's attempts.", access: view,
			out: api.List[api.MessageAttemptOut]{}, statuses: []int{ok}, handler: (*server).listAttemptsByMessage,
			query: with(attemptParams, classParam, param{name: "endpoint_id", kind: "string", summary: "Only attempts at this endpoint."})},
		{method: get, path: messagePath + "/endpoint/{endpoint_id}/attempt", op: "message-attempt.list-by-endpoint-deprecated", tag: "Older clients", summary: "List a message's attempts at one endpoint.", access: view,
			out: api.List[api.MessageAttemptOut]{}, statuses: []int{ok}, query: with(attemptParams, classParam), handler: (*server).listAttemptsOfPair},
		{method: get, path: "/api/v1/health/ping", op: "health.ping", tag: "Health", summary: "Answer that the process serves requests.", access: open,
			statuses: []int{none}, handler: (*server).ping},
	}
}
