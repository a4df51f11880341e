//go:build unix

package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// contractServer answers the contract's import and export as the contract says, and
// keeps the bodies that it got, by path.
type contractServer struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]string
}

func newContractServer(t *testing.T) *contractServer {
	c := &contractServer{got: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.got[r.Method+" "+r.URL.Path] = string(body)
		c.mu.Unlock()
		switch r.Method + " " + r.URL.Path {
		case "GET /api/v1/event-type":
			_, _ = io.WriteString(w, `{"data":[{"name":"invoice.paid","description":"old","archived":false,"schemas":null}],"iterator":"invoice.paid","done":true}`)
		case "GET /api/v1/management/environment-settings":
			_, _ = io.WriteString(w, `{"enforceHttps":false,"retryPolicy":null}`)
		case "POST /api/v1/environment/export":
			_, _ = io.WriteString(w, `{"version":1,"createdAt":"2026-11-21T00:00:00Z","eventTypes":[{"name":"invoice.paid","description":"1.10"}],"settings":{"enforceHttps":true},"connectors":[]}`)
		case "POST /api/v1/environment/import":
			w.WriteHeader(http.StatusNoContent)
		case "POST /api/v1/event-type/import/openapi":
			var in struct {
				SpecRaw *string         `json:"specRaw"`
				Spec    json.RawMessage `json:"spec"`
				DryRun  bool            `json:"dryRun"`
			}
			if json.Unmarshal(body, &in) != nil || in.SpecRaw == nil || in.Spec != nil {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"code":"generic_error","detail":"spec or specRaw"}`)
				return
			}
			if strings.Contains(*in.SpecRaw, "no document") {
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(w, `{"detail":[{"loc":["body","specRaw"],"msg":"is no OpenAPI document","type":"value_error"}]}`)
				return
			}
			if in.DryRun {
				_, _ = io.WriteString(w, `{"data":{"modified":["a.b"],"to_modify":[{"name":"c.d","description":"","deprecated":false},{"name":"a.b","description":"","deprecated":false}]}}`)
				return
			}
			_, _ = io.WriteString(w, `{"data":{"modified":["c.d","a.b"],"to_modify":null}}`)
		default:
			w.WriteHeader(http.StatusNotImplemented)
			_, _ = io.WriteString(w, `{"code":"not_implemented","detail":"no"}`)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *contractServer) body(path string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got[path]
}

// against runs the program against the server and returns what it printed.
func (c *contractServer) against(t *testing.T, code int, stdin string, args ...string) (out, messages string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := hookloft(ctx, append(args, "--server", c.URL, "--token", "t")...)
	cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+t.TempDir())
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Fatalf("hookloft %s: exit code %d, want %d: %s", strings.Join(args, " "), got, code, &stderr)
	}
	return stdout.String(), stderr.String()
}

func TestExportAndImportSpeakTheContract(t *testing.T) {
	c := newContractServer(t)
	file := filepath.Join(t.TempDir(), "environment.json")
	if out, messages := c.against(t, 0, "", "export", file); out != "" || !strings.Contains(messages, "wrote "+file) {
		t.Errorf("export: %q %q", out, messages)
	}
	exported, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(exported), "\n  \"version\": 1,\n") {
		t.Fatalf("%s, %v", exported, err)
	}
	if out, _ := c.against(t, 0, "", "export", "--jq", ".eventTypes[].name"); out != "invoice.paid\n" {
		t.Errorf("export to standard output: %q", out)
	}

	plan, messages := c.against(t, 0, "", "import", file, "--dry-run")
	for _, want := range []string{"~ event type invoice.paid\n    description: \"old\" -> \"1.10\"\n", "~ settings of the environment\n    enforceHttps: false -> true\n"} {
		if !strings.Contains(plan, want) {
			t.Errorf("plan %q lacks %q", plan, want)
		}
	}
	if !strings.Contains(messages, "0 to create, 2 to change") || c.body("POST /api/v1/environment/import") != "" {
		t.Errorf("dry run: %q, sent %q", messages, c.body("POST /api/v1/environment/import"))
	}
	if _, messages := c.against(t, 2, "", "import", file); !strings.Contains(messages, "--yes") {
		t.Errorf("import without a person: %q", messages)
	}
	c.against(t, 0, string(exported), "import", "-", "--yes")
	if got := c.body("POST /api/v1/environment/import"); got != string(exported) {
		t.Errorf("imported %q", got)
	}
	for name, stdin := range map[string]string{"no JSON": "{", "no object": "[]", "another file": `{"openapi":"3.1.0"}`, "a type without a name": `{"eventTypes":[{}]}`, "no list": `{"eventTypes":{}}`, "settings that are none": `{"settings":[]}`} {
		if _, messages := c.against(t, 2, stdin, "import", "-", "--yes"); messages == "" {
			t.Errorf("%s: no words", name)
		}
	}
	c.against(t, 2, "", "import", "/nonexistent")
	c.against(t, 2, "", "import")
	c.against(t, 2, "", "export", "a", "b")
}

func TestEventTypesImportSpeaksTheContract(t *testing.T) {
	c := newContractServer(t)
	const spec = "openapi: 3.1.0\nwebhooks: {}\n"
	if out, messages := c.against(t, 0, spec, "event-types", "import", "-", "--dry-run"); out != "a.b\nc.d\n" || !strings.Contains(messages, "2 event types would be made or changed") {
		t.Errorf("dry run: %q %q", out, messages)
	}
	if got := c.body("POST /api/v1/event-type/import/openapi"); got != `{"specRaw":"openapi: 3.1.0\nwebhooks: {}\n","dryRun":true,"replaceAll":false}` {
		t.Errorf("sent %s", got)
	}
	if out, messages := c.against(t, 0, spec, "event-types", "import", "-"); out != "a.b\nc.d\n" || !strings.Contains(messages, "2 event types made or changed") {
		t.Errorf("%q %q", out, messages)
	}
	if _, messages := c.against(t, 2, spec, "event-types", "import", "-", "--replace-all"); !strings.Contains(messages, "--yes") {
		t.Errorf("%q", messages)
	}
	c.against(t, 0, spec, "event-types", "import", "-", "--replace-all", "--yes", "-q")
	if got := c.body("POST /api/v1/event-type/import/openapi"); !strings.Contains(got, `"replaceAll":true`) {
		t.Errorf("sent %s", got)
	}
	if _, messages := c.against(t, 1, "no document", "event-types", "import", "-"); !strings.Contains(messages, "specRaw: is no OpenAPI document") {
		t.Errorf("%q", messages)
	}
	c.against(t, 2, " \n", "event-types", "import", "-")
	c.against(t, 2, "", "event-types", "import", "/nonexistent")
	c.against(t, 2, "", "event-types", "import")
}
