//go:build unix

// Package hold asks a running hookloft whether a pause stops and keeps: endpoints,
// applications and sources under load, through a kill -9, and resumed at a pace; and whether
// an endpoint that wants only the latest of a key gets it, through a kill -9, too. Each run
// prints its seed.
//
// HOOKLOFT_TEST_HOLD_SEED repeats a run; HOOKLOFT_TEST_HOLD_MESSAGES is how many messages wait
// for the resume that is measured (5000), HOOKLOFT_TEST_HOLD_ENDPOINTS how many endpoints the
// application has that is paused (1000).
package hold

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// inbox is a receiver that keeps what came by path.
type inbox struct {
	*httptest.Server
	mu    sync.Mutex
	ids   map[string]map[string]int // by path: how often each webhook-id came
	times map[string][]time.Time
	last  map[string][]string // bodies by path
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{ids: map[string]map[string]int{}, times: map[string][]time.Time{}, last: map[string][]string{}}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender was killed
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		p := r.URL.Path
		if in.ids[p] == nil {
			in.ids[p] = map[string]int{}
		}
		in.ids[p][r.Header.Get("Webhook-Id")]++
		in.times[p] = append(in.times[p], time.Now())
		in.last[p] = append(in.last[p], string(body))
	}))
	t.Cleanup(in.Close)
	return in
}

// distinct counts the messages that came to a path, requests how many requests did.
func (in *inbox) distinct(path string) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.ids[path])
}

func (in *inbox) requests(path string) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.times[path])
}

// since returns when requests came to a path after a moment.
func (in *inbox) since(path string, at time.Time) (list []time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, t := range in.times[path] {
		if t.After(at) {
			list = append(list, t)
		}
	}
	return list
}

type caller struct {
	*rig.API
	t *testing.T
}

// must calls and returns the fields of the answer.
func (c caller) must(method, path, body string) map[string]any {
	c.t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, out, err := c.Do(method, path, in)
	if err != nil || status/100 != 2 {
		c.t.Fatalf("%s %s: %d, %v: %.300s", method, path, status, err, out)
	}
	fields := map[string]any{}
	_ = json.Unmarshal(out, &fields) // some answers are empty
	return fields
}

// publish sends one message and retries while the server is down. It reports whether it was accepted.
func (c caller) publish(app, id, payload string) bool {
	body := json.RawMessage(fmt.Sprintf(`{"eventType":"a.b","eventId":%q,"payload":%s}`, id, payload))
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		status, out, err := c.Do("POST", "/api/v1/app/"+app+"/msg", body)
		if err == nil && (status == http.StatusAccepted || status == http.StatusConflict) {
			return true
		}
		if err == nil && status < 500 {
			c.t.Errorf("publish %s: %d %.300s", id, status, out)
			return false
		}
	}
	c.t.Errorf("publish %s: not within 30 s", id)
	return false
}

func until(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v it is not so that %s", most, what)
		}
	}
}

// quiet waits until nothing has come to a path for a second, and returns how many requests have.
func (in *inbox) quiet(t *testing.T, path string) (n int) {
	t.Helper()
	at := time.Now()
	n = in.requests(path)
	until(t, 30*time.Second, "attempts under way have ended", func() bool {
		if now := in.requests(path); now != n {
			n, at = now, time.Now()
		}
		return time.Since(at) > time.Second
	})
	return n
}

// checkPace fails the test where more than perSecond came within any time, with what timers are
// late by. What a busy machine held back for up to a second comes at once.
func checkPace(t *testing.T, times []time.Time, perSecond int) {
	t.Helper()
	late := time.Second
	if rig.Strict() {
		late = 0
	}
	for i, first := range times {
		for n, at := range times[i:] {
			span := max(at.Sub(first), time.Second-late) + late
			if most := 1.2*float64(perSecond)*span.Seconds() + 2; float64(n+1) > most && span >= time.Second {
				t.Fatalf("%d requests within %v, want %d a second", n+1, at.Sub(first), perSecond)
			}
		}
	}
}

func TestPauseKeepsEverythingThroughKills(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	seed := uint64(rig.EnvInt(t, "HOOKLOFT_TEST_HOLD_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	in := newInbox(t)
	server := rig.Start(t, rig.Options{})
	c := caller{server.API(), t}
	app := c.MustCreateApp(t, "shop")
	held := c.MustCreateEndpoint(t, app, rig.EndpointIn{URL: in.URL + "/held"})
	c.MustCreateEndpoint(t, app, rig.EndpointIn{URL: in.URL + "/other"})
	path := "/x/v1/app/shop/endpoint/" + held

	var published atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	for k := range 4 {
		load.Go(func() {
			for i := 0; i < 5000; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if c.publish("shop", fmt.Sprintf("e%d-%d", k, i), fmt.Sprintf(`{"n":%d}`, i)) {
					published.Add(1)
				}
			}
		})
	}
	until(t, 30*time.Second, "messages arrive", func() bool { return in.requests("/held") > 50 })
	if out := c.must("POST", path+"/pause", `{"note":"their database moves"}`); out["state"] != "held" || out["by"] != "endpoint" || out["note"] != "their database moves" {
		t.Errorf("pause: %v", out)
	}
	before := in.quiet(t, "/held")
	for range 2 {
		time.Sleep(time.Duration(200+rng.IntN(400)) * time.Millisecond) // the moment of the kill is drawn
		server.Kill()
		if _, err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	close(stop)
	load.Wait()
	if n := in.requests("/held") - before; n != 0 {
		t.Errorf("%d requests to the paused endpoint", n)
	}
	total := int(published.Load())
	until(t, 60*time.Second, "the other endpoint has all", func() bool { return in.distinct("/other") >= total })
	out := c.must("GET", path+"/hold", "")
	waiting := int(out["waiting"].(float64))
	if out["state"] != "held" || waiting < total-in.distinct("/held") {
		t.Errorf("hold: %v, want at least %d waiting", out, total-in.distinct("/held"))
	}
	t.Logf("%d messages, %d waiting", total, waiting)

	// A person gets what they ask for.
	msgs, err := c.Messages(app)
	if err != nil || len(msgs) == 0 {
		t.Fatal(err)
	}
	c.must("POST", "/api/v1/app/shop/msg/"+msgs[0].ID+"/endpoint/"+held+"/resend", "")
	until(t, 30*time.Second, "the resend arrives", func() bool { return in.requests("/held") == before+1 })
	if why := c.must("GET", "/x/v1/why/"+held, ""); !strings.HasPrefix(why["verdict"].(string), "On hold.") {
		t.Errorf("why: %v", why["verdict"])
	}

	// At a pace, with a kill in between, while new messages do not wait.
	perSecond := max(20, waiting/6)
	begun := time.Now()
	if out := c.must("POST", path+"/resume", fmt.Sprintf(`{"drainRate":%d}`, perSecond)); out["state"] != "draining" {
		t.Errorf("resume: %v", out)
	}
	time.Sleep(time.Second)
	live := time.Now()
	c.publish("shop", "live", `{"live":true}`)
	until(t, 30*time.Second, "the live message arrives", func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		return slices.ContainsFunc(in.last["/held"], func(body string) bool { return strings.Contains(body, "live") })
	})
	// In its turn it would be the last.
	t.Logf("the live message took %v, and %d were still waiting", time.Since(live), total+1-in.distinct("/held"))
	if left := total + 1 - in.distinct("/held"); left < perSecond/2 {
		t.Errorf("the live message came when %d were left, of %d that waited", left, waiting)
	}
	checkPace(t, in.since("/held", begun), perSecond)
	server.Kill()
	killed := time.Now()
	if _, err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, 60*time.Second, "all arrived", func() bool { return in.distinct("/held") >= total+1 })
	checkPace(t, in.since("/held", killed), perSecond)
	until(t, 30*time.Second, "the hold is over", func() bool { return c.must("GET", path+"/hold", "")["state"] == "open" })
	if n := in.requests("/held") - in.distinct("/held"); n > 300 {
		t.Errorf("%d repeated requests, more than what was in flight at three kills", n)
	}
}

func TestPausedApplicationWithManyEndpoints(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	n := rig.EnvInt(t, "HOOKLOFT_TEST_HOLD_ENDPOINTS", 1000)
	in := newInbox(t)
	server := rig.Start(t, rig.Options{})
	c := caller{server.API(), t}
	app := c.MustCreateApp(t, "wide")
	for i := range n {
		c.MustCreateEndpoint(t, app, rig.EndpointIn{URL: fmt.Sprintf("%s/w/%d", in.URL, i%10)})
	}
	begun := time.Now()
	c.must("POST", "/x/v1/app/wide/pause", "")
	paused := time.Since(begun)
	const messages = 5
	for i := range messages {
		c.publish("wide", fmt.Sprint(i), `{}`)
	}
	time.Sleep(time.Second)
	server.Kill()
	if _, err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	count := func() (sum int) {
		for i := range 10 {
			sum += in.requests(fmt.Sprintf("/w/%d", i))
		}
		return sum
	}
	if got := count(); got != 0 {
		t.Errorf("%d requests for a paused application", got)
	}
	out := c.must("GET", "/x/v1/app/wide/hold", "")
	if out["state"] != "held" || out["by"] != "application" {
		t.Errorf("hold: %v", out)
	}
	until(t, 30*time.Second, fmt.Sprintf("%d wait", n*messages), func() bool {
		return int(c.must("GET", "/x/v1/app/wide/hold", "")["waiting"].(float64)) == n*messages
	})
	begun = time.Now()
	c.must("POST", "/x/v1/app/wide/resume", "")
	until(t, 60*time.Second, "all endpoints got all", func() bool { return count() >= n*messages })
	t.Logf("paused %d endpoints in %v; %d deliveries %v after the resume", n, paused, n*messages, time.Since(begun))
}

func TestPausedSourceKeepsWhatItReceives(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	in := newInbox(t)
	server := rig.Start(t, rig.Options{})
	c := caller{server.API(), t}
	src := c.must("POST", "/ingest/api/v1/source", `{"name":"in","uid":"in","type":"generic-webhook"}`)
	c.must("POST", "/ingest/api/v1/source/in/endpoint", `{"url":"`+in.URL+`/src"}`)
	url, _ := src["ingestUrl"].(string)
	if at := strings.Index(url, "/in/"); at >= 0 {
		url = server.URL + url[at:]
	}
	post := func(n int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			resp, err := http.Post(url, "application/json", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode/100 == 2 {
					return
				}
				err = fmt.Errorf("status %d", resp.StatusCode)
			}
			if time.Now().After(end) {
				t.Fatalf("post %d: %v", n, err)
			}
		}
	}
	post(0)
	until(t, 30*time.Second, "the first arrives", func() bool { return in.requests("/src") == 1 })
	if out := c.must("POST", "/x/v1/source/in/pause", ""); out["by"] != "source" {
		t.Errorf("pause: %v", out)
	}
	for i := range 200 {
		post(1 + i)
	}
	server.Kill()
	if _, err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	if n := in.requests("/src"); n != 1 {
		t.Errorf("%d requests while the source is paused", n-1)
	}
	until(t, 30*time.Second, "200 wait", func() bool { return c.must("GET", "/x/v1/source/in/hold", "")["waiting"].(float64) == 200 })
	c.must("POST", "/x/v1/source/in/resume", "")
	until(t, 60*time.Second, "all arrived", func() bool { return in.distinct("/src") == 201 })
}

// TestResumeOfABacklog measures how fast what waited is sent without a pace.
func TestResumeOfABacklog(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	n := rig.EnvInt(t, "HOOKLOFT_TEST_HOLD_MESSAGES", 5000)
	in := newInbox(t)
	server := rig.Start(t, rig.Options{})
	c := caller{server.API(), t}
	app := c.MustCreateApp(t, "shop")
	ep := c.MustCreateEndpoint(t, app, rig.EndpointIn{URL: in.URL + "/b"})
	c.must("POST", "/x/v1/app/shop/endpoint/"+ep+"/pause", "")
	var load sync.WaitGroup
	for k := range 8 {
		load.Go(func() {
			for i := k; i < n; i += 8 {
				c.publish("shop", fmt.Sprint(i), `{}`)
			}
		})
	}
	load.Wait()
	begun := time.Now()
	c.must("POST", "/x/v1/app/shop/endpoint/"+ep+"/resume", "")
	until(t, 30*time.Second, "the first arrives", func() bool { return in.requests("/b") > 0 })
	first := time.Since(begun)
	until(t, 120*time.Second, "all arrived", func() bool { return in.distinct("/b") == n })
	took := time.Since(begun)
	t.Logf("of %d that waited the first came after %v, the last after %v: %.0f a second", n, first, took, float64(n)/took.Seconds())
}

func TestLatestOfAKeyThroughAKill(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	seed := uint64(rig.EnvInt(t, "HOOKLOFT_TEST_HOLD_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	in := newInbox(t)
	server := rig.Start(t, rig.Options{})
	c := caller{server.API(), t}
	app := c.MustCreateApp(t, "shop")
	ep := c.MustCreateEndpoint(t, app, rig.EndpointIn{URL: in.URL + "/l"})
	c.must("PUT", "/x/v1/app/shop/endpoint/"+ep+"/latest", `{"key":"id","windowSeconds":2}`)
	last := map[string]int{}
	n, begun := 0, time.Now()
	burst := func() {
		for range 100 {
			n++
			key := fmt.Sprintf("k%d", rng.IntN(4))
			last[key] = n
			c.publish("shop", fmt.Sprint(n), fmt.Sprintf(`{"id":%q,"n":%d}`, key, n))
		}
	}
	burst()
	server.Kill()
	if _, err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	burst()
	server.Kill()
	if _, err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	sent := func() (list []struct {
		ID string
		N  int
	}) {
		in.mu.Lock()
		defer in.mu.Unlock()
		for _, body := range in.last["/l"] {
			var e struct {
				ID string
				N  int
			}
			if json.Unmarshal([]byte(body), &e) == nil {
				list = append(list, e)
			}
		}
		return list
	}
	until(t, 60*time.Second, "the last of each key arrives", func() bool {
		got := map[string]int{}
		for _, e := range sent() {
			got[e.ID] = max(got[e.ID], e.N)
		}
		for key, want := range last {
			if got[key] != want {
				return false
			}
		}
		return true
	})
	// One of each key in each window; at a kill a window ends, and its last may be repeated.
	took := time.Since(begun)
	t.Logf("%d requests for %d messages within %v", len(sent()), n, took)
	if got, most := len(sent()), 4*(int(took/(2*time.Second))+1+2*2); got > most {
		t.Errorf("%d requests for %d messages of 4 keys within %v, at most %d may be", got, n, took, most)
	}
	msgs, err := c.Messages(app)
	if err != nil {
		t.Fatal(err)
	}
	var states map[string]int
	until(t, 30*time.Second, "some of the newest were superseded", func() bool {
		states = map[string]int{}
		for _, m := range msgs[:40] {
			why := c.must("GET", "/x/v1/why/"+m.ID, "")
			d := why["deliveries"].([]any)[0].(map[string]any)
			states[fmt.Sprint(d["state"], " ", d["reason"])]++
		}
		return states["cancelled superseded"] > 0
	})
}
