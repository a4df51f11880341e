package api

import "time"

// CredentialsIn says what requests to an endpoint prove themselves with, and on which way
// they leave. What is absent or null is not there; a secret that is absent inside an object
// stays as it is set. Ours.
type CredentialsIn struct {
	// Basic, Bearer and OAuth2 fill the header Authorization: at most one of them.
	Basic  *CredentialsBasicIn  `json:"basic,omitempty"`
	Bearer *CredentialsBearerIn `json:"bearer,omitempty"`
	OAuth2 *CredentialsOAuth2In `json:"oauth2,omitempty"`
	APIKey *CredentialsAPIKeyIn `json:"apiKey,omitempty"`
	// HMAC is a further signature, beside the standard one.
	HMAC  *CredentialsHMACIn  `json:"hmac,omitempty"`
	MTLS  *CredentialsMTLSIn  `json:"mtls,omitempty"`
	CA    *CredentialsCAIn    `json:"ca,omitempty"`
	Proxy *CredentialsProxyIn `json:"proxy,omitempty"`
	// SourceAddress is one of the addresses that the operator lets endpoints choose from.
	SourceAddress *string `json:"sourceAddress,omitempty"`
}

// CredentialsBasicIn is a user's name and password.
type CredentialsBasicIn struct {
	Username string `json:"username"`
	// Password is write-only. Absent keeps the one that is set for the same user.
	Password *string `json:"password,omitempty"`
}

// CredentialsBearerIn is a token that never changes.
type CredentialsBearerIn struct {
	// Token is write-only. Absent keeps the one that is set.
	Token *string `json:"token,omitempty"`
}

// CredentialsAPIKeyIn is a value in a header or in the query.
type CredentialsAPIKeyIn struct {
	// In is header or query.
	In   string `json:"in"`
	Name string `json:"name"`
	// Value is write-only. Absent keeps the one that is set, where in and name are the same.
	Value *string `json:"value,omitempty"`
}

// CredentialsOAuth2In is how an access token is got: EndpointOauthConfigIn, where secrets that
// are absent, and extra values that are null, stay as they are set as long as client and
// token URL are the same.
type CredentialsOAuth2In struct {
	GrantType    string                   `json:"grantType"`
	AuthMethod   string                   `json:"authMethod"`
	ClientID     string                   `json:"clientId"`
	ClientSecret *string                  `json:"clientSecret,omitempty"`
	TokenURL     string                   `json:"tokenUrl"`
	Scopes       []string                 `json:"scopes,omitempty"`
	RefreshToken *string                  `json:"refreshToken,omitempty"`
	JWTParams    *ClientSecretJwtParamsIn `json:"jwtParams,omitempty"`
	ExtraParams  map[string]*string       `json:"extraParams,omitempty"`
	ExtraHeaders map[string]*string       `json:"extraHeaders,omitempty"`
}

// CredentialsHMACIn is a signature in the layout of another sender.
type CredentialsHMACIn struct {
	// Preset fills what is absent below: github, stripe, shopify or slack.
	Preset *string `json:"preset,omitempty"`
	// Secret is write-only. Absent keeps the one that is set.
	Secret *string `json:"secret,omitempty"`
	// KeyEncoding is how the bytes of the secret are spelled: text (the default), base64 or hex.
	KeyEncoding *string `json:"keyEncoding,omitempty"`
	// Algorithm is sha256 (the default), sha512 or sha1.
	Algorithm *string `json:"algorithm,omitempty"`
	// Encoding of the signature: hex (the default) or base64.
	Encoding *string `json:"encoding,omitempty"`
	// Content is what is signed: a text with {body}, {timestamp} and {id}. {body} by default.
	Content *string `json:"content,omitempty"`
	Header  *string `json:"header,omitempty"`
	// Value is the header's: a text with {signature}, {timestamp} and {id}. {signature} by default.
	Value *string `json:"value,omitempty"`
	// TimestampHeader carries the timestamp; none by default.
	TimestampHeader *string `json:"timestampHeader,omitempty"`
}

// CredentialsMTLSIn is a client certificate.
type CredentialsMTLSIn struct {
	// Identity is the certificate, its chain and its private key, in PEM. Write-only. Absent
	// keeps the one that is set.
	Identity *string `json:"identity,omitempty"`
}

// CredentialsCAIn is whom the receiver's certificate may be signed by.
type CredentialsCAIn struct {
	// Cert is one or more certificates in PEM, in place of the system's. Absent keeps those that are set.
	Cert *string `json:"cert,omitempty"`
}

// CredentialsProxyIn is an HTTP proxy through which connections are opened.
type CredentialsProxyIn struct {
	// URL is http://host:port or https://host:port.
	URL      string  `json:"url"`
	Username *string `json:"username,omitempty"`
	// Password is write-only. Absent keeps the one that is set for the same proxy and user.
	Password *string `json:"password,omitempty"`
}

// CredentialsOut shows credentials without their secrets: isSet says that there is one.
type CredentialsOut struct {
	Basic         *CredentialsBasicOut  `json:"basic"`
	Bearer        *CredentialsBearerOut `json:"bearer"`
	OAuth2        *CredentialsOAuth2Out `json:"oauth2"`
	APIKey        *CredentialsAPIKeyOut `json:"apiKey"`
	HMAC          *CredentialsHMACOut   `json:"hmac"`
	MTLS          *CredentialsMTLSOut   `json:"mtls"`
	CA            *CredentialsCAOut     `json:"ca"`
	Proxy         *CredentialsProxyOut  `json:"proxy"`
	SourceAddress *string               `json:"sourceAddress"`
	// Warnings say in words what needs attention soon: certificates that end within 30 days.
	Warnings []string `json:"warnings"`
}

// ExpiringCredentials are certificates that end soon, or have ended.
type ExpiringCredentials struct {
	Data []ExpiringCredential `json:"data"`
	// IsCut says that there are more than are listed.
	IsCut bool `json:"isCut"`
}

// ExpiringCredential is a certificate of an endpoint.
type ExpiringCredential struct {
	// AppID or SourceID says whose endpoint it is.
	AppID      *string `json:"appId"`
	SourceID   *string `json:"sourceId"`
	EndpointID string  `json:"endpointId"` // of a destination its id
	UID        *string `json:"uid"`
	// Part is mtls or ca.
	Part     string    `json:"part"`
	NotAfter time.Time `json:"notAfter"`
	// DaysLeft are whole days; negative once it has ended.
	DaysLeft int64 `json:"daysLeft"`
}

// CredentialsBasicOut shows a login.
type CredentialsBasicOut struct {
	Username string `json:"username"`
	IsSet    bool   `json:"isSet"`
}

// CredentialsBearerOut shows that there is a token.
type CredentialsBearerOut struct {
	IsSet bool `json:"isSet"`
}

// CredentialsAPIKeyOut shows where a key goes.
type CredentialsAPIKeyOut struct {
	In    string `json:"in"`
	Name  string `json:"name"`
	IsSet bool   `json:"isSet"`
}

// CredentialsOAuth2Out shows how an access token is got. Extra values whose names look like
// those of secrets are null.
type CredentialsOAuth2Out struct {
	GrantType       string             `json:"grantType"`
	AuthMethod      string             `json:"authMethod"`
	ClientID        string             `json:"clientId"`
	TokenURL        string             `json:"tokenUrl"`
	Scopes          []string           `json:"scopes"`
	ExtraParams     map[string]*string `json:"extraParams"`
	ExtraHeaders    map[string]*string `json:"extraHeaders"`
	ClientSecretSet bool               `json:"clientSecretSet"`
	RefreshTokenSet bool               `json:"refreshTokenSet"`
	JWTKeySet       bool               `json:"jwtKeySet"`
}

// CredentialsHMACOut shows a layout.
type CredentialsHMACOut struct {
	// Preset is the known sender whose layout it is; null for another.
	Preset          *string `json:"preset"`
	KeyEncoding     string  `json:"keyEncoding"`
	Algorithm       string  `json:"algorithm"`
	Encoding        string  `json:"encoding"`
	Content         string  `json:"content"`
	Header          string  `json:"header"`
	Value           string  `json:"value"`
	TimestampHeader *string `json:"timestampHeader"`
	IsSet           bool    `json:"isSet"`
}

// CertificateOut shows a certificate.
type CertificateOut struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"` // hexadecimal
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// DaysLeft are whole days; negative once it has expired.
	DaysLeft int64 `json:"daysLeft"`
	// SHA256 is the fingerprint of the whole certificate, hexadecimal.
	SHA256 string `json:"sha256"`
}

// CredentialsMTLSOut shows a client certificate.
type CredentialsMTLSOut struct {
	Certificate CertificateOut `json:"certificate"`
	// NotAfter is when the first certificate of the chain ends, DaysLeft how many whole days that is.
	NotAfter time.Time `json:"notAfter"`
	DaysLeft int64     `json:"daysLeft"`
	IsSet    bool      `json:"isSet"`
}

// CredentialsCAOut shows the authorities of a receiver.
type CredentialsCAOut struct {
	Cert         string           `json:"cert"`
	Certificates []CertificateOut `json:"certificates"`
}

// CredentialsProxyOut shows a proxy.
type CredentialsProxyOut struct {
	URL      string  `json:"url"`
	Username *string `json:"username"`
	IsSet    bool    `json:"isSet"` // the password
}

// ClientSecretJwtParamsIn is the key of the method clientSecretJwt (CONTRACT 3.7).
type ClientSecretJwtParamsIn struct {
	SecretBase64     string  `json:"secretBase64"`
	SigningAlgorithm string  `json:"signingAlgorithm"`
	SecretID         *string `json:"secretId,omitempty"`
	TokenExpirySecs  *int64  `json:"tokenExpirySecs,omitempty"`
}

// EndpointOauthConfigIn is how an access token is got (CONTRACT 3.7).
type EndpointOauthConfigIn struct {
	GrantType    string                   `json:"grantType"`
	AuthMethod   string                   `json:"authMethod"`
	ClientID     string                   `json:"clientId"`
	ClientSecret *string                  `json:"clientSecret,omitempty"`
	TokenURL     string                   `json:"tokenUrl"`
	Scopes       []string                 `json:"scopes,omitempty"`
	RefreshToken *string                  `json:"refreshToken,omitempty"`
	JWTParams    *ClientSecretJwtParamsIn `json:"jwtParams,omitempty"`
	ExtraParams  map[string]string        `json:"extraParams,omitempty"`
	ExtraHeaders map[string]string        `json:"extraHeaders,omitempty"`
}

// EndpointOauthConfigOut shows it without secrets. Extra values whose names look like those
// of secrets are left out.
type EndpointOauthConfigOut struct {
	GrantType    string            `json:"grantType"`
	AuthMethod   string            `json:"authMethod"`
	ClientID     string            `json:"clientId"`
	TokenURL     string            `json:"tokenUrl"`
	Scopes       []string          `json:"scopes,omitempty"`
	ExtraParams  map[string]string `json:"extraParams,omitempty"`
	ExtraHeaders map[string]string `json:"extraHeaders,omitempty"`
}

// EndpointOauthOut is EndpointOauthConfigOut where there may be none.
type EndpointOauthOut struct {
	Enabled bool                    `json:"enabled"`
	Config  *EndpointOauthConfigOut `json:"config,omitempty"`
}

// EndpointMtlsConfigIn is a client certificate with its key, in PEM.
type EndpointMtlsConfigIn struct {
	Identity string `json:"identity"`
}

// EndpointMtlsConfigOut says that there is a client certificate. The contract shows nothing of it.
type EndpointMtlsConfigOut struct{}

// EndpointMtlsOut is EndpointMtlsConfigOut where there may be none.
type EndpointMtlsOut struct {
	Enabled bool                   `json:"enabled"`
	Config  *EndpointMtlsConfigOut `json:"config,omitzero"`
}

// EndpointServerCaIn is whom the receiver's certificate may be signed by; null for the usual authorities.
type EndpointServerCaIn struct {
	Cert *string `json:"cert,omitempty"`
}

// EndpointServerCaOut shows it.
type EndpointServerCaOut struct {
	Cert *string `json:"cert"`
}
