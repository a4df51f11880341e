package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crypto/ed25519"
	"crypto/x509"

	"github.com/hookloft/hookloft/internal/vectors"
)

// TestTextMovedAcrossABoundaryIsNotGenuine: where nothing stands between two things that are
// signed, whoever has one request can move text from one to the other and keep the signature.
func TestTextMovedAcrossABoundaryIsNotGenuine(t *testing.T) {
	k := specialKeysOf(t)
	public, err := x509.MarshalPKIXPublicKey(&k.ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, provider string
		private, open  string // secrets
		time           string // header with the time
		method, query  string
		body           string
		move           func(at, query, body string) (string, string, string)
	}{
		{"SendGrid: the body's beginning", "sendgrid", vectors.PrivatePEM(t, k.ec), base64.StdEncoding.EncodeToString(public), sendgridTime, "POST", "", "[{\"sg_event_id\":\"a\"}]\r\n",
			func(at, query, body string) (string, string, string) { return at + "[", query, body[1:] }},
		{"SendGrid: the time's end", "sendgrid", vectors.PrivatePEM(t, k.ec), base64.StdEncoding.EncodeToString(public), sendgridTime, "POST", "", "[{\"sg_event_id\":\"a\"}]\r\n",
			func(at, query, body string) (string, string, string) { return at[:9], query, at[9:] + body }},
		{"SendGrid: all of the body", "sendgrid", vectors.PrivatePEM(t, k.ec), base64.StdEncoding.EncodeToString(public), sendgridTime, "POST", "", "[{\"sg_event_id\":\"a\"}]",
			func(at, query, body string) (string, string, string) { return at + body, query, "" }},
		{"Discord: an id", "discord", vectors.PrivatePEM(t, k.ed), hex.EncodeToString(k.ed.Public().(ed25519.PublicKey)), discordTime, "POST", "", `{"id":"9","type":2}`,
			func(at, query, body string) (string, string, string) { return at + `{"id":"9",`, query, body[10:] }},
		{"Discord: the time's end", "discord", vectors.PrivatePEM(t, k.ed), hex.EncodeToString(k.ed.Public().(ed25519.PublicKey)), discordTime, "POST", "", `{"id":"9","type":2}`,
			func(at, query, body string) (string, string, string) { return at[:8], query, at[8:] + body }},
		{"HubSpot: the URL's end", "hubspot", "k", "k", hubspotTimeHeader, "GET", "?portalId=5", "",
			func(at, query, body string) (string, string, string) { return "5" + at, query[:10], body }},
		{"HubSpot: the time's beginning", "hubspot", "k", "k", hubspotTimeHeader, "GET", "?portalId=5", "",
			func(at, query, body string) (string, string, string) { return at[1:], query + at[:1], body }},
	} {
		t.Run(c.name, func(t *testing.T) {
			const address = "https://in.example.test/hook"
			r := Request{Method: c.method, URL: address + c.query, Header: http.Header{}, Body: []byte(c.body)}
			if err := Sign(c.provider, Config{Secrets: []string{c.private}}, &r, specialNow); err != nil {
				t.Fatal(err)
			}
			v := mustProvider(t, c.provider, Config{Secrets: []string{c.open}, Tolerance: 5 * time.Minute})
			if _, err := v.Verify(r, specialNow); err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(r, specialNow.Add(time.Hour)); !errors.Is(err, ErrTimestampTooOld) {
				t.Errorf("an hour later: %v", err)
			}
			at, query, body := c.move(r.Header.Get(c.time), c.query, string(r.Body))
			// As long as what is signed stays the same bytes, this tests something.
			if moved := query + at + body; c.provider == "hubspot" && query+body+at != c.query+c.body+r.Header.Get(c.time) ||
				c.provider != "hubspot" && moved != r.Header.Get(c.time)+c.body {
				t.Fatalf("the test moves too much: %q", moved)
			}
			r.URL, r.Body = address+query, []byte(body)
			r.Header.Set(c.time, at)
			for _, after := range []time.Duration{0, time.Hour, 365 * 24 * time.Hour} {
				if got, err := v.Verify(r, specialNow.Add(after)); err == nil {
					t.Errorf("after %s it is genuine: %+v", after, got)
				}
			}
			// Nor does it help that no time is looked at.
			v = mustProvider(t, c.provider, Config{Secrets: []string{c.open}, Tolerance: -1})
			if got, err := v.Verify(r, specialNow); err == nil {
				t.Errorf("without a tolerance it is genuine: %+v", got)
			}
		})
	}
}

// TestAnswersToXSignNoBody: everybody may ask for the answer of a crc_token, which is what
// the signature of a body equal to the token would be.
func TestAnswersToXSignNoBody(t *testing.T) {
	c := Config{Secrets: []string{"consumer secret"}}
	v := mustProvider(t, "twitter", c)
	now := time.Now()
	for _, body := range []string{"1234567", "true", "null", "YQ==", strings.Repeat("0", maxIDBytes), `"1"`, "{}", "[1]", " 1", "1\n", strings.Repeat("0", maxIDBytes+1)} {
		answer, err := v.Handshake(Request{Method: "GET", URL: "https://in.example.test/?crc_token=" + strings.ReplaceAll(strings.ReplaceAll(body, "\n", "%0A"), " ", "%20"), Header: http.Header{}}, now)
		if err != nil || answer == nil {
			t.Fatal(answer, err)
		}
		r := Request{Method: "POST", Header: http.Header{}, Body: []byte(body)}
		if err := Sign("twitter", c, &r, now); err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(r, now)
		if signed := bytes.Contains(answer.Body, []byte(strings.TrimPrefix(r.Header.Get("X-Twitter-Webhooks-Signature"), "sha256="))); signed == (err == nil) {
			t.Errorf("%.20q: signed by the answer %v, genuine %v", body, signed, err)
		}
	}
}
