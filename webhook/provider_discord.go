package webhook

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	discordSignature = "X-Signature-Ed25519"
	discordTime      = "X-Signature-Timestamp"
)

// discord: discord.com/developers/docs/events/webhook-events and .../interactions/overview.
var discord = provider{
	Preset: Preset{
		Name: "discord", Title: "Discord (interactions and webhook events)", Family: "ed25519",
		Summary: "Ed25519 over time and body in " + discordSignature + ". Discord has no rule for how old it may be, and tests with wrong signatures whether they get a 401.",
		Secret:  "the application's public key, in hex (Developer Portal, General Information)",
		Settings: []Setting{
			{Name: "mode", Summary: "events: webhook events; interactions: commands and components, whose answer Discord reads", Words: []string{"events", "interactions"}},
		},
		ID:         "body id (interactions); webhook events have none",
		Deadline:   3 * time.Second,
		Retry:      "webhook events: growing delays up to 10 minutes, and after too many failures the URL is removed; interactions: none",
		RetryFor:   10 * time.Minute,
		Handshake:  "a signed PING, answered with 204 (events) or {\"type\":1} (interactions)",
		Success:    Success{Status: http.StatusNoContent},
		Confidence: Confidence{Docs, Memory, Docs, Docs},
		Docs:       "https://discord.com/developers/docs/events/webhook-events",
	},
	facts: facts{
		id: func(r *Request) string {
			// Webhook events have no id; what stands there would be somebody else's.
			if jsonFind(r.Body, []string{"event"}) != nil {
				return ""
			}
			return body("id")(r)
		},
		eventType: either(body("event.type"), body("type")),
		time:      body("event.timestamp"),
	},
	open: func(s *settings) (scheme, error) {
		texts, err := s.texts()
		if err != nil {
			return nil, err
		}
		d := &discordScheme{tolerance: s.tolerance()}
		for i, text := range texts {
			key, err := hex.DecodeString(strings.TrimSpace(string(text)))
			if err != nil || len(key) != ed25519.PublicKeySize {
				return nil, invalidKey("secret %d is not a public key: 64 hex digits", i+1)
			}
			d.keys = append(d.keys, key)
		}
		return d, nil
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		ping := map[string]string{"events": "0", "interactions": "1"}[v.settings.get("mode")]
		if r.Method != http.MethodPost || jsonText(jsonFind(r.Body, []string{"type"})) != ping {
			return nil, nil
		}
		if _, err := v.scheme.verify(r, now); err != nil {
			return nil, err
		}
		if ping == "1" {
			return jsonAnswer(http.StatusOK, map[string]int{"type": 1}), nil
		}
		// Discord asks for a Content-Type although there is no content.
		return &Answer{Status: http.StatusNoContent, Header: http.Header{"Content-Type": {"application/json"}}}, nil
	},
	sign: func(s *settings, r *Request, now time.Time) error {
		key, err := discordPrivateKey(s)
		if err != nil {
			return err
		}
		at := strconv.FormatInt(now.Unix(), 10)
		r.Header.Set(discordTime, at)
		r.Header.Set(discordSignature, hex.EncodeToString(ed25519.Sign(key, append([]byte(at), r.Body...))))
		return nil
	},
}

// discordPrivateKey reads PEM, or hex of the seed or of the whole private key.
func discordPrivateKey(s *settings) (ed25519.PrivateKey, error) {
	texts, err := s.texts()
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(texts[0])))
	switch {
	case err == nil && (len(key) == ed25519.SeedSize || len(key) == ed25519.PrivateKeySize):
		return ed25519.NewKeyFromSeed(key[:ed25519.SeedSize]), nil
	case err == nil:
		return nil, invalidKey("signing needs the private key: 64 hex digits, or PEM")
	}
	return privateKey[ed25519.PrivateKey](s)
}

type discordScheme struct {
	keys      []ed25519.PublicKey
	tolerance time.Duration
}

// verify calls everything that is wrong ErrNoMatch: Discord wants to see a 401, never a 400.
func (s *discordScheme) verify(r *Request, now time.Time) (time.Time, error) {
	encoded, err := single(r.Header, discordSignature)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s is missing, or there twice", ErrNoMatch, strings.ToLower(discordSignature))
	}
	at, err := single(r.Header, discordTime)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s is missing, or there twice", ErrNoMatch, strings.ToLower(discordTime))
	}
	signature, err := hex.DecodeString(encoded)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return time.Time{}, fmt.Errorf("%w: a signature is 128 hex digits", ErrNoMatch)
	}
	text := append([]byte(at), r.Body...)
	for _, key := range s.keys {
		if ed25519.Verify(key, text, signature) {
			return joinedTime(at, r.Body, now, s.tolerance)
		}
	}
	return time.Time{}, ErrNoMatch
}
