//go:build unix

package docs

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// guides are the pages whose commands run here, each on a server of its own, with texts that
// they must print, in this order.
var guides = []struct {
	name   string
	tools  []string
	prints []string
}{
	{"sending", []string{"jq", "python3", "node", "go", "openssl"}, []string{
		"listening on http", `: {"amount": 4200}`, "\nmsg_", `"sentBy": "go"`, `"responseStatusCode":204`, "Delivered to 1 endpoint.", `: {"signed": "twice"}`,
	}},
	{"replay", []string{"jq", "date"}, []string{"5\n", `{"status":"finished","done":5,"failed":0,"total":5}`, "paused\n2\nrunning\ncancelled\n", `"eventType":"hookloft.ping"`}},
	{"retries", []string{"jq", "date"}, []string{"[30,300]", `"reason": "connect_refused"`, "2\nDelivered to 1 endpoint.", "204\n", "disabled\ntrue\n", "false\n", `{"status":"finished","done":1}`}},
	{"ordering", []string{"jq", "python3", "openssl"}, []string{"/erp [1] taken\n/erp [2] failed\n/erp [2] taken\n/erp [3] taken\n", "/mirror [4, 5, 6] taken\n", `{"numEvents":3,"statusText":"success"}`, "shipped applied\n", "paid passed over\n", "state: delivered\n", "ids are in order\n", "paid\nshipped\ndelivered\nthe log is in order\n"}},
	{"polling", []string{"jq"}, []string{`"type":"pollingEndpoint"`, "[1,2]\n", "[3]\n", "books\n"}},
	{"streaming", []string{"jq", "date"}, []string{"first\nsecond\nsecond\n"}},
	{"operating", []string{"jq"}, []string{"settings: good", "drain", "settings: refused", `"ready":true`, "health: good", "ok    token", "hookloft_build_info", "stopped: 0", "the data directory takes"}},
	{"filters", []string{"jq"}, []string{"Not sent. The endpoint's filter does not want this message (payload.order.total $gte: does not hold for a number).", "true\n"}},
	{"pausing", []string{"jq"}, []string{`{"state":"held","by":"endpoint","note":"their database moves"}`, "Held. The endpoint is paused", "1\n", "Delivered to 1 endpoint.\n", `{"key":"product.id","windowSeconds":1,"maxWaitSeconds":10}`, "superseded\nDelivered to 1 endpoint.\n"}},
	{"dashboard", []string{"jq"}, []string{"/app-portal\n", "answers 200\n", `{"kind":"portal","capabilities":["ViewBase","CreateAttempts","ManageEndpoint"]}`}},
	{"portal", []string{"jq"}, []string{"/app-portal\n", `{"kind":"portal","sessionId":"user_7","capabilities":["ViewBase","CreateAttempts"]}`, "ended: 401\n", "look: 200\nchange: 403\n", `{"displayName":"Acme","customColor":"#28bb93","colorPaletteDark":{"primary":"#ffb124","backgroundPrimary":"#102030"},"customStringsOverride":{"channelsMany":"Shops"}}`}},
	{"consent", nil, []string{"The receiver agrees", "it does not repeat the challenge\n", `"verified"`}},
	{"transformations", []string{"jq"}, []string{`{"text":"Order ord_1: 12 EUR"}`, "order.paid: sent", `+ /text "Order ord_1: 12 EUR"`, `["order ord_1"]`, "cancelled\n"}},
	{"retention", []string{"jq"}, []string{"30\n", `"hours":36`, "finished\n{\"expired\":true}"}},
}

// elsewhere are the pages whose commands a test of another package reads: it runs them, but
// for two pages. TestCommandsPage compares commands.md with the commands' help, and
// TestTranscripts looks whether the transcript is of a whole run.
var elsewhere = map[string]struct{ pkg, test string }{
	"commands":             {"internal/cli", "TestCommandsPage"},
	"credentials":          {"test/credentials", "TestPageRuns"},
	"connectors":           {"test/connectors", "TestPageWorks"},
	"event-types":          {"test/portable", "TestPagesWork"},
	"listen":               {"test/listen", "TestDocumentedCommands"},
	"migrating-from-svix":  {"test/portable", "TestPagesWork"},
	"observability":        {"test/observe", "TestPageRuns"},
	"operational-webhooks": {"test/operational", "TestPageWorks"},
	"receiving-transcript": {"test/emptybox", "TestTranscripts"},
	"sending-transcript":   {"test/emptybox", "TestTranscripts"},
	"shaping-transcript":   {"test/emptybox", "TestTranscripts"},
	"request-shape":        {"test/shape", "TestDocs"},
	"security":             {"test/access", "TestSecurityPage"},
	"statistics":           {"test/stats", "TestPageRuns"},
}

// notRun counts the blocks of commands that are marked as such, with a reason, because they
// need what a test does not have. Another one is an addition here, made on purpose.
var notRun = map[string]int{"connectors": 1, "observability": 1, "operating": 3, "security": 1, "sending": 1}

// runs says whether the commands of a page run in a test, and where.
func runs(page string) bool {
	_, there := elsewhere[page]
	return there || slices.ContainsFunc(guides, func(g struct {
		name   string
		tools  []string
		prints []string
	}) bool {
		return g.name == page
	})
}

// fence is one fenced block of a page: the words behind its opening fence, and its text.
type fence struct{ info, text string }

func fences(page string) []fence {
	var out []fence
	open := false
	for line := range strings.Lines(page) {
		info, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !open:
			out, open = append(out, fence{info: strings.TrimSpace(info)}), true
		case isFence:
			open = false
		case open:
			out[len(out)-1].text += line
		}
	}
	return out
}

// commandLine finds a line of an indented block that somebody would paste into a shell.
var commandLine = regexp.MustCompile(`(?m)^ {4}(?:export |[A-Z_]+="?\$?|call |curl |hookloft |docker |sudo |systemctl |make |go run ).*$`)

// TestEveryBlockRunsOrSaysWhyNot finds commands in docs that no test runs and that do not
// say so.
func TestEveryBlockRunsOrSaysWhyNot(t *testing.T) {
	docs := filepath.Dir(folder(t))
	listed, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil || len(listed) < 10 {
		t.Fatalf("%d pages, %v", len(listed), err)
	}
	for _, path := range listed {
		page := strings.TrimSuffix(filepath.Base(path), ".md")
		text := read(t, path)
		skipped := 0
		for _, f := range fences(text) {
			language, reason, _ := strings.Cut(f.info, " ")
			switch {
			case !slices.Contains([]string{"bash", "sh", "console", ""}, language):
			case strings.HasPrefix(reason, "not run: "):
				skipped++
			case reason != "":
				t.Errorf("%s: a block is marked %q; a reason begins with \"not run: \"", page, f.info)
			case page == "commands" && language == "":
				// The flags of a command; TestCommandsPage makes them.
			case language == "":
				t.Errorf("%s: a block does not say what it is:\n%s", page, f.text)
			case language != "bash" && page != "listen" && page != "commands" && !strings.HasSuffix(page, "-transcript"):
				t.Errorf("%s: tests run what is marked as bash; this is not:\n%s", page, f.text)
			case !runs(page):
				t.Errorf("%s: no test runs\n%s", page, f.text)
			}
		}
		if skipped != notRun[page] {
			t.Errorf("%s: %d blocks are marked as not run, %d are known", page, skipped, notRun[page])
		}
		if page == "request-shape" || page == "commands" || strings.HasSuffix(page, "-transcript") {
			continue // their tests read what is indented, too
		}
		outside := text
		for _, f := range fences(text) {
			outside = strings.Replace(outside, f.text, "", 1)
		}
		for _, line := range commandLine.FindAllString(outside, -1) {
			t.Errorf("%s: a command that no test runs: %s", page, line)
		}
	}
	root := filepath.Dir(docs)
	for page, where := range elsewhere {
		files, err := filepath.Glob(filepath.Join(root, where.pkg, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(read(t, f), "func "+where.test+"(") }) {
			t.Errorf("%s: there is no %s in %s", page, where.test, where.pkg)
		}
	}
}

// TestGuides runs the commands of each guide as they stand there.
func TestGuides(t *testing.T) {
	for _, guide := range guides {
		t.Run(guide.name, func(t *testing.T) {
			for _, tool := range append([]string{"bash", "curl"}, guide.tools...) {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("%s is not installed, so the commands of the page cannot run", tool)
				}
			}
			script := strings.Join(shellBlocks(read(t, filepath.Join(filepath.Dir(folder(t)), guide.name+".md"))), "\n")
			out, err := runGuide(t, rig.Start(t, rig.Options{}), script)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			rest := out
			for _, text := range guide.prints {
				_, after, found := strings.Cut(rest, text)
				if !found {
					t.Fatalf("the commands do not print %q where they should:\n%s", text, out)
				}
				rest = after
			}
		})
	}
}

// TestGuideFailsOnARefusal is for the test above: that its scripts notice a refusal.
func TestGuideFailsOnARefusal(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	blocks := shellBlocks(read(t, filepath.Join(filepath.Dir(folder(t)), "retention.md")))
	wrong := strings.Replace(strings.Join(blocks, "\n"), `{"hours": 36}`, `{"hours": -36}`, 1)
	if out, err := runGuide(t, s, wrong); err == nil || !strings.Contains(out, "hours") {
		t.Errorf("a retention of -36 hours: %v\n%s", err, out)
	}
}

// runGuide gives a script to bash in a folder like a built clone and returns what it prints.
func runGuide(t *testing.T, s *rig.Server, script string) (string, error) {
	t.Helper()
	clone := newClone(t)
	root := filepath.Dir(filepath.Dir(folder(t)))
	for name, target := range map[string]string{"examples": filepath.Join(root, "examples"), "data": s.Data} {
		if err := os.Symlink(target, filepath.Join(clone, name)); err != nil {
			t.Fatal(err)
		}
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // the script's own receiver takes it
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail")
	cmd.Stdin, cmd.Dir = strings.NewReader(script), clone
	cmd.Env = append(environ(), "TMPDIR="+t.TempDir(), "SERVER="+s.URL, "TOKEN="+s.Token, "DATA="+s.Data, "RECEIVER="+receiver.URL, "PORT="+port,
		"PATH="+filepath.Join(clone, "bin")+":"+os.Getenv("PATH"), "GOFLAGS=")
	// A group of its own, so that what the script started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	defer func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}()
	out, err := cmd.CombinedOutput()
	return string(out), err
}
