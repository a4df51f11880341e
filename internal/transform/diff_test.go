package transform

import (
	"runtime"
	"strings"
	"testing"
)

// TestDiffIsBounded: what a script returns is a stranger's, and is compared in the server.
func TestDiffIsBounded(t *testing.T) {
	deep := strings.Repeat("[", 190) + strings.Repeat("1,", 500_000) + "1" + strings.Repeat("]", 190)
	wide := "[" + strings.Repeat("{},", 300_000) + "{}]"
	for _, after := range []string{deep, wide} {
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		changes, _, ok := Diff([]byte(`{"a":1}`), []byte(after))
		runtime.ReadMemStats(&now)
		if !ok || len(changes) != 1 || changes[0].Op != "replace" {
			t.Errorf("%d changes, %v", len(changes), ok)
		}
		if used := now.TotalAlloc - before.TotalAlloc; used > 48<<20 {
			t.Errorf("a comparison of %d bytes took %d MiB", len(after), used>>20)
		}
	}
	// What is too much to be taken apart is compared as a whole.
	if changes, _, ok := Diff([]byte(wide), []byte(wide[:len(wide)-3]+"1]")); !ok || len(changes) != 1 || changes[0].Path != "" {
		t.Errorf("two that are too wide: %d changes, %v", len(changes), ok)
	}
}
