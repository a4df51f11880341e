package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestIssues(t *testing.T) {
	s := newStatsRig(t) // bad failed 10 minutes ago with server and reset, and two hours ago; b's a minute ago
	_, foreign := s.environment("other")
	in := &sums{r: s.rig, next: 100_000}
	list := func(query string) answer { return s.must(200, "GET", "/x/v1/issue"+query, "") }
	byReason := func(a answer, app, reason string) string {
		for i := 0; a.str(fmt.Sprintf("data.%d.id", i)) != ""; i++ {
			if at := fmt.Sprintf("data.%d.", i); a.str(at+"appId") == app && a.str(at+"reason") == reason {
				return at
			}
		}
		t.Fatalf("no issue %s of %s: %s", reason, app, a.body)
		return ""
	}
	all := list("")
	if all.str("data.0.appId") != s.b || all.str("data.0.reason") != "reset" || all.str("data.3.id") != "" || all.str("done") != "true" {
		t.Errorf("the latest is not first, or there are others: %s", all.body)
	}
	server := byReason(all, s.a, "server")
	for field, want := range map[string]string{
		"failures": "4", "state": "open", "endpointId": s.bad, "url": "https://example.com/hook", "messages": "0", "recoveredAt": "null", "mutedUntil": "null", "assignee": "null",
		"firstAt": s.now.Add(-2 * time.Hour).Format(time.RFC3339), "lastAt": s.now.Add(-10 * time.Minute).Format(time.RFC3339),
	} {
		if got := strings.Replace(all.str(server+field), ".000Z", "Z", 1); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
	if all.str(server+"words") == "" || all.str(server+"nextStep") == "" {
		t.Errorf("no words: %s", all.body)
	}
	id := all.str(server + "id")
	path := "/x/v1/issue/" + id
	if a := list("?app_id=a&endpoint_id=" + s.good); !strings.Contains(string(a.body), `"data":[]`) {
		t.Errorf("an endpoint that never failed: %s", a.body)
	}

	// Pages.
	var walked []string
	for it, i := "", 0; i < 9; i++ {
		a := list("?limit=1" + it)
		if one := a.str("data.0.id"); one != "" {
			walked = append(walked, one)
		}
		if a.str("done") == "true" {
			break
		}
		it = "&iterator=" + a.str("iterator")
	}
	if len(walked) != 3 || walked[0] != all.str("data.0.id") || walked[2] != all.str("data.2.id") {
		t.Errorf("walked %v of %s", walked, all.body)
	}

	// What people say is kept, and in the log.
	s.must(200, "PATCH", path, `{"mutedUntil":"`+s.now.Add(time.Hour).Format(time.RFC3339)+`","assignee":"jo","note":"<b>they know</b>"}`)
	if a := s.must(200, "GET", path, ""); a.str("state") != "muted" || a.str("assignee") != "jo" || a.str("note") != "<b>they know</b>" {
		t.Errorf("%s", a.body)
	}
	if a := list("?state=muted"); a.str("data.0.id") != id || a.str("data.1.id") != "" {
		t.Errorf("muted ones: %s", a.body)
	}
	if a := list("?state=open"); strings.Contains(string(a.body), id) {
		t.Errorf("open ones: %s", a.body)
	}
	if a := s.must(200, "PATCH", path, `{"mutedUntil":null,"note":null}`); a.str("state") != "open" || a.str("assignee") != "jo" || a.str("note") != "null" {
		t.Errorf("%s", a.body)
	}
	if a := s.must(200, "PATCH", path, `{"resolved":true}`); a.str("state") != "resolved" || a.str("resolvedAt") == "null" {
		t.Errorf("%s", a.body)
	}
	if a := s.must(200, "GET", "/api/v1/management/environment-settings", ""); a.status != 200 {
		t.Error("unreachable")
	}
	if a := s.must(200, "GET", "/x/v1/audit?noun=issue", ""); a.str("data.0.action") != "updated" || !strings.Contains(string(a.body), "resolvedAt") || !strings.Contains(string(a.body), `"jo"`) {
		t.Errorf("audit: %s", a.body)
	}

	// A new failure opens it again.
	s.now = s.now.Add(3 * time.Minute)
	in.add(s.a, s.bad, "x", s.now, hook.ReasonServer)
	if a := s.must(200, "GET", path, ""); a.str("state") != "open" || a.str("failures") != "5" {
		t.Errorf("failed again: %s", a.body)
	}
	// A success resolves it by itself; a failure soon after belongs to the same outage, one
	// long after begins another.
	in.add(s.a, s.bad, "x", s.now.Add(time.Minute), hook.ReasonNone)
	s.now = s.now.Add(10 * time.Minute)
	if a := s.must(200, "GET", path, ""); a.str("state") != "resolved" || a.str("recoveredAt") == "null" {
		t.Errorf("recovered: %s", a.body)
	}
	in.add(s.a, s.bad, "x", s.now, hook.ReasonServer)
	if a := s.must(200, "GET", path, ""); a.str("state") != "open" || a.str("failures") != "6" || a.str("recoveredAt") != "null" {
		t.Errorf("failed soon after: %s", a.body)
	}
	in.add(s.a, s.bad, "x", s.now.Add(time.Minute), hook.ReasonNone)
	s.now = s.now.Add(2 * time.Hour)
	in.add(s.a, s.bad, "x", s.now, hook.ReasonServer)
	if a := s.must(200, "GET", path, ""); a.str("state") != "open" || a.str("failures") != "1" || a.str("firstAt") != a.str("lastAt") {
		t.Errorf("failed long after: %s", a.body)
	}

	// Replays.
	if a := s.must(200, "POST", path+"/replay", `{"dryRun":true}`); a.str("count") != "0" || a.str("complete") != "true" {
		t.Errorf("%s", a.body)
	}
	if a := s.must(202, "POST", path+"/replay", `{"ratePerSecond":5}`); a.str("ratePerSecond") != "5" || !strings.HasPrefix(a.str("id"), "qtask_") {
		t.Errorf("%s", a.body)
	}

	// Others.
	for _, q := range []request{{method: "GET", path: path}, {method: "PATCH", path: path, body: `{"resolved":true}`}, {method: "POST", path: path + "/replay"}} {
		if q.token = foreign; s.send(q).status != 404 {
			t.Errorf("another environment may %s %s", q.method, q.path)
		}
		if q.token = s.portal(s.a, `{}`); s.send(q).status != 403 {
			t.Errorf("a portal token may %s %s", q.method, q.path)
		}
	}
	if a := s.send(request{method: "GET", path: "/x/v1/issue", token: foreign}); a.status != 200 || !strings.Contains(string(a.body), `"data":[]`) {
		t.Errorf("another environment: %s", a.body)
	}
	for _, bad := range []string{"x", s.a + "." + s.bad + ".nothing", s.a + "." + s.oth + ".reset", s.a + "." + s.good + ".server", s.b + "." + s.bad + ".server", "..", id + ".x"} {
		if a := s.call("GET", "/x/v1/issue/"+bad, ""); a.status != 404 {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
	for body, want := range map[string]string{
		`{"assignee":"` + strings.Repeat("x", 101) + `"}`: "body assignee", `{"note":"a\u0000"}`: "body note", `{"resolved":1}`: "body resolved",
		`{"mutedUntil":"x"}`: "body mutedUntil", `{"mutedUntil":"2099-01-01T00:00:00Z"}`: "body mutedUntil",
	} {
		if a := s.call("PATCH", path, body); a.status != 422 || a.loc() != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := s.call("GET", "/x/v1/issue?iterator=x", ""); a.status != 422 {
		t.Errorf("a bad iterator: %d", a.status)
	}
	if a := s.call("GET", "/x/v1/issue?state=x", ""); a.status != 400 {
		t.Errorf("a bad state: %d", a.status)
	}
	if a := s.call("POST", path+"/replay", `{"ratePerSecond":-1}`); a.status != 422 {
		t.Errorf("a bad rate: %d", a.status)
	}

	// The issue of an endpoint that is gone is gone; a restart keeps the others with what was said.
	s.must(204, "DELETE", "/api/v1/app/b/endpoint/"+s.oth, "")
	s.restart()
	if a := list(""); strings.Contains(string(a.body), s.b) || a.str(byReason(a, s.a, "server")+"assignee") != "jo" {
		t.Errorf("%s", a.body)
	}
}
