//go:build unix

package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/test/rig"
)

var update = flag.Bool("update", false, "write the table of docs/api.md anew")

const tableHead = "| operation of ours | what it does |\n|---|---|\n"

// TestPageListsOurOperations compares the table of docs/api.md with the document that a
// server serves at /x/v1/openapi.json. With -update it writes the table.
func TestPageListsOurOperations(t *testing.T) {
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	get(t, rig.Start(t, rig.Options{}).API(), "/x/v1/openapi.json", &document)
	var rows []string
	for path, item := range document.Paths {
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
			raw, ok := item[strings.ToLower(method)]
			if !ok {
				continue
			}
			var operation struct{ Summary string }
			if err := json.Unmarshal(raw, &operation); err != nil || operation.Summary == "" {
				t.Fatalf("%s %s: %q, %v", method, path, operation.Summary, err)
			}
			rows = append(rows, fmt.Sprintf("| `%s` `%s` | %s |\n", method, path, strings.ReplaceAll(operation.Summary, "|", `\|`)))
		}
	}
	if len(rows) < 40 {
		t.Fatalf("the document has only %d operations", len(rows))
	}
	slices.SortFunc(rows, func(a, b string) int { // by path, then method
		return strings.Compare(a[strings.Index(a, "/"):]+a, b[strings.Index(b, "/"):]+b)
	})
	page := filepath.Join(filepath.Dir(folder(t)), "api.md")
	text := read(t, page)
	before, rest, found := strings.Cut(text, tableHead)
	if !found {
		t.Fatal("docs/api.md has no table of our operations")
	}
	end := 0
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		end += len(line)
	}
	want := strings.Join(rows, "")
	if rest[:end] == want {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+tableHead+want+rest[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	listed := strings.SplitAfter(rest[:end], "\n")
	for _, row := range rows {
		if !slices.Contains(listed, row) {
			t.Errorf("docs/api.md lacks %s", row)
		}
	}
	for _, row := range listed {
		if row != "" && !slices.Contains(rows, row) {
			t.Errorf("docs/api.md lists what is not served: %s", row)
		}
	}
	t.Error("go test ./test/docs -run TestPageListsOurOperations -update writes the table")
}
