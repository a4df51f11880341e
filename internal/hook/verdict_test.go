package hook

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryReasonIsExplainedOnce(t *testing.T) {
	list := Explanations()
	for r := ReasonNone + 1; r < reasons; r++ {
		n := 0
		for _, e := range list {
			if e.Reason == r {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is explained %d times", r, n)
		}
		e := Explain(r)
		if e.Words == "" || strings.HasSuffix(e.Words, ".") || !strings.HasSuffix(e.Next, ".") {
			t.Errorf("%s: %q, %q", r, e.Words, e.Next)
		}
	}
	if got := Explain(ReasonNone); got != (Explanation{}) {
		t.Errorf("no reason is explained: %+v", got)
	}
	if !slices.ContainsFunc(list, func(e Explanation) bool { return !e.IsError }) {
		t.Error("everything is an error")
	}
	list[0].Words = "changed"
	if Explanations()[0].Words == "changed" {
		t.Error("the list is shared")
	}
}
