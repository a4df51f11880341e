package receive

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hookloft/hookloft/internal/hook"
)

// inbound is what of the request goes on to the services behind, by the owner's choice.
func (v *visit) inbound() *hook.Inbound {
	rule := &v.source.Settings.Forward
	in := &hook.Inbound{Provider: v.source.Type}
	if !rule.NoMethod && v.req.Method != http.MethodPost {
		in.Method = v.req.Method
	}
	if !rule.NoPath {
		in.Path = v.to.suffix
	}
	if !rule.NoQuery {
		in.Query = v.harmlessQuery()
	}
	if !rule.NoHeaders {
		in.Header = v.forwarded(rule.Headers)
	}
	return in
}

// What is forwarded is bounded, because it stays in memory as long as the message does. No
// provider comes near; what has no room is left out.
const (
	maxForwarded      = 80
	maxForwardedBytes = 16 << 10
)

// forwarded returns the request's headers that go on, name and value by turns. net/http
// does not keep their order, so it is that of their names.
func (v *visit) forwarded(chosen []string) []string {
	names := make([]string, 0, len(v.req.Header))
	n := 0
	for name, values := range v.req.Header {
		if hook.IsConnectionHeader(name) || isNominated(v.req.Header, name) {
			continue
		}
		if chosen == nil && !isHarmless(name) || chosen != nil && !slices.ContainsFunc(chosen, func(c string) bool { return strings.EqualFold(c, name) }) {
			continue
		}
		names = append(names, name)
		n += len(values)
	}
	slices.Sort(names)
	out := make([]string, 0, 2*min(n, maxForwarded))
	room := maxForwardedBytes
	for _, name := range names {
		for _, value := range v.req.Header[name] {
			size := len(name) + len(value)
			if len(out) == 2*maxForwarded || size > room || chosen == nil && (v.gate.isSecret(name, value) || strings.Contains(value, v.to.token)) {
				continue
			}
			room -= size
			out = append(out, name, value)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// isNominated reports whether Connection names the header (RFC 9110 section 7.6.1). name is in
// canonical form, here and below.
func isNominated(h http.Header, name string) bool {
	for _, value := range h["Connection"] {
		for other := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(other), name) {
				return true
			}
		}
	}
	return false
}

// isHarmless reports whether a header goes on without having been chosen: not one that
// carries credentials, that says how the request came here, or that speaks in our name.
func isHarmless(name string) bool {
	if strings.Contains(name, "_") {
		// Servers that make variables of headers take X_Forwarded_For for the same.
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	switch name {
	case "Authorization", "Cookie", "Cookie2", "Set-Cookie", "Forwarded", "Via", "X-Real-Ip", "Accept-Encoding", "User-Agent":
		return false
	}
	for _, prefix := range [...]string{"X-Forwarded-", "X-Hookloft-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// isSecret reports whether a header carries a secret of the provider's.
func (g *gate) isSecret(name, value string) bool {
	for _, w := range g.preset.Withhold {
		if strings.EqualFold(w, name) {
			return true
		}
	}
	return holdsAny(value, g.source.Config.Secrets)
}

// minSecret is the length from which a secret is looked for inside longer text. A shorter
// one would be found by accident, and is compared as a whole.
const minSecret = 6

func holdsAny(text string, secrets []string) bool {
	for _, s := range secrets {
		if s != "" && (text == s || len(s) >= minSecret && strings.Contains(text, s)) {
			return true
		}
	}
	return false
}

// harmlessQuery is the query without the parameters that carry a secret; the rest stays
// as it came.
func (v *visit) harmlessQuery() string {
	if v.to.query == "" || len(v.gate.preset.Withhold) == 0 && len(v.source.Config.Secrets) == 0 {
		return v.to.query
	}
	var kept []string
	dropped := false
	for pair := range strings.SplitSeq(v.to.query, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			name = rawName
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			value = rawValue
		}
		if v.gate.isSecret(name, value) {
			dropped = true
			continue
		}
		kept = append(kept, pair)
	}
	if !dropped {
		return v.to.query
	}
	return strings.Join(kept, "&")
}
