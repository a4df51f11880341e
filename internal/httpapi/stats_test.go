package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// sums makes sums of an application's attempts, which began at these times.
type sums struct {
	r    *rig
	next hook.Key
}

func (s *sums) add(app, endpoint, eventType string, at time.Time, outcomes ...hook.Reason) {
	s.r.t.Helper()
	codec := s.r.store.Codec()
	a, ok := codec.ParseApplication(s.r.env.ID, app)
	e, known := codec.ParseEndpoint(a, endpoint)
	if !ok || !known {
		s.r.t.Fatalf("bad ids %s %s", app, endpoint)
	}
	row := hook.Rollup{RollupKey: hook.RollupKey{At: hook.RollupMinute.Begin(at.UnixMilli()), Environment: s.r.env.ID, Application: a, Endpoint: e, EventType: eventType}}
	for _, reason := range outcomes {
		ended := hook.EndedAttempt{Outcome: hook.Success, Status: 200, Took: 20 * time.Millisecond}
		if reason != hook.ReasonNone {
			ended = hook.EndedAttempt{Outcome: hook.Failed, Reason: reason, Status: 500, Took: time.Second, HasNext: true}
		}
		row.Count(&ended)
	}
	s.next += 10
	if err := s.r.store.AddRollups(context.Background(), hook.KeySpan{Low: s.next, High: s.next + 1}, []hook.Rollup{row}); err != nil {
		s.r.t.Fatal(err)
	}
}

// statsRig has two applications with a known day: of "a" an endpoint that mostly fails and
// one that does not, of "b" one that failed once.
type statsRig struct {
	*rig
	now            time.Time
	a, b           string
	bad, good, oth string
}

func newStatsRig(t *testing.T) *statsRig {
	s := &statsRig{now: time.Now().UTC().Truncate(time.Hour).Add(30 * time.Minute)}
	s.rig = newRig(t, func(o *Options) { o.Now = func() time.Time { return s.now } })
	s.a, s.b = s.app("a"), s.app("b")
	s.bad, s.good, s.oth = s.endpoint(s.a, ""), s.endpoint(s.a, ""), s.endpoint(s.b, "")
	in := &sums{r: s.rig}
	const none, server, reset = hook.ReasonNone, hook.ReasonServer, hook.ReasonReset
	in.add(s.a, s.bad, "x", s.now.Add(-10*time.Minute), none, server, server, reset)
	in.add(s.a, s.bad, "y", s.now.Add(-10*time.Minute), server)
	in.add(s.a, s.bad, "x", s.now.Add(-2*time.Hour), server)
	in.add(s.a, s.good, "x", s.now.Add(-9*time.Minute), none, none)
	in.add(s.b, s.oth, "x", s.now.Add(-time.Minute), reset)
	in.add(s.a, s.bad, "x", s.now.Add(-30*24*time.Hour), none, none, none)
	return s
}

func (s *statsRig) numbers(path string) (success, failed float64, a answer) {
	s.t.Helper()
	a = s.must(200, "GET", path, "")
	return a.num("total.success"), a.num("total.failed"), a
}

// num reads a number by its path in the answer.
func (a answer) num(path string) float64 {
	var v any
	if json.Unmarshal(a.body, &v) != nil {
		return -1
	}
	for _, key := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return -1
		}
		v = m[key]
	}
	n, ok := v.(float64)
	if !ok {
		return -1
	}
	return n
}

func TestSeries(t *testing.T) {
	s := newStatsRig(t)
	for _, c := range []struct {
		name, path      string
		success, failed float64
		periods         int
	}{
		{"environment, a day", "/x/v1/stats/series", 3, 6, 25},
		{"environment, the last hour by the minute", "/x/v1/stats/series?period=minute", 3, 5, 60},
		{"five minutes", "/x/v1/stats/series?period=5min", 3, 6, 72},
		{"application", "/x/v1/stats/series?app_id=" + s.a, 3, 5, 25},
		{"application by uid", "/x/v1/stats/series?app_id=b", 0, 1, 25},
		{"endpoint", "/x/v1/stats/series?app_id=a&endpoint_id=" + s.bad, 1, 5, 25},
		{"path of an application", "/x/v1/app/a/stats/series", 3, 5, 25},
		{"path of an application, one endpoint", "/x/v1/app/a/stats/series?endpoint_id=" + s.good, 2, 0, 25},
		{"path of an endpoint", "/x/v1/app/a/endpoint/" + s.bad + "/stats/series?period=minute", 1, 4, 60},
		{"event type", "/x/v1/stats/series?event_types=y", 0, 1, 25},
		{"several event types", "/x/v1/stats/series?event_types=y,x", 3, 6, 25},
		{"one reason", "/x/v1/stats/series?reason=reset", 0, 2, 25},
		{"an older day", "/x/v1/stats/series?since=" + s.now.Add(-31*24*time.Hour).Format(time.RFC3339) + "&until=" + s.now.Add(-29*24*time.Hour).Format(time.RFC3339), 3, 0, 49},
	} {
		success, failed, a := s.numbers(c.path)
		if n := strings.Count(string(a.body), `"at":`); success != c.success || failed != c.failed || n != c.periods {
			t.Errorf("%s: %v, %v failed in %d periods; want %v, %v in %d", c.name, success, failed, n, c.success, c.failed, c.periods)
		}
	}
	_, _, a := s.numbers("/x/v1/app/a/endpoint/" + s.bad + "/stats/series?period=minute&with_buckets=true")
	if p50, p99 := a.num("total.latency.p50Ms"), a.num("total.latency.p99Ms"); p50 < 650 || p50 > 1000 || p99 > 1000 || a.num("total.latency.maxMs") != 1000 || a.num("total.latency.count") != 5 {
		t.Errorf("latency: %s", a.body)
	}
	if a.num("total.reasons.server") != 3 || a.num("total.reasons.reset") != 1 || strings.Count(string(a.body), "belowMs") != 2*hook.LatencyBuckets {
		t.Errorf("reasons or buckets: %s", a.body)
	}
}

func TestFailures(t *testing.T) {
	s := newStatsRig(t)
	a := s.must(200, "GET", "/x/v1/stats/failures", "")
	if a.str("period") != "hour" || a.str("data.0.reason") != "server" || a.str("data.0.top.0.endpointId") != s.bad || a.str("data.1.reason") != "reset" || a.str("data.0.nextStep") == "" {
		t.Errorf("%s", a.body)
	}
	var out struct {
		Data []struct{ Count, Endpoints int64 }
	}
	if err := json.Unmarshal(a.body, &out); err != nil || len(out.Data) != 2 || out.Data[0].Count != 4 || out.Data[0].Endpoints != 1 || out.Data[1].Count != 2 || out.Data[1].Endpoints != 2 {
		t.Errorf("%+v %v", out, err)
	}
	if a := s.must(200, "GET", "/x/v1/app/b/stats/failures", ""); strings.Contains(string(a.body), `"server"`) || a.str("data.0.top.0.appId") != s.b {
		t.Errorf("%s", a.body)
	}
	if a := s.must(200, "GET", "/x/v1/app/b/stats/failures", ""); a.str("period") != "minute" {
		t.Errorf("a day of one application: %s", a.body)
	}
	if a := s.must(200, "GET", "/x/v1/stats/failures?app_id=a&endpoint_id="+s.good, ""); !strings.Contains(string(a.body), `"data":[]`) {
		t.Errorf("%s", a.body)
	}
}

func TestContractStatistics(t *testing.T) {
	s := newStatsRig(t)
	iso := func(d time.Duration) string { return s.now.Add(d).Format(time.RFC3339) }
	a := s.must(200, "GET", "/api/v1/app/a/stats/attempts?since="+iso(-time.Hour)+"&until="+iso(0), "")
	if a.num("total_success") != 3 || a.num("total_failure") != 4 || a.num("total_canceled") != 0 || a.num("by_event_type.y.failure") != 1 || a.num("by_event_type.x.success") != 3 {
		t.Errorf("%s", a.body)
	}
	var out struct {
		Period string
		Data   struct{ SuccessCount, FailureCount, CanceledCount []int64 }
	}
	for period, want := range map[string][3]int64{"OneDay": {6, 5, 29}, "OneHour": {3, 5, 25}, "FiveMinutes": {3, 5, 72}} {
		a := s.must(200, "GET", "/api/v1/stats/app/a/attempt?period="+period, "")
		if err := json.Unmarshal(a.body, &out); err != nil {
			t.Fatal(err)
		}
		var success, failed int64
		for i := range out.Data.SuccessCount {
			success += out.Data.SuccessCount[i]
			failed += out.Data.FailureCount[i]
		}
		// The day 30 days ago is outside the 28 days that are shown by default.
		if period == "OneDay" {
			success += 3
		}
		if n := int64(len(out.Data.SuccessCount)); out.Period != period || success != want[0] || failed != want[1] || n != want[2] || len(out.Data.CanceledCount) != len(out.Data.SuccessCount) {
			t.Errorf("%s: %d, %d failed in %d periods; want %v", period, success, failed, n, want)
		}
	}
	s.must(200, "PATCH", "/api/v1/app/b/endpoint/"+s.oth, `{"disabled":true}`)
	s.app("empty")
	for path, want := range map[string]string{
		"/api/v1/app/stats/count-active":                        `{"count":1}`,
		"/api/v1/app/stats/count-active?exclude_disabled=false": `{"count":2}`,
		"/api/v1/stats/endpoint/count":                          `{"active":2,"disabled":1}`,
	} {
		if a := s.must(200, "GET", path, ""); string(a.body) != want {
			t.Errorf("%s: %s, want %s", path, a.body, want)
		}
	}
	since := s.now.Add(-time.Minute)
	path := "/api/v1/app/a/endpoint/" + s.bad + "/rate-limit-status"
	if a := s.must(200, "GET", path, ""); a.str("status") != "Ok" {
		t.Errorf("%s", a.body)
	}
	aid, _ := s.store.Codec().ParseApplication(s.env.ID, s.a)
	eid, _ := s.store.Codec().ParseEndpoint(aid, s.bad)
	s.lanes.throttled = map[hook.EndpointID]time.Time{eid: since}
	if a := s.must(200, "GET", path, ""); a.str("status") != "RateLimited" || a.str("throttledSince") != since.Format("2006-01-02T15:04:05Z") {
		t.Errorf("%s", a.body)
	}
}

func TestStatisticsRefuseBadInput(t *testing.T) {
	s := newStatsRig(t)
	iso := func(d time.Duration) string { return s.now.Add(d).Format(time.RFC3339) }
	for _, c := range []struct {
		path   string
		status int
		code   string
	}{
		{"/x/v1/stats/series?period=day", 400, "generic_error"},
		{"/x/v1/stats/series?since=yesterday", 400, "generic_error"},
		{"/x/v1/stats/series?since=" + iso(time.Hour), 400, "invalid_range"},
		{"/x/v1/stats/series?until=" + iso(time.Hour), 400, "invalid_range"},
		{"/x/v1/stats/series?since=" + iso(-100*24*time.Hour), 400, "invalid_range"},
		{"/x/v1/stats/series?period=minute&since=" + iso(-48*time.Hour), 400, "invalid_range"},
		{"/x/v1/stats/series?period=5min&since=" + iso(-8*24*time.Hour) + "&until=" + iso(-8*24*time.Hour+time.Hour), 400, "invalid_range"},
		{"/x/v1/stats/series?endpoint_id=" + s.bad, 422, ""},
		{"/x/v1/stats/series?app_id=nobody", 404, "not_found"},
		{"/x/v1/stats/series?app_id=b&endpoint_id=" + s.bad, 404, "not_found"},
		{"/x/v1/stats/series?reason=bad+luck", 422, ""},
		{"/x/v1/stats/series?event_types=a%20b", 422, ""},
		{"/x/v1/stats/series?with_buckets=1", 400, "generic_error"},
		{"/x/v1/stats/series?until=0000-01-01T00:00:00Z", 400, "invalid_range"},
		{"/api/v1/stats/app/a/attempt?endDate=0000-01-01T00:00:00Z", 400, "invalid_range"},
		{"/x/v1/stats/failures?since=" + iso(-100*24*time.Hour), 400, "invalid_range"},
		{"/api/v1/app/a/stats/attempts?since=" + iso(-time.Hour), 400, "generic_error"},
		{"/api/v1/app/a/stats/attempts?since=" + iso(0) + "&until=" + iso(-time.Hour), 400, "invalid_range"},
		{"/api/v1/stats/app/a/attempt?period=OneWeek", 400, "generic_error"},
		{"/api/v1/stats/app/a/attempt?startDate=" + iso(48*time.Hour), 400, "invalid_range"},
		{"/api/v1/stats/app/a/attempt?period=FiveMinutes&startDate=" + iso(-9*24*time.Hour) + "&endDate=" + iso(-8*24*time.Hour), 400, "invalid_range"},
		{"/api/v1/app/a/attempt/endpoint/" + s.bad + "/count?status=7", 400, "generic_error"},
		{"/api/v1/app/a/attempt/endpoint/nobody/count", 404, "not_found"},
		{"/api/v1/app/a/events?iterator=msg_x", 422, ""},
		{"/api/v1/app/a/events?limit=0", 422, ""},
		{"/api/v1/app/a/events?channels=a%20b", 422, ""},
		{"/x/v1/search", 422, ""},
		{"/x/v1/search?q=", 422, ""},
		{"/x/v1/search?q=" + strings.Repeat("x", 257), 422, ""},
		{"/x/v1/search?q=a%00b", 400, "generic_error"},
		{"/x/v1/why/nothing", 404, "not_found"},
		{"/x/v1/why/msg_" + strings.Repeat("0", 27), 404, "not_found"},
		{"/x/v1/why/atmpt_" + strings.Repeat("z", 27), 404, "not_found"},
		{"/x/v1/tail?kind=all", 400, "generic_error"},
		{"/x/v1/tail?endpoint_id=" + s.bad, 422, ""},
		{"/x/v1/tail?app_id=nobody", 404, "not_found"},
	} {
		if a := s.call("GET", c.path, ""); a.status != c.status || c.code != "" && a.str("code") != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.path, a.status, a.body, c.status, c.code)
		}
	}
	for body, field := range map[string]string{
		`{"limit":0}`: "limit", `{"limit":251}`: "limit", `{"iterator":"msg_x"}`: "iterator", `{"event_types":["a b"]}`: "event_types",
		`{"channel":"a\u0001"}`: "channel", `{"with_content":1}`: "with_content", `{"before":"x"}`: "before",
	} {
		if a := s.call("POST", "/api/v1/app/a/msg/search", body); a.status != 422 || a.str("detail.0.loc.0") != "body" || a.str("detail.0.loc.1") != field {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestQueueDepth(t *testing.T) {
	r := newRig(t)
	_, foreign := r.environment("other")
	a, b := r.app("a"), r.app("b")
	ea, eb := r.endpoint(a, ""), r.endpoint(b, "")
	for i := range 3 {
		m := r.message(a, "")
		if i > 0 {
			r.attempt(a, ea, m, fail(500)) // due again in 5 s
		}
	}
	m := r.message(b, "")
	r.attempt(b, eb, m, fail(500))
	r.message(b, fmt.Sprintf(`,"deliverAt":%q`, time.Now().Add(2*time.Hour).Format(time.RFC3339)))
	bid, _ := r.store.Codec().ParseApplication(r.env.ID, b)
	r.lanes.waiting = map[hook.ApplicationID]int64{bid: 7, 12345: 3}
	q := r.must(200, "GET", "/x/v1/queue", "")
	for name, want := range map[string]float64{"now": 8, "under1m": 3, "under5m": 0, "under1h": 0, "under6h": 1, "later": 0, "total": 12} {
		if got := q.num("total." + name); got != want {
			t.Errorf("%s: %v, want %v: %s", name, got, want, q.body)
		}
	}
	if q.str("applications.0.appId") != b || q.str("applications.1.appId") != a {
		t.Errorf("%s", q.body)
	}
	if q := r.send(request{method: "GET", path: "/x/v1/queue", token: foreign}); q.status != 200 || q.num("total.total") != 0 {
		t.Errorf("another environment sees %s", q.body)
	}
}
