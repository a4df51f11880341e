package httpapi

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// TestThumbprintIsThatOfTheRFC computes the example of RFC 8037, appendix A.3.
func TestThumbprintIsThatOfTheRFC(t *testing.T) {
	key, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	if got := publicJWK(key); got.KeyID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" || got.X != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" {
		t.Errorf("%+v", got)
	}
}

// keySet reads a JWK set as a receiver would, with nothing of ours.
func keySet(t *testing.T, body []byte) (keys []ed25519.PublicKey, ids []string) {
	t.Helper()
	var set struct {
		Keys []struct{ Kty, Crv, X, Kid, Use, Alg string }
	}
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize || k.Kty != "OKP" || k.Crv != "Ed25519" || k.Use != "sig" || k.Alg != "EdDSA" {
			t.Fatalf("%+v: %v", k, err)
		}
		keys, ids = append(keys, x), append(ids, k.Kid)
	}
	return keys, ids
}

func TestPublicKeys(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	app := r.app("a")
	other := r.app("b")
	signing := webhook.GenerateAsymmetric()
	e := r.endpoint(app, `,"uid":"e","secret":"`+signing.Reveal()+`"`)
	symmetric := r.endpoint(app, ``)
	own, public := "/x/v1/app/a/endpoint/e/jwks", "/x/v1/jwks/"+app+"/"+e
	open := func(path string) answer { return r.send(request{method: "GET", path: path}) }

	if key := r.must(200, "GET", "/api/v1/app/a/endpoint/e/secret", "").str("key"); !strings.HasPrefix(key, "whpk_") || strings.Contains(signing.Reveal(), "_"+key[5:]) {
		t.Errorf("the secret of an asymmetric endpoint: %s", key)
	}
	a := r.must(200, "GET", own, "")
	keys, ids := keySet(t, a.body)
	if b := open(public); b.status != 200 || string(b.body) != string(a.body) || b.header.Get("Cache-Control") != "max-age=300" {
		t.Errorf("open: %d %s %v", b.status, b.body, b.header)
	}
	want, _ := signing.Public()
	if len(keys) != 1 || "whpk_"+base64.StdEncoding.EncodeToString(keys[0]) != want.String() {
		t.Fatalf("%s", a.body)
	}
	seed := signing.Reveal()[5:20]
	if strings.Contains(string(a.body), seed) {
		t.Error("the answer holds the private key")
	}
	portal := r.portal(app, `{"capabilities":["ViewBase"]}`)
	if a := r.send(request{method: "GET", path: own, token: portal}); a.status != 200 {
		t.Errorf("as a portal: %d", a.status)
	}
	// Nothing tells an endpoint without public keys from one that does not exist.
	missing := open("/x/v1/jwks/" + app + "/ep_" + strings.Repeat("0", 27))
	for why, path := range map[string]string{
		"symmetric":                      "/x/v1/jwks/" + app + "/" + symmetric,
		"of another application":         "/x/v1/jwks/" + other + "/" + e,
		"by uid":                         "/x/v1/jwks/a/e",
		"an application that is made up": "/x/v1/jwks/" + other1(app) + "/" + e,
		"nonsense":                       "/x/v1/jwks/x/y",
	} {
		if b := open(path); b.status != 404 || string(b.body) != string(missing.body) {
			t.Errorf("%s: %d %s", why, b.status, b.body)
		}
	}

	// Through rotations: both live keys until the old one ends, with symmetric ones between.
	r.must(204, "POST", "/api/v1/app/a/endpoint/e/secret/rotate", `{"gracePeriodSeconds":3600}`)
	if got, _ := keySet(t, open(public).body); len(got) != 1 || !got[0].Equal(keys[0]) {
		t.Errorf("after a rotation to a symmetric key: %d keys", len(got))
	}
	if key := r.must(200, "GET", "/api/v1/app/a/endpoint/e/secret", "").str("key"); !strings.HasPrefix(key, "whsec_") {
		t.Errorf("the default kind of secret: %s", key)
	}
	r.must(200, "PATCH", settingsPath, `{"defaultSignatureType":"ed25519"}`)
	r.must(204, "POST", "/api/v1/app/a/endpoint/e/secret/rotate", `{"gracePeriodSeconds":7200}`)
	got, after := keySet(t, open(public).body)
	if len(got) != 2 || slices.Contains(after[:1], ids[0]) || after[1] != ids[0] {
		t.Errorf("after a rotation back: %v, the first had %v", after, ids)
	}
	made := r.endpoint(app, ``)
	if key := r.must(200, "GET", "/api/v1/app/a/endpoint/"+made+"/secret", "").str("key"); !strings.HasPrefix(key, "whpk_") {
		t.Errorf("a new endpoint with ed25519 by default: %s", key)
	}
	clock = clock.Add(3601 * time.Second)
	if _, left := keySet(t, open(public).body); !slices.Equal(left, after[:1]) {
		t.Errorf("after the end of the first: %v", left)
	}
	r.restart()
	if a := open(public); a.status != 200 {
		t.Errorf("after a restart: %d", a.status)
	}
	r.must(204, "DELETE", "/api/v1/app/a/endpoint/e", "")
	if a := open(public); a.status != 404 || string(a.body) != string(missing.body) {
		t.Errorf("a deleted endpoint: %d %s", a.status, a.body)
	}
}

func TestDefaultSignatureType(t *testing.T) {
	r := newRig(t)
	if a := r.must(200, "GET", settingsPath, ""); a.str("defaultSignatureType") != "hmac256" {
		t.Errorf("%s", a.body)
	}
	for _, body := range []string{`{"defaultSignatureType":"rsa"}`, `{"defaultSignatureType":""}`, `{"defaultSignatureType":5}`} {
		if a := r.call("PATCH", settingsPath, body); a.status != 422 || a.loc() != "body defaultSignatureType" {
			t.Errorf("%s: %d at %q", body, a.status, a.loc())
		}
	}
	r.must(200, "PATCH", settingsPath, `{"defaultSignatureType":"ed25519"}`)
	r.restart()
	if a := r.must(200, "GET", settingsPath, ""); a.str("defaultSignatureType") != "ed25519" {
		t.Errorf("after a restart: %s", a.body)
	}
	if a := r.must(200, "PATCH", settingsPath, `{"defaultSignatureType":null}`); a.str("defaultSignatureType") != "hmac256" {
		t.Errorf("%s", a.body)
	}
}

// other1 returns an id that differs from id in its last character.
func other1(id string) string {
	last := "0"
	if strings.HasSuffix(id, last) {
		last = "1"
	}
	return id[:len(id)-1] + last
}
