//go:build unix

package check

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// document is a server with one document that knows ETags.
type document struct {
	mu      sync.Mutex
	text    string
	status  int
	asked   int
	matched int // answers 304
	secrets []string
	onAsk   func() // runs once, before the next answer
}

func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.asked++
	d.secrets = append(d.secrets, r.Header.Get("X-Key"))
	text, status, onAsk := d.text, d.status, d.onAsk
	d.onAsk = nil
	tag := fmt.Sprintf("%q", text)
	isSame := r.Header.Get("If-None-Match") == tag
	if isSame && status == 0 {
		d.matched++
	}
	d.mu.Unlock()
	if onAsk != nil {
		defer onAsk()
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case isSame:
		w.WriteHeader(304)
	default:
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	}
}

func (d *document) set(text string, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text, d.status = text, status
}

func (d *document) counts() (asked, matched int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked, d.matched
}

func (d *document) await(t *testing.T, what string, so func(asked, matched int) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(d.counts()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// TestWatchedDocumentSurvivesKills: each change that is seen is delivered once, whatever
// moment the server is killed in, and a server that fails is in the source's log.
func TestWatchedDocumentSurvivesKills(t *testing.T) {
	doc := &document{text: "1"}
	srv := httptest.NewServer(doc)
	t.Cleanup(srv.Close)
	to, got := receiver(t, nil)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	source := must(t, api, "POST", "/ingest/api/v1/source", `{"name":"watch","type":"poll","config":{"url":"`+srv.URL+`/x?key=1","interval":"10s","headers":{"X-Key":"hidden"},"eventType":"doc.changed"}}`)
	id := source["id"].(string)
	if text := fmt.Sprint(source); strings.Contains(text, "hidden") || strings.Contains(text, "key=1") {
		t.Errorf("the answer shows what is secret: %v", source)
	}
	must(t, api, "POST", "/ingest/api/v1/source/"+id+"/endpoint", `{"url":"`+to+`"}`)
	doc.await(t, "the first look", func(asked, _ int) bool { return asked >= 1 })
	doc.await(t, "a look that finds nothing new", func(_, matched int) bool { return matched >= 1 })
	restart := func() {
		t.Helper()
		s.Kill()
		if _, err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	doc.set("2", 0)
	// What was in flight at a kill is sent again under the same id.
	seen := map[string]bool{}
	change := func() string {
		t.Helper()
		for {
			a := next(t, got)
			if id := a.header.Get("Webhook-Id"); !seen[id] {
				seen[id] = true
				return a.body
			}
		}
	}
	if body := change(); body != "2" {
		t.Errorf("the change is %q", body)
	}
	// Killed while the answer is on its way, some moments later each time.
	for i, pause := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 8 * time.Millisecond, 20 * time.Millisecond} {
		asked := make(chan struct{})
		doc.mu.Lock()
		doc.text, doc.onAsk = fmt.Sprint(3+i), func() { close(asked) }
		doc.mu.Unlock()
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatal("nobody asks")
		}
		time.Sleep(pause)
		restart()
		if body := change(); body != fmt.Sprint(3+i) {
			t.Errorf("change %d is %q", 3+i, body)
		}
	}
	doc.set("", 503)
	asked, _ := doc.counts()
	doc.await(t, "a look at a failing server", func(now, _ int) bool { return now > asked })
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		list := must(t, api, "GET", "/ingest/api/v1/source/"+id+"/log", "")["data"].([]any)
		if len(list) > 0 && strings.Contains(fmt.Sprint(list[0]), "503") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log has %v", list)
		}
	}
	messages := must(t, api, "GET", "/api/v1/app/"+must(t, api, "GET", "/x/v1/source/"+id+"/settings", "")["applicationId"].(string)+"/msg", "")["data"].([]any)
	if len(messages) != 6 {
		t.Errorf("%d messages for 6 changes", len(messages))
	}
	if doc.secrets[0] != "hidden" {
		t.Errorf("the header was %q", doc.secrets[0])
	}
}
