package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"
)

// ownVectors are testdata/vectors.json: what our signatures must look like, and what
// must become of requests. Each says where its signature comes from.
type ownVectors struct {
	Sign []struct {
		Name, Source, Comment string
		Secrets               []string
		PublicKeys            []string `json:"public_keys"` // of the asymmetric secrets
		ID                    string
		Timestamp             int64
		Body                  string
		BodyBase64            []byte `json:"body_base64"` // instead of Body, if it is no text
		Signature             string
	}
	Verify []struct {
		Name, Source, Comment string
		Keys                  []string
		Headers               map[string][]string
		Body                  string
		Now                   int64
		Expect                string
	}
}

func readVectors(t testing.TB) ownVectors {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v ownVectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Sign) < 3 || len(v.Verify) < 3 {
		t.Fatalf("vectors.json has %d and %d vectors", len(v.Sign), len(v.Verify))
	}
	return v
}

func TestSignVectors(t *testing.T) {
	for _, v := range readVectors(t).Sign {
		t.Run(v.Name, func(t *testing.T) {
			body := []byte(v.Body)
			if v.BodyBase64 != nil {
				body = v.BodyBase64
			}
			at := time.Unix(v.Timestamp, 0)
			var secrets []Secret
			for _, text := range v.Secrets {
				secrets = append(secrets, mustKey(t, text).(Secret)) // a published key is short
			}
			signer, err := NewSigner(secrets...)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time with reused state
				if got := string(signer.AppendSignature(nil, v.ID, at, body)); got != v.Signature {
					t.Fatalf("signature\n got %s\nwant %s (%s)", got, v.Signature, v.Source)
				}
			}

			// Each key alone accepts what all of them signed.
			header := http.Header{HeaderID: {v.ID}, HeaderTimestamp: {strconv.FormatInt(v.Timestamp, 10)}, HeaderSignature: {v.Signature}}
			for _, text := range append(v.Secrets, v.PublicKeys...) {
				got, err := mustStandard(t, text).Verify(Request{Header: header, Body: body}, at)
				if err != nil || got.ID != v.ID || !got.Timestamp.Equal(at) {
					t.Errorf("verify with one key: %+v, %v", got, err)
				}
			}
		})
	}
}

func TestVerifyVectors(t *testing.T) {
	reasons := map[string]error{
		"ok":                nil,
		"missing_header":    ErrMissingHeader,
		"duplicate_header":  ErrDuplicateHeader,
		"malformed_header":  ErrMalformedHeader,
		"timestamp_too_old": ErrTimestampTooOld,
		"timestamp_too_new": ErrTimestampTooNew,
		"no_match":          ErrNoMatch,
	}
	for _, v := range readVectors(t).Verify {
		t.Run(v.Name, func(t *testing.T) {
			want, ok := reasons[v.Expect]
			if !ok {
				t.Fatalf("unknown expectation %q", v.Expect)
			}
			header := http.Header{}
			for name, values := range v.Headers {
				header[http.CanonicalHeaderKey(name)] = values
			}
			got, err := mustStandard(t, v.Keys...).Verify(Request{Header: header, Body: []byte(v.Body)}, time.Unix(v.Now, 0))
			if !errors.Is(err, want) {
				t.Fatalf("got %v, want %v (%s)", err, want, v.Comment)
			}
			if err != nil && !reflect.DeepEqual(got, Verified{}) {
				t.Errorf("refused, but says %+v", got)
			}
			if err == nil && got.ID == "" {
				t.Error("verified without an id")
			}
		})
	}
}

func mustSecret(t testing.TB, text string) Secret {
	t.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustKey(t testing.TB, text string) Key {
	t.Helper()
	keys, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 1 {
		t.Fatalf("%d keys in one text", len(keys))
	}
	return keys[0]
}

func mustStandard(t testing.TB, keys ...string) *Standard {
	t.Helper()
	var parsed []Key
	for _, text := range keys {
		parsed = append(parsed, mustKey(t, text))
	}
	v, err := NewStandard(parsed, StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
