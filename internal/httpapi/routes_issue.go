package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

// issueRoutes group failures, and say what is done about them.
func issueRoutes() []route {
	const get, post, patch, ok, accepted = http.MethodGet, http.MethodPost, http.MethodPatch, http.StatusOK, http.StatusAccepted
	const one = "/x/v1/issue/{issue_id}"
	return []route{
		{method: get, path: "/x/v1/issue", op: "issue.list", tag: "Issue", summary: "List what endpoints fail at, one line for each endpoint and class of failures, the latest first.",
			out: api.IssueList{}, statuses: []int{ok}, handler: (*server).listIssues, query: []param{
				limitParam, {name: "iterator", kind: "string", summary: "Where to go on: the iterator of an earlier page."}, appParam, ofEndpointParam,
				{name: "state", kind: "string", summary: "Only issues in this state.", words: []string{"open", "muted", "resolved"}},
			}},
		{method: get, path: one, op: "issue.get", tag: "Issue", summary: "Show an issue.",
			out: api.IssueOut{}, statuses: []int{ok}, handler: (*server).getIssue},
		{method: patch, path: one, op: "issue.patch", tag: "Issue", summary: "Mute an issue, call it resolved, or say who sees to it.",
			in: api.IssuePatch{}, out: api.IssueOut{}, statuses: []int{ok}, handler: (*server).patchIssue},
		{method: post, path: one + "/replay", op: "issue.replay", tag: "Issue", summary: "Send again, in the background, what failed at the endpoint in the issue's time. With dryRun only count: 200 with {count, oldest, newest, complete}.",
			in: api.IssueReplayIn{}, bodyOptional: true, out: api.TaskOut{}, statuses: []int{ok, accepted}, receipts: true, handler: (*server).replayIssue},
	}
}
