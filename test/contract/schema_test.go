//go:build unix

package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/hookloft/hookloft/test/rig"
)

// operation is one of the contract: how it is called and what it answers.
type operation struct {
	name    string // METHOD /path/{param}
	method  string
	match   *regexp.Regexp
	literal int // segments that are no parameters; the more, the better the match
	op      *openapi3.Operation
}

// document is the public contract; nil operations where the reference folder is absent.
var document = sync.OnceValues(func() ([]operation, error) {
	root, err := rig.Root()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, "..", "shared", "reference", "svix", "hosted.openapi.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Go's regular expressions have no (?!...): the uids of sources are checked by their own test.
	text = regexp.MustCompile(`\(\?![a-z_]+\)`).ReplaceAll(text, nil)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	var out []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			out = append(out, newOperation(method, path, op))
			// Client generations call the same answers under these names, too.
			if path == "/api/v1/auth/app-portal-access/{app_id}" {
				out = append(out, newOperation(method, "/api/v1/auth/dashboard-access/{app_id}", op))
			}
		}
	}
	slices.SortFunc(out, func(a, b operation) int {
		if a.literal != b.literal {
			return b.literal - a.literal
		}
		return strings.Compare(a.name, b.name)
	})
	return out, nil
})

var pathParam = regexp.MustCompile(`\\\{[a-z_0-9]+\\\}`)

func newOperation(method, path string, op *openapi3.Operation) operation {
	pattern := pathParam.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
	return operation{
		name: method + " " + path, method: method, op: op,
		match:   regexp.MustCompile(`^` + pattern + `/?$`),
		literal: strings.Count(path, "/") - strings.Count(path, "{"),
	}
}

func operationOf(list []operation, method, path string) *operation {
	for i := range list {
		if list[i].method == method && list[i].match.MatchString(path) {
			return &list[i]
		}
	}
	return nil
}

// fits fails the test where an answer breaks the contract.
func (c *client) fits(method, path string, a answer) {
	c.t.Helper()
	list, err := document()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := misfit(list, method, path, a); err != nil {
		c.t.Errorf("%s %s: %.700v\n%.800s", method, path, err, a.body)
	}
}

// misfit says how an answer breaks the contract, nil where it does not: its status is one
// that the operation may give, its body has every required field and each value is of its
// kind. Errors of any operation have the contract's two shapes.
func misfit(list []operation, method, path string, a answer) error {
	if a.status >= 500 && a.status != 501 && a.status != 503 {
		return fmt.Errorf("status %d", a.status)
	}
	op := operationOf(list, method, path)
	if op == nil {
		return nil // ours, or the reference folder is absent: TestReferenceIsThere says so
	}
	status := a.status
	if status == 501 || status == 413 || status == 415 || status == 503 {
		status = 404 // any of HttpErrorOut; the contract does not list these
	}
	ref := op.op.Responses.Status(status)
	if ref == nil {
		return fmt.Errorf("%s has no status %d in the contract", op.name, a.status)
	}
	media := ref.Value.Content.Get("application/json")
	if media == nil {
		if len(a.body) > 0 {
			return fmt.Errorf("a %d of %s has no body in the contract", a.status, op.name)
		}
		return nil
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("content type %q", got)
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		return fmt.Errorf("status %d with a body that is no JSON: %w", a.status, err)
	}
	return media.Schema.Value.VisitJSON(v)
}

// TestMisfitSeesWhatIsWrong shows that the check which all other tests lean on can fail.
func TestMisfitSeesWhatIsWrong(t *testing.T) {
	list, err := document()
	if err != nil {
		t.Fatal(err)
	}
	if list == nil {
		t.Skip("../shared/reference/svix/hosted.openapi.json is absent")
	}
	const good = `{"id":"app_1srOrx2ZWZBpBUvZwXKQmoEYga2","name":"n","metadata":{},"createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}`
	jsonType := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		why, method, path string
		a                 answer
		wrong             bool
	}{
		{"as it should be", "GET", "/api/v1/app/a", answer{200, jsonType, []byte(good)}, false},
		{"a required field is missing", "GET", "/api/v1/app/a", answer{200, jsonType, []byte(strings.Replace(good, `"metadata":{},`, "", 1))}, true},
		{"a field of another kind", "GET", "/api/v1/app/a/", answer{200, jsonType, []byte(strings.Replace(good, `"n"`, "1", 1))}, true},
		{"an id of another shape", "GET", "/api/v1/app/a", answer{200, jsonType, []byte(strings.Replace(good, "app_1", "app-1", 1))}, true},
		{"another content type", "GET", "/api/v1/app/a", answer{200, http.Header{}, []byte(good)}, true},
		{"a status that is not listed", "GET", "/api/v1/app/a", answer{202, jsonType, []byte(good)}, true},
		{"a body where there is none", "DELETE", "/api/v1/app/a", answer{204, jsonType, []byte(`{}`)}, true},
		{"an error of another shape", "GET", "/api/v1/app/a", answer{404, jsonType, []byte(`{"error":"no"}`)}, true},
		{"an error", "GET", "/api/v1/app/a", answer{404, jsonType, []byte(`{"code":"not_found","detail":"d"}`)}, false},
		{"a list of faults", "POST", "/api/v1/app", answer{422, jsonType, []byte(`{"detail":[{"loc":["body"],"msg":"m","type":"t"}]}`)}, false},
		{"a 500", "GET", "/x/v1/anything", answer{500, jsonType, []byte(`{}`)}, true},
		{"the longer path is another operation", "GET", "/api/v1/app/stats/count-active", answer{200, jsonType, []byte(good)}, true},
	} {
		if err := misfit(list, c.method, c.path, c.a); (err != nil) != c.wrong {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// TestReferenceIsThere says aloud where answers are checked by hand alone.
func TestReferenceIsThere(t *testing.T) {
	list, err := document()
	if err != nil {
		t.Fatal(err)
	}
	if list == nil {
		t.Skip("../shared/reference/svix/hosted.openapi.json is absent: bodies are not checked against its schemas")
	}
	if len(list) < 252 {
		t.Errorf("%d operations, want 252 and aliases", len(list))
	}
}
