//go:build unix

package contract

import (
	"encoding/json"
	"errors"
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

// fits checks an answer against the contract: its status is one that the operation may
// give, its body has every required field and each value is of its kind. Errors of any
// operation have the contract's two shapes.
func (c *client) fits(method, path string, a answer) {
	c.t.Helper()
	if a.status >= 500 && a.status != 501 && a.status != 503 {
		c.t.Errorf("%s %s: %d: %.500s", method, path, a.status, a.body)
	}
	list, err := document()
	if err != nil {
		c.t.Fatal(err)
	}
	op := operationOf(list, method, path)
	if op == nil {
		return // ours, or the reference folder is absent: TestReferenceIsThere says so
	}
	status := a.status
	if status == 501 || status == 413 || status == 415 || status == 503 {
		status = 404 // any of HttpErrorOut; the contract does not list these
	}
	ref := op.op.Responses.Status(status)
	if ref == nil {
		c.t.Errorf("%s: the contract has no status %d: %.500s", op.name, a.status, a.body)
		return
	}
	media := ref.Value.Content.Get("application/json")
	if media == nil {
		if len(a.body) > 0 {
			c.t.Errorf("%s: a %d has no body, here is %.200q", op.name, a.status, a.body)
		}
		return
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		c.t.Errorf("%s: content type %q", op.name, got)
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		c.t.Errorf("%s: %d with a body that is no JSON: %v: %.200q", op.name, a.status, err, a.body)
		return
	}
	if err := media.Schema.Value.VisitJSON(v); err != nil {
		c.t.Errorf("%s: the answer breaks the contract: %.600v\n%.800s", op.name, err, a.body)
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
