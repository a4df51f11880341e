//go:build unix

package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

// TestInboundServer posts what the packages sign to a running server: genuine requests are
// stored and reach the service behind with the same bytes, signed so that the published
// library verifies them; altered ones are answered 401 and reach nobody.
func TestInboundServer(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	list := slices.Concat(goSDKs(t), nodeSDKs(t, startNode(t)))
	for i := range list {
		if list[i].sign == nil {
			continue // it only judges
		}
		t.Run(fmt.Sprintf("%d %s", i, list[i].name), func(t *testing.T) { testInboundServer(t, s.API(), &list[i]) })
	}
}

func testInboundServer(t *testing.T, api *rig.API, s *sdk) {
	secret := rig.Secret("the service's")
	forwarded, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan []byte, 64)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Hookloft-Provider") != s.provider {
			t.Errorf("the service got %v, %v", r.Header, err)
		}
		if err := forwarded.Verify(body, r.Header); err != nil {
			t.Errorf("the service cannot verify what it got: %v", err)
		}
		arrived <- body
	}))
	defer service.Close()
	config := map[string]string{"secret": s.secret}
	for name, value := range s.settings {
		config[name] = value // none of these has an underscore, which the API would spell otherwise
	}
	var source struct{ ID, IngestURL string }
	create(t, api, "/ingest/api/v1/source", map[string]any{"name": s.name, "type": s.provider, "config": config}, &source)
	create(t, api, "/ingest/api/v1/source/"+source.ID+"/endpoint", map[string]string{"url": service.URL, "secret": secret}, nil)
	s.url = source.IngestURL + "?team=billing"

	var want []string
	for i, body := range s.bodies(time.Now()) {
		for name := range s.header {
			if strings.HasSuffix(name, "-Id") || strings.HasSuffix(name, "-Delivery") || strings.HasSuffix(name, "-Token") {
				s.header[name] = fmt.Sprintf("docs-%d", i) // or the second would be a duplicate
			}
		}
		r := s.request(body)
		if err := s.sign(s.secret, &r, time.Now()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second is a repeat, and arrives nowhere
			if status := post(t, r); status/100 != 2 {
				t.Errorf("body %.80q was answered %d, want a success", body, status)
			}
		}
		want = append(want, body)
	}
	for _, a := range alterations {
		r := s.request(s.bodies(time.Now())[0])
		if err := s.sign(s.secret, &r, time.Now()); err != nil {
			t.Fatal(err)
		}
		applied := a.apply(s, &r, func(secret string, at time.Time) {
			anew := s.request(string(r.Body))
			if err := s.sign(secret, &anew, at); err != nil {
				t.Fatal(err)
			}
			r.Header = anew.Header
		})
		if !applied {
			continue
		}
		if status := post(t, r); status != http.StatusUnauthorized {
			t.Errorf("%s: answered %d, want 401", a.name, status)
		}
	}
	for len(want) > 0 {
		select {
		case body := <-arrived:
			i := slices.Index(want, string(body))
			if i < 0 {
				t.Fatalf("the service got %q, which was not accepted", body)
			}
			want = slices.Delete(want, i, i+1)
		case <-time.After(time.Minute):
			t.Fatalf("did not arrive within a minute: %q", want)
		}
	}
	// One more that is genuine: what was refused would have arrived before it.
	last := s.bodies(time.Now())[0]
	last = strings.Replace(last, "e", "é", 1)
	for name := range s.header {
		if strings.HasPrefix(s.header[name], "docs-") {
			s.header[name] = "docs-last"
		}
	}
	r := s.request(last)
	if err := s.sign(s.secret, &r, time.Now()); err != nil {
		t.Fatal(err)
	}
	if status := post(t, r); status/100 != 2 {
		t.Fatalf("the last one was answered %d, want a success", status)
	}
	select {
	case body := <-arrived:
		if string(body) != last {
			t.Errorf("the service got %q, which was not accepted", body)
		}
	case <-time.After(time.Minute):
		t.Error("the last one did not arrive within a minute")
	}
}

func create(t *testing.T, api *rig.API, path string, in, out any) {
	t.Helper()
	status, text, err := api.Do(http.MethodPost, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("POST %s: status %d, %v: %s", path, status, err, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
	}
}

func post(t *testing.T, r webhook.Request) int {
	t.Helper()
	req, err := http.NewRequest(r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.Header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
