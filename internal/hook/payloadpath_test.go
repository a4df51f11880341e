package hook

import (
	"strings"
	"testing"
)

func TestPayloadMatch(t *testing.T) {
	const body = `{"order":{"id":123,"big":12345678901234567890,"price":1.10,"tiny":1e-3,"text":"123","yes":true,"none":null,"a/b":"x","":"e","word":"true"},
		"items":[{"sku":"a","n":1},{"sku":"b","n":[1,2]}],"0":"zero","list":[["p"],["q"]]}`
	for _, c := range []struct {
		path, value string
		want        bool
	}{
		{"order.id", "123", true}, {"/order/id", "123", true}, {"$.order.id", "123.0", true}, {"order.id", "1.23e2", true},
		{"order.id", `"123"`, false}, {"order.text", "123", true}, {"order.text", `"123"`, true}, {"order.text", "123.0", false},
		{"order.id", "124", false}, {"order.id", "-123", false}, {"id", "123", false}, {"order", "123", false}, {"order.id.x", "123", false},
		{"order.big", "12345678901234567890", true}, {"order.big", "12345678901234567891", false}, {"order.big", "12345678901234567168", false},
		{"order.price", "1.1", true}, {"order.price", "1.1000", true}, {"order.price", "11e-1", true}, {"order.tiny", "0.001", true},
		{"order.yes", "true", true}, {"order.yes", `"true"`, false}, {"order.word", "true", true}, {"order.none", "null", true}, {"order.none", "", false},
		{"/order/a~1b", "x", true}, {`order["a/b"]`, "x", true}, {"/order/", "e", true},
		{"items.sku", "b", true}, {"items[1].sku", "b", true}, {"items[0].sku", "b", false}, {"items[*].sku", "b", true}, {"/items/1/sku", "b", true}, {"/items/sku", "b", true},
		{"items.n", "2", false}, {"items[*].n[*]", "2", true}, {"/items/1/n/1", "2", true}, {"*.sku", "b", true}, {"list[1][0]", "q", true},
		{"/0", "zero", true}, {"[0]", "zero", false}, {"order.*", "x", true},
	} {
		m, err := ParsePayloadMatch(c.path, c.value)
		if err != nil {
			t.Errorf("%s = %s: %v", c.path, c.value, err)
			continue
		}
		if got := m.Matches([]byte(body)); got != c.want {
			t.Errorf("%s = %s: %v, want %v", c.path, c.value, got, c.want)
		}
	}
	m, err := ParsePayloadMatch("a.b", "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "x", "{", `{"a":`, `{"a":{"c":1},`, "[]", "1", "\xff", `{"a":[`, strings.Repeat(`{"a":`, 20000)} {
		if m.Matches([]byte(body)) {
			t.Errorf("%.40q matches", body)
		}
	}
	if !m.Matches([]byte(`{"a":{"b":2,"b":1}}`)) {
		t.Error("of equal names every one counts")
	}
	for _, bad := range [][2]string{{"", "1"}, {"a..b", "1"}, {"/a~2", "1"}, {"a", "{}"}, {"a", "[1]"}, {"a", strings.Repeat("x", 1025)}, {strings.Repeat("a.", 17) + "a", "1"}, {"/" + strings.Repeat("a/", 16), "1"}, {"a[", "1"}, {strings.Repeat("a", 257), "1"}} {
		if _, err := ParsePayloadMatch(bad[0], bad[1]); KindOf(err) != Invalid {
			t.Errorf("%.40q = %.40q: %v", bad[0], bad[1], err)
		}
	}
}

func FuzzPayloadMatch(f *testing.F) {
	f.Add("a.b[0]", "1", `{"a":{"b":[1]}}`)
	f.Add("/a/0", `"x"`, `{"a":["x"]}`)
	f.Fuzz(func(t *testing.T, path, value, body string) {
		if m, err := ParsePayloadMatch(path, value); err == nil {
			m.Matches([]byte(body))
		}
	})
}
