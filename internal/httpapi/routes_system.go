package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

// gzipType is that of a .tar.gz.
const gzipType = "application/gzip"

// systemRoutes are about the installation, whatever the environment. The scope that they need is
// not among those that reading all gives.
func systemRoutes() []route {
	const get, ok = http.MethodGet, http.StatusOK
	return []route{
		{method: get, path: "/x/v1/system", op: "system.get", tag: "System", summary: "Say what runs and how it is: readiness, queue, store, runtime and settings without secrets.",
			out: api.SystemOut{}, statuses: []int{ok}, handler: (*server).getSystem},
		{method: get, path: "/x/v1/system/diagnostics", op: "system.get-diagnostics", tag: "System", summary: "Make a .tar.gz for who is to help: the same, metrics and profiles; no payload, no secret.",
			file: gzipType, statuses: []int{ok}, handler: (*server).getDiagnostics},
	}
}
