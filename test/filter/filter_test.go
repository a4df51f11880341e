//go:build unix

// Package filter runs the real binary with endpoints that have filters: what is published, what a
// provider posts, and what is sent after a crash and by hand.
package filter

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// receiver keeps the bodies that it gets by path.
func receiver(t *testing.T, paths ...string) (url string, got map[string]chan string) {
	t.Helper()
	got = map[string]chan string{}
	for _, p := range paths {
		got[p] = make(chan string, 64)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		select {
		case got[r.URL.Path] <- string(body):
		default:
			t.Errorf("a flood, or a request to %s", r.URL.Path)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func next(t *testing.T, from chan string, want string) {
	t.Helper()
	select {
	case body := <-from:
		if body != want {
			t.Errorf("got %s, want %s", body, want)
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("%s does not arrive", want)
	}
}

func must(t *testing.T, api *rig.API, method, path, body string) map[string]any {
	t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, text, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s %s: %d %s %v", method, path, body, status, text, err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return out
}

// A filtered message is kept as skipped through a crash, is not sent by itself after it, and is sent
// by hand or once the filter has been put right.
func TestPublishedMessagesAreFiltered(t *testing.T) {
	url, got := receiver(t, "/large", "/all")
	s := rig.Start(t, rig.Options{})
	api := s.API()
	api.MustCreateApp(t, "shop")
	large := api.MustCreateEndpoint(t, "shop", rig.EndpointIn{URL: url + "/large", Secret: rig.Secret("filter")})
	api.MustCreateEndpoint(t, "shop", rig.EndpointIn{URL: url + "/all", Secret: rig.Secret("filter")})
	path := "/x/v1/app/shop/endpoint/" + large + "/filter"
	must(t, api, "PUT", path, `{"filter":{"payload":{"total":{"$gt":9007199254740992}}}}`)
	publish := func(payload string) string {
		t.Helper()
		return must(t, api, "POST", "/api/v1/app/shop/msg", `{"eventType":"order.paid","payload":`+payload+`}`)["id"].(string)
	}
	since := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	small := publish(`{"total":9007199254740992}`)
	next(t, got["/all"], `{"total":9007199254740992}`)
	huge := publish(`{"total":9007199254740993}`)
	next(t, got["/all"], `{"total":9007199254740993}`)
	next(t, got["/large"], `{"total":9007199254740993}`)
	// An outcome is on disk up to 20 ms after its request, so that a verdict is waited for.
	wantVerdict := func(when, id, want string) {
		t.Helper()
		text := ""
		for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if text = must(t, api, "GET", "/x/v1/why/"+id, "")["verdict"].(string); text == want {
				return
			}
		}
		t.Errorf("%s: %s", when, text)
	}
	const skipped = "Delivered to 1 of 2 endpoints. Not sent. The endpoint's filter does not want this message (payload.total $gt: does not hold for a number)."
	wantVerdict("skipped", small, skipped)
	wantVerdict("wanted", huge, "Delivered to 2 endpoints.")
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	wantVerdict("after a crash", small, skipped)
	// By hand, whatever the filter says.
	must(t, api, "POST", "/api/v1/app/shop/msg/"+small+"/endpoint/"+large+"/resend", "")
	next(t, got["/large"], `{"total":9007199254740992}`)
	// What is missing by the filter that the endpoint has then.
	other := publish(`{"total":5}`)
	next(t, got["/all"], `{"total":5}`)
	must(t, api, "PUT", path, `{"filter":{"payload":{"total":{"$lt":10}}}}`)
	must(t, api, "POST", "/api/v1/app/shop/endpoint/"+large+"/replay-missing", `{"since":"`+since+`"}`)
	next(t, got["/large"], `{"total":5}`)
	wantVerdict("after the replay", other, "Delivered to 2 endpoints.")
	for name, from := range got {
		if n := len(from); n > 0 {
			t.Errorf("%d more requests at %s: %s", n, name, <-from)
		}
	}
}

// An endpoint of a source is asked about the provider's request: its headers, its query and its body.
func TestReceivedWebhooksAreFiltered(t *testing.T) {
	url, got := receiver(t, "/hook")
	s := rig.Start(t, rig.Options{})
	api := s.API()
	src := api.MustCreateSource(t, "gh", url+"/hook", rig.Secret("filter"))
	path := "/x/v1/source/gh/endpoint/" + src.Endpoint + "/filter"
	post := func(delivery, query, body string) {
		t.Helper()
		at := *src
		at.URL += query
		if status, err := at.Send(delivery, []byte(body)); err != nil || status/100 != 2 {
			t.Fatalf("%s: %d %v", delivery, status, err)
		}
	}
	const want = `{"ref":"refs/heads/main"}`
	must(t, api, "PUT", path, `{"filter":{"headers":{"x-github-event":"push"},"query":{"env":"prod"},"payload":{"ref":{"$endsWith":"/main"}}}}`)
	post("d1", "?env=dev", want)
	post("d2", "", want)
	post("d3", "?env=prod", `{"ref":"refs/heads/topic"}`)
	post("d4", "?env=prod", want)
	next(t, got["/hook"], want)
	// Metadata is that of the source, also once it has changed.
	must(t, api, "PUT", path, `{"filter":{"metadata":{"tier":"gold"}}}`)
	post("d5", "", `{"n":5}`)
	source := must(t, api, "GET", "/ingest/api/v1/source/gh", "")
	if source["name"] != "gh" {
		t.Fatalf("source %v", source)
	}
	must(t, api, "PUT", "/ingest/api/v1/source/gh", `{"name":"gh","uid":"gh","type":"github","config":{"secret":"github-gh"},"metadata":{"tier":"gold"}}`)
	post("d6", "", `{"n":6}`)
	next(t, got["/hook"], `{"n":6}`)
	notes := map[string]int{}
	list := must(t, api, "GET", "/api/v1/app/"+src.Application+"/msg", "")["data"].([]any)
	for _, row := range list {
		id := row.(map[string]any)["id"].(string)
		for _, d := range must(t, api, "GET", "/api/v1/app/"+src.Application+"/msg/"+id+"/endpoint", "")["data"].([]any) {
			if detail, ok := d.(map[string]any)["hookloft"].(map[string]any); ok {
				notes[detail["note"].(string)]++
			}
		}
	}
	for _, note := range []string{
		"query.env $eq: does not hold for a text", "query.env $eq: the field is missing", "payload.ref $endsWith: does not hold for a text", "metadata.tier $eq: the field is missing",
	} {
		if notes[note] != 1 {
			t.Errorf("%q stands at %d deliveries: %v", note, notes[note], notes)
		}
	}
	if n := len(got["/hook"]); n > 0 {
		t.Errorf("%d more requests: %s", n, <-got["/hook"])
	}
}
