package webhook

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // providers' choice; HMAC-SHA1 is not broken (RFC 6194 section 3.3)
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// encoding is how a signature is written.
type encoding func(sum []byte) string

var (
	hexText    encoding = hex.EncodeToString
	base64Text encoding = base64.StdEncoding.EncodeToString
)

// hmacScheme is what most providers use: a header with an HMAC over a text made of the
// request, with or without a time.
type hmacScheme struct {
	keys   [][]byte
	hash   crypto.Hash
	encode encoding
	// header carries the signature, behind prefix where one is given.
	header, prefix string
	// at finds the time that is signed; nil when there is none. See the timestamp functions.
	at func(r *Request) (timestamp, error)
	// within finds a signed time that stands in the body, and is asked only once the body is
	// known to be genuine; zero for none. Instead of at.
	within func(r *Request) time.Time
	// signatures finds the candidates; nil means the one value of header without prefix.
	signatures func(r *Request) ([]string, error)
	// text returns what is signed, in pieces: a body may be large, and whoever forges
	// requests must not make us copy it. Nil means the body.
	text func(r *Request, at timestamp) [][]byte
	// tolerance: see settings.tolerance. pastOnly does not look at times ahead of now.
	tolerance time.Duration
	pastOnly  bool
	// put writes signature and time as the provider does; nil means header and prefix.
	put func(r *Request, signature string, at timestamp)
}

// timestamp is a signed time as it was written.
type timestamp struct {
	text string
	time time.Time
}

// bodyHMAC opens the scheme of most providers: header carries prefix and the HMAC of the
// body; the key is the text of the secret. Without one it refuses everything where the
// preset says that it may come later.
func bodyHMAC(hash crypto.Hash, encode encoding, header, prefix string) func(s *settings) (scheme, error) {
	return func(s *settings) (scheme, error) {
		keys, err := s.laterTexts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{keys: keys, hash: hash, encode: encode, header: header, prefix: prefix}, nil
	}
}

// versionHMAC opens the scheme of a header with a list of versions, "v1=ab,v1=cd,v2=ef", of
// which v1, an HMAC-SHA256 of the body in hex, is the one that is known.
func versionHMAC(header string) func(s *settings) (scheme, error) {
	return func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: hexText, header: header, prefix: "v1=",
			signatures: listHeader{name: header, separator: ",", signature: "v1"}.signatures,
		}, nil
	}
}

// timedHMAC opens the scheme of a list header with a time and HMAC-SHA256 sums in hex; the
// time, the text between and the body are signed.
func timedHMAC(list listHeader, between string) func(s *settings) (scheme, error) {
	return func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: hexText, at: list.timestamp, signatures: list.signatures,
			text:      timedText("", between),
			tolerance: s.tolerance(),
			put: func(r *Request, signature string, at timestamp) {
				r.Header.Set(list.name, list.time+"="+at.text+list.separator+list.signature+"="+signature)
			},
		}, nil
	}
}

// timedText is what many sign: something fixed, the time as it was written, something
// between, the body.
func timedText(before, between string) func(r *Request, at timestamp) [][]byte {
	return func(r *Request, at timestamp) [][]byte {
		return [][]byte{[]byte(before + at.text + between), r.Body}
	}
}

// methodHMAC opens the scheme of a header that names its hash: "sha256=ab" (WebSub section 8).
// The first of the methods signs. A missing secret is treated as by bodyHMAC.
func methodHMAC(header string, methods ...hashMethod) func(s *settings) (scheme, error) {
	return func(s *settings) (scheme, error) {
		keys, err := s.laterTexts()
		if err != nil {
			return nil, err
		}
		m := &methodScheme{header: header}
		for _, method := range methods {
			m.schemes = append(m.schemes, &hmacScheme{keys: keys, hash: method.hash, encode: hexText, header: header, prefix: method.name + "="})
		}
		return m, nil
	}
}

type hashMethod struct {
	name string
	hash crypto.Hash
}

// methodScheme is one hmacScheme for each prefix that the header may have.
type methodScheme struct {
	header  string
	schemes []*hmacScheme
}

func (m *methodScheme) verify(r *Request, now time.Time) (time.Time, error) {
	value, err := single(r.Header, http.CanonicalHeaderKey(m.header))
	switch {
	case len(m.schemes[0].keys) == 0:
		return time.Time{}, ErrNoSecret
	case err != nil:
		return time.Time{}, err
	}
	for _, s := range m.schemes {
		if strings.HasPrefix(value, s.prefix) {
			return s.verify(r, now)
		}
	}
	return time.Time{}, malformed(m.header, "a signature begins with the name of a known hash")
}

func (m *methodScheme) sign(r *Request, now time.Time) error { return m.schemes[0].sign(r, now) }

// laterTexts is texts, except that no secret at all is allowed where the preset says that
// handshakes may come before it.
func (s *settings) laterTexts() ([][]byte, error) {
	if len(s.Secrets) == 0 && s.preset.SecretOptional {
		return nil, nil
	}
	return s.texts()
}

func (s *hmacScheme) verify(r *Request, now time.Time) (time.Time, error) {
	if len(s.keys) == 0 {
		return time.Time{}, ErrNoSecret
	}
	var at timestamp
	var err error
	if s.at != nil {
		if at, err = s.at(r); err != nil {
			return time.Time{}, err
		}
	}
	var candidates []string
	if s.signatures != nil {
		candidates, err = s.signatures(r)
	} else {
		candidates, err = oneSignature(r, s.header, s.prefix)
	}
	if err != nil {
		return time.Time{}, err
	}
	if !s.matches(r, at, candidates) {
		return time.Time{}, ErrNoMatch
	}
	// The time is judged last: only then is it the provider's.
	if s.within != nil {
		at.time = s.within(r)
	}
	return at.time, checkAge(at.time, now, s.tolerance, s.pastOnly)
}

// matches looks at every pair, so that the time tells nothing about which key or
// candidate matched.
func (s *hmacScheme) matches(r *Request, at timestamp, candidates []string) bool {
	found := 0
	text := s.signedText(r, at)
	for _, key := range s.keys {
		want := []byte(s.signature(key, text))
		for _, c := range candidates {
			found |= subtle.ConstantTimeCompare(want, []byte(c))
		}
	}
	return found == 1
}

func (s *hmacScheme) signedText(r *Request, at timestamp) [][]byte {
	if s.text == nil {
		return [][]byte{r.Body}
	}
	return s.text(r, at)
}

func (s *hmacScheme) signature(key []byte, text [][]byte) string {
	mac := hmac.New(s.hash.New, key)
	for _, piece := range text {
		mac.Write(piece)
	}
	return s.encode(mac.Sum(nil))
}

func (s *hmacScheme) sign(r *Request, now time.Time) error {
	if len(s.keys) == 0 {
		return invalidKey("there is none to sign with")
	}
	at := timestamp{strconv.FormatInt(now.Unix(), 10), now}
	signature := s.signature(s.keys[0], s.signedText(r, at))
	if s.put != nil {
		s.put(r, signature, at)
	} else {
		r.Header.Set(s.header, s.prefix+signature)
	}
	return nil
}

// oneSignature returns the one value of a header, without its prefix.
func oneSignature(r *Request, name, prefix string) ([]string, error) {
	value, err := single(r.Header, http.CanonicalHeaderKey(name))
	if err != nil {
		return nil, err
	}
	signature, ok := strings.CutPrefix(value, prefix)
	switch {
	case !ok:
		return nil, malformed(name, "a signature begins with "+strconv.Quote(prefix))
	case signature == "":
		return nil, malformed(name, "there is nothing behind "+strconv.Quote(prefix))
	}
	return []string{signature}, nil
}

// unixHeader finds a time in whole Unix seconds in a header of its own.
func unixHeader(name string) func(r *Request) (timestamp, error) {
	return func(r *Request) (timestamp, error) {
		value, err := single(r.Header, http.CanonicalHeaderKey(name))
		if err != nil {
			return timestamp{}, err
		}
		return unixTimestamp(name, value)
	}
}

// unixTimestamp reads Unix seconds that stood in a header.
func unixTimestamp(name, text string) (timestamp, error) {
	unix, ok := parseTimestamp(text)
	if !ok {
		return timestamp{}, malformed(name, "a timestamp is a whole number of seconds")
	}
	return timestamp{text, time.Unix(unix, 0).UTC()}, nil
}

// checkAge refuses a time too far from now. The error says how far.
func checkAge(signed, now time.Time, tolerance time.Duration, pastOnly bool) error {
	if tolerance <= 0 || signed.IsZero() {
		return nil
	}
	// Sub saturates, so that no timestamp can overflow into the accepted range.
	switch age := now.Sub(signed); {
	case age > tolerance:
		return tooOld(age, tolerance)
	case age < -tolerance && !pastOnly:
		return tooNew(-age, tolerance)
	}
	return nil
}

func tooOld(age, tolerance time.Duration) error {
	return fmt.Errorf("%w: it is %d s old; the tolerance is %d s", ErrTimestampTooOld, int64(age/time.Second), int64(tolerance/time.Second))
}

func tooNew(ahead, tolerance time.Duration) error {
	return fmt.Errorf("%w: it is %d s ahead; the tolerance is %d s", ErrTimestampTooNew, int64(ahead/time.Second), int64(tolerance/time.Second))
}

// joinedTime judges the time of a genuine signature over time and body with nothing between
// them: what is moved from one to the other keeps the signature. Only where a number meets
// JSON is there one way to part them, so everything else is refused.
func joinedTime(at string, body []byte, now time.Time, tolerance time.Duration) (time.Time, error) {
	unix, ok := parseTimestamp(at)
	if !ok || !json.Valid(body) {
		return time.Time{}, fmt.Errorf("%w: the time is no number, or the body not JSON", ErrNoMatch)
	}
	signed := time.Unix(unix, 0).UTC()
	return signed, checkAge(signed, now, tolerance, false)
}
