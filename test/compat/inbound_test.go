//go:build unix

package compat

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// An sdk is a package that a provider publishes for its webhooks. Some sign, as a help for
// tests; most only judge.
type sdk struct {
	name     string // of the package
	provider string // webhook.Preset.Name
	secret   string // what a receiver is given; another is a stranger's
	another  string
	// signing and anotherSigning are what the provider signs with, where it is not the
	// secret: a private key in PEM.
	signing, anotherSigning string
	settings                map[string]string
	url                     string            // "" means inboundURL
	header                  map[string]string // what the provider sends beside the signature
	signature               string            // the header with the signature
	bodies                  func(at time.Time) []string
	sign                    func(secret string, r *webhook.Request, at time.Time) error // nil: it only judges
	judge                   func(secret string, r webhook.Request) error                // nil: it only signs
	// lax are the alterations, by name, that the package lets pass and we refuse.
	lax []string
}

// inboundURL is what providers are told.
const inboundURL = "https://hooks.example.com/in/src_1?team=billing"

// An alteration makes a genuine request another one. It returns false where it has nothing
// to change. resign signs the request anew.
type alteration struct {
	name  string
	apply func(s *sdk, r *webhook.Request, resign func(secret string, at time.Time)) bool
}

var alterations = []alteration{
	{"changed body", func(_ *sdk, r *webhook.Request, _ func(string, time.Time)) bool {
		at := bytes.LastIndexByte(r.Body, 'e')
		r.Body[at] = 'E'
		return true
	}},
	{"a space more", func(_ *sdk, r *webhook.Request, _ func(string, time.Time)) bool {
		r.Body = append(r.Body, ' ')
		return true
	}},
	{"no signature", func(s *sdk, r *webhook.Request, _ func(string, time.Time)) bool {
		r.Header.Del(s.signature)
		return true
	}},
	{"empty signature", func(s *sdk, r *webhook.Request, _ func(string, time.Time)) bool {
		r.Header.Set(s.signature, "")
		return true
	}},
	{"half a signature", func(s *sdk, r *webhook.Request, _ func(string, time.Time)) bool {
		r.Header.Set(s.signature, r.Header.Get(s.signature)[:len(r.Header.Get(s.signature))/2])
		return true
	}},
	{"signature of something else", func(s *sdk, r *webhook.Request, resign func(string, time.Time)) bool {
		body := r.Body
		r.Body = bytes.Replace(body, []byte("e"), []byte("a"), 1)
		resign(s.signingSecret(), time.Now())
		r.Body = body
		return true
	}},
	{"another secret", func(s *sdk, _ *webhook.Request, resign func(string, time.Time)) bool {
		secret := s.another
		if s.anotherSigning != "" {
			secret = s.anotherSigning
		}
		resign(secret, time.Now())
		return true
	}},
	{"stale", func(s *sdk, r *webhook.Request, resign func(string, time.Time)) bool {
		preset, _ := webhook.FindPreset(s.provider)
		if preset.Tolerance == 0 {
			return false // the provider signs no time
		}
		at := time.Now().Add(-preset.Tolerance - time.Minute)
		r.Body = []byte(s.bodies(at)[0])
		resign(s.signingSecret(), at)
		return true
	}},
	{"another URL", func(s *sdk, r *webhook.Request, _ func(string, time.Time)) bool {
		r.URL = strings.Replace(r.URL, "team=billing", "team=shipping", 1)
		return s.signsURL()
	}},
}

func (s *sdk) signsURL() bool {
	return slices.Contains([]string{"twilio", "square", "hubspot"}, s.provider)
}

func (s *sdk) signingSecret() string {
	if s.signing != "" {
		return s.signing
	}
	return s.secret
}

// request is what the provider would send, but for the signature.
func (s *sdk) request(body string) webhook.Request {
	r := webhook.Request{Method: http.MethodPost, URL: inboundURL, Header: http.Header{}, Body: []byte(body)}
	if s.url != "" {
		r.URL = s.url
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range s.header {
		r.Header.Set(name, value)
	}
	return r
}

// TestInboundGo and TestInboundNode hold package webhook against the packages of the
// providers: what they sign we accept, what we sign they accept, and what they refuse we
// refuse.
func TestInboundGo(t *testing.T) {
	for _, s := range goSDKs(t) {
		t.Run(s.name, func(t *testing.T) { testInbound(t, &s) })
	}
}

func TestInboundNode(t *testing.T) {
	for _, s := range nodeSDKs(t, startNode(t)) {
		t.Run(s.name, func(t *testing.T) { testInbound(t, &s) })
	}
}

func testInbound(t *testing.T, s *sdk) {
	verifier, err := webhook.Provider(s.provider, webhook.Config{Secrets: []string{s.secret}, Settings: s.settings})
	if err != nil {
		t.Fatal(err)
	}
	type signer struct {
		name string
		sign func(secret string, r *webhook.Request, at time.Time) error
	}
	signers := []signer{{"webhook.Sign", func(secret string, r *webhook.Request, at time.Time) error {
		return webhook.Sign(s.provider, webhook.Config{Secrets: []string{secret}, Settings: s.settings}, r, at)
	}}}
	if s.sign != nil {
		signers = append(signers, signer{"the package", s.sign})
	}
	ours := func(r webhook.Request) error {
		_, err := verifier.Verify(r, time.Now())
		return err
	}
	// Both judges, or ours alone where the package only signs.
	judges := map[string]func(webhook.Request) error{"package webhook": ours}
	if s.judge != nil {
		judges[s.name] = func(r webhook.Request) error { return s.judge(s.secret, r) }
	}
	for _, from := range signers {
		signed := func(body, secret string, at time.Time) webhook.Request {
			r := s.request(body)
			if err := from.sign(secret, &r, at); err != nil {
				t.Fatalf("%s: %v", from.name, err)
			}
			return r
		}
		for _, body := range s.bodies(time.Now()) {
			for name, judge := range judges {
				if err := judge(signed(body, s.signingSecret(), time.Now())); err != nil {
					t.Errorf("%s refuses what %s signed, body %.80q: %v", name, from.name, body, err)
				}
			}
		}
		if s.judge != nil {
			testDamaged(t, s, from.name, ours, signed)
		}
		for _, a := range alterations {
			for name, judge := range judges {
				r := signed(s.bodies(time.Now())[0], s.signingSecret(), time.Now())
				applied := a.apply(s, &r, func(secret string, at time.Time) {
					anew := s.request(string(r.Body))
					if err := from.sign(secret, &anew, at); err != nil {
						t.Fatalf("%s: %v", from.name, err)
					}
					r.Header = anew.Header
				})
				if !applied {
					continue
				}
				lax := name == s.name && slices.Contains(s.lax, a.name)
				if err := judge(r); (err == nil) != lax {
					t.Errorf("%s, signed by %s, %s: %v", name, from.name, a.name, err)
				}
			}
		}
	}
}

// testDamaged changes one byte of a genuine request, in its body or any header: what the
// package refuses we must refuse. (It may take what we do not, such as upper-case digits.)
// The content type is nobody's signature: go-github parses it, and we do not.
func testDamaged(t *testing.T, s *sdk, from string, ours func(webhook.Request) error, signed func(body, secret string, at time.Time) webhook.Request) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	genuine := signed(s.bodies(time.Now())[0], s.signingSecret(), time.Now())
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(genuine.Header)), func(name string) bool { return name == "Content-Type" })
	for range 200 {
		r := genuine
		r.Body, r.Header = bytes.Clone(genuine.Body), genuine.Header.Clone()
		what := "the body"
		switch random.IntN(3) {
		case 0:
			r.Body[random.IntN(len(r.Body))] ^= 1 << random.IntN(7)
		case 1:
			what = "the header " + s.signature
			r.Header.Set(s.signature, damaged(random, r.Header.Get(s.signature)))
		default:
			name := names[random.IntN(len(names))]
			what = "the header " + name
			r.Header.Set(name, damaged(random, r.Header.Get(name)))
		}
		theirs := s.judge(s.secret, r)
		if theirs == nil {
			continue
		}
		refused++
		if ours(r) == nil {
			t.Errorf("%s refuses damage of %s (%v), signed by %s; package webhook does not: %q %v", s.name, what, theirs, from, r.Body, r.Header)
		}
	}
	if refused < 100 {
		t.Errorf("%s refused %d of 200 damaged requests, so the test shows little", s.name, refused)
	}
}

// damaged changes one letter to another printable one.
func damaged(random *rand.Rand, text string) string {
	b := []byte(text)
	at := random.IntN(len(b))
	b[at] = '!' + (b[at]-'!'+byte(1+random.IntN(93)))%94
	return string(b)
}

// jsonBodies are what JSON may look like on its way: compact, pretty, with letters beyond
// ASCII and escapes that a decoder would take away, with a line end.
func jsonBodies(time.Time) []string {
	return []string{
		`{"id":"evt_1","type":"invoice.paid","created":1795219164,"note":"made for the test"}`,
		"{\n  \"id\": \"evt_2\",\n  \"type\": \"invoice.paid\",\n  \"amount\": 4900.00\n}\n",
		`{"id":"evt_3","type":"note","text":"Zoë ☕ \u00e9 \/ \"x\""}` + "\r\n",
	}
}
