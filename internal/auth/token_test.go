package auth

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"regexp"
	"strings"
	"testing"
	"unsafe"
)

func TestMintedTokensHaveTheForm(t *testing.T) {
	for prefix, mint := range map[string]func() Text{
		"hl_sk_": MintAPI, "hl_pk_": MintPortal, "hl_mk_": MintMessage, "hl_ik_": MintIntegration, "hl_ok_": MintOneTime,
	} {
		form := regexp.MustCompile("^" + prefix + "[0-9A-Za-z]{46}$") // so no dot, see CONTRACT 1.1
		seen := map[string]bool{}
		for range 1000 {
			text := mint()
			if !form.MatchString(text.Reveal()) {
				t.Fatalf("token %s does not match %s", text.Reveal(), form)
			}
			if seen[text.Reveal()] {
				t.Fatal("a token was drawn twice")
			}
			seen[text.Reveal()] = true
			parsed, ok := ParseToken(text.Reveal())
			if !ok || parsed != text {
				t.Fatalf("token %s is not accepted", text.Reveal())
			}
			if parsed.IsPortal() != (prefix == "hl_pk_") {
				t.Fatalf("IsPortal of %s is %v", text.Reveal(), parsed.IsPortal())
			}
		}
	}
	if bits := randomChars * math.Log2(62); bits < 190 {
		t.Errorf("a token has %.0f random bits", bits)
	}
}

func TestChecksumIsCRC32(t *testing.T) {
	for _, s := range []string{"", "hl_sk_", MintAPI().Reveal()} {
		sum, value := checksum(s), uint32(0)
		for _, d := range sum {
			value = value*62 + uint32(strings.IndexByte(base62, d))
		}
		if want := crc32.ChecksumIEEE([]byte(s)); value != want {
			t.Errorf("checksum of %q is %x, want %x", s, value, want)
		}
	}
}

func TestMintDrawsEachCharacterEquallyOften(t *testing.T) {
	var count [256]int
	const tokens = 2000
	for range tokens {
		text := MintAPI().Reveal()
		for _, c := range []byte(text[len(apiPrefix) : len(apiPrefix)+randomChars]) {
			count[c]++
		}
	}
	// Chi-square with 61 degrees of freedom: above 130 once in a million runs.
	expected, chi := float64(tokens*randomChars)/62, 0.0
	for _, c := range []byte(base62) {
		d := float64(count[c]) - expected
		chi += d * d / expected
	}
	if chi > 130 {
		t.Errorf("characters are not equally likely: chi-square %.0f", chi)
	}
}

func TestParseTokenRefuses(t *testing.T) {
	good := MintAPI().Reveal()
	swap := []byte(good)
	swap[20] ^= 1
	for _, c := range []struct{ name, text string }{
		{"empty", ""},
		{"prefix alone", "hl_sk_"},
		{"one character short", good[:len(good)-1]},
		{"one character long", good + "a"},
		{"mistyped", string(swap)},
		{"other prefix, same checksum", "hl_pk_" + good[6:]},
		{"unknown prefix", "sk_liv" + good[6:]},
		{"dot", good[:30] + "." + good[31:]},
		{"space before", " " + good[:len(good)-1]},
		{"line end", good[:len(good)-1] + "\n"},
		{"zero byte", good[:30] + "\x00" + good[31:]},
		{"not ASCII", good[:30] + "é" + good[32:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, ok := ParseToken(c.text); ok {
				t.Errorf("%q was accepted", c.text)
			}
		})
	}
}

func TestParseTokenCostIsBounded(t *testing.T) {
	huge := "hl_sk_" + strings.Repeat("a", 1<<20)
	cost := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, ok := ParseToken(huge); ok {
				b.Fatal("accepted")
			}
		}
	})
	// Reading a megabyte takes tens of microseconds at the least.
	if cost.NsPerOp() > 2000 {
		t.Errorf("a text of 1 MiB takes %d ns to refuse", cost.NsPerOp())
	}
}

func TestTextNeverPrints(t *testing.T) {
	text := MintAPI()
	secret := text.Reveal()[6:16]
	wrapped := struct{ T Text }{text}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{text, &text, wrapped} {
			s := fmt.Sprintf(format, v)
			if strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T prints %s", format, v, s)
			}
		}
	}
	b, err := json.Marshal(wrapped)
	if err != nil || strings.Contains(string(b), secret) {
		t.Errorf("JSON is %s, err %v", b, err)
	}
	if (Text{}).String() == "" {
		t.Error("the empty text prints nothing")
	}
}

func TestHasherIsKeyed(t *testing.T) {
	k := NewKey()
	a, b := NewHasher(k), NewHasher(NewKey())
	x, y := MintAPI(), MintAPI()
	first := a.Hash(x)
	if a.Hash(x) != first || NewHasher(k).Hash(x) != first {
		t.Error("the same token has two hashes")
	}
	if a.Hash(x) == a.Hash(y) {
		t.Error("two tokens have one hash")
	}
	if a.Hash(x) == b.Hash(x) {
		t.Error("two stores have one hash")
	}
}

func TestCheckingATokenAllocatesNothing(t *testing.T) {
	h := NewHasher(NewKey())
	text := MintAPI().Reveal()
	n := testing.AllocsPerRun(1000, func() {
		parsed, ok := ParseToken(text)
		if !ok || h.Hash(parsed) == [32]byte{} {
			t.Fatal("refused")
		}
	})
	// The race detector makes sync.Pool drop things at random.
	if n >= 1 && !raceEnabled {
		t.Errorf("%.0f allocations for each request", n)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add("hl_sk_")
	f.Add(MintAPI().Reveal())
	f.Add(MintPortal().Reveal()[:51])
	f.Fuzz(func(t *testing.T, s string) {
		text, ok := ParseToken(s)
		if !ok {
			return
		}
		if text.Reveal() != s || strings.Contains(s, ".") || unsafe.StringData(text.Reveal()) != unsafe.StringData(s) {
			t.Errorf("%q was accepted as %q", s, text.Reveal())
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher(NewKey())
	text := MintAPI().Reveal()
	b.ReportAllocs()
	for b.Loop() {
		t, _ := ParseToken(text)
		h.Hash(t)
	}
}
