package hook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// certificate returns a certificate and its key in PEM, signed by itself or by issuer.
func certificate(t *testing.T, isCA bool, until time.Time, issuer *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out := &issued{signer: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: fmt.Sprint("n", until.Unix(), issuer == nil)}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: isCA, BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.parsed, issuer.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if out.parsed, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	out.cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	out.key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return out
}

type issued struct {
	cert, key string
	parsed    *x509.Certificate
	signer    *ecdsa.PrivateKey
}

func TestParseIdentity(t *testing.T) {
	now := time.Now()
	ca := certificate(t, true, now.Add(time.Hour), nil)
	leaf := certificate(t, false, now.Add(2*time.Hour), ca)
	id, err := ParseIdentity(HiddenText("a comment\n" + leaf.key + leaf.cert + ca.cert))
	if err != nil {
		t.Fatal(err)
	}
	if len(id.TLS.Certificate) != 2 || !id.Leaf.Equal(leaf.parsed) || !id.NotAfter.Equal(ca.parsed.NotAfter) {
		t.Errorf("identity %v until %v", id.Leaf.Subject, id.NotAfter)
	}
	for name, c := range map[string]struct{ text, words string }{
		"empty":         {"", "must be PEM"},
		"no PEM":        {"canary", "must be PEM"},
		"key alone":     {leaf.key, "holds no certificate"},
		"no key":        {leaf.cert, "holds no private key"},
		"wrong key":     {leaf.cert + ca.key, "does not belong to the first certificate"},
		"two keys":      {leaf.cert + leaf.key + ca.key, "more than one private key"},
		"encrypted":     {leaf.cert + "-----BEGIN ENCRYPTED PRIVATE KEY-----\nY2FuYXJ5\n-----END ENCRYPTED PRIVATE KEY-----\n", "encrypted"},
		"old encrypted": {leaf.cert + "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nY2FuYXJ5\n-----END RSA PRIVATE KEY-----\n", "encrypted"},
		"broken":        {leaf.key + "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n", "certificate"},
		"broken key":    {leaf.cert + "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n", "private key"},
		"huge":          {strings.Repeat(leaf.cert, 200), "at most 64 KiB"},
	} {
		_, err := ParseIdentity(HiddenText(c.text))
		if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Y2Fu") {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}

func TestParseCA(t *testing.T) {
	now := time.Now()
	ca := certificate(t, true, now.Add(time.Hour), nil)
	old := certificate(t, true, now.Add(-time.Hour), nil)
	self := certificate(t, false, now.Add(time.Hour), nil)
	leaf := certificate(t, false, now.Add(time.Hour), ca)
	for name, text := range map[string]string{"one": ca.cert, "an old one beside": old.cert + ca.cert, "self-signed": self.cert} {
		if _, err := ParseCA(text, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct{ text, words string }{
		"no PEM":  {"x", "must be PEM"},
		"no CA":   {leaf.cert, "neither an authority's (CA)"},
		"expired": {old.cert, "expired"},
		"a key":   {ca.cert + ca.key, "private key"},
		"broken":  {"-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n", "cannot be read"},
		"huge":    {strings.Repeat(ca.cert, 300), "at most"},
	} {
		if _, err := ParseCA(c.text, now); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}

// TestCredentialsNameTheFieldThatIsWrong also shows that no error repeats a secret.
func TestCredentialsNameTheFieldThatIsWrong(t *testing.T) {
	now := time.Now()
	old := certificate(t, false, now.Add(-time.Minute), nil)
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it is to be refused
	if err != nil {
		t.Fatal(err)
	}
	const canary = "canary\n"
	oauth := func(change func(*OAuth2)) Credentials {
		o := OAuth2{Grant: GrantClientCredentials, AuthMethod: AuthClientSecretBasic, ClientID: "c", ClientSecret: "s", TokenURL: "https://example.com/t"}
		change(&o)
		return Credentials{OAuth2: &o}
	}
	layout := func(change func(*HMAC)) Credentials {
		h, _ := HMACPreset("github")
		h.Secret = "s"
		change(&h)
		return Credentials{HMAC: &h}
	}
	for name, c := range map[string]struct {
		credentials Credentials
		field       string
	}{
		"two logins":               {Credentials{Basic: &BasicLogin{Username: "a"}, Bearer: "b"}, ""},
		"nobody":                   {Credentials{Basic: &BasicLogin{}}, "basic username"},
		"colon in a name":          {Credentials{Basic: &BasicLogin{Username: "a:b"}}, "basic username"},
		"line end in a password":   {Credentials{Basic: &BasicLogin{Username: "a", Password: canary}}, "basic password"},
		"blank in a token":         {Credentials{Bearer: "a canary"}, "bearer token"},
		"token that breaks out":    {Credentials{Bearer: canary}, "bearer token"},
		"long token":               {Credentials{Bearer: HiddenText(strings.Repeat("a", MaxCredentialBytes+1))}, "bearer token"},
		"key in the body":          {Credentials{APIKey: &APIKey{In: InBody, Name: "a", Value: "b"}}, "apiKey in"},
		"key without a name":       {Credentials{APIKey: &APIKey{In: InHeader, Value: "b"}}, "apiKey name"},
		"key in a header of ours":  {Credentials{APIKey: &APIKey{In: InHeader, Name: "Webhook-Id", Value: "b"}}, "apiKey name"},
		"key without a value":      {Credentials{APIKey: &APIKey{In: InQuery, Name: "a"}}, "apiKey value"},
		"key that breaks out":      {Credentials{APIKey: &APIKey{In: InHeader, Name: "X-A", Value: canary}}, "apiKey value"},
		"blank at a key's end":     {Credentials{APIKey: &APIKey{In: InHeader, Name: "X-A", Value: "a "}}, "apiKey value"},
		"two of one header":        {Credentials{Bearer: "t", APIKey: &APIKey{In: InHeader, Name: "authorization", Value: "b"}}, ""},
		"unknown grant":            {oauth(func(o *OAuth2) { o.Grant = "password" }), "oauth2 grantType"},
		"unknown method":           {oauth(func(o *OAuth2) { o.AuthMethod = "none" }), "oauth2 authMethod"},
		"no client":                {oauth(func(o *OAuth2) { o.ClientID = "" }), "oauth2 clientId"},
		"no client secret":         {oauth(func(o *OAuth2) { o.ClientSecret = "" }), "oauth2 clientSecret"},
		"client secret breaks out": {oauth(func(o *OAuth2) { o.ClientSecret = canary }), "oauth2 clientSecret"},
		"no refresh token":         {oauth(func(o *OAuth2) { o.Grant = GrantRefreshToken }), "oauth2 refreshToken"},
		"no key":                   {oauth(func(o *OAuth2) { o.AuthMethod = AuthClientSecretJWT }), "oauth2 jwtParams"},
		"key that is none":         {oauth(func(o *OAuth2) { o.AuthMethod, o.JWT = AuthClientSecretJWT, &ClientJWT{Key: "Y2FuYXJ5"} }), "oauth2 jwtParams secretBase64"},
		"small key": {oauth(func(o *OAuth2) {
			o.AuthMethod, o.JWT = AuthClientSecretJWT, &ClientJWT{Key: HiddenText(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(small)))}
		}), "oauth2 jwtParams secretBase64"},
		"blank in a scope":      {oauth(func(o *OAuth2) { o.Scopes = []string{"a", "b c"} }), "oauth2 scopes [1]"},
		"reserved parameter":    {oauth(func(o *OAuth2) { o.ExtraParams = map[string]string{"grant_type": "x"} }), "oauth2 extraParams grant_type"},
		"reserved header":       {oauth(func(o *OAuth2) { o.ExtraHeaders = map[string]string{"Content-Type": "x"} }), "oauth2 extraHeaders Content-Type"},
		"authorization twice":   {oauth(func(o *OAuth2) { o.ExtraHeaders = map[string]string{"authorization": "canary"} }), "oauth2 extraHeaders authorization"},
		"unknown algorithm":     {layout(func(h *HMAC) { h.Algorithm = "md5" }), "hmac algorithm"},
		"unknown encoding":      {layout(func(h *HMAC) { h.Encoding = "base32" }), "hmac encoding"},
		"unknown key encoding":  {layout(func(h *HMAC) { h.KeyEncoding = "pem" }), "hmac keyEncoding"},
		"no secret":             {layout(func(h *HMAC) { h.Secret = "" }), "hmac secret"},
		"secret that is no hex": {layout(func(h *HMAC) { h.KeyEncoding, h.Secret = "hex", "canary" }), "hmac secret"},
		"no header":             {layout(func(h *HMAC) { h.Header = "" }), "hmac header"},
		"header of ours":        {layout(func(h *HMAC) { h.Header = "webhook-signature" }), "hmac header"},
		"bad timestamp header":  {layout(func(h *HMAC) { h.TimestampHeader = "a b" }), "hmac timestampHeader"},
		"content without body":  {layout(func(h *HMAC) { h.Content = "{timestamp}" }), "hmac content"},
		"content of itself":     {layout(func(h *HMAC) { h.Content = "{body}{signature}" }), "hmac content"},
		"unknown word":          {layout(func(h *HMAC) { h.Content = "{body}{url}" }), "hmac content"},
		"open brace":            {layout(func(h *HMAC) { h.Content = "{body}{" }), "hmac content"},
		"value without one":     {layout(func(h *HMAC) { h.Value = "v1" }), "hmac value"},
		"value breaks out":      {layout(func(h *HMAC) { h.Value = "{signature}\r\nX: 1" }), "hmac value"},
		"body in the value":     {layout(func(h *HMAC) { h.Value = "{signature}{body}" }), "hmac value"},
		"expired certificate":   {Credentials{Identity: HiddenText(old.cert + old.key)}, "mtls identity"},
		"no PEM":                {Credentials{Identity: "canary"}, "mtls identity"},
		"no CA":                 {Credentials{CA: "canary"}, "ca cert"},
		"proxy's user":          {Credentials{Proxy: &Proxy{URL: "http://p:1", Username: "a:b"}}, "proxy username"},
		"source":                {Credentials{SourceAddress: "localhost"}, "sourceAddress"},
	} {
		err := c.credentials.Validate(now, nil)
		var f *FieldError
		if !errors.As(err, &f) || strings.Join(f.Path, " ") != c.field {
			t.Errorf("%s: %v, want a complaint about %q", name, err, c.field)
			continue
		}
		if strings.Contains(f.Text, "canary") || f.Text == "" {
			t.Errorf("%s: %s", name, f.Text)
		}
	}
	// What is stored and has expired meanwhile does not stand in the way of other changes.
	stored := Credentials{Identity: HiddenText(old.cert + old.key), Bearer: "a"}
	next := stored
	next.Bearer = "b"
	if err := next.Validate(now, &stored); err != nil {
		t.Error(err)
	}
}

// TestCredentialsNeverPrintThemselves formats them in every way in which they could reach a log.
func TestCredentialsNeverPrintThemselves(t *testing.T) {
	c := Credentials{
		Basic: &BasicLogin{Username: "u", Password: "canary"}, Bearer: "canary", APIKey: &APIKey{Value: "canary"}, HMAC: &HMAC{Secret: "canary"}, Identity: "canary",
		OAuth2: &OAuth2{ClientSecret: "canary", RefreshToken: "canary", JWT: &ClientJWT{Key: "canary"}, ExtraParams: map[string]string{"a": "canary"}},
		Proxy:  &Proxy{Password: "canary"},
	}
	e := Endpoint{}
	e.Credentials = &c
	for _, v := range []any{c, &c, c.Basic, *c.Basic, c.Bearer, c.OAuth2, *c.OAuth2, c.OAuth2.JWT, *c.OAuth2.JWT, c.APIKey, *c.APIKey, c.HMAC, *c.HMAC, *c.Proxy, e, &e, e.Features} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") {
				t.Errorf("%s of %T: %s", verb, v, text)
			}
		}
	}
	text, err := json.Marshal(e.AuditFields().All())
	if err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("audit: %s %v", text, err)
	}
	for _, want := range []string{`"credentials.basic":"set, for the user u"`, `"credentials.bearer":"set"`, "credentials.mtls", "credentials.proxy"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("audit lacks %s: %s", want, text)
		}
	}
	// A secret that changes is noticed though it shows the same.
	next := c
	next.Bearer = "other"
	after := Endpoint{}
	after.Credentials = &next
	was, is := AuditDiff(e.AuditFields(), after.AuditFields())
	if len(was) != 1 || was["credentials.bearer"] != "set" || is["credentials.bearer"] != "set" {
		t.Errorf("a changed token: %v -> %v", was, is)
	}
}
