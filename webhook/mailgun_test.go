package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestMailgunNamesTheTokenThatIsSigned: whoever puts another body under a captured signature
// must not choose the nonce by which a receiver would notice.
func TestMailgunNamesTheTokenThatIsSigned(t *testing.T) {
	c := Config{Secrets: []string{"key"}}
	v := mustProvider(t, "mailgun", c)
	captured := Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"event-data":{"id":"1"}}`)}
	if err := Sign("mailgun", c, &captured, specialNow); err != nil {
		t.Fatal(err)
	}
	first, err := v.Verify(captured, specialNow)
	if err != nil || first.Nonce == "" {
		t.Fatalf("nonce %q, %v", first.Nonce, err)
	}
	var body struct{ Signature map[string]string }
	if err := json.Unmarshal(captured.Body, &body); err != nil {
		t.Fatal(err)
	}
	genuine := mustJSON(body.Signature)
	junk := `{"timestamp":"1","token":"new each time","signature":"x"}`
	for _, forged := range []string{
		fmt.Sprintf(`{"event-data":{"id":"2"},"signature":%s}`, genuine),
		fmt.Sprintf(`{"event-data":{"id":"2"},"signature":%s,"parent-signature":%s}`, junk, genuine),
		fmt.Sprintf(`{"event-data":{"id":"2"},"signature":%s,"parent-signature":%s}`, genuine, junk),
	} {
		got, err := v.Verify(Request{Header: captured.Header, Body: []byte(forged)}, specialNow)
		if err != nil || got.Nonce != first.Nonce {
			t.Errorf("%s: nonce %q, %v", forged, got.Nonce, err)
		}
	}
	// Nothing stands between time and token, so that digits could move.
	s := body.Signature
	s["timestamp"], s["token"] = s["timestamp"][:9], s["timestamp"][9:]+s["token"]
	moved := fmt.Sprintf(`{"signature":%s}`, mustJSON(s))
	v = mustProvider(t, "mailgun", Config{Secrets: c.Secrets, Tolerance: -time.Second})
	if _, err := v.Verify(Request{Header: captured.Header, Body: []byte(moved)}, specialNow); !errors.Is(err, ErrMalformedHeader) {
		t.Errorf("a digit of the time in the token: %v", err)
	}
}
