package server

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/dispatch"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// get returns the bytes of an answer that must be a success.
func (r *running) get(path string) []byte {
	r.t.Helper()
	req, _ := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path, nil)
	req.Header.Set("Authorization", "Bearer "+r.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s, %v", path, resp.StatusCode, body, err)
	}
	return body
}

// nobody is a URL at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// unpack returns the files of a .tar.gz by name; those that are compressed once more, unpacked.
func unpack(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files, list := map[string]string{}, tar.NewReader(zipped)
	for {
		h, err := list.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(list)
		if err != nil {
			t.Fatal(err)
		}
		if inner, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
			if content, err = io.ReadAll(inner); err != nil {
				t.Fatal(err)
			}
		}
		files[strings.TrimPrefix(h.Name, "hookloft-diagnostics/")] = string(content)
	}
}

// TestDiagnosticsHoldNoSecrets plants secrets wherever a server has some, and looks for them in
// what it says about itself.
func TestDiagnosticsHoldNoSecrets(t *testing.T) {
	const planted = "planted"
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization="+planted+"-otel")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+planted+"-user:"+planted+"-password@127.0.0.1:1")
	secretFile := filepath.Join(t.TempDir(), "jwt")
	if err := os.WriteFile(secretFile, []byte(planted+"-jwt-secret-0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startServer(t, t.TempDir(), func(c *config.Config) {
		loaded, err := config.Load(config.Sources{
			Environ: append(os.Environ(), "HOOKLOFT_MAIN_SECRET="+planted+"-main-secret-0123456789abcdef"),
			Flags: map[string]string{
				"data": c.Data, "listen": c.Listen, "log-level": "error", "allow-http": "true", "egress-allow": "127.0.0.0/8", "jwt-secret-file": secretFile,
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		*c = *loaded.Config
		c.OTel = config.OTel{}
	})
	var app, ep struct{ ID string }
	r.api("POST", "/api/v1/app", map[string]any{"name": planted + "-tenant", "uid": planted + "-uid"}, &app)
	r.api("POST", "/api/v1/app/"+app.ID+"/endpoint", map[string]any{
		"url": nobody(t) + "/" + planted + "-path", "headers": map[string]string{"X-Key": planted + "-header"}, "description": planted + "-description",
	}, &ep)
	var secret struct{ Key string }
	r.api("GET", "/api/v1/app/"+app.ID+"/endpoint/"+ep.ID+"/secret", nil, &secret)
	r.api("POST", "/api/v1/app/"+app.ID+"/msg", map[string]any{"eventType": planted + ".type", "payload": map[string]string{"card": planted + "-payload"}}, nil)

	files := unpack(t, r.get("/x/v1/system/diagnostics"))
	files["GET /x/v1/system"] = string(r.get("/x/v1/system"))
	for _, name := range []string{"README.txt", "system.json", "config.toml", "metrics.txt", "goroutines.txt", "heap.pprof", "doctor.json"} {
		if len(files[name]) < 50 {
			t.Errorf("%s has %d bytes", name, len(files[name]))
		}
	}
	for name, text := range files {
		for _, secret := range []string{planted, secret.Key, strings.TrimPrefix(secret.Key, "whsec_"), r.token, app.ID} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s holds a secret: ...%s...", name, text[max(0, i-80):min(len(text), i+80)])
			}
		}
	}
	for name, want := range map[string]string{
		"config.toml": `listen = "127.0.0.1:0"`, "metrics.txt": "hookloft_messages_created_total 1", "goroutines.txt": "goroutine profile:", "doctor.json": `"writable": true`,
		"system.json": `"name": "main-secret"`,
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %s:\n%s", name, want, files[name])
		}
	}
	var out api.SystemOut
	if err := json.Unmarshal([]byte(files["system.json"]), &out); err != nil {
		t.Fatal(err)
	}
	isSet := map[string]bool{}
	for _, one := range out.Settings {
		if one.Secret {
			isSet[one.Name] = one.Set && one.Value == nil
		}
	}
	if !isSet["main-secret"] || !isSet["jwt-secret"] {
		t.Errorf("secrets that are set: %v", isSet)
	}
}

func TestSystemSaysWhatRuns(t *testing.T) {
	r := startServer(t, t.TempDir())
	ask := func() (out api.SystemOut) { r.t.Helper(); r.api("GET", "/x/v1/system", nil, &out); return out }
	out := ask()
	if out.Build.Go == "" || out.Process.PID != int64(os.Getpid()) || time.Since(out.Process.StartedAt) < 0 || !out.Readiness.Ready || len(out.Readiness.Checks) != 5 {
		t.Errorf("%+v %+v %+v", out.Build, out.Process, out.Readiness)
	}
	if len(out.Store.Segments) != 1 || out.Store.Segments[0].State != "open" || out.Store.UsedBytes == 0 || out.Store.LastBackup != nil || out.Store.OldestMessageAt != nil {
		t.Errorf("store: %+v", out.Store)
	}
	if out.Runtime.Goroutines == 0 || out.Runtime.HeapBytes == 0 {
		t.Errorf("runtime: %+v", out.Runtime)
	}
	for _, schema := range out.Store.Schemas {
		last := schema.Migrations[len(schema.Migrations)-1]
		if !schema.Current || last.Title == "" || schema.Part == "catalog" && last.AppliedAt == nil {
			t.Errorf("schema: %+v", schema)
		}
	}
	if err := r.admin.Backup(t.Context(), io.Discard, false); err != nil {
		t.Fatal(err)
	}
	if out = ask(); out.Store.LastBackup == nil || out.Store.LastBackup.Bytes == 0 || time.Since(out.Store.LastBackup.At) > time.Hour {
		t.Errorf("last backup: %+v", out.Store.LastBackup)
	}
	// A message for an endpoint that does not answer waits, and is counted.
	var app, ep struct{ ID string }
	r.api("POST", "/api/v1/app", map[string]any{"name": "a"}, &app)
	r.api("POST", "/api/v1/app/"+app.ID+"/endpoint", map[string]any{"url": nobody(t)}, &ep)
	r.api("POST", "/api/v1/app/"+app.ID+"/msg", map[string]any{"eventType": "a.b", "payload": map[string]int{"x": 1}}, nil)
	deadline := time.Now().Add(30 * time.Second)
	for {
		out = ask()
		total := int64(0)
		for _, span := range out.Queue.ByDueTime {
			total += span.Count
		}
		if total == 1 && out.Queue.DueNow != nil && *out.Queue.DueNow+*out.Queue.Waiting+*out.Queue.OnHold == 1 && out.Store.OldestMessageAt != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("queue: %+v", out.Queue)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if spans := out.Queue.ByDueTime; *spans[0].UntilSeconds != 0 || spans[len(spans)-1].UntilSeconds != nil {
		t.Errorf("spans: %+v", spans)
	}
}

// waitingSearch is what a queueCount asks.
type waitingSearch struct {
	store.Search
	counts  []store.DueCount
	waiting map[hook.EndpointID]int
	err     error
	asked   int
}

func (s *waitingSearch) CountDue(context.Context, []time.Time, int, time.Duration) ([]store.DueCount, bool, error) {
	s.asked++
	return s.counts, false, s.err
}

func (s *waitingSearch) CountWaiting(_ context.Context, ep hook.EndpointID, _ time.Time, most int) (int, bool, error) {
	n := s.waiting[ep]
	return min(n, most), n > most, nil
}

func TestQueueCount(t *testing.T) {
	depth := dispatch.Depth{Fresh: 3, InFlight: 2, OldestDue: time.Second, Held: []hook.EndpointID{1, 2}, HeldCount: 2}
	s := &waitingSearch{counts: []store.DueCount{{Bound: 0, Count: 10}, {Bound: 1, Count: 5}, {Bound: len(dueBounds), Count: 7}}, waiting: map[hook.EndpointID]int{1: 4}}
	q := &queueCount{search: s, depth: func(int) dispatch.Depth { return depth }, log: telemetry.Discard()}
	begin := time.Now()
	got := q.count(t.Context())
	if q.until.Before(begin.Add(countEvery)) {
		t.Errorf("it is counted again %v after %v", q.until, begin)
	}
	q.until = begin.Add(time.Hour) // however slow this machine is
	if got.DueNow != 9 || got.OnHold != 4 || got.Waiting != 12 || got.ByDueTime[0] != 13 || got.InFlight != 2 || got.OldestDue != time.Second {
		t.Errorf("%+v", got)
	}
	for range 20 {
		depth.InFlight++
		if got := q.count(t.Context()); got.InFlight != depth.InFlight || got.OnHold != 4 {
			t.Errorf("%+v", got)
		}
	}
	if s.asked != 1 {
		t.Errorf("the rows were counted %d times for 21 answers", s.asked)
	}
	again := func() httpapi.SystemQueue { q.until = time.Time{}; return q.count(t.Context()) }
	depth.HeldCount = 3
	if got := again(); got.OnHold != -1 || !got.IsKnown || got.DueNow != 13 {
		t.Errorf("with more endpoints on hold than are looked at: %+v", got)
	}
	depth.HeldCount, s.waiting[2] = 2, maxHeldRows
	if got := again(); got.OnHold != -1 {
		t.Errorf("with more rows on hold than are looked at: %+v", got)
	}
	s.err = fmt.Errorf("disk")
	if got := again(); got.IsKnown || got.InFlight != depth.InFlight {
		t.Errorf("when it cannot be counted: %+v", got)
	}
}

func TestChecksSayWhatHelps(t *testing.T) {
	h := &health{check: func(context.Context) error { return errors.New("disk") }}
	s := &system{health: h}
	states := func(r store.Report, stopped bool) (bool, map[string]string) {
		ready, list := s.checks(t.Context(), &r, stopped)
		out := map[string]string{}
		for _, one := range list {
			out[one.Name] = one.State
			if (one.State == httpapi.CheckOK) != (one.Detail == "" && one.Next == "") {
				t.Errorf("%+v", one)
			}
		}
		return ready, out
	}
	ready, got := states(store.Report{FreeBytes: 1 << 20, DiskBytes: 1 << 40}, true)
	if ready || got["store"] != httpapi.CheckFailed || got["space"] != httpapi.CheckWarn || got["hold"] != httpapi.CheckWarn || got["workers"] != httpapi.CheckOK {
		t.Errorf("%v %v", ready, got)
	}
	h.checked, h.check = nil, func(context.Context) error { return nil }
	h.asked = time.Time{}
	if ready, got = states(store.Report{FreeBytes: -1, IsFull: true}, false); !ready || got["store"] != httpapi.CheckOK || got["space"] != httpapi.CheckFailed || got["hold"] != httpapi.CheckOK {
		t.Errorf("%v %v", ready, got)
	}
	h.draining.Store(true)
	h.stopped(errors.New("dispatcher ended"))
	if ready, got = states(store.Report{FreeBytes: -1}, false); ready || got["draining"] != httpapi.CheckFailed || got["workers"] != httpapi.CheckFailed || got["space"] != httpapi.CheckOK {
		t.Errorf("%v %v", ready, got)
	}
}
