package auth

import (
	"bytes"
	"testing"
)

func TestSealerOpensWhatItSealed(t *testing.T) {
	s := NewSealer(NewKey())
	for _, plain := range [][]byte{nil, {0}, []byte("whsec_x"), bytes.Repeat([]byte("k"), 1<<16)} {
		sealed := s.Seal(plain, "endpoint/1/secrets")
		if len(plain) > 4 && bytes.Contains(sealed, plain[:5]) {
			t.Error("the plain text shows")
		}
		got, err := s.Open(sealed, "endpoint/1/secrets")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes came back as %d bytes, err %v", len(plain), len(got), err)
		}
	}
}

func TestSealerRefusesEveryChange(t *testing.T) {
	k := NewKey()
	s := NewSealer(k)
	sealed := s.Seal([]byte("whsec_secret"), "endpoint/1/secrets")
	for i := range sealed {
		for bit := range 8 {
			sealed[i] ^= 1 << bit
			if _, err := s.Open(sealed, "endpoint/1/secrets"); err == nil {
				t.Fatalf("opened with bit %d of byte %d flipped", bit, i)
			}
			sealed[i] ^= 1 << bit
		}
	}
	for n := range len(sealed) {
		if _, err := s.Open(sealed[:n], "endpoint/1/secrets"); err == nil {
			t.Fatalf("opened when cut to %d bytes", n)
		}
	}
	for _, context := range []string{"", "endpoint/2/secrets", "endpoint/1/headers", "endpoint/1/secrets "} {
		if _, err := s.Open(sealed, context); err == nil {
			t.Errorf("opened under context %q", context)
		}
	}
	if _, err := NewSealer(NewKey()).Open(sealed, "endpoint/1/secrets"); err == nil {
		t.Error("opened under another key")
	}
	if _, err := NewSealer(k).Open(sealed, "endpoint/1/secrets"); err != nil {
		t.Errorf("does not open after a restart: %v", err)
	}
}

func TestSealerNeverRepeatsItself(t *testing.T) {
	s := NewSealer(NewKey())
	seen := map[string]bool{}
	for range 1000 {
		sealed := string(s.Seal([]byte("same"), "same"))
		if seen[sealed] {
			t.Fatal("two sealed values are equal, so a nonce was used twice")
		}
		seen[sealed] = true
	}
}

func FuzzSealerOpen(f *testing.F) {
	s := NewSealer(NewKey())
	f.Add([]byte{}, "")
	f.Add([]byte{sealVersion}, "c")
	f.Add(s.Seal([]byte("x"), "c")[:20], "c")
	f.Fuzz(func(t *testing.T, sealed []byte, context string) {
		if _, err := s.Open(sealed, context); err == nil {
			t.Error("opened what was never sealed")
		}
	})
}
