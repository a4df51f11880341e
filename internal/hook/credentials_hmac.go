package hook

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// HMAC is a signature in another layout than that of Standard Webhooks, beside it, for
// receivers that were written for another sender.
type HMAC struct {
	// Secret is the key. KeyEncoding says how its bytes are spelled: "text" (as it stands),
	// "base64" or "hex".
	Secret      HiddenText `json:"secret"`
	KeyEncoding string     `json:"keyEncoding"`
	// Algorithm is "sha1", "sha256" or "sha512".
	Algorithm string `json:"algorithm"`
	// Encoding of the signature: "hex" or "base64".
	Encoding string `json:"encoding"`
	// Content is what is signed, a text with {body}, {timestamp} and {id}.
	Content string `json:"content"`
	// Header and Value are where the signature goes: a text with {signature}, {timestamp} and {id}.
	Header string `json:"header"`
	Value  string `json:"value"`
	// TimestampHeader carries the timestamp, for receivers that look for it in a header of
	// its own; "" for none.
	TimestampHeader string `json:"timestampHeader,omitempty"`
}

// HMACPreset returns the layout of a known sender, without a secret (docs/credentials.md).
func HMACPreset(name string) (HMAC, bool) {
	h := HMAC{KeyEncoding: "text", Algorithm: "sha256", Encoding: "hex", Content: "{body}", Value: "{signature}"}
	switch name {
	case "github":
		h.Header, h.Value = "X-Hub-Signature-256", "sha256={signature}"
	case "stripe":
		h.Header, h.Value, h.Content = "Stripe-Signature", "t={timestamp},v1={signature}", "{timestamp}.{body}"
	case "shopify":
		h.Header, h.Encoding = "X-Shopify-Hmac-Sha256", "base64"
	case "slack":
		h.Header, h.Value, h.Content = "X-Slack-Signature", "v0={signature}", "v0:{timestamp}:{body}"
		h.TimestampHeader = "X-Slack-Request-Timestamp"
	case "":
	default:
		return HMAC{}, false
	}
	return h, true
}

// Preset returns the name of the known sender whose layout this is; "" for none.
func (h *HMAC) Preset() string {
	for _, name := range []string{"github", "stripe", "shopify", "slack"} {
		layout, _ := HMACPreset(name)
		if layout.Secret = h.Secret; layout == *h {
			return name
		}
	}
	return ""
}

func (h *HMAC) validate() error {
	at := func(field, text string) error { return FieldAt(text, "hmac", field) }
	switch h.Algorithm {
	case "sha1", "sha256", "sha512":
	default:
		return at("algorithm", "must be sha256, sha512 or, for receivers that know nothing else, sha1")
	}
	if h.Encoding != "hex" && h.Encoding != "base64" {
		return at("encoding", "must be hex or base64")
	}
	switch h.KeyEncoding {
	case "text", "base64", "hex":
	default:
		return at("keyEncoding", "must be text, base64 or hex")
	}
	switch {
	case h.Secret == "":
		return at("secret", "must be given: none is set")
	case !isSecretText(h.Secret):
		return at("secret", fmt.Sprintf("must have at most %d bytes of valid UTF-8 without control characters", MaxCredentialBytes))
	}
	if key, err := h.Key(); err != nil || len(key) == 0 {
		return at("secret", "is not "+h.KeyEncoding)
	}
	switch {
	case !mayBeHeader(h.Header):
		return at("header", badHeaderName)
	case h.TimestampHeader != "" && !mayBeHeader(h.TimestampHeader):
		return at("timestampHeader", badHeaderName)
	}
	content, err := ParseHMACText(h.Content)
	if err == nil && !hasPart(content, "{body}") {
		err = errors.New("must hold {body}: a signature over anything else vouches for nothing")
	}
	if err == nil && hasPart(content, "{signature}") {
		err = errors.New("cannot hold {signature}, which is made of it")
	}
	if err != nil {
		return at("content", err.Error())
	}
	value, err := ParseHMACText(h.Value)
	switch {
	case err == nil && !hasPart(value, "{signature}"):
		err = errors.New("must hold {signature}")
	case err == nil && hasPart(value, "{body}"):
		err = errors.New("cannot hold {body}")
	case err == nil && !isHeaderValue(h.Value):
		err = errors.New("must not begin or end with white space, nor hold control characters")
	}
	if err != nil {
		return at("value", err.Error())
	}
	return nil
}

// maxHMACText bounds a layout.
const maxHMACText = 1024

// ParseHMACText splits a layout into literal texts and the words {body}, {timestamp}, {id}
// and {signature}, braces included. There are no literal braces.
func ParseHMACText(text string) ([]string, error) {
	if len(text) > maxHMACText || !isPrintable(text) {
		return nil, fmt.Errorf("must have at most %d bytes of valid UTF-8 without control characters", maxHMACText)
	}
	var parts []string
	for text != "" {
		at := strings.IndexAny(text, "{}")
		if at < 0 {
			return append(parts, text), nil
		}
		if at > 0 {
			parts, text = append(parts, text[:at]), text[at:]
		}
		end := strings.IndexByte(text, '}')
		if text[0] == '}' || end < 0 {
			return nil, errors.New("has a brace without its other one")
		}
		switch word := text[:end+1]; word {
		case "{body}", "{timestamp}", "{id}", "{signature}":
			parts, text = append(parts, word), text[end+1:]
		default:
			return nil, errors.New("knows {body}, {timestamp}, {id} and {signature}")
		}
	}
	return parts, nil
}

func hasPart(parts []string, word string) bool {
	for _, p := range parts {
		if p == word {
			return true
		}
	}
	return false
}

// Key returns the bytes of the secret.
func (h *HMAC) Key() ([]byte, error) {
	switch h.KeyEncoding {
	case "base64":
		return base64.StdEncoding.DecodeString(string(h.Secret))
	case "hex":
		return hex.DecodeString(string(h.Secret))
	}
	return []byte(h.Secret), nil
}
