package webhook

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSetHeadersVerifies(t *testing.T) {
	secret := GenerateSymmetric()
	signer, err := NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1700000000, 999_999_999) // the fraction is cut, not rounded
	header := http.Header{HeaderSignature: {"v1,old"}}
	signer.SetHeaders(header, "msg_1", now, []byte("{}"))
	if got := header.Get("webhook-timestamp"); got != "1700000000" {
		t.Errorf("timestamp %s", got)
	}
	if _, err := mustStandard(t, secret.Reveal()).Verify(Request{Header: header, Body: []byte("{}")}, now); err != nil {
		t.Error(err)
	}
}

func TestAppendSignatureAppends(t *testing.T) {
	signer, err := NewSigner(GenerateSymmetric(), GenerateAsymmetric())
	if err != nil {
		t.Fatal(err)
	}
	alone := string(signer.AppendSignature(nil, "msg_1", time.Unix(1, 0), nil))
	if got := string(signer.AppendSignature([]byte("before "), "msg_1", time.Unix(1, 0), nil)); got != "before "+alone {
		t.Errorf("got %q, want %q after what was there", got, alone)
	}
	if kinds := strings.Fields(alone); len(kinds) != 2 || !strings.HasPrefix(kinds[0], "v1,") || !strings.HasPrefix(kinds[1], "v1a,") {
		t.Errorf("signatures %q are not in the order of the secrets", alone)
	}
}

// A Signer keeps state between signatures; goroutines and bodies of all sizes must
// not see each other's.
func TestSignerIsSafeForManyGoroutines(t *testing.T) {
	symmetric, asymmetric := GenerateSymmetric(), GenerateAsymmetric()
	signer, err := NewSigner(symmetric, asymmetric)
	if err != nil {
		t.Fatal(err)
	}
	v1, v1a := mustStandard(t, symmetric.Reveal()), mustStandard(t, asymmetric.Reveal())
	at := time.Unix(1700000000, 0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 20 {
				body := []byte(strings.Repeat(string(rune('a'+g)), n*n*200)) // up to 72 kB, past maxKeptBytes
				header := http.Header{}
				signer.SetHeaders(header, "msg_1", at, body)
				for _, v := range []*Standard{v1, v1a} {
					if _, err := v.Verify(Request{Header: header, Body: body}, at); err != nil {
						t.Errorf("goroutine %d, %d bytes: %v", g, len(body), err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestSignAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("under -race, sync.Pool drops things at random")
	}
	body, at := make([]byte, 1024), time.Unix(1700000000, 0)
	buf := make([]byte, 0, 512)
	for name, secret := range map[string]Secret{"symmetric": GenerateSymmetric(), "asymmetric": GenerateAsymmetric()} {
		signer, err := NewSigner(secret, secret)
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(100, func() { signer.AppendSignature(buf, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body) })
		if limit := 3.0; allocs > limit {
			t.Errorf("%s: %v allocations for two signatures, want at most %v", name, allocs, limit)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	two := []Secret{GenerateSymmetric(), GenerateSymmetric()}
	for _, c := range []struct {
		name    string
		secrets []Secret
	}{{"symmetric", two[:1]}, {"rotation", two}, {"asymmetric", []Secret{GenerateAsymmetric()}}} {
		b.Run(c.name, func(b *testing.B) {
			signer, err := NewSigner(c.secrets...)
			if err != nil {
				b.Fatal(err)
			}
			body, at := make([]byte, 1024), time.Unix(1700000000, 0)
			var buf []byte
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				buf = signer.AppendSignature(buf[:0], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
			}
		})
	}
}
