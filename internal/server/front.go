package server

import (
	"net/http"
	"strings"

	"github.com/hookloft/hookloft/internal/receive"
)

// front is what the main listener serves. It is not an http.ServeMux, because that
// redirects paths which are not clean, and the API's clients follow no redirect.
type front struct {
	exact    map[string]http.Handler // by path
	receiver http.Handler            // below receive.Path: webhooks; nil for none
	inbox    http.Handler            // below inboxPath; nil outside dev
	api      http.Handler            // all the rest, unknown paths included
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := f.exact[r.URL.Path]; ok {
		h.ServeHTTP(w, r)
		return
	}
	if f.receiver != nil && strings.HasPrefix(r.URL.Path, receive.Path) {
		f.receiver.ServeHTTP(w, r)
		return
	}
	if f.inbox != nil && strings.HasPrefix(r.URL.Path, inboxPath) {
		f.inbox.ServeHTTP(w, r)
		return
	}
	f.api.ServeHTTP(w, r)
}

// toDocs sends a browser that was given the server's address alone to the page about the
// API. A request meant for a proxy names another host, and is none of ours.
func toDocs(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.URL.IsAbs() {
		http.NotFound(w, r)
		return
	}
	http.Redirect(w, r, "docs", http.StatusFound)
}
