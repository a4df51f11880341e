package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// MakeRequest makes the request of a message at an endpoint as an attempt at that time would
// send it. It sends nothing. What the endpoint's script fails at or cancels is a
// *ScriptRefusedError.
type MakeRequest func(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, at time.Time) (*MadeRequest, error)

// MadeRequest is a request that was made and not sent.
type MadeRequest struct {
	Method, URL string
	Fields      []string // names and values by turns
	Body        []byte
}

// ScriptRefusedError says why the endpoint's script lets no request be made.
type ScriptRefusedError struct{ Text string }

func (e *ScriptRefusedError) Error() string { return e.Text }

// signatureLife is how far a signed time may lie from a receiver's clock (Standard Webhooks
// 1.0.0, "Timestamp").
const signatureLife = 5 * time.Minute

// getCurl shows the request of a message at an endpoint as a command with a signature that is
// valid now, to try a receiver by hand. Who gets it could have it sent as well (see resend),
// and sees all that is in it: where something of the payload is redacted there is none.
// Credentials are not in it, for those who resend do not see them.
func (s *server) getCurl(c *call) error {
	a, m, err := s.message(c)
	if err != nil {
		return err
	}
	id, err := s.pastEndpoint(c, a, c.param("endpoint_id"))
	if err != nil {
		return err
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	ep := plan.Endpoint(id)
	if ep == nil {
		return notFound()
	}
	seen, err := s.sight(c, a.ID)
	if err != nil {
		return err
	}
	now := s.now()
	switch {
	case seen.of(m.EventType) != nil:
		return &statusError{http.StatusForbidden, "insufficient access", "The event type redacts values of the payload, so the request cannot be shown."}
	case !m.HasContent(now):
		return hook.Errorf(hook.MissingPayload, "message content is gone")
	case ep.IsMail():
		return badRequest("The endpoint is a mail server: there is no request that curl could make.")
	case ep.Kind == hook.PollingEndpoint:
		return badRequest("The endpoint is polled: nothing is sent to it.")
	}
	shown, left := withoutProofs(ep)
	var withhold withheld
	if m.Inbound != nil {
		withhold = withheldOf(m.Inbound.Provider)
		if in := seenBy(m, nil); in.Inbound.Query != m.Inbound.Query {
			m, left = in, append(left, "query of the received webhook")
		}
	}
	made, err := s.MakeRequest(c.ctx(), m, shown, plan.Environment, now)
	if refused, ok := errors.AsType[*ScriptRefusedError](err); ok {
		return &statusError{http.StatusConflict, "no_request", "The endpoint's transformation makes no request of this message: " + refused.Text}
	}
	if err != nil {
		return err
	}
	kept := made.Fields[:0:0]
	for i := 0; i+1 < len(made.Fields); i += 2 {
		name, value := made.Fields[i], made.Fields[i+1]
		if isProof(ep, withhold, name) || value == withheldText || !isPasteable(value) {
			left = append(left, "header "+name)
			continue
		}
		kept = append(kept, name, value)
	}
	made.Fields = kept
	slices.Sort(left)
	out := api.CurlOut{
		Command: curlCommand(made), Method: made.Method, URL: made.URL,
		ExpiresAt: now.Add(signatureLife), Withheld: slices.Compact(append([]string{}, left...)),
	}
	return c.json(http.StatusOK, out)
}

// withoutProofs returns an endpoint that proves itself with nothing but its signature, and
// says what was left out. Placeholders stand where the request would be another one without.
func withoutProofs(e *hook.Endpoint) (*hook.Endpoint, []string) {
	next := *e
	var left []string
	if c := e.Credentials; c != nil {
		credentials := *c
		if c.Basic != nil || c.Bearer != "" || c.OAuth2 != nil {
			credentials.Basic, credentials.Bearer, credentials.OAuth2 = nil, "", nil
			left = append(left, "header Authorization")
		}
		if c.APIKey != nil {
			key := *c.APIKey
			key.Value = withheldText
			credentials.APIKey = &key
			if key.In == hook.InQuery {
				left = append(left, "query parameter "+key.Name)
			}
		}
		if c.Identity != "" {
			credentials.Identity = ""
			left = append(left, "client certificate")
		}
		if credentials.Proxy != nil {
			credentials.Proxy = nil
			left = append(left, "proxy")
		}
		next.Credentials = &credentials
	}
	if e.Shape != nil && e.Shape.Token != nil {
		shape, token := *e.Shape, *e.Shape.Token
		token.Value = withheldText
		shape.Token = &token
		next.Shape = &shape
		if token.In != hook.InHeader {
			left = append(left, "token "+token.Name)
		}
	}
	if u := e.Connector; u != nil && u.Script != nil && (e.Transformation == nil || !e.Transformation.Enabled) {
		use, script := *u, *u.Script
		script.Variables = connectorVariables(u, u.Script.Variables)
		use.Script = &script
		next.Connector = &use
		for _, name := range slices.Sorted(maps.Keys(script.Variables)) {
			if script.Variables[name] == withheldText {
				left = append(left, "variable "+name)
			}
		}
	}
	return &next, left
}

// maxArgument is how long a quoted body may be: Linux takes arguments of 128 KiB.
const maxArgument = 100 << 10

// curlCommand spells a request for a POSIX shell. Whatever is in it stays text: each word is
// quoted, and a body that a terminal might take for keys that were pressed goes as base64.
func curlCommand(r *MadeRequest) string {
	var b strings.Builder
	hasBody := len(r.Body) > 0
	isText := len(r.Body) <= maxArgument && isPasteable(string(r.Body))
	if hasBody && !isText {
		b.WriteString("printf %s '" + base64.StdEncoding.EncodeToString(r.Body) + "' | base64 -d | \\\n")
	}
	b.WriteString("curl -i -X " + r.Method)
	if r.Method == http.MethodHead {
		b.WriteString(" --head")
	}
	if strings.ContainsAny(r.URL, "[]{}") {
		b.WriteString(" --globoff") // curl would make several URLs of it
	}
	if strings.Contains(r.URL, "/.") {
		b.WriteString(" --path-as-is")
	}
	b.WriteString(" " + quoted(r.URL))
	host := ""
	if u, err := url.Parse(r.URL); err == nil {
		host = u.Host
	}
	named := map[string]bool{}
	for i := 0; i+1 < len(r.Fields); i += 2 {
		name, value := r.Fields[i], r.Fields[i+1]
		lower := strings.ToLower(name)
		named[lower] = true
		switch {
		case lower == "content-length" || lower == "host" && value == host:
			continue // curl says the same
		case value == "":
			value = name + ";" // with a colon curl would take the header away
		default:
			value = name + ": " + value
		}
		b.WriteString(" \\\n  -H " + quoted(value))
	}
	// What curl adds by itself and the request does not have.
	if !named["accept"] {
		b.WriteString(" \\\n  -H 'Accept:'")
	}
	isEmptyBody := !hasBody && named["content-length"]
	if (hasBody || isEmptyBody) && !named["content-type"] {
		b.WriteString(" \\\n  -H 'Content-Type:'")
	}
	switch {
	case hasBody && isText:
		b.WriteString(" \\\n  --data-raw " + quoted(string(r.Body))) // --data would read a file after an @
	case hasBody:
		b.WriteString(" \\\n  -H 'Expect:' --data-binary @-")
	case isEmptyBody:
		b.WriteString(" \\\n  --data-raw ''")
	}
	return b.String()
}

// quoted is a word of a POSIX shell. Nothing has a meaning between single quotes but the one
// that ends them.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// isPasteable reports whether text can be shown, copied and pasted into a terminal and be the
// same bytes: no control characters, which a terminal or its line editor acts on, and none
// that turn the direction of what is read.
func isPasteable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
	})
}
