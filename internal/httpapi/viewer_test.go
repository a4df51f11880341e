package httpapi

import (
	"testing"
)

func TestViewerSaysWhatMayBeDone(t *testing.T) {
	r := newRig(t)
	r.app("own")
	env := r.store.Codec().Environment(r.env.ID)
	all := `["ViewBase","ViewEndpointSecret","ManageEndpointSecret","ManageTransformations","CreateAttempts","ManageEndpoint"]`
	_, reader := r.scopedToken(`["*:read"]`)
	_, narrow := r.scopedToken(`["app:read"]`)
	readOnly := r.portal("own", `{"readOnly":true,"featureFlags":["beta"],"sessionId":"s1"}`)
	ask := func(token string) answer { return r.send(request{method: "GET", path: whoamiPath, token: token}) }
	for _, c := range []struct{ why, token, kind, capabilities, scopes, flags, session string }{
		{"an API token", r.token, "api", all, "null", "null", "null"},
		{"one that reads", reader, "api", `["ViewBase"]`, `["*:read"]`, "null", "null"},
		{"one that reads a part", narrow, "api", `[]`, `["app:read"]`, "null", "null"},
		{"a portal token", r.portal("own", `{}`), "portal", all, "null", "null", "null"},
		{"one for looking", readOnly, "portal", `["ViewBase"]`, "null", `["beta"]`, "s1"},
		{"one with a capability", r.portal("own", `{"capabilities":["CreateAttempts"]}`), "portal", `["CreateAttempts"]`, "null", "null", "null"},
	} {
		a := ask(c.token)
		if a.status != 200 || a.str("kind") != c.kind || a.str("capabilities") != c.capabilities || a.str("scopes") != c.scopes ||
			a.str("featureFlags") != c.flags || a.str("sessionId") != c.session || a.str("environment.id") != env {
			t.Errorf("%s: %d %s", c.why, a.status, a.body)
		}
		if isPortal := c.kind == "portal"; (a.str("appId") == "null") == isPortal || (a.str("environment.name") == "null") != isPortal {
			t.Errorf("%s: %s", c.why, a.body)
		}
	}
	if a := ask(readOnly); a.str("readOnly") != "false" {
		t.Errorf("%s", a.body)
	}
	r.must(200, "PATCH", settingsPath, `{"readOnly":true}`)
	if a := ask(readOnly); a.str("readOnly") != "true" {
		t.Errorf("%s", a.body)
	}
	if a := ask(r.token); a.str("readOnly") != "false" {
		t.Errorf("the portal's setting is not the operator's: %s", a.body)
	}
}
