package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Credentials are what an endpoint's requests prove themselves with beside the standard
// signature, and the way on which they leave. All of it is secret or tells where secrets
// are, so it never prints itself. It is stored as JSON under these names, sealed.
type Credentials struct {
	// Basic, Bearer and OAuth2 fill the header Authorization: at most one of them is set.
	Basic  *BasicLogin `json:"basic,omitempty"`
	Bearer HiddenText  `json:"bearer,omitempty"`
	OAuth2 *OAuth2     `json:"oauth2,omitempty"`
	APIKey *APIKey     `json:"apiKey,omitempty"`
	HMAC   *HMAC       `json:"hmac,omitempty"`

	// Identity is the client certificate with its chain and its private key, in PEM.
	Identity HiddenText `json:"identity,omitempty"`
	// CA is the certificates, in PEM, that the receiver's is verified with in place of the
	// system's; "" for the system's.
	CA string `json:"ca,omitempty"`
	// Proxy is what connections are opened through.
	Proxy *Proxy `json:"proxy,omitempty"`
	// SourceAddress is the local address that connections leave from; "" for any.
	SourceAddress string `json:"sourceAddress,omitempty"`
}

// String hides the credentials from logs and error texts.
func (Credentials) String() string { return "[credentials]" }

// GoString hides them from %#v.
func (Credentials) GoString() string { return "[credentials]" }

// LogValue hides them from slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue("[credentials]") }

// HiddenText is a text that never prints itself. JSON holds it as it is: only what is
// sealed may be encoded.
type HiddenText string

// String hides the text from logs and error texts.
func (HiddenText) String() string { return "[hidden]" }

// GoString hides it from %#v.
func (HiddenText) GoString() string { return "[hidden]" }

// LogValue hides it from slog.
func (HiddenText) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// BasicLogin is a user's name and password (RFC 7617).
type BasicLogin struct {
	Username string     `json:"username"`
	Password HiddenText `json:"password"`
}

// APIKey is a value that the receiver looks for in a header or in the query.
type APIKey struct {
	In    Place      `json:"in"` // InHeader or InQuery
	Name  string     `json:"name"`
	Value HiddenText `json:"value"`
}

// Proxy is an HTTP proxy that opens tunnels (CONNECT, RFC 9110 section 9.3.6).
type Proxy struct {
	// URL is http://host:port or https://host:port, as egress.ParseProxy normalises it.
	URL string `json:"url"`
	// Username and Password are sent to the proxy (RFC 7617); "" for none.
	Username string     `json:"username,omitempty"`
	Password HiddenText `json:"password,omitempty"`
}

// Limits of credentials.
const (
	// MaxCredentialBytes bounds a password, token, key or shared secret.
	MaxCredentialBytes = 8192
	// MaxPEMBytes bounds a client certificate with its key, and a bundle of CAs.
	MaxPEMBytes = 64 << 10
	// CredentialWarning is how long before its end a certificate is warned of.
	CredentialWarning = 30 * 24 * time.Hour
)

// IsEmpty reports whether nothing is set.
func (c *Credentials) IsEmpty() bool { return c == nil || *c == Credentials{} }

// Elsewhere returns what of the credentials holds for a request to another host than the
// endpoint's: the way on which it leaves, nil for the usual one.
func (c *Credentials) Elsewhere() *Credentials {
	if c == nil || c.Proxy == nil && c.SourceAddress == "" {
		return nil
	}
	return &Credentials{Proxy: c.Proxy, SourceAddress: c.SourceAddress}
}

// HeaderNames returns the headers that the credentials fill.
func (c *Credentials) HeaderNames() []string {
	if c == nil {
		return nil
	}
	var names []string
	if c.Basic != nil || c.Bearer != "" || c.OAuth2 != nil {
		names = append(names, "Authorization")
	}
	if c.APIKey != nil && c.APIKey.In == InHeader {
		names = append(names, c.APIKey.Name)
	}
	if h := c.HMAC; h != nil {
		names = append(names, h.Header)
		if h.TimestampHeader != "" {
			names = append(names, h.TimestampHeader)
		}
	}
	return names
}

// Validate checks credentials as a client sets them at now, in place of old, nil for none: a
// certificate that stays may have expired meanwhile. The URLs in them are judged by
// egress, and a source address by the operator's list. The names of fields are those of
// the wire, and no error repeats a secret.
func (c *Credentials) Validate(now time.Time, old *Credentials) error {
	logins := 0
	for _, set := range []bool{c.Basic != nil, c.Bearer != "", c.OAuth2 != nil} {
		if set {
			logins++
		}
	}
	if logins > 1 {
		return FieldAt("must be one of basic, bearer and oauth2: each fills the header Authorization")
	}
	if c.Basic != nil {
		if err := checkLogin("basic", c.Basic.Username, c.Basic.Password); err != nil {
			return err
		}
	}
	if c.Bearer != "" {
		if err := CheckBearer(string(c.Bearer)); err != nil {
			return FieldAt(err.Error(), "bearer", "token")
		}
	}
	if c.OAuth2 != nil {
		if err := c.OAuth2.Validate(); err != nil {
			return fieldBelow(err, "oauth2")
		}
	}
	if c.APIKey != nil {
		if err := c.APIKey.validate(); err != nil {
			return err
		}
	}
	if c.HMAC != nil {
		if err := c.HMAC.validate(); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, name := range c.HeaderNames() {
		if plain := strings.ToLower(name); seen[plain] {
			return FieldAt("two of the credentials fill the header " + name)
		} else {
			seen[plain] = true
		}
	}
	if old == nil {
		old = &Credentials{}
	}
	return c.validateWay(now, old)
}

// validateWay checks what decides how connections are opened.
func (c *Credentials) validateWay(now time.Time, old *Credentials) error {
	if c.Identity != "" && c.Identity != old.Identity {
		certificate, err := ParseIdentity(c.Identity)
		if err == nil && !certificate.NotAfter.After(now) {
			err = fmt.Errorf("the certificate expired on %s", certificate.NotAfter.UTC().Format(time.DateOnly))
		}
		if err != nil {
			return FieldAt(err.Error(), "mtls", "identity")
		}
	}
	if c.CA != "" && c.CA != old.CA {
		if _, err := ParseCA(c.CA, now); err != nil {
			return FieldAt(err.Error(), "ca", "cert")
		}
	}
	if p := c.Proxy; p != nil && (p.Username != "" || p.Password != "") {
		if err := checkLogin("proxy", p.Username, p.Password); err != nil {
			return err
		}
	}
	if c.SourceAddress != "" {
		if a, err := netip.ParseAddr(c.SourceAddress); err != nil || a.Zone() != "" {
			return FieldAt("must be an IP address", "sourceAddress")
		}
	}
	return nil
}

// FieldAt returns a FieldError at a place below the body.
func FieldAt(text string, path ...string) error { return &FieldError{Path: path, Text: text} }

// fieldBelow puts the place of a FieldError below a field.
func fieldBelow(err error, field string) error {
	var f *FieldError
	if errors.As(err, &f) {
		return &FieldError{Path: append([]string{field}, f.Path...), Text: f.Text, Code: f.Code}
	}
	return err
}

func checkLogin(field, username string, password HiddenText) error {
	switch {
	case username == "" && password == "":
		return FieldAt("must be given, or a password", field, "username")
	case len(username) > 256 || !isPrintable(username) || strings.Contains(username, ":"):
		return FieldAt("must have at most 256 bytes of valid UTF-8 without colons and control characters (RFC 7617)", field, "username")
	case len(password) > MaxCredentialBytes || !isPrintable(string(password)):
		return FieldAt(fmt.Sprintf("must have at most %d bytes of valid UTF-8 without control characters", MaxCredentialBytes), field, "password")
	}
	return nil
}

// CheckBearer reports whether a text can stand in the header Authorization as a token: visible
// ASCII (RFC 6749 appendix A.12). The error does not repeat it.
func CheckBearer(token string) error {
	visible := token != "" && len(token) <= MaxCredentialBytes
	for i := 0; visible && i < len(token); i++ {
		visible = token[i] > ' ' && token[i] < 0x7f
	}
	if !visible {
		return fmt.Errorf("must have 1 to %d visible ASCII characters", MaxCredentialBytes)
	}
	return nil
}

func (k *APIKey) validate() error {
	switch {
	case k.In != InHeader && k.In != InQuery:
		return FieldAt("must be header or query", "apiKey", "in")
	case k.Name == "" || len(k.Name) > 256 || !isPrintable(k.Name):
		return FieldAt("must have 1 to 256 bytes of valid UTF-8 without control characters", "apiKey", "name")
	case k.In == InHeader && !mayBeHeader(k.Name):
		return FieldAt(badHeaderName, "apiKey", "name")
	case k.Value == "":
		return FieldAt("must be given: none is set", "apiKey", "value")
	case !isSecretText(k.Value):
		return FieldAt(fmt.Sprintf("must have at most %d bytes of valid UTF-8 without control characters", MaxCredentialBytes), "apiKey", "value")
	case k.In == InHeader && !isHeaderValue(string(k.Value)):
		return FieldAt("must not begin or end with white space", "apiKey", "value")
	}
	return nil
}

const badHeaderName = "must be a header that may be chosen: an HTTP token, and none that the sender sets"

// mayBeHeader reports whether a header of that name may be chosen; the rules are those of
// an endpoint's own headers.
func mayBeHeader(name string) bool { return CheckHeaders("", map[string]string{name: "x"}) == nil }

func isSecretText(s HiddenText) bool {
	return len(s) <= MaxCredentialBytes && utf8.ValidString(string(s)) && isPrintable(string(s))
}

// secretWords are parts of names whose values are withheld when they are read.
const secretWords = "secret password passwd token key assertion auth credential cookie signature"

// IsSecretName reports whether the value of a parameter or header of that name is withheld
// when settings are read, because it may be a secret.
func IsSecretName(name string) bool {
	name = strings.ToLower(name)
	for word := range strings.FieldsSeq(secretWords) {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// auditFields adds what the log says of credentials: which there are, and where they lead,
// and of secrets that they are set.
func (c *Credentials) auditFields(f *AuditFields) {
	note := func(name string, v any, words string) {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Appendf(nil, "%T: %v", v, err) // none of these types can fail
		}
		f.hide("credentials."+name, string(text), words)
	}
	if b := c.Basic; b != nil {
		note("basic", b, "set, for the user "+b.Username)
	}
	if c.Bearer != "" {
		note("bearer", c.Bearer, "set")
	}
	if o := c.OAuth2; o != nil {
		note("oauth2", o, "set, for the client "+o.ClientID+" at "+withoutQuery(o.TokenURL))
	}
	if k := c.APIKey; k != nil {
		note("apiKey", k, fmt.Sprintf("set, in the %s as %s", k.In, k.Name))
	}
	if h := c.HMAC; h != nil {
		note("hmac", h, "set, in the header "+h.Header)
	}
	if c.Identity != "" {
		words := "set"
		if certificate, err := ParseIdentity(c.Identity); err == nil {
			words += ", valid until " + certificate.NotAfter.UTC().Format(time.RFC3339)
		}
		note("mtls", c.Identity, words)
	}
	if c.CA != "" {
		note("ca", c.CA, "set")
	}
	if p := c.Proxy; p != nil {
		note("proxy", p, "set, "+p.URL)
	}
	f.show("credentials.sourceAddress", c.SourceAddress)
}
