package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/web"
)

// front is what the main listener serves. It is not an http.ServeMux, because that
// redirects paths which are not clean, and the API's clients follow no redirect.
type front struct {
	exact    map[string]http.Handler // by path
	receiver http.Handler            // below receive.Path: webhooks; nil for none
	inbox    http.Handler            // below inboxPath; nil outside dev
	site     *web.Site               // dashboard and portal; nil for none
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
	if f.site != nil && f.site.Has(r) {
		f.site.ServeHTTP(w, r)
		return
	}
	f.api.ServeHTTP(w, r)
}

// basePath is the path of the public URL, with a slash at its end: a proxy may take a prefix
// away that the pages must name.
func basePath(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil {
		return "/" // it was checked at the start
	}
	return strings.TrimRight(u.Path, "/") + "/"
}
