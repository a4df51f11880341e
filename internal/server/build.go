package server

import (
	"runtime/debug"

	"github.com/hookloft/hookloft/internal/httpapi"
)

// Build says what runs.
type Build struct {
	Version  string `json:"version"`  // of the module, "(devel)" for a build outside a release
	Revision string `json:"revision"` // commit, with "+dirty" when files were changed; "unknown" without version control
	Go       string `json:"go"`
}

// ReadBuild returns what the linker recorded about this program.
func ReadBuild() Build {
	b := Build{Version: "(unknown)", Revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version, b.Go = info.Main.Version, info.GoVersion
	if b.Version == "" {
		b.Version = "(devel)"
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	b.Revision += dirty
	return b
}

// OpenAPI returns the documents of the HTTP API: the contract's, and that of our own
// operations.
func OpenAPI() (contract, own []byte, err error) { return httpapi.Documents(ReadBuild().Version) }
