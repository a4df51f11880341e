//go:build unix

// Package contract holds the real binary against the public contract, line by line: the
// checklist of behaviours that a compatible server shows, one test function a paragraph and
// one sub-test a line. Where Hookloft decides for itself, the sub-test says so and asserts
// that. It is a black box: nothing internal is imported, everything goes over HTTP, and each
// answer of a contract operation is checked against the contract's own OpenAPI document.
//
// Lines about FIFO and batched destinations, pollers, connectors and transformations are
// left out: those operations answer 501, which TestEveryOperationServedFitsTheContract sees.
package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// patience bounds every wait for something that should happen at once.
const patience = time.Minute

// client calls a server with one token and checks every answer against the contract.
type client struct {
	t      *testing.T
	server *rig.Server
	token  string
}

// start runs a server of its own for one test function.
func start(t *testing.T, o rig.Options) *client {
	t.Helper()
	s := rig.Start(t, o)
	return &client{t: t, server: s, token: s.Token}
}

// in is the same client in a sub-test.
func (c *client) in(t *testing.T) *client { return &client{t: t, server: c.server, token: c.token} }

// as is the same client with another token.
func (c *client) as(token string) *client {
	return &client{t: c.t, server: c.server, token: token}
}

// environment makes another environment and returns a client for it, so that its settings
// disturb nobody else's.
func (c *client) environment(name string) *client {
	c.t.Helper()
	token, err := c.server.Command("token", "create", "--data", c.server.Data, "--environment", name)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.as(token)
}

// line is one line of the checklist.
func (c *client) line(name string, test func(c *client)) {
	c.t.Helper()
	c.t.Run(name, func(t *testing.T) { test(c.in(t)) })
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

var web = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send makes one call. body is sent as it is; "" sends none. header holds pairs that are
// added; an empty value takes the header away.
func (c *client) send(method, path, body string, header ...string) answer {
	c.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := web.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{resp.StatusCode, resp.Header, text}
	c.fits(method, req.URL.Path, a)
	return a
}

// must is send where one status is right; another fails the test.
func (c *client) must(status int, method, path, body string, header ...string) answer {
	c.t.Helper()
	a := c.send(method, path, body, header...)
	if a.status != status {
		c.t.Fatalf("%s %s %.200s: %d, want %d: %.500s", method, path, body, a.status, status, a.body)
	}
	return a
}

// str is the value at a dotted path: text without quotes, other values as compact JSON, ""
// where there is nothing.
func (a answer) str(path string) string { return valueAt(a.body, path) }

func valueAt(body []byte, path string) string {
	v := json.RawMessage(body)
	for name := range strings.SplitSeq(path, ".") {
		var list []json.RawMessage
		var object map[string]json.RawMessage
		switch {
		case json.Unmarshal(v, &object) == nil && object != nil:
			v = object[name]
		case json.Unmarshal(v, &list) == nil:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(list) {
				return ""
			}
			v = list[i]
		default:
			return ""
		}
	}
	var text string
	if json.Unmarshal(v, &text) == nil && string(v) != "null" {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return ""
	}
	return b.String()
}

// rows are the values of one field over the rows of a list.
func (a answer) rows(field string) []string {
	out := []string{}
	for i := 0; a.str("data."+strconv.Itoa(i)) != ""; i++ {
		out = append(out, a.str("data."+strconv.Itoa(i)+"."+field))
	}
	return out
}

// loc is where a 422 says that the fault is, with blanks between.
func (a answer) loc() string {
	var out struct {
		Detail []struct{ Loc []string }
	}
	if json.Unmarshal(a.body, &out) != nil || len(out.Detail) == 0 {
		return ""
	}
	return strings.Join(out.Detail[0].Loc, " ")
}

// want fails the test where a field is not as it should be; pairs are path and value.
func (c *client) want(a answer, pairs ...string) {
	c.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := a.str(pairs[i]); got != pairs[i+1] {
			c.t.Errorf("%s is %q, want %q: %.500s", pairs[i], got, pairs[i+1], a.body)
		}
	}
}

// step is a call in a table, with what is expected of it.
type step struct {
	why, method, path, body string
	status                  int
	want                    []string // pairs of path and value; "loc" is the fault's place
}

func (c *client) steps(prefix string, list []step) {
	c.t.Helper()
	for _, s := range list {
		a := c.send(s.method, prefix+s.path, s.body)
		if a.status != s.status {
			c.t.Errorf("%s: %s %s %.200s: %d, want %d: %.500s", s.why, s.method, s.path, s.body, a.status, s.status, a.body)
			continue
		}
		for i := 0; i < len(s.want); i += 2 {
			got := a.str(s.want[i])
			if s.want[i] == "loc" {
				got = a.loc()
			}
			if got != s.want[i+1] {
				c.t.Errorf("%s: %s is %q, want %q: %.500s", s.why, s.want[i], got, s.want[i+1], a.body)
			}
		}
	}
}

func quote(text string) string {
	out, _ := json.Marshal(text) // text always can be
	return string(out)
}

// app makes an application with a uid and returns its id.
func (c *client) app(uid string) string {
	c.t.Helper()
	return c.must(201, "POST", "/api/v1/app", `{"name":`+quote(uid)+`,"uid":`+quote(uid)+`}`).str("id")
}

// endpoint makes an endpoint and returns its id; fields follow the URL.
func (c *client) endpoint(app, url, fields string) string {
	c.t.Helper()
	return c.must(201, "POST", "/api/v1/app/"+app+"/endpoint", `{"url":`+quote(url)+fields+`}`).str("id")
}

// eventType makes an event type.
func (c *client) eventType(name string) {
	c.t.Helper()
	c.must(201, "POST", "/api/v1/event-type", `{"name":`+quote(name)+`,"description":"d"}`)
}

// message publishes one and returns its id; fields follow the payload.
func (c *client) message(app, eventType, fields string) string {
	c.t.Helper()
	return c.must(202, "POST", "/api/v1/app/"+app+"/msg", `{"eventType":`+quote(eventType)+`,"payload":{"n":1}`+fields+`}`).str("id")
}

// settings changes the environment's settings.
func (c *client) settings(body string) {
	c.t.Helper()
	c.must(200, "PATCH", "/api/v1/management/environment-settings", body)
}

// until asks again until what it is told holds; it fails the test after patience.
func (c *client) until(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("after %v: not %s", patience, what)
		}
	}
}

// attempts waits until a list of attempts has n rows, and returns it.
func (c *client) attempts(n int, path string) answer {
	c.t.Helper()
	var a answer
	c.until(fmt.Sprintf("%d attempts at %s", n, path), func() bool {
		a = c.must(200, "GET", path, "")
		return len(a.rows("id")) >= n
	})
	if got := len(a.rows("id")); got != n {
		c.t.Fatalf("%d attempts, want %d: %.800s", got, n, a.body)
	}
	return a
}

// task waits until a background task has ended, and returns it.
func (c *client) task(a answer) answer {
	c.t.Helper()
	id := a.str("id")
	c.until("the end of task "+id, func() bool {
		a = c.must(200, "GET", "/api/v1/background-task/"+id, "")
		return a.str("status") != "running"
	})
	return a
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// same fails the test where two lists differ; order counts.
func (c *client) same(what string, got, want []string) {
	c.t.Helper()
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}
