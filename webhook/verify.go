package webhook

import (
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultTolerance is how far a message's timestamp may lie from the receiver's
// clock, either way. Five minutes is what the libraries of Standard Webhooks use.
const DefaultTolerance = 5 * time.Minute

// maxSignatures bounds the work that one header can ask for: each v1a signature
// costs an ed25519 verification per public key. Senders keep at most ten old keys.
const maxSignatures = 32

// maxIDBytes bounds what is remembered and logged. Senders' ids have about 30.
const maxIDBytes = 256

// Standard verifies Standard Webhooks: both kinds of signature, and the names
// webhook-* as well as svix-* for the headers.
type Standard struct {
	secrets   []*secretKey
	publics   []ed25519.PublicKey
	tolerance time.Duration
}

var _ Verifier = (*Standard)(nil)

// StandardOptions are the knobs of a Standard. The zero value is a good start.
type StandardOptions struct {
	// Tolerance is how far the timestamp may lie from now, either way, the bound
	// included. Too small refuses genuine messages when clocks differ; a larger one
	// leaves more time to replay a captured request to a receiver that forgot its
	// id. Zero means DefaultTolerance. Negative accepts any time, which is meant
	// only for looking at stored messages.
	Tolerance time.Duration
}

// NewStandard returns a verifier that accepts a message which any of keys signed.
// An asymmetric Secret stands for its public key. No key, or a zero one, is
// ErrInvalidKey.
func NewStandard(keys []Key, o StandardOptions) (*Standard, error) {
	if len(keys) == 0 {
		return nil, invalidKey("there is none to verify with")
	}
	v := &Standard{tolerance: o.Tolerance}
	if v.tolerance == 0 {
		v.tolerance = DefaultTolerance
	}
	for i, key := range keys {
		if key == nil || key.IsZero() {
			return nil, invalidKey("key %d is empty", i+1)
		}
		switch k := key.(type) {
		case PublicKey:
			v.publics = append(v.publics, k.key)
		case Secret:
			if public, ok := k.Public(); ok {
				v.publics = append(v.publics, public.key)
			} else {
				v.secrets = append(v.secrets, k.k)
			}
		default:
			return nil, invalidKey("key %d is of type %T", i+1, key)
		}
	}
	return v, nil
}

// Verify checks the three headers, the timestamp against now, and the signatures
// against every key; one match is enough and unknown versions are passed over. If
// both families of headers are complete, webhook-* counts.
//
// The error wraps ErrMissingHeader, ErrDuplicateHeader, ErrMalformedHeader,
// ErrTimestampTooOld, ErrTimestampTooNew or ErrNoMatch.
func (v *Standard) Verify(r Request, now time.Time) (Verified, error) {
	h, err := readHeaders(r.Header)
	if err != nil {
		return Verified{}, err
	}
	sent := time.Unix(h.unix, 0)
	if err := checkAge(sent, now, v.tolerance, false); err != nil {
		return Verified{}, err
	}
	if !v.matchesMAC(h, r.Body) && !v.matchesEd25519(h, r.Body) {
		return Verified{}, ErrNoMatch
	}
	return Verified{ID: h.id, Timestamp: sent}, nil
}

// matchesMAC compares texts, not decoded bytes: base64 that only decodes to the
// same bytes is not what a sender wrote.
func (v *Standard) matchesMAC(h headers, body []byte) bool {
	if !h.has(macVersion) {
		return false
	}
	var want, got [64]byte // a v1 signature has 47 characters
	for _, k := range v.secrets {
		expected := k.appendSignature(want[:0], h.id, h.unix, body)
		for signature := range strings.SplitSeq(h.signatures, " ") {
			n := copy(got[:], signature)
			if subtle.ConstantTimeCompare(expected, got[:n]) == 1 {
				return true
			}
		}
	}
	return false
}

func (v *Standard) matchesEd25519(h headers, body []byte) bool {
	if len(v.publics) == 0 || !h.has(ed25519Version) {
		return false
	}
	text := append(appendPrefix(nil, h.id, h.unix), body...)
	for entry := range strings.SplitSeq(h.signatures, " ") {
		encoded, ok := strings.CutPrefix(entry, ed25519Version)
		if !ok {
			continue
		}
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(signature) != ed25519.SignatureSize {
			continue // the next one may be right
		}
		if slices.ContainsFunc(v.publics, func(k ed25519.PublicKey) bool { return ed25519.Verify(k, text, signature) }) {
			return true
		}
	}
	return false
}

// headers is one complete family, each of its parts well formed.
type headers struct {
	id         string
	unix       int64
	signatures string
}

// has reports whether any signature is of this version.
func (h headers) has(version string) bool {
	return strings.HasPrefix(h.signatures, version) || strings.Contains(h.signatures, " "+version)
}

func readHeaders(h http.Header) (headers, error) {
	idName, timestampName, signatureName := HeaderID, HeaderTimestamp, HeaderSignature
	if !hasAll(h, idName, timestampName, signatureName) && hasAny(h, SvixHeaderID, SvixHeaderTimestamp, SvixHeaderSignature) {
		idName, timestampName, signatureName = SvixHeaderID, SvixHeaderTimestamp, SvixHeaderSignature
	}
	id, err := single(h, idName)
	if err != nil {
		return headers{}, err
	}
	timestamp, err := single(h, timestampName)
	if err != nil {
		return headers{}, err
	}
	signatures, err := single(h, signatureName)
	if err != nil {
		return headers{}, err
	}
	if !isID(id) {
		return headers{}, malformed(idName, "an id is 1 to 256 visible ASCII characters without a full stop")
	}
	unix, ok := parseTimestamp(timestamp)
	if !ok {
		return headers{}, malformed(timestampName, "a timestamp is a whole number of seconds")
	}
	if strings.Count(signatures, " ") >= maxSignatures {
		return headers{}, malformed(signatureName, "there are more than 32 signatures")
	}
	return headers{id, unix, signatures}, nil
}

func hasAll(h http.Header, names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return len(h[name]) == 0 })
}

func hasAny(h http.Header, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return len(h[name]) > 0 })
}

// single returns the one value of a header. Two values are refused, because a
// proxy and the receiver might each look at another one.
func single(h http.Header, name string) (string, error) {
	values := h[name]
	switch {
	case len(values) > 1:
		return "", fmt.Errorf("%w: %s", ErrDuplicateHeader, strings.ToLower(name))
	case len(values) == 0 || values[0] == "":
		return "", fmt.Errorf("%w: %s", ErrMissingHeader, strings.ToLower(name))
	}
	return values[0], nil
}

// isID refuses the full stop as the specification asks of senders ("Signature
// scheme"): with it, "a.1.2" could be id "a" at second 1 with a body that begins
// with "2", or id "a.1" at second 2.
func isID(id string) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return id != "" && len(id) <= maxIDBytes
}

// parseTimestamp reads Unix seconds in their one canonical form, so that the
// number is enough to write the signed text again. Eleven digits reach the year
// 5138.
func parseTimestamp(text string) (unix int64, ok bool) {
	if len(text) > 11 {
		return 0, false
	}
	unix, err := strconv.ParseInt(text, 10, 64)
	if err != nil || unix < 0 || strconv.FormatInt(unix, 10) != text {
		return 0, false
	}
	return unix, true
}

func malformed(header, rule string) error {
	return fmt.Errorf("%w: %s: %s", ErrMalformedHeader, strings.ToLower(header), rule)
}
