package httpapi

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// inboundPayload shows a received body where the contract wants a JSON object: the body
// itself when it is one, else an object that holds it as text.
func inboundPayload(body []byte) []byte {
	v := jsontext.Value(body)
	// Deeper than what may be published, clients' parsers give up on the whole answer.
	if v.Kind() == '{' && v.IsValid(jsontext.AllowDuplicateNames(true)) && checkDepth(body) == nil {
		return body
	}
	if utf8.Valid(body) {
		return append(appendString([]byte(`{"rawPayload":`), string(body)), '}')
	}
	out := base64.StdEncoding.AppendEncode([]byte(`{"rawPayloadBase64":"`), body)
	return append(out, `"}`...)
}

// inboundToAPI shows what a provider's request had beside its body.
func inboundToAPI(m *hook.Message) *api.InboundOut {
	in := m.Inbound
	withhold := withheldOf(in.Provider)
	out := &api.InboundOut{
		Provider: in.Provider, Method: in.Method, Path: plainText(in.Path), Query: withhold.query(in.Query),
		Headers: make(map[string][]string, len(in.Header)/2), ContentType: orNil(plainText(m.ContentType)),
		Type: plainText(in.Type), DeliveryID: orNil(plainText(in.DeliveryID)), Stale: in.Stale,
	}
	if out.Method == "" {
		out.Method = "POST"
	}
	for i := 0; i+1 < len(in.Header); i += 2 {
		name := plainText(in.Header[i])
		out.Headers[name] = append(out.Headers[name], withhold.header(name, in.Header[i+1]))
	}
	return out
}

// withheld are the names of headers and query parameters that carry a provider's secret.
// What is stored should not hold them; what is shown must not.
type withheld []string

const withheldText = "[withheld]"

func withheldOf(typ string) withheld {
	p, _ := presetOf(typ)
	return p.Withhold
}

// withheldBy is withheldOf with the names that the source's config chooses.
func withheldBy(src *hook.Source) withheld {
	p, known := presetOf(src.Type)
	if !known {
		return nil
	}
	v, err := webhook.Provider(p.Name, webhook.Config{Secrets: src.Config.Secrets, Settings: src.Config.Values})
	if err != nil {
		return p.Withhold // the source has no secret yet
	}
	return v.Preset().Withhold
}

func (w withheld) has(name string) bool {
	for _, n := range w {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// header returns a header's value as it may be shown.
func (w withheld) header(name, value string) string {
	if hook.IsSensitiveHeader(name) || strings.EqualFold(name, "cookie") || w.has(name) {
		return withheldText
	}
	return plainText(value)
}

// query returns a raw query as it may be shown; the rest of it stays as it came.
func (w withheld) query(raw string) string {
	if raw == "" || len(w) == 0 {
		return plainText(raw)
	}
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, _, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || w.has(plain) {
			parts[i] = name + "=" + withheldText
		}
	}
	return plainText(strings.Join(parts, "&"))
}
