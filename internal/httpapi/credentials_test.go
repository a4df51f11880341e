package httpapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// noCredentials is what an endpoint without any shows.
const noCredentials = `{"basic":null,"bearer":null,"oauth2":null,"apiKey":null,"hmac":null,"mtls":null,"ca":null,"proxy":null,"sourceAddress":null,"warnings":[]}`

// identityPEM returns a certificate that is valid for so long, and with its key, as JSON texts.
func identityPEM(t *testing.T, life time.Duration) (certificate, pair string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: "sender"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	c := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return text(c), text(c + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

// credentialsOf returns an endpoint's credentials as they are stored.
func (r *rig) credentialsOf(app, ref string) *hook.Credentials {
	r.t.Helper()
	e, err := r.store.Endpoint(context.Background(), mustApp(r, app), ref)
	if err != nil {
		r.t.Fatal(err)
	}
	return e.Credentials
}

func TestCredentialsAreKeptAndWithheld(t *testing.T) {
	r := newRig(t, func(o *Options) { o.SourceAddresses = []netip.Addr{netip.MustParseAddr("127.0.0.9")} })
	var log bytes.Buffer
	r.logTo(&log)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + ep + "/credentials"
	if a := r.must(200, "GET", path, ""); string(a.body) != noCredentials {
		t.Errorf("untouched: %s", a.body)
	}
	ca, pair := identityPEM(t, 10*24*time.Hour+time.Hour)
	set := `{"oauth2":{"grantType":"clientCredentials","authMethod":"clientSecretPost","clientId":"c","clientSecret":"canary-1","tokenUrl":"https://example.com/token","scopes":["a"],` +
		`"extraParams":{"audience":"b","client_key":"canary-2"},"extraHeaders":{"X-Tenant":"t","X-Auth-Token":"canary-3"}},` +
		`"apiKey":{"in":"header","name":"X-Key","value":"canary-4"},"hmac":{"preset":"github","secret":"canary-5"},` +
		`"mtls":{"identity":` + pair + `},"ca":{"cert":` + ca + `},"proxy":{"url":"http://127.0.0.1:3128/","username":"u","password":"canary-6"},"sourceAddress":"127.0.0.9"}`
	shown := r.must(200, "PUT", path, set)
	for _, c := range []struct{ at, want string }{
		{"oauth2.clientSecretSet", "true"}, {"oauth2.extraParams", `{"audience":"b","client_key":null}`}, {"oauth2.extraHeaders", `{"X-Auth-Token":null,"X-Tenant":"t"}`},
		{"apiKey", `{"in":"header","isSet":true,"name":"X-Key"}`}, {"hmac.header", "X-Hub-Signature-256"}, {"hmac.value", "sha256={signature}"}, {"hmac.isSet", "true"}, {"hmac.preset", "github"},
		{"mtls.daysLeft", "10"}, {"mtls.certificate.subject", "CN=sender"}, {"mtls.certificate.serial", "abc"}, {"ca.certificates.0.daysLeft", "10"},
		{"proxy", `{"isSet":true,"url":"http://127.0.0.1:3128","username":"u"}`}, {"sourceAddress", "127.0.0.9"},
		{"warnings.0", "the client certificate expires in 10 days: set a new one"}, {"basic", "null"},
	} {
		if got := shown.str(c.at); got != c.want {
			t.Errorf("%s: %s, want %s", c.at, got, c.want)
		}
	}
	r.restart()
	r.logTo(&log)
	again := r.must(200, "GET", path, "")
	if string(again.body) != string(shown.body) {
		t.Errorf("after a restart: %s", again.body)
	}
	before := *r.credentialsOf(app, ep)
	// What was read can be written back, and changes nothing.
	if a := r.must(200, "PUT", path, string(again.body)); string(a.body) != string(shown.body) {
		t.Errorf("written back: %s", a.body)
	}
	after := *r.credentialsOf(app, ep)
	if b, a := mustMarshal(t, before), mustMarshal(t, after); b != a {
		t.Error("writing back changed the secrets")
	}
	// But no secret goes to another place than the one that it was given for.
	for _, moved := range []struct{ body, loc string }{
		{`{"oauth2":{"grantType":"clientCredentials","authMethod":"clientSecretPost","clientId":"c","tokenUrl":"https://example.org/token"}}`, "body oauth2 clientSecret"},
		{`{"oauth2":{"grantType":"clientCredentials","authMethod":"clientSecretPost","clientId":"c","clientSecret":"x","tokenUrl":"https://example.org/token","extraParams":{"client_key":null}}}`, "body oauth2 extraParams client_key"},
		{`{"apiKey":{"in":"query","name":"X-Key"}}`, "body apiKey value"}, {`{"bearer":{}}`, "body bearer token"},
	} {
		if a := r.call("PUT", path, moved.body); a.status != 422 || a.loc() != moved.loc {
			t.Errorf("%s: %d at %q", moved.body, a.status, a.loc())
		}
	}
	if a := r.must(200, "PUT", path, `{"proxy":{"url":"http://127.0.0.2:3128","username":"u"}}`); a.str("proxy.isSet") != "false" {
		t.Errorf("a proxy that moves keeps its password: %s", a.body)
	}
	// The endpoint's own operations leave them alone and do not show them.
	r.must(200, "PUT", path, set)
	for _, c := range []struct{ method, body string }{{"PUT", `{"url":"https://example.com/b"}`}, {"PATCH", `{"description":"x"}`}, {"GET", ""}} {
		r.must(200, c.method, "/api/v1/app/a/endpoint/"+ep, c.body)
	}
	if r.credentialsOf(app, ep) == nil {
		t.Error("replacing the endpoint took its credentials away")
	}
	audit := r.must(200, "GET", "/x/v1/audit", "")
	if !strings.Contains(string(audit.body), "credentials.oauth2") || strings.Contains(string(audit.body), "canary") {
		t.Errorf("audit: %s", audit.body)
	}
	r.must(204, "DELETE", path, "")
	r.must(204, "DELETE", path, "")
	if a := r.must(200, "GET", path, ""); string(a.body) != noCredentials || r.credentialsOf(app, ep) != nil {
		t.Errorf("after the deletion: %s", a.body)
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(string(shown.body), "canary") || strings.Contains(string(shown.body), "PRIVATE") {
		t.Error("a secret is told")
	}
	r.must(200, "PUT", path, set)
	sealedAtRest(t, r.dir, "canary", "PRIVATE KEY")
}

// TestPortalNeedsCredentialsSwitches: what the environment's portal is not to have is neither
// seen nor changed by its tokens, and goes on working.
func TestPortalNeedsCredentialsSwitches(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	_, pair := identityPEM(t, 100*24*time.Hour)
	const oauth = `{"grantType":"clientCredentials","authMethod":"clientSecretPost","clientId":"c","clientSecret":"s","tokenUrl":"https://example.com/token"}`
	own, at := "/x/v1/app/a/endpoint/"+ep+"/credentials", "/api/v1/app/a/endpoint/"+ep
	r.must(200, "PUT", own, `{"oauth2":`+oauth+`,"mtls":{"identity":`+pair+`},"apiKey":{"in":"header","name":"X-Key","value":"v"}}`)
	all := mustMarshal(t, *r.credentialsOf(app, ep))
	portal := r.as(r.portal(app, `{"capabilities":["ViewBase","ManageEndpoint"]}`))
	if a := portal.must(200, "GET", "/api/v1/environment/settings", ""); a.str("enableEndpointOauthConfig") != "true" || a.str("enableEndpointMtlsConfig") != "true" {
		t.Errorf("without the settings: %s", a.body)
	}
	portal.must(200, "GET", at+"/oauth", "")
	portal.must(200, "GET", at+"/mtls", "")
	r.must(200, "PATCH", settingsPath, `{"enableEndpointOauthConfig":false,"enableEndpointMtlsConfig":false}`)
	if a := portal.must(200, "GET", "/api/v1/environment/settings", ""); a.str("enableEndpointOauthConfig") != "false" || a.str("enableEndpointMtlsConfig") != "false" {
		t.Errorf("with the settings: %s", a.body)
	}
	for _, c := range []struct{ method, path, body string }{
		{"GET", at + "/oauth", ""}, {"GET", at + "/oauth-config", ""}, {"PUT", at + "/oauth", oauth}, {"DELETE", at + "/oauth", ""},
		{"GET", at + "/mtls", ""}, {"GET", at + "/mtls-config", ""}, {"PUT", at + "/mtls", `{"identity":` + pair + `}`}, {"DELETE", at + "/mtls", ""},
		{"PUT", own, `{"oauth2":` + oauth + `}`}, {"PUT", own, `{"mtls":{"identity":` + pair + `}}`},
	} {
		portal.must(403, c.method, c.path, c.body)
	}
	if a := portal.must(200, "GET", own, ""); a.str("oauth2") != "null" || a.str("mtls") != "null" || a.str("apiKey.name") != "X-Key" {
		t.Errorf("shown: %s", a.body)
	}
	// The rest is theirs to change, and takes nothing else away.
	if a := portal.must(200, "PUT", own, `{"apiKey":{"in":"header","name":"X-Key"}}`); a.str("oauth2") != "null" || a.str("mtls") != "null" {
		t.Errorf("shown after a change: %s", a.body)
	}
	if got := mustMarshal(t, *r.credentialsOf(app, ep)); got != all {
		t.Error("a change of another part changed these")
	}
	portal.must(204, "DELETE", own, "")
	if c := r.credentialsOf(app, ep); c == nil || c.OAuth2 == nil || c.Identity == "" || c.APIKey != nil {
		t.Error("a deletion took another part")
	}
	// Whose token is no portal's sees and changes all.
	if a := r.must(200, "GET", own, ""); a.str("oauth2.clientId") != "c" || a.str("mtls.isSet") != "true" {
		t.Errorf("for the environment's token: %s", a.body)
	}
	r.must(200, "PATCH", settingsPath, `{"enableEndpointOauthConfig":true}`)
	portal.must(204, "PUT", at+"/oauth", oauth)
	portal.must(403, "DELETE", at+"/mtls", "")
}

// sealedAtRest fails where a file of the store holds one of the texts.
func sealedAtRest(t *testing.T, dir string, texts ...string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // a socket
		}
		read += len(content)
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("%s holds %q", path, text)
			}
		}
		return nil
	})
	if err != nil || read < 10_000 {
		t.Errorf("read %d bytes, %v", read, err)
	}
}

func mustMarshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCredentialsOfTheContract(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	base := "/api/v1/app/a/endpoint/" + ep
	for _, path := range []string{"/oauth", "/mtls"} {
		r.must(404, "GET", base+path, "")
		r.must(204, "DELETE", base+path, "")
		if a := r.must(200, "GET", base+path+"-config", ""); a.str("enabled") != "false" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := r.must(200, "GET", base+"/ca", ""); string(a.body) != `{"cert":null}` {
		t.Errorf("ca: %s", a.body)
	}
	r.must(200, "PUT", "/x/v1/app/a/endpoint/"+ep+"/credentials", `{"bearer":{"token":"t"},"apiKey":{"in":"query","name":"k","value":"v"}}`)
	const oauth = `{"grantType":"refreshToken","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"canary","refreshToken":"canary","tokenUrl":"https://EXAMPLE.com/t","extraParams":{"a":"b","my_secret":"canary"}}`
	r.must(204, "PUT", base+"/oauth", oauth)
	want := `{"grantType":"refreshToken","authMethod":"clientSecretBasic","clientId":"c","tokenUrl":"https://example.com/t","extraParams":{"a":"b"}}`
	if a := r.must(200, "GET", base+"/oauth", ""); string(a.body) != want {
		t.Errorf("oauth: %s", a.body)
	}
	if a := r.must(200, "GET", base+"/oauth-config", ""); string(a.body) != `{"enabled":true,"config":`+want+`}` {
		t.Errorf("oauth-config: %s", a.body)
	}
	ca, pair := identityPEM(t, time.Hour)
	r.must(204, "PUT", base+"/mtls", `{"identity":`+pair+`}`)
	if a := r.must(200, "GET", base+"/mtls-config", ""); string(a.body) != `{"enabled":true,"config":{}}` {
		t.Errorf("mtls-config: %s", a.body)
	}
	if a := r.must(200, "GET", base+"/mtls", ""); string(a.body) != `{}` {
		t.Errorf("mtls: %s", a.body)
	}
	r.must(204, "PUT", base+"/ca", `{"cert":`+ca+`}`)
	if a := r.must(200, "GET", base+"/ca", ""); string(a.body) != `{"cert":`+ca+`}` {
		t.Errorf("ca: %s", a.body)
	}
	// The token took the place of the other login, and of nothing else.
	c := r.credentialsOf(app, ep)
	if c.Bearer != "" || c.APIKey == nil || c.OAuth2 == nil || c.Identity == "" || c.CA == "" {
		t.Errorf("stored: bearer %t, key %t, oauth %t", c.Bearer != "", c.APIKey != nil, c.OAuth2 != nil)
	}
	r.must(204, "PUT", base+"/ca", `{"cert":null}`)
	r.must(204, "DELETE", base+"/oauth", "")
	r.must(204, "DELETE", base+"/mtls", "")
	if c := r.credentialsOf(app, ep); c.APIKey == nil || c.OAuth2 != nil || c.Identity != "" || c.CA != "" {
		t.Error("what was removed is there, or the rest is not")
	}
}

// TestCredentialsRefuseBadInput shows that each mistake is named where it stands, that
// nothing of it is kept, and that no answer repeats a secret.
func TestCredentialsRefuseBadInput(t *testing.T) {
	r := newRig(t, func(o *Options) { o.SourceAddresses = []netip.Addr{netip.MustParseAddr("127.0.0.9")} })
	app := r.app("a")
	ep := r.endpoint(app, "")
	own, contract := "/x/v1/app/a/endpoint/"+ep+"/credentials", "/api/v1/app/a/endpoint/"+ep
	r.must(200, "PUT", own, `{"basic":{"username":"u","password":"p"}}`)
	before := string(r.must(200, "GET", own, "").body)
	_, expired := identityPEM(t, -time.Minute)
	ca, _ := identityPEM(t, time.Hour)
	oauth := func(more string) string {
		return `{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"canary"` + more + `}`
	}
	for _, c := range []struct{ name, path, body, loc string }{
		{"no body", own, ``, "body"},
		{"no object", own, `[]`, "body"},
		{"another type", own, `{"basic":"canary"}`, "body basic"},
		{"password of another type", own, `{"basic":{"username":"u","password":1}}`, "body basic password"},
		{"two logins", own, `{"basic":{"username":"u"},"bearer":{"token":"canary"}}`, "body"},
		{"basic without a user", own, `{"basic":{}}`, "body basic username"},
		{"bearer that breaks out", own, `{"bearer":{"token":"canary\r\nX: 1"}}`, "body bearer token"},
		{"key in a cookie", own, `{"apiKey":{"in":"cookie","name":"a","value":"canary"}}`, "body apiKey in"},
		{"key in the body", own, `{"apiKey":{"in":"body","name":"a","value":"canary"}}`, "body apiKey in"},
		{"unknown preset", own, `{"hmac":{"preset":"gitlab","secret":"canary"}}`, "body hmac preset"},
		{"hmac without a header", own, `{"hmac":{"secret":"canary"}}`, "body hmac header"},
		{"hmac without a secret", own, `{"hmac":{"preset":"github"}}`, "body hmac secret"},
		{"token URL inside", own, `{"oauth2":` + oauth(`,"tokenUrl":"https://10.0.0.1/t"`) + `}`, "body oauth2 tokenUrl"},
		{"no token URL", own, `{"oauth2":` + oauth(``) + `}`, "body oauth2 tokenUrl"},
		{"token URL without TLS", contract + "/oauth", oauth(`,"tokenUrl":"http://example.com/t"`), "body tokenUrl"},
		{"token URL with a login", contract + "/oauth", oauth(`,"tokenUrl":"https://u:canary@example.com/t"`), "body tokenUrl"},
		{"unknown grant", contract + "/oauth", `{"grantType":"password","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"canary","tokenUrl":"https://example.com/t"}`, "body grantType"},
		{"jwt by another algorithm", contract + "/oauth", `{"grantType":"clientCredentials","authMethod":"clientSecretJwt","clientId":"c","tokenUrl":"https://example.com/t","jwtParams":{"secretBase64":"Y2FuYXJ5","signingAlgorithm":"HS256"}}`, "body jwtParams signingAlgorithm"},
		{"jwt without a key", contract + "/oauth", `{"grantType":"clientCredentials","authMethod":"clientSecretJwt","clientId":"c","tokenUrl":"https://example.com/t","jwtParams":{"secretBase64":"Y2FuYXJ5","signingAlgorithm":"RS256"}}`, "body jwtParams secretBase64"},
		{"jwt for ever", contract + "/oauth", `{"grantType":"clientCredentials","authMethod":"clientSecretJwt","clientId":"c","tokenUrl":"https://example.com/t","jwtParams":{"secretBase64":"Y2FuYXJ5","signingAlgorithm":"RS256","tokenExpirySecs":9223372036854775807}}`, "body jwtParams tokenExpirySecs"},
		{"scopes of another type", contract + "/oauth", oauth(`,"tokenUrl":"https://example.com/t","scopes":"a"`), "body scopes"},
		{"no PEM", contract + "/mtls", `{"identity":"canary"}`, "body identity"},
		{"no identity", contract + "/mtls", `{}`, "body identity"},
		{"expired", contract + "/mtls", `{"identity":` + expired + `}`, "body identity"},
		{"no key", contract + "/mtls", `{"identity":` + ca + `}`, "body identity"},
		{"expired, ours", own, `{"mtls":{"identity":` + expired + `}}`, "body mtls identity"},
		{"no CA", contract + "/ca", `{"cert":"canary"}`, "body cert"},
		{"empty CA", contract + "/ca", `{"cert":""}`, "body cert"},
		{"no CA, ours", own, `{"ca":{}}`, "body ca cert"},
		{"proxy inside", own, `{"proxy":{"url":"http://10.0.0.1:3128"}}`, "body proxy url"},
		{"proxy with a path", own, `{"proxy":{"url":"http://proxy.example.com:3128/a"}}`, "body proxy url"},
		{"proxy with a login", own, `{"proxy":{"url":"http://u:canary@proxy.example.com:3128"}}`, "body proxy url"},
		{"socks", own, `{"proxy":{"url":"socks5://proxy.example.com:1080"}}`, "body proxy url"},
		{"source that is not offered", own, `{"sourceAddress":"127.0.0.8"}`, "body sourceAddress"},
		{"source that is none", own, `{"sourceAddress":"eth0"}`, "body sourceAddress"},
	} {
		a := r.call("PUT", c.path, c.body)
		if a.status != 422 || a.loc() != c.loc || strings.Contains(string(a.body), "canary") {
			t.Errorf("%s: %d at %q, want 422 at %q: %s", c.name, a.status, a.loc(), c.loc, a.body)
		}
	}
	if after := string(r.must(200, "GET", own, "").body); after != before {
		t.Errorf("something was kept: %s", after)
	}
	plain := newRig(t)
	id := plain.endpoint(plain.app("a"), "")
	if a := plain.call("PUT", "/x/v1/app/a/endpoint/"+id+"/credentials", `{"sourceAddress":"127.0.0.9"}`); a.status != 422 || !strings.Contains(string(a.body), "offers none") {
		t.Errorf("no source is offered: %d %s", a.status, a.body)
	}
}

// TestExpiringCredentialsAreListed: those of the own environment that end within the time asked for.
func TestExpiringCredentialsAreListed(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	put := func(path string, life time.Duration) {
		ca, pair := identityPEM(t, life)
		r.must(200, "PUT", path+"/credentials", `{"mtls":{"identity":`+pair+`},"ca":{"cert":`+ca+`}}`)
	}
	soon, late := r.endpoint(app, ""), r.endpoint(app, "")
	r.must(200, "PUT", "/x/v1/app/a/endpoint/"+r.endpoint(app, "")+"/credentials", `{"bearer":{"token":"t"}}`)
	put("/x/v1/app/a/endpoint/"+soon, 5*24*time.Hour+time.Hour)
	put("/x/v1/app/a/endpoint/"+late, 100*24*time.Hour)
	src := r.source("s", "generic-webhook", "null")
	at := r.must(201, "POST", "/ingest/api/v1/source/"+src+"/endpoint", `{"url":"https://example.com/x"}`).str("id")
	put("/x/v1/source/s/endpoint/"+at, 2*24*time.Hour+time.Hour)
	a := r.must(200, "GET", "/x/v1/expiring-credentials", "")
	for path, want := range map[string]string{
		"data.0.endpointId": at, "data.0.sourceId": src, "data.0.appId": "null", "data.0.daysLeft": "2", "data.0.part": "ca", "data.1.part": "mtls",
		"data.2.endpointId": soon, "data.2.appId": app, "data.2.sourceId": "null", "data.3.daysLeft": "5", "data.4": "", "isCut": "false",
	} {
		if got := a.str(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if a := r.must(200, "GET", "/x/v1/expiring-credentials?within_days=3", ""); a.str("data.1.daysLeft") != "2" || a.str("data.2") != "" {
		t.Errorf("within 3 days: %s", a.body)
	}
	if a := r.must(200, "GET", "/x/v1/expiring-credentials?within_days=365", ""); a.str("data.5.endpointId") != late {
		t.Errorf("within a year: %s", a.body)
	}
	for _, bad := range []string{"0", "366", "x", "-1"} {
		if a := r.call("GET", "/x/v1/expiring-credentials?within_days="+bad, ""); a.status != 422 && a.status != 400 {
			t.Errorf("within_days=%s: %d", bad, a.status)
		}
	}
	_, other := r.environment("other")
	if a := r.send(request{method: "GET", path: "/x/v1/expiring-credentials", token: other}); a.status != 200 || a.str("data") != "[]" {
		t.Errorf("another environment sees %d %s", a.status, a.body)
	}
}

// TestCredentialsEnforceHTTPS: the environment's setting is for token servers, too.
func TestCredentialsEnforceHTTPS(t *testing.T) {
	r := newRig(t)
	ep := r.endpoint(r.app("a"), "")
	const oauth = `{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"s","tokenUrl":"http://127.0.0.1:9999/t"}`
	path := "/api/v1/app/a/endpoint/" + ep + "/oauth"
	r.must(204, "PUT", path, oauth)
	r.must(200, "PATCH", "/api/v1/management/environment-settings", `{"enforceHttps":true}`)
	if a := r.call("PUT", path, oauth); a.status != 422 || a.loc() != "body tokenUrl" {
		t.Errorf("%d at %q: %s", a.status, a.loc(), a.body)
	}
}

// TestCredentialsOfSourcesAndDestinations: the same operations in their places, and nowhere else.
func TestCredentialsOfSourcesAndDestinations(t *testing.T) {
	r := newRig(t)
	src := r.source("s", "generic-webhook", "null")
	at := r.must(201, "POST", "/ingest/api/v1/source/"+src+"/endpoint", `{"url":"https://example.com/x"}`).str("id")
	path := "/x/v1/source/s/endpoint/" + at + "/credentials"
	if a := r.must(200, "PUT", path, `{"bearer":{"token":"t"}}`); a.str("bearer.isSet") != "true" {
		t.Errorf("%s", a.body)
	}
	app := r.app("a")
	now := time.Now().UTC()
	d := &hook.Endpoint{
		ID: hook.EndpointID(r.store.NewKey()), Application: mustApp(r, app), UID: "line", URL: "https://example.com/d", CreatedAt: now, UpdatedAt: now,
		Secrets: []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
	}
	d.Kind = hook.FIFOEndpoint
	if err := r.store.CreateEndpoint(context.Background(), d, nil); err != nil {
		t.Fatal(err)
	}
	if a := r.must(200, "PUT", "/x/v1/app/a/destination/line/credentials", `{"bearer":{"token":"t"}}`); a.str("bearer.isSet") != "true" {
		t.Errorf("%s", a.body)
	}
	if a := r.must(200, "GET", "/x/v1/app/a/destination/line/credentials", ""); a.str("bearer.isSet") != "true" {
		t.Errorf("%s", a.body)
	}
	ep := r.endpoint(app, "")
	r.app("b")
	for _, path := range []string{"/x/v1/app/b/endpoint/" + ep, "/x/v1/app/b/destination/line", "/x/v1/app/a/endpoint/line", "/x/v1/app/a/destination/" + ep} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			body := ""
			if method == "PUT" {
				body = `{}`
			}
			r.must(404, method, path+"/credentials", body)
		}
	}
}
