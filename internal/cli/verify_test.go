package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/cli"
	"github.com/hookloft/hookloft/internal/vectors"
)

// inProcess runs a command and returns its exit code and what it wrote.
func inProcess(in string, args ...string) (code int, out, errors string) {
	var stdout, stderr bytes.Buffer
	code = cli.Main(args, nil, cli.Streams{In: strings.NewReader(in), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

// write makes a file in the test's directory.
func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// vectorArguments writes the files of a vector and returns the command line.
func vectorArguments(t *testing.T, v *vectors.Vector) []string {
	var headers strings.Builder
	for name, values := range v.Header() {
		for _, value := range values {
			fmt.Fprintf(&headers, "%s: %s\r\n", name, value)
		}
	}
	args := []string{
		"verify", "--provider", v.Provider, "--url", v.URL, "--method", v.Method, "--now", fmt.Sprint(v.Now),
		"--headers", write(t, "headers", []byte(headers.String())), "--body", write(t, "body", v.Bytes(t)),
	}
	for i, secret := range v.Secrets {
		if i%2 == 1 { // both ways of giving one
			secret = "@" + write(t, "secret", []byte(secret+"\n"))
		}
		args = append(args, "--secret", secret)
	}
	for name, value := range v.Settings(t) {
		args = append(args, "--config", name+"="+value)
	}
	return args
}

// TestVerifyRunsEveryVector gives each of the reference vectors, and of our own, to the
// command as arguments and files.
func TestVerifyRunsEveryVector(t *testing.T) {
	codes := map[string]int{}
	run := func(v *vectors.Vector, isOurs bool) {
		t.Run(v.ID, func(t *testing.T) {
			code, out, errors := inProcess("", vectorArguments(t, v)...)
			codes[fmt.Sprint(v.Expect, " ", code)]++
			switch {
			case v.Optional:
				return
			case v.Expect == "reject":
				// Some of our own are about the configuration, which is misuse.
				if code != 1 && (code != 2 || !isOurs) || out != "" || errors == "" {
					t.Errorf("exit code %d, output %q, errors %q", code, out, errors)
				}
				return
			case code != 0:
				t.Fatalf("exit code %d, errors %q", code, errors)
			}
			if v.Kind == "handshake" && strings.Contains(errors, "asks for a visit") {
				v.Kind = "verify" // it is a message as well
			}
			checkOutput(t, v, out)
		})
	}
	reference := vectors.Reference(t)
	all := vectors.All(t)
	for i := range all {
		run(&all[i], i < len(all)-len(reference))
	}
	t.Log(codes)
}

func checkOutput(t *testing.T, v *vectors.Vector, out string) {
	if v.Kind == "handshake" {
		want := fmt.Sprintf("%d ", v.Response.Status)
		if !strings.HasPrefix(out, want) || v.Response.Body != nil && !strings.HasSuffix(out, "\n\n"+*v.Response.Body+"\n") {
			t.Errorf("output %q, want status %s", out, want)
		}
		return
	}
	var ids, types []string
	for line := range strings.Lines(out) {
		id, eventType, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			t.Errorf("line %q", line)
		}
		ids, types = append(ids, id), append(types, eventType)
	}
	dash := func(text string) string {
		if text == "" {
			return "-"
		}
		return text
	}
	if e := v.Event; e != nil {
		if e.Key != nil && e.Keys == nil && len(ids) == 1 && ids[0] != dash(*e.Key) {
			t.Errorf("id %q, want %q", ids, *e.Key)
		}
		if e.Type != nil && !slices.Contains(types, dash(*e.Type)) {
			t.Errorf("types %q, want %q", types, *e.Type)
		}
		for i := range e.Types {
			e.Types[i] = dash(e.Types[i])
		}
		if e.Types != nil && !slices.Equal(types, e.Types) {
			t.Errorf("types %q, want %q", types, e.Types)
		}
	}
}

func TestVerifyTellsMisuseFromForgery(t *testing.T) {
	body := write(t, "body", []byte(`{"id":"evt_1","type":"a.b"}`))
	headers := write(t, "headers", []byte("Content-Type: application/json\n"))
	bad := write(t, "bad", []byte("no colon\n"))
	stripe := []string{"verify", "--provider", "stripe", "--secret", "whsec_1", "--headers", headers, "--body", body}
	without := func(flag string) []string {
		i := slices.Index(stripe, flag)
		return append(slices.Clone(stripe[:i]), stripe[i+2:]...)
	}
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		errors string
	}{
		{"not signed", stripe, 1, "a signature header is missing or empty: stripe-signature"},
		{"empty secret", append(without("--secret"), "--secret", ""), 1, "is empty"},
		{"no provider", without("--provider"), 2, "--provider is missing"},
		{"no headers", without("--headers"), 2, "--headers is missing"},
		{"no body", without("--body"), 2, "--body is missing"},
		{"no secret", without("--secret"), 2, "--secret is missing"},
		{"misspelt provider", append(without("--provider"), "--provider", "strip"), 2, `did you mean "stripe"?`},
		{"unknown provider", append(without("--provider"), "--provider", "qqqqqqqq"), 2, "hookloft providers"},
		{"file not there", append(without("--body"), "--body", body+"x"), 2, "no such file"},
		{"secret file not there", append(without("--secret"), "--secret", "@"+body+"x"), 2, "no such file"},
		{"bad headers", append(without("--headers"), "--headers", bad), 2, "line 1"},
		{"config without a value", append(slices.Clone(stripe), "--config", "mode"), 2, "KEY=VALUE"},
		{"config twice", append(slices.Clone(stripe), "--config", "a=1", "--config", "a=2"), 2, "once"},
		{"unknown config", append(slices.Clone(stripe), "--config", "colour=red"), 2, "no setting"},
		{"bad config", append(slices.Clone(stripe), "--config", "tolerance_s=soon"), 2, "whole number"},
		{"both from standard input", []string{"verify", "--provider", "stripe", "--secret", "s", "--headers", "-", "--body", "-"}, 2, "only one"},
		{"an argument", append(slices.Clone(stripe), "extra"), 2, "unexpected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errors := inProcess("", test.args...)
			if code != test.code || out != "" || !strings.Contains(errors, test.errors) {
				t.Errorf("exit code %d, output %q, errors %q; want %d and %q", code, out, errors, test.code, test.errors)
			}
			if strings.Contains(errors, "whsec_1") {
				t.Errorf("the secret is in %q", errors)
			}
		})
	}
}

// TestVerifySaysWhatIsWrong: in words that tell what to look at.
func TestVerifySaysWhatIsWrong(t *testing.T) {
	body := write(t, "body", []byte(`{"id":"evt\u0007_1"}`))
	_, signed, _ := inProcess("", "sign", "--provider", "stripe", "--secret", "s", "--body", body, "--now", "1700000000")
	for _, test := range []struct{ name, headers, now, want string }{
		{"late", signed, "1700000312", "it is 312 s old; the tolerance is 300 s"},
		{"forged", strings.Replace(signed, "v1=", "v1=0", 1), "1700000000", "no signature matches"},
		{"cut", strings.Replace(signed, "t=1700000000,", "", 1), "1700000000", "there is no t="},
	} {
		code, _, errors := inProcess(test.headers, "verify", "--provider", "stripe", "--secret", "s", "--body", body, "--headers", "-", "--now", test.now)
		if code != 1 || !strings.Contains(errors, "not genuine: ") || !strings.Contains(errors, test.want) {
			t.Errorf("%s: exit code %d, errors %q, want %q", test.name, code, errors, test.want)
		}
	}
	// What a terminal would act on is escaped; a request line before the headers does not matter.
	code, out, _ := inProcess("POST /in/x HTTP/1.1\r\n"+signed, "verify", "--provider", "stripe", "--secret", "s", "--body", body, "--headers", "-", "--now", "1700000000")
	if code != 0 || out != "\"evt\\a_1\"\t-\n" {
		t.Errorf("exit code %d, output %q", code, out)
	}
}

// TestVerifyWithoutThePublishedKey: it says that it does not know, and what would help.
func TestVerifyWithoutThePublishedKey(t *testing.T) {
	body, secret := write(t, "body", []byte("{}")), write(t, "key", []byte(vectors.PrivatePEM(t, makeKeys(t).rsa)))
	_, headers, _ := inProcess("", "sign", "--provider", "paypal", "--config", "webhook_id=W", "--secret", "@"+secret, "--body", body)
	code, out, errors := inProcess(headers, "verify", "--provider", "paypal", "--config", "webhook_id=W", "--headers", "-", "--body", body)
	if code != 1 || out != "" || !strings.Contains(errors, "not known whether it is genuine") || !strings.Contains(errors, "--fetch-keys") {
		t.Errorf("exit code %d, output %q, errors %q", code, out, errors)
	}
	// A key is never fetched from a host that is not the provider's.
	_, headers, _ = inProcess("Paypal-Cert-Url: https://evil.test/cert\n", "sign", "--provider", "paypal", "--config", "webhook_id=W", "--secret", "@"+secret, "--body", body, "--headers", "-")
	code, _, errors = inProcess(headers, "verify", "--provider", "paypal", "--config", "webhook_id=W", "--headers", "-", "--body", body, "--fetch-keys")
	if code != 1 || !strings.Contains(errors, "not genuine") || !strings.Contains(headers, "evil.test") {
		t.Errorf("exit code %d, errors %q", code, errors)
	}
}

// FuzzVerifyHeaders: a file of headers of any content is taken or misuse, and proves nothing.
func FuzzVerifyHeaders(f *testing.F) {
	f.Add("Stripe-Signature: t=1,v1=00\r\n")
	f.Add("POST / HTTP/1.1\nA: b\n\nC:d")
	f.Add(" HTTP/")
	f.Add(":\x00\n: :")
	body := filepath.Join(f.TempDir(), "body")
	if err := os.WriteFile(body, nil, 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, headers string) {
		code, out, errors := inProcess(headers, "verify", "--provider", "stripe", "--secret", "s", "--now", "1", "--headers", "-", "--body", body)
		if code != 1 && code != 2 || out != "" || errors == "" {
			t.Errorf("exit code %d, output %q, errors %q", code, out, errors)
		}
	})
}
