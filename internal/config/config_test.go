package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultsAreValid(t *testing.T) {
	c := Default() // panics when a default breaks its own rule
	if c.Listen != "127.0.0.1:8071" || c.MaxPayload != 1<<20 || c.Drain != 8*time.Second {
		t.Errorf("defaults: %+v", c)
	}
	for _, k := range c.Knobs() {
		if k.Why == "" || k.Unit == "" || !strings.HasSuffix(k.Why, ".") {
			t.Errorf("knob %s: unit %q, why %q", k.Name, k.Unit, k.Why)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hookloft.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLaterSourcesWin(t *testing.T) {
	path := writeFile(t, "listen = \"127.0.0.1:1\"\ndata = \"file\"\napi-rate = 5\nallow-http = true\negress-allow = [\"10.0.0.0/8\", \"::1\"]\nmax-payload = \"2MiB\"\n")
	l, err := Load(Sources{
		Command: map[string]string{"listen": "127.0.0.1:9", "log-format": "json"},
		File:    path,
		Environ: []string{"HOOKLOFT_DATA=env", "HOOKLOFT_API_RATE=6", "PATH=/bin", "HOOKLOFT_BIN=x", "HOOKLOFT_TEST_ANYTHING=1"},
		Flags:   map[string]string{"api-rate": "7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.Data, want.APIRate, want.AllowHTTP, want.LogFormat, want.MaxPayload = "127.0.0.1:1", "env", 7, true, "json", 2<<20
	want.EgressAllow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	want.Origin = map[string]string{"listen": "file", "data": "environment", "api-rate": "flag", "allow-http": "file", "egress-allow": "file", "log-format": "command", "max-payload": "file"}
	if diff := cmp.Diff(want, l.Config, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestConfigEnvNamesTheFile(t *testing.T) {
	path := writeFile(t, "api-rate = 3\n")
	l, err := Load(Sources{Environ: []string{"HOOKLOFT_CONFIG=" + path}})
	if err != nil || l.APIRate != 3 {
		t.Errorf("got %v, %v", l, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	secretFile := writeFile(t, "short\n")
	cases := []struct {
		name, why string
		file      string
		env       []string
		flags     map[string]string
		want      []string
	}{
		{name: "unknown key", why: "a typo must not be ignored", file: "egres-allow = \"10.0.0.0/8\"", want: []string{`unknown key "egres-allow"`, `did you mean "egress-allow"`}},
		{name: "underscore", why: "the commonest slip", file: "log_format = \"json\"", want: []string{`did you mean "log-format"`}},
		{name: "table", why: "settings are flat", file: "[server]\nlisten = \"127.0.0.1:1\"", want: []string{`unknown key "server.listen"`}},
		{name: "unknown variable", why: "as in the file", env: []string{"HOOKLOFT_LISTN=127.0.0.1:1"}, want: []string{`did you mean "HOOKLOFT_LISTEN"`}},
		{name: "nothing near", why: "a wrong suggestion is worse than none", file: "zzzzzzzzz = 1", want: []string{"config print"}},
		{name: "bad port", why: "named where it stands", env: []string{"HOOKLOFT_LISTEN=127.0.0.1:99999"}, want: []string{"HOOKLOFT_LISTEN", "65535"}},
		{name: "no port", why: "", flags: map[string]string{"listen": "127.0.0.1"}, want: []string{"--listen", "host:port"}},
		{name: "host bits", why: "an allow list must mean what it shows", flags: map[string]string{"egress-allow": "10.1.2.3/8"}, want: []string{"10.0.0.0/8"}},
		{name: "origin with a path", why: "a header of ours would say something else", flags: map[string]string{"portal-origins": "https://app.example.com/embed"}, want: []string{"without a path"}},
		{name: "origin without a scheme", why: "", flags: map[string]string{"portal-origins": "app.example.com"}, want: []string{"origin"}},
		{name: "everybody", why: "whoever frames the portal can trick its visitors into clicks", flags: map[string]string{"portal-origins": "https://*"}, want: []string{"origin"}},
		{name: "another directive", why: "it would change the policy", flags: map[string]string{"portal-origins": "https://a.example;script-src"}, want: []string{"origin"}},
		{name: "drain too long", why: "a process manager would kill first", flags: map[string]string{"drain": "1m"}, want: []string{"10s"}},
		{name: "payload too large", why: "", flags: map[string]string{"max-payload": "1GiB"}, want: []string{"16MiB"}},
		{name: "wrong type", why: "floats have no meaning here", file: "api-rate = 1.5", want: []string{"api-rate"}},
		{name: "broken file", why: "", file: "listen = ", want: []string{"hookloft.toml"}},
		{name: "half of TLS", why: "a server without its key would serve plain text", flags: map[string]string{"tls-cert": "x"}, want: []string{"tls-key"}},
		{name: "short secret", why: "can be guessed", env: []string{"HOOKLOFT_MAIN_SECRET=hunter2"}, want: []string{"HOOKLOFT_MAIN_SECRET", "32"}},
		{name: "short secret in a file", why: "", flags: map[string]string{"main-secret-file": secretFile}, want: []string{"32"}},
		{name: "both secrets", why: "", flags: map[string]string{"main-secret-file": secretFile, "main-secret": strings.Repeat("x", 32)}, want: []string{"exclude"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := Sources{Environ: c.env, Flags: c.flags}
			if c.file != "" {
				s.File = writeFile(t, c.file)
			}
			_, err := Load(s)
			if err == nil {
				t.Fatalf("accepted (%s)", c.why)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "short") {
				t.Errorf("error %q shows the secret", err)
			}
		})
	}
}

func TestPortalOrigins(t *testing.T) {
	l, err := Load(Sources{Flags: map[string]string{"portal-origins": "https://App.example.com, https://*.shop.example:8443,http://localhost:3000,http://[::1]:3000,https://app.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"https://app.example.com", "https://*.shop.example:8443", "http://localhost:3000", "http://[::1]:3000"}; !slices.Equal(l.PortalOrigins, want) {
		t.Errorf("origins %q", l.PortalOrigins)
	}
}

func TestMainSecretFileIsTrimmedAndHidden(t *testing.T) {
	text := strings.Repeat("k", 40)
	l, err := Load(Sources{Flags: map[string]string{"main-secret-file": writeFile(t, text+"\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if string(l.MainSecret) != text {
		t.Errorf("secret has %d characters", len(l.MainSecret))
	}
	var b strings.Builder
	if err := l.Print(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), text) {
		t.Error("Print shows the secret")
	}
}

// TestPrintIsAFile checks that what Print writes is accepted by Load and means the same.
func TestPrintIsAFile(t *testing.T) {
	first, err := Load(Sources{Flags: map[string]string{"egress-allow": "10.0.0.0/8,fd00::/8", "max-payload": "65536", "log-format": "json"}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := first.Print(&b); err != nil {
		t.Fatal(err)
	}
	second, err := Load(Sources{File: writeFile(t, b.String())})
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	first.Origin, second.Origin = nil, nil // the second has it all from a file
	if diff := cmp.Diff(first.Config, second.Config, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// TestShownHoldsNoSecret: what is shown says whether a secret has a value, and not which.
func TestShownHoldsNoSecret(t *testing.T) {
	const secret = "planted-secret-of-at-least-32-characters"
	l, err := Load(Sources{Flags: map[string]string{"main-secret": secret, "listen": "127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Shown{}
	for _, k := range l.Shown() {
		found[k.Name] = k
		if strings.Contains(fmt.Sprintf("%s %s", k.Text, k.Value), secret) {
			t.Errorf("%s shows a secret", k.Name)
		}
	}
	if len(found) != len(Names()) {
		t.Errorf("%d of %d knobs", len(found), len(Names()))
	}
	if k := found["main-secret"]; !k.IsSecret || !k.IsSet || k.Origin != "flag" || k.Text != "" {
		t.Errorf("a secret that is set: %+v", k)
	}
	if k := found["jwt-secret"]; !k.IsSecret || k.IsSet || k.Origin != "" {
		t.Errorf("one that is not: %+v", k)
	}
	if k := found["listen"]; k.IsSecret || k.Text != "127.0.0.1:1" || k.Origin != "flag" {
		t.Errorf("what is no secret: %+v", k)
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"lsiten", "listen"}, {"LISTEN", "listen"}, {"max-paylod", "max-payload"}, {"trusted-proxy", "trusted-proxies"}, {"metrics", "metrics-listen"}, {"qqqqqq", ""},
	} {
		if got := Suggest(c.name, Names()); got != c.want {
			t.Errorf("Suggest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

// TestVariablesOfTheProjectAreKnown reads the names that tests, benchmarks and
// examples use, because those reach a server that they start.
func TestVariablesOfTheProjectAreKnown(t *testing.T) {
	name := regexp.MustCompile(`\bHOOKLOFT_[A-Z][A-Z_]*[A-Z]\b`)
	seen := 0
	for _, dir := range []string{"../../test", "../../bench", "../../examples"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			switch filepath.Ext(path) {
			case ".go", ".sh", ".js", ".mjs", ".ts":
			default:
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, variable := range name.FindAllString(string(text), -1) {
				seen++
				if _, err := Load(Sources{Environ: []string{variable + "=127.0.0.1:0"}}); err != nil && strings.Contains(err.Error(), "unknown") {
					t.Errorf("%s: %v", path, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen == 0 {
		t.Error("found no variable: is the search at fault?")
	}
}
