package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed page.html page.js page.css
var files embed.FS

// The blog has one post.
const post = "post-1"

// Blog serves the page, takes comments, and hands out what a page needs to follow them.
type Blog struct {
	hookloft Hookloft
	policy   string
	mux      *http.ServeMux
}

// NewBlog fails where Hookloft's URL is none.
func NewBlog(h Hookloft) (*Blog, error) {
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("HOOKLOFT_SERVER: %q is not a URL", h.URL)
	}
	b := &Blog{hookloft: h, mux: http.NewServeMux()}
	// The page runs its own script and asks its own server and Hookloft, nobody else: should a
	// comment ever become more than text, it still could not do a thing.
	b.policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' " + u.Scheme + "://" + u.Host +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	b.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "page.html") })
	b.mux.Handle("GET /page.js", http.FileServerFS(files))
	b.mux.Handle("GET /page.css", http.FileServerFS(files))
	b.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	b.mux.HandleFunc("GET /comments", b.comments)
	b.mux.HandleFunc("POST /comments", b.comment)
	return b, nil
}

func (b *Blog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", b.policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	b.mux.ServeHTTP(w, r)
}

// comments returns the comments so far, and the stream that goes on after the last of them.
func (b *Blog) comments(w http.ResponseWriter, r *http.Request) {
	asked := time.Now().UTC()
	list, err := b.hookloft.history(r.Context(), post)
	var stream string
	if err == nil {
		stream, err = b.hookloft.stream(r.Context(), post)
	}
	if err != nil {
		unavailable(w, err)
		return
	}
	if len(list) > 0 {
		stream += "&last_event_id=" + list[len(list)-1].ID
	} else {
		// The two clocks may differ a little; the page shows a comment once however often it comes.
		stream += "&since=" + asked.Add(-10*time.Second).Format(time.RFC3339)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"comments": list, "stream": stream}) // the reader may be gone
}

// commentID is made by the page, so that a comment that is sent twice is one.
var commentID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// comment takes a comment. Other sites' pages cannot send JSON here: no answer to a preflight
// allows them to.
func (b *Blog) comment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID string `json:"id"`
		Comment
	}
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "a comment is JSON", http.StatusUnsupportedMediaType)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&in); err != nil {
		http.Error(w, "a comment is JSON", http.StatusBadRequest)
		return
	}
	in.Author, in.Text = strings.TrimSpace(in.Author), strings.TrimSpace(in.Text)
	if !commentID.MatchString(in.ID) || !fits(in.Author, 80) || !fits(in.Text, 2000) {
		http.Error(w, "a comment has an id, an author and a text", http.StatusUnprocessableEntity)
		return
	}
	if err := b.hookloft.publish(r.Context(), post, in.ID, in.Comment); err != nil {
		unavailable(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func fits(text string, most int) bool { return text != "" && utf8.RuneCountInString(text) <= most }

// unavailable tells the page to come again, and the story to the log.
func unavailable(w http.ResponseWriter, err error) {
	slog.Error("hookloft", "err", err)
	http.Error(w, "comments cannot be had just now", http.StatusServiceUnavailable)
}
