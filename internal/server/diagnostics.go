package server

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/pprof"
	"time"
)

// diagnosticsReadme explains a bundle to who finds it later.
const diagnosticsReadme = `What a Hookloft server knew about itself when this file was made.

system.json      readiness, queue, store, runtime and settings, as GET /x/v1/system answers them
config.toml      the settings, without secrets
metrics.txt      all metrics, in the format of Prometheus
goroutines.txt   what the process was doing
heap.pprof       what its memory was for: go tool pprof heap.pprof
doctor.json      the data directory and its rights, and whether scripts run

No payload, no secret and no name of an application or endpoint is in it. The name of the machine, the path of
the data directory and the names of files in it are.
`

// doctorReport is what can be said of this machine from within the server.
type doctorReport struct {
	Data      doctorData    `json:"data"`
	FileLimit int           `json:"fileLimit"`
	Sandbox   doctorSandbox `json:"sandbox"`
}

type doctorData struct {
	Writable  bool     `json:"writable"`
	Open      []string `json:"openToOthers"`
	Bytes     int64    `json:"bytes"`
	FreeBytes int64    `json:"freeBytes"`
	// KeyMissing is right where the main secret is given.
	KeyMissing bool   `json:"keyMissing"`
	Error      string `json:"error,omitempty"`
}

type doctorSandbox struct {
	Runs  bool   `json:"runs"`
	Error string `json:"error,omitempty"`
}

// sandboxTimeout bounds the trial of a script.
const sandboxTimeout = 5 * time.Second

func (s *system) doctor(ctx context.Context) doctorReport {
	out := doctorReport{FileLimit: fileLimit()}
	report, err := InspectData(ctx, s.c.Data)
	if err != nil {
		out.Data.Error = err.Error()
	}
	out.Data.Writable, out.Data.Open, out.Data.Bytes, out.Data.FreeBytes, out.Data.KeyMissing = report.Writable, report.Open, report.Bytes, report.FreeBytes, report.KeyMissing
	ctx, cancel := context.WithTimeout(ctx, sandboxTimeout)
	defer cancel()
	if err := s.scripts.Check(ctx, 0, "function handler(webhook) { return webhook }"); err != nil {
		out.Sandbox.Error = err.Error()
	} else {
		out.Sandbox.Runs = true
	}
	return out
}

// Diagnose implements httpapi.System.
func (s *system) Diagnose(ctx context.Context, w io.Writer, report []byte) error {
	s.diagnosing.Lock()
	defer s.diagnosing.Unlock()
	if err := ctx.Err(); err != nil {
		return err // nobody waits for it any more
	}
	var indented, settings, goroutines, heap bytes.Buffer
	if err := json.Indent(&indented, report, "", "  "); err != nil {
		return fmt.Errorf("indent the report: %w", err)
	}
	if err := s.c.Print(&settings); err != nil {
		return fmt.Errorf("print settings: %w", err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(&goroutines, 1); err != nil {
		return fmt.Errorf("profile goroutines: %w", err)
	}
	if err := pprof.Lookup("heap").WriteTo(&heap, 0); err != nil {
		return fmt.Errorf("profile memory: %w", err)
	}
	doctor, err := json.MarshalIndent(s.doctor(ctx), "", "  ")
	if err != nil {
		return fmt.Errorf("encode findings: %w", err)
	}
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	now := time.Now().UTC().Truncate(time.Second)
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"README.txt", []byte(diagnosticsReadme)}, {"system.json", indented.Bytes()}, {"config.toml", settings.Bytes()}, {"metrics.txt", s.metricsText(ctx)},
		{"goroutines.txt", goroutines.Bytes()}, {"heap.pprof", heap.Bytes()}, {"doctor.json", doctor},
	} {
		h := archiveHeader("hookloft-diagnostics/"+f.name, int64(len(f.content)), now)
		if err := archive.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		if _, err := archive.Write(f.content); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	return zipped.Close()
}

// metricsText is what /metrics shows.
func (s *system) metricsText(ctx context.Context) []byte {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return []byte(err.Error())
	}
	var page page
	s.metrics.ServeHTTP(&page, r)
	return page.Bytes()
}

// page is an answer in memory.
type page struct {
	bytes.Buffer
	header http.Header
}

func (p *page) Header() http.Header {
	if p.header == nil {
		p.header = http.Header{}
	}
	return p.header
}

func (p *page) WriteHeader(int) {}
