package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floorPlan is the house: for each room (a package directory below the module's
// root), the rooms of ours that it may import. An import that is not listed here
// fails the test, so a new arrow is a line in this table, made on purpose. Rooms
// that do not exist yet have their arrows listed already (see ARCHITECTURE.md).
var floorPlan = map[string][]string{
	"cmd/hookloft":             {"internal/cli"},
	"internal/cli":             {"api", "webhook", "client", "internal/config", "internal/server", "internal/transform"},
	"internal/server":          {"*"},
	"internal/httpapi":         {"api", "internal/hook", "internal/store", "internal/publish", "internal/auth", "internal/connector", "internal/telemetry", "internal/egress", "internal/fanout", "internal/filter", "internal/openapi", "internal/schema", "internal/transform", "webhook"},
	"internal/publish":         {"internal/hook", "internal/store", "internal/fanout", "internal/schema", "internal/telemetry"},
	"internal/receive":         {"internal/hook", "internal/store", "internal/fanout", "internal/schema", "webhook", "internal/telemetry"},
	"internal/tasks":           {"internal/hook", "internal/store", "internal/fanout", "internal/telemetry"},
	"internal/consent":         {"internal/hook", "internal/store", "internal/telemetry"},
	"internal/fanout":          {"internal/hook", "internal/store", "internal/filter"},
	"internal/dispatch":        {"internal/hook", "internal/store", "internal/telemetry"},
	"internal/upkeep":          {"internal/hook", "internal/store", "internal/telemetry"},
	"internal/store/sqlite":    {"internal/store", "internal/hook", "internal/telemetry"},
	"internal/store/postgres":  {"internal/store", "internal/hook", "internal/telemetry"},
	"internal/store/storetest": {"internal/store", "internal/hook"},
	"internal/store":           {"internal/hook"},
	"internal/send":            {"internal/hook", "webhook", "internal/egress", "internal/transform", "internal/telemetry"},
	"internal/transform":       {"internal/hook"},
	"internal/filter":          {},
	"internal/hook":            {},
	"internal/auth":            {"internal/hook"},
	"internal/connector":       {"internal/hook"},
	"internal/seed":            {"api", "client", "webhook"},
	"internal/egress":          {},
	"internal/config":          {},
	"internal/openapi":         {},
	"internal/schema":          {},
	"internal/telemetry":       {},
	"internal/vectors":         {},
	"webhook":                  {},
	"client":                   {"api"},
	"api":                      {},
	"web":                      {},
}

const modulePath = "github.com/hookloft/hookloft/"

// TestArrowsPointDown reads every import of the shipped rooms and fails on an arrow
// that the floor plan does not list. Tests of a room may import any room.
func TestArrowsPointDown(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "testdata", "bench", "test", "examples", "dist", "bin":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		room := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), ".."+string(filepath.Separator)))
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		allowed, known := floorPlan[room]
		if !known {
			t.Errorf("%s: room %q is not on the floor plan", path, room)
			return nil
		}
		seen++
		for _, imp := range f.Imports {
			to, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), modulePath)
			if ours && !slices.Contains(allowed, to) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s: not an arrow of the floor plan", path, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Fatal("read no file of any room")
	}
}

// TestFloorPlanHasNoCycle checks the table itself: following the arrows never leads back.
func TestFloorPlanHasNoCycle(t *testing.T) {
	state := map[string]int{} // 1 on the way, 2 done
	var visit func(room string, path []string)
	visit = func(room string, path []string) {
		switch state[room] {
		case 1:
			t.Fatalf("cycle: %s", strings.Join(append(path, room), " -> "))
		case 2:
			return
		}
		state[room] = 1
		for _, to := range floorPlan[room] {
			visit(to, append(path, room))
		}
		state[room] = 2
	}
	for room := range floorPlan {
		visit(room, nil)
	}
}
