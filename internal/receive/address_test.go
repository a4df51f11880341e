package receive

import (
	"net/http/httptest"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestURLIsTheOneThatTheProviderKnows(t *testing.T) {
	cases := []struct{ name, public, target, want string }{
		{"the server's own", "", "/in/tok", "https://hooks.example.test/in/tok"},
		{"with all of it", "", "/in/tok/a%2Fb/?x=%20&y", "https://hooks.example.test/in/tok/a%2Fb/?x=%20&y"},
		{"an empty query", "", "/in/tok?", "https://hooks.example.test/in/tok?"},
		{"behind a proxy", "https://a.test/stripe", "/in/tok?x=1", "https://a.test/stripe?x=1"},
		{"with a slash", "https://a.test/", "/in/tok", "https://a.test/"},
		{"with one slash between", "https://a.test/", "/in/tok/b", "https://a.test/b"},
		{"absolute form", "", "http://elsewhere.test/in/tok/c?d", "https://hooks.example.test/in/tok/c?d"},
	}
	r := New(Deps{PublicURL: func() string { return "https://hooks.example.test/" }}, Options{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), "POST", c.target, nil)
			to, ok := parseAddress(req)
			if !ok {
				t.Fatal("it is not below the path")
			}
			v := &visit{Receiver: r, req: req, to: to, source: &hook.Source{Settings: hook.SourceSettings{PublicURL: c.public}}}
			if got := v.url(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
