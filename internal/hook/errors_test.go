package hook

import "testing"

// Whoever publishes or delivers asks for the kind of an error that is not there.
func TestKindOfNoErrorCostsNothing(t *testing.T) {
	if got := KindOf(nil); got != Internal {
		t.Errorf("the kind of no error is %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { KindOf(nil) }); n > 0 {
		t.Errorf("the kind of no error costs %v allocations", n)
	}
}
