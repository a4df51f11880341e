package hook

import (
	"encoding/json"
	"testing"
)

func TestFilterIsCompiledOnce(t *testing.T) {
	f, n := &Filter{Text: "x"}, 0
	compile := func(text string) any { n++; return text + "!" }
	for range 3 {
		if got := f.Compiled(compile); got != "x!" {
			t.Fatalf("got %v", got)
		}
	}
	if n != 1 {
		t.Errorf("compiled %d times", n)
	}
	if n := testing.AllocsPerRun(100, func() { f.Compiled(compile) }); n != 0 {
		t.Errorf("%v allocations for what is kept", n)
	}
}

// What is stored and compared is the text alone.
func TestFilterIsItsText(t *testing.T) {
	f := &Filter{Text: `{"a":1}`}
	f.Compiled(func(string) any { return 1 })
	raw, err := json.Marshal(Features{Filter: f})
	if err != nil || string(raw) != `{"filter":{"text":"{\"a\":1}"}}` {
		t.Fatalf("%s, %v", raw, err)
	}
	var back Features
	if err := json.Unmarshal(raw, &back); err != nil || !back.Filter.Equal(f) {
		t.Errorf("%+v, %v", back.Filter, err)
	}
	var none *Filter
	if none.Equal(f) || f.Equal(none) || !none.Equal(nil) || f.Equal(&Filter{}) {
		t.Error("Equal is wrong")
	}
}
