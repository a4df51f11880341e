package auth

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestSealerIsXAES compares the cipher with the two vectors of C2SP's specification of
// XAES-256-GCM, one for each way in which its subkey is doubled.
func TestSealerIsXAES(t *testing.T) {
	for _, c := range []struct{ key, additional, sealed string }{
		{"01", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{"03", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		key, _ := hex.DecodeString(c.key)
		s, err := newSealer(bytes.Repeat(key, 32))
		if err != nil {
			t.Fatal(err)
		}
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		aead, err := s.aead(nonce)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(aead.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(c.additional))); got != c.sealed {
			t.Errorf("key %s: sealed %s, want %s", c.key, got, c.sealed)
		}
	}
}

// TestSealerOpensTheOldForm opens what version 1 sealed.
func TestSealerOpensTheOldForm(t *testing.T) {
	s := NewSealer(NewKey())
	sealed := s.old.Seal([]byte{oldSealVersion}, nil, []byte("whsec_old"), additional(oldSealVersion, "endpoint/1/secrets"))
	got, err := s.Open(sealed, "endpoint/1/secrets")
	if err != nil || string(got) != "whsec_old" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := s.Open(sealed, "endpoint/2/secrets"); err == nil {
		t.Error("opened in another place")
	}
}

func BenchmarkSealer(b *testing.B) {
	s := NewSealer(NewKey())
	plain := bytes.Repeat([]byte("x"), 1024)
	sealed := s.Seal(plain, "message/1/payload")
	b.Run("Seal1KiB", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Seal(plain, "message/1/payload")
		}
	})
	b.Run("Open1KiB", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Open(sealed, "message/1/payload"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

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
	f.Add([]byte{oldSealVersion}, "c")
	f.Add(s.Seal([]byte("x"), "c")[:20], "c")
	f.Fuzz(func(t *testing.T, sealed []byte, context string) {
		if _, err := s.Open(sealed, context); err == nil {
			t.Error("opened what was never sealed")
		}
	})
}
