package webhook

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestToleranceIsAnOption(t *testing.T) {
	secret := GenerateSymmetric()
	signer, err := NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	sent := time.Unix(1700000000, 0)
	header := http.Header{}
	signer.SetHeaders(header, "msg_1", sent, nil)
	cases := []struct {
		name      string
		tolerance time.Duration
		now       time.Time
		want      error
	}{
		{"a minute, kept", time.Minute, sent.Add(time.Minute), nil},
		{"a minute, past by a nanosecond", time.Minute, sent.Add(time.Minute + 1), ErrTimestampTooOld},
		{"a minute, early by a nanosecond", time.Minute, sent.Add(-time.Minute - 1), ErrTimestampTooNew},
		{"zero means five minutes", 0, sent.Add(5*time.Minute + 1), ErrTimestampTooOld},
		{"negative means any", -1, sent.AddDate(20, 0, 0), nil},
		{"negative means any, early", -1, sent.AddDate(-20, 0, 0), nil},
		{"the zero time overflows nothing", time.Minute, time.Time{}, ErrTimestampTooNew},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, err := NewStandard([]Key{secret}, StandardOptions{Tolerance: c.tolerance})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(Request{Header: header}, c.now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestVerifyErrorsDoNotRepeatTheRequest(t *testing.T) {
	v := mustStandard(t, GenerateSymmetric().Reveal())
	for _, header := range []http.Header{
		{HeaderID: {"private."}, HeaderTimestamp: {"1700000000"}, HeaderSignature: {"v1,private"}},
		{HeaderID: {"private"}, HeaderTimestamp: {"private"}, HeaderSignature: {"v1,private"}},
		{HeaderID: {"private"}, HeaderTimestamp: {"1700000000"}, HeaderSignature: {"v1,private"}},
		{HeaderID: {"private", "private"}, HeaderTimestamp: {"1700000000"}, HeaderSignature: {"v1,private"}},
	} {
		_, err := v.Verify(Request{Header: header, Body: []byte("private")}, time.Unix(1700000000, 0))
		if err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("%v: %v", header, err)
		}
	}
}

// A thousand signatures must not cost a thousand ed25519 verifications.
func TestVerifyBoundsTheSignatures(t *testing.T) {
	header := http.Header{HeaderID: {"m"}, HeaderTimestamp: {"1700000000"},
		HeaderSignature: {strings.Repeat("v1a,"+strings.Repeat("A", 86)+"== ", 1000)}}
	public, _ := GenerateAsymmetric().Public()
	_, err := mustStandard(t, public.String()).Verify(Request{Header: header}, time.Unix(1700000000, 0))
	if !errors.Is(err, ErrMalformedHeader) {
		t.Errorf("got %v", err)
	}
}

func FuzzVerifyHeaders(f *testing.F) {
	secret, private := GenerateSymmetric(), GenerateAsymmetric()
	v, err := NewStandard([]Key{secret, private}, StandardOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("msg_1", "1700000000", "v1,AAAA v1a,AAAA", "{}")
	f.Add("a.1", "1700000000", "v1,", "")
	f.Add("", "", "", "")
	f.Add("é\x00", "-1", " v1, , v1a,=", ".")
	signer, err := NewSigner(secret, private)
	if err != nil {
		f.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	f.Fuzz(func(t *testing.T, id, timestamp, signature, body string) {
		header := http.Header{HeaderID: {id}, HeaderTimestamp: {timestamp}, HeaderSignature: {signature}}
		if got, err := v.Verify(Request{Header: header, Body: []byte(body)}, at); err == nil {
			// Only one who knows the keys may get in.
			genuine := string(signer.AppendSignature(nil, got.ID, got.Timestamp, []byte(body)))
			if !slices.ContainsFunc(strings.Fields(genuine), func(s string) bool { return slices.Contains(strings.Split(signature, " "), s) }) {
				t.Errorf("forged: %q %q %q %q", id, timestamp, signature, body)
			}
		} else if reason := Error(""); !errors.As(err, &reason) {
			t.Errorf("an error without a reason: %v", err)
		}

		// Whatever a header looks like, the right signature in it counts, unless
		// there is something about the other two or there are too many.
		header.Set(HeaderSignature, signature+" "+string(signer.AppendSignature(nil, id, at, []byte(body))))
		header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
		_, err := v.Verify(Request{Header: header, Body: []byte(body)}, at)
		if ok := isID(id) && strings.Count(signature, " ")+2 < maxSignatures; ok != (err == nil) {
			t.Errorf("id %q, after %q: %v", id, signature, err)
		}
	})
}

func FuzzParseTimestamp(f *testing.F) {
	for _, text := range []string{"0", "1700000000", "-1", "+1", "007", "99999999999", "100000000000", "1e9", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		unix, ok := parseTimestamp(text)
		if ok && (unix < 0 || strconv.FormatInt(unix, 10) != text) {
			t.Errorf("%q reads as %d", text, unix)
		}
		if n, err := strconv.ParseUint(text, 10, 36); !ok && err == nil && text == strconv.FormatUint(n, 10) {
			t.Errorf("%q is refused", text)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for name, secret := range map[string]Secret{"symmetric": GenerateSymmetric(), "asymmetric": GenerateAsymmetric()} {
		b.Run(name, func(b *testing.B) {
			signer, err := NewSigner(secret)
			if err != nil {
				b.Fatal(err)
			}
			v, err := NewStandard([]Key{secret}, StandardOptions{})
			if err != nil {
				b.Fatal(err)
			}
			r, at := Request{Header: http.Header{}, Body: make([]byte, 1024)}, time.Unix(1700000000, 0)
			signer.SetHeaders(r.Header, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r.Body)
			b.SetBytes(int64(len(r.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r, at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
