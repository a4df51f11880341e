// Package vectors reads, for tests, requests as providers send them with what must become
// of each: those of webhook/testdata, which every checkout has, and those of the reference
// folder beside the checkout, where it is there.
package vectors

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Vector is one request. Fields that are lists of alternatives are documented in the
// reference's own file.
type Vector struct {
	ID       string
	Kind     string // verify or handshake
	Provider string // a name of webhook.Presets
	Method   string
	URL      string // as the provider knows it
	Headers  map[string]any
	Body     string
	// BodyEncoding is utf8, or base64 of the bytes that are sent.
	BodyEncoding string `json:"body_encoding"`
	Secrets      []string
	Config       map[string]any
	Now          int64  // Unix seconds at which to verify
	Expect       string // ok, reject or respond
	// Optional: the provider's own libraries disagree.
	Optional bool
	Event    *Event
	Response *Response
}

// Event is what must be read from a genuine request; nil fields say nothing.
type Event struct {
	Key   *string  `json:"dedupe_key"`
	Keys  []string `json:"dedupe_keys"`
	Type  *string
	Types []string
	Count *int
}

// Response is the answer that a handshake must get.
type Response struct {
	Status        int
	ContentType   string `json:"content_type"`
	Headers       map[string]string
	HeadersAbsent []string `json:"headers_absent"`
	Body, BodyNot *string
	JSON          any
}

// reference stands beside the checkout, below its parent folder.
const reference = "shared/reference/provider-vectors.json"

// All returns every vector that is here.
func All(tb testing.TB) []Vector {
	tb.Helper()
	root := moduleRoot(tb)
	files, err := filepath.Glob(filepath.Join(root, "webhook/testdata/providers*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Fatal("webhook/testdata holds no vectors")
	}
	all := []Vector{}
	for _, file := range files {
		all = append(all, load(tb, file)...)
	}
	return append(all, Reference(tb)...)
}

// Reference returns the vectors of the reference folder, none where it is absent.
func Reference(tb testing.TB) []Vector {
	tb.Helper()
	file := filepath.Join(filepath.Dir(moduleRoot(tb)), reference)
	if _, err := os.Stat(file); err != nil {
		tb.Log("the reference vectors are not here; only our own are tested")
		return nil
	}
	return load(tb, file)
}

func load(tb testing.TB, file string) []Vector {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var f struct{ Vectors []Vector }
	if err := json.Unmarshal(data, &f); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	if len(f.Vectors) == 0 {
		tb.Fatalf("%s holds no vectors", file)
	}
	return f.Vectors
}

func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Bytes returns the body as it is sent.
func (v *Vector) Bytes(tb testing.TB) []byte {
	tb.Helper()
	if v.BodyEncoding != "base64" {
		return []byte(v.Body)
	}
	body, err := base64.StdEncoding.DecodeString(v.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// Header returns the headers under canonical names.
func (v *Vector) Header() http.Header {
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

// Settings are the config as package webhook takes it: text by name.
func (v *Vector) Settings(tb testing.TB) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for name, value := range v.Config {
		text, ok := value.(string)
		if !ok {
			data, err := json.Marshal(value)
			if err != nil {
				tb.Fatal(err)
			}
			text = string(data)
		}
		out[name] = text
	}
	return out
}

// SplitURL returns the URL without its query, and that. A fragment is never sent.
func (v *Vector) SplitURL() (base, query string) {
	sent, _, _ := strings.Cut(v.URL, "#")
	base, query, _ = strings.Cut(sent, "?")
	return base, query
}

// CheckEvent compares what was read from a genuine request. ids and types are those of
// the events of a batch, none for a single event.
func (v *Vector) CheckEvent(tb testing.TB, id, eventType string, ids, types []string) {
	tb.Helper()
	e := v.Event
	if e == nil {
		return
	}
	if e.Key != nil && id != *e.Key {
		tb.Errorf("id %q, want %q", id, *e.Key)
	}
	if e.Type != nil && eventType != *e.Type {
		tb.Errorf("type %q, want %q", eventType, *e.Type)
	}
	if e.Count != nil && *e.Count > 1 && len(ids) != *e.Count {
		tb.Errorf("%d events, want %d", len(ids), *e.Count)
	}
	if e.Keys != nil && !slices.Equal(ids, e.Keys) && !slices.Equal([]string{id}, e.Keys) {
		tb.Errorf("ids %q, want %q", ids, e.Keys)
	}
	if e.Types != nil && !slices.Equal(types, e.Types) {
		tb.Errorf("types %q, want %q", types, e.Types)
	}
}

// CheckResponse compares the answer of a handshake.
func (v *Vector) CheckResponse(tb testing.TB, status int, header http.Header, body []byte) {
	tb.Helper()
	want := v.Response
	if status != want.Status {
		tb.Errorf("status %d, want %d: %.200s", status, want.Status, body)
	}
	if want.ContentType != "" && !strings.HasPrefix(header.Get("Content-Type"), want.ContentType) {
		tb.Errorf("content type %q, want %q", header.Get("Content-Type"), want.ContentType)
	}
	for name, value := range want.Headers {
		if header.Get(name) != value {
			tb.Errorf("header %s is %q, want %q", name, header.Get(name), value)
		}
	}
	for _, name := range want.HeadersAbsent {
		if header.Get(name) != "" {
			tb.Errorf("header %s is there", name)
		}
	}
	if want.Body != nil && string(body) != *want.Body && v.Method != http.MethodHead {
		tb.Errorf("body %q, want %q", body, *want.Body)
	}
	if want.BodyNot != nil && string(body) == *want.BodyNot {
		tb.Errorf("body is %q", body)
	}
	if want.JSON == nil {
		return
	}
	var have any
	if err := json.Unmarshal(body, &have); err != nil {
		tb.Fatalf("body %q: %v", body, err)
	}
	a, err := json.Marshal(have)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := json.Marshal(want.JSON)
	if err != nil {
		tb.Fatal(err)
	}
	if string(a) != string(b) {
		tb.Errorf("body %s, want %s", a, b)
	}
}
