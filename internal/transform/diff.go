package transform

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Change is one step from one JSON value to another (RFC 6902).
type Change struct {
	// Op is "add", "remove" or "replace".
	Op string
	// Path is a JSON pointer (RFC 6901).
	Path string
	// From is what stands there before, nil for an add; To what stands there after, nil for a remove.
	From, To []byte
}

// MaxChanges is how many changes Diff returns.
const MaxChanges = 200

// Diff returns what leads from before to after, in the order of the values, at most
// MaxChanges of it; more says that there is more. ok is false where one of them is not
// JSON. Lists are compared place by place.
func Diff(before, after []byte) (changes []Change, more, ok bool) {
	b, okBefore := readTree(before)
	a, okAfter := readTree(after)
	if !okBefore || !okAfter {
		return nil, false, false
	}
	d := &differ{}
	d.compare("", b, a)
	return d.changes, d.more, true
}

// tree is a JSON value with its own text. names and parts are the members of an object or,
// without names, the items of a list.
type tree struct {
	text  []byte
	kind  jsontext.Kind
	names []string
	parts []tree
	place map[string]int // of a name's last member, which is the one that counts in JavaScript
}

const (
	// maxTreeDepth bounds recursion; what lies deeper is compared as text.
	maxTreeDepth = 200
	// maxTreeParts bounds the memory of a comparison: beyond it a value is not taken apart,
	// and two that are different are a replacement of the whole.
	maxTreeParts = 20_000
)

// readTree reads a value in one pass; its parts lie in its text.
func readTree(text []byte) (t tree, ok bool) {
	v := jsontext.Value(text).Clone()
	if v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return t, false
	}
	r := treeReader{text: v, dec: jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), left: maxTreeParts}
	t, err := r.read(0)
	return t, err == nil
}

type treeReader struct {
	text []byte
	dec  *jsontext.Decoder
	left int // parts that may still be made
}

func (r *treeReader) read(depth int) (tree, error) {
	t := tree{kind: r.dec.PeekKind()}
	if t.kind != '{' && t.kind != '[' || depth >= maxTreeDepth || r.left <= 0 {
		v, err := r.dec.ReadValue()
		end := int(r.dec.InputOffset())
		t.text = r.text[end-len(v) : end]
		return t, err
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return t, err
	}
	begin := int(r.dec.InputOffset()) - 1
	isWhole := true
	for k := r.dec.PeekKind(); k != '}' && k != ']'; k = r.dec.PeekKind() {
		name := ""
		if t.kind == '{' {
			token, err := r.dec.ReadToken()
			if err != nil {
				return t, err
			}
			name = token.String()
		}
		if r.left--; r.left <= 0 {
			isWhole = false
			if err := r.dec.SkipValue(); err != nil {
				return t, err
			}
			continue
		}
		part, err := r.read(depth + 1)
		if err != nil {
			return t, err
		}
		if t.kind == '{' {
			if t.place == nil {
				t.place = map[string]int{}
			}
			t.place[name] = len(t.parts)
			t.names = append(t.names, name)
		}
		t.parts = append(t.parts, part)
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return t, err
	}
	t.text = r.text[begin:r.dec.InputOffset()]
	if !isWhole {
		t.names, t.parts, t.place = nil, nil, nil
	}
	return t, nil
}

// isApart reports whether parts holds all that the value has.
func (t *tree) isApart() bool { return t.parts != nil || len(t.text) == 2 }

// member returns the member of a name, nil for none.
func (t *tree) member(name string) *tree {
	if i, has := t.place[name]; has {
		return &t.parts[i]
	}
	return nil
}

type differ struct {
	changes []Change
	more    bool
}

func (d *differ) add(c Change) {
	if len(d.changes) >= MaxChanges {
		d.more = true
		return
	}
	d.changes = append(d.changes, c)
}

func (d *differ) compare(path string, b, a tree) {
	switch {
	case d.more || bytes.Equal(b.text, a.text):
	case b.kind == '{' && a.kind == '{' && b.isApart() && a.isApart():
		d.compareObjects(path, &b, &a)
	case b.kind == '[' && a.kind == '[' && b.isApart() && a.isApart():
		n := min(len(b.parts), len(a.parts))
		for i := range n {
			d.compare(path+"/"+strconv.Itoa(i), b.parts[i], a.parts[i])
		}
		for i := len(b.parts) - 1; i >= n; i-- { // from behind, so that each path is right when its turn comes
			d.add(Change{Op: "remove", Path: path + "/" + strconv.Itoa(i), From: b.parts[i].text})
		}
		for i := n; i < len(a.parts); i++ {
			d.add(Change{Op: "add", Path: path + "/" + strconv.Itoa(i), To: a.parts[i].text})
		}
	default:
		d.add(Change{Op: "replace", Path: path, From: b.text, To: a.text})
	}
}

func (d *differ) compareObjects(path string, b, a *tree) {
	seen := map[string]bool{}
	for _, name := range b.names {
		if seen[name] {
			continue
		}
		seen[name] = true
		at := path + "/" + pointerToken(name)
		if to := a.member(name); to != nil {
			d.compare(at, *b.member(name), *to)
		} else {
			d.add(Change{Op: "remove", Path: at, From: b.member(name).text})
		}
	}
	for _, name := range a.names {
		if !seen[name] {
			seen[name] = true
			d.add(Change{Op: "add", Path: path + "/" + pointerToken(name), To: a.member(name).text})
		}
	}
}

// pointerToken escapes a name for a JSON pointer (RFC 6901 section 3).
func pointerToken(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
