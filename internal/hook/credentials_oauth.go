package hook

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// OAuth2 is how an access token is got for an endpoint (CONTRACT 3.7; RFC 6749).
type OAuth2 struct {
	// Grant is "clientCredentials" or "refreshToken".
	Grant string `json:"grant"`
	// AuthMethod is how the client proves itself: "clientSecretBasic", "clientSecretPost" or "clientSecretJwt".
	AuthMethod   string     `json:"authMethod"`
	ClientID     string     `json:"clientId"`
	ClientSecret HiddenText `json:"clientSecret,omitempty"`
	// TokenURL is the token endpoint, as egress.ParseURL normalises it.
	TokenURL string   `json:"tokenUrl"`
	Scopes   []string `json:"scopes,omitempty"`
	// RefreshToken is of the grant of that name. A token server may answer with a new one,
	// which then takes its place.
	RefreshToken HiddenText `json:"refreshToken,omitempty"`
	// JWT is of the method clientSecretJwt.
	JWT *ClientJWT `json:"jwt,omitempty"`
	// ExtraParams go into the body of the token request, ExtraHeaders into its header.
	ExtraParams  map[string]string `json:"extraParams,omitempty"`
	ExtraHeaders map[string]string `json:"extraHeaders,omitempty"`
}

// String hides the settings from logs and error texts.
func (OAuth2) String() string { return "[oauth2]" }

// GoString hides them from %#v.
func (OAuth2) GoString() string { return "[oauth2]" }

// LogValue hides them from slog.
func (OAuth2) LogValue() slog.Value { return slog.StringValue("[oauth2]") }

// ClientJWT is what a client's assertion is signed with (RFC 7523), by RS256.
type ClientJWT struct {
	// Key is an RSA private key, PEM or DER, in base64.
	Key HiddenText `json:"key"`
	// KeyID goes into the header as kid; "" for none.
	KeyID string `json:"keyId,omitempty"`
	// Life is how long an assertion is valid; 0 for DefaultAssertionLife.
	Life time.Duration `json:"life,omitempty"`
}

// The words of OAuth2, as the contract spells them.
const (
	GrantClientCredentials = "clientCredentials"
	GrantRefreshToken      = "refreshToken"
	AuthClientSecretBasic  = "clientSecretBasic"
	AuthClientSecretPost   = "clientSecretPost"
	AuthClientSecretJWT    = "clientSecretJwt"
)

// Limits of OAuth2.
const (
	// DefaultAssertionLife and MaxAssertionLife are of a client's assertion.
	DefaultAssertionLife = 5 * time.Minute
	MaxAssertionLife     = 24 * time.Hour
	// MaxOAuthScopes and MaxOAuthExtras bound the lists and maps.
	MaxOAuthScopes = 100
	MaxOAuthExtras = 20
)

// reservedParams are set by the sender in a token request.
var reservedParams = []string{
	"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "refresh_token", "scope",
}

// Validate checks the settings; the names of fields are the contract's. The token URL is
// judged by egress.
func (o *OAuth2) Validate() error {
	switch o.Grant {
	case GrantClientCredentials:
	case GrantRefreshToken:
		if o.RefreshToken == "" {
			return FieldAt("must be given for the grant refreshToken", "refreshToken")
		}
		if !isSecretText(o.RefreshToken) {
			return FieldAt(badOAuthText, "refreshToken")
		}
	default:
		return FieldAt("must be clientCredentials or refreshToken", "grantType")
	}
	if o.ClientID == "" || len(o.ClientID) > 1024 || !isPrintable(o.ClientID) {
		return FieldAt("must have 1 to 1024 bytes of valid UTF-8 without control characters", "clientId")
	}
	switch o.AuthMethod {
	case AuthClientSecretBasic, AuthClientSecretPost:
		if o.ClientSecret == "" {
			return FieldAt("must be given for the method "+o.AuthMethod, "clientSecret")
		}
	case AuthClientSecretJWT:
		if o.JWT == nil {
			return FieldAt("must be given for the method clientSecretJwt", "jwtParams")
		}
		if err := o.JWT.validate(); err != nil {
			return err
		}
	default:
		return FieldAt("must be clientSecretBasic, clientSecretPost or clientSecretJwt", "authMethod")
	}
	if !isSecretText(o.ClientSecret) {
		return FieldAt(badOAuthText, "clientSecret")
	}
	return o.validateExtras()
}

var badOAuthText = fmt.Sprintf("must have at most %d bytes of valid UTF-8 without control characters", MaxCredentialBytes)

func (o *OAuth2) validateExtras() error {
	if len(o.Scopes) > MaxOAuthScopes {
		return FieldAt(fmt.Sprintf("must hold at most %d scopes", MaxOAuthScopes), "scopes")
	}
	for i, scope := range o.Scopes {
		// RFC 6749 section 3.3: blanks stand between scopes.
		if scope == "" || len(scope) > 1024 || !isPrintable(scope) || strings.ContainsAny(scope, " \"\\") {
			return FieldAt("must have 1 to 1024 characters without blanks, quotation marks and back slashes", "scopes", fmt.Sprintf("[%d]", i))
		}
	}
	if len(o.ExtraParams) > MaxOAuthExtras {
		return FieldAt(fmt.Sprintf("must hold at most %d parameters", MaxOAuthExtras), "extraParams")
	}
	for _, name := range slices.Sorted(maps.Keys(o.ExtraParams)) {
		switch {
		case name == "" || len(name) > 256 || !isPrintable(name):
			return FieldAt("names must have 1 to 256 bytes of valid UTF-8 without control characters", "extraParams")
		case slices.Contains(reservedParams, name):
			return FieldAt("is set by the sender and cannot be chosen", "extraParams", name)
		case !isSecretText(HiddenText(o.ExtraParams[name])):
			return FieldAt(badOAuthText, "extraParams", name)
		}
	}
	if len(o.ExtraHeaders) > MaxOAuthExtras {
		return FieldAt(fmt.Sprintf("must hold at most %d headers", MaxOAuthExtras), "extraHeaders")
	}
	for name := range o.ExtraHeaders {
		if o.AuthMethod == AuthClientSecretBasic && strings.EqualFold(name, "authorization") {
			return FieldAt("is set by the method clientSecretBasic and cannot be chosen", "extraHeaders", name)
		}
	}
	return CheckHeaders("extraHeaders", o.ExtraHeaders)
}

func (j *ClientJWT) validate() error {
	if _, err := j.PrivateKey(); err != nil {
		return FieldAt(err.Error(), "jwtParams", "secretBase64")
	}
	if len(j.KeyID) > 256 || !isPrintable(j.KeyID) {
		return FieldAt("must have at most 256 bytes of valid UTF-8 without control characters", "jwtParams", "secretId")
	}
	if j.Life != 0 && (j.Life < time.Second || j.Life > MaxAssertionLife) {
		return FieldAt(fmt.Sprintf("must lie between 1 and %d", MaxAssertionLife/time.Second), "jwtParams", "tokenExpirySecs")
	}
	return nil
}

// PrivateKey reads the key. The error says what is wrong without repeating it.
func (j *ClientJWT) PrivateKey() (*rsa.PrivateKey, error) {
	errNoKey := errors.New("must be an RSA private key, as PEM or DER, in base64")
	if len(j.Key) > MaxPEMBytes {
		return nil, errNoKey
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(j.Key)), ""))
	if err != nil {
		return nil, errNoKey
	}
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errNoKey
		}
		var isRSA bool
		if key, isRSA = parsed.(*rsa.PrivateKey); !isRSA {
			return nil, errNoKey
		}
	}
	if key.N.BitLen() < 2048 {
		return nil, errors.New("must be an RSA key of at least 2048 bits (RFC 7518 section 3.3)")
	}
	return key, nil
}
