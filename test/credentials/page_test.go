//go:build unix

package credentials

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/test/rig"
)

// TestPageRuns runs the commands of docs/credentials.md, and sets what its examples in JSON say.
func TestPageRuns(t *testing.T) {
	t.Parallel()
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "credentials.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := rig.Start(t, rig.Options{Args: []string{"--egress-sources=203.0.113.7"}})
	api := s.API()
	api.MustCreateApp(t, "acme")
	ep := endpoint(t, api, "https://acme.example.com/hooks")
	must(t, api, "PATCH", "/api/v1/app/acme/endpoint/"+ep, `{"uid":"billing"}`)
	a := newAuthority(t)
	certificate, key := a.issue(t, "sender")

	blocks := regexp.MustCompile("(?s)```(bash|json)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	ran, set := 0, 0
	for _, block := range blocks {
		if block[1] == "json" {
			text := strings.Replace(block[2], `"identity": "-----BEGIN CERTIFICATE-----..."`, `"identity": `+quoted(certificate+key), 1)
			text = strings.Replace(text, `"cert": "-----BEGIN CERTIFICATE-----..."`, `"cert": `+quoted(a.pem()), 1)
			if !json.Valid([]byte(text)) {
				t.Fatalf("this is not JSON: %s", text)
			}
			must(t, api, "PUT", "/x/v1/app/acme/endpoint/billing/credentials", text)
			set++
			continue
		}
		dir := t.TempDir()
		for name, text := range map[string]string{
			"token": "t0ken", "key": "k3y", "shared": "sh4red", "client.crt": certificate, "client.key": key, "internal-ca.pem": a.pem(),
			"oauth.json": `{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"c","clientSecret":"s","tokenUrl":"https://login.example.com/t"}`,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(rig.Build(t), filepath.Join(dir, "hookloft")); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", block[2])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "PASSWORD=pa55", "HOOKLOFT_SERVER="+s.URL, "HOOKLOFT_TOKEN="+s.Token)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, want := range []string{"basic, user shop", "bearer token", "X-Api-Key in the header", "X-Hub-Signature-256", "oauth2, client c", "CN=sender", "expires in 0 days", "removed the credentials"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("the commands do not print %q:\n%s", want, out)
			}
		}
		ran++
	}
	if ran != 1 || set != 2 {
		t.Errorf("%d blocks of commands and %d of JSON, want 1 and 2", ran, set)
	}
}
