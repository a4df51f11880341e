package server

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/httpapi"
)

// TestDocsPageLoadsNothing: the page lists operations, asks nobody for anything, and a
// browser would not let it.
func TestDocsPageLoadsNothing(t *testing.T) {
	docs, err := httpapi.Docs()
	if err != nil {
		t.Fatal(err)
	}
	f := &front{api: http.NotFoundHandler(), exact: map[string]http.Handler{"/docs": docs}}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/docs", nil))
	body := w.Body.String()
	for _, want := range []string{"/api/v1/app/{app_id}/msg", "/x/v1/event-type/export", "<h2>Endpoint</h2>", `href="api/v1/openapi.json"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|https?://|url\(|@import| on[a-z]+=`).FindString(body); found != "" {
		t.Errorf("the page holds %q", found)
	}
	if csp := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "script-src") {
		t.Errorf("%d, policy %q", w.Code, csp)
	}
	w = httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/docs", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
