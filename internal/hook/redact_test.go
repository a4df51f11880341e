package hook

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRedactionLeavesOutOnlyItsPaths(t *testing.T) {
	cases := []struct {
		name, body, want string
		paths            []string
	}{
		{"a member", `{"card": {"number" : "4111", "exp":1}, "id":9007199254740993}`, `{"card": {"number" : "[redacted]", "exp":1}, "id":9007199254740993}`, []string{"card.number"}},
		{"an object", `{"card":{"number":"4111"},"x":1.10}`, `{"card":"[redacted]","x":1.10}`, []string{"card"}},
		{"every element", `{"items":[{"p":1,"q":2},{"p":[1,2]},3]}`, `{"items":[{"p":"[redacted]","q":2},{"p":"[redacted]"},3]}`, []string{"items[*].p"}},
		{"one element", `{"items":[1,2,3]}`, `{"items":[1,"[redacted]",3]}`, []string{"items[1]"}},
		{"every member", `{"a":{"email":"x"},"b":{"email":"y"},"c":1}`, `{"a":{"email":"[redacted]"},"b":{"email":"[redacted]"},"c":1}`, []string{"*.email"}},
		{"a list at the top", `[{"a":1}]`, `[{"a":"[redacted]"}]`, []string{"[*].a"}},
		{"a name with a dot", `{"a.b":1,"a":{"b":2}}`, `{"a.b":"[redacted]","a":{"b":2}}`, []string{`["a.b"]`}},
		{"a root sign", `{"a":{"b":2}}`, `{"a":{"b":"[redacted]"}}`, []string{"$.a.b"}},
		{"an escaped name", `{"\u0061":1}`, `{"\u0061":"[redacted]"}`, []string{"a"}},
		{"equal names", `{"a":1,"a":{"b":2}}`, `{"a":"[redacted]","a":"[redacted]"}`, []string{"a"}},
		{"two paths", `{"a":1,"b":{"c":2,"d":3}}`, `{"a":"[redacted]","b":{"c":"[redacted]","d":3}}`, []string{"b.c", "a"}},
		{"one path within another", `{"a":{"b":1}}`, `{"a":"[redacted]"}`, []string{"a.b", "a"}},
		{"nothing there", ` {"x":1} `, ` {"x":1} `, []string{"a.b"}},
		{"another shape", `{"a":[1],"b":{"0":1}}`, `{"a":[1],"b":{"0":1}}`, []string{"a.x", "b[0]"}},
		{"broken UTF-8", "{\"a\":1,\"x\":\"\xff\"}", "{\"a\":\"[redacted]\",\"x\":\"\xff\"}", []string{"a"}},
		{"not JSON", `a=4111`, `"[redacted]"`, []string{"a"}},
		{"half JSON", `{"a":"4111","b":`, `"[redacted]"`, []string{"c"}},
		{"a tail", `{"b":1} {"a":"4111"}`, `"[redacted]"`, []string{"a"}},
		{"white space around", " \n{\"a\":1}\n", " \n{\"a\":\"[redacted]\"}\n", []string{"a"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := ParseRedaction("redact", c.paths)
			if err != nil {
				t.Fatal(err)
			}
			body := []byte(c.body)
			if got := string(r.Apply(body)); got != c.want {
				t.Errorf("shows %s, want %s", got, c.want)
			}
			if string(body) != c.body {
				t.Error("the body itself was changed")
			}
		})
	}
	var none *Redaction
	if got := none.Apply([]byte("x")); string(got) != "x" {
		t.Errorf("no redaction shows %q", got)
	}
}

func TestParseRedactionNamesThePath(t *testing.T) {
	for _, bad := range []string{"", ".", "a.", "a..b", "[", "[x]", "a[-1]", "a[*", `a["b]`, "a]b", "a[1]b", "$", "a\x00", strings.Repeat("a.", 20) + "a", strings.Repeat("a", 300), "a[99999999999]", "/card/number"} {
		_, err := ParseRedaction("redact", []string{"ok", bad})
		if bad == "$" && err == nil {
			continue // a member of that name
		}
		f, ok := err.(*FieldError)
		if !ok || len(f.Path) != 2 || f.Path[1] != "[1]" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ParseRedaction("redact", []string{"a", "a"}); err == nil {
		t.Error("a path stands twice")
	}
	if _, err := ParseRedaction("redact", make([]string, 33)); err == nil {
		t.Error("33 paths were taken")
	}
}

// Whatever the document: a value that a path leads to by Go's own parser is not in what is
// shown, which is JSON still.
func FuzzRedaction(f *testing.F) {
	f.Add([]byte(`{"a":{"b":"canary"},"c":[{"b":"canary"}]}`))
	f.Add([]byte(`{"a":"canary","a":1}`))
	f.Add([]byte(`[[["canary"]]]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseRedaction("redact", []string{"a.b", "c[*].b", "[0][0]"})
		if err != nil {
			t.Fatal(err)
		}
		shown := r.Apply(body)
		if len(body) > 0 && !json.Valid(shown) && json.Valid(body) {
			t.Fatalf("%q became %q", body, shown)
		}
		var was, is any
		if json.Unmarshal(body, &was) != nil || json.Unmarshal(shown, &is) != nil {
			return
		}
		for _, path := range [][]any{{"a", "b"}, {0, 0}} {
			if v, found := at(was, path); found {
				if w, _ := at(is, path); w != Redacted {
					t.Fatalf("%q shows %v of %v", body, w, v)
				}
			}
		}
	})
}

func at(v any, path []any) (any, bool) {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[s]; !ok {
				return nil, false
			}
		case int:
			l, ok := v.([]any)
			if !ok || s >= len(l) {
				return nil, false
			}
			v = l[s]
		}
	}
	return v, true
}
