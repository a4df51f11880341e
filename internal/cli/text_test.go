package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// acts reports whether text holds what a terminal would act on, or what changes the
// order in which a line is read.
func acts(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) })
}

// TestPrintedTextIsHarmless: whatever a server says, no form of output acts on a
// terminal, and JSON and YAML still mean the same.
func TestPrintedTextIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Characters that matter, among any others.
		text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("\x00\x07\x1b[2J\r\n\t\x7f\u0080\u009b\u202e\u2066\ufeff\U000e0001\"\\é😀-: #")))).Draw(t, "text")
		if acts(visible(text)) || acts(cell(text)) || strings.Contains(cell(text), "\n") {
			t.Fatalf("visible %q, cell %q", visible(text), cell(text))
		}
		value := map[string]any{"k": []any{text, map[string]any{text: "v"}}}
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{formatJSON, formatNDJSON} {
			var out bytes.Buffer
			if err := (output{w: &out, format: format}).value(raw); err != nil {
				t.Fatal(err)
			}
			var back any
			if err := json.Unmarshal(out.Bytes(), &back); err != nil || !reflect.DeepEqual(back, any(value)) || acts(out.String()) {
				t.Fatalf("%s: %q: %v", format, out.String(), err)
			}
		}
		var out bytes.Buffer
		if err := (output{w: &out, format: formatYAML}).value(raw); err != nil {
			t.Fatal(err)
		}
		var back any
		if err := yaml.Unmarshal(out.Bytes(), &back); err != nil || !reflect.DeepEqual(back, any(value)) || acts(out.String()) {
			t.Fatalf("yaml: %q: %v, %v", out.String(), back, err)
		}
	})
}

// TestYAMLIsReadAsItIsWritten: what -o yaml prints, apply reads as the same JSON, with
// the text of its numbers.
func TestYAMLIsReadAsItIsWritten(t *testing.T) {
	for _, raw := range []string{
		`{"a":1.10,"b":[],"c":{},"d":null,"e":"true","f":"1.10","g":"null","h":12345678901234567890,"i":1e400,"j":"","k":"- x","l":"a\nb","m":true,"n":"0x1f","o":"2026-11-21","p":"~","q":-0.0}`,
	} {
		var out bytes.Buffer
		if err := toYAML(&out, json.RawMessage(raw)); err != nil {
			t.Fatal(err)
		}
		documents, err := documentsOf("x.yaml", out.Bytes(), references{})
		if err != nil || len(documents) != 1 || string(documents[0]) != raw {
			t.Errorf("%s\nwas written as\n%s\nand read as\n%s (%v)", raw, &out, documents, err)
		}
	}
}

// FuzzDeclaredFiles: no file makes apply panic, or take more than it may.
func FuzzDeclaredFiles(f *testing.F) {
	for _, seed := range []string{"", "eventTypes: []", "applications: [{uid: a, endpoints: [{uid: b, url: c}]}]", "a: &a [*a]", "? {a: b}\n: c", "- 0x1f\n- .inf\n- 1_000", "!!binary x", "<<: *a", "{\"a\": ", "a: !env HOME", "a: !env {b: c}", "!other x", "sources: [{uid: a, type: b}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// The environment is empty, and no file is read: what a text names could be any.
		refs := references{dir: t.TempDir(), env: func(string) string { return "" }}
		if strings.Contains(text, fileTag) {
			t.Skip()
		}
		d := &declared{}
		if d.addFile("x.yaml", []byte(text), refs) == nil {
			_ = d.check()
		}
		_ = (&declared{}).addFile("x.json", []byte(text), refs)
	})
}
