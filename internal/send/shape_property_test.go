package send

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hookloft/hookloft/internal/hook"
)

// node is a JSON value as a receiver of forms or XML can know it: a tree whose leaves are
// texts. A list has the names 0, 1, 2 (form) or item (XML); what is empty is the text "".
type node struct {
	Text     string
	Children []child
}

type child struct {
	Name string
	Node node
}

// value is a JSON value with its text.
type value struct {
	json   string
	text   string // of a scalar
	names  []string
	inner  []value
	isList bool
}

func drawName(t *rapid.T) string {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z]{1,6}`),
		rapid.StringOf(rapid.SampledFrom([]rune("_x0041BD25%[]-.:9 äé×\u0000\u0001\uFFFFλ😀xmlXML&=<>\"'\r\n"))),
		rapid.String(),
		rapid.SampledFrom([]string{"", "item", "xml", "XmL-a", "0", "_x0041_", "__x005B_", "a[b]", "%5B", "%255B", "a%", "_x0041["}),
	).Draw(t, "name")
}

func drawValue(t *rapid.T, depth int) value {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind = min(kind, 3)
	}
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	switch kind {
	case 0:
		s := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a\x00\x1f\x7f\r\n\t ]]>&<>\"'+%\uFFFE\uFFFF\u0085\u2028😀")))).Draw(t, "string")
		return value{json: quote(s), text: s}
	case 1:
		s := rapid.SampledFrom([]string{"0", "-0", "1.10", "1e400", "12345678901234567890.000", "-1E-7", "5"}).Draw(t, "number")
		return value{json: s, text: s}
	case 2:
		s := rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
		return value{json: s, text: s}
	case 3:
		return value{json: "null"}
	}
	v := value{isList: kind == 4}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := drawName(t)
		if seen[name] && !v.isList {
			continue
		}
		seen[name] = true
		v.names = append(v.names, name)
		v.inner = append(v.inner, drawValue(t, depth-1))
	}
	var b strings.Builder
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	for i := range v.inner {
		if i > 0 {
			b.WriteString("," + space)
		}
		if !v.isList {
			b.WriteString(quote(v.names[i]) + space + ":")
		}
		b.WriteString(v.inner[i].json)
	}
	if v.isList {
		v.json = "[" + b.String() + "]"
	} else {
		v.json = "{" + space + b.String() + "}"
	}
	return v
}

// drawObject draws a payload.
func drawObject(t *rapid.T) value {
	for {
		if v := drawValue(t, 4); v.json[0] == '{' {
			return v
		}
	}
}

// tree is what a receiver should find; text says what becomes of a scalar.
func (v *value) tree(listName func(int) string, text func(string) string) node {
	if len(v.inner) == 0 {
		return node{Text: text(v.text)}
	}
	var n node
	for i := range v.inner {
		name := v.names[i]
		if v.isList {
			name = listName(i)
		}
		n.Children = append(n.Children, child{name, v.inner[i].tree(listName, text)})
	}
	return n
}

// TestFormBringsBackTheJSON: net/http parses the body, and its names lead back to the tree.
func TestFormBringsBackTheJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawObject(t)
		body, err := formBody([]byte(v.json), nil, maxShapedBytes, errShapeLarge)
		if err != nil {
			t.Fatalf("%s: %v", v.json, err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := r.ParseForm(); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		want := map[string]string{}
		leaves(v.tree(strconv.Itoa, func(s string) string { return s }), nil, want)
		got := map[string]string{}
		for name, values := range r.PostForm {
			if len(values) != 1 {
				t.Fatalf("%q has the values %q in %s", name, values, body)
			}
			got[strings.Join(formPath(t, name), "\x1e")] = values[0]
		}
		if len(v.inner) == 0 {
			want = map[string]string{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\nas %s\n(-want +got)\n%s", v.json, body, diff)
		}
		// The same pairs come out of a query.
		if q, err := url.ParseQuery(string(body)); err != nil || fmt.Sprint(q) != fmt.Sprint(r.PostForm) {
			t.Fatalf("as a query: %v, %v", q, err)
		}
	})
}

func leaves(n node, path []string, into map[string]string) {
	if len(n.Children) == 0 {
		into[strings.Join(path, "\x1e")] = n.Text
	}
	for _, c := range n.Children {
		leaves(c.Node, append(path[:len(path):len(path)], c.Name), into)
	}
}

// formPath splits "a[b][0]" as the docs say it.
func formPath(t *rapid.T, name string) (path []string) {
	first, rest, nested := strings.Cut(name, "[")
	path = []string{first}
	if nested {
		if !strings.HasSuffix(rest, "]") {
			t.Fatalf("name %q", name)
		}
		path = append(path, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
	}
	for i := range path {
		path[i] = regexp.MustCompile(`%5B|%5D|%25`).ReplaceAllStringFunc(path[i], func(code string) string {
			return map[string]string{"%5B": "[", "%5D": "]", "%25": "%"}[code]
		})
	}
	return path
}

// TestXMLBringsBackTheJSON: encoding/xml, in its strict mode, parses the body.
func TestXMLBringsBackTheJSON(t *testing.T) {
	item := func(int) string { return "item" }
	// XML 1.0 section 2.2 has no place for these, however they are spelled.
	allowed := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				return 0xFFFD
			}
			return r
		}, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := drawObject(t)
		body, err := xmlBody([]byte(v.json), "payload", nil)
		if err != nil {
			t.Fatalf("%s: %v", v.json, err)
		}
		name, got, err := parseXML(body)
		if err != nil || name != "payload" {
			t.Fatalf("%s\nas %s: root %q, %v", v.json, body, name, err)
		}
		if diff := cmp.Diff(v.tree(item, allowed), got); diff != "" {
			t.Fatalf("%s\nas %s\n(-want +got)\n%s", v.json, body, diff)
		}
	})
}

// parseXML reads a document as a tree; names are decoded as the docs say.
func parseXML(body []byte) (root string, n node, err error) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	var read func(start xml.StartElement) (node, error)
	read = func(start xml.StartElement) (n node, err error) {
		if len(start.Attr) > 0 || start.Name.Space != "" {
			return n, fmt.Errorf("attributes or a namespace at %v", start.Name)
		}
		for {
			token, err := dec.Token()
			if err != nil {
				return n, err
			}
			switch at := token.(type) {
			case xml.StartElement:
				inner, err := read(at)
				if err != nil {
					return n, err
				}
				n.Children = append(n.Children, child{plainXMLName(at.Name.Local), inner})
			case xml.CharData:
				n.Text += string(at)
			case xml.EndElement:
				return n, nil
			}
		}
	}
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return root, n, nil
		}
		if err != nil {
			return "", n, err
		}
		if start, ok := token.(xml.StartElement); ok {
			if root != "" {
				return "", n, errors.New("two roots")
			}
			root = start.Name.Local
			if n, err = read(start); err != nil {
				return "", n, err
			}
		}
	}
}

var xmlCode = regexp.MustCompile(`_x([0-9A-Fa-f]{8}|[0-9A-Fa-f]{4})_`)

func plainXMLName(name string) string {
	return xmlCode.ReplaceAllStringFunc(name, func(code string) string {
		n, err := strconv.ParseUint(code[2:len(code)-1], 16, 32)
		if err != nil || n == 0xFFFFFFFF {
			return ""
		}
		return string(rune(n))
	})
}

// TestTokenLeavesTheOthersAlone: a JSON body with a token is the payload with one member
// more, and every other member keeps its bytes.
func TestTokenLeavesTheOthersAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawObject(t)
		token := &hook.ShapeToken{Name: drawName(t), Value: rapid.String().Draw(t, "token")}
		body, err := withMember([]byte(v.json), token)
		if err != nil {
			t.Fatalf("%s: %v", v.json, err)
		}
		var got, want map[string]json.RawMessage
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if err := json.Unmarshal([]byte(v.json), &want); err != nil {
			t.Fatal(err)
		}
		quoted, _ := json.Marshal(token.Value)
		var text string
		if err := json.Unmarshal(got[token.Name], &text); err != nil || text != token.Value {
			t.Fatalf("token %s in %s, want %s", got[token.Name], body, quoted)
		}
		delete(got, token.Name)
		delete(want, token.Name)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\nas %s\n(-want +got)\n%s", v.json, body, diff)
		}
	})
}
