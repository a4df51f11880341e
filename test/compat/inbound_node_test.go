//go:build unix

package compat

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

// nodeFolder holds a script that calls the providers' npm packages, and their versions.
var nodeFolder = filepath.Join("node", "inbound")

// node is a running inbound.mjs. Calls are for one goroutine.
type node struct {
	in  io.Writer
	out *bufio.Scanner
}

type nodeCall struct {
	Do     string            `json:"do"`
	SDK    string            `json:"sdk"`
	Secret string            `json:"secret"`
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
	Unix   int64             `json:"unix"`
}

// startNode installs the packages if need be and starts the script. It skips the test
// where there is no Node.js, or the registry cannot be reached.
func startNode(t *testing.T) *node {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the providers' npm packages cannot run", tool)
		}
	}
	installInbound(t)
	// Not the test's context, which ends before the script is told to.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, "node", "inbound.mjs")
	cmd.Dir = nodeFolder
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // the script ends with its input
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("inbound.mjs: %v", err)
		}
		cancel()
	})
	return &node{in, bufio.NewScanner(out)}
}

func installInbound(t *testing.T) {
	t.Helper()
	// npm writes this file last; a folder without it is half installed, or of older versions.
	installed, err := os.Stat(filepath.Join(nodeFolder, "node_modules", ".package-lock.json"))
	wanted, wantedErr := os.Stat(filepath.Join(nodeFolder, "package-lock.json"))
	if wantedErr != nil {
		t.Fatal(wantedErr)
	}
	if err == nil && !installed.ModTime().Before(wanted.ModTime()) {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "npm", "ping").CombinedOutput(); err != nil {
		t.Skipf("the npm registry cannot be reached, so the providers' packages cannot be installed: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = nodeFolder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

func (n *node) call(do, sdk, secret string, r webhook.Request, at time.Time) (header map[string]string, err error) {
	line, err := json.Marshal(nodeCall{do, sdk, secret, r.Method, r.URL, lowerHeader(r.Header), string(r.Body), at.Unix()})
	if err != nil {
		return nil, err
	}
	if _, err := n.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if !n.out.Scan() {
		return nil, fmt.Errorf("inbound.mjs ended: %w", errors.Join(n.out.Err(), io.ErrUnexpectedEOF))
	}
	var out struct {
		Header         map[string]string
		Refused, Error string
	}
	if err := json.Unmarshal(n.out.Bytes(), &out); err != nil {
		return nil, err
	}
	switch {
	case out.Error != "":
		panic(out.Error) // a mistake of this test, which must not pass for a refusal
	case out.Refused != "":
		return nil, fmt.Errorf("%w: %s", errRefused, out.Refused)
	}
	return out.Header, nil
}

// signs and judges make the two functions of an sdk.
func (n *node) signs(name string) func(secret string, r *webhook.Request, at time.Time) error {
	return func(secret string, r *webhook.Request, at time.Time) error {
		header, err := n.call("sign", name, secret, *r, at)
		for name, value := range header {
			r.Header.Set(name, value)
		}
		return err
	}
}

func (n *node) judges(name string) func(secret string, r webhook.Request) error {
	return func(secret string, r webhook.Request) error {
		_, err := n.call("verify", name, secret, r, time.Now())
		return err
	}
}

func nodeSDKs(t *testing.T, n *node) []sdk {
	list := []sdk{
		{
			name: "stripe", provider: "stripe", secret: "whsec_stripe_1", another: "whsec_stripe_2",
			signature: "Stripe-Signature", bodies: jsonBodies, sign: n.signs("stripe"),
		},
		{
			name: "@slack/bolt", provider: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", another: "0123456789abcdef0123456789abcdef",
			signature: "X-Slack-Signature", bodies: slackBodies,
		},
		{
			name: "@octokit/webhooks-methods", provider: "github", secret: "It's a Secret to Everybody", another: "mine alone",
			header:    map[string]string{"X-Github-Event": "issues", "X-Github-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
			signature: "X-Hub-Signature-256", bodies: jsonBodies, sign: n.signs("@octokit/webhooks-methods"),
		},
		{
			name: "twilio", provider: "twilio", secret: "b1c0ffee0ddba11feed0b1c0ffee0dd1", another: "12345",
			header:    map[string]string{"Content-Type": "application/x-www-form-urlencoded", "I-Twilio-Idempotency-Token": "token-1"},
			signature: "X-Twilio-Signature", sign: n.signs("twilio"),
			bodies: func(at time.Time) []string {
				return append(twilioBodies(at), "Digits=5678&Digits=1234&Digits=1234&Sid=CA123&SidAccount=AC123&Name=e")
			},
		},
		{
			name: "twilio, JSON", provider: "twilio", secret: "b1c0ffee0ddba11feed0b1c0ffee0dd1", another: "12345",
			header:    map[string]string{"I-Twilio-Idempotency-Token": "token-1"},
			signature: "X-Twilio-Signature", bodies: jsonBodies,
			sign: func(secret string, r *webhook.Request, at time.Time) error {
				sum := sha256.Sum256(r.Body) // Twilio puts it into the URL that it calls, and signs that
				r.URL += "&bodySHA256=" + hex.EncodeToString(sum[:])
				return n.signs("twilio, JSON")(secret, r, at)
			},
		},
		sendgridSDK(t, "@sendgrid/eventwebhook", nil),
		{
			name: "@shopify/shopify-api", provider: "shopify", secret: "shpss_1", another: "shpss_2",
			header: map[string]string{
				"X-Shopify-Topic": "orders/paid", "X-Shopify-Shop-Domain": "bells.example", "X-Shopify-Api-Version": "2026-07",
				"X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
			},
			signature: "X-Shopify-Hmac-Sha256", bodies: jsonBodies,
		},
		{
			name: "@paddle/paddle-node-sdk", provider: "paddle", secret: "pdl_ntfset_1", another: "pdl_ntfset_2",
			signature: "Paddle-Signature", bodies: jsonBodies,
		},
		{
			name: "svix", provider: "svix", secret: rig.Secret("one"), another: rig.Secret("two"),
			header: map[string]string{"Svix-Id": "msg_1"}, signature: "Svix-Signature", bodies: jsonBodies, sign: n.signs("svix"),
		},
		{
			name: "standardwebhooks", provider: "standard-webhooks", secret: rig.Secret("one"), another: rig.Secret("two"),
			header: map[string]string{"Webhook-Id": "msg_1"}, signature: "Webhook-Signature", bodies: jsonBodies, sign: n.signs("standardwebhooks"),
		},
		{
			name: "@hubspot/api-client", provider: "hubspot", secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", another: "zzzzzzzz-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
			settings: map[string]string{"version": "v3"}, signature: "X-Hubspot-Signature-V3", bodies: jsonBodies, sign: n.signs("@hubspot/api-client"),
		},
		{
			name: "square", provider: "square", secret: "square-key-1", another: "square-key-2",
			signature: "X-Square-Hmacsha256-Signature", bodies: jsonBodies,
		},
		{
			name: "razorpay", provider: "razorpay", secret: "rzp-1", another: "rzp-2",
			header:    map[string]string{"X-Razorpay-Event-Id": "evt_1"},
			signature: "X-Razorpay-Signature", bodies: jsonBodies,
		},
		{
			name: "@linear/sdk", provider: "linear", secret: "lin_wh_1", another: "lin_wh_2",
			header:    map[string]string{"Linear-Event": "Issue", "Linear-Delivery": "234d1a4e-b617-4388-90fe-adc3633d6b72"},
			signature: "Linear-Signature", bodies: func(at time.Time) []string {
				return []string{fmt.Sprintf(`{"action":"create","type":"Issue","data":{"title":"Zoë ☕"},"webhookTimestamp":%d,"webhookId":"w"}`, at.UnixMilli())}
			},
		},
		{
			name: "@notionhq/client", provider: "notion", secret: "secret_notion_1", another: "secret_notion_2",
			signature: "X-Notion-Signature", bodies: jsonBodies, sign: n.signs("@notionhq/client"),
		},
		{
			name: "resend", provider: "resend", secret: rig.Secret("one"), another: rig.Secret("two"),
			header: map[string]string{"Svix-Id": "msg_1"}, signature: "Svix-Signature", bodies: jsonBodies,
		},
		discordSDK(t),
	}
	for i := range list {
		list[i].judge = n.judges(list[i].name)
	}
	return list
}

// discordSDK is with keys of its own: Discord keeps the private one.
func discordSDK(t *testing.T) sdk {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, another, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return sdk{
		name: "discord-interactions", provider: "discord", secret: hex.EncodeToString(public),
		signing: privatePEM(t, private), anotherSigning: privatePEM(t, another),
		signature: "X-Signature-Ed25519", bodies: func(time.Time) []string {
			return []string{`{"version":1,"application_id":"1","type":1,"event":{"type":"ENTITLEMENT_CREATE","data":{"name":"Zoë"}}}`}
		},
	}
}
