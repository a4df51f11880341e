package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestGeneratedSecretsAreReadBack(t *testing.T) {
	for name, generate := range map[string]func() Secret{"symmetric": GenerateSymmetric, "asymmetric": GenerateAsymmetric} {
		t.Run(name, func(t *testing.T) {
			s, other := generate(), generate()
			back := mustSecret(t, s.Reveal())
			if !back.Equal(s) || !s.Equal(s) {
				t.Error("a secret does not equal itself after parsing its text")
			}
			if s.Equal(other) || s.Equal(Secret{}) || (Secret{}).Equal(s) {
				t.Error("a secret equals another one")
			}
			public, ok := s.Public()
			if ok != s.Asymmetric() || ok != (name == "asymmetric") {
				t.Fatalf("public %v, asymmetric %v", ok, s.Asymmetric())
			}
			if ok {
				again, err := ParsePublicKey(public.String())
				if err != nil || !again.Equal(public) {
					t.Errorf("public key read back: %v", err)
				}
			}
		})
	}
	if !(Secret{}).Equal(Secret{}) || (Secret{}).Reveal() != "" || !(Secret{}).IsZero() || (PublicKey{}).String() != "" {
		t.Error("the zero values are not empty")
	}
	if got, want := len(GenerateSymmetric().Reveal()), len("whsec_")+32; got != want {
		t.Errorf("a generated secret has %d characters, want %d (24 bytes)", got, want)
	}
}

func TestParseSecretRefuses(t *testing.T) {
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	private := strings.TrimPrefix(GenerateAsymmetric().Reveal(), privatePrefix)
	halves := GenerateAsymmetric().k.private[:32:32]
	halves = append(halves, GenerateAsymmetric().k.private[32:]...)
	public, _ := GenerateAsymmetric().Public()
	cases := []struct{ name, text string }{
		{"nothing", ""},
		{"only a prefix", "whsec_"},
		{"23 bytes", "whsec_" + b64(23)},
		{"76 bytes", "whsec_" + b64(76)},
		{"bare and short", b64(16)},
		{"no padding", "whsec_" + strings.TrimRight(b64(25), "=")},
		{"other alphabet", "whsec_" + strings.Repeat("-_", 16)},
		{"unused bits set", "whsec_" + strings.Repeat("A", 33) + "B=="},
		{"line end at the end", "whsec_" + b64(24) + "\n"},
		{"line end inside", "whsec_" + b64(12) + "\n" + b64(12)},
		{"space before", " whsec_" + b64(24)},
		{"upper case prefix", "WHSEC_" + b64(24)},
		{"two prefixes", "whsec_whsec_" + b64(24)},
		{"public key", public.String()},
		{"unknown prefix whsk1_", "whsk1_" + private},
		{"unknown prefix whpk1_", "whpk1_" + b64(32)},
		{"private, only the seed", "whsk_" + b64(32)},
		{"private, 65 bytes", "whsk_" + b64(65)},
		{"private, halves of two keys", "whsk_" + base64.StdEncoding.EncodeToString(halves)},
		{"private, nothing", "whsk_"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseSecret(c.text)
			if !errors.Is(err, ErrInvalidKey) {
				t.Fatalf("got %v, want ErrInvalidKey", err)
			}
			if !s.IsZero() {
				t.Error("refused, but returned")
			}
			if _, body, _ := strings.Cut(c.text, "_"); len(body) > 8 && strings.Contains(err.Error(), body[:8]) {
				t.Errorf("the error repeats the text: %v", err)
			}
		})
	}
	for _, n := range []int{24, 75} {
		if _, err := ParseSecret("whsec_" + b64(n)); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestParsePublicKeyRefuses(t *testing.T) {
	for _, text := range []string{"", "whpk_", "whpk_AAAA", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="} {
		if p, err := ParsePublicKey(text); !errors.Is(err, ErrInvalidKey) || !p.IsZero() {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
}

func TestParseKeysReadsSeveral(t *testing.T) {
	symmetric, asymmetric := GenerateSymmetric(), GenerateAsymmetric()
	public, _ := asymmetric.Public()
	keys, err := ParseKeys(" " + symmetric.Reveal() + "\n" + public.String() + "\t" + asymmetric.Reveal() + "\n")
	if err != nil || len(keys) != 3 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if !keys[0].(Secret).Equal(symmetric) || !keys[1].(PublicKey).Equal(public) || !keys[2].(Secret).Equal(asymmetric) {
		t.Error("keys are not those that were given, in their order")
	}
	for _, text := range []string{"", " \n", symmetric.Reveal() + " nonsense!", "whsec_" + strings.Repeat("A", 20)} {
		if keys, err := ParseKeys(text); !errors.Is(err, ErrInvalidKey) || keys != nil {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	}
}

func TestConstructorsRefuseEmptyKeys(t *testing.T) {
	good := GenerateSymmetric()
	var nilKey Key
	for name, keys := range map[string][]Key{"none": nil, "zero secret": {good, Secret{}}, "zero public key": {PublicKey{}}, "nil": {nilKey}} {
		if v, err := NewStandard(keys, StandardOptions{}); !errors.Is(err, ErrInvalidKey) || v != nil {
			t.Errorf("verifier with %s: %v", name, err)
		}
	}
	for name, secrets := range map[string][]Secret{"none": nil, "zero secret": {good, {}}} {
		if s, err := NewSigner(secrets...); !errors.Is(err, ErrInvalidKey) || s != nil {
			t.Errorf("signer with %s: %v", name, err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	type holder struct{ s Secret } // fmt cannot call methods on an unexported field
	type exported struct{ S Secret }
	for _, s := range []Secret{GenerateSymmetric(), GenerateAsymmetric()} {
		var out bytes.Buffer
		for _, value := range []any{s, &s, holder{s}, &holder{s}, exported{s}, []Secret{s}, map[string]Secret{"a": s}, []Key{s}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U", "%t", "%e"} {
				fmt.Fprintf(&out, verb+"\n", value)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("secret", "value", value)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("secret", "value", value)
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
		}
		signer, err := NewSigner(s)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := NewStandard([]Key{s}, StandardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%v %+v %#v %v %+v %#v", signer, signer, signer, verifier, verifier, verifier)

		key := s.k.mac
		if s.Asymmetric() {
			key = s.k.private[:32] // the other half is public
		}
		shown := out.String()
		for what, text := range map[string]string{
			"base64": base64.StdEncoding.EncodeToString(key)[:16],
			"bytes":  strings.Trim(fmt.Sprint(key[:6]), "[]"),
			"hex":    fmt.Sprintf("%x", key[:6]),
			"HEX":    fmt.Sprintf("%X", key[:6]),
			"raw":    string(key[:6]),
			"Go":     strings.Trim(fmt.Sprintf("%#v", key[:6]), "[]byte{}"),
			"quoted": strings.Trim(fmt.Sprintf("%q", key[:6]), `"`),
			"binary": strings.Trim(fmt.Sprintf("%b", key[:6]), "[]"),
			"octal":  strings.Trim(fmt.Sprintf("%o", key[:6]), "[]"),
		} {
			if strings.Contains(shown, text) {
				t.Errorf("asymmetric %v: the secret shows as %s", s.Asymmetric(), what)
			}
		}
		if !strings.Contains(shown, redacted) {
			t.Error("nothing is marked as redacted")
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
	f.Add("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSecret(text)
		if err == nil {
			// One text per key: the text comes back, but for the prefix left out.
			if got := s.Reveal(); got != text && got != symmetricPrefix+text {
				t.Errorf("%q reads as %q", text, got)
			}
		} else if !errors.Is(err, ErrInvalidKey) || !s.IsZero() {
			t.Errorf("%q: %v", text, err)
		}
		if p, err := ParsePublicKey(text); err == nil && p.String() != text {
			t.Errorf("%q reads as %q", text, p)
		}
		if keys, err := ParseKeys(text); (err == nil) != (len(keys) > 0) {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	})
}
