package hook

import (
	"slices"
	"strings"
)

// Scope is one permission of an API token: "*" for everything, "*:read" for all reading
// but of secrets, "noun:*" for all that is done with a noun, or "noun:verb" with the verb
// read or write. Which scope an operation needs is derived from the list of routes.
type Scope string

// The scopes that span nouns.
const (
	ScopeAll     Scope = "*"
	ScopeReadAll Scope = "*:read"
	// ScopeReadSecret is needed to see a signing secret or a key. ScopeReadAll does not
	// cover it, so that a token for a dashboard cannot sign.
	ScopeReadSecret Scope = "secret:read"
	// ScopeReadSensitive is needed to see values that an event type redacts. ScopeReadAll
	// does not cover it either.
	ScopeReadSensitive Scope = "sensitive:read"
	// ScopeReadSystem is needed to see what the installation is and how it is set up. ScopeReadAll
	// does not cover it, because it is about all environments.
	ScopeReadSystem Scope = "system:read"
	// ScopeSteer is enough to send again, test and pause, without the right to configure what
	// is sent to.
	ScopeSteer Scope = "steer:write"
)

// MaxScopes is how many scopes a token may have.
const MaxScopes = 64

// Covers reports whether s allows an operation that needs the scope operation.
func (s Scope) Covers(operation Scope) bool {
	if s == ScopeAll || s == operation {
		return true
	}
	noun, verb, _ := strings.Cut(string(operation), ":")
	if s == ScopeReadAll {
		return verb == "read" && operation != ScopeReadSecret && operation != ScopeReadSensitive && operation != ScopeReadSystem
	}
	return string(s) == noun+":*"
}

// CheckScopes reports whether each of scopes is "*", "*:read", one of known, or "noun:*"
// with the noun of one of known. known are what operations need. Nil is no restriction; a
// list that is given and empty would be a token that may do nothing, and is refused.
func CheckScopes(field string, scopes, known []Scope) error {
	if scopes != nil && len(scopes) == 0 || len(scopes) > MaxScopes {
		return Fieldf(field, "must hold 1 to %d scopes; leave it out for a token that may do everything", MaxScopes)
	}
	for i, s := range scopes {
		if slices.Contains(scopes[:i], s) {
			return Fieldf(field, "holds %q twice", cutText(string(s), 64))
		}
		if s == ScopeAll || s == ScopeReadAll || slices.Contains(known, s) {
			continue
		}
		noun, ok := strings.CutSuffix(string(s), ":*")
		if ok && slices.ContainsFunc(known, func(k Scope) bool { return strings.HasPrefix(string(k), noun+":") }) {
			continue
		}
		return Fieldf(field, "unknown scope %q; there are *, *:read and %s", cutText(string(s), 64), joinScopes(known))
	}
	return nil
}

func joinScopes(list []Scope) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}

// cutText bounds what is repeated of a caller's text.
func cutText(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}
