//go:build unix

package cli_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// seeded runs dev --seed until it says that it is done.
func seeded(t *testing.T, args ...string) (*process, *client.Client) {
	t.Helper()
	p := start(t, append([]string{"dev", "--seed"}, args...)...)
	within(t, p, "the store is seeded", func() bool { return strings.Contains(p.out.String(), "hookloft seeded: ") })
	return p, clientOf(t, p)
}

// clientOf calls a dev server with the token that it printed.
func clientOf(t *testing.T, p *process) *client.Client {
	t.Helper()
	line := regexp.MustCompile(`(?m)^  token   (\S+)$`)
	within(t, p, "a token", func() bool { return line.MatchString(p.out.String()) })
	c, err := client.New(p.url, line.FindStringSubmatch(p.out.String())[1], client.Options{Transport: &http.Transport{}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// within waits a minute at most: the machine may have much to do.
func within(t *testing.T, p *process, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		select {
		case <-p.done:
			t.Fatalf("the process ended before: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// rows reads a list to its end.
func rows[T any](t *testing.T, c *client.Client, path string) (all []T) {
	t.Helper()
	for row, err := range client.Pages[T](t.Context(), c, path) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

func get[T any](t *testing.T, c *client.Client, path string) (out T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Call(ctx, "GET", path, nil, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSeedMakesALivelyStore asks the API for each thing that there is to look at.
func TestSeedMakesALivelyStore(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p, c := seeded(t, "--data", data, "--seed-rate", "20")

	applications := rows[api.ApplicationOut](t, c, "/api/v1/app")
	if len(applications) != 9 { // the demo is one
		t.Errorf("%d applications", len(applications))
	}
	endpoints := 0
	for _, a := range applications {
		endpoints += len(rows[api.EndpointOut](t, c, client.Path("/api/v1/app/{}/endpoint", a.ID)))
	}
	if endpoints != 32 {
		t.Errorf("%d endpoints", endpoints)
	}
	if types := rows[api.EventTypeOut](t, c, "/api/v1/event-type"); len(types) != 23 {
		t.Errorf("%d event types", len(types))
	}

	want := []string{
		"auth", "bad_response", "connect_refused", "gone", "not_found", "redirect", "rejected", "reset",
		"server", "throttled", "timeout_headers", "tls_expired", "tls_hostname", "tls_unknown_ca", "transform_error",
	}
	var missing []string
	within(t, p, "each class of failures", func() bool {
		missing = slices.Clone(want)
		for _, is := range rows[api.IssueOut](t, c, "/x/v1/issue") {
			missing = slices.DeleteFunc(missing, func(reason string) bool { return reason == is.Reason })
		}
		return len(missing) == 0
	})
	// What became of the name that does not exist is up to this machine's resolver.
	within(t, p, "a name that does not exist", func() bool {
		return slices.ContainsFunc(rows[api.IssueOut](t, c, "/x/v1/issue"), func(is api.IssueOut) bool { return strings.HasPrefix(is.Reason, "dns_") })
	})
	issues := rows[api.IssueOut](t, c, "/x/v1/issue")
	if !slices.ContainsFunc(issues, func(is api.IssueOut) bool { return is.Assignee != nil }) ||
		!slices.ContainsFunc(issues, func(is api.IssueOut) bool { return is.State == "muted" }) {
		t.Error("nobody looked after the issues")
	}

	if e := get[api.EndpointOut](t, c, "/api/v1/app/orbit-travel/endpoint/move"); e.Disabled {
		t.Error("what is paused is disabled")
	}
	if hold := get[api.HoldOut](t, c, "/x/v1/app/orbit-travel/endpoint/move/hold"); hold.State != "held" || hold.Waiting == 0 || hold.Note == nil {
		t.Errorf("paused: %+v", hold)
	}
	for _, path := range []string{"/api/v1/app/lighthouse-clinic/endpoint/old-records", "/api/v1/app/blue-door-books/endpoint/old-shop"} {
		within(t, p, "disabled by hand, and by 410: "+path, func() bool { return get[api.EndpointOut](t, c, path).Disabled })
	}
	within(t, p, "a delivery that a filter skipped", func() bool {
		orders := get[api.List[api.MessageOut]](t, c, "/api/v1/app/acme-bakery/msg?event_types=order.created&limit=20")
		return slices.ContainsFunc(orders.Data, func(m api.MessageOut) bool {
			to := get[json.RawMessage](t, c, client.Path("/api/v1/app/acme-bakery/msg/{}/endpoint", m.ID))
			return strings.Contains(string(to), `"skipped_filter"`)
		})
	})

	verdicts := map[string]api.SourceCounts{}
	within(t, p, "sources have counted", func() bool {
		for _, s := range rows[api.IngestSourceOut](t, c, "/ingest/api/v1/source") {
			verdicts[*s.UID] = get[api.SourceStatsOut](t, c, client.Path("/x/v1/source/{}/stats", s.ID)).Totals
		}
		got := verdicts["card-payments"]
		return got.Accepted >= 24 && got.Duplicate >= 3 && got.Rejected >= 5 && len(got.Reasons) == 2
	})
	for _, uid := range []string{"shop-repository", "help-desk", "weather-stations"} {
		if v := verdicts[uid]; v.Accepted < 24 || v.Duplicate < 3 || v.Rejected < 3 {
			t.Errorf("%s: %+v", uid, v)
		}
	}

	tasks := rows[api.BackgroundTaskOut](t, c, "/api/v1/background-task")
	if len(tasks) != 1 {
		t.Fatalf("%d tasks", len(tasks))
	}
	within(t, p, "the replay has ended", func() bool {
		task := get[api.TaskOut](t, c, "/x/v1/task/"+tasks[0].ID)
		return task.Status == "finished" && task.Done > 0
	})

	// What follows comes without being asked.
	newest := func() string {
		return get[api.List[api.MessageOut]](t, c, "/api/v1/app/acme-bakery/msg?limit=1").Data[0].ID
	}
	before := newest()
	within(t, p, "another message", func() bool { return newest() != before })

	if code, took := p.terminate(); code != 0 {
		t.Errorf("exit code %d after %v", code, took)
	}
	again, err := hookloft(t.Context(), "dev", "--seed", "--data", data, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(again), `has the application "acme-bakery" already`) {
		t.Errorf("seeded twice: %v: %s", err, again)
	}
	// Nothing of that second run is there: neither more of the same, nor less.
	after := clientOf(t, start(t, "dev", "--data", data))
	if n := len(rows[api.ApplicationOut](t, after, "/api/v1/app")); n != len(applications) {
		t.Errorf("%d applications after a second run, %d before", n, len(applications))
	}
	if n := len(rows[api.IngestSourceOut](t, after, "/ingest/api/v1/source")); n != 5 {
		t.Errorf("%d sources after a second run", n)
	}
}
