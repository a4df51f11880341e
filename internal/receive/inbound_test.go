package receive

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

// names are those of forwarded headers.
func names(m *hook.Message) (out []string) {
	for i := 0; i < len(m.Inbound.Header); i += 2 {
		out = append(out, m.Inbound.Header[i])
	}
	return out
}

func TestOnlyWhatIsChosenIsForwarded(t *testing.T) {
	header := []string{
		"X-Event", "a", "X-Event", "b", "Authorization", "Bearer x", "Cookie", "c", "X-Forwarded-For", "192.0.2.1", "X-Hookloft-Source", "forged",
		"X-Nominated", "n", "Te", "trailers", "Content-Encoding", "identity", "Accept-Encoding", "br", "User-Agent", "Provider/1",
	}
	cases := []struct {
		name  string
		rule  hook.ForwardRule
		names []string
		path  string
		query string
		verb  string
	}{
		{"default", hook.ForwardRule{}, []string{"Content-Encoding", "X-Event", "X-Event"}, "/s", "q=1", "PUT"},
		{"chosen", hook.ForwardRule{Headers: []string{"authorization", "x-event"}}, []string{"Authorization", "X-Event", "X-Event"}, "/s", "q=1", "PUT"},
		{"nothing", hook.ForwardRule{NoHeaders: true, NoMethod: true, NoPath: true, NoQuery: true}, nil, "", "", ""},
	}
	w := newWorld(t, Options{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.Forward, s.Settings.Methods = c.rule, []string{"PUT"} })
			var raw strings.Builder
			fmt.Fprintf(&raw, "PUT %s%s/s?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close, X-Nominated\r\nContent-Length: 2\r\n", Path, s.Tokens[0].Text)
			for i := 0; i < len(header); i += 2 {
				fmt.Fprintf(&raw, "%s: %s\r\n", header[i], header[i+1])
			}
			if answer := w.raw(raw.String() + "\r\n{}"); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
				t.Fatalf("answered %q", answer)
			}
			m := w.one(s)
			if got := names(m); !slices.Equal(got, c.names) {
				t.Errorf("forwarded %q, want %q", got, c.names)
			}
			if m.Inbound.Path != c.path || m.Inbound.Query != c.query || m.Inbound.Method != c.verb {
				t.Errorf("forwarded %s %s?%s", m.Inbound.Method, m.Inbound.Path, m.Inbound.Query)
			}
		})
	}
}

func TestSecretsInTheURLAreNotForwarded(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) {
		s.Config = hook.SourceConfig{Secrets: []string{"a long secret/text"}, Values: map[string]string{"mode": "query", "query_param": "key"}}
	})
	if got := w.do(w.request("POST", w.url(s)+"?a=%2f&key=a%20long+secret%2Ftext&b&copy=a+long+secret%2Ftext", "{}", "X-Copy", "it is a long secret/text!")); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	m := w.one(s)
	if m.Inbound.Query != "a=%2f&b" || slices.Contains(names(m), "X-Copy") {
		t.Errorf("forwarded %q and %q", m.Inbound.Query, m.Inbound.Header)
	}
	if got := w.do(w.request("POST", w.url(s)+"?key=wrong", "a long secret/text in the body", "X-Copy", "a long secret/text")); got.status != 401 {
		t.Fatalf("with a wrong secret: %d", got.status)
	}
	if r := w.rejections(s)[0]; r.Header["X-Copy"] != withheld || string(r.Body) != withheld+" in the body" {
		t.Errorf("kept %v with %q", r.Header, r.Body)
	}
}

func TestForwardedHeadersAreBounded(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, nil)
	var header []string
	for i := range 300 {
		header = append(header, fmt.Sprintf("X-Many-%03d", i), strings.Repeat("v", 150))
	}
	if got := w.post(s, "{}", append(header, "X-Huge", strings.Repeat("h", 20<<10))...); got.status != 200 {
		t.Fatalf("answered %d %s", got.status, got.body)
	}
	m := w.one(s)
	size := 0
	for _, text := range m.Inbound.Header {
		size += len(text)
	}
	if n := len(m.Inbound.Header) / 2; n != maxForwarded || size > maxForwardedBytes || slices.Contains(names(m), "X-Huge") {
		t.Errorf("forwarded %d headers of %d bytes", n, size)
	}
}
