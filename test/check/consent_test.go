//go:build unix

package check

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/test/rig"
)

// TestReceiversAgreeOrNot asks real receivers, good and bad, by each method.
func TestReceiversAgreeOrNot(t *testing.T) {
	s := rig.Start(t, rig.Options{Args: []string{"--public-url=https://hooks.example.test"}})
	api := s.API()
	api.MustCreateApp(t, "a")
	secret := rig.Secret("consent")
	challenge := func(r *http.Request) string {
		var in struct{ Type, Challenge string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		if in.Type != "endpoint.verification" {
			return "not a verification"
		}
		return in.Challenge
	}
	allow := func(origin, rate string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodOptions || r.Header.Get("WebHook-Request-Origin") != "hooks.example.test" {
				w.WriteHeader(400)
				return
			}
			w.Header().Set("WebHook-Allowed-Origin", origin)
			if rate != "" {
				w.Header().Set("WebHook-Allowed-Rate", rate)
			}
		}
	}
	cases := []struct {
		name, method string
		answer       http.HandlerFunc
		error        string // "" for agreed
		rate         any
	}{
		{"repeats as text", "challenge", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, challenge(r), "\n") }, "", nil},
		{"repeats as JSON", "challenge", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"challenge":%q}`, challenge(r)) }, "", nil},
		{"repeats the body", "challenge", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, "", nil},
		{"says yes to all", "challenge", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }, "repeat", nil},
		{"says nothing", "challenge", nil, "repeat", nil},
		{"refuses", "challenge", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403); fmt.Fprint(w, challenge(r)) }, "403", nil},
		{"redirects", "challenge", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) }, "307", nil},
		{"repeats of the query", "challengeGet", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Query().Get("challenge")) }, "", nil},
		{"knows no query", "challengeGet", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }, "repeat", nil},
		{"redirects a GET", "challengeGet", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/x?"+r.URL.RawQuery, http.StatusFound)
		}, "302", nil},
		{"allows the origin", "cloudevents", allow("hooks.example.test", "90"), "", 90.0},
		{"allows every origin", "cloudevents", allow("*", "*"), "", nil},
		{"allows another origin", "cloudevents", allow("other.example.test", "*"), "WebHook-Allowed-Origin", nil},
		{"allows a bad rate", "cloudevents", allow("*", "often"), "WebHook-Allowed-Rate", nil},
		{"knows no handshake", "cloudevents", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) }, "WebHook-Allowed-Origin", nil},
		{"takes a test event", "test", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, "", nil},
		{"fails at a test event", "test", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, "500", nil},
	}
	verify := verifier(t, secret)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			to, got := receiver(t, c.answer)
			ep := api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: to + "/hook?tenant=1", Secret: secret})
			out := must(t, api, "POST", "/x/v1/app/a/endpoint/"+ep+"/consent", `{"method":"`+c.method+`"}`)
			a := next(t, got)
			if c.method == "challenge" || c.method == "test" {
				if err := verify(a); err != nil || a.method != "POST" {
					t.Errorf("asked by %s %s, signed: %v", a.method, a.body, err)
				}
			}
			if !strings.HasPrefix(a.query, "tenant=1") || a.path != "/hook" {
				t.Errorf("asked at %s?%s", a.path, a.query)
			}
			said, _ := out["error"].(string)
			if out["verified"] != (c.error == "") || (c.error == "") != (said == "") || !strings.Contains(said, c.error) || out["ratePerMinute"] != c.rate {
				t.Errorf("came to %v, want the error %q", out, c.error)
			}
			if c.error != "" && out["nextAskAt"] == nil {
				t.Error("nobody will ask again")
			}
			if len(got) > 0 {
				t.Errorf("asked %d times more", len(got))
			}
		})
	}
	t.Run("a closed port", func(t *testing.T) {
		closed := httptest.NewServer(nil)
		closed.Close()
		for _, method := range []string{"challenge", "challengeGet", "cloudevents"} {
			ep := api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: closed.URL, Secret: secret})
			out := must(t, api, "POST", "/x/v1/app/a/endpoint/"+ep+"/consent", `{"method":"`+method+`"}`)
			if said, _ := out["error"].(string); said == "" || out["verified"] != false {
				t.Errorf("%s: %v", method, out)
			}
		}
	})
	t.Run("an address that is guarded", func(t *testing.T) {
		// The URL may be written down; that it leads inside is judged as it is dialled.
		status, out := call(t, api, "POST", "/api/v1/app/a/endpoint", `{"url":"http://169.254.169.254/"}`)
		if status/100 == 2 {
			ep := out["id"].(string)
			asked := must(t, api, "POST", "/x/v1/app/a/endpoint/"+ep+"/consent", `{"method":"challengeGet"}`)
			if said, _ := asked["error"].(string); said == "" {
				t.Errorf("asked inside: %v", asked)
			}
		}
	})
	t.Run("by command", func(t *testing.T) {
		to, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		ep := api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: to, Secret: secret})
		if out, err := s.Command("endpoint", "verify", "a/"+ep, "--server", s.URL, "--token", s.Token); err != nil || !strings.Contains(out, "agrees") {
			t.Errorf("%s, %v", out, err)
		}
		deaf, _ := receiver(t, nil)
		ep = api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: deaf, Secret: secret})
		if out, err := s.Command("endpoint", "verify", "a/"+ep, "--server", s.URL, "--token", s.Token); err == nil {
			t.Errorf("a receiver that does not agree: %s", out)
		}
	})
}
