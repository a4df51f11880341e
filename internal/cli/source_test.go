//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fails runs the program, which must end with code, and returns its standard error.
func fails(t *testing.T, code int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := hookloft(ctx, args...)
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(""), &out, &log // a pipe: nobody can be asked
	_ = cmd.Run()                                                         // the code says it
	if got := cmd.ProcessState.ExitCode(); got != code || out.Len() > 0 {
		t.Errorf("hookloft %s: exit code %d, want %d; standard output %q, standard error %q", strings.Join(args, " "), got, code, out.String(), log.String())
	}
	return log.String()
}

var sourceURL = regexp.MustCompile(`^https?://[^\s/]+/in/[0-9A-Za-z]{44}$`)

// deliver sends a body to a source's URL as Stripe does, and returns the status.
func deliver(t *testing.T, url, secretFile, body string) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	signed := run(t, "sign", "--provider", "stripe", "--secret", "@"+secretFile, "--body", file)
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(signed) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			req.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// TestSourceLives makes a source under a running server, receives on its URL, gives it
// another, and deletes it.
func TestSourceLives(t *testing.T) {
	got := make(chan string, 10)
	behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + r.Header.Get("x-hookloft-event-type") + " " + string(body)
	}))
	defer behind.Close()
	dir := t.TempDir()
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("whsec_stripe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, append([]string{"serve", "--data", data}, loopback...)...)
	_, port, _ := strings.Cut(strings.TrimPrefix(behind.URL, "http://"), ":")
	url := run(t, "source", "create", "--type", "stripe", "--secret", "@"+secret, "--forward", "http://localhost:"+port+"/hook", "--name", "Payments", "--data", data)
	if !sourceURL.MatchString(url) || !strings.HasPrefix(url, p.url+"/") {
		t.Fatalf("standard output %q is not a URL of %s alone", url, p.url)
	}
	if status := deliver(t, url, secret, `{"id":"evt_1","type":"invoice.paid"}`); status != 200 {
		t.Fatalf("status %d", status)
	}
	if arrived := <-got; arrived != `/hook invoice.paid {"id":"evt_1","type":"invoice.paid"}` {
		t.Errorf("the service got %s", arrived)
	}

	list := run(t, "source", "list", "--data", data, "--public-url", "https://hooks.example.com")
	id := regexp.MustCompile(`src_[0-9A-Za-z]{22}`).FindString(list)
	shown := "https://hooks.example.com" + strings.TrimPrefix(url, p.url)
	if !strings.Contains(list, "Payments") || !strings.Contains(list, shown) || !strings.Contains(list, "localhost:"+port) {
		t.Errorf("list:\n%s", list)
	}
	next := run(t, "source", "rotate", id, "--data", data)
	if !sourceURL.MatchString(next) || next == url {
		t.Errorf("rotated to %q", next)
	}
	for i, u := range []string{url, next} {
		if status := deliver(t, u, secret, `{"id":"evt_`+string(rune('2'+i))+`"}`); status != 200 {
			t.Errorf("%s after the rotation: %d", u, status)
		}
		<-got
	}
	if text := fails(t, 2, "source", "delete", id, "--data", data); !strings.Contains(text, "--yes") {
		t.Errorf("delete without a person: %s", text)
	}
	run(t, "source", "delete", id, "--data", data, "--yes")
	if status := deliver(t, next, secret, `{"id":"evt_9"}`); status != 404 {
		t.Errorf("a deleted source answers %d", status)
	}
	fails(t, 3, "source", "rotate", id, "--data", data)
	fails(t, 3, "source", "delete", id, "--data", data, "--yes")
	if log := p.log.String(); strings.Contains(log, "whsec_") || strings.Contains(log, strings.TrimPrefix(next, p.url)) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

func TestSourceThatIsRefusedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	served := filepath.Join(dir, "served")
	start(t, "serve", "--data", served) // without leave to reach this machine
	closed := filepath.Join(dir, "closed")
	run(t, "token", "create", "--data", closed)
	none := filepath.Join(dir, "none")
	for _, data := range []string{served, closed, none} {
		for _, c := range []struct {
			name string
			args []string
			want string
		}{
			{"no type", []string{"--secret", "s", "--forward", "https://example.com/"}, "--type is missing"},
			{"no service", []string{"--type", "stripe", "--secret", "s"}, "--forward is missing"},
			{"a misspelt type", []string{"--type", "strip", "--secret", "s", "--forward", "https://example.com/"}, `did you mean "stripe"`},
			{"a type of which nobody knows the scheme", []string{"--type", "segment", "--secret", "s", "--forward", "https://example.com/"}, "use generic-webhook"},
			{"no secret", []string{"--type", "stripe", "--forward", "https://example.com/"}, "--secret: "},
			{"an empty secret", []string{"--type", "stripe", "--secret", "", "--forward", "https://example.com/"}, "--secret: "},
			{"a secret's file that is not there", []string{"--type", "stripe", "--secret", "@/nonexistent", "--forward", "https://example.com/"}, "--secret: "},
			{"a setting that is none", []string{"--type", "stripe", "--secret", "s", "--config", "mode=x", "--forward", "https://example.com/"}, "mode"},
			{"a schedule that is none", []string{"--type", "cron", "--config", "schedule=often", "--config", "payload={}", "--forward", "https://example.com/"}, "--config schedule: "},
			{"a schedule that sends nothing", []string{"--type", "cron", "--config", "schedule=@daily", "--forward", "https://example.com/"}, "--config payload"},
			{"a name that is too long", []string{"--type", "stripe", "--secret", "s", "--name", strings.Repeat("n", 300), "--forward", "https://example.com/"}, "--name: "},
			{"a private service", []string{"--type", "stripe", "--secret", "s", "--forward", "https://10.0.0.7/"}, "--egress-allow"},
			{"a service without TLS", []string{"--type", "stripe", "--secret", "s", "--forward", "http://example.com/"}, "--allow-http"},
			{"one of two services", []string{"--type", "stripe", "--secret", "s", "--forward", "https://example.com/", "--forward", "https://127.0.0.1/"}, "--egress-allow"},
		} {
			args := append([]string{"source", "create", "--data", data, "--environment", "new"}, c.args...)
			if text := fails(t, 2, args...); !strings.Contains(text, c.want) {
				t.Errorf("%s: standard error %q, want %q", c.name, text, c.want)
			}
		}
		if data == none {
			if _, err := os.Stat(none); !os.IsNotExist(err) {
				t.Errorf("a store is left where there was none: %v", err)
			}
			continue
		}
		if list := run(t, "source", "list", "--data", data); strings.Count(list, "\n") != 0 {
			t.Errorf("sources are left:\n%s", list)
		}
		if list := run(t, "environment", "list", "--data", data); strings.Contains(list, "new") {
			t.Errorf("an environment is left:\n%s", list)
		}
	}
}

// TestSourceWithoutAServer makes sources in a store that nobody serves.
func TestSourceWithoutAServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	fails(t, 3, "source", "list", "--data", data)
	var urls []string
	for _, args := range [][]string{
		{"--type", "github", "--secret", "old", "--secret", "new", "--forward", "https://example.com/a", "--forward", "https://example.com/b"},
		{"--type", "generic-webhook", "--forward", "http://127.0.0.1:3000/", "--egress-allow", "127.0.0.0/8", "--listen", ":9000"},
		{"--type", "generic", "--forward", "https://example.com/", "--public-url", "https://hooks.example.com/"},
	} {
		url := run(t, append([]string{"source", "create", "--data", data}, args...)...)
		if !sourceURL.MatchString(url) {
			t.Errorf("standard output %q", url)
		}
		urls = append(urls, url[:strings.Index(url, "/in/")])
	}
	if want := []string{"http://127.0.0.1:8071", "http://127.0.0.1:9000", "https://hooks.example.com"}; !slices.Equal(urls, want) {
		t.Errorf("URLs begin with %q, want %q", urls, want)
	}
	id := run(t, "source", "create", "--data", data, "--type", "cron", "--config", "schedule=0 9 * * 1", "--config", "payload={}", "--forward", "https://example.com/")
	if !strings.HasPrefix(id, "src_") {
		t.Errorf("a schedule printed %q", id)
	}
	fails(t, 2, "source", "rotate", id, "--data", data)
	if list := run(t, "source", "list", "--data", data); strings.Count(list, "src_") != 4 || !strings.Contains(list, "https://example.com/a, https://example.com/b") {
		t.Errorf("list:\n%s", list)
	}
}

// TestListPrintsNamesOnOneLine: a name that an API token has set forges no row and sends
// nothing to the terminal that it would act on.
func TestListPrintsNamesOnOneLine(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	run(t, "source", "create", "--data", data, "--type", "github", "--secret", "s", "--name", "ab\n\x1b[31mforged\tsrc_x", "--forward", "https://example.com/")
	list := run(t, "source", "list", "--data", data)
	if strings.Count(list, "\n") != 1 || strings.Contains(list, "\x1b") || !strings.Contains(list, "forged") {
		t.Errorf("list: %q", list)
	}
}

// TestTypesThatAreNoProvider: the types of source are found by their own names.
func TestTypesThatAreNoProvider(t *testing.T) {
	if text := run(t, "providers", "cron"); !strings.Contains(text, "schedule") || !strings.Contains(text, "payload") || !strings.Contains(text, "UTC") || strings.Contains(text, "POST") {
		t.Errorf("cron: %s", text)
	}
	if text := run(t, "providers", "generic-webhook"); text != run(t, "providers", "generic") {
		t.Errorf("generic-webhook: %s", text)
	}
	if text := run(t, "providers", "cron", "--json"); !strings.Contains(text, `"name": "content_type"`) {
		t.Errorf("cron as JSON: %s", text)
	}
	dir := t.TempDir()
	body, headers := filepath.Join(dir, "body"), filepath.Join(dir, "headers")
	if err := os.WriteFile(body, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := []string{"--provider", "generic-webhook", "--secret", "s", "--config", "mode=bearer", "--body", body}
	signed := run(t, append([]string{"sign"}, shared...)...)
	if err := os.WriteFile(headers, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, append([]string{"verify", "--headers", headers}, shared...)...)
}

// TestDevShowsTheFirstWebhook pastes the second line that dev prints.
func TestDevShowsTheFirstWebhook(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	for range 2 { // the second time on another port, with the same source
		p := start(t, "dev", "--data", data)
		line := regexp.MustCompile(`(?m)^F=.*$`)
		p.eventually("a line to paste", func() bool { return line.MatchString(p.out.String()) })
		paste := exec.CommandContext(t.Context(), "sh", "-c", line.FindString(p.out.String()))
		paste.Dir = t.TempDir()
		paste.Env = append(os.Environ(), asMain+"=1")
		if out, err := paste.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("200 OK")) {
			t.Fatalf("%v: %s", err, out)
		}
		if left, err := os.ReadDir(paste.Dir); err != nil || len(left) > 0 {
			t.Errorf("the line leaves %v behind (%v)", left, err)
		}
		p.eventually("the webhook in the terminal", func() bool {
			text := p.out.String()
			return strings.Contains(text, "/inbox/stripe  signature verified") && strings.Contains(text, `"type": "charge.succeeded"`)
		})
		p.terminate()
	}
}
