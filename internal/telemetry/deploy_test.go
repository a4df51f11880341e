package telemetry

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.yaml.in/yaml/v3"
)

// series returns the names of all series that a server shows, each with its labels.
func series(t *testing.T) map[string][]string {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := NewMetrics(reg)
	m.SetBuild("1", "abc")
	for vec, labels := range map[*prometheus.CounterVec]int{m.Deliveries: 3, m.IngestRequests: 2, m.SegmentsReclaimed: 1, m.Spans: 1} {
		vec.WithLabelValues(slices.Repeat([]string{"x"}, labels)...).Inc()
	}
	for vec, labels := range map[*prometheus.HistogramVec]int{m.DeliveryDuration: 2, m.StoreOperationDuration: 1, m.HTTPRequestDuration: 3} {
		vec.WithLabelValues(slices.Repeat([]string{"x"}, labels)...).Observe(1)
	}
	for _, vec := range []*prometheus.GaugeVec{m.QueueDepth, m.Endpoints, m.ReplayTasks} {
		vec.WithLabelValues("x").Set(1)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{"up": nil} // which Prometheus makes
	for _, f := range families {
		labels := []string{"job", "instance"} // which Prometheus adds
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		all[f.GetName()] = labels
		if f.GetMetric()[0].Histogram != nil {
			all[f.GetName()+"_count"], all[f.GetName()+"_sum"], all[f.GetName()+"_bucket"] = labels, labels, append(labels, "le")
		}
	}
	all["up"] = []string{"job", "instance"}
	return all
}

var (
	metricName = regexp.MustCompile(`\b(?:hookloft_|process_|go_|up\b)[a-z0-9_]*`)
	selector   = regexp.MustCompile(`\b((?:hookloft_|process_|go_|up\b)[a-z0-9_]*)\{([^}]*(?:\{[a-z_]+\}[^}]*)*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping   = regexp.MustCompile(`\bby \(([^)]*)\)`)
	quoted     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// checkExpression is no parser of PromQL: it finds names of series and labels that do not
// exist, and brackets that do not match.
func checkExpression(all map[string][]string, expr string) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	plain := quoted.ReplaceAllString(expr, `""`)
	names := metricName.FindAllString(plain, -1)
	if len(names) == 0 {
		complain("no series in %q", expr)
	}
	var labels []string
	for _, name := range names {
		if _, known := all[name]; !known {
			complain("no series has the name %s", name)
		}
		labels = append(labels, all[name]...)
	}
	for _, found := range selector.FindAllStringSubmatch(plain, -1) {
		for _, m := range matcher.FindAllStringSubmatch(found[2], -1) {
			if !slices.Contains(all[found[1]], m[1]) {
				complain("%s has no label %s", found[1], m[1])
			}
		}
	}
	for _, found := range grouping.FindAllStringSubmatch(plain, -1) {
		for by := range strings.SplitSeq(found[1], ",") {
			if by = strings.TrimSpace(by); !slices.Contains(labels, by) {
				complain("no series of %q has the label %s", expr, by)
			}
		}
	}
	var open []rune
	pair := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, c := range plain {
		switch c {
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != pair[c] {
				complain("brackets of %q do not match", expr)
				return wrong
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		complain("a bracket of %q is open", expr)
	}
	return wrong
}

// TestDashboardShowsWhatThereIs: each series and label on the dashboard exists, and every
// series of ours is on it.
func TestDashboardShowsWhatThereIs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "hookloft.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title, UID string
		Panels     []struct {
			ID            int
			Title, Type   string
			GridPos       struct{ X, Y, W, H int }
			Targets       []struct{ Expr string }
			Description   string
			SchemaVersion int
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil || board.Title == "" || len(board.Panels) < 20 {
		t.Fatalf("%v, %d panels", err, len(board.Panels))
	}
	all, ids, shown := series(t), map[int]bool{}, ""
	taken := map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %q or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s has no description or shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			for _, wrong := range checkExpression(all, target.Expr) {
				t.Errorf("%s: %s", p.Title, wrong)
			}
			shown += target.Expr + "\n"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, "hookloft_") && !strings.Contains(shown, name) &&
			!strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !strings.HasSuffix(name, "_bucket") {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
}

// TestAlertsAreAboutWhatThereIs: the rules parse, their series exist, and the page that
// says what to do names each of them.
func TestAlertsAreAboutWhatThereIs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	all, seen := series(t), map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] || r.Annotations["summary"] == "" || r.Labels["severity"] != "page" && r.Labels["severity"] != "ticket" {
				t.Errorf("rule %+v lacks something, or its name is taken", r)
			}
			seen[r.Alert] = true
			for _, wrong := range checkExpression(all, r.Expr) {
				t.Errorf("%s: %s", r.Alert, wrong)
			}
			if !strings.Contains(string(page), "| `"+r.Alert+"` |") {
				t.Errorf("docs/observability.md does not say what to do about %s", r.Alert)
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("there are %d alerts", len(seen))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, "hookloft_") && all[name] != nil && !strings.Contains(string(page), "`"+name+"`") &&
			!strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !strings.HasSuffix(name, "_bucket") {
			t.Errorf("docs/observability.md does not list %s", name)
		}
	}
}

// TestExpressionCheckNotices is for the tests above.
func TestExpressionCheckNotices(t *testing.T) {
	all := series(t)
	for _, expr := range []string{`hookloft_nothing`, `hookloft_queue_depth{app="x"}`, `sum by (endpoint) (hookloft_queue_depth)`, `sum(up`, `1 + 1`} {
		if len(checkExpression(all, expr)) == 0 {
			t.Errorf("%q passes", expr)
		}
	}
}
