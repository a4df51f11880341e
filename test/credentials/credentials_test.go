//go:build unix

// Package credentials runs the real binary against real servers that let nobody in without
// credentials: a token server, receivers that want a client certificate, proxies.
package credentials

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) pem() string { return pemOf("CERTIFICATE", a.certificate.Raw) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// issue returns a certificate for 127.0.0.1 and its key, in PEM.
func (a *authority) issue(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	own := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", secret)
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// receiver keeps what arrives and answers as it is told.
type receiver struct {
	*httptest.Server
	got    chan *http.Request
	answer func(*http.Request) int
}

func newReceiver(t *testing.T, config *tls.Config) *receiver {
	t.Helper()
	r := &receiver{got: make(chan *http.Request, 64), answer: func(*http.Request) int { return 200 }}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		w.WriteHeader(r.answer(req))
		select {
		case r.got <- req:
		default:
			t.Error("a flood of requests")
		}
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config == nil {
		r.Start()
	} else {
		r.TLS = config
		r.StartTLS()
	}
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) next(t *testing.T) *http.Request {
	t.Helper()
	select {
	case got := <-r.got:
		return got
	case <-time.After(60 * time.Second):
		t.Fatal("nothing arrives")
		return nil
	}
}

// must makes a call that has to succeed and returns the answer.
func must(t *testing.T, api *rig.API, method, path, body string) map[string]any {
	t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, text, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
	}
	if bytes.Contains(text, []byte("canary")) || bytes.Contains(text, []byte("PRIVATE KEY")) {
		t.Fatalf("%s %s tells a secret: %s", method, path, text)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return out
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

func publish(t *testing.T, api *rig.API) {
	t.Helper()
	must(t, api, "POST", "/api/v1/app/acme/msg", `{"eventType":"order.paid","payload":{"a":1}}`)
}

// endpoint makes an endpoint of the application acme.
func endpoint(t *testing.T, api *rig.API, to string) string {
	t.Helper()
	return api.MustCreateEndpoint(t, "acme", rig.EndpointIn{URL: to, Secret: rig.Secret("credentials")})
}

// attempt waits for an attempt at an endpoint that has ended otherwise than with success, and
// returns its account.
func attempt(t *testing.T, api *rig.API, ep, reason string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		list := must(t, api, "GET", "/api/v1/app/acme/attempt/endpoint/"+ep, "")["data"].([]any)
		for _, row := range list {
			id := row.(map[string]any)["id"].(string)
			why := must(t, api, "GET", "/x/v1/why/"+id, "")
			if why["reason"] == reason {
				return why
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no attempt with the reason %s in %v", reason, list)
		}
	}
}

// nowhere fails where a file of the server holds one of the texts, its log included.
func nowhere(t *testing.T, s *rig.Server, texts ...string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(s.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
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
	tail := s.LogTail(10_000)
	for _, text := range texts {
		if strings.Contains(tail, text) {
			t.Errorf("the log holds %q", text)
		}
	}
}

// TestCredentialsOpenTheDoorAlsoAfterAKill: a receiver behind a private authority, a client
// certificate and an access token, called from an address of its own. Everything is sealed at
// rest, and is there again after a kill.
func TestCredentialsOpenTheDoorAlsoAfterAKill(t *testing.T) {
	t.Parallel()
	private, clients := newAuthority(t), newAuthority(t)
	pair, err := tls.X509KeyPair(both(private.issue(t, "receiver")))
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.pool()})
	var asked atomic.Int64
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ParseForm() != nil || req.PostForm.Get("client_secret") != "canary-client-secret" {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"canary-token-%d","token_type":"bearer","expires_in":3600}`, asked.Add(1))
	}))
	t.Cleanup(tokens.Close)
	r.answer = func(req *http.Request) int {
		if !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer canary-token-") {
			return 403
		}
		return 200
	}
	s := rig.Start(t, rig.Options{Args: []string{"--egress-sources=127.0.0.9"}})
	api := s.API()
	api.MustCreateApp(t, "acme")
	ep := endpoint(t, api, r.URL+"/hook")
	certificate, key := clients.issue(t, "sender-1")
	must(t, api, "PUT", "/x/v1/app/acme/endpoint/"+ep+"/credentials", `{
		"oauth2": {"grantType": "clientCredentials", "authMethod": "clientSecretPost", "clientId": "c", "clientSecret": "canary-client-secret", "tokenUrl": "`+tokens.URL+`/t"},
		"apiKey": {"in": "query", "name": "k", "value": "canary-key"}, "hmac": {"preset": "github", "secret": "canary-hmac"},
		"mtls": {"identity": `+quoted(certificate+key)+`}, "ca": {"cert": `+quoted(private.pem())+`}, "sourceAddress": "127.0.0.9"}`)
	check := func(token string) {
		t.Helper()
		publish(t, api)
		got := r.next(t)
		if got.Header.Get("Authorization") != "Bearer "+token || got.URL.RequestURI() != "/hook?k=canary-key" || got.Header.Get("X-Hub-Signature-256") == "" ||
			got.Header.Get("Webhook-Signature") == "" || got.TLS.PeerCertificates[0].Subject.CommonName != "sender-1" || !strings.HasPrefix(got.RemoteAddr, "127.0.0.9:") {
			t.Errorf("%s %v from %s", got.URL, got.Header, got.RemoteAddr)
		}
	}
	check("canary-token-1")
	check("canary-token-1")
	// What was sent is shown without what was proved.
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		list := must(t, api, "GET", "/api/v1/app/acme/attempt/endpoint/"+ep, "")["data"].([]any)
		if len(list) == 2 {
			row := list[0].(map[string]any)
			headers := must(t, api, "GET", fmt.Sprintf("/api/v1/app/acme/msg/%s/attempt/%s/headers", row["msgId"], row["id"]), "")
			if text := fmt.Sprint(headers["sensitive"]); !strings.Contains(text, "Authorization") {
				t.Errorf("headers: %v", headers)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d attempts are told", len(list))
		}
	}
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	check("canary-token-2") // tokens are kept in memory only
	if asked.Load() != 2 {
		t.Errorf("%d token requests, want 2", asked.Load())
	}
	body := strings.Split(strings.TrimSpace(key), "\n")[1] // the first line of the key itself
	nowhere(t, s, "canary", body)
}

func both(certificate, key string) (a, b []byte) { return []byte(certificate), []byte(key) }

// TestRefusedTokenIsReplacedByTheRetry: the first token is refused; the retry of the schedule has
// another and succeeds.
func TestRefusedTokenIsReplacedByTheRetry(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"token-%d"}`, asked.Add(1))
	}))
	t.Cleanup(tokens.Close)
	r := newReceiver(t, nil)
	r.answer = func(req *http.Request) int {
		if req.Header.Get("Authorization") == "Bearer token-1" {
			return 401
		}
		return 204
	}
	s := rig.Start(t, rig.Options{})
	api := s.API()
	api.MustCreateApp(t, "acme")
	ep := endpoint(t, api, r.URL)
	must(t, api, "PUT", "/x/v1/app/acme/endpoint/"+ep+"/request", `{"retrySchedule":[1]}`)
	must(t, api, "PUT", "/api/v1/app/acme/endpoint/"+ep+"/oauth", `{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"canary","tokenUrl":"`+tokens.URL+`"}`)
	publish(t, api)
	for i, want := range []string{"Bearer token-1", "Bearer token-2"} {
		if got := r.next(t).Header.Get("Authorization"); got != want {
			t.Errorf("request %d had %q", i, got)
		}
	}
	if why := attempt(t, api, ep, "auth"); !strings.Contains(fmt.Sprint(why), "401") {
		t.Errorf("why: %v", why)
	}
}

// TestRotatedRefreshTokenIsKeptOverAKill: the token server voids each refresh token that it has
// seen, so that only the newest one works after a kill.
func TestRotatedRefreshTokenIsKeptOverAKill(t *testing.T) {
	t.Parallel()
	var given atomic.Int64
	given.Store(1)
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n := given.Load()
		if req.ParseForm() != nil || req.PostForm.Get("refresh_token") != fmt.Sprintf("canary-refresh-%d", n) {
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		given.Add(1)
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600,"refresh_token":"canary-refresh-%d"}`, n, n+1)
	}))
	t.Cleanup(tokens.Close)
	r := newReceiver(t, nil)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	api.MustCreateApp(t, "acme")
	ep := endpoint(t, api, r.URL)
	must(t, api, "PUT", "/api/v1/app/acme/endpoint/"+ep+"/oauth", `{"grantType":"refreshToken","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"canary","refreshToken":"canary-refresh-1","tokenUrl":"`+tokens.URL+`"}`)
	for i := range 3 {
		publish(t, api)
		if got := r.next(t).Header.Get("Authorization"); got != fmt.Sprintf("Bearer token-%d", i+1) {
			t.Errorf("round %d had %q", i, got)
		}
		s.Kill()
		if _, err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		for len(r.got) > 0 { // what the kill repeated
			<-r.got
		}
	}
	nowhere(t, s, "canary")
}

// TestWhatIsWrongIsSaid makes one mistake after the other and reads the reason of the attempt.
func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	private, clients := newAuthority(t), newAuthority(t)
	pair, err := tls.X509KeyPair(both(private.issue(t, "receiver")))
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.pool()})
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(407) }))
	t.Cleanup(refusing.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, `{"error":"invalid_scope"}`)
	}))
	t.Cleanup(broken.Close)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	api.MustCreateApp(t, "acme")
	ca := `"ca":{"cert":` + quoted(private.pem()) + `}`
	certificate, key := private.issue(t, "not a client")
	eps := map[string]string{}
	for reason, c := range map[string]string{
		"tls_unknown_ca": `{}`,
		"mtls":           `{` + ca + `,"mtls":{"identity":` + quoted(certificate+key) + `}}`,
		"proxy":          `{"proxy":{"url":"` + refusing.URL + `","username":"u","password":"canary"}}`,
		"oauth_token":    `{"oauth2":{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"canary","tokenUrl":"` + broken.URL + `"}}`,
	} {
		eps[reason] = endpoint(t, api, r.URL)
		must(t, api, "PUT", "/x/v1/app/acme/endpoint/"+eps[reason]+"/credentials", c)
	}
	publish(t, api)
	for reason, words := range map[string]string{"tls_unknown_ca": "authority", "mtls": "client certificate", "proxy": "(407)", "oauth_token": "invalid_scope"} {
		if why := attempt(t, api, eps[reason], reason); !strings.Contains(fmt.Sprint(why), words) {
			t.Errorf("%s: %v", reason, why)
		}
	}
	if n := len(r.got); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	nowhere(t, s, "canary")
}
