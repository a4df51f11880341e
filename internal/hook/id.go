package hook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"
)

// Codec turns row keys into public ids and back. A public id is a prefix and a
// millisecond KSUID in 27 base62 characters: 5 bytes of time in 4 ms steps, 3 bytes
// with the rest of the key, and 12 bytes of authentication code over key and scope
// under a secret of the store. So ids sort as their keys do, nobody can guess one,
// an id that is not ours or belongs to another tenant is refused without a look-up,
// and no table needs an index on the text.
//
// The scope is the row key of what owns the noun: the environment of an
// application, a task or a token, the application of an endpoint, message or attempt.
type Codec struct {
	blocks [kinds]cipher.Block
}

type idKind uint8

const (
	environmentKind idKind = iota
	applicationKind
	endpointKind
	messageKind
	attemptKind
	taskKind
	tokenKind
	sourceKind    // of the short form, see shortid.go
	rejectionKind // likewise
	urlKind       // of sources, see SourceToken
	integrationKind
	auditKind
	destinationKind        // of the short form
	destinationAttemptKind // likewise
	connectorKind
	userKind
	sessionKind
	kinds
)

// The prefixes of the public HTTP contract (CONTRACT section 1.4).
var idPrefixes = [kinds]string{"org_", "app_", "ep_", "msg_", "atmpt_", "qtask_", "key_", "src_", "log", "url", "integ_", "audit_", "sink_", "sinkatmpt_", "trtmpl_", "user_", "session_"}

// NewCodec derives a Codec from a secret of at least 16 bytes. Ids made under one
// secret are foreign under every other, so it must never change for a store.
func NewCodec(secret []byte) (*Codec, error) {
	if len(secret) < 16 {
		return nil, fmt.Errorf("id secret has %d bytes, at least 16 are needed", len(secret))
	}
	c := &Codec{}
	for k := range c.blocks {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("hookloft id " + idPrefixes[k]))
		block, err := aes.NewCipher(mac.Sum(nil)[:16])
		if err != nil {
			return nil, fmt.Errorf("derive id cipher: %w", err)
		}
		c.blocks[k] = block
	}
	return c, nil
}

// Environment returns the public id of e.
func (c *Codec) Environment(e EnvironmentID) string { return c.text(environmentKind, 0, Key(e)) }

// Application returns the public id of a, which belongs to e.
func (c *Codec) Application(e EnvironmentID, a ApplicationID) string {
	return c.text(applicationKind, Key(e), Key(a))
}

// Endpoint returns the public id of ep, which belongs to a.
func (c *Codec) Endpoint(a ApplicationID, ep EndpointID) string {
	return c.text(endpointKind, Key(a), Key(ep))
}

// Message returns the public id of m, which belongs to a. It is the webhook-id of its deliveries.
func (c *Codec) Message(a ApplicationID, m MessageID) string {
	return c.text(messageKind, Key(a), Key(m))
}

// Attempt returns the public id of at, which belongs to a.
func (c *Codec) Attempt(a ApplicationID, at AttemptID) string {
	return c.text(attemptKind, Key(a), Key(at))
}

// Task returns the public id of t, which belongs to e.
func (c *Codec) Task(e EnvironmentID, t TaskID) string { return c.text(taskKind, Key(e), Key(t)) }

// Token returns the public id (not the text) of t, which belongs to e.
func (c *Codec) Token(e EnvironmentID, t TokenID) string { return c.text(tokenKind, Key(e), Key(t)) }

// Integration returns the public id of i, which belongs to a.
func (c *Codec) Integration(a ApplicationID, i IntegrationID) string {
	return c.text(integrationKind, Key(a), Key(i))
}

// Audit returns the public id of an entry of e's audit log.
func (c *Codec) Audit(e EnvironmentID, a AuditID) string { return c.text(auditKind, Key(e), Key(a)) }

// User returns the public id of u, the same in every environment.
func (c *Codec) User(u UserID) string { return c.text(userKind, 0, Key(u)) }

// ParseUser returns the user that s names.
func (c *Codec) ParseUser(s string) (UserID, bool) {
	k, ok := c.parse(userKind, 0, s)
	return UserID(k), ok
}

// Session returns the public id of a session of u.
func (c *Codec) Session(u UserID, s SessionID) string { return c.text(sessionKind, Key(u), Key(s)) }

// ParseSession returns the session of u that s names.
func (c *Codec) ParseSession(u UserID, s string) (SessionID, bool) {
	k, ok := c.parse(sessionKind, Key(u), s)
	return SessionID(k), ok
}

// Connector returns the public id of a connector, which belongs to e.
func (c *Codec) Connector(e EnvironmentID, id ConnectorID) string {
	return c.text(connectorKind, Key(e), Key(id))
}

// ParseConnector returns the connector of e that s names; false when it names none.
func (c *Codec) ParseConnector(e EnvironmentID, s string) (ConnectorID, bool) {
	k, ok := c.parse(connectorKind, Key(e), s)
	return ConnectorID(k), ok
}

// ParseEnvironment returns the environment that s names; false when it names none of ours.
func (c *Codec) ParseEnvironment(s string) (EnvironmentID, bool) {
	k, ok := c.parse(environmentKind, 0, s)
	return EnvironmentID(k), ok
}

// ParseApplication returns the application of e that s names; false when it names none.
func (c *Codec) ParseApplication(e EnvironmentID, s string) (ApplicationID, bool) {
	k, ok := c.parse(applicationKind, Key(e), s)
	return ApplicationID(k), ok
}

// ParseEndpoint returns the endpoint of a that s names; false when it names none.
func (c *Codec) ParseEndpoint(a ApplicationID, s string) (EndpointID, bool) {
	k, ok := c.parse(endpointKind, Key(a), s)
	return EndpointID(k), ok
}

// ParseMessage returns the message of a that s names; false when it names none.
func (c *Codec) ParseMessage(a ApplicationID, s string) (MessageID, bool) {
	k, ok := c.parse(messageKind, Key(a), s)
	return MessageID(k), ok
}

// ParseAttempt returns the attempt of a that s names; false when it names none.
func (c *Codec) ParseAttempt(a ApplicationID, s string) (AttemptID, bool) {
	k, ok := c.parse(attemptKind, Key(a), s)
	return AttemptID(k), ok
}

// ParseTask returns the task of e that s names; false when it names none.
func (c *Codec) ParseTask(e EnvironmentID, s string) (TaskID, bool) {
	k, ok := c.parse(taskKind, Key(e), s)
	return TaskID(k), ok
}

// ParseToken returns the token of e that s names; false when it names none.
func (c *Codec) ParseToken(e EnvironmentID, s string) (TokenID, bool) {
	k, ok := c.parse(tokenKind, Key(e), s)
	return TokenID(k), ok
}

// ParseIntegration returns the integration of a that s names; false when it names none.
func (c *Codec) ParseIntegration(a ApplicationID, s string) (IntegrationID, bool) {
	k, ok := c.parse(integrationKind, Key(a), s)
	return IntegrationID(k), ok
}

// ParseAudit returns the entry of e's audit log that s names; false when it names none.
func (c *Codec) ParseAudit(e EnvironmentID, s string) (AuditID, bool) {
	k, ok := c.parse(auditKind, Key(e), s)
	return AuditID(k), ok
}

// ParseEndpointOf returns the application and endpoint that two ids name together, where
// nobody knows the environment. The code of an endpoint's id covers the application's row
// key, so made-up ids are refused without a look-up; but the code of app itself is not
// checked here: compare app with Application once the environment is known.
func (c *Codec) ParseEndpointOf(app, endpoint string) (ApplicationID, EndpointID, bool) {
	rest, ok := strings.CutPrefix(app, idPrefixes[applicationKind])
	if !ok || len(rest) != ksuidChars {
		return 0, 0, false
	}
	raw, ok := parseBase62(rest)
	if !ok || raw[4] > 249 {
		return 0, 0, false
	}
	a := ApplicationID(keyIn(raw[:]))
	e, ok := c.ParseEndpoint(a, endpoint)
	return a, e, ok
}

const (
	ksuidBytes = 20
	ksuidChars = 27
	// ksuidEpoch is where KSUID seconds begin: 2014-05-13T16:53:20Z (segmentio/ksuid).
	ksuidEpoch = 1_400_000_000
	macBytes   = 12
)

func (c *Codec) text(kind idKind, scope, k Key) string {
	var raw [ksuidBytes]byte
	c.encode(&raw, kind, scope, k)
	var out [8 + ksuidChars]byte
	n := copy(out[:], idPrefixes[kind])
	appendBase62(out[n:n+ksuidChars], raw)
	return string(out[:n+ksuidChars])
}

func (c *Codec) encode(raw *[ksuidBytes]byte, kind idKind, scope, k Key) {
	ms := max(k.Millis()-ksuidEpoch*1000, 0)
	binary.BigEndian.PutUint32(raw[0:], uint32(ms/1000))
	raw[4] = byte(ms % 1000 / 4)
	// 2 bits of millisecond, 10 of node, 11 of sequence: 23 bits in 3 bytes.
	low := uint32(ms%4)<<milliShift | k.low()
	raw[5], raw[6], raw[7] = byte(low>>16), byte(low>>8), byte(low)
	var block [aes.BlockSize]byte
	binary.BigEndian.PutUint64(block[0:], uint64(k))
	binary.BigEndian.PutUint64(block[8:], uint64(scope))
	// One block of AES over a fixed-length input is a pseudo-random function,
	// which makes its first 96 bits an authentication code.
	c.blocks[kind].Encrypt(block[:], block[:])
	copy(raw[8:], block[:macBytes])
}

func (c *Codec) parse(kind idKind, scope Key, s string) (Key, bool) {
	rest, ok := strings.CutPrefix(s, idPrefixes[kind])
	if !ok || len(rest) != ksuidChars {
		return 0, false
	}
	raw, ok := parseBase62(rest)
	if !ok || raw[4] > 249 {
		return 0, false
	}
	k := keyIn(raw[:])
	var want [ksuidBytes]byte
	c.encode(&want, kind, scope, k)
	if subtle.ConstantTimeCompare(want[:], raw[:]) != 1 {
		return 0, false
	}
	return k, true
}

// HasIDPrefix reports whether s begins like a public id of an application,
// endpoint, message or connector. Such text is not allowed as a uid of that noun (CONTRACT 1.5).
func HasIDPrefix(noun, s string) bool {
	switch noun {
	case "app":
		return strings.HasPrefix(s, idPrefixes[applicationKind])
	case "endpoint":
		return strings.HasPrefix(s, idPrefixes[endpointKind])
	case "message":
		return strings.HasPrefix(s, idPrefixes[messageKind])
	case "connector":
		return strings.HasPrefix(s, idPrefixes[connectorKind])
	}
	return false
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// appendBase62 writes raw as 27 base62 digits, most significant first, so that
// text compares as bytes do. dst has length 27.
func appendBase62(dst []byte, raw [ksuidBytes]byte) {
	var words [5]uint32
	for i := range words {
		words[i] = binary.BigEndian.Uint32(raw[4*i:])
	}
	for i := ksuidChars - 1; i >= 0; i-- {
		var rem uint64
		for j := range words {
			v := rem<<32 | uint64(words[j])
			words[j] = uint32(v / 62)
			rem = v % 62
		}
		dst[i] = base62Digits[rem]
	}
}

func parseBase62(s string) (raw [ksuidBytes]byte, ok bool) {
	var words [5]uint32
	for i := range len(s) {
		var d uint64
		switch ch := s[i]; {
		case ch >= '0' && ch <= '9':
			d = uint64(ch - '0')
		case ch >= 'A' && ch <= 'Z':
			d = uint64(ch-'A') + 10
		case ch >= 'a' && ch <= 'z':
			d = uint64(ch-'a') + 36
		default:
			return raw, false
		}
		for j := len(words) - 1; j >= 0; j-- {
			v := uint64(words[j])*62 + d
			words[j] = uint32(v)
			d = v >> 32
		}
		if d != 0 { // more than 160 bits
			return raw, false
		}
	}
	for i, w := range words {
		binary.BigEndian.PutUint32(raw[4*i:], w)
	}
	return raw, true
}

// KeyOf returns the row key that the public id of a message or an attempt holds, without
// knowing whose it is; false when the text has not the form of one. It proves nothing:
// whoever finds something under the key must parse the id in the scope of what was found.
func KeyOf(s string) (Key, bool) {
	for _, kind := range []idKind{messageKind, attemptKind} {
		rest, ok := strings.CutPrefix(s, idPrefixes[kind])
		if !ok || len(rest) != ksuidChars {
			continue
		}
		raw, ok := parseBase62(rest)
		return keyIn(raw[:]), ok && raw[4] <= 249
	}
	return 0, false
}
