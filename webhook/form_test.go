package webhook

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// FuzzFormText: it decodes as net/url does.
func FuzzFormText(f *testing.F) {
	for _, text := range []string{"", "a", "a+b%20c", "%", "%4", "%zz", "%4A%4a", "%%41", "+%2B"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, wantErr := url.QueryUnescape(text)
		got, err := formText([]byte(text))
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != want {
			t.Errorf("%q: %q, %v, want %q, %v", text, got, err, want, wantErr)
		}
	})
}

// TestForgedRequestsAreNotCopied: whoever knows a URL may send large bodies to it. What the
// receiver counts is the body; a copy for each secret would be memory that nobody counts.
func TestForgedRequestsAreNotCopied(t *testing.T) {
	const size = 4 << 20
	plain := append([]byte("a="), bytes.Repeat([]byte("x"), size)...)
	escaped := append([]byte("a=%41"), bytes.Repeat([]byte("x"), size)...)
	json := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), size)...), `"}`...)
	hexSum := strings.Repeat("0", 64)
	for _, c := range []struct {
		provider string
		header   http.Header
		settings map[string]string
		body     []byte
		copies   float64
	}{
		{"github", http.Header{"X-Hub-Signature-256": {"sha256=" + hexSum}}, nil, json, 0},
		{"slack", http.Header{"X-Slack-Signature": {"v0=" + hexSum}, "X-Slack-Request-Timestamp": {"1763668800"}}, nil, json, 0},
		{"stripe", http.Header{"Stripe-Signature": {"t=1763668800,v1=" + hexSum}}, nil, json, 0},
		{"square", http.Header{"X-Square-Hmacsha256-Signature": {"AA=="}}, nil, json, 0},
		{"hubspot", http.Header{"X-Hubspot-Signature-V3": {"AA=="}, hubspotTimeHeader: {"1763668800000"}}, nil, json, 0},
		{"gitea", http.Header{"X-Gitea-Signature": {hexSum}}, nil, json, 0},
		{"gitea", http.Header{"X-Gitea-Signature": {hexSum}, "Content-Type": {formContent}}, nil, append([]byte("payload="), plain[2:]...), 0},
		{"generic", http.Header{"X-Signature": {hexSum}}, map[string]string{"header": "X-Signature"}, json, 0},
		{"twilio", http.Header{"X-Twilio-Signature": {"AA=="}, "Content-Type": {formContent}}, nil, plain, 0},
		{"twilio", http.Header{"X-Twilio-Signature": {"AA=="}, "Content-Type": {formContent}}, nil, escaped, 1},
		{"mandrill", http.Header{"X-Mandrill-Signature": {"AA=="}, "Content-Type": {formContent}}, nil, plain, 0},
		{"mandrill", http.Header{"X-Mandrill-Signature": {"AA=="}, "Content-Type": {formContent}}, nil, escaped, 2},
		{"mailgun", http.Header{"Content-Type": {formContent}}, nil, append([]byte("timestamp=1763668800&token=a&signature="+hexSum+"&"), plain...), 0},
	} {
		v := mustProvider(t, c.provider, Config{Secrets: []string{"one secret", "another secret", "a third secret"}, Settings: c.settings})
		r := Request{Method: "POST", URL: "https://in.example.test/it's", Header: c.header, Body: c.body}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, handshakeErr := v.Handshake(r, time.Unix(1763668800, 0))
		_, err := v.Verify(r, time.Unix(1763668800, 0))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrNoMatch) || handshakeErr != nil {
			t.Errorf("%s: %v, handshake %v", c.provider, err, handshakeErr)
		}
		if copies := float64(after.TotalAlloc-before.TotalAlloc) / size; copies > c.copies+0.1 {
			t.Errorf("%s: %.1f copies of the body, want %.0f", c.provider, copies, c.copies)
		}
	}
}
