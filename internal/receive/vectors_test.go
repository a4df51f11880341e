package receive

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// vector is one request with what must become of it; the fields are described in the
// file itself, which package webhook tests, too.
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

func vectors(t *testing.T) (all []vector) {
	files, err := filepath.Glob("../../webhook/testdata/providers*.json")
	if err != nil {
		t.Fatal(err)
	}
	const reference = "../../../shared/reference/provider-vectors.json"
	if _, err := os.Stat(reference); err == nil {
		files = append(files, reference)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f struct{ Vectors []vector }
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Vectors...)
	}
	return all
}

// TestVectorsThroughTheDoor sends every vector of the providers that are known to a
// source of its own, with the clock at the vector's time.
func TestVectorsThroughTheDoor(t *testing.T) {
	w := newWorld(t, Options{})
	ran := map[string]int{}
	for _, v := range vectors(t) {
		if _, known := webhook.FindPreset(v.Provider); !known {
			ran["unknown provider "+v.Provider]++
			continue
		}
		t.Run(v.ID, func(t *testing.T) { v.run(t, w, ran) })
	}
	t.Log(ran)
	if ran["verify ok"] == 0 && ran["unknown provider"] == 0 {
		t.Error("no vector was run")
	}
}

func (v *vector) run(t *testing.T, w *world, ran map[string]int) {
	public, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &hook.Source{ID: hook.SourceID(w.NewKey()), Environment: w.env.ID, Name: v.ID, Type: v.Provider, Config: v.config(t)}
	if v.Provider == genericPreset {
		s.Type = hook.GenericSource
	}
	s.Tokens = []hook.SourceToken{{Text: w.Codec().NewSourceToken(s.ID)}}
	s.Settings.PublicURL, _, _ = strings.Cut(v.URL, "?")
	if err := Check(s); err != nil {
		if v.Expect != "reject" && !v.Optional {
			t.Fatalf("check: %v", err)
		}
		ran["refused as a source"]++
		return
	}
	if err := w.CreateSource(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	w.endpoint(s.ID.Application())
	body := []byte(v.Body)
	if v.BodyEncoding == "base64" {
		if body, err = base64.StdEncoding.DecodeString(v.Body); err != nil {
			t.Fatal(err)
		}
	}
	target := w.url(s)
	if public.RawQuery != "" {
		target += "?" + public.RawQuery
	}
	req := w.request(v.Method, target, string(body))
	for name, value := range v.Headers {
		switch value := value.(type) {
		case string:
			req.Header.Add(name, value)
		case []any:
			for _, one := range value {
				req.Header.Add(name, one.(string))
			}
		}
	}
	w.set(func() { w.now = time.Unix(v.Now, 0) })
	defer w.set(func() { w.now = time.Time{} })
	visits := len(w.visits)
	got := w.do(req)
	ran[v.Kind+" "+v.Expect]++
	stored := len(w.messages(s.ID.Application()))
	switch {
	case v.Optional:
	case v.Provider == genericPreset && len(s.Config.Secrets) == 0 && len(s.Config.Values) == 0:
		// The preset wants mode=none to be said; the contract's type has nothing to say it in.
		if got.status != http.StatusOK {
			t.Errorf("answered %d", got.status)
		}
	case v.Expect == "ok" && len(w.visits) > visits:
		// Genuine, and the library's own question is only that; here it is a handshake, too.
		if got.status/100 != 2 || stored != 0 {
			t.Errorf("answered %d %s and stored %d messages", got.status, got.body, stored)
		}
	case v.Kind == "handshake":
		v.compare(t, got)
	case v.Expect == "ok" && (got.status/100 != 2 || stored != 1):
		t.Errorf("answered %d %s and stored %d messages", got.status, got.body, stored)
	case v.Expect == "reject" && (got.status/100 == 2 || stored != 0):
		t.Errorf("answered %d %s and stored %d messages", got.status, got.body, stored)
	case v.Expect == "ok":
		if m := w.one(s); string(m.RawBody) != string(body) {
			t.Errorf("stored %d bytes, want %d", len(m.RawBody), len(body))
		}
	}
}

func (v *vector) config(t *testing.T) hook.SourceConfig {
	out := hook.SourceConfig{Secrets: v.Secrets}
	for name, value := range v.Config {
		text, ok := value.(string)
		if !ok {
			data, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			text = string(data)
		}
		if out.Values == nil {
			out.Values = map[string]string{}
		}
		out.Values[name] = text
	}
	return out
}

func (v *vector) compare(t *testing.T, got got) {
	want := v.Response
	if got.status != want.Status {
		t.Errorf("status %d, want %d", got.status, want.Status)
	}
	if want.ContentType != "" && !strings.HasPrefix(got.header.Get("Content-Type"), want.ContentType) {
		t.Errorf("content type %q, want %q", got.header.Get("Content-Type"), want.ContentType)
	}
	for name, value := range want.Headers {
		if got.header.Get(name) != value {
			t.Errorf("header %s is %q, want %q", name, got.header.Get(name), value)
		}
	}
	for _, name := range want.HeadersAbsent {
		if got.header.Get(name) != "" {
			t.Errorf("header %s is there", name)
		}
	}
	if want.Body != nil && v.Method != http.MethodHead && got.body != *want.Body {
		t.Errorf("body %q, want %q", got.body, *want.Body)
	}
	if want.BodyNot != nil && got.body == *want.BodyNot {
		t.Errorf("body is %q", got.body)
	}
	if want.JSON != nil {
		var have any
		if err := json.Unmarshal([]byte(got.body), &have); err != nil {
			t.Fatalf("body %q: %v", got.body, err)
		}
		a, _ := json.Marshal(have)
		b, _ := json.Marshal(want.JSON)
		if string(a) != string(b) {
			t.Errorf("body %s, want %s", a, b)
		}
	}
}
