//go:build linux

package hostile

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// addressCase is one line of ssrf-urls.json.
type addressCase struct {
	ID, Cat, URL, Expect, Why string
	DNS                       map[string]answers
	Phase                     string
	Respond                   *respond
	Env                       map[string]string
	Config                    struct {
		AllowCIDRs    []string `json:"allow_cidrs"`
		NAT64Prefixes []string `json:"nat64_prefixes"`
	}
	Sink string
}

// addresses is the world of TestHostileAddresses.
type addresses struct {
	root    *testing.T // owns the servers
	ca      *authority
	env     []string
	names   *resolver
	canary  *canary
	syns    *synRecorder
	deny    []netip.Prefix
	servers map[string]*target // by configuration
}

// target is a running server with a tenant.
type target struct {
	*rig.Server
	api       *rig.API
	app       string // with one endpoint, that updates are tried on
	endpoint  string
	received  string // path of the endpoints of a source
	apiSocket netip.AddrPort
}

const safeURL = "https://hooks.example.com/base"

// TestHostileAddresses gives every URL of the collection to a server in a network in
// which all addresses exist: what must be refused is refused and leaves nothing; what
// must not be dialled is not dialled, by the record of every SYN on the wire; what is
// harmless is delivered.
func TestHostileAddresses(t *testing.T) {
	needAlone(t)
	var file struct {
		Format struct {
			DenyPrefixes []string `json:"deny_prefixes"`
			About        string
			Expect       map[string]string
			Policy       string
			BadPorts     string `json:"bad_ports"`
			Harness      string
		}
		Count int
		Cases []addressCase
	}
	readReference(t, "ssrf-urls.json", &file)
	if len(file.Cases) != file.Count || file.Count < 112 {
		t.Fatalf("read %d cases, the file says %d", len(file.Cases), file.Count)
	}
	w := &addresses{root: t, ca: newAuthority(t, "hookloft test"), servers: map[string]*target{}}
	w.env = w.ca.env(t)
	for _, text := range file.Format.DenyPrefixes {
		if p, err := netip.ParsePrefix(text); err == nil { // the last line is prose
			w.deny = append(w.deny, p)
		}
	}
	w.names, w.canary, w.syns = startResolver(t), startCanary(t, w.ca), startSynRecorder(t)
	w.checkHarness(t)
	for _, c := range file.Cases {
		t.Run(c.ID+"_"+c.Cat, func(t *testing.T) { w.run(t, c) })
	}
	t.Logf("%d cases", len(file.Cases))
}

// checkHarness proves that a forbidden connection would be seen, and that the canary
// plays any address.
func (w *addresses) checkHarness(t *testing.T) {
	t.Helper()
	c, err := net.DialTimeout("tcp", "10.0.0.5:443", 20*time.Second)
	if err != nil {
		t.Fatalf("the canary does not play 10.0.0.5: %v", err)
	}
	c.Close()
	to := netip.MustParseAddrPort("10.0.0.5:443")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if slices.Contains(w.syns.take(), to) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection to 10.0.0.5 was not recorded")
		}
	}
}

// server returns a server with the case's configuration, started once.
func (w *addresses) server(t *testing.T, c addressCase) *target {
	t.Helper()
	args := []string{"--allow-http=false", "--egress-allow=" + strings.Join(c.Config.AllowCIDRs, ","),
		"--egress-nat64=" + strings.Join(c.Config.NAT64Prefixes, ",")}
	env := slices.Clone(w.env)
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	key := fmt.Sprint(args, c.Env)
	if s := w.servers[key]; s != nil {
		return s
	}
	s := &target{Server: rig.Start(w.root, rig.Options{Args: args, Env: env})}
	s.api = newTenant(t, s.Server, "addresses")
	s.app = s.api.MustCreateApp(t, "base")
	s.endpoint = s.api.MustCreateEndpoint(t, s.app, rig.EndpointIn{URL: safeURL})
	_, source, _ := s.source(t, "base")
	s.received = source + "/endpoint"
	s.apiSocket = netip.MustParseAddrPort(strings.TrimPrefix(s.URL, "http://"))
	w.servers[key] = s
	return s
}

func (w *addresses) run(t *testing.T, c addressCase) {
	s := w.server(t, c)
	url := strings.ReplaceAll(c.URL, "{{API_PORT}}", fmt.Sprint(s.apiSocket.Port()))
	for name, a := range c.DNS {
		for i, ip := range a.A {
			a.A[i] = strings.ReplaceAll(ip, "{{SELF_PUBLIC_IP}}", rig.OwnPublicIP)
		}
		c.DNS[name] = a
	}
	w.names.set(c.DNS)
	w.canary.respond(c.Respond)
	w.canary.take()
	w.syns.take()
	if c.Sink == "transform_fetch" {
		s.scriptReachesNothing(t, url)
	} else if c.Sink == "oauth2_token_url" {
		s.tokenServerIsBlocked(t, url)
	} else if c.Expect == "reject" {
		s.refuses(t, c, url)
	} else {
		w.deliver(t, s, c, url)
	}
	w.judgeSyns(t, s)
}

// scriptReachesNothing runs scripts that try to open the URL by every name that engines have
// for it. Each must fail for want of that name.
func (s *target) scriptReachesNothing(t *testing.T, url string) {
	t.Helper()
	for _, try := range []string{
		"fetch(%q)", "new XMLHttpRequest().open('GET', %q)", "new WebSocket(%q)", "require('http').get(%q)", "std.urlGet(%q)", "os.open(%q, 0)", "new Worker(%q)", "importScripts(%q)",
	} {
		in := map[string]any{"code": "function handler(webhook) { " + fmt.Sprintf(try, url) + " }", "eventType": "a.b", "payload": map[string]any{}}
		status, body, err := s.api.Do(http.MethodPost, "/api/v1/app/"+s.app+"/endpoint/"+s.endpoint+"/transformation/simulate", in)
		if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "ReferenceError") {
			t.Errorf("%s: %d %v %.300s", try, status, err, body)
		}
	}
}

// tokenServerIsBlocked publishes to an endpoint whose access token would come from url.
func (s *target) tokenServerIsBlocked(t *testing.T, url string) {
	t.Helper()
	app := s.api.MustCreateApp(t, "oauth")
	endpoint := s.api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: safeURL})
	in := map[string]any{"tokenUrl": url, "clientId": "id", "clientSecret": "secret", "grantType": "clientCredentials", "authMethod": "clientSecretBasic"}
	if status, body, err := s.api.Do(http.MethodPut, "/api/v1/app/"+app+"/endpoint/"+endpoint+"/oauth", in); err != nil || status != http.StatusNoContent {
		t.Fatalf("oauth: %d %v %s", status, err, body)
	}
	message := map[string]any{"eventType": "a.b", "payload": map[string]any{}}
	if status, body, err := s.api.Do(http.MethodPost, "/api/v1/app/"+app+"/msg", message); err != nil || status != http.StatusAccepted {
		t.Fatalf("publish: %d %v %s", status, err, body)
	}
	var body []byte
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, body, _ = s.api.Do(http.MethodGet, "/api/v1/app/"+app+"/attempt/endpoint/"+endpoint, nil); strings.Contains(string(body), "oauth_token") {
			return
		}
	}
	t.Errorf("no attempt failed for want of a token: %s", body)
}

// judgeSyns fails the test when the server dialled what nobody may dial. The test's
// own calls to the API are on the wire too.
func (w *addresses) judgeSyns(t *testing.T, s *target) {
	t.Helper()
	for _, to := range w.syns.take() {
		if to == s.apiSocket {
			continue
		}
		ip := to.Addr().Unmap()
		forbidden := ip.String() == rig.OwnPublicIP
		for _, p := range w.deny {
			forbidden = forbidden || p.Contains(ip)
		}
		if forbidden {
			t.Errorf("a connection to %s was begun", to)
		}
	}
}

// refuses offers the URL through every operation that takes one. Each must answer
// 4xx with a reason in JSON, and nothing may be stored.
func (s *target) refuses(t *testing.T, c addressCase, url string) {
	base := "/api/v1/app/" + s.app + "/endpoint"
	before := s.endpoints(t)
	for _, sink := range []struct{ method, path string }{
		{http.MethodPost, base},
		{http.MethodPut, base + "/" + s.endpoint},
		{http.MethodPatch, base + "/" + s.endpoint},
		{http.MethodPut, base + "/not-there-yet"},
		{http.MethodPost, s.received},
		{http.MethodPut, s.received + "/not-there-yet"},
		{http.MethodPost, "/api/v1/operational-webhook/endpoint"},
	} {
		status, body, err := s.api.Do(sink.method, sink.path, map[string]string{"url": url})
		if err != nil {
			t.Errorf("%s %s: %v", sink.method, sink.path, err)
			continue
		}
		if status == http.StatusNotImplemented && strings.Contains(sink.path, "operational") {
			continue // later work: an operational webhook cannot be made at all
		}
		if status/100 != 4 || !isErrorBody(status, body) {
			t.Errorf("%s: %s %s answers %d: %.200s", c.Why, sink.method, sink.path, status, body)
		}
	}
	if after := s.endpoints(t); after != before {
		t.Errorf("endpoints were\n%s\nand are\n%s", before, after)
	}
}

// endpoints is the whole lists of the base application and the base source, as text to compare.
func (s *target) endpoints(t *testing.T) (text string) {
	t.Helper()
	for _, path := range []string{"/api/v1/app/" + s.app + "/endpoint", s.received} {
		status, body, err := s.api.Do(http.MethodGet, path+"?limit=250", nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("list endpoints: status %d, %v", status, err)
		}
		text += string(body) + "\n"
	}
	return text
}

// deliver creates an endpoint, publishes to it and judges the attempt.
func (w *addresses) deliver(t *testing.T, s *target, c addressCase, url string) {
	var app, base string
	var publish func() (int, error)
	if c.Sink == "ingest_destination" {
		app, base, publish = s.source(t, c.ID)
	} else {
		app = s.api.MustCreateApp(t, c.ID)
		base = "/api/v1/app/" + app
		publish = func() (int, error) {
			status, _, err := s.api.Publish(app, rig.MessageIn{EventType: "hostile.address", Payload: json.RawMessage(`{"a":1}`)})
			return status, err
		}
	}
	status, body, err := s.api.Do(http.MethodPost, base+"/endpoint", map[string]string{"url": url})
	if err != nil {
		t.Fatal(err)
	}
	if status/100 == 4 && isErrorBody(status, body) && (c.Expect == "block" || c.Expect == "safe") {
		t.Logf("%s: refused at creation", c.Why)
		return
	}
	if status != http.StatusCreated {
		t.Fatalf("%s: create answers %d: %.300s", c.Why, status, body)
	}
	var endpoint struct{ ID string }
	if err := json.Unmarshal(body, &endpoint); err != nil {
		t.Fatal(err)
	}
	deliveries := 1
	if c.Phase == "create_then_deliver" {
		// The first answer of the sequence belongs to the moment of creation.
		w.names.skip(c.DNS)
	}
	for _, a := range c.DNS {
		// One delivery for each answer, so that every turn of the name is seen.
		deliveries = max(deliveries, len(a.Seq))
	}
	for range deliveries {
		if status, err := publish(); err != nil || status/100 != 2 {
			t.Fatalf("publish: status %d, %v", status, err)
		}
	}
	list, err := awaitAttempts(s.api, app, endpoint.ID, deliveries, attemptTimeout+30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != deliveries {
		t.Fatalf("%s: %d attempts, want %d", c.Why, len(list), deliveries)
	}
	hits := w.canary.take()
	a := list[0]
	t.Logf("%s: %v", c.Why, a)
	switch c.Expect {
	case "block":
		for _, a := range list {
			if a.Status == 0 || a.ResponseStatusCode != 0 || a.Hookloft.Reason != "blocked_private" {
				t.Errorf("want a failure for blocked_private: %v", a)
			}
		}
		if len(hits) > 0 {
			t.Errorf("requests arrived: %v", hits)
		}
	case "safe":
		// Any outcome; the wire is judged by the caller.
	case "no_follow":
		if a.Status == 0 || a.ResponseStatusCode != c.Respond.Status || len(hits) != 1 {
			t.Errorf("want one request and a failure with %d: %v, %v", c.Respond.Status, a, hits)
		}
		if !strings.Contains(strings.ToLower(strings.Join(a.Hookloft.ResponseHeaders, "\n")), "location: "+c.Respond.Location) {
			t.Errorf("the location is not recorded: %v", a.Hookloft.ResponseHeaders)
		}
	case "allow":
		if a.Status != 0 || len(hits) != 1 {
			t.Errorf("want one request and a success: %v, %v", a, hits)
		}
	default:
		t.Fatalf("expectation %q is not known here", c.Expect)
	}
}

// source makes a source, of which a case's URL may be an endpoint. It returns the
// internal application, the path below which endpoints are made, and what sends a webhook.
func (s *target) source(t *testing.T, name string) (app, base string, send func() (int, error)) {
	t.Helper()
	status, body, err := s.api.Do(http.MethodPost, "/ingest/api/v1/source", map[string]string{"name": name, "type": "generic-webhook"})
	var source struct{ ID, IngestURL string }
	if err != nil || status != http.StatusCreated || json.Unmarshal(body, &source) != nil {
		t.Fatalf("create a source: status %d, %v: %.300s", status, err, body)
	}
	var settings struct{ ApplicationID string }
	if err := get(s.api, "/x/v1/source/"+source.ID+"/settings", &settings); err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(source.IngestURL, "/in/")
	return settings.ApplicationID, "/ingest/api/v1/source/" + source.ID, func() (int, error) {
		status, _, err := s.api.Do(http.MethodPost, "/in/"+token, map[string]int{"a": 1})
		return status, err
	}
}
