// Package web serves the dashboard and the customer portal. Their source is in src/, built by
// `npm run build` into dist/, which is committed, so that `go install` alone yields a program with
// its pages. They speak the public HTTP API and nothing else.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed dist
var dist embed.FS

// PortalPath is where the customer portal stands; the dashboard stands at "/".
const PortalPath = "/app-portal"

// loginPath is where links of earlier versions, and those of the hosted portal, lead.
const loginPath = "/login"

const assetPath = "/assets/"

// Options say how the pages are served.
type Options struct {
	// Base is the path below which clients reach the server, with a slash at its end: "/"
	// without a proxy that takes a prefix away.
	Base string
	// PortalOrigins are the origins whose pages may show the portal in a frame, as in a
	// frame-ancestors directive (CSP Level 3, section 6.4.2). Empty: none may. The dashboard is
	// never shown in a frame.
	PortalOrigins []string
}

// Site serves the pages and their files.
type Site struct {
	files             map[string]*file
	dashboard, portal string // with a place for the nonce
	base, ancestors   string
}

// file is one built file.
type file struct {
	body       []byte
	kind, etag string
	once       sync.Once
	gzip       []byte // see compressed
}

// compressed returns the file as gzip. It is made when it is first asked for: all files
// together take longer than the rest of a start.
func (f *file) compressed() []byte {
	f.once.Do(func() {
		var small bytes.Buffer
		z := gzip.NewWriter(&small)
		_, _ = z.Write(f.body) // a buffer takes all
		_ = z.Close()
		f.gzip = small.Bytes()
	})
	return f.gzip
}

// noncePlace is where a page says the nonce to its scripts: editors write style elements.
const noncePlace = "NONCE-OF-THIS-ANSWER"

// New reads the built files.
func New(o Options) (*Site, error) {
	s := &Site{files: map[string]*file{}, base: o.Base, ancestors: "'none'"}
	if len(o.PortalOrigins) > 0 {
		s.ancestors = strings.Join(o.PortalOrigins, " ")
	}
	err := fs.WalkDir(dist, "dist/assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		f := &file{body: body, kind: mime.TypeByExtension(path.Ext(name))}
		switch path.Ext(name) { // the system's table may know none, or another one
		case ".js":
			f.kind = "text/javascript; charset=utf-8"
		case ".css":
			f.kind = "text/css; charset=utf-8"
		}
		sum := sha256.Sum256(body)
		f.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		s.files[assetPath+path.Base(name)] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the built pages: %w", err)
	}
	for name, page := range map[string]*string{"dashboard": &s.dashboard, "portal": &s.portal} {
		body, err := dist.ReadFile("dist/" + name + ".html")
		if err != nil {
			return nil, fmt.Errorf("read the built pages: %w", err)
		}
		head := `<head><base href="` + html.EscapeString(o.Base) + `"><meta property="csp-nonce" nonce="` + noncePlace + `">`
		*page = strings.Replace(string(body), "<head>", head, 1)
	}
	return s, nil
}

// Has reports whether a request is for a page or one of its files, and not for the API: files and the portal
// have paths of their own; all else is the dashboard's if it comes from a browser's address bar.
func (s *Site) Has(r *http.Request) bool {
	p := r.URL.Path
	switch {
	case r.URL.IsAbs(): // meant for a proxy
		return false
	case r.Method != http.MethodGet && r.Method != http.MethodHead: // the API says no
		return false
	case strings.HasPrefix(p, assetPath), p == loginPath, isPortal(p):
		return true
	case p == "/":
		return true
	}
	for _, api := range []string{"/api/", "/x/", "/ingest/", "/in/", "/inbox/"} {
		if strings.HasPrefix(p, api) {
			return false
		}
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func isPortal(p string) bool { return p == PortalPath || strings.HasPrefix(p, PortalPath+"/") }

func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(r.URL.Path, assetPath) {
		s.serveFile(w, r)
		return
	}
	if r.URL.Path == loginPath {
		// A browser keeps the fragment, and so the key, where the new place has none (RFC 9110,
		// section 10.2.2). It is sent to nobody.
		h.Set("Cache-Control", "no-store")
		to := url.URL{Path: s.base + PortalPath[1:], RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
		return
	}
	page, ancestors, others := s.dashboard, "'none'", ""
	if isPortal(r.URL.Path) {
		// Whose product the portal belongs to may have a logo, an icon and a font, at places that are
		// settings of an environment; which environment it is, the key says, which no request for a
		// page carries. So images and fonts may come from any https: address, in the portal alone. They
		// run nothing and are told nothing: no referrer, no cookie of ours; scripts, styles and requests stay
		// with this server, and what events carry is never made into an image or a style.
		page, ancestors, others = s.portal, s.ancestors, " https:"
	}
	nonce := rand.Text()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"'; img-src 'self' data:"+others+"; font-src 'self'"+others+"; "+
		"connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors "+ancestors)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(strings.Replace(page, noncePlace, nonce, 1))) // the client may be gone
}

// serveFile serves a file under a name that changes with its content.
func (s *Site) serveFile(w http.ResponseWriter, r *http.Request) {
	f := s.files[r.URL.Path]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	body := f.body
	if acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		body = f.compressed()
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reports whether a client names gzip among what it can read. With a weight of
// zero it says that it cannot (RFC 9110 section 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for one := range strings.SplitSeq(line, ",") {
			coding, weight, _ := strings.Cut(one, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			name, value, _ := strings.Cut(weight, "=")
			return !strings.EqualFold(strings.TrimSpace(name), "q") || strings.Trim(strings.TrimSpace(value), "0.") != ""
		}
	}
	return false
}
