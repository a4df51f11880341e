//go:build unix

package shape

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

// verifyQuery is printed in docs/request-shape.md, which TestDocs compares.
func verifyQuery(v webhook.Verifier, r *http.Request) error {
	_, err := v.Verify(webhook.Request{Header: r.Header, Body: []byte(r.URL.RawQuery)}, time.Now())
	return err
}

// TestDocs makes every call of docs/request-shape.md, and reads what it prints about a GET,
// a form and XML off real requests.
func TestDocs(t *testing.T) {
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(path ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	page, self := read("docs", "request-shape.md"), read("test", "shape", "docs_test.go")
	from := strings.Index(self, "func verifyQuery(")
	code := self[from : from+strings.Index(self[from:], "\n}\n")+2]
	if !strings.Contains(page, "    "+strings.ReplaceAll(code, "\n", "\n    ")) {
		t.Errorf("the page lacks\n%s", code)
	}

	keys, err := webhook.ParseKeys(rig.Secret("shape"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver(t, map[string]http.HandlerFunc{"/acme": answers(200)})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	ep := endpoint(t, api, "acme", r.url+"/acme", "")
	must(t, api, "PATCH", "/api/v1/app/acme/endpoint/"+ep, `{"uid":"shop"}`)
	must(t, api, "POST", "/api/v1/event-type", `{"name":"invoice.paid","description":"d"}`)
	calls := 0
	for _, line := range regexp.MustCompile(`(?m)^    call( -X [A-Z]+)? (\$REQUEST|http\S+)( -d '.*')?$`).FindAllStringSubmatch(page, -1) {
		calls++
		method, path := strings.TrimPrefix(line[1], " -X "), strings.Replace(line[2], "$REQUEST", "/x/v1/app/acme/endpoint/shop/request", 1)
		path = strings.TrimPrefix(path, "http://127.0.0.1:8071")
		body := strings.TrimSuffix(strings.TrimPrefix(line[3], " -d '"), "'")
		switch {
		case method == "" && body == "":
			method = http.MethodGet
		case method == "":
			method = http.MethodPost
		}
		// The page's date passes one day.
		body = strings.Replace(body, "2026-12-24T18:00:00Z", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), 1)
		must(t, api, method, path, body)
	}
	if n := strings.Count(page, "\n    call "); n < 8 || calls != n {
		t.Errorf("made %d of the page's %d calls", calls, n)
	}
	r.next(t, "/acme") // of the page's own publish

	const blockStart = "\n    {"
	payloadOf := func(n int) string { // the page's n-th block that begins with a payload
		at := 0
		for range n + 1 {
			at += strings.Index(page[at:], blockStart) + len("\n    ")
		}
		return page[at : at+strings.Index(page[at:], "\n")]
	}
	after := func(payload string) string {
		_, rest, _ := strings.Cut(page, payload+"\n")
		block, _, _ := strings.Cut(rest, "\n\n")
		return strings.TrimSpace(strings.ReplaceAll("\n"+block, "\n    ", "\n"))
	}
	for i, shape := range []string{`{"body":"form"}`, `{"body":"xml"}`} {
		must(t, api, "PUT", "/x/v1/app/acme/endpoint/shop/request", shape)
		p := payloadOf(i)
		must(t, api, "POST", "/api/v1/app/acme/msg", `{"eventType":"invoice.paid","payload":`+strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(p)+`}`)
		if got := r.next(t, "/acme"); string(got.body) != after(p) {
			t.Errorf("%s arrives as\n%s\nthe page says\n%s", p, got.body, after(p))
		}
	}
	must(t, api, "PUT", "/x/v1/app/acme/endpoint/shop/request", `{"method":"GET"}`)
	publish(t, api, "acme", "")
	got := r.next(t, "/acme")
	if err := verifyQuery(verifier, got.Request); err != nil {
		t.Errorf("the page's way to verify a GET: %v", err)
	}
	forged := httptest.NewRequest(http.MethodGet, "/acme?id=1", nil)
	forged.Header = got.Header
	if verifyQuery(verifier, forged) == nil {
		t.Error("another query verifies under the same signature")
	}
}
