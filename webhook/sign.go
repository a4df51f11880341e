package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// Versions of a signature, as they stand before its comma.
const (
	macVersion     = "v1,"  // HMAC-SHA256
	ed25519Version = "v1a," // ed25519
)

// maxKeptBytes is how large a buffer may be and still be kept for the next
// signature, so that one huge body does not hold memory for good.
const maxKeptBytes = 64 << 10

// A Signer signs the messages of one endpoint. It may be used by many goroutines
// at once, and is best kept as long as the endpoint's secrets stay the same.
type Signer struct {
	secrets []Secret
}

// NewSigner returns a Signer that signs with every secret given: the current one
// first, then those that are being rotated out, so that a receiver may change
// over at any time in between. No secret, or a zero one, is ErrInvalidKey.
func NewSigner(secrets ...Secret) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, invalidKey("there is none to sign with")
	}
	for i, s := range secrets {
		if s.IsZero() {
			return nil, invalidKey("secret %d is empty", i+1)
		}
	}
	return &Signer{append([]Secret(nil), secrets...)}, nil
}

// AppendSignature appends the value of the signature header to dst: one
// signature for each secret, separated by spaces. What is signed is
// "<id>.<t in Unix seconds>.<body>", with the body byte for byte as it is sent.
//
// The id stays the same on every retry, t is the time of this attempt. The id is
// chosen by the sender alone, is not empty and has no "." in it: otherwise
// part of it could be passed off as a timestamp, and [Standard] refuses it.
func (s *Signer) AppendSignature(dst []byte, id string, t time.Time, body []byte) []byte {
	for i, secret := range s.secrets {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = secret.k.appendSignature(dst, id, t.Unix(), body)
	}
	return dst
}

// SetHeaders sets the three webhook-* headers of an attempt. Senders that use
// the svix-* names set them from AppendSignature.
func (s *Signer) SetHeaders(h http.Header, id string, t time.Time, body []byte) {
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, strconv.FormatInt(t.Unix(), 10))
	h.Set(HeaderSignature, string(s.AppendSignature(nil, id, t, body)))
}

func (k *secretKey) appendSignature(dst []byte, id string, unix int64, body []byte) []byte {
	st := k.states.Get().(*signState)
	st.buf = appendPrefix(st.buf[:0], id, unix)
	if k.private != nil {
		// ed25519 reads the text twice, so it needs it in one piece.
		st.buf = append(st.buf, body...)
		dst = append(dst, ed25519Version...)
		dst = base64.StdEncoding.AppendEncode(dst, ed25519.Sign(k.private, st.buf))
	} else {
		st.mac.Reset()
		st.mac.Write(st.buf)
		st.mac.Write(body)
		st.buf = st.mac.Sum(st.buf[:0])
		dst = append(dst, macVersion...)
		dst = base64.StdEncoding.AppendEncode(dst, st.buf)
	}
	if cap(st.buf) <= maxKeptBytes {
		k.states.Put(st)
	}
	return dst
}

// appendPrefix appends what is signed before the body.
func appendPrefix(dst []byte, id string, unix int64) []byte {
	dst = append(dst, id...)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, unix, 10)
	return append(dst, '.')
}
