//go:build unix

// Package providers sends what providers send to a running server: every vector of the
// reference folder and of package webhook, accepted and refused ones, handshakes
// included, over real HTTP to a source's URL.
package providers

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vector is one request with what must become of it (see webhook/testdata and the
// reference's own field list).
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
	Response                        *struct {
		Status        int
		ContentType   string `json:"content_type"`
		Headers       map[string]string
		HeadersAbsent []string `json:"headers_absent"`
		Body, BodyNot *string
		JSON          any
	}
}

// vectors are all that are here: ours always, the reference's where its folder is.
func vectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob("../../webhook/testdata/providers*.json")
	if err != nil {
		t.Fatal(err)
	}
	const reference = "../../../shared/reference/provider-vectors.json"
	if _, err := os.Stat(reference); err == nil {
		files = append(files, reference)
	} else {
		t.Log("the reference vectors are not here; only our own are sent")
	}
	var all []vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f struct{ Vectors []vector }
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(f.Vectors) == 0 {
			t.Fatalf("%s holds no vectors", file)
		}
		all = append(all, f.Vectors...)
	}
	return all
}

// bytes returns the body as it is sent.
func (v *vector) bytes(t *testing.T) []byte {
	if v.BodyEncoding != "base64" {
		return []byte(v.Body)
	}
	body, err := base64.StdEncoding.DecodeString(v.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (v *vector) header() http.Header {
	h := http.Header{}
	for name, value := range v.Headers {
		switch value := value.(type) {
		case string:
			h.Add(name, value)
		case []any:
			for _, one := range value {
				h.Add(name, one.(string))
			}
		}
	}
	return h
}

// settings are the vector's config as package webhook takes it: text by name.
func (v *vector) settings(t *testing.T) map[string]string {
	out := map[string]string{}
	for name, value := range v.Config {
		text, ok := value.(string)
		if !ok {
			data, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			text = string(data)
		}
		out[name] = text
	}
	return out
}

// split returns the vector's URL without its query, and that. A fragment is never sent.
func (v *vector) split() (base, query string) {
	sent, _, _ := strings.Cut(v.URL, "#")
	base, query, _ = strings.Cut(sent, "?")
	return base, query
}
