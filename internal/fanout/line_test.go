package fanout

import (
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestValueAt(t *testing.T) {
	for _, c := range []struct{ body, path, want string }{
		{`{"order":{"id":"o_1"}}`, "order.id", "o_1"},
		{`{"order":{"id":9007199254740993}}`, "order.id", "9007199254740993"},
		{`{"a":1,"order":{"x":[{}],"id":true}}`, "order.id", "true"},
		{`{"lines":[{"sku":"a"},{"sku":"b"}]}`, "lines.1.sku", "b"},
		{`{"lines":[{"sku":"a"}]}`, "lines.1.sku", ""},
		{`{"lines":[]}`, "lines.0", ""},
		{`{"lines":[1]}`, "lines.x", ""},
		{`{"order":{"id":null}}`, "order.id", ""},
		{`{"order":{}}`, "order.id", ""},
		{`{"order":"o_1"}`, "order.id", ""},
		{`{"order":{"id":"caf\u00e9"}}`, "order.id", "café"},
		{`{"id":"a","id":"b"}`, "id", "a"},
		{`[1,2]`, "1", "2"},
		{`not json`, "id", ""},
		{`{"id":`, "id", ""},
		{`{"id"`, "id", ""},
		{``, "id", ""},
		{`{"order":{"id":{"n":1}}}`, "order.id", `{"n":1}`},
	} {
		if got := valueAt([]byte(c.body), c.path); got != c.want {
			t.Errorf("%s in %s is %q, want %q", c.path, c.body, got, c.want)
		}
	}
}

func FuzzValueAt(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"x"]}}`), "a.b.1")
	f.Fuzz(func(_ *testing.T, body []byte, path string) { valueAt(body, path) })
}

func TestOrderedDeliveriesKnowTheirLine(t *testing.T) {
	ordered := func(key string) *hook.Endpoint {
		e := &hook.Endpoint{ID: 1}
		e.Order = &hook.Order{Key: key}
		return e
	}
	of := func(e *hook.Endpoint, m *hook.Message) hook.Line { return Plan(plan(e), m)[0].Line }
	one, other := &hook.Message{Payload: []byte(`{"id":"1"}`), Channels: []string{"x", "y"}}, &hook.Message{RawBody: []byte(`{"id":1}`), Channels: []string{"x"}}
	lacks := &hook.Message{Payload: []byte(`{}`)}
	if of(&hook.Endpoint{ID: 1}, one) != 0 {
		t.Error("an endpoint without order has a line")
	}
	if of(ordered(""), one) != of(ordered(""), other) || of(ordered(""), one) == 0 {
		t.Error("without a key there is not one line for all")
	}
	if of(ordered("id"), one) != of(ordered("id"), other) || of(ordered("id"), one) == of(ordered("id"), lacks) {
		t.Error("the key does not make the line")
	}
	if of(ordered("id"), lacks) != of(ordered(""), one) {
		t.Error("a message without the key does not stand in the line of all")
	}
	if of(ordered(hook.ChannelKey), one) != of(ordered(hook.ChannelKey), other) || of(ordered(hook.ChannelKey), one) == of(ordered(hook.ChannelKey), lacks) {
		t.Error("the first channel does not make the line")
	}
	fifo := &hook.Endpoint{ID: 1}
	fifo.Kind = hook.FIFOEndpoint
	if of(fifo, one) == 0 {
		t.Error("a FIFO endpoint has no line")
	}
}
