//go:build unix

// Package access looks at tokens, keys and the audit log from outside: the real binary,
// commands as the page has them, receivers that verify with what is published.
package access

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const jwtSecret = "the secret of another server"

// do makes a call that must be answered with status, and decodes the answer.
func do(t *testing.T, a *rig.API, status int, method, path string, in any) map[string]any {
	t.Helper()
	got, text, err := a.Do(method, path, in)
	if err != nil || got != status {
		t.Fatalf("%s %s: %d %s %v, want %d", method, path, got, text, err, status)
	}
	var out map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestSecurityPage runs the commands of docs/security.md as they stand there.
func TestSecurityPage(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the commands of the page cannot run", tool)
		}
	}
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, part := range strings.Split(string(page), "```bash\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		script.WriteString(block + "\necho\n")
	}
	s := rig.Start(t, rig.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail")
	cmd.Stdin = strings.NewReader(script.String())
	cmd.Dir = t.TempDir() // the page writes cookies there
	bin := filepath.Join(cmd.Dir, "bin")
	if err := errors.Join(os.Mkdir(bin, 0o700), os.Symlink(rig.Build(t), filepath.Join(bin, "hookloft"))); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "SERVER="+s.URL, "TOKEN="+s.Token, "DATA="+s.Data, "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"lacks the scope app:read", `"censoredToken":"hl_sk_`, `"scopes":["app:read","message:write"]`, `"capabilities":["ViewBase"]`,
		`"defaultSignatureType":"ed25519"`, `"kty":"OKP"`, `"kind":"api-token"`, `"noun":"endpoint"`, `"kind":"command"`,
		`"email":"ada@example.com"`, `"current":true`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands do not print %s:\n%s", want, out)
		}
	}
}

// TestReceiverVerifiesWithPublishedKeys is a receiver that has no secret: it verifies real
// deliveries with a JWK from the open document, by another library than ours, also while
// a key is rotated from one kind to the other.
func TestReceiverVerifiesWithPublishedKeys(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	type delivery struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan delivery, 8) // filled by the receiver, one for each message
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- delivery{r.Header, body}
	}))
	defer receiver.Close()
	app := api.MustCreateApp(t, "acme")
	signing := webhook.GenerateAsymmetric()
	ep := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL, Secret: signing.Reveal()})
	path := "/api/v1/app/" + app + "/endpoint/" + ep
	public, _ := signing.Public()
	if got := do(t, api, 200, "GET", path+"/secret", nil)["key"]; got != public.String() {
		t.Errorf("the endpoint shows %v", got)
	}
	send := func() delivery {
		t.Helper()
		if status, _, err := api.Publish(app, rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{"n": 1.0}`)}); err != nil || status != 202 {
			t.Fatalf("publish: %d %v", status, err)
		}
		select {
		case d := <-arrived:
			return d
		case <-time.After(60 * time.Second):
			t.Fatal("nothing arrived")
			return delivery{}
		}
	}
	// verified counts the signatures of a delivery that verify with a published key.
	verified := func(d delivery) (good, symmetric int) {
		t.Helper()
		resp, err := http.Get(s.URL + "/x/v1/jwks/" + app + "/" + ep)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var set struct{ Keys []struct{ X, Alg string } }
		if err := json.NewDecoder(resp.Body).Decode(&set); err != nil || resp.StatusCode != 200 {
			t.Fatalf("keys: %d %v", resp.StatusCode, err)
		}
		signed := d.header.Get("webhook-id") + "." + d.header.Get("webhook-timestamp") + "." + string(d.body)
		for _, signature := range strings.Fields(d.header.Get("webhook-signature")) {
			version, text, _ := strings.Cut(signature, ",")
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			if version == "v1" {
				symmetric++
				continue
			}
			for _, key := range set.Keys {
				x, err := base64.RawURLEncoding.DecodeString(key.X)
				if err != nil {
					t.Fatal(err)
				}
				method := jwt.GetSigningMethod(key.Alg)
				if method.Verify(signed, raw, ed25519.PublicKey(x)) == nil {
					good++
				}
				if method.Verify(signed+" ", raw, ed25519.PublicKey(x)) == nil {
					t.Error("another body verifies")
				}
			}
		}
		return good, symmetric
	}
	if good, symmetric := verified(send()); good != 1 || symmetric != 0 {
		t.Errorf("an asymmetric key: %d signatures verify, %d are symmetric", good, symmetric)
	}
	do(t, api, 204, "POST", path+"/secret/rotate", map[string]any{"key": rig.Secret("next"), "gracePeriodSeconds": 3600})
	d := send()
	if good, symmetric := verified(d); good != 1 || symmetric != 1 {
		t.Errorf("rotated to a symmetric key: %d signatures verify, %d are symmetric", good, symmetric)
	}
	secret, err := webhook.ParseSecret(rig.Secret("next"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := webhook.NewStandard([]webhook.Key{secret}, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Verify(webhook.Request{Method: "POST", URL: receiver.URL, Header: d.header, Body: d.body}, time.Now()); err != nil {
		t.Errorf("the symmetric signature: %v", err)
	}
	do(t, api, 204, "POST", path+"/secret/rotate", map[string]any{"key": webhook.GenerateAsymmetric().Reveal(), "gracePeriodSeconds": 3600})
	if good, symmetric := verified(send()); good != 2 || symmetric != 1 {
		t.Errorf("rotated back: %d signatures verify, %d are symmetric", good, symmetric)
	}
}

// TestTokensOutliveAKill kills the server after each act and looks again.
func TestTokensOutliveAKill(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	app := api.MustCreateApp(t, "acme")
	once := do(t, api, 200, "POST", "/x/v1/auth/one-time-token/acme", nil)["oneTimeToken"]
	exchange := map[string]any{"oneTimeToken": once}
	open := rig.NewAPI(s.URL, "")
	portal := fmt.Sprint(do(t, open, 200, "POST", "/api/v1/auth/one-time-token", exchange)["token"])
	integration := fmt.Sprint(do(t, api, 201, "POST", "/api/v1/app/acme/integration", map[string]any{"name": "zap"})["id"])
	key := fmt.Sprint(do(t, api, 200, "POST", "/api/v1/app/acme/integration/"+integration+"/key/rotate", nil)["key"])
	kill := func() {
		t.Helper()
		s.Kill()
		if _, err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	kill()
	do(t, open, 401, "POST", "/api/v1/auth/one-time-token", exchange)
	for _, token := range []string{portal, key} {
		if got := do(t, rig.NewAPI(s.URL, token), 200, "GET", "/api/v1/auth/whoami", nil)["appId"]; got != app {
			t.Errorf("after a kill a token is of %v", got)
		}
	}
	do(t, api, 204, "DELETE", "/api/v1/app/acme/integration/"+integration, nil)
	kill()
	do(t, rig.NewAPI(s.URL, key), 401, "GET", "/api/v1/auth/whoami", nil)
}

// TestAuditLogNamesTheServerAndTheOperator has an endpoint disabled by its own 410, and
// changes things by commands.
func TestAuditLogNamesTheServerAndTheOperator(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	defer gone.Close()
	app := api.MustCreateApp(t, "acme")
	api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: gone.URL})
	if status, _, err := api.Publish(app, rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{}`)}); err != nil || status != 202 {
		t.Fatalf("publish: %d %v", status, err)
	}
	newest := func(query string) map[string]any {
		t.Helper()
		list, _ := do(t, api, 200, "GET", "/x/v1/audit?limit=1&"+query, nil)["data"].([]any)
		if len(list) == 0 {
			return nil
		}
		return list[0].(map[string]any)
	}
	end := time.Now().Add(60 * time.Second)
	for newest("noun=endpoint")["action"] != "updated" {
		if time.Now().After(end) {
			t.Fatalf("the endpoint was not disabled: %v", newest("noun=endpoint"))
		}
		time.Sleep(20 * time.Millisecond)
	}
	entry := newest("noun=endpoint")
	if entry["actor"].(map[string]any)["kind"] != "system" || entry["after"].(map[string]any)["disabled"] != true {
		t.Errorf("the server disabled an endpoint: %v", entry)
	}
	if _, err := s.Command("token", "create", "--name", "by hand", "--data", s.Data); err != nil {
		t.Fatal(err)
	}
	entry = newest("noun=token")
	if entry["actor"].(map[string]any)["kind"] != "command" || entry["name"] != "by hand" {
		t.Errorf("a token by a command: %v", entry)
	}
}

// TestJWTsOfEachKind starts servers that accept JWTs under a secret and under a public key.
func TestJWTsOfEachKind(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwt.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		o      rig.Options
		method jwt.SigningMethod
		key    any
	}{
		{"HS512 by the environment", rig.Options{Env: []string{"HOOKLOFT_JWT_SECRET=" + jwtSecret}, Args: []string{"--jwt-algorithm=HS512"}}, jwt.SigningMethodHS512, []byte(jwtSecret)},
		{"EdDSA", rig.Options{Args: []string{"--jwt-algorithm=EdDSA", "--jwt-public-key=" + file}}, jwt.SigningMethodEdDSA, private},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rig.Start(t, c.o)
			now := time.Now()
			claims := jwt.MapClaims{"iss": "svix-server", "sub": "org_23rb8YdGqMT0qIzpgGwdXfHirMu", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
			text, err := jwt.NewWithClaims(c.method, claims).SignedString(c.key)
			if err != nil {
				t.Fatal(err)
			}
			api := rig.NewAPI(s.URL, text)
			api.MustCreateApp(t, "by-jwt")
			none, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
			if err != nil {
				t.Fatal(err)
			}
			do(t, rig.NewAPI(s.URL, none), 401, "GET", "/api/v1/app", nil)
			if log := s.LogTail(1 << 20); strings.Contains(log, text) || strings.Contains(log, jwtSecret) {
				t.Error("the log holds a token or the secret")
			}
		})
	}
	bin := rig.Build(t)
	for want, args := range map[string][]string{
		"exclude":                     {"--jwt-secret=" + jwtSecret, "--jwt-public-key=" + file},
		"needs jwt-public-key":        {"--jwt-secret=" + jwtSecret, "--jwt-algorithm=EdDSA"},
		"needs jwt-algorithm":         {"--jwt-public-key=" + file},
		"at least 16":                 {"--jwt-secret=short"},
		"must be one of":              {"--jwt-secret=" + jwtSecret, "--jwt-algorithm=none"},
		"does not go with an ed25519": {"--jwt-algorithm=RS256", "--jwt-public-key=" + file},
		"no such file":                {"--jwt-algorithm=RS256", "--jwt-public-key=" + file + ".none"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		cmd := exec.CommandContext(ctx, bin, append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + t.TempDir()}, args...)...)
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), jwtSecret) {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}
