//go:build unix

package providers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/vectors"
	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// service is what stands behind the sources: it keeps the body of each request by the
// source that forwarded it.
type service struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string][][]byte // by x-hookloft-source
}

func newService(t *testing.T) *service {
	s := &service{got: map[string][][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // broken off: nothing was delivered
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		id := r.Header.Get("X-Hookloft-Source")
		s.got[id] = append(s.got[id], body)
	}))
	t.Cleanup(s.Close)
	return s
}

// await returns what a source has forwarded, once there is something or a while has passed.
func (s *service) await(source string, patience time.Duration) [][]byte {
	deadline := time.Now().Add(patience)
	for {
		s.mu.Lock()
		got := slices.Clone(s.got[source])
		s.mu.Unlock()
		if len(got) > 0 || time.Now().After(deadline) {
			return got
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// source creates a source for a vector through the API, with a config as wire has it, and
// returns its id and URL.
func createSource(t *testing.T, api *rig.API, forward string, v *vectors.Vector, secrets []string, settings map[string]string) (id, target string, status int) {
	t.Helper()
	config := map[string]any{}
	if len(secrets) > 0 {
		config["secrets"] = secrets
	}
	for name, value := range settings {
		config[camel(name)] = value
	}
	in := map[string]any{"name": v.Provider, "type": v.Provider}
	if v.Provider == "generic" {
		in["type"] = "generic-webhook"
	}
	if len(config) > 0 || v.Provider != "generic" {
		in["config"] = config
	}
	status, body, err := api.Do(http.MethodPost, "/ingest/api/v1/source", in)
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusCreated {
		if status != http.StatusUnprocessableEntity {
			t.Fatalf("create a source: %d %s", status, body)
		}
		return "", "", status
	}
	var out struct{ ID, IngestURL string }
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(out.IngestURL)
	if err != nil {
		t.Fatal(err)
	}
	base, query := v.SplitURL()
	must(t, api, http.MethodPatch, "/x/v1/source/"+out.ID+"/settings", map[string]any{"publicUrl": base, "dedupe": map[string]any{"by": "off"}})
	must(t, api, http.MethodPost, "/ingest/api/v1/source/"+out.ID+"/endpoint", map[string]any{"url": forward})
	target = api.URL + at.Path
	if query != "" {
		target += "?" + query
	}
	return out.ID, target, status
}

func must(t *testing.T, api *rig.API, method, path string, in any) {
	t.Helper()
	status, body, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, body, err)
	}
}

// camel is a setting's name as the API has it.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

// unsigned is the vector's request for another signature. Of Standard Webhooks there are two
// families of headers, of which Sign replaces one.
func unsigned(t *testing.T, v *vectors.Vector) webhook.Request {
	h := v.Header()
	for _, name := range []string{"Webhook-Timestamp", "Webhook-Signature", "Svix-Timestamp", "Svix-Signature"} {
		h.Del(name)
	}
	return webhook.Request{Method: v.Method, URL: v.URL, Header: h, Body: v.Bytes(t)}
}

// TestSignedWebhooksArrive signs the body of every accepted vector anew, sends it to the
// running binary, and demands that the service behind gets the very bytes.
func TestSignedWebhooksArrive(t *testing.T) {
	server := rig.Start(t, rig.Options{})
	api := server.API()
	behind := newService(t)
	sent := map[string]int{}
	left := map[string]int{}
	for _, v := range vectors.All(t) {
		// SNS's confirmation is genuine, but a handshake: it is not stored.
		if v.Expect != "ok" || v.Kind != "verify" || v.Optional || v.ID == "aws-sns/subscription-confirmation" {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			keys := keysFor(t, &v)
			r := unsigned(t, &v)
			if err := webhook.Sign(v.Provider, webhook.Config{Secrets: keys.sign, Settings: keys.settings}, &r, time.Now()); err != nil {
				// Two vectors stand for requests that Sign does not make: a message of SNS as
				// Lambda spells it, and a form of Mailgun's in parts.
				t.Logf("not signed anew: %v", err)
				if left[v.Provider]++; left[v.Provider] > 1 || v.Provider != "aws-sns" && v.Provider != "mailgun" {
					t.Errorf("cannot be signed anew: %v", err)
				}
				return
			}
			// Sign may have chosen another URL, such as one with the body's hash in it.
			v.URL = r.URL
			id, target, status := createSource(t, api, behind.URL, &v, keys.verify, keys.settings)
			if status != http.StatusCreated {
				t.Fatalf("the source was refused: %d", status)
			}
			resp, body := post(t, r.Method, target, r.Header, r.Body)
			if resp.StatusCode/100 != 2 {
				t.Fatalf("answered %d: %s", resp.StatusCode, body)
			}
			got := behind.await(id, 60*time.Second)
			if len(got) != 1 || !bytes.Equal(got[0], r.Body) {
				t.Fatalf("the service got %d requests, %.200q, want the bytes that were sent", len(got), got)
			}
			sent[v.Provider]++
		})
	}
	t.Logf("%d providers sent %v; not signed anew: %v", len(sent), sent, left)
	for _, p := range webhook.Presets() {
		if sent[p.Name] == 0 {
			t.Errorf("nothing of %s arrived", p.Name)
		}
	}
}

// TestRefusedVectors sends every vector that must be refused to the running binary, as it is.
func TestRefusedVectors(t *testing.T) {
	server := rig.Start(t, rig.Options{})
	api := server.API()
	behind := newService(t)
	n := 0
	for _, v := range vectors.All(t) {
		if v.Expect != "reject" || v.Optional || v.Provider == "generic" && len(v.Secrets)+len(v.Config) == 0 {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			id, target, status := createSource(t, api, behind.URL, &v, v.Secrets, v.Settings(t))
			if status != http.StatusCreated {
				return // refused as a source, for example for an empty secret
			}
			if isGenuineNow(t, &v) {
				return // its fault is over by now, such as a certificate that was not valid yet
			}
			resp, body := post(t, v.Method, target, v.Header(), v.Bytes(t))
			if resp.StatusCode/100 != 4 {
				t.Errorf("answered %d: %s", resp.StatusCode, body)
			}
			n++
			behind.mu.Lock()
			defer behind.mu.Unlock()
			if len(behind.got[id]) > 0 {
				t.Error("it was forwarded")
			}
		})
	}
	if n < 100 {
		t.Errorf("only %d were sent", n)
	}
}

// TestHandshakesOfTheBinary sends every handshake to the running binary: signed anew
// where a time is signed, otherwise as it is.
func TestHandshakesOfTheBinary(t *testing.T) {
	server := rig.Start(t, rig.Options{})
	api := server.API()
	behind := newService(t)
	n := 0
	for _, v := range vectors.All(t) {
		if v.Kind != "handshake" || v.Provider == "aws-sns" { // the last step of SNS's is a visit to AWS
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			header := v.Header()
			if p, _ := webhook.FindPreset(v.Provider); p.Tolerance > 0 {
				// By the last of the secrets, as in the vectors about rotation.
				r := unsigned(t, &v)
				if err := webhook.Sign(v.Provider, webhook.Config{Secrets: v.Secrets[len(v.Secrets)-1:], Settings: v.Settings(t)}, &r, time.Now()); err != nil {
					t.Fatal(err)
				}
				header = r.Header
			}
			_, target, status := createSource(t, api, behind.URL, &v, v.Secrets, v.Settings(t))
			if status != http.StatusCreated {
				t.Fatalf("the source was refused: %d", status)
			}
			resp, body := post(t, v.Method, target, header, v.Bytes(t))
			v.CheckResponse(t, resp.StatusCode, resp.Header, []byte(body))
			n++
		})
	}
	if n < 20 {
		t.Errorf("only %d handshakes were sent", n)
	}
	if got := behind.got[""]; len(got) > 0 {
		t.Errorf("%d handshakes were forwarded", len(got))
	}
}

// isGenuineNow reports whether only the vector's own time makes it one to refuse.
func isGenuineNow(t *testing.T, v *vectors.Vector) bool {
	verifier, err := webhook.Provider(v.Provider, webhook.Config{Secrets: v.Secrets, Settings: v.Settings(t)})
	if err != nil {
		return false
	}
	_, err = verifier.Verify(webhook.Request{Method: v.Method, URL: v.URL, Header: v.Header(), Body: v.Bytes(t)}, time.Now())
	return err == nil
}
