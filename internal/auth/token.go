package auth

import (
	"crypto/rand"
	"hash/crc32"
	"log/slog"
	"strings"
)

// Text is the text of a token, which proves who calls. It never prints itself; Reveal
// is for the one answer in which its owner sees it.
type Text struct{ text string }

// Reveal returns the text itself.
func (t Text) Reveal() string { return t.text }

// IsPortal reports whether the text is a portal token's.
func (t Text) IsPortal() bool { return strings.HasPrefix(t.text, portalPrefix) }

// String hides the text from logs and error texts. Its first characters tell tokens apart.
func (t Text) String() string {
	if t.text == "" {
		return "[no token]"
	}
	return t.text[:prefixLen(t.text)] + "[token]"
}

// GoString hides the text from %#v.
func (t Text) GoString() string { return t.String() }

// LogValue hides the text from slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the text from encoders.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// The form of a token: prefix, random characters, checksum, all in letters, digits and
// "_". There is no dot in it, because client libraries take what follows one for a region
// of another service and would send the token there (CONTRACT 1.1). The prefixes are
// fixed, so that scanners find tokens that were published by mistake.
const (
	apiPrefix         = "hl_sk_"
	portalPrefix      = "hl_pk_"
	messagePrefix     = "hl_mk_"
	integrationPrefix = "hl_ik_"
	oneTimePrefix     = "hl_ok_"
	streamPrefix      = "hl_ek_"
	sessionPrefix     = "hl_ss_"
	claimPrefix       = "hl_ck_"
	// The contract shows poller tokens with this one.
	pollerPrefix = "sk_poll_"
	// 40 characters of 62 are 238 bits.
	randomChars = 40
	// The checksum is the CRC-32 of what stands before it, in base62. It is no secret:
	// it refuses mistyped and made-up tokens without a look-up.
	checksumChars = 6
	bodyChars     = randomChars + checksumChars
	// All prefixes but the poller's are of one length.
	tokenChars  = len(apiPrefix) + bodyChars
	pollerChars = len(pollerPrefix) + bodyChars
)

// MintAPI draws a token that may do everything in its environment.
func MintAPI() Text { return mint(apiPrefix) }

// MintPortal draws a token that is bound to one application.
func MintPortal() Text { return mint(portalPrefix) }

// MintMessage draws a token that may only create messages in one application.
func MintMessage() Text { return mint(messagePrefix) }

// MintIntegration draws the key of an integration.
func MintIntegration() Text { return mint(integrationPrefix) }

// MintOneTime draws a token that is exchanged, once, for a portal token.
func MintOneTime() Text { return mint(oneTimePrefix) }

// MintStream draws a token that may only follow messages of one application.
func MintStream() Text { return mint(streamPrefix) }

// MintSession draws the text of a user's session.
func MintSession() Text { return mint(sessionPrefix) }

// MintClaim draws what a link carries that makes its reader a user.
func MintClaim() Text { return mint(claimPrefix) }

// MintPoller draws a token that may only fetch from one polling endpoint.
func MintPoller() Text { return mint(pollerPrefix) }

func mint(prefix string) Text {
	b := make([]byte, 0, pollerChars)
	b = append(b, prefix...)
	var pool [64]byte
	for len(b) < len(prefix)+randomChars {
		rand.Read(pool[:]) // never fails (crypto/rand)
		for _, r := range pool {
			// 248 is four times 62: greater bytes are dropped, so that all characters are equally likely.
			if r < 248 && len(b) < len(prefix)+randomChars {
				b = append(b, base62[r%62])
			}
		}
	}
	sum := checksum(string(b))
	return Text{string(append(b, sum[:]...))}
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checksum returns the CRC-32 (IEEE) of s, most significant digit first. 62^6 exceeds
// 2^32. It goes byte by byte, because crc32.ChecksumIEEE makes its argument escape.
func checksum(s string) (digits [checksumChars]byte) {
	sum := ^uint32(0)
	for i := range len(s) {
		sum = crc32.IEEETable[byte(sum)^s[i]] ^ sum>>8
	}
	sum = ^sum
	for i := checksumChars - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return digits
}

// ParseToken returns s as a token, and false when it cannot be one of ours. It looks at
// length and form before anything else, so its cost is bounded whatever is sent, and it
// allocates nothing.
func ParseToken(s string) (Text, bool) {
	n := prefixLen(s)
	if n == 0 {
		return Text{}, false
	}
	for i := n; i < len(s); i++ {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return Text{}, false
		}
	}
	body := len(s) - checksumChars
	if sum := checksum(s[:body]); string(sum[:]) != s[body:] {
		return Text{}, false
	}
	return Text{s}, true
}

// prefixLen returns the length of the prefix of what is as long as a token of ours and
// begins like one; 0 for everything else.
func prefixLen(s string) int {
	switch len(s) {
	case tokenChars:
		switch s[:len(apiPrefix)] {
		case apiPrefix, portalPrefix, messagePrefix, integrationPrefix, oneTimePrefix, streamPrefix, sessionPrefix, claimPrefix:
			return len(apiPrefix)
		}
	case pollerChars:
		if s[:len(pollerPrefix)] == pollerPrefix {
			return len(pollerPrefix)
		}
	}
	return 0
}

// hintChars is how many random characters a hint shows.
const hintChars = 4

// Hint is what may be kept and shown of a token, so that its owner tells it from others:
// the prefix and the first of 40 random characters. 214 random bits remain.
func (t Text) Hint() string {
	if t.text == "" {
		return ""
	}
	return t.text[:prefixLen(t.text)+hintChars]
}
