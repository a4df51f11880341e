package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/config"
)

// TestPromisesNameRealTests: a test that docs/promises.md names exists.
func TestPromisesNameRealTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "cli/docs_test.go"), strings.Contains(path, "storetest"):
			if d.IsDir() {
				return nil
			}
			code, err := os.ReadFile(path)
			tests.Write(code)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`([A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	if len(names) < 20 {
		t.Fatalf("found only %d names", len(names))
	}
	for _, m := range names {
		if code := tests.String(); !strings.Contains(code, "func "+m[1]+"(") && !strings.Contains(code, `"`+m[1]+`"`) {
			t.Errorf("docs/promises.md names %s, which does not exist", m[1])
		}
	}
}

// TestOperatingListsEverySetting: a knob and its default stand in docs/operating.md.
func TestOperatingListsEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Default().Knobs() {
		row := "| `" + k.Name + "` | " + strings.ReplaceAll(k.Unit, "|", `\|`) + " | "
		if k.Default != "" {
			row += "`" + k.Default + "` "
		}
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/operating.md lacks a row that begins %s", row)
		}
	}
}
