package httpapi

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"math"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// credentialsFromAPI makes credentials of what a client sent. old are those that are
// replaced, for secrets that are not given again.
func credentialsFromAPI(in api.CredentialsIn, old *hook.Credentials) (c hook.Credentials, err error) {
	if b := in.Basic; b != nil {
		c.Basic = &hook.BasicLogin{Username: b.Username}
		switch {
		case b.Password != nil:
			c.Basic.Password = hook.HiddenText(*b.Password)
		case old.Basic != nil && old.Basic.Username == b.Username:
			c.Basic.Password = old.Basic.Password
		}
	}
	if b := in.Bearer; b != nil {
		if c.Bearer, err = given(b.Token, old.Bearer, "bearer", "token"); err != nil {
			return c, err
		}
	}
	if o := in.OAuth2; o != nil {
		if c.OAuth2, err = oauthFromAPI(*o, old.OAuth2); err != nil {
			return c, within(err, "oauth2")
		}
	}
	if k := in.APIKey; k != nil {
		place, known := hook.ParsePlace(k.In)
		if !known {
			return c, hook.FieldAt("must be header or query", "apiKey", "in")
		}
		c.APIKey = &hook.APIKey{In: place, Name: k.Name}
		switch {
		case k.Value != nil:
			c.APIKey.Value = hook.HiddenText(*k.Value)
		case old.APIKey != nil && old.APIKey.In == place && old.APIKey.Name == k.Name:
			c.APIKey.Value = old.APIKey.Value
		}
	}
	if h := in.HMAC; h != nil {
		if c.HMAC, err = hmacFromAPI(*h, old.HMAC); err != nil {
			return c, err
		}
	}
	if m := in.MTLS; m != nil {
		if c.Identity, err = given(m.Identity, old.Identity, "mtls", "identity"); err != nil {
			return c, err
		}
	}
	if ca := in.CA; ca != nil {
		text, err := given(ca.Cert, hook.HiddenText(old.CA), "ca", "cert")
		if err != nil {
			return c, err
		}
		c.CA = string(text)
	}
	if p := in.Proxy; p != nil {
		c.Proxy = &hook.Proxy{URL: p.URL, Username: deref(p.Username)}
		switch {
		case p.Password != nil:
			c.Proxy.Password = hook.HiddenText(*p.Password)
		case old.Proxy != nil && old.Proxy.URL == p.URL && old.Proxy.Username == c.Proxy.Username:
			c.Proxy.Password = old.Proxy.Password
		}
	}
	c.SourceAddress = deref(in.SourceAddress)
	return c, nil
}

// given is a secret of a request, or the one that is set where the request has none.
func given(text *string, old hook.HiddenText, path ...string) (hook.HiddenText, error) {
	if text != nil {
		old = hook.HiddenText(*text)
	}
	if old == "" {
		return "", hook.FieldAt("must be given: none is set", path...)
	}
	return old, nil
}

// oauthFromAPI makes OAuth settings; the places of errors begin below them. old are those
// that are replaced, nil for none: what they hold goes to no other token server.
func oauthFromAPI(in api.CredentialsOAuth2In, old *hook.OAuth2) (*hook.OAuth2, error) {
	if old == nil || old.TokenURL != in.TokenURL || old.ClientID != in.ClientID {
		old = &hook.OAuth2{}
	}
	o := &hook.OAuth2{
		Grant: in.GrantType, AuthMethod: in.AuthMethod, ClientID: in.ClientID, TokenURL: in.TokenURL, Scopes: in.Scopes,
		ClientSecret: old.ClientSecret, RefreshToken: old.RefreshToken, JWT: old.JWT,
	}
	if in.ClientSecret != nil {
		o.ClientSecret = hook.HiddenText(*in.ClientSecret)
	}
	if in.RefreshToken != nil {
		o.RefreshToken = hook.HiddenText(*in.RefreshToken)
	}
	if o.Grant != hook.GrantRefreshToken {
		o.RefreshToken = ""
	}
	if j := in.JWTParams; j != nil {
		if j.SigningAlgorithm != "RS256" {
			return nil, hook.FieldAt("must be RS256", "jwtParams", "signingAlgorithm")
		}
		o.JWT = &hook.ClientJWT{Key: hook.HiddenText(j.SecretBase64), KeyID: deref(j.SecretID)}
		if n := j.TokenExpirySecs; n != nil {
			if *n < 1 || *n > int64(hook.MaxAssertionLife/time.Second) {
				return nil, hook.FieldAt("must lie between 1 and 86400", "jwtParams", "tokenExpirySecs")
			}
			o.JWT.Life = time.Duration(*n) * time.Second
		}
	}
	if o.AuthMethod == hook.AuthClientSecretJWT {
		o.ClientSecret = ""
	} else {
		o.JWT = nil
	}
	var err error
	if o.ExtraParams, err = extrasFromAPI("extraParams", in.ExtraParams, old.ExtraParams); err != nil {
		return nil, err
	}
	o.ExtraHeaders, err = extrasFromAPI("extraHeaders", in.ExtraHeaders, old.ExtraHeaders)
	return o, err
}

// extrasFromAPI is a map in which null keeps the value that is set.
func extrasFromAPI(field string, in map[string]*string, old map[string]string) (map[string]string, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(in))
	for name, value := range in {
		kept, has := old[name]
		switch {
		case value != nil:
			out[name] = *value
		case has:
			out[name] = kept
		default:
			return nil, hook.FieldAt("must be given: none is set", field, cut(name, 256))
		}
	}
	return out, nil
}

func pointers(in map[string]string) map[string]*string {
	out := make(map[string]*string, len(in))
	for name, value := range in {
		out[name] = &value
	}
	return out
}

func hmacFromAPI(in api.CredentialsHMACIn, old *hook.HMAC) (*hook.HMAC, error) {
	h, known := hook.HMACPreset(deref(in.Preset))
	if !known {
		return nil, hook.FieldAt("must be github, stripe, shopify or slack", "hmac", "preset")
	}
	for _, field := range []struct {
		given *string
		to    *string
	}{
		{in.KeyEncoding, &h.KeyEncoding}, {in.Algorithm, &h.Algorithm}, {in.Encoding, &h.Encoding},
		{in.Content, &h.Content}, {in.Header, &h.Header}, {in.Value, &h.Value}, {in.TimestampHeader, &h.TimestampHeader},
	} {
		if field.given != nil {
			*field.to = *field.given
		}
	}
	switch {
	case in.Secret != nil:
		h.Secret = hook.HiddenText(*in.Secret)
	case old != nil:
		h.Secret = old.Secret
	}
	return &h, nil
}

// credentialsToAPI shows credentials, nil for none, without their secrets.
func credentialsToAPI(c *hook.Credentials, now time.Time) api.CredentialsOut {
	out := api.CredentialsOut{Warnings: []string{}}
	if c == nil {
		return out
	}
	if c.Basic != nil {
		out.Basic = &api.CredentialsBasicOut{Username: c.Basic.Username, IsSet: c.Basic.Password != ""}
	}
	if c.Bearer != "" {
		out.Bearer = &api.CredentialsBearerOut{IsSet: true}
	}
	if o := c.OAuth2; o != nil {
		out.OAuth2 = &api.CredentialsOAuth2Out{
			GrantType: o.Grant, AuthMethod: o.AuthMethod, ClientID: o.ClientID, TokenURL: o.TokenURL, Scopes: o.Scopes,
			ExtraParams: withoutSecrets(o.ExtraParams), ExtraHeaders: withoutSecrets(o.ExtraHeaders),
			ClientSecretSet: o.ClientSecret != "", RefreshTokenSet: o.RefreshToken != "", JWTKeySet: o.JWT != nil,
		}
		if out.OAuth2.Scopes == nil {
			out.OAuth2.Scopes = []string{}
		}
	}
	if k := c.APIKey; k != nil {
		out.APIKey = &api.CredentialsAPIKeyOut{In: k.In.String(), Name: k.Name, IsSet: true}
	}
	if h := c.HMAC; h != nil {
		out.HMAC = &api.CredentialsHMACOut{
			Preset:      orNil(h.Preset()),
			KeyEncoding: h.KeyEncoding, Algorithm: h.Algorithm, Encoding: h.Encoding, Content: h.Content, Header: h.Header, Value: h.Value,
			TimestampHeader: orNil(h.TimestampHeader), IsSet: true,
		}
	}
	if c.Identity != "" {
		if id, err := hook.ParseIdentity(c.Identity); err == nil { // it was checked when it was set
			out.MTLS = &api.CredentialsMTLSOut{Certificate: certificateToAPI(id.Leaf, now), NotAfter: id.NotAfter.UTC(), DaysLeft: daysUntil(id.NotAfter, now), IsSet: true}
		}
	}
	if c.CA != "" {
		out.CA = &api.CredentialsCAOut{Cert: c.CA, Certificates: []api.CertificateOut{}}
		list, err := hook.ParseCA(c.CA, time.Time{})
		if err == nil { // likewise
			for _, one := range list {
				out.CA.Certificates = append(out.CA.Certificates, certificateToAPI(one, now))
			}
		}
	}
	if p := c.Proxy; p != nil {
		out.Proxy = &api.CredentialsProxyOut{URL: p.URL, Username: orNil(p.Username), IsSet: p.Password != ""}
	}
	out.SourceAddress = orNil(c.SourceAddress)
	out.Warnings = warningsOf(&out)
	return out
}

// withoutSecrets shows the values of those names that do not look like a secret's.
func withoutSecrets(in map[string]string) map[string]*string {
	out := make(map[string]*string, len(in))
	for name, value := range in {
		out[name] = &value
		if hook.IsSecretName(name) {
			out[name] = nil
		}
	}
	return out
}

func certificateToAPI(c *x509.Certificate, now time.Time) api.CertificateOut {
	sum := sha256.Sum256(c.Raw)
	return api.CertificateOut{
		Subject: plainText(c.Subject.String()), Issuer: plainText(c.Issuer.String()), Serial: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), DaysLeft: daysUntil(c.NotAfter, now), SHA256: hex.EncodeToString(sum[:]),
	}
}

// daysUntil are whole days, rounded down: what has just expired has -1 left.
func daysUntil(at, now time.Time) int64 { return int64(math.Floor(at.Sub(now).Hours() / 24)) }

func oauthToContract(o *hook.OAuth2) api.EndpointOauthConfigOut {
	out := api.EndpointOauthConfigOut{GrantType: o.Grant, AuthMethod: o.AuthMethod, ClientID: o.ClientID, TokenURL: o.TokenURL, Scopes: o.Scopes}
	shown := func(in map[string]string) map[string]string {
		var out map[string]string
		for name, value := range in {
			if !hook.IsSecretName(name) {
				if out == nil {
					out = map[string]string{}
				}
				out[name] = value
			}
		}
		return out
	}
	out.ExtraParams, out.ExtraHeaders = shown(o.ExtraParams), shown(o.ExtraHeaders)
	return out
}
