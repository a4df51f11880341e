package filter

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var codeSpan = regexp.MustCompile("`([^`]+)`")

// spans returns what stands in backquotes in the cells of a table's row.
func spans(row string) (cells [][]string) {
	for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(row), "|"), " | ") {
		var list []string
		for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
			list = append(list, m[1])
		}
		cells = append(cells, list)
	}
	return cells
}

// TestPageIsTrue asks every example in the tables of docs/filters.md, and that each operator and
// section has a row.
func TestPageIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	m := &Message{
		Payload: []byte(`{"order":{"id":"ord_1"}}`), Header: []string{"X-GitHub-Event", "push"}, Query: "env=prod",
		Metadata: map[string]string{"tier": "gold"}, EventType: "order.paid", Channels: []string{"eu", "us"},
	}
	decide := func(text string, m *Message) bool {
		t.Helper()
		f, err := Compile([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return false
		}
		return f.Decide(m).Match
	}
	var operators, sections []string
	for line := range strings.Lines(string(page)) {
		cells := spans(line)
		if !strings.HasPrefix(line, "| `") || len(cells[0]) != 1 {
			continue
		}
		switch name := cells[0][0]; {
		case strings.HasPrefix(name, "$") && len(cells) == 4:
			operators = append(operators, name)
			for i, want := range map[int]bool{2: true, 3: false} {
				if len(cells[i]) != 2 || !json.Valid([]byte(cells[i][1])) || !strings.Contains(cells[i][0], name) {
					t.Errorf("%s: an example is a filter with the operator and a payload, not %q", name, cells[i])
					continue
				}
				if got := decide(`{"payload":`+cells[i][0]+`}`, &Message{Payload: []byte(cells[i][1])}); got != want {
					t.Errorf("%s about %s: %v", cells[i][0], cells[i][1], got)
				}
			}
		case slices.Contains(Sections(), name) && len(cells) == 3:
			sections = append(sections, name)
			if len(cells[2]) != 1 || !decide(cells[2][0], m) {
				t.Errorf("the example of %s does not match: %q", name, cells[2])
			}
		}
	}
	if !slices.Equal(operators, Operators()) {
		t.Errorf("the page has examples of %v, want %v", operators, Operators())
	}
	if !slices.Equal(sections, Sections()) {
		t.Errorf("the page has examples of %v, want %v", sections, Sections())
	}
	// The filters in the running text are good ones, too.
	n := 0
	text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(page), "")
	for _, c := range codeSpan.FindAllStringSubmatch(text, -1) {
		text := c[1]
		if strings.HasPrefix(text, `{"items"`) || strings.HasPrefix(text, `{"tags": {"$neq"`) || strings.HasPrefix(text, `{"tags": [`) {
			text = `{"payload":` + text + `}`
		} else if !strings.HasPrefix(text, `{"$or": [{"eventType"`) && !strings.HasPrefix(text, `{"payload": {"$exist"`) {
			continue
		}
		decide(text, m)
		n++
	}
	if n != 7 {
		t.Errorf("%d filters in the text were tried, want 7", n)
	}
}
