package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/client"
)

// TestTailComesBack: a stream that the server ends, breaks off or cannot give for a while
// is begun anew behind the last id, and what was missed is said.
func TestTailComesBack(t *testing.T) {
	event := func(w http.ResponseWriter, n int) {
		fmt.Fprintf(w, "event: attempt\ndata: {\"kind\":\"attempt\",\"attemptId\":\"atmpt_%d\"}\nid: x-%d\n\n", n, n)
		_ = http.NewResponseController(w).Flush()
	}
	connections := 0
	var places []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections++
		places = append(places, r.Header.Get("Last-Event-ID"))
		if connections == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		switch connections {
		case 1: // ends, as a server that drains
			event(w, 1)
			fmt.Fprint(w, "event: end\ndata: {}\n\n")
		case 3:
			event(w, 2)
			fmt.Fprint(w, "event: gap\ndata: {\"since\":\"2026-11-21T10:00:00Z\",\"until\":\"2026-11-21T10:05:00Z\"}\n\n: alive\nid: x-2b\n\n")
			fmt.Fprint(w, "event: missed\ndata: {\"missed\":7}\n\nevent: of-a-newer-server\ndata: 5\n\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			event(w, 3)
		}
	}))
	defer s.Close()
	var out, messages bytes.Buffer
	p := &program{Streams: Streams{Out: &out, Err: &messages}}
	c, err := client.New(s.URL, "t", client.Options{Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := &remote{program: p, Client: c, ctx: ctx, out: output{w: &out, format: formatID}}
	f := follower{remote: r, path: "/tail", count: 3}
	if err := f.run(); err != nil || out.String() != "atmpt_1\natmpt_2\natmpt_3\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if got := strings.Join(places, " "); got != " x-1 x-1 x-2b" {
		t.Errorf("it came back with %q", got)
	}
	if !strings.Contains(messages.String(), "7 events missed") || !strings.Contains(messages.String(), "between 2026-11-21T10:00:00Z and 2026-11-21T10:05:00Z") || strings.Count(messages.String(), "broke off") != 3 {
		t.Errorf("messages %q", messages.String())
	}
}
