package hook

import (
	"strings"
	"testing"
)

// TestSourceNameCountsCharacters: the contract's bounds are characters, not bytes.
func TestSourceNameCountsCharacters(t *testing.T) {
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"ü", false}, {"üü", true}, {strings.Repeat("ü", 256), true}, {strings.Repeat("ü", 257), false}, {"a", false}, {"ab", true},
	} {
		if err := (&Source{Name: c.name, Type: GenericSource}).Validate(); (err == nil) != c.ok {
			t.Errorf("a name of %d bytes: %v", len(c.name), err)
		}
	}
}
