package webhook

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// vector is one request with what must become of it; the fields are described in the
// file itself.
type vector struct {
	ID, Kind, Provider, Method, URL string
	Headers                         map[string]any
	Body                            string
	BodyEncoding                    string `json:"body_encoding"`
	Secrets                         []string
	Config                          map[string]any
	Now                             int64
	Expect                          string
	Optional                        bool
	Event                           *struct {
		Key   *string  `json:"dedupe_key"`
		Keys  []string `json:"dedupe_keys"`
		Type  *string
		Types []string
		Count *int
	}
	Response *struct {
		Status        int
		ContentType   string `json:"content_type"`
		Headers       map[string]string
		HeadersAbsent []string `json:"headers_absent"`
		Body, BodyNot *string
		JSON          any
	}
}

// vectorFiles are ours, and those of the reference folder where it is there.
func vectorFiles(t *testing.T) []string {
	files, err := filepath.Glob("testdata/providers*.json")
	if err != nil {
		t.Fatal(err)
	}
	const reference = "../../shared/reference/provider-vectors.json"
	if _, err := os.Stat(reference); err == nil {
		files = append(files, reference)
	} else {
		t.Log("the reference vectors are not here; only our own are tested")
	}
	return files
}

func loadVectors(t *testing.T, file string) []vector {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatalf("%s holds no vectors", file)
	}
	return f.Vectors
}

func (v *vector) request(t *testing.T) Request {
	r := Request{Method: v.Method, URL: v.URL, Header: http.Header{}, Body: []byte(v.Body)}
	if v.BodyEncoding == "base64" {
		var err error
		if r.Body, err = base64.StdEncoding.DecodeString(v.Body); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range v.Headers {
		switch value := value.(type) {
		case string:
			r.Header.Add(name, value)
		case []any:
			for _, one := range value {
				r.Header.Add(name, one.(string))
			}
		}
	}
	return r
}

func (v *vector) config(t *testing.T) Config {
	c := Config{Secrets: v.Secrets, Settings: map[string]string{}}
	for name, value := range v.Config {
		text, ok := value.(string)
		if !ok {
			data, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			text = string(data)
		}
		c.Settings[name] = text
	}
	return c
}

// TestProviderVectors runs every vector of the providers that are known.
func TestProviderVectors(t *testing.T) {
	ran := map[string]int{}
	for _, file := range vectorFiles(t) {
		for _, v := range loadVectors(t, file) {
			if providerNamed(v.Provider) == nil {
				ran["unknown provider "+v.Provider]++
				continue
			}
			ran[v.Kind]++
			t.Run(v.ID, func(t *testing.T) {
				verifier, err := Provider(v.Provider, v.config(t))
				switch {
				case err != nil && v.Expect == "reject":
					return // refused before any request, for example for an empty secret
				case err != nil:
					t.Fatal(err)
				}
				r, now := v.request(t), time.Unix(v.Now, 0)
				if v.Kind == "handshake" {
					checkHandshake(t, &v, verifier, r, now)
					return
				}
				got, err := verifier.Verify(r, now)
				switch {
				case v.Expect == "reject" && err == nil && !v.Optional:
					t.Error("was accepted, want a refusal")
				case v.Expect == "ok" && err != nil && !v.Optional:
					t.Errorf("was refused: %v", err)
				case v.Expect == "ok" && err == nil:
					checkEvent(t, &v, got)
				}
			})
		}
	}
	t.Log(ran)
}

func checkEvent(t *testing.T, v *vector, got Verified) {
	e := v.Event
	if e == nil {
		return
	}
	if e.Key != nil && got.ID != *e.Key {
		t.Errorf("id %q, want %q", got.ID, *e.Key)
	}
	if e.Type != nil && got.Type != *e.Type {
		t.Errorf("type %q, want %q", got.Type, *e.Type)
	}
	if e.Count != nil && *e.Count > 1 && len(got.Events) != *e.Count {
		t.Errorf("%d events, want %d", len(got.Events), *e.Count)
	}
	var ids, types []string
	for _, event := range got.Events {
		ids, types = append(ids, event.ID), append(types, event.Type)
	}
	if e.Keys != nil && !slices.Equal(ids, e.Keys) && !slices.Equal([]string{got.ID}, e.Keys) {
		t.Errorf("ids %q, want %q", ids, e.Keys)
	}
	if e.Types != nil && !slices.Equal(types, e.Types) {
		t.Errorf("types %q, want %q", types, e.Types)
	}
}

func checkHandshake(t *testing.T, v *vector, verifier *ProviderVerifier, r Request, now time.Time) {
	got, err := verifier.Handshake(r, now)
	if err != nil || got == nil {
		t.Fatalf("answer %v, error %v", got, err)
	}
	want := v.Response
	if got.Status != want.Status {
		t.Errorf("status %d, want %d", got.Status, want.Status)
	}
	if want.ContentType != "" && !strings.HasPrefix(got.Header.Get("Content-Type"), want.ContentType) {
		t.Errorf("content type %q, want %q", got.Header.Get("Content-Type"), want.ContentType)
	}
	for name, value := range want.Headers {
		if got.Header.Get(name) != value {
			t.Errorf("header %s is %q, want %q", name, got.Header.Get(name), value)
		}
	}
	for _, name := range want.HeadersAbsent {
		if got.Header.Get(name) != "" {
			t.Errorf("header %s is there", name)
		}
	}
	if want.Body != nil && string(got.Body) != *want.Body {
		t.Errorf("body %q, want %q", got.Body, *want.Body)
	}
	if want.BodyNot != nil && string(got.Body) == *want.BodyNot {
		t.Errorf("body is %q", got.Body)
	}
	if want.JSON != nil {
		var have any
		if err := json.Unmarshal(got.Body, &have); err != nil {
			t.Fatalf("body %q: %v", got.Body, err)
		}
		a, _ := json.Marshal(have)
		b, _ := json.Marshal(want.JSON)
		if string(a) != string(b) {
			t.Errorf("body %s, want %s", a, b)
		}
	}
}
