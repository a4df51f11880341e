package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/send"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
	"github.com/hookloft/hookloft/internal/tasks"
	"github.com/hookloft/hookloft/internal/transform"
	"github.com/hookloft/hookloft/webhook"
)

// rig is the API over real HTTP on a real store, with one environment and its token.
type rig struct {
	t      testing.TB
	dir    string
	key    auth.Key
	o      Options
	store  *sqlite.Store
	hasher *auth.Hasher
	server *httptest.Server
	api    *server
	// sealer wraps what the store seals with.
	sealer func(*auth.Sealer) sqlite.Sealer
	env    *hook.Environment
	token  string
	jwt    *auth.JWTVerifier // nil for none; set before start
	woken  *wakes
	lanes  *lanes
	tail   *Tail
	// changed are the sources that SourceChanged was told of.
	changed *changes
	sandbox string // the program in which scripts run; "" for this one
}

// wakes counts what its Runner is told. The Runner works only in a test that calls runTasks.
type wakes struct {
	*tasks.Runner
	n int
	// counting, where it is set, gets a function for each preview, which waits for its call.
	counting chan func()
}

func (w *wakes) Preview(ctx context.Context, t *hook.Task, ep *hook.Endpoint) (hook.Preview, error) {
	if w.counting != nil {
		ctx, letGo := context.WithTimeout(ctx, 20*time.Second)
		w.counting <- letGo
		<-ctx.Done()
	}
	return w.Runner.Preview(ctx, t, ep)
}

func (w *wakes) Wake() { w.n++; w.Runner.Wake() }

// lanes is what a dispatcher would know.
type lanes struct {
	throttled map[hook.EndpointID]time.Time
	waiting   map[hook.ApplicationID]int64
	hurried   []hook.EndpointID
}

func (l *lanes) Throttled(ep hook.EndpointID) time.Time { return l.throttled[ep] }
func (l *lanes) Waiting() map[hook.ApplicationID]int64  { return l.waiting }
func (l *lanes) Hurry(ep hook.EndpointID)               { l.hurried = append(l.hurried, ep) }
func (l *lanes) Breaker(hook.EndpointID) hook.Breaker   { return hook.Breaker{} }

type changes struct {
	mu  sync.Mutex
	all []hook.SourceID // guarded by mu
}

func (c *changes) add(s *hook.Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s.ID)
}

func (c *changes) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// bareRig is a rig that is not started, with all that its start needs.
func bareRig(t testing.TB, dir string) *rig {
	return &rig{t: t, dir: dir, key: auth.NewKey(), woken: &wakes{}, lanes: &lanes{}, changed: &changes{},
		sealer: func(s *auth.Sealer) sqlite.Sealer { return s }}
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := bareRig(t, t.TempDir())
	r.o.FindTime = 20 * time.Second // a machine that stands still for a moment is no answer cut short
	for _, f := range change {
		f(&r.o)
	}
	r.start()
	t.Cleanup(r.stop)
	r.env, r.token = r.environment("default")
	return r
}

func (r *rig) start() {
	r.t.Helper()
	var err error
	r.store, err = sqlite.Open(context.Background(), r.dir, sqlite.Options{Sealer: r.sealer(auth.NewSealer(r.key))})
	if err != nil {
		r.t.Fatal(err)
	}
	guard, err := egress.NewGuard(egress.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.hasher = auth.NewHasher(r.key)
	publisher := publish.New(r.store, r.store, r.store, publish.Options{})
	r.woken.Runner = tasks.New(r.store, r.store, r.store, nil, tasks.Options{
		Publish: func(ctx context.Context, env hook.EnvironmentID, app hook.ApplicationID, m hook.Message, key store.IdempotencyKey) (hook.MessageID, error) {
			done, err := publisher.Publish(ctx, publish.Request{Environment: &hook.Environment{ID: env}, Application: app, Message: m, Key: &key, IsChecked: true})
			if err != nil {
				return 0, err
			}
			return done.Message.ID, nil
		},
	})
	r.tail = NewTail(r.store.Codec())
	scripts := transform.New(transform.Options{Program: r.sandbox})
	r.t.Cleanup(scripts.Close)
	h, err := New(Deps{
		Catalog: r.store, Accounts: r.store, History: r.store, Ledger: r.store,
		Publisher: publisher,
		Hasher:    r.hasher,
		CheckURL: func(raw string, enforce bool) (string, error) {
			u, err := egress.ParseURL(raw, egress.Policy{Guard: guard})
			if err == nil && enforce && strings.HasPrefix(u, "http:") {
				return "", &egress.URLError{Text: "the URL must begin with https://"}
			}
			return u, err
		},
		CheckMailURL: func(raw string) (string, error) { return egress.ParseMailURL(raw, egress.Policy{Guard: guard}) },
		CheckProxy:   func(raw string) (string, error) { return egress.ParseProxy(raw, egress.Policy{Guard: guard}) },
		JWT:          r.jwt,
		Scripts:      scripts,
		NewSecret: func(kind hook.SignatureType) string {
			if kind == hook.Ed25519 {
				return webhook.GenerateAsymmetric().Reveal()
			}
			return webhook.GenerateSymmetric().Reveal()
		},
		ParseSecret: func(s string) (string, error) { k, err := webhook.ParseSecret(s); return k.Reveal(), err },
		PublicSecret: func(s string) (string, error) {
			k, err := webhook.ParseSecret(s)
			if public, ok := k.Public(); err == nil && ok {
				return public.String(), nil
			}
			return k.Reveal(), err
		},
		CheckSource:   checkSource,
		SourceChanged: r.changed.add,
		Sums:          r.store, Issues: r.store, Search: r.store, Lanes: r.lanes, Tail: r.tail,
		SentHeaders: func(context.Context, *hook.Message, *hook.Endpoint, *hook.Environment, *hook.Attempt) ([]string, error) {
			return []string{"User-Agent", "test", "Webhook-Id", "msg", "Authorization", "secret", "X-Two", "a", "X-Two", "b"}, nil
		},
		MakeRequest: r.makeRequest(send.New(nil, send.Options{Scripts: scripts, Version: "test", ParseURL: func(raw string, _ bool) (string, error) { return raw, nil }})),
		Tasks:       r.woken, Polling: r.store,
	}, r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.api = h.(*server)
	r.server = httptest.NewServer(h)
}

// makeRequest is what the server has for MakeRequest.
func (r *rig) makeRequest(s *send.Sender) MakeRequest {
	return func(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, at time.Time) (*MadeRequest, error) {
		id := r.store.Codec().Message(m.Application, m.ID)
		made, err := s.Request(ctx, send.Job{Message: m, Endpoint: ep, Settings: &env.Settings, WebhookID: id, SourceID: "src_test"}, at)
		if refused, ok := errors.AsType[*send.ScriptError](err); ok {
			return nil, &ScriptRefusedError{refused.Error()}
		}
		if err != nil {
			return nil, err
		}
		return &MadeRequest{made.Method, made.URL, made.Fields, made.Body}, nil
	}
}

func (r *rig) stop() {
	r.server.Close()
	if err := r.store.Close(); err != nil {
		r.t.Errorf("close store: %v", err)
	}
}

// logTo sends the API's log to w from now on.
func (r *rig) logTo(w io.Writer) {
	r.api.Log = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// restart stops everything and starts it on the same directory.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// environment makes an environment with an API token.
func (r *rig) environment(name string) (*hook.Environment, string) {
	r.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := &hook.Environment{ID: hook.EnvironmentID(r.store.NewKey()), Name: name, Settings: hook.DefaultSettings(), CreatedAt: now, UpdatedAt: now}
	if err := r.store.CreateEnvironment(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
	text := auth.MintAPI()
	token := &hook.Token{ID: hook.TokenID(r.store.NewKey()), Environment: e.ID, Hash: r.hasher.Hash(text), Name: "test", CreatedAt: now}
	if err := r.store.CreateToken(context.Background(), token, nil); err != nil {
		r.t.Fatal(err)
	}
	return e, text.Reveal()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// str returns a field of the answer by its path ("data.0.id"), as text.
func (a answer) str(path string) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber() // a payload may hold numbers that no Go type holds
	if dec.Decode(&v) != nil {
		return ""
	}
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(at) {
				return ""
			}
			v = at[i]
		default:
			return ""
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// loc returns the place of the first validation error: "body eventType".
func (a answer) loc() string {
	var v struct {
		Detail []struct {
			Loc []string
		}
	}
	if json.Unmarshal(a.body, &v) != nil || len(v.Detail) == 0 {
		return ""
	}
	return strings.Join(v.Detail[0].Loc, " ")
}

// request is one request of a test; headers come in pairs.
type request struct {
	method, path, token, body string
	headers                   []string
}

// send makes a request and checks the answer against the public contract.
func (r *rig) send(q request) answer {
	r.t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	req, err := http.NewRequest(q.method, r.server.URL+q.path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	for i := 0; i+1 < len(q.headers); i += 2 {
		if q.headers[i+1] == "" {
			req.Header.Del(q.headers[i])
		} else {
			req.Header.Set(q.headers[i], q.headers[i+1])
		}
	}
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", q.method, q.path, err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	r.checkContract(req, a)
	return a
}

// call makes a request with the environment's token.
func (r *rig) call(method, path, body string, headers ...string) answer {
	r.t.Helper()
	return r.send(request{method: method, path: path, token: r.token, body: body, headers: headers})
}

// must is call that fails the test unless the status is as wanted.
func (r *rig) must(status int, method, path, body string, headers ...string) answer {
	r.t.Helper()
	a := r.call(method, path, body, headers...)
	if a.status != status {
		r.t.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, a.status, status, a.body)
	}
	return a
}

// app creates an application and returns its id.
func (r *rig) app(uid string) string {
	r.t.Helper()
	return r.must(201, "POST", "/api/v1/app", fmt.Sprintf(`{"name":"n","uid":%q}`, uid)).str("id")
}

// endpoint creates an endpoint with further fields and returns its id.
func (r *rig) endpoint(app, more string) string {
	r.t.Helper()
	return r.must(201, "POST", "/api/v1/app/"+app+"/endpoint", `{"url":"https://example.com/hook"`+more+`}`).str("id")
}

// message publishes and returns the id.
func (r *rig) message(app, more string) string {
	r.t.Helper()
	return r.must(202, "POST", "/api/v1/app/"+app+"/msg", `{"eventType":"user.created","payload":{"a":1}`+more+`}`).str("id")
}

// portal makes a portal token of an application with further fields.
func (r *rig) portal(app, body string) string {
	r.t.Helper()
	return r.must(200, "POST", "/api/v1/auth/app-portal-access/"+app, body).str("token")
}

// attempt ends the due delivery of a message at an endpoint with one attempt, as the
// dispatcher would.
func (r *rig) attempt(app, endpoint, message string, change func(*hook.Attempt)) {
	r.t.Helper()
	codec := r.store.Codec()
	ctx := context.Background()
	a, ok := codec.ParseApplication(r.env.ID, app)
	e, known := codec.ParseEndpoint(a, endpoint)
	m, exists := codec.ParseMessage(a, message)
	if !ok || !known || !exists {
		r.t.Fatalf("bad ids %s %s %s", app, endpoint, message)
	}
	due, _, err := r.store.Claim(ctx, a, e, time.Now().Add(100*24*time.Hour), 100, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range due {
		if d.Delivery.Message != m {
			continue
		}
		now := time.Now()
		at := &hook.Attempt{
			ID: hook.AttemptID(r.store.NewKey()), Message: m, Application: a, Endpoint: e, N: d.Delivery.Attempts + 1,
			Trigger: d.Delivery.Trigger, StartedAt: now, Took: 12 * time.Millisecond, URL: "https://example.com/hook",
			Outcome: hook.Success, Status: 200, Body: []byte("ok"),
		}
		change(at)
		state := d.Delivery.After(at, hook.DefaultRetryPolicy(), now, 0.5)
		if state.State == hook.Pending && state.Trigger == hook.Scheduled {
			at.NextAt = state.DueAt
		}
		done := make(chan error, 1)
		r.store.Finish(&store.Finished{Delivery: state, Row: d.Row, Attempt: at, Urgent: true, Done: func(err error) { done <- err }})
		if err := <-done; err != nil {
			r.t.Fatal(err)
		}
		return
	}
	r.t.Fatalf("message %s is not due at %s", message, endpoint)
}

func succeed(*hook.Attempt) {}

func fail(status int) func(*hook.Attempt) {
	return func(a *hook.Attempt) {
		a.Outcome, a.Status, a.Reason, a.Body = hook.Failed, status, hook.ReasonServer, []byte("no")
		if status == 0 {
			a.Reason, a.Body = hook.ReasonConnectRefused, nil
		}
	}
}

const contractFile = "../../../shared/reference/svix/hosted.openapi.json"

// contractDoc is the public contract; nil where the reference folder is absent.
var contractDoc = sync.OnceValues(func() (*openapi3.T, error) {
	data, err := os.ReadFile(contractFile)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Go's regular expressions have no (?!...); TestSourceRules checks what these forbid.
	data = regexp.MustCompile(`\(\?![a-z_]+\)`).ReplaceAll(data, nil)
	return openapi3.NewLoader().LoadFromData(data)
})

// contractAliases are operations that the contract does not hold, by those with the same answers.
var contractAliases = map[string]string{
	"authentication.dashboard-access":             "authentication.app-portal-access",
	"message-attempt.list":                        "message-attempt.list-by-msg",
	"message-attempt.list-by-endpoint-deprecated": "message-attempt.list-by-msg",
	"management.environment-settings.update":      "management.environment-settings.get",
	"management.environment-settings.patch":       "management.environment-settings.get",
}

// checkContract checks that an answer is one that the contract allows for its
// operation: the status of a success is listed, and the body fits its schema.
func (r *rig) checkContract(req *http.Request, a answer) {
	r.t.Helper()
	if a.status >= 500 && a.status != 501 && a.status != 503 {
		r.t.Errorf("%s %s: %d: %s", req.Method, req.URL.Path, a.status, a.body)
	}
	if kind := a.header.Get("Content-Type"); len(a.body) > 0 && kind != "application/json" && !(kind == gzipType && a.status == 200) {
		r.t.Errorf("%s %s: content type %q", req.Method, req.URL.Path, a.header.Get("Content-Type"))
	}
	doc, err := contractDoc()
	if err != nil {
		r.t.Fatal(err)
	}
	if doc == nil || req.Method == "HEAD" || req.Method == "OPTIONS" {
		return
	}
	var schema *openapi3.Schema
	switch {
	case a.status == 422 && a.str("code") == "transformation_failed":
		schema = doc.Components.Schemas["HttpErrorOut"].Value // CONTRACT section 0
	case a.status == 422:
		schema = doc.Components.Schemas["HTTPValidationError"].Value
	case a.status >= 400:
		schema = doc.Components.Schemas["HttpErrorOut"].Value
	default:
		schema = r.successSchema(doc, req, a)
	}
	if schema == nil {
		return
	}
	var v any
	var tooBig *json.UnmarshalTypeError
	if err := json.Unmarshal(a.body, &v); errors.As(err, &tooBig) {
		return // valid JSON, with a number in a payload that the validator cannot hold
	} else if err != nil {
		r.t.Errorf("%s %s: %d with a body that is not JSON: %q", req.Method, req.URL.Path, a.status, a.body)
		return
	}
	if err := schema.VisitJSON(ownTypesAside(doc, v)); err != nil {
		r.t.Errorf("%s %s: the answer breaks the contract: %v\n%s", req.Method, req.URL.Path, err, a.body)
	}
}

// ownTypesAside gives sources of a type that the contract does not have the type of one
// that looks the same, so that all the rest of their answers is checked.
func ownTypesAside(doc *openapi3.T, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = ownTypesAside(doc, v[i])
		}
	case map[string]any:
		if list, ok := v["data"].([]any); ok {
			v["data"] = ownTypesAside(doc, list)
		}
		typ, ok := v["type"].(string)
		if _, isSource := v["ingestUrl"]; !ok || !isSource {
			break
		}
		known := slices.ContainsFunc(doc.Components.Schemas["IngestSourceOut"].Value.OneOf, func(one *openapi3.SchemaRef) bool {
			return one.Value.Properties["type"].Value.Enum[0] == typ
		})
		if !known {
			v["type"] = "github"
		}
	}
	return v
}

func (r *rig) successSchema(doc *openapi3.T, req *http.Request, a answer) *openapi3.Schema {
	r.t.Helper()
	ctx := chi.NewRouteContext()
	r.api.mux.Match(ctx, req.Method, strings.TrimRight(req.URL.Path, "/"))
	pattern := ctx.RoutePattern()
	for i := range r.api.routes {
		rt := &r.api.routes[i]
		if rt.method != req.Method || rt.path != pattern {
			continue
		}
		op := rt.op
		if alias := contractAliases[op]; alias != "" {
			op = alias
		}
		for _, item := range doc.Paths.Map() {
			for _, o := range item.Operations() {
				if o.OperationID != "v1."+op {
					continue
				}
				ref := o.Responses.Status(a.status)
				if ref == nil {
					r.t.Errorf("%s %s: the contract has no status %d", req.Method, req.URL.Path, a.status)
					return nil
				}
				media := ref.Value.Content.Get("application/json")
				if media == nil {
					if len(bytes.TrimSpace(a.body)) > 0 {
						r.t.Errorf("%s %s: %d should have no body, has %q", req.Method, req.URL.Path, a.status, a.body)
					}
					return nil
				}
				return media.Schema.Value
			}
		}
	}
	return nil
}

func TestContractIsThere(t *testing.T) {
	doc, err := contractDoc()
	if err != nil {
		t.Fatal(err)
	}
	if doc == nil {
		t.Skipf("%s is absent: answers are not checked against the public contract", contractFile)
	}
}
