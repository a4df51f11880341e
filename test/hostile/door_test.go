//go:build unix

package hostile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// door is a source of a tenant, and the URL at which it takes webhooks.
type door struct {
	id       string
	app      string // its internal application
	endpoint string // at the sink
	path     string // of the URL, with the token
	secret   string // what the provider signs with; "" for none
}

func (d door) token() string { return strings.TrimPrefix(d.path, "/in/") }

// ingestOps are the operations of bad-inputs.json that come from a provider, with the
// type of source that each is for.
var ingestOps = map[string]string{
	"ingest.standard": "standard-webhooks", "ingest.github": "github", "ingest.twitter": "twitter", "ingest.unknown_source": "",
}

// openDoor creates a source that forwards to the sink.
func (w *world) openDoor(t *testing.T, p tenant, name, typ, secret string, settings any) (d door) {
	t.Helper()
	in := map[string]any{"name": name, "uid": name, "type": typ}
	if d.secret = secret; secret != "" {
		in["config"] = map[string]string{"secret": secret}
	}
	var source struct{ ID, IngestURL string }
	w.must(t, p, http.MethodPost, "/ingest/api/v1/source", in, &source)
	d.id = source.ID
	_, token, _ := strings.Cut(source.IngestURL, "/in/")
	d.path = "/in/" + token
	forward := "/" + name
	signed := rig.Secret(name)
	w.sink.mu.Lock()
	w.sink.secrets[forward] = signed
	w.sink.mu.Unlock()
	var endpoint struct{ ID string }
	w.must(t, p, http.MethodPost, "/ingest/api/v1/source/"+d.id+"/endpoint", map[string]string{"url": w.sink.url + forward, "secret": signed}, &endpoint)
	d.endpoint = endpoint.ID
	var shown struct{ ApplicationID string }
	if settings == nil {
		w.must(t, p, http.MethodGet, "/x/v1/source/"+d.id+"/settings", nil, &shown)
	} else {
		w.must(t, p, http.MethodPut, "/x/v1/source/"+d.id+"/settings", settings, &shown)
	}
	d.app = shown.ApplicationID
	return d
}

// must makes a call that cannot fail.
func (w *world) must(t *testing.T, p tenant, method, path string, in, out any) {
	t.Helper()
	status, body, err := p.api.Do(method, path, in)
	if err == nil && out != nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: status %d, %v: %.300s", method, path, status, err, body)
	}
}

// openDoors gives tenant a a source for each operation, one at which anybody may knock,
// one that was deleted and one that receives nothing; tenant b has one of its own.
func (w *world) openDoors(t *testing.T) {
	t.Helper()
	w.doors = map[string]door{}
	for op, typ := range ingestOps {
		if typ != "" {
			w.doors[op] = w.openDoor(t, w.a, "door-"+typ, typ, rig.Secret("provider of "+typ), nil)
		}
	}
	w.doors["generic"] = w.openDoor(t, w.a, "door-generic", "generic-webhook", "", nil)
	deleted := w.openDoor(t, w.a, "door-deleted", "github", "deleted-secret", nil)
	w.must(t, w.a, http.MethodDelete, "/ingest/api/v1/source/"+deleted.id, nil, nil)
	var cron struct{ IngestURL string }
	w.must(t, w.a, http.MethodPost, "/ingest/api/v1/source", map[string]any{"name": "never", "type": "cron",
		"config": map[string]string{"schedule": "0 0 1 1 *", "payload": "{}"}}, &cron)
	_, token, _ := strings.Cut(cron.IngestURL, "/in/")
	w.shut = map[string]string{"deleted": deleted.path, "for schedules": "/in/" + token}
	w.b.door = w.openDoor(t, w.b, "door-b", "github", "secret-of-b", nil)
}

// ingest makes the requests of a case, and checks each answer; it returns the last.
func (w *world) ingest(t *testing.T, c inputCase, limit time.Duration) (a answer) {
	t.Helper()
	body := []byte(`{"type":"hostile.case","case":"` + c.ID + `"}`)
	steps := c.Sequence
	if steps == nil {
		steps = append(steps, struct{ Sign bool }{c.Sign})
	}
	d := w.doors[c.Op]
	if ingestOps[c.Op] == "" {
		d.path = "/in/" + randomID(44)
	}
	before := w.messagesOf(t, w.a, d)
	for _, step := range steps {
		r := outgoing{method: http.MethodPost, path: d.path, header: w.signed(t, c, d, body, step.Sign), body: body}
		a = w.quickest(limit, func() answer { return w.call(r) })
		c.check(t, w, a)
		if d.app == "" {
			w.sameAsShut(t, r, a)
		}
	}
	if c.Expect.EventsCreated == 0 {
		return a
	}
	after := w.messagesOf(t, w.a, d)
	for id := range before {
		delete(after, id)
	}
	for id := range after {
		w.accepted[id] = body
	}
	return a
}

// signed returns the headers of a webhook as the provider sends them, with those of the case.
func (w *world) signed(t *testing.T, c inputCase, d door, body []byte, sign bool) http.Header {
	t.Helper()
	now := time.Now()
	own := map[string]string{}
	if c.Headers != nil {
		own = *c.Headers
	}
	h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + w.a.api.Token}}
	set := func(name, value string) string {
		if v, ok := own[strings.ToLower(name)]; ok {
			value = v
		} else if v, ok := own[name]; ok {
			value = v
		}
		if value == "{{NOW-301}}" {
			value = strconv.FormatInt(now.Unix()-301, 10)
		}
		h.Set(name, value)
		return value
	}
	signature := ""
	switch c.Op {
	case "ingest.standard":
		// Standard Webhooks 1.0.0: the case's own id and time are what is signed.
		id, at := set("Webhook-Id", "case-"+c.ID), set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(d.secret, "whsec_"))
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
		signature = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if sign {
			set("Webhook-Signature", signature)
		}
	case "ingest.github":
		set("X-GitHub-Event", "push")
		set("X-GitHub-Delivery", "case-"+c.ID)
		if sign {
			mac := hmac.New(sha256.New, []byte(d.secret))
			mac.Write(body)
			h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		}
	}
	for name, value := range own {
		if strings.Contains(value, "{{SIG_PREFIX_10}}") {
			value = strings.ReplaceAll(value, "{{SIG_PREFIX_10}}", strings.TrimPrefix(signature, "v1,")[:10])
		}
		if value != "{{NOW-301}}" {
			h.Set(name, value)
		}
		if strings.Contains(h.Get(name), "{{") {
			t.Fatalf("header %s: %s is not known here", name, value)
		}
	}
	return h
}

// sameAsShut makes the request at URLs that were a source's, or are one's that takes
// nothing: the answers must be the same as to one that never was.
func (w *world) sameAsShut(t *testing.T, r outgoing, a answer) {
	t.Helper()
	for what, path := range w.shut {
		r.path = path
		other := w.call(r)
		a.header.Del("Date")
		other.header.Del("Date")
		if other.status != a.status || string(other.body) != string(a.body) || fmt.Sprint(other.header) != fmt.Sprint(a.header) {
			t.Errorf("a URL that never was answers %d %v %s, one that is %s %d %v %s", a.status, a.header, a.body, what, other.status, other.header, other.body)
		}
	}
}

// messagesOf returns the ids of the messages of a source.
func (w *world) messagesOf(t *testing.T, p tenant, d door) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	if d.app == "" {
		return ids
	}
	list, err := p.api.Messages(d.app)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		ids[m.ID] = true
	}
	return ids
}

// sameTimeAtTheDoor asks at URLs that are none: made up, in the shape of one, of a source
// that was deleted, and of one that takes nothing. Nobody must learn which were one.
func (w *world) sameTimeAtTheDoor(t *testing.T) {
	h := http.Header{"Content-Type": {"application/json"}}
	all := map[string]outgoing{"made up": {method: http.MethodPost, path: "/in/" + randomID(44), header: h, body: []byte("{}")}}
	for what, path := range w.shut {
		all[what] = outgoing{method: http.MethodPost, path: path, header: h, body: []byte("{}")}
	}
	w.judgeTimes(t, "made up", all)
}

// secrets are what nobody but their owner may read: keys, tokens of URLs, and what
// providers and endpoints sign with.
func (w *world) secrets() []string {
	all := []string{w.a.api.Token, w.b.api.Token, w.revoked, w.a.portal, w.b.portal, w.b.door.secret, w.b.door.token(), plantedSecret}
	for _, d := range w.doors {
		all = append(all, d.token(), d.secret)
	}
	for _, path := range w.shut {
		all = append(all, strings.TrimPrefix(path, "/in/"))
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	for _, s := range w.sink.secrets {
		all = append(all, s)
	}
	return all
}

// judgeSecrets looks for secrets in the log, in the metrics, and in what is kept of
// requests: rejected ones with their headers, messages and attempts.
func (w *world) judgeSecrets(t *testing.T) {
	t.Helper()
	texts := map[string]string{"log": w.server.LogTail(256 << 20)}
	if len(texts["log"]) == 0 {
		t.Error("there is no log to look at")
	}
	if a := w.call(outgoing{method: http.MethodGet, path: "/metrics", header: http.Header{}}); a.status == http.StatusOK {
		texts["metrics"] = string(a.body)
	} else {
		t.Errorf("GET /metrics: status %d", a.status)
	}
	kept := w.rejections(t)
	for op, d := range w.doors {
		texts["rejections of "+op] = w.text(t, w.a, "/ingest/api/v1/source/"+d.id+"/log?limit=250")
		texts["settings of "+op] = w.text(t, w.a, "/x/v1/source/"+d.id+"/settings")
		texts["stats of "+op] = w.text(t, w.a, "/x/v1/source/"+d.id+"/stats")
		texts["messages of "+op] = w.text(t, w.a, "/api/v1/app/"+d.app+"/msg?limit=250")
		texts["attempts of "+op] = w.text(t, w.a, "/api/v1/app/"+d.app+"/attempt/endpoint/"+d.endpoint+"?limit=250")
	}
	// Every request at a door carries tenant a's key in Authorization.
	if kept == 0 || !strings.Contains(texts["rejections of ingest.standard"], `"Authorization":"[withheld]"`) {
		t.Error("no rejected request with its headers was kept, so that this looks at nothing")
	}
	for what, text := range texts {
		for _, s := range w.secrets() {
			if s != "" && strings.Contains(text, s) {
				at := strings.Index(text, s)
				t.Errorf("the %s show a secret: %.300q", what, text[max(0, at-150):])
			}
		}
		if what == "log" && strings.Contains(text, "panic") {
			t.Error("the log tells of a panic")
		}
	}
	t.Logf("%d rejected requests are kept; none of %d secrets shows", kept, len(w.secrets()))
}

// rejections returns how many rejected requests are kept of all doors. They are gathered
// for a second before they are saved, so it waits until there are some.
func (w *world) rejections(t *testing.T) (n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); n == 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		for _, d := range w.doors {
			var page struct{ Data []json.RawMessage }
			if err := get(w.a.api, "/ingest/api/v1/source/"+d.id+"/log?limit=250", &page); err != nil {
				t.Fatal(err)
			}
			n += len(page.Data)
		}
	}
	return n
}
