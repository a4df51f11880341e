//go:build unix

// Package stats looks at sums, verdicts and the live stream from outside: the real binary,
// killed in the middle.
package stats

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// series is what the test reads of GET .../stats/series.
type series struct {
	Data []struct {
		At      time.Time
		Success int64
		Failed  int64
	}
	Total struct {
		Success, Failed, Final int64
		Reasons                map[string]int64
		Latency                *struct {
			Count               int64
			P50MS, P95MS, P99MS float64
		}
	}
}

func get[T any](t *testing.T, a *rig.API, path string) (out T) {
	t.Helper()
	status, body, err := a.Do(http.MethodGet, path, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d %s %v", path, status, body, err)
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, body)
	}
	return out
}

// TestKilledServerCountsEachAttemptOnce publishes 200 messages to an endpoint that takes
// them and one that fails, kills the server twice on the way, and compares the sums with
// what the history holds.
func TestKilledServerCountsEachAttemptOnce(t *testing.T) {
	receiver := rig.Receive(t, rig.ReceiverOptions{NoLog: true, Delay: 5 * time.Millisecond, Status: func(path string, _ int) int {
		if path == "/bad" {
			return http.StatusBadGateway
		}
		return http.StatusOK
	}})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	app := api.MustCreateApp(t, "shop")
	good := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL + "/good"})
	bad := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL + "/bad"})
	var first string
	const messages = 200
	for i := range messages {
		status, id, err := api.Publish(app, rig.MessageIn{EventType: []string{"order.paid", "order.sent"}[i%2], Payload: []byte(fmt.Sprintf(`{"n":%d}`, i))})
		if err != nil || status != http.StatusAccepted {
			t.Fatalf("publish %d: %d %v", i, status, err)
		}
		if i == 0 {
			first = id
		}
		if i == 70 || i == 140 {
			s.Kill()
			if _, err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		}
	}
	type count struct {
		Count        int64
		Approximated bool
	}
	var g, b series
	var goodCount, badCount count
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		g = get[series](t, api, "/x/v1/app/"+app+"/endpoint/"+good+"/stats/series?period=minute")
		goodCount = get[count](t, api, "/api/v1/app/"+app+"/attempt/endpoint/"+good+"/count")
		// The failing endpoint may be tried at any moment, so it is read in between.
		before := get[count](t, api, "/api/v1/app/"+app+"/attempt/endpoint/"+bad+"/count")
		b = get[series](t, api, "/x/v1/app/"+app+"/endpoint/"+bad+"/stats/series?period=minute")
		badCount = get[count](t, api, "/api/v1/app/"+app+"/attempt/endpoint/"+bad+"/count")
		if g.Total.Success == messages && goodCount.Count == messages && before == badCount && b.Total.Failed == badCount.Count && badCount.Count > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("good: %d summed, %d listed; bad: %d summed, %d listed", g.Total.Success, goodCount.Count, b.Total.Failed, badCount.Count)
		}
	}
	if g.Total.Failed != 0 || b.Total.Success != 0 || b.Total.Reasons["server"] != b.Total.Failed || goodCount.Approximated {
		t.Errorf("good %+v, bad %+v", g.Total, b.Total)
	}
	if l := g.Total.Latency; l == nil || l.Count != messages || l.P50MS < 4 || l.P50MS > l.P95MS || l.P95MS > l.P99MS {
		t.Errorf("latency %+v", l)
	}
	var sum int64
	for _, p := range g.Data {
		sum += p.Success
	}
	if sum != messages {
		t.Errorf("the periods add up to %d", sum)
	}
	paid := get[series](t, api, "/x/v1/stats/series?period=minute&app_id="+app+"&endpoint_id="+good+"&event_types=order.paid")
	if paid.Total.Success != messages/2 {
		t.Errorf("of one type: %d", paid.Total.Success)
	}

	// A clean stop saves all: nothing is left to be counted after it.
	if err := s.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if again := get[series](t, api, "/x/v1/app/"+app+"/endpoint/"+good+"/stats/series?period=hour"); again.Total.Success != messages {
		t.Errorf("after a clean stop: %+v", again.Total)
	}

	type why struct {
		Kind, Verdict, Reason string
		NextStep              *string
		Deliveries            []struct{ State, Verdict, LastAttemptID string }
	}
	w := get[why](t, api, "/x/v1/why/"+first)
	if w.Kind != "message" || !strings.HasPrefix(w.Verdict, "Delivered to 1 of 2 endpoints.") || w.Reason != "server" || w.NextStep == nil || len(w.Deliveries) != 2 {
		t.Fatalf("why %+v", w)
	}
	for _, d := range w.Deliveries {
		if d.State == "delivered" && d.Verdict != "Delivered after 1 attempt." || d.State == "pending" && !strings.Contains(d.Verdict, "502") {
			t.Errorf("delivery %+v", d)
		}
	}
	if w := get[why](t, api, "/x/v1/why/"+w.Deliveries[0].LastAttemptID); w.Kind != "attempt" {
		t.Errorf("why an attempt: %+v", w)
	}
	if w := get[why](t, api, "/x/v1/why/"+bad); !strings.HasPrefix(w.Verdict, "Failing: none of ") || w.Reason != "server" {
		t.Errorf("why the failing endpoint: %+v", w)
	}
	if w := get[why](t, api, "/x/v1/why/"+good); w.Verdict != "Healthy: all 200 attempts of the last 24 hours succeeded." {
		t.Errorf("why the good endpoint: %+v", w)
	}
	type queue struct {
		Total        struct{ Total int64 }
		Applications []struct{ AppID string }
	}
	// An outcome that is being stored may be seen on both sides.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		q := get[queue](t, api, "/x/v1/queue")
		if q.Total.Total == messages && len(q.Applications) == 1 && q.Applications[0].AppID == app {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("queue %+v", q)
			break
		}
	}
	type headers struct {
		SentHeaders     map[string]string
		ResponseHeaders [][]string
	}
	h := get[headers](t, api, "/api/v1/app/"+app+"/msg/"+first+"/attempt/"+w.Deliveries[0].LastAttemptID+"/headers")
	if h.SentHeaders["Webhook-Id"] != first || h.SentHeaders["Webhook-Signature"] == "" || len(h.ResponseHeaders) == 0 {
		t.Errorf("headers %+v", h)
	}
}

// TestTailGoesOn follows the live stream through cut connections and a restart of the server:
// what happened meanwhile comes once, and what only the old process knew is said to be missing.
func TestTailGoesOn(t *testing.T) {
	receiver := rig.Receive(t, rig.ReceiverOptions{NoLog: true})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	app := api.MustCreateApp(t, "shop")
	api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL + "/good"})
	other := api.MustCreateApp(t, "other")
	api.MustCreateEndpoint(t, other, rig.EndpointIn{URL: receiver.URL + "/good"})
	var lines *bufio.Scanner
	var cut func()
	place := ""
	watch := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/x/v1/tail?kind=attempt&app_id="+app, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Token)
		if place != "" {
			req.Header.Set("Last-Event-ID", place)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		lines = bufio.NewScanner(resp.Body)
		cut = func() { cancel(); resp.Body.Close() }
		t.Cleanup(cut)
	}
	// next reads up to the end of a block that has a name, or of any with an id.
	next := func(needsName bool) (name, data string) {
		t.Helper()
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				name = value
			case "data":
				data = value
			case "id":
				place = value
			case "":
				if name != "" || place != "" && !needsName {
					return name, data
				}
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return "", ""
	}
	publish := func(app string) string {
		t.Helper()
		status, id, err := api.Publish(app, rig.MessageIn{EventType: "order.paid", Payload: []byte(`{}`)})
		if err != nil || status != http.StatusAccepted {
			t.Fatalf("publish: %d %v", status, err)
		}
		return id
	}
	delivered := func(id string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			list := get[struct {
				Data []struct{ Status int }
			}](t, api, "/api/v1/app/"+app+"/attempt/msg/"+id)
			if len(list.Data) == 1 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("no attempt of", id)
			}
		}
	}
	sees := func(ids ...string) {
		t.Helper()
		var got []string
		for range ids {
			name, data := next(true)
			var e struct{ MsgID string }
			if err := json.Unmarshal([]byte(data), &e); err != nil || name != "attempt" {
				t.Fatalf("%s %s: %v", name, data, err)
			}
			got = append(got, e.MsgID)
		}
		slices.Sort(got)
		slices.Sort(ids)
		if !slices.Equal(got, ids) {
			t.Fatalf("saw %q, want %q", got, ids)
		}
	}
	watch()
	next(false) // the place before anything happened
	for range 3 {
		cut()
		publish(other)
		a, b := publish(app), publish(app)
		delivered(a)
		delivered(b)
		watch()
		sees(a, b)
		c := publish(app)
		sees(c)
	}
	before := place
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(60 * time.Second) }()
	if name, _ := next(true); name != "end" {
		t.Fatalf("a stop is told as %q", name)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	delivered(publish(app)) // while nobody looks
	watch()
	name, data := next(true)
	var gap struct{ Since, Until *time.Time }
	if err := json.Unmarshal([]byte(data), &gap); err != nil || name != "gap" || gap.Since == nil || gap.Until == nil || !gap.Since.Before(*gap.Until) {
		t.Fatalf("%s %s: %v", name, data, err)
	}
	if place == before {
		t.Error("the gap ends where it began")
	}
	cut()
	d := publish(app)
	delivered(d)
	watch()
	sees(d)
}
