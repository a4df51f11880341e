package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
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

// TestHandlerTakesANonceOnce: the signature of one message serves no other.
func TestHandlerTakesANonceOnce(t *testing.T) {
	v := verifierFunc(func(r Request) (Verified, error) {
		id, nonce, _ := strings.Cut(string(r.Body), " ")
		return Verified{ID: id, Nonce: nonce}, nil
	})
	s := serve(t, v, HandlerOptions{})
	s.err = errors.New("not yet")
	s.send("POST", "/", nil, "1 a", 500, "")
	s.err = nil
	s.send("POST", "/", nil, "1 a", 204, "") // what failed may come again
	s.send("POST", "/", nil, "1 a", 204, "") // a duplicate
	s.send("POST", "/", nil, "1 b", 204, "") // a duplicate that was signed anew
	s.send("POST", "/", nil, "2 a", 401, "") // forged
	s.send("POST", "/", nil, "2 c", 204, "") // the forgery did not take the place of the message
	s.send("POST", "/", nil, "a d", 204, "") // an id is no nonce
	if len(s.got) != 4 {
		t.Errorf("%d calls, want 4: %v", len(s.got), s.got)
	}
}
