package httpapi

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"
)

// docsPage lists all operations from the route list, so that it cannot name one that is
// not served. It is made once. It loads nothing, from nowhere.
const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hookloft API</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1b1b1f; background: #fff }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #d9d9e0; padding: .3rem .6rem .3rem 0; vertical-align: top }
td:first-child { width: 4.5rem; font-weight: 600 }
code { font: 14px ui-monospace, monospace; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { color: #e6e6ea; background: #16161a } td { border-color: #3a3a42 } a { color: #9db8ff } }
</style>
</head>
<body>
<main>
<h1>Hookloft API</h1>
<p>As documents: <a href="api/v1/openapi.json">the public contract</a>{{if .Own}}, <a href="{{.Own}}">our extensions</a>{{end}} (OpenAPI 3.1).
Every call but the open ones carries <code>Authorization: Bearer TOKEN</code>.</p>
{{range .Groups}}<h2>{{.Name}}</h2>
<table>
{{range .Routes}}<tr><td>{{.Method}}</td><td><code>{{.Path}}</code></td><td>{{.Summary}}</td></tr>
{{end}}</table>
{{end}}</main>
</body>
</html>
`

type docsRoute struct{ Method, Path, Summary string }

type docsGroup struct {
	Name   string
	Routes []docsRoute
}

// Docs returns a page that lists what is served.
func Docs() (http.Handler, error) {
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var in struct {
		Own    string
		Groups []*docsGroup
	}
	groups := map[string]*docsGroup{}
	for _, rt := range routes() {
		if isOurs(rt.path) && strings.HasSuffix(rt.path, "/openapi.json") {
			in.Own = strings.TrimPrefix(rt.path, "/")
		}
		g := groups[rt.tag]
		if g == nil {
			g = &docsGroup{Name: rt.tag}
			groups[rt.tag] = g
			in.Groups = append(in.Groups, g)
		}
		g.Routes = append(g.Routes, docsRoute{rt.method, rt.path, rt.summary})
	}
	var body bytes.Buffer
	if err := page.Execute(&body, in); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This page is read with GET.", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(body.Bytes()) // a write error means that the client is gone
	}), nil
}
