//go:build unix

// Package recipes runs each recipe of this folder as its README says: the real server takes the
// recipe's file, a provider signs and repeats itself or an application publishes, and a
// stand-in for the service at the other end refuses what the service would refuse.
package recipes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// patience bounds every wait on a busy machine.
const patience = 60 * time.Second

// scene is a server that has taken a recipe.
type scene struct {
	*testing.T
	s   *rig.Server
	api *rig.API
}

// cook applies a recipe, and again, which must change nothing.
func cook(t *testing.T, recipe string, environ ...string) *scene {
	t.Helper()
	s := rig.Start(t, rig.Options{Env: environ})
	for _, want := range []string{"+ ", ""} {
		out, err := s.Command("apply", "-f", recipe+"/hookloft.yaml", "--yes", "--server", s.URL, "--token", s.Token)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out, want) || want == "" && out != "" {
			t.Fatalf("apply printed %q, want it to begin with %q", out, want)
		}
		for _, variable := range environ {
			if _, value, _ := strings.Cut(variable, "="); strings.Contains(out, value) {
				t.Errorf("the plan shows the value of %s", variable)
			}
		}
	}
	return &scene{t, s, s.API()}
}

func (c *scene) must(method, path string, in, out any) {
	c.Helper()
	status, text, err := c.api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		c.Fatalf("%s %s: %d, %v: %s", method, path, status, err, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			c.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

// publish sends an event twice, as a program does that has not seen the answer.
func (c *scene) publish(app, eventType, id, payload string) {
	c.Helper()
	for _, want := range []int{http.StatusAccepted, http.StatusConflict} {
		status, _, err := c.api.Publish(app, rig.MessageIn{EventType: eventType, EventID: id, Payload: json.RawMessage(payload)})
		if err != nil || status != want {
			c.Fatalf("publish %s: %d, %v, want %d", id, status, err, want)
		}
	}
}

// provider is whoever calls a source.
type provider struct {
	scheme string // of package webhook
	config webhook.Config
	url    string
	app    string // that the source's messages are in
}

func (c *scene) provider(uid, scheme string, config webhook.Config) provider {
	c.Helper()
	var source struct{ IngestURL string }
	c.must(http.MethodGet, "/ingest/api/v1/source/"+uid, nil, &source)
	var settings struct{ ApplicationID string }
	c.must(http.MethodGet, "/x/v1/source/"+uid+"/settings", nil, &settings)
	return provider{scheme, config, source.IngestURL, settings.ApplicationID}
}

// bring sends an event twice, as providers do when an answer gets lost, and once with the
// signature of somebody else.
func (c *scene) bring(p provider, header http.Header, body string) {
	c.Helper()
	forger := p.config
	forger.Secrets = []string{"whsec_of_somebody_else"}
	for i, config := range []webhook.Config{forger, p.config, p.config} {
		r := webhook.Request{Method: http.MethodPost, URL: p.url, Header: header.Clone(), Body: []byte(body)}
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Content-Type", "application/json")
		if err := webhook.Sign(p.scheme, config, &r, time.Now()); err != nil {
			c.Fatal(err)
		}
		req, err := http.NewRequest(r.Method, r.URL, strings.NewReader(body))
		if err != nil {
			c.Fatal(err)
		}
		req.Header = r.Header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			c.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if isForged := i == 0; isForged && resp.StatusCode != http.StatusUnauthorized || !isForged && resp.StatusCode/100 != 2 {
			c.Fatalf("request %d of %s was answered %d: %s", i, body, resp.StatusCode, answer)
		}
	}
}

// crash ends the server with SIGKILL and starts it again.
func (c *scene) crash() {
	c.Helper()
	c.s.Kill()
	if _, err := c.s.Restart(); err != nil {
		c.Fatal(err)
	}
}

// quiet waits until nothing of an application is left to be sent: what has happened then is
// all that happens. n is how many messages there must be.
func (c *scene) quiet(app string, n int) {
	c.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		messages, err := c.api.Messages(app)
		if err != nil {
			c.Fatal(err)
		}
		waiting := 0
		for _, m := range messages {
			all, err := c.api.Destinations(app, m.ID)
			if err != nil {
				c.Fatal(err)
			}
			for _, d := range all {
				switch d.Status {
				case 1, 3:
					waiting++
				case 2:
					_, why, _ := c.api.Do(http.MethodGet, "/x/v1/why/"+m.ID, nil)
					c.Fatalf("message %s has failed: %s", m.ID, why)
				}
			}
		}
		if waiting == 0 {
			if len(messages) != n {
				c.Errorf("%d messages, want %d", len(messages), n)
			}
			return
		}
		if time.Now().After(end) {
			_, why, _ := c.api.Do(http.MethodGet, "/x/v1/why/"+messages[len(messages)-1].ID, nil)
			c.Fatalf("%d deliveries still wait: %s", waiting, why)
		}
	}
}

// errDown is a service that cannot work just now.
var errDown = errors.New("down")

// service is a stand-in for what a recipe writes to.
type service struct {
	*httptest.Server
	mu      sync.Mutex
	effects []string // what has come to be there, in order
	failed  int      // requests that met the service down
}

// serve runs a service. take answers a request, or returns an error with what the service
// refuses, which fails the test, because no recipe may send it; an effect of "" is none.
func serve(t *testing.T, answer int, take func(r *http.Request, body []byte) (effect string, err error)) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender has gone; it comes again
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		effect, err := take(r, body)
		switch {
		case errors.Is(err, errDown):
			s.failed++
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		case err != nil:
			t.Errorf("%s %s is refused: %v: %s", r.Method, r.URL, err, body)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		case effect != "":
			s.effects = append(s.effects, effect)
		}
		w.WriteHeader(answer)
		_, _ = io.WriteString(w, "{}") // whoever does not read it shows in the attempt
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) want(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.effects, want) {
		t.Errorf("the service has\n%s\nwant\n%s", strings.Join(s.effects, "\n"), strings.Join(want, "\n"))
	}
}

// wantAnyOrder is want where nothing was said of an order.
func (s *service) wantAnyOrder(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	slices.Sort(s.effects)
	s.mu.Unlock()
	slices.Sort(want)
	s.want(t, want...)
}

func (s *service) awaitFailure(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		n := s.failed
		s.mu.Unlock()
		if n > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no request came")
		}
	}
}

// read decodes a body that must have these fields and no others.
func read(r *http.Request, body []byte, into any) error {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != "application/json" {
		return fmt.Errorf("the content type is %q", media)
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// TestEachRecipeIsTested keeps folders and tests together.
func TestEachRecipeIsTested(t *testing.T) {
	folders, err := filepath.Glob("*/hookloft.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatalf("%v, %v", folders, err)
	}
	tests := ""
	files, _ := filepath.Glob("*_test.go") // the pattern is well-formed
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests += string(text)
	}
	index, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range folders {
		name := filepath.Dir(file)
		if !strings.Contains(tests, `cook(t, "`+name+`"`) {
			t.Errorf("no test cooks %s", name)
		}
		if !strings.Contains(string(index), "("+name+")") && !strings.Contains(string(index), "("+name+"/README.md)") {
			t.Errorf("README.md does not name %s", name)
		}
		readme, err := os.ReadFile(filepath.Join(name, "README.md"))
		if err != nil || !strings.Contains(string(readme), "hookloft apply -f") {
			t.Errorf("%s has no README.md that says how it is applied", name)
		}
	}
}
