package httpapi

import (
	"slices"

	"github.com/hookloft/hookloft/internal/hook"
)

// steering are the operations for which the scope "steer:write" is enough: what sends again,
// tries and pauses what others have configured.
var steering = []string{
	"message-attempt.resend", "endpoint.recover", "endpoint.replay-missing", "endpoint.bulk-replay", "endpoint.replay", "endpoint.send-example",
	"message.test-attempt", "destination.force-retry", "destination.skip", "issue.replay", "issue.patch",
	"task.patch", "task.pause", "task.resume", "task.cancel",
	"message-attempt.curl",
	"endpoint.retry-order", "endpoint.skip-order", "source.endpoint.retry-order", "source.endpoint.skip-order", "destination.retry-order", "destination.skip-order",
	"endpoint.pause", "endpoint.resume", "source.endpoint.pause", "source.endpoint.resume", "destination.pause", "destination.resume",
	"application.pause", "application.resume", "source.pause", "source.resume",
}

// roleScopes is the one table of what roles may do, in the scopes of API tokens; nil is
// everything. known are all scopes: a developer has each of them but those that are named
// here, so that a new operation is not closed to developers by oversight, and no role below
// gets a right to change anything by one.
func roleScopes(known []hook.Scope) map[hook.Role][]hook.Scope {
	ownersOnly := []hook.Scope{"user:write", "token:write"}
	return map[hook.Role][]hook.Scope{
		hook.RoleOwner:     nil,
		hook.RoleDeveloper: slices.DeleteFunc(slices.Clone(known), func(s hook.Scope) bool { return slices.Contains(ownersOnly, s) }),
		hook.RoleSupport:   {hook.ScopeReadAll, hook.ScopeReadSensitive, hook.ScopeSteer},
		hook.RoleViewer:    {hook.ScopeReadAll},
	}
}
