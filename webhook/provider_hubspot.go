package webhook

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// hubspot: developers.hubspot.com, "Validating requests from HubSpot".
var hubspot = provider{
	Preset: Preset{
		Name: "hubspot", Title: "HubSpot", Family: "hmac",
		Summary: "v3: HMAC-SHA256 over method, URL, body and time in X-HubSpot-Signature-v3, not older than 5 minutes. v1, v2: SHA-256 over the secret and the body, or the secret, method, URL and body.",
		Secret:  "the app's client secret (App, Auth)",
		Settings: []Setting{
			{Name: "version", Summary: "which signature is checked; workflows sign with v1 or v2", Words: []string{"v3", "v2", "v1"}},
			urlSetting("webhook_url"),
		},
		Methods:    []string{http.MethodPost, http.MethodGet},
		Tolerance:  5 * time.Minute,
		ID:         "body [].eventId, together with subscriptionId and occurredAt: HubSpot does not promise that it is unique",
		Deadline:   5 * time.Second,
		Retry:      "up to 10 times over 24 hours; not after 400, 401, 403, 404 or 405",
		RetryFor:   24 * time.Hour,
		Batch:      true,
		Confidence: Confidence{Docs, Secondary, Secondary, Secondary},
		Docs:       "https://developers.hubspot.com/docs/api/webhooks/validating-requests",
	},
	facts: batchFacts(nil, "", facts{
		id: body("eventId"), eventType: body("subscriptionType"), time: body("occurredAt"),
		// Not the whole event: attemptNumber is another one on each retry.
		key: qualified(body("eventId"), body("subscriptionId"), body("occurredAt")),
	}),
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		address := signedURL(s, "webhook_url")
		if version := s.get("version"); version != "v3" {
			return &hubspotHash{keys: keys, version: version, url: address}, nil
		}
		return hubspotV3{&hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: base64Text, header: "X-Hubspot-Signature-V3",
			at: hubspotTime,
			text: func(r *Request, at timestamp) [][]byte {
				return [][]byte{[]byte(r.Method + hubspotURL.Replace(address(r))), r.Body, []byte(at.text)}
			},
			// HubSpot asks to look at the past only.
			tolerance: s.tolerance(), pastOnly: true,
		}}, nil
	},
}

// hubspotURL decodes what HubSpot decodes before it signs a URL, and nothing else.
var hubspotURL = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
)

const hubspotTimeHeader = "X-Hubspot-Request-Timestamp"

// hubspotTime reads Unix milliseconds, which have 13 digits from 2001 to 2286. Nothing
// stands between what is signed: a digit moved to the time from the end of the URL would
// make it one of the far future, which is not looked at.
func hubspotTime(r *Request) (timestamp, error) {
	text, err := single(r.Header, hubspotTimeHeader)
	if err != nil {
		return timestamp{}, err
	}
	millis, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) != 13 || millis <= 0 || strconv.FormatInt(millis, 10) != text {
		return timestamp{}, malformed(hubspotTimeHeader, "a timestamp is a whole number of milliseconds, with 13 digits")
	}
	return timestamp{text, time.UnixMilli(millis).UTC()}, nil
}

type hubspotV3 struct{ *hmacScheme }

func (s hubspotV3) sign(r *Request, now time.Time) error {
	at := timestamp{strconv.FormatInt(now.UnixMilli(), 10), now}
	r.Header.Set(hubspotTimeHeader, at.text)
	r.Header.Set(s.header, s.signature(s.keys[0], s.signedText(r, at)))
	return nil
}

// hubspotHash is v1 and v2: hashes of the secret and what follows it, not HMACs. They hold
// no time. Whoever has one request could lengthen its body without the secret (length
// extension); what he adds begins with binary padding, so that a body must be JSON.
type hubspotHash struct {
	keys    [][]byte
	version string
	url     func(r *Request) string
}

func (s *hubspotHash) verify(r *Request, _ time.Time) (time.Time, error) {
	signature, err := single(r.Header, "X-Hubspot-Signature")
	if err != nil {
		return time.Time{}, err
	}
	if said := r.Header.Get("X-Hubspot-Signature-Version"); said != "" && said != s.version {
		return time.Time{}, fmt.Errorf("%w: the signature is of another version than %s", ErrNoMatch, s.version)
	}
	if len(r.Body) > 0 && !json.Valid(r.Body) {
		return time.Time{}, fmt.Errorf("%w: the body is not JSON", ErrNoMatch)
	}
	found := 0
	for _, key := range s.keys {
		found |= subtle.ConstantTimeCompare([]byte(s.hash(key, r)), []byte(signature))
	}
	if found != 1 {
		return time.Time{}, ErrNoMatch
	}
	return time.Time{}, nil
}

func (s *hubspotHash) sign(r *Request, _ time.Time) error {
	r.Header.Set("X-Hubspot-Signature", s.hash(s.keys[0], r))
	r.Header.Set("X-Hubspot-Signature-Version", s.version)
	return nil
}

func (s *hubspotHash) hash(key []byte, r *Request) string {
	h := sha256.New()
	h.Write(key)
	if s.version == "v2" {
		h.Write([]byte(r.Method + s.url(r)))
	}
	h.Write(r.Body)
	return hex.EncodeToString(h.Sum(nil))
}
