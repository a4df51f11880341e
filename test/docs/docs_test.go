//go:build unix

// Package docs runs the commands of docs/receiving, page by page, as whoever reads them
// would: as a script, against a running server with a service behind it. What a page says
// must arrive does arrive, verified; what is forged does not.
package docs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// arrival is what the service behind must get of a page's commands.
type arrival struct {
	provider  string
	eventType string // x-hookloft-event-type
	id        string // x-hookloft-delivery-id; "" for none, "any" where it is made up on the way
	sample    string // the file whose bytes are the body; or
	body      string // the body
	uri       string // what is appended to the service's own path
	app       string // the uid of the application that it was published into; "" for the source's own
}

// pages lists what arrives, in any order, and text that the commands print.
var pages = []struct {
	name     string
	prints   []string
	arrivals []arrival
}{
	{"index", []string{`"rawPayload":"anything at all"`, `"by":"hash"`, `"publishTo":"`, "evt_docs_0001\tinvoice.paid"}, []arrival{
		{provider: "generic-webhook", body: "anything at all", uri: "/path?n=1"},
		{provider: "generic-webhook", body: `{"bread": "ready"}`},
		{app: "acme", body: `{"bread": "ready"}`, uri: "/acme"},
		{provider: "generic-webhook", eventType: "bread.ready", id: "7", body: `{"id": "7", "type": "bread.ready"}`},
	}},
	{"stripe", nil, []arrival{{provider: "stripe", eventType: "invoice.paid", id: "evt_docs_0001", sample: "stripe.json"}}},
	{"slack", []string{"docs-challenge-0001", serviceSays}, []arrival{
		{provider: "slack", eventType: "slash_command:/bread", id: "100.201.docs",
			body: "team_id=TDOCS&channel_id=CDOCS&user_id=UDOCS&user_name=zoe&command=%2Fbread&text=rye+%26+wheat%3F&trigger_id=100.201.docs&api_app_id=ADOCS"},
		{provider: "slack", eventType: "app_mention", id: "EvDOCS0001", sample: "slack.json"},
		{provider: "slack", eventType: "slash_command:/bread", id: "100.200.docs", sample: "slack.command.form"},
	}},
	{"twilio", []string{"\n<Response><Message>We are baking.</Message></Response>"}, []arrival{
		{provider: "twilio", eventType: "received", id: "docs-twilio-0001", sample: "twilio.form"},
		{provider: "twilio", eventType: "received", id: "docs-twilio-0002", sample: "twilio.form"},
	}},
	{"github", nil, []arrival{{provider: "github", eventType: "issues.opened", id: "docs-github-0001", sample: "github.json"}}},
	{"gitlab", nil, []arrival{
		{provider: "gitlab", eventType: "Push Hook", id: "docs-gitlab-0001", sample: "gitlab.json"},
		{provider: "gitlab", eventType: "Push Hook", id: "any", sample: "gitlab.json"},
	}},
	{"sendgrid", []string{`"split":true`}, []arrival{
		{provider: "sendgrid", id: "any", sample: "sendgrid.json"},
		{provider: "sendgrid", eventType: "delivered", id: "ZG9jcy0wMDAx",
			body: `{"email":"zoe@bakery.example","timestamp":1795219164,"event":"delivered","sg_event_id":"ZG9jcy0wMDAx","sg_message_id":"docs.filter0001","response":"250 OK"}`},
		{provider: "sendgrid", eventType: "open", id: "ZG9jcy0wMDAy",
			body: `{"email":"ada@bakery.example","timestamp":1795219165,"event":"open","sg_event_id":"ZG9jcy0wMDAy","sg_message_id":"docs.filter0001","useragent":"Mozilla/5.0"}`},
	}},
	{"zapier", nil, []arrival{{provider: "zapier", id: "LEAD-docs-0001", sample: "zapier.json"}}},
	{"intercom", nil, []arrival{{provider: "intercom", eventType: "conversation.user.created", id: "notif_docs-0001", sample: "intercom.json"}}},
	{"mailchimp", nil, []arrival{
		{provider: "mailchimp", eventType: "subscribe", sample: "mailchimp.form"},
		{provider: "mandrill", id: "any", sample: "mandrill.form"},
	}},
	{"shopify", nil, []arrival{{provider: "shopify", eventType: "orders/paid", id: "docs-shopify-0001", sample: "shopify.json"}}},
	{"wordpress", nil, []arrival{
		{provider: "woocommerce", eventType: "order.created", id: "docs-woocommerce-0001", sample: "woocommerce.json"},
		{provider: "wp-webhooks", eventType: "post_create", sample: "wp-webhooks.json"},
		{provider: "wordpress-com", eventType: "publish_post", sample: "wordpress-com.form"},
	}},
	{"papertrail", nil, []arrival{
		{provider: "papertrail", eventType: "Oven errors", id: "101:7700000000000000001:7700000000000000002", sample: "papertrail.form"},
	}},
	{"poll", nil, nil},
}

func TestReceivingPages(t *testing.T) {
	listed, err := filepath.Glob(filepath.Join(folder(t), "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(pages) {
		t.Errorf("there are %d pages and %d are tested: %v", len(listed), len(pages), listed)
	}
	s := rig.Start(t, rig.Options{})
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			known := sources(t, s.API())
			service := newService(t)
			out, err := run(t, s, service.URL+"/webhooks", script(t, page.name))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, text := range page.prints {
				if !strings.Contains(out, text) {
					t.Errorf("the commands do not print %q:\n%s", text, out)
				}
			}
			service.check(t, s.API(), page.arrivals)
			made := slices.DeleteFunc(sources(t, s.API()), func(src source) bool {
				return slices.ContainsFunc(known, func(k source) bool { return k.ID == src.ID })
			})
			if len(made) == 0 {
				t.Error("the page made no source")
			}
			for _, src := range made {
				refusesForgery(t, s, src)
			}
		})
	}
}

// TestPageFailsWithAWrongSecret is for the test above: that its scripts notice a refusal.
func TestPageFailsWithAWrongSecret(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	service := newService(t)
	right := script(t, "stripe")
	wrong := strings.ReplaceAll(right, `--provider stripe --secret "$SECRET"`, `--provider stripe --secret "another"`)
	if right == wrong {
		t.Fatal("the page no longer has the command that this test changes")
	}
	out, err := run(t, s, service.URL+"/webhooks", wrong)
	if err == nil || !strings.Contains(out, string(webhook.ErrNoMatch)) {
		t.Errorf("a wrong secret: %v, printed\n%s", err, out)
	}
	service.mu.Lock()
	defer service.mu.Unlock()
	if len(service.requests) != 0 {
		t.Errorf("%d requests arrived that were not genuine", len(service.requests))
	}
}

// TestPagesLinkToWhatIsThere checks the links between pages, files and headings.
func TestPagesLinkToWhatIsThere(t *testing.T) {
	for _, page := range pages {
		text := read(t, filepath.Join(folder(t), page.name+".md"))
		for _, part := range strings.Split(text, "](")[1:] {
			link, _, _ := strings.Cut(part, ")")
			if strings.HasPrefix(link, "https://") {
				continue
			}
			file, heading, _ := strings.Cut(link, "#")
			target := text
			if file != "" {
				path := filepath.Join(folder(t), file)
				if info, err := os.Stat(path); err != nil {
					t.Errorf("%s links to %s: %v", page.name, link, err)
					continue
				} else if info.IsDir() {
					continue
				}
				target = read(t, path)
			}
			if heading != "" && !slices.Contains(anchors(target), heading) {
				t.Errorf("%s links to %s, and there is no such heading", page.name, link)
			}
		}
	}
}

// TestReasonsAreExplained looks for the words with which webhooks are refused.
func TestReasonsAreExplained(t *testing.T) {
	text := read(t, filepath.Join(folder(t), "index.md"))
	for _, reason := range []webhook.Error{
		webhook.ErrMissingHeader, webhook.ErrDuplicateHeader, webhook.ErrMalformedHeader, webhook.ErrNoMatch,
		webhook.ErrTimestampTooOld, webhook.ErrTimestampTooNew, webhook.ErrNoKey,
	} {
		if !strings.Contains(text, "`"+string(reason)) {
			t.Errorf("index.md does not explain %q", string(reason))
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case strings.ContainsRune(".,:()'`/", r):
				return -1
			}
			return r
		}, strings.ToLower(strings.TrimSpace(title)))
		out = append(out, anchor)
	}
	return out
}

func folder(t *testing.T) string {
	t.Helper()
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "docs", "receiving")
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// script is the page's commands, after those with which index.md lets all pages begin.
func script(t *testing.T, page string) string {
	t.Helper()
	blocks := shellBlocks(read(t, filepath.Join(folder(t), "index.md")))
	if len(blocks) < 3 {
		t.Fatal("index.md does not say how to begin")
	}
	blocks = blocks[1:] // the first is for the server's terminal; see TestServerOfThePages
	if page != "index" {
		blocks = append(blocks[:1:1], shellBlocks(read(t, filepath.Join(folder(t), page+".md")))...)
	}
	if len(blocks) < 2 {
		t.Fatalf("%s has no commands", page)
	}
	return strings.Join(blocks, "\n")
}

// shellBlocks are the fenced blocks that are marked as bash.
func shellBlocks(text string) []string {
	var out []string
	for _, part := range strings.Split(text, "```bash\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		out = append(out, block)
	}
	return out
}

// run gives a script to bash and returns all that it prints.
func run(t *testing.T, s *rig.Server, forward, script string) (string, error) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the commands of the pages cannot run", tool)
		}
	}
	clone := newClone(t)
	if err := os.Symlink(s.Data, filepath.Join(clone, "data")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail")
	cmd.Stdin = strings.NewReader(script)
	cmd.Dir = clone
	// The server and the service of the test have ports of their own; all else is the page's.
	cmd.Env = append(environ(), "TMPDIR="+t.TempDir(), "SERVER="+s.URL, "FORWARD="+forward)
	// A group of its own, so that what the script started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// newClone is a folder as a clone is after "make build", as far as the pages need it.
func newClone(t *testing.T) string {
	t.Helper()
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs(rig.Build(t))
	if err != nil {
		t.Fatal(err)
	}
	clone := t.TempDir()
	if err := os.Mkdir(filepath.Join(clone, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"docs": filepath.Join(root, "docs"), "bin/hookloft": bin} {
		if err := os.Symlink(target, filepath.Join(clone, name)); err != nil {
			t.Fatal(err)
		}
	}
	return clone
}

// environ is as if nobody had configured anything.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return strings.HasPrefix(name, "HOOKLOFT_") || slices.Contains([]string{"DATA", "SERVER", "TOKEN", "FORWARD"}, name)
	})
}

// TestServerOfThePages starts the server as index.md says, but for the port, and makes a
// source with the service that the pages name.
func TestServerOfThePages(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	clone := newClone(t)
	blocks := shellBlocks(read(t, filepath.Join(folder(t), "index.md")))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", blocks[0])
	server.Dir = clone
	server.Env = append(environ(), "HOOKLOFT_LISTEN=127.0.0.1:0")
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	server.Cancel = func() error { return syscall.Kill(-server.Process.Pid, syscall.SIGTERM) }
	server.WaitDelay = 15 * time.Second
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = server.Wait() // it was told to end
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the server does not say that it is ready: %v %q", err, line)
	}
	reader := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c",
		blocks[1]+`hookloft source create --type generic-webhook --forward "$FORWARD" --data "$DATA" && ls samples/stripe.json`)
	reader.Dir, reader.Env = clone, environ()
	if text, err := reader.CombinedOutput(); err != nil || !strings.Contains(string(text), "/in/") {
		t.Errorf("%v: %s", err, text)
	}
}

// service is what stands behind the sources.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
}

// serviceSays is seen by a provider with pass-through alone.
const serviceSays = "The bread is ready at noon."

type received struct {
	uri    string
	header http.Header
	body   []byte
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it comes again
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, received{r.RequestURI, r.Header.Clone(), body})
		fmt.Fprint(w, serviceSays)
	}))
	t.Cleanup(s.Close)
	return s
}

// check waits for the arrivals and judges each of them; another one is an error.
func (s *service) check(t *testing.T, api *rig.API, want []arrival) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		s.mu.Lock()
		n := len(s.requests)
		s.mu.Unlock()
		if n >= len(want) {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d of %d webhooks arrived within 60 s", n, len(want))
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.Clone(s.requests)
	for _, w := range want {
		i := slices.IndexFunc(left, func(r received) bool { return w.is(t, r) == nil })
		if i < 0 {
			t.Errorf("no arrival is %+v", w)
			for _, r := range left {
				t.Logf("%v\nnot: %v", r, w.is(t, r))
			}
			continue
		}
		if err := w.verify(t, api, left[i]); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, r := range left {
		t.Errorf("another request arrived: %v", r)
	}
}

func (r received) String() string { return fmt.Sprintf("%s %v %.200q", r.uri, r.header, r.body) }

// is says why a request is not the arrival.
func (w arrival) is(t *testing.T, r received) error {
	t.Helper()
	body := []byte(w.body)
	if w.sample != "" {
		body = []byte(read(t, filepath.Join(folder(t), "samples", w.sample)))
	}
	id := r.header.Get("X-Hookloft-Delivery-Id")
	switch {
	case !bytes.Equal(r.body, body):
		return errors.New("the body is another one")
	case r.uri != "/webhooks"+w.uri:
		return fmt.Errorf("it came to %s", r.uri)
	case r.header.Get("X-Hookloft-Provider") != w.provider:
		return fmt.Errorf("the provider is %s", r.header.Get("X-Hookloft-Provider"))
	case r.header.Get("X-Hookloft-Event-Type") != w.eventType:
		return fmt.Errorf("the event type is %q", r.header.Get("X-Hookloft-Event-Type"))
	case id != w.id && (w.id != "any" || id == ""):
		return fmt.Errorf("the delivery's id is %q", id)
	}
	return nil
}

// verify checks Hookloft's own signature with the secret that the API shows, as a
// service does.
func (w arrival) verify(t *testing.T, api *rig.API, r received) error {
	t.Helper()
	at := "/ingest/api/v1/source/" + r.header.Get("X-Hookloft-Source") + "/endpoint"
	if w.app != "" {
		at = "/api/v1/app/" + w.app + "/endpoint"
	}
	var endpoints struct{ Data []struct{ ID string } }
	get(t, api, at, &endpoints)
	if len(endpoints.Data) != 1 {
		return fmt.Errorf("there are %d endpoints", len(endpoints.Data))
	}
	var secret struct{ Key string }
	get(t, api, at+"/"+endpoints.Data[0].ID+"/secret", &secret)
	keys, err := webhook.ParseKeys(secret.Key)
	if err != nil {
		return err
	}
	v, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return err
	}
	_, err = v.Verify(webhook.Request{Header: r.header, Body: r.body}, time.Now())
	return err
}

type source struct{ ID, Name, Type, IngestURL string }

func sources(t *testing.T, api *rig.API) []source {
	t.Helper()
	var page struct{ Data []source }
	get(t, api, "/ingest/api/v1/source?limit=250", &page)
	return page.Data
}

// refusesForgery posts to a source what nobody signed, and looks for it in the log.
func refusesForgery(t *testing.T, s *rig.Server, src source) {
	t.Helper()
	if src.Name == "Any sender" {
		return // index.md says that its URL is the only secret, and changes that at its end
	}
	if src.Type == "cron" || src.Type == "poll" {
		if src.IngestURL != "" {
			t.Errorf("%s has a URL", src.Name)
		}
		return
	}
	resp, err := http.Post(src.IngestURL, "application/json", strings.NewReader(`{"id":"forged"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s answers a forged webhook with %s, want 401", src.Name, resp.Status)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		var log struct {
			Data []struct {
				StatusCode int    `json:"status_code"`
				ErrorText  string `json:"error_text"`
				Payload    string
			}
		}
		get(t, s.API(), "/ingest/api/v1/source/"+src.ID+"/log", &log)
		for _, line := range log.Data {
			if line.StatusCode == http.StatusUnauthorized && line.ErrorText != "" && line.Payload == `{"id":"forged"}` {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Errorf("the log of %s does not have the forged webhook: %+v", src.Name, log.Data)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func get(t *testing.T, api *rig.API, path string, out any) {
	t.Helper()
	status, text, err := api.Do(http.MethodGet, path, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: status %d, %v: %s", path, status, err, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
}
