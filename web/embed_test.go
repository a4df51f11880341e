package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, s *Site, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPagesLoadTheirFilesAndNothingElse follows what each page names.
func TestPagesLoadTheirFilesAndNothingElse(t *testing.T) {
	s, err := New(Options{Base: "/hooks/", PortalOrigins: []string{"https://shop.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for path, ancestors := range map[string]string{"/": "'none'", "/apps/app_1": "'none'", "/app-portal": "https://shop.example", "/app-portal/messages/msg_1": "https://shop.example"} {
		r := get(t, s, path)
		page := body(t, r)
		policy := r.Header.Get("Content-Security-Policy")
		if r.StatusCode != 200 || !strings.Contains(policy, "default-src 'none'; script-src 'self';") || !strings.HasSuffix(policy, "frame-ancestors "+ancestors) {
			t.Errorf("%s: %d, %s", path, r.StatusCode, policy)
		}
		nonce := regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`).FindStringSubmatch(policy)
		if nonce == nil || !strings.Contains(page, `nonce="`+nonce[1]+`"`) {
			t.Errorf("%s: the nonce of the policy is not the page's", path)
		}
		if again := get(t, s, path).Header.Get("Content-Security-Policy"); again == policy {
			t.Errorf("%s: two answers share a nonce", path)
		}
		if !strings.Contains(page, `<head><base href="/hooks/">`) {
			t.Errorf("%s has no base", path)
		}
		names := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
		if len(names) < 3 {
			t.Fatalf("%s names %d files", path, len(names))
		}
		for _, n := range names {
			if n[1] == "/hooks/" {
				continue
			}
			file, relative := strings.CutPrefix(n[1], "./")
			if !relative {
				t.Errorf("%s loads %s", path, n[1])
				continue
			}
			if f := get(t, s, "/"+file); f.StatusCode != 200 || !strings.Contains(f.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %s answers %d", path, file, f.StatusCode)
			}
		}
	}
}

func TestFilesAreCompressedAndNotSentTwice(t *testing.T) {
	s, err := New(Options{Base: "/"})
	if err != nil {
		t.Fatal(err)
	}
	for name := range s.files {
		plain := body(t, get(t, s, name))
		r := get(t, s, name, "Accept-Encoding", "br, gzip")
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != plain {
			t.Errorf("%s: compressed it is something else: %v", name, err)
		}
		if again := get(t, s, name, "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: asked for again: %d", name, again.StatusCode)
		}
	}
	for name := range s.files {
		for accepted, want := range map[string]string{ // RFC 9110 section 12.5.3
			"gzip": "gzip", "GZIP": "gzip", "br;q=1, gzip;q=0.5": "gzip", "gzip ; q=0.001": "gzip", "deflate": "", "": "", "x-gzips": "",
			"gzip;q=0": "", "gzip; Q=0.000": "", "br, gzip;q=0, *": "",
		} {
			if got := get(t, s, name, "Accept-Encoding", accepted).Header.Get("Content-Encoding"); got != want {
				t.Errorf("%s for who accepts %q: %q, want %q", name, accepted, got, want)
			}
		}
	}
	for _, path := range []string{"/assets/", "/assets/none.js", "/assets/../dashboard.html", "/assets/..%2fembed.go"} {
		if r := get(t, s, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestOldLinksLeadToThePortal: a browser keeps the fragment with the key, which never comes here.
func TestOldLinksLeadToThePortal(t *testing.T) {
	s, err := New(Options{Base: "/hooks/"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/login": "/hooks/app-portal", "/login?darkMode=true&next=%2Fmessages": "/hooks/app-portal?darkMode=true&next=%2Fmessages"} {
		r := get(t, s, path)
		if r.StatusCode != http.StatusTemporaryRedirect || r.Header.Get("Location") != want {
			t.Errorf("%s: %d, %s", path, r.StatusCode, r.Header.Get("Location"))
		}
	}
}

// TestOnlyThePortalLoadsPicturesFromElsewhere: a product's logo and font are its own, and code never is.
func TestOnlyThePortalLoadsPicturesFromElsewhere(t *testing.T) {
	s, err := New(Options{Base: "/"})
	if err != nil {
		t.Fatal(err)
	}
	for path, elsewhere := range map[string]bool{"/": false, "/app-portals": false, PortalPath: true, PortalPath + "/endpoints": true} {
		for part := range strings.SplitSeq(get(t, s, path).Header.Get("Content-Security-Policy"), "; ") {
			name, _, _ := strings.Cut(part, " ")
			if got := strings.Contains(part, "https:"); got != (elsewhere && (name == "img-src" || name == "font-src")) {
				t.Errorf("%s: %s", path, part)
			}
		}
	}
}

func TestSiteLeavesTheAPIAlone(t *testing.T) {
	s, err := New(Options{Base: "/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, accept string
		want                 bool
	}{
		{"GET", "/", "*/*", true}, {"GET", "/apps/app_1", "text/html,*/*", true}, {"GET", "/assets/x.js", "*/*", true}, {"GET", "/app-portal", "*/*", true}, {"GET", "/login", "*/*", true},
		{"GET", "/apps/app_1", "*/*", false}, {"POST", "/apps", "text/html", false}, {"TRACE", "/", "*/*", false}, {"POST", "/app-portal", "text/html", false}, {"HEAD", "/", "*/*", true}, {"GET", "/app-portals", "*/*", false},
		{"GET", "/api/v1/app", "text/html", false}, {"GET", "/x/v1/nothing", "text/html", false}, {"GET", "/in/abc", "text/html", false}, {"GET", "/ingest/api/v1/source", "text/html", false},
		{"GET", "http://other.example/", "text/html", false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if !strings.HasPrefix(c.path, "http") {
			r.URL.Scheme, r.URL.Host = "", ""
		}
		r.Header.Set("Accept", c.accept)
		if got := s.Has(r); got != c.want {
			t.Errorf("%s %s (%s): %v", c.method, c.path, c.accept, got)
		}
	}
}
