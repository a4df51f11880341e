//go:build unix

package check

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// TestNothingIsSentBeforeTheReceiverAgrees: where the environment requires consent, a new
// endpoint gets the question and nothing else, also after a kill; once its receiver
// agrees it gets what waited, and at another URL it is asked anew.
func TestNothingIsSentBeforeTheReceiverAgrees(t *testing.T) {
	var agrees atomic.Bool
	to, got := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if agrees.Load() {
			_, _ = io.Copy(w, r.Body)
		}
	})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	must(t, api, "PATCH", "/api/v1/management/environment-settings", `{"requireEndpointConsent":true}`)
	api.MustCreateApp(t, "a")
	ep := api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: to + "/1", Secret: rig.Secret("hold")})
	consent := "/x/v1/app/a/endpoint/" + ep + "/consent"
	isQuestion := func(a arrival) bool { return strings.Contains(a.body, "endpoint.verification") }
	if a := next(t, got); !isQuestion(a) {
		t.Fatalf("first came %s", a.body)
	}
	publish := func(n string) {
		t.Helper()
		must(t, api, "POST", "/api/v1/app/a/msg", `{"eventType":"x","payload":{"n":"`+n+`"}}`)
	}
	publish("one")
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	publish("two")
	// A message to another endpoint of the application arrives, so that time enough has passed for these, too.
	agrees.Store(true)
	other := api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: to + "/2", Secret: rig.Secret("hold")})
	must(t, api, "DELETE", "/x/v1/app/a/endpoint/"+other+"/consent", "")
	publish("three")
	for isOver := false; !isOver; {
		a := next(t, got)
		if a.path == "/1" && !isQuestion(a) {
			t.Fatalf("sent before it agreed: %s", a.body)
		}
		isOver = a.path == "/2" && strings.Contains(a.body, "three")
	}
	if out := must(t, api, "GET", consent, ""); out["verified"] != false || out["nextAskAt"] == nil {
		t.Fatalf("before: %v", out)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		status, out := call(t, api, "POST", consent, "")
		if status == 409 && time.Now().Before(deadline) {
			continue // it was asked a moment ago
		}
		if out["verified"] != true {
			t.Fatalf("asked by hand: %d %v", status, out)
		}
		break
	}
	want := map[string]bool{"one": true, "two": true, "three": true}
	for len(want) > 0 {
		a := next(t, got)
		for n := range want {
			if a.path == "/1" && strings.Contains(a.body, `"n":"`+n+`"`) {
				delete(want, n)
			}
		}
	}
	agrees.Store(false)
	must(t, api, "PATCH", "/api/v1/app/a/endpoint/"+ep, `{"url":"`+to+`/3"}`)
	publish("four")
	if a := next(t, got); a.path == "/1" {
		t.Errorf("at the old URL arrives %s", a.body)
	}
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		select {
		case a := <-got:
			if a.path == "/3" && !isQuestion(a) {
				t.Errorf("sent to the new URL before it agreed: %s", a.body)
			}
		case <-time.After(50 * time.Millisecond):
		}
	}
	if out := must(t, api, "GET", consent, ""); out["verified"] != false {
		t.Errorf("at another URL: %v", out)
	}
}
