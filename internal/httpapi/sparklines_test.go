package httpapi

import (
	"fmt"
	"strings"
	"testing"
)

func TestSparklines(t *testing.T) {
	s := newStatsRig(t)
	_, foreign := s.environment("other")
	const noApp, noEndpoint = "app_000000000000000000000000000", "ep_000000000000000000000000000"

	a := s.must(200, "GET", "/x/v1/stats/sparklines?app_ids="+s.b+",a,nobody,"+noApp+",a", "")
	if a.str("data.0.id") != s.b || a.str("data.1.id") != s.a || a.str("data.2") != "" {
		t.Errorf("unknown ones and repeats are not left out, or the order is another: %s", a.body)
	}
	for path, want := range map[string]string{
		"period": "hour", "data.0.ok": "0", "data.0.failed": "1", "data.0.buckets.23.failed": "1",
		"data.1.ok": "3", "data.1.failed": "5", "data.1.buckets.23.ok": "3", "data.1.buckets.23.failed": "4", "data.1.buckets.21.failed": "1",
		"data.1.buckets.22.failed": "0", "data.1.buckets.24": "",
	} {
		if got := a.str(path); got != want {
			t.Errorf("%s is %s, want %s: %s", path, got, want, a.body)
		}
	}

	endpoints := s.good + "," + noEndpoint + "," + s.oth + "," + s.bad
	for _, path := range []string{"/x/v1/stats/sparklines?app_id=a&endpoint_ids=" + endpoints, "/x/v1/app/a/stats/sparklines?endpoint_ids=" + endpoints} {
		a := s.must(200, "GET", path, "")
		if a.str("data.0.id") != s.good || a.str("data.0.ok") != "2" || a.str("data.1.id") != s.bad || a.str("data.1.failed") != "5" || a.str("data.2") != "" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := s.must(200, "GET", "/x/v1/app/a/stats/sparklines?period=minute&endpoint_ids="+s.bad, ""); a.str("data.0.buckets.13.failed") != "4" || a.str("data.0.failed") != "4" {
		t.Errorf("by the minute: %s", a.body)
	}
	if a := s.must(200, "GET", "/x/v1/stats/sparklines?period=5min&app_ids[]=a&app_ids[]=b", ""); a.str("data.0.buckets.21.ok") != "3" || a.str("data.1.buckets.22.failed") != "1" || a.str("data.1.failed") != "1" {
		t.Errorf("by five minutes: %s", a.body)
	}

	// Another tenant, and another customer, see nothing.
	if a := s.send(request{method: "GET", path: "/x/v1/stats/sparklines?app_ids=a," + s.b, token: foreign}); a.status != 200 || !strings.Contains(string(a.body), `"data":[]`) {
		t.Errorf("another environment: %d %s", a.status, a.body)
	}
	portal := s.portal(s.b, `{"capabilities":["ViewBase"]}`)
	for path, want := range map[string]int{
		"/x/v1/app/b/stats/sparklines?endpoint_ids=" + s.oth:    200,
		"/x/v1/app/a/stats/sparklines?endpoint_ids=" + s.bad:    404,
		"/x/v1/stats/sparklines?app_ids=b":                      403,
		"/x/v1/stats/sparklines?app_id=b&endpoint_ids=" + s.oth: 403,
	} {
		if a := s.send(request{method: "GET", path: path, token: portal}); a.status != want {
			t.Errorf("a portal token, %s: %d, want %d", path, a.status, want)
		}
	}
	if a := s.send(request{method: "GET", path: "/x/v1/app/b/stats/sparklines?endpoint_ids=" + s.bad, token: portal}); a.status != 200 || !strings.Contains(string(a.body), `"data":[]`) {
		t.Errorf("another application's endpoint: %d %s", a.status, a.body)
	}

	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint("n", i)
	}
	for path, want := range map[string]string{
		"/x/v1/stats/sparklines":                                          "query app_ids",
		"/x/v1/stats/sparklines?app_ids=":                                 "query app_ids",
		"/x/v1/stats/sparklines?app_ids=" + strings.Join(many, ","):       "query app_ids",
		"/x/v1/stats/sparklines?endpoint_ids=" + s.bad:                    "query app_id",
		"/x/v1/stats/sparklines?app_id=a":                                 "query endpoint_ids",
		"/x/v1/stats/sparklines?app_id=a&app_ids=a&endpoint_ids=" + s.bad: "query app_ids",
		"/x/v1/app/a/stats/sparklines":                                    "query endpoint_ids",
	} {
		if a := s.call("GET", path, ""); a.status != 422 || a.loc() != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, want := range map[string]int{"/x/v1/stats/sparklines?app_ids=a&period=1h": 400, "/x/v1/stats/sparklines?app_id=nobody&endpoint_ids=x": 404, "/x/v1/stats/sparklines?app_ids=a%00": 400} {
		if a := s.call("GET", path, ""); a.status != want {
			t.Errorf("%s: %d, want %d: %s", path, a.status, want, a.body)
		}
	}
}
