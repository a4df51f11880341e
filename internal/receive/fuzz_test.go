package receive

import (
	"encoding/json"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hookloft/hookloft/internal/hook"
)

// FuzzAddress checks that what passes can be joined to another URL without leading out
// of it, and is the text that came.
func FuzzAddress(f *testing.F) {
	for _, target := range []string{"/in/abc", "/in/abc/x/y?a=b", "/in/", "/in/abc/%2e%2e/", "/in/a?", "/in/a/..;x", "//in/a", "/in/a/%00", "/in/a/%zz", "/in/a/b%5c..", "/in/é/\xff"} {
		f.Add(target)
	}
	codec, err := hook.NewCodec(make([]byte, 16))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		a, ok := splitTarget(target)
		if !ok {
			return
		}
		again := Path + a.token + a.suffix
		if a.hasQuery {
			again += "?" + a.query
		}
		if again != target {
			t.Fatalf("%q came apart as %+v", target, a)
		}
		if s, ok := codec.ParseSourceToken(a.token); ok && len(a.token) != 44 {
			t.Fatalf("token %q names source %d", a.token, s)
		}
		if a.check() != nil || a.suffix == "" {
			return
		}
		decoded, err := url.PathUnescape(a.suffix)
		if err != nil {
			t.Fatalf("suffix %q passed: %v", a.suffix, err)
		}
		joined := path.Clean("/hook/" + strings.ReplaceAll(decoded, `\`, "/"))
		if joined != "/hook" && !strings.HasPrefix(joined, "/hook/") {
			t.Fatalf("suffix %q leads to %q", a.suffix, joined)
		}
		if strings.ContainsAny(a.suffix+a.query, " \r\n\x00#") {
			t.Fatalf("%+v passed", a)
		}
	})
}

// FuzzRules checks that no body makes a validator panic, and that what is called JSON or
// UTF-8 is that.
func FuzzRules(f *testing.F) {
	for _, body := range []string{`{"a":[1,2,{"b":null}]}`, `<a><b c="d"/></a>`, "\xff", `[[[[`, `1e999999999`, `{"data":{"amount":1e1000000000}}`, `<?xml version="1.0" encoding="utf-16"?><a/>`, " 1 2 "} {
		f.Add(body, 3)
	}
	ruled := func(v hook.ValidationRule) *rules {
		r, err := compileRules(&v)
		if err != nil {
			f.Fatal(err)
		}
		return r
	}
	text, j, x, s := ruled(hook.ValidationRule{UTF8: true}), ruled(hook.ValidationRule{Syntax: "json"}), ruled(hook.ValidationRule{Syntax: "xml"}), ruled(hook.ValidationRule{Schema: orderSchema})
	f.Fuzz(func(t *testing.T, body string, depth int) {
		b := []byte(body)
		if (text.fault("", b) == "") != utf8.Valid(b) {
			t.Errorf("UTF-8: %q", text.fault("", b))
		}
		// jsontext stops at 10,000 levels, as encoding/json does.
		if (j.fault("", b) == "") != json.Valid(b) {
			t.Errorf("JSON: %q, encoding/json says %v", j.fault("", b), json.Valid(b))
		}
		for _, fault := range []string{x.fault("text/xml", b), s.fault("", b), j.fault("", b)} {
			if len(fault) > 1024 {
				t.Errorf("%d bytes of words", len(fault))
			}
		}
		ruled(hook.ValidationRule{MaxDepth: 1 + depth&0xff}).fault("text/xml", b)
		payload, raw := payloadOf(b)
		if !json.Valid(payload) || payload[0] != '{' || raw == nil && !json.Valid(b) {
			t.Errorf("payload %q, raw %q", payload, raw)
		}
		jsonAt(b, "data.0.amount")
	})
}
