package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const ownTaskPath = "/x/v1/task/{task_id}"

// taskRoutes start background work, follow and steer it.
func taskRoutes() []route {
	const (
		get, post, put, patch      = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch
		ok, created, accepted      = http.StatusOK, http.StatusCreated, http.StatusAccepted
		none                       = http.StatusNoContent
		endpoints, messages, tasks = "Endpoint", "Message", "Background Task"
	)
	again := portalMay(hook.CreateAttempts)
	return []route{
		{method: post, path: endpointPath + "/replay-missing", op: "endpoint.replay-missing", tag: endpoints, access: again,
			summary: "Send, in the background, what an endpoint subscribes to and never got an attempt of.",
			in:      api.ReplayIn{}, out: api.RecoverOut{}, statuses: []int{accepted}, receipts: true, handler: (*server).replayMissing},
		{method: post, path: endpointPath + "/bulk-replay", op: "endpoint.bulk-replay", tag: endpoints, access: again,
			summary: "Send again, in the background, every message of an endpoint that matches, delivered or not.",
			in:      api.BulkReplayIn{}, out: api.RecoverOut{}, statuses: []int{accepted}, receipts: true, handler: (*server).bulkReplay},
		{method: post, path: ownEndpointPath + "/replay", op: "endpoint.replay", tag: tasks, access: again,
			summary: "Send again, in the background, what failed, is missing, or all; at a pace. With dryRun only count: 200 with {count, oldest, newest, complete}.",
			in:      api.EndpointReplayIn{}, out: api.TaskOut{}, statuses: []int{ok, accepted}, receipts: true, handler: (*server).replayEndpoint},
		{method: post, path: endpointPath + "/send-example", op: "endpoint.send-example", tag: endpoints, access: again,
			summary: "Send an example of an event type to an endpoint, whatever it subscribes to.",
			in:      api.EventExampleIn{}, out: api.MessageOut{}, statuses: []int{accepted}, handler: (*server).sendExample},
		{method: post, path: endpointPath + "/msg/test-attempt", op: "message.test-attempt", tag: messages, access: again,
			summary: "Store a message, send it to an endpoint once, and answer with what came of it.",
			in:      api.MessageIn{}, out: api.MessageAttemptOut{}, statuses: []int{created}, publishes: true, handler: (*server).testAttempt},
		{method: post, path: endpointPath + "/cancel-msgs", op: "endpoint.cancel-msgs", tag: endpoints,
			summary: "End what waits for an endpoint, of messages accepted before a time.",
			in:      api.CancelMsgsIn{}, statuses: []int{none}, handler: (*server).cancelMessages},

		{method: post, path: "/api/v1/msg/broadcast", op: "message.broadcast", tag: messages,
			summary: "Publish a message in every application, in the background.",
			in:      api.MessageBroadcastIn{}, out: api.RecoverOut{}, statuses: []int{accepted}, receipts: true, publishes: true, handler: (*server).broadcast},
		{method: post, path: appPath + "/msg/bulk-expunge", op: "message.bulk-expunge-content", tag: messages,
			summary: "Remove the payloads of messages for good.",
			in:      api.BulkExpungeContentsIn{}, out: api.BulkExpungeContentsOut{}, statuses: []int{ok}, handler: (*server).bulkExpunge},
		{method: post, path: appPath + "/msg/expunge-all-contents", op: "message.expunge-all-contents", tag: messages,
			summary: "Remove the payloads of all of an application's messages for good, in the background.",
			out:     api.RecoverOut{}, statuses: []int{accepted}, receipts: true, handler: (*server).expungeAll},
		{method: post, path: "/x/v1/expunge", op: "expunge", tag: tasks,
			summary: "Remove the payloads of all messages with a tag for good, in one application or everywhere, in the background.",
			in:      api.ExpungeIn{}, out: api.TaskOut{}, statuses: []int{accepted}, receipts: true, handler: (*server).expungeTag},

		{method: post, path: "/api/v1/stats/usage/app", op: "statistics.aggregate-app-stats", tag: "Statistics",
			summary: "Count, in the background, the deliveries of applications.",
			in:      api.AppUsageStatsIn{}, out: api.AppUsageStatsOut{}, statuses: []int{accepted}, receipts: true, handler: (*server).aggregateAppStats},
		{method: put, path: "/api/v1/stats/usage/event-types", op: "statistics.aggregate-event-types", tag: "Statistics",
			summary: "List, in the background, the event types that endpoints subscribe to.",
			out:     api.RecoverOut{}, statuses: []int{accepted}, handler: (*server).aggregateEventTypes},

		{method: get, path: ownTaskPath, op: "task.get", tag: tasks, access: again,
			summary: "Show a background task in full.", out: api.TaskOut{}, statuses: []int{ok}, handler: (*server).getOwnTask},
		{method: patch, path: ownTaskPath, op: "task.patch", tag: tasks, access: again,
			summary: "Change the pace of a task.", in: api.TaskPatch{}, out: api.TaskOut{}, statuses: []int{ok}, handler: (*server).patchTask},
		{method: post, path: ownTaskPath + "/pause", op: "task.pause", tag: tasks, access: again,
			summary: "Let a task stand still.", out: api.TaskOut{}, statuses: []int{ok}, handler: (*server).pauseTask},
		{method: post, path: ownTaskPath + "/resume", op: "task.resume", tag: tasks, access: again,
			summary: "Let a paused task go on.", out: api.TaskOut{}, statuses: []int{ok}, handler: (*server).resumeTask},
		{method: post, path: ownTaskPath + "/cancel", op: "task.cancel", tag: tasks, access: again,
			summary: "End a task; a replay takes back what was not sent yet.", out: api.TaskOut{}, statuses: []int{ok}, handler: (*server).cancelTask},
	}
}
