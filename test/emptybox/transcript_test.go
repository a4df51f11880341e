//go:build unix

package emptybox

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// giveaways are what must not stand in a page for everybody: secrets, URLs with a token,
// places on the machine of whoever ran it. What transcript.py writes in their stead is
// too short, or has the wrong characters, to be one.
var giveaways = map[string]*regexp.Regexp{
	"a signing secret":   regexp.MustCompile(`whs(ec|k)_[A-Za-z0-9+/=_]{8,}`),
	"a token of the API": regexp.MustCompile(`\bhl_[a-z_]+_[A-Za-z0-9]{8,}|Bearer [A-Za-z0-9._-]{8,}`),
	"a URL's token":      regexp.MustCompile(`/in/[A-Za-z0-9_-]{12,}`),
	"a signature or key": regexp.MustCompile(`\b[0-9a-fA-F]{32,}\b|[A-Za-z0-9+/]{40,}=`),
	"a private key":      regexp.MustCompile(`PRIVATE KEY`),
	"an id of a run":     regexp.MustCompile(`\b[a-z]{2,8}_[0-9A-Za-z]{20,}\b`),
	"a machine's path":   regexp.MustCompile(`/(home|root|work|Users|var|opt|mnt|usr)/|/tmp/tmp\.`),
	"a port of a run":    regexp.MustCompile(`(localhost|127\.0\.0\.1|port)[: ](1[5-9]|[2-6]\d)\d{3}\b`),
	"a time of a run":    regexp.MustCompile(`\bt=\d{10}\b|\d{4}-\d\d-\d\dT\d\d:`),
}

// pages has, for each committed page, its main steps in their order, each with what shows
// that it went well.
var pages = map[string][]string{
	"receiving-transcript.md": {
		"not a dynamic executable", "nobody   /hookloft serve", "--tls-cert",
		"\n## Who signs\n", "package stripe", "https://localhost:8443/in/TOKEN-1\n",
		"Stripe-Signature: t=UNIX,v1=SIGNATURE\n", "\n200\n", "the same bytes\n", "the same bytes\n",
		"POST /payments/eu?team=bread HTTP/1.1\n", "Webhook-Signature: v1,SIGNATURE\n", "openssl: genuine\n",
		"\n## The same event once more", "\n200\n", "\n200\n", `{"id":"msg_1",`,
		"\n401\n", "the tolerance is 300 s", "no signature matches",
		"$ services_down\n", "\n200\n200\n200\n", "$ stop KILL", "exit code 137\n", "$ serve ", "$ services_up\n",
		"$ once payments\n      1 Webhook-Id: msg_1\n      1 Webhook-Id: msg_2\n      1 Webhook-Id: msg_3\n      1 Webhook-Id: msg_4\n$ once ledger\n",
		"evt_1\tinvoice.paid\n", "exit code 1\n", "exit code 2\n", "$ hookloft source delete",
	},
	"sending-transcript.md": {
		"exit code 4\n", "$ hookloft login --server", "token:        accepted (profile default)", "exit code 2\n", "exit code 1\n",
		"certificate signed by unknown authority", "$ hookloft doctor", "$ hookloft apply --file /tmp/shop.yaml --yes\n", "done: 3 changes\n",
		"$ hookloft app create Kiosk", "$ hookloft endpoint create shop", "--wait", "openssl: genuine\n", "$ hookloft why", "Delivered to 1 endpoint.",
		"$ hookloft replay shop/broken --since 1h --dry-run\n5 failed messages", "STATUS:    finished\n", "DONE:      5/5\n", "STATUS:    cancelled\n", "exit code 6\n",
		`["invoice.paid","success",200]`, "$ hookloft listen --app shop", "openssl: genuine\n", "$ end_beside 0\n",
		"{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n{\"n\": 4}\n{\"n\": 5}\n", "$ hookloft event-types export", "$ hookloft import", "$ hookloft event-types import",
		"messages copied", "$ hookloft api GET", "$ hookloft prune", "forgot profile default\n",
	},
	"shaping-transcript.md": {
		"$ hookloft login --server", "function handler(webhook)", "$ hookloft transform run", "console: amount 5\n", "the script did not end in time\nexit code 1\n",
		"SyntaxError", "$ hookloft transform set forge/billing", `{"text":"Forge: 5 EUR","at":"invoice.paid"}`, "openssl: genuine\n",
		"nobody   /hookloft sandbox-of-transformations\n", "TZ=UTC\n", "Max open files            0 ", "TypeError", "decided not to send", "transform_timeout\n", "repaired",
		"$ hookloft filter test", "exit code 6\n", "does not want this message", "$ hookloft connector use forge/chat slack", "Paid: 5 EUR by ",
		"$ hookloft credentials set forge/vault --basic shop", "shop:...\n", "127.0.0.2\n", "certificate required", "CN=client",
		"$ hookloft endpoint order forge/erp", `[{"n":1},{"n":2},{"n":3}]`, "retrying", "$ hookloft destination skip",
		"$ hookloft poll forge feed", `["comment.new",{"text":"first"}]`, `["comment.new",{"text":"second"}]`, "want integer", "[redacted]",
		"$ hookloft endpoint verify forge/polite", "$ hookloft pause forge/billing", "they move house", "$ hookloft resume forge/billing", "$ hookloft endpoint latest",
	},
}

// TestTranscripts: the committed pages are of a whole run, the one of receiving with a
// package of Stripe's own as the signer, and give nothing away.
func TestTranscripts(t *testing.T) {
	for name, steps := range pages {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		page := string(text)
		for what, pattern := range giveaways {
			if found := pattern.FindString(page); found != "" {
				t.Errorf("%s has %s in it: %q", name, what, found)
			}
		}
		rest := page
		for _, step := range steps {
			_, after, found := strings.Cut(rest, step)
			if !found {
				t.Fatalf("%s lacks %q, or has it too early", name, step)
			}
			rest = after
		}
	}
}

// TestGiveawaysAreFound is the control of TestTranscript: each kind is found where it is,
// and transcript.py replaces it or refuses to write the page.
func TestGiveawaysAreFound(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed, so no transcript can be made")
	}
	for what, line := range map[string]string{
		"a signing secret":   "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
		"a token of the API": "hl_sk_cYZgYL3WdbW6OLR4JkGw9qUzQGoaZeJV4SCCEDRa0JoF4w",
		"a URL's token":      "https://localhost:8443/in/1aadEdlv7JyLtJ3ZmuuqC41pgltvenWGZjVl5ktEcUOp",
		"a signature or key": "sha256=395cf67489d718d725def8ba85017d17179cbd3051a111fc5bf18d713bf56de4",
		"a private key":      "-----BEGIN PRIVATE KEY-----",
		"an id of a run":     "msg_3MOsCX4Q2OVEEUaLzKmIEFR9CO3",
		"a machine's path":   "/home/zoe/hookloft/docs",
		"a port of a run":    "https://127.0.0.1:28817/payments",
		"a time of a run":    "Stripe-Signature: t=1795232820",
	} {
		if giveaways[what].FindString(line) == "" {
			t.Errorf("%s is not found in %q", what, line)
		}
		record := filepath.Join(t.TempDir(), "record")
		if err := os.WriteFile(record, []byte("\x01A step\n\x02$ show it\n\x02"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		// An error is a refusal, which is as good as a replacement.
		out, err := exec.CommandContext(t.Context(), python, "transcript.py", record).Output()
		if err == nil && (!strings.Contains(string(out), "$ show it\n") || giveaways[what].Match(out)) {
			t.Errorf("%s: transcript.py writes:\n%s", what, out)
		}
	}
}
