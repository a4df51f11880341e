//go:build unix

package hostile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// routes is the adapter: each abstract operation of bad-inputs.json and the real ones
// that it is. An operation may stand for several requests; all are judged.
var routes = map[string][]struct{ method, path, body string }{
	"publish":               {{http.MethodPost, "/api/v1/app/{A.app}/msg", ""}},
	"transform.get":         {{http.MethodGet, "/api/v1/app/{B.app}/endpoint/{B.endpoint}/transformation", ""}},
	"transform.run":         {{http.MethodPost, "/api/v1/app/{A.app}/endpoint/{A.endpoint}/transformation/simulate", ""}},
	"filter.create":         {{http.MethodPut, "/x/v1/app/{A.app}/endpoint/{A.endpoint}/filter", ""}},
	"endpoint.create":       {{http.MethodPost, "/api/v1/app/{A.otherApp}/endpoint", ""}},
	"portal.list_endpoints": {{http.MethodGet, "/api/v1/app/{A.app}/endpoint", ""}},
	"event.list":            {{http.MethodGet, "/api/v1/app/{A.app}/msg", ""}},
	"event.get":             {{http.MethodGet, "/api/v1/app/{A.app}/msg/{id}", ""}},
	"settings.update": {
		{http.MethodPut, "/api/v1/management/environment-settings", `{"enforceHttps":true}`},
		{http.MethodPatch, "/api/v1/management/environment-settings", `{"enforceHttps":true}`},
	},
	// A foreign endpoint is asked for below its own application, and below one's own.
	"endpoint.get": {
		{http.MethodGet, "/api/v1/operational-webhook/endpoint/{B.operational}", ""},
		{http.MethodGet, "/api/v1/operational-webhook/endpoint/{B.operational}/headers", ""},
		{http.MethodPut, "/api/v1/operational-webhook/endpoint/{B.operational}/headers", `{"headers":{}}`},
		{http.MethodGet, "/api/v1/app/{A.app}/endpoint/{B.operational}", ""},
		{http.MethodGet, "/api/v1/app/{B.app}/endpoint/{B.endpoint}", ""},
		{http.MethodGet, "/api/v1/app/{A.app}/endpoint/{B.endpoint}", ""},
		{http.MethodGet, "/x/v1/app/{B.app}/endpoint/{B.endpoint}/request", ""},
		{http.MethodGet, "/x/v1/app/{A.app}/endpoint/{B.endpoint}/request", ""},
	},
	"endpoint.delete": {
		{http.MethodDelete, "/api/v1/operational-webhook/endpoint/{B.operational}", ""},
		{http.MethodDelete, "/api/v1/app/{B.app}/endpoint/{B.endpoint}", ""},
		{http.MethodDelete, "/api/v1/app/{A.app}/endpoint/{B.endpoint}", ""},
	},
	"endpoint.get_secret": {
		{http.MethodGet, "/api/v1/operational-webhook/endpoint/{B.operational}/secret", ""},
		{http.MethodPost, "/api/v1/operational-webhook/endpoint/{B.operational}/secret/rotate", `{}`},
		{http.MethodGet, "/api/v1/app/{B.app}/endpoint/{B.endpoint}/secret", ""},
		{http.MethodGet, "/api/v1/app/{A.app}/endpoint/{B.endpoint}/secret", ""},
		{http.MethodPost, "/api/v1/app/{B.app}/endpoint/{B.endpoint}/secret/rotate", `{}`},
	},
	// A foreign source, and its parts below the internal application. There is no PUT, which
	// would create one of the caller's own.
	"source.get": {
		{http.MethodGet, "/ingest/api/v1/source/{B.source}", ""},
		{http.MethodPatch, "/ingest/api/v1/source/{B.source}", `{"name":"taken over"}`},
		{http.MethodDelete, "/ingest/api/v1/source/{B.source}", ""},
		{http.MethodPost, "/ingest/api/v1/source/{B.source}/token/rotate", `{}`},
		{http.MethodPost, "/ingest/api/v1/source/{B.source}/dashboard", `{}`},
		{http.MethodGet, "/ingest/api/v1/source/{B.source}/log", ""},
		{http.MethodGet, "/ingest/api/v1/source/{B.source}/endpoint", ""},
		{http.MethodPost, "/ingest/api/v1/source/{B.source}/endpoint", `{"url":"https://hooks.example.com/"}`},
		{http.MethodGet, "/ingest/api/v1/source/{B.source}/endpoint/{B.sourceEndpoint}/secret", ""},
		{http.MethodPut, "/ingest/api/v1/source/{B.source}/endpoint/{B.sourceEndpoint}/headers", `{"headers":{}}`},
		{http.MethodDelete, "/ingest/api/v1/source/{B.source}/endpoint/{B.sourceEndpoint}", ""},
		{http.MethodGet, "/x/v1/source/{B.source}/settings", ""},
		{http.MethodPatch, "/x/v1/source/{B.source}/settings", `{"publicUrl":"https://hooks.example.com/"}`},
		{http.MethodGet, "/x/v1/source/{B.source}/stats", ""},
		{http.MethodGet, "/x/v1/source/{B.source}/endpoint/{B.sourceEndpoint}/request", ""},
		{http.MethodPut, "/x/v1/source/{B.source}/endpoint/{B.sourceEndpoint}/request", `{"timeoutSeconds":1}`},
		{http.MethodGet, "/api/v1/app/{B.sourceApp}/msg", ""},
		{http.MethodGet, "/api/v1/app/{B.sourceApp}/endpoint/{B.sourceEndpoint}/secret", ""},
	},
	"event.replay": {
		{http.MethodPost, "/api/v1/app/{B.app}/msg/{B.message}/endpoint/{B.endpoint}/resend", ""},
		{http.MethodPost, "/api/v1/app/{A.app}/msg/{B.message}/endpoint/{A.endpoint}/resend", ""},
		{http.MethodPost, "/api/v1/app/{A.app}/msg/{A.message}/endpoint/{B.endpoint}/resend", ""},
		{http.MethodPost, "/api/v1/app/{B.app}/endpoint/{B.endpoint}/recover", `{"since":"{since}"}`},
	},
	"metrics.get": {
		{http.MethodGet, "/api/v1/app/{B.app}/endpoint/{B.endpoint}/stats", ""},
		{http.MethodGet, "/api/v1/app/{B.app}/attempt/endpoint/{B.endpoint}", ""},
	},
	// Endpoints subscribe by their own fields, so moving a subscription is changing them.
	"endpoint.move_subscription": {
		{http.MethodPatch, "/api/v1/app/{A.otherApp}/endpoint/{A.otherEndpoint}", `{"channels":["moved"]}`},
		{http.MethodPatch, "/api/v1/app/{A.app}/endpoint/{A.otherEndpoint}", `{"channels":["moved"]}`},
		{http.MethodPatch, "/api/v1/app/{B.app}/endpoint/{B.endpoint}", `{"channels":["moved"]}`},
		{http.MethodPut, "/x/v1/app/{B.app}/endpoint/{B.endpoint}/request", `{"method":"PUT"}`},
		{http.MethodPut, "/x/v1/app/{A.app}/endpoint/{B.endpoint}/request", `{"method":"PUT"}`},
		{http.MethodDelete, "/x/v1/app/{A.app}/endpoint/{B.endpoint}/request", ""},
	},
}

// parameters are the contract's names of the file's query parameters. A list of
// messages has neither a status nor a text to search for: the status is one of
// attempts, and a tag is the text that it does have.
var parameters = strings.NewReplacer("cursor=", "iterator=", "since=", "after=", "q=", "tag=")

// requests returns the requests of a case.
func (w *world) requests(t *testing.T, c inputCase) (out []outgoing) {
	t.Helper()
	if c.Op == "publish" {
		return []outgoing{w.publish(t, c)}
	}
	list, ok := routes[c.Op]
	if !ok {
		t.Fatalf("operation %q has no route here", c.Op)
	}
	for _, r := range list {
		path := w.path(r.path)
		if c.Gen != nil && len(c.Gen.PathIDRepeat) == 2 {
			path = strings.ReplaceAll(path, "{id}", strings.Repeat(c.Gen.PathIDRepeat[0].(string), int(c.Gen.PathIDRepeat[1].(float64))))
		}
		if c.Query != "" {
			if strings.HasPrefix(c.Query, "status=") {
				path = w.path("/api/v1/app/{A.app}/attempt/endpoint/{A.endpoint}")
			}
			path += "?" + strings.ReplaceAll(parameters.Replace(c.Query), "{{CURSOR_B}}", w.b.message)
		}
		o := outgoing{method: r.method, path: path, header: w.header(c)}
		if r.method != http.MethodGet && r.method != http.MethodDelete {
			o.body = []byte(strings.ReplaceAll(r.body, "{since}", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)))
			if r.body == "" && (c.Body != nil || c.BodyHex != "" || c.Gen != nil) {
				o.body = c.body(t)
			}
			switch c.Op {
			case "transform.run":
				code, err := json.Marshal("function handler(webhook) { " + c.BodyCode + " }")
				if err != nil {
					t.Fatal(err)
				}
				o.body = fmt.Appendf(nil, `{"code":%s,"eventType":"a.b","payload":{}}`, code)
			case "filter.create":
				o.body = fmt.Appendf(nil, `{"filter":%s}`, o.body)
			}
		}
		if c.JWT == nil {
			out = append(out, o)
			continue
		}
		for _, token := range w.forged(t, c) {
			f := o
			f.header = o.header.Clone()
			f.header.Set("Authorization", "Bearer "+token)
			out = append(out, f)
		}
	}
	return out
}

// publish returns the case as a publish.
func (w *world) publish(t *testing.T, c inputCase) outgoing {
	t.Helper()
	path := "/api/v1/app/{A.app}/msg"
	if c.Auth == "tenant_b" {
		path = "/api/v1/app/{B.app}/msg"
	}
	return outgoing{http.MethodPost, w.path(path), w.header(c), c.body(t)}
}

// header returns the request headers of a case: the defaults, with the case's own put
// over them; none at all where the case has an empty set.
func (w *world) header(c inputCase) http.Header {
	h := http.Header{}
	if c.Headers != nil && len(*c.Headers) == 0 {
		return h
	}
	token := w.a.api.Token
	switch c.Auth {
	case "tenant_b":
		token = w.b.api.Token
	case "portal_a":
		token = w.a.portal
	}
	h.Set("Content-Type", "application/json")
	h.Set("Authorization", "Bearer "+token)
	if c.Headers != nil {
		for name, value := range *c.Headers {
			value = strings.NewReplacer("{{KEY_A}}", w.a.api.Token, "{{REVOKED_KEY}}", w.revoked).Replace(value)
			if h.Set(name, value); value == "" {
				h.Del(name)
			}
		}
	}
	if c.Gen != nil && len(c.Gen.HeaderRepeat) == 3 {
		g := c.Gen.HeaderRepeat
		h.Set(g[0].(string), "Bearer "+strings.Repeat(g[1].(string), int(g[2].(float64))))
	}
	return h
}

// forged returns tokens that must not open the portal of tenant a: JWTs as another
// server of this contract issues them, and for the expired one also a token of ours
// whose session was ended.
func (w *world) forged(t *testing.T, c inputCase) []string {
	t.Helper()
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	alg := c.JWT.Alg
	if alg == "" {
		alg = "HS256"
	}
	exp := time.Now().Add(time.Hour)
	if c.JWT.Exp != 0 {
		exp = time.Now().Add(time.Duration(c.JWT.Exp) * time.Second)
	}
	text := encode(fmt.Sprintf(`{"typ":"JWT","alg":%q}`, alg)) + "." +
		encode(fmt.Sprintf(`{"iss":"svix-server","sub":%q,"iat":1700000000,"nbf":1700000000,"exp":%d}`, w.a.app, exp.Unix())) + "."
	if alg == "none" {
		return []string{text}
	}
	// Signed with the one thing that an attacker with a portal token has.
	mac := hmac.New(sha256.New, []byte(w.a.portal))
	mac.Write([]byte(strings.TrimSuffix(text, ".")))
	ended := w.portalToken(t, w.a, "ended")
	path := "/api/v1/auth/app/" + w.a.app + "/expire-all"
	status, body, err := w.a.api.Do(http.MethodPost, path, map[string]any{"sessionIds": []string{"ended"}})
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("POST %s: status %d, %v: %.200s", path, status, err, body)
	}
	return []string{text + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), ended}
}

// rawRequest returns the bytes of a case that net/http's client could not send.
func (w *world) rawRequest(c inputCase) []byte {
	text := c.RawBytes
	if c.RawGen != nil {
		text = c.RawGen.text()
	}
	if c.Raw {
		var b strings.Builder
		b.WriteString("POST {{PUBLISH_PATH}} HTTP/1.1\r\nHost: h\r\n")
		_ = w.header(c).Write(&b) // a strings.Builder does not fail
		b.WriteString("\r\n")
		text = b.String()
	}
	return []byte(strings.NewReplacer("{{PUBLISH_PATH}}", w.path("/api/v1/app/{A.app}/msg"), "{{KEY_A}}", w.a.api.Token).Replace(text))
}
