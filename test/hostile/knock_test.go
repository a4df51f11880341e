//go:build unix

package hostile

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// wrongMethods, wrongTargets and wrongHeaders are nonsense in the request line and the headers
// of a webhook. What follows the token in its URL is wrongTargets.
var (
	wrongMethods = []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post", "P OST", "", "\x00", "M-SEARCH",
		strings.Repeat("A", 5000)}
	wrongTargets = []string{"/", "//", "/..", "/../..", "/./", "/%2e%2e/%2e%2e", "/..%2f..", "/..;/x", "/..;x=y", "/%00", "/\x00", "/%", "/%zz", "/a b", `/\`, "/%5c..",
		"/;", "/:", "/@", "/*", "/\xff\xfe", "/%ff%fe", "/\u202e", "/#x", "#x", "/?", "?", "??", "?=", "?&&&", "?a=%00", "?a=\x00", "?%zz=%", "?a=b#c", "?\xff",
		"?a=" + strings.Repeat("b", 13_000), "?" + strings.Repeat("a=b&", 3500), "/" + strings.Repeat("a/", 7000), "/" + strings.Repeat("a", 20_000),
		"x", "%20", "%00", "%2f", "A"}
	headersOfNonsense = []string{"Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect", "Host", "Connection", "Upgrade", "TE", "Trailer",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "X-HTTP-Method-Override", "Authorization", "Cookie", "Range", "Accept",
		"Accept-Encoding", "If-None-Match", "Idempotency-Key", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "X-Hub-Signature", "X-Hub-Signature-256", "X-GitHub-Event",
		"X-GitHub-Delivery", "X-Hookloft-Source", "Date", "", "a b", "\x00", "\xff", "X-\u00e9"}
	wrongHeaders = []string{"", " ", "x", "\x00", "\xff\xfe", ",", ";", "=", "sha256=", "sha256=zz", "\"", "'", "-1", "0", "1e10", "99999999999999999999", "../..", "chunked", "gzip",
		"100-continue", "close, x, keep-alive", "text/html; charset=\x00", "multipart/form-data", "application/x-www-form-urlencoded; charset=utf-16", "for=\"[::1\"", "1.2.3.4, ::1%eth0",
		"\t\x0b", "a\r\n b", "\u202e", "${jndi:ldap://127.0.0.1/a}", "Basic Og==", strings.Repeat("v", 9000)}
	// bodiesOfNonsense are bodies that some reader behind a media type may not survive.
	bodiesOfNonsense = map[string]string{
		"application/json": `{"a":` + strings.Repeat(`[`, 50_000), "text/json": "\xff\xfe{\x00}\x00", "application/json; charset=utf-16": "{}\x00",
		"text/xml":                          `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><x>&c;</x>`,
		"application/xml":                   `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>`,
		"application/soap+xml":              strings.Repeat("<a>", 50_000),
		"application/x-www-form-urlencoded": "a=%zz&%=%&=&&" + strings.Repeat("a=b&", 50_000) + "mandrill_events=[[[",
		"multipart/form-data":               "--\r\n", "multipart/form-data; boundary=x": "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\x00\xff",
		"multipart/mixed; boundary=\"\"": "----", "text/plain": "\x00\x01\xff", "": "\x1f\x8b\x08", "a/b/c; ;=": "x", "application/cloudevents-batch+json": `[null,1,{"id":{}}]`,
		"application/octet-stream": strings.Repeat("\x00", 100_000),
	}
)

// TestDoorSurvivesNonsense sends webhooks with nonsense in each place: the method, what
// follows the URL, the headers, the body; to a source at which anybody may knock, to one
// that verifies, and, signed, to one that looks into bodies by every rule there is. Nothing
// may answer 5xx, take long or show a secret. What is refused is not stored, and what is
// stored was answered with success.
func TestDoorSurvivesNonsense(t *testing.T) {
	w := newWorld(t)
	picky := w.openDoor(t, w.a, "door-picky", "github", "secret of the picky one", map[string]any{
		"methods": []string{"POST", "PUT"}, "split": true,
		"dedupe":   map[string]any{"by": "body", "name": "a.b.0.c"},
		"stale":    map[string]any{"afterSeconds": 60},
		"validate": map[string]any{"utf8": true, "syntax": "json", "maxDepth": 20, "schema": map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"pattern": "^(a|a)*$"}}}},
	})
	w.doors["picky"] = picky
	xml := w.openDoor(t, w.a, "door-xml", "generic-webhook", "", map[string]any{
		"dedupe": map[string]any{"by": "header", "name": "X-Id"}, "validate": map[string]any{"syntax": "xml", "maxDepth": 50}})
	w.doors["xml"] = xml
	k := knocks{world: w, statuses: map[int]int{}, accepted: map[string]int{}}
	for _, op := range []string{"generic", "ingest.github", "ingest.standard", "ingest.twitter", "picky", "xml"} {
		t.Run(op, func(t *testing.T) { k.knockAt(t, op) })
	}
	t.Run("every_provider", k.everyProvider)
	t.Logf("%d requests, statuses %v, the slowest took %v (%s)", k.calls, k.statuses, k.slowest, k.slowestCall)
	for op, d := range w.doors {
		if got := len(w.messagesOf(t, w.a, d)); got != k.accepted[op] {
			t.Errorf("%s: %d messages are stored, the counts say that %d were accepted", op, got, k.accepted[op])
		}
	}
	if k.accepted["ingest.github"]+k.accepted["ingest.standard"]+k.accepted["ingest.twitter"] != 0 {
		t.Errorf("forged webhooks were accepted: %v", k.accepted)
	}
	if k.accepted["generic"] == 0 || k.accepted["picky"] == 0 || k.accepted["xml"] == 0 {
		t.Errorf("nothing was accepted where something should be: %v", k.accepted)
	}
	for deadline := time.Now().Add(30 * time.Second); w.sink.count() < k.accepted["generic"]+k.accepted["picky"]+k.accepted["xml"] && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	w.sink.mu.Lock()
	t.Logf("%d webhooks were forwarded", len(w.sink.bodies))
	for _, fault := range w.sink.faults {
		t.Error(fault)
	}
	w.sink.mu.Unlock()
	w.judgeSecrets(t)
	if status, body, err := w.a.api.Do(http.MethodGet, "/readyz", nil); err != nil || status != http.StatusOK {
		t.Errorf("the server is not ready afterwards: status %d, %v: %s", status, err, body)
	}
}

// knocks makes requests at doors and keeps the figures.
type knocks struct {
	*world
	calls       int
	statuses    map[int]int
	succeeded   int            // of the door at hand: answers with success
	accepted    map[string]int // by door: what the counts say
	slowest     time.Duration
	slowestCall string
}

// knockAt sends all nonsense to a door, and compares its counts with the answers.
func (k *knocks) knockAt(t *testing.T, op string) {
	d := k.doors[op]
	k.succeeded = 0
	for n, method := range wrongMethods {
		k.raw(t, d, method, "", "X-N: 1\r\n", fmt.Sprintf(`{"m":%d}`, n))
	}
	for n, target := range wrongTargets {
		for _, method := range []string{"POST", "GET"} {
			k.raw(t, d, method, target, "", fmt.Sprintf(`{"t":%d}`, n))
		}
	}
	for _, name := range headersOfNonsense {
		for n, value := range wrongHeaders {
			k.raw(t, d, "POST", "", name+": "+value+"\r\n", fmt.Sprintf(`{"h":%q,"n":%d}`, name, n))
		}
	}
	for contentType, body := range bodiesOfNonsense {
		k.raw(t, d, "POST", "", "Content-Type: "+contentType+"\r\n", body)
		k.raw(t, d, "POST", "", "Content-Encoding: gzip\r\nContent-Type: "+contentType+"\r\n", body)
		k.raw(t, d, "POST", "", "Content-Encoding: gzip\r\nContent-Type: "+contentType+"\r\n", zipped(body))
	}
	for n, body := range append(slices.Clone(wrongBodies), `{"a":"`+strings.Repeat("a", 100_000)+`b"}`, `{"a":{"b":[{"c":{}}]}}`, `{"a":{"b":[{"c":"`+strings.Repeat("x", 100_000)+`"}]}}`, `<a/>`) {
		k.raw(t, d, "POST", "", fmt.Sprintf("X-Id: %d\r\nContent-Type: application/json\r\n", n), body)
	}
	var totals struct {
		Totals struct{ Accepted, Duplicate, Handshake, Rejected int }
	}
	// Counts are gathered for a second before they are saved.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if err := get(k.a.api, "/x/v1/source/"+d.id+"/stats", &totals); err != nil {
			t.Fatal(err)
		}
		if c := totals.Totals; c.Accepted+c.Duplicate+c.Handshake >= k.succeeded && c.Rejected > 0 || time.Now().After(deadline) {
			break
		}
	}
	c := totals.Totals
	k.accepted[op] = c.Accepted
	t.Logf("counted: %+v", c)
	if c.Accepted+c.Duplicate+c.Handshake != k.succeeded {
		t.Errorf("%d requests were answered with success, the counts are %+v", k.succeeded, c)
	}
}

// raw sends one request as bytes. Doors that verify get a signature that is right where
// they are to look further, and a forged one else.
func (k *knocks) raw(t *testing.T, d door, method, target, headers, body string) {
	t.Helper()
	signature := strings.Repeat("0", 64)
	if d == k.doors["picky"] {
		mac := hmac.New(sha256.New, []byte(d.secret))
		mac.Write([]byte(body))
		signature = hex.EncodeToString(mac.Sum(nil))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\n", method, d.path, target)
	if !strings.HasPrefix(headers, "Host:") {
		b.WriteString("Host: h\r\n")
	}
	fmt.Fprintf(&b, "Connection: close\r\nAuthorization: Bearer %s\r\n%s", k.a.api.Token, headers)
	if !strings.HasPrefix(headers, "X-Hub-Signature-256:") {
		fmt.Fprintf(&b, "X-Hub-Signature-256: sha256=%s\r\n", signature)
	}
	if !strings.HasPrefix(headers, "Content-Length:") && !strings.HasPrefix(headers, "Transfer-Encoding:") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	if strings.HasPrefix(headers, "Transfer-Encoding:") {
		b.WriteString("\r\n\r\n") // the end of a chunk's head: nobody shall wait for it
	}
	text := []byte(b.String())
	k.judge(t, fmt.Sprintf("%.40q %.80q %.120q %.80q", method, target, headers, body), d, func() answer { return k.rawCall(text) })
}

func (k *knocks) judge(t *testing.T, what string, d door, call func() answer) {
	t.Helper()
	a := call()
	k.calls++
	k.statuses[a.status]++
	if a.took > k.slowest {
		k.slowest, k.slowestCall = a.took, what
	}
	switch {
	case a.status == 0 && a.took > callTimeout/2:
		t.Errorf("%s: no answer in %v: %v", what, a.took, a.err)
	case a.status == http.StatusNotImplemented && string(a.body) == "Unsupported transfer encoding":
		// net/http, as RFC 9112 section 6.1 asks for.
	case a.status >= 500:
		t.Errorf("%s: answer %d: %.300s", what, a.status, a.body)
	case a.status/100 == 3:
		t.Errorf("%s: answer %d to %s", what, a.status, a.header.Get("Location"))
	case a.status/100 == 4 && !a.byTransport() && len(a.body) > 0 && !isErrorBody(http.StatusBadRequest, a.body): // one form for all
		t.Errorf("%s: answer %d without code and detail: %.300s", what, a.status, a.body)
	case a.status/100 == 2:
		k.succeeded++
	}
	checkLeaks(t, a.body, d.secret, d.token(), k.a.api.Token)
}

// everyProvider opens a door for each type that needs no more than a secret, and knocks
// at each. Which of them verify is for the vectors to say; here nothing may break.
func (k *knocks) everyProvider(t *testing.T) {
	var list struct{ Data []struct{ Name string } }
	if err := get(k.a.api, "/x/v1/provider", &list); err != nil {
		t.Fatal(err)
	}
	opened := 0
	for _, p := range list.Data {
		var source struct{ ID, IngestURL string }
		for _, config := range []string{`{}`, `{"secret":"` + plantedSecret + `"}`} {
			in := json.RawMessage(fmt.Sprintf(`{"name":%q,"type":%q,"config":%s}`, "every "+p.Name, p.Name, config))
			status, body, err := k.a.api.Do(http.MethodPost, "/ingest/api/v1/source", in)
			if err != nil {
				t.Fatal(err)
			}
			if status != http.StatusCreated {
				continue
			}
			if err := json.Unmarshal(body, &source); err != nil {
				t.Fatal(err)
			}
			opened++
			_, token, _ := strings.Cut(source.IngestURL, "/in/")
			d := door{id: source.ID, path: "/in/" + token, secret: plantedSecret}
			for contentType, body := range bodiesOfNonsense {
				k.raw(t, d, "POST", "", "Content-Type: "+contentType+"\r\n", body)
			}
			for _, body := range wrongBodies {
				k.raw(t, d, "POST", "/x?y=z", "Content-Type: application/json\r\n", body)
			}
			for _, query := range []string{"", "?challenge=%00", "?hub.mode=subscribe&hub.challenge=%0d%0aX:y&hub.verify_token=", "?validationToken=<script>", "?crc_token={}", "?a=b"} {
				for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
					k.raw(t, d, method, query, "", "")
				}
			}
		}
	}
	t.Logf("%d sources of %d providers were opened", opened, len(list.Data))
	if opened < 40 {
		t.Errorf("%d sources of %d providers could be opened", opened, len(list.Data))
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // a buffer takes everything
	_ = z.Close()
	return b.String()
}
