package internal_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestLibcIsTheOneThatSQLiteAsksFor compares go.mod with the go.mod of modernc.org/sqlite.
// The translated C code is made for exactly one version of modernc.org/libc; another one
// compiles and then fails in ways of its own (modernc.org/sqlite, README "Fragile libc").
func TestLibcIsTheOneThatSQLiteAsksFor(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite").Output()
	if err != nil {
		t.Skipf("the go command is needed to find modernc.org/sqlite: %v", err)
	}
	asked := libcVersion(t, strings.TrimSpace(string(out)))
	if used := libcVersion(t, "../go.mod"); used != asked {
		t.Errorf("go.mod requires modernc.org/libc %s, but modernc.org/sqlite is made for %s", used, asked)
	}
}

func libcVersion(t *testing.T, goMod string) string {
	t.Helper()
	text, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*(?:require )?modernc\.org/libc (v\S+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s requires no modernc.org/libc", goMod)
	}
	return string(m[1])
}
