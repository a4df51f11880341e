package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hookloft/hookloft/internal/hook"
)

// scopeNouns are the nouns of scopes by the beginning of operation ids, where that is not
// the noun itself. The longest beginning counts.
var scopeNouns = map[string]string{
	"application":                         "app",
	"message-attempt":                     "attempt",
	"ingest":                              "source",
	"background-task":                     "task",
	"environment":                         "settings",
	"management.environment":              "settings",
	"management.environment-settings":     "settings",
	"management.authentication":           "token",
	"authentication":                      "portal",
	"authentication.create-message-token": "token",
	"ingest.authentication":               "portal",
	"provider":                            "source",
	"statistics":                          "stats",
	"queue":                               "stats",
	"reason":                              "stats",
	"events":                              "message",
	"tail":                                "attempt",
	"destination":                         "endpoint",
	"search":                              "message",
	"filter":                              "endpoint",
	// What removes content for good, or reaches every application, is not what a sender
	// needs: message:write is not enough.
	"expunge":                         "content",
	"message.expunge-content":         "content",
	"message.bulk-expunge-content":    "content",
	"message.expunge-all-contents":    "content",
	"message-attempt.expunge-content": "content",
	"message.broadcast":               "broadcast",
	"connector-template":              "connector",
	"search.why":                      "attempt",
	"application.list-activity":       "audit",
	"application.stream":              "message",
	"application.create-stream-token": "message",
	"source.stream":                   "message",
	"source.create-stream-token":      "message",
	"message.poller":                  "poller",
	"message.pollerv2":                "poller",
}

// secretVerbs are the last parts of operations that show a secret or make a new one,
// whatever noun they belong to.
var secretVerbs = []string{"get-secret", "rotate-secret", "get-listener-secret", "get-key", "rotate-key", "get-poller-token", "rotate-poller-token"}

// withoutScope are the operations that any token may call about itself.
var withoutScope = []string{"authentication.whoami", "authentication.logout", "viewer.get", "session.list", "session.end", "session.delete", "user.update-me"}

// readByPost are operations that change nothing although they are POSTs.
var readByPost = []string{
	// Who may read messages may give a page less than that.
	"application.create-stream-token", "source.create-stream-token",

	"filter.test", "message.precheck", "message.search", "environment.export", "event-type.validate",
	"endpoint.transformation.simulate", "connector.simulate",
}

// scopeOf returns the scope that an API token with scopes needs for an operation: the noun
// from the beginning of its id, the verb from the method. So an operation that is added to
// the list of routes has a scope without another word, and never none by oversight.
func scopeOf(op, method string) hook.Scope {
	if slices.Contains(withoutScope, op) {
		return ""
	}
	noun, _, _ := strings.Cut(op, ".")
	last := op[strings.LastIndexByte(op, '.')+1:]
	for prefix := op; prefix != ""; {
		if n := scopeNouns[prefix]; n != "" {
			noun = n
			break
		}
		i := strings.LastIndexByte(prefix, '.')
		if i < 0 {
			break
		}
		prefix = prefix[:i]
	}
	switch {
	case slices.Contains(secretVerbs, last):
		noun = "secret"
	case last == "listen": // a GET that makes something durable and moves its cursor
		return "listener:write"
	case last == "consumer-poll": // likewise
		return "poller:write"
	}
	if method == http.MethodGet || slices.Contains(readByPost, op) {
		return hook.Scope(noun + ":read")
	}
	return hook.Scope(noun + ":write")
}

// knownScopes returns the scopes that operations need, sorted.
func knownScopes(list []route) []hook.Scope {
	var known []hook.Scope
	for i := range list {
		if !list[i].access.open && list[i].needs != "" && !slices.Contains(known, list[i].needs) {
			known = append(known, list[i].needs)
		}
	}
	known = append(known, hook.ScopeReadSensitive) // of a parameter, see sight
	known = append(known, hook.ScopeSteer)
	slices.Sort(known)
	return known
}
